package load

import (
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // RFC 6455, 4.2.2, has no other
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Request is a WebSocket connection to be made.
type Request struct {
	URL         string      // http or https, ws or wss, with its path
	Subprotocol string      // empty: none
	Header      http.Header // more of the upgrade; nil: no more

	// OnText gets each text message and when it was read. It runs on the goroutine that
	// reads thousands of connections: it must not wait, and text is only its own until it
	// returns.
	OnText func(c *Conn, text []byte, at time.Time)
	// OnEnd gets why the connection ended, once, if it was not by Close. Nil: nobody asks.
	OnEnd func(c *Conn, err error)
}

// Conn is a WebSocket client that costs its machine little: without TLS it has no
// goroutine and no buffer of its own. It answers pings, and takes a frame that no server
// may send for the end. Its methods are safe for concurrent use.
type Conn struct {
	request *Request
	opened  chan error // of the upgrade

	mu   sync.Mutex
	link io.WriteCloser // nil: ended

	// Of whoever reads.
	upgraded bool
	rest     []byte // came, and is no whole frame yet
	message  []byte // the parts of a message so far; nil: none has begun
}

// Refused is an upgrade that was answered with something else.
type Refused struct {
	Status     int
	RetryAfter time.Duration // 0: it was not said
	Body       string        // as much of it as came along
}

// Error implements error.
func (r *Refused) Error() string {
	return fmt.Sprintf("the upgrade was refused with %d: %s", r.Status, strings.TrimSpace(r.Body))
}

// Network is what many connections share: who reads them, and the addresses that they
// come from.
type Network struct {
	sources *Sources
	pollers []*poller
	next    int
	mu      sync.Mutex
	all     sync.WaitGroup
}

// NewNetwork returns one whose connections come from sources; nil: from wherever the
// system likes. Close it at the end.
func NewNetwork(sources *Sources) (*Network, error) {
	n := &Network{sources: sources}
	for range 2 {
		p, err := newPoller()
		if err != nil {
			return nil, errors.Join(fmt.Errorf("making a poller: %w", err), n.Close())
		}
		n.pollers = append(n.pollers, p)
		n.all.Go(p.run)
	}
	return n, nil
}

// Close ends the reading of all its connections. They themselves are closed by whoever
// made them, before.
func (n *Network) Close() error {
	var all error
	for _, p := range n.pollers {
		all = errors.Join(all, p.close())
	}
	n.all.Wait()
	return all
}

// Dial opens a TCP connection from the next source, as http.Transport wants it.
func (n *Network) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: patience, KeepAlive: -1}
	if from := n.sources.take(); from != nil {
		d.LocalAddr = from
	}
	return d.DialContext(ctx, network, addr)
}

// patience is how long a connection, or an answer on it, is waited for.
const patience = 30 * time.Second

// The key of every upgrade, and the answer to it (RFC 6455, 1.3): it only shows that the
// server understood.
var upgradeKey = base64.StdEncoding.EncodeToString([]byte("a load generator"))

