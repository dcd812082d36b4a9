package verify_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"nod/verify"
)

const (
	firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
	updated = "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0.2"
	iphone  = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Version/18.5 Mobile/15E148 Safari/604.1"
)

// person is a user with a phone whose starts are judged.
type person struct {
	*world
	meters *verify.Meters
	device verify.Device
}

func newPerson(t *testing.T) *person {
	w := newWorld(t)
	w.policy.Limits = verify.Limits{Prompts: []verify.Limit{{N: 100, Per: time.Hour}}}
	return &person{w, &verify.Meters{Have: verify.NeedUser, User: &verify.Meter{}}, w.device("dev_1", false, start)}
}

// from is where a start comes from.
type from struct {
	agent, ip, place string
	trusted          *verify.TrustedDevice
	unseen           bool // the trusted device was never there
}

// signsIn starts a login and returns what it was judged to be.
func (c *person) signsIn(f from) string {
	c.t.Helper()
	q := verify.Request{Context: verify.Context{UserAgent: f.agent, IP: f.ip}, Channel: verify.Push}
	q.Seen = c.auth.Keys().Seen("u1", q.Context, f.place)
	if d := f.trusted; d != nil {
		q.Trusted = verify.TrustClaim{DeviceID: d.ID, Generation: d.Generation, Network: d.Networks[0]}
		if f.unseen {
			q.Trusted.Network = q.Seen.Network
		}
	}
	c.events = nil
	if err := c.begin(q, verify.Situation{Devices: []verify.Device{c.device}, Meters: c.meters, Trusted: f.trusted}); err != nil {
		c.t.Fatal(err)
	}
	for _, e := range c.events {
		if e.Name == verify.EventRiskAssessed {
			return fmt.Sprint(e.Data.Score, " ", e.Data.Reasons)
		}
	}
	return ""
}

// answers decides the login in the app.
func (c *person) answers(d verify.Decision) {
	c.t.Helper()
	if verdict, err := c.reply("dev_1", d, c.match()); err != nil || !verdict.Accepted {
		c.t.Fatalf("%+v, %v", verdict, err)
	}
}

var athome = from{agent: firefox, ip: "198.51.100.7", place: "DE"}

func TestRisk(t *testing.T) {
	t.Parallel()
	approved := func(n int, every time.Duration) func(*person) {
		return func(c *person) {
			for range n {
				c.signsIn(athome)
				c.answers(verify.Approve)
				c.now = c.now.Add(every)
			}
		}
	}
	denied := func(n int, every time.Duration) func(*person) {
		return func(c *person) {
			approved(1, time.Hour)(c)
			for range n {
				c.signsIn(athome)
				c.answers(verify.Deny)
				c.now = c.now.Add(every)
			}
		}
	}
	once := approved(1, time.Hour)
	for name, test := range map[string]struct {
		before func(*person)
		from   from
		want   string
	}{
		"the first time":                  {func(*person) {}, athome, ""},
		"as ever":                         {once, athome, ""},
		"an updated browser":              {once, from{agent: updated, ip: "198.51.100.7", place: "DE"}, ""},
		"a neighbour's address":           {once, from{agent: firefox, ip: "198.51.7.9", place: "DE"}, ""},
		"nothing is known":                {once, from{}, ""},
		"an address that is none":         {once, from{agent: firefox, ip: "here"}, ""},
		"another phone":                   {once, from{agent: iphone, ip: "198.51.100.7", place: "DE"}, "20 new_device"},
		"elsewhere":                       {once, from{agent: firefox, ip: "203.0.113.9", place: "DE"}, "15 new_network"},
		"abroad":                          {once, from{agent: firefox, ip: "203.0.113.9", place: "FR"}, "45 new_network,new_country"},
		"another phone, elsewhere":        {once, from{agent: iphone, ip: "203.0.113.9", place: "DE"}, "35 new_device,new_network"},
		"another phone, abroad":           {once, from{agent: iphone, ip: "203.0.113.9", place: "FR"}, "65 new_device,new_network,new_country"},
		"no country was known before":     {func(c *person) { c.signsIn(from{agent: firefox}); c.answers(verify.Approve) }, from{agent: firefox, ip: "203.0.113.9", place: "FR"}, ""},
		"three just now":                  {approved(3, time.Second), athome, ""},
		"four just now":                   {approved(4, time.Second), athome, "20 velocity"},
		"four, the first ten minutes ago": {approved(4, 150*time.Second), athome, ""},
		"a denial":                        {denied(1, time.Hour), athome, "20 denials"},
		"two":                             {denied(2, time.Hour), athome, "40 denials"},
		"five":                            {denied(5, time.Hour), athome, "60 denials"},
		"one of them today":               {denied(2, 23*time.Hour), athome, "20 denials"},
		"none of them today":              {denied(2, 24*time.Hour), athome, ""},
		"an hour later than ever":         {func(c *person) { approved(20, 24*time.Hour)(c); c.now = c.now.Add(time.Hour) }, athome, ""},
		"at night":                        {func(c *person) { approved(20, 24*time.Hour)(c); c.now = c.now.Add(14 * time.Hour) }, athome, "15 unusual_hour"},
		"at night, known too little":      {func(c *person) { approved(19, 24*time.Hour)(c); c.now = c.now.Add(14 * time.Hour) }, athome, ""},
		"everything at once": {func(c *person) {
			approved(20, 24*time.Hour)(c)
			c.now = c.now.Add(14 * time.Hour)
			for range 4 {
				c.signsIn(athome)
				c.answers(verify.Deny)
			}
		}, from{agent: iphone, ip: "203.0.113.9", place: "FR"}, "100 new_device,new_network,new_country,denials,unusual_hour,velocity"},
		"forgotten": {func(c *person) { once(c); c.meters.User.Forget() }, from{agent: iphone, ip: "203.0.113.9", place: "FR"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newPerson(t)
			test.before(c)
			if got := c.signsIn(test.from); got != test.want {
				t.Fatalf("judged %q, want %q", got, test.want)
			}
			score, digits := 0, map[bool]int{false: 3, true: 6}
			_, _ = fmt.Sscan(test.want, &score) // empty: none
			if got := c.v.Prompt.Digits; got != digits[score >= 50] {
				t.Fatalf("%d digits to type, judged %q", got, test.want)
			}
		})
	}
}

