package delivery

import (
	"testing"
	"testing/synctest"
	"time"
)

const ms = time.Millisecond

// rests checks when the next look comes.
func (p *pace) rests(t *testing.T, want time.Duration) {
	t.Helper()
	if got := p.rest(); got != want {
		t.Errorf("the next look is in %v, want %v", got, want)
	}
}

// TestPaceOfAStoreWhoseClockIsOff counts a due time of the store in elapsed time.
func TestPaceOfAStoreWhoseClockIsOff(t *testing.T) {
	for _, by := range []time.Duration{0, time.Hour, -time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			var p pace
			p.tell(time.Now().Add(by).Round(0))
			p.look()
			due := time.Now().Add(by).Add(50 * ms)
			if !p.wake(due) {
				t.Error("it was not brought forward")
			}
			p.rests(t, 50*ms)
			if p.wake(due.Add(ms)) {
				t.Error("a later time brings the look forward")
			}
			p.found(0, time.Time{})
			p.rests(t, 50*ms)
		})
	}
}

// TestPaceIsDisturbedByNoClock sets this machine's clock back while a look is due.
func TestPaceIsDisturbedByNoClock(t *testing.T) {
	var p pace
	p.tell(time.Now().Round(0))
	p.look()
	p.wake(p.told.Add(50 * ms))
	if p.at.Round(0) == p.at {
		t.Error("the next look is a time of day: a clock that is set back would put it off")
	}
}

// TestPaceOfOneOfSeveral comes in vain to rows that others take.
func TestPaceOfOneOfSeveral(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pace
		p.tell(time.Now())
		// turn is a look that is timed, and what it found.
		turn := func(claimed int) {
			p.at, p.why = time.Now(), timed
			p.look()
			p.found(claimed, time.Now().Add(50*ms))
		}
		for _, late := range []time.Duration{0, 10, 20, 40, 80, 160} {
			turn(0)
			p.rests(t, 50*ms+late*ms)
		}
		turn(0)
		p.rests(t, poll)

		p.wake(time.Now())
		p.rests(t, 0) // its own at once
		p.look()
		p.found(1, time.Now().Add(50*ms))
		p.rests(t, poll) // which says nothing about the others'

		<-time.After(p.rest())
		p.look()
		p.found(1, time.Now().Add(50*ms)) // a poll got one: they are gone
		p.rests(t, 50*ms)
	})
}

// TestPaceOfANodeWhoseClockIsAhead never heard the store's clock and believes that
// what is due in a while is due now: it must not ask without end.
func TestPaceOfANodeWhoseClockIsAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pace
		looks := 0
		for began := time.Now(); time.Since(began) < 10*time.Second && looks < 1000; looks++ {
			<-time.After(p.rest())
			p.look()
			p.found(0, time.Now().Add(-time.Minute))
		}
		if looks > 60 {
			t.Errorf("%d looks in 10 s", looks)
		}
	})
}
