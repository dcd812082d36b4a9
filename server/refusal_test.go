package server_test

import (
	"errors"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"nod/server"
	"nod/verify"
)

func TestBadInput(t *testing.T) {
	d := open(t, nil)
	login := func(field string, value any) object {
		return object{"user_id": "ana", "phone_number": number, field: value}
	}
	long := strings.Repeat("a", 70<<10)
	ana, p := d.user("ana"), d.phone("ana")
	for name, c := range map[string]struct {
		who   who
		path  string
		body  any
		code  int
		is    string
		field any
	}{
		"not JSON":          {byKey, verifications, "{user_id: ana}", 400, "invalid_json", nil},
		"half JSON":         {byKey, verifications, `{"user_id":"ana"`, 400, "invalid_json", nil},
		"two documents":     {byKey, verifications, `{"user_id":"ana"}{}`, 400, "invalid_json", nil},
		"nothing":           {byKey, verifications, nil, 400, "invalid_json", nil},
		"a list":            {byKey, verifications, "[]", 422, "invalid_request", nil},
		"null":              {byKey, verifications, "null", 422, "invalid_request", nil},
		"too much":          {byKey, verifications, login("binding_message", long), 413, "payload_too_large", nil},
		"unknown field":     {byKey, verifications, login("phone", number), 422, "unknown_field", "phone"},
		"other spelling":    {byKey, verifications, login("User_ID", "bob"), 422, "unknown_field", "User_ID"},
		"a value as field":  {byKey, verifications, login(number, true), 422, "unknown_field", nil},
		"unknown inside":    {byKey, verifications, login("context", object{"city": "Lisbon"}), 422, "unknown_field", "context.city"},
		"unknown in empty":  {byKey, "/api/v1/users/ana/enrollments", object{"ttl": 1}, 422, "unknown_field", "ttl"},
		"missing":           {byKey, verifications, object{"phone_number": number}, 422, "invalid_request", "user_id"},
		"empty":             {byKey, verifications, object{"user_id": ""}, 422, "invalid_request", "user_id"},
		"129 characters":    {byKey, verifications, object{"user_id": strings.Repeat("ä", 129)}, 422, "invalid_request", "user_id"},
		"control character": {byKey, verifications, object{"user_id": "a\x00b"}, 422, "invalid_request", "user_id"},
		"two dots":          {byKey, verifications, object{"user_id": ".."}, 422, "invalid_request", "user_id"},
		"no mail address":   {byKey, verifications, login("email", "Ana <ana@example.com>"), 422, "invalid_request", "email"},
		"empty number":      {byKey, verifications, login("phone_number", ""), 422, "invalid_phone", "phone_number"},
		"number for text":   {byKey, verifications, login("binding_message", 7), 422, "invalid_request", "binding_message"},
		"text for object":   {byKey, verifications, login("context", "Lisbon"), 422, "invalid_request", "context"},
		"text for bool":     {byKey, verifications, login("require_user_verification", "yes"), 422, "invalid_request", "require_user_verification"},
		"141 characters":    {byKey, verifications, login("binding_message", strings.Repeat("b", 141)), 422, "invalid_request", "binding_message"},
		"no such purpose":   {byKey, verifications, login("purpose", "payment"), 422, "invalid_request", "purpose"},
		"no such channel":   {byKey, verifications, login("channel", "pigeon"), 422, "invalid_request", "channel"},
		"no such match":     {byKey, verifications, login("match", "tapped"), 422, "invalid_request", "match"},
		"no locale":         {byKey, verifications, login("locale", "klingon, please"), 422, "invalid_request", "locale"},
		"no address":        {byKey, verifications, login("context", object{"ip": "300.1.1.1"}), 422, "invalid_request", "context.ip"},
		"push for a number": {byKey, verifications, object{"user_id": "ana", "purpose": "phone", "phone_number": number, "channel": "push"}, 422, "invalid_request", "channel"},
		"no number":         {byKey, verifications, object{"user_id": "ana", "purpose": "phone"}, 422, "invalid_phone", "phone_number"},
		"nobody to ask":     {byKey, verifications, object{"user_id": "stranger"}, 422, "no_channel", nil},
		"national number":   {byKey, verifications, login("phone_number", "0171 5550123"), 422, "invalid_phone", "phone_number"},
		"short number":      {ana, sendCode, object{"phone_number": "+1415"}, 422, "invalid_phone", "phone_number"},
		"number as number":  {ana, sendCode, object{"phone_number": 14155550123}, 422, "invalid_request", "phone_number"},
		"app for a number":  {ana, sendCode, object{"phone_number": number, "channel": "both"}, 422, "invalid_request", "channel"},
		"neither":           {ana, verifyCode, object{"code": "123456"}, 422, "invalid_request", "verification_id"},
		"letters":           {ana, verifyCode, object{"phone_number": number, "code": "12345O"}, 422, "invalid_request", "code"},
		"number for code":   {ana, verifyCode, object{"phone_number": number, "code": 123456}, 422, "invalid_request", "code"},
		"never sent":        {ana, verifyCode, object{"phone_number": number, "code": "123456"}, 404, "not_found", nil},
		"too long a life":   {byKey, "/api/v1/user-tokens", object{"user_id": "ana", "ttl": 3601}, 422, "invalid_request", "ttl"},
		"no life":           {byKey, "/api/v1/user-tokens", object{"user_id": "ana", "ttl": -1}, 422, "invalid_request", "ttl"},
		"no search":         {byKey, searchFor, object{}, 422, "invalid_request", "query"},
		"two searches":      {byKey, searchFor, object{"query": number, "phone_number": number}, 422, "unknown_field", "phone_number"},
		"a block of two":    {byKey, "/api/v1/users/ana/block", []string{"bob"}, 422, "invalid_request", nil},
		"no one to unlock":  {byKey, verifications + "/ver_1/unlock", nil, 404, "not_found", nil},
		"no such prompt":    {p.me(), "/api/v1/prompts/ver_1/ack", object{"delivery_id": "dlv_1"}, 404, "not_found", nil},
		"rubbish answer":    {p.me(), "/api/v1/prompts/ver_1/respond", object{"token": "yes"}, 401, "unauthenticated", nil},
	} {
		t.Run(name, func(t *testing.T) {
			d := d.under(t)
			r := d.ask(c.who, "POST", c.path, c.body).deny(c.code, c.is)
			if r.object["field"] != c.field {
				t.Errorf("the field at fault is %v, want %v", r.object["field"], c.field)
			}
		})
	}
}

