package traffic

import (
	"time"

	"nod/verify"
)

// Tally is what people, phones and providers saw, each counted where it happened:
// nothing in it was read from an event or a figure of nod.
type Tally struct {
	Started    int // pages that wait, or were let in at once
	Blocked    int // pages that were turned away
	Resends    int // buttons that were pressed and took effect
	Wrong      int // codes that the page called wrong
	Denied     int // people who said no on the phone, and wrong numbers typed there
	Changed    int // numbers that were left for another one
	Approved   int
	WithoutSMS int                   // approved sign-ins for which no SMS and no call was taken
	Logins     int                   // approved sign-ins
	Took       time.Duration         // start to approval, in sum
	Ended      map[verify.Status]int // as the pages saw it
	Hours      [24]Rate              // started and approved, by hour of the day (UTC) of the start
	Steps      map[int]Rate          // resends by the seconds that the page made wait, and those whose code was typed
	Texts      map[string]Rate       // by locale: pages on which a code was typed, and on which a wrong one was
	Sends      map[Route]Sent
}

// Rate is how many of some did.
type Rate struct{ Of, Did int }

// Route is a way that messages take.
type Route struct {
	Channel  verify.Channel
	Country  string // of the number; empty for an app
	Provider string
}

// Sent is what one provider knows of a route, and what its messages led to.
type Sent struct {
	Accepted    int
	Delivered   int // receipts
	Undelivered int // receipts, and prompts that found nobody
	Approved    int // by the answer to the last message that was taken, or its code
}

func newTally() *Tally {
	return &Tally{Ended: map[verify.Status]int{}, Steps: map[int]Rate{}, Texts: map[string]Rate{}, Sends: map[Route]Sent{}}
}

// Over sums the routes up: all of a channel, of a country or of a provider, where an
// empty field is any.
func (t *Tally) Over(of Route) (sum Sent) {
	for r, s := range t.Sends {
		if of.Channel != "" && r.Channel != of.Channel || of.Country != "" && r.Country != of.Country || of.Provider != "" && r.Provider != of.Provider {
			continue
		}
		sum.Accepted += s.Accepted
		sum.Delivered += s.Delivered
		sum.Undelivered += s.Undelivered
		sum.Approved += s.Approved
	}
	return sum
}

func (t *Tally) at(r Route, did func(*Sent)) {
	s := t.Sends[r]
	did(&s)
	t.Sends[r] = s
}

// add counts one more of a rate, or one of them that did.
func add[K comparable](rates map[K]Rate, of K, n, did int) {
	r := rates[of]
	rates[of] = Rate{r.Of + n, r.Did + did}
}
