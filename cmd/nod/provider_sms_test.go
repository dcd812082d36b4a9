package main

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"

	played "nod/deploy/providers"
)

// smsFault is one answer of Twilio and what follows.
type smsFault struct {
	name            string
	answers         []played.Answer
	requests, taken int // by Twilio
	state, class    string
	free            bool // the page may ask again at once, at no cost
}

// noReceipts keep a message without news.
var noReceipts = []played.Receipt{}

// smsFaults are told by threes, so that they do not open the provider's breaker.
var smsFaults = []smsFault{
	{"21211", []played.Answer{{Code: "21211"}}, 1, 0, "failed", "permanent_target", false},
	{"21614", []played.Answer{{Code: "21614"}}, 1, 0, "failed", "permanent_target", false},
	{"21610", []played.Answer{{Code: "21610"}}, 1, 0, "failed", "permanent_user", false},

	{"21408", []played.Answer{{Code: "21408"}}, 1, 0, "failed", "policy", false},
	{"30007", []played.Answer{{Status: 201, Code: "30007"}}, 1, 1, "failed", "policy", false},
	{"429", []played.Answer{{Status: 429, Code: "20429"}, {Receipts: noReceipts}}, 2, 1, "accepted", "none", false},

	{"429 for ever", []played.Answer{{Status: 429, Code: "20429"}}, 2, 0, "failed", "transient", true},
	{"500", []played.Answer{{Status: 500}}, 1, 0, "unknown", "unknown", true},
	{"503", []played.Answer{{Status: 503, Code: "20503"}}, 1, 0, "unknown", "unknown", true},

	{"hang", []played.Answer{{Fault: played.Hang}}, 1, 0, "unknown", "unknown", true},
	{"hang when taken", []played.Answer{{Fault: played.TakenHang, Receipts: noReceipts}}, 1, 1, "unknown", "unknown", true},
	{"reset", []played.Answer{{Fault: played.Reset}}, 1, 0, "unknown", "unknown", true},

	{"reset when taken", []played.Answer{{Fault: played.TakenReset, Receipts: noReceipts}}, 1, 1, "unknown", "unknown", true},
	{"no answer of Twilio's", []played.Answer{{Fault: played.TakenBroken, Receipts: noReceipts}}, 1, 1, "unknown", "unknown", true},
}

// TestSMSFaults: what Twilio says about an SMS decides what comes next. Whatever it
// is, no second message leaves by itself.
func TestSMSFaults(t *testing.T) {
	t.Parallel()
	for some := range slices.Chunk(smsFaults, 3) {
		t.Run(some[0].name+" and others", func(t *testing.T) {
			t.Parallel()
			c := carry(t)
			c.excuse(sameText) // by those who ask again
			p := c.nod(start, []string{"twilio"}, "NOD_RESEND_DELAYS=1h")
			for i, f := range some {
				t.Run(f.name, func(t *testing.T) {
					t.Parallel()
					c.at(t).fault(p.at(t), f, digits(i))
				})
			}
		})
	}
}

// fault has the first SMS to a number fail.
func (c *carriers) fault(p *door, f smsFault, to string) {
	t := c.t
	c.Twilio.Script(to, f.answers...)
	v := p.ask("of "+to, object{"purpose": "phone", "phone_number": to, "channel": "sms"})
	now := p.becomes(v, "sms", f.state)
	if got := p.delivery(v, "sms").str("class"); got != f.class {
		t.Errorf("it is classed %s, want %s", got, f.class)
	}
	dead := f.class == "permanent_target"
	useless := dead || f.class == "permanent_user"
	ways := now.list("alternatives")
	if other := slices.ContainsFunc(ways, func(w object) bool { return w.str("kind") == "change_phone" }); now["can_change_phone"] != useless || other != useless {
		t.Errorf("another number may be given: %v, in %v; the number is of no use: %v", now["can_change_phone"], ways, useless)
	}
	if dead {
		p.resend(422, v, object{})
	}
	if f.free {
		freely(t, now)
	}
	always(t, 2*time.Second, "nothing is sent again", func() bool {
		return c.Twilio.Requests(to) == f.requests && len(c.Twilio.Accepted(to)) == f.taken
	})
	if !f.free {
		return
	}
	c.Twilio.Script(to)
	if out := p.resend(202, v, object{}); out.num("resend_count") != 0 {
		t.Errorf("it counted as resend %v", out["resend_count"])
	}
	p.typed(v, codeIn(t, c.taken("twilio", to, f.taken+1)[f.taken]), "sms_code")
	c.counted("twilio", to, f.requests+1, f.taken+1)
}

