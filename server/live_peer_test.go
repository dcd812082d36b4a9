package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/coder/websocket"

	"nod/verify"
)

// frame is a frame from the server.
type frame struct {
	Type string `json:"type"`
	Seq  int64  `json:"seq"`
	ID   any    `json:"id"`
	Data object `json:"data"`
}

func (f frame) text(name string) string {
	s, _ := f.Data[name].(string)
	return s
}

// peer is a client of the protocol nod.v1.
type peer struct {
	*door
	ws     *websocket.Conn
	nonce  string
	frames chan frame // closed at the end
	err    error      // why it ended
	ticks  []frame    // that were passed over
}

// dial connects and takes the challenge.
func (w *wired) dial() *peer {
	w.Helper()
	ws, _, err := websocket.Dial(context.Background(), wireURL+"/ws", &websocket.DialOptions{
		HTTPClient: w.client, Subprotocols: []string{"nod.v1"},
	})
	w.must(err)
	p := &peer{door: w.door, ws: ws, frames: make(chan frame, 4096)}
	go p.listen()
	w.Cleanup(p.gone)
	p.nonce = p.expect("challenge").text("nonce")
	return p
}

func (p *peer) listen() {
	defer close(p.frames)
	for {
		_, b, err := p.ws.Read(context.Background())
		if err != nil {
			p.err = err
			return
		}
		var f frame
		if err := json.Unmarshal(b, &f); err != nil {
			p.err = fmt.Errorf("frame %q: %w", b, err)
			return
		}
		p.frames <- f
	}
}

// gone breaks the connection off.
func (p *peer) gone() {
	_ = p.ws.CloseNow()
	for range p.frames { // until the reader is through
	}
}

func (p *peer) send(typ string, data any) {
	p.Helper()
	b, err := json.Marshal(object{"type": typ, "id": "c1", "data": data})
	p.must(err)
	p.must(p.ws.Write(context.Background(), websocket.MessageText, b))
}

// next takes the next frame that is no tick; false at the end of the connection.
func (p *peer) next() (frame, bool) {
	p.Helper()
	for {
		select {
		case f, ok := <-p.frames:
			if ok && f.Type == "tick" {
				p.ticks = append(p.ticks, f)
				continue
			}
			return f, ok
		case <-time.After(time.Hour):
			p.Fatal("nothing comes for an hour")
		}
	}
}

// expect takes the next frame but ticks, which is of the given type.
func (p *peer) expect(typ string) frame {
	p.Helper()
	f, ok := p.next()
	if !ok {
		p.Fatalf("waiting for %s: %v", typ, p.err)
	}
	if f.Type != typ {
		p.Fatalf("got %s %v, want %s", f.Type, f.Data, typ)
	}
	return f
}

// silent makes sure that nothing comes but ticks while d passes.
func (p *peer) silent(d time.Duration) {
	p.Helper()
	end := time.After(d)
	for {
		select {
		case f, ok := <-p.frames:
			if !ok || f.Type != "tick" {
				p.Fatalf("got %s %v (%v), want nothing", f.Type, f.Data, p.err)
			}
			p.ticks = append(p.ticks, f)
		case <-end:
			return
		}
	}
}

// drain takes what has come, and keeps the ticks.
func (p *peer) drain() {
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
func (p *peer) closed(bye string, code int) {
	p.Helper()
	if bye != "" {
		if f := p.expect("bye"); f.text("reason") != bye {
			p.Fatalf("bye %s, want %s", f.text("reason"), bye)
		}
	}
	if f, ok := p.next(); ok {
		p.Fatalf("got %s %v, want the end", f.Type, f.Data)
	}
	if got := int(websocket.CloseStatus(p.err)); got != code {
		p.Fatalf("closed with %d (%v), want %d", got, p.err, code)
	}
}

// refused makes sure that auth is refused with 4401.
func (p *peer) refused() {
	p.Helper()
	if f := p.expect("error"); f.text("code") != "unauthenticated" {
		p.Fatalf("error %v", f.Data)
	}
	p.closed("unauthenticated", 4401)
}

// fails makes sure that an error frame comes for what was sent last.
func (p *peer) fails(code string) {
	p.Helper()
	if f := p.expect("error"); f.text("code") != code || f.text("message") == "" || f.ID != "c1" {
		p.Fatalf("error %v, want %s", f, code)
	}
}

// token proves a phone to a socket; what it says may be altered.
func (p *phone) token(claims object) object {
	all := p.claims()
	delete(all, "jti")
	maps.Copy(all, claims)
	return object{"token": p.sign(verify.TypDevice, all)}
}

// connect opens a phone's connection and takes the list of prompts.
func (w *wired) connect(d *phone) (*peer, []any) {
	w.Helper()
	p := w.dial()
	p.send("auth", d.token(object{"nonce": p.nonce}))
	if f := p.expect("welcome"); f.text("role") != "device" {
		w.Fatalf("welcome %v", f.Data)
	}
	prompts, _ := p.expect("prompts").Data["prompts"].([]any)
	return p, prompts
}

// online opens a phone's connection while nothing is asked.
func (w *wired) online(d *phone) *peer {
	w.Helper()
	p, prompts := w.connect(d)
	if len(prompts) != 0 {
		w.Fatalf("prompts %v", prompts)
	}
	return p
}

// receive takes a prompt as an app does: it acknowledges it and shows it.
func (p *peer) receive() object {
	p.Helper()
	prompt := p.expect("prompt").Data
	p.send("ack", object{"delivery_id": prompt["delivery_id"]})
	p.send("displayed", object{"delivery_id": prompt["delivery_id"]})
	return prompt
}

// result takes what became of an answer.
func (p *peer) result(accepted bool, reason string) {
	p.Helper()
	f := p.expect("prompt_result")
	if got, _ := f.Data["accepted"].(bool); got != accepted || f.text("reason") != reason {
		p.Fatalf("prompt_result %v, want %v %q", f.Data, accepted, reason)
	}
}

// promptClosed takes the end of a prompt.
func (p *peer) promptClosed(id, reason string) {
	p.Helper()
	if f := p.expect("prompt_closed"); f.text("verification_id") != id || f.text("reason") != reason {
		p.Fatalf("prompt_closed %v, want %s", f.Data, reason)
	}
}

// watch opens a page's connection and takes the snapshot.
func (w *wired) watch(l attempt) (*peer, frame) {
	w.Helper()
	return w.resume(l, nil)
}

// resume opens a page's connection after the events it has seen.
func (w *wired) resume(l attempt, last any) (*peer, frame) {
	w.Helper()
	p := w.dial()
	auth := object{"client_secret": l.secret}
	if last != nil {
		auth["last_seq"] = last
	}
	p.send("auth", auth)
	if f := p.expect("welcome"); f.text("role") != "watcher" {
		w.Fatalf("welcome %v", f.Data)
	}
	return p, p.expect("snapshot")
}

// until takes events, each the next one after seq, up to and with the one named.
func (p *peer) until(seq *int64, name string) frame {
	p.Helper()
	for {
		f := p.expect("event")
		if *seq++; f.Seq != *seq {
			p.Fatalf("event %d %s, want %d", f.Seq, f.text("name"), *seq)
		}
		if state, _ := f.Data["state"].(object); state["seq"] != float64(f.Seq) || f.Data["detail"] != nil {
			p.Fatalf("event %d holds %v", f.Seq, f.Data)
		}
		if f.text("name") == name {
			return f
		}
	}
}
