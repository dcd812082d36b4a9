package hub

import (
	"maps"
	"sync"
	"sync/atomic"
)

// Stats are the figures of one node at one moment. Counters run from the start
// of the process.
type Stats struct {
	Sessions map[string]int // authenticated connections, by role
	Pending  int            // connections not yet authenticated
	Queued   int            // frames that wait for their sockets
	Writers  int            // goroutines that write, or wait for something to write

	Received     uint64 // frames from clients
	Sent         uint64 // frames to clients, ticks included
	Ticks        uint64 // ticks to clients
	TicksDropped uint64 // ticks overtaken by a newer one before they left
	Lost         uint64 // connections whose socket took nothing any more

	Refused map[string]uint64 // requests not let in, by cause
	Closed  map[int]uint64    // connections closed by this node, by close code
}

// figures are what Stats is made of, where a lock would be in the way.
type figures struct {
	queued                         atomic.Int64
	received, sent, ticks, dropped atomic.Uint64
	lost                           atomic.Uint64

	mu      sync.Mutex
	refused map[string]uint64
	closed  map[int]uint64
}

func (f *figures) close(code int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	count(&f.closed, code)
}

func (f *figures) refuse(cause string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	count(&f.refused, cause)
}

func count[K comparable](of *map[K]uint64, k K) {
	if *of == nil {
		*of = make(map[K]uint64)
	}
	(*of)[k]++
}

// Stats returns the figures of this node.
func (h *Hub) Stats() Stats {
	f := &h.figures
	s := Stats{
		Queued:       int(f.queued.Load()),
		Writers:      h.writers.size(),
		Received:     f.received.Load(),
		Sent:         f.sent.Load(),
		Ticks:        f.ticks.Load(),
		TicksDropped: f.dropped.Load(),
		Lost:         f.lost.Load(),
	}
	f.mu.Lock()
	s.Refused, s.Closed = maps.Clone(f.refused), maps.Clone(f.closed)
	f.mu.Unlock()
	h.mu.Lock()
	s.Sessions = maps.Clone(h.roles)
	s.Pending = h.crowd.pending
	h.mu.Unlock()
	return s
}
