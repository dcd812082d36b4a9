package verify

import (
	"cmp"
	"strings"
	"sync/atomic"
	"time"
)

// Request is what a create asks for, checked for form but not yet for sense.
type Request struct {
	ID        string // chosen by the caller, so that an answer can be derived before it is written
	KeyID     string // the code key in force ([Keys.CodeKey])
	SignKeyID string // the signing key in force ([Keys.SignKey])
	UserID    string
	Purpose   Purpose
	Number    Number // zero: none
	// NumberHash stands for Number where it must be found again ([Keys.HashNumber]).
	NumberHash string
	// Leaving is the number that is given up for Number, to be proved by [Prove];
	// zero: none.
	Leaving Number
	// Email is the integrator's leave to prove this login by a code sent there, on
	// the person's explicit wish; zero: none.
	Email            Mailbox
	Channel          Channel // empty: what the user prefers
	Locale           string  // empty: what the user chose
	Context          Context
	BindingMessage   string
	Match            Match
	UserVerification bool
	// Seen is what a profile compares of where the person is ([Keys.Seen]).
	Seen Seen
	// Trusted is what a trusted device's token claimed ([Keys.TrustClaim]); zero: nothing.
	Trusted TrustClaim
}

// Start makes a new verification; the pending one it meets is superseded. It
// refuses with no_channel when nobody could be asked and with invalid_request
// for a channel that the purpose does not take, and with invalid_phone where the
// purpose needs a number. When the number had a code a moment ago the delay step of
// that earlier session goes on, or starting anew would be a way around it; when the
// user reported a login a moment ago, new ones are held back. Start then returns
// both a blocked verification, to be kept, and the refusal to answer: cooldown,
// rate_limited, locked or blocked. Where the same was refused a moment ago it returns
// no verification, and the refusal names the earlier one. A limit on codes refuses only
// where no app can be asked: else the app alone is. A trusted device that nothing speaks
// against stands in for the person: then nobody is asked and the verification is
// approved at once.
func Start(q Request, s *Situation, p *Policy, now time.Time) (*Verification, error) {
	v := &Verification{
		ID: q.ID, UserID: q.UserID, Purpose: q.Purpose, Status: Pending, Stage: Queued,
		Channel: s.channel(q, p), Number: q.Number, Email: q.Email, Locale: cmp.Or(q.Locale, s.Settings.Locale), Context: q.Context,
		BindingMessage: q.BindingMessage, Match: cmp.Or(q.Match, Typed), UserVerification: q.UserVerification,
		KeyID: q.KeyID, SecretGeneration: 1, Prompt: Prompt{SignKeyID: q.SignKeyID},
		CreatedAt: now, SessionEndsAt: now.Add(p.SessionLife), Devices: s.Devices, Delays: p.predict(q.Number),
		Meters: s.Meters, Seen: q.Seen,
	}
	if e := s.Earlier; e != nil && now.Sub(e.CodeAcceptedAt) < p.SessionLife {
		v.BaseStep, v.NotBefore = e.step(), e.CodeAcceptedAt.Add(v.delay(p, e.step()))
	}
	score, reasons := assess(&q, s, now)
	why := s.doubt(&q, p, score, now)
	risk := EventData{Score: score, Reasons: strings.Join(why.told(reasons), ",")}
	if v.skip(&q, s, why, risk, now) {
		return v, nil
	}
	if err := v.sensible(); err != nil {
		return nil, err
	}
	if !p.HasEmail {
		v.Email = Mailbox{} // it would never be used, so it is not kept
	}
	if score >= riskyScore && v.Match == Typed {
		v.Match = Strict
	}
	useApp, useCode, err := v.routes(p)
	if why, r := v.turnedAway(s, err != nil, useCode, p, now); r != nil {
		return v.block(&q, why, r, risk, now)
	}
	if err != nil {
		return nil, err
	}
	stop, held := v.limited(useApp, useCode, p, now)
	if stop != nil {
		return v.block(&q, stop.Reason, stop.refusal(), risk, now)
	}
	if s.Open != nil {
		s.Open.supersede(v.ID, now)
	}
	v.created(risk, now)
	if useApp {
		v.openPrompt(p, now, 0)
	}
	switch ch := v.codeChannel(); {
	case !useCode || useApp && v.hushed():
	case held != nil:
		v.withhold(ch, held, now)
	default:
		v.sendCode(p, ch, now, 0)
	}
	v.settle(p, now)
	return v, nil
}

