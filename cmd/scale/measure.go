package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"nod/analytics"
	"nod/deploy/traffic"
	"nod/storage"
	"nod/verify"
)

const (
	rounds      = 25   // how often each is timed
	countAtOnce = 5000 // events in one step of counting
)

// report is what was found in one database.
type report struct {
	name  string
	sizes string
	rows  []figure
}

// figure is how long something took.
type figure struct {
	what          string
	median, worst time.Duration
	once          string // of what is done once: what was done, and how fast
}

// task is something that the program asks of the store.
type task struct {
	what string
	do   func(ctx context.Context, round int) error
	same bool // it asks the store what the one before asks
}

// measure times what the program asks.
func measure(ctx context.Context, d *database, m *month) (r report, err error) {
	r.name = d.name
	store, err := open(ctx, d.url)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	counted, err := countAll(ctx, store)
	if err != nil {
		return r, err
	}
	r.rows = append(r.rows, counted)
	if r.sizes, err = d.sizes(ctx); err != nil {
		return r, err
	}
	tasks, err := m.tasks(ctx, store)
	if err != nil {
		return r, err
	}
	for _, t := range tasks {
		f, err := timed(ctx, t)
		if err != nil {
			return r, fmt.Errorf("%s: %w", t.what, err)
		}
		r.rows = append(r.rows, f)
	}
	forgotten, err := m.forgetDay(ctx, d, store)
	if err != nil {
		return r, err
	}
	r.rows = append(r.rows, forgotten)
	return r, nil
}

