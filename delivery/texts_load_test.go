package delivery_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nod/delivery"
	"nod/verify"
)

// What nod says by itself is held to what an operator's texts are held to.
func TestItsOwnTextsAreGood(t *testing.T) {
	files, err := filepath.Glob("texts/*.json")
	if err != nil || len(files) != 10 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	all := map[string]json.RawMessage{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".json")] = text
	}
	own, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := delivery.LoadTexts(own, "", publicURL); err != nil {
		t.Error(err)
	}
}

func TestAnOperatorsTexts(t *testing.T) {
	for name, tc := range map[string]struct {
		own, locale, says string
	}{
		"replace what nod says":              {`{"en": {"login": ["{code} opens {app}.", "{code} opens."]}}`, "en-GB", "opens Bank."},
		"or one text alone":                  {`{"en": {"login": "{code} opens."}}`, "en", "opens."},
		"and leave what they do not mention": {`{"en": {"voice": "{code}, {code}"}}`, "en", "is your code to sign in to Bank. Never share it."},
		"of the same language otherwise":     {`{"zh": {"login": "{code} 登录"}}`, "zh-CN", " 登录"},
		"of a region":                        {`{"de-CH": {"login": "{code} zum Anmelden."}}`, "de-CH", "zum Anmelden."},
		"but not of its neighbour":           {`{"de-CH": {"login": "{code} zum Anmelden."}}`, "de", "Anmeldung bei Bank. Niemals weitergeben."},
		"of a language that nod does not speak": {
			`{"it": {"login": "{code} per accedere.", "fallback": "{code} per accedere.", "phone": "{code} per confermare.", "voice": "{code} {code}", "push_title": "Lei?", "push_body": "Apra.", "email_subject": "{app}", "email_body": ["{code}", "{minutes} min"]}}`,
			"it-IT", "per accedere.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			texts, err := delivery.LoadTexts([]byte(tc.own), "", publicURL)
			if err != nil {
				t.Fatal(err)
			}
			bubble(t, func(w *world) {
				w.run(func(c *delivery.Config) { c.Texts = texts })
				w.begin(func(q *verify.Request) { q.Channel, q.Context.App, q.Locale = verify.SMS, "Bank", tc.locale })
				w.at(time.Second)
				if text := w.script.list(verify.SMS)[0].Text; !strings.Contains(text, tc.says+"\n\n@nod.example #") {
					t.Errorf("it says %q", text)
				}
			})
		})
	}
}

func TestTheLastLineOfAnApp(t *testing.T) {
	texts, err := delivery.LoadTexts(nil, "FA+9qCX9VSu", publicURL)
	if err != nil {
		t.Fatal(err)
	}
	bubble(t, func(w *world) {
		w.run(func(c *delivery.Config) { c.Texts = texts })
		w.begin(over(verify.SMS))
		w.at(time.Second)
		if m := w.script.list(verify.SMS)[0]; !strings.HasSuffix(m.Text, "Never share it.\n\nFA+9qCX9VSu") || strings.Count(m.Text, m.Code) != 1 {
			t.Errorf("it says %q", m.Text)
		}
	})
}

