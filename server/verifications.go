package server

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"nod/verify"
)

// statusAnswer is a status body with its HTTP status.
type statusAnswer struct {
	Status int
	Body   Status
}

// ByID names a verification or a device in the path.
type ByID struct {
	ID string `path:"id" maxLength:"64"`
}

// createInput is what an integrator asks for.
type createInput struct {
	Once
	Body struct {
		UserID           string         `json:"user_id" minLength:"1" maxLength:"128" doc:"The integrator's own opaque name of the person."`
		Purpose          verify.Purpose `json:"purpose,omitempty" enum:"login,phone" default:"login"`
		PhoneNumber      *string        `json:"phone_number,omitempty" maxLength:"32" nullable:"false" doc:"E.164, as +14155550123."`
		Email            string         `json:"email,omitempty" maxLength:"254" doc:"Leave to prove this login by a code sent there. It is sent only when the person asks for it (resend with channel email, offered in alternatives), never by itself, and proves no number: the result says email_code. Not for purpose phone. Without effect where no mail server is set up."`
		Channel          verify.Channel `json:"channel,omitempty" enum:"auto,push,sms,both,voice" doc:"The user's channel_preference when left out, auto when there is none. A preference push is never lowered."`
		Context          verify.Context `json:"context,omitempty" doc:"What the person is shown about the request."`
		BindingMessage   string         `json:"binding_message,omitempty" maxLength:"140"`
		Match            verify.Match   `json:"match,omitempty" enum:"typed,strict,none" default:"typed"`
		UserVerification bool           `json:"require_user_verification,omitempty" doc:"The app's approval counts only when the phone has just looked who holds it, by its screen lock, a finger or a face. A code asks nobody: whoever reads it still proves the login. To forbid that too, pass channel push; a user without an app then gets no_channel."`
		TrustedDevice    string         `json:"trusted_device_token,omitempty" maxLength:"1024" doc:"Of the person's browser, as exchange or the last create gave it. When nothing speaks against it the answer is approved at once, with a result_token and the next trusted_device_token; otherwise the login goes on as if it had not come, and so it does with a token that is none. The one before the newest is good for a minute and until the newest is used; an older one looks like a thief's and ends the trusted device, so pass an Idempotency-Key too: a lost answer is then told again. For purpose login."`
		Locale           string         `json:"locale,omitempty" maxLength:"35" pattern:"^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*$" doc:"Language of messages and of the texts here; the user's own when left out."`
	}
}

// create starts a verification; it never reuses one.
func (s *Server) create(ctx context.Context, in *createInput) (*statusAnswer, error) {
	b := &in.Body
	if !validUserID(b.UserID) {
		return nil, errUserID
	}
	if b.Context.IP != "" {
		if _, err := netip.ParseAddr(b.Context.IP); err != nil {
			return nil, invalid("context.ip", "Pass the person's address as plain IPv4 or IPv6, without a port, or leave it out.")
		}
	}
	q := verify.Request{
		UserID: b.UserID, Purpose: b.Purpose, Channel: b.Channel, Locale: b.Locale, Context: b.Context,
		BindingMessage: b.BindingMessage, Match: b.Match, UserVerification: b.UserVerification,
		Trusted: s.keys.TrustClaim(b.TrustedDevice, b.UserID, b.Context.IP),
	}
	if b.PhoneNumber != nil {
		n, err := verify.ParseNumber(*b.PhoneNumber)
		if err != nil {
			return nil, err
		}
		q.Number = n
	}
	if b.Email != "" {
		m, err := verify.ParseMailbox(b.Email)
		if err != nil {
			return nil, err
		}
		q.Email = m
	}
	return s.start(ctx, creation{Request: q, once: in.Once, body: b, view: viewCreated, status: http.StatusCreated})
}

// creation is a call that starts a verification.
type creation struct {
	verify.Request
	once   Once
	body   any // what was asked, as it came
	view   view
	status int  // of the answer
	reuse  bool // an open one is given back, not replaced
}

