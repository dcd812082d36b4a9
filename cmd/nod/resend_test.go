package main

import (
	"slices"
	"sync"
	"testing"
	"time"

	played "nod/deploy/providers"
)

// scenario is one of them.
type scenario struct {
	name string
	ends bool // shortened, it needs codes and sessions that end
	live func(t *testing.T, s *stage)
}

// scenarios are those of the smart resend: what a person does and sees, and what
// Twilio counts, see [stage]. Those that last come first.
var scenarios = []scenario{
	{"a session ends", true, sessionEnds},
	{"a code ends", true, codeEnds},
	{"a call after the third", false, callAfterThird},
	{"each delay, and no resend after the third", false, everyResend},
	{"send, wait, resend, verify", false, normalFlow},
	{"many requests at once", true, manyRequests},
	{"asked again, the open one is given back", false, reused},
	{"the cooldown starts when the provider takes it", false, slowProvider},
	{"an outage costs nothing", false, silentProvider},
	{"a refusal counts", false, refusedByProvider},
	{"a new session keeps the step", false, keptStep},
	{"a code is sent again while half its life is left", true, twoCodes},
	{"a wrong guess costs every code", true, costlyGuess},
	{"tries run out", true, triesRunOut},
	{"the last tries run out", false, lastTriesRunOut},
	{"another number", false, changedNumber},
	{"another number that must wait", false, changeThatWaits},
	{"a dead number is left at once", false, deadNumber},
	{"both, and the code is faster", false, codeBeforeApp},
	{"both, and the app is faster", false, appBeforeCode},
	{"a person's own figures", false, ownFigures},
	{"what was tried", false, history},
	{"every field of the status", false, everyField},
	{"waiting for news", false, longPoll},
	{"nothing was sent", false, nothingSent},
}

// TestResend lives through every scenario at full length.
func TestResend(t *testing.T) {
	t.Parallel()
	for _, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			inFull(t, func(s *stage) { sc.live(s.t, s) })
		})
	}
}

// TestResendShortened lives through every scenario on Postgres and Redis, and through
// what needs a mail.
func TestResendShortened(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]pace{"calm": shortened, "hurried": hurried} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := carry(t)
			c.excuse(sameText)
			d := c.nod(startShared, []string{"twilio", "smtp"}, p.settings()...).door
			all := append([]scenario{{"a mail after the third", false, mailAfterThird}}, scenarios...)
			t.Run("each", func(t *testing.T) {
				for i, sc := range all {
					if sc.ends == p.ends {
						t.Run(sc.name, func(t *testing.T) {
							t.Parallel()
							sc.live(t, &stage{door: d.at(t), twilio: c.Desk("twilio"), smtp: c.Desk("smtp"), pace: p, first: 3 * i})
						})
					}
				}
			})
		})
	}
}

// normalFlow is what nearly everybody does.
func normalFlow(t *testing.T, s *stage) {
	p := s.person()
	v, code := p.sends()
	p.shows(v, object{
		"status": "pending", "purpose": "phone", "resend_count": 0, "max_resends": 3, "next_resend_delay": seconds(p.delay(1)),
		"message_key": "code.sent", "message": "Verification code sent.",
		"can_change_phone": false, "alternatives": []string{}, "alternative_contact_message": nil,
	})
	now := p.status()
	p.shows(now, object{"stage": "code_entry", "channel": "sms", "attempts_remaining": 3})
	if wait := now.num("cooldown_remaining"); s.full && wait != 60 || wait < 0 || wait > seconds(p.delay(1)) {
		t.Errorf("the cooldown is %v s", wait)
	}
	v, again := p.resends(1)
	p.shows(v, object{"next_resend_delay": seconds(p.delay(2)), "message_key": "resend.another", "message": "Another verification code has been sent."})
	if again != code {
		t.Error("the second SMS holds another code, though the first is young")
	}
	p.shows(p.types(wrong(code), false), object{"status": "pending", "attempts_remaining": 2})
	if r := p.proves(code, "sms_code"); r.UserID != p.user || r.PhoneNumber != p.number || r.Channel != "sms" {
		t.Errorf("the result is %+v", r)
	}
	p.asks(409, "already_decided", "POST", onboarding+"resend-verification", p.which())
	p.asks(409, "already_decided", "POST", onboarding+"verify-code", p.which("code", code))
	p.counted(2, 2)
}

