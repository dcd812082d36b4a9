package server

import (
	"cmp"
	"slices"
	"time"

	"nod/verify"
)

// Status is the status body (contract, section 5). What is not known or not
// possible is null; secrets that the viewer may not see, and the history where
// it is not wanted, are left out.
type Status struct {
	VerificationID string         `json:"verification_id"`
	ClientSecret   string         `json:"client_secret,omitempty" doc:"The page's credential. Only in the first answer."`
	Reused         bool           `json:"reused,omitempty" doc:"An open verification was given back, nothing was sent."`
	PreviousID     string         `json:"previous_verification_id,omitempty" doc:"Of the number that was left: canceled now. Only in the answer of change-phone."`
	OK             *bool          `json:"ok,omitempty" doc:"Whether the checked code was right. Only in the answer of a check."`
	Purpose        verify.Purpose `json:"purpose" enum:"login,phone"`
	Status         verify.Status  `json:"status" enum:"pending,approved,denied,expired,failed,blocked,canceled,superseded"`
	Stage          *verify.Stage  `json:"stage" enum:"queued,contacting_app,prompted,code_entry,awaiting_resend,locked" doc:"Where a pending verification stands."`
	Reason         *verify.Reason `json:"reason"`
	Method         *verify.Method `json:"method" enum:"app,sms_code,voice_code,email_code,trusted_device"`

	PhoneNumber *string         `json:"phone_number" doc:"Masked."`
	Channel     *verify.Channel `json:"channel" doc:"Of the last send."`
	MatchNumber string          `json:"match_number,omitempty" doc:"The number to type on the phone."`
	ResultToken string          `json:"result_token,omitempty" doc:"For the exchange; good for 60 s, read again for a fresh one."`

	TrustedDeviceToken string `json:"trusted_device_token,omitempty" doc:"The next one of the trusted device that approved; keep it in place of the one that was passed. Only in the answer of a create."`

	NextResendDelay   int     `json:"next_resend_delay" doc:"Seconds: the present delay step."`
	NextResendAt      *string `json:"next_resend_at" format:"date-time"`
	CooldownRemaining int     `json:"cooldown_remaining" doc:"Seconds that are left of the delay."`
	ResendCount       int     `json:"resend_count"`
	MaxResends        int     `json:"max_resends"`
	AttemptsRemaining *int    `json:"attempts_remaining" doc:"Of the newest code; null before there is one."`
	CodeLength        int     `json:"code_length"`

	ExpiresAt        *string `json:"expires_at" format:"date-time" doc:"When the code ends."`
	PromptExpiresAt  *string `json:"prompt_expires_at" format:"date-time" doc:"When the open request on the phone ends."`
	SessionExpiresAt string  `json:"session_expires_at" format:"date-time"`

	CanChangePhone     bool             `json:"can_change_phone" doc:"Whether POST /api/onboarding/change-phone takes another number now."`
	AlternativeMessage *string          `json:"alternative_contact_message" doc:"For people, in the locale's language."`
	Alternatives       []Alternative    `json:"alternatives" nullable:"false"`
	NextActions        verify.Actions   `json:"next_actions" doc:"Seconds until each is possible; 0 is now, null is not possible."`
	Fallback           *verify.Fallback `json:"fallback" doc:"What the ladder will start by itself; null when nothing."`
	Message            *string          `json:"message" doc:"For people, in the locale's language; English where nod does not speak it."`
	MessageKey         *string          `json:"message_key" enum:"code.sent,resend.another,resend.final"`
	LockedUntil        *string          `json:"locked_until" format:"date-time" doc:"When codes are taken and sent again, after too many wrong ones; null in stage locked: when an operator has unlocked the user. The app may answer meanwhile."`
	AttemptHistory     []Attempt        `json:"attempt_history,omitzero" nullable:"false"`
	Deliveries         []Delivery       `json:"deliveries,omitzero" nullable:"false"`
	Seq                int64            `json:"seq" doc:"Of the last event."`
	ServerTime         string           `json:"server_time" format:"date-time"`
}

// Alternative is another way that the page may offer.
type Alternative struct {
	Kind        string `json:"kind" enum:"change_phone,voice,email,support"`
	Label       string `json:"label" doc:"For people, in the locale's language."`
	AvailableIn int    `json:"available_in" doc:"Seconds; 0 is now."`
}

