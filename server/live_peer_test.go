package server_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/go-jose/go-jose/v4"

	"nod/verify"
)

// liveFrame is a frame from the server.
type liveFrame struct {
	Type string         `json:"type"`
	Seq  int64          `json:"seq"`
	ID   any            `json:"id"`
	Data map[string]any `json:"data"`
}

func (f liveFrame) text(name string) string {
	s, _ := f.Data[name].(string)
	return s
}

// livePeer is a client of the protocol nod.v1.
type livePeer struct {
	t      *testing.T
	ws     *websocket.Conn
	nonce  string
	frames chan liveFrame // closed at the end
	err    error          // why it ended
	ticks  []liveFrame    // that were passed over
}

// dial connects and takes the challenge.
func (w *liveWorld) dial() *livePeer {
	w.t.Helper()
	ws, _, err := websocket.Dial(context.Background(), liveURL+"/ws", &websocket.DialOptions{
		HTTPClient: w.client, Subprotocols: []string{"nod.v1"},
	})
	liveMust(w.t, err)
	p := &livePeer{t: w.t, ws: ws, frames: make(chan liveFrame, 4096)}
	go p.listen()
	w.t.Cleanup(p.gone)
	p.nonce = p.expect("challenge").text("nonce")
	return p
}

func (p *livePeer) listen() {
	defer close(p.frames)
	for {
		_, b, err := p.ws.Read(context.Background())
		if err != nil {
			p.err = err
			return
		}
		var f liveFrame
		if err := json.Unmarshal(b, &f); err != nil {
			p.err = fmt.Errorf("frame %q: %w", b, err)
			return
		}
		p.frames <- f
	}
}

// gone breaks the connection off.
func (p *livePeer) gone() {
	_ = p.ws.CloseNow()
	for range p.frames { //nolint:revive // until the reader is through
	}
}

func (p *livePeer) send(typ string, data any) {
	p.t.Helper()
	b, err := json.Marshal(map[string]any{"type": typ, "id": "c1", "data": data})
	liveMust(p.t, err)
	liveMust(p.t, p.ws.Write(context.Background(), websocket.MessageText, b))
}

// next takes the next frame that is no tick; false at the end of the connection.
func (p *livePeer) next() (liveFrame, bool) {
	p.t.Helper()
	for {
		select {
		case f, ok := <-p.frames:
			if ok && f.Type == "tick" {
				p.ticks = append(p.ticks, f)
				continue
			}
			return f, ok
		case <-time.After(time.Hour):
			p.t.Fatal("nothing comes for an hour")
		}
	}
}

// expect takes the next frame but ticks, which is of the given type.
func (p *livePeer) expect(typ string) liveFrame {
	p.t.Helper()
	f, ok := p.next()
	if !ok {
		p.t.Fatalf("waiting for %s: %v", typ, p.err)
	}
	if f.Type != typ {
		p.t.Fatalf("got %s %v, want %s", f.Type, f.Data, typ)
	}
	return f
}

// silent makes sure that nothing comes but ticks while d passes.
func (p *livePeer) silent(d time.Duration) {
	p.t.Helper()
	end := time.After(d)
	for {
		select {
		case f, ok := <-p.frames:
			if !ok || f.Type != "tick" {
				p.t.Fatalf("got %s %v (%v), want nothing", f.Type, f.Data, p.err)
			}
			p.ticks = append(p.ticks, f)
		case <-end:
			return
		}
	}
}

// drain takes what has come, and keeps the ticks.
func (p *livePeer) drain() {
	for {
		select {
		case f := <-p.frames:
			if f.Type == "tick" {
				p.ticks = append(p.ticks, f)
			}
		default:
			return
		}
	}
}

// closed makes sure that the connection ends with a bye (empty: none) and code.
func (p *livePeer) closed(bye string, code int) {
	p.t.Helper()
	if bye != "" {
		if f := p.expect("bye"); f.text("reason") != bye {
			p.t.Fatalf("bye %s, want %s", f.text("reason"), bye)
		}
	}
	if f, ok := p.next(); ok {
		p.t.Fatalf("got %s %v, want the end", f.Type, f.Data)
	}
	if got := int(websocket.CloseStatus(p.err)); got != code {
		p.t.Fatalf("closed with %d (%v), want %d", got, p.err, code)
	}
}

// refused makes sure that auth is refused with 4401.
func (p *livePeer) refused() {
	p.t.Helper()
	if f := p.expect("error"); f.text("code") != "unauthenticated" {
		p.t.Fatalf("error %v", f.Data)
	}
	p.closed("unauthenticated", 4401)
}

// fails makes sure that an error frame comes for what was sent last.
func (p *livePeer) fails(code string) {
	p.t.Helper()
	if f := p.expect("error"); f.text("code") != code || f.text("message") == "" || f.ID != "c1" {
		p.t.Fatalf("error %v, want %s", f, code)
	}
}

// livePhone is an enrolled device.
type livePhone struct {
	w   *liveWorld
	id  string
	key *ecdsa.PrivateKey
}

