package redisbroker_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"nod/deploy/throwaway"
	"nod/hub"
	"nod/hub/redisbroker"
)

func TestEmptied(t *testing.T) {
	t.Parallel()
	r := server(t)
	a, b := run(t, redisbroker.Config{URL: r.URL}), run(t, redisbroker.Config{URL: r.URL})
	live(a, b)
	const topics = 3000 // a refresh looks at 64 of them
	var all sync.WaitGroup
	for i := range topics {
		all.Go(func() {
			if err := a.joins(fmt.Sprint(i), "1", i%2 == 0); err != nil {
				t.Errorf("Join: %v", err)
			}
		})
	}
	all.Wait()
	if _, err := r.Do("FLUSHALL"); err != nil {
		t.Fatal(err)
	}
	a.until("it notices", func() bool { return a.Stats().Emptied > 0 })
	c := client(t, r.URL)
	a.until("all entries are back", func() bool { return c.DBSize(t.Context()).Val() == topics+2 }) // and the nodes' keys
	b.reaches(a, "0")
	if s := a.Stats(); s.Emptied > 5 {
		t.Errorf("they came back bit by bit: %+v", s)
	}
	if s := a.Stats(); s.Reconnects != 0 || s.Replaced != 0 {
		t.Errorf("%+v", s)
	}
	if s := b.Stats(); s.Emptied != 0 {
		t.Errorf("the other node lost nothing: %+v", s)
	}
}

func TestRestart(t *testing.T) {
	t.Parallel()
	r := server(t)
	a, b := run(t, redisbroker.Config{URL: r.URL}), run(t, redisbroker.Config{URL: r.URL})
	live(a, b)
	a.join("a", "1", true)
	for range 2 {
		r.Stop()
		a.until("it notices", func() bool { return !a.Stats().Alive })
		down(t, a)
		if err := r.Start(); err != nil {
			t.Fatal(err)
		}
		b.reaches(a, "a")
		a.reaches(a, "while down") // it was joined then
		a.leave("while down", "1")
		live(a, b)
	}
	if s := a.Stats(); s.Reconnects < 2 || s.Failed == 0 || s.Emptied != 0 { // all were written again before one was missed
		t.Errorf("%+v", s)
	}
}

// down waits until calls fail at once, and then shows that they do what needs no
// Redis.
func down(t *testing.T, n *node) {
	t.Helper()
	redisbroker.Impatient(n.Broker)
	n.until("calls do not try any more", func() (known bool) {
		prompt(t, "Publish", func() {
			_, err := n.Publish(context.Background(), hub.Message{Topic: "elsewhere"})
			known = errors.Is(err, redisbroker.ErrDown)
		})
		return known
	})
	prompt(t, "Join", func() {
		if err := n.joins("while down", "1", false); !errors.Is(err, redisbroker.ErrDown) {
			t.Errorf("Join: %v", err)
		}
	})
	before := n.count("while down", "local")
	heard, err := n.Publish(context.Background(), hub.Message{Topic: "while down", Kind: "local"})
	if heard != 1 || !errors.Is(err, redisbroker.ErrDown) || n.count("while down", "local") != before+1 {
		t.Errorf("on one node: %d heard it, %v", heard, err)
	}
}

func TestPaused(t *testing.T) {
	t.Parallel()
	r := server(t)
	a, b := run(t, redisbroker.Config{URL: r.URL}), run(t, redisbroker.Config{URL: r.URL})
	live(a, b)
	a.join("a", "1", true)
	b.join("b", "1", false)
	redisbroker.Impatient(b.Broker)
	r.Pause()
	prompt(t, "Publish", func() {
		if _, err := b.Publish(t.Context(), hub.Message{Topic: "a"}); !errors.Is(err, redisbroker.ErrLate) {
			t.Errorf("Publish: %v", err)
		}
	})
	prompt(t, "Join", func() {
		if err := b.joins("c", "1", true); !errors.Is(err, redisbroker.ErrLate) {
			t.Errorf("Join: %v", err)
		}
	})
	prompt(t, "Leave", func() { b.leave("b", "1") })
	if err := a.Ready(); err != nil {
		t.Errorf("at once: %v", err)
	}
	a.until("it is not ready", func() bool { return a.Ready() != nil })
	down(t, a)
	r.Resume()
	live(a, b)
	b.reaches(a, "a")
	a.reaches(b, "c")
}

