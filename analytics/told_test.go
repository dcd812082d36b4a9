package analytics_test

import (
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"nod/analytics"
)

// A query of the days on the left tells of the period on the right.
func TestCuts(t *testing.T) {
	today := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	ago := func(days ...int) (cuts []time.Time) {
		for _, d := range days {
			cuts = append(cuts, today.Add(-time.Duration(d)*day))
		}
		return cuts
	}
	for _, c := range []struct {
		days, period int
		cuts         []time.Time
	}{
		{-1, 1, ago(1, -1)},
		{1, 1, ago(1, -1)},
		{2, 7, ago(7, 1, -1)},
		{30, 30, ago(30, 7, 1, -1)},
		{31, 90, ago(90, 30, 7, 1, -1)},
		{9999, 365, ago(365, 90, 30, 7, 1, -1)},
	} {
		cuts, period := analytics.Cuts(now.In(time.FixedZone("", 7*3600)), c.days)
		if period != c.period || !cmp.Equal(cuts, c.cuts) {
			t.Errorf("%d days: %v %d, not %v %d", c.days, cuts, period, c.cuts, c.period)
		}
	}
}

// fact is one approval: who, when, and which cells it is in.
type fact struct {
	person, hour, channel, country, provider, step int
	ago                                            int // days
}

// world is some facts, each in every family. The count of the nth is 2^n, so that a
// figure shows which facts are in it: its bits.
type world []fact

func drawWorld(t *rapid.T) world {
	var w world
	people := rapid.IntRange(1, 14).Draw(t, "people")
	few := func(label string, n int) int { return rapid.IntRange(0, n-1).Draw(t, label) }
	for range rapid.IntRange(1, 50).Draw(t, "facts") {
		w = append(w, fact{
			person: few("person", people), hour: few("hour", 3), channel: few("channel", 3), country: few("country", 3), provider: few("provider", 2),
			step: few("step", 3), ago: rapid.SampledFrom([]int{0, 1, 2, 7, 8, 30, 31, 90, 91, 300}).Draw(t, "days ago"),
		})
	}
	return w
}

// counted is the world as [analytics.Count] would give it.
func (w world) counted() (c analytics.Counted) {
	for i, f := range w {
		at := now.Add(-time.Duration(f.ago) * day)
		send := []string{"||", fmt.Sprintf("sms|%d|%d", f.country, f.provider), fmt.Sprintf("voice|%d|a", f.country)}[f.channel]
		for _, g := range []analytics.Group{
			{Family: "all"},
			{Family: "hour", Cell: strconv.Itoa(f.hour)},
			{Family: "send", Cell: send},
			{Family: "step", Cell: []string{"none", "60", "120"}[f.step]},
		} {
			c.Tallies = append(c.Tallies, analytics.Tally{Hour: at.Truncate(time.Hour), Group: g, Measure: "approved", N: 1 << i})
			c.People = append(c.People, analytics.Person{Day: at.Truncate(day), Group: g, Person: strconv.Itoa(f.person)})
		}
	}
	return c
}

// people counts who is in a set of facts.
func (w world) people(facts uint64) int {
	who := map[int]bool{}
	for i, f := range w {
		if facts&(1<<i) != 0 {
			who[f.person] = true
		}
	}
	return len(who)
}

// figures are what every query of one moment tells about approvals, by family.
func figures(l *ledger) map[string][]uint64 {
	told := map[string][]uint64{}
	add := func(family string, n int) { told[family] = append(told[family], uint64(n)) }
	for _, days := range []int{1, 7, 30, 90, 365} {
		q := l.tell(days)
		o, c := q.Overview(nil), q.Channels()
		add("all", o.Totals.VerifySuccess)
		add("all", o.Ended.Approved)
		for _, ch := range o.ByChannel {
			add("send", ch.Successes)
		}
		for _, list := range [][]analytics.Conversion{c.Channels, c.Countries, c.Providers} {
			for _, v := range list {
				add("send", v.Successes)
			}
		}
		if c.Other != nil {
			add("send", c.Other.Successes)
		}
		for _, h := range q.Hours().Hours {
			add("hour", h.Successes)
		}
		for _, s := range q.Delays().Steps {
			add("step", s.Successes)
		}
	}
	return told
}

