package delivery

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"nod/verify"
)

// try brings one leased delivery on its way and writes what came of it.
func (d *Dispatcher) try(ctx context.Context, l leased, j job) {
	if l.v.Delivery(j.id).State == verify.StateLeased {
		if !d.passes(ctx, l, j) {
			return
		}
		leaves := false
		began, err := d.write(ctx, l.v.ID, func(fresh *verify.Verification, at time.Time) error {
			leaves = fresh.Send(j.id, l.token, d.config.Policy, at)
			l.v, l.at = fresh, at
			return nil
		})
		if err != nil {
			d.config.Log.Warn("a delivery waits for the end of its lease: the store did not take the mark that it leaves", "delivery_id", j.id, "error", err)
			return
		}
		if !leaves {
			return
		}
		l.began = began
	}
	o := d.send(ctx, l, l.v.Delivery(j.id))
	o.Jitter = rand.Float64() //nolint:gosec // spreads retries, guards nothing
	_, err := d.write(ctx, l.v.ID, func(fresh *verify.Verification, at time.Time) error {
		fresh.Settle(j.id, l.token, o, d.config.Policy, at)
		return nil
	})
	d.figures.sent(j.channel, o.State, err != nil)
	if err != nil && !errors.Is(err, verify.ErrNotFound) {
		d.config.Log.Warn("the outcome of a delivery could not be written", "delivery_id", j.id, "channel", j.channel, "state", o.State, "error", err)
	}
	if j.channel == verify.Push && o.State == verify.StateFailed && o.Class == verify.ClassPermanentTarget {
		d.dropPush(ctx, l.v, j.id)
	}
}

// dropPush forgets the push token that a provider called dead, unless the device
// has another by now. Should that fail, the next push finds it dead again.
func (d *Dispatcher) dropPush(ctx context.Context, v *verify.Verification, deliveryID string) {
	device := deviceOf(v, v.Delivery(deliveryID).DeviceID)
	if device == nil || device.Push == nil { // then it was not what was sent to
		return
	}
	_, err := d.persist(ctx, func(ctx context.Context) error {
		_, err := d.config.Store.UpdateDevice(ctx, device.ID, func(fresh *verify.Device, _ time.Time) ([]verify.Event, error) {
			events := fresh.DropPush(*device.Push)
			if len(events) == 0 {
				return nil, verify.ErrNotFound // nothing to drop, so nothing to write
			}
			return events, nil
		})
		return err
	})
	if err != nil && !errors.Is(err, verify.ErrNotFound) {
		d.config.Log.Warn("a dead push token could not be dropped", "device_id", device.ID, "error", err)
	}
}

// send composes the message and hands it to its channel, within the time that
// is left. It always has an outcome.
//
// A process may stand still between any two instructions, for longer than its
// lease. So the last thing before a message leaves is to look how long ago the
// lease began: what would leave in its second half stays, because it could end
// after it, when the delivery is another worker's. Elapsed time is what both
// sides agree on, whatever their clocks say.
func (d *Dispatcher) send(ctx context.Context, l leased, row *verify.Delivery) (o verify.Outcome) {
	defer func() {
		if d.panicked(recover(), "sending", "delivery_id", row.ID, "channel", row.Channel) {
			o = verify.Outcome{State: verify.StateUnknown, Class: verify.ClassUnknown, Detail: "panic"}
		}
	}()
	channel := d.config.Channels[row.Channel]
	if channel == nil {
		return verify.Outcome{State: verify.StateFailed, Class: verify.ClassPolicy, Detail: "no_provider"}
	}
	m, ok := d.compose(l.v, row)
	if !ok {
		return verify.Outcome{State: verify.StateFailed, Class: verify.ClassPermanentTarget, Detail: "target_gone"}
	}
	lease, spent := d.config.Policy.Lease(row.Channel), time.Since(l.began)
	m.Life = m.ExpiresAt.Sub(l.at) - spent
	if spent > lease/2 || m.Life <= 0 {
		d.config.Log.Warn("a delivery did not leave: this process or the store stood still", "delivery_id", row.ID, "channel", row.Channel, "for", spent)
		return verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Detail: "late"}
	}
	ctx, cancel := context.WithTimeout(ctx, min(d.config.Timeout, lease/2, m.Life))
	defer cancel()
	o = channel.Send(ctx, m)
	if o.Class == "" {
		o.Class = verify.ClassNone
	}
	switch o.State {
	case verify.StateAccepted, verify.StateDelivered, verify.StateRetrying, verify.StateUnknown, verify.StateUndelivered, verify.StateFailed:
	default:
		o.State, o.Class = verify.StateUnknown, verify.ClassUnknown // it may have left
	}
	return o
}

// write runs a rule on a verification, as [Dispatcher.persist] does.
func (d *Dispatcher) write(ctx context.Context, id string, rule func(*verify.Verification, time.Time) error) (time.Time, error) {
	return d.persist(ctx, func(ctx context.Context) error {
		return d.config.Store.UpdateVerification(ctx, id, nil, rule)
	})
}

// persist runs a transaction, again while the store fails, but not longer than a
// lease and not once tries are given up. One under way is let finish. It returns
// when, by our clock, the one that stood began.
func (d *Dispatcher) persist(ctx context.Context, transact func(context.Context) error) (time.Time, error) {
	retrying, cancel := context.WithTimeout(ctx, d.config.Policy.LeaseLife)
	defer cancel()
	for pause := pauseFirst; ; pause = min(2*pause, pauseMost) {
		began := time.Now()
		one, done := context.WithTimeout(context.WithoutCancel(ctx), dbLimit)
		err := transact(one)
		done()
		if _, refused := errors.AsType[*verify.Refusal](err); refused || err == nil {
			return began, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-retrying.Done():
			timer.Stop()
			return began, err
		}
	}
}

// panicked reports whether a channel did, and logs it: r is what was recovered, about
// the pairs that name the row. What was recovered may hold what was being sent; its
// type and the stack do not.
func (d *Dispatcher) panicked(r any, in string, about ...any) bool {
	if r == nil {
		return false
	}
	d.config.Log.Error("a channel panicked", append(about, "in", in, "type", fmt.Sprintf("%T", r), "stack", string(debug.Stack()))...)
	return true
}
