package verify

import (
	"cmp"
	"crypto/subtle"
	"math"
	"slices"
	"time"
)

// sendCode queues a code over a number or to a mailbox. While the current code has
// half its life and tries left it is repeated, so that it does not matter which of
// two messages arrives; else a new generation is made, and an earlier one stays good
// until its end, for its message may be the one that arrives late. A mailbox never
// gets a code that a phone gets, nor the other way round: what was typed says which
// of the two the person holds. So the newest code is always the one that was sent
// last, and what is told of it is about what the person looks at.
//
// It is the one door for codes, and counts what goes through it; who calls it has asked
// held first.
func (v *Verification) sendCode(p *Policy, ch Channel, now time.Time, resend int) {
	c := v.newestCode()
	if c == nil || (c.Channel == Email) != (ch == Email) || !c.Live(now) || c.ExpiresAt.Sub(now) < p.CodeLife/2 {
		next := Code{
			Generation: 1, KeyID: v.KeyID, Channel: ch, Length: p.codeLength(v.Match),
			IssuedAt: now, ExpiresAt: now.Add(p.CodeLife), MaxTries: p.TriesPerCode,
		}
		switch {
		case c != nil:
			next.Generation, next.Length = c.Generation+1, c.Length
		case v.wantsLonger(p.Limits.WrongCodesAll):
			next.Length = p.codeLength(Strict)
		}
		v.Codes = append(v.Codes, next)
		c = v.newestCode()
		v.emit(EventCodeIssued, now, EventData{Channel: ch})
	}
	v.LastChannel = ch
	v.Held.lift(ch)
	d := Delivery{Channel: ch, CodeGeneration: c.Generation, Resend: resend, DueAt: now, Cost: v.sent(p, ch, now)}
	if ch.number() {
		d.Country = v.country()
	}
	v.addDelivery(d, now)
}

// withhold leaves a code out that was to leave by itself, and does not try it again: the
// delivery says what stopped it. That the user is locked is no more than learned.
func (v *Verification) withhold(ch Channel, why *Stop, now time.Time) {
	if why.Reason == AccountLocked {
		v.LockedUntil = v.lockEnd(now)
		return
	}
	v.tell(why.events, now)
	v.Held = v.Held.and(why.holds)
	v.addDelivery(Delivery{
		Channel: ch, State: StateSuppressed, Class: ClassPolicy, Detail: cmp.Or(why.Limit, string(why.Reason)), Country: v.country(),
	}, now)
}

// withheld reports whether the delivery is of a code that was never made.
func (d *Delivery) withheld() bool { return !d.Channel.App() && d.CodeGeneration == 0 }

// Check compares a typed code with every live one, whichever way it went; the one
// that it is says by what method the verification is approved. The guess is counted before
// it is compared, so that parallel guesses cannot share a try, and costs one try of
// each, so that asking for more codes gives no more guesses at one of them. A right
// one ends the verification: no code is accepted twice. A wrong code is no refusal: Check
// reports false and the aggregate remembers. It refuses when no code can be
// checked: already_decided, locked, blocked, rate_limited, expired, too_many_attempts or
// conflict. What is refused is not counted, so a lock never grows by hammering.
func (v *Verification) Check(keys *Keys, code string, p *Policy, now time.Time) (bool, error) {
	if v.Terminal() {
		return false, v.decided()
	}
	if err := v.checkable(p, now); err != nil {
		return false, err
	}
	if v.liveCode(now) == nil {
		return false, v.noCode(now)
	}
	v.Held.Checks = false
	right := v.guessed(p, now)
	if hit := v.compare(keys, code, now); hit != nil {
		right()
		hit.Tries-- // a right code costs nothing
		v.Guesses = append(v.Guesses, Guess{At: now, Channel: hit.Channel, OK: true})
		v.end(Approved, "", codeMethod(hit.Channel), EventApproved, now, EventData{Channel: hit.Channel})
		return true, nil
	}
	newest := v.newestCode()
	v.Guesses = append(v.Guesses, Guess{At: now, Channel: newest.Channel})
	v.emit(EventCheckFailed, now, EventData{Channel: newest.Channel})
	if v.liveCode(now) == nil {
		v.emit(EventCodeExhausted, now, EventData{Channel: newest.Channel})
	}
	v.guessedWrong(p, now)
	v.settle(p, now)
	return false, nil
}

