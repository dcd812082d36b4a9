package load

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"nod/client"
)

// phone is an enrolled device of a user of its own, with a key that it signs with.
type phone struct {
	at   *Target
	user string
	id   string
	key  *ecdsa.PrivateKey
	deaf bool // it acknowledges nothing

	// Of the connection that it has, or makes.
	conn  *Conn
	state chan error // of one that is being made: the present state came, or why it will not
	alive bool       // it came. Of whoever connects and cuts off

	prompts chan prompt // as they come
	told    told        // of the last countdown. Of whoever reads
}

// prompt is what a phone is asked, with when it was read.
type prompt struct {
	VerificationID string    `json:"verification_id"`
	DeliveryID     string    `json:"delivery_id"`
	Signed         string    `json:"signed"`
	ExpiresAt      time.Time `json:"expires_at"`
	at             time.Time
}

// envelope is a frame of nod.v1.
type envelope struct {
	Type string          `json:"type"`
	Data json.RawMessage `json:"data"`
}

// kind is the type of a frame: from its beginning, where nod writes it.
func kind(text []byte) string {
	if rest, ok := bytes.CutPrefix(text, []byte(`{"type":"`)); ok {
		if name, _, ok := bytes.Cut(rest, []byte{'"'}); ok {
			return string(name)
		}
	}
	var e envelope
	_ = json.Unmarshal(text, &e) // what is no frame has no type
	return e.Type
}

// data reads what a frame holds.
func data[T any](text []byte) (out T, err error) {
	var e envelope
	if err = json.Unmarshal(text, &e); err == nil {
		err = json.Unmarshal(e.Data, &out)
	}
	return out, err
}

// say is a frame.
func say(typ, field, value string) []byte {
	b := make([]byte, 0, len(typ)+len(field)+len(value)+40)
	b = append(b, `{"type":"`...)
	b = append(b, typ...)
	b = append(b, `","data":{"`...)
	b = append(b, field...)
	b = append(b, `":"`...)
	b = append(b, value...) // ids and tokens: nothing in them is quoted
	return append(b, `"}}`...)
}

// enroll makes the device of a user; push is where it can be woken, nil: nowhere.
func (t *Target) enroll(ctx context.Context, user string, push *client.Push) (*phone, error) {
	e, err := t.API.Enroll(ctx, user)
	if err != nil {
		return nil, err
	}
	t.users.add(user)
	p := &phone{at: t, user: user, prompts: make(chan prompt, 4)}
	if p.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	public, err := publicJWK(p.key)
	if err != nil {
		return nil, err
	}
	proof, err := sign(p.key, "nod-enroll+jwt", claims{Audience: t.URL, IssuedAt: time.Now().Unix(), Enrollment: hash(e.Token)})
	if err != nil {
		return nil, err
	}
	var made struct {
		ID string `json:"id"`
	}
	in := map[string]any{"enrollment_token": e.Token, "name": "bench", "platform": "web", "sign_jwk": public, "proof": proof}
	if push != nil {
		in["platform"], in["push"] = push.Platform, push
	}
	err = t.post(ctx, "/api/v1/devices", in, &made)
	p.id = made.ID
	return p, err
}

// post sends what a phone sends without a connection.
func (t *Target) post(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.Sockets+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := t.phones.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode >= http.StatusBadRequest {
		return refusal(res)
	}
	return json.NewDecoder(res.Body).Decode(out)
}

// connectOnce connects and waits for the present state.
func (p *phone) connectOnce(ctx context.Context) error {
	p.state = make(chan error, 1)
	c, err := p.at.network.Connect(ctx, &Request{URL: p.at.Sockets + "/ws", Subprotocol: "nod.v1", OnText: p.hear, OnEnd: p.ended})
	if err != nil {
		return err
	}
	p.conn = c
	if err := await(ctx, p.state, "its state"); err != nil {
		c.Close()
		return err
	}
	p.alive = true
	return nil
}

