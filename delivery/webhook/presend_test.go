package webhook_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"nod/delivery"
	"nod/delivery/webhook"
	"nod/deploy/providers"
	"nod/verify"
)

// gatekeeper is a judging integrator and a gate that reaches it.
type gatekeeper struct {
	*providers.Gatekeeper
	gate *webhook.Gate
}

func newGatekeeper(t *testing.T) gatekeeper {
	t.Helper()
	secret := newSecret(32)
	k := gatekeeper{Gatekeeper: &providers.Gatekeeper{Integrator: providers.Integrator{Secrets: []string{secret}}}}
	k.gate = newGate(t, newServer(t, k.Gatekeeper).URL+"/ask", newSecret(32), secret)
	return k
}

func newGate(t *testing.T, url string, secrets ...string) *webhook.Gate {
	t.Helper()
	g, err := webhook.NewGate(webhook.Config{URL: url, Secrets: secrets})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func departure() delivery.Departure {
	return delivery.Departure{
		VerificationID: verify.NewID("ver"), DeliveryID: verify.NewID("dlv"), UserID: "u1", Purpose: verify.Login,
		Channel: verify.SMS, Country: "US", IP: "192.0.2.7", At: time.Now(),
	}
}

func TestGate(t *testing.T) {
	k := newGatekeeper(t)
	of := departure()
	if yes, err := k.gate.Allow(t.Context(), of); !yes || err != nil {
		t.Errorf("%t, %v", yes, err)
	}
	got := k.Accepted("u1")
	if len(got) != 1 || got[0].ID != of.DeliveryID || got[0].Fields["country"] != "US" || got[0].Fields["ip"] != "192.0.2.7" || got[0].Fields["verification_id"] != of.VerificationID {
		t.Errorf("asked: %v, noted: %v", got, k.Objections())
	}
}

// Only 200 with true is a yes; each question costs one request.
func TestGateAnswers(t *testing.T) {
	says := func(body string) providers.Answer { return providers.Answer{Code: body} }
	for name, c := range map[string]struct {
		answer providers.Answer
		yes    bool
		err    string // empty: it is an answer
	}{
		"yes":                {says(`{"allow": true}`), true, ""},
		"yes, and more":      {says(`{"allow":true,"reason":"known","score":{"n":1}}`), true, ""},
		"no":                 {says(`{"allow": false, "reason": "somebody told us"}`), false, ""},
		"a word":             {says(`{"allow": "true"}`), false, "the answer is not"},
		"a number":           {says(`{"allow": 1}`), false, "the answer is not"},
		"null":               {says(`{"allow": null}`), false, "the answer is not"},
		"nothing in it":      {says(`{}`), false, "the answer is not"},
		"another's name":     {says(`{"Allow": true}`), false, "the answer is not"},
		"no object":          {says(`true`), false, "the answer is not"},
		"cut short":          {says(`{"allow": true`), false, "the answer is not"},
		"and a space":        {says("\n{\"allow\": true}\n"), true, ""},
		"both, one by one":   {says(`{"allow":true}{"allow":false}`), false, "the answer is not"},
		"yes, and a word":    {says(`{"allow":true} but`), false, "the answer is not"},
		"yes, and a brace":   {says(`{"allow":true}}`), false, "the answer is not"},
		"both in one":        {says(`{"allow":false,"allow":true}`), false, "the answer is not"},
		"yes, twice":         {says(`{"allow":true,"\u0061llow":true}`), false, "the answer is not"},
		"deeper":             {says(`{"answer":{"allow":true}}`), false, "the answer is not"},
		"in a list":          {says(`[{"allow":true}]`), false, "the answer is not"},
		"no comma":           {says(`{"allow":true "b":1}`), false, "the answer is not"},
		"too long":           {says(`{"pad":"` + strings.Repeat("a", 70<<10) + `","allow": true}`), false, "the answer is not"},
		"no JSON":            {providers.Answer{Fault: providers.TakenBroken}, false, "the answer is not"},
		"yes with a 201":     {providers.Answer{Status: 201}, false, "the answer is 201"},
		"yes with a 500":     {providers.Answer{Status: 500}, false, "the answer is 500"},
		"a redirect":         {providers.Answer{Status: 307}, false, "the answer is 307"},
		"reset":              {providers.Answer{Fault: providers.Reset}, false, "no answer (reset)"},
		"taken, then silent": {providers.Answer{Fault: providers.TakenHang}, false, "no answer (timeout)"},
	} {
		t.Run(name, func(t *testing.T) {
			k := newGatekeeper(t)
			k.Script("u1", c.answer)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if c.answer.Fault == providers.TakenHang {
				go func() { // the dispatcher gives up
					_ = k.WaitRequests(ctx, "u1", 1)
					cancel()
				}()
			}
			yes, err := k.gate.Allow(ctx, departure())
			if yes != c.yes || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("%t, %v, want %t, %s", yes, err, c.yes, c.err)
			}
			if n := k.Requests("u1"); n != 1 || len(k.Objections()) != 0 {
				t.Errorf("%d requests, noted: %v", n, k.Objections())
			}
		})
	}
}

// The proxy that the environment names (see TestMain) is not asked: a name that nobody
// has is looked for here.
func TestGateIsAskedDirectly(t *testing.T) {
	g := newGate(t, "http://nowhere.invalid/ask", newSecret(32))
	if yes, err := g.Allow(t.Context(), departure()); yes || err == nil || !strings.Contains(err.Error(), "(dns)") {
		t.Errorf("%t, %v", yes, err)
	}
}

func TestGateSettings(t *testing.T) {
	good := newSecret(32)
	for name, c := range map[string]struct {
		url    string
		secret string
		wrong  string
	}{
		"no scheme":  {"example.com/ask", good, "NOD_PRESEND_URL"},
		"a password": {"https://me:hidden@example.com", good, "NOD_PRESEND_URL"},
		"no secret":  {"https://example.com/ask", "hidden", "NOD_WEBHOOK_SECRET"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := webhook.NewGate(webhook.Config{URL: c.url, Secrets: []string{c.secret}})
			if err == nil || !strings.Contains(err.Error(), c.wrong) || strings.Contains(err.Error(), "hidden") {
				t.Errorf("error %v, want %s", err, c.wrong)
			}
		})
	}
	if err := newGate(t, "http://nowhere.invalid/ask?key=hidden", good).Check(t.Context()); err == nil || !strings.Contains(err.Error(), "NOD_PRESEND_URL cannot be reached (dns)") || strings.Contains(err.Error(), "hidden") {
		t.Error(err)
	}
}
