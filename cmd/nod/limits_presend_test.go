package main

import (
	"crypto/rand"
	"encoding/base64"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	played "nod/deploy/providers"
)

// TestPresend: the integrator says yes, no or nothing before a code leaves; then, by
// itself, none does, and the app's login goes on.
func TestPresend(t *testing.T) {
	t.Parallel()
	k := &played.Gatekeeper{Integrator: played.Integrator{Secrets: []string{newWebhookSecret()}}}
	integrator := httptest.NewServer(k)
	t.Cleanup(integrator.Close)
	p := start(t, "NOD_PRESEND_URL="+integrator.URL, "NOD_PRESEND_TIMEOUT=3s", "NOD_WEBHOOK_SECRET="+k.Secrets[0])
	k.Script("no", played.Answer{Code: `{"allow": false}`})
	k.Script("silent", played.Answer{Fault: played.Hang})
	for user, detail := range map[string]string{"yes": "", "no": "presend", "silent": "presend_unanswered"} {
		number := line()
		v := p.ask(user, texted(number))
		if detail == "" {
			p.outbox(number, 1)
			continue
		}
		eventually(t, user+": it is suppressed", func() bool {
			row := p.status(v).list("deliveries")
			return len(row) == 1 && row[0].str("state") == "suppressed" && row[0].str("class") == "policy"
		})
		story := p.do(200, "GET", pathOf(v)+"/timeline", nil)
		if !slices.ContainsFunc(story.list("events"), func(e object) bool {
			return e.str("name") == "delivery.suppressed" && e.str("detail") == detail
		}) {
			t.Errorf("%s: the timeline does not say %s: %v", user, detail, story)
		}
		if got := p.sent(number); len(got) != 0 {
			t.Errorf("%s: a code left", user)
		}
	}
	if n := strings.Count(p.journal.String(), "nobody answers before codes leave"); n != 1 {
		t.Errorf("it is logged %d times that nobody answers", n)
	}
	for line, want := range map[string]string{
		`nod_sends_suppressed_total{reason="presend"}`: "1", `nod_sends_suppressed_total{reason="presend_unanswered"}`: "1",
		`nod_dispatcher_presend_total{result="done"}`: "2", `nod_dispatcher_presend_total{result="failed"}`: "1",
	} {
		if got := p.metric(line); got != want {
			t.Errorf("%s is %q, want %s", line, got, want)
		}
	}
	if len(k.Objections()) != 0 {
		t.Errorf("noted: %v", k.Objections())
	}
}

func newWebhookSecret() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it never fails
	return "whsec_" + base64.StdEncoding.EncodeToString(key)
}
