package peer

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// protocol is what a kind of server speaks.
type protocol interface {
	// opening is where its WebSocket is, and what a client says there first; nil: the
	// server begins.
	opening() (path string, hello []byte)
	// hear reads one message of the server to the client of a channel.
	hear(text []byte, channel string) (news, error)
	// publish is the call that sends data to a channel.
	publish(ctx context.Context, url, channel string, data json.RawMessage) (*http.Request, error)
	// accepted reads its answer.
	accepted(status int, body []byte) error
}

// news is what a message of a server tells a client.
type news struct {
	answer []byte            // to be said at once; nil: nothing
	ready  bool              // the subscription stands
	data   []json.RawMessage // was published
	server string            // it says that it is; empty: it does not say
}

// known are the servers that a [Config] may name.
func known(c *Config) (protocol, error) {
	switch c.Server {
	case "centrifugo":
		return &centrifugo{key: c.Key, token: c.Token}, nil
	case "socketio":
		return &socketIO{key: c.Key, token: c.Token}, nil
	}
	return nil, fmt.Errorf("no server is called %q: it is centrifugo or socketio", c.Server)
}
