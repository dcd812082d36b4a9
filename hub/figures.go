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

	Received     uint64         // frames from clients
	Sent         uint64         // frames to clients, ticks included
	Ticks        uint64         // ticks to clients
	TicksDropped uint64         // ticks overtaken by a newer one before they left
	Refused      uint64         // requests not let in
	Throttled    uint64         // of them: more at once than Config.AcceptRate
	Lost         uint64         // connections whose socket took nothing any more
	Closed       map[int]uint64 // connections closed by this node, by close code
}

// figures are what Stats is made of, where a lock would be in the way.
type figures struct {
	queued                         atomic.Int64
	received, sent, ticks, dropped atomic.Uint64
	refused, throttled, lost       atomic.Uint64

	mu     sync.Mutex
	closed map[int]uint64
}

func (f *figures) close(code int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed == nil {
		f.closed = make(map[int]uint64)
	}
	f.closed[code]++
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
		Refused:      f.refused.Load(),
		Throttled:    f.throttled.Load(),
		Lost:         f.lost.Load(),
	}
	f.mu.Lock()
	s.Closed = maps.Clone(f.closed)
	f.mu.Unlock()
	h.mu.Lock()
	s.Sessions = maps.Clone(h.roles)
	s.Pending = h.pending
	h.mu.Unlock()
	return s
}
