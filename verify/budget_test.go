package verify_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"nod/verify"
)

// noted is what a person with a pencil notes of the codes that left.
type noted struct {
	at          time.Time
	country, ip string
	proved      bool
}

// budgets says which budget is over, counted anew from all that was noted.
func budgets(all []noted, country, ip string, now time.Time) string {
	count := func(mine func(noted) bool, since time.Time) (unproved, proved int) {
		for _, n := range all {
			switch {
			case !mine(n) || n.at.Before(since):
			case n.proved:
				proved++
			default:
				unproved++
			}
		}
		return unproved, proved
	}
	day, hour := now.Truncate(time.Hour).Add(-24*time.Hour), now.Truncate(10*time.Minute).Add(-time.Hour)
	today, days := now.Truncate(24*time.Hour), map[time.Duration]int{}
	for _, n := range all {
		if n.country == country && n.proved {
			days[today.Sub(n.at.Truncate(24*time.Hour))/(24*time.Hour)]++
		}
	}
	best := 0
	for back := time.Duration(1); back <= 14; back++ {
		best = max(best, days[back])
	}
	there := func(n noted) bool { return n.country == country }
	from := func(n noted) bool { return n.ip == ip }
	share := func(percent, of int) int { return percent * of / 100 }
	if u, p := count(there, day); u >= max(20, share(30, best), share(30, p)) {
		return "country_day"
	}
	if u, p := count(there, hour); u >= max(3, share(20, best)/6, share(20, p)) {
		return "country_hour"
	}
	u, p := count(from, day)
	if u >= max(10, share(30, p)) {
		return "ip_day"
	}
	if u, _ := count(from, hour); u >= max(5, share(20, p)/6) {
		return "ip_hour"
	}
	return ""
}

// TestBudgets holds what is let through against a recount of everything, for hours and
// weeks, and what is told to wait against what is let through then.
func TestBudgets(t *testing.T) {
	t.Parallel()
	c := newTill(t)
	rapid.Check(t, func(r *rapid.T) {
		c.clear()
		c.policy.Limits.Budgets = verify.BudgetDeny
		var all []noted
		numbers := map[string]string{"US": us(1), "GB": "+447400123456", "DE": "+4915123456789"}
		send := func(country, ip string, proved bool) bool {
			want := budgets(all, country, ip, c.now)
			v, err := c.ask(numbers[country], ip)
			if want == "" {
				if err != nil {
					r.Fatalf("refused %v, of %d", err, len(all))
				}
				if proved {
					c.proves(v)
				}
				all = append(all, noted{c.now, country, ip, proved})
				return true
			}
			refusal := refused(t, err, verify.CodeBlocked)
			if refusal.Limit != want || v.Reason != verify.FraudRule {
				r.Fatalf("refused by %q (%s), want %q", refusal.Limit, v.Reason, want)
			}
			then := c.now.Add(refusal.RetryAfter)
			if got := budgets(all, country, ip, then); got != "" {
				r.Fatalf("told to wait %s, and then it is still %s", refusal.RetryAfter, got)
			}
			if got := budgets(all, country, ip, then.Add(-time.Millisecond)); got == "" {
				r.Fatalf("told to wait %s, which is too long", refusal.RetryAfter)
			}
			return false
		}
		for range rapid.IntRange(1, 4).Draw(r, "bursts") {
			country := rapid.SampledFrom([]string{"US", "GB", "DE"}).Draw(r, "country")
			ip := rapid.SampledFrom([]string{"198.51.100.7", "203.0.113.9"}).Draw(r, "ip")
			proved := rapid.IntRange(0, 3).Draw(r, "proved") > 0
			for range rapid.SampledFrom([]int{1, 3, 6, 25}).Draw(r, "codes") {
				if !send(country, ip, proved) {
					break
				}
			}
			c.now = c.now.Add(rapid.SampledFrom([]time.Duration{time.Second, 9 * time.Minute, 10 * time.Minute, time.Hour, 5 * time.Hour, 30 * time.Hour, 4 * 24 * time.Hour}).Draw(r, "wait"))
			if rapid.Bool().Draw(r, "to the boundary") {
				c.now = c.now.Truncate(rapid.SampledFrom([]time.Duration{10 * time.Minute, time.Hour, 24 * time.Hour}).Draw(r, "of")).
					Add(rapid.SampledFrom([]time.Duration{-time.Millisecond, 0}).Draw(r, "side"))
				if n := len(all); n > 0 && c.now.Before(all[n-1].at) {
					c.now = all[n-1].at
				}
			}
		}
		for k, row := range c.rows {
			if len(row) > 2048 {
				r.Fatalf("the meter of a %s takes %d bytes", k.Subject, len(row))
			}
		}
	})
}