// turnedAway says for what a start is refused, whatever was used lately: an operator's
// word, a number that no code goes to where there is no other way, a report, and the
// cooldown of an earlier session, unless a lock stands before it. Nil: for nothing.
func (v *Verification) turnedAway(s *Situation, noWay, useCode bool, p *Policy, now time.Time) (Reason, *Refusal) {
	held := s.ReportedAt.Add(p.ReportHold).Sub(now)
	switch {
	case s.Hold.Blocked():
		return AccountLocked, refuse(CodeBlocked, "This user is blocked by an operator. Unlock the user before starting a verification.")
	case noWay:
		if why, barred := v.barred(p); barred && v.Channel != Push {
			return why, (&Stop{Reason: why}).refusal()
		}
	case v.Purpose == Login && !s.ReportedAt.IsZero() && held > 0 && !s.Hold.lets(s.ReportedAt):
		return FraudRule, &Refusal{Code: CodeBlocked, RetryAfter: held,
			Detail: "The last sign-in of this user was reported as not theirs, so new ones are held back for a while. Try again later."}
	case useCode && now.Before(v.NotBefore) && v.lockEnd(now).IsZero():
		return RateLimited, cooldown(v.NotBefore.Sub(now))
	}
	return "", nil
}

// limited says what stops a start, and what only holds the code back that it would send
// beside asking the app. A lock is known from the start on, code or not.
func (v *Verification) limited(useApp, useCode bool, p *Policy, now time.Time) (stop, held *Stop) {
	v.LockedUntil = v.lockEnd(now)
	if useApp {
		stop = v.held(p, Push, now)
	}
	if useCode {
		held = v.held(p, v.codeChannel(), now)
	}
	if !useApp {
		return held, nil
	}
	return stop, held
}

// channel is what a request asks for. A login that names no channel goes the way that
// the user prefers, if there is one; a preference push is never lowered, whatever the
// request says: whoever chose the app alone is not to be reached by what a thief of
// the number would get.
func (s *Situation) channel(q Request, p *Policy) Channel {
	preferred := s.Settings.Preference
	switch {
	case q.Purpose == Login && preferred == Push:
		return Push
	case q.Channel != "":
		return q.Channel
	case q.Purpose != Login || preferred == SMS && (q.Number.IsZero() || !p.HasSMS):
		return Auto
	}
	return s.Settings.Channel()
}

// created tells of a start, and what of it is unusual, if anything is.
func (v *Verification) created(risk EventData, now time.Time) {
	v.emit(EventCreated, now, EventData{Purpose: v.Purpose, Channel: v.Channel, Country: v.country(), Locale: v.Locale})
	v.assessed(risk, now)
}

func (v *Verification) assessed(risk EventData, now time.Time) {
	if risk.Reasons != "" {
		v.emit(EventRiskAssessed, now, risk)
	}
}

// block ends a verification before anything was sent; the row stays, and the refusal
// names it. The same create, refused for the same within a minute, leaves none: the refusal
// names that one.
func (v *Verification) block(q *Request, why Reason, r *Refusal, risk EventData, now time.Time) (*Verification, error) {
	u := v.Meters.user()
	r.Reason = why
	refused := Refused{why, r.Code, v.Purpose, v.Channel, q.NumberHash, v.ID, now.UnixMilli()}
	if r.VerificationID = u.refusedBefore(refused, now); r.VerificationID != "" {
		return nil, r
	}
	v.assessed(risk, now)
	v.tell(r.tells, now)
	v.Held = r.holds
	v.Status, v.Stage, v.Reason, v.EndedAt = Blocked, "", why, now
	v.emit(EventBlocked, now, EventData{Reason: why, Channel: v.Channel, Country: v.country()})
	r.VerificationID = v.ID
	if u != nil {
		u.Refused = &refused
		u.keep(now.Add(refusedFor))
	}
	return v, r
}

// sensible refuses what cannot be asked for its purpose.
func (v *Verification) sensible() error {
	switch {
	case v.Purpose != Phone:
	case !v.Email.IsZero():
		return &Refusal{Code: CodeInvalidRequest, Field: "email",
			Detail: "A code sent by mail proves no number. Leave email out, or start a login."}
	case v.Channel != Auto && v.Channel != SMS && v.Channel != Voice:
		return &Refusal{Code: CodeInvalidRequest, Field: "channel",
			Detail: "A number is proved by a code that travels over it: use auto, sms or voice."}
	case v.Number.IsZero():
		return &Refusal{Code: CodeInvalidPhone, Field: "phone_number", Detail: "Say which number to verify."}
	}
	return nil
}

