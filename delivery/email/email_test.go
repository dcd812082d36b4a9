package email_test

import (
	"context"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"nod/delivery"
	"nod/delivery/email"
	"nod/deploy/providers"
	"nod/verify"
)

func TestSend(t *testing.T) {
	for _, k := range []kind{plain, startTLS, implicit} {
		t.Run(string(k), func(t *testing.T) {
			judge, client := relays(t, k)
			want := verify.Outcome{State: verify.StateAccepted, Class: verify.ClassNone, Provider: "smtp", ProviderID: "dlv_0123@example.com"}
			if o := client.Send(t.Context(), code()); o != want {
				t.Errorf("became %+v, want %+v", o, want)
			}
			if wrong := judge.Objections(); len(wrong) > 0 {
				t.Errorf("the relay objects: %v", wrong)
			}
			took := judge.Accepted(mailbox)
			if len(took) != 1 || took[0].ID != "dlv_0123@example.com" || took[0].Text != code().Text {
				t.Fatalf("the relay took %+v", took)
			}
			if f := took[0].Fields; f["subject"] != code().Title || f["language"] != "de" || f["from"] != `"Example" <no-reply@example.com>` {
				t.Errorf("with %+v", f)
			}
		})
	}
}

func TestManyLanguages(t *testing.T) {
	judge, client := relays(t, plain)
	for _, text := range []string{"123456 आपका कोड है", "你的验证码是 123456", "رمزك هو 123456", ".\n..\n. dots", strings.Repeat("long ", 500)} {
		m := code()
		m.Title, m.Text = text, text
		if o := client.Send(t.Context(), m); o.State != verify.StateAccepted {
			t.Errorf("%q became %+v", text, o)
		}
		took := judge.Accepted(mailbox)
		if got := took[len(took)-1]; got.Text != strings.TrimRight(text, "\n") {
			t.Errorf("%q arrived as %q", text, got.Text)
		}
	}
	if wrong := judge.Objections(); len(wrong) > 0 {
		t.Errorf("the relay objects: %v", wrong)
	}
}

func TestInternationalAddress(t *testing.T) {
	judge, client := relays(t, plain)
	m := code()
	m.Email = "アダ@example.org"
	if o := client.Send(t.Context(), m); o.State != verify.StateAccepted || len(judge.Accepted(m.Email)) != 1 {
		t.Errorf("became %+v; the relay objects %v", o, judge.Objections())
	}
}

// Whatever is in a message, no header and no command comes of it.
func TestInjection(t *testing.T) {
	judge, client := relays(t, plain)
	for _, title := range []string{"x\r\nBcc: eve@example.net", "x\nBcc: eve@example.net", "x\r\n\r\nBody", "x\x00y", "x\rBcc: eve@example.net"} {
		m := code()
		m.Title, m.Language = title, title
		if o := client.Send(t.Context(), m); o.State != verify.StateAccepted {
			t.Errorf("%q became %+v", title, o)
		}
		m.Title, m.Language, m.Text = "Code", "", title+"\r\n.\r\nMAIL FROM:<eve@example.net>\r\n"
		if o := client.Send(t.Context(), m); o.State != verify.StateAccepted {
			t.Errorf("%q became %+v", title, o)
		}
	}
	if wrong := judge.Objections(); len(wrong) > 0 {
		t.Errorf("the relay objects: %v", wrong)
	}
	before := len(judge.Accepted(""))
	for _, to := range []string{"", "ada", "ada@", "@example.org", "ada@example.org\r\nRCPT TO:<eve@example.net>", "ada@example.org>", "<ada@example.org>", "ada eve@example.org",
		"Ada <ada@example.org>", "ada@example.org,eve@example.net", `"ada eve"@example.org`, "ada@eve@example.org", "ada\x00@example.org", strings.Repeat("a", 255) + "@example.org"} {
		m := code()
		m.Email = to
		want := verify.Outcome{State: verify.StateFailed, Class: verify.ClassPermanentTarget, Provider: "smtp", Detail: "address"}
		if o := client.Send(t.Context(), m); o != want {
			t.Errorf("%q became %+v", to, o)
		}
	}
	if n := len(judge.Accepted("")) - before; n != 0 || len(judge.Objections()) > 0 {
		t.Errorf("%d of them came to the relay, which objects %v", n, judge.Objections())
	}
}

