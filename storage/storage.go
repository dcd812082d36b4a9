// Package storage keeps what nod must not lose, in SQLite or Postgres.
//
// It promises: what was answered as written is written (SQLite runs with
// synchronous=FULL); a rule decides inside the transaction that writes what it
// decided, and nothing survives of a rule that returned an error or panicked;
// changes are told to [Config.Notify] after COMMIT, never before. It holds no
// rule: SQL finds and writes rows, package verify decides.
//
// One implementation and one SQL text serve both databases: text ids, integer
// milliseconds, $n parameters. What differs (row locks, the clock, lists) is the
// few words of a dialect; how a transaction is run is an engine. One conformance
// suite runs against both.
//
// On SQLite there is one writer, because several wait for each other unfairly,
// up to seconds. It takes all callers that wait, up to 128, into one transaction
// with one fsync (group commit), each in a savepoint of its own, so that one
// caller's error, cancel or panic undoes its own work only. That is what makes
// FULL affordable: creates a second (each a verification with its code, delivery
// and events) by 1, 8 and 64 callers on two cores were 1,900, 4,700 and 7,500; in
// the same minute with one COMMIT each 1,600, 1,200 and 2,500 (BenchmarkCreate, before
// there were limits; what these cost is told below).
//
// On Postgres every write is a transaction of its own, in as few round trips as
// its rule allows: one takes the locks and reads, one writes and commits. That is
// why it is spoken to by pgx itself, while database/sql, which can send only one
// statement at a time, remains for SQLite and for migrations. The 20 statements
// of a create are 2 round trips then; before there were limits, creates a second by 1, 8 and 64 callers, on
// loopback and on the same two cores, were 1,400, 3,600 and 2,500, before that
// 760, 1,700 and 1,500 (BenchmarkCreate); every millisecond of network counts
// twice and not twenty times. pgx also says what must be known here and
// database/sql hides: whether COMMIT was sent when a connection died, and its
// socket, which bears the limit of a transaction.
//
// Locks are always taken in the same order – idempotency key, user, phone
// (advisory, until the end of the transaction), then rows, then meters (advisory, by
// their keys: those of users, of numbers, of addresses, of prefixes), then
// the day's spending (advisory), then the user's trusted devices (advisory, and their
// rows), then the cursor of counting, at last the budgets and sums that are added to – so creates
// that could meet run one after the other, and the unique indexes on open
// verifications only stand guard. The clock is read after the locks. Serialization
// failures and deadlocks run the rule again on fresh copies.
//
//	create     user, phone, rows; meters, spending; trusted device; budgets, sums
//	update     row; meters, spending; trusted devices; budgets, sums
//	claim      rows that nobody holds; meters of all, sorted; spending; budgets, sums
//	standing   user, rows; the user's meter; sums
//	erasure    user, rows; the user's meter; cursor
//	a block    its row; the meter of its prefix
//	a sweep    meters that nobody holds
//
// What limits count stands in meters, which only package verify understands (see
// [verify.Meter]), and they are read, decided by and written in the transaction of the
// act: of codes and guesses that many nodes let through at once none is one too many, and
// neither a crash nor a rule's error counts for less or more. A rule says what it wanted
// of them after it ran; then that much is read and it runs again, so what needs no meters
// costs none. What a whole country or everybody shares is added to and not locked, on
// Postgres each connection in a row of its own, or all codes would wait for each other's
// COMMIT: so a country's budget, and it alone, does not show what is being written at that
// moment.
//
// When Postgres is gone or hangs, every call has an error within 2 s, and works
// again as soon as it is back, also when the network has only forgotten the
// connections. A connection that died before COMMIT was sent is replaced, once
// and unseen, and the pool with it; but one that was cut off in slow work alone.
// Once COMMIT was sent it is neither repeated nor given up: without an answer its
// outcome is unknown, the caller has an error, nobody is told, and whoever reads
// what changed ([Store.Changed]) finds it if it was obeyed. A process that is
// stopped in the middle of a transaction keeps its locks for 2 s. One process
// holds 30 connections at most: 20 write, 4 are kept back for what must not wait
// ([Store.Reserved]), 6 read.
//
// Reads of clients that come back share statements, on either database: calls of
// one kind that come while a batch is under way are answered by the next, which
// starts after each of them; on Postgres, those of a crowd begin some time apart,
// so that more share one. Of 1,000 phones and pages that come back at once each
// costs 0.1 statements (TestReconnectsShareStatements).
//
// Events are counted into sums by hour, day and week, each exactly once, by whichever
// node comes first (see [Store.CountEvents]); figures are read from the sums, never from
// events. It reads beside the writers and holds the one writer of SQLite only to add:
// 500 events at once are some 200 rows. On two cores with much else to do it counted
// 29,000 events a second on SQLite and 19,000 on Postgres (BenchmarkCount), 14 µs of
// processor time each; a create makes four. Creates a second by 8 and 64 callers were,
// in the median of six runs in turns, 1,280 and 2,770 on SQLite and 1,180 and 2,100 while
// all their events were counted; on Postgres 560 and 910, and 620 and 1,000, which is
// no difference on a machine so busy (BenchmarkCreate, BenchmarkCreateCounted).
//
// The store's clock decides: clock_timestamp() on Postgres, the process's on
// SQLite, where it never runs backwards and obeys testing/synctest.
//
// Nothing readable of a person rests: numbers, push tokens, the context of a
// request and recorded answers are sealed and bound to their column and row;
// what must be found again stands beside it as a keyed hash. Codes, match
// numbers, client secrets and tokens rest nowhere; they are derived.
package storage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"nod/verify"
)

