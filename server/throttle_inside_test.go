package server

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"

	"nod/hub"
)

func newThrottleFor(t testing.TB, perMinute int) *throttle {
	t.Helper()
	throttle, err := newThrottle(perMinute, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	return throttle
}

// TestThrottleIsFree: to let in or refuse an address takes no memory, whether it is
// known or not.
func TestThrottleIsFree(t *testing.T) {
	throttle := newThrottleFor(t, 600)
	ips := make([]string, 1000)
	for i := range ips {
		ips[i] = fmt.Sprintf("2001:db8:%x::1", i)
	}
	i := 0
	if n := testing.AllocsPerRun(1000, func() { throttle.take(hub.Address(ips[i%len(ips)])); i++ }); n != 0 {
		t.Errorf("to look at an address allocates %v times", n)
	}
}

func BenchmarkThrottle(b *testing.B) {
	throttle := newThrottleFor(b, 600)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			throttle.take(hub.Address("203.0.113.7"))
		}
	})
}

// TestThrottleIsExact asks many times at one moment, from many goroutines: together
// they get a minute's requests and not one more.
func TestThrottleIsExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		throttle := newThrottleFor(t, 600)
		let := make(chan int)
		for range 16 {
			go func() {
				n := 0
				for range 100 {
					if throttle.take(hub.Address("203.0.113.7")) == 0 {
						n++
					}
				}
				let <- n
			}()
		}
		all := 0
		for range 16 {
			all += <-let
		}
		if all != 600 {
			t.Errorf("%d were let in, want 600", all)
		}
	})
}

// TestThrottleKeepsWhoOwes floods with many more addresses than there is room for: who
// asked too much stays refused, and whoever comes anew is let in.
func TestThrottleKeepsWhoOwes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		throttle := newThrottleFor(t, 60)
		ask := func(ip string) bool { return throttle.take(hub.Address(ip)) == 0 }
		for range 60 {
			ask("203.0.113.7")
		}
		for i := range 8 * throttleSets * throttleWays {
			if ip := fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255); !ask(ip) {
				t.Fatalf("%s is refused at its first request", ip)
			}
		}
		if ask("203.0.113.7") {
			t.Error("who asked too much was forgotten")
		}
	})
}
