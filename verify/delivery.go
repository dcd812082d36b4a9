package verify

import (
	"strings"
	"time"
)

// DeliveryState is where one delivery stands. Receipts only move it forward:
// accepted, delivered, displayed, responded.
type DeliveryState string

// The delivery states. Leased (nothing sent yet: run again) and Sending
// (committed before the request leaves) are two states: a crash in the
// second leaves [StateUnknown], or another try of what may be sent twice.
const (
	StateQueued      DeliveryState = "queued"
	StateLeased      DeliveryState = "leased"
	StateSending     DeliveryState = "sending"
	StateRetrying    DeliveryState = "retrying"
	StateAccepted    DeliveryState = "accepted"
	StateUnknown     DeliveryState = "unknown"
	StateDelivered   DeliveryState = "delivered"
	StateDisplayed   DeliveryState = "displayed"
	StateResponded   DeliveryState = "responded"
	StateUndelivered DeliveryState = "undelivered"
	StateFailed      DeliveryState = "failed"
	StateSuppressed  DeliveryState = "suppressed"
	StateExpired     DeliveryState = "expired"
	StateCanceled    DeliveryState = "canceled"
)

// Class says what an unhappy answer of a provider means for the next rung.
type Class string

// The classes.
const (
	ClassNone            Class = "none"
	ClassPermanentTarget Class = "permanent_target" // this number or token can never be reached
	ClassPermanentUser   Class = "permanent_user"   // this person does not take messages
	ClassPolicy          Class = "policy"           // the provider or carrier refuses
	ClassTransient       Class = "transient"        // certainly not taken; again later
	ClassUnknown         Class = "unknown"          // the request left and no answer came
)

// Delivery is one try to reach one target over one channel.
type Delivery struct {
	ID       string
	Channel  Channel // websocket, push, sms, voice or email
	DeviceID string  // of a websocket or push delivery
	Provider string  // who took it or refused it last, for example "twilio"; empty before

	PromptGeneration int // of a websocket or push delivery
	CodeGeneration   int // of an sms, voice or email delivery
	Resend           int // 0: not asked for by a resend; n: the nth resend
	Fallback         bool

	State      DeliveryState
	Class      Class
	Detail     string // the provider's own code, for example "UNREGISTERED"
	ProviderID string // the provider's message id
	Attempts   int    // counted before they run; one that asked nobody is taken back
	Tried      string // providers that certainly did not take it, in order and comma-separated
	Country    string // of an sms or voice delivery: the number's, ISO 3166-1 alpha-2; "001" and the like for numbers of no country

	CreatedAt  time.Time
	DueAt      time.Time // when queued or retrying: not before this
	LeaseToken string    // when leased or sending: the worker's
	LeaseEndAt time.Time
	AcceptedAt time.Time
	Unanswered bool      // of an sms, voice or email delivery: when it was sent nobody knew whether it left, whatever was told later
	Cost       int64     // of an sms or voice delivery: what is reserved for it, in micro-units; 0: nothing
	AskAt      time.Time // when to ask the provider what became of it; zero: not again
	ChangedAt  time.Time // of the present state
}

// InFlight reports whether the delivery may leave yet: it is queued, leased, sending
// or retrying.
func (d *Delivery) InFlight() bool {
	switch d.State {
	case StateQueued, StateLeased, StateSending, StateRetrying:
		return true
	}
	return false
}

// OnItsWay reports whether the delivery is leaving: queued, leased or sending. One
// that is to be tried again is not: it was certainly not taken, and perhaps never
// will be.
func (d *Delivery) OnItsWay() bool { return d.InFlight() && d.State != StateRetrying }

// MayHaveLeft reports whether the message may be on its way to a person: a provider
// took it, or nobody knows.
func (d *Delivery) MayHaveLeft() bool {
	return !d.AcceptedAt.IsZero() || d.State == StateUnknown // a receipt of an unknown one sets AcceptedAt
}

// mayHaveArrived reports whether a device may have this very delivery: it was taken, or
// a try of it was made of which nobody knows.
func (d *Delivery) mayHaveArrived() bool {
	return d.MayHaveLeft() || d.State == StateSending || d.Class == ClassUnknown
}

// TriedBy are the providers in Tried.
func (d *Delivery) TriedBy() []string {
	if d.Tried == "" {
		return nil
	}
	return strings.Split(d.Tried, ",")
}

// Outcome is what a channel made of one try.
type Outcome struct {
	State      DeliveryState // accepted, delivered, retrying (transient), unknown, undelivered or failed
	Class      Class
	Provider   string // of retrying: empty when nobody was asked, which is no try
	ProviderID string
	Detail     string
	RetryAfter time.Duration // as the provider asked; 0: the ladder's own backoff
	HandOver   bool          // of retrying: another provider takes the next try, at once
	Receipts   bool          // of accepted: the provider can be asked later what became of it
	Jitter     float64       // 0 to 1, drawn by the caller so that the rule stays pure
}

// Receipt is what a provider tells about a message that it took: of itself, or
// when it was asked. It only moves a delivery forward, and never decides or starts
// anything.
type Receipt struct {
	DeliveryID string
	Provider   string        // for example "twilio"
	ProviderID string        // the provider's message id; empty: not told
	State      DeliveryState // accepted (the provider has it still), delivered or undelivered
	Class      Class         // of undelivered
	Detail     string        // the provider's own code, for example "30005"
}
