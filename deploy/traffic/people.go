package traffic

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"nod/verify"
)

// country is where people live: when they are awake, what they speak and what
// their numbers look like.
type country struct {
	code    string
	share   float64 // of all people
	east    time.Duration
	locales []string
	prefix  string // of a mobile number, E.164; the digits of the person follow
	digits  int
	network string // the first half of an IPv4 address: see verify's Keys.Network
	city    string
}

// countries are the world of the play. Their days begin at different hours of UTC,
// so a figure by hour is about nobody's evening alone.
var countries = []country{
	{"DE", 0.26, time.Hour, []string{"de"}, "+49151", 8, "198.18", "Leipzig, DE"},
	{"US", 0.22, -5 * time.Hour, []string{"en"}, "+12125", 6, "198.51", "New York, US"},
	{"BR", 0.20, -3 * time.Hour, []string{"pt-BR"}, "+551198", 7, "203.0", "São Paulo, BR"},
	{"IN", 0.18, 5*time.Hour + 30*time.Minute, []string{"hi", "en"}, "+919876", 6, "192.0", "Pune, IN"},
	{"PT", 0.14, 0, []string{"pt-PT"}, "+351912", 6, "198.19", "Porto, PT"},
}

// awake is how busy each hour of a local day is.
var awake = [24]float64{1, 0.5, 0.3, 0.3, 0.4, 1, 3, 5, 7, 8, 8, 7, 7, 7, 7, 7, 7, 7, 8, 9, 9, 8, 5, 2}

// dice are the chances of one person or of one visit: drawn from the seed and a
// number of its own, so that what one does never depends on who came before.
type dice struct{ *rand.Rand }

func newDice(seed, of uint64) dice {
	return dice{rand.New(rand.NewPCG(seed, of))} //nolint:gosec // a play must be the same again; it guards nothing
}

func (d dice) chance(p float64) bool { return d.Float64() < p }

// within draws evenly.
func (d dice) within(from, to time.Duration) time.Duration {
	return from + time.Duration(d.Float64()*float64(to-from)).Truncate(time.Millisecond)
}

// around draws a time as people and networks take it: the median, seldom much less
// and now and then much more (log-normal; sigma 0.5 has its ninth tenth at 1.9
// medians).
func (d dice) around(median time.Duration, sigma float64) time.Duration {
	return time.Duration(float64(median) * math.Exp(d.NormFloat64()*sigma)).Truncate(time.Millisecond)
}

// person is somebody with a number and, perhaps, an app.
type person struct {
	id      string
	home    *country
	locale  string
	number  verify.Number
	ip      string
	browser string
	device  *verify.Device // nil until it is enrolled, and for who has none
	app     bool           // enrolls a device before the first sign-in
	push    string         // the provider of its app: fcm or apns
	trusted bool           // asks to be remembered where that can be asked

	// What the browser keeps of being remembered; empty: nothing.
	remembered *verify.TrustedDevice
}

var browsers = []string{
	"Mozilla/5.0 (X11; Linux x86_64) Firefox/142.0",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Safari/605.1.15",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/139.0.0.0",
}

// people draws a population: each of them comes once in four days.
func people(c *Config) []*person {
	homes, shares := []*country{}, 0.0
	for i := range countries {
		if home := &countries[i]; c.Countries == nil || slices.Contains(c.Countries, home.code) {
			homes, shares = append(homes, home), shares+home.share
		}
	}
	all := make([]*person, 4*c.PerDay)
	for i := range all {
		d := newDice(c.Seed, uint64(i))
		home := homes[len(homes)-1]
		for at, j := d.Float64()*shares, 0; j < len(homes); j++ {
			if at -= homes[j].share; at < 0 {
				home = homes[j]
				break
			}
		}
		all[i] = &person{
			id: fmt.Sprintf("person-%05d", i+1), home: home, locale: home.locales[d.IntN(len(home.locales))],
			number:  home.numberOf(i),
			ip:      fmt.Sprintf("%s.%d.%d", home.network, i/250%250, i%250+1),
			browser: browsers[d.IntN(len(browsers))],
			app:     d.chance(c.Apps), push: []string{"fcm", "apns"}[d.IntN(2)], trusted: d.chance(0.2),
		}
	}
	return all
}

// numberOf is a number of the country that nobody else in the play has.
func (c *country) numberOf(i int) verify.Number {
	return verify.StoredNumber(fmt.Sprintf("%s%0*d", c.prefix, c.digits, i+1))
}

// hour draws when on a local day somebody comes.
func (d dice) hour() time.Duration {
	total := 0.0
	for _, w := range awake {
		total += w
	}
	at := d.Float64() * total
	for h, w := range awake {
		if at -= w; at < 0 {
			return time.Duration(h)*time.Hour + d.within(0, time.Hour)
		}
	}
	return 0
}
