package server_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"nod/hub"
	"nod/server"
	"nod/storage"
)

// TestApprove follows one login from its start to the exchange.
func TestApprove(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		d := w.phone("u1")
		phone := w.online(d)
		l := w.login()
		page, snapshot := w.resume(l, 0)
		if snapshot.text("match_number") != l.number || len(l.number) != 3 || snapshot.Data["client_secret"] != nil {
			t.Fatalf("snapshot %v", snapshot.Data)
		}
		prompt := phone.receive()
		if prompt["remaining"] != 120.0 {
			t.Fatalf("prompt %v", prompt)
		}
		var seq int64
		page.until(&seq, "delivery.delivered")
		page.until(&seq, "delivery.displayed")
		phone.send("respond", d.signed(prompt, "approve", l.number))
		phone.result(true, "")
		phone.promptClosed(l.id, "approved")

		last := page.until(&seq, "verification.approved")
		state, _ := last.Data["state"].(object)
		if state["status"] != "approved" || state["result_token"] != nil || state["match_number"] != nil || state["seq"] != float64(seq) {
			t.Fatalf("state %v", state)
		}
		result := page.expect("result")
		if result.Seq != seq || result.text("status") != "approved" || result.text("method") != "app" || result.text("verification_id") != l.id {
			t.Fatalf("result %v", result)
		}
		w.ask(byKey, "POST", "/api/v1/verifications/"+l.id+"/exchange", object{"result_token": result.text("result_token")}).allow(200).str("result")
		if again, snapshot := w.watch(l); snapshot.Data["result_token"] != nil || again.expect("result").Data["result_token"] != nil {
			t.Fatal("a redeemed verification gives a result token")
		}
	})
}

// TestRefusals are the answers that end a login without letting anybody in.
func TestRefusals(t *testing.T) {
	for _, c := range []struct{ decision, number, reason, told string }{
		{"deny", "", "user_denied", ""},
		{"report", "", "user_reported", ""},
		{"approve", "xyz", "wrong_number", "wrong_number"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			wire(t, func(t *testing.T, w *wired) {
				d := w.phone("u1")
				phone := w.online(d)
				l := w.login()
				page, _ := w.resume(l, 0)
				phone.send("respond", d.signed(phone.receive(), c.decision, c.number))
				phone.result(c.told == "", c.told)
				phone.promptClosed(l.id, "denied")
				var seq int64
				if e := page.until(&seq, "verification.denied"); e.text("reason") != c.reason {
					t.Fatalf("event %v", e.Data)
				}
				if r := page.expect("result"); r.text("status") != "denied" || r.text("reason") != c.reason || r.Data["result_token"] != nil {
					t.Fatalf("result %v", r.Data)
				}
			})
		})
	}
}

// TestTwoPhones lets two devices answer: the first answer counts.
func TestTwoPhones(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		first, second := w.phone("u1"), w.phone("u1")
		one, two := w.online(first), w.online(second)
		l := w.login()
		shown, seen := one.receive(), two.receive()
		one.send("respond", first.signed(shown, "approve", l.number))
		one.result(true, "")
		two.promptClosed(l.id, "approved")

		two.send("respond", second.signed(seen, "deny", ""))
		two.result(false, "approved")
		one.promptClosed(l.id, "approved")
		one.send("respond", first.signed(shown, "approve", l.number)) // the answer was lost on the way
		one.result(true, "")
		one.send("respond", first.signed(shown, "deny", ""))
		one.result(false, "approved")
		if got := w.status(l).str("status"); got != "approved" {
			t.Fatal("status", got)
		}
	})
}

// TestLate answers when the request has run out.
func TestLate(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		d := w.phone("u1")
		phone := w.online(d)
		l := w.login()
		prompt := phone.receive()
		phone.promptClosed(l.id, "expired")
		phone.send("respond", d.signed(prompt, "approve", l.number))
		phone.result(false, "expired")
	})
}

