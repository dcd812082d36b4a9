package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// TestBalancer holds deploy/haproxy.cfg to what it says, with nodes that can be
// made not ready.
func TestBalancer(t *testing.T) {
	need(t, "haproxy")
	a, b := newStub(t, "a"), newStub(t, "b")
	front := balance(t, a, b)
	// Who comes first is not said anywhere.
	only := func(who string) {
		t.Helper()
		eventually(t, "asked are "+who, func() bool { return slices.Contains([]string{who, who[1:] + who[:1]}, six(t, front, http.MethodPost)) })
	}
	only("ababab")
	socket := dial(t, front)
	other := dial(t, front)
	if socket.node == other.node {
		t.Errorf("two sockets in a row are both on %s", socket.node)
	}
	if socket.node != "a" {
		socket = other
	}

	t.Run("a node that is not ready gets nothing new and keeps its sockets", func(t *testing.T) {
		a.ready.Store(false)
		only("bbbbbb")
		socket.say(t, "still here")
	})
	t.Run("where none is ready the living are asked", func(t *testing.T) {
		b.ready.Store(false)
		only("ababab")
		socket.say(t, "still here")
	})
	t.Run("one that is ready again gets all", func(t *testing.T) {
		a.ready.Store(true)
		only("aaaaaa")
		b.ready.Store(true)
		only("ababab")
	})
	t.Run("who asks is said by the balancer alone", func(t *testing.T) {
		req := request(t, front, http.MethodPost)
		req.Header.Set("X-Forwarded-For", "203.0.113.7")
		res, err := fresh.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if got := res.Header.Get("From"); got != "127.0.0.1" {
			t.Errorf("the node hears %q", got)
		}
	})
	t.Run("one node's figures are not for the world", func(t *testing.T) { ask(t, front, "/metrics", http.StatusNotFound) })
	t.Run("what only asks is asked again when its node dies over it", func(t *testing.T) {
		for _, s := range []*stub{a, b} {
			s.dying.Store(true)
			if got := six(t, front, http.MethodGet); strings.Contains(got, s.name) {
				t.Errorf("%s died, but %q answered", s.name, got)
			}
			s.dying.Store(false)
			only("ababab")
		}
	})
	t.Run("what changes something is not", func(t *testing.T) {
		a.dying.Store(true)
		b.dying.Store(true)
		before := a.asked.Load() + b.asked.Load()
		res, err := fresh.Do(request(t, front, http.MethodPost))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusBadGateway || res.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("it answers %s %v", res.Status, res.Header)
		}
		if got := a.asked.Load() + b.asked.Load() - before; got != 1 {
			t.Errorf("it was asked %d times", got)
		}
		a.dying.Store(false)
		b.dying.Store(false)
		only("ababab")
	})
	t.Run("what a dead node cannot have seen is asked of the other", func(t *testing.T) {
		a.Close()
		for range 4 {
			if got := six(t, front, http.MethodPost); got != "bbbbbb" {
				t.Fatalf("%q answer", got)
			}
		}
	})
	t.Run("where nobody lives the answer says so as nod would", func(t *testing.T) {
		b.Close()
		var res *http.Response
		eventually(t, "it answers 503", func() bool {
			var err error
			if res, err = fresh.Do(request(t, front, http.MethodPost)); err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			return res.StatusCode == http.StatusServiceUnavailable
		})
		if res.Header.Get("Content-Type") != "application/problem+json" || res.Header.Get("Retry-After") != "1" {
			t.Errorf("it answers %v", res.Header)
		}
	})
}

// fresh takes a connection a request: on a used one Go repeats by itself what
// seems lost.
var fresh = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// stub is a node that says who it is and whom it believes to talk to, and echoes
// the lines of a socket.
type stub struct {
	*httptest.Server
	name  string
	ready atomic.Bool
	dying atomic.Bool // it hangs up on whoever asks something
	asked atomic.Int64
}

func newStub(t *testing.T, name string) *stub {
	t.Helper()
	s := &stub{name: name}
	s.ready.Store(true)
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !s.ready.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/ws", func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nNode: %s\r\n\r\n", name)
		for {
			line, err := rw.ReadString('\n')
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte(line))
		}
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		if s.dying.Load() {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Node", name)
		w.Header().Set("From", strings.Join(r.Header.Values("X-Forwarded-For"), " and "))
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// balance starts haproxy before two nodes and returns its address.
func balance(t *testing.T, a, b *stub) string {
	t.Helper()
	said := &heard{}
	front := place(t, said).addr
	p := &process{
		name: "haproxy", path: haproxy(), args: []string{"-db", "-f", "../../deploy/haproxy.cfg"}, screen: &screen{out: said},
		env: []string{"NOD_BALANCER=" + front, "NOD_A=" + a.Listener.Addr().String(), "NOD_B=" + b.Listener.Addr().String()},
	}
	if err := p.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.end(context.Background())
		if t.Failed() {
			t.Logf("what haproxy said:\n%s", said)
		}
	})
	if err := p.await(t.Context(), front); err != nil {
		t.Fatalf("%v:\n%s", err, said)
	}
	return front
}

func request(t *testing.T, front, method string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+front+"/api", nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// six asks six times and returns the names of the nodes that answered.
func six(t *testing.T, front, method string) (names string) {
	t.Helper()
	for range 6 {
		res, err := fresh.Do(request(t, front, method))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Fatalf("a node that lives is there, but the answer is %s", res.Status)
		}
		names += res.Header.Get("Node")
	}
	return names
}

// socket is an upgraded connection.
type socket struct {
	net.Conn
	read *bufio.Reader
	node string
}

func dial(t *testing.T, front string) *socket {
	t.Helper()
	conn, err := net.Dial("tcp", front)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	s := &socket{Conn: conn, read: bufio.NewReader(conn)}
	_, _ = fmt.Fprintf(conn, "GET /ws HTTP/1.1\r\nHost: nod\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	res, err := http.ReadResponse(s.read, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("the upgrade is answered %s", res.Status)
	}
	s.node = res.Header.Get("Node")
	s.say(t, "hello")
	return s
}

func (s *socket) say(t *testing.T, line string) {
	t.Helper()
	_, _ = fmt.Fprintln(s, line)
	if got, err := s.read.ReadString('\n'); got != line+"\n" {
		t.Fatalf("said %q, heard %q: %v", line, got, err)
	}
}
