package storage_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"nod/deploy/throwaway"
	"nod/storage"
	"nod/verify"
)

// What is promised is 2 s for an answer and 3 s to be back; a busy machine gets
// more before a test fails, and the log says what it was.
const (
	answerWithin = 4 * time.Second
	backWithin   = 6 * time.Second
)

// frail is a Postgres that is reached over a network that can fail.
type frail struct {
	database
	server *throwaway.Postgres // of one test's own, or nil
	net    *throwaway.Proxy
}

func newFrail(t *testing.T) frail {
	t.Helper()
	server, err := throwaway.StartPostgres()
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(server.Close)
	return overNet(t, newSchema(t, server.URL), server)
}

// newFrailNet is for tests in which only the network fails: the server is that of all.
func newFrailNet(t *testing.T) frail { return overNet(t, newPostgres(t), nil) }

func overNet(t *testing.T, db database, server *throwaway.Postgres) frail {
	t.Helper()
	f := frail{database: db, server: server}
	var err error
	if f.net, err = throwaway.NewProxy(f.url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.net.Close)
	f.url = f.net.URL
	return f
}

// kill ends all connections of the store.
func (f frail) kill(t *testing.T) {
	f.exec(t, "select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()")
}

// calls is one call of each kind that a server makes, often enough to need every
// connection of every pool.
func calls(s *storage.Store, v *verify.Verification, d *verify.Device) (all []func() error) {
	ctx := context.Background()
	reuse := func(v *verify.Verification, now time.Time) error { v.Reuse(now); return nil }
	for i := range 25 {
		all = append(all,
			func() error { _, err := admit(s, request(s, fmt.Sprint("user ", i)), nil); return err },
			func() error { _, err := s.EventsAfter(ctx, v.ID, 0, 10); return err })
	}
	for range 5 {
		all = append(all, func() error { return s.Reserved().UpdateVerification(ctx, v.ID, nil, reuse) })
	}
	return append(all,
		func() error { _, err := s.Now(ctx); return err },
		func() error { _, _, err := s.Verification(ctx, v.ID); return err },
		func() error { _, _, err := s.Device(ctx, d.ID); return err },
		func() error { _, _, err := s.OpenPrompts(ctx, d.ID); return err },
		func() error { _, err := s.Changed(ctx, v.CreatedAt, time.Time{}); return err },
		func() error { _, _, err := s.ClaimDue(ctx, 1, lease); return err },
		func() error { return s.TouchDevices(ctx, []string{d.ID}) },
		func() error { return s.Ping(ctx) },
	)
}

// busy opens a store and has it use all of its connections. It returns calls that
// do that, and the verification that is one subject of them.
func (f frail) busy(t *testing.T, change ...func(*storage.Config)) (s *storage.Store, v *verify.Verification, all []func() error) {
	t.Helper()
	s = f.open(t, change...)
	d := enroll(t, s, "u1", "")
	v = mustAdmit(t, s, request(s, "u1"))
	all = calls(s, v, d)
	if err := errors.Join(gather(len(all), func(i int) error { return all[i]() })...); err != nil {
		t.Fatal(err)
	}
	return s, v, all
}

// comesBack waits until all calls succeed at once.
func comesBack(t *testing.T, all []func() error) {
	t.Helper()
	began := time.Now()
	for again := time.NewTicker(20 * time.Millisecond); ; <-again.C {
		err := errors.Join(gather(len(all), func(i int) error { return all[i]() })...)
		if err == nil {
			t.Logf("back after %v", time.Since(began))
			return
		}
		if time.Since(began) > backWithin {
			t.Fatal("it does not come back: ", err)
		}
	}
}

// While Postgres is gone, however it went, every call fails in time; once it is
// back, so is the store. What was answered as written is there, and what was not
// answered was told to nobody.
func TestOutages(t *testing.T) {
	for name, outage := range map[string]struct {
		on         func(*testing.T) frail
		begin, end func(frail) error
	}{
		"stopped":   {newFrail, func(f frail) error { f.server.Stop(); return nil }, func(f frail) error { return f.server.Start() }},
		"paused":    {newFrail, func(f frail) error { f.server.Pause(); return nil }, func(f frail) error { f.server.Resume(); return nil }},
		"half-open": {newFrailNet, func(f frail) error { f.net.Stall(); return nil }, func(f frail) error { f.net.Heal(); return nil }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, told := outage.on(t), &diary{}
			s, v, all := f.busy(t, told.config)
			told.take()

			// It happens while one is between its rule and COMMIT.
			began := time.Now()
			q := request(s, "u2")
			err := s.CreateVerification(context.Background(), verify.Applicant{UserID: q.UserID, Purpose: q.Purpose, Number: q.Number}, nil,
				func(sit *verify.Situation, now time.Time) (*verify.Verification, error) {
					if err := outage.begin(f); err != nil {
						t.Error(err)
					}
					return verify.Start(q, sit, policy, now)
				})
			if took := time.Since(began); err == nil || took > answerWithin {
				t.Errorf("a COMMIT into nothing: %v after %v", err, took)
			}
			for i, err := range gather(len(all), func(i int) error {
				began := time.Now()
				if err := all[i](); err == nil {
					return errors.New("it was answered")
				}
				if took := time.Since(began); took > answerWithin {
					return fmt.Errorf("it took %v", took)
				}
				return nil
			}) {
				if err != nil {
					t.Errorf("call %d: %v", i, err)
				}
			}
			if changes := told.take(); len(changes) != 0 {
				t.Errorf("%d changes were told that were never answered", len(changes))
			}

			if err := outage.end(f); err != nil {
				t.Fatal(err)
			}
			comesBack(t, all)
			for _, c := range told.take() {
				if c.Verification != nil && c.Verification.ID == q.ID {
					t.Error("what was never answered was told")
				}
			}
			if got := load(t, s, v.ID); got.SecretGeneration < 1+5+5 {
				t.Errorf("updates that were answered are lost: generation %d", got.SecretGeneration)
			}
		})
	}
}

