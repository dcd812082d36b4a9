package floor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// batchLimit is how many callers share one COMMIT at most, as in the store.
const batchLimit = 128

// readers is how many connections read beside the writer, as in the store.
const readers = 4

// writer says lives to SQLite without deciding anything: one connection that takes what
// waits into one transaction, each unit in a savepoint of its own, and a few that read.
type writer struct {
	life    *life
	jobs    chan *job
	reading chan *speaker
	conns   []*speaker
	gone    sync.WaitGroup
}

// job is one unit of one life.
type job struct {
	unit          *goes
	number, later int64
	done          chan error
}

// speaker is one connection with its prepared statements.
type speaker struct {
	*sql.Conn
	prepared map[string]*sql.Stmt
}

// newWriter takes a life that was heard from Postgres.
func newWriter(ctx context.Context, db *sql.DB, heard *life) (*writer, error) {
	l, err := heard.forSQLite()
	if err != nil {
		return nil, err
	}
	w := &writer{life: l, jobs: make(chan *job), reading: make(chan *speaker, readers)}
	for range 1 + readers {
		c, err := db.Conn(ctx)
		if err != nil {
			return nil, errors.Join(err, w.close())
		}
		w.conns = append(w.conns, &speaker{c, map[string]*sql.Stmt{}})
	}
	for _, c := range w.conns[1:] {
		w.reading <- c
	}
	w.gone.Go(func() { w.run(context.WithoutCancel(ctx), w.conns[0]) })
	return w, nil
}

func (w *writer) close() error {
	close(w.jobs)
	w.gone.Wait()
	var all error
	for _, c := range w.conns {
		for _, s := range c.prepared {
			all = errors.Join(all, s.Close())
		}
		all = errors.Join(all, c.Close())
	}
	return all
}

// live says one life.
func (w *writer) live(ctx context.Context, number, later int64) error {
	for i := range w.life.units {
		j := &job{&w.life.units[i], number, later, make(chan error, 1)}
		if !j.unit.writes {
			c := <-w.reading
			err := j.say(context.WithoutCancel(ctx), c, "begin", "rollback")
			w.reading <- c
			if err != nil {
				return err
			}
			continue
		}
		w.jobs <- j
		if err := <-j.done; err != nil {
			return err
		}
	}
	return nil
}

// run commits what waits, until there is nothing to come.
func (w *writer) run(ctx context.Context, c *speaker) {
	for first := range w.jobs {
		batch := []*job{first}
		for waiting := true; waiting && len(batch) < batchLimit; {
			select {
			case j, more := <-w.jobs:
				if waiting = more; more {
					batch = append(batch, j)
				}
			default:
				waiting = false
			}
		}
		err := commit(ctx, c, batch)
		if err != nil {
			_ = c.say(ctx, "rollback", nil) // then there is none to be rolled back
		}
		for _, j := range batch {
			j.done <- err
		}
	}
}

func commit(ctx context.Context, c *speaker, batch []*job) error {
	if err := c.say(ctx, "begin immediate", nil); err != nil {
		return err
	}
	for _, j := range batch {
		if err := j.say(ctx, c, "savepoint job", "release savepoint job"); err != nil {
			return err
		}
	}
	return c.say(ctx, "commit", nil)
}

// say says a unit between two words.
func (j *job) say(ctx context.Context, c *speaker, begin, end string) error {
	if err := c.say(ctx, begin, nil); err != nil {
		return err
	}
	for _, l := range j.unit.lines {
		args := make([]any, len(l.terms))
		for i, t := range l.terms {
			args[i] = t.value(j.number, j.later)
		}
		if err := c.say(ctx, l.text, args); err != nil {
			return fmt.Errorf("%s: %w", l.text, err)
		}
	}
	return c.say(ctx, end, nil)
}

// say says one statement and reads all of its answer.
func (c *speaker) say(ctx context.Context, text string, args []any) (err error) {
	p := c.prepared[text]
	if p == nil {
		if p, err = c.PrepareContext(ctx, text); err != nil {
			return err
		}
		c.prepared[text] = p
	}
	if !strings.HasPrefix(text, "select") {
		_, err = p.ExecContext(ctx, args...)
		return err
	}
	rows, err := p.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	for rows.Next() { // that they are read is all
	}
	return errors.Join(rows.Close(), rows.Err())
}

// The words in which the two databases differ (see storage's dialect): locks and the
// clock, which SQLite needs not, and lists.
var (
	onlyPostgres = regexp.MustCompile(`pg_advisory_xact_lock|^select floor\(extract\(epoch from clock_timestamp\(\)\)`)
	forSQLite    = strings.NewReplacer(
		" for update skip locked", "", " for update", "",
		"= any (array(select jsonb_array_elements_text($1::jsonb)))", "in (select value from json_each($1))",
	)
	foreign = regexp.MustCompile(`::|\bpg_|jsonb|clock_timestamp`)
)

// forSQLite is the same life as the store tells it to SQLite.
func (l *life) forSQLite() (*life, error) {
	out := &life{}
	for _, u := range l.units {
		g := goes{writes: u.writes}
		for _, s := range u.lines {
			if onlyPostgres.MatchString(s.text) {
				continue
			}
			s.text = forSQLite.Replace(s.text)
			if word := foreign.FindString(s.text); word != "" {
				return nil, fmt.Errorf("SQLite has no word for %q in %q", word, s.text)
			}
			g.lines = append(g.lines, s)
		}
		if len(g.lines) > 0 {
			out.units = append(out.units, g)
		}
	}
	return out, nil
}
