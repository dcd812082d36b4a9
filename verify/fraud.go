package verify

import "time"

// Stop is why a code may not leave.
type Stop struct {
	Reason     Reason        // of a verification that is blocked for it
	Limit      string        // which limit it is; empty: none that has a name
	RetryAfter time.Duration // when waiting helps; 0 otherwise
	events     []Event       // names and data of what it tells
}

// bars says why codes never go to a number; false: they may.
func (l *Limits) bars(n Number) (Reason, bool) { return "", false }

// gate says what holds a code back beyond the limits of sends; nil: nothing. It counts
// nothing.
func (m *Meters) gate(v *Verification, p *Policy, ch Channel, now time.Time) *Stop { return nil }

// sent counts a code that is to leave over ch for cost.
func (m *Meters) sent(v *Verification, p *Policy, ch Channel, cost int64, now time.Time) {}

// proved counts an approval, by the app or by a code; not by a trusted device.
func (m *Meters) proved(v *Verification, now time.Time) {}
