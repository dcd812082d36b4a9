package analytics

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Rules is what the deployment does today; recommendations say what to change in it.
type Rules struct {
	ResendDelays []time.Duration // NOD_RESEND_DELAYS
	AutoDelays   bool            // NOD_RESEND_DELAYS=auto: nothing is said of delays, which it chooses by itself
	SMSProviders []string        // NOD_SMS_PROVIDERS, in order
	Prices       bool            // NOD_PRICES_FILE is set: nod chooses a provider by country
}

// Recommendation is one plain piece of advice and what it rests on.
type Recommendation struct {
	Kind     string     `json:"kind" enum:"delay,wording,timing,channel,provider"`
	Title    string     `json:"title" doc:"What to do."`
	Text     string     `json:"text" doc:"Why, how sure, and how to do it."`
	Sample   int        `json:"sample" doc:"How many were compared: verifications, resends or messages."`
	Evidence []Evidence `json:"evidence" nullable:"false"`
}

// Evidence is one number behind a recommendation.
type Evidence struct {
	Label string `json:"label"`
	Value string `json:"value" doc:"Ready to be shown."`
}

// When a comparison speaks.
const (
	alpha   = 0.01 // chance that anything is said when there is nothing
	enough  = 50   // on each side: fewer say nothing
	gap     = 0.05 // a smaller difference is not worth a change
	stepGap = 0.20 // who asks for a later resend is harder to reach: some difference is as it should be
)

// The kinds of advice.
const (
	kindDelay    = "delay"
	kindWording  = "wording"
	kindTiming   = "timing"
	kindChannel  = "channel"
	kindProvider = "provider"
)

// look is one comparison: whether a does worse than b. Both count what went well.
type look struct {
	kind   string
	about  string // what a is: an hour, a language, a delay, a provider; empty: the channel SMS as such
	in     string // the country in which both are; empty: everywhere
	a, b   share
	given  bool    // b is a rule's, not counted
	least  float64 // the gap from which on it is told
	chance float64 // that it is none; of all looks together once they are taken
}

// Recommendations says what would help, when the figures leave little doubt.
//
// It compares what went well in each group with the other groups: resends by delay,
// codes typed by language, verifications by hour of the day, first codes by country, by
// provider within a country, and SMS with calls within a country; and, with fixed
// delays, how many SMS to a country are later than the first of them. It speaks of a
// group only when it has at least 50 cases (and so have the others; for lateness 200
// receipts, as [Plan] wants), does worse by at least 5 points (resends: 20), and chance
// alone would hardly show that: all comparisons that were made are judged together by
// Holm's method, so that with nothing to be found it is silent in at least 99 of 100
// looks. (Each look at other data is one; looking every day for a year at nothing shows
// a few.) First codes only are compared, one of each verification: who asks for a
// second one is harder to reach, whatever sends it.
//
// What was changed since is not advised again: a delay or a provider that is not in the
// rules any more may explain what else was found, and is itself not told.
//
// Cases are taken for independent of each other. One person's tries are not quite: of
// a few people who try often the advice is less sure than it says.
//
// The figures do not know causes: another provider may have been given the harder
// numbers. So the advice is a change that can be taken back, and its effect stands in
// the same figures. The most consequential comes first.
func (t Told) Recommendations(r Rules) []Recommendation {
	looks := slices.Concat(t.lateness(r), t.resends(), t.words(), t.clock(), t.providers(), t.countries(), t.calls())
	chances := make([]float64, len(looks))
	for i, l := range looks {
		chances[i] = l.chance
	}
	found := map[string][]look{}
	for i, chance := range holm(chances) {
		if l := looks[i]; chance <= alpha && l.gap() >= l.least {
			l.chance = chance
			found[l.kind] = append(found[l.kind], l)
		}
	}
	found[kindChannel] = unexplained(found[kindChannel], slices.Concat(found[kindProvider], found[kindDelay]))
	var advice []weighed
	for _, kind := range slices.Sorted(maps.Keys(found)) {
		now := slices.DeleteFunc(found[kind], func(l look) bool { return !r.current(l) })
		slices.SortStableFunc(now, func(a, b look) int { return cmp.Compare(b.weight(), a.weight()) })
		advice = append(advice, say(kind, now, r)...)
	}
	slices.SortStableFunc(advice, func(a, b weighed) int { return cmp.Compare(b.weight, a.weight) })
	all := []Recommendation{}
	for _, a := range advice {
		all = append(all, a.Recommendation)
	}
	return all
}

// current reports whether what a finding is about is still so: a delay that people
// wait for, a provider that is asked.
func (r Rules) current(l look) bool {
	switch {
	case l.kind == kindProvider:
		return slices.Contains(r.SMSProviders, l.about)
	case l.kind == kindDelay && l.in == "":
		return !r.AutoDelays && slices.ContainsFunc(r.ResendDelays, func(d time.Duration) bool { return int(d.Seconds()) == l.number() })
	}
	return true
}

