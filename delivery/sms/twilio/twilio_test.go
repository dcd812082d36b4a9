package twilio_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"nod/delivery"
	"nod/delivery/sms/twilio"
	"nod/deploy/providers"
	"nod/verify"
)

func TestSMSIsSent(t *testing.T) {
	s := open(t)
	m := text()
	o := s.SMS().Send(t.Context(), m)
	if o.State != verify.StateAccepted || o.Class != verify.ClassNone || o.Provider != "twilio" || !o.Receipts {
		t.Fatalf("got %+v", o)
	}
	got := s.judge.Accepted(person)
	if len(got) != 1 || got[0].ID != o.ProviderID || got[0].Text != m.Text || got[0].Fields["From"] != sender || got[0].Fields["ValidityPeriod"] != "540" {
		t.Errorf("Twilio took %+v", got)
	}
	r := s.heard(t, 2)
	want := []verify.Receipt{
		{DeliveryID: "dlv_1", Provider: "twilio", ProviderID: o.ProviderID, State: verify.StateAccepted, Class: verify.ClassNone},
		{DeliveryID: "dlv_1", Provider: "twilio", ProviderID: o.ProviderID, State: verify.StateDelivered, Class: verify.ClassNone},
	}
	if !slices.Equal(r, want) {
		t.Errorf("receipts %+v", r)
	}
	s.content(t)
}

func TestValidityStaysInTwiliosRange(t *testing.T) {
	for life, want := range map[time.Duration]string{time.Millisecond: "1", time.Second: "1", 24 * time.Hour: "36000"} {
		s := open(t)
		m := text()
		m.Life = life
		s.SMS().Send(t.Context(), m)
		if got := s.judge.Accepted(person); len(got) != 1 || got[0].Fields["ValidityPeriod"] != want {
			t.Errorf("%s: Twilio took %+v", life, got)
		}
	}
}

func TestAMessagingServiceSends(t *testing.T) {
	s := open(t)
	c := s.config
	c.From, c.PublicURL = s.judge.Service, ""
	service, err := twilio.New(c)
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	if o := service.SMS().Send(t.Context(), text()); o.State != verify.StateAccepted {
		t.Errorf("got %+v", o)
	}
	got := s.judge.Accepted(person)
	if len(got) != 1 || got[0].Fields["MessagingServiceSid"] != c.From || got[0].Fields["From"] != "" || got[0].Fields["StatusCallback"] != "" {
		t.Errorf("Twilio took %+v", got)
	}
	if _, ok := service.Calls(); ok {
		t.Error("a messaging service calls")
	}
	if err := service.SMS().Check(t.Context()); err != nil {
		t.Error(err)
	}
	s.content(t)
}

func TestCallIsMade(t *testing.T) {
	for language, want := range map[string]string{
		"en": `language="en-US" voice="Polly.Joanna"`, "en-GB": `language="en-GB"`, "en-AU": `language="en-US"`, "de": `language="de-DE"`,
		"fr": `language="fr-FR"`, "es": `language="es-ES"`, "pt": `language="pt-BR"`, "pt-PT": `language="pt-PT"`, "hi": `language="hi-IN"`,
		"zh": `language="cmn-CN" voice="Polly.Zhiyu"`, "ar": `language="arb" voice="Polly.Zeina"`, "it": `<Say language="it">Hello`,
	} {
		s := open(t)
		calls, _ := s.Calls()
		m := words()
		m.Language = language
		o := calls.Send(t.Context(), m)
		if o.State != verify.StateAccepted || !strings.HasPrefix(o.ProviderID, "CA") || !o.Receipts {
			t.Fatalf("%s: got %+v", language, o)
		}
		got := s.judge.Accepted(person)
		if len(got) != 1 || !strings.Contains(got[0].Text, want) || !strings.Contains(got[0].Text, "&lt;Goodbye&gt; &amp;") {
			t.Errorf("%s: Twilio took %+v", language, got)
		}
		if r := s.heard(t, 1); r[0] != (verify.Receipt{DeliveryID: "dlv_1", Provider: "twilio", ProviderID: o.ProviderID, State: verify.StateDelivered, Class: verify.ClassNone}) {
			t.Errorf("%s: receipts %+v", language, r)
		}
		s.content(t)
	}
}

