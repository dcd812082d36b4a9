package vonage_test

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"nod/delivery"
	router "nod/delivery/sms"
	"nod/delivery/sms/vonage"
	"nod/deploy/providers"
	"nod/verify"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	phone = "+14155550123"
	words = "123456 is your code for example.com. It is good for 10 minutes."
)

// secret makes one that no scanner has to know.
func secret() string { return rand.Text() + rand.Text() + rand.Text() }

// vonages is Vonage on this machine and a client of it.
func vonages(t testing.TB, change func(*vonage.Config)) (*providers.Vonage, *vonage.Client) {
	t.Helper()
	judge := &providers.Vonage{APIKey: "abcd1234", APISecret: secret(), SignatureSecret: secret()}
	srv := httptest.NewServer(judge)
	config := vonage.Config{APIKey: judge.APIKey, APISecret: judge.APISecret, From: "+14155550100", SignatureSecret: judge.SignatureSecret, BaseURL: srv.URL}
	if change != nil {
		change(&config)
	}
	client, err := vonage.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Close()
		srv.Close()
		judge.Close()
	})
	return judge, client
}

func sms() delivery.Message {
	return delivery.Message{DeliveryID: "dlv_1", VerificationID: "ver_1", Channel: verify.SMS, Number: verify.StoredNumber(phone),
		Code: "123456", Text: words, Life: 10 * time.Minute}
}

func wellJudged(t *testing.T, judge *providers.Vonage) {
	t.Helper()
	if wrong := judge.Objections(); len(wrong) > 0 {
		t.Errorf("Vonage objects: %s", strings.Join(wrong, "; "))
	}
}

func TestSend(t *testing.T) {
	judge, client := vonages(t, func(c *vonage.Config) { c.StatusURL = "https://nod.example/webhooks/vonage/status" })
	judge.Script("", providers.Answer{Receipts: []providers.Receipt{}})
	o := client.Send(t.Context(), sms())
	if o.State != verify.StateAccepted || o.Class != verify.ClassNone || o.Provider != "vonage" || o.ProviderID == "" || !o.Receipts {
		t.Errorf("it became %+v", o)
	}
	wellJudged(t, judge)
	took := judge.Accepted(phone)
	if len(took) != 1 || took[0].ID != o.ProviderID || took[0].Text != words || took[0].Fields["client_ref"] != "dlv_1" {
		t.Errorf("Vonage took %+v", took)
	}
	if to := took[0].Fields["webhook_url"]; to != "https://nod.example/webhooks/vonage/status?delivery=dlv_1" {
		t.Errorf("it calls %q back", to)
	}
}

// Nothing arrives when its code has ended, but Vonage takes no less than 20 s.
func TestLife(t *testing.T) {
	judge, client := vonages(t, nil)
	for life, want := range map[time.Duration]string{
		10 * time.Minute: "600", 90900 * time.Millisecond: "90", 20 * time.Second: "20", 5 * time.Second: "20", 0: "20",
	} {
		m := sms()
		m.Life = life
		if o := client.Send(t.Context(), m); o.State != verify.StateAccepted {
			t.Fatalf("it became %+v", o)
		}
		took := judge.Accepted(phone)
		if got := took[len(took)-1].Fields["ttl"]; got != want {
			t.Errorf("a code of %s is tried for %q seconds, want %s", life, got, want)
		}
	}
	wellJudged(t, judge)
}

// Without the secret nobody could believe a receipt, so none is asked for.
func TestNoSecretNoReceipts(t *testing.T) {
	judge, client := vonages(t, func(c *vonage.Config) {
		c.StatusURL, c.SignatureSecret = "https://nod.example/webhooks/vonage/status", ""
	})
	if o := client.Send(t.Context(), sms()); o.State != verify.StateAccepted {
		t.Errorf("it became %+v", o)
	}
	if to := judge.Accepted(phone)[0].Fields["webhook_url"]; to != "" {
		t.Errorf("it calls %q back", to)
	}
	if _, err := client.Receipts(signedBy(t, "", "abcd1234", "{}", time.Now())); !errors.Is(err, delivery.ErrForged) {
		t.Errorf("a receipt that nobody can check: %v", err)
	}
}

