// Package delivery brings prompts and codes to people.
//
// It decides nothing about a verification: the rules of package verify say what
// is due, this package does it and tells them what came of it. A [Dispatcher]
// takes what is due from the store and hands each message to the [Channel] it
// goes over; channels are the phone's socket ([Socket]), the providers of push,
// SMS, calls and mail, and, in their place on a developer's machine, the [Outbox].
//
// # Rows are the jobs
//
// There is no queue beside the database. A verification's row says when it is
// next due, its deliveries say what is to be done; both are written in the
// transaction that decides them, so what was answered to the integrator will be
// sent, and what was canceled will not. Queues in memory, wake-ups and timers
// only make it quick: any of them may fail, and the poll finds the row. Taking
// a delivery moves the row's due time to the end of a lease, so what a dead
// process held comes due by itself.
//
//	queued ─▶ leased ─▶ sending ─▶ accepted, undelivered, failed, unknown
//	  ▲        │  │        │
//	  └────────┘  │        └─▶ retrying ─▶ (due again after 1, 2, 4 s ± 50 %)
//	 the lease    │
//	  ended       └─▶ suppressed (the integrator said no)
//
//	leased    committed by the claim: this worker's, nothing has left; never over the socket
//	sending   committed before the request leaves: it may have left
//
// A prompt over the socket is taken by the transaction that asks for it, sending and
// under the token of its own process ([verify.Policy.Worker]), which sends it when it
// hears of the COMMIT ([Dispatcher.Committed]): one transaction stands between a call
// and the phone. All else, what comes due later and what somebody left undone is claimed.
//
// A worker that lost its lease writes nothing and sends nothing.
//
// # What may be sent twice, and what never
//
// A crash in sending, a time-out or a panic leave it open whether the request
// left. A prompt, over the socket or as a push, is then sent again: the app
// knows it by its id and shows it once. So the lease of one over the socket is short,
// 2 s: so late does a prompt come whose process died between COMMIT and sending. An
// SMS or a call is never sent again by itself: it becomes unknown, and the person may
// ask for another. There are no retries below a channel either: one row, one request.
//
// A code is derived when its message is made, after that commit, and is gone
// when the channel returns. It is never logged, queued or stored; [Message]
// prints without it. A push holds neither code nor number: the request in it is
// signed, and encrypted for the device's own key.
//
// # Who may say no
//
// Before a code leaves for a number the integrator may be asked ([Gate]), between the
// lease and the commit that it leaves. A no, and by default no answer in time,
// suppresses the delivery: it is not tried again by itself. Only what is asked about
// waits; no prompt, push or mail does.
//
// # What nothing waits for
//
// A provider that was silent is asked what became of a message, and a phone is told
// that what it was pushed is over. Each is tried once, in places of its own, and is
// lost in a crash: the ladder goes on without.
//
// The integrator's webhooks are rows like the deliveries, under a lease of their
// own ([Webhooks]), in a loop and places of their own: a receiver that hangs delays
// no login. They are at least once.
package delivery

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"nod/verify"
)

// Channel is one way to people: a provider, the socket or the simulator.
type Channel interface {
	// Send makes one try and says what became of it. It must return soon after
	// ctx ends, must not retry by itself, and must not keep the message or write
	// it anywhere but to where it goes. When the request may have left and no
	// answer came the state is unknown; retrying is for what certainly did not
	// leave or was not taken. It is called from many goroutines at once; a panic
	// counts as unknown.
	Send(ctx context.Context, m Message) verify.Outcome
}

// Withdrawer is a channel that can take a message back, or tell the phone that it
// is over: a push that was answered elsewhere. It is tried once; nothing depends on
// it. The message is [Message.Withdrawn]: it names what is over and holds nothing of
// it, and its Life is what was left of the request, none when that ran out: then
// it arrives now or never, and overtakes nothing that is newer.
type Withdrawer interface {
	Withdraw(ctx context.Context, m Message) error
}

// Asker is a channel whose providers can be asked what became of a message that
// they took. A receipt without a state says that nothing is known yet.
type Asker interface {
	Ask(ctx context.Context, provider, providerID string) (verify.Receipt, error)
}

// Checker is a provider whose credentials can be tried without sending anything.
// The error says what is wrong and what to do, never a credential.
type Checker interface {
	Check(ctx context.Context) error
}

// Receiver reads what a provider calls nod with. It returns [ErrForged] when the
// provider did not sign it.
type Receiver interface {
	Receipts(r *http.Request) ([]verify.Receipt, error)
}

// ErrForged says that a request does not bear its provider's signature.
var ErrForged = errors.New("the signature is not the provider's")

// Message is one delivery, composed just before it is sent.
type Message struct {
	UserID         string
	VerificationID string
	DeliveryID     string
	Channel        verify.Channel
	Locale         string // as the integrator gave it; the texts are in it where nod speaks it

	// To an app.
	DeviceID  string
	Push      *verify.PushTarget  // of a push
	Platform  string              // of a push: android, ios or web
	Prompt    *verify.PromptFrame // signed for this device
	Sealed    string              // of a push: the signed prompt as a compact JWE for the device's key; empty when it gave none
	Withdrawn bool                // of a push: not a request, but that it is over; see [Withdrawer]

	// To a number.
	Number  verify.Number
	Country string   // see [verify.Delivery]
	Tried   []string // providers that certainly did not take it

	// To a mailbox.
	Email string

	Code      string        // to a number or a mailbox
	Title     string        // of a push, where it says nothing about the request; the subject of a mail
	Text      string        // of an SMS or a mail; what a call says; the body of a push
	Language  string        // of Text and Title, BCP 47
	ExpiresAt time.Time     // when the prompt or the code ends, by the store's clock
	Life      time.Duration // what was left until then when the message was made
}

// String names the delivery and nothing of what it says, so that %v is safe.
func (m Message) String() string { return string(m.Channel) + " " + m.DeliveryID }

// GoString is [Message.String], so that %#v is as safe.
func (m Message) GoString() string { return m.String() }

// LogValue names the delivery and nothing of what it says.
func (m Message) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("verification_id", m.VerificationID),
		slog.String("delivery_id", m.DeliveryID),
		slog.String("channel", string(m.Channel)),
	)
}
