package load

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Pace calls f n times, rate times a second, each in its own goroutine and whether or
// not those before have ended, as people come to a real server. f is told when it was to
// begin: what it measures counts from there. Pace waits for all; the first error ends it
// early and is returned. Nothing to call is an error: of nothing all percentiles are 0.
func Pace(ctx context.Context, rate float64, n int, f func(ctx context.Context, i int, intended time.Time) error) error {
	if n < 1 || rate <= 0 {
		return fmt.Errorf("nothing to measure: %d at %g a second", n, rate)
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var all sync.WaitGroup
	defer all.Wait()
	begun := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i := range n {
		intended := begun.Add(time.Duration(float64(i) / rate * float64(time.Second)))
		timer.Reset(time.Until(intended))
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timer.C:
		}
		all.Go(func() {
			if err := f(ctx, i, intended); err != nil {
				stop(err)
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// Each calls f for 0 to n-1, at most callers at once. It waits for all; the first error
// ends it early and is returned.
func Each(ctx context.Context, callers, n int, f func(ctx context.Context, i int) error) error {
	return during(ctx, callers, func(i int) bool { return i < n }, f)
}

// Flood has callers call f again and again for a while, as fast as it returns, and tells
// how often that was a second. f is counted through i, from 0.
func Flood(ctx context.Context, callers int, d time.Duration, f func(ctx context.Context, i int) error) (perSecond float64, err error) {
	begun := time.Now()
	var n atomic.Int64
	err = during(ctx, callers, func(int) bool { return time.Since(begun) < d }, func(ctx context.Context, i int) error {
		n.Add(1)
		return f(ctx, i)
	})
	return float64(n.Load()) / time.Since(begun).Seconds(), err
}

// during has callers call f with 0, 1, 2 … while more says so.
func during(ctx context.Context, callers int, more func(i int) bool, f func(ctx context.Context, i int) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var next atomic.Int64
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1) - 1)
				if !more(i) {
					return
				}
				if err := f(ctx, i); err != nil {
					stop(err)
				}
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}
