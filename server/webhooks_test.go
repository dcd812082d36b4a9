package server_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"nod/delivery"
	"nod/server"
	"nod/storage"
	"nod/verify"
)

const webhooks = "/api/v1/webhooks"

// withWebhooks runs a test on a server whose webhooks are on. Nobody sends them but
// the test.
func withWebhooks(t *testing.T, test func(*door)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(open(t, func(c *server.Config) {
			c.Webhooks, _ = c.Store.(*storage.Store)
			c.WebhookHost = "integrator.example"
		}))
	})
}

// post claims what is due and settles it all alike. It returns the ids by type.
func (d *door) post(o delivery.WebhookOutcome) map[string]string {
	d.Helper()
	claimed, _, err := d.store.ClaimWebhooks(context.Background(), 100, "worker")
	d.must(err)
	ids := map[string]string{}
	for _, w := range claimed {
		ids[w.Event.Name] = w.ID
		d.must(d.store.SettleWebhook(context.Background(), w, o))
	}
	return ids
}

// message finds a webhook in the report.
func (r reply) message(id string) object {
	r.Helper()
	for _, m := range r.object["messages"].([]any) {
		if m.(object)["id"] == id {
			return m.(object)
		}
	}
	r.Fatalf("%s is not in the report: %s", id, r.text)
	return nil
}

// counted fails unless the report counts so many waiting, held, delivered and failed.
func (r reply) counted(waiting, held, delivered, failed float64) {
	r.Helper()
	got := r.object["counts"].(object)
	for name, want := range map[string]float64{"waiting": waiting, "held": held, "delivered": delivered, "failed": failed} {
		if got[name] != want {
			r.Errorf("%v are %s, want %v", got[name], name, want)
		}
	}
}

func TestWebhooksAreOff(t *testing.T) {
	within(t, func(d *door) {
		r := d.ask(byKey, "GET", webhooks, nil).allow(200).has("on", false).lacks("host", "disabled_at")
		if messages := r.object["messages"].([]any); len(messages) != 0 {
			t.Errorf("messages: %v", messages)
		}
		for path, body := range map[string]any{"/test": nil, "/evt_1/replay": nil, "/replay": object{"since": "2026-01-02T03:04:05Z"}, "/enable": nil} {
			r := d.ask(byKey, "POST", webhooks+path, body).deny(404, "not_found")
			if !strings.Contains(r.text, "NOD_WEBHOOK_URL") {
				t.Errorf("%s does not say what to set: %s", path, r.text)
			}
		}
	})
}

func TestWebhookReport(t *testing.T) {
	withWebhooks(t, func(d *door) {
		console := who{"Authorization": "Bearer " + d.ask(byKey, "POST", "/api/v1/console-sessions", nil).allow(201).str("token")}
		v := d.ask(byKey, "POST", verifications, object{"user_id": "ana", "phone_number": number, "channel": "sms"}).allow(201)
		d.settle()
		before := d.ask(console, "GET", webhooks, nil).allow(200).has("on", true).has("host", "integrator.example").lacks("disabled_at")
		made := float64(len(before.object["messages"].([]any)))
		before.counted(made, 0, 0, 0)
		ids := d.post(delivery.WebhookOutcome{Status: 503, Jitter: 0.5})
		id := ids[verify.EventCreated]
		m := d.ask(console, "GET", webhooks, nil).allow(200).message(id)
		if m["type"] != "verification.created" || m["verification_id"] != v.str("verification_id") || m["state"] != "waiting" ||
			m["attempts"] != 1.0 || m["status"] != 503.0 || m["settled_at"] != nil {
			t.Errorf("after a try: %v", m)
		}
		if at, err := time.Parse(time.RFC3339, m["next_try_at"].(string)); err != nil || time.Until(at) != 5*time.Second {
			t.Errorf("the next try is at %v", m["next_try_at"])
		}
		d.pass(5 * time.Second)
		d.post(delivery.WebhookOutcome{Delivered: true, Status: 200})
		after := d.ask(console, "GET", webhooks, nil).allow(200)
		after.counted(0, 0, made, 0)
		if m := after.message(id); m["state"] != "delivered" || m["next_try_at"] != nil || m["settled_at"] == nil {
			t.Errorf("delivered: %v", m)
		}
		if strings.Contains(after.text, number) || strings.Contains(after.text, "/hooks") {
			t.Error("the report holds what it must not: " + after.text)
		}
	})
}

