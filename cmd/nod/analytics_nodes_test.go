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
	signIn := func(d *door) {
		t.Helper()
		people++
		to := digits(people)
		v := d.ask(fmt.Sprint("of-nodes-", people), object{"phone_number": to, "channel": "sms"})
		if status, out := d.call("POST", pathOf(v)+"/check", page(v), object{"code": c.outbox(to, 1).str("code")}); status != 200 || out["ok"] != true {
			t.Fatalf("%d %v", status, out)
		}
	}
	counted := func(on *program, n int) {
		t.Helper()
		var totals object
		eventually(t, fmt.Sprint(n, " are counted"), func() bool {
			totals = on.do(200, "GET", "/api/v1/analytics/overview?days=1", nil).obj("totals")
			return totals.num("verify_success") >= float64(n)
		})
		if totals.num("send_code") != float64(n) || totals.num("verify_success") != float64(n) {
			t.Errorf("%v of %d", totals, n)
		}
	}
	for range fewest {
		signIn(c.door) // by one node after the other
	}
	counted(c.nodes[0], people)

	c.exec(`create function hold() returns trigger language plpgsql as $$ begin perform pg_sleep(60); return new; end $$`)
	c.exec(`create trigger hold before update on tally_cursor for each row execute function hold()`) // the sums are written before it
	for range fewest {
		signIn(c.door)
	}
	dead, alive := c.worker(), c.nodes[0]
	if alive == dead {
		alive = c.nodes[1]
	}
	dead.kill()
	c.release()
	signIn(alive.door)
	counted(alive, people)
}
