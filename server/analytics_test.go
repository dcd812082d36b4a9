package server_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"nod/analytics"
	"nod/server"
)

// global are the figures of everybody's verifications.
var global = []string{"overview", "delays", "hours", "channels", "recommendations"}

// counted asks for figures after everything that happened was counted.
func (d *door) counted(of string) reply {
	d.Helper()
	d.pass(time.Second)
	for {
		n, err := d.store.CountEvents(context.Background(), 100)
		d.must(err)
		if n == 0 {
			return d.ask(byKey, "GET", "/api/v1/analytics/"+of, nil).allow(200)
		}
	}
}

// prove has a user prove a number, after a wrong code; numbers are told apart by n.
func (d *door) prove(user string, n int) {
	d.Helper()
	to := fmt.Sprintf("+141555501%02d", n)
	d.ask(d.user(user), "POST", sendCode, object{"phone_number": to}).allow(202)
	code := d.code(to)
	d.pass(10 * time.Second)
	d.ask(d.user(user), "POST", verifyCode, object{"phone_number": to, "code": wrong(code)}).allow(200).has("ok", false)
	d.ask(d.user(user), "POST", verifyCode, object{"phone_number": to, "code": code}).allow(200).has("ok", true)
}

// member reads a value inside an answer: "totals.send_code".
func (r reply) member(path string) any {
	r.Helper()
	var at any = r.object
	for name := range strings.SplitSeq(path, ".") {
		o, is := at.(object)
		if !is {
			r.Fatalf("there is no %s: %s", path, r.text)
		}
		at = o[name]
	}
	return at
}

func TestAnalyticsAreOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, func(c *server.Config) { c.Analytics = nil })
		asks := []reply{d.ask(d.user("ana"), "GET", figuresOf, nil)}
		for _, of := range global {
			asks = append(asks, d.ask(byKey, "GET", "/api/v1/analytics/"+of, nil))
		}
		for _, r := range asks {
			if r.deny(404, "not_found"); !strings.Contains(r.text, "ANALYTICS_ENABLED") {
				t.Errorf("it does not say what to set: %s", r.text)
			}
		}
	})
}

func TestPeriods(t *testing.T) {
	within(t, func(d *door) {
		console := d.operator()
		for _, of := range global {
			path := "/api/v1/analytics/" + of
			d.ask(console, "GET", path, nil).allow(200).has("days", 30)
			for asked, days := range map[int]int{1: 1, 2: 7, 7: 7, 8: 30, 30: 30, 31: 90, 91: 365, 365: 365} {
				r := d.ask(byKey, "GET", path+"?days="+strconv.Itoa(asked), nil).allow(200).has("days", days)
				from, e := time.Parse(time.RFC3339, r.str("from"))
				d.must(e)
				to, e := time.Parse(time.RFC3339, r.str("to"))
				d.must(e)
				today := time.Now().UTC().Truncate(24 * time.Hour)
				if to != today.Add(24*time.Hour) || from != today.Add(-time.Duration(days)*24*time.Hour) {
					t.Errorf("%s of %d days is told from %s to %s", of, asked, from, to)
				}
			}
			for _, days := range []string{"0", "-1", "366", "x", "1e1"} {
				d.ask(byKey, "GET", path+"?days="+days, nil).deny(422, "invalid_request").at("days")
			}
		}
	})
}

// CountedSpans implements [server.Analytics].
func (c *counting) CountedSpans(ctx context.Context, cuts []time.Time) ([]analytics.Span, error) {
	if err := c.called(ctx, "CountedSpans"); err != nil {
		return nil, err
	}
	return c.Store.CountedSpans(ctx, cuts)
}

