package server_test

import (
	"context"
	"maps"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"nod/hub"
	"nod/server"
)

// wireURL is where nod is dialled in these tests: its public URL without TLS.
const wireURL = "http://nod.example"

// wired is a door that sockets and streams come through too. Its network is in
// memory, for a real one would keep the clock of a bubble from going on.
type wired struct {
	*door
	client *http.Client
	leave  func() // closes the listener and what is open
}

// wire runs a test in a bubble on a nod that can be dialled; change may alter its
// configuration.
func wire(t *testing.T, test func(t *testing.T, w *wired), change ...func(*server.Config)) {
	t.Helper()
	wireOver(t, nil, test, change...)
}

// wireOver is wire with a broker between what is published and who hears it.
func wireOver(t *testing.T, broker hub.Broker, test func(t *testing.T, w *wired), change ...func(*server.Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		alter := func(c *server.Config) {
			for _, f := range change {
				f(c)
			}
		}
		var brokers []hub.Broker
		if broker != nil {
			brokers = append(brokers, broker)
		}
		w := &wired{door: open(t, alter, brokers...)}
		w.listen()
		w.settle() // a broker delivers nothing before it runs
		test(t, w)
	})
}

func (w *wired) listen() {
	network := newPipes()
	front := &http.Server{Handler: w.handler, ReadHeaderTimeout: time.Second, ReadTimeout: 10 * time.Second, ConnContext: server.ConnContext}
	transport := &http.Transport{DialContext: network.dial, DisableKeepAlives: true}
	w.client = &http.Client{Transport: transport}
	var serving sync.WaitGroup
	serving.Go(func() { _ = front.Serve(network) })
	w.leave = func() {
		_ = front.Close()
		serving.Wait()
	}
	w.Cleanup(w.leave)
}

// attempt is a login that was started.
type attempt struct{ id, secret, number string }

// login starts a login of u1, with what more is given.
func (w *wired) login(more ...object) attempt {
	w.Helper()
	body := object{"user_id": "u1", "context": object{"app": "Bank"}}
	for _, m := range more {
		maps.Copy(body, m)
	}
	a := w.ask(byKey, "POST", "/api/v1/verifications", body).allow(201)
	l := attempt{id: a.str("verification_id"), secret: a.str("client_secret")}
	l.number, _ = a.object["match_number"].(string)
	return l
}

// status reads a login as its page does.
func (w *wired) status(l attempt) reply {
	w.Helper()
	return w.ask(page(l.secret), "GET", "/api/v1/verifications/"+l.id, nil).allow(200)
}

// act does what the page's person chose.
func (w *wired) act(l attempt, action string, body any) reply {
	w.Helper()
	return w.ask(page(l.secret), "POST", "/api/v1/verifications/"+l.id+"/"+action, body)
}

// pipes is a network in memory.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	close func()
}

func newPipes() *pipes {
	p := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	p.close = sync.OnceFunc(func() { close(p.done) })
	return p
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.close()
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, accepted := net.Pipe()
	select {
	case p.conns <- accepted:
		return client, nil
	case <-p.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
