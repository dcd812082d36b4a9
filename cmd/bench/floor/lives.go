package floor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"nod/cmd/bench/load"
	"nod/deploy/throwaway"
)

// People are numbered so that those who are new come once: those of nod, who come again
// when all were there, those of the floor, for each half of a floor others, and those who
// are heard.
const (
	people = 16_000
	ours   = 2_000_000_000_000
	theirs = 3_000_000_000_000
	heard  = 4_000_000_000_000
	apart  = 1_000_000_000
)

// warm is how long each lives before it is measured: connections, statements, plans.
const warm = time.Second

// aim is how many of the lives that the floor has nod is to have.
const aim = 0.7

// Lives tells how many verifications a second live their whole life (created, asked on a
// phone that is there, acknowledged, approved, exchanged) by nod's own store, rules and
// dispatcher, and how many when the same statements are only said: on Postgres by pgbench,
// one at a time, as it does by itself; on SQLite by a bare group-committing writer. Half of
// that is measured before and half after, on the same database. There is no network on either
// side and no phone's signature is checked; every person signs in once, so all that is counted
// is in rows of its own.
//
// On Postgres there is a figure without an aim: pgbench that sends each transaction blindly,
// in one pipeline. What decides by what it reads what it writes cannot have so few round
// trips, though nod has fewer than one a statement.
func Lives(ctx context.Context, on string, callers []int, d time.Duration) (r load.Result, err error) {
	postgres, err := throwaway.StartPostgres(durable)
	if err != nil {
		return r, err
	}
	defer postgres.Close()
	said, err := hear(ctx, postgres)
	if err != nil {
		return r, fmt.Errorf("listening to a life: %w", err)
	}
	statements, transactions := said.statements()
	r = load.Result{
		Scenario: "lives", Against: "nod's store and rules, " + on,
		Load: fmt.Sprintf("%d statements in %d transactions each; for %v, and as long the floor, half before and half after", statements, transactions, d),
	}
	s, err := openSide(ctx, on, postgres, said, 3*len(callers))
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	var begun atomic.Int64
	for _, n := range callers {
		before, err := s.barely(ctx, s.says, n, d/2)
		if err != nil {
			return r, fmt.Errorf("saying lives barely: %w", err)
		}
		var nod float64
		for _, d := range []time.Duration{warm, d} {
			nod, err = load.Flood(ctx, n, d, func(ctx context.Context, _ int) error { return s.bank.live(ctx, ours+begun.Add(1)%people) })
			if err != nil {
				return r, fmt.Errorf("living: %w", err)
			}
		}
		after, err := s.barely(ctx, s.says, n, d/2)
		if err != nil {
			return r, fmt.Errorf("saying lives barely: %w", err)
		}
		bare := (before + after) / 2
		r.Figures = append(r.Figures,
			load.Figure{Name: fmt.Sprintf("lives, %d callers", n), Value: nod, Unit: "1/s", Floor: bare},
			load.Figure{Name: fmt.Sprintf("of the floor, %d callers", n), Value: nod / bare, Aim: aim, Least: true})
		if s.blindly == nil {
			continue
		}
		blind, err := s.barely(ctx, s.blindly, n, d/2)
		if err != nil {
			return r, fmt.Errorf("saying lives blindly: %w", err)
		}
		r.Figures = append(r.Figures, load.Figure{Name: fmt.Sprintf("pgbench, each transaction sent blindly in one pipeline, %d callers", n), Value: blind, Unit: "1/s"})
	}
	return r, nil
}

// hear listens to lives on Postgres: its words both sides can be told in.
func hear(ctx context.Context, postgres *throwaway.Postgres) (l *life, err error) {
	b, err := openBank(ctx, postgres.URL+"&log_statement=all")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	db, err := openPostgres(postgres.URL)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(b.settle(ctx, db, hearings, heard), db.Close()); err != nil {
		return nil, err
	}
	return overhearLife(postgres, func(number int64) error { return b.live(ctx, heard+number) })
}

func openPostgres(url string) (*sql.DB, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	return stdlib.OpenDB(*config), nil
}

// side is one database, with nod and what says the same barely.
type side struct {
	bank    *bank
	db      *sql.DB
	says    says
	blindly says   // nil: on SQLite there are no round trips
	turns   int64  // of the floor so far
	dir     string // of an SQLite file
	bare    *writer
}

// says has so many callers live, from the person with a number on.
type says func(ctx context.Context, callers int, first int64, d time.Duration) (perSecond float64, err error)

// openSide opens it for so many turns of the floor.
func openSide(ctx context.Context, on string, postgres *throwaway.Postgres, said *life, turns int) (s *side, err error) {
	s = &side{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	url := postgres.URL
	if on == SQLite {
		if s.dir, err = os.MkdirTemp("", "nod-bench-"); err != nil {
			return s, err
		}
		url = "sqlite:" + filepath.Join(s.dir, "nod.db")
	}
	if s.bank, err = openBank(ctx, url); err != nil {
		return s, err
	}
	if on == SQLite {
		s.db, err = openSQLite(filepath.Join(s.dir, "nod.db"))
	} else {
		s.db, err = openPostgres(url)
	}
	if err != nil {
		return s, err
	}
	firsts := []int64{ours}
	for i := range turns {
		firsts = append(firsts, theirs+int64(i)*apart)
	}
	if err := s.bank.settle(ctx, s.db, people, firsts...); err != nil {
		return s, err
	}
	if on == SQLite {
		s.bare, err = newWriter(ctx, s.db, said)
		s.says = func(ctx context.Context, callers int, first int64, d time.Duration) (float64, error) {
			return load.Flood(ctx, callers, d, func(ctx context.Context, i int) error { return s.bare.live(ctx, first+int64(i), int64(i)) })
		}
		return s, err
	}
	by := func(script *script) says { // which warms up by itself
		return func(ctx context.Context, callers int, first int64, d time.Duration) (float64, error) {
			return script.run(ctx, postgres, callers, first, d)
		}
	}
	s.says, s.blindly = by(said.script(false)), by(said.script(true))
	_, err = s.db.ExecContext(ctx, "analyze") // as a server does by itself after a minute
	return s, err
}

// barely is the next turn of the floor.
func (s *side) barely(ctx context.Context, says says, callers int, d time.Duration) (perSecond float64, err error) {
	s.turns++
	return says(ctx, callers, theirs+(s.turns-1)*apart, d)
}

func (s *side) close() (err error) {
	if s.bare != nil {
		err = s.bare.close()
	}
	if s.db != nil {
		err = errors.Join(err, s.db.Close())
	}
	if s.bank != nil {
		err = errors.Join(err, s.bank.close())
	}
	if s.dir != "" {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	return err
}
