package verify_test

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"nod/verify"
)

// asked starts a login that two devices show.
func asked(t testing.TB, m verify.Match) *world {
	t.Helper()
	w := newWorld(t)
	q := login(number)
	q.Match = m
	if err := w.begin(q, verify.Situation{Devices: []verify.Device{w.device("dev_1", true, start), w.device("dev_2", false, start)}}); err != nil {
		t.Fatal(err)
	}
	w.pump()
	return w
}

func TestAnswers(t *testing.T) {
	for _, tc := range []struct {
		name     string
		match    verify.Match
		decision verify.Decision
		number   func(w *world) string
		status   verify.Status
		reason   verify.Reason
		accepted bool
	}{
		{"the right number approves", verify.Typed, verify.Approve, (*world).match, verify.Approved, "", true},
		{"six digits in the strict mode", verify.Strict, verify.Approve, (*world).match, verify.Approved, "", true},
		{"no number where none is asked", verify.None, verify.Approve, func(*world) string { return "" }, verify.Approved, "", true},
		{"a wrong number is the end", verify.Typed, verify.Approve, func(w *world) string { return w.match() + "1" }, verify.Denied, verify.WrongNumber, false},
		{"no number is a wrong number", verify.Typed, verify.Approve, func(*world) string { return "" }, verify.Denied, verify.WrongNumber, false},
		{"deny needs no number", verify.Typed, verify.Deny, func(*world) string { return "" }, verify.Denied, verify.UserDenied, true},
		{"report says why", verify.Typed, verify.Report, func(*world) string { return "" }, verify.Denied, verify.UserReported, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := asked(t, tc.match)
			verdict, err := w.reply("dev_1", tc.decision, tc.number(w))
			if err != nil {
				t.Fatal(err)
			}
			w.is(tc.status, "")
			if w.v.Reason != tc.reason || verdict.Accepted != tc.accepted {
				t.Errorf("reason %q, verdict %+v", w.v.Reason, verdict)
			}
			again, err := w.reply("dev_1", tc.decision, tc.number(w))
			if err != nil || again != verdict {
				t.Errorf("the same answer again: %+v, %v", again, err)
			}
			late, err := w.reply("dev_2", verify.Approve, "")
			if err != nil || late.Accepted {
				t.Errorf("the second device: %+v, %v", late, err)
			}
			terminal := 0
			for _, e := range w.events {
				switch e.Name {
				case verify.EventApproved, verify.EventDenied, verify.EventExpired, verify.EventFailed, verify.EventCanceled:
					terminal++
				}
			}
			if terminal != 1 {
				t.Errorf("%d terminal events in %v", terminal, w.names())
			}
			if reported := slices.Contains(w.names(), verify.EventReported); reported != (tc.decision == verify.Report) {
				t.Errorf("told of a report: %t", reported)
			}
		})
	}
}

func TestAnAnswerIsBoundToWhatWasShown(t *testing.T) {
	w := asked(t, verify.Typed)
	frame := w.auth.Prompt(w.v, w.delivery(verify.WebSocket, "dev_1"))
	if frame != w.auth.Prompt(w.v, w.delivery(verify.WebSocket, "dev_1")) {
		t.Fatal("the same prompt was signed in two ways")
	}
	_, err := w.v.Reply(verify.Reply{VerificationID: w.v.ID, DeviceID: "dev_1", Decision: verify.Approve, Number: w.match(), PromptSHA256: "something else"}, w.auth, w.now)
	refused(t, err, verify.CodeConflict)
	_, err = w.v.Reply(verify.Reply{VerificationID: w.v.ID, DeviceID: "dev_9", Decision: verify.Approve, Number: w.match()}, w.auth, w.now)
	refused(t, err, verify.CodeNotFound)
	shown := sha256.Sum256([]byte(frame.Signed))
	_, err = w.v.Reply(verify.Reply{VerificationID: w.v.ID, DeviceID: "dev_2", Decision: verify.Approve, Number: w.match(),
		PromptSHA256: base64.RawURLEncoding.EncodeToString(shown[:])}, w.auth, w.now)
	refused(t, err, verify.CodeConflict) // what another device was shown
	w.is(verify.Pending, verify.ContactingApp)
}

