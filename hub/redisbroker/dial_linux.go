package redisbroker

import (
	"syscall"
	"time"
)

// TCP_USER_TIMEOUT of tcp(7), which package syscall does not name.
const tcpUserTimeout = 18

// unacknowledged is how long what we sent may wait for the peer's kernel. Without
// it a connection to a machine that is gone lives for a quarter of an hour.
const unacknowledged = 5 * time.Second

func control(_, _ string, c syscall.RawConn) error {
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(unacknowledged.Milliseconds()))
	})
	if err != nil {
		return err
	}
	return failed
}
