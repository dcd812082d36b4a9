package server

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ClientIP returns what tells the address of the person behind a request: the
// connection's own or, where that is a trusted proxy's, X-Forwarded-For's. Each proxy
// adds on the right whom it heard, so the list is read from there: the first address
// that is no trusted proxy's is the person's, and what stands left of it is what they
// said of themselves (MDN, X-Forwarded-For, "Selecting an IP address"; OWASP ASVS 5.0,
// section 4.1). A hop may have a port, as some proxies write it, and brackets. One that
// is no address ends the reading: the answer is the last that was.
//
// It is empty when the connection has no address of IP.
func ClientIP(trusted []netip.Prefix) func(*http.Request) string {
	trust := func(a netip.Addr) bool {
		return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	return func(r *http.Request) string {
		at, ok := hop(r.RemoteAddr)
		if !ok {
			return ""
		}
		said := r.Header.Values("X-Forwarded-For")
		for _, line := range slices.Backward(said) {
			for rest, more := line, true; more && trust(at); {
				var last string
				if rest, last, more = cutLast(rest); last == "" && !more {
					break // an empty line says nothing
				}
				before, ok := hop(last)
				if !ok {
					return at.String()
				}
				at = before
			}
		}
		return at.String()
	}
}

// cutLast parts a list at its last comma; more reports whether anything is left.
func cutLast(list string) (rest, last string, more bool) {
	i := strings.LastIndexByte(list, ',')
	return list[:max(i, 0)], strings.TrimSpace(list[i+1:]), i >= 0
}

// hop reads one address, with a port or without. An IPv4 address in IPv6's clothes is
// IPv4's, and a zone means nothing to anybody else.
func hop(s string) (netip.Addr, bool) {
	if p, err := netip.ParseAddrPort(s); err == nil {
		return p.Addr().Unmap().WithZone(""), true
	}
	if inside, found := strings.CutPrefix(s, "["); found {
		s = strings.TrimSuffix(inside, "]")
	}
	a, err := netip.ParseAddr(s)
	return a.Unmap().WithZone(""), err == nil
}