// TestRiskOfTrustedDevices has a good token speak for device and network, and not stand
// in for its person where the rest says enough.
func TestRiskOfTrustedDevices(t *testing.T) {
	t.Parallel()
	c := newPerson(t)
	c.signsIn(athome)
	c.answers(verify.Approve)
	c.meters.User.Profile.Networks = []string{"another"} // as if long ago
	trusted := c.v.Remember(c.auth.Keys(), c.now)
	c.now = c.now.Add(time.Hour)

	if got := c.signsIn(from{agent: iphone, ip: athome.ip, place: "FR", trusted: trusted}); got != "30 new_country" || c.v.Method != verify.ByTrustedDevice {
		t.Fatalf("abroad with a good token: judged %q, %s by %q", got, c.v.Status, c.v.Method)
	}
	if c.meters.User.Profile.Places[0] != "DE" || len(c.meters.User.Profile.Places) > 1 {
		t.Fatalf("a skip taught the profile %v", c.meters.User.Profile.Places)
	}
	c.now = c.now.Add(time.Hour)
	elsewhere := from{agent: iphone, ip: "192.0.2.1", place: "DE", trusted: trusted, unseen: true}
	if got := c.signsIn(elsewhere); got != "15 new_network,trusted_network" || c.v.Status != verify.Pending {
		t.Fatalf("elsewhere with a good token: judged %q, %s", got, c.v.Status)
	}
	c.now = c.now.Add(time.Hour)
	c.signsIn(athome)
	c.answers(verify.Deny)
	if got := c.signsIn(from{agent: iphone, ip: athome.ip, place: "FR", trusted: trusted}); got != "50 new_country,denials,trusted_risky" || c.v.Status != verify.Pending || c.v.Prompt.Digits != 6 {
		t.Fatalf("a skip where it is risky: judged %q, %s, %d digits", got, c.v.Status, c.v.Prompt.Digits)
	}
}

// TestProfileStaysSmall has a person who was approved for years move about.
func TestProfileStaysSmall(t *testing.T) {
	t.Parallel()
	c := newPerson(t)
	c.meters.User.Profile = &verify.Profile{Hours: slices.Repeat([]int{40}, 24)}
	for n := range 70 {
		f := from{agent: strings.Repeat("x", n%50), ip: fmt.Sprintf("10.%d.0.1", n%60), place: string([]byte{'A' + byte(n%26), 'A'})}
		m := c.meters.User
		c.meters = &verify.Meters{Have: verify.NeedUser, User: &verify.Meter{Profile: m.Profile}} // not the other meters
		c.signsIn(f)
		c.answers(verify.Approve)
		c.now = c.now.Add(7 * time.Hour)
	}
	p := c.meters.User.Profile
	total := 0
	for _, n := range p.Hours {
		total += n
	}
	row, err := json.Marshal(p)
	if err != nil || len(row) > 2048 || len(p.Networks) != 10 || len(p.Agents) != 10 || len(p.Places) != 10 || total >= 1000 || total < 400 {
		t.Fatalf("%d bytes, %d networks, %d agents, %d places, %d approvals: %v", len(row), len(p.Networks), len(p.Agents), len(p.Places), total, err)
	}
	if ends := c.meters.User.ExpiresAt(c.now); ends.After(c.now.AddDate(0, 0, 366)) || ends.Before(c.now.AddDate(0, 0, 365)) {
		t.Fatalf("kept until %s, now %s", ends, c.now)
	}
}
