package hub

import (
	"math/rand/v2"
	"net/http"
	"net/netip"
	"time"
)

// Causes for which a request is not let in, as [Stats].Refused counts them.
const (
	CauseOrigin         = "origin"          // a page that may not connect
	CauseRequest        = "request"         // no upgrade, or to a protocol that is not spoken
	CauseDraining       = "draining"        // the node goes down
	CauseFull           = "full"            // Config.MaxSessions
	CausePending        = "pending"         // Config.MaxPending
	CauseRate           = "rate"            // Config.AcceptRate
	CauseAddressFull    = "address_full"    // Config.MaxPerIP
	CauseAddressPending = "address_pending" // Config.MaxPendingPerIP
	CauseAddressRate    = "address_rate"    // more than Config.MaxPendingPerIP in a second
)

// Address is what counts as one client where addresses are limited: of IPv4 the
// address, of IPv6 its /64, which one home, phone or server has to itself
// (RFC 6177, RFC 7278). An IPv4 address in IPv6's clothes is IPv4's; a zone is
// dropped. What is no address is the zero Addr: all of those share one's limits.
func Address(ip string) netip.Addr {
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return netip.Addr{}
	}
	if a = a.Unmap().WithZone(""); a.Is4() {
		return a
	}
	p, _ := a.Prefix(64) // fails for no IPv6 address without a zone
	return p.Addr()
}

// crowd counts the places of a node, all together and by address. It knows an
// address while that holds a place, and for a second or two after it took its
// last: so many at most as the accept rate lets in. Hub.mu guards it.
type crowd struct {
	places  int // taken, of MaxSessions
	pending int // of them not yet authenticated
	accepts bucket

	addresses map[netip.Addr]*address
	left      []*address // that gave their last place back and are not forgotten yet
	warned    time.Time  // operators, of an address that holds all it may
}

// address is what one client address holds.
type address struct {
	key             netip.Addr
	places, pending int
	accepts         bucket
	leaving         bool // in crowd.left
}

// refusal is why there is no place for a request.
type refusal struct {
	cause, detail string
	status        int
	code          string
	retryAfter    time.Duration
}

// full refuses everybody: the node is at its end.
func full(cause, detail string) *refusal {
	return &refusal{cause, detail, http.StatusServiceUnavailable, "unavailable", retryLater()}
}

// crowded refuses one address, which has more than its share.
func crowded(cause, detail string, retryAfter time.Duration) *refusal {
	return &refusal{cause, detail, http.StatusTooManyRequests, "rate_limited", retryAfter}
}

// retryLater is what a refused request is told to wait: those that were refused
// at one moment do not come back at one.
func retryLater() time.Duration { return time.Second + rand.N(4*time.Second) }

// enter takes a place for a connection from ip, or says why there is none. The
// address is looked at before the node, so that an address which is over its share
// takes nothing of what the others may come by.
func (c *crowd) enter(key netip.Addr, limits *Config, now time.Time) (*address, *refusal) {
	a := c.addresses[key]
	if a == nil {
		a = &address{key: key}
	}
	if limits.MaxPerIP > 0 {
		switch {
		case a.places >= limits.MaxPerIP:
			return nil, crowded(CauseAddressFull, "Your network address holds as many connections as it may. Close some of them.", 15*time.Second+rand.N(15*time.Second))
		case a.pending >= limits.MaxPendingPerIP:
			return nil, crowded(CauseAddressPending, "Too many connections from your network address are about to authenticate. Try again in a moment.", retryLater())
		case !a.accepts.take(now, limits.MaxPendingPerIP):
			return nil, crowded(CauseAddressRate, "Too many connections are opened from your network address at once. Try again in a moment.", retryLater())
		}
	}
	switch {
	case c.places >= limits.MaxSessions:
		return nil, full(CauseFull, "This server holds as many connections as it can. Try again later.")
	case c.pending >= limits.MaxPending:
		return nil, full(CausePending, "Too many connections are about to authenticate. Try again in a moment.")
	case !c.accepts.take(now, limits.AcceptRate):
		return nil, full(CauseRate, "Too many connections are opened at once. Try again in a moment.")
	}
	c.places++
	c.pending++
	a.places++
	a.pending++
	c.addresses[key] = a
	return a, nil
}

// settle ends the waiting of a connection that has authenticated.
func (c *crowd) settle(a *address) {
	c.pending--
	a.pending--
}

// leave gives a place back.
func (c *crowd) leave(a *address) {
	c.places--
	if a.places--; a.places == 0 && !a.leaving {
		a.leaving = true
		c.left = append(c.left, a)
	}
}

// forget drops the addresses that hold nothing and may come as if they never had.
func (c *crowd) forget(now time.Time) {
	kept := c.left[:0]
	for _, a := range c.left {
		switch {
		case a.places > 0:
			a.leaving = false
		case now.Sub(a.accepts.at) < time.Second:
			kept = append(kept, a)
		default:
			delete(c.addresses, a.key)
		}
	}
	clear(c.left[len(kept):])
	if c.left = kept; len(kept) == 0 {
		c.left = nil
	}
}

// warns reports whether operators are to be told, once a minute, that an address
// holds all it may: it may be a proxy that nobody has named.
func (c *crowd) warns(now time.Time) bool {
	if now.Sub(c.warned) < time.Minute {
		return false
	}
	c.warned = now
	return true
}

// bucket lets rate requests a second through, and as many at once.
type bucket struct {
	left float64   // of what may come at once
	at   time.Time // when left was counted; zero: never, so it is full
}

func (b *bucket) take(now time.Time, rate int) bool {
	b.left = min(float64(rate), b.left+now.Sub(b.at).Seconds()*float64(rate))
	b.at = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}