func TestRefusedValuesAreNotRepeated(t *testing.T) {
	within(t, func(d *door) {
		const canary = "canary-7f3a"
		ana := d.user("ana")
		for _, r := range []reply{
			d.ask(byKey, "POST", verifications, object{"user_id": canary, "purpose": canary}),
			d.ask(byKey, "POST", verifications, object{"user_id": canary, "phone_number": canary}),
			d.ask(byKey, "POST", verifications, object{"user_id": []string{canary}}),
			d.ask(byKey, "POST", verifications, `{"user_id":"`+canary+`",}`),
			d.ask(ana, "POST", sendCode, object{"phone_number": canary}),
			d.ask(ana, "POST", verifyCode, object{"phone_number": number, "code": canary}),
			d.ask(ana, "GET", statusOf+"?phone_number="+canary, nil),
			d.ask(ana, "GET", statusOf+"?verification_id="+canary, nil),
			d.ask(ana, "GET", statusOf+"?phone_number=%2B14155550123&wait="+canary, nil),
			d.ask(byKey, "GET", verifications+"/"+canary, nil),
			d.ask(byKey, "GET", "/"+canary, nil),
			d.ask(byKey, "POST", searchFor, object{"query": canary}),
			d.ask(byKey, "POST", searchFor, object{"query": number, canary: number}),
			d.ask(byKey, "GET", "/api/v1/analytics/overview?days="+canary, nil),
			d.ask(byKey, "POST", verifications+"/"+canary+"/block", nil),
			d.ask(byKey, "DELETE", "/api/v1/users/"+canary+"%00", nil),
			d.ask(who{"Authorization": "Bearer " + canary}, "GET", verifications+"/x", nil),
			d.ask(byKey, "POST", "/api/v1/devices", object{"enrollment_token": canary, "name": "n", "platform": "web", "proof": "p",
				"sign_jwk": object{"kty": canary}}),
		} {
			if r.code < 400 || strings.Contains(r.text, canary) {
				t.Errorf("%d %s", r.code, r.text)
			}
		}
	})
}