// Connections that a router has forgotten never say that they are dead. New ones
// take their places, although the old ones are long in ending.
func TestForgottenConnections(t *testing.T) {
	for name, rest := range map[string]time.Duration{"busy": 0, "idle": 1500 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFrailNet(t)
			_, _, all := f.busy(t)
			<-time.After(rest)
			f.net.Forget()
			comesBack(t, all)
		})
	}
}

// A store that ends does not wait for a server that says nothing.
func TestCloseInOutage(t *testing.T) {
	t.Parallel()
	f := newFrailNet(t)
	s, _, all := f.busy(t)
	f.net.Stall()
	gather(len(all), func(i int) error { return all[i]() })
	began := time.Now()
	err := s.Close()
	if took := time.Since(began); err != nil || took > answerWithin {
		t.Errorf("it took %v (%v)", took, err)
	}
}

// A transaction that is cut off because it began late or waited long loses its own
// connection. The others are as good as before: to make all anew would be the most
// expensive answer to a database that is slow.
func TestSlowTransaction(t *testing.T) {
	t.Parallel()
	f := newFrail(t)
	s, v, all := f.busy(t)
	f.exec(t, "create function sleep() returns trigger language plpgsql as 'begin perform pg_sleep(1); return new; end'")
	f.exec(t, "create trigger sleeps before update on verifications for each row when (new.resend_count = 7) execute function sleep()")
	const connected = "select pid::text from pg_stat_activity where backend_type = 'client backend'"
	before := texts(t, f.raw, connected)
	err := s.UpdateVerification(context.Background(), v.ID, nil, func(v *verify.Verification, _ time.Time) error {
		v.ResendCount = 7
		<-time.After(1200 * time.Millisecond)
		return nil
	})
	if err == nil {
		t.Error("it was not cut off")
	}
	if err := errors.Join(gather(len(all), func(i int) error { return all[i]() })...); err != nil {
		t.Error(err)
	}
	after := texts(t, f.raw, connected)
	lost := slices.DeleteFunc(before, func(pid string) bool { return slices.Contains(after, pid) })
	if len(lost) == 0 || len(lost) > 5 { // a busy machine may be slow with others too
		t.Errorf("%d connections are gone, want 1", len(lost))
	}
}

// When all connections are killed nobody notices: what had not come to its
// COMMIT runs again, once.
func TestKilledConnections(t *testing.T) {
	t.Parallel()
	f := newFrail(t)
	s, v, all := f.busy(t)
	for range 3 {
		f.kill(t)
		for i, err := range gather(len(all), func(i int) error { return all[i]() }) {
			if err != nil {
				t.Errorf("call %d: %v", i, err)
			}
		}
	}
	runs := 0
	update(t, s, v.ID, func(v *verify.Verification, now time.Time) {
		if runs++; runs == 1 {
			f.kill(t)
		}
		v.Reuse(now)
	})
	if runs != 2 {
		t.Errorf("the rule ran %d times, want 2", runs)
	}
}