// Attempt is one line of what was tried: a send, a resend or a check.
type Attempt struct {
	At      string         `json:"at" format:"date-time"`
	Kind    string         `json:"kind" enum:"send,resend,check"`
	Channel verify.Channel `json:"channel"`
	Status  string         `json:"status" doc:"The delivery's state, or correct or wrong."`
	Reason  *string        `json:"reason"`
}

// Delivery is one try to reach one target over one channel.
type Delivery struct {
	ID      string               `json:"id"`
	Channel verify.Channel       `json:"channel"`
	State   verify.DeliveryState `json:"state"`
	Class   verify.Class         `json:"class"`
	Target  *string              `json:"target" doc:"The masked number or address, or the device's platform."`
	At      string               `json:"at" format:"date-time"`
}

// view says which parts of a status body its reader gets.
type view struct {
	match   bool // the number to type on the phone
	result  bool // a fresh result token
	secret  bool // the client secret: a first answer
	history bool // attempts and deliveries
}

// The views. The one of an event has no secret at all, because everybody who
// may watch is told the same event.
var (
	viewEvent   = view{}
	viewKey     = view{history: true}
	viewCreated = view{history: true, match: true, secret: true} // by an API key
	viewSent    = view{history: true, secret: true}              // to a user who proves a number
	viewPage    = view{history: true, match: true, result: true}
)

// viewUser is a user token's: it gets results of its numbers, never of logins,
// where it would answer for itself.
func viewUser(v *verify.Verification) view {
	return view{history: true, result: v.Purpose == verify.Phone}
}

// statusOf makes the status body as w may see it at now. It reads and never
// changes v.
func statusOf(v *verify.Verification, keys *verify.Keys, p *verify.Policy, now time.Time, w view) Status {
	s := Status{
		VerificationID: v.ID, Purpose: v.Purpose, Status: v.Status,
		Stage: optional(v.Stage), Reason: optional(v.Reason), Method: optional(v.Method),
		PhoneNumber: optional(v.Number.Mask()), Channel: optional(cmp.Or(v.LastChannel, v.Channel)),
		NextResendDelay: verify.Rest(v.ResendDelay(p)), ResendCount: v.ResendCount, MaxResends: p.Resends,
		CodeLength: v.CodeLength(p), ExpiresAt: optionalTime(v.CodeExpiresAt()), SessionExpiresAt: verify.FormatTime(v.SessionEndsAt),
		NextActions: v.Actions(p, now), Fallback: v.Fallback(p, now), Alternatives: []Alternative{}, Seq: v.Seq, ServerTime: verify.FormatTime(now),
	}
	if len(v.Codes) > 0 {
		s.AttemptsRemaining = new(v.AttemptsLeft(now))
	}
	if v.LockedUntil.After(now) && !v.LockedUntil.Equal(verify.Forever) {
		s.LockedUntil = optionalTime(v.LockedUntil)
	}
	if v.Prompt.Open(now) {
		s.PromptExpiresAt = optionalTime(v.Prompt.ExpiresAt)
		if w.match {
			s.MatchNumber = keys.MatchNumber(v.ID, v.Prompt)
		}
	}
	if w.result && v.Status == verify.Approved && v.RedeemedAt.IsZero() {
		s.ResultToken = keys.ResultToken(v, now)
	}
	if w.secret {
		s.ClientSecret = keys.ClientSecret(v)
	}
	if w.history {
		s.AttemptHistory, s.Deliveries = attempts(v), deliveries(v)
	}
	if !v.Terminal() || v.Purpose == verify.Phone && v.Status != verify.Approved { // whoever proves the number anew waits as for a resend
		s.tellCooldown(v, p, now)
	}
	switch v.Status {
	case verify.Pending:
		s.tellMessage(v, p)
		s.tellWays(v, p, v.EmailIn(p, now))
	case verify.Failed, verify.Expired, verify.Blocked: // in vain, so somebody else may help
		s.offerSupport(p)
	}
	return s
}

// tellCooldown fills in the wait before the next send.
func (s *Status) tellCooldown(v *verify.Verification, p *verify.Policy, now time.Time) {
	rest := v.CooldownRest(p, now)
	s.CooldownRemaining = verify.Rest(rest)
	if rest > 0 && (v.Terminal() || v.ResendCount < p.Resends) {
		s.NextResendAt = optionalTime(now.Add(rest))
	}
}

// tellMessage fills in what is to be said now.
func (s *Status) tellMessage(v *verify.Verification, p *verify.Policy) {
	if key, text := spokenOf(v, p); key != "" {
		s.MessageKey, s.Message = &key, &text
	}
}

