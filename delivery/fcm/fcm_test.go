package fcm_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"nod/delivery"
	"nod/delivery/fcm"
	"nod/deploy/providers"
	"nod/verify"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "dGhlLXBob25l:APA91b-the-phone"

// google starts a judge and a client of it.
func google(t testing.TB) (*providers.Google, *fcm.FCM) {
	t.Helper()
	g := &providers.Google{Project: "nod-test"}
	s := httptest.NewServer(g)
	t.Cleanup(s.Close)
	return g, client(t, g, s.URL, s.URL)
}

func client(t testing.TB, g *providers.Google, tokens, endpoint string) *fcm.FCM {
	t.Helper()
	f, err := fcm.New(fcm.Config{Credentials: g.Credentials(tokens), Endpoint: endpoint})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

// within is enough for everything that answers.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// message is a push of 90.9 s of life, made so that a careless client would tell.
func message(to, platform string) delivery.Message {
	return delivery.Message{
		UserID:         "alice",
		VerificationID: "ver_" + strings.Repeat("0123", 8),
		DeliveryID:     "dlv_" + strings.Repeat("4567", 8),
		Channel:        verify.Push,
		Push:           &verify.PushTarget{Provider: "fcm", Token: to},
		Platform:       platform,
		Prompt:         &verify.PromptFrame{BindingMessage: "pay 1234567 to +14155550123"},
		Email:          "alice@example.com",
		Code:           "123456",
		Title:          "Is this you?",
		Text:           "Open the app to answer.",
		ExpiresAt:      time.Now().Add(90900 * time.Millisecond),
		Life:           90900 * time.Millisecond,
	}
}

func content(t testing.TB, g *providers.Google) {
	t.Helper()
	if o := g.Objections(); len(o) > 0 {
		t.Errorf("the judge objects: %q", o)
	}
}

func TestSend(t *testing.T) {
	const secret = `the signed prompt of code 123456`
	for platform, want := range map[string]map[string]string{
		"android": {"priority": "high", "ttl": "90s"},
		"web":     {"Urgency": "high", "TTL": "90"},
		"ios":     {"apns-push-type": "alert", "apns-priority": "10", "apns-collapse-id": message("", "").VerificationID},
	} {
		t.Run(platform, func(t *testing.T) {
			g, f := google(t)
			m := message(token, platform)
			if platform == "ios" {
				want["apns-expiration"] = fmt.Sprint(m.ExpiresAt.Unix())
			}
			jwe := providers.Sealed(secret)
			m.Sealed = jwe
			o := f.Send(within(t), m)
			got := g.Accepted(token)
			content(t, g)
			if len(got) != 1 || o != (verify.Outcome{State: verify.StateAccepted, Class: verify.ClassNone, Provider: "fcm", ProviderID: got[0].ID}) {
				t.Fatalf("%+v; the judge took %d", o, len(got))
			}
			for name, value := range want {
				if got[0].Fields[name] != value {
					t.Errorf("%s is %q, want %q", name, got[0].Fields[name], value)
				}
			}
			if words := "Is this you?\nOpen the app to answer."; platform == "ios" && got[0].Text != words {
				t.Errorf("the phone shows %q", got[0].Text)
			}
			if got[0].Fields["jwe"] != jwe {
				t.Errorf("the device gets %q", got[0].Fields["jwe"])
			}
		})
	}
}

// TestWakeUp: without a key, and when the sealed prompt is too long, ids go alone.
func TestWakeUp(t *testing.T) {
	long := providers.Sealed(strings.Repeat("x", 3000))
	for platform := range map[string]bool{"android": true, "ios": true, "web": true} {
		for name, jwe := range map[string]string{"no key": "", "too long": long} {
			t.Run(platform+" "+name, func(t *testing.T) {
				g, f := google(t)
				m := message(token, platform)
				m.Sealed = jwe
				if o := f.Send(within(t), m); o.State != verify.StateAccepted {
					t.Fatalf("%+v", o)
				}
				content(t, g)
				got := g.Accepted(token)[0].Fields
				if got["jwe"] != "" || got["verification_id"] != m.VerificationID || got["delivery_id"] != m.DeliveryID || got["type"] != "prompt" {
					t.Errorf("the push carries %v", got)
				}
			})
		}
	}
}

func TestWithdraw(t *testing.T) {
	for platform, want := range map[string]string{"android": "normal", "web": "normal", "ios": "5"} {
		g, f := google(t)
		m := message(token, platform)
		m.Sealed = "what must not be sent"
		if err := f.Withdraw(within(t), m); err != nil {
			t.Fatal(err)
		}
		content(t, g)
		got := g.Accepted(token)[0]
		if got.Fields["type"] != "prompt_closed" || got.Fields["delivery_id"] != "" || got.Text != "" {
			t.Errorf("%s: %+v", platform, got)
		}
		if p := got.Fields["priority"] + got.Fields["Urgency"] + got.Fields["apns-priority"]; p != want {
			t.Errorf("%s: priority %q", platform, p)
		}
		g.Script(token, providers.Answer{Code: "UNREGISTERED"})
		if err := f.Withdraw(within(t), m); err == nil || strings.Contains(err.Error(), token) {
			t.Errorf("%s: refused with %v", platform, err)
		}
	}
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
		detail string // empty: the answer's code
	}
	table := []row{
		{providers.Answer{Code: "UNREGISTERED"}, dead, ""},
		{providers.Answer{Code: "SENDER_ID_MISMATCH"}, dead, ""},
		{providers.Answer{Code: "INVALID_ARGUMENT"}, policy, ""},
		{providers.Answer{Code: "THIRD_PARTY_AUTH_ERROR"}, policy, ""},
		{providers.Answer{Code: "QUOTA_EXCEEDED"}, transient, ""},
		{providers.Answer{Code: "UNAVAILABLE"}, transient, ""},
		{providers.Answer{Code: "INTERNAL"}, transient, ""},
		{providers.Answer{Code: "UNSPECIFIED_ERROR"}, unknown, ""},
		{providers.Answer{Code: "UNAUTHENTICATED"}, policy, ""},
		{providers.Answer{Code: "PERMISSION_DENIED"}, policy, ""},
		{providers.Answer{Code: "NOT_FOUND"}, policy, ""},
		{providers.Answer{Code: "FAILED_PRECONDITION"}, policy, ""},
		{providers.Answer{Code: "RESOURCE_EXHAUSTED"}, transient, ""},
		{providers.Answer{Code: "UNAVAILABLE", RetryAfter: "60"}, transient, ""},
		{providers.Answer{Code: "QUOTA_EXCEEDED", RetryAfter: "60"}, transient, ""},

		{providers.Answer{Code: "OF_TOMORROW_" + token, Status: 400}, policy, "http_400"},
		{providers.Answer{Code: "OF_TOMORROW", Status: 500}, transient, "http_500"},
		{providers.Answer{Status: 302}, policy, "http_302"},
		{providers.Answer{Status: 307}, policy, "http_307"},
		{providers.Answer{Status: 401}, policy, "http_401"},
		{providers.Answer{Status: 404}, policy, "http_404"},
		{providers.Answer{Status: 429}, transient, "http_429"},
		{providers.Answer{Status: 500}, transient, "http_500"},
		{providers.Answer{Status: 502}, unknown, "http_502"},
		{providers.Answer{Status: 503, RetryAfter: "60"}, transient, "http_503"},
		{providers.Answer{Status: 504}, unknown, "http_504"},
	}
	seen := map[string]bool{}
	for _, r := range table {
		seen[r.answer.Code] = true
		t.Run(fmt.Sprint(r.answer.Code, r.answer.Status, r.answer.RetryAfter), func(t *testing.T) {
			g, f := google(t)
			g.Script(token, r.answer)
			ctx := within(t)
			o := f.Send(ctx, message(token, "android"))
			want := r.want
			want.Provider, want.Detail = "fcm", r.detail
			if r.detail == "" {
				want.Detail = r.answer.Code
			}
			if r.answer.RetryAfter != "" {
				want.RetryAfter = time.Minute
			}
			if o != want {
				t.Errorf("%+v, want %+v", o, want)
			}
			if n := g.Requests(token); n != 1 {
				t.Errorf("%d requests", n)
			}
			if ctx.Err() != nil {
				t.Error("it waited to try again")
			}
			content(t, g) // a redirect that is followed would be objected to
		})
	}
	for _, code := range append(fcm.Codes(), providers.GoogleCodes()...) {
		if !seen[code] {
			t.Errorf("%s is not tried", code)
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
			g, f := google(t)
			if o := f.Send(within(t), message(token, "android")); o.State != verify.StateAccepted { // so that the token is there
				t.Fatalf("%+v", o)
			}
			g.Script(token, providers.Answer{Fault: fault})
			ctx, cancel := context.WithCancel(within(t))
			defer cancel()
			switch fault {
			case providers.Hang:
				go func() {
					_ = g.WaitRequests(ctx, token, 2)
					cancel()
				}()
			case providers.TakenHang:
				go func() {
					_, _ = g.Wait(ctx, token, 2)
					cancel()
				}()
			}
			o := f.Send(ctx, message(token, "android"))
			if o.State != verify.StateUnknown || o.Class != verify.ClassUnknown || o.Detail != want.detail {
				t.Errorf("%+v", o)
			}
			if taken := len(g.Accepted(token)) - 1; taken != want.taken {
				t.Errorf("%d taken", taken)
			}
			if n := g.Requests(token); n != 2 {
				t.Errorf("%d requests for two sends", n)
			}
		})
	}
}

