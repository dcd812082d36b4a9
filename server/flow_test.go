package server_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"nod/server"
	"nod/storage"
	"nod/verify"
)

const (
	verifications = "/api/v1/verifications"
	sendCode      = "/api/onboarding/send-verification"
	resendCode    = "/api/onboarding/resend-verification"
	verifyCode    = "/api/onboarding/verify-code"
	statusOf      = "/api/onboarding/verification-status"
)

func TestSignInByApp(t *testing.T) {
	within(t, func(d *door) {
		p := d.phone("ana")
		v := d.ask(byKey, "POST", verifications, object{
			"user_id": "ana", "phone_number": number, "binding_message": "Pay 40 EUR",
			"context": object{"app": "Bank", "ip": "203.0.113.9", "location": "Lisbon"},
		}).allow(201).has("status", "pending").has("purpose", "login").has("phone_number", "+1 ••• 23")
		id, match := v.str("verification_id"), v.str("match_number")
		me := page(v.str("client_secret"))
		prompt := p.prompt()
		if prompt["binding_message"] != "Pay 40 EUR" || prompt["context"].(object)["location"] != "Lisbon" {
			t.Errorf("the phone is shown %v", prompt)
		}
		receipt := object{"delivery_id": prompt["delivery_id"]}
		d.ask(p.me(), "POST", "/api/v1/prompts/"+id+"/ack", receipt).allow(204)
		d.ask(p.me(), "POST", "/api/v1/prompts/"+id+"/displayed", receipt).allow(204)
		d.ask(me, "GET", verifications+"/"+id, nil).allow(200).
			has("stage", "prompted").has("match_number", match).lacks("client_secret", "result_token")
		d.ask(byKey, "GET", verifications+"/"+id, nil).allow(200).lacks("match_number", "client_secret", "result_token")

		p.answer(prompt, "approve", match).allow(200).has("accepted", true)
		p.answer(prompt, "approve", match).allow(200).has("accepted", true) // told the same again
		p.answer(prompt, "deny", "").allow(200).has("accepted", false).has("reason", "approved")

		done := d.ask(me, "GET", verifications+"/"+id, nil).allow(200).has("status", "approved").has("method", "app").lacks("match_number")
		d.ask(byKey, "GET", verifications+"/"+id, nil).allow(200).lacks("result_token")
		token := object{"result_token": done.str("result_token")}
		once := byKey.with("Idempotency-Key", "k")
		result := d.ask(once, "POST", verifications+"/"+id+"/exchange", token).allow(200).str("result")
		d.pass(time.Minute)
		d.ask(once, "POST", verifications+"/"+id+"/exchange", token).allow(200).has("result", result)
		if strings.Count(result, ".") != 2 {
			t.Errorf("the result is no JWS: %s", result)
		}
		d.ask(byKey, "POST", verifications+"/"+id+"/exchange", token).deny(409, "already_decided")
		d.ask(me, "GET", verifications+"/"+id, nil).allow(200).lacks("result_token")

		events := d.ask(byKey, "GET", verifications+"/"+id+"/timeline", nil).allow(200).object["events"].([]any)
		for i, e := range events {
			if e.(object)["seq"] != float64(i+1) {
				t.Errorf("event %d has seq %v", i+1, e.(object)["seq"])
			}
		}
		if name := events[0].(object)["name"]; name != "verification.created" {
			t.Errorf("the first event is %v", name)
		}
	})
}

func TestWrongMatchNumberIsTheEnd(t *testing.T) {
	within(t, func(d *door) {
		p := d.phone("ana")
		v := d.ask(byKey, "POST", verifications, object{"user_id": "ana"}).allow(201)
		p.answer(p.prompt(), "approve", wrong(v.str("match_number"))).allow(200).has("accepted", false).has("reason", "wrong_number")
		d.ask(byKey, "GET", verifications+"/"+v.str("verification_id"), nil).has("status", "denied").has("reason", "wrong_number")
	})
}

func TestNewLoginSupersedesTheOpenOne(t *testing.T) {
	within(t, func(d *door) {
		p := d.phone("ana")
		first := d.ask(byKey, "POST", verifications, object{"user_id": "ana"}).allow(201)
		old := p.prompt()
		second := d.ask(byKey, "POST", verifications, object{"user_id": "ana"}).allow(201)
		d.ask(byKey, "GET", verifications+"/"+first.str("verification_id"), nil).has("status", "superseded")
		p.answer(old, "approve", first.str("match_number")).allow(200).has("accepted", false).has("reason", "superseded")
		p.answer(p.prompt(), "approve", second.str("match_number")).allow(200).has("accepted", true)
	})
}

