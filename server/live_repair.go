package server

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"nod/hub"
	"nod/verify"
)

// A broker may lose what is published and not know it. So every node reads by
// itself what changed, a little later, and compares it with what its connections
// were told: in the healthy case they know it all, and a round costs the same few
// statements whatever the number of connections. All times here are the store's.
const (
	repairEvery   = 2 * time.Second        // at most; a round comes up to a quarter earlier
	repairGrace   = 300 * time.Millisecond // for a publication to arrive by itself
	repairOverlap = 10 * time.Second       // read again in each round: twice what a transaction may last
	repairSlice   = 10 * time.Second       // read at once after a gap, at first
	repairQuiet   = 1000                   // changes in a slice: while there are fewer, the next is twice as long
	repairRest    = 200 * time.Millisecond // after a slice that had any, at least
	repairReach   = 10 * time.Minute       // a longer gap is told anew to everybody, who comes back for it
)

// kindLook is a message of this node to itself: the verification has an event
// with the seq of the message.
const kindLook = "look"

// repairFigures count what repairing does.
type repairFigures struct {
	found            *prometheus.CounterVec
	rounds, failures prometheus.Counter
	readAt           atomic.Int64 // nanoseconds since begun of the last round that succeeded
	begun            time.Time
}

func newRepairFigures(r prometheus.Registerer, on bool) (*repairFigures, error) {
	f := &repairFigures{
		found: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "nod_repair_found_total", Help: "What only the repair found: nothing else told it to this node.",
		}, []string{"kind"}),
		rounds:   prometheus.NewCounter(prometheus.CounterOpts{Name: "nod_repair_rounds_total", Help: "Reads of what changed."}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "nod_repair_failures_total", Help: "Reads of what changed that failed."}),
		begun:    time.Now(),
	}
	if !on {
		return f, nil
	}
	lag := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "nod_repair_lag_seconds", Help: "Time since the last read of what changed that succeeded.",
	}, func() float64 { return (time.Since(f.begun) - time.Duration(f.readAt.Load())).Seconds() })
	for _, kind := range []string{foundEvent, foundPrompt, foundClosed, foundRevoked, foundRecall} {
		f.found.WithLabelValues(kind) // a series that is 0 can be watched
	}
	for _, c := range []prometheus.Collector{f.found, f.rounds, f.failures, lag} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// What a repair finds.
const (
	foundEvent   = "event"   // a page had not heard of
	foundPrompt  = "prompt"  // a phone had not been given
	foundClosed  = "closed"  // a prompt that a phone still had open
	foundRevoked = "revoked" // a device that was still connected
	foundRecall  = "recall"  // a gap too long to read
)

func (s *Server) found(kind string) { s.repaired.found.WithLabelValues(kind).Inc() }

// repairer reads what changed and remembers how far it came.
type repairer struct {
	server *Server
	upto   time.Time        // everything before was looked at; zero: nothing yet
	looked map[string]int64 // newest event looked at, by verification: of what may be read again
}

// repairAll runs rounds until ctx ends.
func (s *Server) repairAll(ctx context.Context) {
	r := &repairer{server: s}
	trouble := trouble{log: s.log, what: "what other nodes changed cannot be read"}
	for {
		err := r.round(ctx)
		if ctx.Err() != nil {
			return
		}
		s.repaired.rounds.Inc()
		if err != nil {
			s.repaired.failures.Inc()
		} else {
			s.repaired.readAt.Store(int64(time.Since(s.repaired.begun)))
		}
		trouble.note(ctx, err)
		if !rest(ctx, repairEvery-rand.N(repairEvery/4)) { //nolint:gosec // it spreads load and guards nothing
			return
		}
	}
}

