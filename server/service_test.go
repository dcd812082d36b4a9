package server_test

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"

	"nod/server"
	"nod/verify"
)

// pages are a build as small as can be.
var pages = fstest.MapFS{
	"index.html":          {Data: []byte("<!doctype html>stage")},
	"login.html":          {Data: []byte("<!doctype html>login")},
	"phone.html":          {Data: []byte("<!doctype html>phone")},
	"console.html":        {Data: []byte("<!doctype html>console")},
	"assets/main-1a2b.js": {Data: []byte("export {}")},
	"phone-worker.js":     {Data: []byte("self.onpush = null")},
	"phone.webmanifest":   {Data: []byte(`{"name":"nod"}`)},
}

func TestPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		integrator := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "demo "+r.Method+" "+r.URL.Path)
		})
		d := open(t, func(c *server.Config) {
			c.Pages, c.Demo, c.AllowedOrigins = pages, integrator, []string{"https://shop.example"}
		})
		for path, word := range map[string]string{
			"/": "stage", "/login": "login", "/phone": "phone", "/console": "console", "/docs": "nod", "/phone?slot=2": "phone",
		} {
			r := d.ask(nobody, "GET", path, nil).allow(200)
			if !strings.Contains(r.text, word) || !strings.HasPrefix(r.header.Get("Content-Type"), "text/html") {
				t.Errorf("%s is %s: %.80s", path, r.header.Get("Content-Type"), r.text)
			}
			d.ask(nobody, "HEAD", path, nil).allow(200)
		}
		asset := d.ask(nobody, "GET", "/assets/main-1a2b.js", nil).allow(200)
		if asset.header.Get("Vary") != "Origin" || !strings.Contains(asset.header.Get("Cache-Control"), "immutable") || !strings.Contains(asset.header.Get("Content-Type"), "javascript") {
			t.Errorf("an asset comes with %v", asset.header)
		}
		for _, path := range []string{"/assets/none.js", "/assets/", "/assets/../index.html", "/assets/%2e%2e/index.html", "/index.html"} {
			d.ask(nobody, "GET", path, nil).deny(404, "not_found")
		}
		if r := d.ask(nobody, "POST", "/demo/people", object{}).allow(200); r.text != "demo POST /demo/people" {
			t.Error(r.text)
		}
		allowed := func(origin string) string {
			h := who{"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
			return d.ask(h, "OPTIONS", verifications, nil).header.Get("Access-Control-Allow-Origin")
		}
		for origin, want := range map[string]string{
			publicURL: publicURL, "https://shop.example": "https://shop.example",
			"https://mallory.example": "", "http://shop.example": "", "https://shop.example.mallory.example": "", "null": "",
		} {
			if got := allowed(origin); got != want {
				t.Errorf("%s is allowed as %q, want %q", origin, got, want)
			}
		}
	})
}

// TestPhoneIsAnApp serves what a browser asks for to install the phone and to wake
// it: under addresses that stay, so never from its memory.
func TestPhoneIsAnApp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, func(c *server.Config) { c.Pages, c.Demo = pages, http.NotFoundHandler() })
		for path, kind := range map[string]string{"/phone-worker.js": "text/javascript", "/phone.webmanifest": "application/manifest+json"} {
			h := d.ask(nobody, "GET", path, nil).allow(200).header
			if !strings.HasPrefix(h.Get("Content-Type"), kind) || h.Get("Cache-Control") != "no-cache" {
				t.Errorf("%s comes with %v", path, h)
			}
			// A worker lives under the policy that its own script came with.
			if !strings.Contains(h.Get("Content-Security-Policy"), "connect-src 'self'") {
				t.Errorf("%s may ask nobody: %v", path, h)
			}
		}
		policy := d.ask(nobody, "GET", "/phone", nil).allow(200).header.Get("Content-Security-Policy")
		for _, part := range []string{"worker-src 'self'", "manifest-src 'self'"} {
			if !strings.Contains(policy, part) {
				t.Errorf("the policy lacks %s: %s", part, policy)
			}
		}
	})
}

