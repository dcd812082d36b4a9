package hub_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"nod/hub"
)

// TestAcceptRate opens more connections at once than a node takes, and then again.
func TestAcceptRate(t *testing.T) {
	c := config(new(app))
	c.AcceptRate = 4
	bubble(t, c, func(t *testing.T, n *node) {
		open := func(want int) {
			t.Helper()
			waits := map[string]bool{}
			for i := range want + 20 {
				if i < want {
					n.connect(t)
					continue
				}
				status, header, body := n.upgrade(t, handshake...)
				wantProblem(t, header, body, 503, "unavailable")
				if after, err := strconv.Atoi(header.Get("Retry-After")); status != 503 || err != nil || after < 1 || after > 5 {
					t.Errorf("status %d, %v", status, header)
				}
				waits[header.Get("Retry-After")] = true
			}
			if len(waits) < 3 {
				t.Errorf("all are told to come back at once: %v", waits)
			}
		}
		open(4)
		<-time.After(time.Second / 2)
		open(2)
		<-time.After(time.Hour)
		open(4) // a quiet hour saves nothing up
		if s := n.Stats(); s.Refused[hub.CauseRate] != 60 || len(s.Refused) != 1 || s.Pending > 4 {
			t.Errorf("stats %+v", s)
		}
	})
}

// TestTell reaches those on a topic of this node, whatever the broker is.
func TestTell(t *testing.T) {
	c := config(new(app))
	c.Broker = mute{}
	n := run(t, c)
	a, b := n.login(t, "watcher a"), n.login(t, "watcher b")
	if heard := n.Tell(hub.Message{Topic: "watcher:a", Kind: "event", Seq: 3}); heard != 1 {
		t.Error(heard, "heard it")
	}
	if f := a.expect("event"); f.Seq != 3 {
		t.Errorf("event %+v", f)
	}
	b.send(`{"type":"echo"}`)
	b.expect("echo")
}

// mute is a broker that delivers nothing.
type mute struct{}

func (mute) Join(context.Context, string, string, time.Time, bool) error { return nil }
func (mute) Leave(string, string)                                        {}

func (mute) Publish(context.Context, hub.Message) (int, error) { return 0, nil }

func (mute) Run(ctx context.Context, _ func(hub.Message) int) error {
	<-ctx.Done()
	return nil
}

// TestRecall has everybody come again, at different moments.
func TestRecall(t *testing.T) {
	n := run(t, config(new(app)))
	var peers []*peer
	for i := range 20 {
		peers = append(peers, n.login(t, fmt.Sprint("device ", i)))
	}
	greeting := n.connect(t)
	n.Recall()
	moments := map[time.Duration]bool{}
	for _, p := range peers {
		moments[p.expectBye("draining", 1013)] = true
	}
	if len(moments) < 15 {
		t.Errorf("20 clients come back at %d moments", len(moments))
	}
	greeting.auth("device 1") // who was not told anything has missed nothing
	greeting.expect("welcome")
}
