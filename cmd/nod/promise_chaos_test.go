package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"
)

// chaosLength is how long the long form is to last; 0 asks for the short one.
func chaosLength(t *testing.T) time.Duration {
	v := os.Getenv("CHAOS_LENGTH")
	if v == "" {
		return 0
	}
	d, err := time.ParseDuration(v)
	if err != nil {
		t.Fatalf("CHAOS_LENGTH: %v", err)
	}
	return d
}

// chaosSeed is what the faults and what people do are drawn from. How the
// processes interleave is not in its hand.
func chaosSeed(t *testing.T) uint64 {
	v := os.Getenv("CHAOS_SEED")
	if v == "" {
		if chaosLength(t) > 0 {
			return rand.Uint64()
		}
		return 1
	}
	seed, err := strconv.ParseUint(v, 10, 64)
	if err != nil {
		t.Fatalf("CHAOS_SEED: %v", err)
	}
	return seed
}

// fault is one injury. Nothing else is struck at the same place before it has
// healed.
type fault struct {
	name          string
	place         string
	least, most   time.Duration // it lasts
	strike, heal  func()
	restartsANode bool // which needs its database
}

// faults are all that can happen to the cluster.
func (c *cluster) faults() []fault {
	must := func(err error) {
		if err != nil {
			c.t.Fatal(err)
		}
	}
	redis := func(words ...string) func() {
		return func() {
			_, err := c.redis.Do(words...)
			must(err)
		}
	}
	nothing := func() {}
	all := []fault{
		{"Postgres stopped", "postgres", 500 * time.Millisecond, 5 * time.Second, c.postgres.Stop, func() { must(c.postgres.Start()) }, false},
		{"Postgres paused", "postgres", time.Second, 8 * time.Second, c.postgres.Pause, c.postgres.Resume, false},
		{"the way to Postgres half-open", "postgres", time.Second, 8 * time.Second, c.postgresNet.Stall, c.postgresNet.Heal, false},
		{"Redis flushed", "redis", 0, time.Millisecond, redis("FLUSHALL"), nothing, false},
		{"Redis read-only", "redis", time.Second, 10 * time.Second, redis("REPLICAOF", "127.0.0.1", "1"), redis("REPLICAOF", "NO", "ONE"), false},
		{"the way to Redis half-open", "redis", 2 * time.Second, 15 * time.Second, c.redisNet.Stall, c.redisNet.Heal, false},
		{"Redis stopped", "redis", time.Second, 10 * time.Second, c.redis.Stop, func() { must(c.redis.Start()) }, false},
		{"Redis paused", "redis", time.Second, 10 * time.Second, c.redis.Pause, c.redis.Resume, false},
	}
	if lossy() {
		all = append(all, fault{"packets lost", "network", 2 * time.Second, 10 * time.Second,
			func() { must(lose()) }, func() { must(exec.Command("tc", "qdisc", "del", "dev", "lo", "root").Run()) }, false})
	}
	for i, p := range c.nodes {
		node := "node " + strconv.Itoa(i+1)
		all = append(all,
			fault{node + " killed", node, 0, 5 * time.Second, p.kill, p.supervised, true},
			fault{node + " frozen", node, 5 * time.Second, 40 * time.Second, p.freeze, p.thaw, false},
			fault{node + " stopped", node, 0, 3 * time.Second, p.stop, p.supervised, true},
		)
	}
	return all
}

// supervised starts a node as service managers do: again, should it not come up,
// as where its database has not caught up yet with what it missed.
func (p *program) supervised() {
	p.t.Helper()
	eventually(p.t, "nod starts", func() bool {
		err := p.launch()
		if err != nil {
			p.t.Log(err)
		}
		return err == nil
	})
}

// lossy tells whether this process has a loopback of its own, on which packets
// may be lost without harm to anybody else: `make chaos` starts it in a network
// namespace where it can.
func lossy() bool { return os.Getenv("CHAOS_NETWORK") == "own" }

// lose drops packets: at random where the kernel can, else those that do not fit
// through a narrow link.
func lose() error {
	if exec.Command("tc", "qdisc", "add", "dev", "lo", "root", "netem", "loss", "3%").Run() == nil {
		return nil
	}
	return exec.Command("tc", "qdisc", "add", "dev", "lo", "root", "tbf", "rate", "10mbit", "burst", "70k", "limit", "80k").Run()
}

