package delivery

import (
	"context"
	"slices"
	"sync"
	"time"

	"nod/verify"
)

// outboxSize is how many messages an outbox keeps.
const outboxSize = 1000

// Outbox is the simulator: the channel for push, SMS and calls where no provider
// is set up. It takes every message at once and keeps the last 1,000 in memory,
// to be looked at. It is the only place where a code or a whole number can be
// seen. The zero value is ready.
type Outbox struct {
	mu       sync.Mutex
	messages []Simulated   // oldest first
	arrived  chan struct{} // closed at the next message; nil while nobody waits
}

// Simulated is a message as the phone would have got it.
type Simulated struct {
	ID             string            `json:"id" doc:"ids grow: a later message has a greater one"`
	Channel        verify.Channel    `json:"channel" enum:"push,sms,voice"`
	To             string            `json:"to" doc:"the phone number, or the push token"`
	Title          string            `json:"title,omitempty"`
	Text           string            `json:"text"`
	Data           map[string]string `json:"data,omitempty" doc:"what a push carries for the app"`
	Code           string            `json:"code,omitempty"`
	UserID         string            `json:"user_id" doc:"whom it was for: two people may share a number"`
	VerificationID string            `json:"verification_id"`
	DeliveryID     string            `json:"delivery_id"`
	At             time.Time         `json:"at"`
}

// Send takes the message.
func (o *Outbox) Send(_ context.Context, m Message) verify.Outcome {
	s := Simulated{
		Channel: m.Channel, Title: m.Title, Text: m.Text, Code: m.Code,
		UserID: m.UserID, VerificationID: m.VerificationID, DeliveryID: m.DeliveryID, At: time.Now().UTC().Truncate(time.Millisecond),
	}
	if m.Push != nil {
		s.To = m.Push.Token
		s.Data = map[string]string{"verification_id": m.VerificationID, "delivery_id": m.DeliveryID}
	} else {
		s.To = m.Number.E164()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	s.ID = verify.NewID("msg") // under the lock: whoever reads on after an id misses none before it
	if len(o.messages) == outboxSize {
		o.messages = slices.Delete(o.messages, 0, 1)
	}
	o.messages = append(o.messages, s)
	if o.arrived != nil {
		close(o.arrived)
		o.arrived = nil
	}
	return verify.Outcome{State: verify.StateAccepted, Class: verify.ClassNone, Provider: "outbox", ProviderID: s.ID}
}

// List returns the messages to a number or push token (empty: to anybody) that
// came after the one with the id after (empty: all), oldest first and at most
// limit of them.
func (o *Outbox) List(to, after string, limit int) []Simulated {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.listLocked(to, after, limit)
}

func (o *Outbox) listLocked(to, after string, limit int) []Simulated {
	found := []Simulated{}
	for _, s := range o.messages {
		if len(found) < limit && s.ID > after && (to == "" || s.To == to) {
			found = append(found, s)
		}
	}
	return found
}

// Wait is [Outbox.List], but waits for a message when there is none yet. It
// returns none when ctx ends first.
func (o *Outbox) Wait(ctx context.Context, to, after string, limit int) []Simulated {
	for {
		o.mu.Lock()
		found := o.listLocked(to, after, limit)
		if o.arrived == nil {
			o.arrived = make(chan struct{})
		}
		arrived := o.arrived
		o.mu.Unlock()
		if len(found) > 0 {
			return found
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return found
		}
	}
}
