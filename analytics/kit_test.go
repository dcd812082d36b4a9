package analytics_test

import (
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"nod/analytics"
)

// now is when every test asks.
var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// ledger is what a store keeps: the sums and the people of single days and hours.
type ledger struct {
	days   map[time.Time]*analytics.Span
	hours  map[time.Time]*analytics.Hour
	people map[analytics.Person]bool
}

func newLedger() *ledger {
	return &ledger{map[time.Time]*analytics.Span{}, map[time.Time]*analytics.Hour{}, map[analytics.Person]bool{}}
}

func (l *ledger) day(at time.Time) *analytics.Span {
	at = at.Truncate(day)
	if l.days[at] == nil {
		l.days[at] = &analytics.Span{From: at, To: at.Add(day), Counts: map[analytics.Group]analytics.Counts{}, People: map[analytics.Group][]string{}}
	}
	return l.days[at]
}

func plus(to map[analytics.Group]analytics.Counts, g analytics.Group, measure string, n int64) {
	if to[g] == nil {
		to[g] = analytics.Counts{}
	}
	to[g][measure] += n
}

// add does with what was counted what storage does.
func (l *ledger) add(c analytics.Counted) {
	for _, t := range c.Tallies {
		plus(l.day(t.Hour).Counts, t.Group, t.Measure, t.N)
		if l.hours[t.Hour] == nil {
			l.hours[t.Hour] = &analytics.Hour{At: t.Hour, Counts: map[analytics.Group]analytics.Counts{}}
		}
		plus(l.hours[t.Hour].Counts, t.Group, t.Measure, t.N)
	}
	for _, p := range c.People {
		if d := l.day(p.Day); !l.people[p] && len(d.People[p.Group]) < analytics.Least {
			l.people[p] = true
			d.People[p.Group] = append(d.People[p.Group], p.Person)
		}
	}
}

// spans sums the days between two neighbours of cuts each.
func (l *ledger) spans(cuts []time.Time) (spans []analytics.Span) {
	for i := 1; i < len(cuts); i++ {
		s := analytics.Span{From: cuts[i-1], To: cuts[i], Counts: map[analytics.Group]analytics.Counts{}, People: map[analytics.Group][]string{}}
		for at, d := range l.days {
			if at.Before(s.From) || !at.Before(s.To) {
				continue
			}
			for g, c := range d.Counts {
				for measure, n := range c {
					plus(s.Counts, g, measure, n)
				}
			}
			for g, people := range d.People {
				for _, p := range people {
					if !slices.Contains(s.People[g], p) && len(s.People[g]) < analytics.Least {
						s.People[g] = append(s.People[g], p)
					}
				}
			}
		}
		spans = append(spans, s)
	}
	return spans
}

// tell asks as the server does.
func (l *ledger) tell(days int) analytics.Told {
	cuts, _ := analytics.Cuts(now, days)
	return analytics.Tell(l.spans(cuts))
}

func (l *ledger) allHours() (all []analytics.Hour) {
	for _, h := range l.hours {
		all = append(all, *h)
	}
	return all
}

// ledgerOf counts events at once, each life with its verification's id as the key.
func ledgerOf(lives map[string][]analytics.Event) *ledger {
	l := newLedger()
	l.add(analytics.Count(inTime(lives), lives))
	return l
}

// inTime puts the events of some lives into the order in which they happened.
func inTime(lives map[string][]analytics.Event) (all []analytics.Event) {
	for _, life := range lives {
		all = append(all, life...)
	}
	slices.SortFunc(all, func(a, b analytics.Event) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		if a.VerificationID != b.VerificationID {
			return slices.Compare([]byte(a.VerificationID), []byte(b.VerificationID))
		}
		return int(a.Seq - b.Seq)
	})
	return all
}

// script makes the events of one verification: each step adds one.
type script struct {
	id, person string
	at         time.Time
	events     []analytics.Event
}

func (s *script) then(after time.Duration, e analytics.Event) *script {
	s.at = s.at.Add(after)
	e.VerificationID, e.Person, e.At, e.Seq = s.id, s.person, s.at, int64(len(s.events)+1)
	s.events = append(s.events, e)
	return s
}

// drawLives draws some verifications: anything may follow anything, so that counting
// is asked for more than the rules would do.
func drawLives(t *rapid.T) map[string][]analytics.Event {
	lives := map[string][]analytics.Event{}
	pick := func(label string, of ...string) string { return rapid.SampledFrom(of).Draw(t, label) }
	for i := range rapid.IntRange(1, 12).Draw(t, "verifications") {
		back := time.Duration(rapid.IntRange(0, 400*24*60).Draw(t, "minutes ago")) * time.Minute
		s := &script{id: fmt.Sprint("ver_", i), person: pick("person", "a", "b", "c", "d", "e", "f", "g"), at: now.Add(-back)}
		if rapid.IntRange(0, 9).Draw(t, "born") > 0 {
			s.then(0, analytics.Event{Name: "verification.created", Purpose: pick("purpose", "login", "phone"), Channel: "auto",
				Country: pick("of", "", "BR", "US"), Locale: pick("locale", "", "de", "de-AT", "pt_BR")})
		} else {
			s.then(0, analytics.Event{Name: "verification.blocked"})
		}
		for range rapid.IntRange(0, 8).Draw(t, "events") {
			e := analytics.Event{Name: pick("name", "delivery.queued", "delivery.accepted", "delivery.accepted", "delivery.delivered", "delivery.undelivered",
				"delivery.failed", "delivery.unknown", "resend.requested", "code.check_failed", "phone.changed")}
			switch e.Name {
			case "resend.requested":
				e.Step = rapid.SampledFrom([]int{0, 60, 120}).Draw(t, "step")
			case "code.check_failed", "phone.changed":
			default:
				e.Channel, e.DeliveryID = pick("channel", "sms", "voice", "push", "email"), pick("delivery", "1", "2")
				e.Country, e.Provider = pick("to", "BR", "US"), pick("provider", "twilio", "vonage")
			}
			s.then(time.Duration(rapid.IntRange(0, 500_000).Draw(t, "ms"))*time.Millisecond, e)
		}
		end := analytics.Event{Name: "verification." + pick("end", "approved", "approved", "denied", "failed", "expired", "canceled", "superseded", "stage_changed")}
		if end.Name == "verification.approved" {
			end.Method, end.Channel = "trusted_device", ""
			if c := pick("by", "", "sms", "voice", "email", "push"); c == "push" {
				end.Method, end.Channel = "app", c
			} else if c != "" {
				end.Method, end.Channel = c+"_code", c
			}
		}
		s.then(time.Duration(rapid.IntRange(0, 500_000).Draw(t, "ms"))*time.Millisecond, end)
		lives[s.id] = s.events
	}
	return lives
}