// The attack: take every figure that queries of one moment give, and add and subtract
// them in any way, the totals and the parts of a family together. Facts that are in
// just the same figures cannot be told apart by that: they stay together whatever is
// computed, and anything that is computed is made of such sets. So none of them may
// have one to four people.
func TestNoArithmeticIsolates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		l := newLedger()
		l.add(w.counted())
		told := figures(l)
		for family := range told {
			figures := told["all"]
			if family != "all" {
				figures = append(slices.Clip(figures), told[family]...)
			}
			together := map[string]uint64{}
			for i := range w {
				in := make([]byte, len(figures))
				for at, f := range figures {
					in[at] = byte(f >> i & 1)
				}
				together[string(in)] |= 1 << i
			}
			for in, facts := range together {
				if n := w.people(facts); n < analytics.Least && in != string(make([]byte, len(figures))) {
					t.Fatalf("figures of %s isolate %d people in %d facts of %+v", family, n, bits.OnesCount64(facts), w)
				}
			}
		}
		// And plainly: any two of all figures of one family, one of which holds the other.
		for family, figures := range told {
			for _, a := range figures {
				for _, b := range figures {
					if n := w.people(a &^ b); a&b == b && n > 0 && n < analytics.Least {
						t.Fatalf("%s: one figure less another is %d people", family, n)
					}
				}
			}
		}
	})
}

// Where every group is large enough, nothing is hidden: the figures are the facts.
func TestLargeGroupsAreToldExactly(t *testing.T) {
	var w world
	for i := range 60 {
		w = append(w, fact{person: i % 5, hour: i / 5 % 3, channel: 1, country: i / 15 % 2, provider: i / 5 % 2, step: 1 + i/30, ago: 1})
	}
	l := newLedger()
	l.add(w.counted())
	q := l.tell(30)
	var hours, steps, providers uint64
	for _, h := range q.Hours().Hours {
		hours |= uint64(h.Successes)
	}
	for _, s := range q.Delays().Steps {
		steps |= uint64(s.Successes)
	}
	for _, p := range q.Channels().Providers {
		providers |= uint64(p.Successes)
	}
	all := uint64(1)<<60 - 1
	if o := q.Overview(nil); o.Hidden || uint64(o.Ended.Approved) != all || hours != all || steps != all || providers != all || q.Channels().Other != nil {
		t.Errorf("hidden %v, missing %b %b %b %b", o.Hidden, all^uint64(o.Ended.Approved), all^hours, all^steps, all^providers)
	}
}

// crowd adds people of one cell of send, each with one accepted SMS, today.
func crowd(l *ledger, cell string, from, to int) {
	for i := from; i < to; i++ {
		for _, g := range []analytics.Group{{Family: "all"}, {Family: "send", Cell: cell}} {
			l.add(analytics.Counted{
				Tallies: []analytics.Tally{{Hour: now, Group: g, Measure: "accepted", N: 1}},
				People:  []analytics.Person{{Day: now.Truncate(day), Group: g, Person: strconv.Itoa(i)}},
			})
		}
	}
}

