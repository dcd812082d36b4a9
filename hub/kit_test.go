package hub_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"nod/hub"
)

// app is the application these tests put behind the hub. A connection says who
// it is in its token, "role id"; roles: device (exclusive), watcher, console.
type app struct {
	mu     sync.Mutex
	closed []string // ids, as their connections ended

	// What a test wants to happen, by what a client sends or who it is.
	authenticate func(ctx context.Context, a hub.Auth) (hub.Identity, hub.Client, error)
	open         func(s *hub.Session) error
	receive      func(s *hub.Session, f hub.Frame) error
	deliver      func(s *hub.Session, m hub.Message)
}

func (a *app) Authenticate(ctx context.Context, auth hub.Auth) (hub.Identity, hub.Client, error) {
	if a.authenticate != nil {
		return a.authenticate(ctx, auth)
	}
	role, id, ok := strings.Cut(auth.Token, " ")
	if !ok {
		return hub.Identity{}, nil, &hub.Refusal{Code: "unauthenticated", Message: "Log in again."}
	}
	return hub.Identity{Role: role, ID: id, Topic: role + ":" + id, Exclusive: role == "device"}, a, nil
}

func (a *app) Open(_ context.Context, s *hub.Session) error {
	if a.open != nil {
		return a.open(s)
	}
	return s.Send("snapshot", 0, nil)
}

func (a *app) Receive(_ context.Context, s *hub.Session, f hub.Frame) error {
	if a.receive != nil {
		return a.receive(s, f)
	}
	if f.Type == "echo" {
		return s.Send("echo", 0, f.Data)
	}
	return nil
}

func (a *app) Deliver(s *hub.Session, m hub.Message) {
	if a.deliver != nil {
		a.deliver(s, m)
		return
	}
	_ = s.Send(m.Kind, m.Seq, json.RawMessage(m.Data))
}

func (a *app) Closed(_ context.Context, s *hub.Session) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = append(a.closed, s.Identity().ID)
}

func (a *app) hasClosed(id string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Contains(a.closed, id)
}

// node is a hub that runs behind a real HTTP server.
type node struct {
	*hub.Hub
	url  string
	dial *http.Client
	stop func() error // ends Run and returns its error
}

func config(a *app) hub.Config {
	return hub.Config{Authenticate: a.Authenticate, Log: slog.New(slog.DiscardHandler)}
}

// run starts a node that lasts as long as the test.
func run(t testing.TB, c hub.Config) *node {
	t.Helper()
	h, err := hub.New(c)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return start(t, h, server.URL, server.Client())
}

func start(t testing.TB, h *hub.Hub, url string, dial *http.Client) *node {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	stop := sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() { stop() })
	return &node{Hub: h, url: url, dial: dial, stop: stop}
}

// peer is a client of the protocol.
type peer struct {
	t      testing.TB
	ws     *websocket.Conn
	frames chan frame // closed at the end
	err    error      // why it ended
}

// frame is a frame from the server.
type frame struct {
	Type string          `json:"type"`
	Seq  int64           `json:"seq"`
	ID   json.RawMessage `json:"id"`
	Data json.RawMessage `json:"data"`
}

const patience = 10 * time.Second

// connect opens a connection and takes the challenge.
func (n *node) connect(t testing.TB) *peer {
	t.Helper()
	p := n.dialOnly(t, nil)
	p.start()
	p.expect("challenge")
	return p
}

// dialOnly opens a connection and does not read yet.
func (n *node) dialOnly(t testing.TB, o *websocket.DialOptions) *peer {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if o == nil {
		o = new(websocket.DialOptions)
	}
	o.HTTPClient, o.Subprotocols = n.dial, []string{"nod.v1"}
	ws, _, err := websocket.Dial(ctx, n.url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.CloseNow() })
	return &peer{t: t, ws: ws, frames: make(chan frame, 4096)}
}

// start reads from now on, as a client has to.
func (p *peer) start() {
	go p.listen()
	p.t.Cleanup(func() {
		p.ws.CloseNow()
		for range p.frames {
		}
	})
}

// login opens a connection that is welcome.
func (n *node) login(t testing.TB, token string) *peer {
	t.Helper()
	p := n.connect(t)
	p.auth(token)
	p.expect("welcome")
	p.expect("snapshot")
	return p
}

func (p *peer) auth(token string) {
	p.t.Helper()
	p.send(`{"type":"auth","data":{"token":"` + token + `"}}`)
}

func (p *peer) send(text string) {
	p.t.Helper()
	p.write(websocket.MessageText, text)
}

func (p *peer) write(typ websocket.MessageType, text string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := p.ws.Write(ctx, typ, []byte(text)); err != nil {
		p.t.Fatalf("writing %.40q: %v", text, err)
	}
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

// read takes the next frame, or the end.
func (p *peer) read() (frame, error) {
	p.t.Helper()
	select {
	case f, ok := <-p.frames:
		if !ok {
			return frame{}, p.err
		}
		return f, nil
	case <-time.After(10 * patience):
		p.t.Fatal("nothing comes")
		return frame{}, nil
	}
}

// idle lets time pass in which nothing comes.
func (p *peer) idle(d time.Duration) {
	p.t.Helper()
	select {
	case f, ok := <-p.frames:
		p.t.Fatalf("got %s %s, open %v (%v)", f.Type, f.Data, ok, p.err)
	case <-time.After(d):
	}
}

// expect takes the next frame, which is of the given type.
func (p *peer) expect(typ string) frame {
	p.t.Helper()
	f, err := p.read()
	if err != nil {
		p.t.Fatalf("waiting for %s: %v", typ, err)
	}
	if f.Type != typ {
		p.t.Fatalf("got %s %s, want %s", f.Type, f.Data, typ)
	}
	return f
}

// expectClose takes the end of the connection.
func (p *peer) expectClose(code int) {
	p.t.Helper()
	f, err := p.read()
	if err == nil {
		p.t.Fatalf("got %s %s, want close %d", f.Type, f.Data, code)
	}
	if got := int(websocket.CloseStatus(err)); got != code {
		p.t.Fatalf("closed with %d (%v), want %d", got, err, code)
	}
}

// expectBye takes a bye frame and the end of the connection.
func (p *peer) expectBye(reason string, code int) (reconnectAfter time.Duration) {
	p.t.Helper()
	var bye struct {
		Reason           string `json:"reason"`
		ReconnectAfterMS int64  `json:"reconnect_after_ms"`
	}
	p.expect("bye").decode(p.t, &bye)
	if bye.Reason != reason {
		p.t.Fatalf("bye %s, want %s", bye.Reason, reason)
	}
	p.expectClose(code)
	return time.Duration(bye.ReconnectAfterMS) * time.Millisecond
}

func (f frame) decode(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(f.Data, v); err != nil {
		t.Fatalf("%s data %s: %v", f.Type, f.Data, err)
	}
}

// publish sends a message that somebody has to hear.
func (n *node) publish(t testing.TB, want int, m hub.Message) {
	t.Helper()
	got, err := n.Publish(context.Background(), m)
	if err != nil || got != want {
		t.Fatalf("publish: %d heard it (%v), want %d", got, err, want)
	}
}

// eventually waits for what happens on another goroutine.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(patience)
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	for !ok() {
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatal("never happened: ", what)
		}
	}
}

var errDown = errors.New("database is down")
