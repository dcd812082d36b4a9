package redisbroker_test

import (
	"context"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"nod/deploy/throwaway"
	"nod/hub"
	"nod/hub/redisbroker"
)

// patience is how long something that must happen may take on a slow machine.
const patience = 30 * time.Second

// started fails, or skips where nobody promised a Redis, when one did not start.
func started(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatal(err)
	default:
		t.Skipf("%v; install redis-server to run this test", err)
	}
}

func server(t testing.TB) *throwaway.Redis {
	t.Helper()
	r, err := throwaway.StartRedis()
	started(t, err)
	t.Cleanup(r.Close)
	return r
}

func broker(t testing.TB, c redisbroker.Config) *redisbroker.Broker {
	t.Helper()
	b, err := redisbroker.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() }) // it may be closed already
	return b
}

func client(t testing.TB, url string) redis.UniversalClient {
	t.Helper()
	c, err := redisbroker.Client(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// node plays the hub of one node.
type node struct {
	*redisbroker.Broker
	t     testing.TB
	stop  func()        // ends Run
	ahead time.Duration // of its clock

	mu     sync.Mutex
	joined map[string]int // connections by topic
	heard  map[string][]hub.Message
}

func run(t testing.TB, c redisbroker.Config) *node {
	t.Helper()
	n := &node{Broker: broker(t, c), t: t, joined: make(map[string]int), heard: make(map[string][]hub.Message)}
	redisbroker.Patient(n.Broker)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := n.Run(ctx, n.deliver); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	n.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
	})
	t.Cleanup(n.stop)
	return n
}

// live waits until the nodes' delivery paths stand.
func live(nodes ...*node) {
	for _, n := range nodes {
		n.t.Helper()
		n.until("it is alive", func() bool { return n.Stats().Alive && n.Ready() == nil })
	}
}

func (n *node) deliver(m hub.Message) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.heard[m.Topic] = append(n.heard[m.Topic], m)
	return n.joined[m.Topic]
}

// joins joins and returns Join's error.
func (n *node) joins(topic, conn string, exclusive bool) error {
	n.mu.Lock()
	n.joined[topic]++
	n.mu.Unlock()
	return n.Join(context.Background(), topic, conn, time.Now().Add(n.ahead), exclusive)
}

func (n *node) join(topic, conn string, exclusive bool) {
	n.t.Helper()
	if err := n.joins(topic, conn, exclusive); err != nil {
		n.t.Fatalf("Join: %v", err)
	}
}

func (n *node) leave(topic, conn string) {
	n.mu.Lock()
	n.joined[topic]--
	n.mu.Unlock()
	n.Leave(topic, conn)
}

func (n *node) on(topic string) []hub.Message {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.heard[topic])
}

// count is how many messages of a kind came on a topic.
func (n *node) count(topic, kind string) (count int) {
	for _, m := range n.on(topic) {
		if m.Kind == kind {
			count++
		}
	}
	return count
}

// replacements is how often the node was told of a newer connection.
func (n *node) replacements(topic string) int { return n.count(topic, hub.Replaced("", "").Kind) }

func (n *node) until(what string, ok func() bool) {
	n.t.Helper()
	end := time.After(patience)
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !ok() {
		select {
		case <-again.C:
		case <-end:
			n.t.Fatalf("never: %s; %+v", what, n.Stats())
		}
	}
}

// reaches publishes to a topic until another node hears it.
func (n *node) reaches(other *node, topic string) {
	n.t.Helper()
	before := other.count(topic, "reach")
	n.until(topic+" is reached", func() bool {
		_, _ = n.Publish(context.Background(), hub.Message{Topic: topic, Kind: "reach"})
		return other.count(topic, "reach") > before
	})
}

// replacedBy waits until the node is told that conn has its topic.
func (n *node) replacedBy(topic, conn string) {
	n.t.Helper()
	want := hub.Replaced(topic, conn)
	n.until(conn+" replaces the connection on "+topic, func() bool {
		return slices.ContainsFunc(n.on(topic), func(m hub.Message) bool { return string(m.Data) == string(want.Data) })
	})
}

// prompt fails if a call takes longer than anybody may wait. The promise is
// 100 ms; a test machine may be slow.
func prompt(t testing.TB, what string, call func()) {
	t.Helper()
	start := time.Now()
	if call(); time.Since(start) > time.Second {
		t.Errorf("%s took %s", what, time.Since(start))
	}
}