// TestLateReceipt: nobody knows what became of an SMS until its receipt comes; what
// the page was offered meanwhile stays.
func TestLateReceipt(t *testing.T) {
	onBoth(t, func(t *testing.T, start starter) {
		c := carry(t)
		p := c.nod(start, []string{"twilio"}, "NOD_RESEND_DELAYS=1h")
		c.Twilio.Script(number, played.Answer{Fault: played.TakenReset, Receipts: noReceipts})
		v := p.ask("u1", object{"phone_number": number, "channel": "sms"})
		freely(t, p.becomes(v, "sms", "unknown"))
		sms := c.taken("twilio", number, 1)[0]
		c.callsBack(sms, "sent")
		p.becomes(v, "sms", "accepted")
		c.callsBack(sms, "delivered")
		freely(t, p.becomes(v, "sms", "delivered")) // what was promised stays
		c.counted("twilio", number, 1, 1)
		c.excuse(sameText)
		if out := p.resend(202, v, object{}); out.num("resend_count") != 0 {
			t.Errorf("it counted as resend %v", out["resend_count"])
		}
		p.typed(v, codeIn(t, c.taken("twilio", number, 2)[1]), "sms_code")
		c.counted("twilio", number, 2, 2)
	})
}

// TestRefusedConnection: a provider that is not there has certainly taken nothing,
// so it is tried again; the person who then asks pays nothing for the outage.
func TestRefusedConnection(t *testing.T) {
	t.Parallel()
	c := carry(t)
	addr := freeAddr(t)
	p := c.nod(start, []string{"twilio"}, "NOD_TWILIO_BASE_URL=http://"+addr, "NOD_RESEND_DELAYS=1h")
	v := p.ask("u1", object{"phone_number": number, "channel": "sms"})
	freely(t, p.becomes(v, "sms", "failed"))
	if n := p.told(v); n["delivery.retrying"] != 1 || p.delivery(v, "sms").str("class") != "transient" {
		t.Errorf("%v", n)
	}
	c.counted("twilio", number, 0, 0)
	serveAt(t, addr, c.Twilio)
	p.resend(202, v, object{})
	p.typed(v, codeIn(t, c.taken("twilio", number, 1)[0]), "sms_code")
	c.counted("twilio", number, 1, 1)
}

// serveAt serves at an address until the test ends.
func serveAt(t *testing.T, addr string, h http.Handler) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: time.Second}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	t.Cleanup(func() {
		_ = s.Close()
		<-ended
	})
}

