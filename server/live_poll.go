package server

import (
	"context"
	"sync"
	"time"

	"nod/hub"
)

// Event streams and long polls cost a goroutine each, which a socket does not. So
// a node holds no more of them than this at once, and nobody but an integrator
// more than a person with many tabs.
const (
	maxWaiting = 4096
	maxOwn     = 32
)

// room counts who waits.
type room struct {
	mu    sync.Mutex
	all   int
	owned map[owner]int // no entry is 0
}

// owner is a caller, whatever the credential.
type owner struct {
	role who
	id   string
}

// enter takes a place for a request that stays; leave gives it back.
func (r *room) enter(c caller) (leave func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := owner{c.role, c.id}
	switch {
	case r.all == maxWaiting:
		return nil, tooMany(codeUnavailable, "Too many are waiting here at this moment. Try again shortly.")
	case r.owned[o] == maxOwn && c.role != byKey:
		return nil, tooMany(codeRateLimited, "You are waiting here in many places already. Close some of them.")
	}
	r.all++
	r.owned[o]++
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.all--
		if r.owned[o]--; r.owned[o] == 0 {
			delete(r.owned, o)
		}
	}, nil
}

// waiting is how many are in the room.
func (r *room) waiting() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all
}

func tooMany(code, detail string) *Problem {
	p := newProblem(code, detail)
	p.RetryAfter = storeRest
	return p
}

// await returns when the verification has an event after seq, when wait is over
// or when the server stops; what became of it is then read as ever.
func (s *Server) await(ctx context.Context, id string, seq int64, wait time.Duration) error {
	leave, err := s.live.room.enter(callerFrom(ctx))
	if err != nil {
		return err
	}
	defer leave()
	news, stop := s.listen(id)
	defer stop()
	over := time.NewTimer(wait)
	defer over.Stop()
	for {
		v, _, err := s.store.Verification(ctx, id)
		if err != nil || v.Seq > seq {
			return err
		}
		select {
		case <-news:
		case <-over.C:
			return nil
		case <-s.live.over.Done():
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// listen tells when something was published about a verification: not what, so
// that a slow reader holds one mark and no messages.
func (s *Server) listen(id string) (news <-chan struct{}, stop func()) {
	marks := make(chan struct{}, 1)
	stop = s.hub.Listen(verificationTopic(id), func(hub.Message) {
		select {
		case marks <- struct{}{}:
		default: // there is a mark already
		}
	})
	return marks, stop
}
