package server_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

var (
	demanding = object{"require_user_verification": true}
	checked   = object{"user_verification": true} // what a phone says that has checked its person
)

// TestUserVerificationOnTheSocket: an approval by nobody known is told so and may
// be repeated; the page hears of neither.
func TestUserVerificationOnTheSocket(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		d := w.phone("u1")
		phone := w.online(d)
		l := w.login(demanding)
		page, _ := w.resume(l, 0)
		prompt := phone.receive()
		if prompt["require_user_verification"] != true || signedClaims(t, prompt)["require_user_verification"] != true {
			t.Fatalf("prompt %v", prompt)
		}
		var seq int64
		page.until(&seq, "delivery.displayed")
		for _, claims := range []object{nil, {"user_verification": false}} {
			phone.send("respond", d.signed(prompt, "approve", l.number, claims))
			phone.result(false, "user_verification_required")
		}
		page.silent(time.Second)
		phone.send("sync", nil)
		if open, _ := phone.expect("prompts").Data["prompts"].([]any); len(open) != 1 {
			t.Fatalf("prompts %v", open)
		}
		phone.send("respond", d.signed(prompt, "approve", l.number, checked))
		phone.result(true, "")
		phone.promptClosed(l.id, "approved")
		page.until(&seq, "verification.approved")
		if r := page.expect("result"); r.text("method") != "app" {
			t.Fatalf("result %v", r.Data)
		}
	})
}

// TestUserVerificationOverREST is the same for an app without a socket.
func TestUserVerificationOverREST(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		d := w.phone("u1")
		l := w.login(demanding)
		prompt := d.prompt()
		if prompt["require_user_verification"] != true {
			t.Fatalf("prompt %v", prompt)
		}
		for range 2 {
			d.answer(prompt, "approve", l.number).allow(200).has("accepted", false).has("reason", "user_verification_required")
		}
		d.answer(prompt, "approve", l.number, object{"user_verification": "yes"}).deny(401, "unauthenticated") // no token of ours
		w.status(l).has("status", "pending")
		d.answer(d.prompt(), "approve", l.number, checked).allow(200).has("accepted", true)
		d.answer(prompt, "approve", l.number, checked).allow(200).has("accepted", true)
		w.status(l).has("status", "approved").has("method", "app")
	})
}

// TestRefusingNeedsNoUserVerification: whoever holds the phone may say no.
func TestRefusingNeedsNoUserVerification(t *testing.T) {
	for decision, reason := range map[string]string{"deny": "user_denied", "report": "user_reported"} {
		t.Run(decision, func(t *testing.T) {
			wire(t, func(t *testing.T, w *wired) {
				d := w.phone("u1")
				l := w.login(demanding)
				d.answer(d.prompt(), decision, "").allow(200).has("accepted", true)
				w.status(l).has("status", "denied").has("reason", reason)
			})
		})
	}
}

// signedClaims are what the server signed of a prompt.
func signedClaims(t *testing.T, prompt object) (claims object) {
	t.Helper()
	body, err := base64.RawURLEncoding.DecodeString(strings.Split(prompt["signed"].(string), ".")[1])
	if err != nil || json.Unmarshal(body, &claims) != nil {
		t.Fatalf("%v is not signed", prompt)
	}
	return claims
}