// TestEachError goes through the table, code by code, through the real client.
func TestEachError(t *testing.T) {
	states := map[verify.Class]verify.DeliveryState{
		verify.ClassPermanentTarget: verify.StateFailed, verify.ClassPermanentUser: verify.StateFailed, verify.ClassPolicy: verify.StateFailed,
		verify.ClassTransient: verify.StateRetrying, verify.ClassUnknown: verify.StateUnknown,
	}
	// What the founding documents say of codes; the rest of the table adds to it.
	said := map[int]verify.Class{
		21211: verify.ClassPermanentTarget, 21614: verify.ClassPermanentTarget, 21635: verify.ClassPermanentTarget,
		30005: verify.ClassPermanentTarget, 30006: verify.ClassPermanentTarget,
		21610: verify.ClassPermanentUser, 30004: verify.ClassPermanentUser,
		21408: verify.ClassPolicy, 21612: verify.ClassPolicy, 30007: verify.ClassPolicy, 30450: verify.ClassPolicy, 60410: verify.ClassPolicy,
		20429: verify.ClassTransient,
	}
	table := twilio.Codes()
	for code, class := range said {
		if table[code] != class {
			t.Errorf("%d is %q, want %q", code, table[code], class)
		}
	}
	s := open(t)
	table[99999] = verify.ClassPolicy // one that nobody knows
	for code, class := range table {
		detail := strconv.Itoa(code)
		for name, c := range s.both(t) {
			s.judge.Script(person, providers.Answer{Code: detail})
			if o := c.Send(t.Context(), c.m); o.State != states[class] || o.Class != class || o.Detail != detail || o.Provider != "twilio" || o.HandOver {
				t.Errorf("%s, a refusal with %d: %+v, want %s %s", name, code, o, states[class], class)
			}
			s.judge.Script(person, providers.Answer{Receipts: []providers.Receipt{{State: "undelivered", Code: detail, Times: -1}}})
		}
		s.judge.Script(person, providers.Answer{Status: 201, Code: detail})
		if o := s.SMS().Send(t.Context(), text()); o.State != states[class] || o.Class != class || o.Detail != detail || o.ProviderID == "" || o.Receipts {
			t.Errorf("a message that failed with %d: %+v, want %s %s", code, o, states[class], class)
		}
	}
}

func TestEachStatus(t *testing.T) {
	s := open(t)
	for _, row := range []struct {
		a      providers.Answer
		state  verify.DeliveryState
		class  verify.Class
		detail string
		after  time.Duration
		broken bool // it is the account's
	}{
		{providers.Answer{Status: 429, Code: "20429", RetryAfter: "17"}, verify.StateRetrying, verify.ClassTransient, "20429", 17 * time.Second, false},
		{providers.Answer{Status: 429, RetryAfter: "17"}, verify.StateRetrying, verify.ClassTransient, "http_429", 17 * time.Second, false},
		{providers.Answer{Status: 400, Code: "21611", RetryAfter: "3"}, verify.StateRetrying, verify.ClassTransient, "21611", 3 * time.Second, false},
		{providers.Answer{Status: 401, Code: "20003"}, verify.StateFailed, verify.ClassPolicy, "20003", 0, true},
		{providers.Answer{Status: 401}, verify.StateFailed, verify.ClassPolicy, "http_401", 0, true},
		{providers.Answer{Status: 403}, verify.StateFailed, verify.ClassPolicy, "http_403", 0, true},
		{providers.Answer{Status: 404}, verify.StateFailed, verify.ClassPolicy, "http_404", 0, true},
		{providers.Answer{Status: 400}, verify.StateFailed, verify.ClassPolicy, "http_400", 0, false},
		{providers.Answer{Status: 400, Code: "21408"}, verify.StateFailed, verify.ClassPolicy, "21408", 0, false},
		{providers.Answer{Status: 301}, verify.StateFailed, verify.ClassPolicy, "http_301", 0, true},
		{providers.Answer{Status: 307}, verify.StateFailed, verify.ClassPolicy, "http_307", 0, true},
		{providers.Answer{Status: 408}, verify.StateUnknown, verify.ClassUnknown, "http_408", 0, false},
		{providers.Answer{Status: 500, Code: "20500"}, verify.StateUnknown, verify.ClassUnknown, "20500", 0, false},
		{providers.Answer{Status: 500, Code: "21211"}, verify.StateUnknown, verify.ClassUnknown, "21211", 0, false},
		{providers.Answer{Status: 502}, verify.StateUnknown, verify.ClassUnknown, "http_502", 0, false},
		{providers.Answer{Status: 503, Code: "20503", RetryAfter: "1"}, verify.StateUnknown, verify.ClassUnknown, "20503", time.Second, false},
		{providers.Answer{Fault: providers.TakenBroken}, verify.StateUnknown, verify.ClassUnknown, "garbled", 0, false},
		{providers.Answer{Fault: providers.Reset}, verify.StateUnknown, verify.ClassUnknown, "reset", 0, false},
		{providers.Answer{Fault: providers.TakenReset}, verify.StateUnknown, verify.ClassUnknown, "reset", 0, false},
	} {
		for name, c := range s.both(t) {
			s.judge.Script(person, row.a)
			before := s.judge.Requests(person)
			o := c.Send(t.Context(), c.m)
			if o.State != row.state || o.Class != row.class || o.Detail != row.detail || o.RetryAfter != row.after || o.Provider != "twilio" || o.Receipts {
				t.Errorf("%s, %+v: got %+v", name, row.a, o)
			}
			if n := s.judge.Requests(person) - before; n != 1 {
				t.Errorf("%s, %+v: %d requests for one row", name, row.a, n)
			}
			if got := c.Channel.(interface{ AccountRefused(string) bool }).AccountRefused(o.Detail); got != row.broken && row.state == verify.StateFailed {
				t.Errorf("%s, %+v: the account's: %v, want %v", name, row.a, got, row.broken)
			}
		}
	}
}

