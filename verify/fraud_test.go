package verify_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"nod/verify"
)

// till is a town of which only what costs money is looked at, with the sums of its days.
type till struct {
	*town
	sums  map[verify.Sum]int64 // by name and start
	since time.Time            // when it was made
	users int                  // each asks once
}

func newTill(t *testing.T) *till {
	c := &till{town: newTown(t)}
	c.clear()
	return c
}

// clear begins anew.
func (c *till) clear() {
	c.now, c.events, c.policy.Limits = start, nil, verify.Limits{}
	c.rows, c.sums, c.since = map[verify.MeterKey][]byte{}, map[verify.Sum]int64{}, start.AddDate(-1, 0, 0)
}

// meters reads those of a user, and gives the way to write them back.
func (c *till) meters(user string, n verify.Number, ip string) (m *verify.Meters, write func(*verify.Verification)) {
	m = c.read(user, n, ip)
	m.Since = c.since
	m.Spend.Micros = c.sums[verify.Sum{Name: verify.SumSpend, Start: verify.Day(c.now)}]
	m.Spend.Warned = c.sums[verify.Sum{Name: verify.SumWarned, Start: verify.Day(c.now)}]
	return m, func(v *verify.Verification) {
		c.keep(m, user, n)
		for _, s := range v.TakeSums() {
			c.sums[verify.Sum{Name: s.Name, Start: s.Start}] += s.N
		}
		c.events = append(c.events, v.TakeEvents()...)
	}
}

// ask starts to prove a number for a person at an address.
func (c *till) ask(number, ip string) (*verify.Verification, error) {
	c.t.Helper()
	return c.start(verify.Request{Purpose: verify.Phone, Number: verify.StoredNumber(number), Context: verify.Context{IP: ip}}, verify.Situation{})
}

func (c *till) start(q verify.Request, s verify.Situation) (*verify.Verification, error) {
	c.t.Helper()
	c.users++
	q.ID, q.UserID, q.KeyID, q.SignKeyID = verify.NewID("ver"), fmt.Sprint("u", c.users), c.auth.Keys().CodeKey(), c.auth.Keys().SignKey()
	m, write := c.meters(q.UserID, q.Number, q.Context.IP)
	s.Meters = m
	v, err := verify.Start(q, &s, &c.policy, c.now)
	if m.Lacks() != verify.NeedNone {
		c.t.Fatal("all was read, and something is missing")
	}
	if v != nil {
		write(v)
	}
	return v, err
}

// asks is ask where nothing stops it.
func (c *till) asks(number, ip string) *verify.Verification {
	c.t.Helper()
	v, err := c.ask(number, ip)
	if err != nil {
		c.t.Fatal(err)
	}
	return v
}

// refuses is ask where something does.
func (c *till) refuses(code, number, ip string) {
	c.t.Helper()
	_, err := c.ask(number, ip)
	refused(c.t, err, code)
}

// act runs a rule on a verification, and writes what it did if it refused nothing.
func (c *till) act(v *verify.Verification, rule func() error) error {
	c.t.Helper()
	m, write := c.meters(v.UserID, v.Number, v.Context.IP)
	v.Meters = m
	err := rule()
	if err == nil {
		write(v)
	}
	return err
}

// proves types the right code.
func (c *till) proves(v *verify.Verification) {
	c.t.Helper()
	if err := c.act(v, func() error {
		ok, err := v.Check(c.auth.Keys(), c.auth.Keys().Code(v, v.Codes[len(v.Codes)-1]), &c.policy, c.now)
		if err == nil && !ok {
			err = errors.New("a right code is wrong")
		}
		return err
	}); err != nil {
		c.t.Fatal(err)
	}
}

// leaves has what is due leave, with what the provider says.
func (c *till) leaves(v *verify.Verification, o verify.Outcome) {
	c.t.Helper()
	if err := c.act(v, func() error {
		for _, id := range v.Lease(&c.policy, "worker", c.now) {
			if v.Send(id, "worker", &c.policy, c.now) {
				v.Settle(id, "worker", o, &c.policy, c.now)
			}
		}
		return nil
	}); err != nil {
		c.t.Fatal(err)
	}
}

func (c *till) count(name string) (n int) {
	for _, e := range c.events {
		if e.Name == name {
			n++
		}
	}
	return n
}

// us is the nth number of one prefix.
func us(n int) string { return fmt.Sprintf("+1415555%04d", n) }

