package hub_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"nod/hub"
)

// upgrade asks for an upgrade with the headers given, as "Name: value".
func (n *node) upgrade(t *testing.T, headers ...string) (status int, header http.Header, body string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, n.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	res, err := n.dial.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusSwitchingProtocols {
		return res.StatusCode, res.Header, ""
	}
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(b)
}

var handshake = []string{"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}

func TestDoor(t *testing.T) {
	c := config(new(app))
	c.Origins = []string{"https://bank.example", "http://localhost:8080"}
	n := run(t, c)
	host := strings.TrimPrefix(n.url, "http://")

	for _, tc := range []struct {
		name   string
		extra  []string
		status int
		code   string
	}{
		{"a native app", nil, 101, ""},
		{"an allowed page", []string{"Origin: https://bank.example"}, 101, ""},
		{"the same with its port", []string{"Origin: https://bank.example:443"}, 101, ""},
		{"upper case", []string{"Origin: HTTPS://Bank.Example"}, 101, ""},
		{"a port of its own", []string{"Origin: http://localhost:8080"}, 101, ""},
		{"another scheme", []string{"Origin: http://bank.example"}, 403, "forbidden"},
		{"another port", []string{"Origin: https://bank.example:8443"}, 403, "forbidden"},
		{"no port", []string{"Origin: http://localhost"}, 403, "forbidden"},
		{"a subdomain", []string{"Origin: https://a.bank.example"}, 403, "forbidden"},
		{"a longer name", []string{"Origin: https://bank.example.evil.example"}, 403, "forbidden"},
		{"this very host", []string{"Origin: http://" + host}, 403, "forbidden"},
		{"a sandboxed page", []string{"Origin: null"}, 403, "forbidden"},
		{"an empty origin", []string{"Origin: "}, 403, "forbidden"},
		{"user info", []string{"Origin: https://bank.example@evil.example"}, 403, "forbidden"},
		{"two origins", []string{"Origin: https://bank.example", "Origin: https://evil.example"}, 403, "forbidden"},
		{"our subprotocol", []string{"Sec-WebSocket-Protocol: other, nod.v1"}, 101, ""},
		{"foreign subprotocols", []string{"Sec-WebSocket-Protocol: other, nod.v2"}, 400, "invalid_request"},
		{"a wrong version", []string{"Sec-WebSocket-Version: 8"}, 400, "invalid_request"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			headers := append(append([]string(nil), handshake...), tc.extra...)
			if strings.HasPrefix(strings.Join(tc.extra, ""), "Sec-WebSocket-Version") {
				headers = append(tc.extra, headers[:2]...)
			}
			status, header, body := n.upgrade(t, headers...)
			if status != tc.status {
				t.Fatalf("status %d, want %d: %s", status, tc.status, body)
			}
			if tc.code == "" {
				offered := strings.HasPrefix(strings.Join(tc.extra, ""), "Sec-WebSocket-Protocol")
				if got := header.Get("Sec-Websocket-Protocol") == "nod.v1"; got != offered {
					t.Errorf("subprotocol %q", header.Get("Sec-Websocket-Protocol"))
				}
				return
			}
			wantProblem(t, header, body, tc.status, tc.code)
		})
	}
	t.Run("no upgrade", func(t *testing.T) {
		status, header, body := n.upgrade(t, "Connection: canary")
		wantProblem(t, header, body, 426, "invalid_request")
		if status != 426 || header.Get("Upgrade") != "websocket" || strings.Contains(body, "canary") {
			t.Errorf("status %d, header %v, body %s", status, header, body)
		}
	})
}

func wantProblem(t *testing.T, header http.Header, body string, status int, code string) {
	t.Helper()
	var p struct {
		Type, Title, Detail, Code string
		Status                    int
	}
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Fatalf("body %q: %v", body, err)
	}
	if p.Status != status || p.Code != code || p.Type == "" || p.Title == "" || p.Detail == "" || header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("problem %s, header %v", body, header)
	}
}

