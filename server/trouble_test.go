package server_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"nod/hub"
	"nod/server"
	"nod/verify"
)

// lines counts the lines of the log that hold a text.
func (d *door) lines(text string) int { return strings.Count(d.log.String(), text) }

// TestStoreHangs has the store take every call and answer none: whoever asks is
// told so within two seconds, and whoever is connected stays.
func TestStoreHangs(t *testing.T) {
	store := &counting{}
	repaired(t, func(t *testing.T, w *wired, b *silence) {
		d := w.phone("u1")
		phone := w.online(d)
		l := w.login(object{"phone_number": number})
		prompt := phone.receive()
		w.settle()
		watcher, _ := w.watch(l)
		stream := w.stream(l, "")
		stream.expect("snapshot")
		path := verifications + "/" + l.id
		ana, me, secret := w.user("u1"), d.me(), page(l.secret)
		polled := make(chan reply)
		go func() {
			polled <- w.ask(ana, "GET", fmt.Sprint("/api/onboarding/verification-status?wait=20&verification_id=", l.id, "&since_seq=", w.status(l).object["seq"]), nil)
		}()
		synctest.Wait()
		store.hangs.Store(true)
		for name, ask := range map[string]func() reply{
			"a create": func() reply {
				return w.ask(byKey, "POST", verifications, object{"user_id": "u2", "phone_number": number})
			},
			"a page":   func() reply { return w.ask(secret, "GET", path, nil) },
			"a check":  func() reply { return w.ask(byKey, "POST", path+"/check", object{"code": "123456"}) },
			"a user":   func() reply { return w.ask(ana, "POST", sendCode, object{"phone_number": number}) },
			"a device": func() reply { return w.ask(me, "GET", "/api/v1/prompts", nil) },
			"ready":    func() reply { return w.ask(nobody, "GET", "/readyz", nil) },
		} {
			w.within(2*time.Second, func() {
				if r := ask().deny(503, "unavailable"); r.header.Get("Retry-After") == "" {
					t.Errorf("%s is not told when to come back", name)
				}
			})
		}
		w.within(0, func() { w.ask(nobody, "GET", "/healthz", nil).allow(200) })
		w.within(2*time.Second, func() {
			phone.send("respond", d.signed(prompt, "approve", l.number))
			phone.fails("unavailable")
		})
		w.within(2*time.Second, func() {
			w.must(w.store.UpdateVerification(t.Context(), l.id, nil, func(v *verify.Verification, now time.Time) error {
				v.RejectResend(&verify.Refusal{Code: verify.CodeCooldown}, now) // news: they are read
				return nil
			}))
			(<-polled).deny(503, "unavailable")
			for range stream.frames { // to its end
			}
		})
		if stream.err != nil {
			t.Error("the stream was cut off:", stream.err)
		}
		w.pass(30 * time.Second)
		store.hangs.Store(false)
		phone.drain()
		phone.send("respond", d.signed(prompt, "approve", l.number))
		phone.result(true, "")
		w.pass(2 * soon)
		seq := int64(0)
		for f := (frame{}); f.text("name") != "verification.approved"; {
			f = watcher.expect("event")
			if f.Seq <= seq {
				t.Errorf("event %d after %d", f.Seq, seq)
			}
			seq = f.Seq
		}
		watcher.expect("result")
	}, store.counted)
}

// TestTroubleIsToldTwice publishes a lot through a broker that fails.
func TestTroubleIsToldTwice(t *testing.T) {
	broker := &failing{}
	wireOver(t, broker, func(t *testing.T, w *wired) {
		const began, over = `"trouble began","what":"changes are not published`, `"trouble is over","what":"changes are not published`
		for i := range 30 {
			w.act(w.login(object{"user_id": fmt.Sprint("u", i), "phone_number": fmt.Sprint("+141555501", 10+i)}), "cancel", nil).allow(200)
			w.pass(time.Second)
		}
		if w.lines(began) != 1 || w.lines(over) != 0 {
			t.Errorf("%d lines say that it began, %d that it is over", w.lines(began), w.lines(over))
		}
		broker.heal()
		w.pass(10 * time.Second)
		w.login(object{"phone_number": "+14155550199"})
		if w.lines(began) != 1 || w.lines(over) != 1 {
			t.Errorf("%d lines say that it began, %d that it is over", w.lines(began), w.lines(over))
		}
	})
}

// failing is a broker that fails until it is healed.
type failing struct {
	dicing
	healed bool
}

func (f *failing) heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.healed = true
}

func (f *failing) Publish(ctx context.Context, m hub.Message) (int, error) {
	f.mu.Lock()
	healed := f.healed
	f.mu.Unlock()
	if !healed {
		return 0, errors.New("the broker is away")
	}
	return f.dicing.Publish(ctx, m)
}