// TestSecondProvider: what the first provider certainly did not take goes to the
// second one at once; what it may have taken does not.
func TestSecondProvider(t *testing.T) {
	t.Parallel()
	c := carry(t)
	p := c.nod(start, []string{"twilio", "vonage"}, "NOD_RESEND_DELAYS=1h")
	for i, tc := range []struct {
		name                   string
		answer                 played.Answer
		byTwilio, toVonage, by int // messages that Twilio took, requests to Vonage, messages that it took
		state                  string
	}{
		{"good", played.Answer{}, 1, 0, 0, "delivered"},
		{"429", played.Answer{Status: 429, Code: "20429"}, 0, 1, 1, "delivered"},
		{"no route", played.Answer{Code: "21408"}, 0, 1, 1, "delivered"},
		{"dead", played.Answer{Code: "21211"}, 0, 0, 0, "failed"},
		{"stopped", played.Answer{Code: "21610"}, 0, 0, 0, "failed"},
		{"500", played.Answer{Status: 500}, 0, 0, 0, "unknown"},
		{"reset when taken", played.Answer{Fault: played.TakenReset, Receipts: noReceipts}, 1, 0, 0, "unknown"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, p, to := c.at(t), p.at(t), digits(i)
			c.Twilio.Script(to, tc.answer)
			v := p.ask(fmt.Sprint("u", i), object{"purpose": "phone", "phone_number": to})
			p.becomes(v, "sms", tc.state)
			always(t, 2*time.Second, "there is one message at most", func() bool {
				return len(c.Twilio.Accepted(to)) == tc.byTwilio && len(c.Vonage.Accepted(to)) == tc.by
			})
			c.counted("twilio", to, 1, tc.byTwilio)
			c.counted("vonage", to, tc.toVonage, tc.by)
			if tc.by == 1 {
				p.typed(v, codeIn(t, c.Vonage.Accepted(to)[0]), "sms_code")
			}
		})
	}
}

// TestBreaker: after five failures in a row a provider is passed over. One message
// tries it later; when that is taken it is the first again. The integrator is told.
func TestBreaker(t *testing.T) {
	t.Parallel()
	c := carry(t)
	p := c.nod(start, []string{"twilio", "vonage", "webhook"})
	people := 0
	one := func() (to string) { // a login by SMS
		people++
		to = fmt.Sprintf("+1415555%04d", 1000+people)
		p.ask(fmt.Sprint("u", people), object{"phone_number": to, "channel": "sms"})
		return to
	}
	c.Twilio.Script("", played.Answer{Status: 429, Code: "20429"})
	for range 5 {
		to := one()
		c.taken("vonage", to, 1)
		c.counted("twilio", to, 1, 0)
	}
	degraded := c.taken("webhook", "provider.degraded", 1)[0]
	if degraded.Fields["provider"] != "twilio" || degraded.Fields["channel"] != "sms" {
		t.Errorf("the integrator is told %v", degraded.Fields)
	}
	if open := p.metric(`nod_provider_breaker_closed{channel="sms",provider="twilio"}`); open != "0" {
		t.Errorf("the metric of the breaker is %q", open)
	}

	// It is asked for nobody until one message tries it, 30 s later.
	c.Twilio.Script("", played.Answer{Delay: 7 * time.Second})
	var trial string
	again := time.NewTicker(time.Second)
	defer again.Stop()
	begun := time.Now()
	for trial == "" {
		if time.Since(begun) > 2*deadline {
			t.Fatal("nothing tries the provider again")
		}
		to := one()
		eventually(t, "somebody is asked for "+to, func() bool { return c.Twilio.Requests(to)+c.Vonage.Requests(to) > 0 })
		if c.Twilio.Requests(to) > 0 {
			trial = to
			break
		}
		<-again.C
	}
	for range 3 { // while it is being tried
		to := one()
		c.taken("vonage", to, 1)
		c.counted("twilio", to, 0, 0)
	}
	c.taken("twilio", trial, 1)
	c.Twilio.Script("")
	if recovered := c.taken("webhook", "provider.recovered", 1)[0]; recovered.Fields["provider"] != "twilio" {
		t.Errorf("the integrator is told %v", recovered.Fields)
	}
	last := one()
	c.taken("twilio", last, 1)
	for _, to := range []string{trial, last} {
		c.counted("twilio", to, 1, 1)
		c.counted("vonage", to, 0, 0)
	}
	c.counted("webhook", "provider.degraded", 1, 1)
	c.counted("webhook", "provider.recovered", 1, 1)
}
