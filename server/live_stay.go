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

// stay takes a place for a request that waits for news; leave gives it back.
func (s *Server) stay(ctx context.Context) (leave func(), err error) {
	mostFrom := s.hub.MaxPerIP()
	if mostFrom > 0 {
		mostFrom = max(mostFrom/streamPrice, 1)
	}
	giveBack, err := s.live.room.enter(callerFrom(ctx), mostFrom)
	if err != nil {
		return nil, err
	}
	linger(ctx)
	return func() {
		hurry(ctx)
		giveBack()
	}, nil
}

// linger lets a connection be silent for as long as its request stays.
func linger(ctx context.Context) {
	if c, ok := ctx.Value(connKey{}).(net.Conn); ok {
		_ = c.SetReadDeadline(time.Time{})
	}
}

// hurry has what is left of a request come at once: HTTP reads it, wanted or not,
// before the header of the answer leaves, and would wait for ever.
func hurry(ctx context.Context) {
	if c, ok := ctx.Value(connKey{}).(net.Conn); ok {
		_ = c.SetReadDeadline(time.Now().Add(restLimit))
	}
}

// narrow bounds what a stream's connection holds for its reader.
func narrow(ctx context.Context) {
	if c, ok := ctx.Value(connKey{}).(interface{ SetWriteBuffer(bytes int) error }); ok {
		_ = c.SetWriteBuffer(streamBuffer) // as much as the kernel grants
	}
}
