package storage

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"nod/verify"
)

// CreateEnrollment writes a new enrollment of a user. The recorded answer of
// once names it as its subject.
func (s *Store) CreateEnrollment(ctx context.Context, once *verify.Once, userID string) (e verify.Enrollment, err error) {
	err = s.write(ctx, func(ctx context.Context, t *tx) error {
		if err := t.reserve(ctx, once); err != nil {
			return err
		}
		now, err := t.now(ctx)
		if err != nil {
			return err
		}
		e = verify.Enrollment{ID: verify.NewID("enr"), UserID: userID, CreatedAt: now, ExpiresAt: now.Add(verify.EnrollmentLife)}
		if err := enrollments.insert(ctx, t, &e); err != nil || once == nil {
			return err
		}
		answer := once.Answer()
		answer.Subject = e.ID
		return t.recordAnswer(ctx, once, answer)
	})
	return e, err
}

// Enrollment reads an enrollment, or returns [verify.ErrNotFound]. Expired ones
// are there for a day more.
func (s *Store) Enrollment(ctx context.Context, id string) (e verify.Enrollment, err error) {
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		e, err = t.enrollment(ctx, id, "")
		return err
	})
	return e, err
}

func (t *tx) enrollment(ctx context.Context, id, lock string) (verify.Enrollment, error) {
	rows, err := enrollments.query(ctx, t, "where id = $1"+lock, id)
	if err != nil {
		return verify.Enrollment{}, err
	}
	if len(rows) == 0 {
		return verify.Enrollment{}, verify.ErrNotFound
	}
	return *rows[0], nil
}

// CreateDevice spends an enrollment on the device that register makes of it,
// given how many live devices the user has. It returns [verify.ErrNotFound] or
// the error of register as it is; then the enrollment is not spent.
func (s *Store) CreateDevice(ctx context.Context, once *verify.Once, enrollmentID string, register func(e verify.Enrollment, live int, now time.Time) (*verify.Device, error)) (d *verify.Device, err error) {
	err = s.write(ctx, func(ctx context.Context, t *tx) error {
		if err := t.reserve(ctx, once); err != nil {
			return err
		}
		// Only the row says which user to lock, and the lock on a user comes before
		// those on rows: so it is read twice, and only the second reading counts.
		e, err := t.enrollment(ctx, enrollmentID, "")
		if err != nil {
			return err
		}
		if err := t.lockAll(ctx, "user "+e.UserID); err != nil {
			return err
		}
		if e, err = t.enrollment(ctx, enrollmentID, t.forUpdate); err != nil {
			return err
		}
		live, err := number(ctx, t, "select count(*) from devices where user_id = $1 and revoked_at is null", e.UserID)
		if err != nil {
			return err
		}
		now, err := t.now(ctx)
		if err != nil {
			return err
		}
		if d, err = register(e, int(live), now); err != nil {
			return err
		}
		if _, err := exec(ctx, t, "update enrollments set used_at = $1 where id = $2", now.UnixMilli(), e.ID); err != nil {
			return err
		}
		r := &deviceRow{Device: d}
		if err := t.sealPush(r); err != nil {
			return err
		}
		if err := devices.insert(ctx, t, r); err != nil {
			return err
		}
		registered := verify.Event{Name: verify.EventDeviceRegistered, Data: verify.EventData{DeviceID: d.ID}}
		if err := t.tellDevice(ctx, d, now, []verify.Event{registered}); err != nil {
			return err
		}
		return t.record(ctx, once)
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

// UpdateDevice runs rule on the device inside the transaction that writes what
// it changed and the events it returns (their id, user and time are filled in).
// It returns [verify.ErrNotFound] or the rule's error as it is. Revoked devices
// are found too: the rule sees it. The open login of its user is due at once.
func (s *Store) UpdateDevice(ctx context.Context, id string, rule func(*verify.Device, time.Time) ([]verify.Event, error)) (d *verify.Device, err error) {
	err = s.write(ctx, func(ctx context.Context, t *tx) error {
		rows, err := t.deviceRows(ctx, "where id = $1"+t.forUpdate, id)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return verify.ErrNotFound
		}
		now, err := t.now(ctx)
		if err != nil {
			return err
		}
		d = rows[0].Device
		es, err := rule(d, now)
		if err != nil {
			return err
		}
		r := &deviceRow{Device: d}
		if err := t.sealPush(r); err != nil {
			return err
		}
		values, err := devices.values(r)
		if err != nil {
			return err
		}
		if _, err := devices.update(ctx, t, values, devices.keyed, d.ID); err != nil {
			return err
		}
		// Whoever waits for this device may have to look elsewhere now.
		if _, err := exec(ctx, t, "update verifications set next_at = $1 where user_id = $2 and purpose = 'login' and status = 'pending' and next_at > $1", now.UnixMilli(), d.UserID); err != nil {
			return err
		}
		return t.tellDevice(ctx, d, now, es)
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

// tellDevice writes events of a device and records the change.
func (t *tx) tellDevice(ctx context.Context, d *verify.Device, now time.Time, es []verify.Event) error {
	for i := range es {
		e := &es[i]
		e.UserID, e.Data.DeviceID = d.UserID, d.ID
		if e.At.IsZero() {
			e.At = now
		}
	}
	if err := t.tell(ctx, es); err != nil {
		return err
	}
	t.changes = append(t.changes, verify.Change{Device: d, Events: es})
	return nil
}

// Device reads a device, revoked or not, and the store's time at that moment,
// or returns [verify.ErrNotFound].
func (s *Store) Device(ctx context.Context, id string) (d *verify.Device, now time.Time, err error) {
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		rows, err := t.deviceRows(ctx, "where id = $1", id)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return verify.ErrNotFound
		}
		d = rows[0].Device
		now, err = t.now(ctx)
		return err
	})
	return d, now, err
}

// Devices reads the live devices of a user, oldest first.
func (s *Store) Devices(ctx context.Context, userID string) (live []verify.Device, err error) {
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		live, err = t.liveDevices(ctx, userID)
		return err
	})
	return live, err
}