func TestNoAnswerInTime(t *testing.T) {
	for _, fault := range []providers.Fault{providers.Hang, providers.TakenHang} {
		s := open(t)
		s.judge.Script(person, providers.Answer{Fault: fault})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		o := s.SMS().Send(ctx, text())
		cancel()
		if o.State != verify.StateUnknown || o.Class != verify.ClassUnknown || o.Detail != "timeout" {
			t.Errorf("%s: got %+v", fault, o)
		}
	}
}

func TestWhatDidNotLeave(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	stranger := httptest.NewUnstartedServer(http.NotFoundHandler())
	stranger.Config.ErrorLog = log.New(io.Discard, "", 0)
	stranger.StartTLS() // a certificate that nobody trusts
	defer stranger.Close()
	mute, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = mute.Close() }()
	for name, base := range map[string]string{
		"refused": closed.URL, "no such host": "http://nowhere.invalid", "not trusted": stranger.URL, "no handshake": "https://" + mute.Addr().String(),
	} {
		s := open(t, func(c *twilio.Config) { c.BaseURL = base })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		o := s.SMS().Send(ctx, text())
		cancel()
		if o.State != verify.StateRetrying || o.Class != verify.ClassTransient || o.Detail != "connect" || o.Provider != "twilio" {
			t.Errorf("%s: got %+v", name, o)
		}
	}
}

// TestACodeIsInNoAddress looks at all that travels outside the body.
func TestACodeIsInNoAddress(t *testing.T) {
	var bad atomic.Int64
	s := open(t)
	api, _ := url.Parse(s.config.BaseURL)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := r.URL.String() + fmt.Sprint(r.Header)
		if strings.Contains(head, text().Code) || strings.Contains(head, person[1:]) || strings.Contains(head, s.config.AuthToken) {
			bad.Add(1)
		}
		r.URL.Scheme, r.URL.Host, r.RequestURI = api.Scheme, api.Host, ""
		s.judge.ServeHTTP(w, r)
	}))
	defer front.Close()
	s.config.BaseURL = front.URL
	var err error
	if s.Twilio, err = twilio.New(s.config); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for name, c := range s.both(t) {
		if o := c.Send(t.Context(), c.m); o.State != verify.StateAccepted {
			t.Errorf("%s: %+v", name, o)
		}
	}
	if bad.Load() != 0 {
		t.Error("a code, a number or the token is outside the body")
	}
	s.content(t)
}

