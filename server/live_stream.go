package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"nod/hub"
	"nod/verify"
)

const (
	streamBeat     = 15 * time.Second // of a comment that keeps proxies from hanging up
	streamPatience = 5 * time.Second  // for a reader to take what is written
	streamLinger   = 5 * time.Second  // after the result, for receipts that come late
)

// streamEvents answers with Server-Sent Events: what a waiting page hears over a
// socket, for networks that let no socket through. The id of a message is the
// seq up to which its reader has heard everything, so Last-Event-ID resumes
// without loss or repetition. The stream ends some seconds after the result.
func (s *Server) streamEvents(c echo.Context) error {
	ctx := patiently(c.Request().Context())
	leave, err := s.stay(ctx)
	if err != nil {
		return err
	}
	defer leave()
	v, _, err := s.present(ctx, c.Param("id"))
	if err == nil {
		err = callerFrom(ctx).may(v)
	}
	if err != nil {
		return err
	}
	news := s.listen(v.ID)
	defer news.stop()
	st := &stream{server: s, to: http.NewResponseController(c.Response()), w: c.Response(), watch: s.newWatch(v)}
	resumed := false
	if last, err := strconv.ParseInt(c.Request().Header.Get("Last-Event-ID"), 10, 64); err == nil && last >= 0 && last <= v.Seq {
		resumed, st.watch.next = true, last+1
	}
	h := c.Response().Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no") // a proxy must not wait for more
	narrow(ctx)
	hurry(ctx)
	c.Response().WriteHeader(http.StatusOK)
	c.Response().Flush()
	linger(ctx)
	if err = st.run(ctx, resumed, news); err == nil {
		err = st.patience() // for what ends the body, which is written once this returns
	}
	if err != nil && ctx.Err() == nil && !errors.Is(err, errSecretVoid) {
		s.log.InfoContext(ctx, "an event stream broke off", "verification", v.ID, "error", err)
	}
	return nil // the status is out: all that is left is to end
}

// stream is one reader of Server-Sent Events.
type stream struct {
	server *Server
	to     *http.ResponseController
	w      http.ResponseWriter
	watch  watch
	count  countdown
	buf    bytes.Buffer
}

func (st *stream) run(ctx context.Context, resumed bool, news *news) error {
	s := st.server
	anew := s.live.recalled()
	n, err := s.begin(ctx, &st.watch, resumed, st.say)
	if err != nil {
		return err
	}
	beat := time.NewTicker(streamBeat)
	defer beat.Stop()
	tick := time.NewTimer(st.count.set(n.Timers, s.Now()))
	defer tick.Stop()
	var end <-chan time.Time
	for {
		if st.watch.ended && end == nil {
			end = time.After(streamLinger)
		}
		news.heard.Store(st.watch.next - 1)
		select {
		case <-news.marks:
			n, err = s.catchUp(ctx, &st.watch, st.say)
			if errors.Is(err, verify.ErrNotFound) {
				return st.part(news.last.Load())
			}
			if err != nil {
				return err
			}
			tick.Reset(st.count.set(n.Timers, s.Now()))
		case <-tick.C:
			data, next := st.count.tick(st.watch.id, s.Now())
			if err := st.say([]frame{{typ: "tick", data: data}}); err != nil {
				return err
			}
			tick.Reset(next)
		case <-beat.C:
			if err := st.write([]byte(": still here\n\n")); err != nil {
				return err
			}
		case <-end:
			return nil
		case <-anew: // its reader comes again
			return nil
		case <-s.live.over.Done():
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// part tells the end of a verification that was erased with all that its user has:
// from what was published of it, for the store knows it no more.
func (st *stream) part(last *hub.Message) error {
	if last == nil {
		return nil
	}
	n, err := st.server.heard(last.Data)
	if err != nil {
		return fmt.Errorf("reading a notice: %w", err)
	}
	frames, _ := st.watch.take(n)
	return st.say(frames)
}

// say writes frames as messages. A snapshot's id is where the events after it
// begin; a tick has none.
func (st *stream) say(frames []frame) error {
	if len(frames) == 0 {
		return nil
	}
	st.buf.Reset()
	for _, f := range frames {
		data, err := json.Marshal(f.data)
		if err != nil {
			return fmt.Errorf("encoding %s: %w", f.typ, err)
		}
		fmt.Fprintf(&st.buf, "event: %s\n", f.typ)
		switch {
		case f.seq > 0:
			fmt.Fprintf(&st.buf, "id: %d\n", f.seq)
		case f.typ == "snapshot":
			fmt.Fprintf(&st.buf, "id: %d\n", st.watch.next-1)
		}
		fmt.Fprintf(&st.buf, "data: %s\n\n", data)
	}
	return st.write(st.buf.Bytes())
}

// write gives up on a reader that takes nothing: it comes again and resumes.
func (st *stream) write(p []byte) error {
	if err := st.patience(); err != nil {
		return err
	}
	if _, err := st.w.Write(p); err != nil {
		return err
	}
	return st.to.Flush()
}

func (st *stream) patience() error {
	return st.to.SetWriteDeadline(time.Now().Add(streamPatience))
}

// countdown makes the ticks of a stream by the rules of the hub's: one at every
// whole second before the end of the timer that ends first, each 0 once.
type countdown struct{ running []hub.Timer }

// never is a wait that no stream lives to see the end of.
const never = time.Duration(math.MaxInt64)

// set replaces the timers and tells how long to wait for the next tick. One that
// has run out counts only while its 0 is owed.
func (c *countdown) set(ts []hub.Timer, now time.Time) time.Duration {
	var running []hub.Timer
	for _, t := range ts {
		owed := false
		for _, r := range c.running {
			owed = owed || r.Field == t.Field && r.At.Equal(t.At)
		}
		if t.At.After(now) || owed {
			running = append(running, t)
		}
	}
	c.running = running
	return c.wait(now)
}

// wait tells how long it is to the next tick.
func (c *countdown) wait(now time.Time) time.Duration {
	first := never
	for _, t := range c.running {
		first = min(first, max(0, t.At.Sub(now)))
	}
	if first == never || first == 0 {
		return first
	}
	return (first-1)%time.Second + 1 // at a whole second: the next one
}

// tick makes the data of a tick frame and tells how long to wait for the next.
// A timer that tells its 0 is through.
func (c *countdown) tick(id string, now time.Time) (data map[string]any, next time.Duration) {
	data = map[string]any{"verification_id": id, "server_time": verify.FormatTime(now)}
	running := c.running[:0]
	for _, t := range c.running {
		left := verify.Rest(t.At.Sub(now))
		data[t.Field] = left
		if left > 0 {
			running = append(running, t)
		}
	}
	c.running = running
	return data, c.wait(now)
}