func accepted() string {
	sum := sha1.Sum([]byte(upgradeKey + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // as above
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Connect makes a connection and returns once it is upgraded. A [Refused] tells why it
// was not.
func (n *Network) Connect(ctx context.Context, r *Request) (*Conn, error) {
	at, err := url.Parse(r.URL)
	if err != nil {
		return nil, err
	}
	secure := at.Scheme == "https" || at.Scheme == "wss"
	addr := at.Host
	if at.Port() == "" {
		addr = net.JoinHostPort(at.Hostname(), map[bool]string{false: "80", true: "443"}[secure])
	}
	c, hello := &Conn{request: r, opened: make(chan error, 1)}, upgrade(at, r)
	if secure {
		err = n.dialSecure(ctx, c, addr, at.Hostname(), hello)
	} else {
		err = n.poller().dial(ctx, c, addr, n.sources.take(), hello)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case err = <-c.opened:
	case <-timeout.C:
		err = fmt.Errorf("the upgrade had no answer in %v", patience)
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// upgrade is the request for it (RFC 6455, 4.1).
func upgrade(at *url.URL, r *Request) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n", at.RequestURI(), at.Host, upgradeKey)
	if r.Subprotocol != "" {
		fmt.Fprintf(&b, "Sec-WebSocket-Protocol: %s\r\n", r.Subprotocol)
	}
	_ = r.Header.Write(&b) // to memory
	b.WriteString("\r\n")
	return b.Bytes()
}

func (n *Network) poller() *poller {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.next++
	return n.pollers[n.next%len(n.pollers)]
}

// dialSecure connects through TLS, which no poller can read: with a goroutine of its own.
func (n *Network) dialSecure(ctx context.Context, c *Conn, addr, name string, hello []byte) error {
	raw, err := n.Dial(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	link := tls.Client(raw, &tls.Config{ServerName: name, MinVersion: tls.VersionTLS12})
	c.link = link
	if err := link.HandshakeContext(ctx); err != nil {
		return err
	}
	n.all.Go(func() { c.readFrom(link) })
	return c.write(hello)
}

// readFrom reads until the connection ends.
func (c *Conn) readFrom(link io.Reader) {
	b := make([]byte, 4096)
	for {
		n, err := link.Read(b)
		if n > 0 && c.feed(b[:n], time.Now()) != nil {
			return
		}
		if err != nil {
			c.end(&CloseError{Code: 1006})
			return
		}
	}
}

// Write sends one text message.
func (c *Conn) Write(text []byte) error {
	return c.write(appendFrame(make([]byte, 0, len(text)+14), opText, text))
}

func (c *Conn) write(b []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link == nil {
		return net.ErrClosed
	}
	_, err := c.link.Write(b)
	return err
}

// Close cuts the connection off without a word, as a network does.
func (c *Conn) Close() { c.cut() }

// cut closes the link; was tells whether there was one.
func (c *Conn) cut() (was bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link == nil {
		return false
	}
	_ = c.link.Close()
	c.link = nil
	return true
}

// end ends the connection because of err.
func (c *Conn) end(err error) {
	if !c.cut() {
		return
	}
	if !c.upgraded {
		c.opened <- err
	} else if c.request.OnEnd != nil {
		c.request.OnEnd(c, err)
	}
}

// feed takes what was read. An error has ended the connection.
func (c *Conn) feed(b []byte, at time.Time) error {
	if len(c.rest) > 0 {
		b = append(c.rest, b...)
	}
	n, err := c.take(b, at)
	if err != nil {
		c.end(err)
		return err
	}
	c.rest = nil
	if n < len(b) {
		c.rest = bytes.Clone(b[n:])
	}
	return nil
}

// take reads as many whole frames as b holds, and tells how many bytes they were.
func (c *Conn) take(b []byte, at time.Time) (n int, err error) {
	if !c.upgraded {
		if n, err = c.answered(b); n == 0 || err != nil {
			return 0, err
		}
		c.upgraded = true
		c.opened <- nil
	}
	for {
		f, size, err := parse(b[n:])
		if size == 0 || err != nil {
			return n, err
		}
		if err := c.heard(f, at); err != nil {
			return n, err
		}
		n += size
	}
}

func (c *Conn) heard(f frame, at time.Time) error {
	switch f.op {
	case opPing:
		return c.write(appendFrame(nil, opPong, f.payload))
	case opPong:
		return nil
	case opClose:
		_ = c.write(appendFrame(nil, opClose, f.payload[:min(len(f.payload), 2)])) // it ends, whatever comes of it
		return closed(f.payload)
	case opText, opContinuation:
		if (f.op == opText) != (c.message == nil) {
			return errors.New("the parts of two messages are mixed")
		}
	default:
		return fmt.Errorf("a frame of kind %d, which is no text", f.op)
	}
	text := f.payload
	if !f.final || c.message != nil {
		if len(c.message)+len(text) > maxMessage {
			return errors.New("a message without an end")
		}
		c.message = append(append(make([]byte, 0, len(c.message)+len(text)), c.message...), text...)
		if !f.final {
			return nil
		}
		text, c.message = c.message, nil
	}
	if !utf8.Valid(text) {
		return errors.New("a text that is not UTF-8")
	}
	if c.request.OnText != nil {
		c.request.OnText(c, text, at)
	}
	return nil
}

// answered reads the answer to the upgrade; n is 0 when not all of it is there.
func (c *Conn) answered(b []byte) (n int, err error) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		if len(b) > maxMessage {
			return 0, errors.New("the answer to the upgrade has no end")
		}
		return 0, nil
	}
	head := string(b[:end])
	status, head, _ := strings.Cut(head, "\r\n")
	version, code, _ := strings.Cut(status, " ")
	number, err := strconv.Atoi(code[:min(len(code), 3)])
	if err != nil || version != "HTTP/1.1" {
		return 0, errors.New("the upgrade was not answered in HTTP/1.1")
	}
	if number != http.StatusSwitchingProtocols {
		seconds, _ := strconv.Atoi(field(head, "Retry-After"))
		return 0, &Refused{number, time.Duration(seconds) * time.Second, string(b[end+4:])}
	}
	if field(head, "Sec-WebSocket-Accept") != accepted() || !strings.EqualFold(field(head, "Upgrade"), "websocket") ||
		field(head, "Sec-WebSocket-Extensions") != "" || field(head, "Sec-WebSocket-Protocol") != c.request.Subprotocol {
		return 0, errors.New("the upgrade was answered by no WebSocket server, or in a subprotocol that was not asked for")
	}
	return end + 4, nil
}

// field is the value of a header field; empty: there is none.
func field(head, name string) string {
	for line := range strings.SplitSeq(head, "\r\n") {
		if n, v, ok := strings.Cut(line, ":"); ok && strings.EqualFold(n, name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}
