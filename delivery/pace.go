package delivery

import (
	"sync"
	"time"
)

// pace says when to look at the store next. It only paces: what is due is
// decided by the store.
//
// It counts in elapsed time, which no clock that is set disturbs: a due time, told
// in the store's clock, is so much after the moment at which we last heard what
// that clock says.
//
// Several nodes read from the store when the next row is due, and one of them
// gets it. A node that came in vain twice running comes ever later to what it
// only read about, up to a poll; to what it wrote itself it comes at once. So one
// node does the timers, most creates are sent by the node that took them, and
// the looks of the others cost next to nothing. When that one dies the poll of the
// others gets the next row, and they come in time again.
type pace struct {
	mu    sync.Mutex
	at    time.Time // the next look
	why   cause     // of the next look
	under cause     // of the look under way
	vain  int       // looks in a row that were timed and found nothing

	told, heard time.Time // the store's clock, and when, by ours, it said so
}

// cause is what a look is for.
type cause int

const (
	polled cause = iota // it was time to look again
	timed               // the store said before that a row would be due
	woken               // this process wrote it
)

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
	p.under = p.why
	p.at, p.why = time.Now().Add(poll), polled
}

// found ends a look that took so many rows and read when the next is due (zero:
// none).
func (p *pace) found(claimed int, next time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case claimed > 0 && p.under != woken:
		p.vain = 0
	case claimed == 0 && p.under == timed:
		p.vain++
	}
	if next.IsZero() {
		return
	}
	at := p.hereLocked(next)
	if p.vain > 1 {
		now := time.Now()
		if at.Before(now) {
			at = now // it is not due, so we misjudge the store's clock
		}
		at = at.Add(min(breath<<min(p.vain-2, 5), poll))
	}
	p.earlierLocked(at, timed)
}

// wake brings the next look forward to a time of the store's clock. It reports
// whether it did.
func (p *pace) wake(at time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.earlierLocked(p.hereLocked(at), woken)
}

// hurry brings the next look forward to this moment, for what this process wrote.
// It reports whether it did.
func (p *pace) hurry() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.earlierLocked(time.Now(), woken)
}

func (p *pace) earlierLocked(at time.Time, why cause) bool {
	if !at.Before(p.at) {
		return false
	}
	p.at, p.why = at, why
	return true
}

// hereLocked is when, by our clock, the store's says so.
func (p *pace) hereLocked(at time.Time) time.Time {
	if p.heard.IsZero() { // nothing was heard yet: it may be the same clock
		now := time.Now()
		return now.Add(at.Sub(now))
	}
	return p.heard.Add(at.Sub(p.told))
}

// tell notes what the store's clock says now.
func (p *pace) tell(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told, p.heard = now, time.Now()
}

// now brings the next look forward to this moment.
func (p *pace) now() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at, p.why = time.Now(), polled
}

// pause leaves the store alone for a while, whatever was due.
func (p *pace) pause(wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at, p.why = time.Now().Add(wait), polled
}
