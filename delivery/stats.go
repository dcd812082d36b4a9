package delivery

import (
	"maps"
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
	Failing bool                   // the store could not be reached at the last try
}

// figures are counted under one lock with the room of each channel.
type figures struct {
	mu sync.Mutex
	Stats
}

// Stats returns the figures of this moment.
func (d *Dispatcher) Stats() Stats {
	d.figures.mu.Lock()
	defer d.figures.mu.Unlock()
	s := d.figures.Stats
	s.Sent, s.Sending = maps.Clone(s.Sent), maps.Clone(s.Sending)
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

func (f *figures) failing(is bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Failing = is
}
