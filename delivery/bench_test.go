package delivery_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nod/delivery"
	"nod/storage"
	"nod/verify"
)

// BenchmarkSQLite is a verification from its creation to the written outcome of
// its first message, over a channel that accepts at once: create, claim, for an
// SMS the mark that it leaves, and the outcome, each in SQLite with
// synchronous=FULL. It reports how long that takes (p50, p99) and how long after
// it was due the average one was claimed.
func BenchmarkSQLite(b *testing.B) {
	for _, c := range []struct {
		name    string
		channel verify.Channel
		callers int
	}{{"sms/1", verify.SMS, 1}, {"sms/64", verify.SMS, 64}, {"socket/1", verify.Push, 1}, {"socket/64", verify.Push, 64}} {
		b.Run(c.name, func(b *testing.B) {
			m := newMill(b)
			var users []string
			for range b.N {
				users = append(users, m.user(c.channel == verify.Push))
			}
			m.grind(users, c.channel, c.callers)
		})
	}
}

// mill is a store and a dispatcher whose every send is accepted at once.
type mill struct {
	b          *testing.B
	policy     verify.Policy
	store      *storage.Store
	dispatcher *delivery.Dispatcher
	accepted   sync.Map // verification id → chan struct{}, closed when its message was accepted
}

type instant struct{}

func (instant) Send(context.Context, delivery.Message) verify.Outcome { return accepted }

func newMill(b *testing.B) *mill {
	m := &mill{b: b, policy: verify.DefaultPolicy()}
	m.policy.HasSMS = true
	var dispatcher atomic.Pointer[delivery.Dispatcher]
	var err error
	m.store, err = storage.Open(context.Background(), storage.Config{
		URL: "sqlite:" + filepath.Join(b.TempDir(), "nod.db"), Secret: []byte("a secret of the tests, long enough"), Log: slog.New(slog.DiscardHandler),
		Notify: func(c verify.Change) {
			for _, e := range c.Events {
				if done, ok := m.accepted.Load(e.VerificationID); ok && e.Name == "delivery.accepted" {
					close(done.(chan struct{}))
				}
			}
			if d := dispatcher.Load(); d != nil && c.Verification != nil {
				d.Wake(c.Verification.NextAt)
			}
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	m.dispatcher = delivery.New(delivery.Config{
		Store: m.store, Authority: verify.NewAuthority(m.store.Keys(), publicURL), Policy: &m.policy,
		Channels: map[verify.Channel]delivery.Channel{verify.SMS: instant{}, verify.WebSocket: instant{}},
	})
	dispatcher.Store(m.dispatcher)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.dispatcher.Run(ctx) }()
	b.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			b.Error(err)
		}
		if err := m.store.Close(); err != nil {
			b.Error(err)
		}
	})
	return m
}

// user is a new one, with a device or without.
func (m *mill) user(device bool) string {
	id := verify.NewID("usr")
	if !device {
		return id
	}
	ctx := context.Background()
	e, err := m.store.CreateEnrollment(ctx, nil, id)
	if err != nil {
		m.b.Fatal(err)
	}
	_, err = m.store.CreateDevice(ctx, nil, e.ID, func(e verify.Enrollment, _ int, now time.Time) (*verify.Device, error) {
		return &verify.Device{ID: verify.NewID("dev"), UserID: id, SignKey: jose.JSONWebKey{Key: &signKey().PublicKey}, CreatedAt: now}, nil
	})
	if err != nil {
		m.b.Fatal(err)
	}
	return id
}

// grind takes every user through one verification.
func (m *mill) grind(users []string, channel verify.Channel, callers int) {
	work := make(chan string)
	took := make([]time.Duration, len(users))
	var next atomic.Int64
	var group sync.WaitGroup
	began := time.Now()
	m.b.ResetTimer()
	for range callers {
		group.Go(func() {
			for user := range work {
				took[next.Add(1)-1] = m.verification(user, channel)
			}
		})
	}
	for _, u := range users {
		work <- u
	}
	close(work)
	group.Wait()
	m.b.StopTimer()
	slices.Sort(took)
	stats := m.dispatcher.Stats()
	milliseconds := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	m.b.ReportMetric(float64(len(users))/time.Since(began).Seconds(), "verifications/s")
	m.b.ReportMetric(milliseconds(took[len(took)/2]), "p50-ms")
	m.b.ReportMetric(milliseconds(took[len(took)*99/100]), "p99-ms")
	m.b.ReportMetric(milliseconds(stats.Late)/float64(max(stats.Claimed, 1)), "late-ms")
}

// verification is one, until its message was accepted.
func (m *mill) verification(user string, channel verify.Channel) time.Duration {
	keys, done, began := m.store.Keys(), make(chan struct{}), time.Now()
	q := verify.Request{
		ID: verify.NewID("ver"), KeyID: keys.CodeKey(), SignKeyID: keys.SignKey(), UserID: user,
		Purpose: verify.Login, Channel: channel, Number: verify.StoredNumber(number),
	}
	m.accepted.Store(q.ID, done)
	defer m.accepted.Delete(q.ID)
	err := m.store.CreateVerification(context.Background(), verify.Applicant{UserID: user, Purpose: verify.Login, Number: q.Number}, nil,
		func(s *verify.Situation, now time.Time) (*verify.Verification, error) {
			return verify.Start(q, s, &m.policy, now)
		})
	if err != nil {
		m.b.Error(err)
		return 0
	}
	<-done
	return time.Since(began)
}
