package load

import (
	"strings"
	"time"
)

// Accepted is the answer that every upgrade here must get.
func Accepted() string { return accepted() }

// nothing takes what is written and has nothing to close.
type nothing struct{}

func (nothing) Write(b []byte) (int, error) { return len(b), nil }
func (nothing) Close() error                { return nil }

// Texts feeds an upgraded connection and returns the texts that it heard, and whether it
// ended.
func Texts(reads ...[]byte) (texts string, ended bool) {
	var all strings.Builder
	c := &Conn{link: nothing{}, upgraded: true, request: &Request{OnText: func(_ *Conn, text []byte, _ time.Time) {
		all.WriteString(string(text) + "|")
	}}}
	for _, b := range reads {
		if err := c.feed(b, time.Time{}); err != nil {
			return all.String(), true
		}
	}
	return all.String(), false
}

// Tick is a frame and when it was read.
type Tick struct {
	Text string
	At   time.Time
}

// Ticked has a phone whose prompt ends at a time hear ticks.
func Ticked(ends time.Time, ticks []Tick) (late *Latency, seen, missed int64) {
	t, w := &Target{}, &watch{late: NewLatency()}
	t.ticking.Store(w)
	p := &phone{at: t, told: told{expiresAt: ends}}
	for _, tick := range ticks {
		p.hear(nil, []byte(tick.Text), tick.At)
	}
	return w.late, w.count.Load(), w.missed.Load()
}
