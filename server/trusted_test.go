package server_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"nod/server"
	"nod/verify"
)

// logins were started so far.
var logins atomic.Int32

// browser is one in which a user signs in; it keeps the token that it is given. Each
// login has a number of its own, so that none meets a cooldown.
type browser struct {
	*door
	user, ip, token string
	number          string // of the last login
}

// login is what its integrator asks for.
func (b *browser) login(more ...object) object {
	context := object{"user_agent": "Firefox", "location": "Lisbon"}
	if b.ip != "" {
		context["ip"] = b.ip
	}
	b.number = "+14155550" + strconv.Itoa(100+int(logins.Add(1)%100))
	in := object{"user_id": b.user, "phone_number": b.number, "channel": "sms", "context": context, "trusted_device_token": b.token}
	for _, m := range more {
		for name, value := range m {
			if in[name] = value; value == nil {
				delete(in, name)
			}
		}
	}
	return in
}

func (b *browser) create(more ...object) reply {
	b.Helper()
	r := b.ask(byKey, "POST", verifications, b.login(more...)).allow(201)
	if next, ok := r.object["trusted_device_token"].(string); ok {
		b.token = next
	}
	return r
}

// prove approves a login by its code and returns its path and a result token.
func (b *browser) prove(more ...object) (path, token string) {
	b.Helper()
	r := b.create(more...)
	r.has("status", "pending").lacks("trusted_device_token", "result_token")
	b.pass(time.Second)
	path = verifications + "/" + r.str("verification_id")
	done := b.ask(page(r.str("client_secret")), "POST", path+"/check", object{"code": b.code(b.number)}).allow(200).has("status", "approved")
	return path, done.str("result_token")
}

// remember proves a login and is remembered.
func (d *door) remember(user, ip string) *browser {
	d.Helper()
	b := &browser{door: d, user: user, ip: ip}
	path, token := b.prove()
	b.token = d.ask(byKey, "POST", path+"/exchange", object{"result_token": token, "remember_device": true}).allow(200).str("trusted_device_token")
	return b
}

// skips fails unless a login is approved at once, and the other way round.
func (b *browser) skips(want bool, more ...object) {
	b.Helper()
	if r := b.create(more...); (r.object["method"] == "trusted_device") != want {
		b.Errorf("the login is %v by %v, want a skip: %v", r.object["status"], r.object["method"], want)
	}
}

func (d *door) trusted(as who, user string) (all []object) {
	d.Helper()
	for _, one := range d.ask(as, "GET", trustedOf(user), nil).allow(200).object["trusted_devices"].([]any) {
		all = append(all, one.(object))
	}
	return all
}

func trustedOf(user string) string { return "/api/v1/users/" + user + "/trusted-devices" }

// told are the names of a user's events about trusted devices.
func (d *door) told(user string) (names []string) {
	d.Helper()
	es, err := d.store.UserEvents(context.Background(), user, time.Time{})
	d.must(err)
	for _, e := range es {
		if name, ok := strings.CutPrefix(e.Name, "trusted_device."); ok {
			names = append(names, name)
		}
	}
	return names
}

func TestTrustedDeviceSkips(t *testing.T) {
	within(t, func(d *door) {
		b := d.remember("ana", "203.0.113.9")
		first := b.token
		sent := len(d.outbox.List("", "", 1000))
		d.pass(time.Minute)
		r := b.create(object{"phone_number": nil, "channel": nil})
		r.has("status", "approved").has("method", "trusted_device").has("stage", nil).lacks("match_number")
		if b.token == first {
			t.Error("the token is the old one")
		}
		id := r.str("verification_id")
		watched := d.ask(page(r.str("client_secret")), "GET", verifications+"/"+id, nil).allow(200)
		watched.has("status", "approved").lacks("trusted_device_token").str("result_token")
		result := d.ask(byKey, "POST", verifications+"/"+id+"/exchange", object{"result_token": r.str("result_token"), "remember_device": true}).allow(200)
		result.lacks("trusted_device_token").str("result")
		if n := len(d.outbox.List("", "", 1000)); n != sent {
			t.Errorf("%d messages were sent", n-sent)
		}
		var names []string
		for _, e := range d.ask(byKey, "GET", verifications+"/"+id+"/timeline", nil).allow(200).object["events"].([]any) {
			names = append(names, e.(object)["name"].(string))
		}
		if want := []string{"verification.created", "verification.skipped_trusted", "verification.approved"}; !slices.Equal(names, want) {
			t.Errorf("the timeline tells %v, want %v", names, want)
		}
		if names := d.told("ana"); !slices.Equal(names, []string{"added", "used"}) {
			t.Errorf("told %v", names)
		}
		one := d.trusted(d.user("ana"), "ana")[0]
		approved, err := time.Parse(time.RFC3339, one["approved_at"].(string))
		d.must(err)
		if ends, _ := time.Parse(time.RFC3339, one["expires_at"].(string)); ends.Sub(approved) != 30*24*time.Hour || one["user_agent"] != "Firefox" || one["location"] != "Lisbon" || one["last_used_at"] != r.object["server_time"] || len(one) != 6 {
			t.Errorf("listed as %v", one)
		}
	})
}

