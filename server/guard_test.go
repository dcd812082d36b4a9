package server_test

import (
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"nod/server"
	"nod/verify"
)

// TestHeaders looks at every kind of answer: pages, files, the API's, refusals of the
// router and of the throttle.
func TestHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, func(c *server.Config) {
			c.Pages, c.RequestsPerMinute = pages, 60
			c.Demo = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "demo") })
		})
		const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self' wss://nod.example; " +
			"worker-src 'self'; manifest-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors "
		always := map[string]string{
			"Content-Security-Policy": policy + "'none'", "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff",
			"Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
			"Permissions-Policy":        "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
			"Strict-Transport-Security": "max-age=31536000", "Cache-Control": "no-store", "Server": "", "X-Powered-By": "",
		}
		but := func(more map[string]string) map[string]string {
			all := maps.Clone(always)
			maps.Copy(all, more)
			return all
		}
		page := but(map[string]string{"Cache-Control": "no-cache"})
		framed := but(map[string]string{"Cache-Control": "no-cache", "Content-Security-Policy": policy + "'self'", "X-Frame-Options": "SAMEORIGIN"})
		kept := but(map[string]string{"Cache-Control": "public, max-age=31536000, immutable"})
		cases := []struct {
			method, path string
			code         int
			want         map[string]string
		}{
			{"GET", "/", 200, page}, {"GET", "/console", 200, page}, {"GET", "/login", 200, framed}, {"GET", "/phone", 200, framed},
			{"GET", "/docs", 200, always}, {"GET", "/assets/main-1a2b.js", 200, kept}, {"POST", "/demo/people", 200, always},
			{"GET", "/healthz", 200, always}, {"GET", "/openapi.json", 200, always}, {"GET", verifications + "/none", 401, always},
			{"GET", "/nowhere", 404, always}, {"PUT", verifications, 405, always}, {"POST", "/api/v1/devices", 422, always},
		}
		for range 2 { // the second time refused by the throttle, where it looks
			for _, c := range cases {
				r := d.ask(nobody, c.method, c.path, object{})
				want := c.want
				if r.code == 429 {
					want = always
					if strings.HasPrefix(c.path, "/login") || strings.HasPrefix(c.path, "/phone") {
						want = but(map[string]string{"Content-Security-Policy": policy + "'self'", "X-Frame-Options": "SAMEORIGIN"})
					}
				} else if r.code != c.code {
					t.Errorf("%s %s: %d, want %d", c.method, c.path, r.code, c.code)
				}
				for name, value := range want {
					if got := r.header.Get(name); got != value {
						t.Errorf("%s %s (%d): %s is %q, want %q", c.method, c.path, r.code, name, got, value)
					}
				}
			}
			for range 60 {
				d.ask(nobody, "GET", "/nowhere", nil)
			}
		}
	})
	synctest.Test(t, func(t *testing.T) { // no promise of https where there is none
		d := open(t, func(c *server.Config) {
			c.Authority = verify.NewAuthority(c.Authority.Keys(), "http://127.0.0.1:8080")
		})
		r := d.ask(nobody, "GET", "/healthz", nil).allow(200)
		if got := r.header.Get("Strict-Transport-Security"); got != "" {
			t.Errorf("HSTS over http: %q", got)
		}
		if policy := r.header.Get("Content-Security-Policy"); !strings.Contains(policy, "connect-src 'self' ws://127.0.0.1:8080;") {
			t.Errorf("the policy is %s", policy)
		}
	})
}

