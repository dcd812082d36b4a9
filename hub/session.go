package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Authenticate turns the first client frame into a client. A [*Refusal] closes
// with the code it names (4401 when it names none); any other error means that
// the judge itself failed and closes with 1013.
type Authenticate func(ctx context.Context, a Auth) (Identity, Client, error)

// Auth is what a connection says about itself in its first frame.
type Auth struct {
	Nonce        string // of this connection's challenge
	Token        string // of a device or a console
	ClientSecret string // of a watcher
	LastSeq      *int64 // the last event the watcher has seen; nil: none
	IP           string // of the person, as Config.ClientIP tells it
	Origin       string // as given; empty for a native app
}

// Identity is who a connection turned out to be.
type Identity struct {
	Role      string    // device, watcher, console
	ID        string    // of the device, verification or console session
	Topic     string    // whose messages it hears
	Exclusive bool      // the newest connection of Topic wins on every node
	Resumed   bool      // told in welcome
	ExpiresAt time.Time // when the credential ends; zero is never
}

// Client is the application behind one connection, driven by the hub.
type Client interface {
	// Open sends the present state. The session already stands on its topic;
	// messages that arrive meanwhile are delivered after Open returns, so
	// nothing is missed between and nothing overtakes. Errors are read as
	// Receive's, but any that is no Refusal closes with 1013.
	Open(ctx context.Context, s *Session) error
	// Receive takes one frame of a type the hub does not know; one call at a
	// time. A [*Refusal] becomes an error frame, or closes when it names a close
	// code. Unknown types are to be ignored.
	Receive(ctx context.Context, s *Session, f Frame) error
	// Deliver takes one message of the topic; calls come in publish order, one at
	// a time, on the publisher's goroutine: it must not block, and must not call
	// the Hub.
	Deliver(s *Session, m Message)
	// Closed is called once, last.
	Closed(ctx context.Context, s *Session)
}

// Message is what travels from Publish to Deliver.
type Message struct {
	Topic string
	Kind  string // the application's; "close" is the hub's own
	Seq   int64
	Data  []byte
}

// Refusal is an error told to the client.
type Refusal struct {
	Code       string // of the error frame, for programs; empty sends none
	Message    string // for people, with the next step
	RetryAfter int    // seconds; 0 where waiting does not help
	Close      int    // WebSocket close code; 0 leaves the connection open
	Bye        string // reason told before closing; empty tells none
}

func (r *Refusal) Error() string { return fmt.Sprintf("refused: %s: %s", r.Code, r.Message) }

// Frame is one frame from a client.
type Frame struct {
	Type string
	ID   json.RawMessage // the client's own, echoed in an error; nil: none
	Data json.RawMessage // a JSON object, or nil
}

// Session is one authenticated connection.
type Session struct{}

// ID is the connection_id told in welcome.
func (s *Session) ID() string { return "" }

// Identity is what Authenticate found.
func (s *Session) Identity() Identity { return Identity{} }

// Send queues one frame; seq 0 is left out.
func (s *Session) Send(typ string, seq int64, data any) error { return nil }

// Timers replaces the countdowns under key (a verification id); none stops them.
func (s *Session) Timers(key string, ts ...Timer) {}

// Close says bye (empty: says nothing) and closes with code.
func (s *Session) Close(code int, bye string) {}

// Timer is one countdown of a tick frame.
type Timer struct {
	Field string // prompt_in, expires_in …
	At    time.Time
}