func TestNewRefusesWhatIsNoOrigin(t *testing.T) {
	for _, s := range []string{"", "*", "bank.example", "https://", "https://*/path", "https://bank.example/app", "https://u@bank.example", "https://bank.example?x"} {
		if _, err := hub.New(hub.Config{Origins: []string{s}}); err == nil || !strings.Contains(err.Error(), "origin") {
			t.Errorf("%q: %v", s, err)
		}
	}
}

// A client may send its auth together with the handshake.
func TestEarlyFrames(t *testing.T) {
	n := run(t, config(new(app)))
	conn, err := net.Dial("tcp", strings.TrimPrefix(n.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	auth := `{"type":"auth","data":{"token":"watcher ` + strings.Repeat("x", 900) + `"}}`
	header := []byte{0x81, 0x80 | 126, byte(len(auth) >> 8), byte(len(auth)), 0, 0, 0, 0} // masked with zeros
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n%s%s", strings.Join(handshake, "\r\n"), header, auth)
	r := bufio.NewReader(conn)
	res, err := http.ReadResponse(r, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(res, err)
	}
	for _, want := range []string{"challenge", "welcome", "snapshot"} {
		head := make([]byte, 2)
		if _, err := io.ReadFull(r, head); err != nil {
			t.Fatal(err)
		}
		length := int(head[1])
		if length == 126 {
			if _, err := io.ReadFull(r, head); err != nil {
				t.Fatal(err)
			}
			length = int(head[0])<<8 | int(head[1])
		}
		body := make([]byte, length)
		if _, err := io.ReadFull(r, body); err != nil || !strings.Contains(string(body), want) {
			t.Fatalf("got %q (%v), want %s", body, err, want)
		}
	}
}

func TestRubbish(t *testing.T) {
	n := run(t, config(new(app)))
	for _, tc := range []struct {
		name, text string
		code       int // 0: the connection stays
	}{
		{"empty", "", 4400},
		{"no JSON", "hello", 4400},
		{"cut off", `{"type":"ack"`, 4400},
		{"two frames in one", `{"type":"ack"}{"type":"ack"}`, 4400},
		{"null", `null`, 4400},
		{"an array", `[{"type":"ack"}]`, 4400},
		{"a string", `"ack"`, 4400},
		{"no type", `{"data":{}}`, 4400},
		{"empty type", `{"type":""}`, 4400},
		{"type of a wrong type", `{"type":1}`, 4400},
		{"data of a wrong type", `{"type":"ack","data":[]}`, 4400},
		{"deep nesting", `{"type":"x","data":{"a":` + strings.Repeat("[", 8000) + `}}`, 4400},
		{"not UTF-8", "{\"type\":\"\xff\"}", 1007},
		{"too big", `{"type":"` + strings.Repeat("x", 8<<10) + `"}`, 1009},
		{"much too big", strings.Repeat("x", 4<<20), 1009},
		{"as big as may be", `{"type":"` + strings.Repeat("x", 8<<10-11) + `"}`, 0},
		{"unknown type", `{"type":"ähm"}`, 0},
		{"unknown field", `{"type":"x","more":[1]}`, 0},
		{"null data", `{"type":"x","data":null,"id":null}`, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, p := range []*peer{n.connect(t), n.login(t, "watcher ver_1")} {
				p.send(tc.text)
				if tc.code != 0 {
					p.expectClose(tc.code)
				}
			}
			p := n.login(t, "watcher ver_1")
			if tc.code == 0 {
				p.send(tc.text)
			}
			p.send(`{"type":"echo","data":{}}`)
			p.expect("echo") // others go on
		})
	}
	t.Run("binary", func(t *testing.T) {
		p := n.connect(t)
		p.write(websocket.MessageBinary, `{"type":"auth"}`)
		p.expectClose(4400)
	})
	eventually(t, "all gone but the idle", func() bool { return n.Stats().Queued == 0 })
}

func TestAuthRefused(t *testing.T) {
	for _, tc := range []struct {
		name, data string
		err        error
		code       string // of the error frame before
		bye        string
		close      int
	}{
		{"wrong", `{"token":"x"}`, &hub.Refusal{}, "", "unauthenticated", 4401},
		{"told why", `{"token":"x"}`, &hub.Refusal{Code: "unauthenticated", Message: "m"}, "unauthenticated", "unauthenticated", 4401},
		{"no rights", `{"token":"x"}`, &hub.Refusal{Code: "forbidden", Close: 4403}, "forbidden", "", 4403},
		{"revoked", `{"token":"x"}`, &hub.Refusal{Close: 4401, Bye: "revoked"}, "", "revoked", 4401},
		{"wrapped", `{"token":"x"}`, fmt.Errorf("judging: %w", &hub.Refusal{Close: 4403}), "", "", 4403},
		{"judge is down", `{"token":"x"}`, errDown, "unavailable", "", 1013},
		{"data of a wrong type", `{"token":1}`, nil, "", "", 4400},
		{"half an event", `{"client_secret":"x","last_seq":1.5}`, nil, "", "", 4400},
		{"negative event", `{"client_secret":"x","last_seq":-1}`, nil, "", "", 4400},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := new(app)
			a.authenticate = func(_ context.Context, auth hub.Auth) (hub.Identity, hub.Client, error) {
				if auth.Nonce == "" || auth.Token != "x" || auth.IP != "127.0.0.1" {
					t.Errorf("auth: %+v", auth)
				}
				return hub.Identity{}, nil, tc.err
			}
			n := run(t, config(a))
			p := n.connect(t)
			p.send(`{"type":"auth","id":"a-1","data":` + tc.data + `}`)
			if tc.code != "" {
				f := p.expect("error")
				var e struct{ Code, Message string }
				if f.decode(t, &e); e.Code != tc.code || string(f.ID) != `"a-1"` || strings.Contains(e.Message, errDown.Error()) {
					t.Errorf("error: %s %s", f.ID, f.Data)
				}
			}
			if tc.bye != "" {
				p.expectBye(tc.bye, tc.close)
			} else {
				p.expectClose(tc.close)
			}
			eventually(t, "an empty hub", func() bool { s := n.Stats(); return s.Pending == 0 && len(s.Sessions) == 0 })
		})
	}
}

