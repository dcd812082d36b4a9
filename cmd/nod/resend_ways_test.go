package main

import (
	"crypto/rand"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// logsIn starts a login of the person, whose page has the credential from then on.
func (p *person) logsIn(with object) object {
	p.t.Helper()
	with["phone_number"], with["context"] = p.number, object{"app": "Bank"}
	v := p.ask(p.user, with)
	p.page = page(v)
	return v
}

// callAfterThird: once the resends are used up, one call is the other way.
func callAfterThird(t *testing.T, s *stage) {
	p := s.person()
	p.sends()
	for nth := range 3 {
		p.resends(nth + 1)
	}
	way := p.status().list("alternatives")[1]
	if in := way.num("available_in"); way.str("kind") != "voice" || in < 0 || in > seconds(p.delay(4)) || s.full && in != 300 {
		t.Errorf("a call is offered as %v", way)
	}
	p.shows(p.cools(p.delay(4), onboarding+"resend-verification", p.which("channel", "voice")), object{"resend_count": 3, "channel": "voice"})
	call := p.hears(5)[4]
	said := spelled.FindAllString(call.Text, -1)
	if call.Fields["Kind"] != "Calls" || len(said) != 2 || said[0] != said[1] {
		t.Fatalf("this is no call that says a code twice: %q", call.Text)
	}
	p.asks(409, "max_resends_reached", "POST", onboarding+"resend-verification", p.which("channel", "voice"))
	if r := p.proves(strings.ReplaceAll(said[0], ", ", ""), "voice_code"); r.PhoneNumber != p.number || r.Channel != "voice" {
		t.Errorf("the result is %+v", r)
	}
	p.counted(5, 5)
}

// mailAfterThird: a login that has an address may be proved by a mail, too.
func mailAfterThird(t *testing.T, s *stage) {
	p := s.person()
	address := strings.ReplaceAll(p.user, " ", "-") + "@example.com"
	p.logsIn(object{"email": address, "channel": "sms"})
	p.reads(1)
	for nth := range 3 {
		if got := kinds(p.status()); len(got) != 0 {
			t.Errorf("before resend %d there is %v", nth+1, got)
		}
		p.resends(nth + 1)
	}
	if got, want := kinds(p.status()), []string{"voice", "email", "support"}; !slices.Equal(got, want) {
		t.Errorf("after the third there is %v, want %v", got, want)
	}
	p.cools(p.delay(4), onboarding+"resend-verification", p.which("channel", "email"))
	mails, err := p.smtp.Wait(t.Context(), address, 1)
	if err != nil {
		t.Fatal(err)
	}
	p.rests()
	if r := p.proves(regexp.MustCompile(`(?m)^\d{6}$`).FindString(mails[0].Text), "email_code"); r.PhoneNumber != "" {
		t.Errorf("a mail proved a number: %+v", r)
	}
	if n := len(p.smtp.Accepted(address)); n != 1 {
		t.Errorf("there were %d mails", n)
	}
	p.counted(4, 4)
}

// bothAtOnce is a login that is asked for in the app and by SMS.
func bothAtOnce(t *testing.T, s *stage) (p *person, answer func(wantAccepted bool), code string) {
	p = s.person()
	ph := newTimedPhone(t, time.Now)
	ph.enroll(p.door, p.user)
	v := p.logsIn(object{"channel": "both"})
	code = p.reads(1)
	app := func(method, path string, body any) object {
		credential := "Authorization: Device " + ph.sign("nod-device+jwt", object{"aud": p.public, "jti": rand.Text()})
		status, out := p.call(method, path, credential, body)
		if status != 200 {
			t.Fatalf("the app was answered with %d %v", status, out)
		}
		return out
	}
	prompts := app("GET", "/api/v1/prompts", nil).list("prompts")
	if len(prompts) != 1 {
		t.Fatalf("the app shows %v", prompts)
	}
	return p, func(wantAccepted bool) {
		if !wantAccepted {
			if left := app("GET", "/api/v1/prompts", nil).list("prompts"); len(left) != 0 {
				t.Errorf("the app still shows %v", left)
			}
		}
		out := app("POST", "/api/v1/prompts/"+v.str("verification_id")+"/respond", object{"token": ph.sign("nod-answer+jwt", object{
			"aud": p.public, "verification_id": v.str("verification_id"), "prompt_sha256": digest(prompts[0].str("signed")),
			"decision": "approve", "number": v.str("match_number"),
		})})
		if out["accepted"] != wantAccepted {
			t.Errorf("the app's answer: %v", out)
		}
	}, code
}

// codeBeforeApp: the first answer wins, and the other way is closed.
func codeBeforeApp(t *testing.T, s *stage) {
	p, answer, code := bothAtOnce(t, s)
	p.proves(code, "sms_code")
	answer(false)
	p.shows(p.status(), object{"status": "approved", "method": "sms_code"})
	p.counted(1, 1)
}

func appBeforeCode(t *testing.T, s *stage) {
	p, answer, code := bothAtOnce(t, s)
	answer(true)
	p.asks(409, "already_decided", "POST", onboarding+"verify-code", p.which("code", code))
	now := p.status()
	p.shows(now, object{"status": "approved", "method": "app"})
	p.exchanged(now, now.str("result_token"), "app")
	p.counted(1, 1)
}
