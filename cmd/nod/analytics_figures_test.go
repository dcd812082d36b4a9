package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	played "nod/deploy/providers"
)

// fewest is how many people stand behind every figure that is told.
const fewest = 5

// party are some dozens of people who sign in and prove numbers, and what they and
// the providers count of it.
type party struct {
	*carriers
	*program
	t      *testing.T
	people int

	started, byCode, byApp, wrong, denied, resent, changed, blocked, canceled int
	took                                                                      time.Duration // of all approvals, as they see it
}

// guest is one of them, with what they ask for.
type guest struct {
	user, to string
	v        object
	begun    time.Time
}

// TestFigures: what is told of everybody is what the providers took and the clients
// did, also when nod dies in the middle of counting, and none of it is about a few.
func TestFigures(t *testing.T) {
	onBoth(t, func(t *testing.T, start starter) {
		c := &party{carriers: carry(t), t: t}
		c.excuse(sameText)
		c.program = c.nod(start, []string{"twilio", "vonage"}, "NOD_RESEND_DELAYS=1s,1s,300s")
		for range fewest - 1 {
			c.signsIn(c.guest())
		}
		eventually(t, "they are counted, and not told", func() bool { return c.overview()["hidden"] == true })
		c.figures()
		var resenders []*guest
		for range fewest {
			resenders = append(resenders, c.begins(c.guest()))
			c.overVonage(c.guest())
			c.mistypes(c.guest())
			c.leaves(c.guest())
			c.answers(c.guest(), "approve")
			c.answers(c.guest(), "deny")
		}
		for _, g := range resenders {
			c.typesLater(g)
		}
		lone := c.guest() // of whom nothing may be told
		lone.to = "+5511961234567"
		c.signsIn(lone)
		c.kill()
		c.again()
		eventually(t, "everybody is counted", func() bool {
			return c.overview().obj("totals").num("verify_success") >= float64(c.byCode+c.byApp)
		})
		c.compare()
		c.act(lone)
	})
}

func (c *party) guest() *guest {
	c.people++
	return &guest{user: fmt.Sprint("guest-", c.people), to: digits(c.people)}
}

// begins asks for a code by SMS.
func (c *party) begins(g *guest) *guest {
	c.t.Helper()
	c.started++
	g.begun = time.Now()
	g.v = c.ask(g.user, object{"phone_number": g.to, "channel": "sms"})
	return g
}

// reads waits for the nth SMS of a provider, and until its receipt is here.
func (c *party) reads(g *guest, provider string, n int) (code string) {
	c.t.Helper()
	sms := c.taken(provider, g.to, n)[n-1]
	c.becomes(g.v, "sms", "delivered")
	return codeIn(c.t, sms)
}

// enters types a code, right or wrong.
func (c *party) enters(g *guest, code string, right bool) {
	c.t.Helper()
	status, out := c.call("POST", pathOf(g.v)+"/check", page(g.v), object{"code": code})
	if status != 200 || out["ok"] != right {
		c.t.Fatalf("%d %v", status, out)
	}
	if !right {
		c.wrong++
		return
	}
	c.byCode++
	c.took += time.Since(g.begun)
}

func (c *party) signsIn(g *guest) {
	c.t.Helper()
	c.enters(g, c.reads(c.begins(g), "twilio", 1), true)
}

// overVonage signs in with a number that Twilio does not reach.
func (c *party) overVonage(g *guest) {
	c.t.Helper()
	c.Twilio.Script(g.to, played.Answer{Code: "21408"})
	c.enters(g, c.reads(c.begins(g), "vonage", 1), true)
}

// mistypes signs in at the second attempt.
func (c *party) mistypes(g *guest) {
	c.t.Helper()
	code := c.reads(c.begins(g), "twilio", 1)
	other := '0' + (code[0]-'0'+1)%10
	c.enters(g, string(other)+code[1:], false)
	c.enters(g, code, true)
}

// typesLater signs in with what a second SMS brought.
func (c *party) typesLater(g *guest) {
	c.t.Helper()
	c.reads(g, "twilio", 1)
	eventually(c.t, "another message may be asked for", func() bool { return c.status(g.v).num("cooldown_remaining") == 0 })
	c.resend(202, g.v, object{})
	c.resent++
	c.enters(g, c.reads(g, "twilio", 2), true)
}

// leaves gives up a number that is none for another one, and proves that.
func (c *party) leaves(g *guest) {
	c.t.Helper()
	c.Twilio.Script(g.to, played.Answer{Code: "21211"})
	c.started++
	g.v = c.ask(g.user, object{"purpose": "phone", "phone_number": g.to})
	c.becomes(g.v, "sms", "failed")
	token := c.do(201, "POST", "/api/v1/user-tokens", object{"user_id": g.user}).str("token")
	old := g.to
	g.to, g.begun = c.guest().to, time.Now()
	status, v := c.call("POST", onboarding+"change-phone", "Authorization: Bearer "+token, object{"old_phone_number": old, "new_phone_number": g.to})
	if status != 202 {
		c.t.Fatalf("%d %v", status, v)
	}
	c.started++
	c.changed++
	c.canceled++
	g.v = v
	c.enters(g, c.reads(g, "twilio", 1), true)
	_, own := c.call("GET", onboarding+"verification-analytics", "Authorization: Bearer "+token, nil)
	want := object{"send_code": 2.0, "verify_success": 1.0, "verify_failed": 0.0, "resend_request": 0.0, "change_phone": 1.0}
	if got := own.obj("totals"); fmt.Sprint(got) != fmt.Sprint(want) {
		c.t.Errorf("they are told %v of themselves, want %v", got, want)
	}
}

