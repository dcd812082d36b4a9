package delivery

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"pgregory.net/rapid"

	"nod/verify"
)

// of is a verification with a code, and the delivery that tells it. That was asked
// for, or no app has the request.
func of(locale, app string, purpose verify.Purpose, channel verify.Channel, fallback bool, life time.Duration) (*verify.Verification, *verify.Delivery) {
	now := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
	v := &verify.Verification{
		Purpose: purpose, Locale: locale, Number: verify.StoredNumber("+14155550123"), Context: verify.Context{App: app},
		Prompt: verify.Prompt{Generation: 1},
		Codes:  []verify.Code{{Generation: 1, Channel: channel, Length: 6, IssuedAt: now, ExpiresAt: now.Add(life)}},
	}
	return v, &verify.Delivery{Channel: channel, CodeGeneration: 1, Fallback: fallback, State: verify.StateSending, ChangedAt: now}
}

func TestLanguages(t *testing.T) {
	for locale, want := range map[string]string{
		"": "en", "en-GB": "en", "EN_us": "en", "de": "de", "de-AT": "de", "deu": "de", "fr-CA": "fr", "es-419": "es", "es_MX": "es",
		"pt": "pt-BR", "pt_BR": "pt-BR", "pt-PT": "pt-PT", "pt-AO": "pt-PT", "hi-IN": "hi", "hi-Latn": "en",
		"zh": "zh-Hans", "zh-CN": "zh-Hans", "zh-SG": "zh-Hans", "zh_TW": "zh-Hant", "zh-HK": "zh-Hant", "zh-MO": "zh-Hant", "zh-Hant": "zh-Hant",
		"zh-Hans-TW": "zh-Hans", "ar-EG": "ar", "fa": "en", "he": "en", "ja": "en", "eo-XX": "en", "xx-YY": "en", "toolonglang": "en", "-": "en",
	} {
		t.Run(locale, func(t *testing.T) {
			v, row := of(locale, "Bank", verify.Login, verify.SMS, false, time.Minute)
			if got := (*Texts)(nil).code(v, row, "123456", "nod.example").Language; got != want {
				t.Errorf("an SMS in %s, want %s", got, want)
			}
			if got := (*Texts)(nil).prompt(locale).Language; got != want {
				t.Errorf("a push in %s, want %s", got, want)
			}
		})
	}
}

// What a phone gets, word for word, so that nobody changes a language that he does
// not read without seeing it.
func TestWordsOfAnSMS(t *testing.T) {
	for locale, want := range map[string][3]string{
		"en":      {"123456 is your code to sign in to Bank. Never share it.", "123456 is your code to sign in to Bank: your app did not get the request. Never share it.", "123456 is your code to confirm this number for Bank. Never share it."},
		"de":      {"123456 ist der Code zur Anmeldung bei Bank. Niemals weitergeben.", "123456 ist der Code zur Anmeldung bei Bank: Die App hat die Anfrage nicht erhalten. Niemals weitergeben.", "123456 ist der Code zur Bestätigung dieser Nummer für Bank. Niemals weitergeben."},
		"fr":      {"123456 est votre code pour vous connecter à Bank. Ne le communiquez à personne.", "123456 est votre code pour Bank : la demande n'est pas parvenue à l'appli. Ne le communiquez à personne.", "123456 est votre code pour confirmer ce numéro pour Bank. Ne le communiquez à personne."},
		"es":      {"123456 es su clave para acceder a Bank. No la comparta con nadie.", "123456 es su clave para acceder a Bank: la solicitud no ha llegado a su app. No la comparta con nadie.", "123456 es su clave para confirmar este teléfono en Bank. No la comparta con nadie."},
		"pt-BR":   {"Use 123456 para entrar em Bank. Nunca compartilhe este SMS.", "Use 123456 para entrar em Bank: o pedido se perdeu antes de chegar ao seu app. Nunca compartilhe este SMS.", "Use 123456 para confirmar este telefone em Bank. Nunca compartilhe este SMS."},
		"pt-PT":   {"Use 123456 para entrar em Bank. Nunca partilhe este SMS.", "Use 123456 para entrar em Bank: o pedido perdeu-se antes de chegar à sua app. Nunca partilhe este SMS.", "Use 123456 para confirmar este telefone em Bank. Nunca partilhe este SMS."},
		"hi":      {"123456: Bank साइन इन कोड। किसी को न बताएँ।", "123456 साइन इन कोड है: ऐप को अनुरोध नहीं मिला।", "123456: Bank के लिए नंबर की पुष्टि का कोड"},
		"zh-Hans": {"验证码 123456，用于登录Bank。请勿告知他人。", "验证码 123456，用于登录Bank（应用未收到请求）。请勿告知他人。", "验证码 123456，用于在Bank验证此手机号。请勿告知他人。"},
		"zh-Hant": {"驗證碼 123456，用於登入Bank。請勿告知他人。", "驗證碼 123456，用於登入Bank（應用程式未收到請求）。請勿告知他人。", "驗證碼 123456，用於在Bank驗證此手機號碼。請勿告知他人。"},
		"ar":      {"123456 هو رمز الدخول إلى Bank. لا تشاركه.", "123456 هو رمز الدخول: لم يصل الطلب إلى تطبيقك.", "123456 رمز تأكيد رقمك في Bank. لا تشاركه."},
	} {
		for i, kind := range []struct {
			purpose  verify.Purpose
			fallback bool
		}{{verify.Login, false}, {verify.Login, true}, {verify.Phone, false}} {
			v, row := of(locale, "Bank", kind.purpose, verify.SMS, kind.fallback, time.Minute)
			got := (*Texts)(nil).code(v, row, "123456", "nod.example").Text
			if got != want[i]+"\n\n@nod.example #123456" {
				t.Errorf("%s: %q", locale, got)
			}
			n, odd := segments(got)
			if ucs2 := slices.Contains([]string{"hi", "zh-Hans", "zh-Hant", "ar"}, locale); n != 1 || ucs2 != (odd >= 0) {
				t.Errorf("%s: %d segments of an alphabet with %q", locale, n, odd)
			}
		}
	}
}

