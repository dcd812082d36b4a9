package webpush

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"syscall"

	push "github.com/SherClockHolmes/webpush-go"
)

// maxEndpoint is the longest endpoint, in bytes. The longest in use have some 500.
const maxEndpoint = 2048

// What can be wrong with a subscription, in words for whoever writes the page. None
// repeats a part of it.
var (
	errForm     = errors.New("the token is not the JSON of a PushSubscription, as JSON.stringify(subscription) makes it")
	errEndpoint = errors.New("the subscription's endpoint is not an https address of a push service")
	errKey      = errors.New("the subscription's keys.p256dh is not a public key on P-256 in base64url")
	errSecret   = errors.New("the subscription's keys.auth is not 16 bytes in base64url")
)

// CheckToken looks at a device's token, the JSON of a PushSubscription, when it is
// handed in: its form and its keys, that its endpoint is https, and that it does not
// name this machine or an address inside. Local says that nod is on a developer's
// machine, as [Config] does. The error is for whoever writes the page and repeats
// nothing of the token. What a name leads to is looked at again with each push.
func CheckToken(token string, local bool) error {
	s, err := parse(token, local)
	if err != nil {
		return err
	}
	u, err := url.Parse(s.Endpoint)
	if err != nil {
		return errEndpoint
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	ip, err := netip.ParseAddr(host)
	switch {
	case local && isLoopback(host):
		return nil
	case err == nil && !isPublic(ip), host == "localhost" || strings.HasSuffix(host, ".localhost"): // RFC 6761, section 6.3
		return errNotPublic
	case err != nil && numeric(host):
		return errEndpoint
	}
	return nil
}

// numeric reports whether a host that is no IP address is one in a form that old
// resolvers take (127.1, 0x7f000001): no name ends in a label that begins so.
func numeric(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	return last == "" || last[0] >= '0' && last[0] <= '9'
}

// parse reads the JSON of a PushSubscription
// (https://www.w3.org/TR/push-api/#dom-pushsubscription-tojson), which a stranger
// wrote.
func parse(text string, local bool) (*push.Subscription, error) {
	var s struct {
		Endpoint       string   `json:"endpoint"`
		ExpirationTime *float64 `json:"expirationTime"` // in milliseconds, usually null: the service says 410 when it is over
		Keys           struct {
			P256dh string `json:"p256dh"`
			Auth   string `json:"auth"`
		} `json:"keys"`
	}
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	if d.Decode(&s) != nil || d.More() {
		return nil, errForm
	}
	u, err := url.Parse(s.Endpoint)
	switch {
	case err != nil || len(s.Endpoint) > maxEndpoint || u.Hostname() == "" || u.User != nil || u.Fragment != "":
		return nil, errEndpoint
	case u.Scheme != "https" && (u.Scheme != "http" || !local || !isLoopback(u.Hostname())):
		return nil, errEndpoint
	}
	key, err := decode(s.Keys.P256dh)
	if err != nil {
		return nil, errKey
	}
	if _, err := ecdh.P256().NewPublicKey(key); err != nil {
		return nil, errKey
	}
	secret, err := decode(s.Keys.Auth)
	if err != nil || len(secret) != 16 { // RFC 8291, section 3.2
		return nil, errSecret
	}
	return &push.Subscription{Endpoint: s.Endpoint, Keys: push.Keys{
		P256dh: base64.RawURLEncoding.EncodeToString(key),
		Auth:   base64.RawURLEncoding.EncodeToString(secret),
	}}, nil
}

// decode reads base64url, with or without the padding that some pages add.
func decode(text string) ([]byte, error) {
	return base64.RawURLEncoding.Strict().DecodeString(strings.TrimRight(text, "="))
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// errNotPublic says that an endpoint's name leads to an address that no push
// service has.
var errNotPublic = errors.New("the subscription's endpoint is not at a public address")

// publicOnly looks at the address that is about to be dialed.
func publicOnly(_ context.Context, _, address string, _ syscall.RawConn) error {
	if ip, err := netip.ParseAddrPort(address); err != nil || !isPublic(ip.Addr()) {
		return errNotPublic
	}
	return nil
}

func publicOrLoopback(ctx context.Context, network, address string, c syscall.RawConn) error {
	if host, _, err := net.SplitHostPort(address); err == nil && isLoopback(host) {
		return nil
	}
	return publicOnly(ctx, network, address, c)
}

// special are the addresses that are not reached over the public Internet, or are
// not where they seem to be: those of
// https://www.iana.org/assignments/iana-ipv4-special-registry and of
// https://www.iana.org/assignments/iana-ipv6-special-registry that
// [netip.Addr.IsGlobalUnicast] and [netip.Addr.IsPrivate] let pass.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"), // behind a provider's NAT; also the metadata service of some clouds
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("192.88.99.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("2001::/23"), // Teredo and other protocols' own
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"), // 6to4: leads to any IPv4 address
	netip.MustParsePrefix("3fff::/20"),
}

// allocated are the IPv6 addresses that are given out; outside lie those that are
// translated to IPv4 (64:ff9b::/96), unique local ones and what is to come.
var allocated = netip.MustParsePrefix("2000::/3")

// isPublic reports whether a server on the Internet may have the address.
func isPublic(ip netip.Addr) bool {
	ip = ip.Unmap()
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.Zone() != "" || ip.Is6() && !allocated.Contains(ip) {
		return false
	}
	for _, p := range special {
		if p.Contains(ip) {
			return false
		}
	}
	return true
}
