package delivery

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"nod/verify"
)

const (
	// outboxSize is how many messages an outbox keeps.
	outboxSize = 1000
	// settling is how long a message of one of several nodes stays unseen, see
	// [Outbox]: as long as a message takes to every node, at the 99th percentile.
	settling = 250 * time.Millisecond
)

// Outbox is the simulator: the channel for push, SMS, calls and mail where no
// provider is set up. It takes every message at once and keeps the last 1,000 in memory,
// to be looked at. It is the only place where a code or a whole number can be
// seen. The zero value is ready, and alone.
//
// # On several nodes
//
// Each node's outbox holds the messages of all: Share carries its own away,
// [Outbox.Add] takes the others'. Their ids are ordered by the store's clock, which
// is one for all nodes, so whoever reads on after an id may ask any node.
//
// A message that comes late has a lesser id than one that was read already, and
// would be passed over. So with Share a message is shown only 250 ms after it came
// here, together with all that have a lesser id by then: what reaches every node
// within that time is missed by nobody, whichever node is asked next. What takes
// longer is still listed, but not to those who have read on; a node that was
// unreachable or started later does not have it at all. For a simulator that is
// enough.
type Outbox struct {
	// Share is called with every message of this node, once it is listed here.
	// Messages hold codes: it must seal what it carries. It is set before the
	// first message, and Send waits for it. Nil: there is no other node.
	Share func(Simulated)

	mu       sync.Mutex
	messages []kept        // in the order of their ids
	moment   int64         // of the last id made here
	arrived  chan struct{} // closed at the next message; nil while nobody waits
}

// kept is a message and when it may be seen.
type kept struct {
	Simulated
	shownAt time.Time
}

// Simulated is a message as the phone would have got it. As JSON it is complete.
type Simulated struct {
	ID             string            `json:"id" doc:"ids grow: a later message has a greater one"`
	Channel        verify.Channel    `json:"channel" enum:"push,sms,voice,email"`
	To             string            `json:"to" doc:"the phone number, the push token or the address"`
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
		UserID: m.UserID, VerificationID: m.VerificationID, DeliveryID: m.DeliveryID,
	}
	switch {
	case m.Push != nil:
		s.To = m.Push.Token
		s.Data = m.Data()
	case m.Channel == verify.Email:
		s.To = m.Email
	default:
		s.To = m.Number.E164()
	}
	at := time.Now()
	if !m.ExpiresAt.IsZero() {
		at = m.ExpiresAt.Add(-m.Life) // this moment by the store's clock
	}
	s = o.take(s, at)
	if o.Share != nil {
		o.Share(s)
	}
	return verify.Outcome{State: verify.StateAccepted, Class: verify.ClassNone, Provider: "outbox", ProviderID: s.ID}
}

// take keeps a message of this node. Its id is made under the lock and greater
// than the one before: whoever reads on after that misses none.
func (o *Outbox) take(s Simulated, at time.Time) Simulated {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.moment = max(at.UnixNano(), o.moment+1)
	s.ID, s.At = messageID(o.moment), time.Unix(0, o.moment).UTC().Truncate(time.Millisecond)
	o.keepLocked(s)
	return s
}

// messageID sorts by the moment, in nanoseconds since 1970, and is made once.
func messageID(moment int64) string {
	unique := make([]byte, 8)
	_, _ = rand.Read(unique) // it never fails
	return fmt.Sprintf("msg_%016x%s", moment, hex.EncodeToString(unique))
}

// Add takes a message that another node shared; one that is known is passed over.
func (o *Outbox) Add(s Simulated) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.keepLocked(s)
}

func (o *Outbox) keepLocked(s Simulated) {
	at, known := slices.BinarySearchFunc(o.messages, s.ID, func(k kept, id string) int { return strings.Compare(k.ID, id) })
	if known {
		return
	}
	k := kept{Simulated: s, shownAt: time.Now()}
	if o.Share != nil {
		k.shownAt = k.shownAt.Add(settling)
	}
	o.messages = slices.Insert(o.messages, at, k)
	if len(o.messages) > outboxSize {
		o.messages = slices.Delete(o.messages, 0, 1)
	}
	if o.arrived != nil {
		close(o.arrived)
		o.arrived = nil
	}
}

// List returns the messages to a number or push token (empty: to anybody) that
// came after the one with the id after (empty: all), oldest first and at most
// limit of them.
func (o *Outbox) List(to, after string, limit int) []Simulated {
	o.mu.Lock()
	defer o.mu.Unlock()
	found, _ := o.listLocked(to, after, limit)
	return found
}

// listLocked also says how long until more may be seen; 0 when that takes a new
// message.
func (o *Outbox) listLocked(to, after string, limit int) (found []Simulated, more time.Duration) {
	seen := len(o.messages)
	for ; seen > 0; seen-- {
		wait := time.Until(o.messages[seen-1].shownAt)
		if wait <= 0 {
			break
		}
		if more == 0 || wait < more {
			more = wait
		}
	}
	found = []Simulated{}
	for _, k := range o.messages[:seen] {
		if len(found) < limit && k.ID > after && (to == "" || k.To == to) {
			found = append(found, k.Simulated)
		}
	}
	return found, more
}

// Wait is [Outbox.List], but waits for a message when there is none yet. It
// returns none when ctx ends first.
func (o *Outbox) Wait(ctx context.Context, to, after string, limit int) []Simulated {
	for {
		o.mu.Lock()
		found, more := o.listLocked(to, after, limit)
		if o.arrived == nil {
			o.arrived = make(chan struct{})
		}
		arrived := o.arrived
		o.mu.Unlock()
		if len(found) > 0 {
			return found
		}
		var shown <-chan time.Time
		if more > 0 {
			shown = time.After(more)
		}
		select {
		case <-arrived:
		case <-shown:
		case <-ctx.Done():
			return found
		}
	}
}
