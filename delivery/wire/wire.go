// Package wire is what every provider's HTTP client stands on, and nothing more:
// one request for one row, and the truth about whether it left.
//
// A provider's SDK may retry, read an answer to pieces or hide an error's cause.
// [Transport] lies below it: of the requests that bear the context of [One] it
// lets the first through and refuses the rest without touching the network, and it
// keeps that first request's fate in a [Call]: did it leave, what was answered. So
// a provider classes the first answer, even when its SDK threw it away.
//
// # When a request has left
//
// From the moment that a connection was ready for it. Before that (DNS, connect,
// proxy, TLS) nobody can have read it and it is tried again; after that only an
// answer tells whether it was taken, and without one the outcome is unknown. This
// errs to one side: a message that is said not to have left never did.
//
// Go's own transport repeats a request in silence when a connection that it kept
// turns out to be dead. It is let do so as long as not one byte of the request was
// written (HTTP/1.1) or its headers were not (HTTP/2), and never after.
package wire

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"sync"
	"time"

	"nod/verify"
)

// The largest bodies, in bytes, and the largest header of an answer: providers'
// requests and answers are a few kilobytes. What is longer is an error.
const (
	maxRequest = 1 << 20
	maxAnswer  = 64 << 10
)

// ErrSecond is what an SDK gets that tries one row's request again.
var ErrSecond = errors.New("wire: one row, one request: not tried again")

// ErrTooLong says that a body is longer than any provider's.
var ErrTooLong = errors.New("wire: the body is too long")

// Origin reads where a provider is: scheme and host, or what it always is when the
// text is empty.
func Origin(text, always string) (*url.URL, error) {
	u, err := url.Parse(cmp.Or(text, always))
	if err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" || u.Scheme+"://"+u.Host != u.String() {
		return nil, errors.New("not scheme and host, for example " + always)
	}
	return u, nil
}

// NewClient returns an HTTP client for one provider, whose requests all go to the
// scheme and host of to (nil: where they are addressed to).
func NewClient(to *url.URL) *http.Client {
	return Over(&Transport{Base: NewBase(), To: to})
}

// Over returns an HTTP client over a transport. It follows no redirect: a 3xx is an
// answer. It has no time limit of its own; the context has.
func Over(t http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// NewBase makes a transport to the network. Idle connections are given up before
// most servers do, so that few requests meet a dead one; an HTTP/2 connection that
// died without a word is found by a ping, or it would swallow every request.
func NewBase() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            Dialer().DialContext,
		TLSHandshakeTimeout:    5 * time.Second,
		MaxIdleConnsPerHost:    64,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: maxAnswer,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 5 * time.Second, PingTimeout: 5 * time.Second},
	}
}

// Dialer is what a transport of [NewBase] dials with.
func Dialer() *net.Dialer {
	return &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}
}

// Under makes requests under ctx over t, for an SDK that passes no context on.
func Under(ctx context.Context, t http.RoundTripper) http.RoundTripper { return under{ctx, t} }

type under struct {
	ctx context.Context //nolint:containedctx // of one call: the SDK passes none on
	t   http.RoundTripper
}

func (u under) RoundTrip(r *http.Request) (*http.Response, error) {
	return u.t.RoundTrip(r.WithContext(u.ctx))
}

// Transport is the [http.RoundTripper] below a provider's SDK. Requests whose
// context is not of [One] pass as often as they come. Answers are read whole
// before they are handed up, so that a body is never left to hang: at most 64 KiB.
type Transport struct {
	Base http.RoundTripper // to the network; not nil
	To   *url.URL          // whose scheme and host replace a request's; nil: none
}

// RoundTrip makes the request, or refuses the second one of a [Call] with
// [ErrSecond].
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	call, _ := req.Context().Value(callKey{}).(*Call)
	if call == nil {
		res, _, err := t.send(t.address(req))
		return res, err
	}
	if !call.begin() {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, ErrSecond
	}
	defer call.end()
	watched, err := call.watch(t.address(req))
	if err != nil {
		return nil, call.failed(err)
	}
	res, body, err := t.send(watched)
	if err != nil {
		return nil, call.failed(err)
	}
	call.answered(res, body)
	return res, nil
}

