package load_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"nod/cmd/bench/load"
)

func TestFigure(t *testing.T) {
	for _, f := range []struct {
		figure load.Figure
		text   string
		met    bool
	}{
		{load.Figure{Value: 0.94312, Unit: "ms", Aim: 1}, "0.943 ms", true},
		{load.Figure{Value: 12.34, Unit: "ms", Aim: 10}, "12.3 ms", false},
		{load.Figure{Value: 15000}, "15000", true},
		{load.Figure{Value: 1234.5, Unit: "1/s", Aim: 1000, Least: true}, "1234 1/s", true},
		{load.Figure{Value: 61.5, Unit: "%", Aim: 70, Least: true}, "61.5%", false},
		{load.Figure{Value: 0.00001, Unit: "s"}, "0.0000 s", true},
	} {
		if f.figure.String() != f.text || f.figure.Met() != f.met {
			t.Errorf("%+v is %q, met: %v; want %q, %v", f.figure, f.figure.String(), f.figure.Met(), f.text, f.met)
		}
	}
}

// A server that stops for a second is charged with everybody who came meanwhile.
func TestOmissionIsCorrected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := load.NewLatency()
		free := time.Now().Add(time.Second) // of a server that stands still until then
		err := load.Pace(t.Context(), 100, 200, func(_ context.Context, _ int, intended time.Time) error {
			<-time.After(time.Until(free))
			l.Since(intended)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if n := l.Count(); n != 200 {
			t.Errorf("%d were recorded", n)
		}
		if p50, p99, most := l.At(49), l.At(75), l.At(100); p50 > time.Millisecond || p99 < 480*time.Millisecond || p99 > 520*time.Millisecond || most < 999*time.Millisecond {
			t.Errorf("p49 %v, p75 %v, max %v: want 0, 0.5 s, 1 s", p50, p99, most)
		}
		other := load.NewLatency()
		other.Merge(l)
		if text, err := other.Histogram(); other.Count() != 200 || err != nil || text == "" {
			t.Errorf("merged: %d, %q, %v", other.Count(), text, err)
		}
	})
}

func TestPaceEndsWithTheFirstError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failed := errors.New("refused")
		var n atomic.Int64
		err := load.Pace(t.Context(), 1, 100, func(ctx context.Context, i int, _ time.Time) error {
			n.Add(1)
			if i == 3 {
				return failed
			}
			return nil
		})
		if !errors.Is(err, failed) || n.Load() != 4 {
			t.Errorf("it ended with %v after %d", err, n.Load())
		}
	})
}

func TestEachAndFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := make(chan int, 10)
		err := load.Each(t.Context(), 3, 10, func(_ context.Context, i int) error { seen <- i; return nil })
		if err != nil || len(seen) != 10 {
			t.Errorf("%d were called: %v", len(seen), err)
		}
		rate, err := load.Flood(t.Context(), 4, time.Second, func(context.Context, int) error { <-time.After(100 * time.Millisecond); return nil })
		if err != nil || rate < 39 || rate > 41 {
			t.Errorf("%v a second: %v", rate, err)
		}
	})
}