func TestBarredNumbers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		number    string
		countries []string
		reason    verify.Reason
	}{
		"a mobile phone":                        {us(123), nil, ""},
		"premium rate in the USA":               {"+19002345678", nil, verify.FraudRule},
		"premium rate in Britain":               {"+449012345678", nil, verify.FraudRule},
		"shared cost in Germany":                {"+491801234567", nil, verify.FraudRule},
		"international shared cost":             {"+80812345678", nil, verify.FraudRule},
		"Inmarsat":                              {"+870776712345", nil, verify.FraudRule},
		"Iridium":                               {"+8816312345678", nil, verify.FraudRule},
		"international networks":                {"+882161234567", nil, verify.FraudRule},
		"more of them":                          {"+883510012345678", nil, verify.FraudRule},
		"international premium rate":            {"+979123456789", nil, verify.FraudRule},
		"a country on the list":                 {"+447400123456", []string{"DE", "GB"}, ""},
		"a country not on the list":             {us(123), []string{"DE", "GB"}, verify.CountryBarred},
		"no country, with a list":               {"+80012345678", []string{"DE"}, verify.CountryBarred},
		"an empty list":                         {us(123), []string{}, verify.CountryBarred},
		"premium rate in a country on the list": {"+449012345678", []string{"GB"}, verify.FraudRule},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newTill(t)
			c.policy.Limits.Countries = test.countries
			v, err := c.ask(test.number, "198.51.100.7")
			if test.reason == "" {
				if err != nil || len(v.Codes) != 1 {
					t.Fatalf("%s gets no code: %v", test.number, err)
				}
				return
			}
			refused(t, err, verify.CodeBlocked)
			if v.Status != verify.Blocked || v.Reason != test.reason || len(v.Codes) > 0 {
				t.Fatalf("%s is %s (%s) with %d codes, want %s", test.number, v.Status, v.Reason, len(v.Codes), test.reason)
			}
		})
	}
}

func TestPrefixIsClosed(t *testing.T) {
	t.Parallel()
	c := newTill(t)
	c.policy.Limits.Prefix = verify.Limit{N: 10, Per: 10 * time.Minute}
	burst := func() {
		for n := range 10 {
			c.asks(us(n), "198.51.100.7")
		}
	}
	closed := func(want time.Duration) {
		t.Helper()
		v, err := c.ask(us(4000), "203.0.113.9")
		if r := refused(t, err, verify.CodeRateLimited); r.RetryAfter != want || r.Limit != "prefix" || v.Reason != verify.RateLimited {
			t.Fatalf("closed for %s by %q (%s), want %s", r.RetryAfter, r.Limit, v.Reason, want)
		}
		c.asks("+447400123456", "198.51.100.7") // another prefix
	}
	grows := []time.Duration{15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour}
	for _, want := range append(grows, slices.Repeat([]time.Duration{12 * time.Hour}, 20)...) {
		burst()
		closed(want)
		c.now = c.now.Add(want - time.Millisecond)
		closed(time.Millisecond)
		c.now = c.now.Add(time.Millisecond)
	}
	c.now = c.now.Add(24*time.Hour - time.Millisecond)
	burst()
	closed(12 * time.Hour)
	c.now = c.now.Add(12*time.Hour + 24*time.Hour) // quiet for a day
	burst()
	closed(15 * time.Minute)
}

func TestPrefixForgivesWhatIsProved(t *testing.T) {
	t.Parallel()
	c := newTill(t)
	c.policy.Limits.Prefix = verify.Limit{N: 10, Per: 10 * time.Minute}
	for n := range 50 { // a broadcast: everybody types the code
		c.proves(c.asks(us(n), "198.51.100.7"))
	}
	for n := range 9 {
		c.asks(us(n), "198.51.100.7")
	}
	late := c.asks(us(10), "198.51.100.7") // the tenth closes it
	c.proves(late)
	if _, err := c.ask(us(11), "198.51.100.7"); err == nil {
		t.Fatal("a code that was approved opened a closed prefix")
	}
	c.now = c.now.Add(15 * time.Minute)
	for n := range 9 {
		c.asks(us(n), "198.51.100.7")
	}
	c.now = c.now.Add(10 * time.Minute) // those are too old now
	for n := range 9 {
		c.asks(us(n), "198.51.100.7")
	}
	c.asks(us(20), "198.51.100.7")
	c.refuses(verify.CodeRateLimited, us(21), "198.51.100.7")
}
