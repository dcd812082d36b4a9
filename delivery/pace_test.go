package delivery

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestPaceOfAStoreWhoseClockIsOff counts a due time of the store in our own time.
func TestPaceOfAStoreWhoseClockIsOff(t *testing.T) {
	for _, by := range []time.Duration{0, time.Hour, -time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			var p pace
			p.skew(by)
			p.look()
			due := time.Now().Add(by).Add(50 * time.Millisecond)
			if !p.earlier(due) || p.rest() != 50*time.Millisecond {
				t.Errorf("%v off: the next look is in %v, want 50 ms", by, p.rest())
			}
			if p.earlier(due.Add(time.Millisecond)) || p.earlier(time.Time{}) {
				t.Errorf("%v off: a later time, or none, brings the look forward", by)
			}
		})
	}
}
