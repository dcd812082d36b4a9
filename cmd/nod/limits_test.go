package main

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"nod/client"
)

// crowded leaves off what limits numbers that begin alike, and what one address may ask
// of a node: all people of the tests have such numbers, and live at one address. What is
// about these limits says so.
var crowded = []string{"NOD_LIMIT_PREFIX=off", "NOD_LIMIT_REQUESTS_IP=off", "NOD_LIMIT_SOCKETS_IP=off"}

// town is two nodes, or one under two names, and whoever lives there asks either.
// Everything is limited as it is by itself, but for the tries of an address and the wrong
// codes of all.
type town struct {
	t     *testing.T
	nodes [2]*program
	asked *atomic.Int64
}

// Prices and countries keep the cases apart: only codes to Germany cost anything, and so
// only they meet the cap.
const townPrices = `{"twilio": {"US": 0, "DE": 1, "*": 9}}`

func onTown(t *testing.T, test func(*town)) {
	prices := filepath.Join(t.TempDir(), "prices.json")
	if err := os.WriteFile(prices, []byte(townPrices), 0o600); err != nil {
		t.Fatal(err)
	}
	settings := []string{
		"NOD_LIMIT_PREFIX=10/10m", "NOD_LIMIT_CHECKS_IP=6/1m", "NOD_LIMIT_WRONG_CODES_ALL=6/24h",
		"NOD_GEOIP_FILE=" + atlas(t), "NOD_SMS_COUNTRIES=US,DE", "NOD_PRICES_FILE=" + prices, "NOD_SPEND_CAP=3", "NOD_RESEND_DELAYS=1s",
	}
	for name, make := range map[string]func(*testing.T) [2]*program{
		"sqlite": func(t *testing.T) [2]*program {
			p := start(t, settings...)
			return [2]*program{p, p}
		},
		"two nodes": func(t *testing.T) [2]*program {
			c := newCluster(t, setup{settings: settings})
			return [2]*program(c.nodes)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(&town{t, make(t), &atomic.Int64{}})
		})
	}
}

// in is the town as one of its cases sees it.
func (w *town) in(t *testing.T) *town { return &town{t, w.nodes, w.asked} }

// door is one node's and then the other's.
func (w *town) door() *door {
	d := *w.nodes[w.asked.Add(1)%2].door
	d.t = w.t
	return &d
}

// someone starts a login and is answered by a status and, when it is an error, its code.
func (w *town) someone(status int, code, user string, with object) object {
	w.t.Helper()
	got, out := w.tries(user, with)
	if got != status || out.str("code") != code {
		w.t.Fatalf("%s: %d %v, want %d %s", user, got, out, status, code)
	}
	return out
}

// tries is patient, as an integrator is: all who send to a country wait for each other,
// and this machine may be slow.
func (w *town) tries(user string, with object) (int, object) {
	w.t.Helper()
	d, body := w.door(), object{"user_id": user}
	maps.Copy(body, with)
	status, out, err := patiently(w.t.Context(), func() (int, object, error) {
		return d.try(w.t.Context(), "POST", "/api/v1/verifications", d.asKey(), body)
	})
	if err != nil {
		w.t.Errorf("%s: %v", user, err)
	}
	return status, out
}

// crowd starts many logins at once, on both nodes, and counts the answers.
func (w *town) crowd(n int, of func(i int) (user string, with object)) map[string]int {
	var all sync.WaitGroup
	var mu sync.Mutex
	answers := map[string]int{}
	for i := range n {
		all.Go(func() {
			user, with := of(i)
			status, out := w.tries(user, with)
			mu.Lock()
			defer mu.Unlock()
			answers[strings.TrimSpace(fmt.Sprint(status, " ", out.str("code")))]++
		})
	}
	all.Wait()
	return answers
}

