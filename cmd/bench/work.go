package main

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// each runs f on every item, at most limit at once; the first error wins.
func each[T any](items []T, limit int, f func(T) error) error {
	var next atomic.Int64
	return during(0, limit, func(int) error {
		i := next.Add(1) - 1
		if i >= int64(len(items)) {
			return errDone
		}
		return f(items[i])
	})
}

var errDone = errors.New("done")

// during runs workers that each call f again and again: for d, or when d is 0
// until f returns errDone.
func during(d time.Duration, workers int, f func(worker int) error) error {
	end := time.Now().Add(d)
	failed := make(chan error, workers)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for d == 0 || time.Now().Before(end) {
				if err := f(w); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	all.Wait()
	close(failed)
	for err := range failed {
		if !errors.Is(err, errDone) {
			return err
		}
	}
	return nil
}

// paced calls f for every item, one every period whether or not those before have
// ended, and waits for all; the first error wins.
func paced[T any](items []T, period time.Duration, f func(T) error) error {
	failed := make(chan error, len(items))
	var all sync.WaitGroup
	beat := time.NewTicker(period)
	defer beat.Stop()
	for _, item := range items {
		all.Go(func() { failed <- f(item) })
		<-beat.C
	}
	all.Wait()
	close(failed)
	for err := range failed {
		if err != nil {
			return err
		}
	}
	return nil
}

// ms is a percentile of what was sorted, in milliseconds.
func ms(sorted []time.Duration, percentile int) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return float64(sorted[min(len(sorted)-1, len(sorted)*percentile/100)].Microseconds()) / 1000
}