func TestAsk(t *testing.T) {
	s := open(t)
	for name, c := range s.both(t) {
		for _, row := range []struct {
			status, code string
			state        verify.DeliveryState
			class        verify.Class
			detail       string
		}{
			{"queued", "", verify.StateAccepted, verify.ClassNone, ""},
			{"sent", "", verify.StateAccepted, verify.ClassNone, ""},
			{"in-progress", "", verify.StateAccepted, verify.ClassNone, ""},
			{"delivered", "", verify.StateDelivered, verify.ClassNone, ""},
			{"read", "", verify.StateDelivered, verify.ClassNone, ""},
			{"completed", "", verify.StateDelivered, verify.ClassNone, ""},
			{"busy", "", verify.StateUndelivered, verify.ClassTransient, "busy"},
			{"no-answer", "", verify.StateUndelivered, verify.ClassTransient, "no-answer"},
			{"failed", "", verify.StateUndelivered, verify.ClassUnknown, "failed"},
			{"canceled", "", verify.StateUndelivered, verify.ClassUnknown, "canceled"},
			{"a new word", "", "", verify.ClassNone, ""},
		} {
			s.judge.Script(person, providers.Answer{Receipts: []providers.Receipt{{State: row.status, Code: row.code, Times: -1}}})
			sent := c.Send(t.Context(), c.m)
			want := verify.Receipt{Provider: "twilio", ProviderID: sent.ProviderID, State: row.state, Class: row.class, Detail: row.detail}
			if got := asked(t, c.Asker, sent.ProviderID, want); got != want {
				t.Errorf("%s, %s: got %+v, want %+v", name, row.status, got, want)
			}
		}
		for _, id := range []string{"SM" + hexText(16), "", "../Accounts", "CA1"} {
			if r, err := c.Ask(t.Context(), "twilio", id); err == nil {
				t.Errorf("%s: asked for %q: %+v", name, id, r)
			}
		}
	}
	s.judge.Script(person, providers.Answer{Receipts: []providers.Receipt{{State: "undelivered", Code: "30005", Times: -1}}})
	sent := s.SMS().Send(t.Context(), text())
	want := verify.Receipt{Provider: "twilio", ProviderID: sent.ProviderID, State: verify.StateUndelivered, Class: verify.ClassPermanentTarget, Detail: "30005"}
	if got := asked(t, s.SMS(), sent.ProviderID, want); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// asked asks until the judge's own clock has come to what is wanted.
func asked(t *testing.T, a delivery.Asker, id string, want verify.Receipt) (got verify.Receipt) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline) && got != want; {
		var err error
		if got, err = a.Ask(t.Context(), "twilio", id); err != nil {
			t.Fatal(err)
		}
	}
	return got
}

func TestCheck(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*station)
		says   string
	}{
		"good":            {func(*station) {}, ""},
		"wrong token":     {func(s *station) { s.config.AuthToken = hexText(16) }, "TWILIO_AUTH_TOKEN"},
		"another account": {func(s *station) { s.config.AccountSID = "AC" + hexText(16) }, "TWILIO_ACCOUNT_SID"},
		"suspended":       {func(s *station) { s.judge.Standing = "suspended" }, "suspended"},
		"closed":          {func(s *station) { s.judge.Standing = "closed" }, "closed"},
		"another number":  {func(s *station) { s.config.From = "+14155550199" }, "TWILIO_PHONE_NUMBER"},
		"nobody there":    {func(s *station) { s.config.BaseURL = "http://127.0.0.1:1" }, "NOD_TWILIO_BASE_URL"},
		"somebody else":   {func(s *station) { s.config.BaseURL = s.config.PublicURL }, "NOD_TWILIO_BASE_URL"},
	} {
		s := open(t)
		row.change(s)
		changed, err := twilio.New(s.config)
		if err != nil {
			t.Fatal(err)
		}
		defer changed.Close()
		calls, _ := changed.Calls()
		for _, c := range []delivery.Checker{changed.SMS(), calls} {
			err := c.Check(t.Context())
			if (err == nil) != (row.says == "") || err != nil && !strings.Contains(err.Error(), row.says) {
				t.Errorf("%s: %v, want it to say %q", name, err, row.says)
			}
			if err != nil && (strings.Contains(err.Error(), s.config.AuthToken) || strings.Contains(err.Error(), s.config.AccountSID)) {
				t.Errorf("%s: a credential is in %v", name, err)
			}
		}
		if n := len(s.judge.Accepted("")); n != 0 {
			t.Errorf("%s: a check sent %d messages", name, n)
		}
	}
}

