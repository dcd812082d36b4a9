package storage

import (
	"context"
	"errors"
	"time"

	"nod/verify"
)

// UpdateStanding runs rule on what operators decided about a user, on the user's meter
// and on the user's pending verifications, in the transaction that writes what it changed
// with the events that the rule returns. No create of the user runs meanwhile. A user of whom
// nothing is known has the zero hold under their name. The operator may have come to
// the user through a verification of theirs, which then is the standing's, also when it
// has ended; one that is not there is [verify.ErrNotFound]. once is as in
// [Store.CreateVerification].
func (s *Store) UpdateStanding(ctx context.Context, userID, through string, once *verify.Once, rule func(*verify.Standing, time.Time) []verify.Event) error {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		if err := t.reserve(ctx, once); err != nil {
			return err
		}
		var (
			rows []*verify.Hold
			f    found
		)
		const (
			pending = "where user_id = $1 and status = 'pending' and purpose = "
			ended   = "where id = $1 and user_id = $2 and status <> 'pending'" // or else it is among those
		)
		all := append(t.locks("user "+userID), readingHold(&rows, userID),
			verifications.reading(&f.rows, pending+"'login'"+t.forUpdate, userID),
			verifications.reading(&f.rows, pending+"'phone'"+t.forUpdate, userID))
		for _, purpose := range []string{"'login'", "'phone'"} {
			all = append(all, f.owned("in (select id from verifications "+pending+purpose+")", userID)...)
		}
		if through != "" {
			all = append(all, verifications.reading(&f.rows, ended+t.forUpdate, through, userID))
			all = append(all, f.owned("in (select id from verifications "+ended+")", through, userID)...)
		}
		of := &subject{userID: userID}
		taken, metered, err := t.readingMeters(verify.NeedUser, of)
		if err != nil {
			return err
		}
		now, err := t.look(ctx, append(append(all, f.live("= $1", userID)), metered...)...)
		if err != nil {
			return err
		}
		if err := t.take(verify.NeedUser, taken, now); err != nil {
			return err
		}
		standing := verify.Standing{Hold: holdOf(userID, rows), Meters: t.metersOf(of, verify.NeedUser)}
		var watched []*aggregate
		for _, o := range t.open(&f) {
			a, err := watch(o)
			if err != nil {
				return err
			}
			watched, a.Meters = append(watched, a), standing.Meters
			if !a.Terminal() {
				standing.Open = append(standing.Open, a.Verification)
			}
			if a.ID == through {
				standing.Through = a.Verification
			}
		}
		if through != "" && standing.Through == nil {
			return verify.ErrNotFound
		}
		before := standing.Hold
		es := rule(&standing, now)
		if standing.Hold != before {
			written, err := holds.upsert(&standing.Hold)
			if err != nil {
				return err
			}
			t.hold(written...)
		}
		if standing.Meters.Lacks() != verify.NeedNone {
			return errors.New("a rule of a standing wants more than the user's meter")
		}
		for _, a := range watched {
			a.Meters = nil
		}
		if err := t.meters.settle(true); err != nil {
			return err
		}
		if err := t.saveStanding(watched, es); err != nil {
			return err
		}
		return t.record(once)
	})
}

// saveStanding writes what a rule made of verifications, and what it told of the user.
func (t *tx) saveStanding(watched []*aggregate, es []verify.Event) error {
	for _, a := range watched {
		if err := t.save(a); err != nil {
			return err
		}
	}
	if len(es) == 0 {
		return nil
	}
	t.changes = append(t.changes, verify.Change{Events: es})
	return t.tell(es)
}

func readingHold(rows *[]*verify.Hold, userID string) statement {
	return holds.reading(rows, "where user_id = $1", userID)
}

// holdOf is that of a user in what was read: one row, or none.
func holdOf(userID string, rows []*verify.Hold) verify.Hold {
	if len(rows) == 0 {
		return verify.Hold{UserID: userID}
	}
	return *rows[0]
}