func (t *tx) liveDevices(ctx context.Context, users ...string) ([]verify.Device, error) {
	owned, arg, err := t.oneOf("user_id", users)
	if err != nil {
		return nil, err
	}
	rows, err := t.deviceRows(ctx, "where "+owned+" and revoked_at is null order by created_at, id", arg)
	if err != nil {
		return nil, err
	}
	live := make([]verify.Device, len(rows))
	for i, r := range rows {
		live[i] = *r.Device
	}
	return live, nil
}

func (t *tx) deviceRows(ctx context.Context, condition string, args ...any) ([]*deviceRow, error) {
	rows, err := devices.query(ctx, t, condition, args...)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		if r.pushProvider == "" {
			continue
		}
		token, err := t.keys.Open(r.push, "devices.push."+r.ID)
		if err != nil {
			return nil, fmt.Errorf("reading device %s: %w", r.ID, err)
		}
		r.Push = &verify.PushTarget{Provider: r.pushProvider, Token: token}
	}
	return rows, nil
}

func (t *tx) sealPush(r *deviceRow) (err error) {
	if r.Push != nil {
		r.pushProvider = r.Push.Provider
		r.push, err = t.keys.Seal(r.Push.Token, "devices.push."+r.ID)
	}
	return err
}

// touchLimit is how many devices one statement touches, so that the one writer
// of SQLite is not held for long.
const touchLimit = 1000

// TouchDevices records that connections of these devices are known now.
func (s *Store) TouchDevices(ctx context.Context, ids []string) error {
	ids = slices.Sorted(slices.Values(ids)) // two nodes lock the same rows in the same order
	for part := range slices.Chunk(ids, touchLimit) {
		list, err := json.Marshal(part)
		if err != nil {
			return err
		}
		err = s.write(ctx, func(ctx context.Context, t *tx) error {
			now, err := t.now(ctx)
			if err != nil {
				return err
			}
			_, err = exec(ctx, t, "update devices set seen_at = $2 where id "+t.inList+" and (seen_at is null or seen_at < $2)", string(list), now.UnixMilli())
			return err
		})
		if err != nil {
			return fmt.Errorf("touching devices: %w", err)
		}
	}
	return nil
}
