package analytics

import "time"

// Group is one cell of one family of sums: for example all SMS that one provider
// took for one country. The cell's text is for this package alone to read.
type Group struct {
	Family string
	Cell   string
}

// Tally is a number that is added to the sums of an hour (and of its day).
type Tally struct {
	Hour time.Time // the hour's start, UTC
	Group
	Measure string
	N       int64
}

// Person says that somebody stands behind a group's sums of a day. Person is the
// keyed hash of [Event].
type Person struct {
	Day time.Time // the day's start, UTC
	Group
	Person string
}

// Counted is what some events add: each key once, in a fixed order.
type Counted struct {
	Tallies []Tally
	People  []Person // at most [Least] of a group and day: whether there are more does not matter
}

// Counts are sums by measure.
type Counts map[string]int64

// Span is all sums of some whole days, From included and To not.
type Span struct {
	From, To time.Time
	Counts   map[Group]Counts
	People   map[Group][]string // different ones; at most [Least] of each group: enough to know that it may be told
}

// Hour is the sums of one hour.
type Hour struct {
	At     time.Time // its start, UTC
	Counts map[Group]Counts
}

// Least is how many people a group must have to be told of (contract, section 5).
const Least = 5

// The families: each tells what happened apart by something else.
const (
	familyAll    = "all"    // nothing
	familyHour   = "hour"   // the hour of the day, UTC, in which the verification was created
	familySend   = "send"   // channel, country and provider of a delivery
	familyStep   = "step"   // the delay, in seconds, of the last resend
	familyText   = "text"   // the language of the texts
	familySpared = "spared" // the country of a number that needed no SMS
)

// The measures. Histograms have one for each bucket besides.
const (
	created     = "started"
	approved    = "approved"
	denied      = "denied"
	failed      = "failed"
	expired     = "expired"
	canceled    = "canceled"
	superseded  = "superseded"
	blocked     = "blocked"
	checkFailed = "check_failed"
	resent      = "resends"
	changed     = "phone_changed"
	logins      = "logins"      // approved, of purpose login
	spared      = "logins_free" // of these without SMS or call
	tookMillis  = "took_ms"     // sum of what the histogram took holds
	took        = "took"        // histogram: created to approved; of a send, accepted to approved
	accepted    = "accepted"    // of deliveries, as the next three
	delivered   = "delivered"
	undelivered = "undelivered"
	unknown     = "unknown"
	arrived     = "arrived"      // histogram: accepted to delivered
	first       = "first"        // sends of a verification's first code
	firstWorked = "first_worked" // of these, approved by it, with no other sent
	typed       = "typed"        // verifications in which a code was typed
	mistyped    = "mistyped"     // of these, a wrong one
)