// TestNotSent: what certainly did not leave is tried again.
func TestNotSent(t *testing.T) {
	g := &providers.Google{Project: "nod-test"}
	s := httptest.NewServer(g)
	defer s.Close()
	gone := httptest.NewServer(g)
	gone.Close()
	strange := httptest.NewUnstartedServer(g) // with a certificate that nobody vouches for
	strange.Config.ErrorLog = log.New(io.Discard, "", 0)
	strange.StartTLS()
	defer strange.Close()
	for name, endpoint := range map[string]string{"nobody listens": gone.URL, "the certificate is bad": strange.URL} {
		f := client(t, g, s.URL, endpoint)
		o := f.Send(within(t), message(token, "android"))
		if want := (verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Provider: "fcm", Detail: "connect"}); o != want {
			t.Errorf("%s: %+v", name, o)
		}
	}
	if n := g.Requests(""); n != 0 {
		t.Errorf("%d requests", n)
	}
	f := client(t, g, s.URL, s.URL)
	if o := f.Send(within(t), message("", "android")); o.Class != verify.ClassPermanentTarget {
		t.Errorf("without a token: %+v", o)
	}
}

// TestSendsBesideEachOther: a crowd fetches one access token, and each push has its
// own answer.
func TestSendsBesideEachOther(t *testing.T) {
	g, f := google(t)
	g.Script("dead-phone", providers.Answer{Code: "UNREGISTERED"})
	g.Script("busy-phone", providers.Answer{Code: "UNAVAILABLE"})
	want := map[string]verify.DeliveryState{"dead-phone": verify.StateFailed, "busy-phone": verify.StateRetrying, "good-phone": verify.StateAccepted}
	var all sync.WaitGroup
	for range 20 {
		for to, state := range want {
			all.Go(func() {
				if o := f.Send(within(t), message(to, "android")); o.State != state {
					t.Errorf("%s: %+v", to, o)
				}
			})
		}
	}
	all.Wait()
	content(t, g)
	if n := g.Tokens.Requests(g.Account()); n != 1 {
		t.Errorf("%d access tokens fetched", n)
	}
	for to := range want {
		if n := g.Requests(to); n != 20 {
			t.Errorf("%s: %d requests for 20 sends", to, n)
		}
	}
}

