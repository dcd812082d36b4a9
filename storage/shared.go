package storage

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"nod/verify"
)

// shared are the calls of clients that come back, thousands at once after a
// node or a network was lost: they share statements.
type shared struct {
	verifications *together[string, timed[*verify.Verification]]
	devices       *together[string, timed[*verify.Device]]
	prompts       *together[string, timed[[]*verify.Verification]]
	events        *together[span, []verify.Event]
	touches       *together[[]string, struct{}]
	clock         *together[struct{}, time.Time]
}

// newShared lets crowds gather, where each statement costs another process.
func newShared(s *Store, gather bool) *shared {
	var read, join time.Duration
	if gather {
		read, join = readTime, joinTime
	}
	var phones storm
	all := &shared{
		verifications: newTogether(read, s.readVerifications),
		devices:       newTogether(read, s.readDevices),
		prompts:       newTogether(join, s.readPrompts),
		events:        newTogether(read, s.readEvents),
		touches:       newTogether(join, s.touchDevices),
		clock:         newTogether(read, s.readClock),
	}
	if gather {
		all.prompts.raises = &phones
		all.verifications.within, all.devices.within, all.events.within = &phones, &phones, &phones
	}
	return all
}

// close waits for the batches under way.
func (s *shared) close() {
	s.verifications.close()
	s.devices.close()
	s.prompts.close()
	s.events.close()
	s.touches.close()
	s.clock.close()
}

// timed is what was read and the store's time at that moment.
type timed[T any] struct {
	it  T
	now time.Time
}

// togetherLimit is how many questions one batch answers.
const togetherLimit = 1000

// A crowd is crowdSize questions within a time: readTime, or joinTime of what only a phone
// asks that connects. While there is one, batches begin that long apart: Postgres, asked
// at once, answers so fast that few of those who come back would share. A crowd of phones
// that connect, 150 a second, is a storm, and for as long as it lasts what they and pages
// read gathers for joinTime too; without one a page waits for the others, if there are
// 1,500 a second, for less than a statement may take.
const (
	crowdSize = 6
	readTime  = 4 * time.Millisecond
	joinTime  = 40 * time.Millisecond
	stormRest = 250 * time.Millisecond // after the last crowd of it
)

// storm is whether phones come back, many at once.
type storm struct{ until atomic.Int64 } // unix nanoseconds

func (s *storm) on(now time.Time) bool { return s != nil && now.UnixNano() < s.until.Load() }

// together answers questions of one kind in batches, one at a time: who comes
// while a batch is under way waits for the next. So a batch starts after each of
// its questions was asked, nobody is told a state older than his call, and a
// lone question waits for nobody.
type together[Q, A any] struct {
	do     func(context.Context, []*question[Q, A]) error // answers all, or fails all
	gather time.Duration                                  // between the batches of a crowd
	within *storm                                         // then joinTime is
	raises *storm                                         // a crowd is one

	mu      sync.Mutex
	waiting []*question[Q, A]
	busy    bool // a batch is under way
	closed  bool
	all     sync.WaitGroup

	// Of whoever is busy.
	since  time.Time // when the present time to gather began
	lately int       // questions since then
}

type question[Q, A any] struct {
	about  Q
	answer A
	err    error
	done   chan struct{}
	left   atomic.Bool // nobody waits for the answer any more
}

func newTogether[Q, A any](gather time.Duration, do func(context.Context, []*question[Q, A]) error) *together[Q, A] {
	return &together[Q, A]{do: do, gather: gather}
}

// ask returns the answer, or an error once the caller gives up or the
// transaction limit is over.
func (t *together[Q, A]) ask(ctx context.Context, about Q) (none A, err error) {
	if err := ctx.Err(); err != nil {
		return none, err
	}
	q := &question[Q, A]{about: about, done: make(chan struct{})}
	if !t.enqueue(q) {
		return none, errClosed
	}
	limit := time.NewTimer(transactionLimit)
	defer limit.Stop()
	select {
	case <-q.done:
		return q.answer, q.err
	case <-ctx.Done():
		err = ctx.Err()
	case <-limit.C:
		err = errSlow
	}
	q.left.Store(true)
	return none, err
}

func (t *together[Q, A]) enqueue(q *question[Q, A]) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.waiting = append(t.waiting, q)
	if !t.busy {
		t.busy = true
		t.all.Go(t.run)
	}
	return true
}

// run answers batch after batch until nobody waits.
func (t *together[Q, A]) run() {
	for {
		gather, now := t.gather, time.Now()
		if t.within.on(now) {
			gather = joinTime
		}
		if t.lately >= crowdSize {
			if t.raises != nil {
				t.raises.until.Store(now.Add(stormRest).UnixNano())
			}
			time.Sleep(t.since.Add(gather).Sub(now))
		}
		t.mu.Lock()
		n := min(len(t.waiting), togetherLimit)
		batch := t.waiting[:n:n]
		if t.waiting = t.waiting[n:]; len(t.waiting) == 0 {
			t.waiting = nil // or what a crowd was told stays in memory until the next one comes
		}
		t.busy = n > 0
		t.mu.Unlock()
		if n == 0 {
			return
		}
		batch = slices.DeleteFunc(batch, func(q *question[Q, A]) bool { return q.left.Load() })
		if now := time.Now(); now.Sub(t.since) >= gather {
			t.since, t.lately = now, 0
		}
		t.lately += len(batch)
		if len(batch) > 0 {
			t.answer(batch)
		}
	}
}

// answer lets everybody go, whatever happens: also when do panics.
func (t *together[Q, A]) answer(batch []*question[Q, A]) {
	err := fmt.Errorf("a batch of %d was not answered", len(batch))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("answering together: %v\n%s", p, debug.Stack())
		}
		for _, q := range batch {
			if err != nil {
				q.err = err
			}
			close(q.done)
		}
	}()
	err = t.do(context.Background(), batch)
}

// close waits for the batch under way and those who wait behind it.
func (t *together[Q, A]) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.all.Wait()
}

// listOf is a JSON array of ids, each once.
func listOf(ids []string) (string, error) {
	each := append([]string{}, ids...) // none are [], not null
	slices.Sort(each)
	list, err := json.Marshal(slices.Compact(each))
	return string(list), err
}

// about is what is asked for.
func about[A any](asked []*question[string, A]) []string {
	ids := make([]string, len(asked))
	for i, q := range asked {
		ids[i] = q.about
	}
	return ids
}
