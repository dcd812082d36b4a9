package analytics

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// weighed is advice and how much it would change.
type weighed struct {
	Recommendation
	weight float64
}

// say puts the findings of one kind, the weightiest first, into words.
func say(kind string, found []look, r Rules) (advice []weighed) {
	switch kind {
	case kindDelay:
		var late []look
		for _, l := range found {
			if l.in == "" {
				advice = append(advice, sayResend(l, r))
			} else {
				late = append(late, l)
			}
		}
		advice = append(advice, sayAll(late, func(found []look) weighed { return sayLate(found, r) })...)
	case kindWording:
		for _, l := range found {
			advice = append(advice, sayWords(l))
		}
	case kindTiming:
		for _, span := range neighbours(found) {
			advice = append(advice, sayTime(span, r))
		}
	case kindProvider:
		by := map[string][]look{}
		var names []string
		for _, l := range found {
			if by[l.about] == nil {
				names = append(names, l.about)
			}
			by[l.about] = append(by[l.about], l)
		}
		for _, name := range names {
			advice = append(advice, sayProvider(by[name], r))
		}
	case kindChannel:
		var texts, calls []look
		for _, l := range found {
			if l.in == "" {
				texts = append(texts, l)
			} else {
				calls = append(calls, l)
			}
		}
		advice = append(sayAll(calls, sayCalls), sayAll(texts, sayCountries)...)
	}
	return advice
}

// sayAll says one thing of some findings together, if there are any.
func sayAll(found []look, how func([]look) weighed) []weighed {
	if len(found) == 0 {
		return nil
	}
	return []weighed{how(found)}
}

func sayLate(found []look, r Rules) weighed {
	l, wait := found[0], int(r.ResendDelays[0].Seconds())
	w := advise(kindDelay, found)
	w.Title = "Wait longer before a resend to " + list(countriesOf(found))
	w.Text = fmt.Sprintf("Of %s SMS to %s with a receipt, %s took longer than the %d s after which a resend may be asked for; one in ten at most should. %s%s "+
		"Set NOD_RESEND_DELAYS=auto, and nod waits by country; or make the first delay in it longer.",
		count(l.a.n), l.in, percent(1-l.a.p()), wait, likewise(found), sure(found))
	for _, l := range found {
		w.Evidence = append(w.Evidence, Evidence{l.in + ", later than " + strconv.Itoa(wait) + " s", of(share{l.a.n - l.a.x, l.a.n})})
	}
	return w
}

func sayResend(l look, r Rules) weighed {
	w := advise(kindDelay, []look{l})
	w.Title = "Change the resend after " + l.about + " s"
	do := "Make this delay shorter in NOD_RESEND_DELAYS: people may have left by then."
	if l.number() <= int(r.ResendDelays[0].Seconds()) {
		do = "Make this delay longer in NOD_RESEND_DELAYS: the message before may still be on its way then."
	}
	w.Text = fmt.Sprintf("Of %s resends asked for after %s s, %s led to an approval; of %s after other delays, %s. %s %s",
		count(l.a.n), l.about, percent(l.a.p()), count(l.b.n), percent(l.b.p()), sure([]look{l}), do)
	w.Evidence = pair(l, "After "+l.about+" s", "After other delays")
	return w
}

func sayWords(l look) weighed {
	w := advise(kindWording, []look{l})
	mistyped := func(s share) share { return share{s.n - s.x, s.n} }
	a, b := mistyped(l.a), mistyped(l.b)
	w.Title = "Make the code easier to read in the texts for " + l.about
	w.Text = fmt.Sprintf("Of %s verifications with texts for %s and a code typed, %s had a wrong one; of %s in other languages, %s. %s "+
		"Read that text as a phone shows it: the code should stand first, alone, with no other digits near it.",
		count(a.n), l.about, percent(a.p()), count(b.n), percent(b.p()), sure([]look{l}))
	w.Evidence = []Evidence{{"Wrong codes, " + l.about, of(a)}, {"Wrong codes, other languages", of(b)}, between(l)}
	return w
}

func sayTime(span []look, r Rules) weighed {
	w := advise(kindTiming, span)
	from, to := span[0].number(), (span[len(span)-1].number()+1)%24
	when := fmt.Sprintf("%02d:00 to %02d:00 UTC", from, to)
	all := look{a: span[0].a, b: span[0].b}
	for _, l := range span[1:] {
		all.a.x, all.a.n = all.a.x+l.a.x, all.a.n+l.a.n
		all.b.x, all.b.n = all.b.x-l.a.x, all.b.n-l.a.n
	}
	do := "Ask your SMS providers about that time."
	if len(r.SMSProviders) < 2 {
		do = "Ask your SMS provider about that time, or name a second one in NOD_SMS_PROVIDERS."
	}
	w.Title = "Look at what happens from " + when
	w.Text = fmt.Sprintf("Of %s verifications started then, %s were approved; of %s at other hours, %s. %s %s",
		count(all.a.n), percent(all.a.p()), count(all.b.n), percent(all.b.p()), sure(span), do)
	w.Sample = int(all.a.n + all.b.n)
	w.Evidence = pair(all, when, "Other hours")
	return w
}

