package analytics

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// day is what a period is made of.
const day = 24 * time.Hour

// endings are the terminal events but approval, with their measure.
var endings = map[string]string{
	"verification.denied":     denied,
	"verification.failed":     failed,
	"verification.expired":    expired,
	"verification.canceled":   canceled,
	"verification.superseded": superseded,
	"verification.blocked":    blocked,
}

// sends are what may become of a delivery that left, or should have, with its measure.
var sends = map[string]string{
	"delivery.accepted":    accepted,
	"delivery.delivered":   delivered,
	"delivery.undelivered": undelivered,
	"delivery.failed":      failed,
	"delivery.unknown":     unknown,
}

// Settles reports whether counting an event of this name needs the whole life of
// its verification.
func Settles(name string) bool {
	switch name {
	case "verification.approved", "code.check_failed", "delivery.accepted", "delivery.delivered":
		return true
	}
	return false
}

// Count says what news add to the sums, each in the hour in which it happened. Lives
// holds, for every event among them whose name [Settles], all events of its
// verification in order; what comes after the event that is counted is ignored, so
// that it does not matter how late, or in how many parts, events are counted.
func Count(news []Event, lives map[string][]Event) Counted {
	c := counter{tallies: map[Tally]int64{}, people: map[Person]map[string]bool{}}
	for _, e := range news {
		if e.VerificationID == "" {
			continue
		}
		var past life
		if Settles(e.Name) {
			past = lived(lives[e.VerificationID], e.Seq)
		}
		c.count(&e, past)
	}
	return c.counted()
}

// count adds one event. Past is the life until then, and with it.
func (c *counter) count(e *Event, past life) {
	switch e.Name {
	case "verification.created":
		c.add(e, familyAll, "", created)
		c.add(e, familyHour, hourCell(e), created)
	case "verification.approved":
		c.approval(e, past)
	case "code.check_failed":
		c.add(e, familyAll, "", checkFailed)
		before := past[:max(0, len(past)-1)]
		if before.last("code.check_failed") == nil {
			c.add(e, familyText, past.language(), typed, mistyped)
		}
	case "resend.requested":
		c.add(e, familyAll, "", resent)
		c.add(e, familyStep, strconv.Itoa(e.Step), resent)
	case "phone.changed":
		c.add(e, familyAll, "", changed)
	case "delivery.accepted", "delivery.delivered", "delivery.undelivered", "delivery.failed", "delivery.unknown":
		c.add(e, familyAll, "") // whoever is in any family is among all
		c.add(e, familySend, sendCell(e), sends[e.Name])
		if codes := past.codes(); e.Name == "delivery.accepted" && len(codes) == 1 && byCode(e.Channel) {
			c.add(e, familySend, sendCell(e), first)
		}
		if at, ok := past.acceptedAt(e); ok && e.Name == "delivery.delivered" {
			c.add(e, familySend, sendCell(e), bucket(arrived, e.At.Sub(at)))
		}
	default:
		if m := endings[e.Name]; m != "" {
			c.add(e, familyAll, "", m)
		}
	}
}

// approval adds an approval to every family: were it missing in one, a total less the
// parts of that family would point at it.
func (c *counter) approval(e *Event, past life) {
	c.add(e, familyAll, "", approved)
	born := past.last("verification.created")
	if born == nil {
		born = &Event{At: e.At}
		c.add(e, familyHour, "", approved)
	} else {
		c.add(e, familyHour, hourCell(born), approved)
		c.add(e, familyAll, "", bucket(took, e.At.Sub(born.At)))
		c.addN(e, familyAll, "", tookMillis, e.At.Sub(born.At).Milliseconds())
	}
	if born.Purpose == "login" {
		c.add(e, familyAll, "", logins)
		if past.lastLeft("sms") == nil && past.lastLeft("voice") == nil {
			c.add(e, familyAll, "", spared)
			c.add(e, familySpared, born.Country, spared)
		}
	}
	step := noResend
	if r := past.last("resend.requested"); r != nil {
		step = strconv.Itoa(r.Step)
	}
	c.add(e, familyStep, step, approved)
	c.send(e, past)
	if strings.HasSuffix(e.Method, "_code") && past.last("code.check_failed") == nil {
		c.add(e, familyText, past.language(), typed)
	}
}

// send adds an approval to the send that it came over: the last one of its channel
// that left. One that came over none has a cell of its own.
func (c *counter) send(e *Event, past life) {
	by := past.lastLeft(e.Channel)
	if by == nil {
		by = &Event{Channel: e.Channel}
	}
	c.add(e, familySend, sendCell(by), approved)
	if at, ok := past.acceptedAt(by); ok {
		c.add(e, familySend, sendCell(by), bucket(took, e.At.Sub(at)))
	}
	if codes := past.codes(); len(codes) == 1 && codes[0].Channel == e.Channel && strings.HasSuffix(e.Method, "_code") {
		c.add(e, familySend, sendCell(&codes[0]), firstWorked)
	}
}

