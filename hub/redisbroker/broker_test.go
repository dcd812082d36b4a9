package redisbroker_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"nod/deploy/throwaway"
	"nod/hub"
	"nod/hub/brokertest"
	"nod/hub/redisbroker"
)

// conform tries brokers on an empty Redis.
func conform(t *testing.T, url string, change func(*redisbroker.Broker)) {
	t.Helper()
	brokertest.Test(t, func(t *testing.T, nodes int) (brokers []hub.Broker) {
		flush(t, url)
		for range nodes {
			b := broker(t, redisbroker.Config{URL: url})
			change(b)
			redisbroker.Patient(b)
			brokers = append(brokers, alive{b})
		}
		return brokers
	})
}

// alive refuses to publish until messages of other nodes arrive too: a broker
// hears itself before.
type alive struct{ *redisbroker.Broker }

func (a alive) Publish(ctx context.Context, m hub.Message) (int, error) {
	if !a.Stats().Alive {
		return 0, redisbroker.ErrDown
	}
	return a.Broker.Publish(ctx, m)
}

func flush(t *testing.T, url string) {
	t.Helper()
	every := func(ctx context.Context, c *redis.Client) error { return c.FlushAll(ctx).Err() }
	var err error
	switch c := client(t, url).(type) {
	case *redis.ClusterClient:
		err = c.ForEachMaster(t.Context(), every)
	case *redis.Client:
		err = every(t.Context(), c)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func asOpened(*redisbroker.Broker) {}

func TestPlain(t *testing.T) {
	t.Parallel()
	r := server(t)
	t.Run("in one step", func(t *testing.T) { conform(t, r.URL, asOpened) })
	t.Run("in two steps", func(t *testing.T) { conform(t, r.URL, redisbroker.InTwo) })
}

func TestPassword(t *testing.T) {
	t.Parallel()
	r := server(t)
	if _, err := r.Do("CONFIG", "SET", "requirepass", "open"); err != nil {
		t.Fatal(err)
	}
	conform(t, "redis://:open@"+r.Addr+"/3", asOpened)
}

func TestTLS(t *testing.T) {
	t.Parallel()
	started(t, errSecure)
	conform(t, secure.URL, asOpened)
}

func TestCluster(t *testing.T) {
	t.Parallel()
	c, err := throwaway.StartCluster()
	started(t, err)
	t.Cleanup(c.Close)
	conform(t, c.URL, asOpened)
	t.Run("a node that died leaves nothing", func(t *testing.T) { deadNode(t, c.URL) })
	t.Run("one shard is emptied", func(t *testing.T) {
		a, b := run(t, redisbroker.Config{URL: c.URL}), run(t, redisbroker.Config{URL: c.URL})
		live(a, b)
		for _, shard := range c.Nodes {
			if _, err := shard.Do("SCRIPT", "FLUSH"); err != nil {
				t.Fatal(err)
			}
		}
		var all sync.WaitGroup
		for i := range 50 { // at once, so that they share pipelines
			all.Go(func() {
				if err := a.joins(fmt.Sprint(i), "1", true); err != nil {
					t.Errorf("Join: %v", err)
				}
			})
		}
		all.Wait()
		if _, err := c.Nodes[1].Do("FLUSHALL"); err != nil {
			t.Fatal(err)
		}
		a.until("it notices", func() bool { return a.Stats().Emptied > 0 })
		for i := range 50 {
			b.reaches(a, fmt.Sprint(i))
		}
	})
	t.Run("a shard restarts", func(t *testing.T) {
		a, b := run(t, redisbroker.Config{URL: c.URL}), run(t, redisbroker.Config{URL: c.URL})
		live(a, b)
		for i := range 50 {
			a.join(fmt.Sprint(i), "1", false)
		}
		for _, shard := range c.Nodes {
			shard.Stop()
			if err := shard.Start(); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 50 {
			b.reaches(a, fmt.Sprint(i))
		}
		live(a, b)
	})
}

func TestSentinel(t *testing.T) {
	t.Parallel()
	s, err := throwaway.StartSentinel()
	started(t, err)
	t.Cleanup(s.Close)
	conform(t, s.URL, asOpened)
	t.Run("the master dies", func(t *testing.T) {
		a, b := run(t, redisbroker.Config{URL: s.URL}), run(t, redisbroker.Config{URL: s.URL})
		live(a, b)
		a.join("a", "1", true)
		s.Master.Stop()
		a.until("it notices", func() bool { return !a.Stats().Alive })
		b.reaches(a, "a")
		live(a, b)
	})
}

// Nothing that a test or a stranger writes into a channel harms the node.
func TestGarbage(t *testing.T) {
	t.Parallel()
	r := server(t)
	n := run(t, redisbroker.Config{URL: r.URL})
	live(n)
	c := client(t, r.URL)
	channels, err := c.PubSubChannels(t.Context(), "nod:*").Result()
	if err != nil || len(channels) != 1 {
		t.Fatalf("channels: %q %v", channels, err)
	}
	n.join("a", "1", true)
	const valid = "\x01\x01stranger" + "\x00\x00\x00\x00\x00\x00\x00\x05" + "\x01a" + "\x04kind" + "\x02" + "data"
	// A connection that is older than ours does not replace it.
	const old = "\x01\x02stranger" + "\x00\x00\x00\x00\x00\x00\x00\x06" + "\x01a" + "\x01c" + "\x02"
	for _, frame := range []string{"", "x", "\x02" + valid[1:], valid[:12], valid[:20], "\x01\x09" + valid[2:], valid, valid, old} {
		if err := c.Publish(t.Context(), channels[0], frame).Err(); err != nil {
			t.Fatal(err)
		}
	}
	n.until("all but one is dropped", func() bool { return n.Stats().Dropped == 8 })
	if got := n.on("a"); len(got) != 1 || got[0].Kind != "kind" || got[0].Seq != 1 || string(got[0].Data) != "data" {
		t.Errorf("heard %v", got)
	}
	if s := n.Stats(); s.Received != 2 || s.Replaced != 0 || !s.Alive {
		t.Errorf("%+v", s)
	}
}

// A device's newest connection is the one that Redis took last, even where the
// nodes' clocks are a little apart.
func TestSkew(t *testing.T) {
	t.Parallel()
	r := server(t)
	ahead := run(t, redisbroker.Config{URL: r.URL})
	behind := run(t, redisbroker.Config{URL: r.URL})
	ahead.ahead = 50 * time.Millisecond
	live(ahead, behind)
	ahead.join("a", "older", true)
	behind.join("a", "newer", true)
	ahead.replacedBy("a", "newer")
	ahead.until("it is told, and does not only find out", func() bool { return ahead.Stats().Received == 1 })
	ahead.leave("a", "older")
	ahead.reaches(behind, "a")
	told := ahead.replacements("a")
	ahead.join("a", "newest", true)
	behind.replacedBy("a", "newest")
	behind.leave("a", "newer")
	behind.reaches(ahead, "a")
	if ahead.replacements("a") != told {
		t.Error("the newest connection was replaced")
	}
}

// What a node that died leaves behind ends with the next message, or by itself.
func deadNode(t *testing.T, url string) {
	died, lives := run(t, redisbroker.Config{URL: url}), run(t, redisbroker.Config{URL: url})
	live(died, lives)
	topics := []string{"a", "b", "c"}
	for _, topic := range topics {
		died.join(topic, "1", topic == "a")
	}
	lives.join("b", "2", false)
	died.stop()
	if err := died.Close(); err != nil {
		t.Fatal(err)
	}
	c := client(t, url)
	for _, topic := range topics {
		life, err := c.PTTL(t.Context(), "nod:topic:"+topic).Result()
		if err != nil || life <= 0 || life > 90*time.Second {
			t.Errorf("%s lives %s, %v", topic, life, err)
		}
		lives.until("nobody but ourselves is counted", func() bool {
			heard, err := lives.Publish(t.Context(), hub.Message{Topic: topic})
			return err == nil && heard == map[string]int{"b": 1}[topic]
		})
		want := map[string]int64{"b": 1}[topic]
		lives.until("only the living is left", func() bool {
			left, err := c.HLen(t.Context(), "nod:topic:"+topic).Result()
			return err == nil && left == want
		})
	}
}

func TestDeadNode(t *testing.T) {
	t.Parallel()
	deadNode(t, server(t).URL)
}

func TestAfterRun(t *testing.T) {
	t.Parallel()
	r := server(t)
	ends, other := run(t, redisbroker.Config{URL: r.URL}), run(t, redisbroker.Config{URL: r.URL})
	live(ends, other)
	other.join("a", "1", false)
	ends.join("b", "1", false)
	ends.stop()
	if heard, err := ends.Publish(t.Context(), hub.Message{Topic: "a"}); heard != 1 || err != nil {
		t.Errorf("after Run %d heard it, %v", heard, err)
	}
	ends.leave("b", "1")
	if err := ends.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := client(t, r.URL).Exists(t.Context(), "nod:topic:b").Result(); left != 0 || err != nil {
		t.Errorf("the last Leave was not written: %d %v", left, err)
	}
	if _, err := ends.Publish(t.Context(), hub.Message{Topic: "a"}); !errors.Is(err, redisbroker.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := other.Publish(ctx, hub.Message{Topic: "a"}); !errors.Is(err, context.Canceled) {
		t.Errorf("its caller has gone: %v", err)
	}
}

// Of two connections that a device opens at one moment, one stays and the other
// one is told: never both, never neither.
func TestJoinsAtOnce(t *testing.T) {
	t.Parallel()
	r := server(t)
	a, b := run(t, redisbroker.Config{URL: r.URL}), run(t, redisbroker.Config{URL: r.URL})
	live(a, b)
	c := client(t, r.URL)
	const rounds = 300
	var all sync.WaitGroup
	for i := range rounds {
		topic := fmt.Sprint(i)
		for _, n := range []*node{a, b} {
			all.Go(func() {
				if err := n.joins(topic, "1", true); err != nil {
					t.Errorf("Join: %v", err)
				}
			})
		}
	}
	all.Wait()
	for i := range rounds {
		topic := fmt.Sprint(i)
		a.until("one is told", func() bool { return a.replacements(topic)+b.replacements(topic) > 0 })
		if n, err := c.HLen(t.Context(), "nod:topic:"+topic).Result(); n != 1 || err != nil {
			t.Errorf("%d entries of %s, %v", n, topic, err)
		}
		stays, leaves := a, b
		if a.replacements(topic) > 0 {
			stays, leaves = b, a
		}
		leaves.leave(topic, "1")
		leaves.reaches(stays, topic)
	}
	for i := range rounds {
		if topic := fmt.Sprint(i); a.replacements(topic) > 0 && b.replacements(topic) > 0 {
			t.Errorf("both are told on %s", topic)
		}
	}
}
