package server_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"nod/delivery"
	"nod/verify"
)

// operator is a console session.
func (d *door) operator() who {
	d.Helper()
	return who{"Authorization": "Bearer " + d.ask(byKey, "POST", "/api/v1/console-sessions", nil).allow(201).str("token")}
}

// acts lists what operators did, newest first, as "action by whom".
func (d *door) acts() (acts []string) {
	d.Helper()
	for _, a := range d.ask(byKey, "GET", "/api/v1/operator-acts", nil).allow(200).object["acts"].([]any) {
		by, _, _ := strings.Cut(a.(object)["by"].(string), " ")
		acts = append(acts, a.(object)["action"].(string)+" "+by)
	}
	return acts
}

// names lists the events of a verification.
func (d *door) names(id string) (names []string) {
	d.Helper()
	for _, e := range d.ask(byKey, "GET", verifications+"/"+id+"/timeline", nil).allow(200).object["events"].([]any) {
		names = append(names, e.(object)["name"].(string))
	}
	return names
}

func TestBlockAndUnlock(t *testing.T) {
	within(t, func(d *door) {
		console := d.operator()
		login := object{"user_id": "a/na", "phone_number": number, "channel": "sms"}
		v := d.ask(byKey, "POST", verifications, login).allow(201)
		first := v.str("verification_id")
		of := verifications + "/" + first
		d.settle()
		once := console.with("Idempotency-Key", "k")
		for range 2 {
			d.ask(once, "POST", of+"/block", nil).allow(204)
		}
		d.ask(console, "POST", of+"/block", object{}).allow(204)
		d.ask(byKey, "GET", of, nil).has("status", "canceled").has("reason", "account_locked")
		refused := d.ask(byKey, "POST", verifications, login).deny(403, "blocked")
		d.ask(byKey, "GET", verifications+"/"+refused.str("verification_id"), nil).has("status", "blocked").has("reason", "account_locked")
		d.ask(d.user("a/na"), "POST", sendCode, object{"phone_number": "+14155550199"}).deny(403, "blocked")
		d.ask(d.user("bob"), "POST", sendCode, object{"phone_number": "+14155550199"}).allow(202) // others go on

		d.ask(byKey, "POST", "/api/v1/users/a%2Fna/unlock", nil).allow(204)
		d.pass(time.Minute)
		v = d.ask(byKey, "POST", verifications, login).allow(201)
		d.ask(byKey, "POST", "/api/v1/users/a%2Fna/block", nil).allow(204)
		d.ask(byKey, "GET", verifications+"/"+v.str("verification_id"), nil).has("status", "canceled")
		d.ask(console, "POST", of+"/unlock", nil).allow(204)
		d.pass(time.Minute)
		d.ask(byKey, "POST", verifications, login).allow(201)
		if acts, want := d.acts(), []string{"unlock console", "block key", "unlock key", "block console"}; !slices.Equal(acts, want) {
			t.Errorf("noted %v, want %v", acts, want)
		}
		for i, a := range d.ask(console, "GET", "/api/v1/operator-acts", nil).object["acts"].([]any) {
			want := any(nil) // by the key, of a user
			if i%3 == 0 {
				want = first
			}
			if got := a.(object)["verification_id"]; got != want {
				t.Errorf("act %d was through %v, want %v", i, got, want)
			}
		}
		d.ask(byKey, "POST", of+"/block", nil).allow(204)
		want := []string{"operator.acted", "verification.canceled", "operator.acted", "operator.acted"}
		if names := d.names(first); !slices.Equal(names[max(0, len(names)-len(want)):], want) {
			t.Errorf("the trail is %v, want it to end with %v", names, want)
		}
	})
}

// TestBlockVoidsApprovals: whoever was approved before a block is let in neither while
// it lasts nor by the unlocking, but by a new login.
func TestBlockVoidsApprovals(t *testing.T) {
	within(t, func(d *door) {
		p := d.phone("ana")
		login := func() (path string, token object) {
			v := d.ask(byKey, "POST", verifications, object{"user_id": "ana"}).allow(201)
			p.answer(p.prompt(), "approve", v.str("match_number")).allow(200).has("accepted", true)
			path = verifications + "/" + v.str("verification_id")
			return path + "/exchange", object{"result_token": d.ask(page(v.object["client_secret"]), "GET", path, nil).allow(200).str("result_token")}
		}
		path, token := login()
		d.ask(byKey, "POST", "/api/v1/users/ana/block", nil).allow(204)
		d.ask(byKey, "POST", path, token).deny(403, "blocked")
		d.pass(time.Second)
		d.ask(byKey, "POST", "/api/v1/users/ana/unlock", nil).allow(204)
		d.ask(byKey, "POST", path, token).deny(403, "blocked")
		d.pass(time.Second)
		path, token = login()
		d.ask(byKey, "POST", path, token).allow(200)
	})
}