func TestPushKey(t *testing.T) {
	within(t, func(d *door) {
		if r := d.ask(nobody, "GET", "/api/v1/push-key", nil).allow(200); r.object["key"] != nil || len(r.object) != 1 {
			t.Errorf("without Web Push it is %s", r.text)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		point := strings.Repeat("B", 87)
		d := open(t, func(c *server.Config) { c.PushKey = point })
		d.ask(nobody, "GET", "/api/v1/push-key", nil).allow(200).has("key", point)
	})
}

// TestPagesHaveOneName leads those who call this machine otherwise to the name
// that its phones sign for.
func TestPagesHaveOneName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, func(c *server.Config) {
			c.Authority = verify.NewAuthority(c.Authority.Keys(), "http://127.0.0.1:8080")
			c.Pages, c.Demo = pages, http.NotFoundHandler()
		})
		for host, code := range map[string]int{
			"127.0.0.1:8080": 200, "localhost:8080": 307, "[::1]:8080": 307,
			"localhost:9090": 200, "nod.example:8080": 421, "a b": 421,
		} {
			r := d.ask(who{"Host": host}, "GET", "/phone?slot=2", nil).allow(code)
			if to := r.header.Get("Location"); code == 307 && to != "http://127.0.0.1:8080/phone?slot=2" {
				t.Errorf("%s is led to %s", host, to)
			}
		}
	})
}

func TestWithoutDemo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, func(c *server.Config) { c.Pages, c.Outbox, c.MetricsApart = pages, nil, true })
		if to := d.ask(nobody, "GET", "/", nil).allow(302).header.Get("Location"); to != "/console" {
			t.Errorf("/ leads to %s", to)
		}
		for _, path := range []string{"/login", "/phone", "/phone-worker.js", "/phone.webmanifest", "/demo/me", "/metrics"} {
			d.ask(nobody, "GET", path, nil).deny(404, "not_found")
		}
		d.ask(byKey, "GET", "/api/v1/outbox", nil).deny(404, "not_found")
	})
}

func TestFigures(t *testing.T) {
	within(t, func(d *door) {
		d.ask(nobody, "GET", "/nowhere/at/all", nil)
		d.ask(byKey, "GET", verifications+"/ver_1", nil)
		d.ask(who{}, "BREW", "/healthz", nil)
		text := d.ask(nobody, "GET", "/metrics", nil).allow(200).text
		for _, line := range []string{
			`nod_http_requests_total{method="GET",route="/api/v1/verifications/:id",status="404"} 1`,
			`nod_http_requests_total{method="other",`, `nod_http_request_seconds_bucket`, `nod_sockets_pending 0`,
		} {
			if !strings.Contains(text, line) {
				t.Errorf("/metrics lacks %s:\n%s", line, text)
			}
		}
		if strings.Contains(text, "ver_1") || strings.Contains(text, "/nowhere") {
			t.Error("a path that was asked stands in a metric")
		}
	})
}

func TestKeysArePublished(t *testing.T) {
	within(t, func(d *door) {
		r := d.ask(nobody, "GET", "/.well-known/jwks.json", nil).allow(200)
		key := r.object["keys"].([]any)[0].(object)
		if key["crv"] != "P-256" || key["alg"] != "ES256" || key["d"] != nil {
			t.Errorf("published %v", key)
		}
	})
}

