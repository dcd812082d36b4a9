package load

import (
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// poller reads many sockets with one goroutine and one buffer. It waits for its epoll as
// one waits for any file: the runtime watches it, so no thread is held.
type poller struct {
	file *os.File
	epfd int

	mu    sync.Mutex
	conns map[int32]*Conn // by descriptor
}

func newPoller() (*poller, error) {
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(epfd, true); err != nil { // or the runtime would not watch it
		_ = unix.Close(epfd)
		return nil, err
	}
	return &poller{file: os.NewFile(uintptr(epfd), "epoll"), epfd: epfd, conns: map[int32]*Conn{}}, nil
}

func (p *poller) close() error { return p.file.Close() }

// run reads until close.
func (p *poller) run() {
	ready, err := p.file.SyscallConn()
	if err != nil {
		return
	}
	events := make([]unix.EpollEvent, 256)
	buffer := make([]byte, 64<<10)
	for {
		var n int
		if ready.Read(func(fd uintptr) bool {
			n, err = unix.EpollWait(int(fd), events, 0)
			return n > 0 || err != nil && err != unix.EINTR
		}) != nil || err != nil && err != unix.EINTR {
			return
		}
		for _, e := range events[:max(n, 0)] {
			p.mu.Lock()
			c := p.conns[e.Fd]
			p.mu.Unlock()
			if c != nil { // else it was closed after it became ready
				p.read(c, buffer)
			}
		}
	}
}

// read reads once: what is left makes the socket ready again.
func (p *poller) read(c *Conn, buffer []byte) {
	c.mu.Lock()
	s, ok := c.link.(*socket)
	if !ok { // it ended
		c.mu.Unlock()
		return
	}
	n, err := unix.Read(s.fd, buffer)
	c.mu.Unlock()
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
	case err != nil || n == 0:
		c.end(&CloseError{Code: 1006})
	default:
		_ = c.feed(buffer[:n], time.Now()) // an error has ended it
	}
}

// add takes a connection over from the runtime, which would keep a goroutine and much
// more for it.
func (p *poller) add(c *Conn, raw net.Conn) error {
	defer func() { _ = raw.Close() }()
	under, err := raw.(*net.TCPConn).SyscallConn()
	if err != nil {
		return err
	}
	var fd int
	if e := under.Control(func(its uintptr) { fd, err = unix.FcntlInt(its, unix.F_DUPFD_CLOEXEC, 0) }); e != nil {
		return e
	}
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.link = &socket{fd, p}
	c.mu.Unlock()
	p.mu.Lock()
	p.conns[int32(fd)] = c //nolint:gosec // a descriptor is one
	p.mu.Unlock()
	return unix.EpollCtl(p.epfd, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP, Fd: int32(fd)}) //nolint:gosec // as above
}

// socket is a descriptor that a poller reads. The Conn's lock keeps it from being closed
// while it is used.
type socket struct {
	fd int
	by *poller
}

// Write implements io.Writer. A server that leaves so much unread that the system takes
// no more has failed.
func (s *socket) Write(b []byte) (int, error) {
	for sent := 0; ; {
		n, err := unix.Write(s.fd, b[sent:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return sent, os.NewSyscallError("write", err)
		}
		if sent += n; sent == len(b) {
			return sent, nil
		}
	}
}

// Close implements io.Closer.
func (s *socket) Close() error {
	s.by.mu.Lock()
	delete(s.by.conns, int32(s.fd)) //nolint:gosec // a descriptor is one
	s.by.mu.Unlock()
	return unix.Close(s.fd)
}
