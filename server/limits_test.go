package server_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"nod/server"
	"nod/verify"
)

// limited runs a test under these limits alone.
func limited(t *testing.T, l verify.Limits, test func(*door)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(open(t, func(c *server.Config) { c.Policy.Limits = l })) })
}

func per(n int, d time.Duration) []verify.Limit { return []verify.Limit{{N: n, Per: d}} }

// waits fails unless a refusal says to wait that long.
func (r reply) waits(d time.Duration) reply {
	r.Helper()
	return r.has("retry_after", int(d/time.Second))
}

// says fails unless a refusal tells a person what to do in German.
func (r reply) says(key, part string) reply {
	r.Helper()
	if text := r.str("message"); r.object["message_key"] != key || !strings.Contains(text, part) {
		r.Errorf("%v says %q", r.object["message_key"], text)
	}
	return r
}

// left fails unless a refused create left a row that says why.
func (d *door) left(r reply, why string) reply {
	d.Helper()
	r.has("reason", why)
	return d.ask(byKey, "GET", verifications+"/"+r.str("verification_id"), nil).allow(200).has("status", "blocked").has("reason", why)
}

// member is what stands in an object of the answer.
func member(v any, path ...string) any {
	for _, name := range path {
		o, _ := v.(object)
		v = o[name]
	}
	return v
}

// count is how often an event is told of a verification.
func (d *door) count(id, name string) (n int) {
	d.Helper()
	for _, one := range d.names(id) {
		if one == name {
			n++
		}
	}
	return n
}

func TestLockedByWrongCodes(t *testing.T) {
	limited(t, verify.Limits{WrongCodes: per(3, 24*time.Hour)}, func(d *door) {
		p, ana := d.phone("ana"), d.user("ana")
		german := object{"user_id": "ana", "phone_number": number, "locale": "de", "context": object{"ip": "198.51.100.7"}}
		sent := d.ask(ana, "POST", sendCode, object{"phone_number": number, "locale": "de"}).allow(202)
		d.ask(ana, "POST", sendCode, object{"phone_number": "+14155550124"}).allow(202)
		code := d.code(number)
		me, id := page(sent.object["client_secret"]), sent.str("verification_id")
		path := verifications + "/" + id
		d.ask(me, "POST", path+"/check", object{"code": wrong(code)}).allow(200).has("ok", false).has("locked_until", nil)
		d.ask(ana, "POST", verifyCode, object{"phone_number": "+14155550124", "code": wrong(d.code("+14155550124"))}).allow(200).has("stage", "code_entry")
		d.pass(time.Hour)
		// The third in a day. The lock ends a day after the first.
		until := verify.FormatTime(time.Now().Add(23 * time.Hour))
		ana = d.user("ana")                                                                 // a token lasts an hour
		d.ask(ana, "POST", resendCode, object{"phone_number": number}).deny(410, "expired") // so does a session
		sent = d.ask(ana, "POST", sendCode, object{"phone_number": number, "locale": "de"}).allow(202)
		other := d.ask(ana, "POST", sendCode, object{"phone_number": "+14155550124"}).allow(202)
		login := d.ask(byKey, "POST", verifications, german).allow(201)
		code = d.code(number)
		me, id = page(sent.object["client_secret"]), sent.str("verification_id")
		path = verifications + "/" + id
		last := d.ask(me, "POST", path+"/check", object{"code": wrong(code)}).allow(200).has("ok", false)
		last.has("status", "pending").has("stage", "locked").has("locked_until", until).says("refused.locked", "App")
		if next := last.object["next_actions"].(object); next["sms_in"] != nil || next["voice_in"] != nil || next["check_in"] != nil {
			d.Errorf("locked, the page is offered %v", next)
		}
		refused := func(r reply) reply {
			d.Helper()
			return r.deny(423, "locked").waits(23*time.Hour).has("locked_until", until)
		}
		refused(d.ask(me, "POST", path+"/check", object{"code": code})).says("refused.locked", "App")
		refused(d.ask(byKey, "POST", path+"/check", object{"code": code})).says("refused.locked", "App")
		refused(d.ask(ana, "POST", verifyCode, object{"phone_number": number, "code": code})).says("refused.locked", "App")
		refused(d.ask(me, "POST", path+"/resend", nil)).says("refused.locked", "App")
		refused(d.ask(me, "POST", path+"/resend", object{"channel": "voice"})).lacks("verification_id")
		refused(d.ask(me, "POST", path+"/next", nil))
		refused(d.ask(ana, "POST", resendCode, object{"phone_number": number}))
		refused(d.ask(ana, "POST", verifyCode, object{"verification_id": other.str("verification_id"), "code": d.code("+14155550124")}))
		d.left(refused(d.ask(ana, "POST", sendCode, object{"phone_number": "+14155550125", "locale": "de"})).says("refused.locked", "App"), "account_locked")
		first := refused(d.ask(byKey, "POST", verifications, object{"user_id": "ana", "phone_number": "+14155550127", "channel": "sms", "locale": "de"}))
		again := refused(d.ask(byKey, "POST", verifications, object{"user_id": "ana", "phone_number": "+14155550127", "channel": "sms", "locale": "de"}))
		if first.text != again.text {
			d.Errorf("the same refusal again reads\n%s\nin place of\n%s", again.text, first.text)
		}
		// The others say so too, and what the app may do stays as it is.
		d.ask(byKey, "GET", verifications+"/"+other.str("verification_id"), nil).has("stage", "locked").has("locked_until", until).has("message_key", "refused.locked")
		open := d.ask(byKey, "GET", verifications+"/"+login.str("verification_id"), nil).has("stage", "contacting_app").has("locked_until", until)
		if sms := member(open.object, "next_actions", "sms_in"); sms != nil {
			d.Errorf("a locked user is offered an SMS in %v", sms)
		}
		for _, v := range []reply{sent, other, login} {
			if n := d.count(v.str("verification_id"), verify.EventLocked); n != 1 {
				d.Errorf("the lock is told %d times, want once", n)
			}
		}
		p.answer(p.prompt(), "approve", login.str("match_number")).allow(200).has("accepted", true)
		// Approval resets nothing, nor does a new session.
		refused(d.ask(me, "POST", path+"/check", object{"code": code}))
		d.left(refused(d.ask(ana, "POST", sendCode, object{"phone_number": "+14155550126"})), "account_locked")
		// Hammering makes it no longer.
		d.stop()
		d.pass(23 * time.Hour)
		d.ask(d.user("ana"), "POST", sendCode, object{"phone_number": number}).allow(202).has("locked_until", nil)
		// A neighbour was never locked.
		d.ask(d.user("bob"), "POST", sendCode, object{"phone_number": number}).allow(202)
	})
}

