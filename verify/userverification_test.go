package verify_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"nod/verify"
)

// holder starts a login whose approval needs the person to be checked on the phone.
func holder(t *testing.T, m verify.Match) *world {
	t.Helper()
	w := newWorld(t)
	q := login(number)
	q.Match, q.UserVerification = m, true
	if err := w.begin(q, verify.Situation{Devices: []verify.Device{w.device("dev_1", true, start), w.device("dev_2", false, start)}}); err != nil {
		t.Fatal(err)
	}
	w.pump()
	return w
}

// TestUserVerification: an approval has to say that the person was checked; a
// refusal is everybody's.
func TestUserVerification(t *testing.T) {
	const missing = "user_verification_required"
	for _, tc := range []struct {
		name     string
		decision verify.Decision
		verified bool
		number   func(w *world) string
		accepted bool
		reason   string
		status   verify.Status
	}{
		{"approve without", verify.Approve, false, (*world).match, false, missing, verify.Pending},
		{"approve without, and a wrong number", verify.Approve, false, func(w *world) string { return w.match() + "1" }, false, missing, verify.Pending},
		{"approve with", verify.Approve, true, (*world).match, true, "", verify.Approved},
		{"approve with, and a wrong number", verify.Approve, true, func(w *world) string { return w.match() + "1" }, false, "wrong_number", verify.Denied},
		{"deny without", verify.Deny, false, func(*world) string { return "" }, true, "", verify.Denied},
		{"deny with", verify.Deny, true, func(*world) string { return "" }, true, "", verify.Denied},
		{"report without", verify.Report, false, func(*world) string { return "" }, true, "", verify.Denied},
		{"report with", verify.Report, true, func(*world) string { return "" }, true, "", verify.Denied},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := holder(t, verify.Typed)
			a := verify.Reply{DeviceID: "dev_1", Decision: tc.decision, Number: tc.number(w), UserVerification: tc.verified}
			for range 3 { // the same answer is told the same
				verdict, err := w.respond(a)
				if err != nil || verdict.Accepted != tc.accepted || verdict.Reason != tc.reason || w.v.Status != tc.status {
					t.Fatalf("%+v, %v; status %s", verdict, err, w.v.Status)
				}
			}
		})
	}
}

// TestUserVerificationMayFollow: an approval without costs nothing, neither the
// one try of the number nor the prompt, so the next one may be right.
func TestUserVerificationMayFollow(t *testing.T) {
	for _, m := range []verify.Match{verify.Typed, verify.Strict, verify.None} {
		t.Run(string(m), func(t *testing.T) {
			w := holder(t, m)
			told := len(w.events)
			for range 5 {
				if verdict, err := w.reply("dev_1", verify.Approve, w.match()); err != nil || verdict.Accepted {
					t.Fatalf("%+v, %v", verdict, err)
				}
			}
			if len(w.events) != told || w.v.AnsweredBy != "" || !w.v.Prompt.Open(w.now) {
				t.Errorf("something changed: events %v, answered by %q", w.names()[told:], w.v.AnsweredBy)
			}
			w.is(verify.Pending, verify.ContactingApp)
			verdict, err := w.respond(verify.Reply{DeviceID: "dev_1", Decision: verify.Approve, Number: w.match(), UserVerification: true})
			if err != nil || !verdict.Accepted {
				t.Fatalf("%+v, %v", verdict, err)
			}
			w.is(verify.Approved, "")
		})
	}
}

// TestUserVerificationIsSigned: the demand stands in what the server signs, and
// only where it is made.
func TestUserVerificationIsSigned(t *testing.T) {
	for _, demanded := range []bool{true, false} {
		w := holder(t, verify.Typed)
		w.v.UserVerification = demanded
		frame := w.auth.Prompt(w.v, w.delivery(verify.WebSocket, "dev_1"))
		var claims map[string]any
		if body, err := base64.RawURLEncoding.DecodeString(strings.Split(frame.Signed, ".")[1]); err != nil || json.Unmarshal(body, &claims) != nil {
			t.Fatalf("%q is no token", frame.Signed)
		}
		if got, stands := claims["require_user_verification"]; frame.UserVerification != demanded || stands != demanded || stands && got != true {
			t.Errorf("demanded %t: frame %t, signed %v", demanded, frame.UserVerification, got)
		}
	}
}
