package delivery

import (
	"net/url"
	"strings"

	"nod/verify"
)

// Texts is what nod tells people, by language. Nil is what nod says by itself.
type Texts struct{}

// words is what a message says.
type words struct{ Language, Title, Text string }

// code tells a code.
func (t *Texts) code(v *verify.Verification, row *verify.Delivery, code, host string) words {
	if row.Channel == verify.Voice {
		return words{Language: "en", Text: voiceText(v, code)}
	}
	return words{Language: "en", Text: smsText(v, row, code, host)}
}

// prompt says that there is a request, and nothing about it.
func (t *Texts) prompt(locale string) words {
	w := wordsFor(locale)
	return words{Language: "en", Title: w.title, Text: w.body}
}

// wording is what nod says in one language. {code}, {app} and {host} are filled
// in; each list goes from the best text to the shortest, and the first that has
// all it names and fits is sent.
type wording struct {
	login    []string // an SMS that was asked for
	fallback []string // an SMS because the app did not answer
	phone    []string // an SMS that proves a number
	voice    string
	title    string // of a push: no code, no number, nothing about the request
	body     string
}

// bound is the last line of every code that is typed on a page: browsers fill it
// in on that host only (origin-bound one-time codes, WebOTP).
const bound = "\n@{host} #{code}"

// wordings by language, or by language and region where they differ ("pt-BR").
var wordings = map[string]wording{
	"en": {
		login: []string{
			"{code} is your code to sign in to {app}. Never share it.\n" + bound,
			"{code} is your sign-in code. Never share it.\n" + bound,
		},
		fallback: []string{
			"Your app did not get the request to sign in to {app}. Use the code {code} and never share it.\n" + bound,
			"Your app did not get the sign-in request. Use the code {code} and never share it.\n" + bound,
		},
		phone: []string{
			"{code} is your code to confirm this number for {app}. Never share it.\n" + bound,
			"{code} confirms your phone number. Never share it.\n" + bound,
		},
		voice: "Hello. Your code is {spoken}. Once more: {spoken}. Never share it. Goodbye.",
		title: "Is this you?",
		body:  "Somebody asks to sign in. Open the app to answer.",
	},
}

// wordsFor finds the language of a locale such as "de-AT"; English when nod does
// not speak it.
func wordsFor(locale string) wording {
	locale = strings.ReplaceAll(locale, "_", "-")
	language, _, _ := strings.Cut(locale, "-")
	for _, key := range []string{locale, strings.ToLower(language)} {
		if w, ok := wordings[key]; ok {
			return w
		}
	}
	return wordings["en"]
}

// hostOf is the host that codes are bound to: that of the public URL, without
// its port.
func hostOf(publicURL string) string {
	u, err := url.Parse(publicURL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// smsText is the text of an SMS: one segment.
func smsText(v *verify.Verification, d *verify.Delivery, code, host string) string {
	w := wordsFor(v.Locale)
	texts := w.login
	switch {
	case v.Purpose == verify.Phone:
		texts = w.phone
	case d.Fallback:
		texts = w.fallback
	}
	fill := strings.NewReplacer("{code}", code, "{app}", v.Context.App, "{host}", host)
	for _, t := range texts {
		if v.Context.App == "" && strings.Contains(t, "{app}") {
			continue
		}
		if text := fill.Replace(t); oneSegment(text) {
			return text
		}
	}
	return fill.Replace("{code}" + bound) // a host too long for words
}

// voiceText is what a call says: the digits one by one.
func voiceText(v *verify.Verification, code string) string {
	return strings.ReplaceAll(wordsFor(v.Locale).voice, "{spoken}", strings.Join(strings.Split(code, ""), ", "))
}

// gsm7 is the default alphabet of SMS (GSM 03.38), but for what only takes two
// septets; one other character would make the message three segments of UCS-2.
const gsm7 = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡" +
	"ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"

// gsm7Extension takes two septets each.
const gsm7Extension = "^{}\\[~]|€"

// oneSegment reports whether a text is sent as one SMS: 160 septets.
func oneSegment(text string) bool {
	septets := 0
	for _, r := range text {
		switch {
		case strings.ContainsRune(gsm7, r):
			septets++
		case strings.ContainsRune(gsm7Extension, r):
			septets += 2
		default:
			return false
		}
	}
	return septets <= 160
}
