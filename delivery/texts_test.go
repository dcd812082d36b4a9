package delivery_test

import (
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"nod/delivery"
	"nod/verify"
)

// septets of the alphabets that carriers know (GSM 03.38).
var plain = regexp.MustCompile(`^[@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&'()*+,\-./0-9:;<=>?¡A-ZÄÖÑÜ§¿a-zäöñüà]*$`)

func TestTexts(t *testing.T) {
	fallback := func(q *verify.Request) { q.Channel = verify.Auto }
	phone := func(q *verify.Request) { q.Purpose, q.Channel = verify.Phone, verify.SMS }
	named := func(app string) func(*verify.Request) {
		return func(q *verify.Request) { q.Channel, q.Context.App = verify.SMS, app }
	}
	speaking := func(locale string) func(*verify.Request) {
		return func(q *verify.Request) { named("Bank")(q); q.Locale = locale }
	}
	for name, tc := range map[string]struct {
		change func(*verify.Request)
		url    string
		device bool
		has    string
		hasNot string
	}{
		"a code that was asked for":           {change: named("Bank"), has: "sign in to Bank"},
		"without the name of an app":          {change: named(""), has: "your sign-in code"},
		"a name that an SMS cannot spell":     {change: named("Банк"), has: "your sign-in code", hasNot: "Банк"},
		"a name with characters of two":       {change: named("{B}[" + strings.Repeat("€", 60) + "]"), has: "your sign-in code", hasNot: "€"},
		"a name that is too long":             {change: named(strings.Repeat("Bank ", 25)), has: "your sign-in code", hasNot: "Bank"},
		"a name that looks like a blank":      {change: named("{code}"), has: "sign in to {code}"},
		"a name that looks like a last line":  {change: named("B @evil.example #1"), has: "your sign-in code", hasNot: "evil"},
		"because the app did not get it":      {change: fallback, device: true, has: "sign in to Bank: your app did not get the request"},
		"to confirm a number":                 {change: phone, has: "confirm this number for Bank"},
		"in a language that nod does not yet": {change: speaking("eo-XX"), has: "sign in to Bank"},
		"in one that it does":                 {change: speaking("de_AT"), has: "zur Anmeldung bei Bank"},
		"for a host that leaves no room":      {change: named("Bank"), url: "https://" + strings.Repeat("a.", 66) + "example", hasNot: "code"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(w *world) {
				host := "nod.example"
				if tc.url != "" {
					w.auth = verify.NewAuthority(w.store.Keys(), tc.url)
					host = strings.TrimPrefix(tc.url, "https://")
				}
				if tc.device {
					w.enroll(false, false)
				}
				w.run()
				w.begin(tc.change)
				w.at(time.Second)
				m := w.script.list(verify.SMS)[0]
				if !strings.Contains(m.Text, tc.has) || tc.hasNot != "" && strings.Contains(m.Text, tc.hasNot) {
					t.Errorf("text: %q", m.Text)
				}
				if !strings.HasSuffix(m.Text, "\n@"+host+" #"+m.Code) || !strings.HasPrefix(m.Text, m.Code) {
					t.Errorf("the code stands not where it is looked for: %q", m.Text)
				}
				if n := len([]rune(m.Text)) + strings.Count(m.Text, "{") + strings.Count(m.Text, "}"); n > 160 || !plain.MatchString(strings.NewReplacer("{", "", "}", "").Replace(m.Text)) {
					t.Errorf("%d septets: %q", n, m.Text)
				}
			})
		})
	}
}

