package hub

import (
	"context"
	"sync"
	"time"
)

const (
	beat  = 10 * time.Millisecond
	slots = 4096 // a turn of 41 s: every ping fits in one
)

// wheel rings the alarms of all sessions of a node with one goroutine and one
// timer. Setting and stopping an alarm costs a lock and four pointers, whatever
// the number of alarms. An alarm never rings early and at most a beat late.
type wheel struct {
	start time.Time
	wake  chan struct{} // there is an alarm again

	mu     sync.Mutex
	slots  [slots]*alarm // lists of alarms by due, modulo slots
	turned int64         // beats done since start
	armed  int           // alarms set
	rung   []*alarm      // of the present beat; kept for its memory
}

// alarm is the wheel's part of a session.
type alarm struct {
	owner      interface{ ring() }
	prev, next *alarm // in the slot's list; guarded by wheel.mu
	due        int64  // in beats since start; 0: not set
}

func newWheel() *wheel {
	return &wheel{start: time.Now(), wake: make(chan struct{}, 1)}
}

// set has a ring once after the given time, instead of what was set before.
func (w *wheel) set(a *alarm, after time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unlinkLocked(a)
	// Rounded up, so as not to be early.
	a.due = max(int64((time.Since(w.start)+after+beat-1)/beat), w.turned+1)
	slot := &w.slots[a.due%slots]
	if a.next = *slot; a.next != nil {
		a.next.prev = a
	}
	*slot = a
	if w.armed++; w.armed == 1 {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

// stop takes set back. A ring that is already under way still comes.
func (w *wheel) stop(a *alarm) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unlinkLocked(a)
}

// unlinkLocked takes a from its slot, if it is in one.
func (w *wheel) unlinkLocked(a *alarm) {
	if a.due == 0 {
		return
	}
	if a.prev != nil {
		a.prev.next = a.next
	} else {
		w.slots[a.due%slots] = a.next
	}
	if a.next != nil {
		a.next.prev = a.prev
	}
	a.prev, a.next, a.due = nil, nil, 0
	w.armed--
}

// run turns the wheel until ctx ends. An empty wheel sleeps.
func (w *wheel) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		wait, armed := w.rest()
		if armed {
			timer.Reset(wait)
		} else {
			timer.Stop()
		}
		select {
		case <-timer.C:
			w.turn(time.Since(w.start))
		case <-w.wake:
		case <-ctx.Done():
			return
		}
	}
}

// rest is the time to the next beat.
func (w *wheel) rest() (wait time.Duration, armed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	elapsed := time.Since(w.start)
	if w.armed == 0 {
		w.turned = int64(elapsed / beat)
	}
	return time.Duration(w.turned+1)*beat - elapsed, w.armed > 0
}

// turn rings everything due. Rings run without the lock: they set new alarms.
func (w *wheel) turn(elapsed time.Duration) {
	now := int64(elapsed / beat)
	w.mu.Lock()
	for b := max(w.turned+1, now-slots+1); b <= now; b++ {
		for a := w.slots[b%slots]; a != nil; {
			next := a.next
			if a.due <= now { // not one of a later turn
				w.unlinkLocked(a)
				w.rung = append(w.rung, a)
			}
			a = next
		}
	}
	w.turned = max(w.turned, now)
	rung := w.rung
	w.mu.Unlock()

	for i, a := range rung {
		a.owner.ring()
		rung[i] = nil
	}
	w.rung = rung[:0]
}
