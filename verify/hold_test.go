package verify_test

import (
	"slices"
	"testing"
	"time"

	"nod/verify"
)

// A blocked user is refused before anything is sent, for either purpose, whatever
// else the request or the user has; the row stays and says why.
func TestABlockedUserIsRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		q    verify.Request
		code string // of the refusal
	}{
		"a login":                     {login(number), verify.CodeBlocked},
		"a number's proof":            {verify.Request{Purpose: verify.Phone, Number: verify.StoredNumber(number)}, verify.CodeBlocked},
		"a login that reaches nobody": {verify.Request{}, verify.CodeBlocked},
		"a request without sense":     {verify.Request{Purpose: verify.Phone}, verify.CodeInvalidPhone},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			err := w.begin(tc.q, verify.Situation{Hold: verify.Hold{UserID: "u1", BlockedAt: start}})
			r := refused(t, err, tc.code)
			if tc.code != verify.CodeBlocked {
				return
			}
			w.is(verify.Blocked, "")
			if r.VerificationID != w.v.ID || r.RetryAfter != 0 || w.v.Reason != verify.AccountLocked {
				t.Errorf("%+v, reason %s", r, w.v.Reason)
			}
			want := verify.EventData{Reason: verify.AccountLocked, Channel: verify.Auto, Country: tc.q.Number.Country()}
			if !slices.Equal(w.names(), []string{verify.EventBlocked}) || w.events[0].Data != want || len(w.v.Deliveries) > 0 {
				t.Errorf("told %v, with %d deliveries", w.events, len(w.v.Deliveries))
			}
		})
	}
}

// A block ends what is open and is told once; what ended before stays as it was.
func TestBlocking(t *testing.T) {
	w := newWorld(t)
	if err := w.begin(login(number), verify.Situation{Devices: []verify.Device{w.device("dev_1", true, start)}}); err != nil {
		t.Fatal(err)
	}
	w.pump()
	s := verify.Standing{Hold: verify.Hold{UserID: "u1"}, Open: []*verify.Verification{w.v}}
	es := s.Block("console 3fa9c1d2", w.now)
	w.take()
	w.is(verify.Canceled, "")
	if w.v.Reason != verify.AccountLocked || w.v.Prompt.Open(w.now) || !s.Blocked() {
		t.Errorf("%s, prompt %+v, %+v", w.v.Reason, w.v.Prompt, s.Hold)
	}
	acted(t, es, verify.ActBlock)
	if es := s.Block("console 3fa9c1d2", w.now.Add(time.Second)); len(es) > 0 || s.BlockedAt != w.now {
		t.Errorf("blocked again, since %s: %v", s.BlockedAt, es)
	}
	w.now = w.now.Add(time.Minute)
	acted(t, s.Unlock("console 3fa9c1d2", w.now), verify.ActUnlock)
	if s.Blocked() || s.LiftedAt != w.now {
		t.Errorf("unlocked, it is %+v", s.Hold)
	}
	if err := w.begin(login(number), verify.Situation{Hold: s.Hold}); err != nil {
		t.Errorf("after the block: %v", err)
	}
}

// What is decided through a verification is noted there, before it is canceled and also
// when it has ended long ago, and not on the user as well.
func TestDecidingThroughAVerification(t *testing.T) {
	w := sms(t)
	s := verify.Standing{Hold: verify.Hold{UserID: "u1"}, Open: []*verify.Verification{w.v}, Through: w.v}
	es := s.Block("console 3fa9c1d2", w.now)
	s.Open = nil
	es = append(es, s.Block("console 3fa9c1d2", w.now)...)
	es = append(es, s.Unlock("console 3fa9c1d2", w.now)...)
	w.take()
	w.told(verify.EventOperatorActed, verify.EventCanceled, verify.EventOperatorActed)
	if e := w.events[len(w.events)-1]; len(es) > 0 || e.Data != (verify.EventData{Action: verify.ActUnlock, By: "console 3fa9c1d2"}) || s.Blocked() {
		t.Errorf("told %v of the user and %+v last", es, e)
	}
}

// acted expects the one event of what an operator did with a user.
func acted(t *testing.T, es []verify.Event, action string) {
	t.Helper()
	if len(es) != 1 || es[0].Name != verify.EventOperatorActed || es[0].UserID != "u1" || es[0].VerificationID != "" || es[0].At.IsZero() ||
		es[0].Data != (verify.EventData{Action: action, By: "console 3fa9c1d2"}) {
		t.Errorf("told %+v", es)
	}
}

// An unlocked user may sign in again at once after a report, but a report that comes
// later holds back as ever.
func TestUnlockingAfterAReport(t *testing.T) {
	for name, tc := range map[string]struct {
		reported time.Duration // before the unlocking
		held     bool
	}{
		"a report before":        {time.Minute, false},
		"the last one before":    {time.Millisecond, false},
		"in the same instant":    {0, true}, // nobody knows which was first
		"a report after":         {-time.Second, true},
		"a report long ago":      {20 * time.Minute, false},
		"a report that had held": {14 * time.Minute, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := verify.Standing{Hold: verify.Hold{UserID: "u1"}}
			s.Unlock("key 3fa9c1d2", start)
			w.now = start.Add(2 * time.Second)
			err := w.begin(login(number), verify.Situation{Hold: s.Hold, ReportedAt: start.Add(-tc.reported)})
			if tc.held {
				refused(t, err, verify.CodeBlocked)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// What an operator did with a verification stands in its trail, before what came of
// it and also after its end, and changes nothing by itself.
func TestNote(t *testing.T) {
	w := sms(t)
	before := w.v.NextAt
	w.v.Note(verify.ActCancel, "key 3fa9c1d2", w.now)
	if w.v.Terminal() || !w.v.NextAt.Equal(before) {
		t.Errorf("a note made it %s, next at %s", w.v.Status, w.v.NextAt)
	}
	if err := w.v.Cancel(w.now); err != nil {
		t.Fatal(err)
	}
	w.v.Note(verify.ActCancel, "key 3fa9c1d2", w.now)
	w.take()
	w.told(verify.EventOperatorActed, verify.EventCanceled, verify.EventOperatorActed)
	e := w.events[len(w.events)-1]
	if e.Seq != w.v.Seq || e.VerificationID != w.v.ID || e.Data != (verify.EventData{Action: verify.ActCancel, By: "key 3fa9c1d2"}) {
		t.Errorf("told %+v", e)
	}
}