func TestBlockIsGuarded(t *testing.T) {
	within(t, func(d *door) {
		for _, act := range []string{"block", "unlock"} {
			d.ask(byKey, "POST", verifications+"/ver_none/"+act, nil).deny(404, "not_found")
			d.ask(byKey, "POST", "/api/v1/users/a%00b/"+act, nil).deny(422, "invalid_request").at("user_id")
			d.ask(byKey, "POST", "/api/v1/users/ana/"+act, object{"reason": "x"}).deny(422, "unknown_field").at("reason")
		}
		once := byKey.with("Idempotency-Key", "k")
		d.ask(once, "POST", "/api/v1/users/ana/block", nil).allow(204) // nobody has heard of her yet
		d.ask(once, "POST", "/api/v1/users/bob/block", nil).allow(204) // a key is good for one call
		d.ask(byKey, "POST", verifications, object{"user_id": "ana", "phone_number": number}).deny(403, "blocked")
		d.ask(byKey, "POST", verifications, object{"user_id": "bob", "phone_number": number}).deny(403, "blocked")
		if acts := d.acts(); len(acts) != 2 {
			t.Errorf("noted %v", acts)
		}
	})
}

// TestWhoActed cancels as an operator, as the integrator and as the page: only the
// operator's doing is noted, under a name that tells API keys apart and nothing else.
func TestWhoActed(t *testing.T) {
	within(t, func(d *door) {
		console := d.operator()
		start := func(number string) (string, reply) {
			v := d.ask(byKey, "POST", verifications, object{"user_id": "u" + number, "phone_number": number, "channel": "sms"}).allow(201)
			d.settle()
			return v.str("verification_id"), v
		}
		id, _ := start("+14155550123")
		d.ask(console, "POST", verifications+"/"+id+"/cancel", nil).allow(200).has("status", "canceled").lacks("client_secret", "result_token", "match_number")
		d.ask(console, "POST", verifications+"/"+id+"/cancel", nil).deny(409, "already_decided")
		names := d.names(id)
		if !slices.Equal(names[len(names)-2:], []string{"operator.acted", "verification.canceled"}) {
			t.Errorf("the trail ends with %v", names[len(names)-2:])
		}
		for _, as := range []string{"key", "page"} {
			id, v := start(map[string]string{"key": "+14155550124", "page": "+14155550125"}[as])
			w := map[string]who{"key": byKey, "page": page(v.object["client_secret"])}[as]
			d.ask(w, "POST", verifications+"/"+id+"/cancel", nil).allow(200)
			if names := d.names(id); slices.Contains(names, "operator.acted") {
				t.Errorf("canceled by the %s: %v", as, names)
			}
		}
		acts := d.ask(console, "GET", "/api/v1/operator-acts", nil).allow(200).object["acts"].([]any)
		if len(acts) != 1 {
			t.Fatalf("noted %v", acts)
		}
		act := acts[0].(object)
		by := act["by"].(string)
		if act["action"] != "cancel" || act["verification_id"] != id || !regexp.MustCompile(`^console [0-9a-f]{8}$`).MatchString(by) {
			t.Errorf("noted %v", act)
		}
		d.ask(byKey, "POST", "/api/v1/users/ana/block", nil).allow(204)
		last := d.ask(byKey, "GET", "/api/v1/operator-acts", nil).object["acts"].([]any)[0].(object)
		if last["by"] != strings.Replace(by, "console", "key", 1) {
			t.Errorf("the key itself is called %v, its console %v", last["by"], by)
		}
	})
}

// TestPagesDoNotHearWhoActed follows a login that an operator ends.
func TestPagesDoNotHearWhoActed(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		w.phone("u1")
		l := w.login()
		page, _ := w.resume(l, 0)
		w.ask(w.operator(), "POST", verifications+"/"+l.id+"/cancel", nil).allow(200)
		var seq int64
		if e := page.until(&seq, "operator.acted"); e.Data["by"] != nil {
			t.Errorf("the page hears of %v", e.Data["by"])
		}
		page.until(&seq, "verification.canceled")
	})
}

// TestWebhookActsAreNoted notes each act once, however often its call is repeated,
// and none that was refused.
func TestWebhookActsAreNoted(t *testing.T) {
	withWebhooks(t, func(d *door) {
		once := d.operator().with("Idempotency-Key", "k")
		var id string
		for range 2 {
			id = d.ask(once, "POST", webhooks+"/test", nil).allow(202).str("id")
		}
		d.post(delivery.WebhookOutcome{Delivered: true, Status: 204})
		for range 2 {
			d.ask(once, "POST", webhooks+"/"+id+"/replay", nil).allow(202)
		}
		d.ask(byKey, "POST", webhooks+"/evt_none/replay", nil).deny(404, "not_found")
		d.ask(byKey, "POST", webhooks+"/replay", object{"since": verify.FormatTime(time.Now())}).allow(202)
		d.post(delivery.WebhookOutcome{Gone: true, Status: 410})
		d.ask(byKey, "POST", webhooks+"/test", nil).deny(409, "conflict")
		d.ask(byKey, "POST", webhooks+"/enable", nil).allow(200)
		want := []string{"enable_webhooks key", "replay_webhooks key", "replay_webhook console", "test_webhook console"}
		if acts := d.acts(); !slices.Equal(acts, want) {
			t.Errorf("noted %v, want %v", acts, want)
		}
		if told := d.webhooks(verify.EventOperatorActed); told != 0 {
			t.Errorf("%d acts on webhooks are webhooks themselves", told)
		}
	})
}