func TestTestWebhook(t *testing.T) {
	withWebhooks(t, func(d *door) {
		once := byKey.with("Idempotency-Key", "k")
		id := d.ask(once, "POST", webhooks+"/test", nil).allow(202).str("id")
		d.ask(once, "POST", webhooks+"/test", nil).allow(202).has("id", id)
		if ids := d.post(delivery.WebhookOutcome{Delivered: true, Status: 204}); len(ids) != 1 || ids[verify.EventWebhookTest] != id {
			t.Errorf("sent: %v", ids)
		}
		d.ask(byKey, "GET", webhooks, nil).allow(200).counted(0, 0, 1, 0)
	})
}

func TestReplayWebhooks(t *testing.T) {
	withWebhooks(t, func(d *door) {
		began := verify.FormatTime(time.Now())
		id := d.ask(byKey, "POST", webhooks+"/test", nil).allow(202).str("id")
		d.post(delivery.WebhookOutcome{Delivered: true, Status: 204})
		d.ask(byKey, "POST", webhooks+"/evt_none/replay", nil).deny(404, "not_found")
		d.ask(byKey, "POST", webhooks+"/"+id+"/replay", nil).allow(202).has("id", id)
		if ids := d.post(delivery.WebhookOutcome{Gone: true, Status: 410}); ids[verify.EventWebhookTest] != id {
			t.Errorf("sent: %v", ids)
		}
		d.ask(byKey, "POST", webhooks+"/enable", nil).allow(200)

		d.ask(byKey, "POST", webhooks+"/replay", object{}).deny(422, "invalid_request").at("since")
		d.ask(byKey, "POST", webhooks+"/replay", object{"since": "yesterday"}).deny(422, "invalid_request")
		d.ask(byKey, "POST", webhooks+"/replay", object{"since": began, "state": "waiting"}).deny(422, "invalid_request").at("state")
		d.pass(time.Second)
		later := verify.FormatTime(time.Now())
		d.ask(byKey, "POST", webhooks+"/replay", object{"since": later}).allow(202).has("replayed", 0).lacks("next_since")
		once := byKey.with("Idempotency-Key", "k")
		d.ask(once, "POST", webhooks+"/replay", object{"since": began}).allow(202).has("replayed", 1)
		d.post(delivery.WebhookOutcome{Delivered: true, Status: 204})
		d.ask(once, "POST", webhooks+"/replay", object{"since": began}).allow(202).has("replayed", 1)
		d.ask(byKey, "GET", webhooks, nil).allow(200).counted(0, 0, 1, 0)
		d.ask(once, "POST", webhooks+"/replay", object{"since": later}).deny(409, "idempotency_conflict")
		d.ask(byKey, "POST", webhooks+"/replay", object{"since": began}).allow(202).has("replayed", 0)
		d.ask(byKey, "POST", webhooks+"/replay", object{"since": began, "state": "all"}).allow(202).has("replayed", 1)
	})
}

func TestGoneWebhooks(t *testing.T) {
	withWebhooks(t, func(d *door) {
		id := d.ask(byKey, "POST", webhooks+"/test", nil).allow(202).str("id")
		d.post(delivery.WebhookOutcome{Gone: true, Status: 410})
		r := d.ask(byKey, "GET", webhooks, nil).allow(200).has("on", true).has("reason", "It answered 410 Gone.")
		r.counted(0, 1, 0, 0)
		if m := r.message(id); m["state"] != "held" || m["status"] != 410.0 || r.str("disabled_at") != m["settled_at"] {
			t.Errorf("after 410: %v, disabled at %s", m, r.str("disabled_at"))
		}
		d.ask(byKey, "POST", webhooks+"/test", nil).deny(409, "conflict")
		d.ask(byKey, "POST", webhooks+"/"+id+"/replay", nil).deny(409, "conflict")
		d.ask(byKey, "POST", webhooks+"/enable", nil).allow(200).has("on", true)
		d.ask(byKey, "POST", webhooks+"/enable", nil).allow(200)
		d.ask(byKey, "GET", webhooks, nil).allow(200).lacks("disabled_at", "reason").counted(0, 1, 0, 0)
		d.ask(byKey, "POST", webhooks+"/"+id+"/replay", nil).allow(202)
		if ids := d.post(delivery.WebhookOutcome{Delivered: true, Status: 204}); ids[verify.EventWebhookTest] != id {
			t.Errorf("sent: %v", ids)
		}
	})
}

// A console that a browser holds by its cookie may do it from nod's own pages only.
func TestForeignPageSendsNoWebhooks(t *testing.T) {
	withWebhooks(t, func(d *door) {
		token := d.ask(byKey, "POST", "/api/v1/console-sessions", nil).allow(201).str("token")
		cookie := who{"Cookie": "__Host-nod_console=" + token}
		d.ask(cookie.with("Origin", "https://evil.example"), "POST", webhooks+"/test", nil).deny(401, "unauthenticated")
		d.ask(cookie.with("Origin", publicURL), "POST", webhooks+"/test", nil).allow(202)
	})
}
