package hub_test

import (
	"context"
	"testing"

	"nod/hub"
)

// TestFlush says more in Open than may wait for a socket.
func TestFlush(t *testing.T) {
	const frames = 1000
	a := &app{open: func(s *hub.Session) error {
		for n := range int64(frames) {
			if err := s.Send("event", n+1, nil); err != nil {
				return err
			}
			if n%32 == 0 {
				if err := s.Flush(context.Background()); err != nil {
					return err
				}
			}
		}
		return nil
	}}
	p := run(t, config(a)).connect(t)
	p.auth("watcher 1")
	p.expect("welcome")
	for n := range int64(frames) {
		if f := p.expect("event"); f.Seq != n+1 {
			t.Fatalf("got event %d, want %d", f.Seq, n+1)
		}
	}
}

// TestFlushEnds waits for a socket that nobody reads: until the session ends.
func TestFlushEnds(t *testing.T) {
	flushed := make(chan error, 1)
	a := &app{open: func(s *hub.Session) error {
		s.Close(hub.CloseTryLater, "")
		flushed <- s.Flush(context.Background())
		return nil
	}}
	p := run(t, config(a)).connect(t)
	p.auth("watcher 1")
	p.expect("welcome")
	p.expectClose(hub.CloseTryLater)
	if err := <-flushed; err != hub.ErrClosed { //nolint:errorlint // returned as it is
		t.Fatal("flush:", err)
	}
}
