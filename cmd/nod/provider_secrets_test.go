package main

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"nod/client"
	played "nod/deploy/providers"
)

// TestNoSecretLeaks: after sign-ins over every provider, and with every one of them
// failing, neither what nod said nor its database holds a code, a number, an
// address, a push token or a credential.
func TestNoSecretLeaks(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		c := carry(t)
		dir := t.TempDir()
		p := c.nod(start, nil, "NOD_DATABASE_URL=sqlite:"+filepath.Join(dir, "nod.db"), "NOD_WS_ACK_TIMEOUT=1s", "NOD_PUSH_ACK_TIMEOUT=1s", "NOD_RESEND_DELAYS=1s")
		secrets := c.manySignIns(p.door)
		kept := ""
		for _, name := range []string{"nod.db", "nod.db-wal"} {
			text, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			kept += string(text)
		}
		secrets.absent(t, "the database", kept)
		secrets.absent(t, "the log", p.journal.String())
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		c := carry(t)
		settings := append(c.Settings(), "NOD_LOG_LEVEL=debug", "NOD_WS_ACK_TIMEOUT=1s", "NOD_PUSH_ACK_TIMEOUT=1s", "NOD_RESEND_DELAYS=1s")
		nodes := newCluster(t, setup{settings: settings})
		c.judged()
		secrets := c.manySignIns(nodes.door)
		secrets.absent(t, "the database", dump(t, nodes.db))
		for _, node := range nodes.nodes {
			secrets.absent(t, "the log", node.journal.String())
		}
	})
}

// words are those that nothing may hold, by what they are.
type words map[string]string

func (w words) add(what, word string) { w[word] = what }

func (w words) absent(t *testing.T, where, text string) {
	t.Helper()
	if len(text) < 1000 {
		t.Fatalf("%s is empty", where)
	}
	for word, what := range w {
		if alone(text, word) {
			t.Errorf("%s holds %s", where, what)
		}
	}
}

// alone reports whether a word stands in a text, and is no part of a longer one: six
// digits are found in many an id.
func alone(text, word string) bool {
	part := func(s string, i int) bool {
		return i >= 0 && i < len(s) && strings.IndexByte("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", s[i]) >= 0
	}
	for from := 0; ; {
		at := strings.Index(text[from:], word)
		if at < 0 {
			return false
		}
		if !part(text, from+at-1) && !part(text, from+at+len(word)) {
			return true
		}
		from += at + 1
	}
}

// manySignIns go over every provider, and meet a failure of each. It returns what
// was secret in them.
func (c *carriers) manySignIns(p *door) words {
	t := c.t
	secrets := words{}
	for _, s := range c.secrets() {
		secrets.add("a credential", s)
	}
	subscription, _ := c.subscribed()
	for i, push := range []client.Push{
		{Provider: "fcm", Token: fcmToken("android"), Platform: "android"},
		{Provider: "apns", Token: apnsToken(1), Platform: "ios"},
		{Provider: "webpush", Token: subscription},
		{Provider: "fcm", Token: fcmToken("dead"), Platform: "ios"},
	} {
		c.Google.Script(fcmToken("dead"), played.Answer{Code: "UNREGISTERED"})
		user, to := fmt.Sprint("u", i), digits(i)
		secrets.add("a push token", push.Token)
		secrets.add("a number", strings.TrimPrefix(to, "+"))
		p.enroll(user, &push)
		v := p.ask(user, object{"phone_number": to})
		code := codeIn(t, c.taken("twilio", to, 1)[0])
		secrets.add("a code", code)
		secrets.add("a page's secret", v.str("client_secret"))
		p.typed(v, code, "sms_code")
	}
	// Twilio takes nothing, nor does Vonage; then Twilio lets the caller wait in vain.
	for i, answers := range [][]played.Answer{{{Status: 429, Code: "20429"}}, {{Fault: played.TakenReset}}, {{Code: "21211"}}} {
		to := digits(10 + i)
		secrets.add("a number", strings.TrimPrefix(to, "+"))
		c.Twilio.Script(to, answers...)
		c.Vonage.Script(to, played.Answer{Status: 429})
		c.SNS.Script(to, played.Answer{Delay: 1})
		p.ask(fmt.Sprint("f", i), object{"phone_number": to, "channel": "sms"})
		c.asked("twilio", to, 1)
	}
	secrets.add("a code", codeIn(t, c.taken("sns", digits(10), 1)[0]))
	secrets.add("a code", codeIn(t, c.taken("twilio", digits(11), 1)[0]))

	const address = "ann@example.com"
	secrets.add("an address", address)
	c.Twilio.Script(digits(20), played.Answer{Code: "21211"})
	secrets.add("a number", strings.TrimPrefix(digits(20), "+"))
	v := p.ask("mail", object{"phone_number": digits(20), "email": address, "channel": "sms"})
	p.becomes(v, "sms", "failed")
	p.resend(202, v, object{"channel": "email"})
	code := regexp.MustCompile(`(?m)^\d{6}$`).FindString(c.taken("smtp", address, 1)[0].Text)
	secrets.add("a code", code)
	p.typed(v, code, "email_code")
	return secrets
}

// dump is all rows of all tables.
func dump(t *testing.T, db *sql.DB) (text string) {
	t.Helper()
	tables, err := db.QueryContext(t.Context(), "select table_name from information_schema.tables where table_schema = 'public'")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tables.Close() }()
	var names []string
	for tables.Next() {
		var name string
		if err := tables.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := tables.Err(); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		var rows sql.NullString
		if err := db.QueryRowContext(t.Context(), `select string_agg(r::text, E'\n') from "`+name+`" r`).Scan(&rows); err != nil {
			t.Fatal(err)
		}
		text += name + "\n" + rows.String + "\n"
	}
	return text
}
