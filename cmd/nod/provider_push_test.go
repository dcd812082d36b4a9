package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"nod/client"
	played "nod/deploy/providers"
	"nod/deploy/throwaway"
)

// sleeper is a person with a phone that pushes reach.
type sleeper struct {
	user, number string
	provider     string
	to           string // by what the provider knows the phone
	phone        *phone
	v            object
}

// sleepers are one person for each provider of push and platform.
func (c *carriers) sleepers(p *program) []*sleeper {
	c.t.Helper()
	subscription, endpoint := c.subscribed()
	var all []*sleeper
	for i, s := range []struct {
		provider, platform, token, to string
	}{
		{"fcm", "android", fcmToken("android"), fcmToken("android")},
		{"fcm", "ios", fcmToken("iphone"), fcmToken("iphone")},
		{"apns", "ios", apnsToken(1), apnsToken(1)},
		{"webpush", "web", subscription, endpoint},
	} {
		user := s.provider + "-" + s.platform
		all = append(all, &sleeper{
			user: user, number: digits(i), provider: s.provider, to: s.to,
			phone: p.enroll(user, &client.Push{Provider: s.provider, Token: s.token, Platform: s.platform}),
		})
	}
	return all
}

// TestPushLadder is the whole ladder over every provider of push: a socket that is
// dead without knowing it, a push that nobody answers, an SMS, its code. The phone
// is then told that it is over.
func TestPushLadder(t *testing.T) {
	onBoth(t, func(t *testing.T, start starter) {
		c := carry(t)
		p := c.nod(start, []string{"fcm", "apns", "webpush", "twilio"}, "NOD_WS_ACK_TIMEOUT=1s", "NOD_PUSH_ACK_TIMEOUT=1s")
		network, err := throwaway.NewProxy(p.url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(network.Close)
		through := newDoor(t, network.URL, &http.Transport{})
		all := c.sleepers(p)
		for _, s := range all {
			s.phone.at(through).connect().next("prompts")
		}
		network.Stall()
		for _, s := range all {
			s.v = p.ask(s.user, object{"phone_number": s.number, "context": object{"app": "Bank"}})
		}
		for _, s := range all {
			s.phone.opens(s.v, c.taken(s.provider, s.to, 1)[0])
			sms := c.taken("twilio", s.number, 1)[0]
			code := codeIn(t, sms)
			if want := code + " is your code to sign in to Bank: your app did not get the request. Never share it."; !strings.HasPrefix(sms.Text, want) {
				t.Errorf("%s: the SMS says %q", s.user, sms.Text)
			}
			if r := p.typed(s.v, code, "sms_code"); r.PhoneNumber != s.number || r.Channel != "sms" {
				t.Errorf("%s: the result is %+v", s.user, r)
			}
			over := pushed(t, c.taken(s.provider, s.to, 2)[1])
			if over["type"] != "prompt_closed" || over["verification_id"] != s.v.str("verification_id") || over["jwe"] != "" {
				t.Errorf("%s: at the end the phone was told %v", s.user, over)
			}
			if n := p.told(s.v); n["delivery.fallback_started"] != 2 || n["verification.approved"] != 1 {
				t.Errorf("%s: %v", s.user, n)
			}
			c.counted(s.provider, s.to, 2, 2)
			c.counted("twilio", s.number, 1, 1)
		}
	})
}

// TestWokenApp: of a person's four phones one is answered, over REST by an app that
// a push has woken; the other three are told that it is over, and nobody gets an SMS.
func TestWokenApp(t *testing.T) {
	onBoth(t, func(t *testing.T, start starter) {
		c := carry(t)
		p := c.nod(start, []string{"fcm", "apns", "webpush", "twilio"})
		subscription, endpoint := c.subscribed()
		android := p.enroll("u1", &client.Push{Provider: "fcm", Token: fcmToken("android"), Platform: "android"})
		p.enroll("u1", &client.Push{Provider: "fcm", Token: fcmToken("iphone"), Platform: "ios"})
		p.enroll("u1", &client.Push{Provider: "apns", Token: apnsToken(1), Platform: "ios"})
		p.enroll("u1", &client.Push{Provider: "webpush", Token: subscription})
		v := p.ask("u1", object{"phone_number": number})
		watcher := p.watch(v, nil)

		woken := android.opens(v, c.taken("fcm", fcmToken("android"), 1)[0])
		others := map[string]string{fcmToken("iphone"): "fcm", apnsToken(1): "apns", endpoint: "webpush"}
		for to, provider := range others { // they have it too, before one answers
			c.taken(provider, to, 1)
		}
		eventually(t, "all four pushes are known to be taken", func() bool { return p.told(v)["delivery.accepted"] == 4 })
		shown := android.prompts()
		if len(shown) != 1 || shown[0].str("verification_id") != woken.str("verification_id") {
			t.Fatalf("the woken app fetches %v", shown)
		}
		path := "/api/v1/prompts/" + v.str("verification_id")
		for _, word := range []string{"/ack", "/displayed"} {
			if status, out := p.call("POST", path+word, android.rest(), object{"delivery_id": woken.str("delivery_id")}); status >= 300 {
				t.Fatalf("%s: %d %v", word, status, out)
			}
		}
		if _, out := p.call("POST", path+"/respond", android.rest(), android.answer(woken, "approve", v.str("match_number"))); out["accepted"] != true {
			t.Fatalf("the answer: %v", out)
		}
		p.exchanged(v, watcher.next("result").str("result_token"), "app")
		for to, provider := range others {
			if over := pushed(t, c.taken(provider, to, 2)[1]); over["type"] != "prompt_closed" {
				t.Errorf("%s was told %v", provider, over)
			}
			c.counted(provider, to, 2, 2)
		}
		c.counted("fcm", fcmToken("android"), 1, 1)
		c.counted("twilio", number, 0, 0)
	})
}

// TestPushFaults: what FCM says about a push decides what comes next, and when.
func TestPushFaults(t *testing.T) {
	t.Parallel()
	const late = 9 * time.Second // without an answer to the push the SMS comes then: 1 s, 3 s and 5 s more
	c := carry(t)
	p := c.nod(start, []string{"fcm", "twilio", "webhook"}, "NOD_WS_ACK_TIMEOUT=1s", "NOD_PUSH_ACK_TIMEOUT=3s")
	for i, tc := range []struct {
		name            string
		answers         []played.Answer
		requests, taken int    // by FCM; no requests: as many as the time allows
		state, class    string // of the push; none: it is still on its way
		atOnce          bool   // the SMS does not wait
		dropped         bool   // the token is forgotten
	}{
		{"404", []played.Answer{{Code: "UNREGISTERED"}}, 1, 0, "failed", "permanent_target", true, true},
		{"400", []played.Answer{{Code: "INVALID_ARGUMENT"}}, 1, 0, "failed", "policy", true, false},
		{"403", []played.Answer{{Code: "SENDER_ID_MISMATCH"}}, 1, 0, "failed", "permanent_target", true, true},
		{"429", []played.Answer{{Code: "QUOTA_EXCEEDED", RetryAfter: "3"}, {}}, 2, 1, "accepted", "none", false, false},
		{"503", []played.Answer{{Code: "UNAVAILABLE"}}, 3, 0, "failed", "transient", false, false},
		{"hang", []played.Answer{{Fault: played.Hang}}, 0, 0, "", "", false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, p, user, to := c.at(t), p.at(t), "u-"+tc.name, digits(i)
			token := fcmToken(tc.name)
			c.Google.Script(token, tc.answers...)
			device := p.enroll(user, &client.Push{Provider: "fcm", Token: token, Platform: "android"})
			begun := time.Now()
			v := p.ask(user, object{"phone_number": to})
			c.asked("fcm", token, 1)
			if tc.taken > 0 {
				if at := c.taken("fcm", token, tc.taken)[0].At.Sub(begun); at < 3*time.Second {
					t.Errorf("FCM asked for 3 s, and was asked again after %s", at)
				}
			}
			sms := c.taken("twilio", to, 1)[0]
			took := sms.At.Sub(begun)
			t.Logf("the SMS came after %s", took.Round(time.Millisecond))
			switch {
			case tc.atOnce && took > late/2:
				t.Errorf("the SMS waited %s", took)
			case took > late+slowness:
				t.Errorf("the SMS came only after %s", took)
			}
			if tc.state != "" {
				p.becomes(v, "push", tc.state)
				if got := p.delivery(v, "push").str("class"); got != tc.class {
					t.Errorf("the push is classed %s, want %s", got, tc.class)
				}
			}
			p.typed(v, codeIn(t, sms), "sms_code")
			if tc.taken > 0 { // whose end it is told, too
				tc.requests, tc.taken = tc.requests+1, tc.taken+1
				c.taken("fcm", token, tc.taken)
			}
			if tc.requests > 0 {
				c.counted("fcm", token, tc.requests, tc.taken)
			}
			c.counted("twilio", to, 1, 1)
			dropped := 0
			if tc.dropped {
				dropped = 1
			}
			eventually(t, "what becomes of the token", func() bool {
				shown := p.do(200, "GET", "/api/v1/users/"+user+"/devices", nil).list("devices")
				return len(shown) == 1 && (shown[0]["push"] == nil) == tc.dropped && c.invalid(device.ID) == dropped
			})
		})
	}
}

