package delivery

import (
	"context"
	"fmt"

	"nod/verify"
)

// PushCategory names a push that is shown to an iPhone's app, so that the app can
// put buttons below it (UNNotificationCategory).
const PushCategory = "NOD_PROMPT"

// Data is what a push carries for the app: which request it is about and, for a
// device with a key of its own, the request itself. Nobody on the way can read it.
func (m Message) Data() map[string]string {
	if m.Withdrawn {
		return map[string]string{"type": "prompt_closed", "verification_id": m.VerificationID}
	}
	d := map[string]string{"type": "prompt", "verification_id": m.VerificationID, "delivery_id": m.DeliveryID}
	if m.Sealed != "" {
		d["jwe"] = m.Sealed
	}
	return d
}

// WithdrawBy tells an app that a request is over by a message of its own over c, whose
// pushes can say so ([Message.Data]).
func WithdrawBy(ctx context.Context, c Channel, m Message) error {
	m.Withdrawn = true
	if o := c.Send(ctx, m); o.State != verify.StateAccepted {
		return fmt.Errorf("the end of a request was not taken: %s", o.Detail)
	}
	return nil
}

// Pushes is the channel to phones over the push provider of each device, by its
// name: fcm, apns or webpush.
type Pushes map[string]Channel

// Send hands the message to the device's provider.
func (p Pushes) Send(ctx context.Context, m Message) verify.Outcome {
	c := p[m.Push.Provider]
	if c == nil {
		return verify.Outcome{State: verify.StateFailed, Class: verify.ClassPolicy, Provider: m.Push.Provider, Detail: "no_provider"}
	}
	return c.Send(ctx, m)
}

// Withdraw tells the device that a request is over, where its provider can.
func (p Pushes) Withdraw(ctx context.Context, m Message) error {
	if w, ok := p[m.Push.Provider].(Withdrawer); ok {
		return w.Withdraw(ctx, m)
	}
	return nil
}
