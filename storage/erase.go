package storage

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"nod/verify"
)

const (
	// eraseLimit is how many verifications one transaction erases, with all that belongs
	// to them, and ten times as many other events.
	eraseLimit = 100
	// eraseTries is how often what a user starts meanwhile is ended.
	eraseTries = 20
)

// named are the tables of a user whose rows a recorded answer may name.
var named = []string{"devices", "trusted_devices", "enrollments"}

// errRevived says that a user has started something, or an answer was recorded, since
// it was looked after.
var errRevived = errors.New("the user goes on to start verifications or to add devices: end that, then erase again")

// Erase deletes everything that is kept about a user, for the operator that by names.
// It may be called again, also when it ended half-way, and for somebody who is not known.
// What stays names nobody: sums, that somebody was one of the people behind them, and
// what operators did, this too ([verify.ActErase]).
//
// First what runs is ended: pending verifications are canceled and live devices revoked,
// in a transaction of its own, whose events are told as ever – so pages and phones are
// let go of, and nothing more is sent. Then the rows go, some at a time: recorded
// answers about them, verifications with their codes, deliveries, events and webhooks,
// at last the rest. Each of these transactions sees with the locks in its hands that
// nothing runs; if something does, it begins again. What the user starts after the last
// one belongs to somebody new.
func (s *Store) Erase(ctx context.Context, userID, by string) error {
	defer s.wipe(ctx)
	for range eraseTries {
		if err := s.endAll(ctx, userID); err != nil {
			return err
		}
		if err := s.eraseAnswers(ctx, userID); err != nil {
			return err
		}
		err := s.eraseRows(ctx, userID, by)
		if !errors.Is(err, errRevived) {
			return err
		}
	}
	return errRevived
}

// wipe leaves no byte of what was deleted in a file of SQLite: now or, when readers
// hinder that, with the next [Store.Sweep].
func (s *Store) wipe(ctx context.Context) {
	if file, ok := s.engine.(*sqlite); ok {
		file.stained.Store(true)
		_ = file.wipe(ctx)
	}
}

// endAll cancels the pending verifications of a user and revokes the live devices.
func (s *Store) endAll(ctx context.Context, userID string) error {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		var (
			own []*deviceRow
			f   found
		)
		// Devices before verifications, as whoever updates a device has it.
		all := append(t.locks("user "+userID), devices.reading(&own, "where user_id = $1 and revoked_at is null order by id"+t.forUpdate, userID))
		const pending = "where user_id = $1 and status = 'pending'"
		all = append(all, verifications.reading(&f.rows, pending+t.forUpdate, userID))
		all = append(all, f.owned("in (select id from verifications "+pending+")", userID)...)
		now, err := t.look(ctx, all...)
		if err != nil {
			return err
		}
		for _, o := range t.open(&f) {
			a, err := t.decide(ctx, o, verify.NeedNone, now, (*verify.Verification).Cancel)
			if err != nil {
				return fmt.Errorf("ending verification %s: %w", o.ID, err)
			}
			if err := t.save(a); err != nil {
				return err
			}
		}
		for _, r := range own {
			if err := t.openPush(r); err != nil {
				return err
			}
			r.RevokedAt = now
			t.hold(plain("update devices set revoked_at = $1 where id = $2", now.UnixMilli(), r.ID))
			if err := t.tellDevice(r.Device, now, []verify.Event{{Name: verify.EventDeviceRevoked}}); err != nil {
				return err
			}
		}
		return nil
	})
}

// eraseAnswers deletes the answers that are recorded about a user. It holds no lock
// of theirs, because who repeats a call takes that of its key first.
func (s *Store) eraseAnswers(ctx context.Context, userID string) error {
	return s.write(ctx, func(_ context.Context, t *tx) error {
		t.hold(t.locks("erase " + userID)...) // two that erase the same do not meet among the rows
		t.hold(plain("delete from idempotency where verification_id <> '' and verification_id "+ofUser, userID))
		for _, table := range named {
			t.hold(plain("delete from idempotency where subject <> '' and subject in (select id from "+table+" where user_id = $1)", userID))
		}
		return nil
	})
}

