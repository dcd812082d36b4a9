package peer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// centrifugo is Centrifugo's client protocol in JSON: commands with an id and replies
// that repeat it, pushes without, an empty object for a ping and for its pong; several
// of them in one message, a line each.
type centrifugo struct {
	key   string // of its HTTP API
	token string // of every connection; empty: they are anonymous
}

// The ids of the two commands that a client sends.
const (
	connecting  = 1
	subscribing = 2
)

func (c *centrifugo) opening() (path string, hello []byte) {
	type connect struct {
		Token string `json:"token,omitempty"`
	}
	hello, _ = json.Marshal(map[string]any{"id": connecting, "connect": connect{c.token}}) // of texts and numbers
	return "/connection/websocket", hello
}

// reply is what the server says: a reply to a command, a push, or, empty, a ping.
type reply struct {
	ID      uint32 `json:"id"`
	Connect *struct {
		Version string `json:"version"`
	} `json:"connect"`
	Subscribe *struct{} `json:"subscribe"`
	Error     *struct {
		Code    uint32 `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
	Push *struct {
		Channel string `json:"channel"`
		Pub     *struct {
			Data json.RawMessage `json:"data"`
		} `json:"pub"`
	} `json:"push"`
}

func (c *centrifugo) hear(text []byte, channel string) (n news, err error) {
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		var r reply
		if err := json.Unmarshal(line, &r); err != nil {
			return n, fmt.Errorf("the server says what is no JSON: %w", err)
		}
		switch {
		case r.Error != nil:
			return n, fmt.Errorf("the server refuses command %d with %d (%s)", r.ID, r.Error.Code, r.Error.Message)
		case r.ID == connecting && r.Connect != nil:
			if r.Connect.Version != "" {
				n.server = "Centrifugo " + r.Connect.Version
			}
			command, err := json.Marshal(map[string]any{"id": subscribing, "subscribe": map[string]string{"channel": channel}})
			if err != nil {
				return n, err
			}
			n.answer = append(append(n.answer, command...), '\n')
		case r.ID == subscribing && r.Subscribe != nil:
			n.ready = true
		case r.ID != 0:
			return n, errors.New("the server answers what was not asked")
		case r.Push == nil:
			n.answer = append(n.answer, "{}\n"...) // a ping
		case r.Push.Pub != nil && r.Push.Channel == channel:
			n.data = append(n.data, r.Push.Pub.Data)
		}
	}
	return n, nil
}

func (c *centrifugo) publish(ctx context.Context, url, channel string, data json.RawMessage) (*http.Request, error) {
	r, err := post(ctx, url+"/api/publish", map[string]any{"channel": channel, "data": data})
	if err == nil && c.key != "" {
		r.Header.Set("X-API-Key", c.key)
	}
	return r, err
}

// accepted reads the answer to a publish, whose errors come with status 200.
func (c *centrifugo) accepted(status int, body []byte) error {
	var said struct {
		Result *struct{} `json:"result"`
	}
	if status != http.StatusOK || json.Unmarshal(body, &said) != nil || said.Result == nil {
		return fmt.Errorf("a publish was answered with %d: %.200s", status, body)
	}
	return nil
}

// post is a call with a JSON body.
func post(ctx context.Context, url string, body any) (*http.Request, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(raw))
	if err == nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return r, err
}