func TestNoSkip(t *testing.T) {
	for name, c := range map[string]struct {
		with object
		want bool
	}{
		"nothing":           {nil, true},
		"somebody else":     {object{"user_id": "bob"}, false},
		"a number's proof":  {object{"purpose": "phone"}, false},
		"a checked person":  {object{"require_user_verification": true}, false},
		"a token cut short": {object{"trusted_device_token": "nod_td_AAAA"}, false},
		"no token":          {object{"trusted_device_token": nil}, false},
		"an empty token":    {object{"trusted_device_token": ""}, false},
		"a token of nobody": {object{"trusted_device_token": "nod_td_" + strings.Repeat("A", 70)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			within(t, func(d *door) { d.remember("ana", "").skips(c.want, c.with) })
		})
	}
}

// A skip is given only where the person was approved: the same /16, or /48 of IPv6,
// or neither time an address.
func TestTrustedNetworks(t *testing.T) {
	for _, c := range []struct {
		from, to string
		want     bool
	}{
		{"203.0.113.9", "203.0.0.0", true},
		{"203.0.113.9", "203.0.255.255", true},
		{"203.0.113.9", "202.255.255.255", false},
		{"203.0.113.9", "203.1.0.0", false},
		{"203.0.113.9", "::ffff:203.0.1.1", true},
		{"::ffff:203.0.1.1", "203.0.113.9", true},
		{"2001:db8:1::1", "2001:db8:1:ffff:ffff:ffff:ffff:ffff", true},
		{"2001:db8:1::1", "2001:db8:2::", false},
		{"2001:db8:1::1", "2001:db8::ffff", false},
		{"203.0.113.9", "", false},
		{"", "203.0.113.9", false},
		{"", "", true},
	} {
		t.Run(c.from+" to "+c.to, func(t *testing.T) {
			within(t, func(d *door) {
				b := d.remember("ana", c.from)
				b.ip = c.to
				b.skips(c.want)
			})
		})
	}
}

// Nobody is remembered who did not ask.
func TestExchangeRemembersNobody(t *testing.T) {
	for _, in := range []object{{}, {"remember_device": false}} {
		within(t, func(d *door) {
			b := &browser{door: d, user: "ana"}
			path, token := b.prove()
			in["result_token"] = token
			d.ask(byKey, "POST", path+"/exchange", in).allow(200).lacks("trusted_device_token").str("result")
			if all := d.trusted(byKey, "ana"); len(all) != 0 {
				t.Errorf("listed are %v", all)
			}
		})
	}
}

// Who was remembered in one place and then, in the same browser, in another, is known
// in both, and listed once.
func TestTrustedDeviceTravels(t *testing.T) {
	within(t, func(d *door) {
		b := d.remember("ana", "203.0.113.9")
		b.ip = "198.51.100.1"
		path, token := b.prove()
		b.token = d.ask(byKey, "POST", path+"/exchange", object{"result_token": token, "remember_device": true}).allow(200).str("trusted_device_token")
		b.skips(true)
		b.ip = "203.0.0.1"
		b.skips(true)
		if all := d.trusted(byKey, "ana"); len(all) != 1 {
			t.Errorf("listed are %v", all)
		}
	})
}

