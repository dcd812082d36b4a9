package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"nod/client"
	played "nod/deploy/providers"
)

// integrator reads webhooks with package client, beside the playing one that judges
// them.
type integrator struct {
	*played.Integrator

	mu   sync.Mutex
	read map[string][]*client.Webhook // by verification, those that were taken
	bad  []error
}

func (r *integrator) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	event, err := client.VerifyWebhook(r.Secrets[0], req.Header, body, time.Now())
	req.Body = io.NopCloser(bytes.NewReader(body))
	answer := httptest.NewRecorder()
	if req.Method == http.MethodPost {
		r.Integrator.ServeHTTP(answer, req)
		r.mu.Lock()
		switch {
		case err != nil:
			r.bad = append(r.bad, err)
		case answer.Code == http.StatusNoContent:
			r.read[event.VerificationID] = append(r.read[event.VerificationID], event)
		}
		r.mu.Unlock()
	}
	w.WriteHeader(answer.Code)
}

// reads has nod's webhooks read by package client: it returns who does and
// the settings that lead there.
func (c *carriers) reads() (*integrator, []string) {
	r := &integrator{Integrator: c.Integrator, read: map[string][]*client.Webhook{}}
	s := httptest.NewServer(r)
	c.t.Cleanup(s.Close)
	return r, []string{"NOD_WEBHOOK_URL=" + s.URL + "/nod", "NOD_WEBHOOK_SECRET=" + c.Integrator.Secrets[0]}
}

