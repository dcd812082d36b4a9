package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pressly/goose/v3"

	"nod/verify"
)

// errClosed is returned for work that comes after Close.
var errClosed = errors.New("the store is closed")

// transactionLimit ends a transaction that hangs, with all that belongs to it:
// waiting for a connection, BEGIN, the second try and COMMIT. Together with what
// a server does around it, a caller has his answer within 2 s. Whoever looks for
// events by their time looks further back than this.
const transactionLimit = 1800 * time.Millisecond

// errSlow is returned when the database has not answered in time. Whether what
// was being committed is committed is then unknown.
var errSlow = fmt.Errorf("the database has not answered for %v", transactionLimit)

// engine runs transactions of one kind of database. do may run more than once,
// each time from fresh rows; what it returns is returned as it is.
type engine interface {
	// write commits what do wrote when do returns nil, and nothing otherwise.
	write(ctx context.Context, do func(context.Context, *tx) error) error
	// read lets do read. What one call of [tx.run] reads is one state.
	read(ctx context.Context, do func(context.Context, *tx) error) error
	// migrator gives what package goose needs to migrate this database, and what
	// ends that.
	migrator() (*sql.DB, goose.Dialect, []goose.ProviderOption, func() error)
	close() error
}

// dialect is what differs between the databases inside one statement.
type dialect struct {
	forUpdate  string // locks the selected rows
	skipLocked string // the same, passing by what others hold
	inList     string // one of the values in a JSON array, which is parameter $1
	lock       string // takes the lock named by parameter %d until the end of the transaction; empty: there is one writer anyway
	lockEach   string // takes those of meters, by their keys in a JSON array, which is parameter $1; empty likewise
	clock      string // the database's clock, an expression; empty: it is the process's
	process    *clock
	running    string // reads when the oldest transaction that runs began; empty: there is one writer
}

// querier is one connection in a transaction.
type querier interface {
	// run sends statements, on Postgres in one round trip, and gives each what
	// came of it, in order. It ends at the first error.
	run(ctx context.Context, all ...statement) error
}

// tx is one transaction.
type tx struct {
	*dialect
	conn    querier
	held    []statement // go out with the next ones, at the latest before COMMIT
	keys    *verify.Keys
	since   time.Time       // when the deployment's database was made
	changes []verify.Change // told after COMMIT
	meters  book            // of those who were counted
	sums    []verify.Sum    // to be added
	slot    int64           // where this connection adds

	webhooks bool // events are told to the integrator too
}

// run sends statements after those that are held.
func (t *tx) run(ctx context.Context, all ...statement) error {
	all = append(t.held, all...)
	t.held = nil
	return t.conn.run(ctx, all...)
}

// hold keeps statements back that nobody waits for, so that many share a round
// trip.
func (t *tx) hold(all ...statement) { t.held = append(t.held, all...) }

// look runs statements and reads the store's clock behind them: after the locks
// that they take, so that two transactions that waited for each other see times
// in the order they run.
func (t *tx) look(ctx context.Context, all ...statement) (now time.Time, err error) {
	if t.clock == "" {
		err = t.run(ctx, all...)
		return t.process.now(), err
	}
	err = t.run(ctx, append(all, statement{act: "reading the clock", text: "select " + t.clock, row: func(scan func(...any) error) error {
		return scan((*millis)(&now))
	}})...)
	return now, err
}

// locks takes named locks in the order given. Everybody names them in one order:
// idempotency key (by its row), user, phone, then the rows themselves, behind them the
// meters, and then the trusted devices of a user with their rows.
func (t *tx) locks(names ...string) []statement {
	if t.lock == "" {
		return nil
	}
	s := statement{act: "locking"}
	var each []string
	for i, name := range names {
		each, s.args = append(each, fmt.Sprintf(t.lock, i+1)), append(s.args, name)
	}
	s.text = "select " + strings.Join(each, ", ")
	return []statement{s}
}

// part is what is to be written of one thing among many, or why it is not.
type part struct {
	writes  []statement
	changes []verify.Change
	sums    []verify.Sum
	failed  error
}

// collect runs do, which sends nothing, and takes what it held back and changed out
// of the transaction.
func (t *tx) collect(do func() error) *part {
	held, changes, sums := t.held, t.changes, t.sums
	t.held, t.changes, t.sums = nil, nil, nil
	err := do()
	p := &part{t.held, t.changes, t.sums, err}
	t.held, t.changes, t.sums = held, changes, sums
	return p
}

// sendEach writes the parts that have not failed: all in one round trip or, when
// the database refuses that, one by one. One that it refuses has failed, and
// nothing of it is left.
func (t *tx) sendEach(ctx context.Context, parts []*part) error {
	whole := slices.DeleteFunc(slices.Clone(parts), func(p *part) bool { return p.failed != nil })
	if failed, err := t.send(ctx, whole...); failed == nil || err != nil {
		return err
	}
	for _, p := range whole {
		var err error
		if p.failed, err = t.send(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// send writes parts so that an error of theirs, returned as failed, undoes them and
// nothing else. With broken the whole transaction has to end.
func (t *tx) send(ctx context.Context, parts ...*part) (failed, broken error) {
	if len(parts) == 0 {
		return nil, nil
	}
	t.hold(plain("savepoint step"))
	for _, p := range parts {
		t.hold(p.writes...)
	}
	if failed = t.run(ctx, plain("release savepoint step")); failed == nil {
		for _, p := range parts {
			t.changes, t.sums = append(t.changes, p.changes...), append(t.sums, p.sums...)
		}
		return nil, nil
	}
	if passing(failed) {
		return failed, failed
	}
	if t.run(ctx, plain("rollback to savepoint step")) != nil { // what came before it failed, or the connection
		return failed, failed
	}
	t.hold(plain("release savepoint step")) // not with it: Postgres prepares nothing before it has rolled back
	return failed, nil
}

// openEngine reads the scheme of a database URL and opens the engine for it, and
// the same over connections of its own.
func openEngine(ctx context.Context, url string, now func() time.Time) (e, reserved engine, err error) {
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok && path != "" {
		s, err := openSQLite(ctx, path, now)
		return s, s, err
	}
	if strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://") {
		p, err := openPostgres(ctx, url)
		if err != nil {
			return nil, nil, err
		}
		return p, p.small, nil
	}
	return nil, nil, errors.New("the database URL must begin with sqlite: or postgres://")
}
