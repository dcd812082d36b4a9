package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing/synctest"
	"time"

	"nod/client"
	played "nod/deploy/providers"
)

// stage is a nod and the Twilio that it sends over, where people live through one
// scenario. The same script is played in two forms:
//
//   - at full length (60, 120, 300 s, 600 s, 3600 s) in a bubble of fake time, on
//     SQLite, with nod and Twilio dialled in memory: what happens is known to the
//     second;
//   - shortened, as processes on Postgres and Redis, over loopback: there only what
//     holds on a slow machine, too, is wanted.
//
// In both every message is counted at the provider, and codes are read where a
// phone has them: in the text.
type stage struct {
	*door
	twilio *played.Desk
	smtp   *played.Desk // nil at full length
	pace
	first int // the number of the first person
	cast  int // how many people there are
}

// pace is how long things last.
type pace struct {
	full    bool // in a bubble
	delays  []time.Duration
	life    time.Duration // of a code
	session time.Duration
	ends    bool // before a test does
}

// The paces. At a hurried one, in which codes and sessions end, each resend finds
// less than half a code's life left.
var (
	fullLength = pace{true, []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute}, 10 * time.Minute, time.Hour, true}
	shortened  = pace{false, []time.Duration{time.Second, 2 * time.Second, 3 * time.Second}, 10 * time.Minute, time.Hour, false}
	hurried    = pace{false, []time.Duration{4 * time.Second}, 7 * time.Second, 9 * time.Second, true}
)

// settings are the pace's, unless they are the defaults.
func (p *pace) settings() []string {
	all := []string{"NOD_SUPPORT_CONTACT=" + support, "NOD_SIMULATOR=false", "NOD_LIMIT_SENDS_IP=off", "NOD_LIMIT_CHECKS_IP=off"} // a whole town at one address
	if p.full {
		return all
	}
	var delays []string
	for _, d := range p.delays {
		delays = append(delays, d.String())
	}
	return append(all, "NOD_RESEND_DELAYS="+strings.Join(delays, ","), "NOD_CODE_TTL="+p.life.String(),
		"NOD_SESSION_TIMEOUT="+p.session.String(), "NOD_PROMPT_TTL="+min(p.session, 2*time.Minute).String())
}

// delay is the one before the nth resend.
func (p *pace) delay(nth int) time.Duration { return p.delays[min(nth, len(p.delays))-1] }

const support = "Call 555 0100"

// person is somebody on a page of the integrator's, with a phone.
type person struct {
	*stage
	user, number string
	heard        int    // SMS and calls that have come
	page         string // their credential; empty: the user's token
	token        string
	renew        time.Time // when the token is made anew
}

// person is one more of them.
func (s *stage) person() *person {
	s.cast++
	n := s.first + s.cast
	return &person{stage: s, user: fmt.Sprint("person ", n), number: digits(n)}
}

func (p *person) credential() string {
	p.t.Helper()
	if p.page != "" {
		return p.page
	}
	if !time.Now().Before(p.renew) {
		p.token = p.do(201, "POST", "/api/v1/user-tokens", object{"user_id": p.user, "ttl": 3600}).str("token")
		p.renew = time.Now().Add(50 * time.Minute)
	}
	return "Authorization: Bearer " + p.token
}

// asks makes one request and wants a status and, when it is an error's, its code.
func (p *person) asks(status int, code, method, path string, body any) object {
	p.t.Helper()
	got, out := p.call(method, path, p.credential(), body)
	if got != status || status >= 400 && out.str("code") != code {
		p.t.Fatalf("%s %s: %d %v, want %d %s", method, path, got, out, status, code)
	}
	return out
}

// which is the body that names the person's number, with more in it.
func (p *person) which(more ...string) object {
	body := object{"phone_number": p.number}
	for i := 0; i < len(more); i += 2 {
		body[more[i]] = more[i+1]
	}
	return body
}

const onboarding = "/api/onboarding/"

// sends asks for the first code of a session and waits until the phone has it.
func (p *person) sends() (v object, code string) {
	p.t.Helper()
	v = p.asks(202, "", "POST", onboarding+"send-verification", p.which())
	return v, p.reads(p.heard + 1)
}

// status is how it stands.
func (p *person) status() object {
	p.t.Helper()
	return p.asks(200, "", "GET", onboarding+"verification-status?phone_number="+p.number, nil) // the plus comes as a space
}

// types checks a code and wants it to be right or not.
func (p *person) types(code string, right bool) object {
	p.t.Helper()
	out := p.asks(200, "", "POST", onboarding+"verify-code", p.which("code", code))
	if out["ok"] != right {
		p.t.Fatalf("the code was answered with %v", out)
	}
	return out
}

// proves types the right code, and the integrator exchanges the result.
func (p *person) proves(code, method string) *client.Result {
	p.t.Helper()
	out := p.types(code, true)
	p.shows(out, object{"status": "approved", "method": method})
	return p.exchanged(out, out.str("result_token"), method)
}

// wrong is a code that is none of these.
func wrong(codes ...string) string {
	for n := 0; ; n++ {
		if guess := fmt.Sprintf("%06d", n); !slices.Contains(codes, guess) {
			return guess
		}
	}
}

