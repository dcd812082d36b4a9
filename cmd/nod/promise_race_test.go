package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// answers counts what many equal requests were told: a status, and the code of a
// refusal.
type answers map[string]int

func (a answers) String() string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(a)) {
		fmt.Fprintf(&b, "%d × %s, ", a[k], k)
	}
	return strings.TrimSuffix(b.String(), ", ")
}

// atOnce makes n equal requests in parallel, the i-th to node i modulo the
// nodes, and counts the answers. when holds each back; nil: none.
func (c *cluster) atOnce(t *testing.T, n int, method, path, credential string, body any, when func(i int) <-chan time.Time) answers {
	t.Helper()
	all := make(chan string, n)
	var ready, running sync.WaitGroup
	ready.Add(n)
	for i := range n {
		running.Go(func() {
			ready.Done()
			ready.Wait()
			if when != nil {
				<-when(i)
			}
			switch status, out, err := c.nodes[i%len(c.nodes)].try(t.Context(), method, path, credential, body); {
			case err != nil:
				all <- err.Error()
			case out.str("code") != "":
				all <- fmt.Sprintf("%d %s", status, out.str("code"))
			default:
				all <- fmt.Sprintf("%d ok=%v", status, out["ok"])
			}
		})
	}
	running.Wait()
	close(all)
	counted := answers{}
	for a := range all {
		counted[a]++
	}
	return counted
}

// busy is what a machine with no time left answers: ask again.
const busy = "503 unavailable"

// only fails the test unless n answers are yes and all others one of the
// refusals. What was not answered in time may be the yes.
func (a answers) only(t *testing.T, n int, yes string, refusals ...string) {
	t.Helper()
	if a[yes] > n || a[yes] < n-a[busy] {
		t.Errorf("%d answers are %s, want %d", a[yes], yes, n)
	}
	for k := range a {
		if k != yes && k != busy && !slices.Contains(refusals, k) {
			t.Errorf("an answer that nobody should get: %s", k)
		}
	}
}

// events counts the events of a verification by name.
func (d *door) events(v object) map[string]int {
	d.t.Helper()
	count := map[string]int{}
	for i, e := range d.do(200, "GET", pathOf(v)+"/timeline", nil).list("events") {
		count[e.str("name")]++
		if got := e.num("seq"); got != float64(i+1) {
			d.t.Errorf("event %d of %s has seq %v", i+1, v.str("verification_id"), got)
		}
	}
	return count
}

// TestPromiseOneResend: 50 people press "send again" on two nodes as the
// cooldown ends. One SMS leaves.
func TestPromiseOneResend(t *testing.T) {
	t.Parallel()
	c := newCluster(t, setup{settings: []string{"NOD_RESEND_DELAYS=2s,10s,20s"}})
	for round := range 3 {
		oneResend(t, c, fmt.Sprintf("+1415555%04d", 100+round))
	}
}

func oneResend(t *testing.T, c *cluster, to string) {
	v := c.ask(to, object{"phone_number": to, "channel": "sms"})
	var end time.Time
	eventually(t, "the first SMS has left", func() bool {
		out := c.status(v)
		end, _ = time.Parse(time.RFC3339, out.str("next_resend_at"))
		return out.num("cooldown_remaining") > 0
	})
	// Nodes and database share one clock here: the first half comes before the end.
	got := c.atOnce(t, 50, "POST", pathOf(v)+"/resend", page(v), object{}, func(i int) <-chan time.Time {
		return time.After(time.Until(end) + time.Duration(4*(i-25))*time.Millisecond)
	})
	t.Logf("50 resends over two nodes: %s", got)
	got.only(t, 1, "202 ok=<nil>", "429 cooldown", "409 in_progress")
	eventually(t, "the second SMS has left", func() bool { return c.status(v).num("cooldown_remaining") > 2 })
	c.outbox(to, 2)
	if n := len(c.sent(to)); n != 2 {
		t.Errorf("%d SMS left, the first one included", n)
	}
	if e := c.events(v); e["resend.requested"] != 1 || e["delivery.accepted"] != 2 {
		t.Errorf("events %v", e)
	}
}

// TestPromiseOneSuccess: the right code 64 times at once on two nodes is right
// once.
func TestPromiseOneSuccess(t *testing.T) {
	t.Parallel()
	c := newCluster(t, setup{})
	v := c.ask("u1", object{"phone_number": number, "channel": "sms"})
	code := c.outbox(number, 1).str("code")
	got := c.atOnce(t, 64, "POST", pathOf(v)+"/check", page(v), object{"code": code}, nil)
	t.Logf("64 right codes over two nodes: %s", got)
	got.only(t, 1, "200 ok=true", "409 already_decided")
	_, out := c.call("GET", pathOf(v), page(v), nil)
	got = c.atOnce(t, 64, "POST", pathOf(v)+"/exchange", c.asKey(), object{"result_token": out.str("result_token")}, nil)
	t.Logf("64 exchanges over two nodes: %s", got)
	got.only(t, 1, "200 ok=<nil>", "409 already_decided")
	if e := c.events(v); e["verification.approved"] != 1 || e["code.check_failed"] != 0 {
		t.Errorf("events %v", e)
	}
}

// TestPromiseThreeGuesses: of 200 wrong codes at once on two nodes three are
// compared, and the right one is too late.
func TestPromiseThreeGuesses(t *testing.T) {
	t.Parallel()
	c := newCluster(t, setup{})
	v := c.ask("u1", object{"phone_number": number, "channel": "sms"})
	code := c.outbox(number, 1).str("code")
	wrong := "000000"
	if code == wrong {
		wrong = "000001"
	}
	path := pathOf(v) + "/check"
	got := c.atOnce(t, 200, "POST", path, page(v), object{"code": wrong}, nil)
	t.Logf("200 guesses over two nodes: %s", got)
	got.only(t, 3, "200 ok=false", "429 too_many_attempts")
	if e := c.events(v); e["code.check_failed"] != 3 {
		t.Errorf("events %v", e)
	}
	c.atOnce(t, 2, "POST", path, page(v), object{"code": code}, nil).only(t, 2, "429 too_many_attempts")
}
