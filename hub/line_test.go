package hub_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"nod/hub"
)

// crowded calls f while as many are judged as may be at once: each waits for one
// verdict. One more has taken its challenge and said nothing yet.
func crowded(t *testing.T, f func(t *testing.T, n *node, verdict chan struct{}, judged []*peer, oneMore *peer)) {
	var verdict chan struct{} // made in the bubble, or its time would stand still
	a := new(app)
	a.authenticate = func(_ context.Context, auth hub.Auth) (hub.Identity, hub.Client, error) {
		<-verdict
		return hub.Identity{Role: "watcher", ID: auth.Token, Topic: auth.Token}, a, nil
	}
	c := config(a)
	c.MaxPerIP = -1
	bubble(t, c, func(t *testing.T, n *node) {
		verdict = make(chan struct{})
		oneMore := n.connect(t)
		var judged []*peer
		for i := range n.Turns() {
			judged = append(judged, n.connect(t))
			judged[i].auth(fmt.Sprint("page ", i))
		}
		<-time.After(time.Second)
		f(t, n, verdict, judged, oneMore)
		close(verdict)
	})
}

// TestTurns: who comes while as many are served as may be at once has the turn of
// the first that is through, to be upgraded as to be judged.
func TestTurns(t *testing.T) {
	crowded(t, func(t *testing.T, n *node, verdict chan struct{}, judged []*peer, oneMore *peer) {
		oneMore.auth("page one more")
		newcomer := make(chan *peer)
		go func() { newcomer <- n.connect(t) }()
		<-time.After(time.Second)
		if s := n.Stats(); s.Pending != len(judged)+2 {
			t.Fatalf("stats %+v", s)
		}
		verdict <- struct{}{} // the turn goes to oneMore, then to the newcomer
		verdict <- struct{}{}
		(<-newcomer).auth("page newcomer")
		for range judged {
			verdict <- struct{}{}
		}
		for _, p := range append(judged, oneMore) {
			p.expect("welcome")
		}
	})
}

// TestLongLine: who has waited for a turn as long as a client may take for auth is
// sent away.
func TestLongLine(t *testing.T) {
	crowded(t, func(t *testing.T, n *node, _ chan struct{}, _ []*peer, oneMore *peer) {
		began := time.Now()
		oneMore.auth("page one more")
		status, header, body := n.upgrade(t, handshake...)
		if took := time.Since(began); status != 503 || header.Get("Retry-After") == "" || !near(took, 5*time.Second) {
			t.Errorf("status %d after %s, %v", status, took, header)
		}
		wantProblem(t, header, body, 503, "unavailable")
		oneMore.expect("error")
		oneMore.expectClose(hub.CloseTryLater)
		if s := n.Stats(); s.Refused[hub.CauseRate] != 1 {
			t.Errorf("stats %+v", s)
		}
	})
}