// The token before the newest gives the newest for a minute, while that is unused;
// every older use ends the family, and also where nobody can be asked.
func TestTrustedReuse(t *testing.T) {
	within(t, func(d *door) {
		b := d.remember("ana", "")
		first := object{"trusted_device_token": b.token}
		second := b.create().has("method", "trusted_device").str("trusted_device_token")
		d.pass(time.Minute - time.Millisecond)
		b.create(first).has("method", "trusted_device").has("trusted_device_token", second)
		d.pass(time.Millisecond)
		b.create(first).has("status", "pending").lacks("trusted_device_token", "result_token")
		if names := d.told("ana"); !slices.Equal(names, []string{"added", "used", "used", "reuse_detected", "revoked"}) {
			t.Errorf("told %v", names)
		}
		b.skips(false)

		elsewhere := d.remember("bob", "")
		c := d.remember("bob", "")
		first = object{"trusted_device_token": c.token, "phone_number": nil, "channel": nil}
		c.create()
		c.create()
		d.ask(byKey, "POST", verifications, c.login(first)).deny(422, "no_channel")
		if names := d.told("bob"); !slices.Equal(names, []string{"added", "added", "used", "used", "reuse_detected", "revoked"}) || len(d.trusted(byKey, "bob")) != 1 {
			t.Errorf("told %v", names)
		}
		d.ask(byKey, "POST", verifications, c.login(first)).deny(422, "no_channel")
		if names := d.told("bob"); len(names) != 6 {
			t.Errorf("told twice: %v", names)
		}
		elsewhere.skips(true)

		// Nor is it lost where the same create was refused a moment ago and leaves nothing.
		e := d.remember("eve", "")
		stale := object{"trusted_device_token": e.token, "phone_number": "+881612345678", "channel": "sms"}
		e.create()
		e.create()
		before := d.ask(byKey, "POST", verifications, e.login(object{"trusted_device_token": nil, "phone_number": "+881612345678", "channel": "sms"})).deny(403, "blocked")
		again := d.ask(byKey, "POST", verifications, e.login(stale)).deny(403, "blocked")
		if again.str("verification_id") != before.str("verification_id") {
			t.Error("the same refusal left a row")
		}
		if names := d.told("eve"); !slices.Equal(names, []string{"added", "used", "used", "reuse_detected", "revoked"}) || len(d.trusted(byKey, "eve")) != 0 {
			t.Errorf("told %v", names)
		}
	})
}

func TestReportEndsTrust(t *testing.T) {
	within(t, func(d *door) {
		b, elsewhere, theirs := d.remember("ana", ""), d.remember("ana", ""), d.remember("bob", "")
		p := d.phone("ana")
		d.ask(byKey, "POST", verifications, object{"user_id": "ana"}).allow(201)
		p.answer(p.prompt(), "report", "").allow(200)
		if all := d.trusted(byKey, "ana"); len(all) != 0 {
			t.Errorf("after a report %v is listed", all)
		}
		d.pass(15 * time.Minute) // for as long new logins are held back
		b.skips(false)
		elsewhere.skips(false)
		theirs.skips(true)
		d.remember("ana", "").skips(false) // nor is a new one believed, for 30 days
	})
}

func TestSkipSupersedes(t *testing.T) {
	within(t, func(d *door) {
		b := d.remember("ana", "")
		open := b.create(object{"trusted_device_token": nil}).has("status", "pending").str("verification_id")
		b.create().has("method", "trusted_device")
		d.ask(byKey, "GET", verifications+"/"+open, nil).allow(200).has("status", "superseded")
	})
}

// A repeat under one key is told the same, whenever it comes, and changes nothing; so
// an answer that was lost raises no alarm.
func TestTrustedReplays(t *testing.T) {
	within(t, func(d *door) {
		b := &browser{door: d, user: "ana"}
		path, result := b.prove()
		once := byKey.with("Idempotency-Key", "exchange")
		in := object{"result_token": result, "remember_device": true}
		token := d.ask(once, "POST", path+"/exchange", in).allow(200).str("trusted_device_token")
		d.pass(2 * time.Minute)
		d.ask(once, "POST", path+"/exchange", in).allow(200).has("trusted_device_token", token)
		if n := len(d.trusted(byKey, "ana")); n != 1 {
			t.Errorf("%d are remembered", n)
		}

		b.token = token
		login := b.login()
		once = byKey.with("Idempotency-Key", "create")
		r := d.ask(once, "POST", verifications, login).allow(201).has("method", "trusted_device")
		d.pass(2 * time.Minute)
		again := d.ask(once, "POST", verifications, login).allow(201)
		for _, same := range []string{"trusted_device_token", "client_secret", "verification_id", "method"} {
			again.has(same, r.object[same])
		}
		id := r.str("verification_id")
		d.ask(byKey, "POST", verifications+"/"+id+"/exchange", object{"result_token": again.str("result_token")}).allow(200)
		d.ask(once, "POST", verifications, login).allow(201).has("trusted_device_token", r.str("trusted_device_token")).lacks("result_token")
		b.token = again.str("trusted_device_token")
		b.skips(true)
		d.ask(once, "POST", verifications, login).allow(201).has("trusted_device_token", r.str("trusted_device_token"))
		b.skips(true)
	})
}

// swept is a store whose trusted devices have been swept away by the time of a repeat.
type swept struct{ server.Store }

func (swept) TrustedDevice(context.Context, string) (*verify.TrustedDevice, error) {
	return nil, verify.ErrNotFound
}

// A repeat is answered also once the trusted device has ended and been swept away, with
// no token of what is not there.
func TestTrustedReplaysOutliveTheDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, func(c *server.Config) { c.Store = swept{c.Store} })
		b := d.remember("ana", "")
		login, once := b.login(), byKey.with("Idempotency-Key", "create")
		r := d.ask(once, "POST", verifications, login).allow(201).has("method", "trusted_device")
		d.ask(once, "POST", verifications, login).allow(201).has("verification_id", r.object["verification_id"]).has("status", "approved").lacks("trusted_device_token").str("result_token")
	})
}

