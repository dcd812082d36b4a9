package storage

import (
	"context"
	"time"

	"nod/analytics"
)

// CountEvents adds new events to the sums, at most limit of them, and returns how
// many it added: 0 when there is nothing new.
func (s *Store) CountEvents(ctx context.Context, limit int) (counted int, err error) { return 0, nil }

// CountedSpans reads the sums of the days between two neighbours of cuts each.
func (s *Store) CountedSpans(ctx context.Context, cuts []time.Time) ([]analytics.Span, error) {
	return nil, nil
}

// CountedHours reads the sums of the hours from a time until before another.
func (s *Store) CountedHours(ctx context.Context, from, to time.Time) ([]analytics.Hour, error) {
	return nil, nil
}