func TestAClosedPromptIsNotHandedOut(t *testing.T) {
	w := asked(t, verify.Typed)
	if f, ok := w.auth.PromptFor(w.v, "dev_1", w.now); !ok || f != w.auth.Prompt(w.v, w.delivery(verify.WebSocket, "dev_1")) {
		t.Errorf("open: %t %+v", ok, f)
	}
	if _, ok := w.auth.PromptFor(w.v, "dev_9", w.now); ok {
		t.Error("a device that was not asked was given the prompt")
	}
	if _, ok := w.auth.PromptFor(w.v, "dev_1", w.now.Add(w.policy.PromptLife)); ok {
		t.Error("an expired prompt was handed out")
	}
	if err := w.v.Cancel(w.now); err != nil {
		t.Fatal(err)
	}
	if _, ok := w.auth.PromptFor(w.v, "dev_1", w.now); ok {
		t.Error("a canceled prompt was handed out")
	}
}

func TestAResentPromptHasANewNumber(t *testing.T) {
	w := asked(t, verify.Typed)
	frame, old := w.auth.Prompt(w.v, w.delivery(verify.WebSocket, "dev_1")), w.match()
	w.until(90 * time.Second) // the SMS of second 30 started the cooldown anew
	if err := w.resend(verify.Push); err != nil {
		t.Fatal(err)
	}
	if w.v.Prompt.Generation != 2 || w.match() == old {
		t.Errorf("generation %d, number %s after %s", w.v.Prompt.Generation, w.match(), old)
	}
	shown := sha256.Sum256([]byte(frame.Signed))
	_, err := w.v.Reply(verify.Reply{VerificationID: w.v.ID, DeviceID: "dev_1", Decision: verify.Approve, Number: old,
		PromptSHA256: base64.RawURLEncoding.EncodeToString(shown[:])}, w.auth, w.now)
	refused(t, err, verify.CodeConflict)
	if frame.Signed == w.auth.Prompt(w.v, w.delivery(verify.WebSocket, "dev_1")).Signed {
		t.Error("the prompt is the same")
	}
	if !w.v.Prompt.ExpiresAt.Equal(w.now.Add(2 * time.Minute)) {
		t.Errorf("expires %s", w.v.Prompt.ExpiresAt)
	}
}

func TestAnAnswerAfterThePromptsEnd(t *testing.T) {
	w := asked(t, verify.Typed)
	w.until(120 * time.Second)
	verdict, err := w.reply("dev_1", verify.Approve, w.match())
	if err != nil || verdict.Accepted || verdict.Reason != "expired" {
		t.Errorf("%+v, %v", verdict, err)
	}
	w.is(verify.Pending, verify.CodeEntry)
}

func TestTheFirstAnswerWins(t *testing.T) {
	w := newWorld(t)
	q := login(number)
	q.Channel = verify.Both
	if err := w.begin(q, verify.Situation{Devices: []verify.Device{w.device("dev_1", true, start)}}); err != nil {
		t.Fatal(err)
	}
	w.pump()
	w.is(verify.Pending, verify.CodeEntry)
	if !w.check(w.code()) {
		t.Fatal("the code is wrong")
	}
	verdict, err := w.reply("dev_1", verify.Approve, w.match())
	if err != nil || verdict.Accepted || verdict.Reason != "approved" {
		t.Errorf("%+v, %v", verdict, err)
	}
	if w.v.Method != verify.BySMSCode {
		t.Errorf("method %s", w.v.Method)
	}
	w.until(time.Minute)
	if w.count(verify.Push) != 0 {
		t.Error("a push left after the end")
	}
}

func TestANewLoginSupersedes(t *testing.T) {
	w := asked(t, verify.Typed)
	old := w.v
	if err := w.begin(login(number), verify.Situation{Open: old, Devices: old.Devices}); err != nil {
		t.Fatal(err)
	}
	if old.Status != verify.Superseded || old.Prompt.ClosedAt.IsZero() {
		t.Errorf("the old one is %s", old.Status)
	}
	if w.auth.Keys().ClientSecret(w.v) == w.auth.Keys().ClientSecret(old) {
		t.Error("one secret for two")
	}
}

func TestRedeemOnce(t *testing.T) {
	w := asked(t, verify.None)
	refused(t, w.v.Redeem(w.now), verify.CodeConflict)
	if _, err := w.reply("dev_1", verify.Approve, ""); err != nil {
		t.Fatal(err)
	}
	tok := w.auth.Keys().ResultToken(w.v, w.now)
	if !w.auth.Keys().CheckResultToken(w.v, tok, w.now.Add(59*time.Second)) {
		t.Error("a fresh token was refused")
	}
	if w.auth.Keys().CheckResultToken(w.v, tok, w.now.Add(time.Minute)) {
		t.Error("an old token was taken")
	}
	if err := w.v.Redeem(w.now); err != nil {
		t.Fatal(err)
	}
	refused(t, w.v.Redeem(w.now), verify.CodeAlreadyDecided)
}