func timed(ctx context.Context, t task) (figure, error) {
	var took []time.Duration
	for i := range rounds {
		began := time.Now()
		if err := t.do(ctx, i); err != nil {
			return figure{}, err
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return figure{what: t.what, median: took[len(took)/2], worst: took[len(took)-1]}, nil
}

// countAll is nod counting what it has not counted yet.
func countAll(ctx context.Context, store *storage.Store) (figure, error) {
	began, counted := time.Now(), 0
	for n := -1; n != 0; counted += n {
		var err error
		if n, err = store.CountEvents(ctx, countAtOnce); err != nil {
			return figure{}, err
		}
	}
	took := time.Since(began)
	f := figure{what: "CountEvents", once: fmt.Sprintf("%d events in %v", counted, took.Round(time.Second))}
	if counted > countAtOnce {
		f.once += fmt.Sprintf(", %.0f a second", float64(counted)/took.Seconds())
	}
	return f, nil
}

// sample is somebody of the middle of the month, and one of their verifications.
type sample struct {
	user, verification string
	number             verify.Number
}

func (m *month) sample() (s sample, err error) {
	t := m.tables["verifications"]
	c := copyOf{n: (blocks-1)*m.copies + 1, shift: -7_001}
	sealed, id, user := t.at("number_sealed"), t.at("id"), t.at("user_id")
	row := t.rows[len(t.rows)/2]
	open, err := m.number("number_sealed", t)(row[sealed], row, c)
	if err != nil {
		return s, err
	}
	s.verification, s.user = m.idOf(row[id], c), fmt.Sprintf("%v-%d", row[user], c.n)
	e164, err := m.keys.Open(fmt.Sprint(open), "verifications.number."+s.verification)
	s.number = verify.StoredNumber(e164)
	return s, err
}

// tasks are what pages, consoles, the dispatcher and integrators ask for.
func (m *month) tasks(ctx context.Context, store *storage.Store) ([]task, error) {
	who, err := m.sample()
	if err != nil {
		return nil, err
	}
	found, err := store.Search(ctx, who.number, 1)
	if err != nil || len(found) == 0 {
		return nil, errors.Join(errors.New("nobody is found by a number"), err)
	}
	who.verification = found[0].ID // ids are drawn anew by each run
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
	policy := traffic.Policy()
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
		asks("Search, 50", func(ctx context.Context) error { _, err := store.Search(ctx, who.number, 50); return err }),
		asks("OperatorActs, 100", func(ctx context.Context) error { _, err := store.OperatorActs(ctx, 100); return err }),
		asks("timeline", func(ctx context.Context) error {
			_, _, err := store.Verification(ctx, who.verification)
			if err == nil {
				_, err = store.EventsAfter(ctx, who.verification, 0, 500)
			}
			return err
		}),
		asks("own figures, 90 days", func(ctx context.Context) error {
			_, err := store.UserEvents(ctx, who.user, m.end.Add(-90*24*time.Hour))
			return err
		}),
		asks("Changed, 10 s", func(ctx context.Context) error {
			_, err := store.Changed(ctx, m.end.Add(-10*time.Second), time.Time{})
			return err
		}),
		asks("ClaimDue", func(ctx context.Context) error {
			_, _, err := store.ClaimDue(ctx, 128, func(*verify.Verification, time.Time) error { return nil })
			return err
		}),
		{"create and cancel", func(ctx context.Context, round int) error { return m.create(ctx, store, round, &policy) }, false},
	}, nil
}

// create starts and cancels a sign-in of somebody who was here before.
func (m *month) create(ctx context.Context, store *storage.Store, round int, policy *verify.Policy) error {
	q := verify.Request{
		ID: verify.NewID("ver"), KeyID: store.Keys().CodeKey(), SignKeyID: store.Keys().SignKey(),
		UserID: fmt.Sprintf("person-%05d-%d", 100+round, round), Purpose: verify.Login, Channel: verify.Auto, Number: verify.StoredNumber("+4915120000000"),
	}
	who := verify.Applicant{UserID: q.UserID, Purpose: q.Purpose, Number: q.Number}
	err := store.CreateVerification(ctx, who, nil, func(s *verify.Situation, now time.Time) (*verify.Verification, error) {
		return verify.Start(q, s, policy, now)
	})
	if err != nil {
		return err
	}
	return store.UpdateVerification(ctx, q.ID, nil, func(v *verify.Verification, now time.Time) error { return v.Cancel(now) })
}

// forgetDay is the clean-up of a day: of the oldest that is there.
func (m *month) forgetDay(ctx context.Context, d *database, store *storage.Store) (f figure, err error) {
	oldest, before, err := d.events(ctx)
	if err != nil {
		return f, err
	}
	began := time.Now()
	if err := store.ForgetOld(ctx, began.Sub(oldest.Add(24*time.Hour))); err != nil {
		return f, err
	}
	took := time.Since(began)
	_, after, err := d.events(ctx)
	return figure{what: "ForgetOld, a day", once: fmt.Sprintf("%d events in %v", before-after, took.Round(100*time.Millisecond))}, err
}

// show prints the reports side by side, then the plans.
func show(out io.Writer, all []report, plans []plan) error {
	t := tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "\n")
	for _, r := range all {
		fmt.Fprintf(out, "%s: %s\n", r.name, r.sizes)
		fmt.Fprintf(t, "\t%s\tworst of %d", r.name, rounds)
	}
	fmt.Fprint(t, "\t\n")
	for i, first := range all[0].rows {
		if first.once != "" {
			continue
		}
		fmt.Fprint(t, first.what)
		for _, r := range all {
			fmt.Fprintf(t, "\t%s\t%s", milliseconds(r.rows[i].median), milliseconds(r.rows[i].worst))
		}
		fmt.Fprint(t, "\t\n")
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, r := range all {
		for _, f := range r.rows {
			if f.once != "" {
				fmt.Fprintf(out, "%s, %s: %s\n", f.what, r.name, f.once)
			}
		}
	}
	for _, p := range plans {
		fmt.Fprintf(out, "\n%s\n  SQLite    %s\n  Postgres  %s\n", p.what, distinct(p.sqlite), distinct(p.postgres))
	}
	return nil
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d.Microseconds())/1000)
}