func TestLockedUntilUnlocked(t *testing.T) {
	limited(t, verify.Limits{WrongCodes: per(2, 365*24*time.Hour)}, func(d *door) {
		ana := d.user("ana")
		v := d.ask(ana, "POST", sendCode, object{"phone_number": number}).allow(202)
		code := d.code(number)
		path := verifications + "/" + v.str("verification_id")
		for range 2 {
			d.ask(byKey, "POST", path+"/check", object{"code": wrong(code)}).allow(200).has("ok", false)
		}
		d.ask(byKey, "GET", path, nil).has("stage", "locked").has("locked_until", nil).has("message_key", "refused.locked")
		d.ask(byKey, "POST", path+"/check", object{"code": code}).deny(423, "locked").lacks("retry_after", "locked_until")
		d.ask(d.operator(), "POST", blocks+"/lift", object{"kind": "user", "value": "ana"}).allow(204)
		d.ask(d.operator(), "POST", blocks+"/lift", object{"kind": "user", "value": "ana"}).deny(404, "not_found")
		d.ask(byKey, "GET", path, nil).has("stage", "code_entry").has("message_key", "code.sent")
		d.ask(byKey, "POST", path+"/check", object{"code": code}).allow(200).has("ok", true)
	})
}

// TestSendsAreLimited meets each limit on codes by each call that sends one.
func TestSendsAreLimited(t *testing.T) {
	for name, c := range map[string]struct {
		limits verify.Limits
		limit  string
	}{
		"of a phone": {verify.Limits{SendsPhone: per(2, time.Hour)}, "sends_phone"},
		"of a user":  {verify.Limits{SendsUser: per(2, time.Hour)}, "sends_user"},
		"of an IP":   {verify.Limits{SendsIP: per(2, time.Hour)}, "sends_ip"},
	} {
		t.Run(name, func(t *testing.T) {
			limited(t, c.limits, func(d *door) {
				ana := d.user("ana").from(ana)
				v := d.ask(ana, "POST", sendCode, object{"phone_number": number, "locale": "de-AT"}).allow(202)
				me, path := page(v.object["client_secret"]).from(ana["RemoteAddr"]), verifications+"/"+v.str("verification_id")
				d.settle()
				d.pass(time.Minute)
				d.ask(me, "POST", path+"/resend", nil).allow(202)
				d.settle()
				d.pass(2 * time.Minute)
				refused := func(r reply) reply {
					d.Helper()
					return r.deny(429, "rate_limited").waits(57*time.Minute).says("refused.limited", "Weile").lacks("locked_until")
				}
				for range 2 {
					refused(d.ask(me, "POST", path+"/resend", nil)).lacks("verification_id")
					refused(d.ask(ana, "POST", resendCode, object{"phone_number": number}))
				}
				now := d.ask(byKey, "GET", path, nil).has("status", "pending").has("resend_count", 1).has("cooldown_remaining", 57*60)
				if sms := member(now.object, "next_actions", "sms_in"); sms != float64(57*60) {
					d.Errorf("after the refusal an SMS is offered in %v", sms)
				}
				if hit, no := d.count(v.str("verification_id"), verify.EventLimitHit), d.count(v.str("verification_id"), verify.EventResendRejected); hit != 1 || no != 1 {
					d.Errorf("four refused resends are told as %d limits and %d refusals, want one each", hit, no)
				}
				d.ask(me, "POST", path+"/cancel", nil).allow(200)
				blocked := d.ask(ana, "POST", sendCode, object{"phone_number": number, "locale": "de"}).deny(429, "rate_limited").waits(57 * time.Minute)
				d.left(blocked, "rate_limited")
				if again := d.ask(ana, "POST", sendCode, object{"phone_number": number, "locale": "de"}); again.text != blocked.text {
					d.Errorf("again: %s", again.text)
				}
				d.ask(byKey, "POST", verifications, object{"user_id": "ana", "phone_number": number, "channel": "sms", "context": object{"ip": "203.0.113.7"}}).
					deny(429, "rate_limited")
				// Whoever shares nothing of it goes on.
				d.ask(d.user("bob").from(bob), "POST", sendCode, object{"phone_number": "+14155550124"}).allow(202)
				events := d.ask(byKey, "GET", verifications+"/"+blocked.str("verification_id")+"/timeline", nil).object["events"].([]any)
				if got := events[0].(object); got["name"] != "risk.limit_hit" || got["limit"] != c.limit {
					d.Errorf("the trail begins with %v", got)
				}
				// As soon as it says.
				d.stop()
				d.pass(57 * time.Minute)
				d.ask(d.user("ana").from(ana["RemoteAddr"]), "POST", sendCode, object{"phone_number": number}).allow(202)
			})
		})
	}
}

