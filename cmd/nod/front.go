package main

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"nod/hub"
)

const (
	// connsPerSocket is how many connections of any kind an address may hold for each
	// socket that it may: a browser opens up to six to one host, a phone one or two.
	connsPerSocket = 2
	// maxConns is how many the node holds: as many as the hub's sockets, and room for
	// requests. An idle one costs 8 to 20 KB and a file descriptor, which the database
	// and the providers need too.
	maxConns = 120_000
)

// front is a listener that closes a connection which is one too many, before a byte of
// it is read: one address, or many together, would else hold whatever the process may
// open by saying nothing. The hub counts sockets by the address of the person; here it
// is the peer's, and a trusted proxy, who speaks for many, may have any number.
type front struct {
	net.Listener
	perAddress int // 0: any number
	proxies    []netip.Prefix

	mu      sync.Mutex
	open    int
	from    map[netip.Addr]int // by hub.Address; no entry is 0
	refused map[string]uint64  // by cause
}

// newFront limits an address to as many connections as go with so many sockets;
// negative: to none.
func newFront(l net.Listener, socketsPerAddress int, proxies []netip.Prefix) *front {
	return &front{
		Listener: l, perAddress: connsPerSocket * max(socketsPerAddress, 0), proxies: proxies,
		from: map[netip.Addr]int{}, refused: map[string]uint64{},
	}
}

// Accept implements net.Listener. It returns only connections that have a place.
func (f *front) Accept() (net.Conn, error) {
	for {
		c, err := f.Listener.Accept()
		if err != nil {
			return nil, err
		}
		tcp, ok := c.(*net.TCPConn)
		if !ok {
			return c, nil
		}
		if v := f.enter(tcp); v != nil {
			return v, nil
		}
		_ = tcp.SetLinger(0) // a reset leaves nothing behind in the kernel
		_ = tcp.Close()
	}
}

// enter takes a place for a connection; nil: there is none.
func (f *front) enter(c *net.TCPConn) *visitor {
	var peer netip.Addr
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		peer = a.AddrPort().Addr().Unmap().WithZone("")
	}
	v := &visitor{TCPConn: c, front: f, from: hub.Address(peer.String())}
	trusted := slices.ContainsFunc(f.proxies, func(p netip.Prefix) bool { return p.Contains(peer) })
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.open >= maxConns:
		f.refused["full"]++
		return nil
	case f.perAddress > 0 && f.from[v.from] >= f.perAddress && !trusted:
		f.refused["address"]++
		return nil
	}
	f.open++
	f.from[v.from]++
	return v
}

// leave gives a place back.
func (f *front) leave(from netip.Addr) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open--
	if f.from[from]--; f.from[from] == 0 {
		delete(f.from, from)
	}
}

// visitor is a connection with a place, which it keeps for as long as it is open,
// whoever has taken it over from HTTP.
type visitor struct {
	*net.TCPConn
	front *front
	from  netip.Addr
	left  atomic.Bool
}

// Close implements net.Conn.
func (v *visitor) Close() error {
	if v.left.CompareAndSwap(false, true) {
		v.front.leave(v.from)
	}
	return v.TCPConn.Close()
}

var (
	connsOpen    = desc("nod_connections", "Connections of any kind to the public address.")
	connsRefused = desc("nod_connections_refused_total", "Connections that were closed unseen: too many from one address, or at all.", "cause")
)

// Describe implements prometheus.Collector.
func (*front) Describe(ch chan<- *prometheus.Desc) {
	ch <- connsOpen
	ch <- connsRefused
}

// Collect implements prometheus.Collector.
func (f *front) Collect(ch chan<- prometheus.Metric) {
	f.mu.Lock()
	defer f.mu.Unlock()
	to := metrics(ch)
	to.gauge(connsOpen, float64(f.open))
	for cause, n := range f.refused {
		to.count(connsRefused, float64(n), cause)
	}
}
