package analytics

import (
	"maps"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// A histogram is a set of measures "<name>.<bucket>". Bucket k holds the times over
// 30·2^((k-1)/4) s up to 30·2^(k/4) s, so that 30, 60, 120 and 240 s are borders. A
// percentile is told as the geometric middle of the bucket that it falls into, which
// is at most a factor 2^(1/8) from the true one: 9.1 % too high or 8.3 % too low. (The
// first and the last bucket have one border only, and no such promise.)
const (
	bucketsPerDouble = 4
	firstBucket      = -36 // up to 59 ms
	lastBucket       = 28  // over 3,229 s: a session has 3,600
)

// bounds are the upper borders of all buckets but the last, which has none.
var bounds = func() (b []time.Duration) {
	for k := firstBucket; k < lastBucket; k++ {
		b = append(b, time.Duration(bound(k)*float64(time.Second)))
	}
	return b
}()

// bound is the upper border of a bucket in seconds.
func bound(k int) float64 { return 30 * math.Exp2(float64(k)/bucketsPerDouble) }

// bucket names the measure of a histogram that a time falls into.
func bucket(histogram string, took time.Duration) string {
	k := firstBucket + sort.Search(len(bounds), func(i int) bool { return took <= bounds[i] })
	return histogram + "." + strconv.Itoa(k)
}

// histogram picks the buckets of a name out of some counts.
func (c Counts) histogram(name string) map[int]int64 {
	h := map[int]int64{}
	for measure, n := range c {
		of, k, ok := strings.Cut(measure, ".")
		if !ok || of != name {
			continue
		}
		if k, err := strconv.Atoi(k); err == nil {
			h[k] += n
		}
	}
	return h
}

// times counts what a histogram holds.
func times(h map[int]int64) (n int64) {
	for _, in := range h {
		n += in
	}
	return n
}

// percentile is the time in seconds that a share of all stay within; 0 without any.
func percentile(h map[int]int64, share float64) float64 {
	n := times(h)
	if n == 0 {
		return 0
	}
	rank := int64(math.Ceil(share * float64(n)))
	buckets := slices.Sorted(maps.Keys(h))
	for seen := h[buckets[0]]; seen < rank; seen += h[buckets[0]] {
		buckets = buckets[1:]
	}
	return round(bound(buckets[0])/math.Exp2(0.5/bucketsPerDouble), 100)
}

// tellable is the percentile that may be told: 0 of fewer than [Least], for then it is
// nearly one person's own time.
func tellable(h map[int]int64, share float64) float64 {
	if times(h) < Least {
		return 0
	}
	return percentile(h, share)
}

// later counts what took longer than a time: at least so many and at most so many,
// because of the bucket that the time falls into nobody knows, unless it ends there.
func later(h map[int]int64, than time.Duration) (least, most int64) {
	for k, in := range h {
		if bound(k-1) > than.Seconds()*(1-1e-9) {
			least += in
		}
		if bound(k) > than.Seconds()*(1+1e-9) {
			most += in
		}
	}
	return least, most
}
