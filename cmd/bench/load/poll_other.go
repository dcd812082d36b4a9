//go:build !linux

package load

import (
	"net"
	"sync"
)

// poller reads each connection with a goroutine of its own, where there is no epoll: the
// load costs more of the machine then.
type poller struct{ all sync.WaitGroup }

func newPoller() (*poller, error) { return &poller{}, nil }

func (p *poller) run() { p.all.Wait() }

func (p *poller) close() error { return nil }

func (p *poller) add(c *Conn, raw net.Conn) error {
	c.mu.Lock()
	c.link = raw
	c.mu.Unlock()
	go c.readFrom(raw)
	return nil
}
