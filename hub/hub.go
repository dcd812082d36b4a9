// Package hub is the real-time half of nod: it holds the WebSocket connections
// of phones, waiting pages and consoles and carries messages to them.
//
// # Promise
//
// A message reaches everybody on its topic, in the order of publishing, once. A
// peer that does not read, does not authenticate or talks rubbish costs a
// bounded amount of memory and time, and never delays another. An idle connection
// costs one goroutine and less than 11 KB. The hub knows neither verifications
// nor credentials: [Authenticate] says who somebody is, [Client] what is said.
//
// It promises no delivery: a message is a hint that something was stored.
// Whoever connects, or was cut off, is told the present state by Client.Open,
// and no message falls between that state and the first delivery. On several
// nodes the [Broker] carries messages, and may lose them: an application that
// finds one missing tells it with [Hub.Tell], and one that has lost count has
// everybody come again with [Hub.Recall].
//
// # Why it is built so
//
// Reading needs a goroutine for each connection; nothing else does. One [wheel]
// rings for pings, deadlines and ticks; writing is done on demand by [writers],
// as many as have something to do; a tick is no message but a mark on the
// session, turned into bytes when it is written, so it cannot queue. PROTOCOL.md
// tells what is spoken on the wire.
//
// # A session's life
//
//	        ServeHTTP            auth judged                 Open returned
//	request ─────────▶ greeting ─────────────▶ opening ────────────────▶ open
//	   │                  │                      │                         │
//	   │ 403 400 429 503 *│ 4401 4408 4400 …     │ replaced, draining,     │
//	   ▼                  ▼                      ▼ refused …               ▼
//	refused            ending: queued frames, bye, close frame, peer's close frame (≤ 5 s)
//	                      │
//	                      ▼        socket lost, or peer closed: from any state at once
//	                    ended: left its topic, Client.Closed called
//
// * 503 when the node is full, or more connections come at once than it may take. 429
// when one address has more than its share of either. Both are counted before anything
// of the request is looked at but where it comes from.
//
// # A storm
//
// A node or a network that dies sends thousands to another node in one moment. They
// are let in as fast as the machine can do it, which is what decides how long it
// takes: upgrades and judgements stand in one [line] and are done 64 at a time for
// each core. So a sign-in beside them waits behind 64 at most, and the store is asked
// by a few hundred together, never by ten thousand. [Config].AcceptRate and MaxPending
// bound what a flood may cost beyond that: they let a storm of 10,000 on two cores
// wait in line, where a refusal would cost as much as an upgrade and bring everybody
// back for another.
package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime"
	"sync"
	"time"
)

// Config is what a [Hub] needs. Everything but Authenticate may be left out.
type Config struct {
	// Authenticate judges the first frame of every connection. Required.
	Authenticate Authenticate

	// Origins are the browser origins that may connect, each a scheme, a host
	// and, where it is not the scheme's own, a port: "https://example.com". A
	// request without an Origin header comes from a native app and is let in;
	// credentials travel in a frame, not in a cookie, so nothing is lost by that.
	Origins []string

	// Broker connects the hubs of several nodes; nil is a node on its own.
	Broker Broker

	// Now is server time, the one that welcomes and ticks tell; nil is time.Now.
	Now func() time.Time

	// ClientIP tells the address of the person behind a request; nil takes the
	// TCP peer's.
	ClientIP func(*http.Request) string

	// Refuse answers a request that is not let in, before the upgrade; nil writes
	// a plain problem document (RFC 9457). retryAfter is 0 where waiting does
	// not help.
	Refuse func(w http.ResponseWriter, r *http.Request, status int, code, detail string, retryAfter time.Duration)

	// Log takes what an operator has to look at; nil is slog.Default.
	Log *slog.Logger

	AuthTimeout  time.Duration // for a client to send auth; 0 is 5 s
	PingInterval time.Duration // between pings; 0 is 25 s
	DrainTimeout time.Duration // for goodbyes at the end of Run; 0 is 10 s
	MaxSessions  int           // connections at once; 0 is 100,000
	MaxPending   int           // of them not yet authenticated; 0 is an eighth of MaxSessions
	AcceptRate   int           // new connections a second, and as many at once; 0 is 5,000 for each core that Go uses

	// MaxPerIP is how many connections one client [Address] may hold; 0 is 1,000,
	// which a carrier or a large office may need, for thousands of phones stand behind
	// one IPv4 address there. Negative: addresses are not limited, here and below.
	MaxPerIP int
	// MaxPendingPerIP is how many of them may be not yet authenticated, and how many
	// may come in a second; 0 is an eighth of MaxPerIP, at least 128.
	MaxPendingPerIP int
}