func TestProveANumber(t *testing.T) {
	within(t, func(d *door) {
		ana := d.user("ana")
		v := d.ask(ana, "POST", sendCode, object{"phone_number": number}).allow(202).
			has("purpose", "phone").has("message_key", "code.sent").has("resend_count", 0).has("next_resend_delay", 60)
		d.settle()
		again := d.ask(ana, "POST", sendCode, object{"phone_number": number}).allow(200).
			has("reused", true).has("verification_id", v.str("verification_id"))
		if sent := d.outbox.List(number, "", 10); len(sent) != 1 {
			t.Errorf("%d messages were sent, want 1", len(sent))
		}
		id := v.str("verification_id")
		d.ask(page(v.str("client_secret")), "GET", verifications+"/"+id, nil).deny(401, "unauthenticated")
		me := page(again.str("client_secret"))

		code := d.code(number)
		d.ask(ana, "POST", verifyCode, object{"phone_number": number, "code": wrong(code)}).allow(200).has("ok", false).has("attempts_remaining", 2)
		d.ask(me, "POST", verifications+"/"+id+"/check", object{"code": wrong(code)}).allow(200).has("ok", false).has("attempts_remaining", 1)
		done := d.ask(ana, "POST", verifyCode, object{"verification_id": id, "code": code}).allow(200).
			has("ok", true).has("status", "approved").has("method", "sms_code")
		d.ask(byKey, "POST", verifications+"/"+id+"/exchange", object{"result_token": done.str("result_token")}).allow(200)
		d.ask(ana, "POST", verifyCode, object{"verification_id": id, "code": code}).deny(409, "already_decided")
		d.ask(ana, "GET", statusOf+"?phone_number="+strings.Replace(number, "+", "%20", 1), nil).allow(200).has("status", "approved")
		d.ask(ana, "GET", statusOf+"?phone_number=%2B14155550199", nil).allow(200).has("status", "none")
		d.ask(d.user("bob"), "GET", statusOf+"?verification_id="+id, nil).deny(404, "not_found")
	})
}

func TestTriesAreUsedUp(t *testing.T) {
	within(t, func(d *door) {
		v := d.ask(byKey, "POST", verifications, object{"user_id": "ana", "phone_number": number, "channel": "sms"}).allow(201).lacks("match_number")
		check := verifications + "/" + v.str("verification_id") + "/check"
		bad := object{"code": wrong(d.code(number))}
		for left := 2; left >= 0; left-- {
			d.ask(byKey, "POST", check, bad).allow(200).has("ok", false).has("attempts_remaining", left)
		}
		d.ask(byKey, "POST", check, bad).deny(429, "too_many_attempts")
		d.ask(byKey, "GET", verifications+"/"+v.str("verification_id"), nil).has("stage", "awaiting_resend")
	})
}

func TestResends(t *testing.T) {
	within(t, func(d *door) {
		ana := d.user("ana")
		v := d.ask(ana, "POST", sendCode, object{"phone_number": number, "locale": "fr-CA"}).allow(202)
		me, id := page(v.str("client_secret")), v.str("verification_id")
		resend := func() reply { return d.ask(me, "POST", verifications+"/"+id+"/resend", nil) }
		steps := []struct {
			wait    time.Duration
			message string
			change  bool
		}{
			{60 * time.Second, "resend.another", false},
			{120 * time.Second, "resend.another", true},
			{300 * time.Second, "resend.final", true},
		}
		for n, step := range steps {
			d.settle()
			resend().deny(429, "cooldown").has("retry_after", int(step.wait/time.Second))
			d.pass(step.wait - time.Second)
			resend().deny(429, "cooldown").has("retry_after", 1)
			d.ask(ana, "GET", statusOf+"?verification_id="+id, nil).allow(200).has("cooldown_remaining", 1).has("next_resend_delay", int(step.wait/time.Second))
			d.pass(time.Second)
			resend().allow(202).has("resend_count", n+1).has("message_key", step.message).has("can_change_phone", step.change)
		}
		d.pass(300 * time.Second)
		resend().deny(409, "max_resends_reached").has("message_key", "resend.max").has("message", "Aucun autre code ne peut être envoyé.")
		d.ask(me, "GET", verifications+"/"+id, nil).has("resend_count", 3)
		rejected := 0
		for _, e := range d.ask(byKey, "GET", verifications+"/"+id+"/timeline", nil).allow(200).object["events"].([]any) {
			if e.(object)["name"] == "resend.rejected" {
				rejected++
			}
		}
		if rejected != 4 { // one for each step, though each was asked for twice, and the last
			t.Errorf("%d refused resends are on record, want 4", rejected)
		}
	})
}

func TestWhatIsOnItsWayIsNotSentAgain(t *testing.T) {
	within(t, func(d *door) {
		d.stop()
		ana := d.user("ana")
		v := d.ask(ana, "POST", sendCode, object{"phone_number": number}).allow(202).has("stage", "queued")
		d.ask(ana, "POST", resendCode, object{"phone_number": number}).deny(409, "in_progress")
		d.ask(ana, "POST", resendCode, object{"verification_id": v.str("verification_id"), "channel": "push"}).deny(422, "no_channel").at("channel")
	})
}

