package main

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"nod/analytics"
	"nod/storage"
	"nod/verify"
)

// tracked is a counting on a store of its own, with its log; parts run until the test
// ends.
func tracked(t *testing.T, retention time.Duration, parts ...func(*counting, context.Context)) (*counting, *journal) {
	t.Helper()
	said := &journal{}
	store, err := storage.Open(t.Context(), storage.Config{
		URL: "sqlite:" + filepath.Join(t.TempDir(), "nod.db"), Secret: bytes.Repeat([]byte("s"), 32), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	c := newCounting(store, retention, slog.New(slog.NewTextHandler(said, nil)))
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for _, part := range parts {
		all.Go(func() { part(c, ctx) })
	}
	t.Cleanup(func() {
		stop()
		all.Wait()
		_ = store.Close() // a test may have closed it
	})
	return c, said
}

// pass lets the time of a bubble go by, and what happens then happen.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// signIn starts a login with a code by SMS.
func (c *counting) signIn(t *testing.T, user string) {
	t.Helper()
	policy := verify.DefaultPolicy()
	policy.HasSMS, policy.Limits = true, verify.Limits{}
	to, err := verify.ParseNumber(number)
	if err != nil {
		t.Fatal(err)
	}
	q := verify.Request{ID: verify.NewID("ver"), KeyID: c.store.Keys().CodeKey(), SignKeyID: c.store.Keys().SignKey(), UserID: user, Purpose: verify.Login, Number: to}
	who := verify.Applicant{UserID: user, Purpose: verify.Login, Number: to}
	if err := c.store.CreateVerification(t.Context(), who, nil, func(s *verify.Situation, now time.Time) (*verify.Verification, error) {
		return verify.Start(q, s, &policy, now)
	}); err != nil {
		t.Fatal(err)
	}
}

// started is how many verifications were counted as started in the present hour.
func (c *counting) started(t *testing.T) int {
	t.Helper()
	now, err := c.store.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	hours, err := c.store.CountedHours(t.Context(), now.Truncate(time.Hour), now.Truncate(time.Hour).Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return analytics.Now(hours, now).Hour.Started
}

// TestCounting counts what happened in the next second, also where that is more than
// one batch, and says once that it cannot.
func TestCounting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, said := tracked(t, 90*24*time.Hour, (*counting).count)
		c.signIn(t, "u1")
		pass(2 * time.Second)
		if n := c.started(t); n != 1 {
			t.Errorf("%d were counted", n)
		}
		for range countBatch / 2 { // with three events each, this is more than one batch
			c.signIn(t, verify.NewID("usr"))
		}
		pass(1100 * time.Millisecond)
		if n := c.started(t); n != countBatch/2+1 {
			t.Errorf("%d were counted of %d", n, countBatch/2+1)
		}
		if q, err := c.store.Queue(t.Context()); !q.UncountedAt.IsZero() || err != nil {
			t.Errorf("since %v one waits to be counted (%v)", q.UncountedAt, err)
		}
		_ = c.store.Close()
		pass(time.Minute)
		if n := strings.Count(said.String(), "counting events"); n != 1 {
			t.Errorf("the log says %d times that it cannot: %s", n, said)
		}
	})
}

// TestForgetting deletes what is too old soon after the start and then every day.
func TestForgetting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := tracked(t, 24*time.Hour, (*counting).forget)
		c.signIn(t, "u1")
		pass(time.Minute)
		if n, err := c.store.CountEvents(t.Context(), countBatch); n == 0 || err != nil {
			t.Fatalf("%d were counted: %v", n, err)
		}
		hour := time.Now().Truncate(time.Hour)
		kept := func() int {
			hours, err := c.store.CountedHours(t.Context(), hour, hour.Add(time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			return len(hours)
		}
		pass(24 * time.Hour) // the look of this day comes too early for it
		synctest.Wait()
		if kept() != 1 {
			t.Error("it was deleted within its day")
		}
		pass(24 * time.Hour)
		if kept() != 0 {
			t.Error("it is kept two days after")
		}
	})
}

// TestLearning asks for a plan at once and every ten minutes, and knows nothing of a
// country without evidence.
func TestLearning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, said := tracked(t, 90*24*time.Hour, (*counting).learn)
		if got := c.predict("US"); got != nil {
			t.Errorf("before the first look: %v", got)
		}
		synctest.Wait()
		if c.plan.Load() == nil {
			t.Fatal("nothing was looked at")
		}
		if got := c.predict("US"); got != nil {
			t.Errorf("without evidence: %v", got)
		}
		first := c.plan.Load()
		pass(planEvery + time.Second)
		if c.plan.Load() == first {
			t.Error("it was looked at once only")
		}
		_ = c.store.Close()
		pass(time.Hour)
		if n := strings.Count(said.String(), "predicting resend delays"); n != 1 {
			t.Errorf("the log says %d times that it fails: %s", n, said)
		}
	})
}

// TestWaiting reads the queue once a second, whoever asks how often.
func TestWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w waiting
		reads := 0
		for range 20 {
			_, _ = w.look(func(context.Context) (verify.Queue, error) { reads++; return verify.Queue{}, nil })
			pass(100 * time.Millisecond)
		}
		if reads != 2 {
			t.Errorf("%d reads in two seconds", reads)
		}
	})
}
