package delivery

import (
	"embed"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/text/language"

	"nod/verify"
)

// Texts is what nod tells people, by language; make it with [LoadTexts]. Nil is what
// nod says by itself. It never changes, so any number of goroutines may share it.
type Texts struct {
	speeches []speech // English first: whom nod knows no better words for gets it
	nearest  Nearest
	appHash  string
}

// speech is what nod says in one language.
type speech struct {
	language language.Tag
	texts    map[string][]string // by the keys of kinds
}

// words is what a message says, and in which language (BCP 47).
type words struct{ Language, Title, Text string }

// spoken are the languages of the embedded texts: see [Languages].
//
// An SMS that holds one letter that GSM-7 lacks has 70 characters instead of 160.
// Spanish and Portuguese are worded around theirs ("clave" for "código", "nunca" for
// "não"); Arabic, Chinese and Hindi are short.
var spoken = []string{"en", "ar", "de", "es", "fr", "hi", "pt-BR", "pt-PT", "zh-Hans", "zh-Hant"}

//go:embed texts/*.json
var files embed.FS

// builtIn is what nod says by itself.
var builtIn = sync.OnceValue(func() *Texts {
	t := &Texts{}
	for _, name := range spoken {
		s := speech{language: language.MustParse(name), texts: map[string][]string{}}
		file, err := files.ReadFile("texts/" + name + ".json")
		if err != nil {
			panic(err) // and below: no test would have let it out
		}
		var texts map[string]json.RawMessage
		if err := json.Unmarshal(file, &texts); err != nil {
			panic(err)
		}
		for key, raw := range texts {
			if s.texts[key], err = list(raw); err != nil {
				panic(err)
			}
		}
		t.speeches = append(t.speeches, s)
	}
	t.match()
	return t
})

// match gets ready to find what a locale is told, once the languages are known.
func (t *Texts) match() {
	var tags []language.Tag
	for _, s := range t.speeches {
		tags = append(tags, s.language)
	}
	t.nearest = NewNearest(tags)
}

// in finds the words for a locale such as "de-AT": those of the nearest language,
// English when none is near.
func (t *Texts) in(locale string) speech { return t.speeches[t.nearest.Index(locale)] }

// prompt says that there is a request, and nothing about it.
func (t *Texts) prompt(locale string) words {
	if t == nil {
		t = builtIn()
	}
	s := t.in(locale)
	return words{Language: s.language.String(), Title: s.texts["push_title"][0], Text: s.texts["push_body"][0]}
}

// code tells a code over the delivery's channel.
func (t *Texts) code(v *verify.Verification, row *verify.Delivery, code, host string) words {
	if t == nil {
		t = builtIn()
	}
	s, app := t.in(v.Locale), plain(v.Context.App)
	switch row.Channel {
	case verify.Voice:
		// One digit after the other, with a comma and a space between: a voice then
		// reads neither a number nor, as after a full stop in German, an ordinal.
		digits := strings.Join(strings.Split(code, ""), ", ")
		return words{Language: s.language.String(), Text: strings.ReplaceAll(s.texts["voice"][0], "{code}", digits)}
	case verify.Email:
		if app == "" {
			app = host
		}
		minutes := "1"
		if c := v.CodeOf(row); c != nil {
			minutes = strconv.Itoa(max(1, int(c.ExpiresAt.Sub(row.ChangedAt).Round(time.Minute)/time.Minute)))
		}
		fill := strings.NewReplacer("{code}", code, "{app}", app, "{minutes}", minutes)
		return words{
			Language: s.language.String(),
			Title:    strings.ReplaceAll(s.texts["email_subject"][0], "{app}", app),
			Text:     fill.Replace(strings.Join(s.texts["email_body"], "\n\n") + "\n"),
		}
	}
	key := "login"
	switch {
	case v.Purpose == verify.Phone:
		key = "phone"
	case row.Fallback && v.Missed():
		key = "fallback"
	}
	return t.sms(s, key, app, code, host)
}

// sms is the first text that fits into one SMS: of the language, of English, or the
// code alone. A host that leaves no room even for that goes unnamed.
func (t *Texts) sms(s speech, key, app, code, host string) words {
	if strings.Contains(app, "@") {
		app = "" // Chrome takes the first "@host #code" that it finds, not the last line
	}
	english, last := t.speeches[0], t.lastLine(code, host)
	for _, try := range []struct {
		in    speech
		texts []string
		last  string
	}{
		{s, s.texts[key], last},
		{english, english.texts[key], last},
		{s, []string{"{code}"}, last},
		{s, s.texts[key], ""},
	} {
		for _, text := range try.texts {
			if app == "" && strings.Contains(text, "{app}") {
				continue
			}
			body := strings.NewReplacer("{code}", code, "{app}", app).Replace(text)
			if readable(body, code) && t.fits(body+try.last) {
				return words{Language: try.in.language.String(), Text: body + try.last}
			}
		}
	}
	return words{Language: s.language.String(), Text: code}
}

// lastLine is what machines read. Browsers fill in a code on that host only
// (https://wicg.github.io/sms-one-time-codes/; the blank line is the custom, neither
// the format nor Chrome asks for it). An Android app gets the message that ends with
// the hash of its name and certificate
// (https://developers.google.com/identity/sms-retriever/verify); the prefix "<#>" of
// earlier days is not asked for any more.
func (t *Texts) lastLine(code, host string) string {
	if t.appHash != "" {
		return "\n\n" + t.appHash
	}
	return "\n\n@" + host + " #" + code
}

// androidLimit is the length of a message that Android hands to an app, in bytes
// (see [Texts.lastLine] for where it stands). Which encoding is meant it does not
// say: in UTF-8 they are most.
const androidLimit = 140

// fits reports whether a text is sent as one SMS and read where it should be.
func (t *Texts) fits(text string) bool {
	n, _ := segments(text)
	return n == 1 && (t.appHash == "" || len(text) <= androidLimit)
}

// readable reports whether the code is the first digits of a text and stands in it
// once: phones without the last line's rules offer what they find first.
func readable(body, code string) bool {
	i := strings.IndexFunc(body, unicode.IsDigit)
	if i < 0 || strings.Count(body, code) != 1 {
		return false
	}
	run := body[i:]
	if end := strings.IndexFunc(run, func(r rune) bool { return !unicode.IsDigit(r) }); end >= 0 {
		run = run[:end]
	}
	return run == code
}

// plain makes a name fit to stand in a text: in one line, and without the marks that
// would turn round the order of what stands about it.
func plain(name string) string {
	return strings.Join(strings.FieldsFunc(name, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
	}), " ")
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
