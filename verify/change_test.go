package verify_test

import (
	"testing"
	"time"

	"nod/verify"
)

const second = "+14155550124"

// proving is a world with an open verification of the number and this many resends.
func proving(t *testing.T, resends int) *world {
	t.Helper()
	w := newWorld(t)
	if err := w.begin(verify.Request{Purpose: verify.Phone, Number: verify.StoredNumber(number), Locale: "de"}, verify.Situation{}); err != nil {
		t.Fatal(err)
	}
	w.pump()
	for range resends {
		w.now = w.v.CooldownEndsAt(&w.policy)
		if err := w.v.Resend("", &w.policy, w.now); err != nil {
			t.Fatal(err)
		}
		w.pump()
	}
	return w
}

// change leaves the number for another.
func (w *world) change(to string, s verify.Situation) (*verify.Verification, bool, error) {
	return verify.Prove(verify.Request{
		ID: verify.NewID("ver"), UserID: "u1", Purpose: verify.Phone, Number: verify.StoredNumber(to), Leaving: verify.StoredNumber(number),
		KeyID: w.auth.Keys().CodeKey(), SignKeyID: w.auth.Keys().SignKey(),
	}, &s, &w.policy, w.now)
}

func TestANumberIsLeftForAnother(t *testing.T) {
	w := proving(t, 2)
	old := w.code()
	v, reused, err := w.change(second, verify.Situation{Left: w.v})
	if err != nil || reused {
		t.Fatal(reused, err)
	}
	w.take()
	w.is(verify.Canceled, "")
	w.told(verify.EventPhoneChanged, verify.EventCanceled)
	if last := w.events[len(w.events)-1].Data; last.Reason != verify.PhoneChanged || last.SuccessorID != v.ID {
		t.Errorf("the end tells %+v", last)
	}
	_, err = w.v.Check(w.auth.Keys(), old, &w.policy, w.now)
	refused(t, err, verify.CodeAlreadyDecided)
	if v.Status != verify.Pending || v.ResendCount != 0 || v.ResendDelay(&w.policy) != time.Minute || v.Locale != "de" {
		t.Errorf("the new one: %s, %d resends, next in %v, locale %q", v.Status, v.ResendCount, v.ResendDelay(&w.policy), v.Locale)
	}
	if ok, err := v.Check(w.auth.Keys(), w.auth.Keys().Code(w.v, w.v.Codes[0]), &w.policy, w.now); ok || err != nil {
		t.Errorf("a code of the number that was left: %t, %v", ok, err)
	}
}

// Where a number that is left was open at the other end already, nothing is sent.
func TestANumberIsLeftForOneThatIsOpen(t *testing.T) {
	other := proving(t, 0)
	w := proving(t, 2)
	sends := len(other.v.Deliveries)
	v, reused, err := w.change(second, verify.Situation{Left: w.v, Open: other.v})
	if err != nil || !reused || v != other.v || len(v.Deliveries) != sends || v.SecretGeneration != 2 {
		t.Errorf("reused %t, %d sends, generation %d: %v", reused, len(v.Deliveries)-sends, v.SecretGeneration, err)
	}
	w.is(verify.Canceled, "")
}

func TestWhenANumberCanBeLeft(t *testing.T) {
	cooling := func(w *world) *verify.Verification {
		return &verify.Verification{ResendCount: 1, CodeAcceptedAt: w.now.Add(-time.Second)}
	}
	for name, tc := range map[string]struct {
		resends int
		spoil   func(w *world, s *verify.Situation) // nil: nothing
		to      string
		code    string // empty: it can
	}{
		"at once":                      {0, nil, second, verify.CodeConflict},
		"after a resend":               {1, nil, second, verify.CodeConflict},
		"after two":                    {2, nil, second, ""},
		"after three":                  {3, nil, second, ""},
		"for itself":                   {2, nil, number, verify.CodeSameNumber},
		"when nothing is left":         {2, func(_ *world, s *verify.Situation) { s.Left = nil }, second, verify.CodeNotFound},
		"that a login has":             {2, func(w *world, _ *verify.Situation) { w.v.Purpose = verify.Login }, second, verify.CodeForbidden},
		"that was canceled":            {2, func(w *world, _ *verify.Situation) { _ = w.v.Cancel(w.now) }, second, verify.CodeAlreadyDecided},
		"whose session ends now":       {2, func(w *world, _ *verify.Situation) { w.now = w.v.SessionEndsAt }, second, verify.CodeExpired},
		"for one that cools down":      {2, func(w *world, s *verify.Situation) { s.Earlier = cooling(w) }, second, verify.CodeCooldown},
		"for one that nothing reaches": {2, func(w *world, _ *verify.Situation) { w.policy.HasSMS = false }, second, verify.CodeNoChannel},
		"that is dead":                 {0, func(w *world, _ *verify.Situation) { w.v.NumberDead = true }, second, ""},
		"where one resend is all":      {1, func(w *world, _ *verify.Situation) { w.policy.Resends = 1 }, second, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := proving(t, tc.resends)
			s := verify.Situation{Left: w.v}
			if tc.spoil != nil {
				tc.spoil(w, &s)
			}
			before := w.v.Status
			v, _, err := w.change(tc.to, s)
			if tc.code == "" {
				if err != nil || w.v.Status != verify.Canceled || v.Status != verify.Pending {
					t.Fatalf("%v, and it is %s", err, w.v.Status)
				}
				return
			}
			refused(t, err, tc.code)
			if tc.code != verify.CodeExpired && w.v.Status != before {
				t.Errorf("refused, and the number is %s, was %s", w.v.Status, before)
			}
			if tc.code == verify.CodeCooldown && (v == nil || v.Status != verify.Blocked) {
				t.Errorf("the refused one is not kept: %+v", v)
			}
		})
	}
}
