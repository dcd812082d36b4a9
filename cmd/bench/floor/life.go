package floor

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// life is what one verification says to a database from its create to its end, so that
// anybody can say it again for another one.
type life struct {
	units []goes
}

// goes is a unit whose parameters are known.
type goes struct {
	writes bool
	lines  []line
}

// line is a statement with what stands in the places of its parameters.
type line struct {
	text  string
	terms []term
}

// term is one parameter. What stays the same in every life is a text, or null. A time, or
// another number that differs, is counted up. In every other text each id, name and hash that
// differs becomes that of the life.
type term struct {
	null   bool
	moment bool
	number int64    // of a moment, in the life that was heard
	parts  []string // between them stands the number of the life, with so many digits as tail
}

// tail is how many of the last digits of an id or a name are counted up, which keeps their
// lengths, and that newer ids are greater.
const tail = 13

var (
	place  = regexp.MustCompile(`\$(\d+)`)
	naming = regexp.MustCompile(`[0-9A-Za-z_+/-]{20,}`) // ids, names, hashes, tokens, what is sealed
)

// newLife tells what two lives of one shape have in common from what is each one's own.
func newLife(one, other []unit) (*life, error) {
	l := &life{}
	for i, u := range one {
		g := goes{writes: u.writes}
		for j, s := range u.said {
			if i >= len(other) || j >= len(other[i].said) || len(other[i].said[j].args) != len(s.args) {
				return nil, fmt.Errorf("the lives differ in %q", s.text)
			}
			n := line{text: s.text}
			for k, a := range s.args {
				n.terms = append(n.terms, termOf(a, other[i].said[j].args[k]))
			}
			g.lines = append(g.lines, n)
		}
		l.units = append(l.units, g)
	}
	return l, nil
}

func termOf(a, other argument) term {
	if a.null {
		return term{null: true}
	}
	if a == other {
		return term{parts: []string{a.text}}
	}
	if n, err := strconv.ParseInt(a.text, 10, 64); err == nil {
		return term{moment: true, number: n}
	}
	cuts := named(a.text, other.text)
	if cuts == nil {
		return term{parts: []string{a.text}} // a time inside a text
	}
	var t term
	from := 0
	for _, cut := range cuts {
		t.parts = append(t.parts, a.text[from:cut[1]-tail])
		from = cut[1]
	}
	t.parts = append(t.parts, a.text[from:])
	return t
}

// named finds what is long enough to be a name in a text, and is another in the other one.
func named(text, other string) (cuts [][]int) {
	theirs := naming.FindAllString(other, -1)
	for i, cut := range naming.FindAllStringIndex(text, -1) {
		if i >= len(theirs) || text[cut[0]:cut[1]] != theirs[i] {
			cuts = append(cuts, cut)
		}
	}
	return cuts
}

// statements is how many are said in one life, without begin and commit.
func (l *life) statements() (n, transactions int) {
	for _, u := range l.units {
		n += len(u.lines)
		if u.writes {
			transactions++
		}
	}
	return n, transactions
}

// value is what a term is in the life with a number, so many lives later.
func (t term) value(number, later int64) any {
	switch {
	case t.null:
		return nil
	case t.moment:
		return t.number + later
	case len(t.parts) > 1:
		return strings.Join(t.parts, fmt.Sprintf("%0*d", tail, number))
	case t.parts[0] == "t", t.parts[0] == "f":
		return t.parts[0] == "t"
	}
	if n, err := strconv.ParseInt(t.parts[0], 10, 64); err == nil && strconv.FormatInt(n, 10) == t.parts[0] {
		return n
	}
	return t.parts[0]
}
