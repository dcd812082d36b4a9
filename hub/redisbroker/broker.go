// Package redisbroker carries a hub's messages between nodes over Redis: a plain
// one, a master that Sentinels watch, or a Cluster.
//
// The promise: what is published on one node is heard on every node with a
// connection on the topic, once and in order per publisher, while Redis works.
// When it does not, messages are lost, never held up, repeated or reordered: no
// call waits longer than 100 ms, and none waits at all once Redis is known to be
// dead. The application repairs what was lost from its database; connections of
// this node hear this node's messages without Redis.
//
// # Keys
//
//	nod:{<node>}         the channel of a node, its only subscription
//	nod:{<node>}         a key of the node, its epoch: the proof that Redis takes writes
//	nod:topic:<topic>    a hash: node → "<stamp> <epoch> <connection>"
//
// A node takes a random name when it starts. An entry tells which nodes hold
// connections on a topic; publishing is one look-up and one PUBLISH for each of
// them. So a failover resubscribes one channel and not one for every phone, and
// in a Cluster nothing has to lie on one shard: the channel is a sharded one.
// Keys live 90 s and are written again every 30 s, spread over that time.
//
// The stamp is since when the connection is there, server time in microseconds.
// On an exclusive topic the newest connection wins: writing an entry removes older
// ones and has their nodes told, and a node that finds a newer one closes its own.
// Between two that came within 100 ms Redis's order decides, while it works. The
// epoch counts a node's subscriptions, so that an entry which led to nobody is
// not removed after the node has come back and written it again.
//
// # The delivery path
//
// Redis reports a subscriber that hears nothing as a receiver (a half-open
// connection lost 2,051 of 2,198 messages, and nobody was told). So each node
// writes its own key and sends itself a message, every second:
//
//	down         nothing is tried; after ≤ 1 s, with jitter → subscribing
//	subscribing  the first probe came back → live, and all entries are written again
//	             refused, or no probe within 3 s → down
//	live         a probe is overdue → suspect
//	             the connection broke → subscribing; refused then → down
//	suspect      calls still try; a probe came back → live
//	             3 s since the last one → down, and the connection is dropped
//
// A refresh that finds its entry gone tells that Redis, or a shard, was emptied,
// and all entries are written again.
package redisbroker

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"nod/hub"
)

var _ hub.Broker = (*Broker)(nil)

// longest is how long a call waits for Redis.
const longest = 100 * time.Millisecond

// Errors of Publish and Join. The message may have been heard on this node, and
// the registration is kept and made later.
var (
	ErrDown   = errors.New("redis is down")                // known since a while; nothing was tried
	ErrLate   = errors.New("redis did not answer in time") // it may still have done it
	ErrFull   = errors.New("too much waits for redis")
	ErrClosed = errors.New("broker is closed")
)

// Config is what a broker is made of.
type Config struct {
	URL string       // see Check
	Log *slog.Logger // changes of the delivery path; nil: silent
}

// Stats are counters since Open and the present state.
type Stats struct {
	Published  uint64        // messages that Redis took
	Failed     uint64        // messages and registrations that it did not take, or not in time
	Received   uint64        // messages that came from other nodes
	Dropped    uint64        // of what came: damaged, of an unknown version, repeated, or of no use here
	Replaced   uint64        // connections of this node that a newer one on another node replaced
	Emptied    uint64        // times that entries of ours were gone
	Reconnects uint64        // subscriptions after the first
	RoundTrip  time.Duration // of the last probe
	Alive      bool          // the probe comes back
	Topics     int           // joined on this node
}

type counters struct {
	published, failed, received, dropped, replaced, emptied, reconnects atomic.Uint64
}

// Broker is one node's end. Make it with Open.
type Broker struct {
	client  redis.UniversalClient
	route   func(ctx context.Context, batch []*letter) // how the sender reaches other nodes
	cluster bool
	id      nodeID
	node    string // id in letters
	log     *slog.Logger
	bound   time.Duration // of a call
	counts  counters

	deliver atomic.Pointer[func(hub.Message) int] // nil before Run
	path    path
	topics  topics

	// The sender's and the registrar's, which live from Open to Close.
	letters chan *letter
	entries chan entry
	sweep   sweep
	closing chan struct{}
	close   func()
	workers sync.WaitGroup
}

// Open makes a broker. It never connects, so that a Redis that is down does not
// stop a start; its error is Check's.
func Open(c Config) (*Broker, error) {
	a, err := parse(c.URL)
	if err != nil {
		return nil, err
	}
	// What go-redis writes to stderr stands in our counters and our own log.
	redis.SetLogger(&logging.VoidLogger{})
	b := &Broker{
		client:  a.client(),
		cluster: a.kind == "cluster",
		log:     c.Log,
		bound:   longest,
		letters: make(chan *letter, maxLetters),
		entries: make(chan entry, maxEntries),
		sweep:   newSweep(),
		closing: make(chan struct{}),
	}
	b.close = sync.OnceFunc(func() { close(b.closing) })
	_, _ = rand.Read(b.id[:]) // never fails
	b.node = hex.EncodeToString(b.id[:])
	b.route = b.routeInOne
	if b.cluster {
		b.route = b.routeInTwo
	}
	if b.log == nil {
		b.log = slog.New(slog.DiscardHandler)
	}
	b.topics.init()
	b.path.heardAt = time.Now()
	b.workers.Go(b.send)
	b.workers.Go(b.register)
	return b, nil
}

// Close writes the last changes of Leave, as far as Redis takes them within a
// second, and ends all connections. Run must have returned.
func (b *Broker) Close() error {
	b.close()
	b.workers.Wait()
	return b.client.Close()
}

// Ready is nil until the delivery path has been dead for 5 s.
func (b *Broker) Ready() error {
	if silent := b.path.silence(); silent > unreadyAfter {
		return fmt.Errorf("messages of other nodes do not arrive: nothing came back through redis for %s", silent.Round(time.Second))
	}
	return nil
}

// Stats tells the counters.
func (b *Broker) Stats() Stats {
	c := &b.counts
	alive, trip := b.path.pulse()
	return Stats{
		Published: c.published.Load(), Failed: c.failed.Load(), Received: c.received.Load(), Dropped: c.dropped.Load(),
		Replaced: c.replaced.Load(), Emptied: c.emptied.Load(), Reconnects: c.reconnects.Load(),
		RoundTrip: trip, Alive: alive, Topics: b.topics.count(),
	}
}

// bounded is the context of a call.
func (b *Broker) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, b.bound, ErrLate)
}

// await waits for the outcome of a call.
func (b *Broker) await(ctx context.Context, done <-chan error) error {
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-b.closing:
		return ErrClosed
	}
}

// hear hands m to the hub of this node.
func (b *Broker) hear(m hub.Message) int {
	deliver := b.deliver.Load()
	if deliver == nil {
		return 0
	}
	return (*deliver)(m)
}

func channel(node string) string { return "nod:{" + node + "}" }

func key(topic string) string { return "nod:topic:" + topic }