// TestABlockIsKnownAfterwards has a page that was refused offer no code any more.
func TestABlockIsKnownAfterwards(t *testing.T) {
	limited(t, verify.Limits{}, func(d *door) {
		d.phone("ana")
		v := d.ask(byKey, "POST", verifications, object{"user_id": "ana", "phone_number": number}).allow(201)
		me, path := page(v.object["client_secret"]), verifications+"/"+v.str("verification_id")
		d.settle()
		d.ask(byKey, "POST", "/api/v1/blocks", object{"kind": "number", "value": number}).allow(201)
		offered := func() any { return member(d.ask(me, "GET", path, nil).object, "next_actions", "sms_in") }
		if offered() == nil {
			d.Error("nobody has asked, and no SMS is offered")
		}
		d.ask(me, "POST", path+"/next", nil).deny(403, "blocked")
		if in := offered(); in != nil {
			d.Errorf("an SMS is offered in %v", in)
		}
	})
}

// TestRulesAreForOperators has a page meet a limit: it hears that there is one, and
// neither which nor what made its start unusual. Operators read both.
func TestRulesAreForOperators(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		w.phone("u1")
		for range 4 { // haste
			w.login()
		}
		l := w.login(object{"phone_number": number, "channel": "sms"})
		w.settle()
		w.pass(2 * time.Minute)
		w.act(l, "resend", nil).deny(429, "rate_limited")
		w.act(l, "cancel", nil).allow(200)
		page, _ := w.resume(l, 0)
		heard := map[string]bool{}
		for name := ""; name != verify.EventCanceled; heard[name] = true {
			e := page.expect("event")
			name = e.text("name")
			for _, field := range []string{"limit", "mode", "percent", "score", "reasons"} {
				if _, told := e.Data[field]; told {
					t.Errorf("%s tells a page its %s: %v", name, field, e.Data)
				}
			}
		}
		trail := w.ask(byKey, "GET", verifications+"/"+l.id+"/timeline", nil).allow(200).text
		for event, field := range map[string]string{verify.EventLimitHit: `"limit":"sends_phone"`, verify.EventRiskAssessed: `"reasons":`} {
			if !heard[event] || !strings.Contains(trail, field) {
				t.Errorf("%s: heard %t, and the trail is %s", event, heard[event], trail)
			}
		}
	}, func(c *server.Config) {
		c.Policy.Limits = verify.Limits{SendsPhone: per(1, time.Hour), Prompts: per(9, time.Hour)}
	})
}

