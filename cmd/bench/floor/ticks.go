package floor

import (
	"context"
	"crypto/sha1" //nolint:gosec // RFC 6455, 4.2.2, has no other
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"nod/cmd/bench/load"
)

// steps is in how many bursts a second's frames are written: people's countdowns began at
// different moments.
const steps = 100

// spare is how many descriptors are kept for everything else.
const spare = 500

// Ticks writes one frame (its text, as the server would send it) to each of so many
// WebSocket connections once a second, as a bare loop does that knows nothing of them, and
// tells what that costs a thread, in percent of a core for 10,000 of them. Both ends are
// in this process, so there are as many as it may have open, and the figure is for 10,000
// all the same.
func Ticks(ctx context.Context, sockets int, frame []byte, d time.Duration) (r load.Result, err error) {
	limit, err := descriptors()
	if err != nil {
		return r, err
	}
	sockets = min(sockets, (limit-spare)/2)
	r = load.Result{
		Scenario: "ticks", Against: "bare write",
		Load: fmt.Sprintf("%d sockets, a frame of %d bytes to each once a second for %v, in %d bursts", sockets, len(frame), d, steps),
	}
	server, err := newUpgrader(ctx)
	if err != nil {
		return r, err
	}
	defer server.close()
	network, err := load.NewNetwork(load.Loopback(sockets))
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, network.Close()) }()
	clients := make([]*load.Conn, sockets)
	defer func() {
		for _, c := range clients {
			if c != nil {
				c.Close()
			}
		}
	}()
	ended := make(chan error, sockets)
	var read atomic.Int64
	err = load.Each(ctx, connections, sockets, func(ctx context.Context, i int) (err error) {
		clients[i], err = network.Connect(ctx, &load.Request{
			URL: server.url, OnText: func(*load.Conn, []byte, time.Time) { read.Add(1) },
			OnEnd: func(_ *load.Conn, err error) { ended <- err },
		})
		return err
	})
	if err != nil {
		return r, err
	}
	written, used, err := server.write(ctx, wire(frame), d)
	if err != nil {
		return r, err
	}
	for end := time.After(5 * time.Second); read.Load() < written; {
		select {
		case err := <-ended:
			return r, fmt.Errorf("a frame could not be read: %w", err)
		case <-end:
			return r, fmt.Errorf("of %d frames %d were read", written, read.Load())
		case <-time.After(time.Millisecond):
		}
	}
	r.Figures = []load.Figure{{Name: "CPU per 10,000", Value: 100 * used.Seconds() / float64(written) * 10_000, Unit: "%"}}
	return r, nil
}

// wire is a server's frame of a text (RFC 6455, 5.2).
func wire(text []byte) []byte {
	n := len(text)
	if n < 126 {
		return append([]byte{0x81, byte(n)}, text...)
	}
	return append(binary.BigEndian.AppendUint16([]byte{0x81, 126}, uint16(n)), text...) //nolint:gosec // a tick is short
}

// upgrader is a server that upgrades connections and gives them away.
type upgrader struct {
	url string
	web http.Server

	mu    sync.Mutex
	conns []net.Conn
}

func newUpgrader(ctx context.Context) (*upgrader, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	u := &upgrader{url: "http://" + l.Addr().String()}
	u.web = http.Server{Handler: http.HandlerFunc(u.upgrade), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = u.web.Serve(l) }() // until close
	return u, nil
}

func (u *upgrader) upgrade(w http.ResponseWriter, r *http.Request) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // as above
	u.mu.Lock()
	u.conns = append(u.conns, c)
	u.mu.Unlock()
	_, _ = fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", base64.StdEncoding.EncodeToString(sum[:]))
}

// all are the connections so far.
func (u *upgrader) all() []net.Conn {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.conns)
}

func (u *upgrader) close() {
	_ = u.web.Close()
	for _, c := range u.all() {
		_ = c.Close()
	}
}

// write writes b to all, each once a second, from a thread of its own, and tells how often,
// and what that thread used.
func (u *upgrader) write(ctx context.Context, b []byte, d time.Duration) (written int64, used time.Duration, err error) {
	conns := u.all()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	from, err := threadTime()
	if err != nil {
		return 0, 0, err
	}
	begun := time.Now()
	beat := time.NewTicker(time.Second / steps)
	defer beat.Stop()
	for step := 0; time.Since(begun) < d; step = (step + 1) % steps {
		select {
		case <-beat.C:
		case <-ctx.Done():
			return 0, 0, ctx.Err()
		}
		for i := step; i < len(conns); i += steps {
			if _, err := conns[i].Write(b); err != nil {
				return 0, 0, err
			}
			written++
		}
	}
	to, err := threadTime()
	return written, to - from, err
}