func TestRefusedFrames(t *testing.T) {
	a := new(app)
	a.receive = func(s *hub.Session, f hub.Frame) error {
		switch f.Type {
		case "refused":
			return &hub.Refusal{Code: "already_decided", Message: "m", RetryAfter: 3}
		case "broken":
			return errDown
		case "bug":
			panic("bug")
		case "fatal":
			return &hub.Refusal{Code: "not_found", Close: 4401, Bye: "revoked"}
		}
		return nil
	}
	n := run(t, config(a))
	p := n.login(t, "device dev_1")
	for _, tc := range []struct{ text, id, data string }{
		{`{"type":"refused","id":17}`, `17`, `{"code":"already_decided","message":"m","retry_after":3}`},
		{`{"type":"refused"}`, ``, `{"code":"already_decided","message":"m","retry_after":3}`},
		{`{"type":"broken","id":{"a":[1]}}`, `{"a":[1]}`, `{"code":"internal","message":"Something went wrong on our side. Try again.","retry_after":1}`},
		{`{"type":"auth","id":"x","data":{"token":"device dev_2"}}`, `"x"`, `{"code":"conflict","message":"This connection is already authenticated. Open another one."}`},
	} {
		p.send(tc.text)
		if f := p.expect("error"); string(f.ID) != tc.id || string(f.Data) != tc.data {
			t.Errorf("%s: got id %s data %s", tc.text, f.ID, f.Data)
		}
	}
	p.send(`{"type":"fatal"}`)
	p.expect("error")
	p.expectBye("revoked", 4401)

	p = n.login(t, "device dev_1")
	p.send(`{"type":"bug"}`)
	p.expectClose(1013)
	eventually(t, "Closed after a panic", func() bool { return n.Stats().Sessions["device"] == 0 })

	a.open = func(*hub.Session) error { return errDown }
	p = n.connect(t)
	p.send(`{"type":"auth","data":{"token":"device dev_1"}}`)
	p.expect("welcome")
	p.expect("error")
	p.expectClose(1013)
}

