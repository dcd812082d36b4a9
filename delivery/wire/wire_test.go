package wire_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"nod/delivery/wire"
	"nod/verify"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// post makes a call as an SDK does, and says what came of it.
func post(ctx context.Context, t *testing.T, client *http.Client, to string) (*wire.Call, string, error) {
	t.Helper()
	ctx, call := wire.One(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		return call, "", err
	}
	body, err := io.ReadAll(res.Body)
	if err := res.Body.Close(); err != nil {
		t.Error(err)
	}
	return call, string(body), err
}

// clientOf is a client for a server, given up with the test.
func clientOf(t *testing.T, server string) *http.Client {
	t.Helper()
	base, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	client := wire.NewClient(base)
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// over is a client for an HTTP/2 server, with the server's own transport below.
func over(t *testing.T, srv *httptest.Server) *http.Client {
	t.Helper()
	base, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Transport: &wire.Transport{Base: srv.Client().Transport, To: base}}
}

func wantOutcome(t *testing.T, call *wire.Call, state verify.DeliveryState, class verify.Class, detail string) {
	t.Helper()
	o, below := call.Outcome("acme")
	if want := (verify.Outcome{State: state, Class: class, Provider: "acme", Detail: detail}); !below || o != want {
		t.Errorf("outcome %+v (below the protocol: %t), want %+v", o, below, want)
	}
}

func TestFirstAnswerIsKept(t *testing.T) {
	var came atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		came.Add(1)
		if r.Host != r.Context().Value(http.LocalAddrContextKey).(net.Addr).String() || r.URL.RequestURI() != "/send?x=1" {
			t.Errorf("it came to %s%s", r.Host, r.URL)
		}
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "busy")
	}))
	defer srv.Close()
	client := clientOf(t, srv.URL)
	defer client.CloseIdleConnections()

	ctx, call := wire.One(t.Context())
	for try := range 3 {
		req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodPost, "https://api.acme.example/send?x=1", strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(req)
		if try > 0 {
			if !errors.Is(err, wire.ErrSecond) {
				t.Errorf("try %d was let through: %v", try, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil {
			t.Error(err)
		}
	}
	if came.Load() != 1 {
		t.Errorf("%d requests came, want 1", came.Load())
	}
	if call.Status() != 503 || call.Header().Get("Retry-After") != "7" || string(call.Body()) != "busy" {
		t.Errorf("kept %d %v %q", call.Status(), call.Header(), call.Body())
	}
	if o, below := call.Outcome("acme"); below {
		t.Errorf("an answer was classed below the protocol: %+v", o)
	}
	if ctx.Err() == nil {
		t.Error("the context outlives its request: an SDK would wait to try again")
	}
}

func TestPassesWhatIsNoCall(t *testing.T) {
	var came atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { came.Add(1) }))
	defer srv.Close()
	client := clientOf(t, srv.URL)
	defer client.CloseIdleConnections()
	for range 3 {
		res, err := client.Get(srv.URL)
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil {
			t.Error(err)
		}
	}
	if came.Load() != 3 {
		t.Errorf("%d requests came, want 3", came.Load())
	}
}

func TestDidNotLeave(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	strange := httptest.NewTLSServer(nil) // of no CA that the client knows
	strange.Config.ErrorLog = nil
	defer strange.Close()
	plain := httptest.NewServer(nil)
	defer plain.Close()
	for name, to := range map[string]string{
		"refused":     gone.URL,
		"no name":     "http://nobody.invalid",
		"unknown CA":  strange.URL,
		"no TLS":      strings.Replace(plain.URL, "http:", "https:", 1),
		"no protocol": "acme://acme.example",
	} {
		t.Run(name, func(t *testing.T) {
			call, _, err := post(t.Context(), t, clientOf(t, to), "https://api.acme.example/")
			if err == nil {
				t.Fatal("it was answered")
			}
			wantOutcome(t, call, verify.StateRetrying, verify.ClassTransient, "connect")
		})
	}
	t.Run("given up while connecting", func(t *testing.T) {
		silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and never says hello
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = silent.Close() }()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		call, _, err := post(ctx, t, clientOf(t, "https://"+silent.Addr().String()), "https://api.acme.example/")
		if err == nil {
			t.Fatal("it was answered")
		}
		wantOutcome(t, call, verify.StateRetrying, verify.ClassTransient, "connect")
	})
	t.Run("never made", func(t *testing.T) {
		_, call := wire.One(t.Context())
		wantOutcome(t, call, verify.StateRetrying, verify.ClassTransient, "not_sent")
	})
}

