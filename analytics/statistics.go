package analytics

import (
	"cmp"
	"math"
	"slices"
)

// share is some of many.
type share struct{ x, n int64 }

func (s share) p() float64 { return float64(s.x) / float64(s.n) }

// sureZ is the two-sided 95 % point of the normal distribution.
const sureZ = 1.959964

// wilson is the score interval of a proportion (Wilson 1927): unlike the textbook's
// it stays within 0 and 1 and holds for shares near them.
func (s share) wilson(z float64) (low, high float64) {
	n, p := float64(s.n), s.p()
	middle := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return max(0, middle-half), min(1, middle+half)
}

// newcombe is the 95 % interval of the difference a - b (Newcombe 1998, Statistics
// in Medicine 17:873-890, method 10: made of the two Wilson intervals).
func newcombe(a, b share) (low, high float64) {
	la, ha := a.wilson(sureZ)
	lb, hb := b.wilson(sureZ)
	d := a.p() - b.p()
	return d - math.Hypot(a.p()-la, hb-b.p()), d + math.Hypot(ha-a.p(), b.p()-lb)
}

// below is how likely chance alone puts a at least this far below b: the one-sided
// two-proportion z-test with the pooled share.
func below(a, b share) float64 {
	pooled := float64(a.x+b.x) / float64(a.n+b.n)
	sd := math.Sqrt(pooled * (1 - pooled) * (1/float64(a.n) + 1/float64(b.n)))
	if sd == 0 {
		return 1
	}
	return tail((b.p() - a.p()) / sd)
}

// above is how likely chance alone puts a at least this far above a given share: the
// one-sided score test.
func above(a share, given float64) float64 {
	return tail((a.p() - given) / math.Sqrt(given*(1-given)/float64(a.n)))
}

// tail is how much of the standard normal distribution lies above z.
func tail(z float64) float64 { return math.Erfc(z/math.Sqrt2) / 2 }

// holm gives the chances back so that they hold for all comparisons together (Holm
// 1979, Scandinavian Journal of Statistics 6:65-70): with those at most alpha taken
// for true, the chance that any of them is none is at most alpha, however they depend
// on each other.
func holm(chances []float64) []float64 {
	order := make([]int, len(chances))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(chances[a], chances[b]) })
	all := make([]float64, len(chances))
	worst := 0.0
	for i, at := range order {
		worst = min(1, max(worst, chances[at]*float64(len(chances)-i)))
		all[at] = worst
	}
	return all
}
