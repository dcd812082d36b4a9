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

// below is how likely chance alone puts a at least this far below b: Fisher's exact
// test, one-sided (Fisher 1935). The shares that are compared here are often near
// one, where the usual z-test speaks three times as often as it says.
func below(a, b share) float64 {
	n, good := a.n+b.n, a.x+b.x
	if a.p() >= b.p() {
		return 1
	}
	term := math.Exp(choose(good, a.x) + choose(n-good, a.n-a.x) - choose(n, a.n))
	sum := 0.0
	for x := a.x; term > sum*1e-12; x-- {
		sum += term
		term *= float64(x) * float64(n-good-a.n+x) / (float64(good-x+1) * float64(a.n-x+1))
	}
	return min(1, sum)
}

// above is how likely chance alone puts a at least this far above a given share: the
// exact binomial test, one-sided.
func above(a share, given float64) float64 {
	if a.p() <= given {
		return 1
	}
	term := math.Exp(choose(a.n, a.x) + float64(a.x)*math.Log(given) + float64(a.n-a.x)*math.Log(1-given))
	sum := 0.0
	for x := a.x; term > sum*1e-12; x++ {
		sum += term
		term *= float64(a.n-x) / float64(x+1) * given / (1 - given)
	}
	return min(1, sum)
}

// choose is the logarithm of the binomial coefficient.
func choose(n, k int64) float64 {
	of := func(n int64) float64 {
		l, _ := math.Lgamma(float64(n) + 1)
		return l
	}
	return of(n) - of(k) - of(n-k)
}

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