// tellWays fills in the ways out of a number that does not work. A mail, which can
// be asked for in emailIn seconds (nil: never), is a way from the start for who has
// no number that a code can reach.
func (s *Status) tellWays(v *verify.Verification, p *verify.Policy, emailIn *int) {
	s.CanChangePhone = v.CanChangePhone(p)
	tired := v.ResendCount >= min(3, p.Resends) || v.Undeliverable()
	if tired && s.CanChangePhone {
		s.offer(v, "change_phone", 0)
	}
	if in := s.NextActions.VoiceIn; tired && in != nil {
		s.offer(v, "voice", *in)
	}
	noNumber := s.NextActions.SMSIn == nil && s.NextActions.VoiceIn == nil
	if emailIn != nil && (tired || noNumber) {
		s.offer(v, "email", *emailIn)
	}
	if !tired {
		return
	}
	s.offerSupport(p)
	key := "stuck.number"
	if v.Number.IsZero() {
		key = "stuck.app"
	}
	if len(s.Alternatives) == 0 {
		key += ".again"
	}
	s.AlternativeMessage = new(say(v.Locale, key))
}

// offer adds another way, which is open in some seconds.
func (s *Status) offer(v *verify.Verification, kind string, in int) {
	s.Alternatives = append(s.Alternatives, Alternative{Kind: kind, Label: say(v.Locale, "way."+kind), AvailableIn: in})
}

// offerSupport adds whom to ask, in the operator's own words.
func (s *Status) offerSupport(p *verify.Policy) {
	if p.Support != "" {
		s.Alternatives = append(s.Alternatives, Alternative{Kind: "support", Label: p.Support})
	}
}

// attempts tells what was tried as a person remembers it: sends and typed codes,
// oldest first.
func attempts(v *verify.Verification) []Attempt {
	as := make([]Attempt, 0, len(v.Deliveries)+len(v.Guesses))
	for i := range v.Deliveries {
		d := &v.Deliveries[i]
		a := Attempt{At: verify.FormatTime(d.CreatedAt), Kind: "send", Channel: d.Channel, Status: string(d.State)}
		if d.Resend > 0 {
			a.Kind = "resend"
		}
		if d.Class != verify.ClassNone {
			a.Reason = optional(string(d.Class))
		}
		as = append(as, a)
	}
	for _, g := range v.Guesses {
		a := Attempt{At: verify.FormatTime(g.At), Kind: "check", Channel: g.Channel, Status: "wrong"}
		if g.OK {
			a.Status = "correct"
		}
		as = append(as, a)
	}
	slices.SortStableFunc(as, func(a, b Attempt) int { return cmp.Compare(a.At, b.At) })
	return as
}

// deliveries tells how each try stands.
func deliveries(v *verify.Verification) []Delivery {
	ds := make([]Delivery, len(v.Deliveries))
	for i := range v.Deliveries {
		d := &v.Deliveries[i]
		ds[i] = Delivery{ID: d.ID, Channel: d.Channel, State: d.State, Class: d.Class, Target: target(v, d), At: verify.FormatTime(d.ChangedAt)}
	}
	return ds
}

// target says where a delivery went without saying who owns it: the page may be
// a stranger's that knows a password.
func target(v *verify.Verification, d *verify.Delivery) *string {
	switch {
	case d.Channel == verify.Email:
		return optional(v.Email.Mask())
	case !d.Channel.App():
		return optional(v.Number.Mask())
	}
	for i := range v.Devices {
		if v.Devices[i].ID == d.DeviceID {
			return optional(v.Devices[i].Platform)
		}
	}
	return nil
}

// Prompt is what a device is given to show, with the seconds that remain.
type Prompt struct {
	verify.PromptFrame
	Remaining int `json:"remaining" doc:"Seconds."`
}

// promptsOf makes the open prompts of one device.
func promptsOf(vs []*verify.Verification, deviceID string, a *verify.Authority, now time.Time) []Prompt {
	ps := make([]Prompt, 0, len(vs))
	for _, v := range vs {
		if f, ok := a.PromptFor(v, deviceID, now); ok {
			ps = append(ps, Prompt{PromptFrame: f, Remaining: verify.Rest(v.Prompt.ExpiresAt.Sub(now))})
		}
	}
	return ps
}

// optional is nil for the zero value.
func optional[T comparable](v T) *T {
	if v == *new(T) {
		return nil
	}
	return &v
}

func optionalTime(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return new(verify.FormatTime(t))
}
