package main

import (
	"fmt"
	"testing"
	"time"

	"nod/verify"
)

const (
	// leaseEnd is how long the life of a lease may seem to who waits for its end:
	// 30 s, the next look at the database, and a slow machine.
	leaseEnd = 40 * time.Second
	// leasePromise is what an operator is told.
	leasePromise = 32 * time.Second
)

// hold makes the database hold, for as long as patience, the transaction that
// moves a delivery over a channel from one state (empty: it was none yet) to the next:
// before it is written, or while it is committed, which no death of its node stops.
func (c *cluster) hold(channel verify.Channel, from, to verify.DeliveryState, when string, patience time.Duration) {
	c.t.Helper()
	c.exec(fmt.Sprintf(`create function hold() returns trigger language plpgsql as
		$$ begin perform pg_sleep(%f); return new; end $$`, patience.Seconds()))
	kind, timing := "trigger", "before"
	if when == "at commit" {
		kind, timing = "constraint trigger", "after"
	}
	deferred := map[string]string{"trigger": "", "constraint trigger": "deferrable initially deferred"}[kind]
	event, was := "update", fmt.Sprintf("old.state = '%s' and", from)
	if from == "" {
		event, was = "insert", ""
	}
	c.exec(fmt.Sprintf(`create %s hold %s %s on deliveries %s for each row
		when (%s new.state = '%s' and new.channel = '%s') execute function hold()`, kind, timing, event, deferred, was, to, channel))
}

// release ends what hangs, as the database does by itself when it finds that the
// client is gone, and holds nothing from now on.
func (c *cluster) release() {
	c.t.Helper()
	c.exec("select pg_terminate_backend(pid) from pg_stat_activity where " + hanging)
	c.exec("drop function hold cascade")
}

// sms is the state of the only SMS of the cluster, and how often it was tried.
func (c *cluster) sms() string {
	c.t.Helper()
	return c.text("select string_agg(state || ' ' || attempts, ', ') from deliveries where channel = 'sms'")
}

// TestWorkerKilled: who dies with a message in hand loses none and doubles none.
func TestWorkerKilled(t *testing.T) {
	t.Parallel()
	t.Run("before it sent", func(t *testing.T) {
		t.Parallel()
		c := newCluster(t, setup{})
		c.hold(verify.SMS, verify.StateLeased, verify.StateSending, "before", time.Minute)
		v := c.ask("u1", object{"phone_number": number, "channel": "sms"})
		c.worker().kill()
		c.release()
		took := within(t, leaseEnd, "the other node sends it", func() bool { return c.sms() == "accepted 2" })
		t.Logf("promise 4: sent by the other node %s after the worker's death (promised: %s)", took.Round(10*time.Millisecond), leasePromise)
		c.sentOnly(number, 1)
		if _, out := c.call("POST", pathOf(v)+"/check", page(v), object{"code": c.outbox(number, 1).str("code")}); out["ok"] != true {
			t.Errorf("its code: %v", out)
		}
	})
	t.Run("after it sent", func(t *testing.T) {
		t.Parallel()
		c := newCluster(t, setup{settings: []string{"NOD_RESEND_DELAYS=1h"}})
		c.hold(verify.SMS, verify.StateSending, verify.StateAccepted, "before", time.Minute)
		v := c.ask("u1", object{"phone_number": number, "channel": "sms"})
		worker := c.worker()
		c.outbox(number, 1)
		worker.kill()
		c.release()
		within(t, leaseEnd, "nobody knows what became of it", func() bool { return c.sms() == "unknown 1" })
		c.sentOnly(number, 1)
		// The page may ask again at once, at no cost.
		if status, out := c.call("POST", "/api/v1/verifications/"+v.str("verification_id")+"/resend", page(v), object{}); status != 202 || out.num("resend_count") != 0 {
			t.Errorf("asking again: %d %v", status, out)
		}
		c.outbox(number, 2)
	})
}

// TestWorkerFrozen: who wakes up after its lease has ended writes nothing and
// sends nothing.
func TestWorkerFrozen(t *testing.T) {
	t.Parallel()
	t.Run("before it marked the message", func(t *testing.T) {
		t.Parallel()
		c := newCluster(t, setup{})
		c.hold(verify.SMS, verify.StateLeased, verify.StateSending, "before", time.Minute)
		c.ask("u1", object{"phone_number": number, "channel": "sms"})
		worker := c.worker()
		worker.freeze()
		c.release()
		within(t, leaseEnd, "the other node sends it", func() bool { return c.sms() == "accepted 2" })
		c.woken(worker, "accepted 2", 1)
	})
	t.Run("before it sent", func(t *testing.T) {
		t.Parallel()
		c := newCluster(t, setup{})
		c.hold(verify.SMS, verify.StateLeased, verify.StateSending, "at commit", time.Second)
		c.ask("u1", object{"phone_number": number, "channel": "sms"})
		worker := c.worker()
		worker.freeze()
		eventually(t, "the mark that it leaves is written", func() bool { return c.sms() == "sending 1" })
		within(t, leaseEnd, "nobody knows what became of it", func() bool { return c.sms() == "unknown 1" })
		c.woken(worker, "unknown 1", 0)
	})
	t.Run("after it sent", func(t *testing.T) {
		t.Parallel()
		c := newCluster(t, setup{})
		c.hold(verify.SMS, verify.StateSending, verify.StateAccepted, "before", time.Minute)
		c.ask("u1", object{"phone_number": number, "channel": "sms"})
		worker := c.worker()
		c.outbox(number, 1)
		worker.freeze()
		c.release()
		within(t, leaseEnd, "nobody knows what became of it", func() bool { return c.sms() == "unknown 1" })
		c.woken(worker, "unknown 1", 1)
	})
}

// woken lets a frozen worker go on and wants nothing to change: what it still has
// in hand it has tried by the time that it has stopped.
func (c *cluster) woken(worker *program, state string, messages int) {
	c.t.Helper()
	seq := c.number("select seq from verifications")
	worker.thaw()
	worker.ready()
	worker.stop()
	if got := c.sms(); got != state {
		c.t.Errorf("after the frozen worker woke the SMS is %s, want %s", got, state)
	}
	if got := c.number("select seq from verifications"); got != seq {
		c.t.Errorf("the frozen worker wrote events %d to %d", seq+1, got)
	}
	c.sentOnly(number, messages)
}