func TestCheckKnowsWhatANumberCannot(t *testing.T) {
	s := open(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := map[string]any{"status": "active"}
		if strings.Contains(r.URL.Path, "IncomingPhoneNumbers") {
			answer = map[string]any{"incoming_phone_numbers": []any{map[string]any{"phone_number": sender, "capabilities": map[string]bool{"voice": true}}}}
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	defer server.Close()
	s.config.BaseURL = server.URL
	landline, err := twilio.New(s.config)
	if err != nil {
		t.Fatal(err)
	}
	defer landline.Close()
	if err := landline.SMS().Check(t.Context()); err == nil || !strings.Contains(err.Error(), "cannot send SMS") {
		t.Errorf("SMS: %v", err)
	}
	calls, _ := landline.Calls()
	if err := calls.Check(t.Context()); err != nil {
		t.Errorf("calls: %v", err)
	}
}

// TestCheckOfANumberThatIsNotShown: an account that answers has good credentials,
// whatever becomes of the question about its number.
func TestCheckOfANumberThatIsNotShown(t *testing.T) {
	for name, row := range map[string]struct {
		status int
		answer string
		says   string
	}{
		"not found":        {http.StatusNotFound, `{"code": 20404, "status": 404}`, ""},
		"not found at all": {http.StatusNotFound, "<html>", ""},
		"no list":          {http.StatusOK, `{}`, ""},
		"nonsense":         {http.StatusOK, "<html>", ""},
		"out of order":     {http.StatusInternalServerError, "", ""},
		"too often":        {http.StatusTooManyRequests, `{"code": 20429, "status": 429}`, ""},
		"not listed":       {http.StatusOK, `{"incoming_phone_numbers": []}`, "TWILIO_PHONE_NUMBER"},
		"not let in":       {http.StatusUnauthorized, `{"code": 20003, "status": 401}`, "TWILIO_AUTH_TOKEN"},
		"not allowed":      {http.StatusForbidden, `{"code": 20403, "status": 403}`, "TWILIO_AUTH_TOKEN"},
	} {
		s := open(t)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "IncomingPhoneNumbers") {
				w.WriteHeader(row.status)
				_, _ = io.WriteString(w, row.answer)
				return
			}
			s.judge.ServeHTTP(w, r)
		}))
		defer server.Close()
		s.config.BaseURL = server.URL
		account, err := twilio.New(s.config)
		if err != nil {
			t.Fatal(err)
		}
		defer account.Close()
		if err := account.SMS().Check(t.Context()); (err == nil) != (row.says == "") || err != nil && !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %v, want it to say %q", name, err, row.says)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	good := twilio.Config{AccountSID: "AC" + hexText(16), AuthToken: hexText(16), From: sender}
	for name, change := range map[string]func(*twilio.Config){
		"account":  func(c *twilio.Config) { c.AccountSID = "SK1" },
		"token":    func(c *twilio.Config) { c.AuthToken = "with space" },
		"no token": func(c *twilio.Config) { c.AuthToken = "" },
		"sender":   func(c *twilio.Config) { c.From = "+0123" },
		"no one":   func(c *twilio.Config) { c.From = "" },
		"base":     func(c *twilio.Config) { c.BaseURL = "api.twilio.com" },
		"scheme":   func(c *twilio.Config) { c.BaseURL = "ftp://api.twilio.com" },
	} {
		c := good
		change(&c)
		if _, err := twilio.New(c); err == nil || strings.Contains(err.Error(), "with space") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, from := range []string{sender, "12345", "Nod Login", "MG" + hexText(16)} {
		c := good
		c.From = from
		made, err := twilio.New(c)
		if err != nil {
			t.Errorf("%s: %v", from, err)
			continue
		}
		if _, calls := made.Calls(); calls != (from == sender) {
			t.Errorf("%s calls: %v", from, calls)
		}
	}
}
