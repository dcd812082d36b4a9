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
func (d *Dispatcher) try(ctx context.Context, l leased, j job, token string) {
	v, now := l.v, l.at
	if v.Delivery(j.id).State == verify.StateLeased {
		leaves := false
		err := d.write(ctx, v.ID, func(fresh *verify.Verification, at time.Time) error {
			leaves = fresh.Send(j.id, token, d.config.Policy, at)
			v, now = fresh, at
			return nil
		})
		if err != nil {
			d.config.Log.Warn("a delivery waits for the end of its lease: the store did not take the mark that it leaves", "delivery_id", j.id, "error", err)
			return
		}
		if !leaves {
			return
		}
	}
	o := d.send(ctx, v, v.Delivery(j.id), now)
	o.Jitter = rand.Float64() //nolint:gosec // spreads retries, guards nothing
	err := d.write(ctx, v.ID, func(fresh *verify.Verification, at time.Time) error {
		fresh.Settle(j.id, token, o, d.config.Policy, at)
		return nil
	})
	d.figures.sent(j.channel, o.State, err != nil)
	if err != nil && !errors.Is(err, verify.ErrNotFound) {
		d.config.Log.Warn("the outcome of a delivery could not be written", "delivery_id", j.id, "channel", j.channel, "state", o.State, "error", err)
	}
}

// send composes the message and hands it to its channel, within the time that
// is left. It always has an outcome.
func (d *Dispatcher) send(ctx context.Context, v *verify.Verification, row *verify.Delivery, now time.Time) (o verify.Outcome) {
	defer func() {
		if r := recover(); r != nil {
			// The value may hold what was being sent; its type and the stack do not.
			d.config.Log.Error("a channel panicked", "delivery_id", row.ID, "channel", row.Channel, "type", fmt.Sprintf("%T", r), "stack", string(debug.Stack()))
			o = verify.Outcome{State: verify.StateUnknown, Class: verify.ClassUnknown, Detail: "panic"}
		}
	}()
	channel := d.config.Channels[row.Channel]
	if channel == nil {
		return verify.Outcome{State: verify.StateFailed, Class: verify.ClassPolicy, Detail: "no_provider"}
	}
	m, ok := d.compose(v, row, now)
	if !ok {
		return verify.Outcome{State: verify.StateFailed, Class: verify.ClassPermanentTarget, Detail: "target_gone"}
	}
	ctx, cancel := context.WithTimeout(ctx, min(d.config.Timeout, m.Life))
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

// compose makes the message of a delivery; false when the device is revoked or
// has switched push off.
func (d *Dispatcher) compose(v *verify.Verification, row *verify.Delivery, now time.Time) (Message, bool) {
	m := Message{UserID: v.UserID, VerificationID: v.ID, DeliveryID: row.ID, Channel: row.Channel, DeviceID: row.DeviceID, Locale: v.Locale}
	if c := v.CodeOf(row); c != nil {
		m.Number, m.ExpiresAt = v.Number, c.ExpiresAt
		m.Code = d.config.Authority.Keys().Code(v, *c)
		if m.Text = smsText(v, row, m.Code, d.host); row.Channel == verify.Voice {
			m.Text = voiceText(v, m.Code)
		}
	} else {
		device := deviceOf(v, row.DeviceID)
		if device == nil || (row.Channel == verify.Push && device.Push == nil) {
			return m, false
		}
		if row.Channel == verify.Push {
			words := wordsFor(v.Locale)
			m.Push, m.Title, m.Text = device.Push, words.title, words.body
		}
		prompt := d.config.Authority.Prompt(v, row)
		m.Prompt, m.ExpiresAt = &prompt, v.Prompt.ExpiresAt
	}
	m.Life = m.ExpiresAt.Sub(now)
	return m, true
}

func deviceOf(v *verify.Verification, id string) *verify.Device {
	for i := range v.Devices {
		if v.Devices[i].ID == id {
			return &v.Devices[i]
		}
	}
	return nil
}

// write runs a rule, again while the store fails, but not longer than a lease
// and not once tries are given up. A transaction under way is let finish.
func (d *Dispatcher) write(ctx context.Context, id string, rule func(*verify.Verification, time.Time) error) error {
	retrying, cancel := context.WithTimeout(ctx, d.config.Policy.LeaseLife)
	defer cancel()
	for pause := pauseFirst; ; pause = min(2*pause, pauseMost) {
		one, done := context.WithTimeout(context.WithoutCancel(ctx), dbLimit)
		err := d.config.Store.UpdateVerification(one, id, nil, rule)
		done()
		if _, refused := errors.AsType[*verify.Refusal](err); refused || err == nil {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-retrying.Done():
			timer.Stop()
			return err
		}
	}
}