// routes says which of app and code the first moment uses, or refuses.
func (v *Verification) routes(p *Policy) (app, code bool, err error) {
	reachable := v.canCode(p)
	devices := v.Purpose == Login && len(v.Devices) > 0
	switch v.Channel {
	case Push:
		app = devices
	case SMS, Voice:
		code = reachable
	case Both:
		app, code = devices, reachable
	default:
		app = devices
		code = reachable && !app
	}
	if !app && !code {
		if v.Channel == Push {
			return false, false, refuse(CodeNoChannel, "Only the app may be asked, as the request says or the user prefers, and no device is enrolled. Enroll one, or change what the user prefers.")
		}
		return false, false, refuse(CodeNoChannel, "There is no way to reach this person: no device is enrolled and no usable phone number was given. Enroll a device or pass a phone_number that a configured channel can reach.")
	}
	return app, code, nil
}

// canCode reports whether a code can leave over the number.
func (v *Verification) canCode(p *Policy) bool {
	has := p.HasSMS
	if v.Channel == Voice {
		has = p.HasVoice
	}
	return has && v.Channel != Push && v.open(p)
}

// barred says why codes never go to the number, if they do not. It is looked up once,
// also by those who only read what others read at the same time.
func (v *Verification) barred(p *Policy) (Reason, bool) {
	if v.Number.IsZero() {
		return "", false
	}
	known := atomic.LoadUint32(&v.bar)
	if known == 0 {
		switch why, _ := p.Limits.bars(v.Number); why {
		case FraudRule:
			known = barFraud
		case CountryBarred:
			known = barCountry
		default:
			known = barNone
		}
		atomic.StoreUint32(&v.bar, known)
	}
	switch known {
	case barFraud:
		return FraudRule, true
	case barCountry:
		return CountryBarred, true
	}
	return "", false
}

// What [Limits].bars said of the number; 0: it was not asked.
const (
	barNone = 1 + iota
	barFraud
	barCountry
)

func (v *Verification) codeChannel() Channel {
	if v.Channel == Voice {
		return Voice
	}
	return SMS
}

// Reuse gives the open phone verification back to its user: the client secret
// is made anew, the old one is void, nothing is sent.
func (v *Verification) Reuse(now time.Time) {
	v.SecretGeneration++
	v.emit(EventReused, now, EventData{Purpose: v.Purpose})
}

func (v *Verification) supersede(successor string, now time.Time) {
	if !v.Terminal() {
		v.end(Superseded, "", "", EventSuperseded, now, EventData{SuccessorID: successor})
	}
}

// Cancel ends a pending verification by the page's or the integrator's wish. It
// refuses with already_decided or expired.
func (v *Verification) Cancel(now time.Time) error {
	if v.Terminal() {
		return v.decided()
	}
	v.end(Canceled, "", "", EventCanceled, now, EventData{})
	return nil
}

// Redeem spends an approved verification: once. It refuses with conflict one that is
// not approved, with already_decided one that was spent, and with blocked one whose
// user an operator has blocked or unlocked since.
func (v *Verification) Redeem(now time.Time) error {
	switch {
	case v.Status != Approved:
		return refuse(CodeConflict, "Only an approved verification can be exchanged.")
	case !v.RedeemedAt.IsZero():
		return refuse(CodeAlreadyDecided, "This result was already exchanged. Start a new verification.")
	case v.Hold.voids(v.EndedAt):
		return refuse(CodeBlocked, "An operator has blocked or unlocked this user since the approval. Unlock the user, if that is still to be done, and start a new verification.")
	}
	v.RedeemedAt = now
	return nil
}

// decided is the refusal for acting on a verification that has ended.
func (v *Verification) decided() *Refusal {
	if v.Status == Expired {
		return refuse(CodeExpired, "This verification has expired. Start again.")
	}
	return refuse(CodeAlreadyDecided, "This verification has already ended. Start again if it is still needed.")
}

// end is the one door to a terminal status.
func (v *Verification) end(s Status, r Reason, m Method, event string, now time.Time, data EventData) {
	if s == Approved && m != ByTrustedDevice {
		v.Meters.proved(v, m, now)
	}
	v.closePrompt(now)
	v.dropInFlight(now, func(*Delivery) bool { return true }, StateCanceled)
	v.Status, v.Reason, v.Method, v.Stage = s, r, m, ""
	v.EndedAt, v.NextAt = now, time.Time{}
	data.Reason, data.Method = r, m
	v.emit(event, now, data)
}

func (v *Verification) emit(name string, now time.Time, data EventData) {
	v.Seq++
	v.events = append(v.events, Event{ID: NewID("evt"), VerificationID: v.ID, UserID: v.UserID, Seq: v.Seq, Name: name, At: now, Data: data})
}
