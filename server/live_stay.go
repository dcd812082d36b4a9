package server

import (
	"context"
	"net"
	"time"
)

// streamBuffer is what the kernel keeps for a reader of events that does not read.
// Left to itself, Linux grows it to megabytes.
const streamBuffer = 16 << 10

// restLimit is how long the body may take of a request that was answered without it.
const restLimit = 5 * time.Second

type connKey struct{}

// ConnContext is the ConnContext of the [http.Server] in front. That bounds how long
// a request may take to arrive (ReadTimeout), which would end the long polls and the
// streams too: with their connection at hand, those lift it.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// stay takes a place for a request that waits for news; leave gives it back, and has
// what of the request has not been read come as soon as any other.
func (s *Server) stay(ctx context.Context) (leave func(), err error) {
	giveBack, err := s.live.room.enter(callerFrom(ctx), s.hub.MaxPerIP()/streamPrice)
	c, ok := ctx.Value(connKey{}).(net.Conn)
	if err != nil || !ok {
		return giveBack, err
	}
	_ = c.SetReadDeadline(time.Time{})
	return func() {
		_ = c.SetReadDeadline(time.Now().Add(restLimit))
		giveBack()
	}, nil
}

// narrow bounds what a stream's connection holds for its reader.
func narrow(ctx context.Context) {
	if c, ok := ctx.Value(connKey{}).(interface{ SetWriteBuffer(bytes int) error }); ok {
		_ = c.SetWriteBuffer(streamBuffer) // as much as the kernel grants
	}
}