func TestLeftWithoutAnswer(t *testing.T) {
	for name, version2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			var came atomic.Int32
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				came.Add(1)
				if _, err := io.ReadAll(r.Body); err != nil {
					return
				}
				if r.URL.Path == "/hang" {
					<-r.Context().Done()
				}
				panic(http.ErrAbortHandler)
			}))
			srv.EnableHTTP2 = version2
			srv.StartTLS()
			defer srv.Close()
			client := over(t, srv)

			call, _, err := post(t.Context(), t, client, "https://api.acme.example/reset")
			if err == nil {
				t.Fatal("it was answered")
			}
			wantOutcome(t, call, verify.StateUnknown, verify.ClassUnknown, "reset")

			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			call, _, err = post(ctx, t, client, "https://api.acme.example/hang")
			if err == nil {
				t.Fatal("it was answered")
			}
			wantOutcome(t, call, verify.StateUnknown, verify.ClassUnknown, "timeout")
			if came.Load() != 2 {
				t.Errorf("%d requests came, want one for each call", came.Load())
			}
		})
	}
}

// A connection that was kept and used before is what net/http repeats requests on.
func TestKeptConnectionBreaksAfterReading(t *testing.T) {
	var came atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if came.Add(1) == 1 {
			return
		}
		if _, err := io.ReadAll(r.Body); err != nil {
			t.Error(err)
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = conn.Close()
	}))
	defer srv.Close()
	client := clientOf(t, srv.URL)
	defer client.CloseIdleConnections()

	if call, _, err := post(t.Context(), t, client, srv.URL); err != nil || call.Status() != 200 {
		t.Fatalf("status %d, %v", call.Status(), err)
	}
	ctx, call := wire.One(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, srv.URL, strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Idempotency-Key", "as some SDKs do") // which net/http takes as leave to repeat
	res, err := client.Do(req)
	if err == nil {
		t.Error(res.Body.Close())
		t.Fatal("it was answered")
	}
	wantOutcome(t, call, verify.StateUnknown, verify.ClassUnknown, "reset")
	if came.Load() != 2 {
		t.Errorf("%d requests came: a POST that was read was repeated", came.Load())
	}
}

func TestAnswerIsBounded(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/long" {
			_, _ = io.WriteString(w, strings.Repeat("x", 1<<20))
			return
		}
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "broken off")
	}))
	defer srv.Close()
	client := clientOf(t, srv.URL)
	defer client.CloseIdleConnections()

	call, body, err := post(t.Context(), t, client, srv.URL+"/long")
	if !errors.Is(err, wire.ErrTooLong) || len(body) != 64<<10 || len(call.Body()) != 64<<10 || call.Status() != 200 {
		t.Errorf("a long answer: %v, %d bytes read, %d kept", err, len(body), len(call.Body()))
	}
	call, body, err = post(t.Context(), t, client, srv.URL+"/broken")
	if !errors.Is(err, io.ErrUnexpectedEOF) || body != "broken off" || call.Status() != 200 {
		t.Errorf("a broken answer: %v, %q, status %d", err, body, call.Status())
	}
}

// A server gives a connection up at the very moment that it is used again. While
// nothing was written the request goes over another one; it is never read twice, and
// what is said not to have left was not read.
func TestDeadConnection(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	read := map[string]int{}
	done := make(chan struct{})
	go func() { // answers one request on each connection, then closes it without saying so
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if req, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				read[req.URL.Path]++
				_, _ = io.Copy(io.Discard, req.Body)
				_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
			}
			_ = conn.Close()
		}
	}()
	client := clientOf(t, "http://"+listener.Addr().String())
	calls := map[string]*wire.Call{}
	for i := range 100 {
		path := fmt.Sprintf("/%d", i)
		calls[path], _, _ = post(t.Context(), t, client, "http://api.acme.example"+path)
	}
	client.CloseIdleConnections()
	if err := listener.Close(); err != nil {
		t.Error(err)
	}
	<-done
	for path, call := range calls {
		o, _ := call.Outcome("acme")
		switch {
		case read[path] > 1:
			t.Errorf("%s was read %d times", path, read[path])
		case read[path] > 0 && o.State == verify.StateRetrying:
			t.Errorf("%s was read, and is said not to have left", path)
		case read[path] == 0 && call.Status() != 0:
			t.Errorf("%s was not read, and answered", path)
		}
	}
}

// breakable is a connection that can be written to no more.
type breakable struct {
	net.Conn
	broken *atomic.Bool
}

func (b breakable) Write(p []byte) (int, error) {
	if b.broken.Load() {
		return 0, errors.New("broken")
	}
	return b.Conn.Write(p)
}

// Nothing could be written on a kept connection, and no other is to be had.
func TestNothingWritten(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer srv.Close()
	var broken atomic.Bool
	base := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		if broken.Load() {
			return nil, errors.New("refused")
		}
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		return breakable{conn, &broken}, err
	}}
	defer base.CloseIdleConnections()
	client := &http.Client{Transport: &wire.Transport{Base: base}}
	if call, _, err := post(t.Context(), t, client, srv.URL); err != nil || call.Status() != 200 {
		t.Fatalf("status %d, %v", call.Status(), err)
	}
	broken.Store(true)
	call, _, err := post(t.Context(), t, client, srv.URL)
	if err == nil {
		t.Fatal("it was answered")
	}
	wantOutcome(t, call, verify.StateRetrying, verify.ClassTransient, "connect")
}