// Config says where the store is and whom it tells.
type Config struct {
	// URL is sqlite:<path> or postgres://….
	URL string
	// Secret seals the stored keys. PreviousSecret, when set, opens keys that
	// were sealed before a rotation; they are sealed again by Secret at once.
	Secret, PreviousSecret []byte
	// WebhookURL is where the integrator is told of events; empty: nowhere. It only
	// says whether there is something to tell, and to which endpoint an answer
	// 410 belongs: what is sent, others send.
	WebhookURL string
	// Notify is told every change after its COMMIT: for one verification or
	// device in the order of the commits, as far as this process made them. It
	// must neither block nor change what it is given. Nil tells nobody.
	Notify func(verify.Change)
	// Now is the clock of a store on SQLite, for programs that play a past; what it
	// tells never runs backwards. Nil is time.Now. On Postgres the server's clock counts.
	Now func() time.Time
	// Log gets what is nobody's answer. Nil is slog.Default().
	Log *slog.Logger
}

// Store keeps verifications, devices and what belongs to them. It is safe for
// concurrent use. Verifications and devices that it returns are the caller's
// own, but those given to rules belong to the transaction: a rule may keep what
// it was given when it returned nil, to read it.
type Store struct {
	engine   engine
	reserved engine // the same database over connections kept back
	end      func() error
	keys     *verify.Keys
	since    time.Time // when the database was made
	told     *announcer
	shared   *shared
	log      *slog.Logger
	endpoint string // of webhooks: the keyed hash of its URL; empty: webhooks are off
}

// Open migrates the database, opens it, and loads the keys or, the first time,
// makes them. It returns [verify.ErrWrongSecret] when neither secret opens them.
func Open(ctx context.Context, c Config) (*Store, error) {
	s := &Store{log: c.Log, told: &announcer{notify: c.Notify, waiting: map[string]*line{}}}
	if s.log == nil {
		s.log = slog.Default()
	}
	var err error
	if s.engine, s.reserved, err = openEngine(ctx, c.URL, c.Now); err != nil {
		return nil, fmt.Errorf("opening store: %w", err)
	}
	_, inProcess := s.engine.(*sqlite)
	s.shared = newShared(s, !inProcess)
	s.end = sync.OnceValue(func() error {
		err := s.engine.close()
		s.shared.close()
		return err
	})
	if err = migrate(ctx, s.engine, s.log); err == nil {
		s.keys, err = s.loadKeys(ctx, c.Secret, c.PreviousSecret)
	}
	if err == nil && c.WebhookURL != "" {
		s.endpoint = s.keys.Hash("webhook", c.WebhookURL)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening store: %w", err), s.end())
	}
	return s, nil
}

