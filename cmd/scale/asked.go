package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"nod/analytics"
	"nod/cmd/bench/load"
	"nod/deploy/traffic"
	"nod/storage"
	"nod/verify"
)

const (
	rounds      = 25   // how often each is timed
	warmings    = 8    // and done before: Postgres settles on a plan after five
	countAtOnce = 5000 // events in one step of counting
)

// task is something that the program asks of the store.
type task struct {
	what string
	do   func(ctx context.Context, round int) error
	same bool // it asks the store what the one before asks
}

// asked times what the program asks of the store on a short history and on a long one,
// in turn.
func asked(ctx context.Context, p *pair) (r load.Result, err error) {
	r = load.Result{
		Scenario: "growth: asked of the store", Against: "nod, " + p.name,
		Load: fmt.Sprintf("one after the other, each %d times, %s and %s rows of history in turn, of 10 and of 90 days", rounds, shown(p.few.rows), shown(p.many.rows)),
	}
	var tasks [2][]task
	for i, d := range []*database{p.few, p.many} {
		store, err := open(ctx, d.url)
		if err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, store.Close()) }()
		if tasks[i], err = d.month.tasks(ctx, store); err != nil {
			return r, err
		}
	}
	for i, t := range tasks[0] {
		took := [2]*load.Latency{load.NewLatency(), load.NewLatency()}
		for round := range warmings + rounds {
			for j := range took {
				begun := time.Now()
				if err := tasks[j][i].do(ctx, round); err != nil {
					return r, fmt.Errorf("%s: %w", t.what, err)
				}
				if round >= warmings {
					took[j].Since(begun)
				}
			}
		}
		a, b := load.Ms(took[0].At(50)), load.Ms(took[1].At(50))
		r.Figures = append(r.Figures, load.Figure{Name: t.what + ", " + shown(p.few.rows) + " rows", Value: a, Unit: "ms"},
			load.Figure{Name: t.what + ", " + shown(p.many.rows) + " rows", Value: b, Unit: "ms"}, load.Figure{Name: t.what + ", ratio", Value: b / a})
	}
	return r, nil
}

// countAll is nod counting what it has not counted yet.
func countAll(ctx context.Context, d *database) (counted int, err error) {
	store, err := open(ctx, d.url)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	for n := -1; n != 0; counted += n {
		if n, err = store.CountEvents(ctx, countAtOnce); err != nil {
			return counted, err
		}
	}
	return counted, nil
}

// tasks are what pages, consoles, the dispatcher and integrators ask for.
func (m *month) tasks(ctx context.Context, store *storage.Store) ([]task, error) {
	user, number := m.who(m.size() - 1)
	found, err := store.Search(ctx, number, 1)
	if err != nil || len(found) == 0 {
		return nil, errors.Join(errors.New("nobody is found by a number"), err)
	}
	verification := found[0].ID
	hour := m.end.Truncate(time.Hour)
	told := func(what string, of func(analytics.Told)) task {
		return task{"analytics/" + what + ", 90 days", func(ctx context.Context, _ int) error {
			cuts, _ := analytics.Cuts(m.end, 90)
			spans, err := store.CountedSpans(ctx, cuts)
			of(analytics.Tell(spans))
			return err
		}, what != "overview"}
	}
	asks := func(what string, do func(context.Context) error) task {
		return task{what, func(ctx context.Context, _ int) error { return do(ctx) }, false}
	}
	policy, hasty := traffic.Policy(), traffic.Policy()
	hasty.ResendDelays = []time.Duration{time.Second} // who signed in while it was measured comes again
	return []task{
		told("overview", func(t analytics.Told) { t.Overview(nil) }),
		told("delays", func(t analytics.Told) { t.Delays() }),
		told("hours", func(t analytics.Told) { t.Hours() }),
		told("channels", func(t analytics.Told) { t.Channels() }),
		told("recommendations", func(t analytics.Told) { t.Recommendations(analytics.Rules{ResendDelays: policy.ResendDelays}) }),
		asks("pulse of each second", func(ctx context.Context) error {
			_, err := store.CountedHours(ctx, hour, hour.Add(time.Hour))
			return err
		}),
		asks("pulse of each minute (24 hours)", func(ctx context.Context) error {
			_, err := store.CountedHours(ctx, hour.Add(-24*time.Hour), hour)
			return err
		}),
		asks("pulse of each hour (28 days)", func(ctx context.Context) error {
			for day := 2; day <= 28; day++ {
				at := hour.Add(-time.Duration(day) * 24 * time.Hour)
				if _, err := store.CountedHours(ctx, at, at.Add(time.Hour)); err != nil {
					return err
				}
			}
			return nil
		}),
		asks("Queue", func(ctx context.Context) error { _, err := store.Queue(ctx); return err }),
		asks("Recent, 50", func(ctx context.Context) error { _, err := store.Recent(ctx, 50); return err }),
		asks("Search, 50", func(ctx context.Context) error { _, err := store.Search(ctx, number, 50); return err }),
		asks("OperatorActs, 100", func(ctx context.Context) error { _, err := store.OperatorActs(ctx, 100); return err }),
		asks("timeline", func(ctx context.Context) error {
			_, _, err := store.Verification(ctx, verification)
			if err == nil {
				_, err = store.EventsAfter(ctx, verification, 0, 500)
			}
			return err
		}),
		asks("own figures, 90 days", func(ctx context.Context) error {
			_, err := store.UserEvents(ctx, user, m.end.Add(-90*24*time.Hour))
			return err
		}),
		asks("Changed, 10 s", func(ctx context.Context) error {
			_, err := store.Changed(ctx, time.Now().Add(-10*time.Second), time.Time{})
			return err
		}),
		asks("ClaimDue", func(ctx context.Context) error {
			_, _, err := store.ClaimDue(ctx, 128, func(v *verify.Verification, now time.Time) error {
				v.Advance(&policy, now) // what a measurement left behind ends
				return nil
			})
			return err
		}),
		{"create and cancel", func(ctx context.Context, round int) error { return m.create(ctx, store, round, &hasty) }, false},
	}, nil
}

// create starts and cancels a sign-in of somebody who was here before.
func (m *month) create(ctx context.Context, store *storage.Store, round int, policy *verify.Policy) error {
	q := verify.Request{
		ID: verify.NewID("ver"), KeyID: store.Keys().CodeKey(), SignKeyID: store.Keys().SignKey(),
		Purpose: verify.Login, Channel: verify.Auto,
	}
	q.UserID, q.Number = m.who(round * 7919 % m.size())
	who := verify.Applicant{UserID: q.UserID, Purpose: q.Purpose, Number: q.Number}
	err := store.CreateVerification(ctx, who, nil, func(s *verify.Situation, now time.Time) (*verify.Verification, error) {
		return verify.Start(q, s, policy, now)
	})
	if err != nil {
		return err
	}
	return store.UpdateVerification(ctx, q.ID, nil, func(v *verify.Verification, now time.Time) error { return v.Cancel(now) })
}
