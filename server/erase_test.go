package server_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"nod/hub"
	"nod/verify"
)

// walk calls see with every member of a JSON value.
func walk(v any, see func(name string, value any)) {
	switch v := v.(type) {
	case object:
		for name, value := range v {
			see(name, value)
			walk(value, see)
		}
	case []any:
		for _, one := range v {
			walk(one, see)
		}
	}
}

// TestExport tells a person all that is kept of them, and nothing that opens
// anything.
func TestExport(t *testing.T) {
	within(t, func(d *door) {
		p := d.phone("a%2Fna")
		enrollment := d.ask(byKey, "POST", "/api/v1/users/a%2Fna/enrollments", nil).allow(201).str("enrollment_token")
		d.ask(byKey, "PUT", "/api/v1/users/a%2Fna/settings", object{"channel_preference": "both", "locale": "de"}).allow(200)
		ask := d.ask(byKey, "POST", verifications, object{
			"user_id": "a/na", "phone_number": number, "email": "ana@example.com",
			"context": object{"ip": "203.0.113.9", "user_agent": "Firefox", "location": "Lisbon"},
		}).allow(201)
		code, me := d.code(number), page(ask.str("client_secret"))
		of := verifications + "/" + ask.str("verification_id")
		d.ask(me, "POST", of+"/check", object{"code": wrong(code)}).allow(200).has("ok", false)
		result := d.ask(me, "POST", of+"/check", object{"code": code}).allow(200).str("result_token")
		trusted := d.ask(byKey, "POST", of+"/exchange", object{"result_token": result, "remember_device": true}).allow(200).str("trusted_device_token")
		d.ask(byKey, "POST", "/api/v1/users/a%2Fna/block", nil).allow(204)
		d.ask(byKey, "POST", verifications, object{"user_id": "bob", "phone_number": "+14155550199"}).allow(201)

		r := d.ask(byKey, "GET", "/api/v1/users/a%2Fna/export", nil).allow(200).has("user_id", "a/na")
		if h := r.header; h.Get("Content-Disposition") != `attachment; filename="nod-export.json"` || h.Get("Cache-Control") != "no-store" || h.Get("Content-Type") != "application/json" {
			t.Errorf("it comes with %v", h)
		}
		for _, word := range []string{number, "ana@example.com", "203.0.113.9", "Firefox", "Lisbon", p.id, ask.str("verification_id"), "blocked_at", "trd_", `"both"`, "code.check_failed", "operator.acted"} {
			if !strings.Contains(r.text, word) {
				t.Errorf("the export lacks %s", word)
			}
		}
		for name, secret := range map[string]string{
			"the code": `"` + code, "a client secret": ask.str("client_secret"), "a result token": result, "a trusted device's token": trusted,
			"an enrollment token": enrollment, "a push token": "sim-", "the API key": apiKey, "another person's number": "+14155550199",
			"the number's hash": d.store.Keys().HashNumber(verify.StoredNumber(number)), "who acted": "key ",
		} {
			if strings.Contains(r.text, secret) {
				t.Errorf("%s stands in the export", name)
			}
		}
		walk(r.object, func(name string, value any) {
			if at, is := value.(string); is && (name == "at" || strings.HasSuffix(name, "_at")) {
				if _, err := time.Parse(time.RFC3339, at); err != nil {
					t.Errorf("%s is %s", name, at)
				}
			}
		})
	})
}

func TestExportOfNobody(t *testing.T) {
	within(t, func(d *door) {
		r := d.ask(byKey, "GET", "/api/v1/users/nobody/export", nil).allow(200).has("user_id", "nobody").lacks("settings", "hold")
		for _, name := range []string{"devices", "trusted_devices", "enrollments", "verifications", "events"} {
			if list, is := r.object[name].([]any); !is || len(list) != 0 {
				t.Errorf("%s are %v", name, r.object[name])
			}
		}
		d.ask(byKey, "GET", "/api/v1/users/a%00b/export", nil).deny(422, "invalid_request").at("user_id")
		d.ask(byKey, "DELETE", "/api/v1/users/a%00b", nil).deny(422, "invalid_request").at("user_id")
	})
}

