package storage

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pressly/goose/v3"

	"nod/migrations"
)

// migrateTries is how often a migration is tried: on SQLite, where goose takes
// no lock, a process that lost a race finds the work done the next time.
const migrateTries = 3

// migrate brings a database to the newest migration. Several processes may do
// it at once.
func migrate(ctx context.Context, e engine, log *slog.Logger) error {
	db, kind, options, err := e.migrator()
	if err != nil {
		return fmt.Errorf("migrating: %w", err)
	}
	p, err := goose.NewProvider(kind, db, migrations.Files, options...)
	if err != nil {
		return fmt.Errorf("migrating: %w", err)
	}
	for try := 1; ; try++ {
		done, err := p.Up(ctx)
		for _, m := range done {
			log.InfoContext(ctx, "migrated the database", "migration", m.Source.Path, "took_ms", m.Duration.Milliseconds())
		}
		if err == nil {
			return nil
		}
		if try == migrateTries || ctx.Err() != nil {
			return fmt.Errorf("migrating: %w", err)
		}
	}
}