// TestPromptClosed has a prompt end in every way there is. A phone hears of it
// once, whatever happens afterwards.
func TestPromptClosed(t *testing.T) {
	sms := object{"phone_number": number}
	for _, c := range []struct {
		name, reason string
		create       object
		end          func(w *wired, l attempt)
	}{
		{"canceled by the page", "canceled", nil, func(w *wired, l attempt) {
			w.act(l, "cancel", nil).allow(200)
		}},
		{"a newer login", "superseded", nil, func(w *wired, _ attempt) {
			w.login(object{"channel": "sms", "phone_number": number})
		}},
		{"its life", "expired", nil, func(w *wired, _ attempt) { w.pass(2 * time.Minute) }},
		{"its life, while a code is out", "expired", object{"phone_number": number, "channel": "both"}, func(w *wired, l attempt) {
			w.pass(2 * time.Minute)
			if got := w.status(l).str("stage"); got != "code_entry" {
				w.Fatal("stage", got)
			}
			w.pass(time.Minute) // nothing more is told
		}},
		{"a code", "code_used", sms, func(w *wired, l attempt) {
			w.act(l, "next", nil).allow(202)
			w.act(l, "check", object{"code": w.code(number)}).allow(200)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			wire(t, func(t *testing.T, w *wired) {
				phone := w.online(w.phone("u1"))
				l := w.login(c.create)
				phone.receive()
				c.end(w, l)
				phone.promptClosed(l.id, c.reason)
				phone.silent(10 * time.Second)
				if n := len(phone.ticks); c.reason == "expired" && (n == 0 || phone.ticks[n-1].Data["prompt_in"] != 0.0) {
					t.Fatal("the last tick was not 0:", phone.ticks)
				}
			})
		})
	}
}

// TestNewNumber asks again over the app: a new prompt with a new number, and the
// old one is closed first.
func TestNewNumber(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		d := w.phone("u1")
		phone := w.online(d)
		l := w.login()
		page, _ := w.watch(l)
		old := phone.receive()
		w.pass(time.Minute)
		w.act(l, "resend", object{"channel": "push"}).allow(202)
		phone.promptClosed(l.id, "superseded")
		prompt := phone.receive()
		if prompt["delivery_id"] == old["delivery_id"] || prompt["signed"] == old["signed"] {
			t.Fatalf("prompt %v", prompt)
		}
		var number string
		for number == "" {
			if f, ok := page.next(); ok && f.Type == "snapshot" {
				number = f.text("match_number")
			} else if !ok {
				t.Fatal(page.err)
			}
		}
		if want := w.status(l).str("match_number"); number != want {
			t.Fatalf("number %s, want %s", number, want)
		}
		phone.send("respond", d.signed(old, "approve", l.number))
		phone.fails("conflict")
		phone.send("respond", d.signed(prompt, "approve", number))
		phone.result(true, "")
	})
}

// TestPhoneReconnects is asked while it is away, and finds the prompt.
func TestPhoneReconnects(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		d := w.phone("u1")
		l := w.login()
		w.pass(time.Second)
		phone, prompts := w.connect(d)
		if len(prompts) != 1 {
			t.Fatalf("prompts %v", prompts)
		}
		prompt, _ := prompts[0].(object)
		phone.send("ack", object{"delivery_id": prompt["delivery_id"]})
		phone.send("sync", nil)
		if again, _ := phone.expect("prompts").Data["prompts"].([]any); len(again) != 1 {
			t.Fatalf("prompts %v", again)
		}
		newer, _ := w.connect(d)
		phone.closed("replaced", 4409)
		newer.send("respond", d.signed(prompt, "approve", l.number))
		newer.result(true, "")
		newer.promptClosed(l.id, "approved")
		newer.send("sync", nil)
		if none, _ := newer.expect("prompts").Data["prompts"].([]any); len(none) != 0 {
			t.Fatalf("prompts %v", none)
		}
	})
}

// TestForeign names what belongs to others, or to nobody.
func TestForeign(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		mine, other := w.phone("u1"), w.phone("u1")
		phone, second := w.online(mine), w.online(other)
		l := w.login()
		prompt, theirs := phone.receive(), second.receive()
		for _, id := range []any{theirs["delivery_id"], "dlv_0", l.id} {
			phone.send("ack", object{"delivery_id": id})
			phone.fails("not_found")
		}
		for _, data := range []any{nil, object{}, object{"delivery_id": 5}, object{"token": []int{1}}} {
			phone.send("displayed", data)
			phone.fails("invalid_request")
			phone.send("respond", data)
			phone.fails("invalid_request")
		}
		phone.send("respond", other.signed(theirs, "approve", l.number)) // signed by another
		phone.fails("unauthenticated")
		phone.send("respond", mine.signed(theirs, "approve", l.number)) // about what another was shown
		phone.fails("conflict")
		elsewhere := object{"verification_id": "ver_0", "signed": prompt["signed"]}
		phone.send("respond", mine.signed(elsewhere, "approve", l.number))
		phone.fails("not_found")
		phone.send("respond", mine.signed(prompt, "shrug", ""))
		phone.fails("invalid_request")
		phone.send("dance", nil) // not a type of ours
		phone.send("respond", mine.signed(prompt, "approve", l.number))
		phone.result(true, "")
		w.login()
		phone.promptClosed(l.id, "approved")
		phone.expect("prompt")
	})
}

