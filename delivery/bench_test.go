package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nod/delivery"
	"nod/deploy/throwaway"
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
			newMill(b, newFile(b), 1).grind(c.channel, c.callers)
		})
	}
}

// BenchmarkNodes is the same on three nodes over one Postgres (without fsync: it
// is the nodes that are measured). It reports besides how many were sent by the
// node that created them.
func BenchmarkNodes(b *testing.B) {
	for _, callers := range []int{1, 16} {
		b.Run(fmt.Sprintf("sms/%d", callers), func(b *testing.B) {
			newMill(b, newSchema(b), 3).grind(verify.SMS, callers)
		})
	}
}

// BenchmarkIdleNodes is what three nodes with nothing to do ask of Postgres, one
// operation a second long. One verification waits for its end, as one always does.
func BenchmarkIdleNodes(b *testing.B) {
	server, err := throwaway.StartPostgres("log_statement=all")
	if err != nil {
		b.Skip(err)
	}
	b.Cleanup(server.Close)
	statements := func() int {
		log, err := os.ReadFile(filepath.Join(server.Folder, "log"))
		if err != nil {
			b.Fatal(err)
		}
		return strings.Count(string(log), "LOG:  execute ") + strings.Count(string(log), "LOG:  statement: ")
	}
	m := newMill(b, server.URL, 3)
	m.verification(m.user(false), verify.SMS, 0)
	before := statements()
	for b.Loop() {
		<-time.After(time.Second)
	}
	b.ReportMetric(float64(statements()-before)/b.Elapsed().Seconds()/3, "statements/s/node")
}

// mill is nodes on one database whose every send is accepted at once.
type mill struct {
	b        *testing.B
	policy   verify.Policy
	nodes    []*millNode
	accepted sync.Map // verification id → chan int, which gets the number of the node that sent its message
}

type millNode struct {
	store      *storage.Store
	dispatcher *delivery.Dispatcher
}

type instant struct{}

func (instant) Send(context.Context, delivery.Message) verify.Outcome { return accepted }

func newMill(b *testing.B, url string, nodes int) *mill {
	m := &mill{b: b, policy: verify.DefaultPolicy()}
	m.policy.HasSMS, m.policy.Limits = true, verify.Limits{}
	for i := range nodes {
		m.nodes = append(m.nodes, m.node(i, url))
	}
	return m
}

func (m *mill) node(number int, url string) *millNode {
	var dispatcher atomic.Pointer[delivery.Dispatcher]
	store, err := storage.Open(context.Background(), storage.Config{
		URL: url, Secret: []byte("a secret of the tests, long enough"), Log: slog.New(slog.DiscardHandler),
		Notify: func(c verify.Change) {
			for _, e := range c.Events {
				if done, ok := m.accepted.Load(e.VerificationID); ok && e.Name == "delivery.accepted" {
					done.(chan int) <- number
				}
			}
			if d := dispatcher.Load(); d != nil && c.Verification != nil {
				d.Committed(c)
			}
		},
	})
	if err != nil {
		m.b.Fatal(err)
	}
	n := &millNode{store, delivery.New(delivery.Config{
		Store: store, Authority: verify.NewAuthority(store.Keys(), publicURL), Policy: &m.policy,
		Channels: map[verify.Channel]delivery.Channel{verify.SMS: instant{}, verify.WebSocket: instant{}},
	})}
	dispatcher.Store(n.dispatcher)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.dispatcher.Run(ctx) }()
	m.b.Cleanup(func() {
		stop()
		if err := errors.Join(<-done, store.Close()); err != nil {
			m.b.Error(err)
		}
	})
	return n
}

// user is a new one, with a device or without.
func (m *mill) user(device bool) string {
	id := verify.NewID("usr")
	if !device {
		return id
	}
	ctx := context.Background()
	store := m.nodes[0].store
	e, err := store.CreateEnrollment(ctx, nil, id)
	if err != nil {
		m.b.Fatal(err)
	}
	_, err = store.CreateDevice(ctx, nil, e.ID, func(e verify.Enrollment, _ int, now time.Time) (*verify.Device, error) {
		return &verify.Device{ID: verify.NewID("dev"), UserID: id, SignKey: jose.JSONWebKey{Key: &signKey().PublicKey}, CreatedAt: now}, nil
	})
	if err != nil {
		m.b.Fatal(err)
	}
	return id
}

// grind takes b.N users through one verification each.
func (m *mill) grind(channel verify.Channel, callers int) {
	var users []string
	for range m.b.N {
		users = append(users, m.user(channel == verify.Push))
	}
	work := make(chan string)
	took := make([]time.Duration, len(users))
	var next, own atomic.Int64
	var group sync.WaitGroup
	began := time.Now()
	m.b.ResetTimer()
	for range callers {
		group.Go(func() {
			for user := range work {
				i := next.Add(1) - 1
				node, begun := int(i)%len(m.nodes), time.Now()
				if m.verification(user, channel, node) == node {
					own.Add(1)
				}
				took[i] = time.Since(begun)
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
	var late time.Duration
	var claimed uint64
	for _, n := range m.nodes {
		stats := n.dispatcher.Stats()
		late, claimed = late+stats.Late, claimed+stats.Claimed
	}
	milliseconds := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	m.b.ReportMetric(float64(len(users))/time.Since(began).Seconds(), "verifications/s")
	m.b.ReportMetric(milliseconds(took[len(took)/2]), "p50-ms")
	m.b.ReportMetric(milliseconds(took[len(took)*99/100]), "p99-ms")
	m.b.ReportMetric(milliseconds(late)/float64(max(claimed, 1)), "late-ms")
	m.b.ReportMetric(100*float64(own.Load())/float64(len(users)), "own-%")
}

// verification is one, created on a node, until its message was accepted. It
// returns the number of the node that sent it.
func (m *mill) verification(user string, channel verify.Channel, node int) (sender int) {
	store, done := m.nodes[node].store, make(chan int, 1)
	keys := store.Keys()
	q := verify.Request{
		ID: verify.NewID("ver"), KeyID: keys.CodeKey(), SignKeyID: keys.SignKey(), UserID: user,
		Purpose: verify.Login, Channel: channel, Number: verify.StoredNumber(number),
	}
	m.accepted.Store(q.ID, done)
	defer m.accepted.Delete(q.ID)
	err := store.CreateVerification(context.Background(), verify.Applicant{UserID: user, Purpose: verify.Login, Number: q.Number}, nil,
		func(s *verify.Situation, now time.Time) (*verify.Verification, error) {
			return verify.Start(q, s, &m.policy, now)
		})
	if err != nil {
		m.b.Error(err)
		return -1
	}
	return <-done
}
