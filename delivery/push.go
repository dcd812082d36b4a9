package delivery

import (
	"context"

	"nod/verify"
)

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
