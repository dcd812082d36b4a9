package server_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"nod/verify"
)

const blocks = "/api/v1/blocks"

// blocked lists what is blocked, newest first, as "kind label".
func (d *door) blocked() (all []string) {
	d.Helper()
	for _, one := range d.ask(byKey, "GET", blocks, nil).allow(200).object["blocks"].([]any) {
		b := one.(object)
		all = append(all, b["kind"].(string)+" "+b["label"].(string))
	}
	return all
}

// TestBlocks blocks a number in every way and lifts it again: what is sent meets the
// block, what the app does not.
func TestBlocks(t *testing.T) {
	const german, other = "+4915112345678", "+4917612345678"
	for kind, c := range map[string]struct {
		value, again, label, reason string
		spares                      string // a number that goes on
	}{
		"number":  {"tel:+49 151 1234-5678", german, "number +49 ••• 78", "fraud_rule", other},
		"prefix":  {"+49151", "0049 (151)", "prefix +49151", "fraud_rule", other},
		"country": {" de ", "DE", "country DE", "country", number},
	} {
		t.Run(kind, func(t *testing.T) {
			within(t, func(d *door) {
				console, p := d.operator(), d.phone("ana")
				open := d.ask(d.user("bob"), "POST", sendCode, object{"phone_number": german, "locale": "de"}).allow(202)
				code := d.code(german)
				made := d.ask(console, "POST", blocks, object{"kind": kind, "value": c.value}).allow(201).has("kind", kind)
				id := made.str("id")
				if !regexp.MustCompile(`^blk_[0-9a-f]{32}$`).MatchString(id) || !strings.HasPrefix(made.str("by"), "console ") || kind+" "+made.str("label") != c.label {
					t.Errorf("made %s", made.text)
				}
				if twice := d.ask(byKey, "POST", blocks, object{"kind": kind, "value": c.again}).allow(200); twice.text != made.text {
					t.Errorf("again: %s, the first time: %s", twice.text, made.text)
				}
				if all := d.blocked(); !slices.Equal(all, []string{c.label}) {
					t.Errorf("blocked: %v", all)
				}
				// What is open.
				me, path := page(open.object["client_secret"]), verifications+"/"+open.str("verification_id")
				d.pass(time.Minute)
				for _, r := range []reply{
					d.ask(me, "POST", path+"/check", object{"code": code}),
					d.ask(byKey, "POST", path+"/check", object{"code": code}),
					d.ask(d.user("bob"), "POST", verifyCode, object{"phone_number": german, "code": code}),
					d.ask(me, "POST", path+"/resend", nil),
					d.ask(d.user("bob"), "POST", resendCode, object{"phone_number": german}),
				} {
					r.deny(403, "blocked").says("refused.blocked", "Sicherheit").lacks("retry_after", "verification_id")
				}
				d.ask(byKey, "GET", path, nil).has("status", "pending").has("attempts_remaining", 3)
				// What is new.
				d.left(d.ask(d.user("cy"), "POST", sendCode, object{"phone_number": german}).deny(403, "blocked"), c.reason)
				d.left(d.ask(byKey, "POST", verifications, object{"user_id": "di", "phone_number": german}).deny(403, "blocked"), c.reason)
				login := d.ask(byKey, "POST", verifications, object{"user_id": "ana", "phone_number": german, "channel": "both"}).allow(201)
				d.settle()
				d.ask(page(login.object["client_secret"]), "POST", verifications+"/"+login.str("verification_id")+"/next", nil).deny(403, "blocked")
				p.answer(p.prompt(), "approve", login.str("match_number")).allow(200).has("accepted", true)
				d.ask(d.user("ed"), "POST", sendCode, object{"phone_number": c.spares}).allow(202)
				if sent := d.outbox.List(german, "", 1000); len(sent) != 1 {
					t.Errorf("%d messages went to the number, want the one before the block", len(sent))
				}
				// And back.
				lift := object{"kind": kind, "value": c.again}
				if kind == "prefix" {
					lift = object{"id": id}
				}
				d.ask(byKey, "POST", blocks+"/lift", lift).allow(204)
				d.ask(byKey, "POST", blocks+"/lift", lift).deny(404, "not_found")
				if all := d.blocked(); len(all) != 0 {
					t.Errorf("blocked: %v", all)
				}
				d.ask(me, "POST", path+"/check", object{"code": code}).allow(200).has("ok", true)
				d.pass(time.Minute)
				d.ask(d.user("cy"), "POST", sendCode, object{"phone_number": german}).allow(202)
				var acts []string
				for _, one := range d.ask(console, "GET", "/api/v1/operator-acts", nil).allow(200).object["acts"].([]any) {
					a := one.(object)
					by, _, _ := strings.Cut(a["by"].(string), " ")
					acts = append(acts, a["action"].(string)+" "+by+": "+a["detail"].(string))
				}
				if want := []string{"unlock key: " + c.label, "block console: " + c.label}; !slices.Equal(acts, want) {
					t.Errorf("noted %v, want %v", acts, want)
				}
				if log := d.log.String(); strings.Contains(log, german[1:]) {
					t.Error("the number stands in the log")
				}
			})
		})
	}
}

