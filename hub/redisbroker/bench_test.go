package redisbroker_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"nod/hub"
	"nod/hub/redisbroker"
)

// payload is about what a prompt weighs.
var payload = make([]byte, 512)

// pair is a publisher and another node that has joined the topic "a".
func pair(b *testing.B, change func(*redisbroker.Broker), heard func()) *redisbroker.Broker {
	b.Helper()
	r := server(b)
	from, to := broker(b, redisbroker.Config{URL: r.URL}), broker(b, redisbroker.Config{URL: r.URL})
	change(from)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() {
		ended <- to.Run(ctx, func(hub.Message) int { heard(); return 1 })
	}()
	b.Cleanup(func() {
		cancel()
		<-ended
	})
	for !to.Stats().Alive {
		runtime.Gosched()
	}
	if err := to.Join(ctx, "a", "1", time.Now(), true); err != nil {
		b.Fatal(err)
	}
	return from
}

var ways = []struct {
	name   string
	change func(*redisbroker.Broker)
}{{"one step", asOpened}, {"two steps", redisbroker.InTwo}}

// BenchmarkPublish is how many messages one node gets rid of, from 64 callers.
func BenchmarkPublish(b *testing.B) {
	for _, way := range ways {
		b.Run(way.name, func(b *testing.B) {
			var heard atomic.Int64
			from := pair(b, way.change, func() { heard.Add(1) })
			b.SetParallelism(64 / runtime.GOMAXPROCS(0))
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if n, err := from.Publish(context.Background(), hub.Message{Topic: "a", Data: payload}); n != 1 || err != nil {
						b.Errorf("%d heard it, %v", n, err)
					}
				}
			})
			for heard.Load() < int64(b.N) {
				runtime.Gosched()
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

// BenchmarkLatency is from Publish to the other node's deliver, one message at a
// time, beside the same over a bare PUBLISH and SUBSCRIBE.
func BenchmarkLatency(b *testing.B) {
	for _, way := range ways {
		b.Run(way.name, func(b *testing.B) {
			heard := make(chan struct{}, 1)
			from := pair(b, way.change, func() { heard <- struct{}{} })
			latency(b, heard, func() error {
				_, err := from.Publish(context.Background(), hub.Message{Topic: "a", Data: payload})
				return err
			})
		})
	}
	b.Run("bare", func(b *testing.B) {
		r := server(b)
		from, to := client(b, r.URL), client(b, r.URL)
		sub := to.Subscribe(b.Context(), "a")
		defer func() { _ = sub.Close() }()
		if _, err := sub.Receive(b.Context()); err != nil {
			b.Fatal(err)
		}
		heard := make(chan struct{}, 1)
		go func() {
			for {
				if _, err := sub.ReceiveMessage(context.Background()); err != nil {
					return
				}
				heard <- struct{}{}
			}
		}()
		latency(b, heard, func() error { return from.Publish(b.Context(), "a", payload).Err() })
	})
}

func latency(b *testing.B, heard <-chan struct{}, publish func() error) {
	var all []time.Duration
	for b.Loop() {
		start := time.Now()
		done := make(chan error, 1)
		go func() { done <- publish() }()
		<-heard
		all = append(all, time.Since(start))
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-µs")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkRegister is how long a node with 100,000 devices takes to write all
// its entries again, and what each weighs in its memory.
func BenchmarkRegister(b *testing.B) {
	const devices = 100_000
	r := server(b)
	topics, conns := make([]string, devices), make([]string, devices)
	for i := range devices {
		topics[i], conns[i] = fmt.Sprintf("device:dev_%032d", i), fmt.Sprintf("con_%032d", i)
	}
	for b.Loop() {
		b.StopTimer()
		r.Stop()
		n := broker(b, redisbroker.Config{URL: r.URL})
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error)
		go func() { ended <- n.Run(ctx, func(hub.Message) int { return 1 }) }()
		before := heap()
		for i := range devices {
			_ = n.Join(ctx, topics[i], conns[i], time.Now(), true)
		}
		b.ReportMetric(float64(heap()-before)/devices, "B/topic")
		if err := r.Start(); err != nil {
			b.Fatal(err)
		}
		c := client(b, r.URL)
		for !n.Stats().Alive {
			runtime.Gosched()
		}
		b.StartTimer()
		for range time.Tick(time.Millisecond) {
			if c.DBSize(ctx).Val() > devices { // and the node's own key
				break
			}
		}
		b.StopTimer()
		cancel()
		<-ended
		b.StartTimer()
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