func (c Config) withDefaults() Config {
	def(&c.AuthTimeout, 5*time.Second)
	def(&c.PingInterval, 25*time.Second)
	def(&c.DrainTimeout, 10*time.Second)
	def(&c.MaxSessions, 100_000)
	def(&c.MaxPending, max(c.MaxSessions/8, 1))
	def(&c.AcceptRate, 5_000*runtime.GOMAXPROCS(0))
	def(&c.MaxPerIP, 1_000)
	def(&c.MaxPendingPerIP, max(c.MaxPerIP/8, 128))
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.ClientIP == nil {
		c.ClientIP = remoteIP
	}
	if c.Refuse == nil {
		c.Refuse = refuse
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c
}

func def[T int | time.Duration](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}

// Hub holds the connections of one node. Make it with [New] and drive it with
// Run; all methods may be called from any goroutine.
type Hub struct {
	config  Config
	origins map[origin]bool
	broker  Broker
	topics  *topics
	wheel   *wheel
	writers *writers
	line    line
	figures figures
	faults  faults

	// alive is the context of everything clients do; it ends with Run.
	alive context.Context
	kill  context.CancelFunc

	mu       sync.Mutex
	sessions map[*Session]struct{}
	crowd    crowd
	roles    map[string]int // of those that have authenticated
	draining bool
	open     sync.WaitGroup // one for each place
}

// New makes a hub. Its error names an origin that is none.
func New(c Config) (*Hub, error) {
	h := &Hub{
		config:   c.withDefaults(),
		origins:  make(map[origin]bool),
		topics:   newTopics(),
		wheel:    newWheel(),
		writers:  newWriters(),
		line:     make(line, turnsPerCore*runtime.GOMAXPROCS(0)),
		sessions: make(map[*Session]struct{}),
		crowd:    crowd{addresses: make(map[netip.Addr]*address)},
		roles:    make(map[string]int),
	}
	for _, s := range c.Origins {
		o, err := parseOrigin(s)
		if err != nil {
			return nil, fmt.Errorf("allowed origin %q: %w", s, err)
		}
		h.origins[o] = true
	}
	if h.broker = c.Broker; h.broker == nil {
		h.broker = newLocal(h.deliver)
	}
	h.alive, h.kill = context.WithCancel(context.Background())
	return h, nil
}

// MaxPerIP is how many connections one client [Address] may hold; negative: any
// number.
func (h *Hub) MaxPerIP() int { return h.config.MaxPerIP }

// Publish sends m to everybody on its topic, on every node, and tells how many
// heard it, as far as the broker knows.
func (h *Hub) Publish(ctx context.Context, m Message) (receivers int, err error) {
	return h.broker.Publish(ctx, m)
}

// Disconnect closes every connection on topic, on every node, with the reason
// and the close code given.
func (h *Hub) Disconnect(ctx context.Context, topic, bye string, code int) error {
	_, err := h.broker.Publish(ctx, closeMessage(topic, closing{Code: code, Bye: bye}))
	return err
}

// Listen hears the messages of a topic without a socket, in publish order, one
// call at a time. deliver must not block and must not call the hub. After stop
// has returned it is not called any more.
func (h *Hub) Listen(topic string, deliver func(Message)) (stop func()) {
	l, id := &listener{deliver}, newConnectionID()
	h.topics.listen(topic, l)
	if err := h.broker.Join(h.alive, topic, id, h.config.Now(), false); err != nil {
		h.complain(id, "the broker did not take it", err)
	}
	return sync.OnceFunc(func() {
		h.topics.unlisten(topic, l)
		h.broker.Leave(topic, id)
	})
}

// Tell hands m to everybody on its topic on this node only and counts them: for
// an application that finds out by itself what a broker should have brought.
func (h *Hub) Tell(m Message) (heard int) { return h.deliver(m) }

// deliver is where messages of the broker arrive.
func (h *Hub) deliver(m Message) int {
	if m.Kind != kindClose {
		return h.topics.deliver(m)
	}
	var c closing
	if err := json.Unmarshal(m.Data, &c); err != nil {
		h.config.Log.Error("close message cannot be read", "topic", m.Topic, "error", err)
		return 0
	}
	return h.topics.closeAll(m.Topic, c.Except, &violation{code: c.Code, reason: c.Bye, bye: c.Bye})
}

// Sessions visits the authenticated sessions of this node, in no order.
func (h *Hub) Sessions() iter.Seq[*Session] {
	return func(yield func(*Session) bool) {
		for _, s := range h.present() {
			if s.admitted.Load() && !yield(s) {
				return
			}
		}
	}
}

func (h *Hub) present() []*Session {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]*Session, 0, len(h.sessions))
	for s := range h.sessions {
		all = append(all, s)
	}
	return all
}

