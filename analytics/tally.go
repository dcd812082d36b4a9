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
	People  []Person
}

// Counts are sums by measure.
type Counts map[string]int64

// Span is all sums of some whole days, From included and To not.
type Span struct {
	From, To time.Time
	Counts   map[Group]Counts
	People   map[Group][]string // at most [Least] of each group and day: enough to know that it may be told
}

// Hour is the sums of one hour.
type Hour struct {
	At     time.Time // its start, UTC
	Counts map[Group]Counts
}

// Least is how many people a group must have to be told of (contract, section 5).
const Least = 5

// Settles reports whether counting an event of this name needs the whole life of
// its verification.
func Settles(name string) bool { return false }

// Count says what news add to the sums. Lives holds, for every event among them
// whose name [Settles], all events of its verification in order; what comes after
// the event that is counted is ignored.
func Count(news []Event, lives map[string][]Event) Counted { return Counted{} }
