package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"

	"nod/client"
)

// phone is a connected device. It is used by one goroutine at a time.
type phone struct {
	socket
	user   string
	device *client.Device
	frames int // sent on this connection
}

// frameLimit is how many frames a connection sends before it is made anew: the
// server takes 100 a minute.
const frameLimit = 90

// socket is one end of a conversation.
type socket struct{ conn *websocket.Conn }

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

// dial connects to a node. A node takes so many new connections a second; to the
// others it says when to come back, and dial does.
func dial(ctx context.Context, url string) (socket, error) {
	for {
		c, res, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(url, "http")+"/ws", &websocket.DialOptions{Subprotocols: []string{"nod.v1"}}) //nolint:bodyclose // the dial closes it
		if err == nil || res == nil || res.StatusCode != http.StatusServiceUnavailable {
			return socket{c}, err
		}
		seconds, _ := strconv.Atoi(res.Header.Get("Retry-After"))
		if err := wait(ctx, time.Duration(max(seconds, 1))*time.Second); err != nil {
			return socket{}, err
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// connect puts the phone on a node, in place of where it was. A node that has no
// time says "try again later", and a phone does.
func (p *phone) connect(ctx context.Context, at *node) error {
	for {
		err := p.connectOnce(ctx, at)
		if websocket.CloseStatus(err) != websocket.StatusTryAgainLater {
			return err
		}
		if err := wait(ctx, time.Second); err != nil {
			return err
		}
	}
}

func (p *phone) connectOnce(ctx context.Context, at *node) error {
	s, err := dial(ctx, at.url)
	if err != nil {
		return err
	}
	p.hangUp()
	p.socket, p.frames = s, 0
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

// hangUp gives the phone's socket back to the system, which has not many.
func (p *phone) hangUp() {
	if p.conn != nil {
		_ = p.conn.CloseNow()
	}
}

func hangUp(phones []*phone) {
	for _, p := range phones {
		p.hangUp()
	}
}

// watch puts a page that waits for a verification on a node.
func watch(ctx context.Context, at *node, v *client.Verification) (socket, error) {
	s, err := dial(ctx, at.url)
	if err != nil {
		return s, err
	}
	if _, err = s.next(ctx, "challenge"); err == nil {
		err = s.send(ctx, "auth", map[string]string{"client_secret": v.ClientSecret})
	}
	if err == nil {
		_, err = s.next(ctx, "snapshot")
	}
	if err != nil {
		_ = s.conn.CloseNow()
	}
	return s, err
}

// signIn is one login as everybody sees it.
type signIn struct {
	verification *client.Verification
	token        string        // the page's result token
	prompt       time.Duration // from sending the create to reading the prompt on the phone
	result       time.Duration // from sending the answer to reading the result on the page
}

// signIn runs a login: backend and page are at a node, the phone is where it is.
func (p *phone) signIn(ctx context.Context, at *node) (s signIn, err error) {
	begun := time.Now()
	if s.verification, err = at.nod.Start(ctx, client.Login{UserID: p.user}); err != nil {
		return s, err
	}
	read, shown, err := p.prompt(ctx, s.verification.VerificationID)
	if err != nil {
		return s, err
	}
	s.prompt = read.Sub(begun)
	page, err := watch(ctx, at, s.verification)
	if err != nil {
		return s, err
	}
	defer func() { _ = page.conn.CloseNow() }()
	answer := p.device.Answer(s.verification.VerificationID, shown.Signed, "approve", s.verification.MatchNumber)
	begun = time.Now()
	p.frames++
	if err := p.send(ctx, "respond", map[string]string{"token": answer}); err != nil {
		return s, err
	}
	s.token, err = page.result(ctx)
	s.result = time.Since(begun)
	return s, err
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

// result waits for the end of a verification and returns the result token.
func (s socket) result(ctx context.Context) (string, error) {
	for {
		f, err := s.read(ctx)
		if err != nil {
			return "", err
		}
		var told struct {
			ResultToken string `json:"result_token"`
		}
		if f.Type == "result" && json.Unmarshal(f.Data, &told) == nil && told.ResultToken != "" {
			return told.ResultToken, nil
		}
	}
}

func (s socket) next(ctx context.Context, typ string) (prompt, error) {
	for {
		f, err := s.read(ctx)
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

func (s socket) read(ctx context.Context) (frame, error) {
	ctx, stop := context.WithTimeout(ctx, 30*time.Second)
	defer stop()
	var f frame
	_, raw, err := s.conn.Read(ctx)
	if err != nil {
		return f, err
	}
	return f, json.Unmarshal(raw, &f)
}

func (s socket) send(ctx context.Context, typ string, data any) error {
	raw, err := json.Marshal(map[string]any{"type": typ, "data": data})
	if err != nil {
		return err
	}
	return s.conn.Write(ctx, websocket.MessageText, raw)
}
