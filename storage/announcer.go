package storage

import (
	"sync"

	"nod/verify"
)

// announcer tells changes in the order of their commits. A transaction takes a
// place in the line of each thing it changed while it still holds the locks, so
// places are in the order of the commits; a change is told when its own COMMIT
// has succeeded and nobody stands before it.
type announcer struct {
	notify  func(verify.Change)
	mu      sync.Mutex
	waiting map[string]*line // by the id of a verification or device, else of the user; empty: a provider's
}

type line struct {
	places  []*place
	telling bool // somebody is telling the head; the next is told after it
}

type place struct {
	id     string
	change *verify.Change // nil once it has left
	ready  bool
}

// queue takes a place for each change.
func (a *announcer) queue(changes []verify.Change) []*place {
	if a.notify == nil || len(changes) == 0 {
		return nil
	}
	places := make([]*place, len(changes))
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range changes {
		c := &changes[i]
		p := &place{change: c}
		switch {
		case c.Verification != nil:
			p.id = c.Verification.ID
		case c.Device != nil:
			p.id = c.Device.ID
		case len(c.Events) > 0:
			p.id = c.Events[0].UserID
		}
		l := a.waiting[p.id]
		if l == nil {
			l = &line{}
			a.waiting[p.id] = l
		}
		l.places = append(l.places, p)
		places[i] = p
	}
	return places
}

// leave gives places up: the transaction was not committed.
func (a *announcer) leave(places []*place) {
	for _, p := range places {
		p.change = nil
	}
	a.tell(places)
}

// tell marks places as committed and tells what nobody stands before.
func (a *announcer) tell(places []*place) {
	if len(places) == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range places {
		p.ready = true
		a.advance(p.id)
	}
}

// advance tells the head of a line, and the next, for as long as they are ready.
// It is called with mu held and lets go of it while it tells.
func (a *announcer) advance(id string) {
	l := a.waiting[id]
	if l == nil || l.telling {
		return
	}
	l.telling = true
	defer func() {
		l.telling = false
		if len(l.places) == 0 {
			delete(a.waiting, id)
		}
	}()
	for len(l.places) > 0 && l.places[0].ready {
		p := l.places[0]
		l.places = l.places[1:]
		if p.change == nil {
			continue
		}
		func() {
			a.mu.Unlock()
			defer a.mu.Lock()
			a.notify(*p.change)
		}()
	}
}