// TestBudgetsGrow has what may be unproved grow with what is proved, rounded down.
func TestBudgetsGrow(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	for name, test := range map[string]struct {
		before time.Duration
		proved int // so long before
		every  time.Duration
		want   int // unproved that leave, one each time
		limit  string
		one    bool // address for all
	}{
		"nothing yet, in an hour":         {0, 0, time.Second, 3, "country_hour", false},
		"19 in the hour":                  {0, 19, time.Second, 3, "country_hour", false},
		"24 in the hour, a fifth of it":   {0, 24, time.Second, 4, "country_hour", false},
		"149 on a day, a thirtieth of it": {2 * day, 149, time.Second, 4, "country_hour", false},
		"150 on a day":                    {2 * day, 150, time.Second, 5, "country_hour", false},
		"150 a fortnight ago":             {14 * day, 150, time.Second, 5, "country_hour", false},
		"150 a day longer ago":            {15 * day, 150, time.Second, 3, "country_hour", false},
		"150 earlier today":               {3 * time.Hour, 150, time.Second, 3, "country_hour", false},
		"nothing yet, in a day":           {0, 0, 40 * time.Minute, 20, "country_day", false},
		"73 on a day, three tenths of it": {2 * day, 73, 40 * time.Minute, 21, "country_day", false},
		"76 in the last 24 hours":         {3 * time.Hour, 76, 40 * time.Minute, 22, "country_day", false},
		"one address, nothing yet":        {0, 0, 40 * time.Minute, 10, "ip_day", true},
		"one address, 40 in 24 hours":     {3 * time.Hour, 40, 40 * time.Minute, 12, "ip_day", true},
		"one address, 35 in the hour":     {0, 35, time.Second, 5, "ip_hour", true},
		"one address, 180 in 24 hours":    {0, 180, time.Second, 6, "ip_hour", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, n := newTill(t), 0
			c.policy.Limits.Budgets = verify.BudgetDeny
			ask := func() (*verify.Verification, error) {
				if n++; test.one {
					return c.ask(us(n), "203.0.113.9")
				}
				return c.ask(us(n), fmt.Sprintf("203.0.%d.%d", n/200, n%200))
			}
			c.now = verify.Day(start).Add(4*time.Hour - test.before)
			for range test.proved {
				v, err := ask()
				if err != nil {
					t.Fatal(err)
				}
				c.proves(v)
			}
			c.now = c.now.Add(test.before)
			for sent := 0; ; sent++ {
				_, err := ask()
				if err == nil {
					c.now = c.now.Add(test.every)
					continue
				}
				if r := refused(t, err, verify.CodeBlocked); r.Limit != test.limit || sent != test.want {
					t.Fatalf("%d left until %s, want %d until %s", sent, r.Limit, test.want, test.limit)
				}
				return
			}
		})
	}
}

// TestBudgetWindows has a day last for 24 hours at least, by whole ones.
func TestBudgetWindows(t *testing.T) {
	t.Parallel()
	c := newTill(t)
	c.policy.Limits.Budgets = verify.BudgetDeny
	for _, at := range []time.Duration{30 * time.Minute, 2 * time.Hour} {
		c.now = start.Add(at)
		for _, number := range []string{us(1), us(2), "+447400123456", "+447400123457", "+4915123456789"} {
			c.asks(number, "203.0.113.9")
		}
	}
	c.now = start.Add(150 * time.Minute)
	_, err := c.ask("+33612345678", "203.0.113.9")
	if r := refused(t, err, verify.CodeBlocked); r.Limit != "ip_day" || !c.now.Add(r.RetryAfter).Equal(start.Add(25*time.Hour)) {
		t.Fatalf("%s until %s", r.Limit, c.now.Add(r.RetryAfter))
	}
	c.asks("+33612345678", "198.51.100.7")
}