func TestEveryLanguageCallsPushesAndWrites(t *testing.T) {
	for _, locale := range spoken {
		t.Run(locale, func(t *testing.T) {
			v, row := of(locale, "Bank", verify.Login, verify.Voice, false, time.Minute)
			if call := (*Texts)(nil).code(v, row, "907125", "nod.example"); strings.Count(call.Text, "9, 0, 7, 1, 2, 5") != 2 || digits(call.Text) != 12 || call.Title != "" {
				t.Errorf("a call says %+v", call)
			}
			if push := (*Texts)(nil).prompt(locale); push.Title == "" || push.Text == "" || digits(push.Title+push.Text) != 0 || strings.ContainsAny(push.Title+push.Text, "{}") {
				t.Errorf("a push says %+v", push)
			}
			for _, tc := range []struct {
				app, named string
				life       time.Duration
				minutes    string
			}{
				{"Bank", "Bank", 10 * time.Minute, "10"},
				{"", "nod.example", 599 * time.Second, "10"},
				{" Bank\r\nBcc: x@nod.example\u202e ", "Bank Bcc: x@nod.example", time.Second, "1"},
			} {
				v, row := of(locale, tc.app, verify.Login, verify.Email, false, tc.life)
				mail := (*Texts)(nil).code(v, row, "907364", "nod.example")
				if !strings.Contains(mail.Title, tc.named) || digits(mail.Title) != 0 || strings.ContainsAny(mail.Title, "\r\n\u202e") {
					t.Errorf("the subject is %q", mail.Title)
				}
				if strings.Count(mail.Text, "\n\n907364\n\n") != 1 || digits(mail.Text) != 6+len(tc.minutes) || !regexp.MustCompile(`\b`+tc.minutes+`\b`).MatchString(mail.Text) {
					t.Errorf("the mail says %q", mail.Text)
				}
				if !strings.Contains(mail.Text, tc.named) || strings.ContainsAny(mail.Title+mail.Text, "{}\r") {
					t.Errorf("the mail says %q", mail.Text)
				}
			}
		})
	}
}

func digits(text string) (n int) {
	for _, r := range text {
		if unicode.IsDigit(r) {
			n++
		}
	}
	return n
}

