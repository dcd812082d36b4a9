package storage

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"nod/verify"
)

// TrustedDevice reads a trusted device, live or not, or returns
// [verify.ErrNotFound]. Expired ones are swept away.
func (s *Store) TrustedDevice(ctx context.Context, id string) (d *verify.TrustedDevice, err error) {
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		var rows []*trustedRow
		if err := t.run(ctx, trusted.reading(&rows, "where id = $1", id)); err != nil {
			return err
		}
		ds, err := t.trusted(rows)
		if err == nil && len(ds) == 0 {
			err = verify.ErrNotFound
		}
		if err == nil {
			d = ds[0].TrustedDevice
		}
		return err
	})
	return d, err
}

// TrustedDevices reads the live trusted devices of a user, oldest approval first,
// and the store's time at that moment.
func (s *Store) TrustedDevices(ctx context.Context, userID string) (live []verify.TrustedDevice, now time.Time, err error) {
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		var rows []*trustedRow
		if now, err = t.look(ctx, readingTrusted(&rows, userID)); err != nil {
			return err
		}
		ds, err := t.trusted(rows)
		live = nil
		for _, d := range ds {
			if d.Live(now) {
				live = append(live, *d.TrustedDevice)
			}
		}
		return err
	})
	return live, now, err
}

// UpdateTrustedDevices runs rule on the live trusted devices of a user, oldest
// approval first, in the transaction that writes what it changed and its events. An
// error of the rule is returned as it is and nothing is kept.
func (s *Store) UpdateTrustedDevices(ctx context.Context, userID string, rule func([]*verify.TrustedDevice, time.Time) error) error {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		ds, now, err := t.lockTrusted(ctx, userID)
		if err != nil {
			return err
		}
		if err := rule(live(ds, now), now); err != nil {
			return err
		}
		return t.saveTrusted(ds...)
	})
}

// trust runs what a rule meant for its user's trusted devices; nil is nothing.
func (t *tx) trust(ctx context.Context, userID string, rule verify.TrustRule) error {
	if rule == nil {
		return nil
	}
	ds, now, err := t.lockTrusted(ctx, userID)
	if err != nil {
		return err
	}
	if added := rule(live(ds, now), now); added != nil {
		ds = append(ds, &watched{TrustedDevice: added})
	}
	return t.saveTrusted(ds...)
}

// lockTrusted takes the last of all named locks, behind those on verifications, so
// that two who add a device see each other's; then the rows, in one order.
func (t *tx) lockTrusted(ctx context.Context, userID string) ([]*watched, time.Time, error) {
	var rows []*trustedRow
	read := readingTrusted(&rows, userID)
	read.text += t.forUpdate
	now, err := t.look(ctx, append(t.locks("trusted "+userID), read)...)
	if err != nil {
		return nil, now, err
	}
	ds, err := t.trusted(rows)
	return ds, now, err
}

func readingTrusted(rows *[]*trustedRow, userID string) statement {
	return trusted.reading(rows, "where user_id = $1 and revoked_at is null order by approved_at, id", userID)
}

func live(ds []*watched, now time.Time) (all []*verify.TrustedDevice) {
	for _, d := range ds {
		if d.Live(now) { // whether it has expired is a rule, so Go says it
			all = append(all, d.TrustedDevice)
		}
	}
	return all
}

// watched is a trusted device with its row as it was read; nil when it is new.
type watched struct {
	*verify.TrustedDevice
	row []any
}

// trusted opens what was read, before a rule may change it.
func (t *tx) trusted(rows []*trustedRow) ([]*watched, error) {
	ds := make([]*watched, len(rows))
	for i, r := range rows {
		text, err := t.keys.Open(r.shown, "trusted_devices.shown."+r.ID)
		if err != nil {
			return nil, fmt.Errorf("reading trusted device %s: %w", r.ID, err)
		}
		var s trustedShown
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			return nil, fmt.Errorf("reading trusted device %s: %w", r.ID, err)
		}
		r.UserAgent, r.Location = s.UserAgent, s.Location
		values, err := trusted.values(r)
		if err != nil {
			return nil, err
		}
		ds[i] = &watched{r.TrustedDevice, values}
	}
	return ds, nil
}

// saveTrusted writes the trusted devices that are new or changed, and the events of
// all: two uses in one millisecond leave one row, and are two.
func (t *tx) saveTrusted(ds ...*watched) error {
	for _, d := range ds {
		r := &trustedRow{TrustedDevice: d.TrustedDevice}
		values, err := trusted.values(r)
		if err != nil {
			return err
		}
		if d.row == nil {
			err = t.addTrusted(r)
		} else if !slices.Equal(values, d.row) {
			t.hold(trusted.update(values, trusted.keyed, d.ID))
		}
		if err != nil {
			return err
		}
		es := d.TakeEvents()
		if len(es) == 0 {
			continue
		}
		if err := t.tell(es); err != nil {
			return err
		}
		t.changes = append(t.changes, verify.Change{Events: es})
	}
	return nil
}

// addTrusted writes a new one. What is shown of it is sealed here and never again.
func (t *tx) addTrusted(r *trustedRow) error {
	text, err := json.Marshal(trustedShown{r.UserAgent, r.Location})
	if err != nil {
		return err
	}
	if r.shown, err = t.keys.Seal(string(text), "trusted_devices.shown."+r.ID); err != nil {
		return err
	}
	written, err := trusted.insert(r)
	t.hold(written...)
	return err
}
