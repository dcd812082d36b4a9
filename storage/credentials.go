package storage

import (
	"context"
	"strings"
	"time"

	"nod/verify"
)

// SpendTokenID spends a one-use token id of a device, remembered until expires.
// It refuses with unauthenticated when it was spent before.
func (s *Store) SpendTokenID(ctx context.Context, deviceID, jti string, expires time.Time) error {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		id := t.keys.Hash("jti", deviceID+"\x00"+jti)
		return t.run(ctx, statement{
			act:  "spending a token id",
			text: "insert into spent_tokens (id, expires_at) values ($1, $2) on conflict (id) do nothing",
			args: []any{id, expires.UnixMilli()},
			wrote: func(n int64) error {
				if n == 0 {
					return &verify.Refusal{Code: verify.CodeUnauthenticated, Detail: "This device token was used before. Sign a new one, with a new jti, for each request."}
				}
				return nil
			},
		})
	})
}

// FirstAPIKey keeps the hash when there is none yet, and returns all: of several
// processes that start at once on an empty database, one makes the key.
func (s *Store) FirstAPIKey(ctx context.Context, hash string) (hashes []string, err error) {
	err = s.write(ctx, func(ctx context.Context, t *tx) error {
		hashes = nil
		now, err := t.look(ctx, append(t.locks("api keys"), apiKeys(&hashes))...)
		if err != nil || len(hashes) > 0 {
			return err
		}
		hashes = []string{hash}
		t.hold(addAPIKey(hash, now))
		return nil
	})
	return hashes, err
}

// AddAPIKey keeps the hash of an API key; one that is there stays.
func (s *Store) AddAPIKey(ctx context.Context, hash string) error {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		now, err := t.look(ctx)
		t.hold(addAPIKey(hash, now))
		return err
	})
}

func addAPIKey(hash string, now time.Time) statement {
	return plain("insert into api_keys (hash, created_at) values ($1, $2) on conflict (hash) do nothing", hash, now.UnixMilli())
}

// APIKeys reads the hashes of all API keys, oldest first.
func (s *Store) APIKeys(ctx context.Context) (hashes []string, err error) {
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		hashes = nil
		return t.run(ctx, apiKeys(&hashes))
	})
	return hashes, err
}

func apiKeys(hashes *[]string) statement {
	return statement{act: "reading api_keys", text: "select hash from api_keys order by created_at, hash", row: func(scan func(...any) error) error {
		*hashes = append(*hashes, "")
		return scan(&(*hashes)[len(*hashes)-1])
	}}
}

// enrollmentRest is how long an enrollment is kept after its end, so that a late
// phone is told why it was refused.
const enrollmentRest = 24 * time.Hour

// sweepLimit is how many rows one statement deletes, so that the one writer of
// SQLite is not held for long: some milliseconds, for each is in several indexes.
const sweepLimit = 100

// Sweep deletes what has expired: spent token ids, recorded answers, enrollments,
// trusted devices, meters, budgets, sums that no limit looks back to, and webhooks that were
// delivered or given up long ago. Verifications and events are kept.
func (s *Store) Sweep(ctx context.Context) error {
	for _, kind := range []struct {
		table, key, condition, time string
		age                         time.Duration
	}{
		{"meters", "key", "", "expires_at", 0},
		{"budgets", "(country, ends_at, width, slot)", "", "ends_at", 0},
		{"sums", "(name, start, slot)", "", "start", sumsKept},
		{"spent_tokens", "id", "", "expires_at", 0},
		{"idempotency", "id", "", "created_at", verify.IdempotencyWindow},
		{"enrollments", "id", "", "expires_at", enrollmentRest},
		{"trusted_devices", "id", "", "expires_at", 0},
		{"webhooks", "event_id", "state = 'delivered' and ", "settled_at", deliveredRest},
		{"webhooks", "event_id", "state = 'failed' and ", "settled_at", undeliveredRest},
		{"webhooks", "event_id", "state = 'held' and ", "settled_at", undeliveredRest},
		{"webhooks", "event_id", "state = 'waiting' and ", "due_at", undeliveredRest}, // webhooks were switched off
	} {
		err := inSteps(ctx, func() (more bool, err error) {
			err = s.write(ctx, func(ctx context.Context, t *tx) error {
				now, err := t.look(ctx)
				if err != nil {
					return err
				}
				passing := ""
				if kind.table == "meters" || kind.table == "budgets" { // they are written in another order
					passing = t.skipLocked
				}
				text := "delete from " + kind.table + " where " + kind.key + " in (select " + strings.Trim(kind.key, "()") + " from " + kind.table +
					" where " + kind.condition + kind.time + " <= $1 order by " + kind.time + " limit $2" + passing + ")"
				return t.run(ctx, statement{act: "sweeping " + kind.table, text: text, args: []any{now.Add(-kind.age).UnixMilli(), sweepLimit}, wrote: func(n int64) error {
					more = n == sweepLimit
					return nil
				}})
			})
			return more, err
		})
		if err != nil {
			return err
		}
	}
	if file, ok := s.engine.(*sqlite); ok {
		return file.wipe(ctx)
	}
	return nil
}