// TestConsoleCookieIsNoOrder sends an operator's cookie as browsers do from pages of
// all kinds: it counts where nod's own page asks, and nowhere else.
func TestConsoleCookieIsNoOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, func(c *server.Config) { c.AllowedOrigins = []string{"https://shop.example"} })
		opened := d.ask(byKey, "POST", "/api/v1/console-sessions", nil).allow(201)
		pair, rest, _ := strings.Cut(opened.header.Get("Set-Cookie"), "; ")
		if name, _, _ := strings.Cut(pair, "="); name != "__Host-nod_console" || rest != "Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Strict" {
			t.Errorf("the cookie is %s with %s", name, rest)
		}
		for _, c := range []struct {
			host, origin, site string
			reads, acts        bool
		}{
			{"", "", "", true, false}, // an old browser, or a program: it reads
			{"", publicURL, "", true, true},
			{"", "", "same-origin", true, true},
			{"", publicURL, "same-origin", true, true},
			{"", "", "none", true, false},       // typed by hand
			{"", "", "same-site", false, false}, // a sibling under the domain
			{"", "https://evil.nod.example", "same-site", false, false},
			{"", "", "cross-site", false, false},
			{"", "https://mallory.example", "cross-site", false, false},
			{"", publicURL, "cross-site", false, false},                  // they contradict each other
			{"", "https://mallory.example", "same-origin", false, false}, // likewise
			{"", "https://shop.example", "cross-site", false, false},     // may call, and is not the console
			{"", "https://shop.example", "", false, false},
			{"", "http://nod.example", "", false, false},
			{"", "https://nod.example:444", "", false, false},
			{"", "null", "", false, false},            // a sandbox, a file
			{"mallory.example", "", "", false, false}, // DNS rebinding
			{"mallory.example", "", "same-origin", false, false},
			{"mallory.example", publicURL, "same-origin", false, false},
		} {
			w := who{"Cookie": pair, "Host": c.host}
			for name, value := range map[string]string{"Origin": c.origin, "Sec-Fetch-Site": c.site} {
				if value != "" {
					w[name] = value
				}
			}
			said := strings.TrimSpace(c.host + " " + c.origin + " " + c.site)
			for _, ask := range []struct {
				method, path string
				body         any
				counts       bool
			}{
				{"GET", "/api/v1/operator-acts", nil, c.reads},
				{"POST", searchFor, object{"query": number}, c.acts},
				{"POST", verifications + "/ver_none/cancel", nil, c.acts},
			} {
				r := d.ask(w, ask.method, ask.path, ask.body)
				if !ask.counts {
					r.deny(401, "unauthenticated")
				} else if r.code == 401 {
					t.Errorf("%q: %s %s: %d", said, ask.method, ask.path, r.code)
				}
			}
			// The same session as a bearer is nobody's by accident.
			delete(w, "Cookie")
			d.ask(w.with("Authorization", "Bearer "+opened.str("token")), "POST", searchFor, object{"query": number}).allow(200)
		}
		_, token, _ := strings.Cut(pair, "=")
		// A sibling under the domain can plant a cookie without the prefix: it is none.
		d.ask(who{"Cookie": "nod_console=" + token}, "GET", "/api/v1/operator-acts", nil).deny(401, "unauthenticated")
	})
	synctest.Test(t, func(t *testing.T) { // on http browsers take no cookie with the prefix
		d := open(t, func(c *server.Config) {
			c.Authority = verify.NewAuthority(c.Authority.Keys(), "http://127.0.0.1:8080")
		})
		pair, _, _ := strings.Cut(d.ask(byKey, "POST", "/api/v1/console-sessions", nil).allow(201).header.Get("Set-Cookie"), ";")
		if !strings.HasPrefix(pair, "nod_console=") {
			t.Error("the cookie has another name")
		}
		d.ask(who{"Cookie": pair, "Host": "127.0.0.1:8080"}, "GET", "/api/v1/operator-acts", nil).allow(200)
	})
}

// TestForeignHost asks for pages and for the API under names that lead here.
func TestForeignHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, func(c *server.Config) {
			c.Pages, c.AllowedOrigins = pages, []string{"https://shop.example:8443"}
			c.Demo = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "demo") })
		})
		for host, ours := range map[string]bool{
			"nod.example": true, "NOD.example": true, "nod.example.": true, "nod.example:443": true, "nod.example:8080": true,
			"shop.example": true, "127.0.0.1:9090": true, "10.1.2.3": true, "[::1]:8080": true, "localhost:8080": true, "app.localhost": true,
			"mallory.example": false, "nod.example.mallory.example": false, "xnod.example": false, "nod": false, "nod.svc.cluster.local:8080": false,
			"127.0.0.1.mallory.example": false, "localhost.mallory.example": false, "nod.example@mallory.example": false, "a b": false,
		} {
			for _, path := range []string{"/", "/login", "/phone", "/console", "/demo/me"} {
				r := d.ask(who{"Host": host}, "GET", path, nil)
				if ours {
					r.allow(200)
				} else {
					r.deny(421, "misdirected")
				}
			}
			// An integrator in the network, a balancer and a scraper may call nod as they like.
			d.ask(byKey.with("Host", host), "GET", "/api/v1/operator-acts", nil).allow(200)
			d.ask(d.user("ana").with("Host", host), "GET", statusOf+"?phone_number=%2B14155550123", nil).allow(200)
			d.ask(who{"Host": host}, "GET", "/readyz", nil).allow(200)
			d.ask(who{"Host": host}, "GET", "/metrics", nil).allow(200)
		}
	})
}
