package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// lastCall is within what time all answer who still wait after the restarts: at
// once they would be a flood.
const lastCall = 5 * time.Second

// traveller is a person with a phone that signs in again and again: two sockets.
type traveller struct {
	door  *door
	user  string
	phone *handset
	think time.Duration // the longest time before an answer

	mu     sync.Mutex
	page   *waiter // of the present sign-in
	number string  // that it shows
	logins int
}

// begin starts a sign-in and has a page wait for it until ctx ends or stop is
// called, which waits for the page too.
func (p *traveller) begin(ctx context.Context, bye func(farewell)) (w *waiter, stop func(), err error) {
	status, v, err := patiently(ctx, func() (int, object, error) {
		return p.door.try(ctx, "POST", "/api/v1/verifications", p.door.asKey(), object{"user_id": p.user})
	})
	if err != nil || status != 201 {
		return nil, nil, fmt.Errorf("starting a sign-in: %d %v %w", status, v, err)
	}
	w = newWaiter(p.door, v)
	w.bye = bye
	p.mu.Lock()
	p.page, p.number = w, v.str("match_number")
	p.mu.Unlock()
	ctx, leave := context.WithCancel(ctx)
	var over sync.WaitGroup
	over.Go(func() { w.fail(w.run(ctx)) })
	return w, func() {
		leave()
		over.Wait()
	}, nil
}

// finish answers the prompt, over the socket or by a request, until the page
// has the result; then it has the token exchanged and the page's story compared
// with the stored one.
func (p *traveller) finish(ctx context.Context, w *waiter, rest bool) error {
	again := time.NewTicker(2 * time.Second) // a phone repeats what got no answer
	defer again.Stop()
	for begun := time.Now(); ; {
		prompt, changed := p.phone.shown(w.id)
		if prompt != nil {
			changed = nil
			if !rest {
				p.phone.respond(prompt, "approve", p.number)
			} else if status, out, err := patiently(ctx, func() (int, object, error) {
				return p.phone.respondREST(ctx, prompt, "approve", p.number)
			}); err != nil || status != 200 {
				return fmt.Errorf("answering: %d %v %w", status, out, err)
			}
		}
		select {
		case <-w.finished:
			return p.compare(ctx, w)
		case <-changed:
		case <-again.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if time.Since(begun) > 2*deadline {
			return fmt.Errorf("no result within %s of the answer to %s", 2*deadline, w.id)
		}
	}
}

// patiently makes a request again that a node answered with 503 and when to come
// again, which says that nothing was lost: on a busy machine it is short of time.
func patiently(ctx context.Context, ask func() (int, object, error)) (status int, out object, err error) {
	for end := time.Now().Add(deadline); ; {
		status, out, err = ask()
		pause := time.Duration(out.num("retry_after")) * time.Second
		if err != nil || status != http.StatusServiceUnavailable || pause == 0 || time.Now().After(end) {
			return status, out, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return status, out, ctx.Err()
		}
	}
}

// compare exchanges the result, and reads the stored story: the page must know
// all of it.
func (p *traveller) compare(ctx context.Context, w *waiter) error {
	one := "/api/v1/verifications/" + w.id
	status, out, err := patiently(ctx, func() (int, object, error) {
		return p.door.try(ctx, "POST", one+"/exchange", p.door.asKey(), object{"result_token": w.token()})
	})
	if err != nil || status != 200 {
		return fmt.Errorf("exchanging: %d %v %w", status, out, err)
	}
	end := time.After(deadline)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		status, out, err := patiently(ctx, func() (int, object, error) { return p.door.try(ctx, "GET", one, p.door.asKey(), nil) })
		if err != nil || status != 200 {
			return fmt.Errorf("reading the status: %d %v %w", status, out, err)
		}
		last, gap := w.state()
		if gap != "" {
			return fmt.Errorf("%s: the page got %s", w.id, gap)
		}
		if last == int64(out.num("seq")) {
			return nil
		}
		select {
		case <-again.C:
		case <-end:
			return fmt.Errorf("%s: the page knows %d events of %v", w.id, last, out.num("seq"))
		}
	}
}

// travel signs in again and again until over is closed, and once more to its
// end.
func (p *traveller) travel(ctx context.Context, w *waiter, leave func(), over <-chan struct{}, bye func(farewell)) error {
	for {
		select {
		case <-time.After(rand.N(p.think)):
		case <-over:
			<-time.After(rand.N(lastCall))
		}
		err := p.finish(ctx, w, p.logins%2 == 1)
		leave()
		p.logins++
		if err != nil {
			return err
		}
		select {
		case <-over:
			return nil
		default:
		}
		if w, leave, err = p.begin(ctx, bye); err != nil {
			return err
		}
	}
}

// goodbyes collects how connections ended.
type goodbyes struct {
	mu  sync.Mutex
	all []farewell
}

func (g *goodbyes) add(f farewell) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all = append(g.all, f)
}

