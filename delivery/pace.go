package delivery

import (
	"sync"
	"time"
)

// pace says when to look at the store next. It counts in the time of this
// process; what is due is told in the store's, so the difference is kept. It
// only paces: what is due is decided by the store.
type pace struct {
	mu     sync.Mutex
	at     time.Time     // the next look
	offset time.Duration // the store's clock minus ours
}

// rest is how long to wait.
func (p *pace) rest() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Until(p.at)
}

// look begins a look at the store: the next comes a poll later. Whoever finds
// out meanwhile that it must come earlier says so and is not forgotten.
func (p *pace) look() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = time.Now().Add(poll)
}

// earlier brings the next look forward to a time of the store's clock (zero:
// never). It reports whether it did.
func (p *pace) earlier(at time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	local := at.Add(-p.offset)
	if at.IsZero() || !local.Before(p.at) {
		return false
	}
	p.at = local
	return true
}

// now brings the next look forward to this moment.
func (p *pace) now() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = time.Now()
}

// pause leaves the store alone for a while, whatever was due.
func (p *pace) pause(wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = time.Now().Add(wait)
}

// skew notes how far the store's clock is ahead of ours.
func (p *pace) skew(offset time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.offset = offset
}
