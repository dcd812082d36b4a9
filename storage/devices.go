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
		now, err := t.look(ctx)
		if err != nil {
			return err
		}
		e = verify.Enrollment{ID: verify.NewID("enr"), UserID: userID, CreatedAt: now, ExpiresAt: now.Add(verify.EnrollmentLife)}
		written, err := enrollments.insert(&e)
		t.hold(written...)
		if err != nil || once == nil {
			return err
		}
		answer := once.Answer()
		answer.Subject = e.ID
		return t.recordAnswer(once, answer)
	})
	return e, err
}

// Enrollment reads an enrollment, or returns [verify.ErrNotFound]. Expired ones
// are there for a day more.
func (s *Store) Enrollment(ctx context.Context, id string) (e verify.Enrollment, err error) {
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		e, _, err = t.enrollment(ctx, id, "")
		return err
	})
	return e, err
}

// enrollment reads an enrollment after what else is asked for.
func (t *tx) enrollment(ctx context.Context, id, lock string, before ...statement) (e verify.Enrollment, now time.Time, err error) {
	var rows []*verify.Enrollment
	now, err = t.look(ctx, append(before, enrollments.reading(&rows, "where id = $1"+lock, id))...)
	if err == nil && len(rows) == 0 {
		err = verify.ErrNotFound
	}
	if err == nil {
		e = *rows[0]
	}
	return e, now, err
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
		e, _, err := t.enrollment(ctx, enrollmentID, "")
		if err != nil {
			return err
		}
		var live int64
		before := append(t.locks("user "+e.UserID), number(&live, "select count(*) from devices where user_id = $1 and revoked_at is null", e.UserID))
		e, now, err := t.enrollment(ctx, enrollmentID, t.forUpdate, before...)
		if err != nil {
			return err
		}
		if d, err = register(e, int(live), now); err != nil {
			return err
		}
		t.hold(plain("update enrollments set used_at = $1 where id = $2", now.UnixMilli(), e.ID))
		r := &deviceRow{Device: d}
		if err := t.sealPush(r); err != nil {
			return err
		}
		written, err := devices.insert(r)
		if err != nil {
			return err
		}
		t.hold(written...)
		registered := verify.Event{Name: verify.EventDeviceRegistered, Data: verify.EventData{DeviceID: d.ID}}
		if err := t.tellDevice(d, now, []verify.Event{registered}); err != nil {
			return err
		}
		return t.record(once)
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
		var rows []*deviceRow
		now, err := t.look(ctx, devices.reading(&rows, "where id = $1"+t.forUpdate, id))
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return verify.ErrNotFound
		}
		if err := t.openPush(rows[0]); err != nil {
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
		t.hold(devices.update(values, devices.keyed, d.ID),
			// Whoever waits for this device may have to look elsewhere now.
			plain("update verifications set next_at = $1 where user_id = $2 and purpose = 'login' and status = 'pending' and next_at > $1", now.UnixMilli(), d.UserID))
		return t.tellDevice(d, now, es)
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

// tellDevice writes events of a device and records the change.
func (t *tx) tellDevice(d *verify.Device, now time.Time, es []verify.Event) error {
	for i := range es {
		e := &es[i]
		e.UserID, e.Data.DeviceID = d.UserID, d.ID
		if e.At.IsZero() {
			e.At = now
		}
	}
	if err := t.tell(es); err != nil {
		return err
	}
	t.changes = append(t.changes, verify.Change{Device: d, Events: es})
	return nil
}

// Device reads a device, revoked or not, and the store's time at that moment,
// or returns [verify.ErrNotFound].
func (s *Store) Device(ctx context.Context, id string) (*verify.Device, time.Time, error) {
	d, err := s.shared.devices.ask(ctx, id)
	return d.it, d.now, err
}

func (s *Store) readDevices(ctx context.Context, asked []*question[string, timed[*verify.Device]]) error {
	return s.read(ctx, func(ctx context.Context, t *tx) error {
		list, err := listOf(about(asked))
		if err != nil {
			return err
		}
		var rows []*deviceRow
		now, err := t.look(ctx, devices.reading(&rows, "where id "+t.inList, list))
		if err != nil {
			return err
		}
		byID := make(map[string]*deviceRow, len(rows))
		for _, r := range rows {
			byID[r.ID] = r
		}
		for _, q := range asked {
			r := byID[q.about]
			if r == nil {
				q.err = verify.ErrNotFound
				continue
			}
			d := *r.Device // those who ask for the same have one each
			q.err = t.openPush(&deviceRow{Device: &d, pushProvider: r.pushProvider, push: r.push})
			q.answer = timed[*verify.Device]{&d, now}
		}
		return nil
	})
}

// Devices reads the live devices of a user, oldest first.
func (s *Store) Devices(ctx context.Context, userID string) (live []verify.Device, err error) {
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		var rows []*deviceRow
		if err := t.run(ctx, devices.reading(&rows, liveDevices("= $1"), userID)); err != nil {
			return err
		}
		live, err = t.devices(rows)
		return err
	})
	return live, err
}

// liveDevices is the condition for the live devices of some users.
func liveDevices(users string) string {
	return "where user_id " + users + " and revoked_at is null order by created_at, id"
}

func (t *tx) devices(rows []*deviceRow) ([]verify.Device, error) {
	all := make([]verify.Device, len(rows))
	for i, r := range rows {
		if err := t.openPush(r); err != nil {
			return nil, err
		}
		all[i] = *r.Device
	}
	return all, nil
}

func (t *tx) openPush(r *deviceRow) error {
	if r.pushProvider == "" {
		return nil
	}
	token, err := t.keys.Open(r.push, "devices.push."+r.ID)
	if err != nil {
		return fmt.Errorf("reading device %s: %w", r.ID, err)
	}
	r.Push = &verify.PushTarget{Provider: r.pushProvider, Token: token}
	return nil
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
	if len(ids) == 0 {
		return nil
	}
	_, err := s.shared.touches.ask(ctx, ids)
	return err
}

func (s *Store) touchDevices(ctx context.Context, asked []*question[[]string, struct{}]) error {
	var ids []string
	for _, q := range asked {
		ids = append(ids, q.about...)
	}
	slices.Sort(ids) // two nodes lock the same rows in the same order
	for part := range slices.Chunk(slices.Compact(ids), touchLimit) {
		list, err := json.Marshal(part)
		if err != nil {
			return err
		}
		err = s.write(ctx, func(ctx context.Context, t *tx) error {
			now, err := t.look(ctx)
			if err != nil {
				return err
			}
			t.hold(plain("update devices set seen_at = $2 where id "+t.inList+" and (seen_at is null or seen_at < $2)", string(list), now.UnixMilli()))
			return nil
		})
		if err != nil {
			return fmt.Errorf("touching devices: %w", err)
		}
	}
	return nil
}
