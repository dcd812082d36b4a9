package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"maps"
	"sync"
	"time"

	"nod/hub"
	"nod/verify"
)

// nodeFigures is the data of a figures frame: one node, now.
type nodeFigures struct {
	Node         string           `json:"node"` // its process; another after a restart
	ServerTime   string           `json:"server_time"`
	Sessions     map[string]int   `json:"sessions"` // open sockets by role
	Pending      int              `json:"pending"`  // not yet authenticated
	Streams      int              `json:"streams"`  // event streams and long polls
	Queued       int              `json:"queued"`   // frames that wait for their sockets
	Received     uint64           `json:"received"` // frames since the start, as all that follow
	Sent         uint64           `json:"sent"`
	Ticks        uint64           `json:"ticks"`
	TicksDropped uint64           `json:"ticks_dropped"`
	Refused      uint64           `json:"refused"`
	Closed       map[int]uint64   `json:"closed"`     // by close code
	ClockSkew    float64          `json:"clock_skew"` // the store's clock less this node's, in seconds
	Outbox       bool             `json:"outbox"`     // whether messages are simulated: GET /api/v1/outbox has them
	Providers    []providerHealth `json:"providers"`  // as this node finds them
	Skipped      int              `json:"skipped"`    // events this console was not told in the last second; of its own node
}

func (s *Server) nodeFigures() nodeFigures {
	now := s.hub.Stats()
	closed := map[int]uint64{} // an object, also while nothing was closed
	maps.Copy(closed, now.Closed)
	refused := uint64(0)
	for _, n := range now.Refused {
		refused += n
	}
	return nodeFigures{
		Node: s.live.node, ServerTime: verify.FormatTime(s.Now()), Sessions: now.Sessions, Pending: now.Pending,
		Streams: s.live.room.waiting(), Queued: now.Queued, Received: now.Received, Sent: now.Sent,
		Ticks: now.Ticks, TicksDropped: now.TicksDropped, Refused: refused, Closed: closed,
		ClockSkew: time.Duration(s.live.skew.Load()).Seconds(), Outbox: s.config.Outbox != nil,
		Providers: s.live.health.of(s.config.Providers),
	}
}

// publishFigures tells the consoles of every node how this one does. Where there is
// no console it costs the broker one look-up.
func (s *Server) publishFigures() {
	ctx, cancel := context.WithTimeout(context.Background(), announceLimit)
	defer cancel()
	s.publish(ctx, hub.Message{Topic: consoleTopic, Kind: kindFigures}, s.nodeFigures())
}

// newNodeName tells processes apart that one console hears of. It is no secret.
func newNodeName() string {
	var b [4]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// ProviderStats is what a node knows of a provider since its start.
type ProviderStats struct {
	Channel  verify.Channel
	Provider string
	State    string        // of its breaker: closed, half_open or open
	Sent     uint64        // messages that it was given
	Failed   uint64        // of these, not taken
	Latency  time.Duration // that its answers took, summed over Sent
}

// providerHealth is a provider as consoles see it.
type providerHealth struct {
	Channel   verify.Channel `json:"channel"`
	Provider  string         `json:"provider"`
	State     string         `json:"state"`
	Sent      uint64         `json:"sent"`
	Failed    uint64         `json:"failed"`
	LatencyMS float64        `json:"latency_ms"` // of its newest answers, on average; 0 before the first
}

// health knows how quickly providers have answered lately: on average over what
// came since the last look that found anything new. An average since the start
// would hide what is slow now.
type health struct {
	mu    sync.Mutex
	known map[string]answered // by channel and provider
}

type answered struct {
	sent      uint64
	latency   time.Duration
	latencyMS float64
}

func (h *health) of(providers func() []ProviderStats) []providerHealth {
	if providers == nil {
		return []providerHealth{}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	stats := providers()
	all := make([]providerHealth, len(stats))
	for i, p := range stats {
		name := string(p.Channel) + " " + p.Provider
		a := h.known[name]
		if p.Sent > a.sent {
			mean := (p.Latency - a.latency) / time.Duration(p.Sent-a.sent) //nolint:gosec // nobody sends so many
			a = answered{p.Sent, p.Latency, float64(mean.Microseconds()) / 1000}
			h.known[name] = a
		}
		all[i] = providerHealth{p.Channel, p.Provider, p.State, p.Sent, p.Failed, a.latencyMS}
	}
	return all
}
