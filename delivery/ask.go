package delivery

import (
	"context"
	"time"

	"nod/verify"
)

// question is a message whose provider did not say what became of it.
type question struct {
	verificationID string
	verify.Asked
}

// ask starts to ask about a message. It takes no place of the channel's: at most
// Workers ask at once, whoever finds no place in the time of one try gives up. What
// is lost, also by a crash, is one question; the ladder waits for none.
func (d *Dispatcher) ask(ctx context.Context, q question) {
	asker, can := d.config.Channels[q.Channel].(Asker)
	if !can {
		return
	}
	d.figures.enter(&d.figures.Asks, unlimited)
	d.tries.Go(func() { d.figures.leave(&d.figures.Asks, d.learn(ctx, asker, q)) })
}

// learn asks and writes what it is told.
func (d *Dispatcher) learn(ctx context.Context, asker Asker, q question) end {
	brief, cancel := context.WithTimeout(ctx, d.config.Timeout)
	defer cancel()
	select {
	case d.asking <- struct{}{}:
	case <-brief.Done():
		return dropped
	}
	r, told := d.askOnce(brief, asker, q)
	<-d.asking
	if !told {
		return failed
	}
	r.DeliveryID, r.Provider, r.ProviderID = q.DeliveryID, q.Provider, q.ProviderID
	if _, err := d.write(ctx, q.verificationID, func(v *verify.Verification, now time.Time) error {
		v.Receive(r, d.config.Policy, now)
		return nil
	}); err != nil {
		return dropped
	}
	return done
}

// askOnce asks a provider; false when it does not say.
func (d *Dispatcher) askOnce(ctx context.Context, asker Asker, q question) (r verify.Receipt, told bool) {
	defer func() { d.panicked(recover(), "asking", "delivery_id", q.DeliveryID, "channel", q.Channel) }()
	r, err := asker.Ask(ctx, q.Provider, q.ProviderID)
	return r, err == nil && r.State != ""
}