// A peer resets the stream of a kept HTTP/2 connection when it has the whole
// request. net/http would send it again by itself; to a person that is a second SMS.
func TestHTTP2ResetStream(t *testing.T) {
	for _, code := range []http2.ErrCode{http2.ErrCodeRefusedStream, http2.ErrCodeProtocol} {
		t.Run(code.String(), func(t *testing.T) {
			srv := httptest.NewUnstartedServer(nil)
			var came atomic.Int32
			srv.TLS = &tls.Config{NextProtos: []string{"h2"}}
			srv.Config.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){
				"h2": func(_ *http.Server, conn *tls.Conn, _ http.Handler) { resetSecond(conn, code, &came) },
			}
			srv.EnableHTTP2 = true // for the client's side
			srv.StartTLS()
			defer srv.Close()
			client := over(t, srv)
			defer client.CloseIdleConnections()
			if call, _, err := post(t.Context(), t, client, "https://api.acme.example/"); err != nil || call.Status() != 200 {
				t.Fatalf("status %d, %v", call.Status(), err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			call, _, err := post(ctx, t, client, "https://api.acme.example/")
			if err == nil {
				t.Fatalf("it was answered: %d", call.Status())
			}
			wantOutcome(t, call, verify.StateUnknown, verify.ClassUnknown, "reset")
			if came.Load() != 2 {
				t.Errorf("%d requests came, want 2", came.Load())
			}
		})
	}
}

// resetSecond speaks HTTP/2 by hand: it answers the first request and resets the
// second one, whole as it is.
func resetSecond(conn *tls.Conn, code http2.ErrCode, came *atomic.Int32) {
	if _, err := io.ReadFull(conn, make([]byte, len(http2.ClientPreface))); err != nil {
		return
	}
	framer := http2.NewFramer(conn, conn)
	if framer.WriteSettings() != nil {
		return
	}
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return
		}
		switch f := frame.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				err = framer.WriteSettingsAck()
			}
		case *http2.DataFrame:
			if !f.StreamEnded() {
				break
			}
			if came.Add(1) == 1 {
				var block bytes.Buffer
				if err = hpack.NewEncoder(&block).WriteField(hpack.HeaderField{Name: ":status", Value: "200"}); err == nil {
					err = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: f.StreamID, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true})
				}
			} else {
				err = framer.WriteRSTStream(f.StreamID, code)
			}
		}
		if err != nil {
			return
		}
	}
}

func TestFollowsNoRedirect(t *testing.T) {
	var came atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		came.Add(1)
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}))
	defer srv.Close()
	client := clientOf(t, srv.URL)
	defer client.CloseIdleConnections()
	call, _, err := post(t.Context(), t, client, srv.URL)
	if err != nil || call.Status() != 307 || came.Load() != 1 {
		t.Errorf("status %d, %v, %d came", call.Status(), err, came.Load())
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"":                              0,
		"0":                             0,
		"30":                            30 * time.Second,
		"-5":                            0,
		"soon":                          0,
		"1.5":                           0,
		"999999999":                     time.Hour,
		"99999999999999999999":          0,
		"Sun, 01 Mar 2026 12:02:00 GMT": 2 * time.Minute,
		"Sun, 01 Mar 2026 11:00:00 GMT": 0,
		"Mon, 02 Mar 2026 12:00:00 GMT": time.Hour,
	} {
		if got := wire.RetryAfter(http.Header{"Retry-After": {value}}, now); got != want {
			t.Errorf("Retry-After: %s is %s, want %s", value, got, want)
		}
	}
	if got := wire.RetryAfter(http.Header{}, now); got != 0 {
		t.Errorf("no Retry-After is %s", got)
	}
}

func TestOrigin(t *testing.T) {
	const always = "https://api.acme.example"
	for text, want := range map[string]string{
		"": always, "http://127.0.0.1:9000": "http://127.0.0.1:9000", "https://[::1]": "https://[::1]",
		"api.acme.example": "", "ftp://acme.example": "", "https://": "", "https://:443": "", "https://acme.example/v1": "",
		"https://acme.example?x": "", "https://acme.example#x": "", "https://ada:word@acme.example": "", "%zz": "",
	} {
		got, err := wire.Origin(text, always)
		switch {
		case want == "" && (err == nil || strings.Contains(err.Error(), "word") || !strings.Contains(err.Error(), always)):
			t.Errorf("%s is %v, %v", text, got, err)
		case want != "" && (err != nil || got.String() != want):
			t.Errorf("%s is %v, %v", text, got, err)
		}
	}
}
