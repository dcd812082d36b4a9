package main

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"nod/client"
	"nod/deploy/throwaway"
)

const number = "+14155550123"

// TestSignIn is the main job: enroll, ask, type the number, approve, exchange.
func TestSignIn(t *testing.T) {
	onBoth(t, func(t *testing.T, start starter) {
		p := start(t)
		ph := p.enroll("u1", nil)
		device := ph.connect()
		if got, _ := device.next("prompts")["prompts"].([]any); len(got) != 0 {
			t.Fatalf("a fresh device has prompts: %v", got)
		}

		v := p.do(201, "POST", "/api/v1/verifications", object{"user_id": "u1", "phone_number": number, "context": object{"app": "Bank", "ip": "203.0.113.7"}})
		page := p.watch(v, nil)
		if got := page.next("snapshot").str("match_number"); got != v.str("match_number") || len(got) != 3 {
			t.Fatalf("the page shows %q, the integrator was told %q", got, v.str("match_number"))
		}

		prompt := device.next("prompt")
		if prompt.obj("context").str("app") != "Bank" || prompt["match_number"] != nil {
			t.Fatalf("prompt %v", prompt)
		}
		device.send("ack", object{"delivery_id": prompt.str("delivery_id")})
		device.send("displayed", object{"delivery_id": prompt.str("delivery_id")})
		device.send("respond", ph.answer(prompt, "approve", v.str("match_number")))
		if got := device.next("prompt_result"); got["accepted"] != true {
			t.Fatalf("the phone was told %v", got)
		}

		result := page.next("result")
		if result.str("status") != "approved" || result.str("method") != "app" {
			t.Fatalf("the page was told %v", result)
		}
		path := "/api/v1/verifications/" + v.str("verification_id") + "/exchange"
		p.do(200, "POST", path, object{"result_token": result.str("result_token")})
		if out := p.do(409, "POST", path, object{"result_token": result.str("result_token")}); out.str("code") != "already_decided" {
			t.Errorf("a spent token: %v", out)
		}
	})
}

// TestOfflinePhone is the ladder: nobody on the socket, a push, then an SMS.
func TestOfflinePhone(t *testing.T) {
	onBoth(t, func(t *testing.T, start starter) {
		p := start(t, "NOD_PUSH_ACK_TIMEOUT=1s", "NOD_WS_ACK_TIMEOUT=1s")
		p.enroll("u1", &client.Push{Provider: "fcm", Token: "sim-1"})
		v := p.do(201, "POST", "/api/v1/verifications", object{"user_id": "u1", "phone_number": number})
		if m := p.outbox("sim-1", 1); m["code"] != nil {
			t.Fatalf("a push holds a code: %v", m)
		}
		sms := p.outbox(number, 1)
		status, out := p.call("POST", pathOf(v)+"/check", page(v), object{"code": sms.str("code")})
		if status != 200 || out["ok"] != true || out.str("status") != "approved" || out.str("method") != "sms_code" || out.str("result_token") == "" {
			t.Fatalf("%d %v", status, out)
		}
	})
}

// TestKilledAtEveryMoment kills nod after each step of a sign-in and goes on.
func TestKilledAtEveryMoment(t *testing.T) {
	onBoth(t, func(t *testing.T, start starter) {
		p := start(t)
		ph := p.enroll("u1", nil)
		blow := func() { p.kill(); p.again() }
		blow()
		ph.connect().next("prompts")
		v := p.do(201, "POST", "/api/v1/verifications", object{"user_id": "u1", "phone_number": number})
		blow()
		watcher := p.watch(v, nil)
		before := watcher.next("snapshot")
		if before.str("match_number") != v.str("match_number") || before.str("prompt_expires_at") != v.str("prompt_expires_at") {
			t.Fatalf("after the crash the page sees %v", before)
		}
		device := ph.connect()
		prompts, _ := device.next("prompts")["prompts"].([]any)
		if len(prompts) != 1 {
			t.Fatalf("after the crash the phone has %v", prompts)
		}
		prompt, _ := prompts[0].(map[string]any)
		device.send("displayed", object{"delivery_id": object(prompt).str("delivery_id")})
		eventually(t, "the display is known", func() bool {
			return p.do(200, "GET", pathOf(v), nil).str("stage") == "prompted"
		})
		blow()
		device = ph.connect()
		prompts, _ = device.next("prompts")["prompts"].([]any)
		prompt, _ = prompts[0].(map[string]any)
		device.send("respond", ph.answer(prompt, "approve", v.str("match_number")))
		device.next("prompt_result")
		blow()
		watcher = p.watch(v, before["seq"])
		result := watcher.next("result")
		p.do(200, "POST", pathOf(v)+"/exchange", object{"result_token": result.str("result_token")})
	})
}