func TestBudgetsOfAPump(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		mode   verify.BudgetMode
		age    time.Duration
		sent   int // of a hundred, from a hundred addresses, that nobody proves
		events int
		told   verify.BudgetMode
	}{
		"off":               {verify.BudgetOff, 365 * 24 * time.Hour, 100, 0, ""},
		"nothing said":      {"", 365 * 24 * time.Hour, 100, 0, ""},
		"only recorded":     {verify.BudgetRecord, 365 * 24 * time.Hour, 100, 97, verify.BudgetRecord},
		"denied":            {verify.BudgetDeny, 0, 3, 97, verify.BudgetDeny},
		"in the first week": {verify.BudgetAuto, 7*24*time.Hour - time.Millisecond, 100, 97, verify.BudgetRecord},
		"after a week":      {verify.BudgetAuto, 7 * 24 * time.Hour, 3, 97, verify.BudgetDeny},
		"age is not known":  {verify.BudgetAuto, 200 * 365 * 24 * time.Hour, 3, 97, verify.BudgetDeny},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newTill(t)
			c.policy.Limits.Budgets, c.since = test.mode, start.Add(-test.age)
			sent := 0
			for n := range 100 {
				if _, err := c.ask(us(n), fmt.Sprintf("198.51.100.%d", n)); err == nil {
					sent++
				}
			}
			if sent != test.sent || c.count(verify.EventBudgetExceeded) != test.events {
				t.Fatalf("%d sent, %d told, want %d and %d", sent, c.count(verify.EventBudgetExceeded), test.sent, test.events)
			}
			for _, e := range c.events {
				if d := e.Data; e.Name == verify.EventBudgetExceeded && (d.Country != "US" || d.Mode != test.told || d.Limit == "") {
					t.Fatalf("told %+v", d)
				}
			}
		})
	}
}

// TestProvedOnce has a verification prove what was sent for it and no more, however often
// it is approved.
func TestProvedOnce(t *testing.T) {
	t.Parallel()
	c := newTill(t)
	c.policy.Limits.Budgets = verify.BudgetDeny
	v := c.asks(us(1), "198.51.100.7")
	c.asks(us(2), "198.51.100.7")
	c.asks(us(3), "198.51.100.7")
	c.proves(v)
	for range 3 {
		if ok, err := v.Check(c.auth.Keys(), "000000", &c.policy, c.now); ok || err == nil {
			t.Fatal("an approved verification is approved again")
		}
	}
	c.asks(us(4), "198.51.100.7") // the room of the one that was proved
	c.refuses(verify.CodeBlocked, us(5), "198.51.100.7")
	if got, want := c.tally(v.Context.IP), (verify.Tally{Sent: 4, Proved: 1}); got != want {
		t.Fatalf("%+v, want %+v", got, want)
	}
}

// TestProvedFromElsewhere has people type their codes at an address from which fewer were
// asked for: it gets no credit for the rest.
func TestProvedFromElsewhere(t *testing.T) {
	t.Parallel()
	c := newTill(t)
	c.policy.Limits.Budgets = verify.BudgetDeny
	all := []*verify.Verification{c.asks("+447400123456", "198.51.100.7"), c.asks("+447400123457", "198.51.100.7"), c.asks("+447400123458", "198.51.100.7")}
	c.asks("+4915123456789", "192.0.2.1")
	for _, v := range all {
		v.Context.IP = "192.0.2.1"
		c.proves(v)
	}
	if got, want := c.tally("192.0.2.1"), (verify.Tally{Sent: 1, Proved: 1}); got != want {
		t.Fatalf("%+v, want %+v", got, want)
	}
}

