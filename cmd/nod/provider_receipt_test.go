package main

import (
	"fmt"
	"testing"
	"time"

	played "nod/deploy/providers"
)

// TestReceipts: what a provider tells about a message moves its delivery forward,
// and decides nothing else.
func TestReceipts(t *testing.T) {
	t.Parallel()
	c := carry(t)
	twilio := c.nod(start, []string{"twilio"})
	vonage := c.nod(start, []string{"vonage"})
	const pause = 300 * time.Millisecond
	cases := []struct {
		name     string
		twilio   []played.Receipt
		vonage   []played.Receipt
		state    string
		receipts int // what the events tell of it
	}{
		{"good", nil, nil, "delivered", 1},
		{"late", []played.Receipt{{State: "delivered", Delay: 2 * time.Second}}, []played.Receipt{{State: "delivered", Delay: 2 * time.Second}}, "delivered", 1},
		{"repeated", []played.Receipt{{State: "delivered", Times: 4}}, []played.Receipt{{State: "delivered", Times: 4}}, "delivered", 1},
		{
			"out of order",
			[]played.Receipt{{State: "delivered"}, {State: "sent", Delay: pause}, {State: "queued"}, {State: "undelivered", Code: "30003"}},
			[]played.Receipt{{State: "delivered"}, {State: "submitted", Delay: pause}, {State: "rejected", Code: "1330"}},
			"delivered", 1,
		},
		{"not delivered", []played.Receipt{{State: "sent"}, {State: "undelivered", Code: "30003"}}, []played.Receipt{{State: "submitted"}, {State: "rejected", Code: "1330"}}, "undelivered", 1},
		{"forged", []played.Receipt{{State: "delivered", Forged: true, Times: 3}}, []played.Receipt{{State: "delivered", Forged: true, Times: 3}}, "accepted", 0},
	}
	t.Run("each", func(t *testing.T) {
		for i, tc := range cases {
			c.Twilio.Script(digits(i), played.Answer{Receipts: tc.twilio})
			c.Vonage.Script(digits(i), played.Answer{Receipts: tc.vonage})
			for name, p := range map[string]*program{"twilio": twilio, "vonage": vonage} {
				t.Run(tc.name+" of "+name, func(t *testing.T) {
					t.Parallel()
					c, d, to := c.at(t), p.at(t), digits(i)
					v := d.ask(fmt.Sprint("u", i), object{"phone_number": to, "channel": "sms"})
					sms := c.taken(name, to, 1)[0]
					d.becomes(v, "sms", tc.state)
					always(t, time.Second, "it stays so, and waits for the code", func() bool {
						now := d.status(v)
						return d.delivery(v, "sms").str("state") == tc.state && now.str("status") == "pending" && now.str("stage") == "code_entry"
					})
					if n := d.told(v); n["delivery.delivered"]+n["delivery.undelivered"] != tc.receipts {
						t.Errorf("the events are %v", n)
					}
					d.typed(v, codeIn(t, sms), "sms_code")
					c.counted(name, to, 1, 1)
				})
			}
		}
	})
	for name, p := range map[string]*program{"twilio": twilio, "vonage": vonage} {
		if n := p.metric(`nod_receipts_total{provider="` + name + `",result="forged"}`); n != "3" {
			t.Errorf("%s: %q forged receipts were counted, 3 were sent", name, n)
		}
	}
}

// TestReceiptAfterTheEnd: a receipt of what has ended is taken, and changes the end
// in nothing.
func TestReceiptAfterTheEnd(t *testing.T) {
	onBoth(t, func(t *testing.T, start starter) {
		c := carry(t)
		p := c.nod(start, []string{"twilio"})
		c.Twilio.Script(number, played.Answer{Receipts: noReceipts})
		v := p.ask("u1", object{"phone_number": number, "channel": "sms"})
		sms := c.taken("twilio", number, 1)[0]
		p.becomes(v, "sms", "accepted")
		p.typed(v, codeIn(t, sms), "sms_code")
		for _, state := range []string{"undelivered", "delivered", "sent"} {
			c.callsBack(sms, state)
		}
		now := p.becomes(v, "sms", "delivered")
		if now.str("status") != "approved" || now.str("method") != "sms_code" {
			t.Errorf("it is %v", now)
		}
		if n := p.told(v); n["verification.approved"] != 1 || n["verification.failed"]+n["verification.expired"] != 0 {
			t.Errorf("the events are %v", n)
		}
		c.counted("twilio", number, 1, 1)
	})
}

