package webpush_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"nod/delivery"
	"nod/delivery/sms"
	"nod/delivery/webpush"
	"nod/deploy/providers"
	"nod/verify"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service starts a judge on this machine and a client that may go there.
func service(t testing.TB) (*providers.WebPush, string, *webpush.WebPush) {
	t.Helper()
	j := &providers.WebPush{}
	s := httptest.NewServer(j)
	t.Cleanup(s.Close)
	return j, s.URL, client(t, webpush.Config{Key: newKey(t), Subject: "mailto:push@example.com", Local: true})
}

func client(t testing.TB, c webpush.Config) *webpush.WebPush {
	t.Helper()
	p, err := webpush.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// within is enough for everything that answers.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// message is a push of 90.9 s of life, made so that a careless client would tell.
func message(subscription string) delivery.Message {
	return delivery.Message{
		UserID:         "alice",
		VerificationID: "ver_" + strings.Repeat("0123", 8),
		DeliveryID:     "dlv_" + strings.Repeat("4567", 8),
		Channel:        verify.Push,
		Push:           &verify.PushTarget{Provider: "webpush", Token: subscription},
		Platform:       "web",
		Prompt:         &verify.PromptFrame{BindingMessage: "pay 1234567 to +14155550123"},
		Email:          "alice@example.com",
		Code:           "123456",
		Title:          "Is this you?",
		Text:           "Open the app to answer.",
		ExpiresAt:      time.Now().Add(90900 * time.Millisecond),
		Life:           90900 * time.Millisecond,
	}
}

// endpoint is the address in a subscription.
func endpoint(t testing.TB, subscription string) string {
	t.Helper()
	var s struct{ Endpoint string }
	if err := json.Unmarshal([]byte(subscription), &s); err != nil {
		t.Fatal(err)
	}
	return s.Endpoint
}

func content(t testing.TB, j *providers.WebPush) {
	t.Helper()
	if o := j.Objections(); len(o) > 0 {
		t.Errorf("the judge objects: %q", o)
	}
}

// says is what the browser reads of the last push.
func says(t testing.TB, j *providers.WebPush, to string) (map[string]string, providers.Accepted) {
	t.Helper()
	got := j.Accepted(to)
	if len(got) == 0 {
		t.Fatal("nothing came")
	}
	last := got[len(got)-1]
	var text map[string]string
	if err := json.Unmarshal([]byte(last.Text), &text); err != nil {
		t.Fatal(err)
	}
	return text, last
}

func TestSend(t *testing.T) {
	for name, jwe := range map[string]string{"sealed": providers.Sealed("the signed prompt of code 123456"), "no key": "", "too long": providers.Sealed(strings.Repeat("x", 3000))} {
		t.Run(name, func(t *testing.T) {
			j, url, p := service(t)
			subscription := j.Subscribe(url)
			m := message(subscription)
			m.Sealed = jwe
			if o := p.Send(within(t), m); o != (verify.Outcome{State: verify.StateAccepted, Class: verify.ClassNone, Provider: "webpush"}) {
				t.Fatalf("%+v", o)
			}
			content(t, j)
			text, got := says(t, j, endpoint(t, subscription))
			want := map[string]string{"type": "prompt", "verification_id": m.VerificationID, "delivery_id": m.DeliveryID, "title": m.Title, "body": m.Text}
			if name == "sealed" {
				want["jwe"] = jwe
			}
			if fmt.Sprint(text) != fmt.Sprint(want) {
				t.Errorf("the browser reads %v", text)
			}
			if f := got.Fields; f["ttl"] != "90" || f["urgency"] != "high" || len(f["topic"]) != 32 {
				t.Errorf("it was sent with %v", f)
			}
		})
	}
}

// TestWithdraw: the end of a request has its topic, so that it replaces the request
// where that still waits.
func TestWithdraw(t *testing.T) {
	j, url, p := service(t)
	subscription := j.Subscribe(url)
	to := endpoint(t, subscription)
	m := message(subscription)
	if o := p.Send(within(t), m); o.State != verify.StateAccepted {
		t.Fatalf("%+v", o)
	}
	_, first := says(t, j, to)
	if err := p.Withdraw(within(t), m); err != nil {
		t.Fatal(err)
	}
	content(t, j)
	text, last := says(t, j, to)
	if fmt.Sprint(text) != fmt.Sprint(map[string]string{"type": "prompt_closed", "verification_id": m.VerificationID}) {
		t.Errorf("the browser reads %v", text)
	}
	if last.Fields["topic"] != first.Fields["topic"] || last.Fields["urgency"] != "normal" {
		t.Errorf("%v after %v", last.Fields, first.Fields)
	}
	m.VerificationID = "ver_" + strings.Repeat("89ab", 8)
	if o := p.Send(within(t), m); o.State != verify.StateAccepted {
		t.Fatalf("%+v", o)
	}
	if _, other := says(t, j, to); other.Fields["topic"] == first.Fields["topic"] {
		t.Error("two requests have one topic")
	}
	j.Script(to, providers.Answer{Status: http.StatusGone})
	if err := p.Withdraw(within(t), m); err == nil || strings.Contains(err.Error(), to) {
		t.Errorf("refused with %v", err)
	}
}

func TestAnswers(t *testing.T) {
	accepted := verify.Outcome{State: verify.StateAccepted, Class: verify.ClassNone}
	dead := verify.Outcome{State: verify.StateFailed, Class: verify.ClassPermanentTarget}
	policy := verify.Outcome{State: verify.StateFailed, Class: verify.ClassPolicy}
	transient := verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient}
	unknown := verify.Outcome{State: verify.StateUnknown, Class: verify.ClassUnknown}
	table := map[int]verify.Outcome{
		200: accepted, 201: accepted, 202: accepted,
		301: policy, 302: policy, 307: policy, 308: policy,
		400: policy, 401: policy, 403: policy, 405: policy, 413: policy, 418: policy,
		404: dead, 410: dead,
		429: transient, 500: transient, 503: transient,
		502: unknown, 504: unknown, 599: unknown,
	}
	j, url, p := service(t)
	for status, want := range table {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			subscription := j.Subscribe(url)
			to := endpoint(t, subscription)
			j.Script(to, providers.Answer{Status: status, RetryAfter: "60"})
			o := p.Send(within(t), message(subscription))
			want.Provider = "webpush"
			if want.State == verify.StateRetrying || want.State == verify.StateUnknown {
				want.RetryAfter = time.Minute
			}
			if want.State != verify.StateAccepted {
				want.Detail = fmt.Sprint("http_", status)
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
	for _, status := range webpush.Statuses() {
		if _, ok := table[status]; !ok {
			t.Errorf("%d is not tried", status)
		}
	}
}

func TestFaults(t *testing.T) {
	for fault, want := range map[providers.Fault]struct {
		state  verify.DeliveryState
		detail string
		taken  int
	}{
		providers.Hang:        {verify.StateUnknown, "timeout", 0},
		providers.Reset:       {verify.StateUnknown, "reset", 0},
		providers.TakenHang:   {verify.StateUnknown, "timeout", 1},
		providers.TakenReset:  {verify.StateUnknown, "reset", 1},
		providers.TakenBroken: {verify.StateAccepted, "", 1}, // the status is all that a push service says
	} {
		t.Run(string(fault), func(t *testing.T) {
			j, url, p := service(t)
			subscription := j.Subscribe(url)
			to := endpoint(t, subscription)
			j.Script(to, providers.Answer{Fault: fault})
			ctx, cancel := context.WithCancel(within(t))
			defer cancel()
			switch fault {
			case providers.Hang:
				go func() {
					_ = j.WaitRequests(ctx, to, 1)
					cancel()
				}()
			case providers.TakenHang:
				go func() {
					_, _ = j.Wait(ctx, to, 1)
					cancel()
				}()
			}
			o := p.Send(ctx, message(subscription))
			if o.State != want.state || o.Detail != want.detail {
				t.Errorf("%+v", o)
			}
			if taken := len(j.Accepted(to)); taken != want.taken {
				t.Errorf("%d taken", taken)
			}
			if n := j.Requests(to); n != 1 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

// TestOneServiceOpensNoBreaker: whatever one endpoint does, the others get their
// pushes.
func TestOneServiceOpensNoBreaker(t *testing.T) {
	j, url, p := service(t)
	over, err := sms.New(sms.Config{Providers: []sms.Provider{{Name: "webpush", Channel: p}}, Channel: verify.Push, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	gone := httptest.NewServer(j)
	gone.Close()
	nobody := strings.Replace(j.Subscribe(url), url, gone.URL, 1)
	for _, answer := range []providers.Answer{
		{Status: 401}, {Status: 403}, {Status: 404}, {Status: 429}, {Status: 302}, {Status: 500}, {Status: 502}, {Fault: providers.Reset}, {Fault: providers.TakenReset},
	} {
		hostile := j.Subscribe(url)
		j.Script(endpoint(t, hostile), answer)
		for range 6 {
			over.Send(within(t), message(hostile))
			over.Send(within(t), message(nobody))
		}
		if o := over.Send(within(t), message(j.Subscribe(url))); o.State != verify.StateAccepted {
			t.Errorf("after a service with %d %s: %+v", answer.Status, answer.Fault, o)
		}
	}
}

// TestLongAnswer: who answers is a stranger's choice, and so is how much.
func TestLongAnswer(t *testing.T) {
	long := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("x", 1<<20))
		w.WriteHeader(http.StatusCreated)
	}))
	defer long.Close()
	j, url, p := service(t)
	o := p.Send(within(t), message(strings.Replace(j.Subscribe(url), url, long.URL, 1)))
	if want := (verify.Outcome{State: verify.StateUnknown, Class: verify.ClassUnknown, Provider: "webpush", Detail: "reset"}); o != want {
		t.Errorf("%+v, want %+v", o, want)
	}
}

// TestNotSent: what certainly did not leave is tried again.
func TestNotSent(t *testing.T) {
	j, url, p := service(t)
	gone := httptest.NewServer(j)
	gone.Close()
	strange := httptest.NewUnstartedServer(j) // with a certificate that nobody vouches for
	strange.Config.ErrorLog = log.New(io.Discard, "", 0)
	strange.StartTLS()
	defer strange.Close()
	subscription := j.Subscribe(url)
	for name, base := range map[string]string{"nobody listens": gone.URL, "the certificate is bad": strange.URL} {
		o := p.Send(within(t), message(strings.Replace(subscription, url, base, 1)))
		if want := (verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Provider: "webpush", Detail: "connect"}); o != want {
			t.Errorf("%s: %+v", name, o)
		}
	}
}

// TestSendsBesideEachOther: each push has its own answer.
func TestSendsBesideEachOther(t *testing.T) {
	j, url, p := service(t)
	want := map[string]verify.DeliveryState{j.Subscribe(url): verify.StateFailed, j.Subscribe(url): verify.StateRetrying, j.Subscribe(url): verify.StateAccepted}
	for subscription, state := range want {
		j.Script(endpoint(t, subscription), map[verify.DeliveryState]providers.Answer{verify.StateFailed: {Status: 410}, verify.StateRetrying: {Status: 503}}[state])
	}
	var all sync.WaitGroup
	for range 20 {
		for subscription, state := range want {
			all.Go(func() {
				if o := p.Send(within(t), message(subscription)); o.State != state {
					t.Errorf("%+v, want %s", o, state)
				}
			})
		}
	}
	all.Wait()
	content(t, j)
	for subscription := range want {
		if n := j.Requests(endpoint(t, subscription)); n != 20 {
			t.Errorf("%d requests for 20 sends", n)
		}
	}
}

// TestMalformed: what is no subscription is dropped, and nobody is called.
func TestMalformed(t *testing.T) {
	j, url, p := service(t)
	good := j.Subscribe(url)
	var parts struct {
		Endpoint string
		Keys     struct{ P256dh, Auth string }
	}
	if err := json.Unmarshal([]byte(good), &parts); err != nil {
		t.Fatal(err)
	}
	padded := strings.Replace(good, parts.Keys.P256dh, parts.Keys.P256dh+"=", 1)
	if o := p.Send(within(t), message(padded)); o.State != verify.StateAccepted {
		t.Errorf("with padding: %+v", o)
	}
	point := base64.RawURLEncoding.EncodeToString(append([]byte{4}, make([]byte, 64)...))
	for name, token := range map[string]string{
		"empty":              "",
		"no JSON":            "https://push.example",
		"null":               "null",
		"a list":             "[" + good + "]",
		"two":                good + good,
		"unknown member":     strings.Replace(good, `"keys"`, `"more":1,"keys"`, 1),
		"no endpoint":        strings.Replace(good, parts.Endpoint, "", 1),
		"a path":             strings.Replace(good, parts.Endpoint, "/push/1", 1),
		"no host":            strings.Replace(good, parts.Endpoint, "https:///push", 1),
		"another scheme":     strings.Replace(good, parts.Endpoint, "ftp://push.example", 1),
		"http elsewhere":     strings.Replace(good, parts.Endpoint, "http://push.example/1", 1),
		"a password":         strings.Replace(good, "http://", "http://user:word@", 1),
		"endless endpoint":   strings.Replace(good, parts.Endpoint, parts.Endpoint+strings.Repeat("x", 3000), 1),
		"no key":             strings.Replace(good, parts.Keys.P256dh, "", 1),
		"key no base64":      strings.Replace(good, parts.Keys.P256dh, "!!!", 1),
		"key not on P-256":   strings.Replace(good, parts.Keys.P256dh, point, 1),
		"no secret":          strings.Replace(good, parts.Keys.Auth, "", 1),
		"secret too short":   strings.Replace(good, parts.Keys.Auth, "AAAA", 1),
		"secret too long":    strings.Replace(good, parts.Keys.Auth, strings.Repeat("A", 24), 1),
		"keys of wrong type": `{"endpoint":"https://push.example","keys":[]}`,
	} {
		o := p.Send(within(t), message(token))
		if want := (verify.Outcome{State: verify.StateFailed, Class: verify.ClassPermanentTarget, Provider: "webpush", Detail: "malformed_token"}); o != want {
			t.Errorf("%s: %+v", name, o)
		}
		if err := webpush.CheckToken(token, true); err == nil || strings.Contains(err.Error(), parts.Keys.Auth) {
			t.Errorf("%s may be registered: %v", name, err)
		}
	}
	if n := j.Requests(""); n != 1 || len(j.Objections()) > 0 {
		t.Errorf("%d requests, want the one with padding; objections %q", n, j.Objections())
	}
}

// TestCheckToken: what is handed in is told at once what is wrong with it.
func TestCheckToken(t *testing.T) {
	j := &providers.WebPush{}
	for base, want := range map[string]struct{ public, local string }{
		"https://push.example.com":         {},
		"https://push.example.com.":        {},
		"https://1.1.1.1":                  {},
		"https://[2606:4700::1111]:8443":   {},
		"http://push.example.com":          {"https", "https"},
		"http://127.0.0.1:9000":            {"https", ""},
		"http://localhost:9000":            {"https", ""},
		"https://127.0.0.1":                {"public", ""},
		"https://[::1]":                    {"public", ""},
		"https://localhost":                {"public", ""},
		"https://LOCALHOST.":               {"public", ""},
		"https://nod.localhost":            {"public", "public"},
		"https://10.0.0.1":                 {"public", "public"},
		"https://169.254.169.254":          {"public", "public"},
		"https://[::ffff:169.254.169.254]": {"public", "public"},
		"https://[fe80::1]":                {"public", "public"},
		"https://0.0.0.0":                  {"public", "public"},
		"https://127.1":                    {"https", "https"},
		"https://0x7f000001":               {"https", "https"},
		"https://2130706433":               {"https", "https"},
	} {
		for local, says := range map[bool]string{false: want.public, true: want.local} {
			err := webpush.CheckToken(j.Subscribe(base), local)
			if (err == nil) != (says == "") || err != nil && (!strings.Contains(err.Error(), says) || strings.Contains(err.Error(), base)) {
				t.Errorf("%s, local %t: %v, want %q", base, local, err, says)
			}
		}
	}
	for says, broken := range map[string]func(string) string{
		"JSON.stringify": func(string) string { return "https://push.example" },
		"keys.p256dh":    func(s string) string { return strings.Replace(s, `"p256dh":"`, `"p256dh":"AA`, 1) },
		"keys.auth":      func(s string) string { return strings.Replace(s, `"auth":"`, `"auth":"AA`, 1) },
	} {
		if err := webpush.CheckToken(broken(j.Subscribe("https://push.example")), false); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
	}
}

// TestNobodyInside: a device cannot make nod call what only nod can reach.
func TestNobodyInside(t *testing.T) {
	called := make(chan struct{}, 10)
	inside := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called <- struct{}{} }))
	inside.Config.ErrorLog = log.New(io.Discard, "", 0)
	inside.StartTLS()
	defer inside.Close()
	j := &providers.WebPush{}
	port := inside.URL[strings.LastIndex(inside.URL, ":"):]
	public := client(t, webpush.Config{Key: newKey(t), Subject: "https://example.com/contact"})
	local := client(t, webpush.Config{Key: newKey(t), Subject: "https://example.com/contact", Local: true})
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"} {
		o := public.Send(within(t), message(j.Subscribe("https://"+host+port)))
		if want := (verify.Outcome{State: verify.StateFailed, Class: verify.ClassPolicy, Provider: "webpush", Detail: "not_public"}); o != want {
			t.Errorf("%s: %+v", host, o)
		}
		if o := public.Send(within(t), message(j.Subscribe("http://"+host+port))); o.Detail != "malformed_token" {
			t.Errorf("http to %s: %+v", host, o)
		}
	}
	for _, host := range []string{"10.0.0.1", "169.254.169.254", "192.168.1.1", "100.100.100.200", "[fd00:ec2::254]", "[fe80::1]", "[64:ff9b::a9fe:a9fe]"} {
		for _, p := range []*webpush.WebPush{public, local} {
			if o := p.Send(within(t), message(j.Subscribe("https://"+host))); o.Detail != "not_public" {
				t.Errorf("%s: %+v", host, o)
			}
		}
	}
	select {
	case <-called:
		t.Error("the server inside was called")
	default:
	}
}

