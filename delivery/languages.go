package delivery

import (
	"slices"

	"golang.org/x/text/language"
)

// Languages are those that nod speaks by itself, in messages and in answers, as BCP 47
// tags, English first. A plain "pt" is Brazil's and a plain "zh" is written in
// simplified characters, as CLDR has it.
func Languages() []string { return slices.Clone(spoken) }

// Nearest finds which of some languages serves a locale best. It never changes, so
// any number of goroutines may share it.
type Nearest struct{ matcher language.Matcher }

// NewNearest returns it for these languages; the first is for everybody else.
func NewNearest(languages []language.Tag) Nearest {
	return Nearest{language.NewMatcher(languages)}
}

// Index is the place of the language nearest to a locale such as "de-AT"; 0 when none
// is near.
func (n Nearest) Index(locale string) int {
	tag, _ := language.Parse(locale) // of a locale that is none: what could be read of it
	_, i, near := n.matcher.Match(tag)
	if near == language.No {
		return 0
	}
	return i
}

// near reports whether a language is near one of them.
func (n Nearest) near(tag language.Tag) bool {
	_, _, near := n.matcher.Match(tag)
	return near > language.No
}