func TestTokenIsFetchedAgain(t *testing.T) {
	g, f := google(t)
	g.TokenLife = 11 * time.Second // the last 10 s are not used
	for ctx := within(t); g.Tokens.Requests(g.Account()) < 2; {
		if o := f.Send(ctx, message(token, "android")); o.State != verify.StateAccepted {
			t.Fatalf("%+v", o)
		}
	}
	g.TokenLife = 0
	f.Send(within(t), message(token, "android"))
	g.Revoke()
	if o := f.Send(within(t), message(token, "android")); o.Detail != "UNAUTHENTICATED" || o.State != verify.StateRetrying || o.Class != verify.ClassTransient {
		t.Errorf("with a token that was taken back: %+v", o)
	}
	if o := f.Send(within(t), message(token, "android")); o.State != verify.StateAccepted {
		t.Errorf("after a token was taken back: %+v", o)
	}
	g.Script(token, providers.Answer{Code: "UNAUTHENTICATED"})
	for _, want := range []verify.DeliveryState{verify.StateRetrying, verify.StateFailed, verify.StateFailed} {
		if o := f.Send(within(t), message(token, "android")); o.State != want || o.Detail != "UNAUTHENTICATED" {
			t.Errorf("with tokens that are never taken: %+v, want %s", o, want)
		}
	}
}

