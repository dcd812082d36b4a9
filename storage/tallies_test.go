package storage_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"nod/analytics"
	"nod/storage"
	"nod/verify"
)

// sum is one row of the sums.
type sum struct {
	Span, Family, Cell, Measure string
	Start                       int64
}

// sums reads all sums.
func (db database) sums(t testing.TB) map[sum]int64 {
	t.Helper()
	rows, err := db.raw.Query("select span, start, family, cell, measure, n from tallies")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	all := map[sum]int64{}
	for rows.Next() {
		var s sum
		var n int64
		if err := rows.Scan(&s.Span, &s.Start, &s.Family, &s.Cell, &s.Measure, &n); err != nil {
			t.Fatal(err)
		}
		all[s] = n
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// expected counts all events that there are, at once.
func expected(t testing.TB, db database, s *storage.Store) (sums map[sum]int64, people map[string]int, n int) {
	t.Helper()
	es, err := s.UsersEvents(context.Background(), texts(t, db.raw, "select distinct user_id from events"), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	lives := map[string][]analytics.Event{}
	for _, e := range s.Facts(es) {
		lives[e.VerificationID] = append(lives[e.VerificationID], e)
	}
	counted := analytics.Count(s.Facts(es), lives)
	sums, people = map[sum]int64{}, map[string]int{}
	for _, c := range counted.Tallies {
		sums[sum{"hour", c.Family, c.Cell, c.Measure, c.Hour.UnixMilli()}] += c.N
		sums[sum{"day", c.Family, c.Cell, c.Measure, c.Hour.Truncate(24 * time.Hour).UnixMilli()}] += c.N
	}
	for _, p := range counted.People {
		at := fmt.Sprint(p.Day.UnixMilli(), p.Group)
		people[at] = min(people[at]+1, analytics.Least)
	}
	return sums, people, len(es)
}

// counted fails unless every event was counted exactly once.
func counted(t testing.TB, db database, s *storage.Store, total int) {
	t.Helper()
	want, wantPeople, n := expected(t, db, s)
	if total != n {
		t.Errorf("%d events are counted, there are %d", total, n)
	}
	if diff := gocmp.Diff(want, db.sums(t)); diff != "" || len(want) == 0 {
		t.Error("sums:", diff)
	}
	people := map[string]int{}
	rows, err := db.raw.Query("select day, family, cell, count(*) from tally_people group by day, family, cell")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var day int64
		var g analytics.Group
		var n int
		if err := rows.Scan(&day, &g.Family, &g.Cell, &n); err != nil {
			t.Fatal(err)
		}
		people[fmt.Sprint(day, g)] = n
	}
	if diff := gocmp.Diff(wantPeople, people); diff != "" || rows.Err() != nil {
		t.Error("people:", diff, rows.Err())
	}
}

// live lets a user be sent a code and type it, the wrong one first.
func live(t testing.TB, s *storage.Store, userID string) {
	t.Helper()
	v := mustAdmit(t, s, request(s, userID))
	update(t, s, v.ID, func(v *verify.Verification, now time.Time) {
		for _, id := range v.Lease(policy, "w", now) {
			v.Send(id, "w", policy, now)
			v.Settle(id, "w", verify.Outcome{State: verify.StateAccepted, Provider: "twilio"}, policy, now)
		}
		_, _ = v.Check(s.Keys(), "no code", policy, now)
		_, _ = v.Check(s.Keys(), s.Keys().Code(v, v.Codes[0]), policy, now)
	})
}

// Every event is counted exactly once, also while nodes count the same and others
// write; what the sums then hold is what all events add at once.
func TestCount(t *testing.T) {
	inOneOrder(t, func(t *testing.T, db database) {
		ctx, nodes := context.Background(), []*storage.Store{db.open(t), db.open(t)}
		for i := range 4 {
			live(t, nodes[0], fmt.Sprint("early", i))
		}
		db.age(t, 26*time.Hour)
		var (
			mu    sync.Mutex
			total int
			work  sync.WaitGroup
		)
		for i, s := range nodes {
			work.Go(func() {
				for n := range 6 {
					live(t, s, fmt.Sprint("u", i, n))
				}
			})
		}
		written := make(chan struct{})
		var count sync.WaitGroup
		for _, s := range slices.Concat(nodes, nodes) {
			count.Go(func() {
				for last := false; ; {
					n, err := s.CountEvents(ctx, 7)
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					total += n
					mu.Unlock()
					if n > 0 {
						continue
					}
					select {
					case <-written:
						if last {
							return
						}
						last = true
					default:
					}
				}
			})
		}
		work.Wait()
		close(written)
		count.Wait()
		total += drain(t, db, nodes[1])
		counted(t, db, nodes[0], total)
	})
}

// drain counts what is left, on Postgres when it is old enough.
func drain(t testing.TB, db database, s *storage.Store) (total int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; {
		n, err := s.CountEvents(context.Background(), 100)
		if err != nil {
			t.Fatal(err)
		}
		total += n
		left := texts(t, db.raw, "select e.id from events e, tally_cursor c where e.at > c.at or e.at = c.at and e.id > c.id")
		if len(left) == 0 {
			return total
		}
		if time.Now().After(end) {
			t.Fatalf("%d events are not counted", len(left))
		}
	}
}
