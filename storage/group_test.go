package storage

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"nod/verify"
)

// waiting blocks the writer until n callers wait behind it, then lets it go, so
// that they come in full batches. Each caller runs act; the errors are returned.
func waiting(t *testing.T, g *groupCommit, n int, act func(ctx context.Context, q querier, i int) error) []error {
	t.Helper()
	release, errs := make(chan struct{}), make([]error, n)
	var group sync.WaitGroup
	group.Go(func() {
		if err := g.write(t.Context(), func(context.Context, querier) error { <-release; return nil }); err != nil {
			t.Error(err)
		}
	})
	synctest.Wait()
	for i := range n {
		group.Go(func() {
			errs[i] = g.write(t.Context(), func(ctx context.Context, q querier) error { return act(ctx, q, i) })
		})
	}
	synctest.Wait()
	close(release)
	group.Wait()
	return errs
}

func openGroup(t *testing.T) *sqlite {
	t.Helper()
	s, err := openSQLite(t.Context(), filepath.Join(t.TempDir(), "nod.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.group.write(t.Context(), func(ctx context.Context, q querier) error {
		return q.run(ctx, plain("create table rows (n bigint)"))
	}); err != nil {
		t.Fatal(err)
	}
	return s
}

func add(ctx context.Context, q querier, n int) error {
	return q.run(ctx, plain("insert into rows (n) values ($1)", n))
}

func (s *sqlite) count(t *testing.T) (n int64) {
	t.Helper()
	err := s.read(t.Context(), func(ctx context.Context, t *tx) error {
		return t.run(ctx, number(&n, "select count(*) from rows"))
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// What the package promises of SQLite is asked of the connections themselves.
func TestPragmas(t *testing.T) {
	s := openGroup(t)
	ask := func(ctx context.Context, q querier, text string, want int64) {
		t.Helper()
		var got int64
		if err := q.run(ctx, number(&got, text)); err != nil || got != want {
			t.Errorf("%s: %d, want %d (%v)", text, got, want, err)
		}
	}
	for name, run := range map[string]func(context.Context, func(context.Context, querier) error) error{
		"writer": s.group.write,
		"reader": func(ctx context.Context, do func(context.Context, querier) error) error {
			return s.read(ctx, func(ctx context.Context, t *tx) error { return do(ctx, t.conn) })
		},
	} {
		if err := run(t.Context(), func(ctx context.Context, q querier) error {
			ask(ctx, q, "pragma synchronous", 2) // FULL
			ask(ctx, q, "pragma foreign_keys", 1)
			ask(ctx, q, "select count(*) from pragma_journal_mode where journal_mode = 'wal'", 1)
			ask(ctx, q, "pragma query_only", map[string]int64{"reader": 1}[name])
			return nil
		}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A batch whose transaction breaks fails every caller in it, with nothing kept;
// the next batch has a connection of its own. That tells how large a batch is.
func TestBrokenBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openGroup(t)
		ran, failed := 0, 0
		for _, err := range waiting(t, s.group, batchLimit+50, func(ctx context.Context, q querier, i int) error {
			if ran++; ran == batchLimit/2 {
				return q.run(ctx, plain("rollback")) // as SQLite does when a disk is full
			}
			return add(ctx, q, i)
		}) {
			if err != nil {
				failed++
			}
		}
		if failed != batchLimit || s.count(t) != 50 {
			t.Errorf("%d callers failed, %d rows are there; want %d and 50", failed, s.count(t), batchLimit)
		}
	})
}

// A caller whose goroutine ends inside its rule takes nothing along.
func TestExitInsideARule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openGroup(t)
		errs := waiting(t, s.group, 10, func(ctx context.Context, q querier, i int) error {
			if err := add(ctx, q, i); err != nil {
				return err
			}
			if i == 4 {
				runtime.Goexit()
			}
			return nil
		})
		if err := errors.Join(errs...); err != nil || s.count(t) != 9 {
			t.Errorf("%d rows are there (%v), want 9", s.count(t), err)
		}
	})
}

// A caller that gives up while it waits for its turn is not run.
func TestGiveUpWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openGroup(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var group sync.WaitGroup
		group.Go(func() {
			if err := s.group.write(t.Context(), func(context.Context, querier) error { <-time.After(time.Minute); return nil }); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		began := time.Now()
		err := s.group.write(ctx, func(context.Context, querier) error { t.Error("it ran"); return nil })
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("got error %v after %v", err, time.Since(began))
		}
		group.Wait()
	})
}

// A clock that is set back goes on from where it was.
func TestClockSetBack(t *testing.T) {
	c := &clock{}
	first := c.now()
	c.told = c.told.Add(time.Hour) // as if the machine's had been an hour ahead until now
	if now := c.now(); now.Before(first.Add(time.Hour)) {
		t.Errorf("%v after %v", now, first.Add(time.Hour))
	}
	synctest.Test(t, func(t *testing.T) {
		c := &clock{}
		first := c.now()
		c.told = c.told.Add(time.Hour)
		<-time.After(time.Second)
		if got := c.now().Sub(first); got != time.Hour+time.Second {
			t.Errorf("%v passed, want an hour and a second", got)
		}
	})
}

// A listener that panics does not stop what comes after.
func TestAnnouncerAfterPanic(t *testing.T) {
	var told []string
	a := announcer{waiting: map[string]*line{}, notify: func(c verify.Change) {
		told = append(told, c.Device.Name)
		if c.Device.Name == "a" {
			panic("a listener's own")
		}
	}}
	change := func(name string) []*place {
		return a.queue([]verify.Change{{Device: &verify.Device{ID: "dev_1", Name: name}}})
	}
	first, second, third, fourth := change("a"), change("b"), change("c"), change("d")
	a.tell(third) // committed early, told late
	a.leave(second)
	func() {
		defer func() { _ = recover() }()
		a.tell(first)
	}()
	a.tell(fourth)
	if len(told) != 3 || told[1] != "c" || told[2] != "d" || len(a.waiting) != 0 {
		t.Errorf("told %v, %d lines are left", told, len(a.waiting))
	}
}

// Were a locked row ever changed by another, nothing would be written over it.
func TestGuard(t *testing.T) {
	s, err := Open(t.Context(), Config{URL: "sqlite:" + filepath.Join(t.TempDir(), "nod.db"), Secret: []byte("a secret of the tests, 32 bytes or more")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	err = s.write(t.Context(), func(ctx context.Context, t *tx) error {
		v := &verify.Verification{ID: "ver_1", Status: verify.Pending, Seq: 1, CreatedAt: time.UnixMilli(1)}
		if err := t.create(v); err != nil {
			return err
		}
		a, err := watch(opened{Verification: v})
		if err != nil {
			return err
		}
		v.ResendCount = 1
		if err := t.save(a); err != nil {
			return err
		}
		if err := t.run(ctx); err != nil {
			return err
		}
		v.ResendCount, a.seq = 2, 0
		if err := t.save(a); err != nil {
			return err
		}
		if t.run(ctx) == nil {
			return errors.New("it was written over")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
