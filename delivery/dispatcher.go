package delivery

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"nod/verify"
)

const (
	batch    = 128                    // verifications taken in one claim at most
	patience = 50 * time.Millisecond  // how long a claim waits for a full channel
	putOff   = time.Second            // how long a full channel's deliveries then wait
	dbLimit  = 5 * time.Second        // for one transaction
	poll     = 250 * time.Millisecond // the longest rest between two looks at the store
	breath   = 10 * time.Millisecond  // after a claim that had nothing to send

	// A store that is down is asked at this pace, doubling. It may hang for two
	// seconds before it fails, and is to be found within three.
	pauseFirst, pauseMost = 250 * time.Millisecond, time.Second
)

// Store is what a [Dispatcher] needs of the store.
type Store interface {
	// ClaimDue runs rule on the pending verifications that are due, at most limit,
	// in one transaction. It returns the ids of those for which that was committed,
	// and when the next is due (zero: none). A rule may run again, on fresh copies,
	// or for nothing.
	ClaimDue(ctx context.Context, limit int, rule func(*verify.Verification, time.Time) error) (claimed []string, next time.Time, err error)
	// UpdateVerification runs rule in the transaction that writes what it changed.
	UpdateVerification(ctx context.Context, id string, once *verify.Once, rule func(*verify.Verification, time.Time) error) error
	// UpdateDevice is the same for a device; an error of the rule is returned as it
	// is, and nothing was written.
	UpdateDevice(ctx context.Context, id string, rule func(*verify.Device, time.Time) ([]verify.Event, error)) (*verify.Device, error)
}

// Config is what a [Dispatcher] works with; the first four are required.
type Config struct {
	Store     Store
	Authority *verify.Authority // signs prompts, derives codes
	Policy    *verify.Policy
	Channels  map[verify.Channel]Channel

	// Texts is what people are told; nil is what nod says by itself.
	Texts *Texts
	// Webhooks are where the integrator's events wait, Poster is what brings them.
	// Without both of them none leaves.
	Webhooks Webhooks
	Poster   Poster

	// Gate is asked before a code leaves for a number; nil: nobody is.
	Gate Gate
	// GateTimeout is how long its answer is waited for; 0 is 1 s, 3 s is the most.
	GateTimeout time.Duration
	// GateOpen lets codes leave when no answer came. Without it none does.
	GateOpen bool

	// Workers is how many tries may be under way over one channel; 0 is 128. A
	// channel that is full makes its own deliveries wait, never another's.
	Workers int
	// Timeout is for one try; 0 is 10 s. A try never outlives what it tells, nor
	// half a lease: its outcome must be written while the lease stands.
	Timeout time.Duration
	// Drain is how long Run lets tries finish when its context ends; 0 is 10 s.
	Drain time.Duration
	// Log gets what an operator has to look at; nil is slog.Default().
	Log *slog.Logger
}

// Dispatcher does what is due. Make it with [New], drive it with
// [Dispatcher.Run]; any number of them may work on one database.
type Dispatcher struct {
	config Config
	host   string // that codes are bound to

	deliveries, webhooks *round
	born                 chan leased    // what this process wrote and took in one
	over                 chan Message   // what is to be withdrawn
	asking               chan struct{}  // the places of those who ask
	tries                sync.WaitGroup // also questions, withdrawals and posts
	gate                 quiet
	figures              figures
}

// New makes a dispatcher; it does nothing before Run.
func New(c Config) *Dispatcher {
	if c.Workers <= 0 {
		c.Workers = 128
	}
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Second
	}
	c.Timeout = min(c.Timeout, c.Policy.LeaseLife/2)
	if c.GateTimeout <= 0 {
		c.GateTimeout = gateTimeout
	}
	c.GateTimeout = min(c.GateTimeout, gateMost, c.Policy.LeaseLife/2)
	if c.Drain <= 0 {
		c.Drain = 10 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return &Dispatcher{
		config: c, host: hostOf(c.Authority.URL()),
		deliveries: newRound(c.Log, "nothing is delivered"), webhooks: newRound(c.Log, "no webhook leaves"),
		born: make(chan leased, c.Workers), over: make(chan Message, c.Workers), asking: make(chan struct{}, c.Workers),
		figures: figures{Stats: Stats{Sent: map[Sent]uint64{}, Sending: map[verify.Channel]int{}}, gated: map[verify.Channel]int{}},
	}
}

// Wake tells that something is due at that time of the store's clock (zero:
// nothing), for example the NextAt of a verification that was just committed. It
// only saves the wait for the next poll. It never blocks.
func (d *Dispatcher) Wake(at time.Time) {
	if !at.IsZero() {
		d.deliveries.wake(at)
	}
}

