package server_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"nod/verify"
)

const (
	changePhone = "/api/onboarding/change-phone"
	figuresOf   = "/api/onboarding/verification-analytics"
	second      = "+14155550124"
)

// resent starts to prove the number and asks for this many codes more.
func (d *door) resent(user who, times int) reply {
	d.Helper()
	v := d.ask(user, "POST", sendCode, object{"phone_number": number})
	for _, wait := range []time.Duration{60, 120, 300}[:times] {
		d.settle()
		d.pass(wait * time.Second)
		d.ask(user, "POST", resendCode, object{"phone_number": number}).allow(202)
	}
	d.settle()
	return v
}

// webhooks counts the events of a name that are on their way to the integrator.
func (d *door) webhooks(name string) (n int) {
	d.Helper()
	claimed, _, err := d.store.ClaimWebhooks(context.Background(), 1000, "worker")
	d.must(err)
	for _, w := range claimed {
		if w.Event.Name == name {
			n++
		}
	}
	return n
}

func TestChangeThePhone(t *testing.T) {
	within(t, func(d *door) {
		ana := d.user("ana")
		old := d.resent(ana, 2).str("verification_id")
		code := d.code(number)
		swap := object{"old_phone_number": number, "new_phone_number": second}
		v := d.ask(ana, "POST", changePhone, swap).allow(202).
			has("previous_verification_id", old).has("status", "pending").has("phone_number", "+1 ••• 24").
			has("resend_count", 0).has("next_resend_delay", 60).has("message_key", "code.sent").lacks("reused")
		d.settle()

		d.ask(ana, "GET", statusOf+"?verification_id="+old, nil).allow(200).
			has("status", "canceled").has("reason", "phone_changed").has("can_change_phone", false)
		d.ask(ana, "POST", verifyCode, object{"phone_number": number, "code": code}).deny(409, "already_decided")
		if code != d.code(second) { // by chance they may read the same
			d.ask(ana, "POST", verifyCode, object{"phone_number": second, "code": code}).allow(200).has("ok", false)
		}
		d.ask(page(v.str("client_secret")), "POST", verifications+"/"+v.str("verification_id")+"/check", object{"code": d.code(second)}).
			allow(200).has("ok", true).has("status", "approved").lacks("previous_verification_id")

		var names []string
		for _, e := range d.ask(byKey, "GET", verifications+"/"+old+"/timeline", nil).allow(200).object["events"].([]any) {
			names = append(names, e.(object)["name"].(string))
		}
		if n := len(names); names[n-2] != verify.EventPhoneChanged || names[n-1] != verify.EventCanceled {
			t.Errorf("the old one's trail ends with %v", names)
		}
		totals := d.ask(ana, "GET", figuresOf, nil).allow(200).object["totals"].(object)
		for name, want := range map[string]float64{"send_code": 2, "resend_request": 2, "change_phone": 1, "verify_success": 1} {
			if totals[name] != want {
				t.Errorf("%s: %v, want %v", name, totals[name], want)
			}
		}
		if n := d.webhooks(verify.EventPhoneChanged); n != 1 {
			t.Errorf("the integrator is told %d times, want once", n)
		}
	})
}

func TestChangeThePhoneOnce(t *testing.T) {
	within(t, func(d *door) {
		ana := d.user("ana")
		d.resent(ana, 2)
		once := ana.with("Idempotency-Key", "k")
		swap := object{"old_phone_number": number, "new_phone_number": second}
		first := d.ask(once, "POST", changePhone, swap).allow(202)
		d.settle()
		again := d.ask(once, "POST", changePhone, swap).allow(202)
		for _, name := range []string{"verification_id", "previous_verification_id", "client_secret", "seq"} {
			again.has(name, first.object[name])
		}
		if sent := d.outbox.List(second, "", 10); len(sent) != 1 {
			t.Errorf("%d messages were sent to the new number, want 1", len(sent))
		}
		swap["new_phone_number"] = "+14155550125"
		d.ask(once, "POST", changePhone, swap).deny(409, "idempotency_conflict")
		d.ask(ana, "POST", changePhone, swap).deny(409, "already_decided")
	})
}

// A number that is being proved already is given back without another send.
func TestChangeToANumberThatIsOpen(t *testing.T) {
	within(t, func(d *door) {
		ana := d.user("ana")
		there := d.ask(ana, "POST", sendCode, object{"phone_number": second}).allow(202)
		old := d.resent(ana, 2).str("verification_id")
		v := d.ask(ana, "POST", changePhone, object{"old_phone_number": number, "new_phone_number": second}).allow(202).
			has("reused", true).has("verification_id", there.str("verification_id")).has("previous_verification_id", old)
		d.settle()
		if sent := d.outbox.List(second, "", 10); len(sent) != 1 {
			t.Errorf("%d messages were sent to the new number, want 1", len(sent))
		}
		path := verifications + "/" + there.str("verification_id")
		d.ask(page(there.str("client_secret")), "GET", path, nil).deny(401, "unauthenticated")
		d.ask(page(v.str("client_secret")), "GET", path, nil).allow(200)
	})
}