func TestRouterRefusesWithProblems(t *testing.T) {
	within(t, func(d *door) {
		d.ask(nobody, "GET", "/nowhere", nil).deny(404, "not_found")
		d.ask(nobody, "GET", "/api/v1/nowhere", nil).deny(404, "not_found")
		d.ask(nobody, "GET", "/assets/nothing.js", nil).deny(404, "not_found")
		d.ask(nobody, "GET", "/console", nil).deny(503, "unavailable")
		r := d.ask(byKey, "PUT", verifications, object{}).deny(405, "method_not_allowed")
		if allow := r.header.Get("Allow"); !strings.Contains(allow, "POST") {
			t.Errorf("Allow is %q", allow)
		}
		d.ask(byKey, "GET", "/api/v1/users/a%2Fb/devices", nil).allow(200)
	})
}

// broken are pages that panic.
type broken struct{}

func (broken) Open(string) (fs.File, error) { panic("secret-of-a-panic") }

func TestPanicTellsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, func(c *server.Config) { c.Pages = broken{} })
		r := d.ask(nobody, "GET", "/console", nil).deny(500, "internal")
		if strings.Contains(r.text, "secret-of-a-panic") {
			t.Error(r.text)
		}
		if !strings.Contains(d.log.String(), "secret-of-a-panic") {
			t.Error("the operator is told nothing")
		}
	})
}

func TestStoreInTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, nil)
		ana := d.user("ana")
		d.ask(nobody, "GET", "/readyz", nil).allow(200)
		d.must(d.close())
		for _, r := range []reply{
			d.ask(byKey, "POST", verifications, object{"user_id": "ana", "phone_number": number}),
			d.ask(ana, "POST", sendCode, object{"phone_number": number}),
			d.ask(byKey, "GET", "/api/v1/analytics/overview", nil),
			d.ask(byKey, "GET", "/api/v1/users/ana/export", nil),
			d.ask(byKey, "DELETE", "/api/v1/users/ana", nil),
			d.ask(byKey, "POST", "/api/v1/users/ana/block", nil),
			d.ask(byKey, "POST", searchFor, object{"query": number}),
			d.ask(nobody, "GET", "/readyz", nil),
		} {
			r.deny(503, "unavailable")
			if r.header.Get("Retry-After") == "" {
				t.Error("nobody is told when to come back")
			}
		}
		d.ask(nobody, "GET", "/healthz", nil).allow(200)
	})
}

