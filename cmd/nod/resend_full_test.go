package main

import (
	"context"
	"crypto/rand"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	played "nod/deploy/providers"
)

// inFull runs a test at full length.
func inFull(t *testing.T, test func(s *stage)) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "nod.db")
	synctest.Test(t, func(t *testing.T) {
		nodAt, twilioAt, key := newPipe("127.0.0.1:8080"), newPipe("127.0.0.1:9000"), "nod_sk_"+rand.Text()+rand.Text()
		network := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			if address == twilioAt.address {
				return twilioAt.dial(ctx)
			}
			return nodAt.dial(ctx)
		}}
		twilio := &played.Twilio{AccountSID: "AC" + rand.Text(), AuthToken: rand.Text(), Number: "+15005550006", Network: network}
		serving := &http.Server{Handler: twilio, ReadHeaderTimeout: time.Second}
		served := make(chan error, 1)
		go func() { served <- serving.Serve(twilioAt) }()
		t.Cleanup(func() {
			twilio.Close()
			_ = serving.Close()
			<-served
			for _, o := range twilio.Objections() {
				if !strings.Contains(o, sameText) {
					t.Errorf("an objection of Twilio: %s", o)
				}
			}
		})
		raise(t, nodAt, network, append(slices.Concat(crowded, fullLength.settings()), "NOD_DATABASE_URL=sqlite:"+file, "NOD_API_KEYS="+key,
			"TWILIO_ACCOUNT_SID="+twilio.AccountSID, "TWILIO_AUTH_TOKEN="+twilio.AuthToken, "TWILIO_PHONE_NUMBER="+twilio.Number,
			"NOD_TWILIO_BASE_URL=http://"+twilioAt.address))
		d := newDoor(t, "http://"+nodAt.address, network)
		d.key = key
		test(&stage{door: d, twilio: &twilio.Desk, pace: fullLength})
	})
}

// raise runs nod within this process until the test ends.
func raise(t *testing.T, at *pipe, network http.RoundTripper, settings []string) {
	t.Helper()
	c, err := readConfig(func(name string) string {
		for _, s := range settings {
			if value, ok := strings.CutPrefix(s, name+"="); ok {
				return value
			}
		}
		return ""
	})
	if err != nil {
		t.Fatal(err)
	}
	c.providers.Twilio.Network = network
	said := &journal{}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, c, at, io.Discard, newLogger(c, said)) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("nod ended with %v", err)
		}
		if t.Failed() {
			t.Logf("what nod said:\n%s", said)
		}
	})
}

// pipe is an address in memory: a network of the machine would keep the clock of a
// bubble from going on.
type pipe struct {
	address string
	conns   chan net.Conn
	done    chan struct{}
	close   func()
}

func newPipe(address string) *pipe {
	p := &pipe{address: address, conns: make(chan net.Conn), done: make(chan struct{})}
	p.close = sync.OnceFunc(func() { close(p.done) })
	return p
}

func (p *pipe) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipe) Close() error {
	p.close()
	return nil
}

func (p *pipe) Addr() net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(p.address)) }

func (p *pipe) dial(ctx context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-p.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
