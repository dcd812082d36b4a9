package redisbroker

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"nod/hub"
)

const (
	probeEvery   = time.Second
	deadAfter    = 3 * time.Second // without a probe
	unreadyAfter = 5 * time.Second
	shortest     = 50 * time.Millisecond // between subscriptions: up to this, at first
	backoff      = time.Second           // and later
	memory       = time.Minute           // of other senders' last numbers
)

var (
	errSilent       = errors.New("no probe came back")
	errUnsubscribed = errors.New("the channel moved away")
)

// path is the state of the delivery path.
type path struct {
	dead  atomic.Bool   // calls need not try
	epoch atomic.Uint64 // of the subscription

	mu      sync.Mutex
	live    bool
	heardAt time.Time // the last probe; or Open
	probe   uint64    // number of the last probe sent
	sentAt  time.Time
	trip    time.Duration
}

func (p *path) silence() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Since(p.heardAt)
}

func (p *path) pulse() (alive bool, trip time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.live, p.trip
}

// next numbers a probe that is about to leave.
func (p *path) next() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.probe++
	p.sentAt = time.Now()
	return p.probe
}

// end notes the end of a subscription and tells whether it was live.
func (p *path) end() (lived bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	lived, p.live = p.live, false
	return lived
}

// Run implements [hub.Broker]. It never fails: it connects again until ctx ends.
// Publish and Leave work on until Close.
func (b *Broker) Run(ctx context.Context, deliver func(hub.Message) int) error {
	b.deliver.Store(&deliver)
	in := inbox{b: b, last: make(map[nodeID]mark)}
	for wait := shortest; ctx.Err() == nil; wait = min(2*wait, backoff) {
		if b.subscribe(ctx, &in) {
			wait = shortest
		}
		select {
		case <-time.After(rand.N(wait)):
		case <-ctx.Done():
		}
	}
	return nil
}

// subscribe holds one subscription until it breaks or proves dead. lived tells
// that it broke while it was live: then calls may still try.
func (b *Broker) subscribe(running context.Context, in *inbox) (lived bool) {
	ctx, cancel := context.WithCancel(running)
	defer cancel()
	var sub *redis.PubSub
	if b.cluster {
		sub = b.client.SSubscribe(ctx)
	} else {
		sub = b.client.Subscribe(ctx)
	}
	b.path.epoch.Add(1)
	in.confirmed, in.heard = make(chan struct{}, 1), make(chan struct{}, 1)
	var parts sync.WaitGroup
	parts.Go(func() { b.probe(ctx, in.confirmed) })
	silent := false
	parts.Go(func() {
		silent = b.guard(ctx, in.heard)
		cancel()
		_ = sub.Close() // ends the read
	})
	err := b.receive(ctx, sub, in)
	cancel()
	parts.Wait()

	if silent {
		err = errSilent
	}
	lived = b.path.end() && !silent
	switch {
	case running.Err() != nil:
	case lived:
		b.log.Warn("lost the way of messages from other nodes; connecting again", "error", err)
	case !b.path.dead.Swap(true):
		b.log.Error("redis is down; until it is back, other nodes find out by their repair reads", "error", err)
	}
	if c, ok := b.client.(*redis.ClusterClient); ok && !lived {
		c.ReloadState(running) // the shard may have a new master
	}
	return lived
}

// receive reads until the subscription breaks. It waits for the connection only:
// a read with a time-out could stop within a message and lose the thread.
func (b *Broker) receive(ctx context.Context, sub *redis.PubSub, in *inbox) error {
	join := sub.Subscribe
	if b.cluster {
		join = sub.SSubscribe
	}
	if err := join(ctx, channel(b.node)); err != nil {
		return fmt.Errorf("subscribing: %w", err)
	}
	for {
		got, err := sub.Receive(ctx)
		if err != nil {
			return fmt.Errorf("receiving: %w", err)
		}
		switch got := got.(type) {
		case *redis.Subscription:
			if got.Kind != "subscribe" && got.Kind != "ssubscribe" {
				return errUnsubscribed
			}
			signal(in.confirmed)
		case *redis.Message:
			in.take(got.Payload)
		}
	}
}

// guard waits until no probe has come for too long, or ctx ends.
func (b *Broker) guard(ctx context.Context, heard <-chan struct{}) (silent bool) {
	limit := time.NewTimer(deadAfter)
	defer limit.Stop()
	for {
		select {
		case <-heard:
			limit.Reset(deadAfter)
		case <-limit.C:
			return true
		case <-ctx.Done():
			return false
		}
	}
}

// probe sends a message to ourselves as soon as the subscription stands and then
// every second.
func (b *Broker) probe(ctx context.Context, confirmed <-chan struct{}) {
	select {
	case <-confirmed:
	case <-ctx.Done():
		return
	}
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		b.probeOnce(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// probeOnce needs no answer of its own: what comes back, or not, is the answer.
func (b *Broker) probeOnce(ctx context.Context) {
	verb := "PUBLISH"
	if b.cluster {
		verb = "SPUBLISH"
	}
	ctx, cancel := context.WithTimeout(ctx, replyLimit)
	defer cancel()
	_ = probing.Run(ctx, b.client, []string{channel(b.node)},
		b.path.epoch.Load(), probeFrame(b.id, b.path.next()), entryLife.Milliseconds(), verb).Err()
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// inbox is the receiving end of the channel. It belongs to one goroutine.
type inbox struct {
	b                *Broker
	last             map[nodeID]mark
	confirmed, heard chan struct{} // of the present subscription
}

// mark is how far a sender has come.
type mark struct {
	number uint64
	at     time.Time
}

func (in *inbox) take(payload string) {
	f, err := parseFrame(payload)
	switch {
	case err != nil:
		in.b.counts.dropped.Add(1)
	case f.kind == kindProbe:
		if f.sender == in.b.id {
			in.b.alive(f.number)
			signal(in.heard)
		}
	case !in.next(f):
		in.b.counts.dropped.Add(1)
	default:
		in.b.counts.received.Add(1)
		if !in.useful(f) {
			in.b.counts.dropped.Add(1)
		}
	}
}

func (in *inbox) useful(f frame) bool {
	if f.kind == kindReplaced {
		return in.b.replaced(f.topic, f.conn, f.stamp)
	}
	if in.b.hear(f.message) > 0 {
		return true
	}
	if !in.b.topics.holds(f.message.Topic) { // Leave could not take the entry back
		in.b.remove(f.message.Topic, in.b.node, "")
	}
	return false
}

// next tells that f comes after everything its sender sent before.
func (in *inbox) next(f frame) bool {
	was, known := in.last[f.sender]
	if known && f.number <= was.number {
		return false
	}
	now := time.Now()
	if !known { // a node has started, so another may have ended
		for id, m := range in.last {
			if now.Sub(m.at) > memory {
				delete(in.last, id)
			}
		}
	}
	in.last[f.sender] = mark{f.number, now}
	return true
}

// alive notes that a probe came back. The first one of a subscription makes the
// path live.
func (b *Broker) alive(number uint64) {
	p := &b.path
	p.mu.Lock()
	born := !p.live
	p.live, p.heardAt = true, time.Now()
	if number == p.probe {
		p.trip = p.heardAt.Sub(p.sentAt)
	}
	p.mu.Unlock()
	if !born {
		b.sweep.again()
		return
	}
	if p.epoch.Load() > 1 {
		b.counts.reconnects.Add(1)
	}
	p.dead.Store(false)
	b.sweep.whole()
	b.log.Info("messages from other nodes arrive", "node", b.node)
}
