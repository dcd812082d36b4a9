package hub

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"
)

const (
	subprotocol  = "nod.v1"
	writeTimeout = 5 * time.Second
	// Both sizes are what an idle connection keeps in memory twice over: frames
	// are small, and one larger than the buffer is written through.
	bufferSize = 512
	// What the kernel keeps for a peer that does not read, and of one that sends
	// more than we do; left to itself, Linux grows both to megabytes.
	sendBuffer    = 16 << 10
	receiveBuffer = 64 << 10
	// maxBytes is what maxPace frames of full size come to, with their headers.
	maxBytes = maxPace * (maxFrame + 14)
)

// socket is one WebSocket connection, and the only thing in the house that
// knows coder/websocket. It stands between the library and the network: the
// library reads and writes through Read and Write below, where every write gets
// its deadline and every byte is counted.
type socket struct {
	net.Conn
	ws *websocket.Conn

	silent  atomic.Int32 // pings since the peer was last heard
	closing atomic.Bool  // what comes now is thrown away, uncounted
	tooFast func()       // called when the peer sends more than it may

	// The reading goroutine's alone: what is left of a message that broke the
	// protocol, and the pace of the peer in the running minute.
	rest     io.Reader
	minute   time.Time
	frames   int // messages
	controls int // pings and pongs
	bytes    int
}

// noUpgrade is told in place of what the library says, which repeats headers.
const noUpgrade = "This is no request for a WebSocket: send GET with Connection: Upgrade, Upgrade: websocket, Sec-WebSocket-Version: 13 and a Sec-WebSocket-Key (RFC 6455, section 4.1)."

// accept upgrades the request. If it cannot, it answers through refuse and
// returns an error.
func accept(w http.ResponseWriter, r *http.Request, refuse func(status int, detail string)) (*socket, error) {
	u := &upgrade{ResponseWriter: w, socket: new(socket)}
	k := u.socket
	ws, err := websocket.Accept(u, r, &websocket.AcceptOptions{
		Subprotocols:       []string{subprotocol},
		InsecureSkipVerify: true, // the hub has checked the origin, more strictly
		CompressionMode:    websocket.CompressionDisabled,
		OnPingReceived: func(context.Context, []byte) bool {
			k.pace(0, 1, 0)
			return !k.closing.Load()
		},
		OnPongReceived: func(context.Context, []byte) { k.pace(0, 1, 0) },
	})
	if err != nil {
		if u.status != 0 {
			refuse(u.status, noUpgrade)
		}
		return nil, err
	}
	ws.SetReadLimit(-1) // read stops at maxFrame itself, to close in order
	k.ws = ws
	return k, nil
}

// upgrade is the response writer the library sees. It keeps the library's plain
// text errors from being sent, and hands over small buffers when the connection
// is taken over: net/http's own would cost 8 KiB for as long as it lasts.
type upgrade struct {
	http.ResponseWriter
	socket *socket
	status int // of an error that was held back
}

func (u *upgrade) WriteHeader(status int) {
	if status != http.StatusSwitchingProtocols {
		u.status = status
		return
	}
	u.ResponseWriter.WriteHeader(status)
}

func (u *upgrade) Write(p []byte) (int, error) { return len(p), nil }

func (u *upgrade) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(u.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if c, ok := conn.(interface {
		SetReadBuffer(int) error
		SetWriteBuffer(int) error
	}); ok { // as much as the kernel grants
		_ = c.SetReadBuffer(receiveBuffer)
		_ = c.SetWriteBuffer(sendBuffer)
	}
	u.socket.Conn = conn

	// What the client sent ahead of our answer lies in the old buffer.
	n := rw.Reader.Buffered()
	early, _ := rw.Reader.Peek(n)
	r := bufio.NewReaderSize(io.MultiReader(bytes.NewReader(early), u.socket), max(bufferSize, n))
	if n > 0 {
		_, _ = r.Peek(n) // take it over; both ends are memory
	}
	return u.socket, bufio.NewReadWriter(r, bufio.NewWriterSize(u.socket, bufferSize)), nil
}

// Read is the library's way to the network.
func (k *socket) Read(p []byte) (int, error) {
	n, err := k.Conn.Read(p)
	if n > 0 && k.silent.Load() != 0 {
		k.silent.Store(0)
	}
	k.pace(0, 0, n)
	return n, err
}

// Write is the library's way to the network. A deadline on the connection
// costs no allocation; a context for the library would cost eleven.
func (k *socket) Write(p []byte) (int, error) {
	if err := k.Conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	return k.Conn.Write(p)
}

// pace counts what the peer sends. It is no error to the library, which would
// lose its place in the stream: reading goes on while the session closes.
func (k *socket) pace(frames, controls, bytes int) {
	if k.closing.Load() {
		return
	}
	if now := time.Now(); now.Sub(k.minute) >= time.Minute {
		k.minute, k.frames, k.controls, k.bytes = now, 0, 0, 0
	}
	k.frames += frames
	k.controls += controls
	k.bytes += bytes
	if k.frames > maxPace || k.controls > maxPace || k.bytes > maxBytes {
		k.tooFast()
	}
}

// read returns the next text message. A *violation means that the peer broke
// the protocol, any other error that the connection is over.
func (k *socket) read() ([]byte, error) {
	if k.rest != nil { // the library would take it for the next frame
		if _, err := io.Copy(io.Discard, k.rest); err != nil {
			return nil, err
		}
		k.rest = nil
	}
	typ, r, err := k.ws.Reader(context.Background())
	if err != nil {
		return nil, err
	}
	if err := k.Conn.SetReadDeadline(time.Now().Add(frameTimeout)); err != nil {
		return nil, err
	}
	k.pace(1, 0, 0)
	if typ != websocket.MessageText {
		k.rest = r
		return nil, errBinary
	}
	p, err := io.ReadAll(io.LimitReader(r, maxFrame+1))
	switch {
	case err != nil:
		return nil, err
	case len(p) > maxFrame:
		k.rest = r
		return nil, errTooBig
	case !utf8.Valid(p):
		return nil, errNotUTF8
	}
	return p, k.Conn.SetReadDeadline(time.Time{})
}

// write sends one text message. Only the session's writer calls it.
func (k *socket) write(p []byte) error {
	return k.ws.Write(context.Background(), websocket.MessageText, p)
}

var pingFrame = []byte{0x89, 0x00} // RFC 6455, section 5.5.2: final, ping, empty

// ping goes past the library, whose own waits for the pong in a goroutine. Only
// the session's writer calls it, so no message is under way; a pong of the
// library's is, like this, a single Write and cannot be cut in two.
func (k *socket) ping() error {
	_, err := k.Write(pingFrame)
	return err
}

// close sends a close frame and waits, up to 5 s, for the peer's.
func (k *socket) close(code int, reason string) {
	k.ws.Close(websocket.StatusCode(code), reason)
}

// closeNow ends the connection without a word.
func (k *socket) closeNow() {
	k.ws.CloseNow()
}

// abort ends the connection under the library, even in the middle of close.
func (k *socket) abort() {
	k.Conn.Close()
}
