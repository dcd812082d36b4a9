package wire

import (
	"net/http"
	"strconv"
	"time"
)

// The longest wait that is believed: codes and prompts live for minutes.
const maxWait = time.Hour

// RetryAfter reads the Retry-After header (RFC 9110, section 10.2.3): seconds, or a
// date against now. It is 0 when there is none, or none that can be read, and at
// most an hour.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	value := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, maxWait)
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), maxWait)
	}
	return 0
}