// Run does what is due until ctx ends, then takes nothing new and waits for the
// tries under way. Those that do not end within Drain are given up: their
// outcome is unknown. It returns an error when a channel does not even return
// then.
func (d *Dispatcher) Run(ctx context.Context) error {
	trying, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	var rounds sync.WaitGroup
	rounds.Go(func() { d.deliveries.run(ctx, trying, d.room, d.claim) })
	rounds.Go(func() { d.births(ctx, trying) })
	rounds.Go(func() { d.withdrawals(ctx, trying) })
	if d.config.Webhooks != nil && d.config.Poster != nil {
		rounds.Go(func() { d.webhooks.run(ctx, trying, d.postRoom, d.claimWebhooks) })
	}
	rounds.Wait()
	return d.drain(abandon)
}

// room is how many verifications may be claimed; 0 when ctx ended. While a channel is full it
// waits, but only a moment: a provider that hangs must not hold up the others.
func (d *Dispatcher) room(ctx context.Context) int {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		room := batch
		for c := range d.config.Channels {
			room = min(room, d.config.Workers-d.figures.beyondGate(c))
		}
		if room > 0 {
			return room
		}
		select {
		case <-d.deliveries.freed:
		case <-timer.C:
			return batch // and [Dispatcher.lease] puts off what goes over the full one
		case <-ctx.Done():
			return 0
		}
	}
}

// drain waits for the tries under way, and gives up those that take too long.
func (d *Dispatcher) drain(abandon func()) error {
	done := make(chan struct{})
	go func() { d.tries.Wait(); close(done) }()
	for _, wait := range []time.Duration{d.config.Drain, dbLimit} {
		timer := time.NewTimer(wait)
		select {
		case <-done:
			timer.Stop()
			return nil
		case <-timer.C:
			abandon()
		}
	}
	return errors.New("stopping deliveries: a channel does not return although its context has ended")
}

// claim takes what is due, starts a try for each delivery or question and says how
// many of both there were. It is finished even while Run is ending: what was leased is
// sent.
func (d *Dispatcher) claim(ctx context.Context, limit int) (claimed, begun int, next time.Time, err error) {
	one, cancel := context.WithTimeout(ctx, dbLimit)
	defer cancel()
	began := time.Now()
	h := haul{token: rand.Text(), of: map[string]leased{}, load: map[verify.Channel]int{}}
	ids, next, err := d.config.Store.ClaimDue(one, limit, func(v *verify.Verification, now time.Time) (err error) {
		defer func() {
			if r := recover(); r != nil { // a row that breaks a rule must not stop the others
				err = fmt.Errorf("a rule panicked: %v\n%s", r, debug.Stack())
			}
		}()
		h.drop(v.ID) // the rule runs again
		h.add(v.ID, d.lease(v, &h, now))
		return nil
	})
	if err != nil {
		return 0, 0, time.Time{}, err // had it been committed after all, the lease will end
	}
	for _, id := range ids {
		l := h.of[id]
		l.began = began
		d.figures.claimed(l.late, l.putOff)
		begun += len(l.jobs) + len(l.asks)
		for _, a := range l.asks {
			d.ask(ctx, question{id, a})
		}
		for _, j := range l.jobs {
			d.start(ctx, l, j)
		}
	}
	return len(ids), begun, next, nil
}

// start starts the try of a delivery that was taken.
func (d *Dispatcher) start(ctx context.Context, l leased, j job) {
	d.figures.begin(j.channel)
	d.tries.Go(func() {
		defer func() {
			d.figures.end(j.channel)
			signal(d.deliveries.freed)
		}()
		d.try(ctx, l, j)
	})
}

// lease is the rule of a claim: it moves on what is due by itself and takes the
// deliveries and questions that are.
func (d *Dispatcher) lease(v *verify.Verification, h *haul, now time.Time) leased {
	d.deliveries.pace.tell(now)
	l := leased{v: v, token: h.token, at: now, late: max(0, now.Sub(v.NextAt))}
	p := d.config.Policy
	v.Advance(p, now)
	l.asks = v.AskDue(p, now)
	for c := range d.config.Channels {
		if d.figures.sending(c)+h.load[c] >= d.config.Workers {
			l.putOff = v.PutOff(c, now.Add(putOff), p, now) || l.putOff
		}
	}
	for _, id := range v.Lease(p, h.token, now) {
		l.jobs = append(l.jobs, job{id, v.Delivery(id).Channel})
	}
	return l
}

// haul is what the rule of one claim took, under one token.
type haul struct {
	token string
	of    map[string]leased      // by verification
	load  map[verify.Channel]int // deliveries in it
}

// leased is what was taken of one verification, by a claim or when it was written.
type leased struct {
	v      *verify.Verification // as it was written
	token  string
	jobs   []job
	asks   []verify.Asked
	began  time.Time // by our clock: no lease in it began earlier
	at     time.Time // of the leases, by the store's clock
	late   time.Duration
	putOff bool
}

// job is one delivery to be tried.
type job struct {
	id      string
	channel verify.Channel
}

func (h *haul) add(id string, l leased) {
	h.of[id] = l
	for _, j := range l.jobs {
		h.load[j.channel]++
	}
}

func (h *haul) drop(id string) {
	for _, j := range h.of[id].jobs {
		h.load[j.channel]--
	}
	delete(h.of, id)
}
