package analytics

import (
	"math"
	"testing"
)

// The statistics against published figures and against counting by hand: the advice
// shows no more of them than whether they are small, so they are looked at from inside.

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9+1e-4*want {
		t.Errorf("%s is %g, not %g", what, got, want)
	}
}

func TestChances(t *testing.T) {
	near(t, "Fisher's convicted twins (1935)", below(share{2, 15 + 2}, share{10, 13}), 619.0/1330665)
	near(t, "a lady who mistakes one cup of each four", below(share{1, 4}, share{3, 4}), 17.0/70)
	near(t, "nothing of all", below(share{0, 3}, share{3, 3}), 1.0/20)
	near(t, "no less", below(share{3, 4}, share{3, 4}), 1)
	near(t, "many", below(share{0, 3_000_000}, share{3_000_000, 3_000_000}), 0)
	near(t, "eight coins of ten", above(share{8, 10}, 0.5), 56.0/1024)
	near(t, "three of ten at one in ten", above(share{3, 10}, 0.1), 0.0701908264)
	near(t, "all of three", above(share{3, 3}, 0.1), 0.001)
	near(t, "no more", above(share{1, 10}, 0.1), 1)
}

// Newcombe 1998, Statistics in Medicine 17:857-872, table I, method 3.
func TestWilson(t *testing.T) {
	for _, c := range []struct {
		of        share
		low, high float64
	}{
		{share{81, 263}, 0.2553, 0.3662},
		{share{15, 148}, 0.0624, 0.1605},
		{share{0, 20}, 0, 0.1611},
		{share{1, 29}, 0.0061, 0.1718},
		{share{29, 29}, 0.8830, 1},
	} {
		if low, high := c.of.wilson(sureZ); math.Abs(low-c.low) > 6e-5 || math.Abs(high-c.high) > 6e-5 {
			t.Errorf("%d of %d: %.4f to %.4f, not %.4f to %.4f", c.of.x, c.of.n, low, high, c.low, c.high)
		}
	}
}

// Each chance times how many are not smaller, and never less than the one before.
func TestHolm(t *testing.T) {
	for i, p := range holm([]float64{0.01, 0.04, 0.03, 0.005}) {
		near(t, "adjusted", p, []float64{0.03, 0.06, 0.06, 0.02}[i])
	}
}