func TestAnApprovalIsVoidOnceAnOperatorActed(t *testing.T) {
	w := asked(t, verify.None)
	if _, err := w.reply("dev_1", verify.Approve, ""); err != nil {
		t.Fatal(err)
	}
	for _, void := range []verify.Hold{
		{BlockedAt: w.now.Add(-time.Hour)}, {BlockedAt: w.now.Add(time.Second)},
		{LiftedAt: w.now.Add(time.Second)}, {LiftedAt: w.now.Add(-time.Hour), BlockedAt: w.now.Add(time.Second)},
	} {
		w.v.Hold = void
		refused(t, w.v.Redeem(w.now.Add(time.Minute)), verify.CodeBlocked)
		if !w.v.RedeemedAt.IsZero() {
			t.Fatalf("exchanged against %+v", void)
		}
	}
	w.v.Hold = verify.Hold{LiftedAt: w.now.Add(-time.Second)} // and started since
	if err := w.v.Redeem(w.now.Add(time.Minute)); err != nil {
		t.Error(err)
	}
}

func TestAForgedResultTokenIsRefused(t *testing.T) {
	w := asked(t, verify.None)
	keys, other := w.auth.Keys(), *w.v
	other.ID = verify.NewID("ver")
	tok := keys.ResultToken(w.v, w.now)
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(tok, "nod_rt_"))
	if err != nil {
		t.Fatal(err)
	}
	raw[6]++ // its end, a quarter of a minute later
	for name, forged := range map[string]string{
		"another's": keys.ResultToken(&other, w.now), "prolonged": "nod_rt_" + base64.RawURLEncoding.EncodeToString(raw),
		"empty": "", "cut": tok[:len(tok)-1], "another kind": "nod_cs_" + strings.TrimPrefix(tok, "nod_rt_"),
	} {
		if keys.CheckResultToken(w.v, forged, w.now) {
			t.Errorf("%s: was taken", name)
		}
	}
}

func TestResultsSayWhatWasProved(t *testing.T) {
	for name, approve := range map[string]func(t *testing.T) *world{
		"": func(t *testing.T) *world {
			w := asked(t, verify.None)
			if _, err := w.reply("dev_1", verify.Approve, ""); err != nil {
				t.Fatal(err)
			}
			return w
		},
		number: func(t *testing.T) *world {
			w := sms(t)
			w.check(w.code())
			return w
		},
	} {
		w := approve(t)
		if err := w.v.Redeem(w.now); err != nil {
			t.Fatal(err)
		}
		c, err := w.auth.Own(verify.TypResult, w.auth.Result(w.v), w.now)
		if err != nil {
			t.Fatal(err)
		}
		if c.Subject != "u1" || c.VerificationID != w.v.ID || c.Purpose != w.v.Purpose || c.Status != verify.Approved || c.Method != w.v.Method || c.PhoneNumber != name {
			t.Errorf("number %q: %+v", name, c)
		}
	}
}

func TestAStrictMatchHasLongerCodes(t *testing.T) {
	w := asked(t, verify.Strict)
	if len(w.match()) != 6 || w.v.CodeLength(&w.policy) != 8 {
		t.Errorf("number %s, a code of %d digits to come", w.match(), w.v.CodeLength(&w.policy))
	}
	if err := w.v.Next(&w.policy, w.now); err != nil || len(w.code()) != 8 {
		t.Errorf("code %s, %v", w.code(), err)
	}
}

func TestAReportHoldsNewLoginsBack(t *testing.T) {
	w := asked(t, verify.None)
	if _, err := w.reply("dev_1", verify.Report, ""); err != nil {
		t.Fatal(err)
	}
	s := verify.Situation{ReportedAt: w.v.EndedAt, Devices: w.v.Devices}
	w.now = start.Add(15*time.Minute - time.Second)
	r := refused(t, w.begin(login(number), s), verify.CodeBlocked)
	w.is(verify.Blocked, "")
	if r.RetryAfter != time.Second || r.VerificationID != w.v.ID || w.v.Reason != verify.FraudRule {
		t.Errorf("%+v, reason %s", r, w.v.Reason)
	}
	if err := w.begin(verify.Request{Purpose: verify.Phone, Number: verify.StoredNumber(number)}, s); err != nil {
		t.Errorf("a number is no login: %v", err)
	}
	w.now = start.Add(15 * time.Minute)
	if err := w.begin(login(number), s); err != nil {
		t.Errorf("after the quarter of an hour: %v", err)
	}
}