// One person's phone that is off, or asked for too often, closes nothing to others.
func TestOneNumberOpensNoBreaker(t *testing.T) {
	judge, client := vonages(t, nil)
	for code, want := range map[string]string{"1180": "closed", "1241": "closed", "1000": "open"} {
		over, err := router.New(router.Config{Providers: []router.Provider{{Name: vonage.Name, Channel: client}}, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		judge.Script(phone, providers.Answer{Status: 422, Code: code})
		for range 5 {
			if o := over.Send(t.Context(), sms()); o.State != verify.StateRetrying || o.Detail != code {
				t.Errorf("%s became %+v", code, o)
			}
		}
		if got := over.Stats()[0].Breaker; got != want {
			t.Errorf("after five of %s the breaker is %s, want %s", code, got, want)
		}
	}
}

// Every row of the table, over the wire.
func TestRules(t *testing.T) {
	judge, client := vonages(t, nil)
	rules := vonage.Rows()
	for i, r := range rules {
		t.Run(fmt.Sprintf("%d %s", r.Status, r.Code), func(t *testing.T) {
			judge.Script(phone, providers.Answer{Status: r.Status, Code: r.Code, RetryAfter: "7"})
			before := judge.Requests(phone)
			o := client.Send(t.Context(), sms())
			want := verify.Outcome{State: verify.StateFailed, Class: r.Class, Provider: "vonage", Detail: r.Code}
			switch {
			case r.Class == verify.ClassTransient:
				want.State, want.RetryAfter = verify.StateRetrying, 7*time.Second
			case r.Class == verify.ClassUnknown:
				want.State, want.RetryAfter = verify.StateUnknown, 7*time.Second
			}
			if r.Code == "" {
				want.Detail = fmt.Sprint(r.Status)
			}
			if o != want {
				t.Errorf("became %+v, want %+v", o, want)
			}
			if client.AccountRefused(o.Detail) != r.All {
				t.Errorf("of the whole account: %t", !r.All)
			}
			if n := judge.Requests(phone) - before; n != 1 {
				t.Errorf("%d requests for one row", n)
			}
			if slices.ContainsFunc(rules[:i], func(b vonage.Row) bool { return b.Code == r.Code && (r.Code != "" || b.Status == r.Status) }) {
				t.Error("the row stands twice")
			}
			if r.Code != "" {
				if got := vonage.ReceiptOf("rejected", r.Code); got.State != verify.StateUndelivered || got.Class != r.Class || got.Detail != r.Code {
					t.Errorf("a receipt of it became %+v", got)
				}
			}
		})
	}
	if len(judge.Accepted("")) != 0 {
		t.Errorf("Vonage took %+v", judge.Accepted(""))
	}
	wellJudged(t, judge)
}

func TestWhatNoRowKnows(t *testing.T) {
	judge, client := vonages(t, nil)
	for name, c := range map[string]struct {
		answer providers.Answer
		want   verify.Outcome
	}{
		"another code":     {providers.Answer{Status: 422, Code: "1999"}, verify.Outcome{State: verify.StateFailed, Class: verify.ClassPolicy, Detail: "1999"}},
		"a word":           {providers.Answer{Status: 402, Code: "low-balance"}, verify.Outcome{State: verify.StateFailed, Class: verify.ClassPolicy, Detail: "low-balance"}},
		"another status":   {providers.Answer{Status: 418}, verify.Outcome{State: verify.StateFailed, Class: verify.ClassPolicy, Detail: "418"}},
		"a redirect":       {providers.Answer{Status: 307}, verify.Outcome{State: verify.StateFailed, Class: verify.ClassPolicy, Detail: "307"}},
		"a proxy's 408":    {providers.Answer{Status: 408}, verify.Outcome{State: verify.StateUnknown, Class: verify.ClassUnknown, Detail: "408"}},
		"500":              {providers.Answer{Status: 500}, verify.Outcome{State: verify.StateUnknown, Class: verify.ClassUnknown, Detail: "500"}},
		"503, retry after": {providers.Answer{Status: 503, RetryAfter: "1"}, verify.Outcome{State: verify.StateUnknown, Class: verify.ClassUnknown, Detail: "503", RetryAfter: time.Second}},
		"429 with a code":  {providers.Answer{Status: 429, Code: "1120", RetryAfter: "2"}, verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Detail: "1120", RetryAfter: 2 * time.Second}},
		"a number as code": {providers.Answer{Status: 422, Code: "14155550123"}, verify.Outcome{State: verify.StateFailed, Class: verify.ClassPolicy, Detail: "422"}},
		"reset":            {providers.Answer{Fault: providers.Reset}, verify.Outcome{State: verify.StateUnknown, Class: verify.ClassUnknown, Detail: "reset"}},
		"taken, reset":     {providers.Answer{Fault: providers.TakenReset}, verify.Outcome{State: verify.StateUnknown, Class: verify.ClassUnknown, Detail: "reset"}},
		"taken, garbage":   {providers.Answer{Fault: providers.TakenBroken}, verify.Outcome{State: verify.StateUnknown, Class: verify.ClassUnknown, Detail: "200"}},
		"hang":             {providers.Answer{Fault: providers.Hang}, verify.Outcome{State: verify.StateUnknown, Class: verify.ClassUnknown, Detail: "timeout"}},
		"taken, hang":      {providers.Answer{Fault: providers.TakenHang}, verify.Outcome{State: verify.StateUnknown, Class: verify.ClassUnknown, Detail: "timeout"}},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			if c.want.Detail == "timeout" {
				ctx, cancel = context.WithTimeout(t.Context(), 200*time.Millisecond)
			}
			defer cancel()
			judge.Script(phone, c.answer)
			before := judge.Requests(phone)
			c.want.Provider = "vonage"
			if o := client.Send(ctx, sms()); o != c.want {
				t.Errorf("became %+v, want %+v", o, c.want)
			}
			if n := judge.Requests(phone) - before; n != 1 {
				t.Errorf("%d requests for one row", n)
			}
		})
	}
}

