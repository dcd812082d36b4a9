package delivery_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"nod/delivery"
	"nod/deploy/throwaway"
	"nod/verify"
)

// The tests here run several dispatchers, each with a store of its own, on one
// database, in real time.

// cluster is several nodes over one script of providers, and a look at their
// database from aside.
type cluster struct {
	*world
	nodes []*world
	ids   []string // of what was created
}

// newCluster makes a node for each way to the database.
func newCluster(t *testing.T, database string, ways []string, change ...func(*verify.Policy)) *cluster {
	t.Helper()
	c := &cluster{world: open(t, database)}
	for _, way := range ways {
		n := open(t, way)
		n.script = c.script
		for _, f := range change {
			f(&n.policy)
		}
		c.nodes = append(c.nodes, n)
	}
	return c
}

// wired is one way more to a Postgres database, over a network that can fail.
func wired(t *testing.T, database string) (*throwaway.Proxy, string) {
	t.Helper()
	wire, err := throwaway.NewProxy(database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(wire.Close)
	return wire, wire.URL
}

func short(p *verify.Policy) { p.LeaseLife = time.Second }

// begin creates one login by SMS.
func (c *cluster) begin(on *world) {
	q := on.request()
	q.UserID, q.Channel = q.ID, verify.SMS
	c.ids = append(c.ids, q.ID)
	on.create(q)
}

func (c *cluster) sms(id string) *verify.Delivery {
	c.t.Helper()
	c.id = id
	return last(c.load(), verify.SMS)
}

// eventually waits for what has to happen, for as long as a slow machine may need.
func eventually(t testing.TB, what string, happened func() bool) {
	t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for end := time.After(time.Minute); !happened(); {
		select {
		case <-again.C:
		case <-end:
			t.Fatalf("%s: not in a minute", what)
		}
	}
}

// settled waits until no SMS is on its way.
func (c *cluster) settled() {
	c.t.Helper()
	left := c.ids
	eventually(c.t, "every SMS has its end", func() bool {
		for len(left) > 0 && !c.sms(left[0]).InFlight() {
			left = left[1:]
		}
		return len(left) == 0
	})
}

// counts says how often an SMS of each verification left.
func (c *cluster) counts() map[string]int {
	n := map[string]int{}
	for _, m := range c.script.list(verify.SMS) {
		n[m.VerificationID]++
	}
	return n
}

// once checks that each SMS left exactly once and is known to have.
func (c *cluster) once() {
	c.t.Helper()
	sent := c.counts()
	for _, id := range c.ids {
		if d := c.sms(id); sent[id] != 1 || d.State != verify.StateAccepted || d.Attempts != 1 {
			c.t.Errorf("%s left %d times and is %s after %d attempts", id, sent[id], d.State, d.Attempts)
		}
	}
}

func TestNodesSendOnce(t *testing.T) {
	for name, tc := range map[string]struct {
		database      func(testing.TB) string
		nodes, logins int
	}{
		"SQLite":   {newFile, 2, 40},
		"Postgres": {newSchema, 3, 300},
	} {
		t.Run(name, func(t *testing.T) {
			database := tc.database(t)
			c := newCluster(t, database, slices.Repeat([]string{database}, tc.nodes))
			for _, n := range c.nodes {
				n.run()
			}
			for range tc.logins {
				c.begin(c.nodes[rand.N(tc.nodes)])
			}
			c.settled()
			c.once()
		})
	}
}

// A worker that hangs in a provider longer than its lease: nobody sends again, and
// what it says in the end comes too late.
func TestAnotherNodeTakesOverWhileAnSMSIsSent(t *testing.T) {
	database := newSchema(t)
	c := newCluster(t, database, []string{database, database}, short)
	thaw := make(chan struct{})
	end := sync.OnceFunc(func() { close(thaw) })
	defer end()
	c.script.does(verify.SMS, func(context.Context, delivery.Message) verify.Outcome { <-thaw; return accepted })
	var stops []func() error
	for _, n := range c.nodes {
		_, stop := n.run()
		stops = append(stops, stop)
	}
	c.begin(c.nodes[0])
	c.settled()
	end()
	for _, stop := range stops { // each waits for the tries under way
		if err := stop(); err != nil {
			t.Error(err)
		}
	}
	if d := c.sms(c.ids[0]); d.State != verify.StateUnknown || c.counts()[c.ids[0]] != 1 {
		t.Errorf("it left %d times and is %s", c.counts()[c.ids[0]], d.State)
	}
}

// A worker that loses the database, and with it its life for all that others see,
// in the moment after a commit.
func TestANodeDies(t *testing.T) {
	for name, tc := range map[string]struct {
		after, want verify.DeliveryState
	}{
		"after it leased an SMS: another sends it":                     {verify.StateLeased, verify.StateAccepted},
		"after it marked an SMS as leaving: nobody knows, nobody asks": {verify.StateSending, verify.StateUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			database := newSchema(t)
			wire, way := wired(t, database)
			c := newCluster(t, database, []string{way, database}, short)
			var dies sync.Once
			died := make(chan struct{})
			c.nodes[0].notice = func(ch verify.Change) {
				if last(ch.Verification, verify.SMS).State == tc.after {
					dies.Do(func() { wire.Cut(); close(died) })
				}
			}
			c.nodes[0].run()
			c.begin(c.nodes[0])
			<-died
			c.nodes[1].run()
			c.settled()
			if d := c.sms(c.ids[0]); d.State != tc.want || c.counts()[c.ids[0]] != 1 {
				t.Errorf("it left %d times and is %s, want once and %s", c.counts()[c.ids[0]], d.State, tc.want)
			}
		})
	}
}