// The app is not said to have missed what it has.
func TestTheAppIsBlamedOnlyForWhatItMissed(t *testing.T) {
	const missed, plain = "your app did not get the request", "Never share it."
	next := func(w *world) {
		w.must(func(v *verify.Verification, now time.Time) error { return v.Next(&w.policy, now) })
	}
	for name, tc := range map[string]struct {
		do   func(*world) // at one second
		by   time.Duration
		want string
	}{
		"nobody has it: by itself":               {func(*world) {}, 36 * s, missed},
		"nobody has it: on request":              {next, 2 * s, missed},
		"it has it, and nobody looks: by itself": {func(w *world) { w.ack(verify.WebSocket) }, 36 * s, plain},
		"it shows it: on request":                {func(w *world) { w.display(verify.WebSocket); next(w) }, 2 * s, plain},
		"it had the one before": {func(w *world) {
			w.display(verify.WebSocket)
			w.at(61 * s)
			if err := w.resend(verify.Push); err != nil {
				w.t.Fatal(err)
			}
		}, 63 * s, missed},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(w *world) {
				w.enroll(false, true)
				w.run()
				w.begin()
				w.at(time.Second)
				tc.do(w)
				w.at(tc.by)
				sent := w.script.list(verify.SMS)
				if len(sent) != 1 || !strings.Contains(sent[0].Text, tc.want) {
					t.Errorf("%d SMS: %+v", len(sent), sent)
				}
				for _, m := range sent {
					if tc.want == plain && strings.Contains(m.Text, missed) {
						t.Errorf("it says %q", m.Text)
					}
				}
			})
		})
	}
}

// Nor where none was asked.
func TestNoAppNoBlame(t *testing.T) {
	bubble(t, func(w *world) {
		w.enroll(false, true)
		w.script.says(verify.SMS, verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Provider: "sim", RetryAfter: 10 * s})
		w.run()
		w.begin(over(verify.SMS))
		w.at(time.Second)
		w.must(func(v *verify.Verification, now time.Time) error { return v.Next(&w.policy, now) })
		w.at(2 * s)
		if sent := w.script.list(verify.SMS); len(sent) != 2 || strings.Contains(sent[1].Text, "your app") {
			t.Errorf("%d SMS, the last %q", len(sent), sent[len(sent)-1].Text)
		}
	})
}

func TestACall(t *testing.T) {
	bubble(t, func(w *world) {
		w.run()
		w.begin(over(verify.Voice))
		w.at(time.Second)
		m := w.script.list(verify.Voice)[0]
		if spoken := strings.Join(strings.Split(m.Code, ""), ", "); len(m.Code) != 6 || strings.Count(m.Text, spoken) != 2 {
			t.Errorf("it says %q", m.Text)
		}
	})
}

// A push wakes the app. What its provider can read says nothing.
func TestAPushSaysNothing(t *testing.T) {
	bubble(t, func(w *world) {
		w.enroll(true, false)
		w.script.says(verify.WebSocket, nobodyThere)
		w.run()
		w.begin()
		w.at(time.Second)
		m, v := w.script.list(verify.Push)[0], w.load()
		read := m.Title + " " + m.Text
		if m.Title == "" || m.Text == "" || regexp.MustCompile(`[0-9]`).MatchString(read) || strings.Contains(read, v.Context.App) {
			t.Errorf("it says %q", read)
		}
		if m.Code != "" || !m.Number.IsZero() || m.Push.Token != pushToken {
			t.Errorf("it carries a code or a number, or goes elsewhere")
		}
		if *m.Prompt != w.auth.Prompt(v, last(v, verify.Push)) {
			t.Errorf("the prompt is %+v", *m.Prompt)
		}
		if m.Life != v.Prompt.ExpiresAt.Sub(w.begun) || !m.ExpiresAt.Equal(v.Prompt.ExpiresAt) {
			t.Errorf("it lives for %s, until %s", m.Life, m.ExpiresAt)
		}
	})
}

func TestAMessagePrintsNoSecret(t *testing.T) {
	m := delivery.Message{
		VerificationID: "ver_1", DeliveryID: "dlv_1", Channel: verify.SMS, Number: verify.StoredNumber(number),
		Code: "123456", Text: "123456 is your code", Push: &verify.PushTarget{Token: pushToken},
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("sent", "message", m)
	for _, printed := range []string{log.String(), fmt.Sprintf("%v %+v %s", m, m, m), fmt.Sprintf("%#v", m)} {
		if strings.Contains(printed, "123456") || strings.Contains(printed, number) || strings.Contains(printed, pushToken) || !strings.Contains(printed, "dlv_1") {
			t.Errorf("it prints %s", printed)
		}
	}
}
