package verify

import "time"

// Queue is what waits to be done by itself, and since when.
type Queue struct {
	Due             int       // pending verifications whose NextAt has come, up to [QueueMost]
	OldestDueAt     time.Time // the first NextAt of them; zero: nothing is due
	Webhooks        int       // events that the integrator has yet to be told of, up to [QueueMost]
	OldestWebhookAt time.Time // when the oldest of them was made; zero: there is none
	UncountedAt     time.Time // when the oldest event was made that is not in the sums yet; zero: all are
}

// QueueMost is how far a queue is counted: one that is longer is long.
const QueueMost = 10000