// Nodes lose the database again and again, at any moment, COMMIT included.
func TestNodesOverABadNetwork(t *testing.T) {
	database := newSchema(t)
	var wires []*throwaway.Proxy
	var ways []string
	for range 3 {
		wire, way := wired(t, database)
		wires, ways = append(wires, wire), append(ways, way)
	}
	c := newCluster(t, database, ways, short)
	for _, n := range c.nodes {
		n.run()
	}
	var injuring sync.WaitGroup
	ctx, stop := context.WithCancel(context.Background())
	defer injuring.Wait()
	defer stop()
	for _, wire := range wires {
		injuring.Go(func() {
			for ctx.Err() == nil {
				<-time.After(rand.N(300 * time.Millisecond))
				wire.Cut()
				<-time.After(rand.N(50 * time.Millisecond))
				wire.Heal()
			}
		})
	}
	for range 100 {
		c.begin(c.world) // over a good one
		<-time.After(rand.N(40 * time.Millisecond))
	}
	stop()
	injuring.Wait()
	c.settled()
	sent := c.counts()
	for _, id := range c.ids {
		d := c.sms(id)
		ok := map[verify.DeliveryState]bool{
			verify.StateAccepted: sent[id] == 1,
			verify.StateUnknown:  sent[id] <= 1,
			verify.StateFailed:   sent[id] == 0, // on a machine so slow that it was twice too late to leave
		}
		if !ok[d.State] {
			t.Errorf("%s left %d times and is %s", id, sent[id], d.State)
		}
	}
}

// A node loses the database for a while, with a word or without one. What was
// created meanwhile leaves when it is back.
func TestADatabaseThatIsAway(t *testing.T) {
	for name, away := range map[string]func(*throwaway.Proxy){"cut off": (*throwaway.Proxy).Cut, "silent": (*throwaway.Proxy).Stall} {
		t.Run(name, func(t *testing.T) {
			database := newSchema(t)
			wire, way := wired(t, database)
			c := newCluster(t, database, []string{way})
			d, _ := c.nodes[0].run()
			c.begin(c.world)
			c.settled()
			away(wire)
			defer wire.Heal() // or nothing here would end
			for range 20 {
				c.begin(c.world)
			}
			eventually(t, "the node sees it", func() bool { return d.Stats().Failing })
			if n := len(c.script.list(verify.SMS)); n != 1 {
				t.Errorf("%d SMS left", n)
			}
			wire.Heal()
			c.settled()
			c.once()
		})
	}
}