// TestReady asks a node that is cut off from the others, and one that retires.
func TestReady(t *testing.T) {
	var cut error
	synctest.Test(t, func(t *testing.T) {
		d := open(t, func(c *server.Config) { c.Ready = func() error { return cut } })
		ready := func() reply { return d.ask(nobody, "GET", "/readyz", nil) }
		if h := ready().allow(200).header.Get("Connection"); h != "" {
			t.Error("Connection:", h)
		}
		cut = errors.New("no probe came back for 5s")
		if r := ready().deny(503, "unavailable"); !strings.Contains(r.str("detail"), "between") || strings.Contains(r.text, "probe") {
			t.Error("a load balancer is told", r.text)
		}
		if d.lines("no probe came back") == 0 {
			t.Error("an operator is not told why:", d.log.String())
		}
		cut = nil
		ready().allow(200)
		d.front.Retire()
		if r := ready().deny(503, "unavailable"); !strings.Contains(r.str("detail"), "going down") {
			t.Error("a load balancer is told", r.text)
		}
		d.ask(nobody, "GET", "/healthz", nil).allow(200)
		r := d.ask(byKey, "POST", verifications, object{"user_id": "ana", "phone_number": number}).allow(201)
		if h := r.header.Get("Connection"); h != "close" {
			t.Errorf("Connection: %q", h)
		}
	})
}

// TestDecisionsHaveTheirOwnRoom counts what is asked of the room for decisions, and
// what of the common one.
func TestDecisionsHaveTheirOwnRoom(t *testing.T) {
	store, reserved := &counting{}, &counting{}
	wire(t, func(t *testing.T, w *wired) {
		d := w.phone("u1")
		phone := w.online(d)
		byApp, byCode := w.login(object{"phone_number": number}), w.login(object{"user_id": "u2", "phone_number": "+14155550199"})
		phone.send("respond", d.signed(phone.receive(), "approve", byApp.number))
		phone.result(true, "")
		w.act(byCode, "check", object{"code": w.code("+14155550199")}).allow(200).has("ok", true)
		w.ask(byKey, "POST", verifications+"/"+byApp.id+"/exchange", object{"result_token": w.status(byApp).str("result_token")}).allow(200)
		w.act(w.login(object{"user_id": "u3", "phone_number": number}), "cancel", nil).allow(200)
		offline := w.phone("u4")
		byCall := w.login(object{"user_id": "u4", "phone_number": "+14155550188"})
		offline.answer(offline.prompt(), "approve", byCall.number).allow(200)
		kept, other := reserved.since(), store.since()
		if n, tokens := kept["UpdateVerification"], kept["SpendTokenID"]; n != 5 || tokens != 2 {
			t.Errorf("%d decisions and %d tokens were reserved, want 5 and 2", n, tokens)
		}
		if n, tokens := other["UpdateVerification"], other["SpendTokenID"]; n != 2 || tokens != 0 {
			t.Errorf("%d receipts and %d tokens were not, want 2 and 0", n, tokens)
		}
	}, func(c *server.Config) {
		store.counted(c)
		reserved.Store = store.Store
		c.Decisions = reserved
	})
}

// TestSkew has the store's clock leave the node's, and come back.
func TestSkew(t *testing.T) {
	store := &counting{}
	wire(t, func(t *testing.T, w *wired) {
		skew := func(want string) {
			t.Helper()
			w.pass(time.Minute)
			if _, text, _ := strings.Cut(w.ask(nobody, "GET", "/metrics", nil).allow(200).text, "\nnod_clock_skew_seconds "); !strings.HasPrefix(text, want+"\n") {
				t.Errorf("the skew is %.20q, want %s", text, want)
			}
		}
		skew("0")
		store.ahead.Store(int64(-45 * time.Second))
		skew("-45")
		if n := w.lines("clock is off"); n != 1 {
			t.Errorf("%d warnings", n)
		}
		store.ahead.Store(0)
		skew("0")
		if n := w.lines("clock is right again"); n != 1 {
			t.Errorf("%d lines say that it is over", n)
		}
	}, store.counted)
}

// TestWhoLeftIsRecordedLater has the store fail while a phone leaves.
func TestWhoLeftIsRecordedLater(t *testing.T) {
	store := &counting{}
	wire(t, func(t *testing.T, w *wired) {
		d := w.phone("u1")
		phone := w.online(d)
		w.pass(10 * time.Second)
		store.away.Store(true)
		phone.gone()
		w.pass(10 * time.Second)
		store.away.Store(false)
		w.pass(2 * time.Second)
		got, _, err := w.store.Device(t.Context(), d.id)
		w.must(err)
		if since := time.Since(got.SeenAt); since > 2*time.Second {
			t.Errorf("the phone was seen %v ago", since)
		}
	}, store.counted)
}