// check tries a code and wants a status and, when it is an error, its code.
func (w *town) check(status int, code string, v object, digits string) object {
	w.t.Helper()
	d := w.door()
	got, out := d.call("POST", pathOf(v)+"/check", d.asKey(), object{"code": digits})
	if got != status || out.str("code") != code {
		w.t.Fatalf("checking: %d %v, want %d %s", got, out, status, code)
	}
	return out
}

// codeOf waits for the newest code to a number that has got so many.
func (w *town) codeOf(number string, nth int) string {
	w.t.Helper()
	return w.door().outbox(number, nth).str("code")
}

// row is how a verification stands.
func (w *town) row(v object) object { return w.door().status(v) }

// blocked wants the row that a refused login left, and why.
func (w *town) blocked(v object, reason string) {
	w.t.Helper()
	if out := w.row(v); out.str("status") != "blocked" || out.str("reason") != reason {
		w.t.Errorf("the row is %s, %s, want blocked, %s", out.str("status"), out.str("reason"), reason)
	}
}

// approves answers a login by the app.
func (w *town) approves(ph *phone, v object) {
	w.t.Helper()
	ph = ph.at(w.door())
	eventually(w.t, "the app lists what is asked", func() bool {
		return slices.ContainsFunc(ph.prompts(), about(v))
	})
	ph.answers(v, "approve", v.str("match_number"))
	if out := w.row(v); out.str("method") != "app" {
		w.t.Errorf("it is %s by %q", out.str("status"), out.str("method"))
	}
}

// answers decides what the app lists.
func (ph *phone) answers(v object, decision, number string) {
	ph.door.t.Helper()
	all := ph.prompts()
	i := slices.IndexFunc(all, about(v))
	if i < 0 {
		ph.door.t.Fatalf("it is not asked: %v", all)
	}
	status, out := ph.door.call("POST", "/api/v1/prompts/"+v.str("verification_id")+"/respond", ph.rest(), ph.answer(all[i], decision, number))
	if status != 200 || out["accepted"] != true {
		ph.door.t.Fatalf("answering: %d %v", status, out)
	}
}

func (w *town) enroll(user string) *phone {
	w.t.Helper()
	return w.door().enroll(user, &client.Push{Provider: "fcm", Token: "sim-" + user})
}

var lines atomic.Int64

// line is a number that nobody else has, of a prefix that nobody else has.
func line() string {
	n := lines.Add(1)
	area := []string{"415", "212", "312", "617", "206"}[n/640%5]
	return fmt.Sprintf("+1%s%d%d%d%04d", area, 2+n%8, 2+n/8%8, n/64%10, 1000+n)
}

// german is such a number in Germany.
func german() string {
	n := lines.Add(1)
	return fmt.Sprintf("+49151%03d%05d", 100+n%900, n)
}

func texted(number string) object { return object{"phone_number": number, "channel": "sms"} }

// textedFor is asked for from an address.
func textedFor(ip, number string) object {
	return object{"phone_number": number, "channel": "sms", "context": object{"ip": ip}}
}

// spoiled is a code with one digit wrong.
func spoiled(code string) string {
	wrong := []byte(code)
	wrong[len(wrong)-1] ^= 1 // 0 becomes 1 and 9 becomes 8
	return string(wrong)
}

// TestLimits: what attackers meet, with the contract's figures, whichever node they ask.
func TestLimits(t *testing.T) {
	t.Parallel()
	onTown(t, func(w *town) {
		w.t.Run("guesses", func(t *testing.T) { w.in(t).guesses() })
		for name, test := range map[string]func(*town){
			"codes to a number": (*town).bombsANumber, "codes of a user": (*town).bombsAUser, "codes for an address": (*town).bombsFromAnAddress,
			"tries of an address": (*town).checks, "prompts": (*town).bombsAnApp, "fatigue": (*town).tires,
			"barred numbers": (*town).barred, "money": (*town).spends, "a prefix": (*town).pumps, "another country": (*town).travels,
		} {
			w.t.Run(name, func(t *testing.T) { test(w.in(t)) })
		}
	})
}