// TestReportsAreShared: all views of a period that are asked for at once are read
// once, those of another period once more, and anew after some seconds. What could not
// be read is not kept.
func TestReportsAreShared(t *testing.T) {
	store := &counting{}
	wire(t, func(t *testing.T, w *wired) {
		all := func(days string) {
			var views sync.WaitGroup
			for _, of := range global {
				views.Go(func() { w.ask(byKey, "GET", "/api/v1/analytics/"+of+"?days="+days, nil).allow(200) })
			}
			views.Wait()
		}
		reads := func(want int) {
			t.Helper()
			if n := store.since()["CountedSpans"]; n != want {
				t.Errorf("%d reads, want %d", n, want)
			}
		}
		all("30")
		all("8")
		reads(1)
		all("7")
		reads(1)
		w.pass(10 * time.Second)
		all("30")
		reads(1)
		w.pass(10 * time.Second)
		store.away.Store(true)
		w.ask(byKey, "GET", "/api/v1/analytics/hours", nil).deny(503, "unavailable")
		store.away.Store(false)
		store.since()
		all("30")
		reads(1)
		w.pass(10 * time.Second)
		store.hangs.Store(true)
		began := time.Now()
		w.ask(byKey, "GET", "/api/v1/analytics/hours", nil).deny(503, "unavailable")
		if took := time.Since(began); took > 11*time.Second {
			t.Errorf("a store that hangs is told of after %v", took)
		}
		store.hangs.Store(false)
	}, store.watched)
}

// TestFiguresOfEverybody counts what five people did, and tells nothing of four.
func TestFiguresOfEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, func(c *server.Config) {
			c.Price = func(country string) (float64, bool) { return 0.05, country == "US" }
		})
		for n := range 4 {
			d.prove("u"+strconv.Itoa(n), n)
		}
		few := d.counted("overview").has("hidden", true)
		if few.member("totals.send_code") != 0.0 || few.member("success_rate") != 0.0 {
			t.Errorf("four people are told of: %s", few.text)
		}
		for _, of := range []string{"channels", "hours", "delays"} {
			d.counted(of).has("hidden", true)
		}
		d.prove("u4", 4)
		for n := range 5 { // and sign in without an SMS
			user := "u" + strconv.Itoa(n)
			p := d.phone(user)
			v := d.ask(byKey, "POST", verifications, object{"user_id": user, "phone_number": fmt.Sprintf("+141555501%02d", n)}).allow(201)
			p.answer(p.prompt(), "approve", v.str("match_number")).allow(200).has("accepted", true)
		}
		all := d.counted("overview").has("hidden", false)
		for path, want := range map[string]any{
			"totals.send_code": 10.0, "totals.verify_success": 10.0, "totals.verify_failed": 5.0, "ended.approved": 10.0, "success_rate": 1.0,
			"time_to_complete.n": 10.0, "without_sms.logins": 5.0, "without_sms.share": 1.0, "without_sms.saved": 0.25, "by_channel.sms.successes": 5.0,
		} {
			if got := all.member(path); got != want {
				t.Errorf("%s is %v, want %v", path, got, want)
			}
		}
		hours := d.counted("hours").object["hours"].([]any)
		if len(hours) == 0 || hours[0].(object)["started"] != 10.0 {
			t.Errorf("by the hour: %v", hours)
		}
		countries := d.counted("channels").object["countries"].([]any)
		if len(countries) == 0 || countries[0].(object)["country"] != "US" {
			t.Errorf("by country: %v", countries)
		}
		if r := d.counted("recommendations"); len(r.object["recommendations"].([]any)) != 0 {
			t.Errorf("so few people lead to advice: %s", r.text)
		}
		for _, of := range global {
			for _, secret := range []string{"+1415", "u0", "ver_", "dev_"} {
				if r := d.counted(of); strings.Contains(r.text, secret) {
					t.Errorf("%s holds %q: %s", of, secret, r.text)
				}
			}
		}
	})
}

// TestFiguresWithoutPrices saves nothing that anybody knows.
func TestFiguresWithoutPrices(t *testing.T) {
	within(t, func(d *door) {
		if r := d.counted("overview"); r.member("without_sms.saved") != nil {
			t.Errorf("saved %v", r.member("without_sms.saved"))
		}
	})
}