// Each is refused with its language, its key and what to do.
func TestWrongTexts(t *testing.T) {
	for name, tc := range map[string]struct{ own, says string }{
		"no JSON":                          {`{"en": `, "not JSON of the form"},
		"another form":                     {`{"en": ["a"]}`, "not JSON of the form"},
		"no language":                      {`{"deutsch!": {}}`, `"deutsch!" is no language: write a BCP 47 tag`},
		"a language of nobody":             {`{"xx": {}}`, `"xx" is no language`},
		"a language with a key too little": {`{"it": {"login": "{code}"}}`, "it: email_body is missing"},
		"an unknown key":                   {`{"de": {"sms": "{code}"}}`, `de: unknown key "sms": use email_body, `},
		"a number for a text":              {`{"de": {"login": 5}}`, "de: login: neither a text nor a list"},
		"nothing for a text":               {`{"de": {"login": null}}`, "de: login: it is empty"},
		"no text in a list":                {`{"de": {"login": []}}`, "de: login: neither a text nor a list"},
		"an empty text":                    {`{"de": {"push_body": " "}}`, "de: push_body: it is empty"},
		"two texts for a push":             {`{"de": {"push_body": ["a", "b"]}}`, "de: push_body: a list of 2 texts: write one"},
		"two lines for a subject":          {`{"de": {"email_subject": "a\nb"}}`, "de: email_subject: it has more than one line"},
		"a code in a push":                 {`{"de": {"push_title": "{code}"}}`, "de: push_title: it holds {code}: take it out"},
		"a name in a push":                 {`{"de": {"push_body": "{app}"}}`, "de: push_body: unknown placeholder {app}: take it out"},
		"a code in a subject":              {`{"de": {"email_subject": "{code}"}}`, "de: email_subject: it holds {code}: take it out"},
		"a mail without a code":            {`{"de": {"email_body": ["a", "b"]}}`, "de: email_body: {code} stands in it 0 times: write it once"},
		"a call that says it once":         {`{"de": {"voice": "{code}"}}`, "de: voice: {code} stands in it 1 times: write it twice"},
		"an SMS without a code":            {`{"de": {"phone": "Hallo"}}`, "de: phone: {code} stands in it 0 times: write it once"},
		"an SMS that says it twice":        {`{"de": {"login": ["{code}", "{code} {code}"]}}`, "de: login: text 2: {code} stands in it 2 times: write it once"},
		"an unknown placeholder":           {`{"de": {"login": "{code} {name}"}}`, "de: login: unknown placeholder {name}: use {code}, {app}"},
		"a host":                           {`{"de": {"login": "{code} @{host}"}}`, "de: login: {host} cannot be used: take it out"},
		"a lone brace":                     {`{"de": {"login": "{code} {app"}}`, "de: login: a brace that belongs to no placeholder"},
		"a last line":                      {`{"de": {"login": "{code}\n@nod.example #1"}}`, "de: login: it holds the line for browsers"},
		"digits before the code":           {`{"de": {"login": "24 Bank: {code}"}}`, "de: login: digits stand before {code}"},
		"a name that may be missing":       {`{"de": {"login": ["{code}", "{code} {app}"]}}`, "de: login: text 2: the last text names {app}: add one without it"},
		"a mark of direction":              {`{"ar": {"login": "\u200f{code} رمز"}}`, "ar: login: it holds a mark that controls the direction"},
		"a NUL":                            {`{"de": {"login": "{code}\u0000"}}`, "de: login: it holds a control character (U+0000): take it out"},
		"an ESC in a mail":                 {`{"de": {"email_body": ["{code}", "a\u001b[1m"]}}`, "de: email_body: text 2: it holds a control character (U+001B)"},
		"lines of another system":          {`{"de": {"email_body": ["{code}\r\n"]}}`, `de: email_body: it holds a control character (U+000D): take it out, a new line is \n alone`},
		"a CR in a subject":                {`{"de": {"email_subject": "a\rBcc: b"}}`, "de: email_subject: it holds a control character (U+000D)"},
		"a tab":                            {`{"de": {"push_title": "a\tb"}}`, "de: push_title: it holds a control character (U+0009)"},
		"one that few know":                {`{"de": {"push_title": "a\u0085b"}}`, "de: push_title: it holds a control character (U+0085)"},
		"a direction in a call":            {`{"ar": {"voice": "\u202e{code} {code}"}}`, "ar: voice: it holds a mark that controls the direction"},
		"more than one SMS":                {`{"de": {"login": "{code} ` + strings.Repeat("Wort ", 25) + `"}}`, "it takes 2 SMS: shorten it"},
		"and why":                          {`{"pt-BR": {"login": "{code} é seu código para entrar. Nunca o compartilhe."}}`, `pt-BR: login: with a code of 10 digits and its last line it takes 2 SMS: shorten it, or write it without 'ó' (U+00F3)`},
		"or why not":                       {`{"hi": {"login": ["{code}: {app} साइन इन कोड। इसे किसी को न बताएँ।", "{code} कोड"]}}`, `hi: login: text 1: with a code of 6 digits, a name of 8 characters`},
	} {
		t.Run(name, func(t *testing.T) {
			texts, err := delivery.LoadTexts([]byte(tc.own), "", publicURL)
			if err == nil || texts != nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("it says %v", err)
			}
		})
	}
}

func TestAllThatIsWrongIsToldAtOnce(t *testing.T) {
	_, err := delivery.LoadTexts([]byte(`{"de": {"login": ["{code} {code}", "{nme}"], "x": ""}, "fr": {"push_title": "{code}"}, "??": {}}`), "short", publicURL)
	if err == nil {
		t.Fatal("nothing is wrong")
	}
	for _, says := range []string{"hash of the Android app", `"??" is no`, "de: login: text 1: {code} stands in it 2", "de: login: text 2: unknown placeholder {nme}", "de: login: text 2: {code} stands in it 0", `de: unknown key "x"`, "fr: push_title: it holds {code}"} {
		if !strings.Contains(err.Error(), says) {
			t.Errorf("%q is not told: %v", says, err)
		}
	}
}

func TestATextThatAndroidWouldNotRead(t *testing.T) {
	_, err := delivery.LoadTexts([]byte(`{"de": {"login": "{code} `+strings.Repeat("Wort ", 24)+`"}}`), "FA+9qCX9VSu", publicURL)
	if err == nil || !strings.Contains(err.Error(), "de: login: with a code of 10 digits and its last line it takes 144 bytes: shorten it, Android reads 140") {
		t.Errorf("it says %v", err)
	}
}

// Whatever an operator writes, it is refused or it works.
func FuzzLoadTexts(f *testing.F) {
	f.Add(`{"de": {"login": ["{code} a", "b{code}"], "voice": "{code}{code}", "push_title": "x"}}`, "FA+9qCX9VSu")
	f.Add(`{"zh": {"email_body": ["{code}", "{minutes}"]}, "zh-CN": {}, "und": {}, "en-u-rg-gb": {"phone": "{code}"}}`, "")
	f.Fuzz(func(t *testing.T, own, hash string) {
		texts, err := delivery.LoadTexts([]byte(own), hash, publicURL)
		if (texts == nil) == (err == nil) {
			t.Fatalf("%v and %v", texts, err)
		}
	})
}
