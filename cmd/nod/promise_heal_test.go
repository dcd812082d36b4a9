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

// healPromise is how late an event may be that Redis lost; a slow machine gets as
// much again before the test fails. What was measured is logged.
const healPromise = 3 * time.Second

// TestRedisInjured: whatever becomes of Redis, what is decided on one node is
// heard on the other, and no SMS leaves because of it.
func TestRedisInjured(t *testing.T) {
	t.Parallel()
	do := func(words ...string) func(*cluster) error {
		return func(c *cluster) error {
			_, err := c.redis.Do(words...)
			return err
		}
	}
	plain := func(act func(*cluster)) func(*cluster) error {
		return func(c *cluster) error { act(c); return nil }
	}
	for name, injury := range map[string]struct{ harm, mend func(*cluster) error }{
		"stopped":   {plain(func(c *cluster) { c.redis.Stop() }), func(c *cluster) error { return c.redis.Start() }},
		"paused":    {plain(func(c *cluster) { c.redis.Pause() }), plain(func(c *cluster) { c.redis.Resume() })},
		"emptied":   {do("FLUSHALL"), do("PING")},
		"read-only": {do("REPLICAOF", "127.0.0.1", "1"), do("REPLICAOF", "NO", "ONE")}, // of a master that is dead
		"half-open": {plain(func(c *cluster) { c.redisNet.Stall() }), plain(func(c *cluster) { c.redisNet.Heal() })},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, setup{ownRedis: true})
			act := func(how func(*cluster) error) {
				t.Helper()
				if err := how(c); err != nil {
					t.Fatal(err)
				}
			}
			before := c.gather("before")
			act(injury.harm)
			before.decide()
			c.gather("meanwhile").decide() // who comes while Redis is away is in no register
			act(injury.mend)
			c.gather("after").decide()
		})
	}
}

// audience are pages and phones on the second node that wait for what will be
// decided on the first.
type audience struct {
	c    *cluster
	name string

	answering          *phone
	shown, v           object // what it was shown, and the verification that two pages wait for
	page               *socket
	stream             *stream
	asked, told, going *phone // one that will get a prompt, one that has one, one that will be revoked
	prompted           object
	sockets            map[*phone]*socket

	mu   sync.Mutex
	late map[string]time.Duration
}

// gather connects an audience.
func (c *cluster) gather(name string) *audience {
	c.t.Helper()
	a, b := c.nodes[0].door, c.nodes[1].door
	au := &audience{c: c, name: name, sockets: map[*phone]*socket{}, late: map[string]time.Duration{}}
	connected := func(user string) *phone {
		ph := a.enroll(name+user, nil).at(b)
		au.sockets[ph] = ph.connect()
		au.sockets[ph].next("prompts")
		return ph
	}
	au.answering = a.enroll(name+"answering", nil)
	au.v = a.ask(name+"answering", nil)
	au.page, au.stream = b.watch(au.v, nil), b.follow(pathOf(au.v)+"/events", page(au.v))
	au.page.next("snapshot")
	for _, p := range au.answering.prompts() {
		au.shown = p
	}
	au.asked, au.told, au.going = connected("asked"), connected("told"), connected("going")
	au.prompted = a.ask(name+"told", nil)
	au.sockets[au.told].next("prompt")
	return au
}

// decide makes all of it happen on the first node and waits until the second one
// has told everybody.
func (au *audience) decide() {
	t, a := au.c.t, au.c.nodes[0].door
	t.Helper()
	var all sync.WaitGroup
	expect := func(what string, hear func() error) {
		begun := time.Now()
		all.Go(func() {
			err := hear()
			took := time.Since(begun)
			if err != nil || took > 2*healPromise {
				t.Errorf("%s: %s after %s: %v", au.name, what, took, err)
			}
			au.mu.Lock()
			defer au.mu.Unlock()
			au.late[what] = took
		})
	}
	expect("result on a socket", func() error { return au.page.hear("result", func(object) bool { return true }) })
	expect("result on a stream", func() error { return au.stream.hear("result") })
	expect("prompt closed", func() error { return au.sockets[au.told].hear("prompt_closed", about(au.prompted)) })
	expect("revoked", func() error {
		return au.sockets[au.going].hear("bye", func(bye object) bool { return bye.str("reason") == "revoked" })
	})
	asked := a.ask(au.name+"asked", object{"phone_number": number})
	expect("prompt", func() error { return au.sockets[au.asked].hear("prompt", about(asked)) })
	respond := "/api/v1/prompts/" + au.v.str("verification_id") + "/respond"
	if _, out := a.call("POST", respond, au.answering.rest(), au.answering.answer(au.shown, "approve", au.v.str("match_number"))); out["accepted"] != true {
		t.Fatalf("the answer: %v", out)
	}
	a.do(200, "POST", pathOf(au.prompted)+"/cancel", object{})
	a.do(204, "DELETE", "/api/v1/devices/"+au.going.ID, nil)
	all.Wait()
	// The phone is connected, whatever Redis knows of it: its number is not used.
	if n := au.c.number("select count(*) from deliveries where channel = 'sms'"); n != 0 {
		t.Errorf("%s: %d SMS were started", au.name, n)
	}
	a.do(200, "POST", pathOf(asked)+"/cancel", object{})
	var words []string
	for _, what := range slices.Sorted(maps.Keys(au.late)) {
		words = append(words, fmt.Sprint(what, " ", au.late[what].Round(10*time.Millisecond)))
	}
	t.Logf("promise 2, %s (promised: %s): %s", au.name, healPromise, strings.Join(words, ", "))
}