// TestOnlyDevicesAnswer has a page and a console send what phones send.
func TestOnlyDevicesAnswer(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		page, _ := w.watch(w.login(object{"phone_number": number, "channel": "sms"}))
		w.settle()
		page.drain()
		console := w.dial()
		console.send("auth", object{"token": w.ask(byKey, "POST", "/api/v1/console-sessions", nil).str("token")})
		for _, name := range []string{"welcome", "recent", "figures"} {
			console.expect(name)
		}
		for _, p := range []*peer{page, console} {
			for _, typ := range []string{"ack", "displayed", "respond", "sync", "away"} {
				p.send(typ, nil)
				p.fails("forbidden")
			}
			p.send("dance", nil)
			synctest.Wait()
			p.send("sync", nil)
			p.fails("forbidden")
		}
	})
}

// TestAway has what is open pushed at once.
func TestAway(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		phone := w.online(w.phone("u1"))
		l := w.login()
		phone.receive()
		phone.send("away", nil)
		w.pass(time.Millisecond)
		found := false
		deliveries, _ := w.status(l).object["deliveries"].([]any)
		for _, d := range deliveries {
			found = found || d.(object)["channel"] == "push"
		}
		if !found {
			t.Fatalf("deliveries %v", deliveries)
		}
	})
}

// TestRevoked ends the connection of a device that was removed.
func TestRevoked(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		d := w.phone("u1")
		phone := w.online(d)
		w.ask(byKey, "DELETE", "/api/v1/devices/"+d.id, nil).allow(204)
		phone.closed("revoked", 4401)
		again := w.dial()
		again.send("auth", d.token(object{"nonce": again.nonce}))
		again.expect("error")
		again.closed("revoked", 4401)
	})
}

// TestTurnedAway presents credentials that open nothing.
func TestTurnedAway(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		d := w.phone("u1")
		stranger := &phone{door: w.door, id: "dev_0", key: d.key}
		l := w.login()
		now := time.Now().Unix()
		for name, auth := range map[string]func(nonce string) object{
			"nothing": func(string) object { return nil },
			"two": func(n string) object {
				return object{"token": d.token(object{"nonce": n})["token"], "client_secret": l.secret}
			},
			"no token": func(string) object { return object{"token": "x"} },
			"no nonce": func(string) object { return d.token(nil) },
			"another nonce": func(n string) object {
				return d.token(object{"nonce": n + "x"})
			},
			"unknown device": func(n string) object {
				return stranger.token(object{"nonce": n})
			},
			"expired": func(n string) object {
				return d.token(object{"nonce": n, "iat": now - 90, "exp": now - 30})
			},
			"too long": func(n string) object {
				return d.token(object{"nonce": n, "exp": now + 120})
			},
			"another server": func(n string) object {
				return d.token(object{"nonce": n, "aud": "https://evil.example"})
			},
			"no secret":         func(string) object { return object{"client_secret": "nod_cs_x"} },
			"a secret's sister": func(string) object { return object{"client_secret": l.secret[:len(l.secret)-1] + "!"} },
			"a user token":      func(string) object { return object{"token": w.authority.UserToken("u1", time.Hour, time.Now())} },
			"an API key":        func(string) object { return object{"token": apiKey} },
		} {
			t.Log(name)
			p := w.dial()
			p.send("auth", auth(p.nonce))
			p.refused()
		}
		token, _ := d.token(nil)["token"].(string)
		if _, _, err := w.front.Authenticate(t.Context(), hub.Auth{Token: token}); err == nil {
			t.Error("a connection without a nonce is let in by a token without one")
		}
	})
}

// TestSecretReplaced gives an open verification back to its user: whoever holds
// the old secret is sent away.
func TestSecretReplaced(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		start := func() attempt {
			a := w.ask(w.user("u1"), "POST", "/api/onboarding/send-verification", object{"phone_number": number})
			return attempt{id: a.str("verification_id"), secret: a.str("client_secret")}
		}
		old := start()
		watcher, _ := w.watch(old)
		stream := w.stream(old, "")
		stream.expect("snapshot")
		w.settle()
		news := fmt.Sprintf("%s?wait=25&since_seq=%v", statusOf, w.status(old).object["seq"])
		polled := make(chan reply, 1)
		go func() { polled <- w.ask(page(old.secret), "GET", news, nil) }()
		w.pass(time.Second)
		l := start()
		(<-polled).deny(401, "unauthenticated")
		if l.id != old.id {
			t.Fatal("not reused")
		}
		for {
			if f, ok := watcher.next(); !ok || f.Type == "bye" {
				break
			}
		}
		watcher.closed("", 4401)
		stream.ends()
		w.watch(l)
	})
}

