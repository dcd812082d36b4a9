package load

import (
	"fmt"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Figure is one measured number, with what it is held against.
type Figure struct {
	Name  string  `json:"name"` // "create to frame p50"
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`            // ms, µs, KB, 1/s, %, s; empty: it counts
	Aim   float64 `json:"aim,omitempty"`   // 0: none
	Least bool    `json:"least,omitempty"` // the aim is the least it may be, not the most
	Floor float64 `json:"floor,omitempty"` // what the machine itself does, in the same run; 0: not measured
}

// Met tells whether the figure reaches its aim. One without an aim does.
func (f Figure) Met() bool {
	switch {
	case f.Aim == 0:
		return true
	case f.Least:
		return f.Value >= f.Aim
	}
	return f.Value <= f.Aim
}

// String is the value with its unit, to three digits: "0.94 ms", "15000".
func (f Figure) String() string { return Show(f.Value, f.Unit) }

// Show writes a number to three digits, or as many as it has before its point, with
// its unit.
func Show(value float64, unit string) string {
	digits := 0
	if a := math.Abs(value); a > 0 && a < 100 && value != math.Trunc(value) {
		digits = min(max(2-int(math.Floor(math.Log10(a))), 0), 4)
	}
	s := strconv.FormatFloat(value, 'f', digits, 64)
	if unit != "" && unit != "%" {
		s += " "
	}
	return s + unit
}

// Result is what one scenario found.
type Result struct {
	Scenario  string   `json:"scenario"`
	Against   string   `json:"against"` // "nod, SQLite"; "Centrifugo 6.9.1"
	Load      string   `json:"load"`    // the conditions, in words
	Figures   []Figure `json:"figures"`
	Histogram string   `json:"histogram,omitempty"` // of its first latency: HdrHistogram V2, compressed, base64, in µs
}

// Find returns a figure by name.
func (r Result) Find(name string) (Figure, error) {
	for _, f := range r.Figures {
		if f.Name == name {
			return f, nil
		}
	}
	return Figure{}, fmt.Errorf("%s against %s has no figure %q", r.Scenario, r.Against, name)
}

// Hold says what a figure is held against; a floor or an aim of 0 is none. What a
// scenario did not measure is held against nothing.
func (r *Result) Hold(name string, floor, aim float64) {
	for i := range r.Figures {
		if r.Figures[i].Name == name {
			r.Figures[i].Floor, r.Figures[i].Aim = floor, aim
		}
	}
}

// longest is what a Latency can tell apart from more.
const longest = 10 * time.Minute

// Latency records how long things took, each from when it was to begin: one that began
// late, because those before it were slow, has waited, and its wait counts. So a server
// that stops for a second is charged with all who came in that second, not with one
// ("coordinated omission"). It is safe for concurrent use.
type Latency struct {
	mu sync.Mutex
	h  *hdrhistogram.Histogram // µs
}

// NewLatency returns an empty one: 1 µs to 10 minutes, to three digits.
func NewLatency() *Latency {
	return &Latency{h: hdrhistogram.New(1, longest.Microseconds(), 3)}
}

// Since records from intended until now.
func (l *Latency) Since(intended time.Time) { l.Record(time.Since(intended)) }

// Record records one duration; less than nothing counts as nothing.
func (l *Latency) Record(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.h.RecordValue(min(max(d, 0), longest).Microseconds()) // what it cannot hold was cut off
}

// Merge adds what other has recorded.
func (l *Latency) Merge(other *Latency) {
	other.mu.Lock()
	copied := other.h.Clone()
	other.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.h.Merge(copied)
}

// Count is how many were recorded.
func (l *Latency) Count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int(l.h.TotalCount())
}

// At is the duration that a share of those recorded, in percent, did not exceed.
func (l *Latency) At(percent float64) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Duration(l.h.ValueAtPercentile(percent)) * time.Microsecond
}

// Figures are p50, p99, p99.9 and max, in ms: of "create to frame" they are called
// "create to frame p50" and so on.
func (l *Latency) Figures(of string) []Figure {
	var all []Figure
	for _, p := range []struct {
		name    string
		percent float64
	}{{"p50", 50}, {"p99", 99}, {"p99.9", 99.9}, {"max", 100}} {
		all = append(all, Figure{Name: of + " " + p.name, Value: Ms(l.At(p.percent)), Unit: "ms"})
	}
	return all
}

// Histogram is all that was recorded, as Result has it.
func (l *Latency) Histogram() (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, err := l.h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	return string(b), err
}

// Ms is a duration in milliseconds.
func Ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
