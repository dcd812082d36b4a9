package hub

import "context"

// Broker carries messages between the hubs of several nodes.
type Broker interface {
	// Join tells that connection conn of this node stands on topic. With
	// exclusive, the broker has every other connection of topic closed, on every
	// node, by delivering [Replaced] there.
	Join(ctx context.Context, topic, conn string, exclusive bool) error
	// Leave takes Join back.
	Leave(topic, conn string)
	// Publish has m delivered on every node that has a connection on its topic.
	Publish(ctx context.Context, m Message) (receivers int, err error)
	// Run receives until ctx ends; deliver does not block and tells how many
	// heard the message on this node.
	Run(ctx context.Context, deliver func(Message) int) error
}

// Replaced is the message that closes every connection of an exclusive topic but
// conn, the newest.
func Replaced(topic, conn string) Message { return Message{Topic: topic, Kind: "close"} }