// compare costs every live code a try and finds the one that was typed; nil: none.
func (v *Verification) compare(keys *Keys, code string, now time.Time) (hit *Code) {
	for i := range v.Codes {
		c := &v.Codes[i]
		if !c.Live(now) {
			continue
		}
		c.Tries++
		right := subtle.ConstantTimeCompare([]byte(code), []byte(keys.Code(v, *c))) == 1
		if right && (hit == nil || c.Channel == Email) { // should two read the same, the weaker proof counts
			hit = c
		}
	}
	return hit
}

// noCode says why nothing can be checked.
func (v *Verification) noCode(now time.Time) *Refusal {
	switch c := v.newestCode(); {
	case c == nil:
		return refuse(CodeConflict, "No code has been sent yet. Ask for one first.")
	case !now.Before(c.ExpiresAt):
		return refuse(CodeExpired, "This code has expired. Ask for a new one.")
	}
	return refuse(CodeTooManyAttempts, "The tries of this code are used up. Ask for a new one.")
}

func codeMethod(c Channel) Method {
	switch c {
	case Voice:
		return ByVoiceCode
	case Email:
		return ByEmailCode
	}
	return BySMSCode
}

// Resend sends once more, over the named channel or, when it is empty, over the
// last one. Over push it makes a new prompt with a new number. Once the resends are
// used up, a call and a mail may each be tried once, should they not have been: by
// then they are the other way that the page offers. A code that was certainly not
// taken yet is taken back for it, so that one wish never makes two messages, and
// costs what an outage does: nothing. Who is left in peace is not asked again: nothing
// would ring. It refuses with already_decided, expired,
// locked, in_progress, max_resends_reached, cooldown, rate_limited, blocked or no_channel;
// a refused resend is an
// event of its own (see [Verification.RejectResend]).
func (v *Verification) Resend(ch Channel, p *Policy, now time.Time) error {
	if v.Terminal() {
		return v.decided()
	}
	if ch == "" || ch == Auto {
		ch = v.LastChannel
	}
	if err := v.takes(ch, p); err != nil {
		return err
	}
	if until := v.lockEnd(now); ch != Push && !until.IsZero() {
		return locked(until, now).refusal()
	}
	if v.onItsWay() {
		return &Refusal{Code: CodeInProgress, RetryAfter: time.Second, Detail: "The last message is still on its way. Wait a moment."}
	}
	free := v.free(ch)
	if !v.sendable(ch, p) {
		return refuse(CodeMaxResends, "The maximum number of resends is reached. Use another way or start again.")
	}
	if wait := v.wait(ch, p, now); wait > 0 {
		return cooldown(wait)
	}
	stop := v.held(p, ch, now)
	if ch == Push {
		stop = stop.or(v.rests(p, now))
	}
	if stop != nil {
		return stop.refusal()
	}
	nth, waited := 0, time.Duration(0)
	if !free {
		waited = v.ResendDelay(p)
	}
	v.takeBack(now)
	if !free && v.ResendCount < p.Resends {
		v.ResendCount++
		nth = v.ResendCount
	}
	v.Refused = nil
	v.emit(EventResendRequested, now, EventData{Channel: ch, Step: int(waited / time.Second)})
	if ch == Push {
		v.openPrompt(p, now, nth)
	} else {
		v.sendCode(p, ch, now, nth)
	}
	v.settle(p, now)
	return nil
}

// RejectResend records that a resend was refused. The same refusal again, before
// another resend is taken, is no news: so a page that asks without end writes no
// rows without end.
func (v *Verification) RejectResend(r *Refusal, now time.Time) {
	v.NoteLimit(r, now)
	if slices.Contains(v.Refused, r.Code) {
		return
	}
	v.Refused = append(v.Refused, r.Code)
	v.emit(EventResendRejected, now, EventData{Refusal: r.Code})
}

