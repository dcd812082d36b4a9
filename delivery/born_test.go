package delivery_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"nod/delivery"
	"nod/verify"
)

// keeping keeps a world's changes from its dispatchers, for the test to tell later.
func (w *world) keeping() func() verify.Change {
	w.deaf.Store(true)
	var kept verify.Change
	w.notice = func(c verify.Change) { kept = c }
	return func() verify.Change { return kept }
}

// What this process asks the app leaves with its COMMIT: no claim stands between.
func TestBornSending(t *testing.T) {
	t.Run("a prompt leaves without a claim, and once", func(t *testing.T) {
		bubble(t, func(w *world) {
			w.enroll(false, true)
			claims := &broken{Store: w.store}
			w.run(func(c *delivery.Config) { c.Store = claims })
			synctest.Wait()
			before := claims.asks.Load()
			w.begin()
			w.at(0)
			w.left(verify.WebSocket, 0)
			w.state(verify.WebSocket, verify.StateAccepted)
			if n := claims.asks.Load() - before; n != 0 {
				t.Errorf("the store was asked %d times what is due", n)
			}
			w.at(4 * s)
			w.left(verify.WebSocket, 0)
		})
	})
	t.Run("so does the prompt of a resend", func(t *testing.T) {
		bubble(t, func(w *world) {
			w.enroll(false, true)
			w.run()
			w.begin()
			w.at(100 * s)
			if err := w.resend(verify.Push); err != nil {
				t.Fatal(err)
			}
			w.at(100 * s)
			w.left(verify.WebSocket, 0, 100*s)
		})
	})
	t.Run("what is not committed never leaves", func(t *testing.T) {
		bubble(t, func(w *world) {
			w.enroll(false, true)
			w.run()
			undone := errors.New("no")
			err := w.store.CreateVerification(context.Background(), verify.Applicant{UserID: "u1", Purpose: verify.Login}, nil,
				func(sit *verify.Situation, now time.Time) (*verify.Verification, error) {
					v, err := verify.Start(w.request(), sit, &w.policy, now)
					return v, errors.Join(err, undone)
				})
			if !errors.Is(err, undone) {
				t.Fatal(err)
			}
			w.at(5 * s)
			w.left(verify.WebSocket)
		})
	})
	t.Run("who stood still for half the lease leaves it to others", func(t *testing.T) {
		bubble(t, func(w *world) {
			w.enroll(false, true)
			change := w.keeping()
			d, _ := w.run()
			w.begin()
			w.at(1100 * time.Millisecond)
			d.Committed(change())
			w.at(1900 * time.Millisecond)
			w.left(verify.WebSocket)
			w.at(4 * s)
			if n := len(w.script.list(verify.WebSocket)); n != 1 {
				t.Errorf("it left %d times", n)
			}
		})
	})
	t.Run("what another process took is not sent here before its lease has ended", func(t *testing.T) {
		bubble(t, func(w *world) {
			w.enroll(false, true)
			change := w.keeping()
			w.begin()
			w.policy.Worker = "another"
			d, _ := w.run()
			d.Committed(change())
			w.at(2*s - time.Millisecond)
			w.left(verify.WebSocket)
			w.at(2 * s)
			w.left(verify.WebSocket, 2*s)
		})
	})
	t.Run("what finds no room waits for the end of its lease", func(t *testing.T) {
		bubble(t, func(w *world) {
			w.enroll(false, true)
			w.enroll(false, true)
			w.script.does(verify.WebSocket, slow(500*time.Millisecond))
			d, _ := w.run(func(c *delivery.Config) { c.Workers = 1 })
			w.begin()
			w.at(4 * s)
			w.left(verify.WebSocket, 0, 2*s)
			if n := d.Stats().PutOff; n != 1 {
				t.Errorf("%d were put off, want 1", n)
			}
		})
	})
	t.Run("it is not sent again while a stopping process waits for it", func(t *testing.T) {
		bubble(t, func(w *world) {
			w.enroll(false, true)
			w.script.does(verify.WebSocket, slow(500*time.Millisecond))
			_, stop := w.run()
			w.begin()
			w.at(100 * time.Millisecond)
			if err := stop(); err != nil {
				t.Error(err)
			}
			w.state(verify.WebSocket, verify.StateAccepted)
		})
	})
}
