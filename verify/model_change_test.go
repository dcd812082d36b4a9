package verify_test

import (
	"slices"
	"time"

	"pgregory.net/rapid"

	"nod/verify"
)

// change leaves the number for one of a few, perhaps for one that was left before.
// What is taken goes on with the new number; what is refused leaves the old one open.
func (m *model) change(r *rapid.T, w *world) {
	to := rapid.SampledFrom([]string{number, "+14155550124", "+14155550125"}).Draw(r, "to")
	q := verify.Request{
		ID: verify.NewID("ver"), UserID: "u1", Purpose: verify.Phone, Number: verify.StoredNumber(to), Leaving: w.v.Number,
		KeyID: w.auth.Keys().CodeKey(), SignKeyID: w.auth.Keys().SignKey(), Channel: w.v.Channel,
	}
	left, s := w.v, verify.Situation{Left: w.v, Earlier: m.earlier(q.Number), Hold: m.hold.Hold}
	can := !m.ended && q.Number != left.Number && (left.ResendCount >= 2 || left.Undeliverable())
	delays := m.delays
	v, reused, err := verify.Prove(q, &s, &w.policy, w.now)
	w.take()
	if reused {
		r.Fatal("a verification that nobody has was given back")
	}
	if err != nil {
		m.delays = delays // of the session that goes on
		if left.Reason == verify.PhoneChanged {
			r.Fatalf("refused with %v, and the number is left", err)
		}
		if v != nil && v.Status != verify.Blocked {
			r.Fatalf("refused with %v, and the new one is %s", err, v.Status)
		}
		return
	}
	if !can {
		r.Fatalf("%s was left after %d resends, ended: %t", left.Number, left.ResendCount, m.ended)
	}
	if left.Status != verify.Canceled || left.Reason != verify.PhoneChanged || !slices.Contains(w.names(), verify.EventPhoneChanged) {
		r.Fatalf("the number that was left is %s (%s): %v", left.Status, left.Reason, w.names())
	}
	ends(r, w)
	if e := s.Earlier; e != nil && w.now.Sub(e.CodeAcceptedAt) < w.policy.SessionLife && v.BaseStep != e.BaseStep+e.ResendCount {
		r.Fatalf("the way over another number made step %d of %d resends from step %d", v.BaseStep, e.ResendCount, e.BaseStep)
	}
	if v.ResendCount != 0 || v.Number != q.Number || v.UserID != left.UserID {
		r.Fatalf("the new one has %d resends, number %s, user %s", v.ResendCount, v.Number, v.UserID)
	}
	m.left, m.codes, m.wrote = append(m.left, left), nil, newModelSends()
	w.v, w.events = v, nil
}

// earlier is what a store finds of a number: the one whose code was accepted last.
func (m *model) earlier(n verify.Number) (newest *verify.Verification) {
	for _, v := range m.left {
		if v.Number == n && !v.CodeAcceptedAt.IsZero() && (newest == nil || v.CodeAcceptedAt.After(newest.CodeAcceptedAt)) {
			newest = v
		}
	}
	return newest
}

// stayLeft holds that nothing comes of a number that was left, least of all by its
// codes.
func (m *model) stayLeft(r *rapid.T, w *world) {
	for _, v := range m.left {
		seq := v.Seq
		for _, c := range v.Codes {
			if ok, err := v.Check(w.auth.Keys(), w.auth.Keys().Code(v, c), &w.policy, c.IssuedAt.Add(time.Millisecond)); ok || err == nil {
				r.Fatalf("a code of %s, which was left, is accepted", v.Number)
			}
		}
		if v.Advance(&w.policy, w.now); v.Seq != seq || v.Status != verify.Canceled {
			r.Fatalf("%s was left, and is %s", v.Number, v.Status)
		}
	}
}
