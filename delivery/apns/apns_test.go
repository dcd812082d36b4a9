package apns_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"nod/delivery"
	"nod/delivery/apns"
	"nod/delivery/sms"
	"nod/deploy/providers"
	"nod/verify"
)

// TestMain lets this process trust the servers of httptest, as an operator makes a
// machine trust a gateway: HTTP/2 over TLS is what Apple speaks.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "apns")
	if err != nil {
		log.Fatal(err)
	}
	s := httptest.NewTLSServer(http.NotFoundHandler())
	roots := filepath.Join(dir, "roots.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		log.Fatal(err)
	}
	s.Close()
	if err := os.Setenv("SSL_CERT_FILE", roots); err != nil {
		log.Fatal(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

var token = strings.Repeat("0a1b", 16)

// apple starts a judge that speaks HTTP/2 over TLS, and a client of it.
func apple(t testing.TB) (*providers.APNs, *apns.APNs) {
	t.Helper()
	j := judge()
	s := httptest.NewUnstartedServer(j)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	return j, client(t, config(j, s.URL))
}

func judge() *providers.APNs {
	return &providers.APNs{KeyID: "KEY4567890", TeamID: "TEAM567890", Topic: "org.example.nod"}
}

func config(j *providers.APNs, endpoint string) apns.Config {
	return apns.Config{Key: j.Key(), KeyID: j.KeyID, TeamID: j.TeamID, Topic: j.Topic, Endpoint: endpoint}
}

func client(t testing.TB, c apns.Config) *apns.APNs {
	t.Helper()
	a, err := apns.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

// within is enough for everything that answers.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// message is a push, made so that a careless client would tell.
func message(to string) delivery.Message {
	return delivery.Message{
		UserID:         "alice",
		VerificationID: "ver_" + strings.Repeat("0123", 8),
		DeliveryID:     "dlv_" + strings.Repeat("4567", 8),
		Channel:        verify.Push,
		Push:           &verify.PushTarget{Provider: "apns", Token: to},
		Platform:       "ios",
		Prompt:         &verify.PromptFrame{BindingMessage: "pay 1234567 to +14155550123"},
		Email:          "alice@example.com",
		Code:           "123456",
		Title:          "Is this you?",
		Text:           "Open the app to answer.",
		ExpiresAt:      time.Now().Add(90 * time.Second),
		Life:           90 * time.Second,
	}
}

func content(t testing.TB, j *providers.APNs) {
	t.Helper()
	if o := j.Objections(); len(o) > 0 {
		t.Errorf("the judge objects: %q", o)
	}
}

func TestSend(t *testing.T) {
	const secret = "the signed prompt of code 123456"
	j, a := apple(t)
	m := message(token)
	jwe := providers.Sealed(secret)
	m.Sealed = jwe
	o := a.Send(within(t), m)
	content(t, j)
	got := j.Accepted(token)
	if len(got) != 1 || o != (verify.Outcome{State: verify.StateAccepted, Class: verify.ClassNone, Provider: "apns", ProviderID: got[0].ID}) {
		t.Fatalf("%+v; the judge took %d", o, len(got))
	}
	for name, want := range map[string]string{
		"type": "prompt", "verification_id": m.VerificationID, "delivery_id": m.DeliveryID,
		"apns-push-type": "alert", "apns-priority": "10", "apns-topic": j.Topic,
		"apns-collapse-id": m.VerificationID, "apns-expiration": fmt.Sprint(m.ExpiresAt.Unix()),
	} {
		if got[0].Fields[name] != want {
			t.Errorf("%s is %q, want %q", name, got[0].Fields[name], want)
		}
	}
	if want := "Is this you?\nOpen the app to answer."; got[0].Text != want {
		t.Errorf("the phone shows %q", got[0].Text)
	}
	if got[0].Fields["jwe"] != jwe {
		t.Errorf("the device gets %q", got[0].Fields["jwe"])
	}
}

// TestWakeUp: without a key, and when the sealed prompt is too long, ids go alone.
func TestWakeUp(t *testing.T) {
	long := providers.Sealed(strings.Repeat("x", 3000))
	for _, jwe := range []string{"", long} {
		j, a := apple(t)
		m := message(token)
		m.Sealed = jwe
		if o := a.Send(within(t), m); o.State != verify.StateAccepted {
			t.Fatalf("%+v", o)
		}
		content(t, j)
		if got := j.Accepted(token)[0].Fields; got["jwe"] != "" || got["verification_id"] != m.VerificationID {
			t.Errorf("the push carries %v", got)
		}
	}
}

func TestWithdraw(t *testing.T) {
	j, a := apple(t)
	m := message(token)
	m.Sealed = "what must not be sent"
	if err := a.Withdraw(within(t), m); err != nil {
		t.Fatal(err)
	}
	content(t, j)
	got := j.Accepted(token)[0]
	if f := got.Fields; f["type"] != "prompt_closed" || f["delivery_id"] != "" || f["apns-push-type"] != "background" || f["apns-priority"] != "5" || got.Text != "" {
		t.Errorf("%+v", got)
	}
	j.Script(token, providers.Answer{Code: "Unregistered"})
	if err := a.Withdraw(within(t), m); err == nil || strings.Contains(err.Error(), token) {
		t.Errorf("refused with %v", err)
	}
}

// TestPlain: http:// is HTTP/2 from the first byte.
func TestPlain(t *testing.T) {
	j := judge()
	s := httptest.NewUnstartedServer(j)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	defer s.Close()
	a := client(t, config(j, s.URL))
	if o := a.Send(within(t), message(token)); o.State != verify.StateAccepted {
		t.Errorf("%+v", o)
	}
	content(t, j)
}

var (
	dead      = verify.Outcome{State: verify.StateFailed, Class: verify.ClassPermanentTarget}
	policy    = verify.Outcome{State: verify.StateFailed, Class: verify.ClassPolicy}
	transient = verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient}
	unknown   = verify.Outcome{State: verify.StateUnknown, Class: verify.ClassUnknown}
)

func TestAnswers(t *testing.T) {
	type row struct {
		answer providers.Answer
		want   verify.Outcome
		detail string // empty: the reason
	}
	table := []row{
		{providers.Answer{Code: "TooManyRequests", RetryAfter: "60"}, transient, ""},
		{providers.Answer{Code: "ServiceUnavailable", RetryAfter: "60"}, transient, ""},
		{providers.Answer{Code: "OfTomorrow" + token, Status: 400}, policy, "http_400"},
		{providers.Answer{Code: "OfTomorrow", Status: 410}, dead, "http_410"},
		{providers.Answer{Code: "OfTomorrow", Status: 429}, transient, "http_429"},
		{providers.Answer{Code: "OfTomorrow", Status: 500}, transient, "http_500"},
		{providers.Answer{Status: 302}, policy, "http_302"},
		{providers.Answer{Status: 307}, policy, "http_307"},
		{providers.Answer{Status: 404}, policy, "http_404"},
		{providers.Answer{Status: 502}, unknown, "http_502"},
		{providers.Answer{Status: 503, RetryAfter: "60"}, transient, "http_503"},
	}
	for want, reasons := range map[verify.Outcome][]string{
		dead: {"BadDeviceToken", "DeviceTokenNotForTopic", "ExpiredToken", "Unregistered"},
		policy: {
			"BadCollapseId", "BadExpirationDate", "BadMessageId", "BadPriority", "BadTopic", "DuplicateHeaders", "InvalidPushType",
			"MissingDeviceToken", "MissingTopic", "PayloadEmpty", "TopicDisallowed", "BadPath", "MethodNotAllowed", "PayloadTooLarge",
			"BadCertificate", "BadCertificateEnvironment", "BadEnvironmentKeyIdInToken", "BadEnvironmentKeyInToken",
			"Forbidden", "InvalidProviderToken", "MissingProviderToken", "UnrelatedKeyIdInToken",
		},
		transient: {"ExpiredProviderToken", "IdleTimeout", "TooManyProviderTokenUpdates", "TooManyRequests", "InternalServerError", "ServiceUnavailable", "Shutdown"},
	} {
		for _, reason := range reasons {
			table = append(table, row{answer: providers.Answer{Code: reason}, want: want})
		}
	}
	j, a := apple(t)
	seen := map[string]bool{}
	for i, r := range table {
		seen[r.answer.Code] = true
		t.Run(fmt.Sprint(r.answer.Code, r.answer.Status, r.answer.RetryAfter), func(t *testing.T) {
			to := fmt.Sprintf("%064x", i+1)
			j.Script(to, r.answer)
			ctx := within(t)
			o := a.Send(ctx, message(to))
			want := r.want
			want.Provider, want.Detail = "apns", r.detail
			if r.detail == "" {
				want.Detail = r.answer.Code
			}
			if r.answer.RetryAfter != "" {
				want.RetryAfter = time.Minute
			}
			if o != want {
				t.Errorf("%+v, want %+v", o, want)
			}
			if n := j.Requests(to); n != 1 {
				t.Errorf("%d requests", n)
			}
		})
	}
	content(t, j) // a redirect that is followed would be objected to
	for _, reason := range append(apns.Reasons(), providers.APNsReasons()...) {
		if !seen[reason] {
			t.Errorf("%s is not tried", reason)
		}
	}
}

// TestProviderTokenIsRenewed: a push that was refused for a token that is then
// renewed is tried again; a new token that is refused is the operator's.
func TestProviderTokenIsRenewed(t *testing.T) {
	for _, reason := range []string{"InvalidProviderToken", "ExpiredProviderToken"} {
		j, a := apple(t)
		send := func(step string, want verify.DeliveryState) {
			t.Helper()
			if o := a.Send(within(t), message(token)); o.State != want || want == verify.StateRetrying && o.Detail != reason {
				t.Errorf("%s, %s: %+v", reason, step, o)
			}
		}
		send("a new token", verify.StateAccepted)
		j.Script(token, providers.Answer{Code: reason}, providers.Answer{})
		a.Age(30 * time.Minute)
		send("an old token", verify.StateRetrying)
		send("renewed", verify.StateAccepted)
		content(t, j)
		if reason == "InvalidProviderToken" {
			j.Script(token, providers.Answer{Code: reason})
			send("renewed and refused", verify.StateFailed)
		}
	}
}

// TestProviderTokenIsRenewedByAnother: a push whose token was replaced while it was
// under way is tried again, too.
func TestProviderTokenIsRenewedByAnother(t *testing.T) {
	j := judge()
	slow, came, release := strings.Repeat("5", 64), make(chan struct{}), make(chan struct{})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, slow) {
			close(came)
			<-release
		}
		j.ServeHTTP(w, r)
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	a := client(t, config(j, s.URL))
	j.Script("", providers.Answer{Code: "InvalidProviderToken"}, providers.Answer{})
	j.Script(slow, providers.Answer{Code: "InvalidProviderToken"})
	outcome := make(chan verify.Outcome, 1)
	go func() { outcome <- a.Send(within(t), message(slow)) }()
	<-came
	a.Age(30 * time.Minute)
	a.Send(within(t), message(token))
	if o := a.Send(within(t), message(token)); o.State != verify.StateAccepted {
		t.Errorf("after the token was renewed: %+v", o)
	}
	close(release)
	if o := <-outcome; o.State != verify.StateRetrying {
		t.Errorf("with the token of before: %+v", o)
	}
}

// TestWhatOpensTheBreaker: what is wrong with the key or the topic, and no device.
func TestWhatOpensTheBreaker(t *testing.T) {
	j, a := apple(t)
	for state, answers := range map[string][]providers.Answer{
		"open": {
			{Code: "InvalidProviderToken"}, {Code: "ExpiredProviderToken"}, {Code: "TopicDisallowed"}, {Code: "ServiceUnavailable"},
			{Code: "TooManyProviderTokenUpdates"}, {Status: 403}, {Status: 302}, {Status: 502},
		},
		"closed": {
			{Code: "Unregistered"}, {Code: "BadDeviceToken"}, {Code: "DeviceTokenNotForTopic"}, {Code: "TooManyRequests"},
			{Code: "PayloadTooLarge"}, {Status: 400},
		},
	} {
		for _, answer := range answers {
			over, err := sms.New(sms.Config{Providers: []sms.Provider{{Name: "apns", Channel: a}}, Channel: verify.Push, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			j.Script(token, answer)
			for range 5 {
				over.Send(within(t), message(token))
			}
			if got := over.Stats()[0].Breaker; got != state {
				t.Errorf("after five of %s %d the breaker is %s, want %s", answer.Code, answer.Status, got, state)
			}
		}
	}
}

func TestFaults(t *testing.T) {
	for fault, want := range map[providers.Fault]struct {
		detail string
		taken  int
	}{
		providers.Hang:        {"timeout", 0},
		providers.Reset:       {"reset", 0},
		providers.TakenHang:   {"timeout", 1},
		providers.TakenReset:  {"reset", 1},
		providers.TakenBroken: {"http_200", 1},
	} {
		t.Run(string(fault), func(t *testing.T) {
			j, a := apple(t)
			j.Script(token, providers.Answer{Fault: fault})
			ctx, cancel := context.WithCancel(within(t))
			defer cancel()
			switch fault {
			case providers.Hang:
				go func() {
					_ = j.WaitRequests(ctx, token, 1)
					cancel()
				}()
			case providers.TakenHang:
				go func() {
					_, _ = j.Wait(ctx, token, 1)
					cancel()
				}()
			}
			o := a.Send(ctx, message(token))
			if o.State != verify.StateUnknown || o.Class != verify.ClassUnknown || o.Detail != want.detail {
				t.Errorf("%+v", o)
			}
			if taken := len(j.Accepted(token)); taken != want.taken {
				t.Errorf("%d taken", taken)
			}
			if n := j.Requests(token); n != 1 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

// TestNotSent: what certainly did not leave is tried again.
func TestNotSent(t *testing.T) {
	j := judge()
	gone := httptest.NewServer(j)
	gone.Close()
	old := httptest.NewUnstartedServer(j) // speaks HTTP/1.1 only
	old.Config.ErrorLog = log.New(io.Discard, "", 0)
	old.StartTLS()
	defer old.Close()
	for name, endpoint := range map[string]string{
		"nobody listens":                   gone.URL,
		"the certificate is for another":   strings.Replace(old.URL, "127.0.0.1", "localhost", 1),
		"the server does not speak HTTP/2": old.URL,
		"the server speaks TLS, we do not": strings.Replace(old.URL, "https:", "http:", 1),
	} {
		a := client(t, config(j, endpoint))
		o := a.Send(within(t), message(token))
		if want := (verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Provider: "apns", Detail: "connect"}); o != want && !strings.HasSuffix(name, "we do not") {
			t.Errorf("%s: %+v", name, o)
		}
		if o.State == verify.StateAccepted {
			t.Errorf("%s: %+v", name, o)
		}
	}
	if n := j.Requests(""); n != 0 {
		t.Errorf("%d requests", n)
	}
	a := client(t, config(j, gone.URL))
	for _, bad := range []string{"", "xyz", "../../3/device/" + token, token + "?a=b", strings.Repeat("a", 1000)} {
		if o := a.Send(within(t), message(bad)); o.Class != verify.ClassPermanentTarget || o.Detail != "malformed_token" {
			t.Errorf("%q: %+v", bad, o)
		}
	}
}

// TestSendsBesideEachOther: pushes share one connection and no answers.
func TestSendsBesideEachOther(t *testing.T) {
	j, a := apple(t)
	gone, busy := strings.Repeat("d", 64), strings.Repeat("b", 64)
	j.Script(gone, providers.Answer{Code: "Unregistered"})
	j.Script(busy, providers.Answer{Code: "TooManyRequests"})
	want := map[string]verify.DeliveryState{gone: verify.StateFailed, busy: verify.StateRetrying, token: verify.StateAccepted}
	var all sync.WaitGroup
	for range 20 {
		for to, state := range want {
			all.Go(func() {
				if o := a.Send(within(t), message(to)); o.State != state {
					t.Errorf("%s: %+v", to, o)
				}
			})
		}
	}
	all.Wait()
	content(t, j)
	for to := range want {
		if n := j.Requests(to); n != 20 {
			t.Errorf("%s: %d requests for 20 sends", to, n)
		}
	}
}

func TestCheck(t *testing.T) {
	other := judge()
	for says, change := range map[string]func(*apns.Config){
		"":                      func(*apns.Config) {},
		"belong together":       func(c *apns.Config) { c.Key = other.Key() },
		"(InvalidProviderTok":   func(c *apns.Config) { c.KeyID = "OTHER" },
		"does not know the key": func(c *apns.Config) { c.TeamID = "OTHER" },
		"NOD_APNS_TOPIC":        func(c *apns.Config) { c.Topic = "org.example.other" },
		"the network":           func(c *apns.Config) { c.Endpoint = "http://127.0.0.1:1" },
	} {
		j := judge()
		s := httptest.NewUnstartedServer(j)
		s.EnableHTTP2 = true
		s.StartTLS()
		c := config(j, s.URL)
		change(&c)
		err := client(t, c).Check(within(t))
		s.Close()
		if (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
		if n := len(j.Accepted("")); n != 0 {
			t.Errorf("a check sent %d messages", n)
		}
	}
}

// TestCheckIsTaken: who takes the push has taken the credentials.
func TestCheckIsTaken(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	if err := client(t, config(judge(), s.URL)).Check(within(t)); err != nil {
		t.Error(err)
	}
}

func TestNew(t *testing.T) {
	j := judge()
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(p384)
	if err != nil {
		t.Fatal(err)
	}
	for says, change := range map[string]func(*apns.Config){
		"":                    func(c *apns.Config) { c.Endpoint = "" },
		"no .p8 file":         func(c *apns.Config) { c.Key = []byte("a path") },
		"not on P-256":        func(c *apns.Config) { c.Key = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}) },
		"a key id":            func(c *apns.Config) { c.KeyID = "" },
		"a team id":           func(c *apns.Config) { c.TeamID = "" },
		"and a topic":         func(c *apns.Config) { c.Topic = "" },
		"scheme and host":     func(c *apns.Config) { c.Endpoint = "api.push.apple.com" },
		"not scheme and host": func(c *apns.Config) { c.Endpoint = "https://api.push.apple.com/3" },
	} {
		c := config(j, "https://apns.example")
		change(&c)
		_, err := apns.New(c)
		if (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
	}
}

func BenchmarkSend(b *testing.B) {
	j, a := apple(b)
	jwe := providers.Sealed(strings.Repeat("x", 800))
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			m := message(token)
			m.Sealed = jwe
			if o := a.Send(b.Context(), m); o.State != verify.StateAccepted {
				b.Errorf("%+v", o)
			}
		}
	})
	content(b, j)
}
