package analytics

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// periods are the days back that a query may ask for.
var periods = []int{1, 7, 30, 90, 365}

// Cuts gives the borders of the spans that a query of some days sums, ascending,
// and the period that it tells of: 1, 7, 30, 90 or 365 days, the next one up from
// days. The spans lie between two neighbours each; the last cut is the end of today.
func Cuts(now time.Time, days int) (cuts []time.Time, period int) {
	today := now.UTC().Truncate(day)
	cuts = []time.Time{today.Add(day)}
	for _, period = range periods {
		cuts = append(cuts, today.Add(-time.Duration(period)*day))
		if period >= days {
			break
		}
	}
	slices.Reverse(cuts)
	return cuts, period
}

// Told is what may be told of some spans. Its zero value tells nothing.
type Told struct {
	atoms map[string][]atom // by family
	left  map[string]bool   // families with people who are in no atom
}

// atom is a set of facts about [Least] people or more. Nothing smaller is told.
type atom struct {
	labels []string // what its facts have in common, from the front: channel, country, provider
	counts Counts
	people map[string]bool
}

// depths say by how many labels the cells of a family are told apart.
var depths = map[string]int{familyAll: 0, familyHour: 1, familySend: 3, familyStep: 1, familyText: 1, familySpared: 1}

// Tell leaves out what could point at fewer than [Least] people. The package comment
// says how, and why that is enough.
func Tell(spans []Span) Told {
	t := Told{atoms: map[string][]atom{}, left: map[string]bool{}}
	for i := range spans {
		cells := spans[i].cells()
		all, few := pool(cells[familyAll], 0, 0)
		for family, depth := range depths {
			if len(all) == 0 {
				t.left[family] = t.left[family] || len(few) > 0
				continue
			}
			told, rest := pool(cells[family], 0, depth)
			t.atoms[family] = append(t.atoms[family], told...)
			t.left[family] = t.left[family] || len(rest) > 0
		}
	}
	return t
}

// cells are a span's groups by family, in a fixed order. One may have people and no
// counts: all, on a day of nothing but receipts.
func (s *Span) cells() map[string][]atom {
	groups := map[Group]bool{}
	for g := range s.Counts {
		groups[g] = true
	}
	for g := range s.People {
		groups[g] = true
	}
	cells := map[string][]atom{}
	for _, g := range slices.SortedFunc(maps.Keys(groups), Group.compare) {
		a := atom{counts: s.Counts[g], people: map[string]bool{}}
		if depth := depths[g.Family]; depth > 0 {
			a.labels = strings.SplitN(g.Cell, "|", depth)
		}
		for _, p := range s.People[g] {
			a.people[p] = true
		}
		cells[g.Family] = append(cells[g.Family], a)
	}
	return cells
}

// pool makes atoms of cells that have their first labels, from 0 up to level, in
// common. It first does so among those that share the next label too. What stays
// there with too few people is put together; if it still has too few, the smallest
// atom joins it. Rest has too few, and there was no atom to join it.
func pool(cells []atom, level, depth int) (told, rest []atom) {
	if level == depth {
		for _, c := range cells {
			if len(c.people) >= Least {
				told = append(told, c)
			} else {
				rest = append(rest, c)
			}
		}
	} else {
		by := map[string][]atom{}
		for _, c := range cells {
			by[c.labels[level]] = append(by[c.labels[level]], c)
		}
		for _, label := range slices.Sorted(maps.Keys(by)) {
			t, r := pool(by[label], level+1, depth)
			told, rest = append(told, t...), append(rest, r...)
		}
	}
	if len(rest) == 0 {
		return told, nil
	}
	other := merge(rest, level)
	if len(other.people) >= Least {
		return append(told, other), nil
	}
	if len(told) == 0 {
		return nil, rest
	}
	slices.SortStableFunc(told, func(a, b atom) int { return cmp.Compare(a.size(), b.size()) })
	told[0] = merge(append(rest, told[0]), level)
	return told, nil
}

// merge puts atoms together that have their first labels in common.
func merge(parts []atom, common int) atom {
	all := atom{counts: Counts{}, people: map[string]bool{}}
	all.labels = parts[0].labels[:common]
	for _, p := range parts {
		all.counts.add(p.counts)
		maps.Copy(all.people, p.people)
	}
	return all
}

// size is how much an atom counts, for choosing the smallest.
func (a atom) size() (n int64) {
	for measure, m := range a.counts {
		if !strings.Contains(measure, ".") && measure != tookMillis {
			n += m
		}
	}
	return n
}

func (c Counts) add(o Counts) {
	for measure, n := range o {
		c[measure] += n
	}
}

// hides reports whether something of a family is left out, or told only together with
// others under fewer labels than it has.
func (t Told) hides(families ...string) bool {
	return slices.ContainsFunc(families, func(family string) bool {
		return t.left[family] || slices.ContainsFunc(t.atoms[family], func(a atom) bool { return len(a.labels) < depths[family] })
	})
}

// sum adds up the counts of a family by what key says of an atom's labels; what it
// returns false for is left out.
func (t Told) sum(family string, key func(labels []string) (string, bool)) map[string]Counts {
	sums := map[string]Counts{}
	for _, a := range t.atoms[family] {
		k, ok := key(a.labels)
		if !ok {
			continue
		}
		if sums[k] == nil {
			sums[k] = Counts{}
		}
		sums[k].add(a.counts)
	}
	return sums
}

// whole is the key of everything that is told.
func whole([]string) (string, bool) { return "", true }

// label is the key that tells the one label at a place, where it is known.
func label(at int) func(labels []string) (string, bool) {
	return func(labels []string) (string, bool) {
		if len(labels) <= at || labels[at] == "" {
			return "", false
		}
		return labels[at], true
	}
}
