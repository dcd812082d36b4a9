package hub

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"time"
)

// Message is what travels from [Hub.Publish] to [Client].Deliver, over a broker
// maybe: a hint that something changed, never the only place where it stands.
type Message struct {
	Topic string
	Kind  string // the application's word; "close" is the hub's own
	Seq   int64
	Data  []byte
}

// Broker carries messages between the hubs of several nodes. It may lose
// messages when its service fails; it must not repeat or reorder those of one
// topic that one node publishes. No call waits longer than 100 ms for the
// service. Package brokertest holds what every broker is tried with.
type Broker interface {
	// Join tells that the connection conn of this node stands on topic now. If
	// exclusive, the newest connection stays, by the server time since when each
	// is there, and the broker has the others closed: it delivers [Replaced] on
	// their nodes. After an error it keeps trying by itself.
	Join(ctx context.Context, topic, conn string, since time.Time, exclusive bool) error
	// Leave takes Join back; it does nothing to a newer connection's entry.
	Leave(topic, conn string)
	// Publish has m delivered on the nodes with a connection on its topic, this
	// one included, and tells how many heard it, as far as that is known.
	Publish(ctx context.Context, m Message) (receivers int, err error)
	// Run receives until ctx ends. deliver does not block and returns how many
	// connections of this node heard the message.
	Run(ctx context.Context, deliver func(Message) int) error
}

// local is the broker of a node on its own: publishing is delivering. New hands
// it the hub, so that a message published before Run is heard too.
type local struct {
	deliver atomic.Pointer[func(Message) int]
}

func newLocal(deliver func(Message) int) *local {
	l := new(local)
	l.deliver.Store(&deliver)
	return l
}

func (l *local) Join(context.Context, string, string, time.Time, bool) error { return nil }

func (l *local) Leave(string, string) {}

func (l *local) Publish(_ context.Context, m Message) (int, error) {
	return (*l.deliver.Load())(m), nil
}

func (l *local) Run(ctx context.Context, deliver func(Message) int) error {
	l.deliver.Store(&deliver)
	<-ctx.Done()
	return nil
}

const kindClose = "close"

// closing is the data of a close message.
type closing struct {
	Code   int    `json:"code"`
	Bye    string `json:"bye"`
	Except string `json:"except,omitempty"` // a connection that stays
}

func closeMessage(topic string, c closing) Message {
	data, _ := json.Marshal(c) // two strings and a number always encode
	return Message{Topic: topic, Kind: kindClose, Data: data}
}

// Replaced is the message that closes every connection of an exclusive topic but
// conn, the newest. It is for brokers.
func Replaced(topic, conn string) Message {
	return closeMessage(topic, closing{CloseReplaced, ByeReplaced, conn})
}
