package server_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"nod/server"
)

var proxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}

// heard is a request from a peer with lines of X-Forwarded-For.
func heard(peer string, lines ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = peer
	r.Header["X-Forwarded-For"] = lines
	r.Header.Set("X-Real-Ip", "192.0.2.66") // and the others that nobody reads
	r.Header.Set("Forwarded", "for=192.0.2.67")
	r.Header.Set("True-Client-Ip", "192.0.2.68")
	return r
}

// TestForwarded: only what a trusted proxy has heard itself counts.
func TestForwarded(t *testing.T) {
	of := server.ClientIP(proxies)
	for _, tc := range []struct {
		name, peer string
		lines      []string
		want       string
	}{
		{"a stranger speaks for somebody", "192.0.2.1:9", []string{"203.0.113.9"}, "192.0.2.1"},
		{"a stranger speaks as a proxy", "192.0.2.1:9", []string{"203.0.113.9, 10.0.0.1"}, "192.0.2.1"},
		{"a proxy says nothing", "10.0.0.1:9", nil, "10.0.0.1"},
		{"a proxy says an empty line", "10.0.0.1:9", []string{""}, "10.0.0.1"},
		{"one hop", "10.0.0.1:9", []string{"203.0.113.9"}, "203.0.113.9"},
		{"three hops", "10.0.0.1:9", []string{"203.0.113.9, 10.2.2.2, fd00::7"}, "203.0.113.9"},
		{"on lines of their own", "10.0.0.1:9", []string{"203.0.113.9", "10.2.2.2", "fd00::7"}, "203.0.113.9"},
		{"a spoofed left part", "10.0.0.1:9", []string{"198.51.100.7, 203.0.113.9"}, "203.0.113.9"},
		{"a spoofed line", "10.0.0.1:9", []string{"198.51.100.7", "203.0.113.9"}, "203.0.113.9"},
		{"a spoofed proxy", "10.0.0.1:9", []string{"198.51.100.7, 10.9.9.9, 203.0.113.9"}, "203.0.113.9"},
		{"garbage on the left", "10.0.0.1:9", []string{"<script>, ,,%, 203.0.113.9"}, "203.0.113.9"},
		{"garbage from a proxy", "10.0.0.1:9", []string{"203.0.113.9, unknown"}, "10.0.0.1"},
		{"garbage behind the second proxy", "10.0.0.1:9", []string{"unknown, 10.2.2.2"}, "10.2.2.2"},
		{"two commas", "10.0.0.1:9", []string{"203.0.113.9,,10.2.2.2"}, "10.2.2.2"},
		{"with a port", "10.0.0.1:9", []string{"203.0.113.9:4711"}, "203.0.113.9"},
		{"IPv6", "10.0.0.1:9", []string{"2001:db8::7"}, "2001:db8::7"},
		{"IPv6 in brackets", "10.0.0.1:9", []string{"[2001:db8::7]"}, "2001:db8::7"},
		{"IPv6 with a port", "10.0.0.1:9", []string{"[2001:db8::7]:4711"}, "2001:db8::7"},
		{"IPv6 with a zone", "10.0.0.1:9", []string{"fe80::1%eth0"}, "fe80::1"},
		{"IPv4 in IPv6's clothes", "10.0.0.1:9", []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
		{"a proxy in IPv6's clothes", "[::ffff:10.0.0.1]:9", []string{"203.0.113.9"}, "203.0.113.9"},
		{"a proxy over IPv6", "[fd00::1]:9", []string{"203.0.113.9"}, "203.0.113.9"},
		{"octal", "10.0.0.1:9", []string{"0312.0.113.9"}, "10.0.0.1"},
		{"a number", "10.0.0.1:9", []string{"3405803785"}, "10.0.0.1"},
		{"proxies only", "10.0.0.1:9", []string{"10.3.3.3, 10.2.2.2"}, "10.3.3.3"},
		{"a peer with a zone", "[fe80::1%eth0]:9", []string{"203.0.113.9"}, "fe80::1"},
		{"a peer without an address", "@", []string{"203.0.113.9"}, ""},
		{"2,000 hops", "10.0.0.1:9", []string{"203.0.113.9" + strings.Repeat(",10.0.0.2", 2000)}, "203.0.113.9"},
	} {
		if got := of(heard(tc.peer, tc.lines...)); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
	if got := server.ClientIP(nil)(heard("10.0.0.1:9", "203.0.113.9")); got != "10.0.0.1" {
		t.Errorf("nobody is trusted, and %q is believed", got)
	}
}

// FuzzClientIP sends rubbish for a list of hops, by a stranger and through a proxy that
// adds whom it heard: the rubbish decides nothing.
func FuzzClientIP(f *testing.F) {
	for _, s := range []string{"", ",", "10.0.0.1", "203.0.113.9, 10.0.0.1", "[::1]:1", "fe80::1%25eth0", "::ffff:10.0.0.1", "10.0.0.1\x00", " 10.0.0.1\t,"} {
		f.Add(s, "10.0.0.1")
	}
	of := server.ClientIP(proxies)
	f.Fuzz(func(t *testing.T, said, more string) {
		const person = "203.0.113.9"
		for _, lines := range [][]string{{said}, {said, more}, {said + "," + more}} {
			if got := of(heard("192.0.2.1:9", lines...)); got != "192.0.2.1" {
				t.Errorf("a stranger who says %q is %s", lines, got)
			}
			if got := of(heard("10.0.0.1:9", append(lines, person)...)); got != person {
				t.Errorf("a person who says %q is %s", lines, got)
			}
			last := len(lines) - 1
			appended := append(append([]string{}, lines[:last]...), lines[last]+", "+person+":443, fd00::1")
			if got := of(heard("10.0.0.1:9", appended...)); got != person {
				t.Errorf("a person behind two proxies who says %q is %s", lines, got)
			}
			if a, err := netip.ParseAddr(of(heard("10.0.0.1:9", lines...))); err != nil || a.Zone() != "" || a.Is4In6() {
				t.Errorf("%q makes %v (%v)", lines, a, err)
			}
		}
	})
}
