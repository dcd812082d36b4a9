//go:build !linux

package load

import (
	"context"
	"net"
	"sync"
)

// poller reads each connection with a goroutine of its own, where there is no epoll: the
// load costs more of the machine then.
type poller struct{ all sync.WaitGroup }

func newPoller() (*poller, error) { return &poller{}, nil }

func (p *poller) run() {}

func (p *poller) close() error {
	p.all.Wait()
	return nil
}

func (p *poller) dial(ctx context.Context, c *Conn, addr string, from *net.TCPAddr, hello []byte) error {
	d := net.Dialer{Timeout: patience, KeepAlive: -1}
	if from != nil {
		d.LocalAddr = from
	}
	raw, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.link = raw
	c.mu.Unlock()
	p.all.Go(func() { c.readFrom(raw) })
	return c.write(hello)
}
