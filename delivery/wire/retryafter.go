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
	return RetryAfterWithin(h, now, maxWait)
}

// RetryAfterWithin is [RetryAfter] for what lives longer: it is at most most.
func RetryAfterWithin(h http.Header, now time.Time, most time.Duration) time.Duration {
	value := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, most)
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), most)
	}
	return 0
}
