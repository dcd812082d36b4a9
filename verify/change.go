package verify

import (
	"cmp"
	"time"
)

// Prove starts to prove a number. The open verification of the same user and number
// is given back without another send: reused is true then. A request that leaves
// another number ([Request.Leaving]) for this one ends the verification of that
// number as canceled, for phone_changed; none of its codes is accepted any more.
//
// It refuses as [Start] does and, when a number is left, with same_number, not_found
// (there is nothing of that number), forbidden (only a login has it, and its number
// is the integrator's to name), already_decided or expired, and with conflict before
// the number can be changed ([Verification.CanChangePhone]). Whatever is refused, the
// verification of the number that was to be left stays as it is.
func Prove(q Request, s *Situation, p *Policy, now time.Time) (v *Verification, reused bool, err error) {
	if !q.Leaving.IsZero() {
		if err := s.leavable(q, p, now); err != nil {
			return nil, false, err
		}
		q.Locale, q.Channel = cmp.Or(q.Locale, s.Left.Locale), cmp.Or(q.Channel, s.Left.Channel)
	}
	if s.Open != nil {
		s.Open.Advance(p, now) // who comes after the end meets the end
	}
	if reused = s.Open != nil && !s.Open.Terminal(); reused {
		v = s.Open
		v.Reuse(now)
	} else if v, err = Start(q, s, p, now); err != nil {
		return v, false, err
	}
	if !q.Leaving.IsZero() {
		s.Left.leave(v.ID, now)
	}
	return v, reused, nil
}

// leavable refuses to leave a number that cannot be left now.
func (s *Situation) leavable(q Request, p *Policy, now time.Time) error {
	if q.Leaving == q.Number {
		return &Refusal{Code: CodeSameNumber, Field: "new_phone_number",
			Detail: "The new number is the one that is being verified. Pass another one, or ask for another code."}
	}
	if s.Left == nil {
		return ErrNotFound
	}
	if s.Left.Purpose != Phone {
		return refuse(CodeForbidden, "The number of a login is what the account has; it cannot be changed from here. Choose another way to sign in.")
	}
	if s.Left.Advance(p, now); s.Left.Terminal() {
		return s.Left.decided()
	}
	if !s.Left.CanChangePhone(p) {
		return refuse(CodeConflict, "The number can be changed once a code was sent twice more, or when it cannot be reached. Wait for the code or ask for another one; to give up this number at once, cancel its verification.")
	}
	return nil
}

// CanChangePhone reports whether the user may leave the number for another one: from
// the second resend on, or the last one where fewer are allowed, and at once when the
// number can never be reached.
func (v *Verification) CanChangePhone(p *Policy) bool {
	return v.Purpose == Phone && !v.Terminal() && (v.ResendCount >= min(2, p.Resends) || v.Undeliverable())
}

// leave ends the verification of a number for that of another one.
func (v *Verification) leave(successor string, now time.Time) {
	v.emit(EventPhoneChanged, now, EventData{Channel: v.LastChannel, SuccessorID: successor})
	v.end(Canceled, PhoneChanged, "", EventCanceled, now, EventData{SuccessorID: successor})
}