func TestNobodyThere(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	judge, client := vonages(t, func(c *vonage.Config) { c.BaseURL = gone.URL })
	want := verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Provider: "vonage", Detail: "connect"}
	if o := client.Send(t.Context(), sms()); o != want {
		t.Errorf("became %+v, want %+v", o, want)
	}
	if err := client.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "NOD_VONAGE_BASE_URL") || strings.Contains(err.Error(), judge.APISecret) {
		t.Errorf("the check says %v", err)
	}
}

func TestCheck(t *testing.T) {
	judge, client := vonages(t, nil)
	if err := client.Check(t.Context()); err != nil {
		t.Error(err)
	}
	wellJudged(t, judge)
	wrong := secret()
	_, stranger := vonages(t, func(c *vonage.Config) { c.APISecret = wrong })
	if err := stranger.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "NOD_VONAGE_API_SECRET") || strings.Contains(err.Error(), wrong) {
		t.Errorf("with another's secret: %v", err)
	}
}

func TestNew(t *testing.T) {
	good := vonage.Config{APIKey: "abcd1234", APISecret: "s", From: "nod"}
	if c, err := vonage.New(good); err != nil || c.Base() != "https://api.nexmo.com" {
		t.Errorf("%v, %v", c, err)
	}
	for setting, spoil := range map[string]func(*vonage.Config){
		"NOD_VONAGE_API_KEY":          func(c *vonage.Config) { c.APIKey = "" },
		"NOD_VONAGE_API_SECRET":       func(c *vonage.Config) { c.APISecret = "" },
		"NOD_VONAGE_FROM":             func(c *vonage.Config) { c.From = "" },
		"NOD_VONAGE_BASE_URL":         func(c *vonage.Config) { c.BaseURL = "api.nexmo.com" },
		"NOD_VONAGE_SIGNATURE_SECRET": func(c *vonage.Config) { c.SignatureSecret = strings.Repeat("s", 31) },
	} {
		c := good
		spoil(&c)
		if _, err := vonage.New(c); err == nil || !strings.Contains(err.Error(), setting) {
			t.Errorf("%s: %v", setting, err)
		}
	}
	for from, is := range map[string]bool{
		"+14155550100": true, "14155550100": true, "12345": true, "Nod Login 1": true, "123456789012345": true, "ACME": true,
		"1234567890123456": false, "+1234567890123456": false, "a name too long": false, "Nod&Login": false, "+Nod": false, " ": false, "Nod\n": false,
	} {
		c := good
		c.From = from
		if _, err := vonage.New(c); (err == nil) != is || err != nil && (!strings.Contains(err.Error(), "NOD_VONAGE_FROM") || strings.Contains(err.Error(), "Nod")) {
			t.Errorf("%q: %v", from, err)
		}
	}
}

