package webhook_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"nod/delivery"
	"nod/delivery/webhook"
	"nod/deploy/providers"
	"nod/verify"
)

func TestMain(m *testing.M) {
	_ = os.Setenv("HTTP_PROXY", "http://127.0.0.1:1") // of plain HTTP to others than this machine; it is read once
	goleak.VerifyTestMain(m)
}

// newSecret makes a secret of n bytes.
func newSecret(n int) string {
	key := make([]byte, n)
	_, _ = rand.Read(key) // it never fails
	return "whsec_" + base64.StdEncoding.EncodeToString(key)
}

// receiver is a judging integrator and an endpoint that reaches it.
type receiver struct {
	*providers.Integrator
	server   *httptest.Server
	endpoint *webhook.Endpoint
}

func newReceiver(t testing.TB, secrets ...string) receiver {
	t.Helper()
	i := &providers.Integrator{Secrets: secrets[:1]}
	r := receiver{Integrator: i, server: newServer(t, i)}
	r.endpoint = newEndpoint(t, r.server.URL+"/hooks?from=nod", secrets...)
	return r
}

func newServer(t testing.TB, h http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server
}

func newEndpoint(t testing.TB, url string, secrets ...string) *webhook.Endpoint {
	t.Helper()
	e, err := webhook.New(webhook.Config{URL: url, Secrets: secrets})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func approved() delivery.Webhook {
	id := verify.NewID("evt")
	at := time.Now()
	return delivery.Webhook{ID: id, Attempt: 1, ClaimedAt: at, Event: verify.Event{
		ID: id, VerificationID: verify.NewID("ver"), UserID: "u1", Seq: 9, Name: verify.EventApproved, At: at.Add(-time.Hour),
		Data: verify.EventData{Method: verify.ByApp, Purpose: verify.Login},
	}}
}

func TestPost(t *testing.T) {
	r := newReceiver(t, newSecret(32))
	w := approved()
	if o := r.endpoint.Post(t.Context(), w); o != (delivery.WebhookOutcome{Delivered: true, Status: 204}) {
		t.Errorf("outcome %+v", o)
	}
	got := r.Accepted(verify.EventApproved)
	if len(got) != 1 || len(r.Objections()) != 0 {
		t.Fatalf("taken: %v, noted: %v", got, r.Objections())
	}
	var body struct {
		Type      string         `json:"type"`
		Timestamp time.Time      `json:"timestamp"`
		Data      map[string]any `json:"data"`
	}
	if err := json.Unmarshal([]byte(got[0].Text), &body); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"verification_id": w.Event.VerificationID, "user_id": "u1", "seq": 9.0, "method": "app", "purpose": "login"}
	if got[0].ID != w.ID || !body.Timestamp.Equal(w.Event.At.Truncate(time.Millisecond)) || fmt.Sprint(body.Data) != fmt.Sprint(want) {
		t.Errorf("taken: %+v", got[0])
	}
}

// Whoever knows either secret verifies while one takes the other's place.
func TestSecretsRotate(t *testing.T) {
	older, newer := newSecret(24), newSecret(64)
	for _, known := range []string{older, newer} {
		i := &providers.Integrator{Secrets: []string{known}}
		e := newEndpoint(t, newServer(t, i).URL, newer, older)
		if o := e.Post(t.Context(), approved()); !o.Delivered {
			t.Errorf("outcome %+v, noted: %v", o, i.Objections())
		}
	}
	i := &providers.Integrator{Secrets: []string{newSecret(32)}}
	e := newEndpoint(t, newServer(t, i).URL, newer, older)
	if o := e.Post(t.Context(), approved()); o.Delivered || o.Status != 401 {
		t.Errorf("outcome %+v", o)
	}
}

// An event of a device or a provider names no verification.
func TestPostOfNoVerification(t *testing.T) {
	r := newReceiver(t, newSecret(32))
	w := approved()
	w.Event.VerificationID, w.Event.UserID, w.Event.Seq, w.Event.Name = "", "", 0, verify.EventProviderDegraded
	w.Event.Data = verify.EventData{Provider: "twilio"}
	r.endpoint.Post(t.Context(), w)
	got := r.Accepted(verify.EventProviderDegraded)
	if len(got) != 1 || !strings.Contains(got[0].Text, `"data":{"provider":"twilio"}`) {
		t.Errorf("taken: %v, noted: %v", got, r.Objections())
	}
}

