package delivery

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/language"
)

// kind is what the texts of one key may hold.
type kind struct {
	sms   bool     // texts from the best to the shortest; the first that fits is sent
	lines bool     // the paragraphs of one text; else, but for an SMS, there is one
	codes int      // how often {code} stands in it
	may   []string // placeholders
}

// kinds are the keys of a language. A push and the subject of a mail stand on lock
// screens and pass through other hands: they hold no code, and a push tells not even
// who asks. In a call {code} is read digit by digit; in a mail {app} is the host when
// the app has no name.
var kinds = map[string]kind{
	"login":         {sms: true, codes: 1, may: []string{"{code}", "{app}"}},
	"fallback":      {sms: true, codes: 1, may: []string{"{code}", "{app}"}},
	"phone":         {sms: true, codes: 1, may: []string{"{code}", "{app}"}},
	"voice":         {codes: 2, may: []string{"{code}"}},
	"push_title":    {},
	"push_body":     {},
	"email_subject": {may: []string{"{app}"}},
	"email_body":    {lines: true, codes: 1, may: []string{"{code}", "{app}", "{minutes}"}},
}

// appHashForm is eleven characters of base64.
var appHashForm = regexp.MustCompile(`^[A-Za-z0-9+/]{11}$`)

// LoadTexts is what nod says by itself, with the operator's own texts in place of
// those that they replace. own is JSON, by language (BCP 47) and key, and may be
// empty:
//
//	{"de": {"login": ["{code} ist der Code für {app}.", "{code} ist der Code."], "voice": "…"}}
//
// The keys are login, fallback and phone (an SMS that was asked for, that comes
// because the app missed the request, that proves a number: a list from the best text
// to the shortest, of which the first that fits is sent), voice, push_title,
// push_body, email_subject and email_body (a list of paragraphs). What a language
// leaves out is said as before; one that nod does not speak has to have every key.
//
// appHash is the 11 characters of an Android app that reads the SMS, or empty: then a
// code is bound to the host of publicURL. Either stands in the last line, which nod
// adds itself.
//
// Every SMS must fit into one segment with a name of 20 characters and a code of 10
// digits. What GSM-7 cannot spell has 70 characters only: there the last text of a
// list must, and a better one with a name of 8 and a code of 6. The error tells all
// that is wrong, each with its language, its key and what to do.
func LoadTexts(own []byte, appHash, publicURL string) (*Texts, error) {
	l := loader{texts: Texts{speeches: slices.Clone(builtIn().speeches), appHash: appHash}, host: hostOf(publicURL)}
	if appHash != "" && !appHashForm.MatchString(appHash) {
		l.wrong("the hash of the Android app is not 11 characters of base64: compute it as https://developers.google.com/identity/sms-retriever/verify says")
	}
	var languages map[string]map[string]json.RawMessage
	if len(own) > 0 {
		if err := json.Unmarshal(own, &languages); err != nil {
			l.wrong("not JSON of the form {language: {key: text or list of texts}}: %w", err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(languages)) {
		l.language(name, languages[name])
	}
	if err := errors.Join(l.problems...); err != nil {
		return nil, fmt.Errorf("reading texts: %w", err)
	}
	l.texts.match()
	return &l.texts, nil
}

// loader gathers texts and what is wrong with them.
type loader struct {
	texts    Texts
	host     string
	problems []error
}

func (l *loader) wrong(format string, args ...any) {
	l.problems = append(l.problems, fmt.Errorf(format, args...))
}

// language takes the texts of one language over those that were there: of the same
// language ("zh" and "zh-CN" are "zh-Hans"), else of the nearest ("de" for "de-AT").
func (l *loader) language(name string, texts map[string]json.RawMessage) {
	tag, err := language.Parse(name)
	if err != nil || tag.IsRoot() {
		l.wrong("%q is no language: write a BCP 47 tag such as %q", name, "pt-BR")
		return
	}
	s := speech{language: tag, texts: map[string][]string{}}
	same := slices.IndexFunc(l.texts.speeches, func(s speech) bool { return whole(s.language) == whole(tag) })
	if same >= 0 {
		s.language = l.texts.speeches[same].language
		s.texts = maps.Clone(l.texts.speeches[same].texts)
	} else if own := builtIn(); own.nearest.near(tag) {
		s.texts = maps.Clone(own.in(name).texts)
	}
	for _, key := range slices.Sorted(maps.Keys(texts)) {
		k, ok := kinds[key]
		if !ok {
			l.wrong("%s: unknown key %q: use %s", name, key, strings.Join(slices.Sorted(maps.Keys(kinds)), ", "))
			continue
		}
		s.texts[key], err = list(texts[key])
		if err != nil {
			l.wrong("%s: %s: %w", name, key, err)
			continue
		}
		l.check(name+": "+key, k, s.texts[key])
	}
	for _, key := range slices.Sorted(maps.Keys(kinds)) {
		if _, ok := s.texts[key]; !ok {
			l.wrong("%s: %s is missing: nod does not speak this language by itself, so write every key", name, key)
		}
	}
	if same >= 0 {
		l.texts.speeches[same] = s
	} else {
		l.texts.speeches = append(l.texts.speeches, s)
	}
}

// whole is a tag with its likely script and region: "zh" and "zh-CN" are one.
func whole(tag language.Tag) [3]string {
	base, _ := tag.Base()
	script, _ := tag.Script()
	region, _ := tag.Region()
	return [3]string{base.String(), script.String(), region.String()}
}

// list reads a text or a list of texts.
func list(raw json.RawMessage) ([]string, error) {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}, nil
	}
	var several []string
	if err := json.Unmarshal(raw, &several); err != nil || len(several) == 0 {
		return nil, errors.New("neither a text nor a list of texts: write one")
	}
	return several, nil
}

