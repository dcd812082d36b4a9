package main

import (
	"slices"
	"testing"

	played "nod/deploy/providers"
)

// to is the person with another number.
func (p *person) to(number string) *person {
	next := *p
	next.number, next.heard = number, 0
	return &next
}

// changes leaves the number for another person's and wants a status and, when it is
// an error's, its code.
func (p *person) changes(status int, code, number string) object {
	p.t.Helper()
	return p.asks(status, code, "POST", onboarding+"change-phone", object{"old_phone_number": p.number, "new_phone_number": number})
}

// changedNumber: after the second resend the number may be another one, and what
// came over the first proves nothing any more.
func changedNumber(t *testing.T, s *stage) {
	p, stranger := s.person(), s.person()
	next := p.to(s.person().number)
	first, _ := p.sends()
	p.changes(409, "same_number", p.number)
	p.changes(409, "conflict", next.number)
	p.resends(1)
	p.changes(409, "conflict", next.number)
	v, old := p.resends(2)
	p.shows(v, object{"can_change_phone": true})
	stranger.to(p.number).changes(404, "not_found", next.number)

	v = p.changes(202, "", next.number)
	p.shows(v, object{
		"status": "pending", "previous_verification_id": first["verification_id"], "resend_count": 0,
		"next_resend_delay": seconds(p.delay(1)), "message_key": "code.sent", "can_change_phone": false,
	})
	code := next.reads(1)
	p.shows(p.status(), object{"status": "canceled", "reason": "phone_changed", "verification_id": first["verification_id"]})
	p.asks(409, "already_decided", "POST", onboarding+"verify-code", p.which("code", old))
	p.asks(409, "already_decided", "POST", onboarding+"resend-verification", p.which())
	p.changes(409, "already_decided", next.number)
	if old != code {
		next.types(old, false)
	}
	next.resends(1)
	if r := next.proves(code, "sms_code"); r.PhoneNumber != next.number {
		t.Errorf("the result is %+v", r)
	}
	p.counted(3, 3)
	next.counted(2, 2)
	own := p.asks(200, "", "GET", onboarding+"verification-analytics", nil)
	p.shows(own.obj("totals"), object{"send_code": 2, "change_phone": 1, "resend_request": 3, "verify_success": 1})
	if n := p.told(first); n["phone.changed"] != 1 || n["verification.canceled"] != 1 {
		t.Errorf("of the number that was left it is told %v", n)
	}
}

// changeThatWaits: a new number that may not be sent to yet is refused, and the old
// one goes on.
func changeThatWaits(t *testing.T, s *stage) {
	p := s.person()
	next := p.to(s.person().number)
	p.sends()
	p.resends(1)
	p.resends(2)
	v, _ := next.sends()
	next.cancels(v)
	if s.full {
		p.changes(429, "cooldown", next.number)
		p.shows(p.status(), object{"status": "pending", "stage": "code_entry", "resend_count": 2})
	}
	next.cools(p.delay(1), onboarding+"change-phone", object{"old_phone_number": p.number, "new_phone_number": next.number})
	p.shows(p.status(), object{"status": "canceled", "reason": "phone_changed"})
	next.proves(next.reads(2), "sms_code")
	p.counted(3, 3)
	next.counted(2, 2)
}

// deadNumber: where nothing can ever arrive, nobody waits for the second resend.
func deadNumber(t *testing.T, s *stage) {
	p := s.person()
	next := p.to(s.person().number)
	p.twilio.Script(p.number, played.Answer{Code: "21211"})
	p.asks(202, "", "POST", onboarding+"send-verification", p.which())
	p.asked(1)
	now := p.status()
	p.shows(now, object{"can_change_phone": true, "resend_count": 0})
	if got, want := kinds(now), []string{"change_phone", "support"}; !slices.Equal(got, want) {
		t.Errorf("there is %v, want %v", got, want)
	}
	p.asks(422, "no_channel", "POST", onboarding+"resend-verification", p.which())
	p.changes(202, "", next.number)
	next.proves(next.reads(1), "sms_code")
	p.counted(1, 0)
	next.counted(1, 1)
}
