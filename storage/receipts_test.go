package storage_test

import (
	"cmp"
	"context"
	"slices"
	"testing"
	"time"

	"nod/storage"
	"nod/verify"
)

// deliver has everything that is due taken by a provider.
func deliver(t testing.TB, s *storage.Store, provider string) {
	t.Helper()
	_, _, err := s.ClaimDue(context.Background(), 100, func(v *verify.Verification, now time.Time) error {
		v.Advance(policy, now)
		for _, id := range v.Lease(policy, "worker", now) {
			v.Send(id, "worker", policy, now)
			v.Settle(id, "worker", verify.Outcome{State: verify.StateAccepted, Provider: provider, ProviderID: "message of " + id, Receipts: true}, policy, now)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhatAReceiptIsAbout(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		ctx, s := context.Background(), db.open(t)
		var all []*verify.Verification
		for _, user := range []string{"u1", "u2"} {
			all = append(all, mustAdmit(t, s, request(s, user)))
		}
		deliver(t, s, "twilio")
		for _, v := range all {
			d := load(t, s, v.ID).Deliveries[0]
			if id, err := s.VerificationOfDelivery(ctx, d.ID); id != v.ID || err != nil {
				t.Errorf("by the delivery: %q, %v", id, err)
			}
			if id, err := s.VerificationOfMessage(ctx, "twilio", d.ProviderID); id != v.ID || err != nil {
				t.Errorf("by the message: %q, %v", id, err)
			}
			for what, find := range map[string]func() (string, error){
				"another delivery":                        func() (string, error) { return s.VerificationOfDelivery(ctx, d.ID+"0") },
				"no delivery":                             func() (string, error) { return s.VerificationOfDelivery(ctx, "") },
				"another provider's message":              func() (string, error) { return s.VerificationOfMessage(ctx, "vonage", d.ProviderID) },
				"another message":                         func() (string, error) { return s.VerificationOfMessage(ctx, "twilio", d.ProviderID+"0") },
				"no message, as where none was ever sent": func() (string, error) { return s.VerificationOfMessage(ctx, "", "") },
			} {
				if id, err := find(); id != "" {
					t.Errorf("%s: found %s", what, id)
				} else {
					refused(t, err, verify.CodeNotFound)
				}
			}
		}
	})
}

// A receipt may come long after the end: it is kept, and is told with the next
// seq.
func TestAReceiptAfterTheEnd(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		told := &diary{}
		s := db.open(t, told.config)
		v := mustAdmit(t, s, request(s, "u1"))
		deliver(t, s, "twilio")
		update(t, s, v.ID, func(v *verify.Verification, now time.Time) { _ = v.Cancel(now) })
		ended := load(t, s, v.ID)
		told.take()
		for range 2 { // it is told again, and that is no news
			update(t, s, v.ID, func(v *verify.Verification, now time.Time) {
				v.Receive(verify.Receipt{DeliveryID: v.Deliveries[0].ID, Provider: "twilio", State: verify.StateDelivered}, policy, now)
			})
		}
		got := load(t, s, v.ID)
		if got.Status != verify.Canceled || got.Seq != ended.Seq+1 || got.EndedAt != ended.EndedAt || got.Deliveries[0].State != verify.StateDelivered {
			t.Errorf("%s, seq %d after %d, delivery %s", got.Status, got.Seq, ended.Seq, got.Deliveries[0].State)
		}
		es, err := s.EventsAfter(context.Background(), v.ID, ended.Seq, 10)
		if err != nil || len(es) != 1 || es[0].Name != "delivery.delivered" || es[0].Data.Provider != "twilio" {
			t.Errorf("events %+v, %v", es, err)
		}
		if changes := told.take(); len(changes) != 1 || len(changes[0].Events) != 1 {
			t.Errorf("told %+v", changes)
		}
		if _, next, err := s.ClaimDue(context.Background(), 10, func(*verify.Verification, time.Time) error { return errWrong }); err != nil || !next.IsZero() {
			t.Errorf("due again at %s, %v", next, err)
		}
	})
}

func TestTellingOfAProvider(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		ctx, told := context.Background(), &diary{}
		s := db.open(t, told.config)
		before, err := s.Now(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{verify.EventProviderDegraded, verify.EventProviderRecovered} {
			if err := s.Tell(ctx, verify.Event{Name: name, Data: verify.EventData{Provider: "twilio", Channel: verify.SMS}}); err != nil {
				t.Fatal(err)
			}
		}
		es, err := s.UserEvents(ctx, "", before)
		if err != nil || len(es) != 2 || es[0].Name != verify.EventProviderDegraded || es[0].Data.Provider != "twilio" || es[0].At.Before(before) || es[0].ID == es[1].ID {
			t.Errorf("%+v, %v", es, err)
		}
		if changes := told.take(); len(changes) != 2 || changes[0].Verification != nil || changes[0].Device != nil || changes[1].Events[0].Name != verify.EventProviderRecovered {
			t.Errorf("told %+v", changes)
		}
		if changed, err := s.Changed(ctx, before, time.Time{}); err != nil || len(changed) != 1 || changed[0].VerificationID != "" || changed[0].UserID != "" {
			t.Errorf("changed %+v, %v", changed, err)
		}
	})
}

func TestConversions(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		ctx, s := context.Background(), db.open(t)
		begun, err := s.Now(ctx)
		if err != nil {
			t.Fatal(err)
		}
		start := func(user, number string, ch verify.Channel) *verify.Verification {
			q := request(s, user)
			q.Number, q.Channel = verify.StoredNumber(number), ch
			return mustAdmit(t, s, q)
		}
		proved := func(v *verify.Verification) {
			update(t, s, v.ID, func(v *verify.Verification, now time.Time) {
				if ok, err := v.Check(s.Keys(), s.Keys().Code(v, v.Codes[0]), policy, now); !ok || err != nil {
					t.Errorf("%t, %v", ok, err)
				}
			})
		}
		again := start("u1", number.E164(), verify.SMS)
		start("u2", number.E164(), verify.SMS)
		german := start("u3", "+491711234567", verify.SMS)
		deliver(t, s, "twilio")
		update(t, s, again.ID, func(v *verify.Verification, now time.Time) {
			if err := v.Resend("", policy, now.Add(time.Minute)); err != nil {
				t.Error(err)
			}
			v.NextAt = now
			v.Deliveries[1].DueAt = now
		})
		deliver(t, s, "twilio")
		other := start("u4", number.E164(), verify.SMS)
		called := start("u5", number.E164(), verify.Voice)
		deliver(t, s, "vonage")
		start("u6", number.E164(), verify.SMS) // has not left
		for _, v := range []*verify.Verification{again, german, called} {
			proved(v)
		}
		update(t, s, other.ID, func(v *verify.Verification, now time.Time) { _ = v.Cancel(now) })
		got, err := s.Conversions(ctx, begun)
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(got, func(a, b verify.Conversion) int { return cmp.Compare(a.Provider+a.Country, b.Provider+b.Country) })
		want := []verify.Conversion{
			{Provider: "twilio", Country: "DE", Sent: 1, Approved: 1},
			{Provider: "twilio", Country: "US", Sent: 3, Approved: 1},
			{Provider: "vonage", Country: "US", Sent: 1},
		}
		if !slices.Equal(got, want) {
			t.Errorf("%+v, want %+v", got, want)
		}
		if got, err := s.Conversions(ctx, begun.Add(time.Hour)); err != nil || len(got) != 0 {
			t.Errorf("of the next hour: %+v, %v", got, err)
		}
	})
}