// rest waits; false says that ctx has ended.
func rest(ctx context.Context, d time.Duration) bool {
	over := time.NewTimer(d)
	defer over.Stop()
	select {
	case <-over.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// round reads up to the present. After a gap it reads in slices, so that a store
// that has just come back is not asked for everything by every node at once.
func (r *repairer) round(ctx context.Context) error {
	now, err := r.server.followClock(ctx)
	if err != nil {
		return err
	}
	end := now.Add(-repairGrace)
	if r.upto.IsZero() || r.upto.After(end) { // the first round, or a clock that went back
		r.upto = end
	}
	if end.Sub(r.upto) > repairReach {
		r.server.recall()
		r.upto, r.looked = end, nil
	}
	slice := repairSlice
	for from := r.upto.Add(-repairOverlap); ; from = r.upto {
		to, last := end, end.Sub(from) <= repairOverlap+slice
		if !last {
			to = from.Add(slice)
		}
		changes, err := r.read(ctx, from, to)
		if err != nil {
			return err
		}
		if r.upto = to; last {
			return nil
		}
		if changes < repairQuiet {
			slice *= 2
		}
		if changes > 0 && !rest(ctx, repairRest+rand.N(repairRest)) { //nolint:gosec // it spreads load and guards nothing
			return ctx.Err()
		}
	}
}

// read looks at what changed in a while, and counts it. What it has looked at is
// remembered only when all of it was read.
func (r *repairer) read(ctx context.Context, from, to time.Time) (int, error) {
	s := r.server
	changes, err := s.store.Changed(ctx, from, to)
	if err != nil {
		return 0, err
	}
	looked := make(map[string]int64, len(changes))
	users := map[string]struct{}{}
	for _, c := range changes {
		if c.VerificationID != "" {
			looked[c.VerificationID] = c.Seq
		}
		if c.Seq > r.looked[c.VerificationID] || c.VerificationID == "" { // the events of a device or a user have no seq
			if s.live.phones.hold(c.UserID) {
				users[c.UserID] = struct{}{}
			}
		}
	}
	if len(users) > 0 {
		events, err := s.store.UsersEvents(ctx, slices.Collect(maps.Keys(users)), from)
		if err != nil {
			return 0, err
		}
		s.review(slices.DeleteFunc(events, func(e verify.Event) bool { return !e.At.Before(to) })) // a publication may still come
	}
	for _, c := range changes {
		if c.VerificationID != "" {
			s.hub.Tell(hub.Message{Topic: verificationTopic(c.VerificationID), Kind: kindLook, Seq: c.Seq})
		}
	}
	r.looked = looked
	return len(changes), nil
}

// review shows the events of users to their devices.
func (s *Server) review(events []verify.Event) {
	byUser := map[string][]verify.Event{}
	for _, e := range events {
		byUser[e.UserID] = append(byUser[e.UserID], e)
	}
	for user, es := range byUser {
		for _, c := range s.live.phones.of(user) {
			c.review(es)
		}
	}
}

// recall sends everybody away to come back for the present state.
func (s *Server) recall() {
	s.found(foundRecall)
	s.log.Warn("this node was cut off from the store for too long: its connections are asked to come again")
	s.hub.Recall()
	s.live.recall()
}

// phones are the devices of this node by their users. A chain costs a connection
// less than a slice would.
type phones struct {
	mu    sync.Mutex
	first map[string]*deviceClient
}

func (p *phones) add(c *deviceClient) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.next = p.first[c.user]
	p.first[c.user] = c
}

func (p *phones) remove(c *deviceClient) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var rest, found *deviceClient
	for at := p.first[c.user]; at != nil; {
		next := at.next
		if at == c {
			found = at
		} else {
			at.next, rest = rest, at
		}
		at = next
	}
	switch {
	case found == nil: // it never came to be added
	case rest == nil:
		delete(p.first, c.user)
	default:
		p.first[c.user] = rest
	}
}

// hold reports whether a device of the user is connected here.
func (p *phones) hold(user string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.first[user] != nil
}

func (p *phones) of(user string) (all []*deviceClient) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := p.first[user]; c != nil; c = c.next {
		all = append(all, c)
	}
	return all
}

// backlog is the work of those who read the store for connections that missed
// something. It needs no bound: a connection stands in it once.
type backlog struct {
	mu   sync.Mutex
	todo []func(context.Context)
	more chan struct{} // holds a mark while there is work
}

func (b *backlog) add(do func(context.Context)) {
	b.mu.Lock()
	b.todo = append(b.todo, do)
	b.mu.Unlock()
	b.mark()
}

func (b *backlog) mark() {
	select {
	case b.more <- struct{}{}:
	default:
	}
}

// later adds what a store in trouble has failed, spread over a while.
func (b *backlog) later(do func(context.Context)) {
	time.AfterFunc(repairAgain/2+rand.N(repairAgain), func() { b.add(do) }) //nolint:gosec // it spreads load and guards nothing
}

// work runs what is added until ctx ends.
func (b *backlog) work(ctx context.Context) {
	for {
		select {
		case <-b.more:
		case <-ctx.Done():
			return
		}
		for do := b.take(); do != nil && ctx.Err() == nil; do = b.take() {
			do(ctx)
		}
	}
}

// take returns the next piece of work; nil when there is none. While there is
// more, another worker is called.
func (b *backlog) take() func(context.Context) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.todo) == 0 {
		b.todo = nil
		return nil
	}
	do := b.todo[0]
	b.todo[0] = nil
	if b.todo = b.todo[1:]; len(b.todo) > 0 {
		b.mark()
	}
	return do
}