// Every answer and every silence has its outcome, and each costs one request.
func TestOutcomes(t *testing.T) {
	for name, c := range map[string]struct {
		answer providers.Answer
		want   delivery.WebhookOutcome
	}{
		"200":                {providers.Answer{Status: 200}, delivery.WebhookOutcome{Delivered: true, Status: 200}},
		"299":                {providers.Answer{Status: 299}, delivery.WebhookOutcome{Delivered: true, Status: 299}},
		"302":                {providers.Answer{Status: 302}, delivery.WebhookOutcome{Status: 302, Detail: "redirect"}},
		"308":                {providers.Answer{Status: 308}, delivery.WebhookOutcome{Status: 308, Detail: "redirect"}},
		"400":                {providers.Answer{Status: 400}, delivery.WebhookOutcome{Status: 400}},
		"404":                {providers.Answer{Status: 404}, delivery.WebhookOutcome{Status: 404}},
		"410":                {providers.Answer{Status: 410}, delivery.WebhookOutcome{Status: 410, Gone: true}},
		"429":                {providers.Answer{Status: 429, RetryAfter: "90"}, delivery.WebhookOutcome{Status: 429, RetryAfter: 90 * time.Second}},
		"500":                {providers.Answer{Status: 500}, delivery.WebhookOutcome{Status: 500}},
		"503 for hours":      {providers.Answer{Status: 503, RetryAfter: "18000"}, delivery.WebhookOutcome{Status: 503, RetryAfter: 5 * time.Hour}},
		"503 for years":      {providers.Answer{Status: 503, RetryAfter: "999999999"}, delivery.WebhookOutcome{Status: 503, RetryAfter: 24 * time.Hour}},
		"503 for who knows":  {providers.Answer{Status: 503, RetryAfter: "soon"}, delivery.WebhookOutcome{Status: 503}},
		"reset":              {providers.Answer{Fault: providers.Reset}, delivery.WebhookOutcome{Detail: "reset"}},
		"taken, then reset":  {providers.Answer{Fault: providers.TakenReset}, delivery.WebhookOutcome{Detail: "reset"}},
		"taken, odd answer":  {providers.Answer{Fault: providers.TakenBroken}, delivery.WebhookOutcome{Delivered: true, Status: 200}},
		"taken, then silent": {providers.Answer{Fault: providers.TakenHang}, delivery.WebhookOutcome{Detail: "timeout"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReceiver(t, newSecret(32))
			r.Script(verify.EventApproved, c.answer)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if c.answer.Fault == providers.TakenHang {
				go func() { // the dispatcher gives up
					_ = r.WaitRequests(ctx, verify.EventApproved, 1)
					cancel()
				}()
			}
			if o := r.endpoint.Post(ctx, approved()); o != c.want {
				t.Errorf("outcome %+v, want %+v", o, c.want)
			}
			if n := r.Requests(verify.EventApproved); n != 1 || len(r.Objections()) != 0 {
				t.Errorf("%d requests, noted: %v", n, r.Objections())
			}
		})
	}
}

// What a hostile receiver answers is read as far as it matters.
func TestEndlessAnswer(t *testing.T) {
	server := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		for line := strings.Repeat("a", 1<<16); ; {
			if _, err := io.WriteString(w, line); err != nil {
				return // it was hung up on
			}
		}
	}))
	e := newEndpoint(t, server.URL, newSecret(32))
	if o := e.Post(t.Context(), approved()); o != (delivery.WebhookOutcome{Delivered: true, Status: 200}) {
		t.Errorf("outcome %+v", o)
	}
}

func TestNobodyThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	tls := httptest.NewUnstartedServer(http.NotFoundHandler()) // whose certificate nobody knows
	tls.Config.ErrorLog = log.New(io.Discard, "", 0)
	tls.StartTLS()
	defer tls.Close()
	plain := newServer(t, http.NotFoundHandler())
	for name, c := range map[string]struct{ url, detail string }{
		"closed port":      {"http://" + l.Addr().String(), "connect"},
		"no such host":     {"https://nowhere.invalid", "dns"},
		"own certificate":  {tls.URL, "tls"},
		"not TLS at all":   {strings.Replace(plain.URL, "http:", "https:", 1), "tls"},
		"TLS, not plain":   {strings.Replace(tls.URL, "https:", "http:", 1), ""},
		"answers anything": {plain.URL, ""},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEndpoint(t, c.url, newSecret(32))
			if o := e.Post(t.Context(), approved()); o.Delivered || o.Detail != c.detail || (o.Status == 0) != (c.detail != "") {
				t.Errorf("outcome %+v, want %s", o, c.detail)
			}
			err := e.Check(t.Context())
			if (err == nil) != (c.detail == "") {
				t.Errorf("check: %v", err)
			}
			if err != nil && (!strings.Contains(err.Error(), "NOD_WEBHOOK_URL") || !strings.Contains(err.Error(), "("+c.detail+")")) {
				t.Errorf("check: %v", err)
			}
		})
	}
}

