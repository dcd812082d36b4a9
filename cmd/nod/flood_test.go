package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestFlood: what a flood meets at the door of one nod, with one address after the
// other as its source. Each part leaves nod serving, the next one shows it.
func TestFlood(t *testing.T) {
	t.Parallel()
	const sockets = 200 // of one address; of them 128 before they have authenticated
	p := start(t, "NOD_ALLOWED_ORIGINS=https://bank.example,http://localhost:5173", "NOD_LOG_LEVEL=info", "NOD_LIMIT_PREFIX=off",
		"NOD_LIMIT_SOCKETS_IP="+strconv.Itoa(sockets), "NOD_LIMIT_REQUESTS_IP=off")
	if c, err := from("127.0.0.2", p); err != nil {
		t.Skip("this machine has one loopback address only: ", err)
	} else {
		_ = c.Close()
	}
	for _, part := range []struct {
		name string
		test func(*testing.T, *program)
	}{
		{"origins", testOrigins},
		{"shapes of HTTP", testShapes},
		{"one address opens sockets", testSocketsOfOneAddress},
		{"one address opens connections", testConnectionsOfOneAddress},
		{"500 sockets that never read", testDeafCrowd},
	} {
		t.Run(part.name, func(t *testing.T) {
			on := *p
			on.door = &door{t: t, url: p.url, public: p.public, key: p.key, client: p.client}
			part.test(t, &on)
			on.do(200, "GET", "/readyz", nil)
		})
	}
}

// from dials from an address of this machine.
func from(source string, p *program) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}, Timeout: deadline}
	return d.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
}

// rawSocket is a connection that speaks as little WebSocket as it needs.
type rawSocket struct {
	net.Conn
	r *bufio.Reader
}

const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

// knock asks for a socket from an address. The answer's body is read unless it is one.
func knock(t *testing.T, p *program, source, headers string) (*rawSocket, *http.Response) {
	t.Helper()
	s := ask(t, p, source, headers)
	return s, s.answer(t)
}

// ask is knock for who reads the answer later.
func ask(t *testing.T, p *program, source, headers string) *rawSocket {
	t.Helper()
	c, err := from(source, p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(deadline))
	fmt.Fprintf(c, "GET /ws HTTP/1.1\r\n%s%s\r\n", headers, upgrade)
	return &rawSocket{c, bufio.NewReader(c)}
}