// told waits until each event of a verification has come once, and wants none twice.
func (r *integrator) told(d *door, v object) {
	t := d.t
	t.Helper()
	events := d.do(200, "GET", pathOf(v)+"/timeline", nil).list("events")
	got := func() []*client.Webhook {
		r.mu.Lock()
		defer r.mu.Unlock()
		return append([]*client.Webhook(nil), r.read[v.str("verification_id")]...)
	}
	eventually(t, fmt.Sprintf("all %d events come", len(events)), func() bool { return len(got()) >= len(events) })
	times := map[int64]int{}
	for _, w := range got() {
		times[w.Seq]++
		if int(w.Seq) > len(events) || events[w.Seq-1].str("name") != w.Type {
			t.Errorf("event %d came as %s", w.Seq, w.Type)
		}
	}
	for i, e := range events {
		if n := times[int64(i+1)]; n != 1 {
			t.Errorf("%s came %d times", e.str("name"), n)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, err := range r.bad {
		t.Error(err)
	}
}

// signIn is a whole sign-in by an SMS after a push that nobody answers.
func (c *carriers) signIn(d *door, user, to string) object {
	c.t.Helper()
	token := fcmToken(user)
	d.enroll(user, &client.Push{Provider: "fcm", Token: token, Platform: "android"})
	v := d.ask(user, object{"phone_number": to})
	c.taken("fcm", token, 1)
	d.typed(v, codeIn(c.t, c.taken("twilio", to, 1)[0]), "sms_code")
	d.becomes(v, "sms", "delivered") // then nothing more happens to it
	return v
}

// TestWebhooks: whatever happens in a sign-in, the integrator is told once.
func TestWebhooks(t *testing.T) {
	t.Parallel()
	t.Run("one node", func(t *testing.T) {
		t.Parallel()
		c := carry(t)
		r, settings := c.reads()
		p := c.nod(start, []string{"fcm", "twilio"}, append(settings, "NOD_PUSH_ACK_TIMEOUT=1s")...)
		r.told(p.door, c.signIn(p.door, "u1", number))
		for name, n := range map[string]int{"device.registered": 1, "verification.created": 1, "delivery.fallback_started": 2, "code.issued": 1, "verification.approved": 1, "delivery.delivered": 1} {
			c.counted("webhook", name, n, n)
		}
	})
	t.Run("two nodes", func(t *testing.T) {
		t.Parallel()
		c := carry(t)
		r, settings := c.reads()
		settings = append(settings, c.Settings("fcm", "twilio")...)
		nodes := newCluster(t, setup{settings: append(settings, "NOD_PUSH_ACK_TIMEOUT=1s")})
		c.judged()
		var all []object
		for i := range 6 {
			user := fmt.Sprint("u", i)
			all = append(all, nodes.ask(user, object{"phone_number": digits(i), "channel": "sms"}))
		}
		for i, v := range all {
			nodes.typed(v, codeIn(t, c.taken("twilio", digits(i), 1)[0]), "sms_code")
			nodes.becomes(v, "sms", "delivered")
		}
		for _, v := range append(all, c.signIn(nodes.door, "u9", digits(9))) {
			r.told(nodes.door, v)
		}
	})
}

// TestWebhookRetry: what the receiver could not take comes again after the first
// rest, under the same id.
func TestWebhookRetry(t *testing.T) {
	t.Parallel()
	c := carry(t)
	p := c.nod(start, []string{"webhook"})
	c.Integrator.Script("verification.created", played.Answer{Status: 500}, played.Answer{})
	begun := time.Now()
	v := p.ask("u1", object{"phone_number": number, "channel": "sms"})
	c.asked("webhook", "verification.created", 1)
	if rest := c.taken("webhook", "verification.created", 1)[0].At.Sub(begun); rest < 4*time.Second { // 5 s ± 20 %
		t.Errorf("it came again after %s", rest)
	}
	c.counted("webhook", "verification.created", 2, 1)
	for _, m := range p.do(200, "GET", "/api/v1/webhooks", nil).list("messages") {
		if m.str("type") == "verification.created" && m.str("verification_id") == v.str("verification_id") && m.num("attempts") != 2 {
			t.Errorf("the report says %v", m)
		}
	}
}

// TestWebhookGone: a receiver that answers 410 gets nothing more until an operator
// enables it, and then what was held, once.
func TestWebhookGone(t *testing.T) {
	onBoth(t, func(t *testing.T, start starter) {
		c := carry(t)
		p := c.nod(start, []string{"webhook"})
		report := func() object { return p.do(200, "GET", "/api/v1/webhooks", nil) }
		counts := func(name string) float64 { return report().obj("counts").num(name) }

		id := p.do(202, "POST", "/api/v1/webhooks/test", object{}).str("id")
		if m := c.taken("webhook", "webhook.test", 1)[0]; m.ID != id {
			t.Errorf("the test came as %s, not %s", m.ID, id)
		}
		c.Integrator.Script("verification.created", played.Answer{Status: 410})
		since := p.ask("u1", object{"phone_number": number, "channel": "sms"}).str("server_time")
		eventually(t, "the endpoint is disabled", func() bool { return report().str("disabled_at") != "" })
		v := p.ask("u2", object{"phone_number": digits(2), "channel": "sms"})
		p.do(200, "POST", pathOf(v)+"/cancel", object{})
		eventually(t, "everything is held", func() bool { return counts("waiting") == 0 && counts("held") >= 4 })
		if out := p.do(409, "POST", "/api/v1/webhooks/test", object{}); out.str("code") != "conflict" {
			t.Errorf("a test while it is disabled: %v", out)
		}
		if n := c.Integrator.Requests("verification.canceled"); n != 0 {
			t.Errorf("%d came although it is disabled", n)
		}
		c.Integrator.Script("verification.created")
		p.do(200, "POST", "/api/v1/webhooks/enable", object{})
		held := counts("held")
		if out := p.do(202, "POST", "/api/v1/webhooks/replay", object{"since": since}); out.num("replayed") != held {
			t.Errorf("%v of %v were replayed", out["replayed"], held)
		}
		eventually(t, "what was held has come", func() bool { return counts("held")+counts("waiting") == 0 && report()["disabled_at"] == nil })
		c.counted("webhook", "verification.canceled", 1, 1)
		if n := len(c.Integrator.Accepted("verification.created")); n != 2 {
			t.Errorf("the two creates came %d times", n)
		}
	})
}

// TestSlowReceiver: a receiver that hangs, with every place taken by it, makes no
// login wait.
func TestSlowReceiver(t *testing.T) {
	t.Parallel()
	c := carry(t)
	p := c.nod(start, []string{"fcm", "twilio", "webhook"})
	c.Integrator.Script("", played.Answer{Fault: played.Hang})
	const places = 64 // of webhooks under way
	for i := range places / 2 {
		p.ask(fmt.Sprint("crowd", i), object{"phone_number": fmt.Sprintf("+1415555%04d", 2000+i), "channel": "sms"})
	}
	eventually(t, "the receiver holds every place", func() bool {
		held := 0
		for _, name := range []string{"verification.created", "verification.stage_changed", "code.issued", "delivery.queued", "delivery.accepted", "delivery.delivered"} {
			held += c.Integrator.Requests(name)
		}
		return held >= places
	})
	begun := time.Now()
	v := p.ask("u1", object{"phone_number": number, "channel": "sms"})
	p.typed(v, codeIn(t, c.taken("twilio", number, 1)[0]), "sms_code")
	took := time.Since(begun)
	t.Logf("a login takes %s", took.Round(time.Millisecond))
	if took > slowness {
		t.Errorf("with a receiver that hangs a login takes %s", took)
	}
}