// TestHeldBackIsNotProved has a code that was held back be none of those that were sent.
func TestHeldBackIsNotProved(t *testing.T) {
	t.Parallel()
	c := newTill(t)
	c.policy.Limits.Budgets, c.policy.Limits.Prefix = verify.BudgetRecord, verify.Limit{N: 2, Per: 10 * time.Minute}
	c.asks(us(1), "192.0.2.1")
	c.asks(us(2), "192.0.2.1")
	v, err := c.start(verify.Request{Purpose: verify.Login, Channel: verify.Both, Number: verify.StoredNumber(us(3)), Context: verify.Context{IP: "192.0.2.1"}},
		verify.Situation{Devices: []verify.Device{c.device("dev_1", true, c.now)}})
	if err != nil || len(v.Codes) > 0 {
		t.Fatalf("%v, %d codes", err, len(v.Codes))
	}
	if got, want := c.tally("192.0.2.1"), (verify.Tally{Sent: 2}); got != want {
		t.Fatalf("%+v, want %+v", got, want)
	}
	c.now = c.now.Add(16 * time.Minute)
	if err := c.act(v, func() error { v.Advance(&c.policy, c.now); return v.Resend(verify.SMS, &c.policy, c.now) }); err != nil {
		t.Fatal(err)
	}
	c.proves(v)
	m, _ := c.meters("", verify.Number{}, "192.0.2.1")
	if all := m.IP.Budget.Tens; len(all) != 2 || all[0].Proved != 0 || all[1].Proved != 1 {
		t.Fatalf("%+v", all)
	}
}

// tally is what the last ten minutes of an address say.
func (c *till) tally(ip string) verify.Tally {
	m, _ := c.meters("", verify.Number{}, ip)
	last := m.IP.Budget.Tens[len(m.IP.Budget.Tens)-1]
	last.Nr = 0
	return last
}

func TestSpendCap(t *testing.T) {
	t.Parallel()
	c := newTill(t)
	price, known := int64(100_000), true
	c.policy.Limits.SpendCap = 1_000_000
	c.policy.Limits.Price = func(country string) (int64, bool) { return price, known && country == "US" }
	spent := func(at time.Time) int64 { return c.sums[verify.Sum{Name: verify.SumSpend, Start: verify.Day(at)}] }

	for n := range 10 {
		if got, want := c.count(verify.EventSpendWarning), map[bool]int{true: 1}[n >= 5]+map[bool]int{true: 1}[n >= 8]; got != want {
			t.Fatalf("%d warnings after %d messages of ten", got, n)
		}
		c.asks(us(n), "198.51.100.7")
	}
	v, err := c.ask(us(10), "198.51.100.7")
	if r := refused(t, err, verify.CodeBlocked); r.RetryAfter != 12*time.Hour || v.Reason != verify.SpendStopped || c.count(verify.EventSpendStop) != 1 || spent(c.now) != 1_000_000 {
		t.Fatalf("at the cap: %+v, %s, %d events, %d spent", r, v.Reason, c.count(verify.EventSpendStop), spent(c.now))
	}
	login := verify.Request{Purpose: verify.Login, Channel: verify.Both, Number: verify.StoredNumber(us(11))}
	asked, err := c.start(login, verify.Situation{Devices: []verify.Device{c.device("dev_1", true, c.now)}})
	if err != nil || asked.Terminal() || len(asked.Codes) > 0 {
		t.Fatalf("the app is not asked at the cap: %v, %+v", err, asked)
	}
	price = 0
	c.asks(us(12), "198.51.100.7") // what is free always fits
	price, known = 1, false
	c.refuses(verify.CodeBlocked, us(13), "198.51.100.7")
	known = true

	c.now = verify.Day(c.now).AddDate(0, 0, 1) // midnight
	price = 1_000_000
	c.asks(us(14), "198.51.100.7") // exactly the cap
	if got := c.count(verify.EventSpendWarning); got != 4 {
		t.Fatalf("%d warnings on two days", got)
	}
	price = 1
	c.refuses(verify.CodeBlocked, us(15), "198.51.100.7")
	c.now = c.now.AddDate(0, 0, 1)
	c.sums[verify.Sum{Name: verify.SumSpend, Start: verify.Day(c.now)}] = -5 // as if too much came back
	price = 1_000_001
	c.refuses(verify.CodeBlocked, us(16), "198.51.100.7")
}

