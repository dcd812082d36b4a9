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
		sums[sum{"week", c.Family, c.Cell, c.Measure, c.Hour.AddDate(0, 0, -(int(c.Hour.Weekday())+6)%7).Truncate(24 * time.Hour).UnixMilli()}] += c.N
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
		send(v, now)
		_, _ = v.Check(s.Keys(), "no code", policy, now)
		_, _ = v.Check(s.Keys(), s.Keys().Code(v, v.Codes[0]), policy, now)
	})
}

// send has a provider take what is due.
func send(v *verify.Verification, now time.Time) {
	for _, id := range v.Lease(policy, "w", now) {
		v.Send(id, "w", policy, now)
		v.Settle(id, "w", verify.Outcome{State: verify.StateAccepted, Provider: "twilio"}, policy, now)
	}
}

// Every event is counted exactly once, also while nodes count the same and others
// write; what the sums then hold is what all events add at once.
func TestCount(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
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

// What was read to be counted is added by the first who comes with it, and by nobody
// who comes after, or after an erasure; nothing of a count that was cut off is there.
func TestCountMeetsOthers(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		ctx, s, other := context.Background(), db.open(t), db.open(t)
		for i := range 6 {
			live(t, s, fmt.Sprint("u", i))
		}
		db.age(t, time.Hour)
		read := func(s *storage.Store) func() (int, error) {
			add, err := s.ReadToCount(ctx, 20)
			if err != nil {
				t.Fatal(err)
			}
			return add
		}
		read(s) // and never comes back
		if len(db.sums(t)) > 0 {
			t.Error("reading wrote")
		}
		late, first, second := read(s), read(s), read(other)
		adds := func(what string, add func() (int, error), want int) {
			t.Helper()
			if n, err := add(); n != want || err != nil {
				t.Errorf("%s: %d (%v), want %d", what, n, err, want)
			}
		}
		adds("the first", first, 20)
		adds("the second", second, 0)
		adds("the first again", first, 0)
		adds("a late one", late, 0)
		total := 20 + drain(t, db, other)
		counted(t, db, s, total)

		live(t, s, "u7")
		db.age(t, time.Hour)
		met := read(s)
		if err := s.Erase(ctx, "u8", by); err != nil {
			t.Fatal(err)
		}
		adds("one who met an erasure", met, 0)
		if err := s.Erase(ctx, "u7", by); err != nil {
			t.Fatal(err)
		}
		if n := drain(t, db, s); n != 2 {
			t.Errorf("%d events are counted after two erasures, want those that note these", n)
		}
	})
}

// Where nothing is new, nobody is waited for.
func TestCountNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t)
		v := mustAdmit(t, s, request(s, "u1"))
		db.age(t, time.Hour)
		drain(t, db, s)
		update(t, s, v.ID, func(*verify.Verification, time.Time) {
			ctx, stop := context.WithTimeout(context.Background(), 5*time.Second)
			defer stop()
			if n, err := s.CountEvents(ctx, 10); n != 0 || err != nil {
				t.Errorf("%d are counted while somebody writes (%v)", n, err)
			}
		})
	})
}

// On Postgres an event becomes visible when its transaction ends, perhaps long after
// those that bear later times: these wait for it.
func TestLateCommit(t *testing.T) {
	db := newPostgres(t)
	ctx, s := context.Background(), db.open(t)
	live(t, s, "u1")
	db.age(t, time.Hour)
	total := drain(t, db, s)
	held, err := db.raw.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Rollback() }()
	// As a create would: the clock is read at the beginning.
	const late = "insert into events select 'evt_late', verification_id, user_id, seq + 1, 'resend.requested', floor(extract(epoch from clock_timestamp()) * 1000), '{\"step\":60}' from events where user_id = 'u1' order by seq desc limit 1"
	if _, err := held.Exec(late); err != nil {
		t.Fatal(err)
	}
	live(t, s, "u2")
	// Without the one that is held, the others would be counted by now.
	for end := mustNow(t, s).Add(1500 * time.Millisecond); mustNow(t, s).Before(end); {
		if n, err := s.CountEvents(ctx, 100); n > 0 || err != nil {
			t.Fatalf("%d events were counted before an earlier one was committed (%v)", n, err)
		}
	}
	if err := held.Commit(); err != nil {
		t.Fatal(err)
	}
	counted(t, db, s, total+drain(t, db, s))
}