// inbox takes what Vonage calls back with and reads it as nod does.
func inbox(t *testing.T, client *vonage.Client) (*httptest.Server, chan any) {
	t.Helper()
	came := make(chan any, 16)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, err := client.Receipts(r)
		switch {
		case err != nil:
			w.WriteHeader(http.StatusForbidden)
			came <- err
		case len(got) != 1:
			came <- fmt.Errorf("%d receipts", len(got))
		default:
			came <- got[0]
		}
	}))
	t.Cleanup(srv.Close)
	return srv, came
}

func TestReceipts(t *testing.T) {
	judge, client := vonages(t, nil)
	srv, came := inbox(t, client)
	client, err := vonage.New(vonage.Config{APIKey: judge.APIKey, APISecret: judge.APISecret, From: "nod", SignatureSecret: judge.SignatureSecret,
		BaseURL: client.Base(), StatusURL: srv.URL + "/webhooks/vonage/status"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	judge.Script(phone, providers.Answer{Receipts: []providers.Receipt{
		{State: "submitted", Times: 2}, {State: "delivered", Forged: true}, {State: "rejected", Code: "1190", Delay: time.Millisecond},
		{State: "undeliverable"}, {State: "read"},
	}})
	id := client.Send(t.Context(), sms()).ProviderID
	receipt := verify.Receipt{DeliveryID: "dlv_1", Provider: "vonage", ProviderID: id}
	accepted, dead, lost, read := receipt, receipt, receipt, receipt
	accepted.State, read.State = verify.StateAccepted, verify.StateDelivered
	dead.State, dead.Class, dead.Detail = verify.StateUndelivered, verify.ClassPermanentTarget, "1190"
	lost.State, lost.Class = verify.StateUndelivered, verify.ClassUnknown
	for i, want := range []any{accepted, accepted, delivery.ErrForged, dead, lost, read} {
		select {
		case got := <-came:
			if got != want {
				t.Errorf("receipt %d: %+v, want %+v", i, got, want)
			}
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		}
	}
	wellJudged(t, judge)

	asked, err := client.Ask(t.Context(), "vonage", id)
	if err != nil || asked != read {
		t.Errorf("asked, Vonage said %+v, %v", asked, err)
	}
}

func TestAsk(t *testing.T) {
	judge, client := vonages(t, nil)
	for name, c := range map[string]struct {
		receipts []providers.Receipt
		want     verify.Receipt
	}{
		"on its way":  {[]providers.Receipt{}, verify.Receipt{DeliveryID: "dlv_1", Provider: "vonage", State: verify.StateAccepted}},
		"not a state": {[]providers.Receipt{{State: "pondering"}}, verify.Receipt{}},
		"rejected": {[]providers.Receipt{{State: "rejected", Code: "1240"}},
			verify.Receipt{DeliveryID: "dlv_1", Provider: "vonage", State: verify.StateUndelivered, Class: verify.ClassPermanentUser, Detail: "1240"}},
	} {
		t.Run(name, func(t *testing.T) {
			judge.Script(phone, providers.Answer{Receipts: c.receipts})
			id := client.Send(t.Context(), sms()).ProviderID
			if c.want.State != "" {
				c.want.ProviderID = id
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			for {
				got, err := client.Ask(ctx, "vonage", id)
				if err != nil {
					t.Fatalf("%v; last %+v", err, got)
				}
				if got == c.want {
					return
				}
			}
		})
	}
	if got, err := client.Ask(t.Context(), "vonage", "no such message"); err != nil || got != (verify.Receipt{}) {
		t.Errorf("an unknown message: %+v, %v", got, err)
	}
	if got, err := client.Ask(t.Context(), "twilio", "SM1"); err != nil || got != (verify.Receipt{}) {
		t.Errorf("another's message: %+v, %v", got, err)
	}
	wellJudged(t, judge)
}

// signedBy makes a webhook by hand, so that it can be wrong in one thing at a time.
func signedBy(t *testing.T, key, account, body string, at time.Time) *http.Request {
	t.Helper()
	hash := sha256.Sum256([]byte(body))
	return jwt(t, `{"alg":"HS256","typ":"JWT"}`, map[string]any{"iat": at.Unix(), "api_key": account, "payload_hash": hex.EncodeToString(hash[:])}, key, body)
}

func jwt(t *testing.T, header string, claims map[string]any, key, body string) *http.Request {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawURLEncoding
	signed := b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString(payload)
	mac := hmac.New(sha256.New, []byte(key))
	if strings.Contains(header, "HS512") {
		mac = hmac.New(sha512.New, []byte(key))
	}
	mac.Write([]byte(signed))
	r := httptest.NewRequest(http.MethodPost, "/webhooks/vonage/status?delivery=dlv_1", strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+signed+"."+b64.EncodeToString(mac.Sum(nil)))
	return r
}

func TestSignature(t *testing.T) {
	judge, client := vonages(t, nil)
	key := judge.SignatureSecret
	body := `{"message_uuid":"m1","status":"delivered","client_ref":"dlv_1","channel":"sms"}`
	now := time.Now()
	hash := sha256.Sum256([]byte(body))
	claims := map[string]any{"iat": now.Unix(), "api_key": "abcd1234", "payload_hash": hex.EncodeToString(hash[:])}

	for name, r := range map[string]*http.Request{
		"as Vonage signs":            signedBy(t, key, "abcd1234", body, now),
		"a repeat of the day before": signedBy(t, key, "abcd1234", body, now.Add(-24*time.Hour)),
		"a clock a minute ahead":     signedBy(t, key, "abcd1234", body, now.Add(time.Minute)),
	} {
		got, err := client.Receipts(r)
		if err != nil || len(got) != 1 || got[0] != (verify.Receipt{DeliveryID: "dlv_1", Provider: "vonage", ProviderID: "m1", State: verify.StateDelivered}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}

	bare := httptest.NewRequest(http.MethodPost, "/webhooks/vonage/status", strings.NewReader(body))
	other := signedBy(t, key, "abcd1234", body, now)
	other.Body = io.NopCloser(strings.NewReader(strings.Replace(body, "dlv_1", "dlv_2", 1)))
	basic := signedBy(t, key, "abcd1234", body, now)
	basic.Header.Set("Authorization", "Basic "+strings.TrimPrefix(basic.Header.Get("Authorization"), "Bearer "))
	unsigned := jwt(t, `{"alg":"none","typ":"JWT"}`, claims, key, body)
	for name, r := range map[string]*http.Request{
		"no signature":       bare,
		"no bearer":          basic,
		"another body":       other,
		"another secret":     signedBy(t, secret(), "abcd1234", body, now),
		"another account":    signedBy(t, key, "efgh5678", body, now),
		"of last week":       signedBy(t, key, "abcd1234", body, now.Add(-7*24*time.Hour)),
		"of tomorrow":        signedBy(t, key, "abcd1234", body, now.Add(24*time.Hour)),
		"no algorithm":       unsigned,
		"another algorithm":  jwt(t, `{"alg":"HS512","typ":"JWT"}`, claims, key, body),
		"no time":            jwt(t, `{"alg":"HS256","typ":"JWT"}`, map[string]any{"api_key": "abcd1234", "payload_hash": claims["payload_hash"]}, key, body),
		"no hash":            jwt(t, `{"alg":"HS256","typ":"JWT"}`, map[string]any{"api_key": "abcd1234", "iat": now.Unix()}, key, body),
		"claims of no shape": jwt(t, `{"alg":"HS256","typ":"JWT"}`, map[string]any{"iat": "now"}, key, body),
		"a long body":        signedBy(t, key, "abcd1234", strings.Repeat(" ", 65<<10)+body, now),
	} {
		if got, err := client.Receipts(r); !errors.Is(err, delivery.ErrForged) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if got, err := client.Receipts(signedBy(t, key, "abcd1234", "no JSON", now)); err == nil || errors.Is(err, delivery.ErrForged) {
		t.Errorf("signed nonsense: %+v, %v", got, err)
	}
	if got, err := client.Receipts(signedBy(t, key, "abcd1234", `{"status":"typing"}`, now)); err != nil || len(got) != 0 {
		t.Errorf("a status that says nothing: %+v, %v", got, err)
	}
}

var _ interface {
	delivery.Channel
	delivery.Asker
	delivery.Checker
	delivery.Receiver
} = (*vonage.Client)(nil)

func BenchmarkSend(b *testing.B) {
	judge, client := vonages(b, nil)
	judge.Script("", providers.Answer{Receipts: []providers.Receipt{}})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if o := client.Send(b.Context(), sms()); o.State != verify.StateAccepted {
				b.Errorf("it became %+v", o)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sends/s")
}
