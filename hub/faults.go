package hub

import (
	"sync"
	"time"
)

// faults bounds what is logged while connection after connection fails for one
// reason, a store or a broker that is away: a line a second for each, with the
// number of those that it stands for.
type faults struct {
	mu   sync.Mutex
	said map[string]said // by what failed them, of which there are a few
}

type said struct {
	at     time.Time
	unsaid int // since then
}

// complain tells operators what failed a connection.
func (h *Hub) complain(connection, what string, err error) {
	f := &h.faults
	f.mu.Lock()
	defer f.mu.Unlock()
	last, now := f.said[what], time.Now()
	if now.Sub(last.at) < time.Second {
		last.unsaid++
		f.said[what] = last
		return
	}
	if f.said == nil {
		f.said = make(map[string]said)
	}
	f.said[what] = said{at: now}
	h.config.Log.Error("trouble with a connection", "connection", connection, "what", what, "error", err, "others", last.unsaid)
}