func TestCheckTellsNobodyAnything(t *testing.T) {
	r := newReceiver(t, newSecret(32))
	if err := r.endpoint.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if len(r.Accepted(""))+len(r.Objections()) != 0 {
		t.Errorf("taken: %v, noted: %v", r.Accepted(""), r.Objections())
	}
}

func TestSettings(t *testing.T) {
	good, address := newSecret(32), "https://example.com/hooks"
	for name, c := range map[string]struct {
		url     string
		secrets []string
		wrong   string // empty: nothing is
	}{
		"one secret":      {address, []string{good}, ""},
		"two":             {address, []string{good, newSecret(24)}, ""},
		"plain HTTP":      {"http://integrator:3000/", []string{newSecret(64)}, ""},
		"no address":      {"", []string{good}, "NOD_WEBHOOK_URL"},
		"no scheme":       {"example.com/hooks", []string{good}, "NOD_WEBHOOK_URL"},
		"another scheme":  {"ftp://example.com", []string{good}, "NOD_WEBHOOK_URL"},
		"no host":         {"https:///hooks", []string{good}, "NOD_WEBHOOK_URL"},
		"a password":      {"https://me:hidden@example.com", []string{good}, "NOD_WEBHOOK_URL"},
		"a fragment":      {address + "#hidden", []string{good}, "NOD_WEBHOOK_URL"},
		"no secret":       {address, nil, "NOD_WEBHOOK_SECRET"},
		"three":           {address, []string{good, good, good}, "NOD_WEBHOOK_SECRET"},
		"no prefix":       {address, []string{strings.TrimPrefix(good, "whsec_")}, "NOD_WEBHOOK_SECRET"},
		"no base64":       {address, []string{"whsec_hidden, but not in base64"}, "NOD_WEBHOOK_SECRET"},
		"too short":       {address, []string{newSecret(23)}, "NOD_WEBHOOK_SECRET"},
		"too long":        {address, []string{newSecret(65)}, "NOD_WEBHOOK_SECRET"},
		"the second is":   {address, []string{good, "whsec_"}, "NOD_WEBHOOK_SECRET"},
		"a private key":   {address, []string{strings.Replace(good, "whsec_", "whsk_", 1)}, "NOD_WEBHOOK_SECRET"},
		"space before it": {address, []string{" " + good}, "NOD_WEBHOOK_SECRET"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := webhook.New(webhook.Config{URL: c.url, Secrets: c.secrets})
			switch {
			case (err == nil) != (c.wrong == ""):
				t.Errorf("error %v", err)
			case err == nil:
			case !strings.Contains(err.Error(), c.wrong):
				t.Errorf("the error does not name %s: %v", c.wrong, err)
			default:
				for _, secret := range append(c.secrets, "hidden") {
					if len(secret) > 6 && strings.Contains(err.Error(), strings.TrimPrefix(secret, "whsec_")) {
						t.Errorf("the error repeats what it refuses: %v", err)
					}
				}
			}
		})
	}
}

func TestHostIsAllThatIsShown(t *testing.T) {
	e := newEndpoint(t, "http://nowhere.invalid:8443/hooks/ab12?key=hidden", newSecret(32))
	if e.Host() != "nowhere.invalid:8443" {
		t.Errorf("host %s", e.Host())
	}
	if err := e.Check(t.Context()); err == nil || strings.Contains(err.Error(), "hidden") {
		t.Error(err)
	}
}

// BenchmarkPost sends from many goroutines at once, as the dispatcher does.
func BenchmarkPost(b *testing.B) {
	server := newServer(b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	}))
	e, w := newEndpoint(b, server.URL, newSecret(32)), approved()
	b.SetParallelism(16)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if o := e.Post(b.Context(), w); !o.Delivered {
				b.Errorf("outcome %+v", o)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "per_s")
}