// noResend is the cell of approvals that needed no resend.
const noResend = "none"

func hourCell(born *Event) string { return strconv.Itoa(born.At.UTC().Hour()) }

// sendCell is where a send counts. A connection has no provider but nod, and an app's
// answer may be here before anybody has noted which one it came over.
func sendCell(e *Event) string {
	if e.Channel == "websocket" {
		return e.Channel + "||"
	}
	return e.Channel + "|" + e.Country + "|" + e.Provider
}

func byCode(channel string) bool {
	return channel == "sms" || channel == "voice" || channel == "email"
}

// life is the events of one verification, in order.
type life []Event

// lived is a life until an event, and with it.
func lived(all []Event, seq int64) life {
	for i, e := range all {
		if e.Seq > seq {
			return all[:i]
		}
	}
	return all
}

// last is the newest event of a name, or nil.
func (l life) last(name string) *Event {
	for i := range slices.Backward(l) {
		if l[i].Name == name {
			return &l[i]
		}
	}
	return nil
}

// lastLeft is what shows first that the last delivery over a channel left, or nil. A
// receipt of one before it may come later.
func (l life) lastLeft(channel string) (by *Event) {
	known := map[string]bool{}
	for i := range l {
		if l[i].Channel != channel || known[l[i].DeliveryID] {
			continue
		}
		switch l[i].Name {
		case "delivery.accepted", "delivery.delivered", "delivery.displayed", "delivery.responded", "delivery.undelivered", "delivery.unknown":
			known[l[i].DeliveryID], by = true, &l[i]
		}
	}
	return by
}

// codes are the acceptances of messages with a code.
func (l life) codes() (all []Event) {
	for _, e := range l {
		if e.Name == "delivery.accepted" && byCode(e.Channel) {
			all = append(all, e)
		}
	}
	return all
}

// acceptedAt is when the delivery that an event is about was accepted.
func (l life) acceptedAt(of *Event) (time.Time, bool) {
	for _, e := range slices.Backward(l) {
		if e.Name == "delivery.accepted" && e.DeliveryID == of.DeliveryID && e.Channel == of.Channel {
			return e.At, true
		}
	}
	return time.Time{}, false
}

// language is the one that the texts were asked for in: English unless another was.
func (l life) language() string {
	if born := l.last("verification.created"); born != nil {
		base, _, _ := strings.Cut(strings.ReplaceAll(born.Locale, "_", "-"), "-")
		return cmp.Or(strings.ToLower(base), "en")
	}
	return "en"
}

// counter gathers what some events add.
type counter struct {
	tallies map[Tally]int64            // by all but N
	people  map[Person]map[string]bool // by all but Person
}

// add adds one to each of the measures of a group, and the event's person to its people.
func (c *counter) add(e *Event, family, cell string, measures ...string) {
	g := Group{family, cell}
	for _, m := range measures {
		c.tallies[Tally{Hour: e.At.UTC().Truncate(time.Hour), Group: g, Measure: m}]++
	}
	key := Person{Day: e.At.UTC().Truncate(day), Group: g}
	if c.people[key] == nil {
		c.people[key] = map[string]bool{}
	}
	if e.Person != "" && len(c.people[key]) < Least {
		c.people[key][e.Person] = true
	}
}

func (c *counter) addN(e *Event, family, cell, measure string, n int64) {
	c.tallies[Tally{Hour: e.At.UTC().Truncate(time.Hour), Group: Group{family, cell}, Measure: measure}] += n
}

func (c *counter) counted() Counted {
	var all Counted
	for t, n := range c.tallies {
		t.N = n
		all.Tallies = append(all.Tallies, t)
	}
	for p, hashes := range c.people {
		for _, hash := range slices.Sorted(maps.Keys(hashes)) {
			p.Person = hash
			all.People = append(all.People, p)
		}
	}
	slices.SortFunc(all.Tallies, func(a, b Tally) int {
		return cmp.Or(a.Hour.Compare(b.Hour), a.Group.compare(b.Group), cmp.Compare(a.Measure, b.Measure))
	})
	slices.SortFunc(all.People, func(a, b Person) int {
		return cmp.Or(a.Day.Compare(b.Day), a.Group.compare(b.Group), cmp.Compare(a.Person, b.Person))
	})
	return all
}

func (g Group) compare(o Group) int {
	return cmp.Or(cmp.Compare(g.Family, o.Family), cmp.Compare(g.Cell, o.Cell))
}
