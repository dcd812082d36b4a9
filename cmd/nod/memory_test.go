package main

import "testing"

func TestRoomPercent(t *testing.T) {
	const mb = 1 << 20
	for _, tc := range []struct {
		what            string
		allocated, live uint64
		percent         int
	}{
		{"a start", 0, 0, 100},
		{"a small node with nothing to do", 0, 4 * mb, 100},
		{"a crowd that does nothing", 0, 140 * mb, 10},
		{"a crowd that answers pings", 14 * mb, 140 * mb, 10},
		{"a little more than that", 15 * mb, 140 * mb, 20},
		{"some work", 70 * mb, 140 * mb, 50},
		{"as much as lives", 140 * mb, 140 * mb, 100},
		{"a storm", 9000 * mb, 140 * mb, 100},
	} {
		if got := roomPercent(tc.allocated, tc.live); got != tc.percent {
			t.Errorf("%s: %d %%, want %d", tc.what, got, tc.percent)
		}
	}
}