// Only a trusted device's approval puts a result into the answer of a create: its
// repeat, after a code was typed, is told as it was.
func TestCreateHoldsNoResultOfACode(t *testing.T) {
	within(t, func(d *door) {
		b := &browser{door: d, user: "ana"}
		login, once := b.login(), byKey.with("Idempotency-Key", "create")
		r := d.ask(once, "POST", verifications, login).allow(201).has("status", "pending").lacks("result_token", "trusted_device_token")
		d.pass(time.Second)
		d.ask(page(r.str("client_secret")), "POST", verifications+"/"+r.str("verification_id")+"/check", object{"code": d.code(b.number)}).allow(200).has("status", "approved")
		d.ask(once, "POST", verifications, login).allow(201).has("client_secret", r.object["client_secret"]).lacks("result_token", "trusted_device_token")
		d.ask(byKey, "GET", verifications+"/"+r.str("verification_id"), nil).allow(200).has("status", "approved").lacks("result_token")
	})
}

// A list is its user's, and so is ending what stands in it.
func TestDistrust(t *testing.T) {
	within(t, func(d *door) {
		one, two, theirs := d.remember("ana", ""), d.remember("ana", ""), d.remember("bob", "")
		ana, bob := d.user("ana"), d.user("bob")
		all := d.trusted(ana, "ana")
		if len(all) != 2 || all[0]["approved_at"].(string) < all[1]["approved_at"].(string) || all[0]["last_used_at"] != nil {
			t.Fatalf("listed are %v", all)
		}
		path, his := trustedOf("ana")+"/"+all[1]["id"].(string), d.trusted(byKey, "bob")[0]["id"].(string)
		for _, r := range []reply{
			d.ask(bob, "GET", trustedOf("ana"), nil), d.ask(bob, "DELETE", trustedOf("ana"), nil), d.ask(bob, "DELETE", path, nil),
			d.ask(ana, "DELETE", trustedOf("ana")+"/"+his, nil), d.ask(byKey, "DELETE", trustedOf("ana")+"/"+his, nil),
			d.ask(ana, "DELETE", trustedOf("ana")+"/trd_none", nil),
		} {
			r.deny(404, "not_found")
		}
		if len(d.trusted(byKey, "ana")) != 2 || len(d.trusted(byKey, "bob")) != 1 {
			t.Fatal("a stranger ended one")
		}
		d.ask(ana, "DELETE", path, nil).allow(204)
		d.ask(ana, "DELETE", path, nil).deny(404, "not_found")
		one.skips(false)
		two.skips(true)
		d.ask(byKey, "DELETE", trustedOf("ana"), nil).allow(204)
		d.ask(byKey, "DELETE", trustedOf("ana"), nil).allow(204)
		two.skips(false)
		theirs.skips(true)
		if names := d.told("ana"); !slices.Equal(names, []string{"added", "added", "revoked", "used", "revoked"}) {
			t.Errorf("told %v", names)
		}
	})
}

// A token stands nowhere but in the two answers that give it: in no log, event,
// page's answer or row.
func TestTrustedTokensRestNowhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, nil)
		b := d.remember("ana", "")
		tokens := []string{b.token}
		var seen []string
		for range 3 {
			r := b.ask(byKey.with("Idempotency-Key", verify.NewID("key")), "POST", verifications, b.login()).allow(201).has("method", "trusted_device")
			b.token = r.str("trusted_device_token")
			tokens = append(tokens, b.token)
			id := r.str("verification_id")
			seen = append(seen, d.ask(byKey, "GET", verifications+"/"+id, nil).text, d.ask(byKey, "GET", verifications+"/"+id+"/timeline", nil).text,
				d.ask(page(r.str("client_secret")), "GET", verifications+"/"+id, nil).text, d.ask(byKey, "GET", trustedOf("ana"), nil).text)
		}
		b.create(object{"trusted_device_token": tokens[0]}).has("status", "pending")
		seen = append(seen, d.ask(byKey, "POST", verifications, b.login(object{"chanel": "sms"})).deny(422, "unknown_field").text)
		d.settle()
		d.stop()
		d.must(d.close())
		files, err := filepath.Glob(filepath.Join(filepath.Dir(t.TempDir()), "*", "nod.db*"))
		if err != nil || len(files) == 0 {
			t.Fatal("the database is nowhere", err)
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			d.must(err)
			seen = append(seen, string(raw))
		}
		for i, text := range append(seen, d.log.String()) {
			for g, token := range tokens {
				if strings.Contains(text, token) || strings.Contains(text, token[len(token)-40:]) {
					t.Errorf("the token of generation %d stands in place %d", g+1, i)
				}
			}
		}
	})
}