// eraseRows deletes what is left of a user of whom nothing runs.
func (s *Store) eraseRows(ctx context.Context, userID, by string) error {
	for more := true; more; {
		err := s.write(ctx, func(ctx context.Context, t *tx) (err error) {
			if more, err = t.eraseVerifications(ctx, userID); more || err != nil {
				return err
			}
			if more, err = t.eraseRest(ctx, userID); more || err != nil {
				return err
			}
			now, err := t.forgetMeter(ctx, userID)
			if err != nil {
				return err
			}
			t.forgetPerson(s.person(userID))
			return t.note(verify.EventData{Action: verify.ActErase, By: by}, now)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// eraseVerifications takes the user's locks and deletes some verifications. It says
// whether there are more.
func (t *tx) eraseVerifications(ctx context.Context, userID string) (more bool, err error) {
	var (
		running, answered int64
		ids               []string
	)
	one := func(scan func(...any) error) error {
		var id string
		var runs bool
		err := scan(&id, &runs)
		if ids = append(ids, id); runs {
			running++
		}
		return err
	}
	err = t.run(ctx, append(t.locks("user "+userID),
		statement{act: "locking devices", text: "select id, revoked_at is null from devices where user_id = $1 order by id" + t.forUpdate, args: []any{userID}, row: one})...)
	if err != nil {
		return false, err
	}
	ids = nil
	err = t.run(ctx, statement{
		act: "locking verifications", text: "select id, status = 'pending' from verifications where user_id = $1 limit $2" + t.forUpdate, args: []any{userID, eraseLimit}, row: one,
	})
	if err != nil || running > 0 {
		return false, cmp.Or(err, errRevived)
	}
	list, err := listOf(ids)
	if err != nil {
		return false, err
	}
	if err := t.run(ctx, number(&answered, "select count(*) from idempotency where verification_id <> '' and verification_id "+t.inList, list)); err != nil || answered > 0 {
		return false, cmp.Or(err, errRevived)
	}
	if err := t.keepActs(ctx, "verification_id "+t.inList, list); err != nil {
		return false, err
	}
	t.hold(plain("delete from events where verification_id "+t.inList, list), plain("delete from verifications where id "+t.inList, list))
	return len(ids) == eraseLimit, nil
}

// keepActs leaves what operators did, without about whom: those who act are watched by
// it, and it is not theirs to undo by an erasure. Not even the ids of the events stay,
// which the integrator was told. The events themselves are deleted by the caller.
func (t *tx) keepActs(ctx context.Context, condition string, args ...any) error {
	acts, err := t.events(ctx, "where name = 'operator.acted' and "+condition, args...)
	if err != nil {
		return err
	}
	kept := make([]*verify.Event, len(acts))
	for i, e := range acts {
		kept[i] = &verify.Event{ID: verify.NewID("evt"), Name: e.Name, At: e.At, Data: verify.EventData{Action: e.Data.Action, By: e.Data.By}}
	}
	written, err := events.insert(kept...)
	t.hold(written...)
	return err
}

// forgetPerson puts a random token in the place of a person behind sums, one for all of
// theirs. So they go on to be counted as one – of the people of a day only a few are kept,
// who cannot be made up for later –, and nobody can tell or compute any more who it was.
// Who counts events of theirs meanwhile sees that somebody was erased, and writes nothing.
func (t *tx) forgetPerson(person string) {
	t.hold(plain("update tally_cursor set erasures = erasures + 1"),
		plain("update tally_people set person = $1 where person = $2", rand.Text(), person))
}

// forgetMeter takes from the user's meter what is no limit's: those must not be got
// around by an erasure, and name nobody.
func (t *tx) forgetMeter(ctx context.Context, userID string) (now time.Time, err error) {
	of := &subject{userID: userID}
	if now, err = t.readMeters(ctx, verify.NeedUser, of); err != nil {
		return now, err
	}
	t.metersOf(of, verify.NeedUser).User.Forget()
	return now, t.meters.settle(true)
}

// eraseRest deletes what is of no verification. It says whether there is more.
func (t *tx) eraseRest(ctx context.Context, userID string) (more bool, err error) {
	var ids []string
	all := t.locks("trusted " + userID)
	for _, table := range named {
		all = append(all, statement{act: "locking " + table, text: "select id from " + table + " where user_id = $1" + t.forUpdate, args: []any{userID}, row: func(scan func(...any) error) error {
			ids = append(ids, "")
			return scan(&ids[len(ids)-1])
		}})
	}
	if err := t.run(ctx, all...); err != nil {
		return false, err
	}
	if err := t.keepActs(ctx, "user_id = $1", userID); err != nil {
		return false, err
	}
	t.hold(plain("delete from events where user_id = $1 and name = 'operator.acted'", userID))
	list, err := listOf(ids)
	if err != nil {
		return false, err
	}
	var answered int64
	const most = 10 * eraseLimit
	err = t.run(ctx, number(&answered, "select count(*) from idempotency where subject <> '' and subject "+t.inList, list), statement{
		act: "erasing events", text: "delete from events where id in (select id from events where user_id = $1 limit $2)", args: []any{userID, most},
		wrote: func(n int64) error {
			more = n == most
			return nil
		},
	})
	if err != nil || answered > 0 {
		return false, cmp.Or(err, errRevived)
	}
	if more {
		return true, nil
	}
	for _, table := range named {
		t.hold(plain("delete from "+table+" where id "+t.inList, list))
	}
	t.hold(plain("delete from settings where user_id = $1", userID), plain("delete from holds where user_id = $1", userID))
	return false, nil
}
