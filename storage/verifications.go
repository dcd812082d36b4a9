package storage

import (
	"context"
	"time"

	"nod/verify"
)

// CreateVerification runs rule in one transaction with the situation of the
// applicant, which no other create of the same user or number can change
// meanwhile. What the rule returns is written with its events, and so is a
// changed Situation.Open; returning Situation.Open itself writes only that. An
// error of the rule is returned as it is and nothing is kept. With a once that
// was used before, the rule does not run: a [*verify.Replay] or
// [verify.ErrIdempotencyConflict] is returned.
func (s *Store) CreateVerification(ctx context.Context, who verify.Applicant, once *verify.Once, rule func(*verify.Situation, time.Time) (*verify.Verification, error)) error {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		if err := t.reserve(ctx, once); err != nil {
			return err
		}
		locks := []string{"user " + who.UserID}
		if !who.Number.IsZero() {
			locks = append(locks, "phone "+t.keys.HashNumber(who.Number))
		}
		if err := t.lockAll(ctx, locks...); err != nil {
			return err
		}
		situation, open, err := t.situation(ctx, who)
		if err != nil {
			return err
		}
		now, err := t.now(ctx)
		if err != nil {
			return err
		}
		v, err := rule(situation, now)
		if err != nil {
			return err
		}
		if open != nil { // first, for it makes room in the unique index
			if err := t.save(ctx, open); err != nil {
				return err
			}
		}
		if open == nil || v != open.Verification {
			if err := t.create(ctx, v); err != nil {
				return err
			}
		}
		return t.record(ctx, once)
	})
}

// situation reads what a create must know. The open verification is locked. The
// conditions are word for word those of the unique indexes on open verifications,
// so that the same indexes answer them.
func (t *tx) situation(ctx context.Context, who verify.Applicant) (*verify.Situation, *aggregate, error) {
	hash := ""
	if !who.Number.IsZero() {
		hash = t.keys.HashNumber(who.Number)
	}
	s := &verify.Situation{}
	var open *aggregate
	var err error
	if who.Purpose == verify.Login {
		open, err = t.one(ctx, "where user_id = $1 and purpose = 'login' and status = 'pending'"+t.forUpdate, who.UserID)
		if err == nil {
			s.ReportedAt, err = t.reportedAt(ctx, who.UserID)
		}
	} else {
		open, err = t.one(ctx, "where user_id = $1 and number_hash = $2 and purpose = 'phone' and status = 'pending'"+t.forUpdate, who.UserID, hash)
	}
	if err != nil {
		return nil, nil, err
	}
	if open != nil {
		s.Open, s.Devices = open.Verification, open.Devices
	} else if s.Devices, err = t.liveDevices(ctx, who.UserID); err != nil {
		return nil, nil, err
	}
	if hash != "" {
		earlier, err := t.rows(ctx, "where user_id = $1 and number_hash = $2 and code_accepted_at is not null order by code_accepted_at desc limit 1", who.UserID, hash)
		if err != nil {
			return nil, nil, err
		}
		if len(earlier) > 0 {
			s.Earlier = earlier[0].Verification
		}
	}
	return s, open, nil
}

// reportedAt reads when a user last said "this isn't me"; zero when never.
func (t *tx) reportedAt(ctx context.Context, userID string) (time.Time, error) {
	ms, err := number(ctx, t, "select max(ended_at) from verifications where user_id = $1 and reason = 'user_reported'", userID)
	if err != nil || ms == 0 {
		return time.Time{}, err
	}
	return time.UnixMilli(ms).UTC(), nil
}

// UpdateVerification runs rule on the verification inside the transaction that
// writes what it changed, one after the other for one id. It returns
// [verify.ErrNotFound], or the rule's error as it is with nothing kept; once is
// as in [Store.CreateVerification].
func (s *Store) UpdateVerification(ctx context.Context, id string, once *verify.Once, rule func(*verify.Verification, time.Time) error) error {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		if err := t.reserve(ctx, once); err != nil {
			return err
		}
		a, err := t.one(ctx, "where id = $1"+t.forUpdate, id)
		if err != nil {
			return err
		}
		if a == nil {
			return verify.ErrNotFound
		}
		now, err := t.now(ctx)
		if err != nil {
			return err
		}
		if err := rule(a.Verification, now); err != nil {
			return err
		}
		if err := t.save(ctx, a); err != nil {
			return err
		}
		return t.record(ctx, once)
	})
}

// Verification reads one verification and the store's time at that moment, or
// returns [verify.ErrNotFound].
func (s *Store) Verification(ctx context.Context, id string) (*verify.Verification, time.Time, error) {
	return s.find(ctx, func(*tx) (string, []any) { return "where id = $1", []any{id} })
}

// NewestVerification reads the verification that a user and number started last
// (a zero number: one without a number) for a purpose, whatever became of it.
func (s *Store) NewestVerification(ctx context.Context, userID string, purpose verify.Purpose, n verify.Number) (*verify.Verification, time.Time, error) {
	return s.find(ctx, func(t *tx) (string, []any) {
		hash := ""
		if !n.IsZero() {
			hash = t.keys.HashNumber(n)
		}
		return "where user_id = $1 and number_hash = $2 and purpose = $3 order by created_at desc, id desc limit 1",
			[]any{userID, hash, string(purpose)}
	})
}

func (s *Store) find(ctx context.Context, which func(*tx) (condition string, args []any)) (v *verify.Verification, now time.Time, err error) {
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		condition, args := which(t)
		a, err := t.one(ctx, condition, args...)
		if err != nil {
			return err
		}
		if a == nil {
			return verify.ErrNotFound
		}
		v = a.Verification
		now, err = t.now(ctx)
		return err
	})
	return v, now, err
}

// OpenPrompts reads the verifications whose prompt the device may answer now.
func (s *Store) OpenPrompts(ctx context.Context, deviceID string) (open []*verify.Verification, now time.Time, err error) {
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		all, err := t.aggregates(ctx, `where purpose = 'login' and status = 'pending'
			and user_id = (select user_id from devices where id = $1 and revoked_at is null)`, deviceID)
		if err != nil {
			return err
		}
		if now, err = t.now(ctx); err != nil {
			return err
		}
		for _, a := range all { // whether a prompt is open is a rule, so Go says it
			if a.Prompt.Open(now) {
				open = append(open, a.Verification)
			}
		}
		return nil
	})
	return open, now, err
}

// Recent reads the verifications that were created last, newest first, without
// what belongs to them: no codes, no deliveries, no devices.
func (s *Store) Recent(ctx context.Context, limit int) (recent []*verify.Verification, err error) {
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		rows, err := t.rows(ctx, "where created_at > 0 order by created_at desc, id desc limit $1", limit)
		for _, a := range rows {
			recent = append(recent, a.Verification)
		}
		return err
	})
	return recent, err
}
