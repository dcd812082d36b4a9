package server_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"nod/server"
)

// from is a credential at an address.
func (w who) from(ip string) who { return w.with("RemoteAddr", ip) }

const (
	ana = "203.0.113.7:4711"
	bob = "203.0.113.8:4711"
)

// throttled runs a test with so many requests a minute, where time stands still.
func throttled(t *testing.T, perMinute int, test func(*door)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(open(t, func(c *server.Config) { c.RequestsPerMinute, c.Pages = perMinute, pages }))
	})
}

func TestThrottle(t *testing.T) {
	throttled(t, 60, func(d *door) {
		status := statusOf + "?phone_number=%2B14155550123"
		for range 60 {
			d.ask(d.user("ana").from(ana), "GET", status, nil).allow(200)
		}
		r := d.ask(d.user("ana").from(ana), "GET", status, nil).deny(429, "rate_limited").has("retry_after", 1)
		if r.header.Get("X-Request-Id") != "" || strings.Count(d.log.String(), `"msg":"request"`) != 60 {
			d.Error("a refused request got an id or a line in the log")
		}
		d.ask(nobody.from(ana), "GET", "/console", nil).deny(429, "rate_limited")
		d.ask(nobody.from(ana), "GET", "/nowhere", nil).deny(429, "rate_limited")
		d.ask(nobody.from(ana), "POST", "/api/v1/devices", "rubbish").deny(429, "rate_limited")
		// Another person, the integrator, the balancer and the files of pages go on.
		d.ask(d.user("ana").from(bob), "GET", status, nil).allow(200)
		for range 200 {
			d.ask(byKey.from(ana), "GET", "/api/v1/operator-acts", nil).allow(200)
		}
		for _, path := range []string{"/healthz", "/readyz", "/metrics", "/assets/main-1a2b.js"} {
			d.ask(nobody.from(ana), "GET", path, nil).allow(200)
		}
		d.pass(time.Second) // the bucket fills evenly: one a second
		d.ask(d.user("ana").from(ana), "GET", status, nil).allow(200)
		d.ask(d.user("ana").from(ana), "GET", status, nil).deny(429, "rate_limited")
		d.pass(time.Minute)
		for range 60 {
			d.ask(d.user("ana").from(ana), "GET", status, nil).allow(200)
		}
		d.ask(d.user("ana").from(ana), "GET", status, nil).deny(429, "rate_limited")
		if n := strings.Count(d.log.String(), "an address asks more"); n != 2 {
			d.Errorf("it was logged %d times, want once a minute", n)
		}
		if text := d.ask(nobody, "GET", "/metrics", nil).text; !strings.Contains(text, "nod_http_throttled_total 6") {
			d.Error("the refused ones are not counted as 6")
		}
		if strings.Contains(d.log.String(), "203.0.113") {
			d.Error("an address stands in the log")
		}
	})
}

// TestGuessesAreDear counts refused credentials as ten, of every kind.
func TestGuessesAreDear(t *testing.T) {
	for name, guess := range map[string]func(*door) reply{
		"an API key": func(d *door) reply {
			return d.ask(who{"Authorization": "Bearer " + apiKey + "x"}.from(ana), "POST", verifications, object{})
		},
		"a user token": func(d *door) reply {
			return d.ask(who{"Authorization": "Bearer x.y.z"}.from(ana), "GET", statusOf, nil)
		},
		"a client secret": func(d *door) reply { return d.ask(page("x").from(ana), "GET", verifications+"/ver_none", nil) },
		"a device token": func(d *door) reply {
			return d.ask(who{"Authorization": "Device x.y.z"}.from(ana), "GET", "/api/v1/prompts", nil)
		},
		"an enrollment": func(d *door) reply {
			p := d.blank()
			return d.ask(nobody.from(ana), "POST", "/api/v1/devices", p.application("nod_et_0123456789"))
		},
		"a console cookie": func(d *door) reply {
			return d.ask(who{"Cookie": "__Host-nod_console=x"}.from(ana), "GET", "/api/v1/operator-acts", nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			throttled(t, 60, func(d *door) {
				for range 6 {
					guess(d).deny(401, "unauthenticated")
				}
				guess(d).deny(429, "rate_limited")
				d.ask(d.user("ana").from(ana), "GET", statusOf+"?phone_number=%2B14155550123", nil).deny(429, "rate_limited")
				d.pass(time.Minute)
				guess(d).deny(401, "unauthenticated") // nothing is owed for more than a minute
			})
		})
	}
}

// TestOperatorBehindAFlood lets an operator work who sits at the address that floods,
// or behind a proxy that nobody named.
func TestOperatorBehindAFlood(t *testing.T) {
	throttled(t, 60, func(d *door) {
		opened := d.ask(byKey.from(ana), "POST", "/api/v1/console-sessions", nil).allow(201)
		console := who{"Authorization": "Bearer " + opened.str("token")}.from(ana)
		cookie, _, _ := strings.Cut(opened.header.Get("Set-Cookie"), ";")
		flood := func() {
			for range 61 {
				d.ask(nobody.from(ana), "GET", "/nowhere", nil)
			}
			d.ask(nobody.from(ana), "GET", "/nowhere", nil).deny(429, "rate_limited")
		}
		flood()
		for range 100 {
			d.ask(console, "GET", "/api/v1/operator-acts", nil).allow(200)
		}
		d.ask(who{"Cookie": cookie, "Origin": publicURL}.from(ana), "POST", searchFor, object{"query": number}).allow(200)
		d.ask(who{"Authorization": "Bearer x" + opened.str("token")}.from(ana), "GET", "/api/v1/operator-acts", nil).deny(429, "rate_limited")
		d.stop()
		d.pass(time.Hour) // the session has ended, and with it the favour
		flood()
		d.ask(console, "GET", "/api/v1/operator-acts", nil).deny(429, "rate_limited")
	})
}

// TestOnePersonsAddress counts what one home has as one, whatever it writes.
func TestOnePersonsAddress(t *testing.T) {
	throttled(t, 60, func(d *door) {
		for i := range 60 {
			d.ask(nobody.from(fmt.Sprintf("[2001:db8:0:7:%x::1]:1", i)), "GET", "/nowhere", nil).deny(404, "not_found")
		}
		d.ask(nobody.from("[2001:db8:0:7:ffff::2]:2"), "GET", "/nowhere", nil).deny(429, "rate_limited")
		d.ask(nobody.from("[2001:db8:0:8::1]:1"), "GET", "/nowhere", nil).deny(404, "not_found")
		for range 60 {
			d.ask(nobody.from("[::ffff:203.0.113.7]:1"), "GET", "/nowhere", nil).deny(404, "not_found")
		}
		d.ask(nobody.from(ana), "GET", "/nowhere", nil).deny(429, "rate_limited")
	})
}