func TestDevicesAreGuarded(t *testing.T) {
	within(t, func(d *door) {
		enroll := func() string {
			return d.ask(byKey, "POST", "/api/v1/users/ana/enrollments", nil).allow(201).str("enrollment_token")
		}
		join := func(a object) reply { return d.ask(nobody, "POST", "/api/v1/devices", a) }
		p := d.blank()
		token := enroll()
		forged := p.application(token)
		forged["proof"] = d.blank().application(token)["proof"]
		join(forged).deny(401, "unauthenticated").at("proof")
		foreign := p.application(token)
		foreign["proof"] = p.application(enroll())["proof"]
		join(foreign).deny(401, "unauthenticated").at("proof")
		private := p.application(token)
		private["sign_jwk"] = object{"kty": "oct", "k": "AAAA"}
		join(private).deny(422, "invalid_request").at("sign_jwk")
		odd := p.application(token)
		odd["encrypt_jwk"] = object{"kty": "EC"}
		join(odd).deny(422, "invalid_request").at("encrypt_jwk")
		join(object{"enrollment_token": "nod_en_x", "name": "n", "platform": "web", "sign_jwk": object{}, "proof": "p"}).
			deny(401, "unauthenticated").at("enrollment_token")

		joined := join(p.application(token)).allow(201).has("user_id", "ana")
		p.id = joined.str("id")
		if keys := joined.object["jwks"].(object)["keys"].([]any); len(keys) != 1 {
			t.Errorf("%d keys, want 1", len(keys))
		}
		join(p.application(token)).deny(409, "conflict").at("enrollment_token")
		late := enroll()
		d.pass(10 * time.Minute)
		join(p.application(late)).deny(410, "expired").at("enrollment_token")
		sister := d.blank()
		for range 9 {
			sister = d.blank()
			sister.id = join(sister.application(enroll())).allow(201).str("id")
		}
		join(d.blank().application(enroll())).deny(409, "conflict")

		own := "/api/v1/devices/" + p.id
		d.ask(p.me(), "PATCH", own, object{"name": "Ana's"}).allow(200).has("name", "Ana's")
		d.ask(p.me(), "PATCH", own, object{"name": " "}).deny(422, "invalid_request").at("name")
		if push := d.ask(p.me(), "PATCH", own, object{"push": nil}).allow(200).object["push"]; push != nil {
			t.Errorf("push is still on: %v", push)
		}
		d.ask(p.me(), "PATCH", own, object{"push": object{"provider": "pigeon", "token": "t"}}).deny(422, "invalid_request").at("push.provider")
		d.ask(p.me(), "PATCH", own, object{"push": object{"provider": "fcm", "token": "t"}}).allow(200)
		d.ask(sister.me(), "PATCH", own, object{"name": "mine"}).deny(404, "not_found")
		bob := d.phone("bob")
		d.ask(bob.me(), "PATCH", own, object{"name": "mine"}).deny(404, "not_found")
		d.ask(d.user("bob"), "DELETE", own, nil).deny(404, "not_found")
		d.ask(d.user("bob"), "GET", "/api/v1/users/ana/devices", nil).deny(404, "not_found")
		list := d.ask(d.user("ana"), "GET", "/api/v1/users/ana/devices", nil).allow(200)
		if n := len(list.object["devices"].([]any)); n != 10 {
			t.Errorf("%d devices, want 10", n)
		}
		if n := len(d.ask(p.me(), "GET", "/api/v1/users/ana/devices", nil).allow(200).object["devices"].([]any)); n != 1 {
			t.Errorf("a device sees %d records, want its own", n)
		}
		d.ask(d.user("ana"), "DELETE", own, nil).allow(204)
		d.ask(d.user("ana"), "DELETE", own, nil).deny(404, "not_found")
		d.ask(p.me(), "GET", "/api/v1/prompts", nil).deny(401, "unauthenticated")
	})
}

func TestAnswersAreGuarded(t *testing.T) {
	within(t, func(d *door) {
		ana, bob := d.phone("ana"), d.phone("bob")
		v := d.ask(byKey, "POST", verifications, object{"user_id": "ana"}).allow(201)
		first := d.ask(byKey, "POST", verifications, object{"user_id": "bob"}).allow(201)
		prompt, other := ana.prompt(), bob.prompt()
		bob.answer(prompt, "approve", v.str("match_number")).deny(404, "not_found")
		stolen := &phone{door: d, id: ana.id, key: bob.key}
		d.ask(stolen.me(), "GET", "/api/v1/prompts", nil).deny(401, "unauthenticated")
		ana.answer(prompt, "maybe", "").deny(422, "invalid_request").at("decision")
		crossed := object{"verification_id": prompt["verification_id"], "signed": other["signed"]}
		ana.answer(crossed, "approve", v.str("match_number")).deny(409, "conflict")
		elsewhere := "/api/v1/prompts/" + first.str("verification_id") + "/respond"
		d.ask(ana.me(), "POST", elsewhere, ana.signed(prompt, "approve", v.str("match_number"))).deny(422, "invalid_request").at("token")
		d.ask(bob.me(), "POST", "/api/v1/prompts/"+v.str("verification_id")+"/ack", object{"delivery_id": prompt["delivery_id"]}).deny(404, "not_found")
		d.ask(byKey, "GET", verifications+"/"+v.str("verification_id"), nil).has("status", "pending")
		d.ask(byKey, "GET", verifications+"/"+first.str("verification_id"), nil).has("status", "pending")
	})
}