// Migrate brings the database at url to the newest migration. [Open] does it
// too; a deployment of several nodes may want it as a step of its own.
func Migrate(ctx context.Context, url string, log *slog.Logger) error {
	e, _, err := openEngine(ctx, url, nil)
	if err != nil {
		return fmt.Errorf("opening store: %w", err)
	}
	return errors.Join(migrate(ctx, e, log), e.close())
}

// Close ends the store after the batch under way. Work that comes later fails.
func (s *Store) Close() error { return s.end() }

// Reserved is the same store whose writes have a few connections of their own:
// they go on when all others wait. SQLite has one writer for all, so there it is
// no different.
func (s *Store) Reserved() *Store {
	r := *s
	r.engine = s.reserved
	return &r
}

// Keys returns the opened keys.
func (s *Store) Keys() *verify.Keys { return s.keys }

// Now returns the store's clock, in UTC and whole milliseconds.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	return s.shared.clock.ask(ctx, struct{}{})
}

func (s *Store) readClock(ctx context.Context, asked []*question[struct{}, time.Time]) error {
	return s.read(ctx, func(ctx context.Context, t *tx) error {
		now, err := t.look(ctx)
		for _, q := range asked {
			q.answer = now
		}
		return err
	})
}

// Ping reports whether the database is migrated and takes writes: one that has
// become a standby answers, and is of no use.
func (s *Store) Ping(ctx context.Context) error {
	return s.Reserved().write(ctx, func(_ context.Context, t *tx) error {
		t.hold(plain("update keys set created_at = created_at where id = ''")) // no row: only whether it may
		return nil
	})
}

// write runs do in a transaction and tells its changes after COMMIT.
func (s *Store) write(ctx context.Context, do func(context.Context, *tx) error) error {
	var places []*place
	err := s.engine.write(ctx, func(ctx context.Context, t *tx) error {
		s.told.leave(places) // of a try that lost
		places = nil
		begun := time.Now()
		t.keys, t.since, t.webhooks = s.keys, s.since, s.endpoint != ""
		if err := do(ctx, t); err != nil {
			return err
		}
		if err := t.flush(); err != nil {
			return err
		}
		for i := range t.changes {
			t.changes[i].Begun = begun
		}
		places = s.told.queue(t.changes) // the locks are still held: this is the order of the commits
		return nil
	})
	if err != nil {
		s.told.leave(places)
		return err
	}
	s.told.tell(places)
	return nil
}

func (s *Store) read(ctx context.Context, do func(context.Context, *tx) error) error {
	return s.engine.read(ctx, func(ctx context.Context, t *tx) error {
		t.keys = s.keys
		return do(ctx, t)
	})
}

// loadKeys opens the stored keys, makes them when there are none, and seals
// them again after a rotation of the secret.
func (s *Store) loadKeys(ctx context.Context, secret, previous []byte) (keys *verify.Keys, err error) {
	err = s.write(ctx, func(ctx context.Context, t *tx) error {
		var rows []*verify.StoredKey
		now, err := t.look(ctx, append(t.locks("keys"), keyring.reading(&rows, "order by created_at, id"))...)
		if err != nil {
			return err
		}
		var stored []verify.StoredKey
		for _, r := range rows {
			stored = append(stored, *r)
		}
		if len(stored) == 0 {
			if stored, err = verify.NewStoredKeys(secret, now); err != nil {
				return err
			}
			if err := t.writeKeys(stored); err != nil {
				return err
			}
		}
		s.since = stored[0].CreatedAt
		keys, err = verify.OpenKeys(stored, secret, nil)
		if !errors.Is(err, verify.ErrWrongSecret) || previous == nil {
			return err
		}
		if stored, err = verify.Reseal(stored, secret, previous); err != nil {
			return err
		}
		if keys, err = verify.OpenKeys(stored, secret, nil); err != nil {
			return err
		}
		return t.writeKeys(stored)
	})
	return keys, err
}

func (t *tx) writeKeys(stored []verify.StoredKey) error {
	var rows []*verify.StoredKey
	for i := range stored {
		rows = append(rows, &stored[i])
	}
	written, err := keyring.upsert(rows...)
	t.hold(written...)
	return err
}