// answer reads what came of the request.
func (s *rawSocket) answer(t *testing.T) *http.Response {
	t.Helper()
	res, err := http.ReadResponse(s.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// say sends a frame, masked with zeros.
func (s *rawSocket) say(t *testing.T, typ string, data object) {
	t.Helper()
	text, err := json.Marshal(object{"type": typ, "data": data})
	if err != nil {
		t.Fatal(err)
	}
	frame := binary.BigEndian.AppendUint16([]byte{0x81, 0x80 | 126}, uint16(len(text)))
	if _, err := s.Write(append(append(frame, 0, 0, 0, 0), text...)); err != nil {
		t.Fatal(err)
	}
}

// hear takes the next frame, which has the given type.
func (s *rawSocket) hear(t *testing.T, typ string) (data object) {
	t.Helper()
	head := make([]byte, 2)
	if _, err := io.ReadFull(s.r, head); err != nil {
		t.Fatal(err)
	}
	length := uint16(head[1])
	if length == 126 {
		if err := binary.Read(s.r, binary.BigEndian, &length); err != nil {
			t.Fatal(err)
		}
	}
	var f struct {
		Type string
		Data object
	}
	if err := json.NewDecoder(io.LimitReader(s.r, int64(length))).Decode(&f); err != nil || f.Type != typ {
		t.Fatalf("got %s (%v), want %s", f.Type, err, typ)
	}
	return f.Data
}

// testOrigins: a page connects if its whole origin is allowed, whatever Host it asks.
func testOrigins(t *testing.T, p *program) {
	own := strings.TrimPrefix(p.url, "http://")
	_, port, _ := net.SplitHostPort(own)
	for _, tc := range []struct {
		name, host string
		origins    []string
		status     int
	}{
		{"a native app", own, nil, 101},
		{"nod's own page", own, []string{"http://" + own}, 101},
		{"an allowed page", own, []string{"https://bank.example"}, 101},
		{"with its scheme's port", own, []string{"https://bank.example:443"}, 101},
		{"in upper case", own, []string{"HTTPS://BANK.EXAMPLE"}, 101},
		{"with a port of its own", own, []string{"http://localhost:5173"}, 101},
		{"allowed, at another Host", "elsewhere.example", []string{"https://bank.example"}, 101},
		{"http on an https origin", own, []string{"http://bank.example"}, 403},
		{"http at the port of https", own, []string{"http://bank.example:443"}, 403},
		{"https on an http origin", own, []string{"https://" + own}, 403},
		{"another port", own, []string{"https://bank.example:8443"}, 403},
		{"port 0", own, []string{"https://bank.example:0"}, 403},
		{"no port", own, []string{"http://localhost"}, 403},
		{"nod's own name at another port", own, []string{"http://127.0.0.1:1"}, 403},
		{"nod's own port at another name", own, []string{"http://localhost:" + port}, 403},
		{"another loopback", own, []string{"http://127.0.0.2:" + port}, 403},
		{"a number for an address", own, []string{"http://2130706433:" + port}, 403},
		{"a trailing dot", own, []string{"https://bank.example."}, 403},
		{"a subdomain", own, []string{"https://a.bank.example"}, 403},
		{"a suffix", own, []string{"https://bank.example.evil.example"}, 403},
		{"a prefix", own, []string{"https://evilbank.example"}, 403},
		{"without its dot", own, []string{"https://bankxexample"}, 403},
		{"user info", own, []string{"https://bank.example@evil.example"}, 403},
		{"user info of a stranger", own, []string{"https://evil@bank.example"}, 403},
		{"a path", own, []string{"https://bank.example/app"}, 403},
		{"a query", own, []string{"https://bank.example?evil"}, 403},
		{"a fragment", own, []string{"https://bank.example#evil"}, 403},
		{"a backslash", own, []string{`https://bank.example\.evil.example`}, 403},
		{"a sandbox", own, []string{"null"}, 403},
		{"nothing", own, []string{""}, 403},
		{"a star", own, []string{"*"}, 403},
		{"no scheme", own, []string{"bank.example"}, 403},
		{"a socket's scheme", own, []string{"wss://bank.example"}, 403},
		{"a file", own, []string{"file://"}, 403},
		{"an extension", own, []string{"chrome-extension://bank.example"}, 403},
		{"two in one", own, []string{"https://bank.example https://evil.example"}, 403},
		{"a list", own, []string{"https://bank.example,https://evil.example"}, 403},
		{"two, the good one first", own, []string{"https://bank.example", "https://evil.example"}, 403},
		{"two, the good one last", own, []string{"https://evil.example", "https://bank.example"}, 403},
		{"twice the same", own, []string{"https://bank.example", "https://bank.example"}, 403},
		{"a stranger's name that points here", "evil.example", []string{"http://evil.example"}, 403},
		{"the same with a port", "evil.example:" + port, []string{"http://evil.example:" + port}, 403},
		{"the Host of an allowed page, from a stranger", "bank.example", []string{"https://evil.example"}, 403},
	} {
		headers := "Host: " + tc.host + "\r\n"
		for _, o := range tc.origins {
			headers += "Origin: " + o + "\r\n"
		}
		s, res := knock(t, p, "127.0.0.2", headers)
		if res.StatusCode != tc.status {
			t.Errorf("%s: %d, want %d", tc.name, res.StatusCode, tc.status)
		}
		_ = s.Close()
	}
}

// testShapes: requests that two programs may read differently are refused, and what
// is large or no HTTP at all costs little.
func testShapes(t *testing.T, p *program) {
	host := "Host: " + strings.TrimPrefix(p.url, "http://") + "\r\n"
	const body = "0\r\n\r\n"
	for _, tc := range []struct {
		name, request string
		want          string // of the status line; empty: no answer
	}{
		{"two lengths", "POST /api/v1/devices HTTP/1.1\r\n" + host + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n" + body, "400"},
		{"two lengths in one", "POST /api/v1/devices HTTP/1.1\r\n" + host + "Content-Length: 5, 6\r\n\r\n" + body, "400"},
		{"a length and chunks", "POST /api/v1/devices HTTP/1.1\r\n" + host + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" + body + "GET /metrics HTTP/1.1\r\n\r\n", "400"},
		{"chunks within chunks", "POST /api/v1/devices HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked, chunked\r\n\r\n" + body, "501"},
		{"two encodings", "POST /api/v1/devices HTTP/1.1\r\n" + host + "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n" + body, "501"},
		{"an unknown encoding", "POST /api/v1/devices HTTP/1.1\r\n" + host + "Transfer-Encoding: xchunked\r\n\r\n" + body, "501"},
		{"an encoding with a tab", "POST /api/v1/devices HTTP/1.1\r\n" + host + "Transfer-Encoding:\x0bchunked\r\n\r\n" + body, "400"},
		{"a negative length", "POST /api/v1/devices HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\n", "400"},
		{"a length with a sign", "POST /api/v1/devices HTTP/1.1\r\n" + host + "Content-Length: +5\r\n\r\n" + body, "400"},
		{"a length in hex", "POST /api/v1/devices HTTP/1.1\r\n" + host + "Content-Length: 0x5\r\n\r\n" + body, "400"},
		{"a length beyond counting", "POST /api/v1/devices HTTP/1.1\r\n" + host + "Content-Length: 99999999999999999999\r\n\r\n", "400"},
		{"a blank before the colon", "POST /api/v1/devices HTTP/1.1\r\n" + host + "Content-Length : 5\r\n\r\n" + body, "400"},
		{"a header of two lines", "GET /healthz HTTP/1.1\r\n" + host + " X: y\r\n\r\n", "400"},
		{"a bare CR", "GET /healthz HTTP/1.1\r\n" + host + "X: y\rZ: w\r\n\r\n", "400"},
		{"a NUL in a header", "GET /healthz HTTP/1.1\r\n" + host + "X: \x00\r\n\r\n", "400"},
		{"a header without a name", "GET /healthz HTTP/1.1\r\n" + host + ": y\r\n\r\n", "400"},
		{"no Host", "GET /healthz HTTP/1.1\r\n\r\n", "400"},
		{"two Hosts", "GET /healthz HTTP/1.1\r\n" + host + "Host: evil.example\r\n\r\n", "400"},
		{"a Host that is none", "GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n", "400"},
		{"headers of 32 KiB", "GET /healthz HTTP/1.1\r\n" + host + "X: " + strings.Repeat("x", 32<<10) + "\r\n\r\n", "431"},
		{"10,000 headers", "GET /healthz HTTP/1.1\r\n" + host + strings.Repeat("X: y\r\n", 10_000) + "\r\n", "431"},
		{"an address of 32 KiB", "GET /" + strings.Repeat("x", 32<<10) + " HTTP/1.1\r\n" + host + "\r\n", "431"},
		{"an address with a blank", "GET /a b HTTP/1.1\r\n" + host + "\r\n", "400"},
		{"an address of half a letter", "GET /%zz HTTP/1.1\r\n" + host + "\r\n", "400"},
		{"an address that climbs", "GET /assets/../../../etc/passwd HTTP/1.1\r\n" + host + "\r\n", "404"},
		{"an address that climbs in hex", "GET /assets/%2e%2e%2f%2e%2e%2fetc%2fpasswd HTTP/1.1\r\n" + host + "\r\n", "404"},
		{"an address with a NUL", "GET /assets/%00 HTTP/1.1\r\n" + host + "\r\n", "404"},
		{"somebody else's address", "GET http://evil.example/api/v1/nothing HTTP/1.1\r\n" + host + "\r\n", "404"},
		{"a tunnel", "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n", "40"},
		{"a method of its own", "BREW /healthz HTTP/1.1\r\n" + host + "\r\n", "405"},
		{"a method with a bracket", "GE(T /healthz HTTP/1.1\r\n" + host + "\r\n", "400"},
		{"HTTP/2 with a word", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "404"},
		{"HTTP/2 by an upgrade", "GET /healthz HTTP/1.1\r\n" + host + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n", "200"},
		{"HTTP/0.9", "GET /healthz\r\n\r\n", "400"},
		{"HTTP/3.0", "GET /healthz HTTP/3.0\r\n" + host + "\r\n", "505"},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "400"},
		{"a body of 4 GB", "POST /api/v1/devices HTTP/1.1\r\n" + host + "Content-Length: 4294967296\r\nContent-Type: application/json\r\n\r\n" + strings.Repeat(" ", 128<<10), "413"},
		{"chunks without end", "POST /api/v1/devices HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n" + strings.Repeat("1000\r\n"+strings.Repeat(" ", 4096)+"\r\n", 100), "413"},
	} {
		c, err := from("127.0.0.3", p)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(deadline))
		go func() { _, _ = io.WriteString(c, tc.request) }() // nod may hang up before it is through
		line, err := bufio.NewReader(c).ReadString('\n')
		if _, status, _ := strings.Cut(line, " "); tc.want == "" && err == nil || !strings.HasPrefix(status, tc.want) {
			t.Errorf("%s: %q (%v), want %s", tc.name, line, err, tc.want)
		}
		_ = c.Close()
	}
}

// testSocketsOfOneAddress: an address gets its share and no more, whoever it says it
// speaks for, and another one gets in as if nothing were.
func testSocketsOfOneAddress(t *testing.T, p *program) {
	in, out, counted := 0, 0, p.figure("nod_sockets_refused_total")
	var sockets []*rawSocket
	for i := range 200 { // all ask before one answer is read, or on a busy machine the first are let go of before the last come
		// Nobody trusts this peer: what it forwards for counts for nothing.
		sockets = append(sockets, ask(t, p, "127.0.0.4", fmt.Sprintf("Host: x\r\nX-Forwarded-For: 203.0.113.%d\r\nForwarded: for=203.0.113.%d\r\nX-Real-Ip: 203.0.113.%d\r\n", i, i, i)))
	}
	for _, s := range sockets {
		switch res := s.answer(t); res.StatusCode {
		case http.StatusSwitchingProtocols:
			in++
		case http.StatusTooManyRequests:
			out++
			after, err := strconv.Atoi(res.Header.Get("Retry-After"))
			var problem object
			if e := json.NewDecoder(res.Body).Decode(&problem); e != nil || problem.str("code") != "rate_limited" || err != nil || after < 1 || after > 30 {
				t.Fatalf("refused with %v %v", res.Header, problem)
			}
		default:
			t.Fatalf("answered %s", res.Status)
		}
	}
	if in < 100 || out < 1 {
		t.Errorf("%d sockets were let in, %d refused", in, out)
	}
	if s, res := knock(t, p, "127.0.0.5", "Host: x\r\n"); res.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("another address: %s", res.Status)
	} else {
		s.hear(t, "challenge")
	}
	if counted := p.figure("nod_sockets_refused_total") - counted; int(counted) != out {
		t.Errorf("%d were refused, %v counted", out, counted)
	}
}

// testConnectionsOfOneAddress: who opens connections and says nothing has them closed
// from a number on, unseen; others are served.
func testConnectionsOfOneAddress(t *testing.T, p *program) {
	var silent []net.Conn
	eventually(t, "50 were closed", func() bool {
		for range 150 { // of 400, which are let go of after 5 s
			if c, err := from("127.0.0.6", p); err == nil { // a reset may be there before the dial is through
				silent = append(silent, c)
			}
		}
		return p.figure("nod_connections_refused_total") >= 50
	})
	if c, err := from("127.0.0.6", p); err == nil {
		_ = c.SetDeadline(time.Now().Add(deadline))
		if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Error("one more was let in")
		}
		_ = c.Close()
	}
	p.do(200, "GET", "/healthz", nil)
	for _, c := range silent {
		_ = c.Close()
	}
	eventually(t, "the places are free again", func() bool {
		c, err := from("127.0.0.6", p)
		if err != nil {
			return false
		}
		defer func() { _ = c.Close() }()
		_ = c.SetDeadline(time.Now().Add(deadline))
		fmt.Fprint(c, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		answer, _ := io.ReadAll(c)
		return strings.HasPrefix(string(answer), "HTTP/1.1 200")
	})
}

// testDeafCrowd: 460 pages and 40 phones connect and never read again, the phones
// asking for their requests as often as they may. It costs nod a bounded memory, and
// who reads hears what happens.
func testDeafCrowd(t *testing.T, p *program) {
	const pages, phones, most = 460, 40, 100 << 10 // bytes for each of them, in a build that watches for races
	var watched []object
	for i := range (pages + 29) / 30 {
		watched = append(watched, p.ask(fmt.Sprint("deaf-", i), object{"phone_number": fmt.Sprintf("+1415%d0123", 550+i), "channel": "sms"}))
	}
	var devices []*phone
	for i := range phones {
		devices = append(devices, p.enroll(fmt.Sprint("pump-", i/10), nil))
	}
	for i := range phones / 10 {
		p.ask(fmt.Sprint("pump-", i), nil)
	}
	honest := p.enroll("honest", nil)
	screen := honest.connect()
	screen.next("prompts")
	before, _ := p.settledMemory()

	for i := range pages + phones {
		s, res := knock(t, p, fmt.Sprint("127.0.0.", 10+i/100), "Host: x\r\n")
		if res.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("socket %d: %s", i, res.Status)
		}
		_ = s.Conn.(*net.TCPConn).SetReadBuffer(4096)
		nonce := s.hear(t, "challenge").str("nonce")
		if i < pages {
			s.say(t, "auth", object{"client_secret": watched[i/30].str("client_secret")})
			continue
		}
		s.say(t, "auth", object{"token": devices[i-pages].SocketToken(nonce)})
		s.hear(t, "welcome")
		for range 98 {
			s.say(t, "sync", nil)
		}
	}
	eventually(t, "all are in", func() bool { return p.figure("nod_sockets") >= pages+1 }) // phones that pump too fast are sent away

	v := p.ask("honest", object{"phone_number": number})
	page := p.watch(v, nil)
	page.next("tick")
	screen.send("respond", honest.answer(screen.next("prompt"), "approve", v.str("match_number")))
	if result := page.next("result"); result.str("status") != "approved" {
		t.Errorf("%v", result)
	}
	after, resident := p.settledMemory()
	each := (after - before) / (pages + phones)
	t.Logf("%.0f KB of heap and stacks for each of 500 sockets that never read; resident %.0f MB", each/1024, resident/1e6)
	if each > most {
		t.Errorf("%.0f KB for each socket that never reads", each/1024)
	}
}

// TestSlowRequests: who sends a header or a body byte by byte is cut off, whether
// anybody reads it or not.
func TestSlowRequests(t *testing.T) {
	t.Parallel()
	read := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			w.WriteHeader(http.StatusRequestTimeout)
		}
	})
	ignore := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	whole := "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
	for name, tc := range map[string]struct {
		handler     http.Handler
		atOnce      string
		byteByByte  string
		most        time.Duration
		wantsAnswer string
	}{
		"nothing":          {read, "", "", 5 * time.Second, ""},
		"a header":         {read, "", "GET / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X: y\r\n", 100), 5 * time.Second, ""},
		"a header's lines": {read, "GET / HTTP/1.1\r\nHost: x\r\n", strings.Repeat("X", 1000), 5 * time.Second, ""},
		"a body":           {read, whole, strings.Repeat("x", 1000), 10 * time.Second, "408"},
		"an unread body":   {ignore, whole, strings.Repeat("x", 1000), 10 * time.Second, "401"},
		"chunks":           {read, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", strings.Repeat("1\r\nx\r\n", 100), 10 * time.Second, "408"},
		"the next request": {read, "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\n", strings.Repeat("X", 1000), 5 * time.Second, "200"},
		"silence after":    {read, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "", 2 * time.Minute, "200"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, network := newHTTPServer(tc.handler, slog.New(slog.DiscardHandler)), newPipe("127.0.0.1:8080")
				var serving sync.WaitGroup
				serving.Go(func() { _ = s.Serve(network) })
				slow, err := network.dial(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				begun := time.Now()
				serving.Go(func() {
					if _, err := io.WriteString(slow, tc.atOnce); err != nil {
						return
					}
					for i := range tc.byteByByte {
						if _, err := io.WriteString(slow, tc.byteByByte[i:i+1]); err != nil {
							return
						}
						<-time.After(500 * time.Millisecond)
					}
				})
				answer, _ := io.ReadAll(slow)
				if took := time.Since(begun); took < tc.most || took > tc.most+time.Second {
					t.Errorf("cut off after %s, want %s", took, tc.most)
				}
				if _, status, _ := strings.Cut(string(answer), " "); !strings.HasPrefix(status, tc.wantsAnswer) {
					t.Errorf("answered %.40q, want %s", answer, tc.wantsAnswer)
				}
				_ = slow.Close()
				_ = s.Close()
				serving.Wait()
			})
		})
	}
}