// enroll gives u1 a phone, with a push token where one is given.
func (w *liveWorld) enroll(push ...string) *livePhone {
	w.t.Helper()
	invitation := w.byKey("POST", "/api/v1/users/u1/enrollments", map[string]any{}).text("enrollment_token")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	liveMust(w.t, err)
	sum := sha256.Sum256([]byte(invitation))
	body := map[string]any{
		"enrollment_token": invitation, "name": "Phone", "platform": "web", "sign_jwk": jose.JSONWebKey{Key: &key.PublicKey},
		"proof": liveSign(w.t, key, verify.TypEnroll, map[string]any{
			"aud": liveURL, "iat": time.Now().Unix(), "enrollment_sha256": base64.RawURLEncoding.EncodeToString(sum[:]),
		}),
	}
	if len(push) > 0 {
		body["push"] = map[string]any{"provider": "fcm", "token": push[0]}
	}
	return &livePhone{w, w.call("POST", "/api/v1/devices", "", body).ok().text("id"), key}
}

func liveSign(t *testing.T, key *ecdsa.PrivateKey, typ string, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	liveMust(t, err)
	body, err := json.Marshal(claims)
	liveMust(t, err)
	jws, err := signer.Sign(body)
	liveMust(t, err)
	token, err := jws.CompactSerialize()
	liveMust(t, err)
	return token
}

// token proves the phone; what it says may be altered.
func (d *livePhone) token(claims map[string]any) string {
	all := map[string]any{"iss": d.id, "aud": liveURL, "iat": time.Now().Unix(), "exp": time.Now().Unix() + 30}
	for k, v := range claims {
		all[k] = v
	}
	return liveSign(d.w.t, d.key, verify.TypDevice, all)
}

// connect opens the phone's connection and takes the list of prompts.
func (d *livePhone) connect() (*livePeer, []any) {
	d.w.t.Helper()
	p := d.w.dial()
	p.send("auth", map[string]any{"token": d.token(map[string]any{"nonce": p.nonce})})
	if f := p.expect("welcome"); f.text("role") != "device" {
		d.w.t.Fatalf("welcome %v", f.Data)
	}
	prompts, _ := p.expect("prompts").Data["prompts"].([]any)
	return p, prompts
}

// online opens the phone's connection while nothing is asked.
func (d *livePhone) online() *livePeer {
	d.w.t.Helper()
	p, prompts := d.connect()
	if len(prompts) != 0 {
		d.w.t.Fatalf("prompts %v", prompts)
	}
	return p
}

// answer signs what the person chose.
func (d *livePhone) answer(prompt map[string]any, decision, number string) map[string]any {
	signed, _ := prompt["signed"].(string)
	sum := sha256.Sum256([]byte(signed))
	claims := map[string]any{
		"iss": d.id, "aud": liveURL, "iat": time.Now().Unix(), "verification_id": prompt["verification_id"],
		"prompt_sha256": base64.RawURLEncoding.EncodeToString(sum[:]), "decision": decision,
	}
	if number != "" {
		claims["number"] = number
	}
	return map[string]any{"token": liveSign(d.w.t, d.key, verify.TypAnswer, claims)}
}

// receive takes a prompt as an app does: it acknowledges it and shows it.
func (p *livePeer) receive() map[string]any {
	p.t.Helper()
	prompt := p.expect("prompt").Data
	p.send("ack", map[string]any{"delivery_id": prompt["delivery_id"]})
	p.send("displayed", map[string]any{"delivery_id": prompt["delivery_id"]})
	return prompt
}

// result takes what became of an answer.
func (p *livePeer) result(accepted bool, reason string) {
	p.t.Helper()
	f := p.expect("prompt_result")
	if got, _ := f.Data["accepted"].(bool); got != accepted || f.text("reason") != reason {
		p.t.Fatalf("prompt_result %v, want %v %q", f.Data, accepted, reason)
	}
}

// promptClosed takes the end of a prompt.
func (p *livePeer) promptClosed(id, reason string) {
	p.t.Helper()
	if f := p.expect("prompt_closed"); f.text("verification_id") != id || f.text("reason") != reason {
		p.t.Fatalf("prompt_closed %v, want %s", f.Data, reason)
	}
}

// watch opens a page's connection and takes the snapshot.
func (w *liveWorld) watch(l liveLogin) (*livePeer, liveFrame) {
	w.t.Helper()
	return w.resume(l, nil)
}

// resume opens a page's connection after the events it has seen.
func (w *liveWorld) resume(l liveLogin, last any) (*livePeer, liveFrame) {
	w.t.Helper()
	p := w.dial()
	auth := map[string]any{"client_secret": l.secret}
	if last != nil {
		auth["last_seq"] = last
	}
	p.send("auth", auth)
	if f := p.expect("welcome"); f.text("role") != "watcher" {
		w.t.Fatalf("welcome %v", f.Data)
	}
	return p, p.expect("snapshot")
}

// until takes events, each the next one after seq, up to and with the one named.
func (p *livePeer) until(seq *int64, name string) liveFrame {
	p.t.Helper()
	for {
		f := p.expect("event")
		if *seq++; f.Seq != *seq {
			p.t.Fatalf("event %d %s, want %d", f.Seq, f.text("name"), *seq)
		}
		if f.text("name") == name {
			return f
		}
	}
}
