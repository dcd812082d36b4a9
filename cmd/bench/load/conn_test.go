package load_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"nod/cmd/bench/load"
)

// heard is what a connection was told.
type heard struct {
	texts chan string
	ended chan error
}

// connect connects to a handler, through TLS or not.
func connect(t *testing.T, at *httptest.Server) (*load.Conn, heard, error) {
	t.Helper()
	n, err := load.NewNetwork(load.Loopback(40))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	h := heard{make(chan string, 10), make(chan error, 1)}
	c, err := n.Connect(t.Context(), &load.Request{
		URL: at.URL + "/ws", Subprotocol: "nod.v1",
		OnText: func(_ *load.Conn, text []byte, _ time.Time) { h.texts <- string(text) },
		OnEnd:  func(_ *load.Conn, err error) { h.ended <- err },
	})
	if err == nil {
		t.Cleanup(c.Close)
	}
	return c, h, err
}

func within[T any](t *testing.T, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(10 * time.Second):
		t.Fatal("nothing came in 10 s")
	}
	return v
}

// A server of another make hears and is heard, gets its pings answered, and its goodbye
// is told.
func TestConversation(t *testing.T) {
	pinged := make(chan error, 1)
	long := strings.Repeat("é", 40000)
	at := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"nod.v1"}})
		if err != nil {
			return
		}
		_ = c.Write(r.Context(), websocket.MessageText, []byte(r.RemoteAddr))
		_ = c.Write(r.Context(), websocket.MessageText, []byte(long))
		_, said, _ := c.Read(r.Context())
		_ = c.Write(r.Context(), websocket.MessageText, said)
		ctx, stop := context.WithTimeout(c.CloseRead(r.Context()), 10*time.Second)
		defer stop()
		pinged <- c.Ping(ctx)
		_ = c.Close(4409, "replaced")
	}))
	defer at.Close()
	c, h, err := connect(t, at)
	if err != nil {
		t.Fatal(err)
	}
	if from := within(t, h.texts); !strings.HasPrefix(from, "127.1.0.") {
		t.Errorf("it came from %s", from)
	}
	if within(t, h.texts) != long {
		t.Error("a long text was not read as it was sent")
	}
	if err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if got := within(t, h.texts); got != "hello" {
		t.Errorf("the server heard %q", got)
	}
	if err := within(t, pinged); err != nil {
		t.Errorf("a ping was not answered: %v", err)
	}
	if e, ok := errors.AsType[*load.CloseError](within(t, h.ended)); !ok || e.Code != 4409 || e.Reason != "replaced" {
		t.Errorf("it ended with %v", e)
	}
	if err := c.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("writing after the end: %v", err)
	}
}

// raw is a server that answers the upgrade and then says bytes of its own.
func raw(t *testing.T, bytes string) *httptest.Server {
	at := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		_, _ = c.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: nod.v1\r\n" +
			"Sec-WebSocket-Accept: " + load.Accepted() + "\r\n\r\n" + bytes))
		_, _ = c.Read(make([]byte, 1000)) // until the client goes
	}))
	t.Cleanup(at.Close)
	return at
}

// What a server must not send ends the connection, and is told.
func TestBadFrames(t *testing.T) {
	for name, bytes := range map[string]string{
		"masked":                  "\x81\x81abcdx",
		"reserved bits":           "\xc1\x01x",
		"unknown kind":            "\x83\x00",
		"binary":                  "\x82\x01x",
		"long ping":               "\x89\x7e\x00\x7e",
		"ping in parts":           "\x09\x00",
		"length not shortest":     "\x81\x7e\x00\x01x",
		"endless":                 "\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff",
		"no UTF-8":                "\x81\x01\xff",
		"continuation of nothing": "\x80\x01x",
		"text within a text":      "\x01\x01x\x81\x01x",
		"close with half a code":  "\x88\x01x",
	} {
		t.Run(name, func(t *testing.T) {
			_, h, err := connect(t, raw(t, bytes))
			if err == nil {
				err = within(t, h.ended)
			}
			if _, closed := errors.AsType[*load.CloseError](err); err == nil || closed {
				t.Errorf("it ended with %v", err)
			}
			if len(h.texts) > 0 {
				t.Errorf("it was taken for %q", <-h.texts)
			}
		})
	}
}

func TestParts(t *testing.T) {
	_, h, err := connect(t, raw(t, "\x01\x02on\x89\x01p\x00\x02e \x80\x03two\x81\x05three"))
	if err != nil {
		t.Fatal(err)
	}
	if one, two := within(t, h.texts), within(t, h.texts); one != "one two" || two != "three" {
		t.Errorf("heard %q and %q", one, two)
	}
}

// A connection that just breaks is told too.
func TestBroken(t *testing.T) {
	at := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"nod.v1"}}); err == nil {
			_ = c.CloseNow()
		}
	}))
	defer at.Close()
	_, h, err := connect(t, at)
	if err == nil {
		err = within(t, h.ended)
	}
	if e, ok := errors.AsType[*load.CloseError](err); !ok || e.Code != 1006 {
		t.Errorf("it ended with %v", err)
	}
}

func TestRefused(t *testing.T) {
	at := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3")
		http.Error(w, "too many", http.StatusServiceUnavailable)
	}))
	defer at.Close()
	_, _, err := connect(t, at)
	if r, ok := errors.AsType[*load.Refused](err); !ok || r.Status != 503 || r.RetryAfter != 3*time.Second || !strings.Contains(r.Body, "too many") {
		t.Errorf("it was refused with %v", err)
	}
}

// Through TLS a certificate that nobody vouches for is refused.
func TestTLS(t *testing.T) {
	at := httptest.NewUnstartedServer(http.NotFoundHandler())
	at.Config.ErrorLog = log.New(io.Discard, "", 0)
	at.StartTLS()
	defer at.Close()
	if _, _, err := connect(t, at); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a server that nobody vouches for: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"\x81\x01x", "\x81\x7e\x00\x7e", "\x88\x02\x03\xe8", "\x01\x00\x80\x00", "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"} {
		f.Add([]byte(s), 1)
	}
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		whole, failed := load.Texts(b)
		cut = min(max(cut, 0), len(b))
		parts, failedParts := load.Texts(b[:cut], b[cut:])
		if whole != parts || failed != failedParts {
			t.Errorf("read at once %q (%v), in parts %q (%v)", whole, failed, parts, failedParts)
		}
	})
}
