package hub_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"nod/hub"
)

// wire is a connection that is spoken on byte by byte, below any library.
type wire struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

// wire upgrades, with more headers where given, and takes the challenge.
func (n *node) wire(t *testing.T, headers ...string) (*wire, http.Header) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(n.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n", strings.Join(slices.Concat(handshake, headers), "\r\n"))
	w := &wire{t, conn, bufio.NewReader(conn)}
	res, err := http.ReadResponse(w.r, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(res, err)
	}
	w.expect("challenge")
	return w, res.Header
}

// bytes sends what may be cut off before it has left.
func (w *wire) bytes(p []byte) { _, _ = w.conn.Write(p) }

// read takes the next frame: its opcode and what it holds.
func (w *wire) read() (opcode byte, payload []byte, err error) {
	head := make([]byte, 2)
	if _, err := io.ReadFull(w.r, head); err != nil {
		return 0, nil, err
	}
	length := int(head[1])
	if length == 126 {
		long := make([]byte, 2)
		if _, err := io.ReadFull(w.r, long); err != nil {
			return 0, nil, err
		}
		length = int(binary.BigEndian.Uint16(long))
	}
	payload = make([]byte, length)
	_, err = io.ReadFull(w.r, payload)
	return head[0] & 0xf, payload, err
}

// expect skips pongs to the next frame, which has the given type.
func (w *wire) expect(typ string) {
	w.t.Helper()
	for {
		opcode, payload, err := w.read()
		if err != nil {
			w.t.Fatalf("waiting for %s: %v", typ, err)
		}
		if opcode == opPong {
			continue
		}
		if !strings.Contains(string(payload), `"type":"`+typ+`"`) {
			w.t.Fatalf("got %x %q, want %s", opcode, payload, typ)
		}
		return
	}
}

// cut is where a connection ends without a close frame, stays where it goes on;
// noCode is a close frame that holds none.
const stays, cut, noCode = 0, 1, 2

// ending reads to the close frame and tells its code, or how else it ended.
func (w *wire) ending() int {
	w.t.Helper()
	for {
		opcode, payload, err := w.read()
		switch {
		case err != nil:
			if late, ok := errors.AsType[net.Error](err); ok && late.Timeout() {
				w.t.Fatal("the connection does not end")
			}
			return cut
		case opcode == opClose && len(payload) < 2:
			return noCode
		case opcode == opClose:
			return int(binary.BigEndian.Uint16(payload))
		}
	}
}

const (
	opMore, opText, opClose, opPing, opPong = 0, 1, 8, 9, 10

	fin, rsv1, rsv2, rsv3 = 0x80, 0x40, 0x20, 0x10
)

// raw is a masked frame; first is its first byte.
func raw(first byte, payload string) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	key := [4]byte{0xde, 0xad, 0xbe, 0xef}
	b = append(b, key[:]...)
	for i := range len(payload) {
		b = append(b, payload[i]^key[i%4])
	}
	return b
}

func text(payload string) []byte { return raw(fin|opText, payload) }

// closing is a close frame with a code and a reason.
func closing(code uint16, reason string) []byte {
	return raw(fin|opClose, string(binary.BigEndian.AppendUint16(nil, code))+reason)
}

// declared is the head of a frame of any length, with nothing after it.
func declared(first byte, length uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{first, 0x80 | 127}, length)
}