func TestIsPublic(t *testing.T) {
	for address, want := range map[string]bool{
		"1.1.1.1": true, "142.250.74.74": true, "223.255.255.254": true, "2606:4700::1111": true, "2a00:1450:4001::1": true, "::ffff:1.1.1.1": true,

		"0.0.0.0": false, "0.1.2.3": false, "10.1.2.3": false, "100.64.0.1": false, "100.127.255.255": false, "127.0.0.1": false, "127.255.0.1": false,
		"169.254.169.254": false, "172.16.0.1": false, "172.31.255.255": false, "192.0.0.192": false, "192.0.2.1": false, "192.88.99.1": false, "192.168.0.1": false,
		"198.18.0.1": false, "198.19.255.255": false, "198.51.100.1": false, "203.0.113.1": false, "224.0.0.1": false, "239.255.255.255": false,
		"240.0.0.1": false, "255.255.255.255": false, "::": false, "::1": false, "::ffff:10.0.0.1": false, "::ffff:169.254.169.254": false, "::10.0.0.1": false,
		"64:ff9b::7f00:1": false, "64:ff9b:1::1": false, "100::1": false, "2001::1": false, "2001:db8::1": false, "2002:7f00:1::": false, "3fff::1": false,
		"fc00::1": false, "fd00:ec2::254": false, "fe80::1": false, "fec0::1": false, "ff02::1": false, "4000::1": false, "2606:4700::1%eth0": false,
	} {
		if webpush.IsPublic(address) != want {
			t.Errorf("%s: public is %t", address, !want)
		}
	}
}

