package load

import (
	"context"
	"errors"
	"net"
	"net/netip"
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

	mu       sync.Mutex
	conns    map[int32]*Conn // by descriptor
	resolved map[string]netip.AddrPort
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
	return &poller{file: os.NewFile(uintptr(epfd), "epoll"), epfd: epfd, conns: map[int32]*Conn{}, resolved: map[string]netip.AddrPort{}}, nil
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
			return n > 0 || err != nil
		}) != nil {
			return
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
		for _, e := range events[:max(n, 0)] {
			p.mu.Lock()
			c := p.conns[e.Fd]
			p.mu.Unlock()
			switch {
			case c == nil: // it was closed after it became ready
			case e.Events&unix.EPOLLOUT != 0:
				p.connected(c)
			default:
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

// dial opens a connection and says hello on it. It does not wait: until the other end is
// there it may have been said, will be, or the connection ends.
func (p *poller) dial(ctx context.Context, c *Conn, addr string, from *net.TCPAddr, hello []byte) error {
	to, err := p.resolve(ctx, addr)
	if err != nil {
		return err
	}
	family := unix.AF_INET6
	if to.Addr().Is4() {
		family = unix.AF_INET
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	s := &socket{fd: fd, by: p}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.link = s // whoever gets an error closes it
	if from != nil {
		if err := unix.Bind(fd, sockaddr(from.AddrPort())); err != nil {
			return os.NewSyscallError("bind", err)
		}
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) // without it, it is only slower
	if err := unix.Connect(fd, sockaddr(to)); err != nil && err != unix.EINPROGRESS {
		return os.NewSyscallError("connect", err)
	}
	// On one machine it is connected by now, and one thing less is to be waited for.
	await := uint32(unix.EPOLLIN | unix.EPOLLRDHUP)
	if _, err := s.Write(hello); err != nil {
		s.hello, await = hello, unix.EPOLLOUT
	}
	p.mu.Lock()
	p.conns[int32(fd)] = c //nolint:gosec // a descriptor is one
	p.mu.Unlock()
	return os.NewSyscallError("epoll_ctl", p.control(unix.EPOLL_CTL_ADD, fd, await))
}

func (p *poller) control(op, fd int, await uint32) error {
	return unix.EpollCtl(p.epfd, op, fd, &unix.EpollEvent{Events: await, Fd: int32(fd)}) //nolint:gosec // as above
}

// connected says hello where that had to wait, or learns why there is nobody.
func (p *poller) connected(c *Conn) {
	c.mu.Lock()
	s, ok := c.link.(*socket)
	if !ok { // it ended
		c.mu.Unlock()
		return
	}
	why, err := unix.GetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && why != 0 {
		err = os.NewSyscallError("connect", unix.Errno(why))
	}
	if err == nil {
		_, err = s.Write(s.hello)
	}
	if err == nil {
		s.hello = nil
		err = p.control(unix.EPOLL_CTL_MOD, s.fd, unix.EPOLLIN|unix.EPOLLRDHUP)
	}
	c.mu.Unlock()
	if err != nil {
		c.end(err)
	}
}

// resolve finds an address once; all connections go there.
func (p *poller) resolve(ctx context.Context, addr string) (netip.AddrPort, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at, known := p.resolved[addr]; known {
		return at, nil
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return netip.AddrPort{}, err
	}
	number, err := net.DefaultResolver.LookupPort(ctx, "tcp", port)
	if err != nil {
		return netip.AddrPort{}, err
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	ip := found[0]
	for _, one := range found { // a name of both kinds: IPv4, as the addresses of Loopback
		if one = one.Unmap(); one.Is4() {
			ip = one
			break
		}
	}
	at := netip.AddrPortFrom(ip, uint16(number)) //nolint:gosec // a port is one
	p.resolved[addr] = at
	return at, nil
}

// sockaddr is an address as the system wants it.
func sockaddr(at netip.AddrPort) unix.Sockaddr {
	if at.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(at.Port()), Addr: at.Addr().As16()}
}

// socket is a descriptor that a poller reads. The Conn's lock keeps it from being closed
// while it is used.
type socket struct {
	fd    int
	by    *poller
	hello []byte // to be said once it is connected; nil: it was
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
