package server

import (
	"context"
	"errors"
	"sync"
	"time"

	"nod/hub"
	"nod/verify"
)

// watcherClient is a waiting page's connection.
type watcherClient struct {
	server  *Server
	resumed bool

	mu        sync.Mutex
	watch     watch // whoever repairs has it alone
	repairing bool
	missed    bool // something was published while it was repaired
	gone      bool
	leave     *time.Timer // runs after the end
}

// Open implements [hub.Client].
func (c *watcherClient) Open(ctx context.Context, s *hub.Session) error {
	c.mu.Lock() // nobody else is here yet
	defer c.mu.Unlock()
	n, err := c.server.begin(ctx, &c.watch, c.resumed, paced(ctx, s))
	if err != nil {
		return err
	}
	c.settleLocked(s, n)
	return nil
}

// Receive implements [hub.Client]: a page acts over REST.
func (c *watcherClient) Receive(_ context.Context, _ *hub.Session, f hub.Frame) error {
	return onlyDevices(f)
}

// Deliver implements [hub.Client]. What a notice does not hold is fetched by a
// repairer, and until it is through nothing else is told: so order is kept
// without anybody waiting here.
func (c *watcherClient) Deliver(s *hub.Session, m hub.Message) {
	if m.Kind == kindLook {
		c.look(s, m.Seq)
		return
	}
	n, err := c.server.heard(m.Data)
	if err != nil {
		c.server.log.Error("a published notice cannot be read", "topic", m.Topic, "error", err)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.repairing:
		c.missed = true
		return
	case n.Secret > c.watch.secret:
		s.Close(hub.CloseUnauthenticated, hub.ByeUnauthenticated)
		return
	case n.State.Seq < c.watch.next-1:
		return // older than what was told
	}
	frames, whole := c.watch.take(n)
	for _, f := range frames {
		_ = s.Send(f.typ, f.seq, f.data) // a session that is ending catches up when it comes again
	}
	c.settleLocked(s, n)
	if !whole {
		c.repairLocked(s)
	}
}

// look has what the page missed repaired, if it did.
func (c *watcherClient) look(s *hub.Session, seq int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.repairing:
		c.missed = true
	case seq >= c.watch.next:
		c.server.found(foundEvent)
		c.repairLocked(s)
	}
}

func (c *watcherClient) repairLocked(s *hub.Session) {
	c.repairing = true
	c.server.live.backlog.add(func(ctx context.Context) { c.repair(ctx, s) })
}

// repair tells what the store knows, and again while more is published meanwhile.
func (c *watcherClient) repair(ctx context.Context, s *hub.Session) {
	for !c.left() {
		n, err := c.server.catchUp(ctx, &c.watch, paced(ctx, s))
		if err != nil {
			c.postpone(ctx, s, err)
			return
		}
		c.server.unrepaired.note(ctx, nil)
		c.mu.Lock()
		c.settleLocked(s, n)
		again := c.missed
		c.missed, c.repairing = false, again
		c.mu.Unlock()
		if !again {
			return
		}
	}
}

// postpone has the page wait for a store that fails: it loses nothing by that,
// while coming again would cost the store more.
func (c *watcherClient) postpone(ctx context.Context, s *hub.Session, err error) {
	if refused, ok := errors.AsType[*hub.Refusal](err); ok {
		s.Close(refused.Close, refused.Bye)
		return
	}
	if errors.As(err, new(*verify.Refusal)) { // it is not there any more
		s.Close(hub.CloseUnauthenticated, hub.ByeUnauthenticated)
		return
	}
	if errors.Is(err, hub.ErrClosed) || ctx.Err() != nil {
		return
	}
	c.server.unrepaired.note(ctx, err)
	c.server.live.backlog.later(func(ctx context.Context) { c.repair(ctx, s) })
}

func (c *watcherClient) left() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gone
}

// settleLocked sets the countdowns, and the clock of who may stay after the end.
func (c *watcherClient) settleLocked(s *hub.Session, n *notice) {
	s.Timers(c.watch.id, n.Timers...)
	if n.State.Status == verify.Pending || c.leave != nil {
		return
	}
	c.leave = time.AfterFunc(n.EndedAt.Add(watchAfterEnd).Sub(n.At), func() {
		s.Close(hub.CloseUnauthenticated, hub.ByeUnauthenticated)
	})
}

// Closed implements [hub.Client].
func (c *watcherClient) Closed(context.Context, *hub.Session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = true
	if c.leave != nil {
		c.leave.Stop()
	}
}

// pagePatience is how long a page of events may take to leave: whoever repairs
// has others to repair too.
const pagePatience = 5 * time.Second

// paced sends frames and waits until they have left, for a reader that has more
// to hear than may wait for its socket. Whoever calls it may wait that long.
func paced(ctx context.Context, s *hub.Session) func([]frame) error {
	return func(frames []frame) error {
		for _, f := range frames {
			if err := s.Send(f.typ, f.seq, f.data); err != nil {
				return err
			}
		}
		if len(frames) < eventPage {
			return nil
		}
		ctx, cancel := context.WithTimeoutCause(ctx, pagePatience, errSlowReader)
		defer cancel()
		if err := s.Flush(ctx); err == nil || errors.Is(err, hub.ErrClosed) {
			return err
		}
		return context.Cause(ctx)
	}
}

var errSlowReader = &hub.Refusal{
	Code: codeUnavailable, Message: "This connection takes too little at a time. Come again and resume.",
	Close: hub.CloseTryLater, Bye: hub.ByeSlowConsumer,
}