// start runs every call that starts a verification.
func (s *Server) start(ctx context.Context, c creation) (*statusAnswer, error) {
	c.ID, c.KeyID, c.SignKeyID = verify.NewID("ver"), s.keys.CodeKey(), s.keys.SignKey()
	c.Seen = s.keys.Seen(c.UserID, c.Context, s.place(c.Context.IP))
	c.NumberHash = s.keys.HashNumber(c.Number)
	var (
		v, left *verify.Verification
		trusted *verify.TrustedDevice // whose token came
		at      time.Time
		locale  string
		refused *Problem // what left a row and is no answer
		reused  bool
	)
	answer := func() (int, Status) {
		body, code := statusOf(v, s.keys, s.policy, at, c.view), c.status
		body.Reused = reused
		if left != nil {
			body.PreviousID = left.ID
		} else if reused {
			code = http.StatusOK
		}
		if v.Method == verify.ByTrustedDevice { // no page needs to wait, so who asked has what it would get
			body.ResultToken = s.keys.ResultToken(v, at)
			body.TrustedDeviceToken = s.keys.TrustedToken(trusted, trusted.Generation)
		}
		return code, body
	}
	once := c.once.claim(ctx, c.body, func() verify.Answer {
		if refused != nil {
			return verify.Answer{Status: refused.Status, Body: encode(refused), VerificationID: v.ID}
		}
		code, body := answer()
		a := recorded(code, body, v)
		if body.TrustedDeviceToken != "" {
			a.Subject, a.TrustedGeneration = trusted.ID, trusted.Generation
		}
		return a
	})
	err := s.store.CreateVerification(ctx, c.applicant(s.policy), once, func(sit *verify.Situation, now time.Time) (*verify.Verification, error) {
		at, left, trusted, refused, reused = now, sit.Left, sit.Trusted, nil, false
		locale = cmp.Or(c.Locale, sit.Settings.Locale)
		var err error
		if c.reuse {
			v, reused, err = verify.Prove(c.Request, sit, s.policy, now)
		} else {
			v, err = verify.Start(c.Request, sit, s.policy, now)
		}
		if v == nil {
			return nil, err
		}
		if err != nil {
			refused = problemOf(toPerson(err, locale, now))
		}
		return v, nil
	})
	if replay, ok := errors.AsType[*verify.Replay](err); ok {
		return s.replay(ctx, replay.Answer)
	}
	if _, ok := errors.AsType[*verify.Refusal](err); ok && trusted != nil && trusted.RevokedReason == verify.TrustReused {
		if e := s.alarm(ctx, trusted); e != nil {
			return nil, e
		}
	}
	switch {
	case err != nil:
		return nil, toPerson(err, locale, at)
	case refused != nil:
		return nil, refused
	}
	code, status := answer()
	return &statusAnswer{Status: code, Body: status}, nil
}

// applicant names what the store reads for a create. Where a code will leave at once,
// all that limits it is read at once too.
func (c *creation) applicant(p *verify.Policy) verify.Applicant {
	a := verify.Applicant{
		UserID: c.UserID, Purpose: c.Purpose, Number: c.Number, Leaving: c.Leaving, TrustedID: c.Trusted.DeviceID, IP: c.Context.IP,
	}
	switch c.Channel {
	case verify.SMS, verify.Voice, verify.Both:
		a.Codes = true
	default:
		a.Codes = c.Purpose == verify.Phone
	}
	a.Spends = a.Codes && p.Limits.SpendCap > 0
	return a
}

// place is the country of an address, as far as it is known.
func (s *Server) place(ip string) string {
	if s.config.Place == nil || ip == "" {
		return ""
	}
	return s.config.Place(ip)
}

