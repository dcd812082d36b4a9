package delivery

import (
	"context"
	"time"

	"nod/verify"
)

// Over tells phones that got a push that its request is over, so that it does not
// stay on their screens: each that a provider took for the prompt whose end is
// among the events of a committed change, but for the device that answered. A push
// that a provider took only after that end is withdrawn then. A prompt that a newer
// one replaced is not: the newer push takes its place on the phone, and word that
// the older one is over might overtake it.
//
// It is called after COMMIT and never blocks. It is tried once, and is the first
// that is left out when there is too much to do; nothing depends on it.
func (d *Dispatcher) Over(v *verify.Verification, events []verify.Event) {
	if _, can := d.config.Channels[verify.Push].(Withdrawer); !can {
		return
	}
	for _, row := range overdue(v, events) {
		device := deviceOf(v, row.DeviceID)
		if device == nil || device.Push == nil {
			continue
		}
		select {
		case d.over <- Message{
			UserID: v.UserID, VerificationID: v.ID, DeliveryID: row.ID, Channel: row.Channel, Locale: v.Locale,
			DeviceID: device.ID, Push: device.Push, Platform: device.Platform, Withdrawn: true,
			ExpiresAt: v.Prompt.ExpiresAt, Life: max(0, v.Prompt.ExpiresAt.Sub(events[len(events)-1].At)),
		}:
		default:
			d.figures.count(&d.figures.Withdrawals, dropped)
		}
	}
}

// overdue finds the pushes that a change makes pointless.
func overdue(v *verify.Verification, events []verify.Event) (rows []*verify.Delivery) {
	if v.Prompt.ClosedAt.IsZero() {
		return nil
	}
	ended, late := false, map[string]bool{}
	for _, e := range events {
		ended = ended || ends(e, v.Prompt.ClosedAt)
		if e.Data.Channel == verify.Push && e.Data.State == verify.StateAccepted {
			late[e.Data.DeliveryID] = true
		}
	}
	for i := range v.Deliveries {
		row := &v.Deliveries[i]
		if row.Channel == verify.Push && row.PromptGeneration == v.Prompt.Generation && !row.AcceptedAt.IsZero() &&
			row.DeviceID != v.AnsweredBy && (ended || late[row.ID]) {
			rows = append(rows, row)
		}
	}
	return rows
}

// ends reports whether an event tells that the prompt closed: the end of the
// verification or, when only the prompt's own time ran out, what comes after it.
// Later ones of the same names have another time.
func ends(e verify.Event, closedAt time.Time) bool {
	switch e.Name {
	case verify.EventApproved, verify.EventDenied, verify.EventFailed, verify.EventExpired,
		verify.EventCanceled, verify.EventSuperseded, verify.EventStageChanged:
		return e.At.Equal(closedAt)
	}
	return false
}

// withdrawals withdraws what [Dispatcher.Over] was told until ctx ends.
func (d *Dispatcher) withdrawals(ctx, trying context.Context) {
	for {
		select {
		case m := <-d.over:
			d.withdraw(trying, m)
		case <-ctx.Done():
			return
		}
	}
}

// withdraw starts one withdrawal, if there is room for it.
func (d *Dispatcher) withdraw(ctx context.Context, m Message) {
	if !d.figures.enter(&d.figures.Withdrawals, d.config.Workers) {
		return
	}
	d.tries.Go(func() {
		became := failed
		defer func() { d.figures.leave(&d.figures.Withdrawals, became) }()
		defer func() { d.panicked(recover(), "withdrawing", "delivery_id", m.DeliveryID, "channel", m.Channel) }()
		ctx, cancel := context.WithTimeout(ctx, d.config.Timeout)
		defer cancel()
		if w, can := d.config.Channels[m.Channel].(Withdrawer); can && w.Withdraw(ctx, m) == nil {
			became = done
		}
	})
}