func mustNow(t testing.TB, s *storage.Store) time.Time {
	t.Helper()
	now, err := s.Now(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return now
}

// A transaction that runs holds counting back, but not for ever.
func TestHorizon(t *testing.T) {
	now := time.UnixMilli(1_800_000_000_000)
	for oldest, want := range map[time.Duration]time.Duration{
		100 * time.Millisecond: 1100 * time.Millisecond, 20 * time.Second: 21 * time.Second,
		29 * time.Second: 30 * time.Second, time.Minute: 30 * time.Second, 24 * time.Hour: 30 * time.Second,
	} {
		if got := now.Sub(storage.Horizon(now.Add(-oldest), now)); got != want {
			t.Errorf("while one runs for %v: %v back, want %v", oldest, got, want)
		}
	}
	if got := now.Sub(storage.Horizon(time.Time{}, now)); got != 30*time.Second {
		t.Errorf("while nobody tells what runs: %v back", got)
	}
}

// Spans and hours are sums of the days and hours that they name, whatever weeks they
// begin and end in, also when some of their days are forgotten.
func TestCountedSpansAndHours(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		ctx, s := context.Background(), db.open(t)
		today := mustNow(t, s).Truncate(24 * time.Hour)
		begin := today.AddDate(0, 0, -40)
		for day := begin; !day.After(today); day = day.AddDate(0, 0, 1) { // each day has its own count, in its own hour
			n := int(day.Sub(begin).Hours() / 24)
			for span, start := range map[string]time.Time{"hour": day.Add(time.Duration(n%24) * time.Hour), "day": day, "week": day.AddDate(0, 0, -(int(day.Weekday())+6)%7)} {
				for _, family := range []string{"all", "send", "text"} {
					db.exec(t, "insert into tallies values ($1, $2, $3, 'c', 'm', $4) on conflict (span, start, family, cell, measure) do update set n = tallies.n + excluded.n",
						span, start.UnixMilli(), family, n+1)
				}
			}
			db.exec(t, "insert into tally_people values ($1, 'send', 'c', 'everyday')", day.UnixMilli())
			for p := range 1 + n%3 {
				db.exec(t, "insert into tally_people values ($1, 'all', 'c', $2)", day.UnixMilli(), fmt.Sprint("p", n, p))
			}
		}
		of := func(n int64, families ...string) map[analytics.Group]analytics.Counts {
			all := map[analytics.Group]analytics.Counts{}
			for _, f := range families {
				all[analytics.Group{Family: f, Cell: "c"}] = analytics.Counts{"m": n}
			}
			return all
		}
		check := func(first int) {
			t.Helper()
			for _, cuts := range [][]int{{0, 41}, {0, 1, 3}, {5, 12, 20, 41}, {3, 9}, {8, 16}, {39, 41}, {13, 36}} {
				var at []time.Time
				for _, n := range cuts {
					at = append(at, begin.AddDate(0, 0, n))
				}
				spans, err := s.CountedSpans(ctx, at)
				if err != nil || len(spans) != len(cuts)-1 {
					t.Fatal(spans, err)
				}
				for i, span := range spans {
					sum, people := int64(0), 0
					for n := max(first, cuts[i]); n < cuts[i+1]; n++ {
						sum, people = sum+int64(n)+1, people+1+n%3
					}
					for g, counts := range span.Counts {
						if counts["m"] != sum {
							t.Errorf("days %d to %d of %v: %d, want %d", cuts[i], cuts[i+1], g, counts["m"], sum)
						}
					}
					if got := len(span.People[analytics.Group{Family: "send", Cell: "c"}]); got != min(people, 1) {
						t.Errorf("days %d to %d: %d people, of one", cuts[i], cuts[i+1], got)
					}
					if got := len(span.People[analytics.Group{Family: "all", Cell: "c"}]); got != min(people, analytics.Least) || (len(span.Counts) != 3 && sum > 0) {
						t.Errorf("days %d to %d: %d people of %d, %d groups", cuts[i], cuts[i+1], got, people, len(span.Counts))
					}
				}
			}
		}
		check(0)
		hours, err := s.CountedHours(ctx, begin.Add(time.Hour), begin.Add(49*time.Hour))
		want := []analytics.Hour{{At: begin.Add(25 * time.Hour), Counts: of(2, analytics.PulseFamilies...)}}
		if diff := gocmp.Diff(want, hours); diff != "" || err != nil {
			t.Error(err, diff)
		}
		if spans, err := s.CountedSpans(ctx, nil); len(spans) != 0 || err != nil {
			t.Error("spans of no cuts:", spans, err)
		}
		for _, first := range []int{4, 10, 17, 30} {
			if err := s.ForgetOld(ctx, mustNow(t, s).Sub(begin.AddDate(0, 0, first).Add(time.Millisecond))); err != nil {
				t.Fatal(err)
			}
			check(first)
		}
	})
}