func TestNeverAuthenticates(t *testing.T) {
	bubble(t, config(new(app)), func(t *testing.T, n *node) {
		p := n.connect(t)
		began := time.Now()
		p.send(`{"type":"ack","data":{}}`) // ignored, and no reason to wait longer
		p.expectClose(4408)
		if took := time.Since(began); took < 5*time.Second || took > 5*time.Second+50*time.Millisecond {
			t.Errorf("closed after %v", took)
		}
	})
}

func TestTooFast(t *testing.T) {
	bubble(t, config(new(app)), func(t *testing.T, n *node) {
		p := n.login(t, "device dev_1")
		began := time.Now()
		for range 99 { // and one was auth
			p.send(`{"type":"x"}`)
		}
		p.send(`{"type":"x"}`)
		if after := p.expectBye("too_fast", 4429); after < 30*time.Second {
			t.Errorf("reconnect after %v", after)
		}
		if time.Since(began) > time.Second {
			t.Error("took its time")
		}

		// A hundred in each minute are fine for ever.
		p = n.login(t, "device dev_2")
		for range 5 {
			for range 99 {
				p.send(`{"type":"x"}`)
			}
			p.idle(time.Minute)
		}
		p.send(`{"type":"echo","data":{}}`)
		p.expect("echo")
	})
}

func TestControlFlood(t *testing.T) {
	n := run(t, config(new(app)))
	p := n.login(t, "device dev_1")
	var flood sync.WaitGroup
	for range 200 {
		flood.Go(func() { _ = p.ws.Ping(context.Background()) })
	}
	p.expectBye("too_fast", 4429)
	flood.Wait()
}

// Fragments without content are no frames, but bytes all the same.
func TestFragmentFlood(t *testing.T) {
	n := run(t, config(new(app)))
	conn := deaf(t, n, "device dev_1")
	var flood sync.WaitGroup
	flood.Go(func() {
		begin, more := []byte{0x01, 0x80, 0, 0, 0, 0}, []byte{0x00, 0x80, 0, 0, 0, 0}
		_, _ = conn.Write(append(begin, bytes.Repeat(more, 200_000)...))
	})
	eventually(t, "too fast", func() bool { return n.Stats().Closed[4429] == 1 })
	conn.Close()
	flood.Wait()
	eventually(t, "gone", func() bool { return n.Stats().Sessions["device"] == 0 })
}

func TestTooManyConnections(t *testing.T) {
	c := config(new(app))
	c.MaxPending, c.MaxSessions = 2, 3
	n := run(t, c)
	refused := func() {
		t.Helper()
		status, header, body := n.upgrade(t, handshake...)
		if status != 503 || header.Get("Retry-After") == "" {
			t.Fatalf("status %d %v", status, header)
		}
		wantProblem(t, header, body, 503, "unavailable")
	}
	enter := func(p *peer) {
		t.Helper()
		p.auth("watcher a")
		p.expect("welcome")
		p.expect("snapshot")
	}
	one, two := n.connect(t), n.connect(t)
	refused() // two are pending
	enter(one)
	three := n.connect(t)
	refused() // two again, and three in all
	if s := n.Stats(); s.Pending != 2 || s.Sessions["watcher"] != 1 || s.Refused[hub.CausePending] != 1 || s.Refused[hub.CauseFull] != 1 {
		t.Errorf("stats %+v", s)
	}
	enter(two)
	enter(three)
	refused() // three in all
	one.ws.CloseNow()
	eventually(t, "a free place", func() bool { return n.Stats().Sessions["watcher"] == 2 })
	enter(n.connect(t))
}

// A frame that begins has to end: a peer that stops in its middle is cut off.
func TestHalfAFrame(t *testing.T) {
	bubble(t, config(new(app)), func(t *testing.T, n *node) {
		p := n.login(t, "watcher a")
		began := time.Now()
		w, err := p.ws.Writer(t.Context(), websocket.MessageText)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(bytes.Repeat([]byte(" "), 5000)); err != nil { // more than is kept back
			t.Fatal(err)
		}
		if f, err := p.read(); err == nil {
			t.Fatalf("got %s", f.Type)
		}
		if took := time.Since(began); !near(took, 10*time.Second) {
			t.Errorf("cut off after %v", took)
		}
	})
}
