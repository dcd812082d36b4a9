package server

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// troubleOver is how long nothing may have failed for a trouble to be over.
const troubleOver = 5 * time.Second

// trouble logs what fails again and again with two lines: one when it begins, and
// one with a count when it is over. A store or a broker that is away fails
// whatever asks for it, thousands of times a second.
type trouble struct {
	log  *slog.Logger
	what string

	mu      sync.Mutex
	failed  int // times since it began; 0: there is none
	beganAt time.Time
	lastAt  time.Time
}

// note takes the outcome of one try.
func (t *trouble) note(ctx context.Context, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	switch {
	case err != nil && t.failed == 0:
		t.log.WarnContext(ctx, "trouble began", "what", t.what, "error", err)
		t.beganAt = now
		fallthrough
	case err != nil:
		t.failed++
		t.lastAt = now
	case t.failed > 0 && now.Sub(t.lastAt) >= troubleOver:
		t.log.WarnContext(ctx, "trouble is over", "what", t.what, "failed", t.failed, "lasted_s", t.lastAt.Sub(t.beganAt).Seconds())
		t.failed = 0
	}
}