// TestPushProviderDown: when FCM fails again and again, nobody waits for it any more:
// the SMS leaves at once, and the operator and the integrator are told.
func TestPushProviderDown(t *testing.T) {
	t.Parallel()
	c := carry(t)
	p := c.nod(start, []string{"fcm", "twilio", "webhook"}, "NOD_WS_ACK_TIMEOUT=1s")
	c.Google.Script("", played.Answer{Code: "UNAVAILABLE"})
	people := 0
	ask := func() (token, to string) {
		people++
		user := fmt.Sprint("u", people)
		token, to = fcmToken(user), digits(people)
		p.enroll(user, &client.Push{Provider: "fcm", Token: token, Platform: "android"})
		p.ask(user, object{"phone_number": to})
		return token, to
	}
	for range 2 { // three tries each: the fifth failure is the last that is waited for
		ask()
	}
	told := c.taken("webhook", "provider.degraded", 1)[0]
	if told.Fields["provider"] != "fcm" || told.Fields["channel"] != "push" {
		t.Errorf("the integrator is told %v", told.Fields)
	}
	if closed := p.metric(`nod_provider_breaker_closed{channel="push",provider="fcm"}`); closed != "0" {
		t.Errorf("the metric of the breaker is %q", closed)
	}
	token, to := ask()
	c.taken("twilio", to, 1)
	c.counted("fcm", token, 0, 0)
}

// slowness is what a slow machine may take longer.
const slowness = 8 * time.Second

// invalid counts how often the integrator was told that a device's token is dead.
func (c *carriers) invalid(device string) (n int) {
	for _, m := range c.Integrator.Accepted("device.token_invalid") {
		if m.Fields["device_id"] == device {
			n++
		}
	}
	return n
}

// at are the same carriers as a subtest sees them.
func (c *carriers) at(t *testing.T) *carriers { return &carriers{Set: c.Set, t: t} }

// at is the same door as a subtest sees it.
func (d *door) at(t *testing.T) *door {
	seen := *d
	seen.t = t
	return &seen
}