// manyRequests: an impatient page sends one SMS.
func manyRequests(t *testing.T, s *stage) {
	p := s.person()
	const crowd = 20
	flood := func(path string) (statuses []int, ids map[string]bool) {
		credential := p.credential()
		ids = map[string]bool{}
		var all sync.WaitGroup
		var mu sync.Mutex
		for range crowd {
			all.Go(func() {
				status, out, err := p.try(t.Context(), "POST", path, credential, p.which())
				for begun := time.Now(); status == 503 && time.Since(begun) < deadline; { // a slow machine's database, says nod
					status, out, err = p.try(t.Context(), "POST", path, credential, p.which())
				}
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				statuses, ids[out.str("verification_id")] = append(statuses, status), true
			})
		}
		all.Wait()
		slices.Sort(statuses)
		return statuses, ids
	}
	statuses, ids := flood(onboarding + "send-verification")
	if want := append(slices.Repeat([]int{200}, crowd-1), 202); !slices.Equal(statuses, want) || len(ids) != 1 {
		t.Errorf("sending was answered with %v about %d verifications", statuses, len(ids))
	}
	code := p.reads(1)
	due := p.status().str("next_resend_at")
	statuses, _ = flood(onboarding + "resend-verification")
	if p.status().str("server_time") >= due && !s.full {
		t.Skip("this machine is too slow to tell what came too early")
	}
	if want := slices.Repeat([]int{429}, crowd); !slices.Equal(statuses, want) {
		t.Errorf("resending was answered with %v", statuses)
	}
	p.rests()
	p.proves(code, "sms_code")
	p.counted(1, 1)
}

// reused: a page that is loaded anew finds the one that waits. Its old credential is
// void.
func reused(t *testing.T, s *stage) {
	p := s.person()
	first, code := p.sends()
	second := p.asks(200, "", "POST", onboarding+"send-verification", p.which())
	p.shows(second, object{"reused": true, "verification_id": first.str("verification_id"), "resend_count": 0})
	if second.str("client_secret") == "" || page(second) == page(first) {
		t.Error("the page has no credential of its own")
	}
	p.page = page(first)
	p.asks(401, "unauthenticated", "GET", pathOf(first), nil)
	p.page = page(second)
	p.asks(200, "", "GET", pathOf(first), nil)
	p.page = ""
	p.rests()
	p.proves(code, "sms_code")
	p.counted(1, 1)
}

// everyResend: 60, 120 and 300 s, and then none. The ways out open one by one.
func everyResend(t *testing.T, s *stage) {
	p := s.person()
	_, code := p.sends()
	for _, want := range []struct {
		nth, next    int
		key, message string
		change       bool
		alternatives []string
	}{
		{1, 2, "resend.another", "Another verification code has been sent.", false, []string{}},
		{2, 3, "resend.another", "Another verification code has been sent.", true, []string{}},
		{3, 4, "resend.final", "Final verification code sent.", true, []string{"change_phone", "voice", "support"}},
	} {
		var v object
		v, code = p.resends(want.nth)
		p.shows(v, object{
			"next_resend_delay": seconds(p.delay(want.next)), "message_key": want.key, "message": want.message, "can_change_phone": want.change,
		})
		now := p.status()
		if got := kinds(now); !slices.Equal(got, want.alternatives) {
			t.Errorf("after resend %d there is %v, want %v", want.nth, got, want.alternatives)
		}
		if said := now.str("alternative_contact_message") != ""; said != (len(want.alternatives) > 0) {
			t.Errorf("after resend %d it is said: %v", want.nth, now["alternative_contact_message"])
		}
	}
	ways := p.status().list("alternatives")
	p.shows(ways[2], object{"label": support, "available_in": 0})
	p.shows(p.asks(409, "max_resends_reached", "POST", onboarding+"resend-verification", p.which()),
		object{"message_key": "resend.max"})
	now := p.status()
	p.shows(now, object{"resend_count": 3, "next_resend_at": nil})
	p.shows(now.obj("next_actions"), object{"sms_in": nil, "push_in": nil, "check_in": 0})
	p.rests()
	p.proves(code, "sms_code")
	p.counted(4, 4)
}