// Every row of the table, from the verb that it is said to.
func TestRules(t *testing.T) {
	judge, client := relays(t, plain)
	rules := email.Rows()
	for i, r := range rules {
		verbs := []string{"AUTH", "MAIL", "RCPT", "DATA"}
		if r.To {
			verbs = []string{"RCPT", "DATA"}
		} else if hidden := slices.ContainsFunc(rules[:i], func(b email.Row) bool { return b.To && b.Code == r.Code && b.Enhanced == "" }); hidden {
			verbs = []string{"AUTH", "MAIL"} // said of the recipient, another row holds
		}
		code3, enhanced := (r.Code + "99")[:3], r.Enhanced
		if strings.HasSuffix(enhanced, ".") {
			enhanced += "26"
		}
		said := strings.TrimSpace(code3 + " " + enhanced)
		for _, verb := range verbs {
			t.Run(verb+" "+said, func(t *testing.T) {
				status, err := strconv.Atoi(code3)
				if err != nil {
					t.Fatal(err)
				}
				answer := providers.Answer{Status: status, Code: enhanced}
				switch verb {
				case "RCPT":
					judge.Script(mailbox, answer)
					defer judge.Script(mailbox)
				case "DATA":
					answer.Code = "DATA " + enhanced
					judge.Script(mailbox, answer)
					defer judge.Script(mailbox)
				default:
					judge.Script(verb, answer)
					defer judge.Script(verb)
				}
				o := client.Send(t.Context(), code())
				want := verify.Outcome{State: verify.StateFailed, Class: r.Class, Provider: "smtp", Detail: said}
				if r.Class == verify.ClassTransient {
					want.State = verify.StateRetrying
				}
				if o != want {
					t.Errorf("became %+v, want %+v", o, want)
				}
			})
		}
	}
	if took := judge.Accepted(""); len(took) > 0 {
		t.Errorf("the relay took %+v", took)
	}
	if wrong := judge.Objections(); len(wrong) > 0 {
		t.Errorf("the relay objects: %v", wrong)
	}
}

// Many relays give enhanced codes and never said that they do. Only what begins the
// text is one.
func TestEnhancedCodes(t *testing.T) {
	for _, terse := range []bool{true, false} {
		judge, client := relays(t, plain)
		judge.Terse = terse
		for said, want := range map[string]verify.Outcome{
			"5.1.1":            {Class: verify.ClassPermanentTarget, Detail: "550 5.1.1"},
			"5.7.26":           {Class: verify.ClassPolicy, Detail: "550 5.7.26"},
			"5.1.1.7 is":       {Class: verify.ClassPolicy, Detail: "550"},
			"blocked 5.1.1 is": {Class: verify.ClassPolicy, Detail: "550"},
			"":                 {Class: verify.ClassPolicy, Detail: "550"},
		} {
			for _, at := range []string{"", "DATA "} {
				judge.Script(mailbox, providers.Answer{Status: 550, Code: at + said})
				want.State, want.Provider = verify.StateFailed, "smtp"
				if o := client.Send(t.Context(), code()); o != want {
					t.Errorf("%q, terse %t: became %+v, want %+v", at+said, terse, o, want)
				}
			}
		}
	}
}

// What is said of the sender says nothing about the mailbox.
func TestOfTheSender(t *testing.T) {
	judge, client := relays(t, plain)
	judge.Script("MAIL", providers.Answer{Status: 550, Code: "5.1.1"})
	want := verify.Outcome{State: verify.StateFailed, Class: verify.ClassPolicy, Provider: "smtp", Detail: "550 5.1.1"}
	if o := client.Send(t.Context(), code()); o != want {
		t.Errorf("became %+v, want %+v", o, want)
	}
}