// take returns those since the last call.
func (g *goodbyes) take() []farewell {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := g.all
	g.all = nil
	return all
}

// TestPromiseRollingRestart restarts both nodes, one after the other, under
// 1,000 sockets and the requests of those who sign in.
func TestPromiseRollingRestart(t *testing.T) {
	t.Parallel()
	const people = 500
	c := newCluster(t, setup{file: shipped(t), settings: []string{"NOD_PROMPT_TTL=10m", "NOD_LOG_LEVEL=info"}})
	d := c.crowdDoor()
	ctx, stop := context.WithCancel(context.Background())
	byes := &goodbyes{}
	var members, travels sync.WaitGroup
	t.Cleanup(func() {
		stop()
		members.Wait()
		travels.Wait()
	})

	over := make(chan struct{})
	type trip struct {
		*traveller
		page  *waiter
		leave func()
	}
	trips := make([]trip, people)
	inParallel(t, 16, people, func(i int) error {
		p := &traveller{door: d, user: fmt.Sprintf("u%d", i), think: 30 * time.Second}
		var err error
		if p.phone, err = newHandset(ctx, d, p.user); err != nil {
			return err
		}
		p.phone.bye = byes.add
		members.Go(func() {
			if err := p.phone.run(ctx); err != nil {
				t.Error(err)
			}
		})
		trips[i].traveller = p
		trips[i].page, trips[i].leave, err = p.begin(ctx, byes.add)
		return err
	})
	for i := range trips {
		eventually(t, "every phone shows its prompt", func() bool {
			prompt, _ := trips[i].phone.shown(trips[i].page.id)
			return prompt != nil
		})
	}

	helpless := c.balancer.helpless()
	var logins, cut atomic.Int64
	for i := range trips {
		travels.Go(func() {
			p := trips[i]
			switch err := p.travel(ctx, p.page, p.leave, over, byes.add); {
			case err == nil || errors.Is(err, context.Canceled):
			case isCut(err) && c.balancer.helpless() > helpless:
				cut.Add(1)
			default:
				t.Error(err)
			}
			logins.Add(int64(p.logins))
		})
	}
	for i, p := range c.nodes {
		begun := time.Now()
		byes.take()
		open := int(p.figure("nod_hub_sessions"))
		p.stop() // wants exit code 0
		took := time.Since(begun)
		told := byes.take()
		p.again()
		eventually(t, "the balancer takes it back", c.balancer.nodes[i].up.Load)
		spread := checkSpread(t, told)
		t.Logf("node %d: %d sockets, %d goodbyes, reconnect_after_ms %s, stopped in %s", i+1, open, len(told), spread, took.Round(time.Millisecond))
		if took > 25*time.Second {
			t.Errorf("it took %s to stop", took)
		}
	}
	close(over)
	travels.Wait()
	if n := cut.Load(); n > 0 {
		t.Skipf("%d requests were cut, but on this machine no node was ready for a moment: that proves nothing", n)
	}
	t.Logf("%d sign-ins over both restarts, none lost an event, no request was cut", logins.Load())
}

// isCut says whether a request got no whole answer.
func isCut(err error) bool {
	_, ok := errors.AsType[*url.Error](err)
	return ok
}

// checkSpread wants every goodbye to be `draining`, each with its own moment.
func checkSpread(t *testing.T, told []farewell) string {
	t.Helper()
	var waits []time.Duration
	others := map[farewell]int{}
	for _, b := range told {
		switch {
		case b.reason == "draining" && b.after > 0 && b.code == websocket.StatusGoingAway:
			waits = append(waits, b.after)
		case b.code == websocket.StatusTryAgainLater: // the other node, where it is short of time for those who come
			t.Log("a node asked a socket to come again later")
		default:
			others[b]++
		}
	}
	if len(others) > 0 {
		t.Errorf("not all sockets were told goodbye, and when to come back: %+v", others)
	}
	if len(waits) == 0 {
		t.Error("nobody was told goodbye")
		return ""
	}
	slices.Sort(waits)
	first, middle, last := waits[0], waits[len(waits)/2], waits[len(waits)-1]
	if last-first < time.Second || middle-first < (last-first)/4 || last-middle < (last-first)/4 {
		t.Errorf("%d sockets come back after %s to %s, half of them by %s: that is no spread", len(waits), first, last, middle)
	}
	return fmt.Sprintf("%d … %d … %d", first.Milliseconds(), middle.Milliseconds(), last.Milliseconds())
}

// inParallel runs do for 0 ≤ i < n, some at a time, and fails the test with the
// first error.
func inParallel(t *testing.T, workers, n int, do func(i int) error) {
	t.Helper()
	var next atomic.Int64
	var all sync.WaitGroup
	failed := make(chan error, workers)
	for range workers {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := do(i); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	all.Wait()
	select {
	case err := <-failed:
		t.Fatal(err)
	default:
	}
}
