package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/coder/websocket"

	"nod/client"
)

// phone is a connected device. It is used by one goroutine at a time.
type phone struct {
	user   string
	device *client.Device
	conn   *websocket.Conn
	frames int // sent on this connection
}

// frameLimit is how many frames a connection sends before it is made anew: the
// server takes 100 a minute.
const frameLimit = 90

type frame struct {
	Type string          `json:"type"`
	Data json.RawMessage `json:"data"`
}

type prompt struct {
	VerificationID string `json:"verification_id"`
	DeliveryID     string `json:"delivery_id"`
	Signed         string `json:"signed"`
	Nonce          string `json:"nonce"` // of a challenge
}

func (p *phone) connect(ctx context.Context) error {
	c, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(p.device.URL, "http")+"/ws", &websocket.DialOptions{Subprotocols: []string{"nod.v1"}}) //nolint:bodyclose // the dial closes it
	if err != nil {
		return err
	}
	p.conn, p.frames = c, 0
	challenge, err := p.next(ctx, "challenge")
	if err != nil {
		return err
	}
	if err := p.send(ctx, "auth", map[string]string{"token": p.device.SocketToken(challenge.Nonce)}); err != nil {
		return err
	}
	_, err = p.next(ctx, "prompts")
	return err
}

// prompt waits for the prompt of a verification and tells when it was read.
func (p *phone) prompt(ctx context.Context, verificationID string) (time.Time, prompt, error) {
	for {
		got, err := p.next(ctx, "prompt")
		if err != nil || got.VerificationID == verificationID {
			return time.Now(), got, err
		}
	}
}

// approve answers and returns the result token, as the page would be told it.
func (p *phone) approve(ctx context.Context, shown prompt, v *client.Verification) (string, error) {
	page, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(p.device.URL, "http")+"/ws", &websocket.DialOptions{Subprotocols: []string{"nod.v1"}}) //nolint:bodyclose // as above
	if err != nil {
		return "", err
	}
	defer func() { _ = page.CloseNow() }()
	w := &phone{conn: page}
	if _, err := w.next(ctx, "challenge"); err != nil {
		return "", err
	}
	if err := w.send(ctx, "auth", map[string]string{"client_secret": v.ClientSecret}); err != nil {
		return "", err
	}
	if err := p.send(ctx, "respond", map[string]string{"token": p.device.Answer(v.VerificationID, shown.Signed, "approve", v.MatchNumber)}); err != nil {
		return "", err
	}
	for {
		f, err := w.read(ctx)
		if err != nil {
			return "", err
		}
		var told struct {
			ResultToken string `json:"result_token"`
		}
		if (f.Type == "result" || f.Type == "snapshot") && json.Unmarshal(f.Data, &told) == nil && told.ResultToken != "" {
			return told.ResultToken, nil
		}
	}
}

func (p *phone) next(ctx context.Context, typ string) (prompt, error) {
	for {
		f, err := p.read(ctx)
		if err != nil {
			return prompt{}, fmt.Errorf("waiting for %s: %w", typ, err)
		}
		if f.Type == typ {
			var out prompt
			err := json.Unmarshal(f.Data, &out)
			return out, err
		}
	}
}

func (p *phone) read(ctx context.Context) (frame, error) {
	ctx, stop := context.WithTimeout(ctx, 30*time.Second)
	defer stop()
	var f frame
	_, raw, err := p.conn.Read(ctx)
	if err != nil {
		return f, err
	}
	return f, json.Unmarshal(raw, &f)
}

func (p *phone) send(ctx context.Context, typ string, data any) error {
	p.frames++
	raw, err := json.Marshal(map[string]any{"type": typ, "data": data})
	if err != nil {
		return err
	}
	return p.conn.Write(ctx, websocket.MessageText, raw)
}