// The cooldown of a number outlives its verification, and a page that comes back
// is told so before it asks.
func TestTheCooldownIsToldAfterTheEnd(t *testing.T) {
	within(t, func(d *door) {
		ana := d.user("ana")
		send := object{"phone_number": number}
		v := d.ask(ana, "POST", sendCode, send).allow(202)
		d.settle()
		d.ask(page(v.str("client_secret")), "POST", verifications+"/"+v.str("verification_id")+"/cancel", object{}).
			allow(200).has("status", "canceled").has("cooldown_remaining", 60)
		d.pass(20 * time.Second)
		for range 2 {
			told := d.ask(ana, "GET", statusOf+"?phone_number="+url.QueryEscape(number), nil).allow(200).has("cooldown_remaining", 40)
			if told.str("next_resend_at") == "" {
				t.Error("nothing says when another code can be asked for")
			}
			d.ask(ana, "POST", sendCode, send).deny(429, "cooldown") // it leaves a blocked row, which is told next
		}
		d.pass(40 * time.Second)
		d.ask(ana, "GET", statusOf+"?phone_number="+url.QueryEscape(number), nil).allow(200).has("cooldown_remaining", 0)
		d.ask(ana, "POST", sendCode, send).allow(202)
		d.settle()
		d.ask(ana, "POST", verifyCode, object{"phone_number": number, "code": d.code(number)}).
			allow(200).has("status", "approved").has("cooldown_remaining", 0)
	})
}

func TestStepIsCarriedIntoTheNextSession(t *testing.T) {
	within(t, func(d *door) {
		ana := d.user("ana")
		v := d.ask(ana, "POST", sendCode, object{"phone_number": number}).allow(202)
		d.settle()
		id := v.str("verification_id")
		d.ask(page(v.str("client_secret")), "POST", verifications+"/"+id+"/cancel", nil).allow(200).has("status", "canceled")
		d.pass(20 * time.Second)
		refused := d.ask(ana, "POST", sendCode, object{"phone_number": number}).deny(429, "cooldown").has("retry_after", 40)
		blocked := refused.str("verification_id")
		d.ask(byKey, "GET", verifications+"/"+blocked, nil).allow(200).has("status", "blocked").has("reason", "rate_limited")
		d.pass(40 * time.Second)
		d.ask(ana, "POST", sendCode, object{"phone_number": number}).allow(202)
	})
}

func TestNextAndCancel(t *testing.T) {
	within(t, func(d *door) {
		d.phone("ana")
		v := d.ask(byKey, "POST", verifications, object{"user_id": "ana", "phone_number": number}).allow(201)
		me, path := page(v.str("client_secret")), verifications+"/"+v.str("verification_id")
		d.settle()
		d.ask(me, "POST", path+"/next", object{}).allow(202)
		d.settle()
		d.ask(me, "POST", path+"/next", nil).deny(409, "conflict")
		if d.code(number) == "" {
			t.Error("no code was sent")
		}
		once := me.with("Idempotency-Key", "k")
		d.ask(once, "POST", path+"/cancel", nil).allow(200).has("status", "canceled")
		d.ask(once, "POST", path+"/cancel", nil).allow(200).has("status", "canceled")
		d.ask(me, "POST", path+"/cancel", nil).deny(409, "already_decided")
		d.ask(me, "POST", path+"/resend", nil).deny(409, "already_decided")
	})
}

func TestSessionEnds(t *testing.T) {
	within(t, func(d *door) {
		v := d.ask(byKey, "POST", verifications, object{"user_id": "ana", "phone_number": number, "channel": "sms"}).allow(201)
		path := verifications + "/" + v.str("verification_id")
		code := d.code(number)
		d.pass(10 * time.Minute)
		d.ask(byKey, "POST", path+"/check", object{"code": code}).deny(410, "expired")
		d.pass(50 * time.Minute)
		d.ask(byKey, "GET", path, nil).has("status", "expired")
		d.ask(byKey, "POST", path+"/resend", nil).deny(410, "expired")
		me := page(v.str("client_secret"))
		d.ask(me, "GET", path, nil).allow(200)
		d.pass(10 * time.Minute)
		d.ask(me, "GET", path, nil).deny(401, "unauthenticated")
	})
}