// clock is server time in milliseconds.
func (h *Hub) clock() int64 { return h.config.Now().UnixMilli() }

func (h *Hub) serverTime() string { return h.config.Now().UTC().Format(timeFormat) }

// reserve takes a place for a connection from ip that is about to be upgraded, or
// says why there is none.
func (h *Hub) reserve(ip string) (*address, *refusal) {
	a, no, warns := h.enroll(Address(ip), time.Now())
	if warns {
		h.config.Log.Warn("an address holds as many connections as it may: if it is a proxy of yours, name it, so that the clients behind it are told apart", "limit", h.config.MaxPerIP)
	}
	return a, no
}

// enroll is reserve, and says whether operators are to hear of it: they do without the
// lock, which everybody needs.
func (h *Hub) enroll(from netip.Addr, now time.Time) (a *address, no *refusal, warns bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.draining {
		return nil, full(CauseDraining, "This server is going down. Connect again, another one answers."), false
	}
	if a, no = h.crowd.enter(from, &h.config, now); no == nil {
		h.open.Add(1)
		return a, nil, false
	}
	return nil, no, no.cause == CauseAddressFull && h.crowd.warns(now)
}

// release gives back the place of a connection that was not upgraded.
func (h *Hub) release(a *address) {
	h.mu.Lock()
	h.crowd.settle(a)
	h.crowd.leave(a)
	h.mu.Unlock()
	h.open.Done()
}

// enter starts the session's clock.
func (h *Hub) enter(s *Session) {
	h.mu.Lock()
	h.sessions[s] = struct{}{}
	draining := h.draining
	h.mu.Unlock()
	s.mu.Lock()
	s.authBy = time.Now().Add(h.config.AuthTimeout)
	s.planLocked()
	s.mu.Unlock()
	if draining { // since the place was taken
		s.close(&violation{code: CloseGoingAway, reason: ByeDraining, bye: ByeDraining})
	}
}

func (h *Hub) admitted(s *Session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.crowd.settle(s.from)
	h.roles[s.identity.Role]++
}

// forget gives back the place of a session that has ended.
func (h *Hub) forget(s *Session) {
	h.mu.Lock()
	delete(h.sessions, s)
	if s.admitted.Load() {
		h.roles[s.identity.Role]--
	} else {
		h.crowd.settle(s.from)
	}
	h.crowd.leave(s.from)
	h.mu.Unlock()
	h.open.Done()
}