func TestNothingSecretIsLogged(t *testing.T) {
	within(t, func(d *door) {
		p := d.phone("ana")
		v := d.ask(byKey, "POST", verifications, object{"user_id": "ana", "phone_number": number, "context": object{"location": "Lisbon"}}).allow(201)
		me, path := page(v.str("client_secret")), verifications+"/"+v.str("verification_id")
		d.settle()
		d.ask(me, "POST", path+"/next", nil).allow(202)
		code := d.code(number)
		user := d.user("ana")
		d.ask(user, "GET", statusOf+"?phone_number=%2B14155550123", nil).allow(200)
		device := p.me()
		d.ask(device, "GET", "/api/v1/prompts", nil).allow(200)
		done := d.ask(me, "POST", path+"/check", object{"code": code}).allow(200).has("ok", true)
		d.ask(byKey, "POST", path+"/exchange", object{"result_token": done.str("result_token")}).allow(200)
		session := d.ask(byKey, "POST", "/api/v1/console-sessions", nil).allow(201).str("token")
		d.must(d.close())
		d.ask(byKey, "POST", path+"/check", object{"code": code}).deny(503, "unavailable")

		log := d.log.String()
		for name, secret := range map[string]string{
			"the API key": apiKey, "a client secret": v.str("client_secret"), "a number": number[1:], "a code": `"` + code,
			"a result token": done.str("result_token"), "a user token": user["Authorization"][7:], "a device token": device["Authorization"][7:],
			"a console session": session, "a context": "Lisbon", "a query": "phone_number", "a match number": `"` + v.str("match_number") + `"`,
		} {
			if strings.Contains(log, secret) {
				t.Errorf("%s stands in the log", name)
			}
		}
		var line struct {
			Route  string `json:"route"`
			Status int    `json:"status"`
			ID     string `json:"request_id"`
		}
		first, _, _ := strings.Cut(log, "\n")
		d.must(json.Unmarshal([]byte(first), &line))
		if line.Route == "" || line.Status == 0 || !strings.HasPrefix(line.ID, "req_") {
			t.Errorf("a request is logged as %s", first)
		}
	})
}

func TestDescriptionIsWhole(t *testing.T) {
	within(t, func(d *door) {
		r := d.ask(nobody, "GET", "/openapi.json", nil).allow(200).has("openapi", "3.1.0")
		schemas := r.object["components"].(object)["schemas"].(object)
		for _, part := range strings.Split(r.text, `"$ref": "#/components/schemas/`)[1:] {
			name, _, _ := strings.Cut(part, `"`)
			if schemas[name] == nil {
				t.Errorf("%s is referred to and not described", name)
			}
		}
		for name, s := range schemas {
			if props, ok := s.(object)["properties"].(object); ok && props["$schema"] != nil {
				t.Errorf("%s asks for a $schema", name)
			}
		}
		ids := map[any]string{}
		for path, item := range r.object["paths"].(object) {
			for method, op := range item.(object) {
				o := op.(object)
				if other, twice := ids[o["operationId"]]; twice {
					t.Errorf("%s %s has the id of %s", method, path, other)
				}
				ids[o["operationId"]] = method + " " + path
				parameters, _ := o["parameters"].([]any)
				for _, part := range strings.Split(path, "{")[1:] {
					name, _, _ := strings.Cut(part, "}")
					if !slices.ContainsFunc(parameters, func(p any) bool { return p.(object)["in"] == "path" && p.(object)["name"] == name }) {
						t.Errorf("%s %s does not say what %s is", method, path, name)
					}
				}
				if o["responses"].(object)["default"] == nil || o["summary"] == "" {
					t.Errorf("%s %s is not described", method, path)
				}
			}
		}
		for _, path := range []string{sendCode, resendCode, verifyCode, changePhone, verifications, verifications + "/{id}/check", verifications + "/{id}/resend", verifications + "/{id}/next"} {
			for status, code := range map[string]string{"403": "blocked", "423": "locked", "429": "rate_limited"} {
				if text, _ := member(r.object, "paths", path, "post", "responses", status, "description").(string); !strings.Contains(text, code) {
					t.Errorf("of %s for %s it says %q", status, path, text)
				}
			}
		}
	})
}

