package storage

import (
	"context"
	"encoding/json"
	"fmt"

	"nod/verify"
)

// ofUser is the condition for the verifications of a user, behind a column.
const ofUser = "in (select id from verifications where user_id = $1)"

// Export reads everything that is kept about a user, as one state: oldest first, and
// nothing of what nod keeps for itself, see [verify.PersonalData]. Of somebody who is
// not known that is nothing.
func (s *Store) Export(ctx context.Context, userID string) (data *verify.PersonalData, err error) {
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		var (
			p      verify.Person
			f      found
			chosen []*verify.Settings
			held   []*verify.Hold
			own    []*deviceRow
			trusts []*trustedRow
			asked  []*verify.Enrollment
			told   []*verify.Event
			meter  []*meterRow
		)
		all := append(f.owned(ofUser, userID),
			verifications.reading(&f.rows, "where user_id = $1 order by created_at, id", userID),
			readingSettings(&chosen, userID), readingHold(&held, userID),
			meters.reading(&meter, "where key = $1", rowKey(t.keys.MeterKeys(userID, verify.Number{}, "")[0])),
			devices.reading(&own, "where user_id = $1 order by created_at, id", userID),
			trusted.reading(&trusts, "where user_id = $1 order by approved_at, id", userID),
			enrollments.reading(&asked, "where user_id = $1 order by created_at, id", userID),
			events.reading(&told, "where user_id = $1 and at > 0 order by at, seq, id", userID))
		now, err := t.look(ctx, all...)
		if err != nil {
			return err
		}
		for _, r := range meter {
			if err := json.Unmarshal([]byte(r.state), &p.Meter); err != nil {
				return fmt.Errorf("reading the user's meter: %w", err)
			}
		}
		p.Settings, p.Hold = settingsOf(userID, chosen), holdOf(userID, held)
		if p.Devices, err = t.devices(own); err != nil {
			return err
		}
		ds, err := t.trusted(trusts)
		if err != nil {
			return err
		}
		for _, d := range ds {
			p.Trusted = append(p.Trusted, d.TrustedDevice)
		}
		for _, o := range t.open(&f) {
			if o.err != nil {
				return o.err
			}
			p.Verifications = append(p.Verifications, o.Verification)
		}
		for _, e := range asked {
			p.Enrollments = append(p.Enrollments, *e)
		}
		for _, e := range told {
			p.Events = append(p.Events, *e)
		}
		data = p.Export(userID, now)
		return nil
	})
	return data, err
}
