package storage_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"nod/verify"
)

// What is older than its time goes, but not what somebody still waits for: events of
// pending verifications, and those that the integrator has yet to be told of.
func TestForgetOld(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		const retention = 90 * 24 * time.Hour
		ctx, s := context.Background(), db.open(t, told)
		pending, told, untold, held := mustAdmit(t, s, request(s, "pending")), mustAdmit(t, s, request(s, "told")), mustAdmit(t, s, request(s, "untold")), mustAdmit(t, s, request(s, "held"))
		for _, v := range []*verify.Verification{told, untold, held} {
			update(t, s, v.ID, func(v *verify.Verification, now time.Time) { _ = v.Cancel(now) })
		}
		// More of them than one step takes, which begins with what is kept.
		db.exec(t, "with recursive n (i) as (select 1 union all select i + 1 from n where i < 2100)"+
			" insert into events (id, user_id, seq, name, at, data) select 'evt_' || i, 'many', 0, 'settings.changed', (select max(at) from events), '{}' from n")
		for state, user := range map[string]string{"delivered": "pending", "failed": "told", "held": "held"} {
			db.exec(t, "update webhooks set state = $1, due_at = null, settled_at = 1 where event_id in (select id from events where user_id = $2)", state, user)
		}
		db.age(t, time.Hour)
		drain(t, db, s)
		left := func() []string {
			users := texts(t, db.raw, "select distinct user_id from events")
			slices.Sort(users)
			return users
		}
		forget := func() {
			t.Helper()
			if err := s.ForgetOld(ctx, retention); err != nil {
				t.Fatal(err)
			}
		}
		db.age(t, 12*7*24*time.Hour) // whole weeks, as sums begin on Mondays
		sums, people := len(db.sums(t)), len(texts(t, db.raw, "select person from tally_people"))
		if forget(); len(left()) != 5 || len(db.sums(t)) != sums || people == 0 {
			t.Errorf("left too early: events of %v, %d of %d sums", left(), len(db.sums(t)), sums)
		}
		db.age(t, 2*7*24*time.Hour)
		fresh := mustAdmit(t, s, request(s, "fresh"))
		if forget(); !slices.Equal(left(), []string{"fresh", "held", "pending", "untold"}) {
			t.Errorf("events of %v are left", left())
		}
		if n, people := len(db.sums(t)), len(texts(t, db.raw, "select person from tally_people")); n != 0 || people != 0 {
			t.Errorf("%d sums and %d people are left", n, people)
		}
		for _, v := range []*verify.Verification{pending, told, untold, fresh} { // they themselves are kept
			load(t, s, v.ID)
		}
		if webhooks := texts(t, db.raw, "select state from webhooks where state in ('delivered', 'failed')"); len(webhooks) != int(pending.Seq) {
			t.Errorf("%d webhooks are left of what was told", len(webhooks))
		}
	})
}