// hostileFrames are bytes that no client of ours sends, and what becomes of the
// connection: RFC 6455 where it says so, the protocol where it leaves it open.
var hostileFrames = []struct {
	name string
	sent []byte
	want int // close code, or stays, cut, noCode
}{
	// Section 5.1: a frame without a mask ends the connection.
	{"unmasked text", append([]byte{fin | opText, 2}, "{}"...), cut},
	{"unmasked ping", []byte{fin | opPing, 0}, cut},
	{"unmasked close", []byte{fin | opClose, 0}, cut},
	{"a good frame after one without a mask", append([]byte{fin | opText, 2, '{', '}'}, text(`{"type":"ack"}`)...), cut},
	{"a mask of zeros", append([]byte{fin | opText, 0x80 | 12, 0, 0, 0, 0}, `{"type":"x"}`...), stays},
	// Section 5.2: reserved bits and opcodes, lengths.
	{"RSV1: compressed, though nothing was agreed", raw(fin|rsv1|opText, "\xaa\x56\x2a\xa9\x2c\x48"), 1002},
	{"RSV2", raw(fin|rsv2|opText, "{}"), 1002},
	{"RSV3", raw(fin|rsv3|opText, "{}"), 1002},
	{"RSV1 on a ping", raw(fin|rsv1|opPing, ""), 1002},
	{"opcode 3", raw(fin|3, "{}"), 1002},
	{"opcode 7", raw(fin|7, "{}"), 1002},
	{"opcode 11", raw(fin|11, ""), 1002},
	{"opcode 15", raw(fin|15, ""), 1002},
	{"8 EiB declared", append(declared(fin|opText, 1<<63), 0, 0, 0, 0), cut},
	{"4 EiB declared, 9 KB sent", append(append(declared(fin|opText, 1<<62), 0, 0, 0, 0), make([]byte, 9000)...), 1009},
	{"a length in more bytes than it needs", append(declared(fin|opText, 12), append([]byte{0, 0, 0, 0}, `{"type":"x"}`...)...), stays},
	// Sections 5.4 and 5.5: fragments and control frames.
	{"a continuation of nothing", raw(fin|opMore, "{}"), 1002},
	{"a message within a message", append(raw(opText, `{"ty`), text("{}")...), 1002},
	{"binary in two fragments", append(raw(2, "{"), raw(fin|opMore, "}")...), 4400},
	{"three fragments, a ping between", slices.Concat(raw(opText, `{"ty`), raw(fin|opPing, "?"), raw(opMore, `pe":`), raw(fin|opMore, `"x"}`)), stays},
	{"fragments that part a letter", append(raw(opText, "{\"type\":\"\xc3"), raw(fin|opMore, "\xa4\"}")...), stays},
	{"9,000 fragments of one byte", append(raw(opText, "{"), repeat(raw(opMore, " "), 9000)...), 1009},
	{"a ping of 126 bytes", raw(fin|opPing, strings.Repeat("x", 126)), 1002},
	{"a ping in fragments", raw(opPing, "x"), 1002},
	{"a pong that nobody asked for", raw(fin|opPong, "x"), stays},
	{"a ping of 125 bytes", raw(fin|opPing, strings.Repeat("\xff", 125)), stays},
	{"101 pings", repeat(raw(fin|opPing, ""), 101), 4429},
	{"101 pongs", repeat(raw(fin|opPong, ""), 101), 4429},
	{"101 frames", repeat(text(`{"type":"x"}`), 101), 4429},
	// Section 5.5.1 and 7.4: close frames.
	{"close", closing(1000, "bye"), 1000},
	{"close of the application", closing(4000, ""), 4000},
	{"close without a code", raw(fin|opClose, ""), noCode},
	{"close with half a code", raw(fin|opClose, "\x03"), 1002},
	{"close in fragments", raw(opClose, "\x03\xe8"), 1002},
	{"close 0", closing(0, ""), 1002},
	{"close 999", closing(999, ""), 1002},
	{"close 1005, which is never sent", closing(1005, ""), 1002},
	{"close 1006, which is never sent", closing(1006, ""), 1002},
	{"close 1015, which is never sent", closing(1015, ""), 1002},
	{"close 2999", closing(2999, ""), 1002},
	{"close 65535", closing(65535, ""), 1002},
	{"frames after a close", append(closing(1001, ""), repeat(text("{}"), 50)...), 1001},
	// Section 8.1: UTF-8.
	{"overlong UTF-8", text("{\"type\":\"\xc0\x80\"}"), 1007},
	{"half a surrogate pair", text("{\"type\":\"\xed\xa0\x80\"}"), 1007},
	{"beyond Unicode", text("{\"type\":\"\xf4\x90\x80\x80\"}"), 1007},
	{"a letter cut off", text("{\"type\":\"\xe2\x82"), 1007},
	{"a broken letter in a fragment", append(raw(opText, "{\"type\":\"\xc3"), raw(fin|opMore, "\"}")...), 1007},
	// Section 5 of PROTOCOL.md: JSON.
	{"a byte order mark", text("\ufeff{\"type\":\"x\"}"), 4400},
	{"a NUL", text("{\"type\":\"x\"}\x00"), 4400},
	{"a number for a float of any size", text(`{"type":"x","data":{"n":1e999}}`), stays},
	{"half a surrogate, escaped", text(`{"type":"\ud800"}`), stays},
	{"two types", text(`{"type":"auth","type":"x"}`), stays},
	{"JSON with comments", text(`{"type":"x"/**/}`), 4400},
	{"4,000 brackets for an id", text(`{"type":"x","id":` + strings.Repeat("[", 4000) + strings.Repeat("]", 4000) + `}`), stays},
	// What is no WebSocket at all.
	{"another request of HTTP", []byte("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), 1002},
	{"TLS", []byte{0x16, 0x03, 0x01, 0x02, 0, 0x01, 0, 0x01, 0xfc, 0x03, 0x03}, 1002},
	{"zeros", make([]byte, 64), cut},
}

func repeat(p []byte, n int) []byte { return slices.Concat(slices.Repeat([][]byte{p}, n)...) }

// TestHostileFrames: each ends as it should, before and after auth, and costs nobody
// else anything.
func TestHostileFrames(t *testing.T) {
	c := config(new(app))
	c.MaxPerIP = -1 // all of them come from here
	n := run(t, c)
	bystander := n.login(t, "device bystander")
	for _, tc := range hostileFrames {
		for _, known := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/known=%v", tc.name, known), func(t *testing.T) {
				w, _ := n.wire(t)
				auth := func() {
					w.bytes(text(`{"type":"auth","data":{"token":"watcher x"}}`))
					w.expect("welcome")
					w.expect("snapshot")
				}
				if known {
					auth()
				}
				w.bytes(tc.sent)
				if tc.want != stays {
					if got := w.ending(); got != tc.want {
						t.Fatalf("ended with %d, want %d", got, tc.want)
					}
				} else {
					if !known {
						auth()
					}
					w.bytes(text(`{"type":"echo","data":{}}`))
					w.expect("echo")
				}
				w.conn.Close()
				n.publish(t, 1, hub.Message{Topic: "device:bystander", Kind: "event"})
				bystander.expect("event")
			})
		}
	}
	bystander.ws.CloseNow()
	eventually(t, "an empty hub", func() bool {
		s := n.Stats()
		return s.Pending == 0 && s.Sessions["watcher"] == 0 && s.Sessions["device"] == 0 && s.Queued == 0
	})
	n.login(t, "device next")
}

