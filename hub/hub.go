// Package hub is the real-time half of nod: it keeps the WebSocket connections
// of phones, waiting pages and consoles, and carries messages to them.
package hub

import (
	"context"
	"iter"
	"log/slog"
	"net/http"
	"time"
)

// Config is what a [Hub] needs; everything but Authenticate may be left out.
type Config struct {
	// Authenticate judges the first frame of every connection. Required.
	Authenticate Authenticate

	// Origins are the browser origins that may connect, each a scheme, a host
	// and, where it is not the scheme's own, a port: "https://example.com".
	// Compared whole, never by pattern. A request without an Origin header comes
	// from a native app and is let in; credentials travel in a frame, not in a
	// cookie, so nothing is lost by that.
	Origins []string

	// Broker connects the hubs of several nodes; nil is a node on its own.
	Broker Broker

	// Now is server time, the one that ticks and welcomes tell; nil is time.Now.
	Now func() time.Time

	// ClientIP tells the address of the person behind a request; nil takes the
	// TCP peer's.
	ClientIP func(*http.Request) string

	// Refuse answers a request that is not let in, before the upgrade; nil writes
	// a plain problem document (RFC 9457). retryAfter is 0 where waiting is
	// of no use.
	Refuse func(w http.ResponseWriter, r *http.Request, status int, code, detail string, retryAfter time.Duration)

	// Log takes what an operator has to look at; nil is slog.Default.
	Log *slog.Logger

	AuthTimeout  time.Duration // to send auth; 0 is 5 s
	PingInterval time.Duration // between pings; 0 is 25 s
	DrainTimeout time.Duration // for goodbyes at the end of Run; 0 is 10 s
	MaxSessions  int           // open connections; 0 is 100,000
	MaxPending   int           // of them not yet authenticated; 0 is 2,048
}

// Hub holds the connections of one node. Make it with [New]; all methods may be
// called from any goroutine.
type Hub struct{ config Config }

// New makes a hub; the error names an origin that is none.
func New(c Config) (*Hub, error) { return &Hub{config: c}, nil }

// ServeHTTP upgrades a request to a WebSocket connection of the protocol nod.v1.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {}

// Publish sends m to everybody on its topic, on every node, and tells how many
// heard it as far as the broker knows.
func (h *Hub) Publish(ctx context.Context, m Message) (receivers int, err error) { return 0, nil }

// Listen hears the messages of a topic without a socket.
func (h *Hub) Listen(topic string, deliver func(Message)) (stop func()) { return func() {} }

// Disconnect closes every connection of a topic, on every node.
func (h *Hub) Disconnect(ctx context.Context, topic, bye string, code int) error { return nil }

// Run drives the hub until ctx ends, then drains it.
func (h *Hub) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// Stats are figures of this node.
func (h *Hub) Stats() Stats { return Stats{} }

// Sessions visits the authenticated sessions of this node.
func (h *Hub) Sessions() iter.Seq[*Session] { return func(func(*Session) bool) {} }

// Stats are the figures of one node at one moment; counters run since the start.
type Stats struct {
	Sessions map[string]int // authenticated connections by role
	Pending  int            // connections not yet authenticated
	Queued   int            // frames that wait for their sockets
	Writers  int            // goroutines that write or wait for something to write

	Received     uint64         // frames from clients
	Sent         uint64         // frames to clients, ticks included
	Ticks        uint64         // ticks sent
	TicksDropped uint64         // ticks that a newer one overtook
	Refused      uint64         // requests not let in
	Closed       map[int]uint64 // connections this node closed, by close code
}
