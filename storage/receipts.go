package storage

import (
	"context"
	"time"

	"nod/verify"
)

// VerificationOfDelivery returns the id of the verification that a delivery
// belongs to, or [verify.ErrNotFound].
func (s *Store) VerificationOfDelivery(ctx context.Context, deliveryID string) (id string, err error) {
	return s.owner(ctx, "where id = $1", deliveryID)
}

// VerificationOfMessage returns the id of the verification that a provider's
// message was sent for, by the id that the provider gave it, or
// [verify.ErrNotFound].
func (s *Store) VerificationOfMessage(ctx context.Context, provider, providerID string) (id string, err error) {
	return s.owner(ctx, "where provider = $1 and provider_id = $2 and provider_id <> '' order by created_at desc limit 1", provider, providerID)
}

// owner finds the verification of a delivery.
func (s *Store) owner(ctx context.Context, condition string, args ...any) (id string, err error) {
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		id = ""
		err := t.run(ctx, statement{
			act: "finding a delivery", text: "select verification_id from deliveries " + condition, args: args,
			row: func(scan func(...any) error) error { return scan(&id) },
		})
		if err == nil && id == "" {
			err = verify.ErrNotFound
		}
		return err
	})
	return id, err
}

// Tell writes an event of no verification and no user, as those of a provider
// are; its id and time are filled in.
func (s *Store) Tell(ctx context.Context, e verify.Event) error {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		now, err := t.look(ctx)
		if err != nil {
			return err
		}
		es := []verify.Event{e}
		es[0].At = now
		if err := t.tell(es); err != nil {
			return err
		}
		t.changes = append(t.changes, verify.Change{Events: es})
		return nil
	})
}

// Conversions reads how well the SMS work that were accepted since a time, by
// provider and country, in no order. A verification counts once among the
// approved, however many messages it took: a code that had to be asked for again
// counts against who sent it.
func (s *Store) Conversions(ctx context.Context, since time.Time) (all []verify.Conversion, err error) {
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		all = nil
		return t.run(ctx, statement{
			act: "reading conversions",
			text: "select provider, country, count(*), count(distinct case when " +
				"(select method from verifications where id = verification_id) = 'sms_code' then verification_id end)" +
				" from deliveries where channel = 'sms' and accepted_at is not null and accepted_at >= $1 group by provider, country",
			args: []any{since.UnixMilli()},
			row: func(scan func(...any) error) error {
				var c verify.Conversion
				err := scan(&c.Provider, &c.Country, &c.Sent, &c.Approved)
				all = append(all, c)
				return err
			},
		})
	})
	return all, err
}