// TestAnIntegratorIsNoPerson counts by the address that the integrator tells, and by
// the connection's own where the person is on it.
func TestAnIntegratorIsNoPerson(t *testing.T) {
	limited(t, verify.Limits{SendsIP: per(1, time.Hour), ChecksIP: per(1, time.Minute)}, func(d *door) {
		start := func(user, number, ip string) reply {
			body := object{"user_id": user, "phone_number": number, "channel": "sms"}
			if ip != "" {
				body["context"] = object{"ip": ip}
			}
			return d.ask(byKey.from(ana), "POST", verifications, body)
		}
		first := start("u1", "+14155550121", "203.0.113.7").allow(201)
		start("u2", "+14155550122", "203.0.113.7").deny(429, "rate_limited").waits(time.Hour)
		start("u3", "+14155550123", "203.0.113.8").allow(201)
		for _, user := range []string{"u4", "u5"} { // of whom nobody says where they are
			start(user, "+1415555012"+user[1:], "").allow(201)
		}
		d.settle()
		path := verifications + "/" + first.str("verification_id")
		check := func(w who) reply { return d.ask(w, "POST", path+"/check", object{"code": "000000"}) }
		me := page(first.object["client_secret"])
		check(byKey.from(bob)).allow(200)                                   // the person is at .7
		check(byKey.from(bob)).deny(429, "rate_limited").waits(time.Minute) // still
		check(me.from("203.0.113.7:1")).deny(429, "rate_limited")           // the page says so itself
		check(me.from("203.0.113.9:1")).allow(200)                          // or that they are elsewhere
		check(me.from("203.0.113.9:1")).deny(429, "rate_limited").lacks("verification_id")
		if n := d.count(first.str("verification_id"), verify.EventLimitHit); n != 1 {
			d.Errorf("the limit is told %d times, want once", n)
		}
		if left := d.ask(byKey, "GET", path, nil).object["attempts_remaining"]; left != float64(1) {
			d.Errorf("%v tries are left: a refused check costs none", left)
		}
	})
}

func TestPromptsAreLimited(t *testing.T) {
	limited(t, verify.Limits{Prompts: per(2, 10*time.Minute)}, func(d *door) {
		p := d.phone("ana")
		login := func(channel string) reply {
			return d.ask(byKey, "POST", verifications, object{"user_id": "ana", "phone_number": number, "channel": channel, "locale": "de"})
		}
		login("push").allow(201)
		d.settle()
		v := login("push").allow(201)
		d.settle()
		d.left(login("push").deny(429, "rate_limited").waits(10*time.Minute).says("refused.limited", "Weile"), "rate_limited")
		me, path := page(v.object["client_secret"]), verifications+"/"+v.str("verification_id")
		d.pass(time.Minute)
		d.ask(me, "POST", path+"/resend", object{"channel": "push"}).deny(429, "rate_limited").waits(9 * time.Minute)
		p.answer(p.prompt(), "approve", v.str("match_number")).allow(200).has("accepted", true) // the open one is unharmed
		login("sms").allow(201)
	})
}

// TestATiredUserIsLeftInPeace denies twice: the next request is told to nobody, and
// found by the app that opens.
func TestATiredUserIsLeftInPeace(t *testing.T) {
	limited(t, verify.Limits{Fatigue: verify.Limit{N: 2, Per: 15 * time.Minute}}, func(d *door) {
		p := d.phone("ana")
		login := func() reply {
			v := d.ask(byKey, "POST", verifications, object{"user_id": "ana", "phone_number": number}).allow(201)
			d.settle()
			return v
		}
		for range 2 {
			login()
			p.answer(p.prompt(), "deny", "").allow(200)
		}
		before := len(d.outbox.List("", "", 1000))
		v := login()
		id := v.str("verification_id")
		d.pass(100 * time.Second)
		if sent := d.outbox.List("", "", 1000)[before:]; len(sent) != 0 {
			d.Errorf("a tired user is sent %d messages", len(sent))
		}
		status := d.ask(byKey, "GET", verifications+"/"+id, nil).allow(200)
		for _, one := range status.object["deliveries"].([]any) {
			if state := one.(object)["state"]; state != "suppressed" {
				d.Errorf("a delivery is %v", state)
			}
		}
		if !slices.Contains(d.names(id), verify.EventPushSuppressed) {
			d.Errorf("the trail is %v", d.names(id))
		}
		prompt := p.prompt()
		p.ask(p.me(), "POST", "/api/v1/prompts/"+id+"/ack", object{"delivery_id": prompt["delivery_id"]}).allow(204)
		p.ask(p.me(), "POST", "/api/v1/prompts/"+id+"/displayed", object{"delivery_id": prompt["delivery_id"]}).allow(204)
		p.answer(prompt, "approve", v.str("match_number")).allow(200).has("accepted", true)
		login()
		if sent := d.outbox.List("", "", 1000)[before:]; len(sent) == 0 {
			d.Error("who approved is still left in peace")
		}
	})
}