// CloseIdleConnections lets [http.Client.CloseIdleConnections] reach the network's
// transport.
func (t *Transport) CloseIdleConnections() {
	if c, ok := t.Base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// address turns a copy of the request to where it shall go.
func (t *Transport) address(req *http.Request) *http.Request {
	if t.To == nil {
		return req
	}
	to := req.Clone(req.Context())
	to.URL.Scheme, to.URL.Host, to.Host = t.To.Scheme, t.To.Host, ""
	return to
}

// send makes one request and reads its answer whole. An answer that breaks off is
// still an answer: its reader gets what came and then the error.
func (t *Transport) send(req *http.Request) (*http.Response, []byte, error) {
	res, err := t.Base.RoundTrip(req)
	if err != nil {
		return nil, nil, err
	}
	got, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	_ = res.Body.Close()
	if err == nil && len(got) > maxAnswer {
		got, err = got[:maxAnswer], ErrTooLong
	}
	res.Body = &answer{Reader: bytes.NewReader(got), err: err}
	return res, got, nil
}

// answer is the body of an answer that was read whole.
type answer struct {
	*bytes.Reader
	err error // after the last byte; nil: none
}

func (a *answer) Read(p []byte) (int, error) {
	n, err := a.Reader.Read(p)
	if err == io.EOF && a.err != nil {
		err = a.err
	}
	return n, err
}

// WriteTo hides [bytes.Reader.WriteTo], which knows nothing of the error.
func (a *answer) WriteTo(w io.Writer) (int64, error) {
	n, err := a.Reader.WriteTo(w)
	if err == nil {
		err = a.err
	}
	return n, err
}

func (a *answer) Close() error { return nil }

type callKey struct{}

// One makes the context of one call: the first request that bears it through a
// [Transport] is let through, and when that is over the context ends, so that an
// SDK that waits before it tries again gives up at once. ctx must end by itself.
func One(ctx context.Context) (context.Context, *Call) {
	c := &Call{}
	ctx, c.cancel = context.WithCancel(ctx)
	return context.WithValue(ctx, callKey{}, c), c
}

// Call is the fate of the one request of a call. It may be read while the request
// is on its way.
type Call struct {
	cancel context.CancelFunc

	mu     sync.Mutex
	begun  bool
	left   bool // false is certain
	wrote  bool // its headers
	http2  bool
	err    error
	status int
	header http.Header
	body   []byte
}

// Status is the answer's HTTP status; 0: none came.
func (c *Call) Status() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

// Header is a copy of the answer's header; nil: none came.
func (c *Call) Header() http.Header {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.header)
}

// Body is a copy of the answer's body, as far as it came.
func (c *Call) Body() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.body)
}

// Outcome is what a call came to when no answer did; false: one did, and the
// provider classes it. A request that did not leave is tried again: its detail is
// "connect", or "not_sent" when the SDK made none. One that left is unknown:
// "timeout" when it was given up, "reset" when the connection broke.
func (c *Call) Outcome(provider string) (verify.Outcome, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Provider: provider}
	switch {
	case c.status != 0:
		return verify.Outcome{}, false
	case !c.begun:
		o.Detail = "not_sent"
	case !c.left:
		o.Detail = "connect"
	default:
		o.State, o.Class, o.Detail = verify.StateUnknown, verify.ClassUnknown, "reset"
		if timedOut(c.err) {
			o.Detail = "timeout"
		}
	}
	return o, true
}

// Refusal is the outcome of an answer of this class that took no message for
// certain, or with [verify.ClassUnknown] did not tell: failed for good, or to be
// tried again after as long as the answer says.
func (c *Call) Refusal(provider, detail string, class verify.Class) verify.Outcome {
	o := verify.Outcome{State: verify.StateFailed, Class: class, Provider: provider, Detail: detail}
	switch class {
	case verify.ClassTransient:
		o.State = verify.StateRetrying
	case verify.ClassUnknown:
		o.State = verify.StateUnknown
	default:
		return o
	}
	o.RetryAfter = RetryAfter(c.Header(), time.Now())
	return o
}

func timedOut(err error) bool {
	n, ok := errors.AsType[net.Error](err)
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || ok && n.Timeout()
}

// begin reports whether this is the first request.
func (c *Call) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := !c.begun
	c.begun = true
	return first
}

func (c *Call) end() { c.cancel() }

func (c *Call) failed(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
	return err
}

func (c *Call) answered(res *http.Response, body []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status, c.header, c.body = res.StatusCode, res.Header.Clone(), body
}

// watch makes the request tell of its way, and lets it be repeated below only
// while it is certain that nobody read it.
func (c *Call) watch(req *http.Request) (*http.Request, error) {
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		GotConn:      c.gotConn,
		WroteHeaders: c.wroteHeaders,
	}))
	if req.Body == nil || req.Body == http.NoBody {
		return req, nil
	}
	again := req.GetBody
	if again == nil {
		body, err := io.ReadAll(io.LimitReader(req.Body, maxRequest+1))
		_ = req.Body.Close()
		if err == nil && len(body) > maxRequest {
			err = ErrTooLong
		}
		if err != nil {
			return nil, err
		}
		again = func() (io.ReadCloser, error) { //nolint:unparam // the form of http.Request.GetBody
			return io.NopCloser(bytes.NewReader(body)), nil
		}
		req.Body, _ = again()
	}
	req.GetBody = func() (io.ReadCloser, error) {
		if !c.again() {
			return nil, ErrSecond
		}
		return again()
	}
	if req.Header.Get("Idempotency-Key") != "" || req.Header.Get("X-Idempotency-Key") != "" {
		req.GetBody = nil // net/http takes these as leave to repeat what was read
	}
	return req, nil
}

func (c *Call) gotConn(info httptrace.GotConnInfo) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = true
	if conn, ok := info.Conn.(*tls.Conn); ok {
		c.http2 = conn.ConnectionState().NegotiatedProtocol == "h2"
	}
}

func (c *Call) wroteHeaders() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrote = true
}

// again is asked by net/http before it repeats the request on another connection.
// Over HTTP/1.1 it does so only when it wrote nothing (a POST is not replayable,
// see persistConn.shouldRetryRequest). Over HTTP/2 it also does when the peer reset
// the stream: RFC 9113 section 8.7 says that a refused stream was not processed,
// but net/http repeats a PROTOCOL_ERROR too, which promises nothing.
func (c *Call) again() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.http2 && c.wrote {
		return false
	}
	c.left, c.wrote = false, false
	return true
}
