package fcm_test

import (
	"log/slog"
	"testing"

	"nod/delivery/fcm"
	"nod/delivery/sms"
	"nod/deploy/providers"
	"nod/verify"
)

// TestWhatOpensTheBreaker: what is wrong with the account or with Google, and no
// device.
func TestWhatOpensTheBreaker(t *testing.T) {
	for state, answers := range map[string][]providers.Answer{
		"open": {
			{Code: "UNAUTHENTICATED"}, {Code: "PERMISSION_DENIED"}, {Code: "NOT_FOUND"}, {Code: "UNAVAILABLE"}, {Code: "RESOURCE_EXHAUSTED"},
			{Status: 401}, {Status: 403}, {Status: 307}, {Status: 502},
		},
		"closed": {
			{Code: "UNREGISTERED"}, {Code: "SENDER_ID_MISMATCH"}, {Code: "INVALID_ARGUMENT"}, {Code: "THIRD_PARTY_AUTH_ERROR"},
			{Code: "QUOTA_EXCEEDED"}, {Status: 400},
		},
	} {
		for _, answer := range answers {
			g, f := google(t)
			g.Script(token, answer)
			if got := breaker(t, f); got != state {
				t.Errorf("after five of %s %d the breaker is %s, want %s", answer.Code, answer.Status, got, state)
			}
		}
	}
	for _, answer := range []providers.Answer{{Code: "invalid_grant"}, {Code: "of_tomorrow", Status: 403}, {Status: 307}, {Status: 503}} {
		g, f := google(t)
		g.Tokens.Script("", answer)
		if got := breaker(t, f); got != "open" {
			t.Errorf("after five times no token, %s %d, the breaker is %s", answer.Code, answer.Status, got)
		}
	}
}

// breaker is what five pushes in a row make of it.
func breaker(t *testing.T, f *fcm.FCM) string {
	t.Helper()
	over, err := sms.New(sms.Config{Providers: []sms.Provider{{Name: "fcm", Channel: f}}, Channel: verify.Push, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		over.Send(within(t), message(token, "android"))
	}
	return over.Stats()[0].Breaker
}