// TestErase erases a person in the middle of everything.
func TestErase(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		d := w.phone("u1")
		phone := w.online(d)
		w.ask(byKey, "PUT", "/api/v1/users/u1/settings", object{"channel_preference": "push"}).allow(200)
		proof := w.ask(w.user("u1"), "POST", sendCode, object{"phone_number": number}).allow(202).str("verification_id")
		token := w.ask(w.user("u1"), "POST", verifyCode, object{"verification_id": proof, "code": w.code(number)}).allow(200).str("result_token")
		once := byKey.with("Idempotency-Key", "k")
		first := w.ask(once, "POST", verifications, object{"user_id": "u1"}).allow(201)
		l := attempt{id: first.str("verification_id"), secret: first.str("client_secret")}
		phone.receive()
		w.settle()
		seq := int64(w.status(l).object["seq"].(float64))
		socket, _ := w.watch(l)
		stream := w.stream(l, "")
		stream.expect("snapshot")
		polled := make(chan reply, 1)
		go func() { polled <- w.ask(page(l.secret), "GET", statusOf+"?wait=25&since_seq=99", nil) }()
		bob := w.ask(byKey, "POST", verifications, object{"user_id": "bob", "phone_number": number, "channel": "sms"}).allow(201).str("verification_id")
		w.settle()

		w.ask(w.operator(), "POST", verifications+"/"+proof+"/unlock", nil).allow(204)
		w.settle()
		for range 2 {
			w.ask(byKey, "DELETE", "/api/v1/users/u1", nil).allow(204)
		}
		if acts, want := w.acts(), []string{"erase key", "erase key", "unlock console"}; !slices.Equal(acts, want) {
			t.Errorf("noted %v, want %v", acts, want)
		}
		if acts := w.ask(byKey, "GET", "/api/v1/operator-acts", nil).text; strings.Contains(acts, "ver_") || strings.Contains(acts, "u1") {
			t.Errorf("the acts name who was erased: %s", acts)
		}
		socket.until(&seq, "verification.canceled")
		if r := socket.expect("result"); r.text("status") != "canceled" || r.Seq != seq {
			t.Errorf("the page hears of the end: %v", r)
		}
		if e := stream.expect("event"); e.text("name") != "verification.canceled" {
			t.Errorf("the stream tells %v", e)
		}
		if r := stream.expect("result"); r.text("status") != "canceled" {
			t.Errorf("the stream tells of the end: %v", r)
		}
		stream.ends()
		phone.promptClosed(l.id, "canceled")
		phone.closed("revoked", 4401)
		(<-polled).deny(404, "not_found")

		// What the person held.
		w.ask(page(l.secret), "GET", verifications+"/"+l.id, nil).deny(401, "unauthenticated")
		w.ask(d.me(), "GET", "/api/v1/prompts", nil).deny(401, "unauthenticated")
		late := w.dial()
		late.send("auth", d.token(object{"nonce": late.nonce}))
		late.refused()
		late = w.dial()
		late.send("auth", object{"client_secret": l.secret, "last_seq": seq})
		late.refused()
		me := w.user("u1") // as a new user's
		w.ask(me, "GET", "/api/v1/users/u1/settings", nil).allow(200).has("channel_preference", "auto")
		w.ask(me, "GET", statusOf+"?verification_id="+proof, nil).deny(404, "not_found")
		w.ask(me, "GET", statusOf+"?phone_number=%2B14155550123", nil).allow(200).has("status", "none")
		if figures := w.ask(me, "GET", figuresOf, nil).allow(200); figures.object["totals"].(object)["send_code"] != 0.0 {
			t.Errorf("figures of nothing: %s", figures.text)
		}

		w.erased("u1", l.id, proof)
		w.ask(byKey, "POST", verifications+"/"+proof+"/exchange", object{"result_token": token}).deny(404, "not_found")
		if ids := w.searched(number); !slices.Equal(ids, []string{bob}) {
			t.Errorf("by the number one finds %v, want another person's", ids)
		}

		// A new person by that name.
		w.ask(once, "POST", verifications, object{"user_id": "u1"}).deny(422, "no_channel") // the same call again: no answer was kept
		if v := w.ask(w.user("u1"), "POST", sendCode, object{"phone_number": number}).allow(202); v.object["cooldown_remaining"] != 0.0 {
			t.Errorf("somebody new waits for what was erased: %s", v.text)
		}
		w.pass(10 * time.Minute)
		socket.closed("unauthenticated", 4401)
	})
}

// erased makes sure that an integrator finds nothing of a user and of what was theirs.
func (d *door) erased(user string, ids ...string) {
	d.Helper()
	for _, id := range ids {
		d.ask(byKey, "GET", verifications+"/"+id, nil).deny(404, "not_found")
		d.ask(byKey, "GET", verifications+"/"+id+"/timeline", nil).deny(404, "not_found")
	}
	left := d.ask(byKey, "GET", "/api/v1/users/"+user+"/export", nil).allow(200).lacks("settings", "hold")
	for _, name := range []string{"devices", "trusted_devices", "enrollments", "verifications", "events"} {
		if len(left.object[name].([]any)) > 0 {
			d.Errorf("%s are left: %v", name, left.object[name])
		}
	}
}

// TestErasedBeforeItIsHeard has everything published arrive a little late, when the
// store knows nothing of it any more.
func TestErasedBeforeItIsHeard(t *testing.T) {
	repaired(t, func(t *testing.T, w *wired, b *silence) {
		phone := w.online(w.phone("u1"))
		l := w.login()
		phone.receive()
		w.settle()
		socket, _ := w.watch(l)
		stream := w.stream(l, "")
		stream.expect("snapshot")
		late := make(chan hub.Message, 100)
		b.losing(func(m hub.Message) bool {
			late <- m
			return true
		})
		w.ask(byKey, "DELETE", "/api/v1/users/u1", nil).allow(204)
		w.settle()
		b.losing(func(hub.Message) bool { return false })
		for len(late) > 0 {
			_, _ = b.dicing.Publish(t.Context(), <-late)
		}
		for _, hears := range []func(string) frame{socket.expect, stream.expect} {
			if e := hears("event"); e.text("name") != "verification.canceled" {
				t.Errorf("told of %v", e)
			}
			if r := hears("result"); r.text("status") != "canceled" {
				t.Errorf("told of the end: %v", r)
			}
		}
		stream.ends()
		phone.promptClosed(l.id, "canceled")
		phone.closed("revoked", 4401)
	})
}