// hears waits for the nth message to the phone, until nod knows that it was taken,
// and wants no more of them.
func (p *person) hears(n int) []played.Accepted {
	p.t.Helper()
	ctx, stop := context.WithTimeout(p.t.Context(), deadline)
	defer stop()
	if _, err := p.twilio.Wait(ctx, p.number, n); err != nil {
		p.t.Fatal(err)
	}
	p.rests()
	all := p.twilio.Accepted(p.number)
	if len(all) != n {
		p.t.Fatalf("Twilio took %d messages, want %d", len(all), n)
	}
	p.heard = n
	return all
}

// reads is hears for an SMS, and the code in it.
func (p *person) reads(n int) string {
	p.t.Helper()
	return codeIn(p.t, p.hears(n)[n-1])
}

// rests waits until nothing is on its way.
func (p *person) rests() {
	p.t.Helper()
	if p.full {
		synctest.Wait()
	}
	eventually(p.t, "nothing is on its way", func() bool {
		return !slices.ContainsFunc(p.status().list("deliveries"), func(d object) bool {
			return slices.Contains([]string{"queued", "leased", "sending", "retrying"}, d.str("state"))
		})
	})
}

// moment waits until the server's clock shows a time that it told.
func (p *person) moment(at string) {
	p.t.Helper()
	if !p.full {
		eventually(p.t, "it is "+at, func() bool { return p.status().str("server_time") >= at })
		return
	}
	rest := time.Until(p.time(at))
	if rest < 0 {
		p.t.Fatalf("%s has passed", at)
	}
	<-time.After(rest)
	synctest.Wait()
}

// before waits until a while before a time that the server told, at full length;
// false: nobody can say when that is.
func (p *person) before(at string, while time.Duration) bool {
	p.t.Helper()
	if p.full {
		p.moment(p.time(at).Add(-while).Format(time.RFC3339Nano))
	}
	return p.full
}

func (p *person) time(at string) time.Time {
	p.t.Helper()
	parsed, err := time.Parse(time.RFC3339, at)
	if err != nil {
		p.t.Fatal(err)
	}
	return parsed
}

// cools asks for another message until a delay after the last one that came is
// over, and returns the answer. Before, it is refused, and says for how long.
func (p *person) cools(delay time.Duration, path string, body object) object {
	p.t.Helper()
	all := p.twilio.Accepted(p.number)
	due := all[len(all)-1].At.Add(delay)
	if p.full {
		for _, early := range []time.Duration{delay, time.Second, time.Millisecond} {
			if time.Until(due) < early {
				continue // something else was waited for
			}
			p.moment(due.Add(-early).Format(time.RFC3339Nano))
			out := p.asks(429, "cooldown", "POST", path, body)
			p.shows(out, object{"retry_after": seconds(early)})
		}
		p.moment(due.Format(time.RFC3339Nano))
		return p.asks(202, "", "POST", path, body)
	}
	var out object
	eventually(p.t, "another message may be sent", func() bool {
		var status int
		status, out = p.call("POST", path, p.credential(), body)
		if status != 202 && (status != 429 || out.str("code") != "cooldown" || out.num("retry_after") < 1 || out.num("retry_after") > seconds(delay)) {
			p.t.Fatalf("another message: %d %v", status, out)
		}
		return status == 202
	})
	if early := time.Until(due); early > time.Millisecond { // the database counts whole ones
		p.t.Errorf("another message was sent %s too early", early)
	}
	return out
}

// seconds are whole ones, rounded up.
func seconds(d time.Duration) float64 {
	return float64((d + time.Second - 1) / time.Second)
}

// again lives through the nth delay and asks for the nth resend.
func (p *person) again(nth int, more ...string) object {
	p.t.Helper()
	out := p.cools(p.delay(nth), onboarding+"resend-verification", p.which(more...))
	p.shows(out, object{"resend_count": nth})
	return out
}

// resends is again for an SMS, and the code in it.
func (p *person) resends(nth int) (v object, code string) {
	p.t.Helper()
	v = p.again(nth)
	return v, p.reads(p.heard + 1)
}

// shows wants members of an answer.
func (p *person) shows(v, want object) {
	p.t.Helper()
	for name, w := range want {
		expected, err := json.Marshal(w)
		got, err2 := json.Marshal(v[name])
		if err != nil || err2 != nil {
			p.t.Fatal(err, err2)
		}
		if _, there := v[name]; !there || string(got) != string(expected) {
			p.t.Errorf("%s is %s, want %s, in %v", name, got, expected, v)
		}
	}
}

// turns wants members of the status: at once at full length, else soon.
func (p *person) turns(want object) {
	p.t.Helper()
	if !p.full {
		eventually(p.t, fmt.Sprint("it turns ", want), func() bool {
			now := p.status()
			for name, w := range want {
				if fmt.Sprint(now[name]) != fmt.Sprint(w) {
					return false
				}
			}
			return true
		})
	}
	p.shows(p.status(), want)
}

// kinds are those of the alternatives, in order.
func kinds(v object) []string {
	names := []string{}
	for _, a := range v.list("alternatives") {
		names = append(names, a.str("kind"))
	}
	return names
}

// counted ends a scenario: so many requests came to Twilio, and so many it took.
func (p *person) counted(requests, taken int) {
	p.t.Helper()
	if got := p.twilio.Requests(p.number); got != requests {
		p.t.Errorf("Twilio had %d requests, want %d", got, requests)
	}
	if got := len(p.twilio.Accepted(p.number)); got != taken {
		p.t.Errorf("Twilio took %d messages, want %d", got, taken)
	}
}
