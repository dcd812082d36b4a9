package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"
)

// crowdSize is how many people, each with a phone and a page: 5,000 sockets in
// the long form.
func crowdSize() int {
	if os.Getenv("CHAOS_LENGTH") != "" {
		return 2500
	}
	return 250
}

// fewStatements is what a reconnect may cost. A phone alone costs 11; how many
// of a storm share theirs depends on the machine, so the exact promise, one at
// most for 1,000 at once, is kept by storage's TestReconnectsShareStatements.
const fewStatements = 3

// TestPromiseReconnectStorm loses every connection at once, and then a node
// with all of them. It runs beside no other test, for it counts what it costs.
func TestPromiseReconnectStorm(t *testing.T) {
	c := newCluster(t, setup{file: shipped(t), idle: true, ownPostgres: true, settings: []string{"NOD_PROMPT_TTL=1h", "NOD_LOG_LEVEL=info", "GOGC=50"}})
	c.exec("alter system set shared_preload_libraries = 'pg_stat_statements'")
	c.postgres.Stop()
	if err := c.postgres.Start(); err != nil {
		t.Fatal(err)
	}
	c.exec("create extension pg_stat_statements")
	c.up()
	crowd := gather(t, c.crowdDoor(), crowdSize())

	usedBefore, residentBefore := c.memory()
	idle := crowd.idle(c)
	crowd.storm(c, idle, "every connection was cut", func() {})
	within(t, 3*deadline, "the memory is back", func() bool {
		used, resident := c.memory()
		t.Logf("heap and stacks in use of both nodes: %.1f MB before, %.1f MB after; resident %.1f MB, %.1f MB", usedBefore/1e6, used/1e6, residentBefore/1e6, resident/1e6)
		return used < usedBefore*1.1
	})
	crowd.storm(c, idle, "a node was killed and every other connection cut", c.nodes[1].kill)
}

// memory is what all nodes use, and what they have resident, in bytes.
func (c *cluster) memory() (used, resident float64) {
	for _, p := range c.nodes {
		u, r := p.settledMemory()
		used, resident = used+u, resident+r
	}
	return used, resident
}

// crowd is many people who wait, each with an open prompt on a phone and on a
// page.
type crowd struct {
	t      *testing.T
	phones []*handset
	pages  []*waiter
}

// gather connects n people.
func gather(t *testing.T, d *door, n int) *crowd {
	t.Helper()
	c := &crowd{t, make([]*handset, n), make([]*waiter, n)}
	ctx, stop := context.WithCancel(context.Background())
	var members sync.WaitGroup
	t.Cleanup(func() {
		stop()
		members.Wait()
	})
	stay := func(m *member) {
		members.Go(func() {
			if err := m.run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	inParallel(t, 16, n, func(i int) (err error) {
		user := fmt.Sprintf("u%d", i)
		if c.phones[i], err = newHandset(ctx, d, user); err != nil {
			return err
		}
		stay(&c.phones[i].member)
		v, err := begun(ctx, d, "/api/v1/verifications", object{"user_id": user})
		if err != nil {
			return err
		}
		c.pages[i] = newWaiter(d, v)
		stay(&c.pages[i].member)
		return nil
	})
	for i, w := range c.pages {
		eventually(t, "every phone shows its prompt, and every page knows", func() bool {
			prompt, _ := c.phones[i].shown(w.id)
			now, _ := w.snapshot()
			return prompt != nil && now != nil
		})
	}
	return c
}

// views is how often each socket was told its present state.
func (c *crowd) views() []int {
	all := make([]int, 0, len(c.phones)+len(c.pages))
	for _, p := range c.phones {
		all = append(all, p.listed())
	}
	for _, w := range c.pages {
		_, n := w.snapshot()
		all = append(all, n)
	}
	return all
}

// connections is how many were welcomed so far.
func (c *crowd) connections() (n int64) {
	for i := range c.phones {
		n += c.phones[i].welcomes.Load() + c.pages[i].welcomes.Load()
	}
	return n
}

// idle is how many statements a second run while nothing happens, once the last
// receipt is written.
func (c *crowd) idle(on *cluster) float64 {
	c.t.Helper()
	for rate := -1.0; ; {
		before, begun := on.statements(), time.Now()
		<-time.After(4 * time.Second) // two repairs of every node
		now := (on.statements() - before) / time.Since(begun).Seconds()
		if rate > 0 && now > rate*0.8 {
			return now
		}
		rate = now
	}
}

// storm breaks every connection at once, after strike, and wants 99 % back
// within 30 s, each with its state.
func (c *crowd) storm(on *cluster, idle float64, name string, strike func()) {
	c.t.Helper()
	before, connections, ran, begun := c.views(), c.connections(), on.statements(), time.Now()
	strike()
	for i := range c.phones {
		c.phones[i].cut()
		c.pages[i].cut()
	}
	var most time.Duration // until 99 % were back
	within(c.t, 2*deadline, "all are back", func() bool {
		back := 0
		for i, n := range c.views() {
			if n > before[i] {
				back++
			}
		}
		if most == 0 && back >= len(before)*99/100 {
			most = time.Since(begun)
		}
		return back == len(before)
	})
	took := time.Since(begun)
	perReconnect := (on.statements() - ran - idle*time.Since(begun).Seconds()) / float64(c.connections()-connections)
	c.t.Logf("%s: 99 %% of %d sockets back after %s, all after %s, %.2f statements each (%.1f a second when idle)", name, len(before), most.Round(time.Millisecond), took.Round(time.Millisecond), perReconnect, idle)
	if most > 30*time.Second {
		c.t.Errorf("%s: it took %s", name, most)
	}
	if perReconnect > fewStatements {
		c.t.Errorf("%s: %.2f statements for each reconnect", name, perReconnect)
	}
	for i, w := range c.pages {
		prompt, _ := c.phones[i].shown(w.id)
		now, _ := w.snapshot()
		_, gap := w.state()
		if prompt == nil || now.str("status") != "pending" || now.str("match_number") == "" || gap != "" {
			c.t.Errorf("%s: the phone shows %v, the page %v %s", name, prompt, now, gap)
		}
	}
}

// settledMemory is what heap and stacks take once what nobody holds has been
// collected. A connection's stack grows while it is opened and shrinks later, so
// the two count together. A node has no door to ask for a collection, so it is
// given enough to collect: its own figures, again and again, until it has
// collected twice.
func (p *program) settledMemory() (used, resident float64) {
	p.t.Helper()
	const collections = "go_gc_duration_seconds_count"
	first := p.figure(collections)
	for end := time.Now().Add(3 * deadline); time.Now().Before(end); {
		all, err := figuresOf(p.t.Context(), p.url)
		if err != nil {
			p.t.Fatal(err)
		}
		if now := all["go_memstats_heap_inuse_bytes"] + all["go_memstats_stack_inuse_bytes"]; used == 0 || now < used {
			used = now
		}
		if resident = all["process_resident_memory_bytes"]; all[collections] >= first+2 {
			return used, resident
		}
	}
	p.t.Fatal("nothing was collected")
	return 0, 0
}

// statements is how many SQL statements Postgres has run, BEGIN and COMMIT too.
func (c *cluster) statements() float64 {
	c.t.Helper()
	return float64(c.number("select coalesce(sum(calls), 0) from pg_stat_statements where dbid = (select oid from pg_database where datname = current_database())"))
}
