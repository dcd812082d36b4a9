package delivery

import (
	"maps"
	"math"
	"sync"
	"time"

	"nod/verify"
)

// Sent is one kind of outcome, to be counted.
type Sent struct {
	Channel verify.Channel
	State   verify.DeliveryState
}

// Stats are the figures of one dispatcher since it was made.
type Stats struct {
	Claimed uint64                 // due verifications that were taken
	PutOff  uint64                 // times a full channel made a verification wait
	Sent    map[Sent]uint64        // tries by channel and what became of them
	Lost    uint64                 // outcomes that could not be written: the lease decides
	Sending map[verify.Channel]int // tries under way now
	Late    time.Duration          // sum over Claimed: how long after it was due each was taken
	Latest  time.Duration          // the worst of them
	Failing bool                   // the store could not be reached at the last look for deliveries

	Asks        Tally // questions to providers: what became of a message; done: it was told
	Withdrawals Tally // pushes that were to be taken back
	Webhooks    Tally // tries to bring an event to the integrator; dropped: the outcome could not be written
	Gate        Tally // questions to the integrator whether a code may leave; failed: no answer came
}

// Tally counts work of one kind.
type Tally struct {
	Done, Failed uint64
	Dropped      uint64 // there was no room, or no time left
	UnderWay     int    // now
}

// end is how one piece of work ended.
type end int

const (
	done end = iota
	failed
	dropped
)

// figures are counted under one lock with the room of each channel.
type figures struct {
	mu sync.Mutex
	Stats
	gated map[verify.Channel]int // tries under way of which the [Gate] is being asked
}

// Stats returns the figures of this moment.
func (d *Dispatcher) Stats() Stats {
	d.figures.mu.Lock()
	defer d.figures.mu.Unlock()
	s := d.figures.Stats
	s.Sent, s.Sending = maps.Clone(s.Sent), maps.Clone(s.Sending)
	s.Failing = d.deliveries.failing.Load()
	return s
}

func (f *figures) claimed(late time.Duration, putOff bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Claimed++
	f.Late += late
	f.Latest = max(f.Latest, late)
	if putOff {
		f.PutOff++
	}
}

// noRoom counts what was born where there was no room for it.
func (f *figures) noRoom() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.PutOff++
}

func (f *figures) begin(c verify.Channel) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Sending[c]++
}

func (f *figures) end(c verify.Channel) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Sending[c]--
}

func (f *figures) sent(c verify.Channel, s verify.DeliveryState, lost bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Sent[Sent{c, s}]++
	if lost {
		f.Lost++
	}
}

// sending is how many tries of a channel are under way.
func (f *figures) sending(c verify.Channel) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.Sending[c]
}

// atGate counts who comes to the gate, and who leaves it.
func (f *figures) atGate(c verify.Channel, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gated[c] += n
}

// beyondGate is how many tries of a channel are under way and not at the gate.
func (f *figures) beyondGate(c verify.Channel) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.Sending[c] - f.gated[c]
}

// unlimited is the room of work whose room is kept elsewhere.
const unlimited = math.MaxInt

// enter begins a piece of work where no more than room are under way; false, and
// counted as dropped, when they are.
func (f *figures) enter(t *Tally, room int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if t.UnderWay >= room {
		t.Dropped++
		return false
	}
	t.UnderWay++
	return true
}

// leave ends a piece of work that was entered.
func (f *figures) leave(t *Tally, e end) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t.UnderWay--
	t.countLocked(e)
}

// count counts a piece of work that never began.
func (f *figures) count(t *Tally, e end) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t.countLocked(e)
}

func (t *Tally) countLocked(e end) {
	switch e {
	case done:
		t.Done++
	case failed:
		t.Failed++
	case dropped:
		t.Dropped++
	}
}

// underWay is how much work of a kind is under way.
func (f *figures) underWay(t *Tally) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return t.UnderWay
}
