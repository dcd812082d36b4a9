package redisbroker

import (
	"context"
	"crypto/tls"
	"net"
)

// dialer connects with or without TLS and has the kernel give up a connection
// on which nothing is acknowledged (see control).
func dialer(secure *tls.Config) func(ctx context.Context, network, addr string) (net.Conn, error) {
	plain := &net.Dialer{Timeout: dialLimit, Control: control}
	if secure == nil {
		return plain.DialContext
	}
	return (&tls.Dialer{NetDialer: plain, Config: secure}).DialContext
}