// TestCompressionIsNotTaken: with it, 8 KiB could unfold to megabytes.
func TestCompressionIsNotTaken(t *testing.T) {
	n := run(t, config(new(app)))
	_, header := n.wire(t, "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits", "Sec-WebSocket-Extensions: x-webkit-deflate-frame")
	if taken := header.Values("Sec-Websocket-Extensions"); len(taken) > 0 {
		t.Errorf("taken: %v", taken)
	}
}

// TestHalfOfEverything: peers that stop in the middle of what they say, by closing
// their half or by a reset, leave nothing behind.
func TestHalfOfEverything(t *testing.T) {
	n := run(t, config(new(app)))
	whole := text(`{"type":"auth","data":{"token":"watcher x"}}`)
	for size := range 20 {
		for _, reset := range []bool{false, true} {
			w, _ := n.wire(t)
			w.bytes(whole[:size])
			if reset {
				_ = w.conn.(*net.TCPConn).SetLinger(0)
				w.conn.Close()
				continue
			}
			_ = w.conn.(*net.TCPConn).CloseWrite()
			if got := w.ending(); got != cut {
				t.Errorf("after %d bytes: ended with %d", size, got)
			}
		}
	}
	eventually(t, "an empty hub", func() bool { return n.Stats().Pending == 0 })
}
