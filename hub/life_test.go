package hub_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"nod/hub"
)

func TestPings(t *testing.T) {
	t.Run("answered", func(t *testing.T) {
		bubble(t, config(new(app)), func(t *testing.T, n *node) {
			p := n.login(t, "device dev_1")
			p.idle(time.Hour)
			p.send(`{"type":"echo"}`)
			p.expect("echo")
		})
	})
	t.Run("not answered", func(t *testing.T) {
		bubble(t, config(new(app)), func(t *testing.T, n *node) {
			began := time.Now()
			var pings []time.Duration
			p := n.dialOnly(t, &websocket.DialOptions{OnPingReceived: func(context.Context, []byte) bool {
				pings = append(pings, time.Since(began))
				return false
			}})
			p.start()
			p.expect("challenge")
			p.auth("device dev_1")
			p.expect("welcome")
			p.expect("snapshot")
			p.expectBye("idle", 1001)
			took := time.Since(began)
			if len(pings) != 2 || !near(pings[0], 25*time.Second) || !near(pings[1], 50*time.Second) || !near(took, 75*time.Second) {
				t.Errorf("pings at %v, closed after %v", pings, took)
			}
		})
	})
}

func near(got, want time.Duration) bool { return got >= want && got <= want+50*time.Millisecond }

func TestReplaced(t *testing.T) {
	n := run(t, config(new(app)))
	first := n.login(t, "device dev_1")
	page := n.login(t, "watcher dev_1")
	second := n.login(t, "device dev_1")
	if after := first.expectBye("replaced", 4409); after != 0 {
		t.Errorf("told to reconnect after %v", after)
	}
	n.publish(t, 1, hub.Message{Topic: "device:dev_1", Kind: "prompt"})
	second.expect("prompt")
	third := n.login(t, "device dev_1")
	second.expectBye("replaced", 4409)
	eventually(t, "one session", func() bool { return n.Stats().Sessions["device"] == 1 })

	// Any number may watch.
	other := n.login(t, "watcher dev_1")
	n.publish(t, 2, hub.Message{Topic: "watcher:dev_1", Kind: "event"})
	page.expect("event")
	other.expect("event")

	if err := n.Disconnect(context.Background(), "device:dev_1", hub.ByeRevoked, hub.CloseUnauthenticated); err != nil {
		t.Fatal(err)
	}
	third.expectBye("revoked", 4401)
	if closed := n.Stats().Closed; closed[4409] != 2 || closed[4401] != 1 {
		t.Errorf("closed %v", closed)
	}
}

// A phone changes its network while its first connection is still being judged:
// that one, let in last, must not replace the one which the phone now has.
func TestJudgedLate(t *testing.T) {
	a := new(app)
	entered, judged := make(chan struct{}), make(chan struct{})
	var calls atomic.Int32
	a.authenticate = func(context.Context, hub.Auth) (hub.Identity, hub.Client, error) {
		if calls.Add(1) == 1 {
			close(entered)
			<-judged
		}
		return hub.Identity{Role: "device", ID: "dev_1", Topic: "device:dev_1", Exclusive: true}, a, nil
	}
	n := run(t, config(a))
	older := n.connect(t)
	older.auth("device dev_1")
	<-entered
	newer := n.login(t, "device dev_1")
	close(judged)
	older.expectBye("replaced", 4409)
	n.publish(t, 1, hub.Message{Topic: "device:dev_1", Kind: "prompt"})
	newer.expect("prompt")
}

func TestCredentialEnds(t *testing.T) {
	const lasts = time.Hour + 7*time.Second // not at a ping
	a := new(app)
	a.authenticate = func(context.Context, hub.Auth) (hub.Identity, hub.Client, error) {
		return hub.Identity{Role: "console", Topic: "console", ExpiresAt: time.Now().Add(lasts)}, a, nil
	}
	bubble(t, config(a), func(t *testing.T, n *node) {
		p := n.login(t, "x")
		began := time.Now()
		p.idle(59 * time.Minute)
		p.expectBye("unauthenticated", 4401)
		if took := time.Since(began); !near(took, lasts) {
			t.Errorf("closed after %v", took)
		}
	})
}

