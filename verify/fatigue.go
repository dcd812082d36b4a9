package verify

import "time"

// limitFatigue is the detail of a prompt of which nobody is told.
const limitFatigue = "fatigue"

// fatigueMost is how many prompts in a row a meter remembers at most.
const fatigueMost = 1000

// tire notes a prompt that was denied or ignored. Who floods a person with prompts
// waits for the one that is approved to have peace ("MFA fatigue": OWASP ASVS 5.0,
// section 6.6, asks for protection against it), so a few in a row silence what comes after.
func (m *Meter) tire(at time.Time) {
	if m != nil {
		m.count(&m.Tired, []Limit{{fatigueMost, profileKept}}, at)
	}
}

// rested forgets them: the person has approved in the app.
func (m *Meter) rested() {
	if m != nil {
		m.Tired = nil
	}
}

// tired is how long a row of the limit's length that has been denied or ignored still
// counts, when it does for so long from its last one; 0: it does not.
func (m *Meter) tired(l Limit, within time.Duration, now time.Time) time.Duration {
	if m == nil || l.N == 0 || len(m.Tired) < l.N {
		return 0
	}
	return max(0, time.UnixMilli(m.Tired[len(m.Tired)-1]).Add(within).Sub(now))
}

// tired is how long the user is left in peace: nothing starts by itself then.
func (v *Verification) tired(p *Policy, now time.Time) time.Duration {
	return v.Meters.user().tired(p.Limits.Fatigue, p.Limits.Fatigue.Per, now)
}

// rests says why one more prompt would ring nowhere; nil: it would.
func (v *Verification) rests(p *Policy, now time.Time) *Stop {
	rest := v.tired(p, now)
	if rest == 0 {
		return nil
	}
	s := &Stop{Reason: RateLimited, Limit: limitFatigue, RetryAfter: rest, events: tells(EventPushSuppressed, EventData{})}
	return s.closes(Push, v.SessionEndsAt, now)
}

// prompted counts a prompt, and forgets how the row before the last ones began.
func (m *Meter) prompted(l *Limits, now time.Time) {
	if m == nil {
		return
	}
	m.count(&m.Prompts, l.Prompts, now)
	m.Tired = m.Tired[max(0, len(m.Tired)-l.Fatigue.N):]
}

// hushed reports whether nobody was told of the present prompt: an app that opens finds
// it, and that is all.
func (v *Verification) hushed() bool {
	for i := range v.Deliveries {
		if d := &v.Deliveries[i]; d.Channel.App() && d.PromptGeneration == v.Prompt.Generation && d.Detail == limitFatigue {
			return true
		}
	}
	return false
}

// silent reports whether one more prompt would ring nowhere either, as far as the
// verification itself knows: the peace in which the present one came has not ended.
func (v *Verification) silent(now time.Time) bool {
	return v.hushed() && now.Before(v.Held.Prompt)
}

// ignored notes a prompt that ends unanswered, once: it is called as the prompt is closed.
// One that no device was told of, or has, is not ignored.
func (v *Verification) ignored() {
	if len(v.Devices) == 0 {
		return
	}
	for i := range v.Deliveries {
		if d := &v.Deliveries[i]; d.Channel.App() && d.PromptGeneration == v.Prompt.Generation && d.State != StateSuppressed {
			v.Meters.user().tire(v.Prompt.ExpiresAt)
			return
		}
	}
}