// TestTokenIsKept: what one platform is refused for costs the others no new token.
func TestTokenIsKept(t *testing.T) {
	g, f := google(t)
	g.Script(token, providers.Answer{Code: "THIRD_PARTY_AUTH_ERROR"})
	for range 3 {
		if o := f.Send(within(t), message(token, "ios")); o.Detail != "THIRD_PARTY_AUTH_ERROR" {
			t.Errorf("%+v", o)
		}
	}
	if n := g.Tokens.Requests(g.Account()); n != 1 {
		t.Errorf("%d access tokens were fetched, want 1", n)
	}
}

func TestNoToken(t *testing.T) {
	for name, r := range map[string]struct {
		answer providers.Answer
		want   verify.Outcome
		detail string
	}{
		"key deleted":     {providers.Answer{Code: "invalid_grant"}, policy, "invalid_grant"},
		"not let in":      {providers.Answer{Code: "invalid_client", Status: 401}, policy, "invalid_client"},
		"unknown refusal": {providers.Answer{Code: "of_tomorrow", Status: 403}, policy, "token_http_403"},
		"redirect":        {providers.Answer{Status: 307}, policy, "token_http_307"},
		"too many":        {providers.Answer{Status: 429, RetryAfter: "60"}, transient, "token_http_429"},
		"down":            {providers.Answer{Status: 503, RetryAfter: "60"}, transient, "token_http_503"},
		"reset":           {providers.Answer{Fault: providers.Reset}, transient, "token"},
		"garbage":         {providers.Answer{Fault: providers.TakenBroken}, transient, "token"},
		"hangs":           {providers.Answer{Fault: providers.Hang}, transient, "token"},
	} {
		t.Run(name, func(t *testing.T) {
			g, f := google(t)
			g.Tokens.Script("", r.answer)
			ctx, cancel := context.WithCancel(within(t))
			defer cancel()
			if r.answer.Fault == providers.Hang {
				go func() {
					_ = g.Tokens.WaitRequests(ctx, g.Account(), 1)
					cancel()
				}()
			}
			o := f.Send(ctx, message(token, "android"))
			want := r.want
			want.Provider, want.Detail = "fcm", r.detail
			if r.answer.RetryAfter != "" {
				want.RetryAfter = time.Minute
			}
			if o != want {
				t.Errorf("%+v, want %+v", o, want)
			}
			if n := g.Requests(token); n != 0 {
				t.Errorf("%d requests went to FCM", n)
			}
			if n := g.Tokens.Requests(g.Account()); n != 1 {
				t.Errorf("%d requests for a token", n)
			}
			content(t, g)
		})
	}
}

// TestTokenHangsForOneOnly: who waits for another's token gives up at its own time.
func TestTokenHangsForOneOnly(t *testing.T) {
	g, f := google(t)
	g.Tokens.Script("", providers.Answer{Fault: providers.Hang}, providers.Answer{})
	first, giveUp := context.WithCancel(within(t))
	var all sync.WaitGroup
	all.Go(func() { f.Send(first, message(token, "android")) })
	if err := g.Tokens.WaitRequests(within(t), g.Account(), 1); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if o := f.Send(ended, message(token, "android")); o.State != verify.StateRetrying || o.Detail != "token" {
		t.Errorf("%+v", o)
	}
	all.Go(func() {
		if o := f.Send(within(t), message(token, "android")); o.State != verify.StateAccepted {
			t.Errorf("after the first gave up: %+v", o)
		}
	})
	giveUp()
	all.Wait()
}

