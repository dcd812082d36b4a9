package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	played "nod/deploy/providers"
)

var spelled = regexp.MustCompile(`\b(?:\d, ){5}\d\b`)

// TestCallAfterTwoSMS: when two SMS failed nod calls, once, and says the code twice.
func TestCallAfterTwoSMS(t *testing.T) {
	onBoth(t, func(t *testing.T, start starter) {
		c := carry(t)
		p := c.nod(start, []string{"twilio"}, "NOD_VOICE_FALLBACK=true", "NOD_RESEND_DELAYS=1s")
		refused := played.Answer{Code: "21408"}
		c.Twilio.Script(number, refused, refused, played.Answer{})
		v := p.ask("u1", object{"phone_number": number, "channel": "sms", "locale": "de"})
		p.becomes(v, "sms", "failed")
		c.counted("twilio", number, 1, 0)
		p.resend(202, v, object{})
		call := c.taken("twilio", number, 1)[0]
		said := spelled.FindAllString(call.Text, -1)
		if call.Fields["Kind"] != "Calls" || len(said) != 2 || said[0] != said[1] || !strings.Contains(call.Text, `language="de-DE"`) {
			t.Fatalf("this is no call that says a code twice in German: %q", call.Text)
		}
		p.becomes(v, "voice", "delivered")
		if r := p.typed(v, strings.ReplaceAll(said[0], ", ", ""), "voice_code"); r.Channel != "voice" || r.PhoneNumber != number {
			t.Errorf("the result is %+v", r)
		}
		c.counted("twilio", number, 3, 1)
	})
}

// TestNoCallUnasked: without the operator's word nobody is called, however many SMS
// fail.
func TestNoCallUnasked(t *testing.T) {
	t.Parallel()
	c := carry(t)
	p := c.nod(start, []string{"twilio"}, "NOD_RESEND_DELAYS=1s")
	c.Twilio.Script(number, played.Answer{Code: "21408"})
	v := p.ask("u1", object{"phone_number": number, "channel": "sms"})
	for n := 2; n <= 4; n++ {
		p.becomes(v, "sms", "failed")
		p.resend(202, v, object{})
		c.asked("twilio", number, n)
	}
	p.becomes(v, "sms", "failed")
	if row := p.delivery(v, "voice"); row != nil {
		t.Errorf("there is a call: %v", row)
	}
	c.counted("twilio", number, 4, 0)
}

// TestCodeByMail: a mail is another way for a login whose integrator gave an address.
// It is sent when somebody asks for it, never before, and proves no number.
func TestCodeByMail(t *testing.T) {
	onBoth(t, func(t *testing.T, start starter) {
		const address = "ann@example.com"
		c := carry(t)
		p := c.nod(start, []string{"twilio", "smtp"})
		if status, out := p.call("POST", "/api/v1/verifications", p.asKey(), object{"user_id": "u1", "purpose": "phone", "phone_number": number, "email": address}); status != 422 || out.str("field") != "email" {
			t.Errorf("a mail to prove a number: %d %v", status, out)
		}
		byMail := func(w object) bool { return w.str("kind") == "email" }
		plain := p.ask("u2", object{"phone_number": digits(2), "channel": "sms"})
		c.taken("twilio", digits(2), 1)
		p.resend(422, plain, object{"channel": "email"}) // nobody gave an address

		c.Twilio.Script(number, played.Answer{Code: "21211"})
		v := p.ask("u1", object{"phone_number": number, "email": address, "channel": "sms", "context": object{"app": "Bank"}})
		now := p.becomes(v, "sms", "failed")
		if now.str("status") != "pending" || !slices.ContainsFunc(now.list("alternatives"), byMail) {
			t.Fatalf("no mail is offered when the number is dead: %v", now)
		}
		c.counted("smtp", address, 0, 0)
		p.resend(202, v, object{"channel": "email"})
		mail := c.taken("smtp", address, 1)[0]
		code := regexp.MustCompile(`(?m)^\d{6}$`).FindString(mail.Text)
		if mail.Fields["subject"] != "Your code to sign in to Bank" || code == "" || strings.Contains(mail.Fields["subject"], code) {
			t.Fatalf("the mail is %q %q", mail.Fields, mail.Text)
		}
		p.becomes(v, "email", "accepted")
		if r := p.typed(v, code, "email_code"); r.Channel != "email" || r.PhoneNumber != "" {
			t.Errorf("the result is %+v", r)
		}
		c.counted("smtp", address, 1, 1)
		c.counted("twilio", number, 1, 0)
	})
}