// A Redis that takes messages but no entries is dead: who connects could not be
// reached.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	r := server(t)
	a, b := run(t, redisbroker.Config{URL: r.URL}), run(t, redisbroker.Config{URL: r.URL})
	live(a, b)
	a.join("a", "1", true)
	nobody := server(t)
	nobody.Stop()
	host := nobody.Addr[:len("127.0.0.1")]
	if _, err := r.Do("REPLICAOF", host, nobody.Addr[len(host)+1:]); err != nil {
		t.Fatal(err)
	}
	a.until("it is not ready", func() bool { return a.Ready() != nil })
	down(t, b)
	if _, err := r.Do("REPLICAOF", "NO", "ONE"); err != nil {
		t.Fatal(err)
	}
	live(a, b)
	b.reaches(a, "a")
	a.reaches(b, "while down")
}

// apart is two nodes, of which one reaches Redis over a network that can fail.
func apart(t *testing.T) (network *throwaway.Proxy, far, near *node) {
	t.Helper()
	r := server(t)
	network, err := throwaway.NewProxy(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(network.Close)
	far, near = run(t, redisbroker.Config{URL: network.URL}), run(t, redisbroker.Config{URL: r.URL})
	live(far, near)
	return network, far, near
}

// Nobody tells a node that its connections are half-open.
func TestHalfOpen(t *testing.T) {
	t.Parallel()
	network, far, near := apart(t)
	far.join("roams", "older", true)
	far.join("stays", "1", true)
	network.Stall()
	near.join("roams", "newer", true)
	down(t, far)
	network.Heal()
	live(far, near)
	far.replacedBy("roams", "newer")
	near.reaches(far, "stays")
	if s := near.Stats(); s.Replaced != 0 || s.Reconnects != 0 {
		t.Errorf("the other node: %+v", s)
	}
}

// Of two connections made while Redis was down, the newer one stays.
func TestJoinsWhileDown(t *testing.T) {
	t.Parallel()
	r := server(t)
	a, b := run(t, redisbroker.Config{URL: r.URL}), run(t, redisbroker.Config{URL: r.URL})
	live(a, b)
	r.Stop()
	down(t, a)
	down(t, b)
	_ = a.joins("a then b", "older", true)
	_ = b.joins("a then b", "newer", true)
	_ = b.joins("b then a", "older", true)
	_ = a.joins("b then a", "newer", true)
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	a.replacedBy("a then b", "newer")
	b.replacedBy("b then a", "newer")
	a.leave("a then b", "older")
	b.leave("b then a", "older")
	a.reaches(b, "a then b")
	b.reaches(a, "b then a")
	if a.replacements("b then a")+b.replacements("a then b") != 0 {
		t.Error("a newer connection was replaced")
	}
}

// Entries are kept however many others come and go: a Redis that is some way off
// always leaves some of them waiting.
func TestRefreshUnderLoad(t *testing.T) {
	t.Parallel()
	r := server(t)
	a, b := run(t, redisbroker.Config{URL: r.URL}), run(t, redisbroker.Config{URL: r.URL})
	live(a, b)
	a.join("stays", "1", true)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	for i := range 400 {
		all.Go(func() {
			for topic := fmt.Sprint(i); ctx.Err() == nil; {
				_ = a.joins(topic, "1", false)
				a.leave(topic, "1")
			}
		})
	}
	for range 3 { // each time, a refresh finds that it is gone
		if err := client(t, r.URL).Del(t.Context(), "nod:topic:stays").Err(); err != nil {
			t.Fatal(err)
		}
		b.reaches(a, "stays")
	}
}

// An entry that its node could not take back ends with the first message that it
// leads astray, and not with its life.
func TestLeaveWhileDown(t *testing.T) {
	t.Parallel()
	network, far, near := apart(t)
	far.join("left", "1", true)
	network.Stall()
	down(t, far)
	far.leave("left", "1")
	network.Heal()
	live(far)
	near.until("nobody is said to hear", func() bool {
		heard, err := near.Publish(t.Context(), hub.Message{Topic: "left"})
		return heard == 0 && err == nil
	})
	if s := far.Stats(); s.Dropped == 0 {
		t.Errorf("there was no such entry: %+v", s)
	}
}
