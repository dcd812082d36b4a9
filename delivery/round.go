package delivery

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// round looks at the store again and again for one kind of rows that are jobs:
// the deliveries, or the webhooks. Each kind has a pace and a loop of its own, so
// that neither waits for the other.
type round struct {
	pace    pace
	woken   chan struct{} // a look became due earlier
	freed   chan struct{} // a try ended
	failing atomic.Bool   // the store could not be reached at the last look
	idle    string        // what does not happen while it cannot
	log     *slog.Logger
}

func newRound(log *slog.Logger, idle string) *round {
	return &round{woken: make(chan struct{}, 1), freed: make(chan struct{}, 1), log: log, idle: idle}
}

// wake brings the next look forward to a time of the store's clock.
func (r *round) wake(at time.Time) {
	if r.pace.wake(at) {
		signal(r.woken)
	}
}

// hurry brings the next look forward to this moment.
func (r *round) hurry() {
	if r.pace.hurry() {
		signal(r.woken)
	}
}

// run looks until ctx ends. room says how many rows may be taken, and waits for
// some; it is 0 when ctx ended. take takes them, starts a try for each and says how
// many of both there were and when the next row is due; it has a context that
// outlives ctx, for what was taken is tried.
func (r *round) run(ctx, trying context.Context, room func(context.Context) int, take func(context.Context, int) (taken, begun int, next time.Time, err error)) {
	for failures := 0; r.rest(ctx); {
		limit := room(ctx)
		if limit == 0 {
			return
		}
		r.pace.look()
		taken, begun, next, err := take(trying, limit)
		switch {
		case err != nil:
			pause := min(pauseFirst<<min(failures, 8), pauseMost)
			if failures++; failures == 1 {
				r.log.Error("the store cannot be reached", "until_then", r.idle, "error", err)
			}
			r.pace.pause(pause)
		case taken > 0 && begun == 0:
			r.pace.pause(breath) // should a row ever stay due, this loop must not spin on it
		case taken == limit:
			r.pace.now()
		default:
			r.pace.found(taken, next)
		}
		if err == nil && failures > 0 {
			r.log.Info("the store can be reached again", "failed_tries", failures)
			failures = 0
		}
		r.failing.Store(failures > 0)
	}
}

// rest waits until the next look is due; false when ctx ended.
func (r *round) rest(ctx context.Context) bool {
	for {
		wait := r.pace.rest()
		if ctx.Err() != nil {
			return false
		}
		if wait <= 0 {
			return true
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-r.woken:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// signal leaves a mark in a channel of one place.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