func TestFaults(t *testing.T) {
	judge, client := relays(t, plain)
	for name, c := range map[string]struct {
		key    string
		answer providers.Answer
		taken  int
		want   verify.Outcome
	}{
		"hang at HELO":       {"HELO", providers.Answer{Fault: providers.Hang}, 0, verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Detail: "connect"}},
		"hang at AUTH":       {"AUTH", providers.Answer{Fault: providers.Hang}, 0, verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Detail: "connect"}},
		"hang at MAIL":       {"MAIL", providers.Answer{Fault: providers.Hang}, 0, verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Detail: "connect"}},
		"hang at RCPT":       {mailbox, providers.Answer{Fault: providers.Hang}, 0, verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Detail: "connect"}},
		"reset at RCPT":      {mailbox, providers.Answer{Fault: providers.Reset}, 0, verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Detail: "connect"}},
		"taken, then hang":   {mailbox, providers.Answer{Fault: providers.TakenHang}, 1, verify.Outcome{State: verify.StateUnknown, Class: verify.ClassUnknown, Detail: "timeout"}},
		"taken, then reset":  {mailbox, providers.Answer{Fault: providers.TakenReset}, 1, verify.Outcome{State: verify.StateUnknown, Class: verify.ClassUnknown, Detail: "reset"}},
		"taken, then broken": {mailbox, providers.Answer{Fault: providers.TakenBroken}, 1, verify.Outcome{State: verify.StateUnknown, Class: verify.ClassUnknown, Detail: "reset"}},
	} {
		t.Run(name, func(t *testing.T) {
			limit := 10 * time.Second
			if c.answer.Fault == providers.Hang || c.answer.Fault == providers.TakenHang {
				limit = 300 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			judge.Script(c.key, c.answer)
			defer judge.Script(c.key)
			before := len(judge.Accepted(mailbox))
			c.want.Provider = "smtp"
			if o := client.Send(ctx, code()); o != c.want {
				t.Errorf("became %+v, want %+v", o, c.want)
			}
			if n := len(judge.Accepted(mailbox)) - before; n != c.taken {
				t.Errorf("the relay took %d", n)
			}
		})
	}
}

func TestNotConnected(t *testing.T) {
	_, untrusted := relay(t, startTLS, strange)
	_, untrustedImplicit := relay(t, implicit, strange)
	bare, without := relay(t, plain, known) // no STARTTLS, by a name that is not this machine's
	without = strings.Replace(without, "127.0.0.1", "0.0.0.0", 1)
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ to, says string }{
		"nobody there":            {"smtp://" + gone.Addr().String(), "cannot be used"},
		"no such name":            {"smtp://nobody.invalid", "cannot be used"},
		"no STARTTLS":             {without, "STARTTLS"},
		"a certificate of nobody": {untrusted, "certificate"},
		"one from the first byte": {untrustedImplicit, "certificate"},
		"TLS where there is none": {strings.Replace(without, "smtp:", "smtps:", 1), "cannot be used"},
		"plain text to TLS":       {strings.Replace(untrustedImplicit, "smtps:", "smtp:", 1), "cannot be used"},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := email.New(email.Config{URL: c.to, From: sender})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			want := verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Provider: "smtp", Detail: "connect"}
			if o := client.Send(ctx, code()); o != want {
				t.Errorf("became %+v, want %+v", o, want)
			}
			if err := client.Check(ctx); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("the check says %v", err)
			}
		})
	}
	if wrong := bare.Objections(); slices.ContainsFunc(wrong, func(s string) bool { return strings.Contains(s, "credentials") }) {
		t.Errorf("the password went out in plain text: %v", wrong)
	}
}

