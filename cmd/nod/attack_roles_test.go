package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// call is one that /openapi.json describes.
type call struct {
	method, path string
	who          []string
	fields       []string // of its body
}

func (c call) String() string { return c.method + " " + c.path }

// aboutOneself are calls that can name nobody else's things.
func (c call) aboutOneself() bool {
	return !strings.Contains(c.path, "{") && !slices.Contains(c.fields, "verification_id") && !strings.HasSuffix(c.path, "-status")
}

// described are all calls of the document.
func (s *siege) described() (all []call) {
	s.t.Helper()
	_, doc := s.call("GET", "/openapi.json", "", nil)
	schemas := doc.obj("components").obj("schemas")
	for path, item := range doc.obj("paths") {
		operations, _ := item.(map[string]any)
		for method, operation := range operations {
			op := object(operation.(map[string]any))
			c := call{method: strings.ToUpper(method), path: path}
			names, _ := op["x-who"].([]any)
			for _, name := range names {
				c.who = append(c.who, name.(string))
			}
			schema := op.obj("requestBody").obj("content").obj("application/json").obj("schema")
			if ref := schema.str("$ref"); ref != "" {
				schema = schemas.obj(ref[strings.LastIndex(ref, "/")+1:])
			}
			c.fields = slices.Sorted(maps.Keys(schema.obj("properties")))
			all = append(all, c)
		}
	}
	if len(all) < 45 {
		s.t.Fatalf("the document describes %d calls only", len(all))
	}
	return all
}

// victim is somebody with one of everything that a call can be about.
type victim struct {
	user, number  string
	v             object // an open verification
	prompt        object
	device        *puppet
	trusted, hook string
}

func (s *siege) victim() *victim {
	s.t.Helper()
	user, number := s.person()
	o := &victim{user: "victim-of-" + user, number: number}
	o.device = s.puppet(o.user)
	v := s.ask(o.user, object{"context": object{"ip": "198.51.100.7"}})
	o.device.asks("POST", "/api/v1/prompts/"+v.str("verification_id")+"/respond", object{"token": o.device.answer(o.device.shown(v), v.str("match_number")).token()})
	_, now := s.call("GET", pathOf(v), page(v), nil)
	s.do(200, "POST", pathOf(v)+"/exchange", object{"result_token": now.str("result_token"), "remember_device": true})
	trusted := s.do(200, "GET", "/api/v1/users/"+o.user+"/trusted-devices", nil).list("trusted_devices")
	o.trusted = trusted[0].str("id")
	o.v = s.ask(o.user, object{"phone_number": number, "channel": "both"})
	s.carriers.taken("twilio", number, 1)
	s.becomes(o.v, "sms", "delivered")
	o.prompt = o.device.shown(o.v)
	o.hook = s.do(200, "GET", "/api/v1/webhooks", nil).list("messages")[0].str("id")
	return o
}

// address is a call's, about the victim.
func (o *victim) address(c call) string {
	id := o.v.str("verification_id")
	switch {
	case strings.Contains(c.path, "/trusted-devices/"):
		id = o.trusted
	case strings.Contains(c.path, "/devices/"):
		id = o.device.id
	case strings.Contains(c.path, "/webhooks/"):
		id = o.hook
	}
	return strings.NewReplacer("{id}", id, "{user_id}", o.user,
		"{verification_id}", o.v.str("verification_id"), "{provider}", "twilio").Replace(c.path) +
		"?verification_id=" + o.v.str("verification_id")
}

// body is a call's, about the victim: good, but for credentials that nobody has.
func (o *victim) body(c call) object {
	all := object{
		"user_id": o.user, "verification_id": o.v.str("verification_id"), "code": "000000",
		"delivery_id": o.prompt.str("delivery_id"), "token": o.device.answer(o.prompt, "").with("decision", "deny").token(),
		"result_token": "nod_rt_x", "channel_preference": "push", "since": "2026-01-01T00:00:00Z", "name": "stolen", "query": o.number,
		"old_phone_number": o.number, "new_phone_number": "+13035550199", "phone_number": o.number,
		"kind": "user", "value": o.user, "channel": "sms",
	}
	if slices.Contains(c.fields, "verification_id") {
		delete(all, "phone_number") // one of the two
	}
	body := object{}
	for _, name := range c.fields {
		if value, ok := all[name]; ok {
			body[name] = value
		}
	}
	return body
}

