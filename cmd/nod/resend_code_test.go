package main

import (
	"slices"
	"testing"
)

// untilNew resends until the SMS holds another code, and wants that to be when less
// than half of the first one's life is left.
func (p *person) untilNew(code string) (another string) {
	p.t.Helper()
	begun := p.twilio.Accepted(p.number)[0].At
	for nth := 1; nth <= 3; nth++ {
		_, another = p.resends(nth)
		all := p.twilio.Accepted(p.number)
		if age := all[len(all)-1].At.Sub(begun); (another == code) != (age <= p.life/2) {
			p.t.Errorf("the same code: %v, %s after the first SMS", another == code, age)
		}
		if another != code {
			return another
		}
	}
	p.t.Fatal("it is always the same code")
	return ""
}

// twoCodes: the SMS that is late may be the one that arrives, so its code is good.
func twoCodes(t *testing.T, s *stage) {
	p := s.person()
	_, code := p.sends()
	end := p.status().str("expires_at")
	p.untilNew(code)
	if !s.full && p.status().str("server_time") >= end {
		t.Skip("this machine is too slow: the first code has ended")
	}
	p.proves(code, "sms_code")
}

// costlyGuess: who asks for another code has no more guesses at the first.
func costlyGuess(t *testing.T, s *stage) {
	p := s.person()
	_, code := p.sends()
	p.shows(p.types(wrong(code), false), object{"attempts_remaining": 2})
	p.shows(p.types(wrong(code), false), object{"attempts_remaining": 1, "stage": "code_entry"})
	another := p.untilNew(code)
	p.shows(p.status(), object{"attempts_remaining": 3})
	p.shows(p.types(wrong(code, another), false), object{"attempts_remaining": 2, "stage": "code_entry"})
	p.shows(p.types(code, false), object{"attempts_remaining": 1}) // its third guess was the one before
	p.proves(another, "sms_code")
}

// triesRunOut: three wrong guesses end a code. The next SMS holds another one.
func triesRunOut(t *testing.T, s *stage) {
	p := s.person()
	_, code := p.sends()
	for left := 2; left >= 0; left-- {
		p.shows(p.types(wrong(code), false), object{"status": "pending", "attempts_remaining": left})
	}
	p.shows(p.status(), object{"stage": "awaiting_resend"})
	p.asks(429, "too_many_attempts", "POST", onboarding+"verify-code", p.which("code", code))
	v, another := p.resends(1)
	if another == code {
		t.Error("the code whose tries are used up was sent again")
	}
	p.shows(v, object{"attempts_remaining": 3})
	p.types(code, false)
	p.proves(another, "sms_code")
	p.counted(2, 2)
}

// lastTriesRunOut: when no resend is left, so is nothing else.
func lastTriesRunOut(t *testing.T, s *stage) {
	p := s.person()
	v, code := p.sends()
	codes := []string{code}
	for nth := range 3 {
		_, code = p.resends(nth + 1)
		codes = append(codes, code)
	}
	p.types(wrong(codes...), false)
	p.types(wrong(codes...), false)
	out := p.types(wrong(codes...), false)
	p.shows(out, object{"status": "failed", "reason": "max_attempts", "stage": nil, "attempts_remaining": 0})
	if got := kinds(out); !slices.Equal(got, []string{"support"}) {
		t.Errorf("whom to ask is %v", got)
	}
	p.asks(409, "already_decided", "POST", onboarding+"verify-code", p.which("code", code))
	p.asks(409, "already_decided", "POST", onboarding+"resend-verification", p.which())
	if n := p.told(v); n["verification.failed"] != 1 || n["code.check_failed"] != 3 || n["code.exhausted"] != 1 {
		t.Errorf("it is told %v", n)
	}
	p.counted(4, 4)
}

// codeEnds: a code is good for 600 s, and another one can then be had.
func codeEnds(t *testing.T, s *stage) {
	quick, late := s.person(), s.person()
	v, code := quick.sends()
	end := v.str("expires_at")
	if life := quick.time(end).Sub(quick.time(v.str("server_time"))); life != s.life {
		t.Errorf("a code lives %s", life)
	}
	_, lateCode := late.sends()
	if late.before(end, 1) {
		quick.proves(code, "sms_code")
	}
	late.moment(late.status().str("expires_at"))
	late.turns(object{"stage": "awaiting_resend", "attempts_remaining": 0})
	late.asks(410, "expired", "POST", onboarding+"verify-code", late.which("code", lateCode))
	v = late.asks(202, "", "POST", onboarding+"resend-verification", late.which())
	late.shows(v, object{"resend_count": 1, "attempts_remaining": 3})
	late.proves(late.reads(2), "sms_code")
	late.counted(2, 2)
}

// sessionEnds: after 3600 s all is over, and a new session starts from the beginning.
func sessionEnds(t *testing.T, s *stage) {
	p := s.person()
	v, code := p.sends()
	end := v.str("session_expires_at")
	if life := p.time(end).Sub(p.time(v.str("server_time"))); life != s.session {
		t.Errorf("a session lives %s", life)
	}
	if p.before(end, 1) {
		p.shows(p.status(), object{"status": "pending", "stage": "awaiting_resend"})
	}
	p.moment(end)
	p.turns(object{"status": "expired", "stage": nil})
	p.asks(410, "expired", "POST", onboarding+"verify-code", p.which("code", code))
	p.asks(410, "expired", "POST", onboarding+"resend-verification", p.which())
	next, code := p.sends()
	p.shows(next, object{"resend_count": 0, "next_resend_delay": seconds(p.delay(1))})
	if next.str("verification_id") == v.str("verification_id") {
		t.Error("it is the one that ended")
	}
	p.proves(code, "sms_code")
	p.counted(2, 2)
}
