package storage_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"nod/deploy/throwaway"
	"nod/storage"
	"nod/verify"
)

// BenchmarkCreate writes verifications, each with its code, delivery and events,
// to the disk (SQLite with synchronous=FULL, Postgres with fsync), from as many
// callers at once as its name says.
func BenchmarkCreate(b *testing.B) {
	each(b, func(b *testing.B, db database) {
		for _, callers := range []int{1, 8, 64} {
			b.Run(fmt.Sprint(callers), func(b *testing.B) { benchmarkCreate(b, db.open(b), callers) })
		}
	})
}

// BenchmarkCreateCounted is the same while their events are counted, as a server
// does: once a second, and at once again while there are more.
func BenchmarkCreateCounted(b *testing.B) {
	each(b, func(b *testing.B, db database) {
		for _, callers := range []int{1, 8, 64} {
			b.Run(fmt.Sprint(callers), func(b *testing.B) {
				s := db.open(b)
				ctx, cancel := context.WithCancel(b.Context())
				var counter sync.WaitGroup
				counter.Go(func() {
					second := time.NewTicker(time.Second)
					defer second.Stop()
					for ctx.Err() == nil {
						if n, err := s.CountEvents(ctx, 500); n > 0 || err != nil && ctx.Err() != nil {
							continue
						} else if err != nil {
							b.Error(err)
						}
						select {
						case <-second.C:
						case <-ctx.Done():
						}
					}
				})
				benchmarkCreate(b, s, callers)
				cancel()
				counter.Wait()
			})
		}
	})
}

func benchmarkCreate(b *testing.B, s *storage.Store, callers int) {
	var turn atomic.Int64
	parallel(b, callers, func() error {
		n := turn.Add(1)
		q := request(s, verify.NewID("usr"))
		q.Number = verify.StoredNumber(fmt.Sprintf("+1415%07d", 2_000_000+n*10_007%8_000_000)) // creates for one number, or one prefix, wait for each other
		q.Context.IP = fmt.Sprintf("10.%d.%d.%d", n>>16&255, n>>8&255, n&255)
		return s.CreateVerification(context.Background(), applicant(q), nil, func(sit *verify.Situation, now time.Time) (*verify.Verification, error) {
			return verify.Start(q, sit, policy, now)
		})
	})
}

// each runs a benchmark on both databases, as they run in production.
func each(b *testing.B, bench func(b *testing.B, db database)) {
	b.Run("sqlite", func(b *testing.B) { bench(b, newSQLite(b)) })
	b.Run("postgres", func(b *testing.B) {
		server, err := throwaway.StartPostgres("fsync=on")
		if err != nil {
			b.Skip(err)
		}
		b.Cleanup(server.Close)
		bench(b, newSchema(b, server.URL))
	})
}

// BenchmarkUpdate records wrong guesses, each on one of a thousand verifications.
func BenchmarkUpdate(b *testing.B) {
	for _, callers := range []int{1, 8, 64} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			s := newSQLite(b).open(b)
			ids := make([]string, 1000)
			for i := range ids {
				ids[i] = mustAdmit(b, s, request(s, fmt.Sprint("u", i))).ID
			}
			var turn atomic.Int64
			parallel(b, callers, func() error {
				return s.UpdateVerification(context.Background(), ids[turn.Add(1)%1000], nil, func(v *verify.Verification, now time.Time) error {
					v.Reuse(now)
					return nil
				})
			})
		})
	}
}

// BenchmarkRead reads verifications with all that belongs to them.
func BenchmarkRead(b *testing.B) {
	s := newSQLite(b).open(b)
	v := mustAdmit(b, s, request(s, "u1"))
	parallel(b, 8, func() error {
		_, _, err := s.Verification(context.Background(), v.ID)
		return err
	})
}

func parallel(b *testing.B, callers int, act func() error) {
	b.ReportAllocs()
	b.ResetTimer()
	var left atomic.Int64
	left.Store(int64(b.N))
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			for left.Add(-1) >= 0 {
				if err := act(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "per_s")
}

// BenchmarkCount adds events to the sums, 500 at a time as a server does.
func BenchmarkCount(b *testing.B) {
	each(b, func(b *testing.B, db database) {
		s := db.open(b)
		var turn atomic.Int64
		group := sync.WaitGroup{}
		for range 16 {
			group.Go(func() {
				for n := turn.Add(1); n <= 4000; n = turn.Add(1) {
					q := request(s, verify.NewID("usr"))
					q.Number = manyNumbers(n)
					v, err := admit(s, q, nil)
					if err != nil {
						b.Error(err)
						return
					}
					update(b, s, v.ID, func(v *verify.Verification, now time.Time) {
						send(v, now)
						if n%4 > 0 {
							_, _ = v.Check(s.Keys(), s.Keys().Code(v, v.Codes[0]), policy, now)
						}
					})
				}
			})
		}
		group.Wait()
		db.age(b, time.Hour)
		events := 0
		for b.Loop() {
			b.StopTimer()
			db.exec(b, "update tally_cursor set at = 0, id = ''")
			b.StartTimer()
			for n := 1; n > 0; events += n {
				var err error
				if n, err = s.CountEvents(context.Background(), 500); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "per_s")
	})
}

// manyNumbers are of many countries, as a deployment sees them.
func manyNumbers(n int64) verify.Number {
	return verify.StoredNumber([]string{"+1415555", "+4930555", "+3519125", "+3361234", "+4479111", "+9198765"}[n%6] + fmt.Sprintf("%05d", n))
}

// BenchmarkCheck counts wrong codes, each of one of a thousand users who do not run out
// of tries.
func BenchmarkCheck(b *testing.B) {
	lenient := somePolicy()
	lenient.TriesPerCode, lenient.Limits.Prefix = 1<<20, verify.Limit{}
	each(b, func(b *testing.B, db database) {
		for _, callers := range []int{1, 8, 64} {
			b.Run(fmt.Sprint(callers), func(b *testing.B) {
				s := db.open(b)
				ids := make([]string, 1000)
				for i := range ids {
					q := request(s, verify.NewID("usr"))
					q.Number, q.Context.IP = manyNumbers(int64(i)), fmt.Sprintf("10.0.%d.%d", i>>8, i&255)
					if _, err := begin(s, q, lenient); err != nil {
						b.Fatal(err)
					}
					ids[i] = q.ID
				}
				var turn atomic.Int64
				parallel(b, callers, func() error {
					return s.UpdateVerification(context.Background(), ids[turn.Add(1)%1000], nil, func(v *verify.Verification, now time.Time) error {
						_, err := v.Check(s.Keys(), "no code", lenient, now)
						return err
					})
				})
			})
		}
	})
}