// guesses: twelve wrong codes lock, however they are spread over sessions, numbers,
// addresses, nodes and a success in between, and over the end of a node. The app goes on.
func (w *town) guesses() {
	wrong := func(v object, number string, times int) {
		w.t.Helper()
		code := spoiled(w.codeOf(number, 1))
		for range times {
			if out := w.check(200, "", v, code); out["ok"] == true {
				w.t.Fatal("a wrong code is right")
			}
		}
	}
	var v object
	for session, times := range []int{3, 3, 2, 3, 1} {
		if session == 2 {
			w.nodes[1].kill()
			w.nodes[1].again()
			w.nodes[1].ready()
			w.alarmed(w.nodes[1])
		}
		number := line()
		v = w.someone(201, "", "guesser", texted(number))
		if n := v.num("code_length"); n != 6 && session < 2 || n != 8 && session >= 2 {
			w.t.Errorf("a code of session %d has %v digits", session, n)
		}
		wrong(v, number, times)
		if session == 2 {
			if out := w.check(200, "", v, w.codeOf(number, 1)); out["ok"] != true {
				w.t.Fatal("the right code is wrong")
			}
		}
		if session == 4 {
			if out := w.check(423, "locked", v, w.codeOf(number, 1)); out.num("retry_after") < 23*3600 {
				w.t.Errorf("%v", out)
			}
		}
	}
	if out := w.row(v); out.str("status") != "pending" || out.str("stage") != "locked" || out.str("locked_until") == "" {
		w.t.Errorf("it is %v", out)
	}
	asked := texted(line())
	refused := w.someone(423, "locked", "guesser", asked)
	w.blocked(refused, "account_locked")
	if again := w.someone(423, "locked", "guesser", asked); again.str("verification_id") != refused.str("verification_id") {
		w.t.Error("the same refusal is a row of its own")
	}
	ph := w.enroll("guesser")
	w.approves(ph, w.someone(201, "", "guesser", object{"phone_number": line()}))

	w.door().do(204, "POST", "/api/v1/users/guesser/unlock", nil)
	number := line()
	v = w.someone(201, "", "guesser", texted(number))
	if out := w.check(200, "", v, w.codeOf(number, 1)); out["ok"] != true {
		w.t.Errorf("unlocked, the right code is wrong: %v", out)
	}
}

// alarmed wants a node to say that there are too many wrong codes of all.
func (w *town) alarmed(p *program) {
	w.t.Helper()
	eventually(w.t, "somebody may be guessing", func() bool { return strings.Contains(p.journal.String(), "somebody may be guessing") })
	for line, want := range map[string]string{"nod_wrong_codes_today": "6", "nod_spend_cap": "3"} {
		if got := p.metric(line); got != want {
			w.t.Errorf("%s is %q, want %s", line, got, want)
		}
	}
	told := 0
	for _, p := range slices.Compact(slices.Clone(w.nodes[:])) {
		if p.metric(`nod_limits_hit_total{limit="wrong_codes_all"}`) == "1" {
			told++
		}
	}
	if told > 1 { // none, if it was this node and before it ended
		w.t.Errorf("%d nodes told it", told)
	}
}

func (w *town) bombsANumber() {
	number := line()
	got := w.crowd(8, func(i int) (string, object) { return fmt.Sprint("bomber", i), texted(number) })
	if got["201"] != 5 || got["429 rate_limited"] != 3 {
		w.t.Errorf("answered %v", got)
	}
	out := w.someone(429, "rate_limited", "one more", texted(number))
	if wait := out.num("retry_after"); wait < 3000 || wait > 3600 {
		w.t.Errorf("it may be tried again in %v s", wait)
	}
	w.blocked(out, "rate_limited")
	w.door().outbox(number, 5)
	if sent := w.door().sent(number); len(sent) != 5 {
		w.t.Errorf("%d codes were sent", len(sent))
	}
	w.approves(w.enroll("an app's"), w.someone(201, "", "an app's", object{"phone_number": number, "channel": "both"}))
}

