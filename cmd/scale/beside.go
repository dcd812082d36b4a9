package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"nod/cmd/bench/load"
)

const (
	backlog = 200_000          // events that the roll-up finds not counted
	alone   = 15 * time.Second // how long nothing else is done before and after
	patient = 2 * time.Minute  // how long a background task may take
	look    = 200 * time.Millisecond
	day     = 24 * time.Hour
)

// beside times creates on a long history while something else is done there: an operator
// reads figures, the roll-up has a backlog, a day is forgotten.
func (s *scale) beside(ctx context.Context, p *pair) (load.Result, error) {
	raw, _, err := p.many.loader(ctx)
	if err != nil {
		return load.Result{}, err
	}
	defer func() { _ = raw.close() }() // it reads, and moves a cursor
	r := load.Result{Scenario: "growth: beside", Against: "nod, " + p.name, Load: fmt.Sprintf("%d sign-ins a second over REST, %s rows of history", rate, shown(p.many.rows))}
	oldest, err := p.many.oldest(ctx)
	if err != nil {
		return r, err
	}
	days := int((time.Since(oldest) - day/2) / day) // a day, or half of one more, is older
	for _, work := range []struct {
		what string
		days int
		do   func(ctx context.Context, at *node, begun func()) error
	}{
		{"the console", forAWhile, operate},
		{"the roll-up", forAWhile, func(ctx context.Context, _ *node, begun func()) error { return rollUp(ctx, raw, begun) }},
		{"retention", days, func(ctx context.Context, _ *node, begun func()) error { return forget(ctx, raw, days, begun) }},
	} {
		without, with, err := s.while(ctx, p.many, work.days, work.do)
		if err != nil {
			return r, fmt.Errorf("%s: %w", work.what, err)
		}
		if with["create"].Count() == 0 {
			return r, fmt.Errorf("%s: it was over before anybody signed in", work.what)
		}
		for _, percent := range []float64{50, 99} {
			a, b := load.Ms(without["create"].At(percent)), load.Ms(with["create"].At(percent))
			name := fmt.Sprintf("create p%.0f beside %s", percent, work.what)
			r.Figures = append(r.Figures, load.Figure{Name: name + ", without", Value: a, Unit: "ms"},
				load.Figure{Name: name + ", with", Value: b, Unit: "ms"}, load.Figure{Name: name + ", ratio", Value: b / a, Aim: most})
		}
	}
	return r, nil
}

// while times sign-ins while something is done, from when it says that it has begun, and
// before and after it.
func (s *scale) while(ctx context.Context, d *database, days int, do func(ctx context.Context, at *node, begun func()) error) (without, with times, err error) {
	n, err := s.start(ctx, d, days)
	if err != nil {
		return nil, nil, err
	}
	defer n.stop()
	ctx, stop := context.WithTimeout(ctx, patient)
	defer stop()
	warm := newTimes()
	c := &crowd{at: n}
	if err := c.come(ctx, warming/2, func() times { return warm }); err != nil {
		return nil, nil, err
	}
	without, with = newTimes(), newTimes()
	var into atomic.Pointer[times]
	into.Store(&without)
	over := make(chan error, 1)
	lives, end := context.WithCancel(ctx)
	defer end()
	go func() {
		err := c.come(lives, patient, func() times { return *into.Load() })
		if lives.Err() != nil {
			err = nil // it was ended
		}
		over <- err
	}()
	err = do(ctx, n, func() { into.Store(&with) })
	into.Store(&without)
	err = errors.Join(err, until(ctx, time.Now().Add(alone)))
	end()
	return without, with, errors.Join(err, <-over)
}

// operate is an operator who looks at one thing after the other.
func operate(ctx context.Context, at *node, begun func()) error {
	if err := until(ctx, time.Now().Add(alone)); err != nil {
		return err
	}
	begun()
	m := at.database.month
	_, number := m.who(m.size() / 2)
	for end := time.Now().Add(2 * alone); time.Now().Before(end); {
		for _, path := range []string{"overview", "delays", "hours", "channels", "recommendations"} {
			if err := at.call(ctx, http.MethodGet, "/api/v1/analytics/"+path+"?days=90", nil, nil); err != nil {
				return err
			}
			if err := at.call(ctx, http.MethodPost, "/api/v1/search", map[string]string{"query": number.E164()}, nil); err != nil {
				return err
			}
			if err := at.call(ctx, http.MethodGet, "/api/v1/operator-acts", nil, nil); err != nil {
				return err
			}
			if err := until(ctx, time.Now().Add(look)); err != nil {
				return err
			}
		}
	}
	return nil
}

// rollUp sets back up to which event the sums count, and waits until nod has counted
// them. They count these twice then, which nobody minds here.
func rollUp(ctx context.Context, raw loader, begun func()) error {
	if err := until(ctx, time.Now().Add(alone)); err != nil {
		return err
	}
	last, err := raw.texts("select cast(at as text) from tally_cursor")
	if err != nil {
		return err
	}
	from, err := raw.texts(fmt.Sprint("select cast(at as text) from events order by at desc limit 1 offset ", backlog))
	if err != nil {
		return err
	}
	begun()
	if err := raw.exec("update tally_cursor set id = '', at = " + from[0]); err != nil {
		return err
	}
	return waitFor(ctx, raw, "select cast(at as text) from tally_cursor", last[0])
}

// forget waits until nod begins to forget what is older than so many days, some seconds
// after its start, and until it has.
func forget(ctx context.Context, raw loader, days int, begun func()) error {
	end := time.Now().Add(-time.Duration(days) * day)
	const oldest = "select cast(min(start) as text) from tallies where span = 'hour'"
	first, err := raw.texts(oldest)
	if err != nil {
		return err
	}
	for now := first; now[0] == first[0]; {
		if err := until(ctx, time.Now().Add(look)); err != nil {
			return err
		}
		if now, err = raw.texts(oldest); err != nil {
			return err
		}
	}
	begun()
	if err := waitFor(ctx, raw, "select cast(min(at) as text) from events", strconv.FormatInt(end.UnixMilli(), 10)); err != nil {
		return err
	}
	return until(ctx, time.Now().Add(time.Second)) // it empties the log
}

// waitFor waits until a time in the database has come so far.
func waitFor(ctx context.Context, raw loader, query, target string) error {
	end, err := strconv.ParseInt(target, 10, 64)
	if err != nil {
		return err
	}
	for {
		now, err := raw.texts(query)
		if err != nil {
			return err
		}
		if at, err := strconv.ParseInt(now[0], 10, 64); err != nil || at >= end {
			return err
		}
		if err := until(ctx, time.Now().Add(look)); err != nil {
			return err
		}
	}
}
