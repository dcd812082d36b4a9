package hub

import (
	"context"
	"time"
)

// line has handshakes wait their turn where thousands come at once, after a network
// or a node was lost. All of them together would be answered as fast, but each as
// late as the last, and what else the node does would wait behind them: so a few
// are served at a time, in the order of their coming, and who waits costs memory
// only. A turn is one piece of work: an upgrade, or the judging of a credential with
// all that follows up to the present state. Waiting for the peer is no part of it.
type line chan struct{}

// turnsPerCore is how many turns are taken at once for each core: enough that those
// who wait for the store share statements there, and so few that a request which
// comes beside them is served within milliseconds.
const turnsPerCore = 64

// enter waits for a turn, at most so long. It reports whether there was one.
func (l line) enter(ctx context.Context, atMost time.Duration) bool {
	select {
	case l <- struct{}{}:
		return true
	default:
	}
	enough := time.NewTimer(atMost)
	defer enough.Stop()
	select {
	case l <- struct{}{}:
		return true
	case <-enough.C:
	case <-ctx.Done():
	}
	return false
}

// leave ends a turn.
func (l line) leave() { <-l }

// errLongLine turns away who has waited for a turn as long as a client has for auth.
var errLongLine = &Refusal{
	Code: "unavailable", Message: "Too many connections are about to authenticate. Try again in a moment.", RetryAfter: 5, Close: CloseTryLater,
}