// injure strikes with each fault, together if there are several, waits for as
// long as they last and heals them; a node is started when all else is well.
func (s *soak) injure(t *testing.T, together []fault, last []time.Duration) {
	t.Helper()
	for i, f := range together {
		t.Logf("%s for %s", f.name, last[i].Round(time.Millisecond))
		f.strike()
	}
	begun := time.Now()
	for _, node := range []bool{false, true} {
		for i, f := range together {
			if f.restartsANode == node {
				<-time.After(time.Until(begun.Add(last[i])))
				f.heal()
			}
		}
	}
}

// script strikes with one of each cheap fault, shortly: the short form.
func (s *soak) script(t *testing.T) {
	byName := map[string]fault{}
	for _, f := range s.c.faults() {
		byName[f.name] = f
	}
	for _, step := range []struct {
		name string
		last time.Duration
	}{
		{"Redis flushed", 0}, {"node 1 killed", 500 * time.Millisecond}, {"the way to Redis half-open", 2 * time.Second},
		{"Postgres stopped", 300 * time.Millisecond}, {"node 2 frozen", 2 * time.Second}, {"Redis read-only", time.Second},
		{"Redis stopped", time.Second}, {"Postgres paused", 1500 * time.Millisecond},
	} {
		s.injure(t, []fault{byName[step.name]}, []time.Duration{step.last})
		<-time.After(500 * time.Millisecond)
	}
}

// draw strikes with faults drawn from the seed, sometimes with two at once,
// until the end.
func (s *soak) draw(t *testing.T, end time.Time) {
	dice := rand.New(rand.NewPCG(s.seed, 0))
	all := s.c.faults()
	for time.Now().Before(end) {
		together := []fault{all[dice.IntN(len(all))]}
		if f := all[dice.IntN(len(all))]; dice.IntN(3) == 0 && f.place != together[0].place {
			together = append(together, f)
		}
		last := make([]time.Duration, len(together))
		for i, f := range together {
			last[i] = f.least + time.Duration(dice.Int64N(int64(f.most-f.least)))
		}
		s.injure(t, together, last)
		<-time.After(time.Duration(dice.Int64N(int64(3 * time.Second))))
	}
}

// networkIsBack tells those who wait to connect again that they need not.
func (s *soak) networkIsBack(phones []*handset) {
	for _, p := range phones {
		p.back()
	}
	for _, e := range s.entries() {
		e.page.back()
	}
}

// TestChaos has people sign in on three nodes while everything below them fails
// in turn, and then asks whether all that they were told is true.
func TestChaos(t *testing.T) {
	t.Parallel()
	length, seed, people := chaosLength(t), chaosSeed(t), 8
	if length > 0 {
		people = 16
	}
	t.Logf("CHAOS_SEED=%d CHAOS_LENGTH=%s", seed, length)
	if !lossy() {
		t.Log("no network of its own, so no packet is lost: that takes root, unshare -n and tc, by `make chaos`")
	}
	c := newCluster(t, setup{nodes: 3, ownPostgres: true, ownRedis: true, settings: []string{
		"NOD_RESEND_DELAYS=1s,1s,1s", "NOD_WS_ACK_TIMEOUT=2s", "NOD_PUSH_ACK_TIMEOUT=3s", "NOD_LOG_LEVEL=info",
	}})
	s := &soak{c: c, door: c.crowdDoor(), seed: seed, sms: map[string]map[string]bool{}}
	ctx, stop := context.WithCancel(context.Background())
	var members sync.WaitGroup
	t.Cleanup(func() {
		stop()
		s.closePages()
		members.Wait()
	})
	phones := make([]*handset, people)
	inParallel(t, 4, people, func(i int) (err error) {
		if phones[i], err = newHandset(ctx, s.door, fmt.Sprintf("u%d", i)); err != nil {
			return err
		}
		members.Go(func() {
			if err := phones[i].run(ctx); err != nil {
				t.Error(err)
			}
		})
		return nil
	})

	work := func(faults func()) {
		working, rest := context.WithCancel(ctx)
		var all sync.WaitGroup
		defer all.Wait()
		defer rest()
		for i, phone := range phones {
			all.Go(func() { s.person(working, i, phone) })
		}
		faults()
	}
	work(func() { <-time.After(2 * time.Second) })
	s.closePages()
	before := s.levels(t)
	for range 4 { // a pool is as full as the busiest moment had it
		before = before.most(s.levels(t))
	}
	var healed time.Time
	work(func() {
		if length > 0 {
			s.draw(t, time.Now().Add(length))
		} else {
			s.script(t)
		}
		healed = time.Now()
		s.networkIsBack(phones)
	})
	s.converge(t, healed)
	s.verdict(t)
	s.closePages()
	s.settle(t, before)
}