// slowProvider: the delay is counted from when the SMS was taken, and while it is on
// its way there is no other.
func slowProvider(t *testing.T, s *stage) {
	p := s.person()
	slow := min(p.delay(1)/2, 5*time.Second) // a try ends after 10 s
	p.twilio.Script(p.number, played.Answer{Delay: slow})
	created := p.asks(202, "", "POST", onboarding+"send-verification", p.which())
	if err := p.twilio.WaitRequests(t.Context(), p.number, 1); err != nil {
		t.Fatal(err)
	}
	if s.full {
		p.asks(409, "in_progress", "POST", onboarding+"resend-verification", p.which())
	}
	code := p.reads(1)
	p.twilio.Script(p.number)
	if due := p.time(p.status().str("next_resend_at")); s.full && due.Sub(p.time(created.str("server_time"))) != slow+p.delay(1) {
		t.Errorf("another SMS may be sent at %s", due)
	}
	p.resends(1)
	p.proves(code, "sms_code")
	p.counted(2, 2)
}

// silentProvider: what Twilio does not answer costs neither delay nor count, be it the first
// SMS or another one.
func silentProvider(t *testing.T, s *stage) {
	p := s.person()
	down := played.Answer{Status: 503, Code: "20503"}
	p.twilio.Script(p.number, down)
	p.asks(202, "", "POST", onboarding+"send-verification", p.which())
	p.asked(1)
	freely(t, p.status())
	p.twilio.Script(p.number)
	p.shows(p.asks(202, "", "POST", onboarding+"resend-verification", p.which()), object{"resend_count": 0, "next_resend_delay": seconds(p.delay(1))})
	code := p.reads(1)

	p.twilio.Script(p.number, down)
	p.again(1)
	p.asked(3)
	freely(t, p.status())
	p.twilio.Script(p.number)
	p.shows(p.asks(202, "", "POST", onboarding+"resend-verification", p.which()), object{"resend_count": 0})
	p.reads(2)
	p.resends(1)
	p.proves(code, "sms_code")
	p.counted(5, 3)
}

// asked waits until Twilio had n requests, and nod an answer.
func (p *person) asked(n int) {
	p.t.Helper()
	if err := p.twilio.WaitRequests(p.t.Context(), p.number, n); err != nil {
		p.t.Fatal(err)
	}
	p.rests()
}

// refusedByProvider: an SMS that Twilio does not take is a resend all the same. The
// next delay is counted from the one that was taken.
func refusedByProvider(t *testing.T, s *stage) {
	p := s.person()
	_, code := p.sends()
	p.twilio.Script(p.number, played.Answer{Code: "21408"})
	p.again(1)
	p.asked(2)
	now := p.status()
	p.shows(now, object{"resend_count": 1, "next_resend_delay": seconds(p.delay(2))})
	p.twilio.Script(p.number)
	p.resends(2)
	p.proves(code, "sms_code")
	p.counted(3, 2)
}

// cancels gives a verification up, as its page.
func (p *person) cancels(v object) {
	p.t.Helper()
	p.page = page(v)
	p.asks(200, "", "POST", pathOf(v)+"/cancel", object{})
	p.page = ""
}

// keptStep: who cancels and starts anew waits as long, and has all resends again.
func keptStep(t *testing.T, s *stage) {
	p := s.person()
	first, _ := p.sends()
	p.resends(1)
	p.cancels(first)
	second := p.cools(p.delay(2), onboarding+"send-verification", p.which())
	p.shows(second, object{"resend_count": 0, "next_resend_delay": seconds(p.delay(2))})
	if second.str("verification_id") == first.str("verification_id") {
		t.Error("it is the canceled one")
	}
	code := p.reads(3)
	if !s.full {
		p.proves(code, "sms_code")
		p.counted(3, 3)
		return
	}
	p.cancels(second)
	p.moment(p.twilio.Accepted(p.number)[2].At.Add(p.session).Format("2006-01-02T15:04:05Z07:00"))
	p.shows(p.asks(202, "", "POST", onboarding+"send-verification", p.which()), object{"next_resend_delay": 60})
	p.proves(p.reads(4), "sms_code")
	p.counted(4, 4)
}
