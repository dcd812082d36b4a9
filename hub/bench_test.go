package hub

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"
)

// silentApp welcomes everybody and says what it is told to.
type silentApp struct{ opened chan *Session }

func (a silentApp) Authenticate(_ context.Context, auth Auth) (Identity, Client, error) {
	return Identity{Role: "device", Topic: auth.Token}, a, nil
}

func (a silentApp) Open(_ context.Context, s *Session) error {
	a.opened <- s
	return nil
}

func (a silentApp) Receive(context.Context, *Session, Frame) error { return nil }

var wireData = struct {
	ID string `json:"verification_id"`
}{"ver_0190c0ffee00700080000000000000aa"}

func (a silentApp) Deliver(s *Session, m Message) { _ = s.Send(m.Kind, m.Seq, wireData) }

func (a silentApp) Closed(context.Context, *Session) {}

// benchHub is a hub with sessions whose peers read without allocating.
func benchHub(tb testing.TB, sessions int) (*Hub, []*Session) {
	app := silentApp{make(chan *Session, 1)}
	h, err := New(Config{Authenticate: app.Authenticate, MaxPerIP: -1})
	if err != nil {
		tb.Fatal(err)
	}
	server := httptest.NewServer(h)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- h.Run(ctx) }()
	var open []*Session
	var conns []net.Conn
	for i := range sessions {
		conn, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
		if err != nil {
			tb.Fatal(err)
		}
		conns = append(conns, conn)
		auth := fmt.Sprintf(`{"type":"auth","data":{"token":"topic-%d"}}`, i)
		fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n%s%s", []byte{0x81, 0x80 | byte(len(auth)), 0, 0, 0, 0}, auth)
		if res, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || res.StatusCode != http.StatusSwitchingProtocols {
			tb.Fatal(res, err)
		}
		go io.Copy(io.Discard, conn)
		open = append(open, <-app.opened)
	}
	tb.Cleanup(func() {
		for _, conn := range conns {
			conn.Close()
		}
		cancel()
		<-done
		server.Close()
	})
	return h, open
}

// tickNow has the whole way of a tick happen: alarm, writer, socket.
func tickNow(h *Hub, s *Session) {
	before := h.figures.ticks.Load()
	s.mu.Lock()
	s.countdowns[0].due = 0
	s.mu.Unlock()
	s.ring()
	for h.figures.ticks.Load() == before {
		runtime.Gosched()
	}
}

func running4(s *Session) {
	at := time.Now().Add(24 * time.Hour)
	s.Timers("ver_0190c0ffee00700080000000000000aa", Timer{"prompt_in", at}, Timer{"expires_in", at}, Timer{"resend_in", at}, Timer{"session_in", at})
}

func TestTickAllocatesNothing(t *testing.T) {
	h, sessions := benchHub(t, 1)
	running4(sessions[0])
	if n := testing.AllocsPerRun(200, func() { tickNow(h, sessions[0]) }); n != 0 {
		t.Errorf("%v allocations per tick", n)
	}
}

// BenchmarkTick is one tick from the alarm to the socket.
func BenchmarkTick(b *testing.B) {
	h, sessions := benchHub(b, 1)
	running4(sessions[0])
	b.ReportAllocs()
	for b.Loop() {
		tickNow(h, sessions[0])
	}
}

// BenchmarkPublish is one message from Publish to the queue of one of a thousand
// sessions, each on its own topic; writers work beside.
func BenchmarkPublish(b *testing.B) {
	const sessions = 1000
	h, _ := benchHub(b, sessions)
	topics := make([]string, sessions)
	for i := range topics {
		topics[i] = fmt.Sprintf("topic-%d", i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if n, err := h.Publish(context.Background(), Message{Topic: topics[i%sessions], Kind: "event", Seq: int64(i)}); n != 1 || err != nil {
			b.Fatalf("%d heard it, %v", n, err)
		}
		for h.figures.queued.Load() > sessions {
			runtime.Gosched()
		}
	}
}