func TestExchangeIsGuarded(t *testing.T) {
	within(t, func(d *door) {
		approve := func(user string) (path string, token string, me who) {
			v := d.ask(byKey, "POST", verifications, object{"user_id": user, "phone_number": number, "channel": "sms"}).allow(201)
			path, me = verifications+"/"+v.str("verification_id"), page(v.str("client_secret"))
			return path, d.ask(me, "POST", path+"/check", object{"code": d.code(number)}).allow(200).has("ok", true).str("result_token"), me
		}
		ana, token, me := approve("ana")
		bob, foreign, _ := approve("bob")
		d.ask(byKey, "POST", ana+"/exchange", object{"result_token": "nod_rt_x"}).deny(422, "invalid_request").at("result_token")
		d.ask(byKey, "POST", ana+"/exchange", object{"result_token": foreign}).deny(422, "invalid_request").at("result_token")
		d.pass(time.Minute)
		d.ask(byKey, "POST", ana+"/exchange", object{"result_token": token}).deny(410, "expired").at("result_token")
		fresh := d.ask(me, "GET", ana, nil).allow(200).str("result_token")
		d.ask(byKey, "POST", ana+"/exchange", object{"result_token": fresh}).allow(200)
		d.ask(byKey, "POST", ana+"/exchange", object{"result_token": token}).deny(409, "already_decided")
		d.ask(byKey, "GET", bob, nil).has("status", "approved")
	})
}

func TestOnce(t *testing.T) {
	within(t, func(d *door) {
		d.phone("ana")
		login := object{"user_id": "ana", "phone_number": number}
		once := byKey.with("Idempotency-Key", "k1")
		first := d.ask(once, "POST", verifications, login).allow(201)
		d.settle()
		again := d.ask(once, "POST", verifications, login).allow(201)
		for _, name := range []string{"verification_id", "client_secret", "match_number", "seq", "server_time"} {
			again.has(name, first.object[name])
		}
		d.ask(once, "POST", verifications, object{"user_id": "bob", "phone_number": number}).deny(409, "idempotency_conflict")
		me, path := page(first.str("client_secret")), verifications+"/"+first.str("verification_id")
		d.ask(me.with("Idempotency-Key", "k1"), "POST", path+"/next", nil).allow(202)
		d.settle()
		d.ask(me.with("Idempotency-Key", "k1"), "POST", path+"/next", nil).allow(202)
		if n := len(d.outbox.List(number, "", 10)); n != 1 {
			t.Errorf("%d messages, want 1", n)
		}
		for path, body := range map[string]object{
			"/api/v1/console-sessions": {},
			"/api/v1/user-tokens":      {"user_id": "ana"},
		} {
			token := d.ask(once, "POST", path, body).allow(201)
			d.pass(time.Second)
			again := d.ask(once, "POST", path, body).allow(201)
			for name, value := range token.object {
				again.has(name, value)
			}
			if other := d.ask(byKey, "POST", path, body).allow(201); other.str("token") == token.str("token") {
				t.Errorf("%s gives two callers one token", path)
			}
		}
		e := byKey.with("Idempotency-Key", "k2")
		token := d.ask(e, "POST", "/api/v1/users/ana/enrollments", object{}).allow(201)
		d.ask(e, "POST", "/api/v1/users/ana/enrollments", object{}).allow(201).
			has("enrollment_token", token.object["enrollment_token"]).has("expires_at", token.object["expires_at"])
		p := d.blank()
		join := who{"Idempotency-Key": "k3"}
		application := p.application(token.str("enrollment_token"))
		id := d.ask(join, "POST", "/api/v1/devices", application).allow(201).str("id")
		d.ask(join, "POST", "/api/v1/devices", application).allow(201).has("id", id)
		other := d.ask(byKey, "POST", "/api/v1/users/bob/enrollments", object{}).allow(201).str("enrollment_token")
		d.ask(join, "POST", "/api/v1/devices", d.blank().application(other)).allow(201).has("user_id", "bob")

		ana := d.user("ana").with("Idempotency-Key", "k4")
		sent := d.ask(ana, "POST", sendCode, object{"phone_number": "+14155550177"}).allow(202)
		d.settle()
		d.ask(d.user("ana"), "POST", sendCode, object{"phone_number": "+14155550177"}).allow(200)
		d.ask(ana, "POST", sendCode, object{"phone_number": "+14155550177"}).allow(202).has("client_secret", sent.object["client_secret"])
		bob := d.user("bob").with("Idempotency-Key", "k4")
		if theirs := d.ask(bob, "POST", sendCode, object{"phone_number": "+14155550177"}).allow(202); theirs.str("verification_id") == sent.str("verification_id") {
			t.Error("two users share the answer to one key")
		}
	})
}