// unexplained are the findings about channels without those that another one explains:
// where a provider does worse than others, SMS come late, or calls do better, the
// country's SMS do worse too.
func unexplained(channels, others []look) []look {
	explained, betterCalls := map[string]bool{}, map[string]bool{}
	for _, l := range others {
		explained[l.in] = true
	}
	for _, l := range channels {
		betterCalls[l.in] = true
	}
	return slices.DeleteFunc(channels, func(l look) bool {
		return explained[l.where()] || l.in == "" && betterCalls[l.about]
	})
}

// where is the country of a finding about one.
func (l look) where() string { return cmp.Or(l.in, l.about) }

func (l look) gap() float64 { return l.b.p() - l.a.p() }

// weight is how many more would have gone well.
func (l look) weight() float64 { return l.gap() * float64(l.a.n) }

// each compares every group with all others together.
func each(kind, in string, groups map[string]share, least float64) (looks []look) {
	var all share
	for _, g := range groups {
		all.x, all.n = all.x+g.x, all.n+g.n
	}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		a := groups[name]
		looks = append(looks, against(look{kind: kind, about: name, in: in, a: a, b: share{all.x - a.x, all.n - a.n}, least: least})...)
	}
	return looks
}

// against is the look, or none where there is too little to see.
func against(l look) []look {
	if l.a.n < enough || l.b.n < enough {
		return nil
	}
	l.chance = below(l.a, l.b)
	return []look{l}
}

// shareOf is a measure in another. What ended in the period and began before it has
// no beginning in it.
func (c Counts) shareOf(of, in string) share { return share{min(c[of], c[in]), c[in]} }

// groups are the shares of a family by the label at a place.
func (t Told) groups(family string, key func([]string) (string, bool), of, in string) map[string]share {
	groups := map[string]share{}
	for name, c := range t.sum(family, key) {
		groups[name] = c.shareOf(of, in)
	}
	return groups
}

// lateness looks at the SMS that come after the first resend delay: at most one in ten
// should. Of a delay as long as any that [Plan] chooses there is nothing to be said.
func (t Told) lateness(r Rules) (looks []look) {
	if r.AutoDelays || len(r.ResendDelays) == 0 || r.ResendDelays[0] >= waits[len(waits)-1] {
		return nil
	}
	for _, a := range t.arrivals() {
		if a.n < planReceipts {
			continue // nor could NOD_RESEND_DELAYS=auto help
		}
		late, _ := later(a.took, r.ResendDelays[0])
		looks = append(looks, look{
			kind: kindDelay, in: a.country, a: share{a.n - late, a.n}, b: share{9, 10}, given: true, least: gap, chance: above(share{late, a.n}, planLate),
		})
	}
	return looks
}

func (t Told) resends() []look {
	groups := t.groups(familyStep, label(0), approved, resent)
	delete(groups, "0") // free ones: nobody waited, because the message before had not left
	return each(kindDelay, "", groups, stepGap)
}

func (t Told) words() []look {
	groups := map[string]share{}
	for language, c := range t.sum(familyText, label(0)) {
		groups[language] = share{max(0, c[typed]-c[mistyped]), c[typed]}
	}
	return each(kindWording, "", groups, gap)
}

func (t Told) clock() []look {
	return each(kindTiming, "", t.groups(familyHour, label(0), approved, created), gap)
}

func (t Told) providers() (looks []look) {
	countries := map[string]map[string]share{}
	for key, s := range t.groups(familySend, func(labels []string) (string, bool) {
		country, ok := smsTo(labels)
		if !ok || len(labels) < 3 || labels[2] == "" {
			return "", false
		}
		return country + "|" + labels[2], true
	}, firstWorked, first) {
		country, provider, _ := strings.Cut(key, "|")
		if countries[country] == nil {
			countries[country] = map[string]share{}
		}
		countries[country][provider] = s
	}
	for _, country := range slices.Sorted(maps.Keys(countries)) {
		looks = append(looks, each(kindProvider, country, countries[country], gap)...)
	}
	return looks
}

func (t Told) countries() []look {
	return each(kindChannel, "", t.groups(familySend, smsTo, firstWorked, first), gap)
}

// calls looks at SMS beside calls, country by country.
func (t Told) calls() (looks []look) {
	texts := t.groups(familySend, smsTo, firstWorked, first)
	calls := t.groups(familySend, func(labels []string) (string, bool) {
		if len(labels) < 2 || labels[0] != "voice" || labels[1] == "" {
			return "", false
		}
		return labels[1], true
	}, firstWorked, first)
	for _, country := range slices.Sorted(maps.Keys(calls)) {
		looks = append(looks, against(look{kind: kindChannel, in: country, a: texts[country], b: calls[country], least: gap})...)
	}
	return looks
}

// number is the hour, or the delay in seconds, that a finding is about.
func (l look) number() int {
	n, _ := strconv.Atoi(l.about)
	return n
}
