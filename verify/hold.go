package verify

import "time"

// Hold is what an operator decided about a user. The zero value is a user about
// whom nothing was decided.
type Hold struct {
	UserID    string
	BlockedAt time.Time // zero unless the user is blocked
	LiftedAt  time.Time // when a block was last lifted, or could have been; zero: never
}

// Blocked reports whether the user's verifications are refused.
func (h *Hold) Blocked() bool { return !h.BlockedAt.IsZero() }

// lets reports whether a report of that time holds nothing back any more: an
// operator has looked since.
func (h *Hold) lets(reportedAt time.Time) bool { return reportedAt.Before(h.LiftedAt) }

// voids reports whether an approval of that time must not be used any more. Whoever
// waited with one while the user was blocked is not let in by the unlocking.
func (h *Hold) voids(approvedAt time.Time) bool {
	return h.Blocked() || approvedAt.Before(h.LiftedAt)
}

// Standing is what an operator decides by: what was decided before, and the user's
// pending verifications, of either purpose. The store writes back all of it.
type Standing struct {
	Hold
	Open []*Verification
	// Through is the verification by which the operator came to the user, pending (then
	// it is one of Open) or ended; nil: none. What is decided is noted on it.
	Through *Verification
	// Meters has the user's.
	Meters *Meters
}

// Block refuses every verification of the user from now on and cancels those that
// are pending; what was approved can be exchanged no more (see [Verification.Redeem]).
// It returns what happened to the user: nothing when it is noted on a verification, or
// when the user was blocked already. Trusted devices stay, and stand in for nobody while
// the block lasts.
func (s *Standing) Block(by string, now time.Time) []Event {
	if s.Blocked() {
		return nil
	}
	s.BlockedAt = now
	es := s.acted(ActBlock, by, now)
	for _, v := range s.Open {
		v.end(Canceled, AccountLocked, "", EventCanceled, now, EventData{})
	}
	return es
}

// Unlock lifts the block, a lock for wrong codes, what a row of prompts that were denied
// or ignored silenced and what a report ("this isn't me") holds back, and returns
// what happened, as Block does. Against trusted devices an earlier report goes on to speak: that the
// person asks for a new sign-in does not say that the browser is theirs.
func (s *Standing) Unlock(by string, now time.Time) []Event {
	s.BlockedAt, s.LiftedAt = time.Time{}, now
	if u := s.Meters.user(); u != nil {
		u.Wrong, u.Until, u.Tired = nil, 0, nil
	}
	es := s.acted(ActUnlock, by, now)
	for _, v := range s.Open {
		if v.hushed() {
			v.Held.Prompt = time.Time{} // it would ring again
		}
		if !v.LockedUntil.IsZero() && !v.Terminal() {
			v.LockedUntil = time.Time{}
			v.restage(now)
			v.NextAt = now // what else it can do now, its next turn finds
		}
	}
	return es
}

// Locked reports whether wrong codes keep the user from typing any.
func (s *Standing) Locked(now time.Time) bool {
	u := s.Meters.user()
	return u != nil && u.Until > now.UnixMilli()
}

// Relock tells the user's pending verifications of a lock that one of them brought: a
// check of theirs is refused already, and now they say so.
func (s *Standing) Relock(p *Policy, now time.Time) {
	if !s.Locked(now) {
		return
	}
	until := time.UnixMilli(s.Meters.User.Until).UTC()
	for _, v := range s.Open {
		if !v.Terminal() && v.LockedUntil.Before(until) {
			v.lock(until, now)
			v.settle(p, now)
		}
	}
}

func (s *Standing) acted(action, by string, now time.Time) []Event {
	if s.Through != nil {
		s.Through.Note(action, by, now)
		return nil
	}
	return []Event{{UserID: s.UserID, Name: EventOperatorActed, At: now, Data: EventData{Action: action, By: by}}}
}

// Note records that an operator acts on the verification, whatever becomes of it:
// it stands in the audit trail before what the act leads to.
func (v *Verification) Note(action, by string, now time.Time) {
	v.emit(EventOperatorActed, now, EventData{Action: action, By: by})
}