// A COMMIT whose answer is lost gets an error and is never sent again. Here it
// was obeyed: nobody was told, and who looks for changes finds it.
func TestUnknownOutcome(t *testing.T) {
	t.Parallel()
	f, told, ctx := newFrail(t), &diary{}, context.Background()
	s := f.open(t, told.config)
	began, err := s.Now(ctx)
	if err != nil {
		t.Fatal(err)
	}
	f.exec(t, "create function wait() returns trigger language plpgsql as 'begin perform pg_advisory_xact_lock(1); return null; end'")
	f.exec(t, "create constraint trigger waits after insert on verifications deferrable initially deferred for each row execute function wait()")
	holder, err := f.raw.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := holder.Exec("select pg_advisory_xact_lock(1)"); err != nil {
		t.Fatal(err)
	}
	q, runs := request(s, "u1"), 0
	caller, leave := context.WithCancel(ctx)
	answer := make(chan error, 1)
	go func() {
		answer <- s.CreateVerification(caller, verify.Applicant{UserID: q.UserID, Purpose: q.Purpose, Number: q.Number, Codes: true}, nil,
			func(sit *verify.Situation, now time.Time) (*verify.Verification, error) {
				runs++
				return verify.Start(q, sit, policy, now)
			})
	}()
	for again := time.NewTicker(5 * time.Millisecond); len(texts(t, f.raw, "select 'x' from pg_locks where locktype = 'advisory' and classid = 0 and objid = 1 and not granted")) == 0; <-again.C {
	}
	leave() // a caller who leaves does not stop a COMMIT
	f.net.Cut()
	if err := <-answer; err == nil || errors.Is(err, context.Canceled) || runs != 1 {
		t.Errorf("answered %v after %d runs", err, runs)
	}
	if err := holder.Rollback(); err != nil {
		t.Fatal(err)
	}
	again := time.NewTicker(20 * time.Millisecond)
	for len(texts(t, f.raw, "select id from verifications")) == 0 {
		<-again.C
	}
	f.net.Heal()
	limit := time.After(backWithin)
	for found := false; !found; {
		changed, err := s.Changed(ctx, began, time.Time{})
		found = err == nil && len(changed) == 1 && changed[0].VerificationID == q.ID
		select {
		case <-again.C:
		case <-limit:
			t.Fatalf("changed are %v (%v)", changed, err)
		}
	}
	if len(told.take()) != 0 {
		t.Error("an unknown outcome was told")
	}
}

// A process that is stopped in the middle of a transaction does not keep others
// out for long.
func TestFrozenTransaction(t *testing.T) {
	t.Parallel()
	db := newPostgres(t)
	s, other := db.open(t), db.open(t)
	v := mustAdmit(t, s, request(s, "u1"))
	locked, thaw, frozen := make(chan struct{}, 1), make(chan struct{}), make(chan error, 1)
	go func() {
		frozen <- s.UpdateVerification(context.Background(), v.ID, nil, func(v *verify.Verification, now time.Time) error {
			locked <- struct{}{}
			<-thaw
			v.Reuse(now)
			return nil
		})
	}()
	select {
	case <-locked:
	case err := <-frozen:
		t.Fatal(err)
	}
	began := time.Now()
	for {
		err := other.UpdateVerification(context.Background(), v.ID, nil, func(v *verify.Verification, now time.Time) error {
			v.ResendCount++
			return nil
		})
		if err == nil {
			break
		}
		if time.Since(began) > 10*time.Second {
			t.Error(err)
			break
		}
	}
	t.Logf("kept out for %v", time.Since(began))
	close(thaw)
	err := <-frozen
	if got := load(t, other, v.ID); err == nil || got.ResendCount != 1 || got.SecretGeneration != 1 {
		t.Errorf("the frozen one got %v and wrote over what came after it: %d resends, generation %d", err, got.ResendCount, got.SecretGeneration)
	}
}

// What runs on the reserved connections goes on while everything else is stuck.
func TestReserved(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t)
		stuck, free := mustAdmit(t, s, request(s, "u1")), mustAdmit(t, s, request(s, "u2"))
		if db.kind == "postgres" {
			holder, err := db.raw.Begin()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = holder.Rollback() }()
			if _, err := holder.Exec("select id from verifications where id = $1 for update", stuck.ID); err != nil {
				t.Fatal(err)
			}
			done := make(chan []error, 1)
			go func() {
				done <- gather(30, func(int) error {
					return s.UpdateVerification(context.Background(), stuck.ID, nil, func(*verify.Verification, time.Time) error { return nil })
				})
			}()
			for again := time.NewTicker(5 * time.Millisecond); len(texts(t, db.raw, "select 'x' from pg_stat_activity where wait_event_type = 'Lock'")) < 20; <-again.C {
			}
			defer func() {
				for _, err := range <-done {
					if err == nil {
						t.Error("a caller came through the lock")
					}
				}
			}()
		}
		began := time.Now()
		if err := s.Reserved().UpdateVerification(context.Background(), free.ID, nil, func(v *verify.Verification, now time.Time) error {
			v.Reuse(now)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		t.Logf("decided after %v", time.Since(began))
		if got := load(t, s, free.ID); got.SecretGeneration != 2 {
			t.Errorf("generation %d", got.SecretGeneration)
		}
	})
}

// A Postgres that has become a standby, or was made read-only, is no good to be
// asked, though it answers.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	f := newFrail(t)
	s := f.open(t)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	pings := func(good bool) {
		t.Helper()
		for end := time.Now().Add(backWithin); (s.Ping(context.Background()) == nil) != good; <-again.C {
			if time.Now().After(end) {
				t.Fatalf("the answer to a ping does not become %t", good)
			}
		}
	}
	pings(true)
	for _, change := range []string{"set default_transaction_read_only = on", "reset default_transaction_read_only"} {
		f.exec(t, "alter system "+change)
		f.exec(t, "select pg_reload_conf()")
		pings(change[0] == 'r')
	}
}
