package storage

import (
	"context"
	"time"

	"nod/verify"
)

// Settings reads what a user chose, and the store's time at that moment. Whoever
// chose nothing has the zero settings under their name.
func (s *Store) Settings(ctx context.Context, userID string) (chosen verify.Settings, now time.Time, err error) {
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		var rows []*verify.Settings
		now, err = t.look(ctx, readingSettings(&rows, userID))
		chosen = settingsOf(userID, rows)
		return err
	})
	return chosen, now, err
}

// UpdateSettings runs rule on what a user chose, in the transaction that writes it
// with the events that the rule returns. No create of the user runs meanwhile. No
// events mean that nothing changed, and nothing is written. It returns what is
// chosen now.
func (s *Store) UpdateSettings(ctx context.Context, userID string, rule func(*verify.Settings, time.Time) []verify.Event) (chosen verify.Settings, now time.Time, err error) {
	err = s.write(ctx, func(ctx context.Context, t *tx) error {
		var rows []*verify.Settings
		if now, err = t.look(ctx, append(t.locks("user "+userID), readingSettings(&rows, userID))...); err != nil {
			return err
		}
		chosen = settingsOf(userID, rows)
		es := rule(&chosen, now)
		if len(es) == 0 {
			return nil
		}
		written, err := settings.upsert(&chosen)
		if err != nil {
			return err
		}
		t.hold(written...)
		t.changes = append(t.changes, verify.Change{Events: es})
		return t.tell(es)
	})
	return chosen, now, err
}

func readingSettings(rows *[]*verify.Settings, userID string) statement {
	return settings.reading(rows, "where user_id = $1", userID)
}

// settingsOf are those of a user in what was read: one row, or none.
func settingsOf(userID string, rows []*verify.Settings) verify.Settings {
	if len(rows) == 0 {
		return verify.Settings{UserID: userID}
	}
	return *rows[0]
}
