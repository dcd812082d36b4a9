package peer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// socketIO is protocol 5 of Socket.IO, in its main namespace, in the packets of protocol
// 4 of Engine.IO, over WebSocket from the start. A packet is its kind, a digit, and what
// belongs to it: the server opens (0), pings (2) and is answered (3); a message (4) is a
// packet of Socket.IO, again a digit first: connected (0), an event (2), that an event was
// acknowledged (3), a refusal (4).
type socketIO struct {
	key   string // of the server's own publish; empty: none
	token string // what a client shows when it connects; empty: nothing
}

func (*socketIO) opening() (path string, hello []byte) {
	return "/socket.io/?EIO=4&transport=websocket", nil
}

func (s *socketIO) hear(text []byte, channel string) (n news, err error) {
	kind, rest := first(text)
	switch kind {
	case '0':
		n.answer = []byte("40")
		if s.token != "" {
			auth, err := json.Marshal(map[string]string{"token": s.token})
			if err != nil {
				return n, err
			}
			n.answer = append(n.answer, auth...)
		}
		return n, nil
	case '2':
		n.answer = append([]byte("3"), rest...)
		return n, nil
	case '4':
		return s.message(rest, channel)
	case '1':
		return n, errors.New("the server closes")
	case '6': // nothing
		return n, nil
	}
	return n, fmt.Errorf("the server says what is no packet of Engine.IO: %.20q", text)
}

// message reads a packet of Socket.IO.
func (s *socketIO) message(packet []byte, channel string) (n news, err error) {
	kind, rest := first(packet)
	switch kind {
	case '0':
		room, err := json.Marshal([]string{"subscribe", channel})
		n.answer = append([]byte("420"), room...) // an event that is to be acknowledged as 0
		return n, err
	case '2':
		var event []json.RawMessage
		if err := json.Unmarshal(bytes.TrimLeft(rest, "0123456789"), &event); err != nil || len(event) == 0 {
			return n, errors.New("the server sends an event that is no list")
		}
		if bytes.Equal(event[0], []byte(`"published"`)) && len(event) == 2 {
			n.data = event[1:]
		}
		return n, nil
	case '3':
		n.ready = bytes.HasPrefix(rest, []byte("0["))
		return n, nil
	case '4':
		return n, fmt.Errorf("the server refuses the connection: %.200s", rest)
	case '1':
		return n, errors.New("the server ends the connection")
	}
	return n, fmt.Errorf("the server says what is no packet of Socket.IO: %.20q", packet)
}

// first takes the kind off a packet; 0: it is empty.
func first(packet []byte) (kind byte, rest []byte) {
	if len(packet) == 0 {
		return 0, nil
	}
	return packet[0], packet[1:]
}

func (s *socketIO) publish(ctx context.Context, url, channel string, data json.RawMessage) (*http.Request, error) {
	r, err := post(ctx, url+"/publish", map[string]any{"channel": channel, "data": data})
	if err == nil && s.key != "" {
		r.Header.Set("X-API-Key", s.key)
	}
	return r, err
}

func (*socketIO) accepted(status int, body []byte) error {
	if status != http.StatusNoContent {
		return fmt.Errorf("a publish was answered with %d: %.200s", status, body)
	}
	return nil
}