func TestCheck(t *testing.T) {
	for _, k := range []kind{plain, startTLS, implicit} {
		judge, to := relay(t, k, known)
		client, err := email.New(email.Config{URL: to, From: sender})
		if err != nil {
			t.Fatal(err)
		}
		if err := client.Check(t.Context()); err != nil {
			t.Errorf("%s: %v", k, err)
		}
		if wrong := judge.Objections(); len(wrong) > 0 || len(judge.Accepted("")) > 0 {
			t.Errorf("%s: the relay objects: %v", k, wrong)
		}
		stranger := judge.Password + "x"
		client, err = email.New(email.Config{URL: strings.Replace(to, url.UserPassword(judge.User, judge.Password).String(), url.UserPassword(judge.User, stranger).String(), 1), From: sender})
		if err != nil {
			t.Fatal(err)
		}
		if err := client.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "535 5.7.8") || strings.Contains(err.Error(), judge.Password) {
			t.Errorf("%s, with another password: %v", k, err)
		}
		if o := client.Send(t.Context(), code()); o.State != verify.StateFailed || o.Class != verify.ClassPolicy || o.Detail != "535 5.7.8" {
			t.Errorf("%s, with another password: %+v", k, o)
		}
	}
	judge, client := relays(t, plain)
	for key, c := range map[string]struct {
		answer providers.Answer
		says   string
	}{
		"HELO": {providers.Answer{Status: 421, Code: "4.3.2"}, "try again later"},
		"AUTH": {providers.Answer{Status: 504, Code: "5.5.4"}, "refuses"},
	} {
		judge.Script(key, c.answer)
		if err := client.Check(t.Context()); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", key, err)
		}
		judge.Script(key)
	}
	judge, client = relays(t, plain)
	judge.User = "" // offers no AUTH
	if err := client.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "AUTH") {
		t.Errorf("no AUTH: %v", err)
	}
}

func TestNew(t *testing.T) {
	for to, want := range map[string]email.Way{
		"smtp://mail.example.com":             {Host: "mail.example.com", Port: 587},
		"smtps://u%40x:p%3A@mail.example.com": {Host: "mail.example.com", Port: 465, Implicit: true, User: "u@x", Password: "p:"},
		"smtp://localhost:25/":                {Host: "localhost", Port: 25, Plain: true},
		"smtp://[::1]:2525":                   {Host: "::1", Port: 2525, Plain: true},
		"smtps://127.0.0.1":                   {Host: "127.0.0.1", Port: 465, Implicit: true},
		"smtp://10.0.0.1":                     {Host: "10.0.0.1", Port: 587},
	} {
		got, err := email.New(email.Config{URL: to, From: sender})
		if err != nil {
			t.Errorf("%s: %v", to, err)
			continue
		}
		if got.Way() != want {
			t.Errorf("%s is %+v", to, got.Way())
		}
	}
	for _, to := range []string{"", "mail.example.com", "http://mail.example.com", "smtp://", "smtp://h:0", "smtp://h:99999", "smtp://h/x", "smtp://u:sesame@h:x"} {
		if _, err := email.New(email.Config{URL: to, From: sender}); err == nil || !strings.Contains(err.Error(), "NOD_SMTP_URL") || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: %v", to, err)
		}
	}
	for _, from := range []string{"", "example.com", "a@b@c", "Example", "a@example.com, b@example.com"} {
		if _, err := email.New(email.Config{URL: "smtp://localhost", From: from}); err == nil || !strings.Contains(err.Error(), "NOD_EMAIL_FROM") {
			t.Errorf("%s: %v", from, err)
		}
	}
}

var _ interface {
	delivery.Channel
	delivery.Checker
} = (*email.Client)(nil)

func BenchmarkSend(b *testing.B) {
	_, client := relays(b, plain)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if o := client.Send(b.Context(), code()); o.State != verify.StateAccepted {
				b.Errorf("it became %+v", o)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sends/s")
}