// TestAfterTheEnd keeps a page for ten minutes more, without ticks.
func TestAfterTheEnd(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		w.phone("u1")
		l := w.login()
		page, _ := w.watch(l)
		w.pass(3 * time.Second)
		w.act(l, "cancel", nil).allow(200)
		ended := time.Now()
		for {
			if f, _ := page.next(); f.Type == "result" {
				break
			}
		}
		page.ticks = nil
		late, _ := w.watch(l)
		late.expect("result")
		page.closed("unauthenticated", 4401)
		if got := time.Since(ended); got != 10*time.Minute {
			t.Fatal("closed after", got)
		}
		late.closed("unauthenticated", 4401)
		if len(page.ticks)+len(late.ticks) > 0 {
			t.Fatal("ticks after the end:", page.ticks, late.ticks)
		}
		p := w.dial()
		p.send("auth", object{"client_secret": l.secret})
		p.refused()
	})
}

// TestTicks reads the countdowns of a page and a phone.
func TestTicks(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		phone := w.online(w.phone("u1"))
		l := w.login(object{"phone_number": number, "channel": "both"})
		page, _ := w.watch(l)
		stream := w.stream(l, "")
		phone.receive()
		w.pass(61*time.Second + 500*time.Millisecond)
		phone.drain()
		page.drain()
		for name, ticks := range map[string][]frame{"page": page.ticks, "stream": stream.soFar("tick")} {
			if len(ticks) < 61 || len(ticks) > 63 {
				t.Fatalf("%s: %d ticks", name, len(ticks))
			}
			first, last := ticks[0].Data, ticks[len(ticks)-1].Data
			for field, want := range map[string]float64{"prompt_in": 119, "expires_in": 599, "resend_in": 59, "session_in": 3599} {
				if first[field] != want {
					t.Errorf("%s: first tick %v, want %s %v", name, first, field, want)
				}
			}
			if last["resend_in"] != nil || last["prompt_in"] != 59.0 || last["verification_id"] != l.id {
				t.Errorf("%s: last tick %v", name, last)
			}
			zeros := 0
			for _, f := range ticks {
				if f.Data["resend_in"] == 0.0 {
					zeros++
				}
			}
			if zeros != 1 {
				t.Errorf("%s: resend_in was 0 %d times", name, zeros)
			}
		}
		if n := len(phone.ticks); n != 61 || len(phone.ticks[0].Data) != 3 || phone.ticks[60].Data["prompt_in"] != 59.0 {
			t.Errorf("phone: %d ticks, %v", n, phone.ticks)
		}
	}, func(c *server.Config) { c.Policy.SocketTimeout = time.Minute })
}

// TestSeen records who is connected: on connecting, while connected, and last.
func TestSeen(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		d := w.phone("u1")
		seen := func() time.Duration {
			t.Helper()
			device, now, err := w.store.Device(t.Context(), d.id)
			w.must(err)
			if device.SeenAt.IsZero() {
				return -1
			}
			return now.Sub(device.SeenAt)
		}
		if got := seen(); got != -1 {
			t.Fatal("seen before it came:", got)
		}
		phone := w.online(d)
		if got := seen(); got > time.Millisecond {
			t.Fatal("seen", got, "ago at the start")
		}
		for range 10 {
			w.pass(17 * time.Second)
			if got := seen(); got > 30*time.Second {
				t.Fatal("seen", got, "ago while it is connected")
			}
		}
		again := w.phone("u1")
		w.online(again)
		w.pass(5 * time.Second)
		phone.gone()
		w.pass(time.Second)
		if got := seen(); got > time.Second {
			t.Fatal("seen", got, "ago after it left")
		}
		w.pass(5 * time.Second)
		w.stop()
		device, now, err := w.store.Device(t.Context(), again.id)
		w.must(err)
		if got := now.Sub(device.SeenAt); got > time.Second {
			t.Fatal("seen", got, "ago when the server stopped")
		}
	})
}

// offset is a store whose clock is off, and takes its time to say so.
type offset struct {
	*storage.Store
	by time.Duration
}

func (o offset) Now(ctx context.Context) (time.Time, error) {
	<-time.After(100 * time.Millisecond)
	now, err := o.Store.Now(ctx)
	return now.Add(o.by), err
}

// TestTheStoresClock is told to who waits, not the process's.
func TestTheStoresClock(t *testing.T) {
	for _, by := range []time.Duration{0, 5 * time.Minute, -5 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			d := open(t, func(c *server.Config) { c.Store = offset{c.Store.(*storage.Store), by} })
			d.pass(time.Second)
			if got := time.Until(d.front.Now()); (got-by).Abs() > 100*time.Millisecond || by == 0 && got != 0 {
				t.Errorf("a clock that is %v off is taken for %v", by, got)
			}
		})
	}
}
