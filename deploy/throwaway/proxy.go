package throwaway

import (
	"errors"
	"net"
	"net/url"
	"sync"
)

// Proxy is a network between a client and a server that can fail as networks do.
// It forwards TCP on loopback.
type Proxy struct {
	URL string // of the server, as a client reaches it through the proxy

	target   string
	listener net.Listener
	all      sync.WaitGroup

	mu      sync.Mutex
	cond    sync.Cond // forwarding changed, or the proxy was closed
	stalled bool
	cut     bool
	closed  bool
	conns   map[net.Conn]bool // whether it was forgotten
}

// NewProxy forwards to the server of a URL.
func NewProxy(server string) (*Proxy, error) {
	u, err := url.Parse(server)
	if err != nil {
		return nil, err
	}
	l, err := listen()
	if err != nil {
		return nil, err
	}
	target := u.Host
	u.Host = l.Addr().String()
	p := &Proxy{URL: u.String(), target: target, listener: l, conns: map[net.Conn]bool{}}
	p.cond.L = &p.mu
	p.all.Go(p.accept)
	return p, nil
}

// Stall makes the network half-open: connections stay, new ones are taken, and
// not a byte arrives on either side. Nobody is told.
func (p *Proxy) Stall() { p.set(func() { p.stalled = true }) }

// Cut drops every connection and every new one at once.
func (p *Proxy) Cut() {
	p.set(func() {
		p.cut = true
		p.dropLocked()
	})
}

// Forget makes the connections of this moment half-open for good, as a router does
// that lost its table. New ones are forwarded.
func (p *Proxy) Forget() {
	p.set(func() {
		for c := range p.conns {
			p.conns[c] = true
		}
	})
}

// Heal ends Stall and Cut. What was held up by Stall arrives now.
func (p *Proxy) Heal() { p.set(func() { p.stalled, p.cut = false, false }) }

// Close ends the proxy and all that runs through it.
func (p *Proxy) Close() {
	p.set(func() {
		p.closed = true
		p.dropLocked()
	})
	_ = p.listener.Close()
	p.all.Wait()
}

func (p *Proxy) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	p.cond.Broadcast()
}

func (p *Proxy) dropLocked() {
	for c := range p.conns {
		_ = c.Close()
	}
}

func (p *Proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			p.all.Go(func() { p.serve(c) })
		}
	}
}

func (p *Proxy) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	if !p.open(c) || !p.wait() {
		return
	}
	defer p.forget(c)
	s, err := dial(p.target)
	if err != nil || !p.open(s) {
		return
	}
	defer p.forget(s)
	var both sync.WaitGroup
	both.Go(func() { p.forward(s, c) })
	both.Go(func() { p.forward(c, s) })
	both.Wait()
}

// open notes a connection, unless the network is cut.
func (p *Proxy) open(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut || p.closed {
		_ = c.Close()
		return false
	}
	p.conns[c] = false
	return true
}

func (p *Proxy) forget(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
	_ = c.Close()
}

// wait holds while the network is stalled; false when it was closed.
func (p *Proxy) wait() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.stalled && !p.closed {
		p.cond.Wait()
	}
	return !p.closed
}

func (p *Proxy) forgotten(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.conns[c]
}

// forward copies until one side ends, then ends the other.
func (p *Proxy) forward(to, from net.Conn) {
	defer func() { _ = to.Close() }()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if !p.wait() {
			return
		}
		if n > 0 && !p.forgotten(from) {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
