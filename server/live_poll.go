package server

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"nod/hub"
	"nod/verify"
)

// Event streams and long polls cost a goroutine and the buffers of HTTP each, which
// a socket does not. So a node holds no more of them than this at once, and nobody
// but an integrator, whose server speaks for many, more than a person with many tabs,
// and one address no more than cost as much as the sockets that it may have.
const (
	maxWaiting  = 4096
	maxOwn      = 32
	streamPrice = 4 // sockets
)

// room counts who waits.
type room struct {
	mu    sync.Mutex
	all   int
	owned map[owner]int      // no entry is 0
	from  map[netip.Addr]int // by client address, all but integrators; no entry is 0
}

// owner is a caller, whatever the credential: a page is its verification.
type owner struct {
	role who
	id   string
}

// enter takes a place for a request that stays; leave gives it back. One address
// may have mostFrom of them; negative: any number.
func (r *room) enter(c caller, mostFrom int) (leave func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	o, from, person := owner{c.role, c.id}, hub.Address(c.ip), c.role != byKey
	switch {
	case r.all == maxWaiting:
		return nil, tooMany(codeUnavailable, "Too many are waiting here at this moment. Try again shortly.")
	case person && r.owned[o] == maxOwn:
		return nil, tooMany(verify.CodeRateLimited, "You are waiting here in many places already. Close some of them.")
	case person && mostFrom >= 0 && r.from[from] >= mostFrom:
		return nil, tooMany(verify.CodeRateLimited, "Too many are waiting here from your network address. Close some of them.")
	}
	r.all++
	r.owned[o]++
	if person {
		r.from[from]++
	}
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.all--
		release(r.owned, o)
		if person {
			release(r.from, from)
		}
	}, nil
}

// release takes one off a count that goes with the last.
func release[K comparable](counts map[K]int, k K) {
	if counts[k]--; counts[k] == 0 {
		delete(counts, k)
	}
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

// await reads the verification once it has an event after seq, when wait is over
// or when the server stops.
func (s *Server) await(ctx context.Context, id string, seq int64, wait time.Duration) (*verify.Verification, time.Time, error) {
	ctx = patiently(ctx)
	leave, err := s.stay(ctx)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer leave()
	news := s.listen(id)
	defer news.stop()
	over := time.NewTimer(wait)
	defer over.Stop()
	for last := false; ; {
		anew := s.live.recalled()
		v, now, err := s.present(ctx, id)
		if err != nil || last || v.Seq > seq {
			return v, now, err
		}
		news.heard.Store(v.Seq)
		select {
		case <-news.marks:
		case <-anew:
		case <-over.C:
			last = true
		case <-s.live.over.Done():
			last = true
		case <-ctx.Done():
			return nil, now, ctx.Err()
		}
	}
}

// present reads a verification for a request that may stay, but not for a store
// that hangs.
func (s *Server) present(ctx context.Context, id string) (*verify.Verification, time.Time, error) {
	ctx, cancel := hurried(ctx)
	defer cancel()
	return s.store.Verification(ctx, id)
}

// news tells one reader that a verification has events which it has not heard:
// not what they are, so that a slow reader holds one mark, and the last message for
// when the store has nothing to tell any more.
type news struct {
	marks chan struct{}
	heard atomic.Int64                // the newest event that the reader knows
	last  atomic.Pointer[hub.Message] // what was published last; nil before
	stop  func()
}

func (s *Server) listen(id string) *news {
	n := &news{marks: make(chan struct{}, 1)}
	n.stop = s.hub.Listen(verificationTopic(id), func(m hub.Message) {
		if m.Seq <= n.heard.Load() {
			return
		}
		if m.Kind != kindLook {
			n.last.Store(&m)
		}
		select {
		case n.marks <- struct{}{}:
			if m.Kind == kindLook {
				s.found(foundEvent)
			}
		default: // there is a mark already
		}
	})
	return n
}