// state is what must stay as it is.
func (o *victim) state(s *siege) string {
	s.t.Helper()
	v := s.status(o.v)
	user := "/api/v1/users/" + o.user
	settings := s.do(200, "GET", user+"/settings", nil)
	return fmt.Sprint(v["status"], v["stage"], v["seq"], v["attempts_remaining"], v["resend_count"], len(s.told(o.v)), s.do(200, "GET", user+"/devices", nil)["devices"], s.do(200, "GET", user+"/trusted-devices", nil)["trusted_devices"], settings["channel_preference"], settings["locale"])
}

// roles: every call of the document as everybody. Whoever it does not name is
// turned away at the door; whoever it names finds nothing of others there.
func (s *siege) roles() {
	t := s.t
	o := s.victim()
	mallory, number := s.person()
	own := s.ask(mallory, object{"phone_number": number, "channel": "sms"})
	device := s.puppet("mallory")
	gone := s.puppet("mallory")
	s.do(204, "DELETE", "/api/v1/devices/"+gone.id, nil)
	_, other := s.person()
	asMallory := "Authorization: Bearer " + s.do(201, "POST", "/api/v1/user-tokens", object{"user_id": "mallory"}).str("token")
	_, replaced := s.call("POST", onboarding+"send-verification", asMallory+"\n"+s.stranger(), object{"phone_number": other})
	if status, _ := s.call("POST", onboarding+"send-verification", asMallory+"\n"+s.stranger(), object{"phone_number": other}); status != 200 {
		t.Fatalf("the secret was not replaced: %d", status)
	}
	console := "Authorization: Bearer " + s.do(201, "POST", "/api/v1/console-sessions", nil).str("token")
	type somebody struct {
		name, role string
		credential func() string
	}
	as := func(credential string) func() string { return func() string { return credential } }
	strangers := []somebody{
		{"nobody", "", as("Accept: */*")},
		{"another user", "user", as(asMallory)},
		{"another user of the integrator's", "user", as("Authorization: Bearer " + s.bank.token("mallory", s.bank.ec).token())},
		{"the page of another", "page", as(page(own))},
		{"a page whose secret was replaced", "", as(page(replaced))},
		{"another device", "device", func() string { return "Authorization: Device " + device.rest().token() }},
		{"a revoked device", "", func() string { return "Authorization: Device " + gone.rest().token() }},
		{"somebody with half a key", "", as(s.asKey()[:len(s.asKey())-1])},
		{"a console", "console", as(console)},
	}
	calls := s.described()
	before := o.state(s)
	for _, c := range calls {
		if slices.Contains(c.who, "public") {
			continue
		}
		for _, who := range strangers {
			named := slices.Contains(c.who, who.role)
			if named && who.role == "console" {
				continue // may do what the document says, for it is the operator's
			}
			status, out, err := s.try(t.Context(), c.method, o.address(c), who.credential()+"\n"+s.stranger(), o.body(c))
			switch {
			case err != nil:
				t.Errorf("%s as %s: %v", c, who.name, err)
			case status == 401, status == 403, named && (status == 404 || c.aboutOneself() && status < 500):
			default:
				t.Errorf("%s as %s: %d %v", c, who.name, status, out)
			}
			for what, word := range map[string]string{"number": o.number[1:], "device": o.device.id, "name": o.user} {
				if strings.Contains(fmt.Sprint(out), word) {
					t.Errorf("%s tells %s the victim's %s", c, who.name, what)
				}
			}
		}
	}
	if after := o.state(s); after != before {
		t.Errorf("strangers changed\n%s\nto\n%s", before, after)
	}
	s.welcomes(calls, map[string]func() string{
		"key": as(s.asKey()), "user": as(asMallory), "page": as(page(own)), "console": as(console),
		"device": func() string { return "Authorization: Device " + device.rest().token() },
	})
}

// welcomes wants everybody whom the document names let through to what they ask
// for, which is not there, or is asked wrongly.
func (s *siege) welcomes(calls []call, credentials map[string]func() string) {
	s.t.Helper()
	nothing := strings.NewReplacer("{id}", "none", "{user_id}", "nobody", "{verification_id}", "none")
	for _, c := range calls {
		for _, role := range c.who {
			if role == "public" || strings.HasSuffix(c.path, "/webhooks/test") || strings.HasSuffix(c.path, "/webhooks/enable") {
				continue
			}
			status, out := s.call(c.method, nothing.Replace(c.path), credentials[role]()+"\n"+s.stranger(), object{"rubbish": true})
			if status == 401 || status == 403 {
				s.t.Errorf("%s as %s: %d %v", c, role, status, out)
			}
		}
	}
}
