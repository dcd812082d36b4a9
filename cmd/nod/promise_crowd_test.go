package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
)

const (
	backoffFirst, backoffMost = 500 * time.Millisecond, 30 * time.Second
	greetLimit                = 15 * time.Second // from the dial to the welcome
)

// heard is a frame from the server.
type heard struct {
	Type string
	Seq  int64
	Data json.RawMessage
}

// object reads the data whole.
func (h heard) object() object {
	o := object{}
	_ = json.Unmarshal(h.Data, &o) // what is no object holds nothing
	return o
}

// shipped builds nod as it is shipped: under a crowd the race detector would
// mostly measure itself.
func shipped(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "nod")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", file, ".") // as make build does, which has left most of it in the cache
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building nod: %v\n%s", err, out)
	}
	return file
}

// crowdDoor is the cluster's door for many at once: each connection goes to the
// next node that is ready, as through the balancer, but without all bytes
// passing through this process twice more. An idle one is given up before a node
// that retires would close it.
func (c *cluster) crowdDoor() *door {
	d := newDoor(c.t, c.url, &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Second, DialContext: c.balancer.dial})
	d.key = c.key
	return d
}

// dial connects to the first node that takes a connection.
func (b *balancer) dial(ctx context.Context, network, _ string) (c net.Conn, err error) {
	for _, n := range b.turn() {
		if c, err = (&net.Dialer{Timeout: time.Second}).DialContext(ctx, network, n.addr); err == nil {
			return c, nil
		}
	}
	return nil, err
}

// farewell is how a member's connection ended.
type farewell struct {
	reason string // of bye; empty when it ended without one
	after  time.Duration
	code   websocket.StatusCode // of the close frame; -1 when it was cut off
}

// member is a phone or a page that keeps one connection, and comes back as
// hub/PROTOCOL.md tells a client to. It costs one goroutine.
type member struct {
	door *door
	// auth makes the data of the first frame.
	auth func(nonce string) object
	// hear is told every frame after the welcome but ticks, by one goroutine; say
	// writes to the connection that the frame came over.
	hear func(h heard, say func(typ string, data object))
	// bye is told how every connection ended that was welcomed and that the member
	// did not leave itself; nil: nobody asks.
	bye func(farewell)

	welcomes atomic.Int64
	hurry    chan struct{} // the network is back: do not wait any longer

	link sync.Mutex
	conn *websocket.Conn // the newest one
}

// back tells the member that the network is there again: it need not wait.
func (m *member) back() {
	select {
	case m.hurry <- struct{}{}:
	default:
	}
}

// errOver ends a member: it has nothing to come back for.
var errOver = errors.New("told not to come back")

// run keeps the connection until ctx ends; an error says why it cannot.
func (m *member) run(ctx context.Context) error {
	for d := backoffFirst; ctx.Err() == nil; {
		welcomes := m.welcomes.Load()
		wait, err := m.visit(ctx)
		if errors.Is(err, errOver) && ctx.Err() == nil {
			return err
		}
		if m.welcomes.Load() > welcomes {
			d = backoffFirst
		}
		if wait == 0 {
			wait = rand.N(d)
			d = min(2*d, backoffMost)
		}
		again := time.NewTimer(wait)
		select {
		case <-again.C:
		case <-m.hurry:
		case <-ctx.Done():
		}
		again.Stop()
	}
	return nil
}

// cut breaks the connection off, as a network does; the member notices.
func (m *member) cut() {
	m.link.Lock()
	defer m.link.Unlock()
	if m.conn != nil {
		_ = m.conn.CloseNow()
	}
}

// visit is one connection from its beginning to its end. wait is how long the
// server wants to be left alone; 0 leaves it to the member.
func (m *member) visit(ctx context.Context) (wait time.Duration, err error) {
	greeting, stop := context.WithTimeout(ctx, greetLimit)
	defer stop()
	c, res, err := websocket.Dial(greeting, "ws"+strings.TrimPrefix(m.door.url, "http")+"/ws", &websocket.DialOptions{HTTPClient: m.door.client, Subprotocols: []string{"nod.v1"}})
	if err != nil {
		if res == nil || res.StatusCode != http.StatusServiceUnavailable {
			return 0, err
		}
		seconds, _ := strconv.Atoi(res.Header.Get("Retry-After"))
		return time.Duration(seconds)*time.Second + rand.N(time.Second), err // together they would only be refused together
	}
	defer func() { _ = c.CloseNow() }()
	c.SetReadLimit(1 << 20)
	m.link.Lock()
	m.conn = c
	m.link.Unlock()
	if err := m.greet(greeting, c); err != nil {
		return 0, over(err)
	}
	m.welcomes.Add(1)
	var end farewell
	err = m.listen(ctx, c, &end)
	end.code = websocket.CloseStatus(err)
	if m.bye != nil && ctx.Err() == nil {
		m.bye(end)
	}
	return end.after, over(err)
}

// greet goes through challenge, auth and welcome.
func (m *member) greet(ctx context.Context, c *websocket.Conn) error {
	for {
		h, err := next(ctx, c)
		if err != nil {
			return err
		}
		switch h.Type {
		case "challenge":
			if err := say(ctx, c, "auth", m.auth(h.object().str("nonce"))); err != nil {
				return err
			}
		case "welcome":
			return nil
		}
	}
}

func (m *member) listen(ctx context.Context, c *websocket.Conn, end *farewell) error {
	for {
		h, err := next(ctx, c)
		if err != nil {
			return err
		}
		switch h.Type {
		case "tick":
		case "bye":
			bye := h.object()
			end.reason, end.after = bye.str("reason"), time.Duration(bye.num("reconnect_after_ms"))*time.Millisecond
		default:
			m.hear(h, func(typ string, data object) { _ = say(ctx, c, typ, data) }) // a lost connection is noticed by who reads
		}
	}
}

func next(ctx context.Context, c *websocket.Conn) (h heard, err error) {
	_, raw, err := c.Read(ctx)
	if err == nil {
		err = json.Unmarshal(raw, &h)
	}
	return h, err
}

func say(ctx context.Context, c *websocket.Conn, typ string, data object) error {
	raw, err := json.Marshal(object{"type": typ, "data": data})
	if err != nil {
		return err
	}
	return c.Write(ctx, websocket.MessageText, raw)
}

// over finds the endings after which a client must not come back.
func over(err error) error {
	switch code := websocket.CloseStatus(err); code {
	case 4400, 4401, 4403, 4409, websocket.StatusInvalidFramePayloadData, websocket.StatusMessageTooBig:
		return fmt.Errorf("%w: close code %d", errOver, code)
	}
	return err
}