func TestSessionsAndStats(t *testing.T) {
	n := run(t, config(new(app)))
	n.login(t, "device dev_1")
	n.login(t, "device dev_2")
	n.login(t, "console c")
	n.connect(t)
	seen := make(map[string]int)
	for s := range n.Sessions() {
		seen[s.Identity().Role+" "+s.Identity().ID]++
		if s.ID() == "" {
			t.Error("no connection id")
		}
	}
	if len(seen) != 3 || seen["device dev_1"] != 1 || seen["console c"] != 1 {
		t.Errorf("visited %v", seen)
	}
	for range n.Sessions() {
		break
	}
	s := n.Stats()
	if s.Sessions["device"] != 2 || s.Sessions["console"] != 1 || s.Pending != 1 || s.Received != 3 || s.Sent < 10 || s.Writers == 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestListen(t *testing.T) {
	n := run(t, config(new(app)))
	var got []int64
	stop := n.Listen("watcher:ver_1", func(m hub.Message) { got = append(got, m.Seq) })
	for seq := range int64(3) {
		n.publish(t, 1, hub.Message{Topic: "watcher:ver_1", Kind: "event", Seq: seq})
	}
	stop()
	stop()
	n.publish(t, 0, hub.Message{Topic: "watcher:ver_1", Kind: "event"})
	if fmt.Sprint(got) != "[0 1 2]" {
		t.Errorf("heard %v", got)
	}
}

// Whoever joins while messages are published sees the present state and from
// there every message, each once and in order, wherever the join falls.
func TestNoGap(t *testing.T) {
	a := new(app)
	var mu sync.Mutex // the store: what is published was stored before
	var stored int64
	a.open = func(s *hub.Session) error {
		mu.Lock()
		seq := stored
		mu.Unlock()
		return s.Send("snapshot", seq, nil)
	}
	n := run(t, config(a))
	const messages, pages = 400, 20
	var readers sync.WaitGroup
	for range pages {
		p := n.connect(t)
		p.auth("watcher ver_1")
		readers.Go(func() {
			for last := int64(-1); last < messages; {
				f, err := p.read()
				if err != nil {
					t.Error(err)
					return
				}
				if last >= 0 && f.Seq > last+1 {
					t.Errorf("%d after %d", f.Seq, last)
				}
				if f.Type != "welcome" {
					last = max(last, f.Seq) // heard again what the snapshot told
				}
			}
		})
	}
	for seq := int64(1); seq <= messages; seq++ {
		mu.Lock()
		stored = seq
		mu.Unlock()
		if _, err := n.Publish(context.Background(), hub.Message{Topic: "watcher:ver_1", Kind: "event", Seq: seq}); err != nil {
			t.Error(err)
		}
		if seq%8 == 0 { // slow readers are another test
			eventually(t, "readers that keep up", func() bool { return n.Stats().Queued == 0 })
		}
	}
	readers.Wait()
}

// A client that takes long to read the present state may be told 64 messages
// late, but not any number: then it is to come again.
func TestOpensTooSlowly(t *testing.T) {
	a, opened := new(app), make(chan struct{})
	a.open = func(*hub.Session) error { <-opened; return nil }
	n := run(t, config(a))
	release := sync.OnceFunc(func() { close(opened) })
	t.Cleanup(release)
	p := n.connect(t)
	p.auth("watcher ver_1")
	p.expect("welcome")
	m := hub.Message{Topic: "watcher:ver_1", Kind: "event"}
	eventually(t, "that it hears", func() bool { heard, err := n.Publish(t.Context(), m); return err == nil && heard == 1 })
	for range 63 {
		n.publish(t, 1, m)
	}
	n.publish(t, 0, m)
	release()
	p.expectBye("slow_consumer", 1013)
}

// What a broker delivers when a connection elsewhere is newer closes all but it.
func TestReplacedByName(t *testing.T) {
	n := run(t, config(new(app)))
	older, newer := n.connect(t), n.connect(t)
	older.auth("watcher a")
	older.expect("welcome")
	older.expect("snapshot")
	newer.auth("watcher a")
	var welcome struct {
		ConnectionID string `json:"connection_id"`
	}
	newer.expect("welcome").decode(t, &welcome)
	newer.expect("snapshot")
	n.publish(t, 1, hub.Replaced("watcher:a", welcome.ConnectionID))
	older.expectBye("replaced", 4409)
	n.publish(t, 1, hub.Message{Topic: "watcher:a", Kind: "event"})
	newer.expect("event")
}

// Messages of one topic reach all its sessions in one and the same order, even
// when many publish.
func TestOneOrder(t *testing.T) {
	n := run(t, config(new(app)))
	a, b := n.login(t, "watcher x"), n.login(t, "watcher x")
	const publishers, each = 4, 15 // in all less than a queue holds
	var all sync.WaitGroup
	for i := range publishers {
		all.Go(func() {
			for j := range each {
				n.publish(t, 2, hub.Message{Topic: "watcher:x", Kind: "event", Seq: int64(i*each + j + 1)})
			}
		})
	}
	all.Wait()
	last := make(map[int64]int64)
	for range publishers * each {
		one, other := a.expect("event").Seq, b.expect("event").Seq
		if one != other {
			t.Fatalf("one sees %d, the other %d", one, other)
		}
		by := (one - 1) / each
		if one <= last[by] {
			t.Fatalf("%d after %d of the same publisher", one, last[by])
		}
		last[by] = one
	}
}

func TestDrain(t *testing.T) {
	a := new(app)
	n := run(t, config(a))
	var peers []*peer
	for i := range 40 {
		peers = append(peers, n.login(t, fmt.Sprintf("device dev_%d", i)))
	}
	greeting := n.connect(t)
	var stopped sync.WaitGroup
	stopped.Go(func() {
		if err := n.stop(); err != nil {
			t.Error(err)
		}
	})
	moments := make(map[time.Duration]bool)
	for _, p := range append(peers, greeting) {
		after := p.expectBye("draining", 1001)
		if after < 500*time.Millisecond || after > 30*time.Second {
			t.Errorf("reconnect after %v", after)
		}
		moments[after] = true
	}
	if len(moments) < 30 {
		t.Errorf("%d clients come back at %d moments", len(peers), len(moments))
	}
	stopped.Wait()
	status, header, body := n.upgrade(t, handshake...)
	if status != 503 || header.Get("Retry-After") == "" {
		t.Errorf("status %d, %v", status, header)
	}
	wantProblem(t, header, body, 503, "unavailable")
	if len(a.closed) != 40 {
		t.Errorf("%d of 40 closed", len(a.closed))
	}
	if s := n.Stats(); s.Writers != 0 || s.Pending != 0 {
		t.Errorf("left over: %+v", s)
	}
}

// Peers that do not answer the close, and an application that hangs, hold up a
// drain for DrainTimeout and no longer.
func TestDrainOfTheDead(t *testing.T) {
	a := new(app)
	a.authenticate = func(ctx context.Context, auth hub.Auth) (hub.Identity, hub.Client, error) {
		if auth.Token == "hang" {
			<-ctx.Done()
			return hub.Identity{}, nil, ctx.Err()
		}
		return hub.Identity{Role: "device", Topic: auth.Token}, a, nil
	}
	c := config(a)
	c.AuthTimeout, c.DrainTimeout = time.Hour, 3*time.Second
	c.MaxPerIP = -1
	bubble(t, c, func(t *testing.T, n *node) {
		for i := range 600 {
			deaf(t, n, fmt.Sprint("device-", i))
		}
		deaf(t, n, "hang")
		synctest.Wait()
		began := time.Now()
		n.stop()
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("drained in %v", took)
		}
	})
}

