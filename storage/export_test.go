package storage

import (
	"maps"
	"slices"
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
