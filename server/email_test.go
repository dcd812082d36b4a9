package server_test

import (
	"strings"
	"testing"
	"time"

	"nod/server"
	"nod/verify"
)

const mailbox = "ana.silva@example.com"

func TestALoginByMail(t *testing.T) {
	within(t, func(d *door) {
		d.phone("ana")
		v := d.ask(byKey, "POST", verifications, object{"user_id": "ana", "email": mailbox}).allow(201).has("phone_number", nil)
		me, url := page(v.str("client_secret")), verifications+"/"+v.str("verification_id")
		way := v.object["alternatives"].([]any)[0].(object)
		if way["kind"] != "email" || way["label"] == "" || v.object["next_actions"].(object)["sms_in"] != nil {
			t.Fatalf("ways: %v", way)
		}
		d.settle()
		d.ask(me, "POST", url+"/resend", object{"channel": "email"}).deny(429, "cooldown")
		d.pass(70 * time.Second) // the request left over the socket, then as a push
		if n := len(d.outbox.List(mailbox, "", 10)); n != 0 {
			t.Fatalf("%d mails left by themselves", n)
		}
		d.ask(me, "POST", url+"/resend", object{"channel": "email"}).allow(202).has("channel", "email")
		code := d.code(mailbox)
		d.ask(me, "POST", url+"/check", object{"code": wrong(code)}).allow(200).has("ok", false).has("attempts_remaining", 2)
		done := d.ask(me, "POST", url+"/check", object{"code": code}).allow(200).has("ok", true).has("status", "approved").has("method", "email_code")
		result := d.ask(byKey, "POST", url+"/exchange", object{"result_token": done.str("result_token")}).allow(200).str("result")
		if c, err := d.authority.Own(verify.TypResult, result, time.Now()); err != nil || c.Method != verify.ByEmailCode || c.Channel != verify.Email || c.PhoneNumber != "" {
			t.Errorf("the result says %+v, %v", c, err)
		}
		for what, text := range map[string]string{
			"the status":   d.ask(me, "GET", url, nil).allow(200).text,
			"the timeline": d.ask(byKey, "GET", url+"/timeline", nil).allow(200).text,
			"the log":      d.log.String(),
		} {
			if strings.Contains(text, "silva") {
				t.Errorf("%s holds the address: %s", what, text)
			}
		}
		if status := d.ask(me, "GET", url, nil).text; !strings.Contains(status, `"target":"a•••@example.com"`) {
			t.Errorf("the delivery went to %s", status)
		}
	})
}

func TestAnAddressProvesNoNumber(t *testing.T) {
	within(t, func(d *door) {
		d.ask(byKey, "POST", verifications, object{"user_id": "ana", "purpose": "phone", "phone_number": number, "email": mailbox}).deny(422, "invalid_request").at("email")
		d.ask(byKey, "POST", verifications, object{"user_id": "ana", "email": mailbox}).deny(422, "no_channel")
		v := d.ask(d.user("ana"), "POST", sendCode, object{"phone_number": number}).allow(202)
		d.settle()
		d.ask(d.user("ana"), "POST", resendCode, object{"verification_id": v.str("verification_id"), "channel": "email"}).deny(422, "no_channel")
	})
}

func TestAnAddressWithoutAMailServer(t *testing.T) {
	wire(t, func(t *testing.T, d *wired) {
		v := d.ask(byKey, "POST", verifications, object{"user_id": "ana", "phone_number": number, "email": mailbox}).allow(201)
		d.settle()
		d.ask(page(v.str("client_secret")), "POST", verifications+"/"+v.str("verification_id")+"/resend", object{"channel": "email"}).deny(422, "no_channel")
		got, _, err := d.store.Verification(t.Context(), v.str("verification_id"))
		d.must(err)
		if !got.Email.IsZero() {
			t.Error("the address was kept")
		}
	}, func(c *server.Config) { c.Policy.HasEmail = false })
}
