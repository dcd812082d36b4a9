package storage

import (
	"context"
	"maps"
	"slices"

	"nod/analytics"
	"nod/verify"
)

// MigrationLock is the id of the lock under which Postgres is migrated.
const MigrationLock = migrationLockID

// Statements returns every text that an SQLite store has sent so far. Nobody
// may use the store meanwhile.
func (s *Store) Statements() []string {
	e := s.engine.(*sqlite)
	texts := maps.Clone(e.group.conn.statements)
	for range readers {
		conn := <-e.idle
		maps.Copy(texts, conn.statements)
		e.idle <- conn
	}
	return slices.Sorted(maps.Keys(texts))
}

// Facts are events as they are counted.
func (s *Store) Facts(es []verify.Event) []analytics.Event { return s.facts(es) }

// Person stands for a user in the sums.
func (s *Store) Person(userID string) string { return s.person(userID) }

// ReadToCount is the first half of CountEvents and returns the second.
func (s *Store) ReadToCount(ctx context.Context, limit int) (add func() (int, error), err error) {
	b, err := s.nextBatch(ctx, limit)
	return func() (int, error) { return s.addBatch(ctx, b) }, err
}

// Horizon is up to when events are counted while a transaction runs.
var Horizon = horizon
