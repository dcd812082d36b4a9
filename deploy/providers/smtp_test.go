package providers

import (
	"net"
	"net/textproto"
	"strings"
	"testing"
	"time"
)

func goodMail() string {
	return strings.ReplaceAll(`From: <no-reply@example.com>
To: <ada@example.org>
Subject: =?UTF-8?q?Ihr_Code_f=C3=BCr_example.com?=
Date: `+time.Now().Format(time.RFC1123Z)+`
Message-ID: <dlv_1@example.com>
Auto-Submitted: auto-generated
MIME-Version: 1.0
Content-Type: text/plain; charset=UTF-8
Content-Transfer-Encoding: quoted-printable

482913 ist Ihr Code f=C3=BCr Sie.
`, "\n", "\r\n")
}

// TestJudgeMail changes one thing of a mail at a time.
func TestJudgeMail(t *testing.T) {
	got, err := judgeMail(goodMail(), "no-reply@example.com", "ada@example.org")
	if err != nil || got.Text != "482913 ist Ihr Code für Sie." || got.ID != "dlv_1@example.com" || got.Fields["subject"] != "Ihr Code für example.com" {
		t.Fatalf("a good mail: %+v, %v", got, err)
	}
	for old, now := range map[string]string{
		"From: <no":         "From: <on",
		"To: <ada":          "To: <eve",
		"To: ":              "Bcc: <eve@example.net>\r\nTo: ",
		"Subject: ":         "Subject: one\r\nSubject: ",
		"Date: ":            "Date: Mon, 02 Jan 2006 15:04:05 +0000\r\nX-Date: ",
		"<dlv_1@":           "<dlv 1@",
		"auto-generated":    "no",
		"Auto-Submitted":    "X-Auto",
		"text/plain":        "text/html",
		"charset=UTF-8":     "charset=latin1",
		"quoted-printable":  "rot13",
		"f=C3=BCr Sie":      "f=C3r Sie",
		"482913 ist Ihr Co": "\xff",
		"MIME-Version: 1.0": "X-Mailer: one",
	} {
		mail := strings.Replace(goodMail(), old, now, 1)
		if mail == goodMail() {
			t.Fatalf("%q is not in the mail", old)
		}
		if got, err := judgeMail(mail, "no-reply@example.com", "ada@example.org"); err == nil {
			t.Errorf("%q for %q: %+v", now, old, got)
		}
	}
}

// TestJudgeSMTP talks as a careless program would.
func TestJudgeSMTP(t *testing.T) {
	for name, c := range map[string]struct {
		say  []string // each line but the last is answered well
		want int
	}{
		"a mail before EHLO":       {[]string{"MAIL FROM:<a@example.com>"}, 503},
		"a recipient before MAIL":  {[]string{"EHLO example.com", "RCPT TO:<a@example.com>"}, 503},
		"DATA before a recipient":  {[]string{"EHLO example.com", "MAIL FROM:<a@example.com>", "DATA"}, 503},
		"no address":               {[]string{"EHLO example.com", "MAIL FROM:a"}, 501},
		"a second recipient":       {[]string{"EHLO example.com", "MAIL FROM:<a@example.com>", "RCPT TO:<b@example.com>", "RCPT TO:<c@example.com>"}, 501},
		"a command of its own":     {[]string{"EHLO example.com", "TURN"}, 503},
		"an address in an address": {[]string{"EHLO example.com", "MAIL FROM:<a@b@example.com>"}, 501},
	} {
		t.Run(name, func(t *testing.T) {
			judge := &SMTP{}
			talk(t, judge, c.say, c.want)
			if len(judge.Objections()) != 1 {
				t.Errorf("it objects %v", judge.Objections())
			}
		})
	}
	t.Run("no AUTH", func(t *testing.T) {
		judge := &SMTP{User: "nod", Password: hexes(8)}
		talk(t, judge, []string{"EHLO example.com", "MAIL FROM:<a@example.com>"}, 530)
		if len(judge.Objections()) != 1 {
			t.Errorf("it objects %v", judge.Objections())
		}
	})
}

// talk says one line after the other and looks at the last one's reply.
func talk(t *testing.T, judge *SMTP, say []string, want int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = judge.Serve(l) }() // Close waits for it
	defer judge.Close()
	conn, err := textproto.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, _, err := conn.ReadResponse(220); err != nil {
		t.Fatal(err)
	}
	for i, line := range say {
		if err := conn.PrintfLine("%s", line); err != nil {
			t.Fatal(err)
		}
		expect := 2
		if i == len(say)-1 {
			expect = want
		}
		if code, text, err := conn.ReadResponse(expect); err != nil {
			t.Fatalf("%s: %d %s", line, code, text)
		}
	}
}