// await waits for one thing that a server is to say.
func await(ctx context.Context, c <-chan error, what string) error {
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case err := <-c:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timeout.C:
		return fmt.Errorf("%s did not come in %v", what, patience)
	}
}

// hang cuts the phone off.
func (p *phone) hang() {
	if p.alive {
		p.conn.Close()
	}
	p.alive = false
}

// ended is told when the server or the network ended the connection.
func (p *phone) ended(c *Conn, err error) {
	select {
	case p.state <- err:
	default: // it was connected
		p.at.failures.add(fmt.Errorf("a connected device was cut off: %w", err))
	}
}

// hear takes a frame. It runs where thousands are read.
func (p *phone) hear(c *Conn, text []byte, at time.Time) {
	switch kind(text) {
	case "tick":
		p.at.tick(p, text, at)
	case "challenge":
		if err := p.authenticate(c, text); err != nil {
			p.state <- err
			c.Close()
		}
	case "prompts":
		found, err := data[struct{ Prompts []prompt }](text)
		if err == nil && len(found.Prompts) > 0 {
			p.ask(found.Prompts[0], at)
		}
		select {
		case p.state <- err:
		default: // it asked again
		}
	case "prompt":
		asked, err := data[prompt](text)
		if err != nil || asked.VerificationID == "" {
			p.at.failures.add(fmt.Errorf("a prompt that cannot be read (%v)", err)) //nolint:errorlint // it may be none
			return
		}
		p.ask(asked, at)
		if p.deaf {
			return
		}
		if err := c.Write(say("ack", "delivery_id", asked.DeliveryID)); err != nil {
			p.at.failures.add(fmt.Errorf("acknowledging: %w", err))
		}
	case "error":
		p.at.failures.add(fmt.Errorf("a device was told: %s", text))
	}
}

// ask hands a prompt to who waits for it; the oldest makes room.
func (p *phone) ask(asked prompt, at time.Time) {
	asked.at = at
	p.told.expiresAt = asked.ExpiresAt
	for {
		select {
		case p.prompts <- asked:
			return
		default:
		}
		select {
		case <-p.prompts:
		default:
		}
	}
}

// authenticate answers a challenge.
func (p *phone) authenticate(c *Conn, text []byte) error {
	challenge, err := data[struct {
		Nonce string `json:"nonce"`
	}](text)
	if err != nil {
		return err
	}
	now := time.Now()
	token, err := sign(p.key, "nod-device+jwt", claims{
		Issuer: p.id, Audience: p.at.URL, IssuedAt: now.Unix(), ExpiresAt: now.Add(50 * time.Second).Unix(), Nonce: challenge.Nonce,
	})
	if err != nil {
		return err
	}
	return c.Write(say("auth", "token", token))
}

// prompted waits for the prompt of a verification.
func (p *phone) prompted(ctx context.Context, verificationID string) (prompt, error) {
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		select {
		case asked := <-p.prompts:
			if asked.VerificationID == verificationID {
				return asked, nil
			}
		case <-ctx.Done():
			return prompt{}, context.Cause(ctx)
		case <-timeout.C:
			return prompt{}, fmt.Errorf("no prompt came in %v", patience)
		}
	}
}

// shows tells whether the prompt of a verification has come, without waiting for it.
func (p *phone) shows(verificationID string) bool {
	for {
		select {
		case asked := <-p.prompts:
			if asked.VerificationID == verificationID {
				return true
			}
		default:
			return false
		}
	}
}

// answer approves what was shown.
func (p *phone) answer(asked prompt, number string) error {
	token, err := sign(p.key, "nod-answer+jwt", claims{
		Issuer: p.id, Audience: p.at.URL, IssuedAt: time.Now().Unix(),
		VerificationID: asked.VerificationID, Prompt: hash(asked.Signed), Decision: "approve", Number: number,
	})
	if err != nil {
		return err
	}
	return p.conn.Write(say("respond", "token", token))
}