func (w *town) bombsAUser() {
	got := w.crowd(12, func(int) (string, object) { return "bombed", texted(line()) })
	if got["201"] != 10 || got["429 rate_limited"] != 2 {
		w.t.Errorf("answered %v", got)
	}
}

func (w *town) bombsFromAnAddress() {
	of := func(ip string) func(i int) (string, object) {
		return func(int) (string, object) {
			number := line()
			return "user of " + number, textedFor(ip, number)
		}
	}
	got := w.crowd(23, of("2001:db8:7::1"))
	if got["201"] != 20 || got["429 rate_limited"] != 3 {
		w.t.Errorf("answered %v", got)
	}
	if got := w.crowd(1, of("2001:db8:7::ffff:2")); got["201"] != 0 {
		w.t.Error("the same network is another person")
	}
	if got := w.crowd(1, of("2001:db8:7:1::1")); got["201"] != 1 {
		w.t.Errorf("another network: %v", got)
	}
}

func (w *town) checks() {
	start := func(user, ip string) (v object, code string) {
		number := line()
		v = w.someone(201, "", user, textedFor(ip, number))
		return v, w.codeOf(number, 1)
	}
	for _, user := range []string{"checker 1", "checker 2"} {
		v, code := start(user, "192.0.2.7")
		for range 3 {
			w.check(200, "", v, spoiled(code))
		}
	}
	v, code := start("checker 3", "192.0.2.7")
	if out := w.check(429, "rate_limited", v, code); out.num("retry_after") < 1 || out.num("retry_after") > 60 {
		w.t.Errorf("%v", out)
	}
	v, code = start("checker 4", "192.0.2.8")
	if out := w.check(200, "", v, code); out["ok"] != true {
		w.t.Errorf("another address: %v", out)
	}
}

func (w *town) bombsAnApp() {
	w.enroll("prompted")
	got := w.crowd(7, func(int) (string, object) { return "prompted", object{"channel": "push"} })
	if got["201"] != 5 || got["429 rate_limited"] != 2 {
		w.t.Errorf("answered %v", got)
	}
	w.someone(201, "", "prompted", texted(line()))
}

// tires: who has said no three times is asked no more by itself: no push, no SMS. The app
// that opens lists the request, and its yes clears it.
func (w *town) tires() {
	ph, number := w.enroll("tired"), line()
	for range 3 {
		v := w.someone(201, "", "tired", object{"channel": "push"})
		ph.at(w.door()).answers(v, "deny", "")
	}
	v := w.someone(201, "", "tired", object{"phone_number": number})
	for _, d := range w.row(v).list("deliveries") {
		if d.str("state") != "suppressed" {
			w.t.Errorf("%s is %s", d.str("channel"), d.str("state"))
		}
	}
	w.approves(ph, v)
	if got := w.door().sent(number); len(got) != 0 {
		w.t.Errorf("an SMS was sent: %v", got)
	}
	v = w.someone(201, "", "tired", object{"channel": "push"})
	for _, d := range w.row(v).list("deliveries") {
		if d.str("state") == "suppressed" {
			w.t.Errorf("rested, %s is suppressed", d.str("channel"))
		}
	}
}

// barred: codes go neither to countries that are not on the list nor to numbers that are
// dear; who has an app is asked there.
func (w *town) barred() {
	for name, c := range map[string]struct{ number, reason string }{
		"abroad": {"+33612345678", "country"}, "premium": {"+19002123456", "fraud_rule"}, "satellite": {"+881612345678", "fraud_rule"},
	} {
		w.blocked(w.someone(403, "blocked", name, texted(c.number)), c.reason)
		ph := w.enroll("app " + name)
		v := w.someone(201, "", "app "+name, object{"phone_number": c.number, "channel": "both"})
		d := w.door()
		if status, out := d.call("POST", pathOf(v)+"/resend", d.asKey(), object{"channel": "sms"}); status != 422 || out.str("code") != "no_channel" {
			w.t.Errorf("%s: resend: %d %v", name, status, out)
		}
		w.approves(ph, v)
		if got := w.door().sent(c.number); len(got) != 0 {
			w.t.Errorf("%s: an SMS was sent", name)
		}
	}
}