// TestAnswersAreAsDescribed compares what is answered with the document's
// schemas: no field more, none that is required less.
func TestAnswersAreAsDescribed(t *testing.T) {
	within(t, func(d *door) {
		schemas := d.ask(nobody, "GET", "/openapi.json", nil).object["components"].(object)["schemas"].(object)
		described := func(name string, r reply) {
			t.Helper()
			s := schemas[name].(object)
			for field := range r.object {
				if s["properties"].(object)[field] == nil {
					t.Errorf("%s: %s is answered and not described", name, field)
				}
			}
			for _, field := range s["required"].([]any) {
				if _, ok := r.object[field.(string)]; !ok {
					t.Errorf("%s: %s is described and not answered", name, field)
				}
			}
		}
		p := d.phone("ana")
		v := d.ask(byKey, "POST", verifications, object{"user_id": "ana", "phone_number": number}).allow(201)
		path := verifications + "/" + v.str("verification_id")
		described("Status", v)
		described("Status", d.ask(page(v.str("client_secret")), "GET", path, nil).allow(200))
		described("PromptsAnswer", d.ask(p.me(), "GET", "/api/v1/prompts", nil).allow(200))
		described("RespondAnswer", p.answer(p.prompt(), "approve", v.str("match_number")).allow(200))
		described("Status", d.ask(byKey, "GET", path, nil).allow(200))
		described("Timeline", d.ask(byKey, "GET", path+"/timeline", nil).allow(200))
		token := d.ask(page(v.str("client_secret")), "GET", path, nil).str("result_token")
		described("Exchanged", d.ask(byKey, "POST", path+"/exchange", object{"result_token": token}).allow(200))
		described("EnrollAnswer", d.ask(byKey, "POST", "/api/v1/users/ana/enrollments", nil).allow(201))
		described("Device", d.ask(p.me(), "PATCH", "/api/v1/devices/"+p.id, object{"name": "x"}).allow(200))
		described("DevicesAnswer", d.ask(byKey, "GET", "/api/v1/users/ana/devices", nil).allow(200))
		described("PushKeyAnswer", d.ask(nobody, "GET", "/api/v1/push-key", nil).allow(200))
		described("OutboxAnswer", d.ask(byKey, "GET", "/api/v1/outbox", nil).allow(200))
		described("Token", d.ask(byKey, "POST", "/api/v1/console-sessions", nil).allow(201))
		described("Token", d.ask(byKey, "POST", "/api/v1/user-tokens", object{"user_id": "ana"}).allow(201))
		described("Problem", d.ask(byKey, "GET", verifications+"/none", nil).deny(404, "not_found"))
		found := d.ask(byKey, "POST", searchFor, object{"query": v.str("verification_id")}).allow(200)
		described("SearchAnswer", found)
		described("ConsoleRow", reply{TB: t, object: found.object["verifications"].([]any)[0].(object)})
		d.ask(byKey, "POST", path+"/block", nil).allow(204)
		noted := d.ask(byKey, "GET", "/api/v1/operator-acts", nil).allow(200)
		described("OperatorActsAnswer", noted)
		described("OperatorAct", reply{TB: t, object: noted.object["acts"].([]any)[0].(object)})
		described("PersonalData", d.ask(byKey, "GET", "/api/v1/users/ana/export", nil).allow(200))
		for _, of := range global {
			described(strings.ToUpper(of[:1])+of[1:]+"Answer", d.ask(byKey, "GET", "/api/v1/analytics/"+of, nil).allow(200))
		}
		described("Figures", d.ask(d.user("ana"), "GET", figuresOf, nil).allow(200))
	})
}

func TestJSONUnderAnyName(t *testing.T) {
	within(t, func(d *door) {
		for _, name := range []string{"", "application/json", "application/x-www-form-urlencoded", "text/plain;charset=UTF-8"} {
			d.ask(byKey.with("Content-Type", name), "POST", "/api/v1/user-tokens", object{"user_id": "ana"}).allow(201)
		}
	})
}
