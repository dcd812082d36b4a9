package verify

import "time"

// Held says until when nothing can be sent, as a limit, a block or a budget said to who
// asked last, so that a page offers nothing that would be refused. No rule refuses by it:
// that what was used lately says, and a send that is let through clears it. [Forever]: not
// in this session; zero: nobody was refused.
type Held struct {
	Number time.Time `json:"number,omitzero"` // over SMS and voice
	Mail   time.Time `json:"mail,omitzero"`
	Prompt time.Time `json:"prompt,omitzero"`  // to the app
	Checks bool      `json:"checks,omitempty"` // what was sent to the number is not compared either: an operator has blocked it
}

// over is until when nothing leaves over a channel.
func (h *Held) over(ch Channel) time.Time {
	switch {
	case ch.App():
		return h.Prompt
	case ch == Email:
		return h.Mail
	}
	return h.Number
}

// and is what was known with what was said now.
func (h Held) and(said Held) Held {
	last := func(known, said time.Time) time.Time {
		if said.IsZero() {
			return known
		}
		return said
	}
	return Held{last(h.Number, said.Number), last(h.Mail, said.Mail), last(h.Prompt, said.Prompt), h.Checks || said.Checks}
}

// lift forgets what a code that is let through over ch shows to be over: what holds mails
// back holds all codes.
func (h *Held) lift(ch Channel) {
	h.Mail = time.Time{}
	if ch.number() {
		h.Number, h.Checks = time.Time{}, false
	}
}

// closes says what a stop of a send over ch holds back. A lock is known by its own
// ([Verification].LockedUntil); a cap that holds for longer than the session is none that
// its page waits for.
func (s *Stop) closes(ch Channel, ends, now time.Time) *Stop {
	until := now.Add(s.RetryAfter)
	if s.RetryAfter == 0 || s.Reason == SpendStopped && until.After(ends) {
		until = Forever
	}
	switch {
	case s.Reason == AccountLocked:
	case ch.App():
		s.holds.Prompt = until
	case s.Limit == limitSendsUser || s.Limit == limitSendsIP:
		s.holds.Number, s.holds.Mail = until, until
	default:
		s.holds.Number = until
	}
	return s
}
