package hub_test

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"

	"nod/hub"
)

// pipes is a network in memory: it works inside a synctest bubble, where a real
// socket would keep the clock from going on.
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

func (p *pipes) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-p.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// bubble runs a test on a node whose clock jumps from event to event.
func bubble(t *testing.T, c hub.Config, f func(t *testing.T, n *node)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h, err := hub.New(c)
		if err != nil {
			t.Fatal(err)
		}
		network := newPipes()
		server := &http.Server{Handler: h}
		served := make(chan struct{})
		go func() {
			defer close(served)
			server.Serve(network)
		}()
		transport := &http.Transport{DialContext: network.dial}
		t.Cleanup(func() {
			server.Close()
			transport.CloseIdleConnections()
			<-served
		})
		n := start(t, h, "http://nod.test", &http.Client{Transport: transport})
		f(t, n)
	})
}