// Who chose to be called is called at the new number, too.
func TestChangeKeepsTheChannel(t *testing.T) {
	within(t, func(d *door) {
		ana := d.user("ana")
		d.ask(ana, "POST", sendCode, object{"phone_number": number, "channel": "voice"}).allow(202)
		d.resent(ana, 2)
		d.ask(ana, "POST", changePhone, object{"old_phone_number": number, "new_phone_number": second}).allow(202).has("channel", "voice")
	})
}

func TestChangesThatAreRefused(t *testing.T) {
	within(t, func(d *door) {
		ana := d.user("ana")
		swap := func(user who, from, to string) reply {
			return d.ask(user, "POST", changePhone, object{"old_phone_number": from, "new_phone_number": to})
		}
		swap(ana, "4155550123", second).deny(422, "invalid_phone").at("old_phone_number")
		swap(ana, number, "none").deny(422, "invalid_phone").at("new_phone_number")
		swap(ana, number, number).deny(409, "same_number").at("new_phone_number")
		swap(ana, number, second).deny(404, "not_found")
		d.ask(ana, "POST", changePhone, object{"old_phone_number": number}).deny(422, "invalid_request").at("new_phone_number")
		d.ask(ana, "POST", changePhone, object{"old_phone_number": number, "new_phone_number": second, "user_id": "bob"}).deny(422, "unknown_field").at("user_id")

		login := d.ask(byKey, "POST", verifications, object{"user_id": "eve", "phone_number": number, "channel": "sms"}).allow(201)
		eve := d.user("eve")
		swap(eve, number, second).deny(403, "forbidden")
		d.ask(byKey, "GET", verifications+"/"+login.str("verification_id"), nil).has("status", "pending").has("can_change_phone", false)

		id := d.resent(ana, 1).str("verification_id")
		swap(ana, number, second).deny(409, "conflict")
		d.pass(120 * time.Second)
		d.ask(ana, "POST", resendCode, object{"phone_number": number}).allow(202).has("can_change_phone", true)
		d.settle()
		swap(d.user("bob"), number, second).deny(404, "not_found")
		for _, w := range []who{byKey, page(login.str("client_secret")), d.phone("ana").me()} {
			swap(w, number, second).deny(403, "forbidden")
		}
		swap(nobody, number, second).deny(401, "unauthenticated")

		other := d.ask(ana, "POST", sendCode, object{"phone_number": second}).allow(202)
		d.settle()
		d.ask(page(other.str("client_secret")), "POST", verifications+"/"+other.str("verification_id")+"/cancel", nil).allow(200)
		row := swap(ana, number, second).deny(429, "cooldown").has("retry_after", 60).str("verification_id")
		d.ask(byKey, "GET", verifications+"/"+row, nil).has("status", "blocked").has("reason", "rate_limited")
		d.ask(ana, "GET", statusOf+"?verification_id="+id, nil).has("status", "pending")
		d.ask(ana, "POST", verifyCode, object{"phone_number": number, "code": d.code(number)}).allow(200).has("ok", true)
		swap(ana, number, second).deny(409, "already_decided")
	})
	within(t, func(d *door) {
		d.resent(d.user("ana"), 2)
		d.pass(time.Hour)
		d.ask(d.user("ana"), "POST", changePhone, object{"old_phone_number": number, "new_phone_number": second}).deny(410, "expired")
	})
}

// A page that waits for the number that is left, perhaps in another window, is told
// that it was.
func TestThePageOfALeftNumberIsTold(t *testing.T) {
	within(t, func(d *door) {
		ana := d.user("ana")
		v := d.resent(ana, 2)
		seq := d.ask(ana, "GET", statusOf+"?phone_number=%2B14155550123", nil).allow(200).object["seq"].(float64)
		told := make(chan reply)
		go func() {
			told <- d.ask(page(v.str("client_secret")), "GET", fmt.Sprintf("%s?wait=25&since_seq=%.0f", statusOf, seq), nil)
		}()
		d.settle()
		d.ask(ana, "POST", changePhone, object{"old_phone_number": number, "new_phone_number": second}).allow(202)
		(<-told).allow(200).has("status", "canceled").has("reason", "phone_changed")
	})
}

// Of many who change one number at once, one does.
func TestParallelChanges(t *testing.T) {
	within(t, func(d *door) {
		ana := d.user("ana")
		d.resent(ana, 2)
		told := make(chan reply)
		for i := range 50 {
			go func() {
				told <- d.ask(ana, "POST", changePhone, object{"old_phone_number": number, "new_phone_number": fmt.Sprintf("+1415555%04d", 1000+i%25)})
			}()
		}
		changed := 0
		for range 50 {
			if r := <-told; r.code == 202 {
				changed++
			} else {
				r.deny(409, "already_decided")
			}
		}
		if changed != 1 {
			t.Errorf("%d of the changes were made, want 1", changed)
		}
	})
}