// Next leaves the app for the number now, without waiting for the ladder, or for the
// next try of a code that was certainly not taken yet. It is no resend: it costs no
// count and waits for no cooldown but that of an earlier session. It refuses with
// already_decided, expired, locked, in_progress, cooldown, rate_limited, blocked or, when
// there is no further channel, conflict.
func (v *Verification) Next(p *Policy, now time.Time) error {
	if v.Terminal() {
		return v.decided()
	}
	if until := v.lockEnd(now); !until.IsZero() {
		return locked(until, now).refusal()
	}
	if v.someCode((*Delivery).OnItsWay) {
		return &Refusal{Code: CodeInProgress, RetryAfter: time.Second, Detail: "A code is already on its way. Wait a moment."}
	}
	if now.Before(v.NotBefore) {
		return cooldown(v.NotBefore.Sub(now))
	}
	if (!v.hasCode() || v.codeInFlight()) && v.canCode(p) {
		if stop := v.held(p, v.codeChannel(), now); stop != nil {
			return stop.refusal()
		}
		v.takeBack(now)
		v.Refused = nil
		v.fallBack(v.codeChannel(), p, now)
		v.settle(p, now)
		return nil
	}
	return refuse(CodeConflict, "There is no further channel to try. Ask for a resend, or start again.")
}

// takeBack cancels the code that waits to be tried again.
func (v *Verification) takeBack(now time.Time) {
	v.dropInFlight(now, func(d *Delivery) bool { return d.State == StateRetrying && !d.Channel.App() }, StateCanceled)
}

// takes reports whether a resend over ch is possible at all.
func (v *Verification) takes(ch Channel, p *Policy) error {
	ok := false
	switch ch {
	case Push:
		ok = v.Purpose == Login && v.Channel != SMS && v.Channel != Voice && len(v.Devices) > 0
	case SMS:
		ok = v.Channel != Push && p.HasSMS && v.open(p)
	case Voice:
		ok = v.Channel != Push && p.HasVoice && v.open(p)
	case Email:
		ok = v.Purpose == Login && v.Channel != Push && p.HasEmail && v.mailable()
	}
	if !ok {
		return &Refusal{Code: CodeNoChannel, Field: "channel", Detail: "This verification cannot use that channel. Leave channel out to repeat the last one."}
	}
	return nil
}

// open reports whether codes may go to the number at all.
func (v *Verification) open(p *Policy) bool {
	if !v.reachable() {
		return false
	}
	_, barred := v.barred(p)
	return !barred
}

func (v *Verification) reachable() bool { return !v.Number.IsZero() && !v.NumberDead }

// Undeliverable reports whether the number can never be reached, as far as is known: a
// provider refused it, or took a message and told later that it cannot arrive, or its
// owner wants no messages. One that arrived since says better; one that nobody has told
// anything of says nothing. Only what refused the number itself closes the way to it: one
// of which a receipt said so may take a call, and who wants no messages may want this one.
func (v *Verification) Undeliverable() bool {
	for i := len(v.Deliveries) - 1; i >= 0 && !v.NumberDead; i-- {
		switch d := &v.Deliveries[i]; {
		case !d.Channel.number():
		case d.State == StateDelivered:
			return false
		case d.State == StateUndelivered && d.Class == ClassPermanentTarget, d.State == StateFailed && d.Class == ClassPermanentUser:
			return true
		}
	}
	return v.NumberDead
}

// mailable reports whether there is a mailbox, and no provider said that it can
// never be reached.
func (v *Verification) mailable() bool {
	for i := range v.Deliveries {
		if d := &v.Deliveries[i]; d.Channel == Email && d.State == StateFailed && d.Class == ClassPermanentTarget {
			return false
		}
	}
	return !v.Email.IsZero()
}

// sendable reports whether a send over ch is possible at all and, after the last
// resend, whether it is one that may still be asked for.
func (v *Verification) sendable(ch Channel, p *Policy) bool {
	return v.takes(ch, p) == nil && (v.ResendCount < p.Resends || v.free(ch) || v.untried(ch))
}

// untried reports whether ch is another way than an SMS, and nothing was sent over
// it yet.
func (v *Verification) untried(ch Channel) bool {
	if ch != Voice && ch != Email {
		return false
	}
	for i := range v.Deliveries {
		if d := &v.Deliveries[i]; d.Channel == ch && !d.withheld() {
			return false
		}
	}
	return true
}