// TestTheEndIsMetThoughNothingRuns asks after the end, which nobody has written
// down yet.
func TestTheEndIsMetThoughNothingRuns(t *testing.T) {
	within(t, func(d *door) {
		ana := d.user("ana")
		v := d.ask(ana, "POST", sendCode, object{"phone_number": number}).allow(202)
		id, code := v.str("verification_id"), d.code(number)
		d.stop()
		d.pass(time.Hour)
		ana = d.user("ana")
		d.ask(ana, "POST", verifyCode, object{"verification_id": id, "code": code}).deny(410, "expired")
		d.ask(ana, "POST", resendCode, object{"verification_id": id}).deny(410, "expired")
		d.ask(byKey, "POST", verifications+"/"+id+"/next", nil).deny(410, "expired")
	})
	within(t, func(d *door) {
		v := d.ask(d.user("ana"), "POST", sendCode, object{"phone_number": number}).allow(202)
		d.stop()
		d.pass(time.Hour)
		if again := d.ask(d.user("ana"), "POST", sendCode, object{"phone_number": number}).allow(202); again.str("verification_id") == v.str("verification_id") {
			t.Error("what has ended is given back")
		}
	})
}

// early runs each rule once for nothing, a second before its time, as a store
// does that has to begin a transaction again.
type early struct{ *storage.Store }

var errAgain = errors.New("run it again")

func (e early) CreateVerification(ctx context.Context, a verify.Applicant, once *verify.Once, rule func(*verify.Situation, time.Time) (*verify.Verification, error)) error {
	err := e.Store.CreateVerification(ctx, a, nil, func(s *verify.Situation, now time.Time) (*verify.Verification, error) {
		_, _ = rule(s, now.Add(-time.Second))
		return nil, errAgain
	})
	if !errors.Is(err, errAgain) {
		return err
	}
	return e.Store.CreateVerification(ctx, a, once, rule)
}

func (e early) UpdateVerification(ctx context.Context, id string, once *verify.Once, rule func(*verify.Verification, time.Time) error) error {
	err := e.Store.UpdateVerification(ctx, id, nil, func(v *verify.Verification, now time.Time) error {
		_ = rule(v, now.Add(-time.Second))
		return errAgain
	})
	if !errors.Is(err, errAgain) {
		return err
	}
	return e.Store.UpdateVerification(ctx, id, once, rule)
}

func (e early) UpdateVerificationOf(ctx context.Context, userID, id string, rule func(*verify.Verification, time.Time) error) error {
	err := e.Store.UpdateVerificationOf(ctx, userID, id, func(v *verify.Verification, now time.Time) error {
		_ = rule(v, now.Add(-time.Second))
		return errAgain
	})
	if !errors.Is(err, errAgain) {
		return err
	}
	return e.Store.UpdateVerificationOf(ctx, userID, id, rule)
}

// TestRulesRunTwice meets what was refused, reused or right in a first run, and
// is not in the second.
func TestRulesRunTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, func(c *server.Config) { c.Store = early{c.Store.(*storage.Store)} })
		send := func(code int) reply {
			t.Helper()
			r := d.ask(d.user("ana"), "POST", sendCode, object{"phone_number": number}).allow(code)
			d.settle()
			return r
		}
		v := send(202)
		id := v.str("verification_id")
		d.ask(byKey, "POST", verifications+"/"+id+"/cancel", nil).allow(200)
		d.pass(time.Minute)
		next := send(202) // refused a second ago
		send(200)         // given back
		d.stop()
		d.pass(time.Hour) // given back a second ago
		if last := send(202); last.object["reused"] != nil || last.str("verification_id") == next.str("verification_id") {
			t.Errorf("what has ended is given back: %v", last.object)
		}
	})
}

func TestNobodyWaitsForAServerThatStops(t *testing.T) {
	within(t, func(d *door) {
		began := time.Now()
		answered := make(chan reply, 1)
		go func() { answered <- d.ask(byKey, "GET", "/api/v1/outbox?wait=25", nil) }()
		d.pass(time.Second)
		d.stop()
		(<-answered).allow(200)
		if waited := time.Since(began); waited != time.Second {
			t.Errorf("the answer came after %v, want 1 s", waited)
		}
	})
}

func TestOutbox(t *testing.T) {
	within(t, func(d *door) {
		d.ask(byKey, "POST", verifications, object{"user_id": "ana", "phone_number": number, "channel": "sms"}).allow(201)
		d.settle()
		all := d.ask(byKey, "GET", "/api/v1/outbox?to=%2B14155550123", nil).allow(200)
		if n := len(all.object["messages"].([]any)); n != 1 {
			t.Errorf("%d messages, want 1", n)
		}
		began := time.Now()
		rest := d.ask(byKey, "GET", "/api/v1/outbox?to=%2B14155550123&wait=25&after="+all.str("next"), nil).allow(200).has("next", all.str("next"))
		if n := len(rest.object["messages"].([]any)); n != 0 || time.Since(began) != 25*time.Second {
			t.Errorf("%d messages after %v, want none after 25 s", n, time.Since(began))
		}
	})
}