// spends: the day's cap is kept to the last code, whoever asks at the same time, and
// stops no prompt.
func (w *town) spends() {
	got := w.crowd(7, func(i int) (string, object) { return fmt.Sprint("spender", i), texted(german()) })
	if got["201"] != 3 || got["403 blocked"] != 4 {
		w.t.Errorf("answered %v", got)
	}
	w.blocked(w.someone(403, "blocked", "broke", texted(german())), "spend_cap")
	w.warned("codes have cost much", `"percent":50`)
	w.warned("codes have cost much", `"percent":80`)
	w.warned("codes have cost what they may today", `"level":"WARN"`)
	w.someone(201, "", "cheap", texted(line()))
	number := german()
	w.approves(w.enroll("rich"), w.someone(201, "", "rich", object{"phone_number": number, "channel": "both"}))
	if got := w.door().sent(number); len(got) != 0 {
		w.t.Error("an SMS was sent")
	}
}

// warned wants a node to have logged one line of this, and no node two.
func (w *town) warned(what, with string) {
	w.t.Helper()
	most := 0
	eventually(w.t, what, func() bool {
		most = 0
		for _, p := range w.nodes {
			n := 0
			for said := range strings.Lines(p.journal.String()) {
				if strings.Contains(said, what) && strings.Contains(said, with) {
					n++
				}
			}
			most = max(most, n)
		}
		return most > 0
	})
	if most > 1 {
		w.t.Errorf("a node says %d times: %s %s", most, what, with)
	}
}

// pumps: ten codes that nobody types close their prefix, until an operator opens it.
func (w *town) pumps() {
	prefix := line()[:8]
	number := func(i int) string { return fmt.Sprintf("%s%04d", prefix, 5000+i) }
	if got := w.crowd(10, func(i int) (string, object) { return fmt.Sprint("pump", i), texted(number(i)) }); got["201"] != 10 {
		w.t.Fatalf("answered %v", got)
	}
	out := w.someone(429, "rate_limited", "pump 10", texted(number(10)))
	if wait := out.num("retry_after"); wait < 800 || wait > 900 {
		w.t.Errorf("it may be tried again in %v s", wait)
	}
	w.door().do(204, "POST", "/api/v1/blocks/lift", object{"kind": "prefix", "value": prefix})
	w.someone(201, "", "pump 11", texted(number(11)))
}

// travels: who was in Germany before and is in Japan now is judged by that, and why is told.
func (w *town) travels() {
	number := line()
	home := w.someone(201, "", "traveler", textedFor("192.0.2.99", number))
	if out := w.check(200, "", home, w.codeOf(number, 1)); out["ok"] != true {
		w.t.Fatal(out)
	}
	v := w.someone(201, "", "traveler", textedFor("198.51.100.7", line()))
	story := w.door().do(200, "GET", pathOf(v)+"/timeline", nil)
	if !slices.ContainsFunc(story.list("events"), func(e object) bool {
		return e.str("name") == "risk.assessed" && e.str("reasons") == "new_network,new_country"
	}) {
		w.t.Errorf("nothing says so: %v", story)
	}
}

// atlas is a file that says where addresses are.
func atlas(t *testing.T) string {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "GeoLite2-Country", IncludeReservedNetworks: true})
	if err != nil {
		t.Fatal(err)
	}
	for network, country := range map[string]mmdbtype.String{"192.0.2.0/24": "DE", "198.51.100.0/24": "JP"} {
		_, n, err := net.ParseCIDR(network)
		if err == nil {
			err = tree.Insert(n, mmdbtype.Map{"country": mmdbtype.Map{"iso_code": country}})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "countries.mmdb"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = tree.WriteTo(f)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}