// Arabic stands from right to left because its first letter does (UAX 9, P2): no
// control mark is needed, and none is there for a phone to stumble over. The digits
// of the code come first and are ASCII.
func TestDirection(t *testing.T) {
	for _, channel := range []verify.Channel{verify.SMS, verify.Email} {
		for _, app := range []string{"Bank", "بنك", ""} {
			v, row := of("ar", app, verify.Login, channel, false, time.Minute)
			w := (*Texts)(nil).code(v, row, "123456", "nod.example")
			for line := range strings.SplitSeq(w.Title+"\n"+w.Text, "\n") {
				letter := strings.IndexFunc(line, unicode.IsLetter)
				if letter >= 0 && line[0] != '@' && !unicode.Is(unicode.Arabic, []rune(line[letter:])[0]) {
					t.Errorf("this line would stand from left to right: %q", line)
				}
				if strings.ContainsFunc(line, func(r rune) bool { return unicode.Is(unicode.Bidi_Control, r) }) {
					t.Errorf("a control mark in %q", line)
				}
			}
		}
	}
}

// Phones offer the first number of a message. A name with digits gives way.
func TestNoDigitsBeforeTheCode(t *testing.T) {
	texts, err := LoadTexts([]byte(`{"en": {"login": ["{app}: {code} opens.", "{code} opens."]}}`), "", "https://nod.example")
	if err != nil {
		t.Fatal(err)
	}
	for app, want := range map[string]string{"Bank": "Bank: 123456 opens.", "Bank24": "123456 opens.", "٢٤": "123456 opens."} {
		v, row := of("en", app, verify.Login, verify.SMS, false, time.Minute)
		if got := texts.code(v, row, "123456", "nod.example").Text; got != want+"\n\n@nod.example #123456" {
			t.Errorf("%s: %q", app, got)
		}
	}
}

// Whatever a name, a host, a code and a language are: one SMS, the code once and
// before any other digit, the last line as machines read it, never the number.
func TestAnySMS(t *testing.T) {
	android, err := LoadTexts(nil, "FA+9qCX9VSu", "https://nod.example")
	if err != nil {
		t.Fatal(err)
	}
	names := rapid.OneOf(
		rapid.String(),
		rapid.StringMatching(`[a-zA-Z0-9 @#{}€\n]{0,80}`),
		rapid.SampledFrom([]string{"", "Bank24", "{code}", "{app}", "招商银行", "بنك", "@evil.example #111111", "\n@evil.example #1", "\u202eknaB", "٣٤"}),
	)
	chrome := regexp.MustCompile(`(?:^|\s)@([a-zA-Z0-9.-]+) #([^#\s]+)`) // how its sms_parser.cc finds the code
	rapid.Check(t, func(t *rapid.T) {
		code := rapid.StringMatching(`[0-9]{4,10}`).Draw(t, "code")
		app := names.Draw(t, "app")
		if rapid.IntRange(0, 9).Draw(t, "spiteful") == 0 {
			app += " " + code
		}
		host := rapid.StringMatching(`[a-z]{1,60}(\.[a-z]{1,60}){0,3}`).Draw(t, "host")
		locale := rapid.SampledFrom(append([]string{"", "xx", "de-AT", "zh-HK"}, spoken...)).Draw(t, "locale")
		texts := rapid.SampledFrom([]*Texts{nil, android}).Draw(t, "texts")
		v, row := of(locale, app, rapid.SampledFrom([]verify.Purpose{verify.Login, verify.Phone}).Draw(t, "purpose"), verify.SMS, rapid.Bool().Draw(t, "fallback"), time.Minute)
		w := texts.code(v, row, code, host)

		if n, odd := segments(w.Text); n != 1 {
			t.Errorf("%d segments (%q): %q", n, odd, w.Text)
		}
		var last string
		if texts == android {
			if last = "\n\nFA+9qCX9VSu"; len(w.Text) > 140 {
				t.Errorf("%d bytes: %q", len(w.Text), w.Text)
			}
		} else if last = fmt.Sprintf("\n\n@%s #%s", host, code); len(code+last) > 160 {
			last = ""
		}
		body, ok := strings.CutSuffix(w.Text, last)
		if !ok {
			t.Errorf("it does not end with %q: %q", last, w.Text)
		}
		if m := chrome.FindStringSubmatch(w.Text); texts == nil && last != "" && (m == nil || m[1] != host || m[2] != code) {
			t.Errorf("Chrome reads %q in %q", m, w.Text)
		}
		if strings.Count(body, code) != 1 || regexp.MustCompile(`\pN+`).FindString(body) != code {
			t.Errorf("the code does not stand out: %q", body)
		}
		if strings.Contains(w.Text, "+1415") || w.Title != "" {
			t.Errorf("it tells more than it should: %+v", w)
		}
	})
}