// TestForgedReceipt: without the provider's signature nothing is told apart, and
// nothing changes.
func TestForgedReceipt(t *testing.T) {
	t.Parallel()
	c := carry(t)
	p := c.nod(start, []string{"twilio", "vonage"})
	c.Twilio.Script(number, played.Answer{Receipts: noReceipts})
	v := p.ask("u1", object{"phone_number": number, "channel": "sms"})
	c.taken("twilio", number, 1)
	row := p.becomes(v, "sms", "accepted").list("deliveries")[0].str("id")
	for _, id := range []string{row, "dlv_00000000000000000000000000000000", ""} {
		for _, name := range []string{"twilio", "vonage"} {
			for _, credential := range []string{"", "X-Twilio-Signature: bm90IHR3aWxpbydzIHNpZ24=\nAuthorization: Bearer a.b.c", p.asKey()} {
				status, out := p.call("POST", "/webhooks/"+name+"/status?delivery="+id, credential, object{"status": "delivered"})
				if status != 403 || out.str("code") != "forbidden" {
					t.Errorf("%s: a forged receipt was answered with %d %v", name, status, out)
				}
			}
		}
	}
	if status, _ := p.call("POST", "/webhooks/sns/status?delivery="+row, "", object{}); status != 404 {
		t.Errorf("a provider without receipts answers %d", status)
	}
	if got := p.delivery(v, "sms").str("state"); got != "accepted" {
		t.Errorf("the delivery is %s", got)
	}
}

// TestKilledWhileSending: Twilio takes an SMS and does not answer, and nod is killed
// before it knows. There is one SMS, nobody says what became of it, the page may ask
// for another at once, and a receipt settles the first.
func TestKilledWhileSending(t *testing.T) {
	t.Parallel()
	ask := func(c *carriers, d *door) (object, played.Accepted) {
		c.Twilio.Script(number, played.Answer{Fault: played.TakenHang, Receipts: noReceipts})
		v := d.ask("u1", object{"phone_number": number, "channel": "sms"})
		return v, c.taken("twilio", number, 1)[0]
	}
	settled := func(c *carriers, d *door, v object, sms played.Accepted) {
		t := d.t
		d.reaches(v, "sms", "unknown", leaseEnd)
		c.counted("twilio", number, 1, 1)
		freely(t, d.status(v))
		c.excuse(sameText)
		c.Twilio.Script(number)
		if out := d.resend(202, v, object{}); out.num("resend_count") != 0 {
			t.Errorf("it counted as resend %v", out["resend_count"])
		}
		again := c.taken("twilio", number, 2)[1]
		c.callsBack(sms, "delivered")
		eventually(t, "both SMS are known to have arrived", func() bool { return d.told(v)["delivery.delivered"] == 2 })
		if codeIn(t, again) != codeIn(t, sms) {
			t.Error("the two SMS hold two codes")
		}
		d.typed(v, codeIn(t, sms), "sms_code")
		c.counted("twilio", number, 2, 2)
	}
	t.Run("one of two nodes", func(t *testing.T) {
		t.Parallel()
		c := carry(t)
		nodes := newCluster(t, setup{settings: append(c.Settings("twilio"), "NOD_RESEND_DELAYS=1h")})
		c.judged()
		a, b := nodes.nodes[0], nodes.nodes[1]
		b.freeze() // so that the other one sends
		v, sms := ask(c, a.door)
		a.kill()
		b.thaw()
		b.ready()
		settled(c, b.door, v, sms)
	})
	t.Run("the only one", func(t *testing.T) {
		t.Parallel()
		c := carry(t)
		p := c.nod(start, []string{"twilio"}, "NOD_RESEND_DELAYS=1h")
		v, sms := ask(c, p.door)
		p.kill()
		p.again()
		settled(c, p.door, v, sms)
	})
}
