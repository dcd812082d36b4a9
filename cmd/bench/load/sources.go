package load

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
)

// Sources are the client addresses that connections come from, in turn. A server that
// limits what one address may do, as nod does, sees many people, not one.
type Sources struct {
	addrs []*net.TCPAddr
	next  atomic.Uint64
}

// perSource is how many connections one address of a loopback load has: as a household
// or a small office.
const perSource = 20

// Loopback are addresses of this machine from 127.1.0.1 on, enough for so many
// connections.
func Loopback(connections int) *Sources {
	s := &Sources{}
	ip := netip.AddrFrom4([4]byte{127, 1, 0, 1})
	for range connections/perSource + 1 {
		s.addrs = append(s.addrs, net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, 0)))
		ip = ip.Next()
	}
	return s
}

// ParseSources reads addresses of this machine, separated by commas.
func ParseSources(list string) (*Sources, error) {
	s := &Sources{}
	for one := range strings.SplitSeq(list, ",") {
		ip, err := netip.ParseAddr(strings.TrimSpace(one))
		if err != nil {
			return nil, fmt.Errorf("%q is no IP address: name addresses of this machine, separated by commas", one)
		}
		s.addrs = append(s.addrs, net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, 0)))
	}
	return s, nil
}

// take is the next address; nil: the system's choice.
func (s *Sources) take() *net.TCPAddr {
	if s == nil {
		return nil
	}
	return s.addrs[s.next.Add(1)%uint64(len(s.addrs))]
}