func TestPriceMustBeKnown(t *testing.T) {
	t.Parallel()
	for name, price := range map[string]func(string) (int64, bool){
		"nobody knows prices": nil,
		"not of this country": func(string) (int64, bool) { return 5, false },
		"less than nothing":   func(string) (int64, bool) { return -5, true },
	} {
		c := newTill(t)
		c.policy.Limits.Price = price
		c.asks(us(1), "198.51.100.7")
		c.policy.Limits.SpendCap = 1_000_000
		v, err := c.ask(us(2), "198.51.100.7")
		if refused(t, err, verify.CodeBlocked); v.Reason != verify.SpendStopped {
			t.Errorf("%s: %s", name, v.Reason)
		}
		if len(c.sums) > 0 {
			t.Errorf("%s: %v", name, c.sums)
		}
	}
}

// TestSpendComesBack has what did not leave cost nothing, on the day that it was put on
// the bill.
func TestSpendComesBack(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		what func(*till, *verify.Verification)
		cost int64
	}{
		"accepted": {func(c *till, v *verify.Verification) {
			c.leaves(v, verify.Outcome{State: verify.StateAccepted, Provider: "test"})
		}, 7},
		"nobody knows whether it left": {func(c *till, v *verify.Verification) {
			c.leaves(v, verify.Outcome{State: verify.StateUnknown, Provider: "test"})
		}, 7},
		"accepted, then canceled": {func(c *till, v *verify.Verification) {
			c.leaves(v, verify.Outcome{State: verify.StateAccepted, Provider: "test"})
			_ = c.act(v, func() error { return v.Cancel(c.now) })
		}, 7},
		"refused": {func(c *till, v *verify.Verification) {
			c.leaves(v, verify.Outcome{State: verify.StateFailed, Class: verify.ClassPolicy, Provider: "test"})
		}, 0},
		"taken by nobody": {func(c *till, v *verify.Verification) {
			c.leaves(v, verify.Outcome{State: verify.StateUndelivered, Provider: "test"})
		}, 0},
		"canceled": {func(c *till, v *verify.Verification) {
			_ = c.act(v, func() error { return v.Cancel(c.now) })
		}, 0},
		"canceled after midnight": {func(c *till, v *verify.Verification) {
			c.now = c.now.Add(30 * time.Minute)
			_ = c.act(v, func() error { return v.Cancel(c.now) })
		}, 0},
		"expired after midnight": {func(c *till, v *verify.Verification) {
			c.now = c.now.Add(2 * time.Hour)
			_ = c.act(v, func() error { v.Advance(&c.policy, c.now); return nil })
		}, 0},
		"never taken": {func(c *till, v *verify.Verification) {
			for range 2 {
				c.leaves(v, verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Provider: "test"})
				c.now = c.now.Add(time.Minute)
			}
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newTill(t)
			c.policy.Limits.SpendCap, c.policy.Limits.Price = 100, func(string) (int64, bool) { return 7, true }
			c.now = verify.Day(start).Add(23*time.Hour + 45*time.Minute)
			day := verify.Day(c.now)
			v := c.asks(us(1), "198.51.100.7")
			if v.Deliveries[0].Cost != 7 || c.sums[verify.Sum{Name: verify.SumSpend, Start: day}] != 7 {
				t.Fatalf("reserved %d, on the bill %v", v.Deliveries[0].Cost, c.sums)
			}
			test.what(c, v)
			_ = c.act(v, func() error { v.Advance(&c.policy, c.now); return nil })
			if got := c.sums[verify.Sum{Name: verify.SumSpend, Start: day}]; got != test.cost || v.Deliveries[0].Cost != test.cost {
				t.Fatalf("costs %d, on the bill of the day %d, want %d", v.Deliveries[0].Cost, got, test.cost)
			}
			if after := c.sums[verify.Sum{Name: verify.SumSpend, Start: day.AddDate(0, 0, 1)}]; after != 0 {
				t.Fatalf("%d on the next day's bill", after)
			}
		})
	}
}

