package hub_test

import (
	"context"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/coder/websocket"

	"nod/hub"
)

func TestAddress(t *testing.T) {
	for _, tc := range []struct{ ip, want string }{
		{"192.0.2.7", "192.0.2.7"},
		{"::ffff:192.0.2.7", "192.0.2.7"},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
		{"2001:db8:1:2::9", "2001:db8:1:2::"},
		{"2001:db8:1:3::9", "2001:db8:1:3::"},
		{"fe80::1%eth0", "fe80::"},
		{"::ffff:192.0.2.7%eth0", "192.0.2.7"},
		{"192.0.2.7:443", "invalid IP"},
		{"unknown", "invalid IP"},
		{"", "invalid IP"},
	} {
		if got := hub.Address(tc.ip).String(); got != tc.want {
			t.Errorf("%q counts as %s, want %s", tc.ip, got, tc.want)
		}
	}
}

// addressed is a configuration whose peers say where they come from.
func addressed(perIP, pendingPerIP int) hub.Config {
	c := config(new(app))
	c.ClientIP = func(r *http.Request) string { return r.Header.Get("From-IP") }
	c.MaxPerIP, c.MaxPendingPerIP = perIP, pendingPerIP
	return c
}

// from opens a connection from an address and takes the challenge.
func (n *node) from(t *testing.T, ip string) *peer {
	t.Helper()
	p := n.dialOnly(t, &websocket.DialOptions{HTTPHeader: http.Header{"From-Ip": {ip}}})
	p.start()
	p.expect("challenge")
	return p
}

// refuses makes sure that an address is not let in now.
func (n *node) refuses(t *testing.T, ip, cause string) {
	t.Helper()
	before := n.Stats().Refused[cause]
	status, header, body := n.upgrade(t, append([]string{"From-IP: " + ip}, handshake...)...)
	if after, err := strconv.Atoi(header.Get("Retry-After")); status != 429 || err != nil || after < 1 || after > 30 {
		t.Fatalf("%s: status %d, %v", ip, status, header)
	}
	wantProblem(t, header, body, 429, "rate_limited")
	if s := n.Stats(); s.Refused[cause] != before+1 {
		t.Fatalf("%s: not refused for %s: %v", ip, cause, s.Refused)
	}
}

// TestOneAddress: whoever holds all that one address may have stands in nobody
// else's way.
func TestOneAddress(t *testing.T) {
	bubble(t, addressed(4, 2), func(t *testing.T, n *node) {
		const here, there = "2001:db8:1:2::1", "2001:db8:1:3::1"
		welcome := func(p *peer) *peer {
			t.Helper()
			p.auth("watcher a")
			p.expect("welcome")
			p.expect("snapshot")
			return p
		}
		one, two := n.from(t, here), n.from(t, here)
		n.refuses(t, "2001:db8:1:2:ffff::1", hub.CauseAddressPending) // any address of the /64
		n.from(t, there)
		welcome(one)
		n.refuses(t, here, hub.CauseAddressRate) // it has come twice in this second
		<-time.After(time.Second)
		three := n.from(t, here)
		welcome(two)
		welcome(three)
		<-time.After(time.Second)
		four := welcome(n.from(t, here))
		<-time.After(time.Second)
		n.refuses(t, here, hub.CauseAddressFull)
		n.from(t, there)
		n.from(t, "192.0.2.1")

		four.ws.CloseNow()
		eventually(t, "a free place", func() bool { return n.Stats().Sessions["watcher"] == 3 })
		welcome(n.from(t, here))
	})
}

// TestRefusedGiveBack: who is refused after having taken a place does not keep it.
func TestRefusedGiveBack(t *testing.T) {
	bubble(t, addressed(10, 2), func(t *testing.T, n *node) {
		for range 20 {
			for _, extra := range []string{"Origin: https://evil.example", "Sec-WebSocket-Protocol: nod.v2"} {
				n.upgrade(t, append([]string{"From-IP: 192.0.2.1", extra}, handshake...)...)
			}
			<-time.After(time.Second)
		}
		if s := n.Stats(); s.Pending != 0 || s.Refused[hub.CauseOrigin] != 20 || s.Refused[hub.CauseRequest] != 20 {
			t.Errorf("stats %+v", s)
		}
		n.from(t, "192.0.2.1")
	})
}

// TestAddressesAreForgotten: what is known of addresses is bounded by those who are
// here, or were a moment ago.
func TestAddressesAreForgotten(t *testing.T) {
	c := addressed(0, 0)
	c.MaxPending = 10
	bubble(t, c, func(t *testing.T, n *node) {
		stays := n.from(t, "192.0.2.1")
		for i := range 500 { // who is refused is not noted at all
			ip := "From-IP: 10.0." + strconv.Itoa(i/250) + "." + strconv.Itoa(i%250)
			if i < 250 {
				ip = "From-IP: 2001:db8:" + strconv.FormatInt(int64(i), 16) + "::1"
			}
			n.upgrade(t, append([]string{ip, "Origin: null"}, handshake...)...)
		}
		if known := n.Addresses(); known < 400 || known > 501 {
			t.Errorf("%d addresses are known at once", known)
		}
		<-time.After(2100 * time.Millisecond)
		if known := n.Addresses(); known != 1 {
			t.Errorf("%d addresses are known, one is here", known)
		}
		stays.ws.CloseNow()
		eventually(t, "an empty node", func() bool { return n.Stats().Pending == 0 })
		<-time.After(2100 * time.Millisecond)
		if known := n.Addresses(); known != 0 {
			t.Errorf("%d addresses are known, none is here", known)
		}
	})
}

// TestNoLimitByAddress is for those who stand behind a proxy that tells nothing.
func TestNoLimitByAddress(t *testing.T) {
	bubble(t, addressed(-1, 0), func(t *testing.T, n *node) {
		for range 200 {
			n.from(t, "192.0.2.1")
		}
	})
}

// TestCrowdedTopic: one more than a topic may have is told so, those who are there
// stay, and a place that gets free is there again.
func TestCrowdedTopic(t *testing.T) {
	a := new(app)
	a.authenticate = func(_ context.Context, auth hub.Auth) (hub.Identity, hub.Client, error) {
		return hub.Identity{Role: "watcher", ID: auth.Token, Topic: auth.Token, Most: 3}, a, nil
	}
	n := run(t, config(a))
	var peers []*peer
	for range 3 {
		peers = append(peers, n.login(t, "ver_1"))
	}
	for range 2 {
		p := n.connect(t)
		p.auth("ver_1")
		var e struct {
			Code       string
			RetryAfter int `json:"retry_after"`
		}
		if p.expect("error").decode(t, &e); e.Code != "rate_limited" || e.RetryAfter == 0 {
			t.Errorf("told %+v", e)
		}
		p.expectClose(hub.CloseTryLater)
	}
	n.login(t, "ver_2")
	n.publish(t, 3, hub.Message{Topic: "ver_1", Kind: "event"})
	for _, p := range peers {
		p.expect("event")
	}
	peers[0].ws.CloseNow()
	eventually(t, "a free place", func() bool {
		heard, err := n.Publish(context.Background(), hub.Message{Topic: "ver_1", Kind: "event"})
		return err == nil && heard == 2
	})
	n.login(t, "ver_1")
}
