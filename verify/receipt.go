package verify

import (
	"slices"
	"time"
)

// Receive records what a provider told about a message, of itself or when it was
// asked. It moves a delivery that may have left forward, from unknown or sending to
// accepted, undelivered, delivered, and never back: so a receipt that is repeated
// or comes late changes nothing, and in whatever order they come the best one
// stands. Delivered is the best, for it is the one that somebody saw happen. It
// works on a verification that has ended, too.
//
// A receipt informs. It is no verdict on the number, it starts and ends nothing,
// and what the page may do next stays: a message that nobody knew had left may
// still be asked for again at once. Only while the message is being sent it counts
// as the provider's answer, and the sender that comes to know less writes over
// nothing.
func (v *Verification) Receive(r Receipt, p *Policy, now time.Time) {
	d := v.told(r)
	if d == nil || d.State.known() >= r.State.known() {
		return
	}
	if d.Provider == "" {
		d.Provider = r.Provider
	}
	if d.ProviderID == "" {
		d.ProviderID = r.ProviderID
	}
	d.Class, d.Detail = ClassNone, ""
	if d.AcceptedAt.IsZero() {
		if d.State == StateSending {
			v.accepted(d, now) // the lease stays: the sender may still tell the message's id
		}
		d.AcceptedAt = now
		if r.State != StateAccepted {
			v.move(d, StateAccepted, now) // it was taken before it arrived, or did not
		}
	}
	if r.State == StateUndelivered {
		d.Class, d.Detail = r.Class, r.Detail
	}
	d.AskAt = time.Time{} // only an accepted one has any, so this is the last word
	v.move(d, r.State, now)
	if !v.Terminal() {
		v.settle(p, now)
	}
}

// told finds the delivery that a receipt is about: by the delivery's own id, or by
// the message's. Nil when it is not of this verification, was sent by another
// provider, or has not left; and for an app, which acknowledges by itself.
func (v *Verification) told(r Receipt) *Delivery {
	for i := range v.Deliveries {
		d := &v.Deliveries[i]
		sameMessage := d.Provider == r.Provider && d.ProviderID == r.ProviderID && r.ProviderID != ""
		switch {
		case d.ID != r.DeliveryID && (r.DeliveryID != "" || !sameMessage):
		case d.Channel.App() || d.State.known() < 0 || r.State.known() <= 0:
			return nil
		case d.State == StateUndelivered && d.AcceptedAt.IsZero(): // nobody took it
			return nil
		case d.Provider == "" && slices.Contains(d.TriedBy(), r.Provider): // about its try before
			return nil
		case d.Provider != "" && d.Provider != r.Provider, d.ProviderID != "" && r.ProviderID != "" && d.ProviderID != r.ProviderID:
			return nil
		default:
			return d
		}
	}
	return nil
}

// known orders what a provider may have told about a message; -1 is one that has
// not left, or was refused.
func (s DeliveryState) known() int {
	switch s {
	case StateSending, StateUnknown:
		return 0
	case StateAccepted:
		return 1
	case StateUndelivered:
		return 2
	case StateDelivered:
		return 3
	}
	return -1
}

// Asked is a message whose provider is to be asked what became of it.
type Asked struct {
	DeliveryID string
	Channel    Channel
	Provider   string
	ProviderID string
}

// AskDue takes the messages about which no last word came in time, so that their
// providers are asked once each; what they say goes to [Verification.Receive]. It
// is for the dispatcher's claim, after [Verification.Advance]: what ended is not
// asked about any more, because nobody waits for it.
func (v *Verification) AskDue(p *Policy, now time.Time) []Asked {
	if v.Terminal() {
		return nil
	}
	var due []Asked
	for i := range v.Deliveries {
		d := &v.Deliveries[i]
		if d.AskAt.IsZero() || now.Before(d.AskAt) {
			continue
		}
		d.AskAt = d.askAt(p, now)
		due = append(due, Asked{d.ID, d.Channel, d.Provider, d.ProviderID})
	}
	if due != nil {
		v.settle(p, now)
	}
	return due
}

// askAt is when to ask next, after now; zero: never. What was missed is not made
// up for.
func (d *Delivery) askAt(p *Policy, now time.Time) time.Time {
	for _, after := range p.AskAfter {
		if at := d.AcceptedAt.Add(after); at.After(now) {
			return at
		}
	}
	return time.Time{}
}

// Conversion is how well a provider's SMS work in a country: how many it accepted,
// and how many verifications were then approved by such a code.
type Conversion struct {
	Provider string
	Country  string // see [Delivery]
	Sent     int
	Approved int
}
