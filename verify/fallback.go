package verify

import "time"

// Fallback is what the ladder will do by itself, so that a waiting page can say
// so before it happens.
type Fallback struct {
	Channel Channel `json:"channel"`
	In      int     `json:"in"` // seconds from now, rounded up
}

// Fallback returns the next rung that starts by itself as things stand; nil when
// none does while the prompt is open.
func (v *Verification) Fallback(p *Policy, now time.Time) *Fallback {
	if v.Terminal() || !v.Prompt.Open(now) {
		return nil
	}
	channel, at := v.codeChannel(), v.codeDue(p)
	if at.Before(v.Held.Number) {
		at = time.Time{} // it would be held back
	}
	for i := range v.Devices {
		if push := v.pushDue(p, &v.Devices[i]); !push.IsZero() && (at.IsZero() || !push.After(at)) {
			channel, at = Push, push
		}
	}
	if at.IsZero() || !at.Before(v.Prompt.ExpiresAt) {
		return nil
	}
	return &Fallback{Channel: channel, In: Rest(at.Sub(now))}
}
