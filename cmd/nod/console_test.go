package main

import (
	"maps"
	"slices"
	"testing"
)

// console opens an operator's connection.
func (d *door) console() *socket {
	d.t.Helper()
	s := d.dial()
	s.next("challenge")
	s.send("auth", object{"token": d.do(201, "POST", "/api/v1/console-sessions", object{}).str("token")})
	s.next("welcome")
	return s
}

// pulse waits for a pulse in which this hour is as wanted.
func (s *socket) pulse(what string, wanted func(hour object) bool) (found object) {
	s.t.Helper()
	if err := s.hear("pulse", func(p object) bool { found = p; return wanted(p.obj("hour")) }); err != nil {
		s.t.Fatalf("no pulse in which %s: %v; the last one %v", what, err, found)
	}
	return found
}

// TestConsoleOfTwoNodes: a console on one node hears how both do, and what was
// counted of both. Whichever node counts, each sign-in is counted once.
func TestConsoleOfTwoNodes(t *testing.T) {
	t.Parallel()
	c := newCluster(t, setup{})
	console := c.nodes[0].console()
	phone := c.nodes[1].enroll("console-phone", nil).at(c.nodes[1].door).connect()
	phone.next("prompts")
	heard := map[string]object{}
	if err := console.hear("figures", func(f object) bool {
		heard[f.str("node")] = f
		sessions := object{}
		for _, f := range heard {
			maps.Copy(sessions, f.obj("sessions"))
		}
		return sessions.num("device") == 1 && sessions.num("console") == 1
	}); err != nil || len(heard) != 2 {
		t.Fatalf("%v; heard of %v", err, heard)
	}
	for i, d := range []*program{c.nodes[0], c.nodes[1], c.nodes[0]} {
		to := "+1415555017" + string(rune('0'+i))
		v := d.ask("console-"+to, object{"phone_number": to, "channel": "sms"})
		if status, out := d.call("POST", pathOf(v)+"/check", page(v), object{"code": c.outbox(to, 1).str("code")}); status != 200 {
			t.Fatalf("%d %v", status, out)
		}
	}
	p := console.pulse("three were approved", func(hour object) bool { return hour.num("approved") >= 3 })
	if hour := p.obj("hour"); hour.num("started") != 3 || hour.num("approved") != 3 || hour.num("success") != 1 {
		t.Errorf("this hour %v", hour) // or the test ran over the full hour
	}
	for _, p := range c.nodes {
		if lag := p.figure("nod_analytics_lag_seconds"); lag > deadline.Seconds() {
			t.Errorf("%v s behind", lag)
		}
		eventually(t, "nothing is due", func() bool { return p.figure("nod_queue_due") == 0 })
	}
}

// TestWithoutAnalytics: nothing is counted and a console is told so; it hears what
// waits all the same.
func TestWithoutAnalytics(t *testing.T) {
	t.Parallel()
	p := start(t, "ANALYTICS_ENABLED=false")
	p.ask("uncounted", object{"phone_number": number})
	pulse := p.console().next("pulse")
	if keys := slices.Sorted(maps.Keys(pulse)); pulse["enabled"] != false || !slices.Equal(keys, []string{"enabled", "queue", "server_time"}) {
		t.Errorf("pulse %v", pulse)
	}
	all, err := figuresOf(t.Context(), p.url)
	if err != nil {
		t.Fatal(err)
	}
	if _, told := all["nod_analytics_lag_seconds"]; told {
		t.Error("there is a figure of what is not counted")
	}
	if _, told := all["nod_queue_oldest_seconds"]; !told {
		t.Error("there is no figure of what waits")
	}
}
