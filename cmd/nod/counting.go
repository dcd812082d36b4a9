package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"sync/atomic"
	"time"

	"nod/analytics"
	"nod/storage"
)

const (
	// countEvery is how often new events are looked for, countBatch how many are
	// counted at once: little enough that nobody waits for the write.
	countEvery, countBatch = time.Second, 200
	// planEvery is how often resend delays are predicted anew, planAgain how soon
	// after it failed, planDays from how many days.
	planEvery, planAgain, planDays = 10 * time.Minute, time.Minute, 30
	// forgetSoon is the least that a start waits before it deletes what is too old,
	// and the most that chance adds, so that nodes do not begin together; then it is
	// done every forgetEvery, or forgetAgain after it failed.
	forgetSoon, forgetEvery, forgetAgain = 5 * time.Second, 24 * time.Hour, time.Hour
)

// counting is what this node does about events once they are written: it counts
// them, learns from the sums, and deletes both when they are too old.
type counting struct {
	store     *storage.Store
	retention time.Duration
	log       *slog.Logger

	plan atomic.Pointer[map[string][]time.Duration] // resend delays by country; nil: none is known yet
}

func newCounting(store *storage.Store, retention time.Duration, log *slog.Logger) *counting {
	return &counting{store: store, retention: retention, log: log}
}

// count counts new events every second until ctx ends. Where there are more it goes on
// as soon as it has left the store to others for as long as it took. Every node does: the
// store sees to it that each is counted once.
func (c *counting) count(ctx context.Context) {
	trouble := complaint{log: c.log, what: "counting events"}
	for {
		begun, rest := time.Now(), countEvery
		n, err := c.store.CountEvents(ctx, countBatch)
		if ctx.Err() != nil {
			return
		}
		trouble.note(err)
		if err == nil && n == countBatch {
			rest = time.Since(begun)
		}
		if !pause(ctx, rest) {
			return
		}
	}
}

// learn predicts resend delays from time to time until ctx ends.
func (c *counting) learn(ctx context.Context) {
	trouble := complaint{log: c.log, what: "predicting resend delays"}
	for {
		err := c.look(ctx)
		if ctx.Err() != nil {
			return
		}
		trouble.note(err)
		wait := planEvery
		if err != nil {
			wait = planAgain
		}
		if !pause(ctx, wait) {
			return
		}
	}
}

// look predicts resend delays from the last days.
func (c *counting) look(ctx context.Context) error {
	now, err := c.store.Now(ctx)
	if err != nil {
		return err
	}
	cuts, _ := analytics.Cuts(now, planDays)
	spans, err := c.store.CountedSpans(ctx, cuts)
	if err != nil {
		return err
	}
	plan := analytics.Plan(analytics.Tell(spans))
	if before := c.plan.Swap(&plan); len(plan) > 0 && (before == nil || !reflect.DeepEqual(*before, plan)) {
		c.log.Info("resend delays follow what was counted", "delays", fmt.Sprint(plan))
	}
	return nil
}

// predict is the resend delays of a country; nil where too little is known.
func (c *counting) predict(country string) []time.Duration {
	if plan := c.plan.Load(); plan != nil {
		return (*plan)[country]
	}
	return nil
}

// forget deletes what is older than the retention, soon after the start and then
// once a day, until ctx ends.
func (c *counting) forget(ctx context.Context) {
	wait := forgetSoon + rand.N(forgetSoon) //nolint:gosec // it spreads load and guards nothing
	for pause(ctx, wait) {
		wait = forgetEvery
		if err := c.store.ForgetOld(ctx, c.retention); err != nil && ctx.Err() == nil {
			wait = forgetAgain
			c.log.Warn("deleting what is too old failed, it is tried again in an hour", "error", err)
		}
	}
}

// complaint logs what fails again and again with one line when it begins and one
// when it works again.
type complaint struct {
	log  *slog.Logger
	what string
	made bool
}

func (c *complaint) note(err error) {
	switch failed := err != nil; {
	case failed && !c.made:
		c.log.Warn("this fails and is tried again", "what", c.what, "error", err)
	case !failed && c.made:
		c.log.Info("this works again", "what", c.what)
	}
	c.made = err != nil
}

// pause waits; false says that ctx has ended.
func pause(ctx context.Context, d time.Duration) bool {
	over := time.NewTimer(d)
	defer over.Stop()
	select {
	case <-over.C:
		return true
	case <-ctx.Done():
		return false
	}
}