// answers asks the app, which approves or denies.
func (c *party) answers(g *guest, decision string) {
	c.t.Helper()
	ph := c.enroll(g.user, nil)
	app := ph.connect()
	app.next("prompts")
	c.started++
	g.begun = time.Now()
	g.v = c.ask(g.user, object{})
	app.send("respond", ph.answer(app.next("prompt"), decision, g.v.str("match_number")))
	if out := app.next("prompt_result"); out["accepted"] != true {
		c.t.Fatalf("%v", out)
	}
	if decision == "deny" {
		c.denied++
		return
	}
	c.byApp++
	c.took += time.Since(g.begun)
}

// overview is what is told of everybody in sum.
func (c *party) overview() object {
	c.t.Helper()
	return c.do(200, "GET", "/api/v1/analytics/overview?days=1", nil)
}

// figures are what is told of everybody, by question. None may be about a few.
func (c *party) figures() map[string]object {
	c.t.Helper()
	all := map[string]object{}
	for _, name := range []string{"overview", "delays", "hours", "channels", "recommendations"} {
		all[name] = c.do(200, "GET", "/api/v1/analytics/"+name+"?days=1", nil)
		if strings.Contains(fmt.Sprint(all[name]), ":BR") {
			c.t.Fatalf("%s tells of somebody alone: %v", name, all[name])
		}
	}
	many := func(measure string, rows ...object) {
		c.t.Helper()
		for _, row := range rows {
			if n := row.num(measure); n > 0 && n < fewest {
				c.t.Fatalf("%v is about %v", row, n)
			}
		}
	}
	overview, channels := all["overview"], all["channels"]
	many("send_code", overview.obj("totals"))
	for channel := range overview.obj("by_channel") {
		many("sends", overview.obj("by_channel").obj(channel))
	}
	many("sends", channels.list("channels")...)
	many("sends", channels.list("countries")...)
	many("sends", channels.list("providers")...)
	many("started", all["hours"].list("hours")...)
	many("resends", all["delays"].list("steps")...)
	return all
}

// compare holds the figures against what the clients and the providers counted.
func (c *party) compare() {
	c.t.Helper()
	all := c.figures()
	overview := all["overview"]
	texted, approved := len(c.Twilio.Accepted(""))+len(c.Vonage.Accepted("")), c.byCode+c.byApp
	c.shows("the totals", overview.obj("totals"), object{
		"send_code": c.started, "verify_success": approved, "verify_failed": c.wrong + c.denied, "resend_request": c.resent, "change_phone": c.changed,
	})
	c.shows("the ends", overview.obj("ended"), object{
		"approved": approved, "denied": c.denied, "canceled": c.canceled, "blocked": c.blocked, "failed": 0, "expired": 0, "superseded": 0,
	})
	c.shows("what went without SMS", overview.obj("without_sms"), object{"logins": c.byApp})
	for channel, want := range map[string]object{
		"sms": {"sends": texted, "successes": c.byCode}, "websocket": {"sends": c.byApp + c.denied, "successes": c.byApp},
	} {
		c.shows(channel, overview.obj("by_channel").obj(channel), want)
	}
	took := overview.obj("time_to_complete")
	c.shows("the time to complete", took, object{"n": approved})
	if avg, most := took.num("avg_seconds"), c.took.Seconds()/float64(approved); avg <= 0 || avg > most+0.1 {
		c.t.Errorf("it took %v s, as those who did it say %v", avg, most)
	}
	// Whoever is alone stands among those of the smallest provider, who are of no country then.
	c.row(all["channels"].list("providers"), "provider", "twilio", object{
		"country": "US", "sends": len(c.Twilio.Accepted("")) - 1, "successes": c.byCode - len(c.Vonage.Accepted("")) - 1, "failed": c.changed,
		"delivered": len(c.Twilio.Accepted("")) - 1,
	})
	n := len(c.Vonage.Accepted("")) + 1
	c.shows("the others", all["channels"].obj("other"), object{"sends": n, "successes": n, "delivered": n})
	c.row(all["channels"].list("channels"), "channel", "sms", object{"sends": texted, "delivered": texted, "successes": c.byCode})
	c.row(all["delays"].list("steps"), "delay_seconds", 1.0, object{"resends": c.resent, "successes": c.resent})
	hours, successes := 0.0, 0.0
	for _, h := range all["hours"].list("hours") {
		hours, successes = hours+h.num("started"), successes+h.num("successes")
	}
	if hours != float64(c.started) || successes != float64(approved) {
		c.t.Errorf("by hours %v were started, and %v approved", hours, successes)
	}
	if advice := all["recommendations"].list("recommendations"); len(advice) > 0 {
		c.t.Errorf("advice from so little: %v", advice)
	}
}

// row finds the row of a name, and holds it against what is wanted.
func (c *party) row(rows []object, by string, name any, want object) {
	c.t.Helper()
	for _, row := range rows {
		if row[by] == name {
			c.shows(fmt.Sprint(name), row, want)
			return
		}
	}
	c.t.Errorf("there is nothing of %v in %v", name, rows)
}

// shows holds members of an answer against what is wanted of them.
func (c *party) shows(what string, got, want object) {
	c.t.Helper()
	for name, value := range want {
		if fmt.Sprint(got[name]) != fmt.Sprint(value) {
			c.t.Errorf("%s: %s is %v, want %v", what, name, got[name], value)
		}
	}
}
