package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"nod/delivery"
	"nod/hub"
	"nod/server"
	"nod/storage"
	"nod/verify"
)

const (
	liveURL    = "http://nod.test"
	liveNumber = "+14155550123"
	liveKey    = "nod_sk_0123456789abcdefghijklmnopqrstuv"
)

// liveWorld is nod wired as cmd/nod does it, with a store on a file, on the fake
// clock of a bubble; the network is in memory, for a real one would stop the
// clock.
type liveWorld struct {
	t      *testing.T
	policy verify.Policy
	broker hub.Broker // nil: the hub's own
	store  *storage.Store
	hub    *hub.Hub
	server *server.Server
	client *http.Client
	stop   func() // drains everything
}

// inBubble runs a test on a fresh nod. change may alter what it is made with.
func inBubble(t *testing.T, test func(t *testing.T, w *liveWorld), change ...func(*liveWorld)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "nod.db")
	synctest.Test(t, func(t *testing.T) { test(t, liveStart(t, path, change...)) })
}

func liveStart(t *testing.T, path string, change ...func(*liveWorld)) *liveWorld {
	w := &liveWorld{t: t, policy: verify.DefaultPolicy()}
	w.policy.HasPush, w.policy.HasSMS = true, true
	for _, f := range change {
		f(w)
	}
	log := slog.New(slog.NewTextHandler(liveLog{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	var dispatcher *delivery.Dispatcher
	var err error
	w.store, err = storage.Open(context.Background(), storage.Config{
		URL: "sqlite:" + path, Secret: []byte("a secret of the tests, long enough"), Log: log,
		Notify: func(c verify.Change) {
			w.server.Announce(c)
			if c.Verification != nil {
				dispatcher.Wake(c.Verification.NextAt)
			}
		},
	})
	liveMust(t, err)
	w.hub, err = hub.New(hub.Config{
		Authenticate: func(ctx context.Context, a hub.Auth) (hub.Identity, hub.Client, error) {
			return w.server.Authenticate(ctx, a)
		},
		Origins: []string{liveURL}, Broker: w.broker, Refuse: server.Refuse, Log: log,
		Now: func() time.Time { return w.server.Now() },
	})
	liveMust(t, err)
	authority := verify.NewAuthority(w.store.Keys(), liveURL)
	outbox := &delivery.Outbox{}
	w.server, err = server.New(server.Config{
		Authority: authority, Policy: &w.policy, Store: w.store, Hub: w.hub, Outbox: outbox,
		APIKeys: []string{w.store.Keys().Hash("api_key", liveKey)}, Log: log,
	})
	liveMust(t, err)
	dispatcher = delivery.New(delivery.Config{
		Store: w.store, Authority: authority, Policy: &w.policy, Log: log,
		Channels: map[verify.Channel]delivery.Channel{
			verify.WebSocket: delivery.Socket{Publish: w.server.PublishPrompt}, verify.Push: outbox, verify.SMS: outbox,
		},
	})
	w.run(dispatcher)
	return w
}

// run starts what runs, and ends it with the test.
func (w *liveWorld) run(dispatcher *delivery.Dispatcher) {
	network := newLivePipes()
	front := &http.Server{Handler: w.server.Handler(), ReadHeaderTimeout: time.Second}
	transport := &http.Transport{DialContext: network.dial, DisableKeepAlives: true}
	w.client = &http.Client{Transport: transport}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, part := range []func(context.Context) error{w.hub.Run, w.server.Run, dispatcher.Run} {
		running.Go(func() {
			if err := part(ctx); err != nil {
				w.t.Error(err)
			}
		})
	}
	running.Go(func() { _ = front.Serve(network) })
	w.stop = sync.OnceFunc(func() {
		cancel()
		_ = front.Close()
		running.Wait()
		liveMust(w.t, w.store.Close())
		transport.CloseIdleConnections()
	})
	w.t.Cleanup(w.stop)
}

// liveAnswer is what a call was answered.
type liveAnswer struct {
	t      *testing.T
	status int
	body   map[string]any
}

// call asks over HTTP. credential is an Authorization, or a client secret.
func (w *liveWorld) call(method, path, credential string, body any) liveAnswer {
	w.t.Helper()
	var payload io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		liveMust(w.t, err)
		payload = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(context.Background(), method, liveURL+path, payload)
	liveMust(w.t, err)
	if strings.HasPrefix(credential, "nod_cs_") {
		r.Header.Set("Nod-Client-Secret", credential)
	} else if credential != "" {
		r.Header.Set("Authorization", credential)
	}
	res, err := w.client.Do(r)
	liveMust(w.t, err)
	defer func() { _ = res.Body.Close() }()
	a := liveAnswer{t: w.t, status: res.StatusCode}
	raw, err := io.ReadAll(res.Body)
	liveMust(w.t, err)
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &a.body); err != nil {
			w.t.Fatalf("%s %s: %d %q: %v", method, path, res.StatusCode, raw, err)
		}
	}
	return a
}

// ok makes sure that a call succeeded.
func (a liveAnswer) ok() liveAnswer {
	a.t.Helper()
	if a.status/100 != 2 {
		a.t.Fatalf("answer %d: %v", a.status, a.body)
	}
	return a
}

func (a liveAnswer) text(name string) string {
	s, _ := a.body[name].(string)
	return s
}

func (w *liveWorld) byKey(method, path string, body any) liveAnswer {
	w.t.Helper()
	return w.call(method, path, "Bearer "+liveKey, body).ok()
}

// liveLogin is a login that was started.
type liveLogin struct{ id, secret, number string }

// login starts a login of u1, with what more is given.
func (w *liveWorld) login(more ...map[string]any) liveLogin {
	w.t.Helper()
	body := map[string]any{"user_id": "u1", "context": map[string]any{"app": "Bank"}}
	for _, m := range more {
		for k, v := range m {
			body[k] = v
		}
	}
	a := w.byKey("POST", "/api/v1/verifications", body)
	return liveLogin{a.text("verification_id"), a.text("client_secret"), a.text("match_number")}
}

// status reads a login as its page does.
func (w *liveWorld) status(l liveLogin) liveAnswer {
	w.t.Helper()
	return w.call("GET", "/api/v1/verifications/"+l.id, l.secret, nil).ok()
}

// code reads the newest code in the simulator's outbox.
func (w *liveWorld) code() string {
	w.t.Helper()
	synctest.Wait()
	a := w.byKey("GET", "/api/v1/outbox?to="+url.QueryEscape(liveNumber), nil)
	messages, _ := a.body["messages"].([]any)
	if len(messages) == 0 {
		w.t.Fatal("no message was sent")
	}
	code, _ := messages[len(messages)-1].(map[string]any)["code"].(string)
	return code
}

// pass lets time go on.
func (w *liveWorld) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func liveMust(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// liveLog shows warnings of the server with the test.
type liveLog struct{ t *testing.T }

func (l liveLog) Write(p []byte) (int, error) {
	l.t.Logf("%s", bytes.TrimSpace(p))
	return len(p), nil
}

// livePipes is a network in memory.
type livePipes struct {
	conns chan net.Conn
	done  chan struct{}
	close func()
}

func newLivePipes() *livePipes {
	p := &livePipes{conns: make(chan net.Conn), done: make(chan struct{})}
	p.close = sync.OnceFunc(func() { close(p.done) })
	return p
}

func (p *livePipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *livePipes) Close() error {
	p.close()
	return nil
}

func (p *livePipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080} }

func (p *livePipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, accepted := net.Pipe()
	select {
	case p.conns <- accepted:
		return client, nil
	case <-p.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