// check looks at the texts of one key.
func (l *loader) check(where string, k kind, texts []string) {
	if !k.sms && !k.lines && len(texts) > 1 {
		l.wrong("%s: a list of %d texts: write one text", where, len(texts))
	}
	if k.lines {
		l.codes(where, k, strings.Join(texts, "\n\n"))
	}
	for i, text := range texts {
		at := where
		if len(texts) > 1 {
			at = fmt.Sprintf("%s: text %d", where, i+1)
		}
		if strings.TrimSpace(text) == "" {
			l.wrong("%s: it is empty: write it, or leave the key out to say what nod says by itself", at)
			continue
		}
		if !k.sms && !k.lines && strings.Contains(text, "\n") {
			l.wrong("%s: it has more than one line: write one", at)
		}
		if i := strings.IndexFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' }); i >= 0 {
			l.wrong("%s: it holds a control character (%U): take it out, a new line is \\n alone", at, []rune(text[i:])[0])
		}
		good := l.placeholders(at, k, text)
		if !k.lines {
			good = l.codes(at, k, text) && good
		}
		if strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Bidi_Control, r) }) {
			l.wrong("%s: it holds a mark that controls the direction of writing: take it out, phones would not find the code", at)
		}
		if k.sms && good {
			l.sms(at, text, i == len(texts)-1)
		}
	}
}

var (
	placeholder = regexp.MustCompile(`\{[^{}]*\}`)
	codeLine    = regexp.MustCompile(`(^|\s)@\S+ #`)
)

// placeholders looks at the braces of a text; {code} is counted elsewhere.
func (l *loader) placeholders(at string, k kind, text string) (good bool) {
	before := len(l.problems)
	for _, p := range placeholder.FindAllString(text, -1) {
		switch {
		case p == "{code}" || slices.Contains(k.may, p):
		case p == "{host}":
			l.wrong("%s: {host} cannot be used: take it out, nod adds the last line of an SMS itself", at)
		case len(k.may) == 0:
			l.wrong("%s: unknown placeholder %s: take it out, a push says nothing about the request", at, p)
		default:
			l.wrong("%s: unknown placeholder %s: use %s", at, p, strings.Join(k.may, ", "))
		}
	}
	if strings.ContainsAny(placeholder.ReplaceAllString(text, ""), "{}") {
		l.wrong("%s: a brace that belongs to no placeholder: take it out", at)
	}
	return len(l.problems) == before
}

// codes counts {code}.
func (l *loader) codes(at string, k kind, text string) (good bool) {
	n := strings.Count(text, "{code}")
	switch {
	case n == k.codes:
		return true
	case k.codes == 0:
		l.wrong("%s: it holds {code}: take it out, it would stand on a lock screen", at)
	case k.codes == 1:
		l.wrong("%s: {code} stands in it %d times: write it once", at, n)
	default:
		l.wrong("%s: {code} stands in it %d times: write it twice, a call is heard once", at, n)
	}
	return false
}

// sms looks at one text of an SMS: what phones would read of it, and its length.
func (l *loader) sms(at, text string, final bool) {
	if digits := strings.IndexFunc(text, unicode.IsDigit); digits >= 0 && digits < strings.Index(text, "{code}") {
		l.wrong("%s: digits stand before {code}: put {code} first, phones offer the first number as the code", at)
	}
	if codeLine.MatchString(text) {
		l.wrong("%s: it holds the line for browsers (@host #code): take it out, nod adds it itself", at)
	}
	if final && strings.Contains(text, "{app}") {
		l.wrong("%s: the last text names {app}: add one without it, not every request has a name that fits", at)
	}
	name, code := 20, 10
	if _, odd := segments(text); odd >= 0 {
		if name = 8; !final {
			code = 6
		}
	}
	digits := strings.Repeat("0", code)
	filled := strings.NewReplacer("{code}", digits, "{app}", strings.Repeat("m", name)).Replace(text) + l.texts.lastLine(digits, l.host)
	measure := fmt.Sprintf("with a code of %d digits and its last line", code)
	if strings.Contains(text, "{app}") {
		measure = fmt.Sprintf("with a code of %d digits, a name of %d characters and its last line", code, name)
	}
	n, odd := segments(filled)
	switch {
	case l.texts.fits(filled):
	case n == 1:
		l.wrong("%s: %s it takes %d bytes: shorten it, Android reads %d", at, measure, len(filled), androidLimit)
	case odd >= 0:
		l.wrong("%s: %s it takes %d SMS: shorten it, or write it without %q (%U), which leaves room for 70 characters instead of 160", at, measure, n, odd, odd)
	default:
		l.wrong("%s: %s it takes %d SMS: shorten it", at, measure, n)
	}
}