// TestSpendComesBackAtOnce has what is given back be there for the next verification of
// the same transaction, on the day that it was spent on.
func TestSpendComesBackAtOnce(t *testing.T) {
	t.Parallel()
	for _, wait := range []time.Duration{time.Minute, 30 * time.Minute} {
		c := newTill(t)
		c.policy.Limits.SpendCap, c.policy.Limits.Price = 100, func(string) (int64, bool) { return 7, true }
		c.now = verify.Day(start).Add(23*time.Hour + 45*time.Minute)
		v := c.asks(us(1), "198.51.100.7")
		c.now = c.now.Add(wait)
		if err := c.act(v, func() error {
			err := v.Cancel(c.now)
			if got := v.Meters.Spend.Micros; got != 0 {
				t.Errorf("%s later %d of that day are spent", wait, got)
			}
			return err
		}); err != nil {
			t.Error(err)
		}
	}
}

// TestSpendIsNeverPassed sends, loses and cancels at random, over many days: what was
// reserved and not given back never passes the cap, no warning is told twice a day, and
// what the sums say is what the deliveries cost.
func TestSpendIsNeverPassed(t *testing.T) {
	t.Parallel()
	c := newTill(t)
	rapid.Check(t, func(r *rapid.T) {
		c.clear()
		var price int64
		limit := rapid.Int64Range(1, 1000).Draw(r, "cap")
		c.policy.Limits.SpendCap, c.policy.Limits.Price = limit, func(string) (int64, bool) { return price, true }
		type warning struct {
			day     time.Time
			percent int
		}
		var all []*verify.Verification
		due, warned := map[warning]bool{}, map[warning]bool{}
		for n := range rapid.IntRange(1, 20).Draw(r, "acts") {
			price = rapid.Int64Range(0, limit+1).Draw(r, "price")
			day := verify.Day(c.now)
			before := c.sums[verify.Sum{Name: verify.SumSpend, Start: day}]
			switch rapid.SampledFrom([]string{"ask", "ask", "ask", "cancel", "wait"}).Draw(r, "act") {
			case "ask":
				v, err := c.ask(us(n), "")
				if fits := price <= limit-before; (err == nil) != fits {
					r.Fatalf("%d more of %d, %d spent: %v", price, limit, before, err)
				}
				if all = append(all, v); err == nil {
					for _, percent := range []int64{50, 80} {
						if price > 0 && before+price >= limit*percent/100 {
							due[warning{day, int(percent)}] = true
						}
					}
				}
			case "cancel":
				if len(all) > 0 {
					v := rapid.SampledFrom(all).Draw(r, "which")
					_ = c.act(v, func() error { return v.Cancel(c.now) })
				}
			case "wait":
				c.now = c.now.Add(time.Duration(rapid.IntRange(1, 30*60).Draw(r, "minutes")) * time.Minute)
			}
			for _, e := range c.events {
				w := warning{verify.Day(e.At), e.Data.Percent}
				if e.Name == verify.EventSpendWarning && warned[w] {
					r.Fatalf("%d percent is told twice on %s", w.percent, w.day)
				}
				if e.Name == verify.EventSpendWarning {
					warned[w] = true
				}
			}
			if !maps.Equal(warned, due) {
				r.Fatalf("warned of %v, want %v", warned, due)
			}
			c.events = nil
			days := map[time.Time]int64{}
			for _, v := range all {
				for _, d := range v.Deliveries {
					days[verify.Day(d.CreatedAt)] += d.Cost
				}
			}
			for s, sum := range c.sums {
				if s.Name == verify.SumSpend && (sum != days[s.Start] || sum < 0 || sum > limit) {
					r.Fatalf("%d on the bill of %s, its messages cost %d, the cap is %d", sum, s.Start, days[s.Start], limit)
				}
				if s.Name == verify.SumWarned && !slices.Contains([]int64{50, 80}, sum) {
					r.Fatalf("warned of %d percent", sum)
				}
			}
		}
	})
}