func TestCheck(t *testing.T) {
	for says, r := range map[string]struct{ token, answer providers.Answer }{
		"":                         {},
		"its key was deleted":      {token: providers.Answer{Code: "invalid_grant"}},
		"gave no answer":           {token: providers.Answer{Status: 503}},
		"may not send for project": {answer: providers.Answer{Code: "PERMISSION_DENIED"}},
		"knows no project":         {answer: providers.Answer{Code: "NOT_FOUND"}},
		"does not take the access": {answer: providers.Answer{Code: "UNAUTHENTICATED"}},
		"that helps (UNAVAILABLE)": {answer: providers.Answer{Code: "UNAVAILABLE"}},
		"is not FCM (http_404)":    {answer: providers.Answer{Code: "strange", Status: 404}},
	} {
		g, f := google(t)
		g.Tokens.Script("", r.token)
		g.Script("", r.answer)
		err := f.Check(within(t))
		if says == "" {
			if err != nil {
				t.Error(err)
			}
			content(t, g)
		} else if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
		if n := len(g.Accepted("")); n != 0 {
			t.Errorf("a check sent %d messages", n)
		}
	}
}

// TestCheckIsTaken: who takes the dry run has taken the credentials.
func TestCheckIsTaken(t *testing.T) {
	g := &providers.Google{Project: "nod-test"}
	s := httptest.NewServer(g)
	defer s.Close()
	taken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"name": "projects/nod-test/messages/fake_message_id"}`)
	}))
	defer taken.Close()
	if err := client(t, g, s.URL, taken.URL).Check(within(t)); err != nil {
		t.Error(err)
	}
}

func TestNew(t *testing.T) {
	g := &providers.Google{Project: "nod-test"}
	good := g.Credentials("https://oauth2.example")
	with := func(name, value string) []byte {
		var c map[string]string
		if err := json.Unmarshal(good, &c); err != nil {
			t.Fatal(err)
		}
		c[name] = value
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for _, r := range []struct {
		config fcm.Config
		says   string
	}{
		{fcm.Config{Credentials: good}, ""},
		{fcm.Config{Credentials: good, Endpoint: "http://127.0.0.1:9000"}, ""},
		{fcm.Config{Credentials: []byte("a path")}, "no JSON"},
		{fcm.Config{Credentials: with("project_id", "")}, "no project"},
		{fcm.Config{Credentials: with("project_id", "a/b")}, "no project"},
		{fcm.Config{Credentials: with("type", "authorized_user")}, "no service account"},
		{fcm.Config{Credentials: with("token_uri", "nowhere")}, "token_uri"},
		{fcm.Config{Credentials: with("client_email", "")}, "no client_email"},
		{fcm.Config{Credentials: with("private_key", "a secret")}, "no private_key"},
		{fcm.Config{Credentials: with("private_key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("no key")})))}, "cannot be read"},
		{fcm.Config{Credentials: good, Endpoint: "fcm.example"}, "scheme and host"},
		{fcm.Config{Credentials: good, Endpoint: "https://fcm.example/v1"}, "scheme and host"},
	} {
		_, err := fcm.New(r.config)
		if (err == nil) != (r.says == "") || err != nil && !strings.Contains(err.Error(), r.says) {
			t.Errorf("%v, want %q", err, r.says)
		}
	}
}

// TestTellsNothing: neither an outcome nor an error repeats a token or a key.
func TestTellsNothing(t *testing.T) {
	g, f := google(t)
	var told []string
	for _, code := range append(providers.GoogleCodes(), "strange "+token) {
		g.Script(token, providers.Answer{Code: code})
		told = append(told, fmt.Sprintf("%+v", f.Send(within(t), message(token, "ios"))))
	}
	g.Script(token)
	g.Tokens.Script("", providers.Answer{Code: "strange " + token})
	g.Revoke()
	f.Send(within(t), message(token, "ios"))
	told = append(told, fmt.Sprintf("%+v", f.Send(within(t), message(token, "ios"))), fmt.Sprint(f.Check(within(t))))
	for _, s := range told {
		if strings.Contains(s, token) || strings.Contains(s, "PRIVATE") || strings.Contains(s, "eyJ") {
			t.Errorf("told: %s", s)
		}
	}
	if !slices.ContainsFunc(told, func(s string) bool { return strings.Contains(s, "UNREGISTERED") }) {
		t.Error("nothing was told at all")
	}
}

func BenchmarkSend(b *testing.B) {
	g, f := google(b)
	jwe := providers.Sealed(strings.Repeat("x", 800))
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			m := message(token, "android")
			m.Sealed = jwe
			if o := f.Send(b.Context(), m); o.State != verify.StateAccepted {
				b.Errorf("%+v", o)
			}
		}
	})
	content(b, g)
}
