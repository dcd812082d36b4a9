package peer_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"nod/cmd/bench/peer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server plays a peer: what it answers is as the real ones were heard to.
type server struct {
	http.ServeMux
	// answer is what a client hears for what it says; channel is not empty when that is subscribed then.
	answer func(said string) (replies []string, channel string)
	// greet is said first; empty: nothing.
	greet string
	// told is how data reaches the clients of a channel.
	told func(channel string, data json.RawMessage) string

	refuse bool // what is to be published

	mu    sync.Mutex
	conns map[string]*websocket.Conn // by channel
}

func (s *server) socket(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = c.CloseNow() }()
	ctx := r.Context()
	if s.greet != "" && c.Write(ctx, websocket.MessageText, []byte(s.greet)) != nil {
		return
	}
	for {
		_, said, err := c.Read(ctx)
		if err != nil {
			return
		}
		replies, channel := s.answer(string(said))
		for _, reply := range replies {
			if channel != "" {
				s.mu.Lock()
				s.conns[channel] = c
				s.mu.Unlock()
			}
			if c.Write(ctx, websocket.MessageText, []byte(reply)) != nil {
				return
			}
		}
	}
}

func (s *server) publish(r *http.Request) error {
	var body struct {
		Channel string          `json:"channel"`
		Data    json.RawMessage `json:"data"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || s.refuse || r.Header.Get("X-API-Key") != "key" {
		return errors.New("no")
	}
	s.mu.Lock()
	c := s.conns[body.Channel]
	s.mu.Unlock()
	return c.Write(r.Context(), websocket.MessageText, []byte(s.told(body.Channel, body.Data)))
}

func (s *server) metrics(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, "# TYPE x gauge\nprocess_resident_memory_bytes 2.048e+06\nprocess_cpu_seconds_total 1.5\nother{a=\"b\"} 1\n")
}

// newCentrifugo plays Centrifugo 6.9.1.
func newCentrifugo() *server {
	s := &server{conns: map[string]*websocket.Conn{}}
	s.answer = func(said string) (replies []string, channel string) {
		var command struct {
			ID        int
			Connect   *struct{}
			Subscribe *struct{ Channel string }
		}
		_ = json.NewDecoder(strings.NewReader(said)).Decode(&command)
		switch {
		case command.Connect != nil: // and a ping in the same message
			return []string{fmt.Sprintf(`{"id":%d,"connect":{"client":"c","version":"6.9.1","ping":25,"pong":true}}`+"\n{}", command.ID)}, ""
		case command.Subscribe != nil:
			return []string{fmt.Sprintf(`{"id":%d,"subscribe":{}}`, command.ID)}, command.Subscribe.Channel
		}
		return nil, ""
	}
	s.told = func(channel string, data json.RawMessage) string {
		return fmt.Sprintf(`{"push":{"channel":%q,"pub":{"data":%s}}}`, channel, data)
	}
	s.HandleFunc("/connection/websocket", s.socket)
	s.HandleFunc("/metrics", s.metrics)
	s.HandleFunc("POST /api/publish", func(w http.ResponseWriter, r *http.Request) {
		answer := `{"result":{}}`
		if err := s.publish(r); err != nil {
			answer = `{"error":{"code":100,"message":"internal"}}`
		}
		_, _ = io.WriteString(w, answer)
	})
	return s
}

// newSocketIO plays servers/socketio.cjs.
func newSocketIO() *server {
	s := &server{conns: map[string]*websocket.Conn{}, greet: `0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`}
	s.answer = func(said string) (replies []string, channel string) {
		var event []string
		switch {
		case said == "40":
			return []string{"2", `40{"sid":"t"}`}, ""
		case strings.HasPrefix(said, "420"):
			if json.Unmarshal([]byte(said[3:]), &event) == nil && event[0] == "subscribe" {
				return []string{"430[]"}, event[1]
			}
		}
		return nil, ""
	}
	s.told = func(_ string, data json.RawMessage) string { return `42["published",` + string(data) + `]` }
	s.HandleFunc("/socket.io/", s.socket)
	s.HandleFunc("/metrics", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server", "Socket.IO 4.8.4")
		s.metrics(w, r)
	})
	s.HandleFunc("POST /publish", func(w http.ResponseWriter, r *http.Request) {
		if err := s.publish(r); err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return s
}

func run(t *testing.T, name string, s *server) (map[string]string, error) {
	t.Helper()
	at := httptest.NewServer(s)
	defer at.Close()
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
	defer stop()
	results, err := peer.Run(ctx, peer.Config{Server: name, URL: at.URL, Key: "key", Sockets: 5, Rate: 2000, Idle: time.Millisecond, For: 10 * time.Millisecond})
	against := map[string]string{}
	for _, r := range results {
		if len(r.Figures) == 0 {
			t.Errorf("%s found nothing", r.Scenario)
		}
		against[r.Scenario] = r.Against
	}
	return against, err
}

func TestRun(t *testing.T) {
	for name, of := range map[string]struct {
		server *server
		says   string
	}{"centrifugo": {newCentrifugo(), "Centrifugo 6.9.1"}, "socketio": {newSocketIO(), "Socket.IO 4.8.4"}} {
		t.Run(name, func(t *testing.T) {
			against, err := run(t, name, of.server)
			if err != nil {
				t.Fatal(err)
			}
			for _, scenario := range []string{"idle", "prompt", "storm"} {
				if against[scenario] != of.says {
					t.Errorf("%s is against %q, want %q", scenario, against[scenario], of.says)
				}
			}
		})
	}
}

// TestNoComparisonWithHalfALoad has servers that refuse, or break their protocol.
func TestNoComparisonWithHalfALoad(t *testing.T) {
	refusing := func(s *server, reply string) *server {
		s.answer = func(string) ([]string, string) { return []string{reply}, "" }
		return s
	}
	stingy := newCentrifugo()
	stingy.refuse = true
	deaf := newSocketIO()
	deaf.told = func(string, json.RawMessage) string { return "41" }
	for name, of := range map[string]struct {
		kind   string
		server *server
		want   string
	}{
		"a refused connection":   {"centrifugo", refusing(newCentrifugo(), `{"id":1,"error":{"code":3501,"message":"bad request"}}`), "3501"},
		"a refused namespace":    {"socketio", refusing(newSocketIO(), `44{"message":"not authorized"}`), "not authorized"},
		"a refused publish":      {"centrifugo", stingy, "internal"},
		"no JSON":                {"centrifugo", refusing(newCentrifugo(), "hello"), "no JSON"},
		"a server that hangs up": {"socketio", deaf, "ends the connection"},
		"an unknown server":      {"pusher", newSocketIO(), "pusher"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := run(t, of.kind, of.server)
			if err == nil || !strings.Contains(err.Error(), of.want) {
				t.Errorf("the run ended with %v, want it to say %q", err, of.want)
			}
		})
	}
}