// get tells how a verification stands.
func (s *Server) get(ctx context.Context, in *ByID) (*statusAnswer, error) {
	v, now, err := s.read(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return s.tell(ctx, http.StatusOK, v, now), nil
}

// read finds a verification that the caller may see.
func (s *Server) read(ctx context.Context, id string) (*verify.Verification, time.Time, error) {
	v, now, err := s.store.Verification(ctx, id)
	if err != nil {
		return nil, now, err
	}
	return v, now, callerFrom(ctx).may(v)
}

// tell is the status body for the caller.
func (s *Server) tell(ctx context.Context, code int, v *verify.Verification, now time.Time) *statusAnswer {
	return &statusAnswer{code, statusOf(v, s.keys, s.policy, now, callerFrom(ctx).view(v))}
}

// step is something that a caller has a verification do.
type step struct {
	id   string
	once Once
	body any // what was asked, as it came
	code int // of the answer
	do   func(*verify.Verification, time.Time) error
	// note records what a refusal leaves behind; nil: which limit it was, and until when.
	note func(*verify.Verification, *verify.Refusal, time.Time)
}

// act takes a step on a verification that the caller may touch, after what is due has
// been done: who comes after the end meets the end. The answer is the status after it.
// A page and a user are where their connection comes from; an integrator's server is
// not where the person is. A refusal changes nothing, but is itself a fact of the
// verification's life, so it is written on its own.
func (s *Server) act(ctx context.Context, in Decisions, t step) (*statusAnswer, error) {
	c := callerFrom(ctx)
	var (
		v  *verify.Verification
		at time.Time
	)
	once := t.once.claim(ctx, t.body, func() verify.Answer {
		return recorded(t.code, s.tell(ctx, t.code, v, at).Body, v)
	})
	err := in.UpdateVerification(ctx, t.id, once, func(got *verify.Verification, now time.Time) error {
		if err := c.may(got); err != nil {
			return err
		}
		if v, at = got, now; c.role == byPage || c.role == byUser {
			v.From(c.ip)
		}
		v.Advance(s.policy, now)
		return t.do(v, now)
	})
	if replay, ok := errors.AsType[*verify.Replay](err); ok {
		return s.replay(ctx, replay.Answer)
	}
	if refusal, ok := errors.AsType[*verify.Refusal](err); ok && v != nil {
		if err := s.remember(ctx, t, refusal); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, toPerson(err, localeOf(v), at)
	}
	return s.tell(ctx, t.code, v, at), nil
}

// remember writes what a refused step leaves behind, if anything.
func (s *Server) remember(ctx context.Context, t step, r *verify.Refusal) error {
	if t.note == nil {
		if !r.Stands() {
			return nil
		}
		t.note = (*verify.Verification).NoteLimit
	}
	return s.store.UpdateVerification(ctx, t.id, nil, func(v *verify.Verification, now time.Time) error {
		if v.Advance(s.policy, now); !v.Terminal() {
			t.note(v, r, now)
		}
		return nil
	})
}

// localeOf is the language of what a verification says; empty: there is none.
func localeOf(v *verify.Verification) string {
	if v == nil {
		return ""
	}
	return v.Locale
}

// checkInput is a typed code.
type checkInput struct {
	ByID
	Body struct {
		Code string `json:"code" pattern:"^[0-9]{4,10}$" doc:"The digits as they were typed."`
	}
}

// check compares a code. A wrong one is an answer, not a refusal: ok is false.
func (s *Server) check(ctx context.Context, in *checkInput) (*statusAnswer, error) {
	return s.checkCode(ctx, in.ID, in.Body.Code)
}

// checkCode runs the check of both doors. It takes no Idempotency-Key: a guess is
// counted each time it is made.
func (s *Server) checkCode(ctx context.Context, id, code string) (*statusAnswer, error) {
	var (
		ok, locked bool // by this guess
		user       string
	)
	out, err := s.act(ctx, s.decisions, step{id: id, code: http.StatusOK, do: func(v *verify.Verification, now time.Time) (err error) {
		before := v.LockedUntil
		ok, err = v.Check(s.keys, code, s.policy, now)
		user, locked = v.UserID, v.LockedUntil.After(before)
		return err
	}})
	if err != nil {
		return nil, err
	}
	if locked {
		s.relock(ctx, user)
	}
	out.Body.OK = &ok
	return out, nil
}

// relock has the user's other open verifications say that codes are locked. They take
// no code without it either: the lock is the user's.
func (s *Server) relock(ctx context.Context, userID string) {
	err := s.store.UpdateStanding(ctx, userID, "", nil, func(st *verify.Standing, now time.Time) []verify.Event {
		st.Relock(s.policy, now)
		return nil
	})
	s.unlocked.note(ctx, err)
}

// resendInput may name another channel than the last one.
type resendInput struct {
	Once
	ByID
	Body *struct {
		Channel verify.Channel `json:"channel,omitempty" enum:"push,sms,voice,email" doc:"The last one when left out. Email only for a login that was created with an address."`
	}
}

// resend sends once more.
func (s *Server) resend(ctx context.Context, in *resendInput) (*statusAnswer, error) {
	var channel verify.Channel
	if in.Body != nil {
		channel = in.Body.Channel
	}
	return s.sendAgain(ctx, in.ID, channel, in.Once, in.Body)
}

// sendAgain resends.
func (s *Server) sendAgain(ctx context.Context, id string, channel verify.Channel, o Once, body any) (*statusAnswer, error) {
	return s.act(ctx, s.store, step{id: id, once: o, body: body, code: http.StatusAccepted, note: (*verify.Verification).RejectResend,
		do: func(v *verify.Verification, now time.Time) error { return v.Resend(channel, s.policy, now) }})
}

// emptyInput is a call without a word more.
type emptyInput struct {
	Once
	ByID
	Body *Empty
}

// Empty is a body that may be left out.
type Empty struct{}

// next starts the next channel now.
func (s *Server) next(ctx context.Context, in *emptyInput) (*statusAnswer, error) {
	return s.act(ctx, s.store, step{id: in.ID, once: in.Once, body: in.Body, code: http.StatusAccepted,
		do: func(v *verify.Verification, now time.Time) error { return v.Next(s.policy, now) }})
}

// cancel ends a verification that nobody waits for any more. An operator's doing is
// noted; the page and the integrator end what they began.
func (s *Server) cancel(ctx context.Context, in *emptyInput) (*statusAnswer, error) {
	c := callerFrom(ctx)
	return s.act(ctx, s.decisions, step{id: in.ID, once: in.Once, body: in.Body, code: http.StatusOK, do: func(v *verify.Verification, now time.Time) error {
		if c.role == byConsole {
			v.Note(verify.ActCancel, c.by(), now)
		}
		return v.Cancel(now)
	}})
}

// timelineAnswer is the audit trail of one verification.
type timelineAnswer struct {
	Body Timeline
}

// Timeline holds the events of one verification, oldest first. No secret is in
// it.
type Timeline struct {
	VerificationID string          `json:"verification_id"`
	Events         []TimelineEvent `json:"events" nullable:"false"`
	ServerTime     string          `json:"server_time" format:"date-time"`
}

// TimelineEvent is one event (contract, section 7).
type TimelineEvent struct {
	Seq  int64  `json:"seq"`
	Name string `json:"name"`
	At   string `json:"at" format:"date-time"`
	verify.EventData
}

// timelinePage is how many events are read at once.
const timelinePage = 500

// timeline reads the whole trail, in pages: a verification that is resent and
// checked for an hour has a few hundred events.
func (s *Server) timeline(ctx context.Context, in *ByID) (*timelineAnswer, error) {
	v, now, err := s.read(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := &timelineAnswer{Timeline{VerificationID: v.ID, Events: []TimelineEvent{}, ServerTime: verify.FormatTime(now)}}
	for seq := int64(0); ; {
		events, err := s.store.EventsAfter(ctx, v.ID, seq, timelinePage)
		if err != nil {
			return nil, err
		}
		for _, e := range events {
			seq = e.Seq
			out.Body.Events = append(out.Body.Events, TimelineEvent{e.Seq, e.Name, verify.FormatTime(e.At), e.Data})
		}
		if len(events) < timelinePage {
			return out, nil
		}
	}
}

// exchangeInput is a result token from a browser, whose word alone is never
// trusted.
type exchangeInput struct {
	Once
	ByID
	Body struct {
		ResultToken    string `json:"result_token" minLength:"1" maxLength:"256"`
		RememberDevice bool   `json:"remember_device,omitempty" doc:"Trust the browser of this login for 30 days, when the person asked for it: the answer holds its trusted_device_token. Without effect on a number's proof, and on a login that a trusted device approved."`
	}
}

// exchangeAnswer is what an integrator may trust.
type exchangeAnswer struct {
	Body Exchanged
}

// Exchanged is the signed result.
type Exchanged struct {
	Result             string `json:"result" doc:"JWS (ES256, typ nod-result+jwt): see /.well-known/jwks.json."`
	TrustedDeviceToken string `json:"trusted_device_token,omitempty" doc:"To keep where only this browser has it, as in an HttpOnly cookie, and to pass with its next login. Each use gives the next, to keep in its place."`
	ServerTime         string `json:"server_time" format:"date-time"`
}

// exchange spends an approved verification for its signed result.
func (s *Server) exchange(ctx context.Context, in *exchangeInput) (*exchangeAnswer, error) {
	var (
		v     *verify.Verification
		added *verify.TrustedDevice
	)
	answer := func() verify.Answer {
		a := verify.Answer{Status: http.StatusOK, VerificationID: in.ID}
		if added != nil {
			a.Subject, a.TrustedGeneration = added.ID, added.Generation
		}
		return a
	}
	once := in.claim(ctx, in.Body, answer)
	// No Advance: an approval is final, nothing can come due.
	err := s.decisions.UpdateVerification(ctx, in.ID, once, func(got *verify.Verification, now time.Time) error {
		v, added = got, nil
		switch {
		case !s.keys.CheckResultToken(v, in.Body.ResultToken, time.Time{}):
			return invalid("result_token", "This is no result token of this verification. Pass on what the page was given.")
		case !v.RedeemedAt.IsZero(): // says that it was exchanged, whatever its age
		case !s.keys.CheckResultToken(v, in.Body.ResultToken, now):
			return &verify.Refusal{Code: verify.CodeExpired, Field: "result_token", Detail: "This result token has expired: it is good for a minute. Have the page read the status again for a fresh one."}
		}
		err := v.Redeem(now)
		if err == nil && in.Body.RememberDevice {
			added = v.Remember(s.keys, now)
		}
		return err
	})
	token := ""
	if replay, ok := errors.AsType[*verify.Replay](err); ok {
		if token, err = s.trustedToken(ctx, replay.Answer); err == nil {
			v, _, err = s.store.Verification(ctx, in.ID)
		}
	} else if added != nil {
		token = s.keys.TrustedToken(added, added.Generation)
	}
	if err != nil {
		return nil, err
	}
	return &exchangeAnswer{Exchanged{s.authority.Result(v), token, verify.FormatTime(v.RedeemedAt)}}, nil
}
