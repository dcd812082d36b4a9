package main

import (
	"fmt"
	"testing"
)

// TestCounterKilled: of two nodes one dies as it writes what it counted. Nothing of it
// is lost, and nothing of it is counted twice, whoever comes first afterwards.
func TestCounterKilled(t *testing.T) {
	t.Parallel()
	c := newCluster(t, setup{})
	people := 0
	begin := func(d *door, n int) {
		t.Helper()
		for range n {
			people++
			d.ask(fmt.Sprint("of-nodes-", people), object{"phone_number": digits(people), "channel": "sms"})
		}
	}
	counted := func(on *program, n int) {
		t.Helper()
		started := 0.0
		eventually(t, fmt.Sprint(n, " are counted"), func() bool {
			started = on.do(200, "GET", "/api/v1/analytics/overview?days=1", nil).obj("totals").num("send_code")
			return started >= float64(n)
		})
		if started != float64(n) {
			t.Errorf("%v are counted of %d", started, n)
		}
	}
	begin(c.door, fewest) // by one node after the other
	counted(c.nodes[0], people)

	c.exec(`create function hold() returns trigger language plpgsql as $$ begin perform pg_sleep(60); return new; end $$`)
	c.exec(`create trigger hold before update on tally_cursor for each row execute function hold()`) // behind the sums
	begin(c.door, fewest)
	dead, alive := c.worker(), c.nodes[0]
	if alive == dead {
		alive = c.nodes[1]
	}
	dead.kill()
	c.release()
	begin(alive.door, 1)
	counted(alive, people)
}
