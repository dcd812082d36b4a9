package hub_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"nod/hub"
)

// TestComplaints has the broker and the application fail every connection: each
// is said once a second, and neither hides the other.
func TestComplaints(t *testing.T) {
	c := config(&app{receive: func(*hub.Session, hub.Frame) error { return errors.New("no space left") }})
	c.Broker = failing{}
	var log strings.Builder
	c.Log = slog.New(slog.NewTextHandler(&log, nil))
	bubble(t, c, func(t *testing.T, n *node) {
		round := func(want ...string) {
			t.Helper()
			log.Reset()
			for range 50 {
				p := n.login(t, "watcher 1")
				p.send(`{"type":"anything"}`)
				p.expect("error")
			}
			synctest.Wait()
			lines := strings.Split(strings.TrimSpace(log.String()), "\n")
			if len(lines) != len(want) {
				t.Fatalf("%d lines, want %d:\n%s", len(lines), len(want), log.String())
			}
			for i, line := range lines {
				if !strings.Contains(line, want[i]) {
					t.Errorf("said %s, want %s", line, want[i])
				}
			}
		}
		round(errDown.Error(), "no space left")
		<-time.After(time.Second)
		round("others=49", "others=49")
	})
}
