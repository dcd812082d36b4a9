package hub

import (
	"context"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

type ringer struct {
	t    *testing.T
	due  time.Time
	rang int
}

func (r *ringer) ring() {
	r.rang++
	if late := time.Since(r.due); late < 0 || late > beat {
		r.t.Errorf("rang %v late", late)
	}
}

func TestWheel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWheel()
		ctx, stop := context.WithCancel(t.Context())
		go w.run(ctx)
		<-time.After(time.Hour + 3*time.Millisecond) // asleep
		const n = 2000
		alarms, ringers := make([]alarm, n), make([]ringer, n)
		random := rand.New(rand.NewPCG(1, 2))
		set := func(i int, after time.Duration) {
			ringers[i].t, ringers[i].due = t, time.Now().Add(after)
			alarms[i].owner = &ringers[i]
			w.set(&alarms[i], after)
		}
		for i := range n {
			set(i, time.Duration(random.Int64N(int64(3*slots*beat)))) // up to three turns
		}
		for i := 0; i < n; i += 3 {
			set(i, time.Duration(random.Int64N(int64(2*time.Second)))) // changed
		}
		for i := 0; i < n; i += 5 {
			w.stop(&alarms[i])
			w.stop(&alarms[i])
		}
		<-time.After(4 * slots * beat)
		synctest.Wait()
		for i, r := range ringers {
			want := 1
			if i%5 == 0 {
				want = 0
			}
			if r.rang != want {
				t.Errorf("alarm %d rang %d times, want %d", i, r.rang, want)
			}
		}
		if w.armed != 0 {
			t.Errorf("%d armed", w.armed)
		}
		set(0, 0) // at once, by a wheel that sleeps again
		<-time.After(time.Second)
		synctest.Wait()
		if ringers[0].rang != 1 {
			t.Errorf("rang %d times", ringers[0].rang)
		}
		stop()
		synctest.Wait()
	})
}

// A wheel that was held up rings what it missed, each alarm once.
func TestWheelCatchesUp(t *testing.T) {
	w := newWheel()
	alarms, ringers := make([]alarm, 100), make([]lateRinger, 100)
	for i := range alarms {
		alarms[i].owner = &ringers[i]
		w.set(&alarms[i], time.Duration(i)*time.Second)
	}
	w.turn(5 * slots * beat)
	for i, r := range ringers {
		if r != 1 {
			t.Errorf("alarm %d rang %d times", i, r)
		}
	}
}

type lateRinger int

func (r *lateRinger) ring() { *r++ }

func BenchmarkWheel(b *testing.B) {
	w := newWheel()
	alarms, r := make([]alarm, 100_000), new(lateRinger)
	for i := range alarms {
		alarms[i].owner = r
		w.set(&alarms[i], time.Duration(i)*time.Millisecond)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		w.set(&alarms[i%len(alarms)], 25*time.Second)
	}
}
