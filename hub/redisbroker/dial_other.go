//go:build !linux

package redisbroker

import "syscall"

// control does nothing where there is no TCP_USER_TIMEOUT: the probe alone finds
// a connection that is dead.
func control(_, _ string, _ syscall.RawConn) error { return nil }
