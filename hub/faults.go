package hub

import (
	"sync"
	"time"
)

// faults bounds what is logged while connection after connection fails for one
// reason, a store or a broker that is away: a line a second, with the number of
// those that it stands for.
type faults struct {
	mu     sync.Mutex
	saidAt time.Time
	unsaid int
}

// complain tells operators what failed a connection.
func (h *Hub) complain(connection, what string, err error) {
	f := &h.faults
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if now.Sub(f.saidAt) < time.Second {
		f.unsaid++
		return
	}
	h.config.Log.Error("trouble with a connection", "connection", connection, "what", what, "error", err, "others", f.unsaid)
	f.saidAt, f.unsaid = now, 0
}