func TestNew(t *testing.T) {
	key := newKey(t)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []struct {
		config webpush.Config
		good   bool
	}{
		{webpush.Config{Key: key, Subject: "mailto:a@example.com"}, true},
		{webpush.Config{Key: key, Subject: "https://example.com"}, true},
		{webpush.Config{Key: key}, false},
		{webpush.Config{Key: key, Subject: "a@example.com"}, false},
		{webpush.Config{Key: key, Subject: "mailto:nobody"}, false},
		{webpush.Config{Key: key, Subject: "mailto:mailto:a@example.com"}, false},
		{webpush.Config{Key: key, Subject: "http://example.com"}, false},
		{webpush.Config{Key: key, Subject: "https://"}, false},
		{webpush.Config{Subject: "mailto:a@example.com"}, false},
		{webpush.Config{Key: p384, Subject: "mailto:a@example.com"}, false},
	} {
		p, err := webpush.New(r.config)
		if (err == nil) != r.good {
			t.Errorf("%q: %v", r.config.Subject, err)
		}
		if err == nil {
			err = errors.Join(err, p.Check(t.Context()))
		}
		if (err == nil) != r.good {
			t.Errorf("%q: %v", r.config.Subject, err)
		}
	}
}

// TestSubjects: both forms reach the push service as they were given.
func TestSubjects(t *testing.T) {
	for _, subject := range []string{"mailto:push@example.com", "https://example.com/contact"} {
		j := &providers.WebPush{}
		s := httptest.NewServer(j)
		p := client(t, webpush.Config{Key: newKey(t), Subject: subject, Local: true})
		if o := p.Send(within(t), message(j.Subscribe(s.URL))); o.State != verify.StateAccepted {
			t.Errorf("%s: %+v", subject, o)
		}
		content(t, j)
		s.Close()
	}
}

func BenchmarkSend(b *testing.B) {
	j, url, p := service(b)
	subscription, jwe := j.Subscribe(url), providers.Sealed(strings.Repeat("x", 800))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			m := message(subscription)
			m.Sealed = jwe
			if o := p.Send(b.Context(), m); o.State != verify.StateAccepted {
				b.Errorf("%+v", o)
			}
		}
	})
	content(b, j)
}

func FuzzSubscription(f *testing.F) {
	j := &providers.WebPush{}
	f.Add(j.Subscribe("https://push.example"))
	f.Add(`{"endpoint":"https://127.0.0.1/","keys":{}}`)
	f.Add("{}")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	p, err := webpush.New(webpush.Config{Key: key, Subject: "mailto:a@example.com"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, token string) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // nobody is called
		if o := p.Send(ctx, message(token)); o.State == verify.StateAccepted || o.Class == "" {
			t.Errorf("%+v", o)
		}
	})
}
