package storage

import (
	"context"

	"nod/verify"
)

// Search reads the verifications of a number, newest first.
func (s *Store) Search(ctx context.Context, n verify.Number, limit int) ([]*verify.Verification, error) {
	return nil, nil
}

// Queue reads what waits and since when.
func (s *Store) Queue(ctx context.Context) (verify.Queue, error) { return verify.Queue{}, nil }

// OperatorActs reads what operators did last, newest first.
func (s *Store) OperatorActs(ctx context.Context, limit int) ([]verify.Event, error) { return nil, nil }