func TestBlockedCreateIsRepeated(t *testing.T) {
	within(t, func(d *door) {
		sms := object{"user_id": "ana", "phone_number": number, "channel": "sms"}
		d.ask(byKey, "POST", verifications, sms).allow(201)
		d.settle()
		once := byKey.with("Idempotency-Key", "k")
		row := d.ask(once, "POST", verifications, sms).deny(429, "cooldown").str("verification_id")
		d.ask(once, "POST", verifications, sms).deny(429, "cooldown").has("verification_id", row)
	})
}

func TestParallelGuesses(t *testing.T) {
	d := open(t, nil)
	v := d.ask(byKey, "POST", verifications, object{"user_id": "ana", "phone_number": number, "channel": "sms"}).allow(201)
	me, path := page(v.str("client_secret")), verifications+"/"+v.str("verification_id")
	codes := make(chan string)
	go func() {
		defer close(codes)
		all := d.outbox.Wait(t.Context(), number, "", 1)
		if len(all) == 1 {
			codes <- all[0].Code
		}
	}()
	bad := object{"code": wrong(<-codes)}
	const guesses = 100
	told := make(chan reply, guesses)
	for range guesses {
		go func() { told <- d.ask(me, "POST", path+"/check", bad) }()
	}
	statuses := map[int]int{}
	for range guesses {
		statuses[(<-told).code]++
	}
	if statuses[http.StatusOK] != 3 || statuses[http.StatusTooManyRequests] != guesses-3 {
		t.Errorf("guesses were answered %v, want 3 counted and the rest refused", statuses)
	}
	d.ask(me, "GET", path, nil).has("attempts_remaining", 0).has("status", "pending")
}

func TestEveryCodeHasItsStatus(t *testing.T) {
	within(t, func(d *door) {
		text := d.ask(nobody, "GET", "/docs", nil).allow(200).text
		for _, code := range []string{
			"invalid_json", "unauthenticated", "forbidden", "blocked", "not_found", "conflict", "in_progress", "same_number",
			"max_resends_reached", "already_decided", "idempotency_conflict", "expired", "payload_too_large", "locked",
			"unknown_field", "invalid_phone", "invalid_request", "no_channel", "cooldown", "rate_limited", "too_many_attempts",
			"internal", "unavailable",
		} {
			if !strings.Contains(text, `id="`+code+`"`) {
				t.Errorf("/docs does not explain %s", code)
			}
		}
		if slices.Contains([]string{""}, text) || strings.Contains(text, "<script") {
			t.Error("/docs is empty or runs a script")
		}
	})
}

// A push target that could never be used is refused where the app gives it.
func TestAPushTargetThatCannotBeUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, func(c *server.Config) {
			c.CheckPush = func(p verify.PushTarget) error {
				if p.Provider == "webpush" && p.Token == "x" {
					return errors.New("it is too short")
				}
				return nil
			}
		})
		token := d.ask(byKey, "POST", "/api/v1/users/ana/enrollments", nil).allow(201).str("enrollment_token")
		p := d.blank()
		bad := object{"provider": "webpush", "token": "x"}
		application := p.application(token)
		application["push"] = bad
		d.ask(nobody, "POST", "/api/v1/devices", application).deny(422, "invalid_request").at("push.token").has("detail", "This push token cannot be used: it is too short.")
		application["push"] = nil
		p.id = d.ask(nobody, "POST", "/api/v1/devices", application).allow(201).str("id") // the enrollment was not spent
		own := "/api/v1/devices/" + p.id
		d.ask(p.me(), "PATCH", own, object{"name": "Mine", "push": bad}).deny(422, "invalid_request").at("push.token")
		if got := d.ask(p.me(), "PATCH", own, object{"push": object{"provider": "fcm", "token": "x"}}).allow(200); got.object["name"] == "Mine" {
			t.Error("half of a refused change was done")
		}
		d.ask(p.me(), "PATCH", own, object{"push": nil}).allow(200)
	})
}