// free reports whether a send over ch costs neither cooldown nor count. A code
// does when nobody knew whether the last one left, or it is known that it did
// not (contract, section 4, Unknown and Cooldown), and the first one over the
// number, which is no resend. A prompt never does: it would let a page ring a phone without end.
func (v *Verification) free(ch Channel) bool {
	if ch == Push {
		return false
	}
	for i := len(v.Deliveries) - 1; i >= 0; i-- {
		if d := &v.Deliveries[i]; !d.Channel.App() && !d.withheld() {
			notTaken := d.State == StateRetrying || d.State == StateCanceled || (d.State == StateFailed && d.Class == ClassTransient)
			return d.Unanswered || notTaken
		}
	}
	return ch == v.codeChannel()
}

// wait is how long a send over ch is held back. A free one waits at most for the
// cooldown that an earlier session left.
func (v *Verification) wait(ch Channel, p *Policy, now time.Time) time.Duration {
	if v.free(ch) {
		return max(0, v.NotBefore.Sub(now))
	}
	return max(0, v.cooldownEnd(p).Sub(now))
}

func cooldown(wait time.Duration) *Refusal {
	return &Refusal{Code: CodeCooldown, RetryAfter: wait, Detail: "A message was sent a moment ago. Wait until the countdown ends, then ask again."}
}

// step is the present delay step: carried over plus the resends of the session.
func (v *Verification) step() int { return v.BaseStep + v.ResendCount }

// ResendDelay is the cooldown of the present step (contract: next_resend_delay).
func (v *Verification) ResendDelay(p *Policy) time.Duration { return v.delay(p, v.step()) }

// delay is the resend delay of a step: 0 is before the first resend, the last delay
// is repeated. It is the session's own, so that it never changes under a page; a step
// that was carried over counts in the session that goes on with it.
func (v *Verification) delay(p *Policy, step int) time.Duration {
	delays := v.Delays
	if len(delays) == 0 {
		delays = p.ResendDelays
	}
	if len(delays) == 0 {
		return 0
	}
	return delays[min(max(step, 0), len(delays)-1)]
}

// CooldownRest is how long a resend must still wait, as far as the verification itself
// knows; 0 when it need not, and where it is known that no wait helps.
func (v *Verification) CooldownRest(p *Policy, now time.Time) time.Duration {
	return max(0, v.CooldownEndsAt(p).Sub(now))
}

// CooldownEndsAt is when a resend need not wait any more, or when that was; zero
// when nothing was sent yet. A limit that refused one over the last channel counts, too.
func (v *Verification) CooldownEndsAt(p *Policy) time.Time {
	end := v.cooldownEnd(p)
	if until := v.Held.over(cmp.Or(v.LastChannel, v.codeChannel())); until.Before(Forever) {
		return later(end, until)
	}
	return end
}

// cooldownEnd is when the cooldown that the last send began ends.
func (v *Verification) cooldownEnd(p *Policy) time.Time {
	if v.LastAcceptedAt.IsZero() {
		return v.NotBefore
	}
	return later(v.NotBefore, v.LastAcceptedAt.Add(v.ResendDelay(p)))
}

// CodeLength is how many digits the newest code has or, before there is one, the
// first will have.
func (v *Verification) CodeLength(p *Policy) int {
	if c := v.newestCode(); c != nil {
		return c.Length
	}
	return p.codeLength(v.Match)
}

// AttemptsLeft is how many wrong guesses the newest live code still takes: none once
// the verification has ended.
func (v *Verification) AttemptsLeft(now time.Time) int {
	if c := v.newestCode(); c != nil && c.Live(now) && !v.Terminal() {
		return c.MaxTries - c.Tries
	}
	return 0
}

// CodeExpiresAt is when the newest code ends; zero when none was made.
func (v *Verification) CodeExpiresAt() time.Time {
	if c := v.newestCode(); c != nil {
		return c.ExpiresAt
	}
	return time.Time{}
}

// Rest is a wait in whole seconds, rounded up.
func Rest(d time.Duration) int { return int(math.Ceil(max(0, d.Seconds()))) }

