package verify

import (
	"net/netip"
	"regexp"
	"slices"
	"time"
)

// Profile is where and when a user was approved: what a start is compared with. It
// holds keyed hashes, and the codes of countries; an erasure drops it.
type Profile struct {
	Networks []string `json:"networks,omitempty"` // newest last, at most placesKept of each
	Agents   []string `json:"agents,omitempty"`
	Places   []string `json:"places,omitempty"`
	Hours    []int    `json:"hours,omitempty"`  // approvals by the hour of the UTC day: 24 or none
	Denied   Times    `json:"denied,omitempty"` // starts that the user denied, the last few of a day
}

// Seen is where a verification was started, as far as a profile compares it: each
// is empty where nobody knows.
type Seen struct {
	Network string `json:"network,omitempty"` // see [Keys.Network]
	Agent   string `json:"agent,omitempty"`   // keyed hash of the user agent, whatever its versions
	Place   string `json:"place,omitempty"`   // ISO 3166-1 alpha-2, of the person's IP
}

// versions are what an update changes in a user agent.
var versions = regexp.MustCompile(`[0-9][0-9._]*`)

// Seen makes what a profile keeps of where a user is: the person's IP and user agent as
// the integrator told them, and the country of that IP, if it is known. A browser that
// was updated is the same one.
func (k *Keys) Seen(userID string, c Context, place string) Seen {
	s := Seen{Place: place}
	if _, err := netip.ParseAddr(c.IP); err == nil {
		s.Network = k.Network(userID, c.IP)
	}
	if c.UserAgent != "" {
		s.Agent = k.hash("agent", userID+"\x00"+versions.ReplaceAllString(c.UserAgent, ""))
	}
	return s
}

// The points of a score, and the figures behind them. None is enough by itself but three
// denials: a new laptop at a hotel is a person's Monday. Those of one kind add up to
// [riskyScore] only where they say what they say of a thief, too: another device in
// another country, or a stranger's burst of starts from a place nobody knows.
const (
	pointsDevice   = 20 // people change them, thieves always have another one
	pointsNetwork  = 15 // people move about every day
	pointsCountry  = 30 // few are abroad, and most attacks are
	pointsVelocity = 20 // nobody signs in four times in ten minutes, a script does
	pointsDenial   = 20 // each: the user has said no to somebody today
	pointsHour     = 15 // people sleep when they sleep

	velocityStarts = 4
	velocityPer    = 10 * time.Minute
	denialsCounted = 3 // they are risky by themselves then
	denialsPer     = 24 * time.Hour
	hoursLeast     = 20   // approvals before an hour can be unusual
	hoursMost      = 1000 // then all are halved, so that new habits count
	hourShare      = 50   // less than one in so many is unusual
	placesKept     = 10
)

// riskyScore is from where a trusted device stands in for nobody and a typed match number
// has as many digits as a strict one.
const riskyScore = 50

// The reasons of a score.
const (
	riskDevice   = "new_device"
	riskNetwork  = "new_network"
	riskCountry  = "new_country"
	riskVelocity = "velocity"
	riskDenials  = "denials"
	riskHour     = "unusual_hour"
)

// assess says how unusual a start is, from 0 to 100, and why. What a profile does not
// know yet is not unusual, and a trusted device's good token says more of the device than
// it does itself, and of a network that it was approved in.
func assess(q *Request, s *Situation, now time.Time) (score int, reasons []string) {
	m := s.Meters.user()
	if m == nil {
		return 0, nil
	}
	add := func(reason string, points int) {
		if points > 0 {
			score, reasons = min(100, score+points), append(reasons, reason)
		}
	}
	if p := m.Profile; p != nil {
		vouched := s.vouched(q, now)
		if !vouched && fresh(p.Agents, q.Seen.Agent) {
			add(riskDevice, pointsDevice)
		}
		if !(vouched && slices.Contains(s.Trusted.Networks, q.Trusted.Network)) && fresh(p.Networks, q.Seen.Network) {
			add(riskNetwork, pointsNetwork)
		}
		if fresh(p.Places, q.Seen.Place) {
			add(riskCountry, pointsCountry)
		}
		add(riskDenials, pointsDenial*min(denialsCounted, p.Denied.after(now.Add(-denialsPer))))
		if p.unusual(now) {
			add(riskHour, pointsHour)
		}
	}
	if since := now.Add(-velocityPer); m.Sends.after(since)+m.Prompts.after(since) >= velocityStarts {
		add(riskVelocity, pointsVelocity)
	}
	return score, reasons
}

// fresh reports whether something is known, and nothing like it is.
func fresh(known []string, seen string) bool {
	return seen != "" && len(known) > 0 && !slices.Contains(known, seen)
}

// vouched reports whether the request came with a good token of a trusted device of
// its user.
func (s *Situation) vouched(q *Request, now time.Time) bool {
	d := s.Trusted
	return d != nil && d.ID == q.Trusted.DeviceID && d.UserID == q.UserID && d.Live(now) && d.keeps(q.Trusted.Generation, now)
}

// after counts the moments after a time.
func (t Times) after(since time.Time) (n int) {
	for _, ms := range t {
		if ms > since.UnixMilli() {
			n++
		}
	}
	return n
}

// unusual reports whether the user was hardly ever approved within an hour of this time
// of day. Clocks that are put forward or back are within it.
func (p *Profile) unusual(now time.Time) bool {
	if len(p.Hours) != 24 {
		return false
	}
	total, near, h := 0, 0, now.UTC().Hour()
	for i, n := range p.Hours {
		total += n
		if i == h || i == (h+1)%24 || i == (h+23)%24 {
			near += n
		}
	}
	return total >= hoursLeast && near*hourShare < total
}

// learn takes where and when a user is being approved, by the app or a code, into the
// profile: an approval that nobody gave, a trusted device's, teaches nothing.
func (m *Meters) learn(v *Verification, now time.Time) {
	u := m.user()
	if u == nil {
		return
	}
	p := u.profile(now)
	p.Networks = newest(p.Networks, v.Seen.Network)
	p.Agents = newest(p.Agents, v.Seen.Agent)
	p.Places = newest(p.Places, v.Seen.Place)
	if len(p.Hours) != 24 {
		p.Hours = make([]int, 24)
	}
	p.Hours[now.UTC().Hour()]++
	total := 0
	for _, n := range p.Hours {
		total += n
	}
	if total >= hoursMost {
		for i := range p.Hours {
			p.Hours[i] /= 2
		}
	}
}

// denied remembers that the user said no to a start.
func (m *Meters) denied(now time.Time) {
	if u := m.user(); u != nil {
		p := u.profile(now)
		p.Denied = p.Denied.with(now, []Limit{{denialsCounted, denialsPer}})
	}
}

// profileKept is how long a profile outlasts its last approval: a year and a day, as
// the longest that any meter is kept.
const profileKept = 366 * 24 * time.Hour

func (m *Meter) profile(now time.Time) *Profile {
	if m.Profile == nil {
		m.Profile = &Profile{}
	}
	m.keep(now.Add(profileKept))
	return m.Profile
}

// newest puts what was seen last, and drops the oldest of too many.
func newest(known []string, seen string) []string {
	if seen == "" {
		return known
	}
	known = append(slices.DeleteFunc(known, func(s string) bool { return s == seen }), seen)
	return known[max(0, len(known)-placesKept):]
}