// TestBlockAPerson does by value what a verification's page does by its id.
func TestBlockAPerson(t *testing.T) {
	within(t, func(d *door) {
		v := d.ask(byKey, "POST", verifications, object{"user_id": "a na", "phone_number": number, "channel": "sms"}).allow(201)
		made := d.ask(byKey, "POST", blocks, object{"kind": "user", "value": "a na"}).allow(201).has("kind", "user").has("label", "a na").lacks("id")
		if made.str("at") != verify.FormatTime(time.Now()) {
			t.Errorf("made %s", made.text)
		}
		d.pass(time.Minute)
		d.ask(byKey, "POST", blocks, object{"kind": "user", "value": "a na"}).allow(200).has("at", made.str("at"))
		d.ask(byKey, "GET", verifications+"/"+v.str("verification_id"), nil).has("status", "canceled").has("reason", "account_locked")
		d.left(d.ask(byKey, "POST", verifications, object{"user_id": "a na", "phone_number": number}).deny(403, "blocked"), "account_locked")
		if all := d.blocked(); !slices.Equal(all, []string{"user a na"}) {
			t.Errorf("blocked: %v", all)
		}
		d.ask(byKey, "POST", blocks+"/lift", object{"kind": "user", "value": "a na"}).allow(204)
		for _, free := range []string{"a na", "never-seen"} {
			d.ask(byKey, "POST", blocks+"/lift", object{"kind": "user", "value": free}).deny(404, "not_found")
		}
		d.ask(byKey, "POST", verifications, object{"user_id": "a na", "phone_number": number}).allow(201)
		if acts := d.acts(); !slices.Equal(acts, []string{"unlock key", "block key"}) {
			t.Errorf("noted %v", acts)
		}
	})
}

func TestBlocksThatAreNone(t *testing.T) {
	within(t, func(d *door) {
		for _, c := range []struct{ kind, value string }{
			{"number", "12"}, {"number", "hello"}, {"number", "+49"}, {"prefix", "+4"}, {"prefix", "+491511234"}, {"prefix", "+0123"}, {"prefix", "49x"},
			{"country", "Germany"}, {"country", "XX"}, {"country", "001"}, {"user", ".."}, {"user", "a\x00b"},
		} {
			r := d.ask(byKey, "POST", blocks, object{"kind": c.kind, "value": c.value}).deny(422, "invalid_request").at("value")
			if len(c.value) > 3 && strings.Contains(r.text, c.value) {
				t.Errorf("%q is repeated: %s", c.value, r.text)
			}
			d.ask(byKey, "POST", blocks+"/lift", object{"kind": c.kind, "value": c.value}).deny(422, "invalid_request").at("value")
		}
		d.ask(byKey, "POST", blocks, object{"kind": "planet", "value": "Mars"}).deny(422, "invalid_request").at("kind")
		d.ask(byKey, "POST", blocks, object{"kind": "number"}).deny(422, "invalid_request").at("value")
		for _, body := range []object{{}, {"kind": "number"}, {"value": number}, {"id": "blk_1", "kind": "number", "value": number}} {
			d.ask(byKey, "POST", blocks+"/lift", body).deny(422, "invalid_request").at("id")
		}
		d.ask(byKey, "POST", blocks+"/lift", object{"id": "blk_none"}).deny(404, "not_found")
		d.ask(byKey, "POST", blocks+"/lift", object{"kind": "prefix", "value": "+49151"}).deny(404, "not_found")
		if acts := d.acts(); len(acts) != 0 {
			t.Errorf("noted %v", acts)
		}
	})
}

// TestALiftedPrefixIsOpen closes a prefix by codes that nobody proves and opens it.
func TestALiftedPrefixIsOpen(t *testing.T) {
	limited(t, verify.Limits{Prefix: verify.Limit{N: 3, Per: 10 * time.Minute}}, func(d *door) {
		send := func(user, end string) reply {
			return d.ask(d.user(user), "POST", sendCode, object{"phone_number": "+4915112340" + end})
		}
		for _, end := range []string{"001", "002", "003"} {
			send("u"+end, end).allow(202)
		}
		d.left(send("u4", "004").deny(429, "rate_limited").waits(15*time.Minute), "rate_limited")
		if all := d.blocked(); len(all) != 0 {
			t.Errorf("what closes by itself is listed as an operator's: %v", all)
		}
		d.ask(d.operator(), "POST", blocks+"/lift", object{"kind": "prefix", "value": "+4915112"}).deny(404, "not_found") // another one
		d.ask(d.operator(), "POST", blocks+"/lift", object{"kind": "prefix", "value": "+49 151 123"}).allow(204)
		send("u5", "005").allow(202)
		if acts := d.acts(); !slices.Equal(acts, []string{"unlock console"}) {
			t.Errorf("noted %v", acts)
		}
	})
}