// Actions says when each action is possible: 0 is now, nil is not possible.
type Actions struct {
	SMSIn   *int `json:"sms_in"`
	PushIn  *int `json:"push_in"`
	VoiceIn *int `json:"voice_in"`
	CheckIn *int `json:"check_in"`
}

// Actions returns what the page's person can do next, as far as the verification itself
// knows: a lock counts, and so does what refused it before; another limit is met by
// whoever tries.
func (v *Verification) Actions(p *Policy, now time.Time) Actions {
	var a Actions
	if v.Terminal() {
		return a
	}
	zero := 0
	if v.liveCode(now) != nil && !v.lockedNow(now) && (!v.Held.Checks || !v.newestCode().Channel.number()) {
		a.CheckIn = &zero
	}
	a.PushIn, a.VoiceIn, a.SMSIn = v.sendIn(Push, p, now), v.sendIn(Voice, p, now), v.sendIn(SMS, p, now)
	return a
}

// EmailIn says in how many seconds a code by mail can be asked for; nil: never. It
// is no step of the ladder but another way ([Verification.Actions] has those).
func (v *Verification) EmailIn(p *Policy, now time.Time) *int {
	if v.Terminal() {
		return nil
	}
	return v.sendIn(Email, p, now)
}

// sendIn says when a send over ch can be asked for, in seconds; nil: never.
func (v *Verification) sendIn(ch Channel, p *Policy, now time.Time) *int {
	until := v.Held.over(ch)
	switch {
	case !v.sendable(ch, p), ch == Push && v.silent(now), ch != Push && v.lockedNow(now), !until.Before(Forever):
		return nil
	}
	wait := max(v.wait(ch, p, now), until.Sub(now))
	switch first := !v.hasCode() && ch == v.codeChannel(); {
	case first && v.Prompt.Open(now) && !v.Prompt.DisplayedAt.IsZero():
		wait = max(wait, v.Prompt.DisplayedAt.Add(p.OfferAfter).Sub(now))
	case !first && v.onItsWay():
		// A resend is refused now. Once the last send is accepted this is its wait,
		// so the page's countdown need not jump.
		wait = max(wait, v.ResendDelay(p))
	}
	rest := Rest(wait)
	return &rest
}

func (v *Verification) newestCode() *Code {
	if len(v.Codes) == 0 {
		return nil
	}
	return &v.Codes[len(v.Codes)-1]
}

// liveCode returns the newest code that can be checked at now; nil when none.
func (v *Verification) liveCode(now time.Time) *Code {
	for i := len(v.Codes) - 1; i >= 0; i-- {
		if v.Codes[i].Live(now) {
			return &v.Codes[i]
		}
	}
	return nil
}

func (v *Verification) code(generation int) *Code {
	for i := range v.Codes {
		if v.Codes[i].Generation == generation {
			return &v.Codes[i]
		}
	}
	return nil
}

// hasCode reports whether a code was ever sent or is on its way.
func (v *Verification) hasCode() bool { return len(v.Codes) > 0 }

// codeOut reports whether a code can be checked that may have reached a person.
func (v *Verification) codeOut(now time.Time) bool {
	for i := range v.Codes {
		if c := &v.Codes[i]; c.Live(now) && v.codeSent(c.Generation) {
			return true
		}
	}
	return false
}

// codeSent reports whether a code of the generation may have reached a person.
func (v *Verification) codeSent(generation int) bool {
	for i := range v.Deliveries {
		d := &v.Deliveries[i]
		if d.CodeGeneration != generation || d.Channel.App() {
			continue
		}
		if d.MayHaveLeft() {
			return true
		}
	}
	return false
}

// someCode reports whether this holds for the delivery of some code.
func (v *Verification) someCode(is func(*Delivery) bool) bool {
	for i := range v.Deliveries {
		if d := &v.Deliveries[i]; !d.Channel.App() && is(d) {
			return true
		}
	}
	return false
}

// codeInFlight reports whether a code may leave yet.
func (v *Verification) codeInFlight() bool { return v.someCode((*Delivery).InFlight) }

// onItsWay reports whether anything is. What is to be tried again holds nothing
// back: another way may be what helps.
func (v *Verification) onItsWay() bool {
	for i := range v.Deliveries {
		if v.Deliveries[i].OnItsWay() {
			return true
		}
	}
	return false
}