// TestStop: sockets hear goodbye, and nod ends well.
func TestStop(t *testing.T) {
	onBoth(t, func(t *testing.T, start starter) {
		p := start(t)
		device := p.enroll("u1", nil).connect()
		device.next("prompts")
		begun := time.Now()
		p.stop()
		if bye := device.next("bye"); bye.str("reason") != "draining" {
			t.Errorf("bye %v", bye)
		}
		if took := time.Since(begun); took > drainTime {
			t.Errorf("stopping took %s", took)
		}
	})
}

// TestOwnFigures: a user sees their own, in the seed's words.
func TestOwnFigures(t *testing.T) {
	onBoth(t, func(t *testing.T, start starter) {
		p := start(t)
		user := "Authorization: Bearer " + p.do(201, "POST", "/api/v1/user-tokens", object{"user_id": "u1", "ttl": 60}).str("token")
		_, v := p.call("POST", "/api/onboarding/send-verification", user, object{"phone_number": number})
		code := p.outbox(number, 1).str("code")
		if _, out := p.call("POST", "/api/onboarding/verify-code", user, object{"verification_id": v.str("verification_id"), "code": code}); out["ok"] != true {
			t.Fatal(out)
		}
		p.do(201, "POST", "/api/v1/verifications", object{"user_id": "u2", "phone_number": "+14155550124"})
		_, out := p.call("GET", "/api/onboarding/verification-analytics?days=7", user, nil)
		totals := out.obj("totals")
		if totals.num("send_code") != 1 || totals.num("verify_success") != 1 || out.num("success_rate") != 1 || out.num("days") != 7 {
			t.Errorf("%v", out)
		}
		if out.obj("by_channel")["sms"] == nil || len(out["recent"].([]any)) != 2 {
			t.Errorf("%v", out)
		}
	})
}

// TestRevokedWhileShown: with nobody left to answer, a request is over.
func TestRevokedWhileShown(t *testing.T) {
	onBoth(t, func(t *testing.T, start starter) {
		p := start(t)
		for user, want := range map[string]string{"with a number": "code_entry", "without": ""} {
			ph := p.enroll(url.PathEscape(user), nil)
			device := ph.connect()
			device.next("prompts")
			ask := object{"user_id": user}
			if want != "" {
				ask["phone_number"] = number
			}
			v := p.do(201, "POST", "/api/v1/verifications", ask)
			device.send("displayed", object{"delivery_id": device.next("prompt").str("delivery_id")})
			eventually(t, "the display is known", func() bool {
				return p.do(200, "GET", pathOf(v), nil).str("stage") == "prompted"
			})
			p.do(204, "DELETE", "/api/v1/devices/"+ph.ID, nil)
			eventually(t, user+" the verification moves on", func() bool {
				out := p.do(200, "GET", pathOf(v), nil)
				return out.str("stage") == want && (want != "" || out.str("status") == "expired")
			})
		}
	})
}

// TestRevokedPhone: when the last phone goes, the ladder does not wait for it.
func TestRevokedPhone(t *testing.T) {
	onBoth(t, func(t *testing.T, start starter) {
		p := start(t)
		ph := p.enroll("u1", &client.Push{Provider: "fcm", Token: "sim-1"})
		device := ph.connect()
		device.next("prompts")
		p.do(201, "POST", "/api/v1/verifications", object{"user_id": "u1", "phone_number": number})
		device.next("prompt")
		begun := time.Now()
		p.do(204, "DELETE", "/api/v1/devices/"+ph.ID, nil)
		p.outbox(number, 1)
		if took := time.Since(begun); took > 3*time.Second {
			t.Errorf("the SMS came after %s", took)
		}
		if bye := device.next("bye"); bye.str("reason") != "revoked" {
			t.Errorf("%v", bye)
		}
	})
}

// TestWaitsForItsDatabase: a nod that starts before its Postgres does waits for it.
func TestWaitsForItsDatabase(t *testing.T) {
	t.Parallel()
	postgres, err := throwaway.StartPostgres()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(postgres.Close)
	postgres.Stop()
	p := newProgram(t, "NOD_DATABASE_URL="+postgres.URL, "NOD_SECRET="+clusterSecret)
	up := make(chan error, 1)
	go func() { up <- p.launch() }()
	eventually(t, "it says that it waits", func() bool { return strings.Contains(p.journal.String(), "is waited for") })
	if err := postgres.Start(); err != nil {
		t.Fatal(err)
	}
	if err := <-up; err != nil {
		t.Fatal(err)
	}
	p.do(200, "GET", "/readyz", nil)
}
