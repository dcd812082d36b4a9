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