// Whatever loses a name among others is said to be hidden: in the answer that it is
// missing from and, of the whole period, in the overview.
func TestWhatIsPooledIsSaidToBe(t *testing.T) {
	type says struct{ overview, channels, hours, delays bool }
	people := func(family, cell, measure string, from, to int) func(l *ledger) {
		return func(l *ledger) {
			for i := from; i < to; i++ {
				g := analytics.Group{Family: family, Cell: cell}
				l.add(analytics.Counted{
					Tallies: []analytics.Tally{{Hour: now, Group: g, Measure: measure, N: 1}},
					People:  []analytics.Person{{Day: now.Truncate(day), Group: g, Person: strconv.Itoa(i)}},
				})
			}
		}
	}
	for name, c := range map[string]struct {
		cells []func(l *ledger)
		want  says
	}{
		"two large countries": {[]func(*ledger){people("send", "sms|US|a", "accepted", 0, 9), people("send", "sms|FR|a", "accepted", 0, 5)}, says{}},
		"one person elsewhere, by one channel": {[]func(*ledger){people("send", "sms|US|a", "accepted", 0, 9), people("send", "sms|FR|a", "accepted", 9, 10)},
			says{overview: true, channels: true}},
		"one person elsewhere, with a receipt": {[]func(*ledger){people("send", "sms|US|a", "accepted", 0, 9), people("send", "sms|FR|a", "arrived.1", 9, 10)},
			says{overview: true, channels: true, delays: true}},
		"one provider's few": {[]func(*ledger){people("send", "sms|US|a", "arrived.1", 0, 9), people("send", "sms|US|b", "arrived.1", 0, 1)},
			says{overview: true, channels: true}},
		"an hour's few":       {[]func(*ledger){people("hour", "3", "started", 0, 9), people("hour", "4", "started", 0, 1)}, says{overview: true, hours: true}},
		"nobody's other hour": {[]func(*ledger){people("hour", "3", "started", 0, 3)}, says{overview: true, hours: true}},
		"a delay's few":       {[]func(*ledger){people("step", "none", "approved", 0, 9), people("step", "60", "resends", 0, 1)}, says{overview: true, delays: true}},
		"four people in all":  {[]func(*ledger){}, says{true, true, true, true}},
	} {
		l := newLedger()
		people("all", "", "started", 0, 10)(l)
		if len(c.cells) == 0 {
			l = newLedger()
			people("all", "", "started", 0, 4)(l)
		}
		for _, add := range c.cells {
			add(l)
		}
		told := l.tell(1)
		if got := (says{told.Overview(nil).Hidden, told.Channels().Hidden, told.Hours().Hidden, told.Delays().Hidden}); got != c.want {
			t.Errorf("%s: hidden %+v, want %+v", name, got, c.want)
		}
	}
	l := newLedger()
	for _, add := range []func(*ledger){people("all", "", "started", 0, 10), people("spared", "US", "logins_free", 0, 9), people("spared", "FR", "logins_free", 9, 10)} {
		add(l)
	}
	free := func(string) (float64, bool) { return 0, true }
	if told := l.tell(1); told.Overview(nil).Hidden || !told.Overview(free).Hidden {
		t.Error("what was saved in few countries is missing only where there are prices")
	}
}

// What is too small is put together with its nearest, so that no more is hidden than
// must be.
func TestSmallGroupsArePooled(t *testing.T) {
	for _, c := range []struct {
		name      string
		build     func(l *ledger)
		providers map[string]int // country and provider
		countries map[string]int
		channels  map[string]int
		other     int
	}{
		{"four people", func(l *ledger) { crowd(l, "sms|BR|a", 0, 4) }, map[string]int{}, map[string]int{}, map[string]int{}, 0},
		{"one provider's few join the other's", func(l *ledger) {
			crowd(l, "sms|BR|a", 0, 6)
			crowd(l, "sms|BR|b", 0, 1)
			crowd(l, "sms|US|a", 0, 9)
		}, map[string]int{"US a": 9}, map[string]int{"BR": 7, "US": 9}, map[string]int{"sms": 16}, 7},
		{"small countries make five together", func(l *ledger) {
			crowd(l, "sms|BR|a", 0, 3)
			crowd(l, "sms|DE|a", 3, 5)
			crowd(l, "sms|US|a", 0, 9)
		}, map[string]int{"US a": 9}, map[string]int{"US": 9}, map[string]int{"sms": 14}, 5},
		{"the same three in two countries are no five", func(l *ledger) {
			crowd(l, "sms|BR|a", 0, 3)
			crowd(l, "sms|DE|a", 0, 3)
			crowd(l, "sms|IN|a", 0, 7)
			crowd(l, "sms|US|a", 0, 9)
		}, map[string]int{"US a": 9}, map[string]int{"US": 9}, map[string]int{"sms": 22}, 13},
		{"one person's calls take the smallest of the SMS along", func(l *ledger) {
			crowd(l, "voice|BR|a", 0, 1)
			crowd(l, "sms|BR|a", 0, 7)
			crowd(l, "sms|US|a", 0, 9)
		}, map[string]int{"US a": 9}, map[string]int{"US": 9}, map[string]int{"sms": 9}, 8},
	} {
		l := newLedger()
		c.build(l)
		got, providers, countries, channels := l.tell(1).Channels(), map[string]int{}, map[string]int{}, map[string]int{}
		for _, v := range got.Providers {
			providers[v.Country+" "+v.Provider] = v.Sends
		}
		for _, v := range got.Countries {
			countries[v.Country] = v.Sends
		}
		for _, v := range got.Channels {
			channels[v.Channel] = v.Sends
		}
		other := 0
		if got.Other != nil {
			other = got.Other.Sends
		}
		if !maps.Equal(providers, c.providers) || !maps.Equal(countries, c.countries) || !maps.Equal(channels, c.channels) || other != c.other {
			t.Errorf("%s: providers %v, countries %v, channels %v, other %d", c.name, providers, countries, channels, other)
		}
	}
}