func sayProvider(found []look, r Rules) weighed {
	l, name := found[0], found[0].about
	w := advise(kindProvider, found)
	w.Title = "Send to " + list(countriesOf(found)) + " with another provider than " + name
	do := "Name another one before it in NOD_SMS_PROVIDERS, or set NOD_PRICES_FILE, and nod chooses by country."
	switch {
	case r.Prices:
		do = "nod chooses by price and by what worked there: look whether the prices in NOD_PRICES_FILE are still right, or leave " + name + " out of NOD_SMS_PROVIDERS."
	case r.SMSProviders[0] != name:
		do = "NOD_SMS_PROVIDERS names another one before it: leave it out, or set NOD_PRICES_FILE, and nod chooses by country."
	}
	w.Text = fmt.Sprintf("Of %s first codes that %s took for %s, %s brought the person in; of %s that others took there, %s. %s%s %s",
		count(l.a.n), name, l.in, percent(l.a.p()), count(l.b.n), percent(l.b.p()), likewise(found), sure(found), do)
	for _, l := range found {
		w.Evidence = append(w.Evidence, pair(l, name+", "+l.in, "Others, "+l.in)...)
	}
	return w
}

func sayCalls(found []look) weighed {
	l := found[0]
	w := advise(kindChannel, found)
	w.Title = "Offer calls sooner in " + list(countriesOf(found))
	w.Text = fmt.Sprintf("Of %s first codes sent by SMS to %s, %s brought the person in; of %s told in a call, %s. %s%s "+
		"Start a verification there with the channel voice.",
		count(l.a.n), l.in, percent(l.a.p()), count(l.b.n), percent(l.b.p()), likewise(found), sure(found))
	for _, l := range found {
		w.Evidence = append(w.Evidence, pair(l, "SMS, "+l.in, "Calls, "+l.in)...)
	}
	return w
}

func sayCountries(found []look) weighed {
	l := found[0]
	w := advise(kindChannel, found)
	w.Title = "Offer another way than SMS in " + list(countriesOf(found))
	w.Sample = int(l.a.n + l.b.n) // all, whichever country is compared with the others
	w.Text = fmt.Sprintf("Of %s first codes sent by SMS to %s, %s brought the person in; of %s to other countries, %s. %s%s "+
		"Try another provider in NOD_SMS_PROVIDERS, or ask people there to enroll the app, which needs no SMS.",
		count(l.a.n), l.about, percent(l.a.p()), count(l.b.n), percent(l.b.p()), likewise(found), sure(found))
	for _, l := range found {
		w.Evidence = append(w.Evidence, pair(l, "SMS, "+l.about, "SMS, other countries")...)
	}
	return w
}

// advise begins the advice that some findings lead to.
func advise(kind string, found []look) weighed {
	w := weighed{Recommendation: Recommendation{Kind: kind, Evidence: []Evidence{}}}
	for _, l := range found {
		w.Sample += int(l.a.n)
		if !l.given {
			w.Sample += int(l.b.n)
		}
		w.weight += l.weight()
	}
	return w
}

// neighbours puts hours together that follow each other, also over midnight.
func neighbours(found []look) (spans [][]look) {
	slices.SortFunc(found, func(a, b look) int { return cmp.Compare(a.number(), b.number()) })
	for i, l := range found {
		if i > 0 && found[i-1].number()+1 == l.number() {
			spans[len(spans)-1] = append(spans[len(spans)-1], l)
		} else {
			spans = append(spans, []look{l})
		}
	}
	if last := len(spans) - 1; last > 0 && spans[0][0].number() == 0 && found[len(found)-1].number() == 23 {
		spans[0] = append(spans[last], spans[0]...)
		spans = spans[:last]
	}
	return spans
}

// countriesOf names the countries of some findings.
func countriesOf(found []look) (names []string) {
	for _, l := range found {
		names = append(names, l.where())
	}
	return names
}

// likewise says where else it is so.
func likewise(found []look) string {
	if len(found) == 1 {
		return ""
	}
	return "It is so in " + list(countriesOf(found[1:])) + " too. "
}

// sure says how unlikely chance is, of the least sure of some findings.
func sure(found []look) string {
	chance := 0.0
	for _, l := range found {
		chance = max(chance, l.chance)
	}
	once := "100"
	switch {
	case chance <= 0.0001:
		once = "10,000"
	case chance <= 0.001:
		once = "1,000"
	}
	return "Chance alone shows this in fewer than 1 of " + once + " looks."
}

// pair is the evidence of one comparison.
func pair(l look, a, b string) []Evidence {
	return []Evidence{{a, of(l.a)}, {b, of(l.b)}, between(l)}
}

// between is the interval of the gap.
func between(l look) Evidence {
	low, high := newcombe(l.b, l.a)
	return Evidence{"Gap, 95 % sure", fmt.Sprintf("%.0f to %.0f points", 100*low, 100*high)}
}

func of(s share) string { return percent(s.p()) + " of " + count(s.n) }

func percent(p float64) string { return strconv.Itoa(int(math.Round(100*p))) + " %" }

// count writes a number with commas between its thousands.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// list writes names as people do: "BR, IN and US". Of many it names the first three:
// the evidence has them all.
func list(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	if more := len(names) - 3; more > 1 {
		names = append(slices.Clone(names[:3]), strconv.Itoa(more)+" more")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