// deaf opens a connection, authenticates and never reads again.
func deaf(t testing.TB, n *node, token string) net.Conn {
	t.Helper()
	host := strings.TrimPrefix(n.url, "http://")
	dial := (&net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		return errors.Join(c.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096)
		}), err)
	}}).DialContext
	if tr, ok := n.dial.Transport.(*http.Transport); ok && host == "nod.test" {
		dial = tr.DialContext
	}
	conn, err := dial(context.Background(), "tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	auth := `{"type":"auth","data":{"token":"` + token + `"}}`
	var request bytes.Buffer
	fmt.Fprintf(&request, "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n", strings.Join(handshake, "\r\n"))
	if _, err := conn.Write(request.Bytes()); err != nil {
		t.Fatal(err)
	}
	if res, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(res, err)
	}
	frame := append([]byte{0x81, 0x80 | byte(len(auth)), 0, 0, 0, 0}, auth...)
	if _, err := conn.Write(frame); err != nil {
		t.Fatal(err)
	}
	return conn
}

// Clients that never read are cut off; nobody who reads waits for them.
func TestNeverReads(t *testing.T) {
	t.Parallel() // it waits for the 5 s a write may take
	a := new(app)
	n := run(t, config(a))
	healthy := n.login(t, "device healthy")
	const stalled = 100
	for i := range stalled {
		deaf(t, n, fmt.Sprint("watcher deaf", i))
	}
	eventually(t, "all here", func() bool { return n.Stats().Sessions["watcher"] == stalled })

	large, _ := json.Marshal(map[string]string{"x": strings.Repeat("x", 4000)})
	cut := 0
	for round := 0; cut < stalled; round++ {
		cut = 0
		for i := range stalled {
			heard, _ := n.Publish(context.Background(), hub.Message{Topic: fmt.Sprint("watcher:deaf", i), Kind: "event", Data: large})
			cut += 1 - heard
		}
		began := time.Now()
		n.publish(t, 1, hub.Message{Topic: "device:healthy", Kind: "event"})
		healthy.expect("event")
		if took := time.Since(began); took > time.Second {
			t.Errorf("round %d: a healthy peer waited %v", round, took)
		}
		if round > 4000 {
			t.Fatalf("%d of %d cut off", cut, stalled)
		}
	}
	s := n.Stats()
	if took := int(s.Sent) * len(large) / stalled; took > 96<<10 {
		t.Errorf("the kernel took %d bytes for each socket that is not read", took)
	} else {
		t.Logf("the kernel took %d KB for each socket that is not read", took>>10)
	}
	if s.Queued > 64 || s.Closed[1013]+s.Lost != stalled { // too slow to be waited for, or for a write
		t.Errorf("stats %+v", s)
	}
	eventually(t, "all gone", func() bool { return n.Stats().Sessions["watcher"] == 0 })
}

// A client that reads again in time is told why it is closed.
func TestSlowConsumerHearsWhy(t *testing.T) {
	bubble(t, config(new(app)), func(t *testing.T, n *node) {
		p := n.dialOnly(t, nil)
		p.auth("watcher slow")
		synctest.Wait() // the challenge stands unread
		heard := 0
		for range 70 {
			got, _ := n.Publish(context.Background(), hub.Message{Topic: "watcher:slow", Kind: "event"})
			heard += got
		}
		if heard != 63 { // and welcome and snapshot, and the one too many
			t.Errorf("%d heard", heard)
		}
		p.start()
		p.expect("challenge")
		if after := p.expectBye("slow_consumer", 1013); after == 0 {
			t.Error("not told when to come back")
		}
	})
}

func TestPanicInDeliver(t *testing.T) {
	a := new(app)
	n := run(t, config(a))
	n.login(t, "watcher x")
	a.deliver = func(*hub.Session, hub.Message) { panic("bug") }
	func() {
		defer func() { _ = recover() }()
		_, _ = n.Publish(context.Background(), hub.Message{Topic: "watcher:x"})
	}()
	a.deliver = nil
	n.publish(t, 1, hub.Message{Topic: "watcher:x", Kind: "event"}) // no lock was left behind
}
