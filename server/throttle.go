package server

import (
	"hash/maphash"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"nod/hub"
	"nod/verify"
)

const (
	requestsPerMinute = 600         // of one address, where nothing else is set
	failedCost        = 10          // requests that one refused credential counts as
	throttleSets      = 1 << 12     // with throttleWays: 32,768 addresses in 0.8 MB
	throttleWays      = 8           // places that one address may have
	throttledPause    = time.Minute // between two lines of the log about it
	operatorsKnown    = 1024        // console sessions that a throttle knows
)

// throttle holds back an address that asks too much, before anything is done for it.
// It is this node's own and forgets with it: what must hold on all nodes and over a
// restart (codes, guesses, prompts) is limited by rules over rows.
//
// Each address has a bucket of a minute's requests that fills evenly, kept as the one
// time at which it would be full again (the generic cell rate algorithm, ITU-T I.371,
// annex A). The buckets are a fixed table: a hash says which few places an address may
// have, and in a full row the one that owes least makes room. So a flood of addresses
// costs no memory, and frees at most who has hardly asked.
//
// A nil throttle holds back nobody.
type throttle struct {
	seed  maphash.Seed
	begun time.Time
	pace  time.Duration // what one request takes to be forgotten
	sets  []throttleSet

	refused prometheus.Counter
	mu      sync.Mutex
	spokeAt time.Time
}

type throttleSet struct {
	mu  sync.Mutex
	own [throttleWays]bucket
}

// bucket is an address with the time, in nanoseconds since the throttle began, at
// which it owes nothing any more.
type bucket struct {
	address [16]byte
	full    time.Duration
}

// newThrottle makes one for so many requests a minute; 0 is the default and less than
// 0 none.
func newThrottle(perMinute int, r prometheus.Registerer) (*throttle, error) {
	if perMinute < 0 {
		return nil, nil
	}
	if perMinute == 0 {
		perMinute = requestsPerMinute
	}
	t := &throttle{
		seed: maphash.MakeSeed(), begun: time.Now(), pace: time.Minute / time.Duration(perMinute), sets: make([]throttleSet, throttleSets),
		refused: prometheus.NewCounter(prometheus.CounterOpts{Name: "nod_http_throttled_total", Help: "Requests that were refused unseen: too many from one address."}),
	}
	return t, r.Register(t.refused)
}

// take counts a request of an address ([hub.Address]) and returns 0, or how long to
// wait until it would be let in; then it is not counted.
func (t *throttle) take(a netip.Addr) (wait time.Duration) { return t.count(a, 1, false) }

// charge counts requests that are answered already, up to an empty bucket.
func (t *throttle) charge(a netip.Addr, requests int) { t.count(a, requests, true) }

func (t *throttle) count(a netip.Addr, requests int, answered bool) (wait time.Duration) {
	address := a.As16()
	now := time.Since(t.begun)
	set := &t.sets[maphash.Bytes(t.seed, address[:])%throttleSets]
	set.mu.Lock()
	defer set.mu.Unlock()
	b := set.of(address)
	ahead := max(b.full-now, 0) + time.Duration(requests)*t.pace
	if ahead > time.Minute && !answered {
		return ahead - time.Minute
	}
	b.full = now + min(ahead, time.Minute)
	return 0
}

// of is the bucket of an address. One that has none takes the place of who owes least.
func (s *throttleSet) of(address [16]byte) *bucket {
	least := &s.own[0]
	for i := range s.own {
		b := &s.own[i]
		if b.address == address {
			return b
		}
		if b.full < least.full {
			least = b
		}
	}
	*least = bucket{address: address}
	return least
}

// unlimited are the addresses that cost nothing to answer or are guarded by
// themselves: what a balancer asks every second, files, sockets (the hub has limits
// of its own), and providers, of whom many come from one address.
func unlimited(path string) bool {
	switch path {
	case "/healthz", "/readyz", "/metrics", "/ws", "/phone-worker.js", "/phone.webmanifest", "/docs.css":
		return true
	}
	return strings.HasPrefix(path, "/assets/") || strings.HasPrefix(path, "/webhooks/")
}

// throttled refuses what an address asks too much. An integrator's server speaks for
// many people, so a call with an API key is never counted; nor is an operator, who may
// sit behind the very address that floods. A credential that is refused is a guess, and
// dearer than a question.
func (s *Server) throttled(next echo.HandlerFunc) echo.HandlerFunc {
	if s.throttle == nil {
		return next
	}
	return func(c echo.Context) error {
		r := c.Request()
		if unlimited(r.URL.Path) || s.sentWithKey(r) {
			return next(c)
		}
		a := hub.Address(c.RealIP())
		if wait := s.throttle.take(a); wait > 0 && !s.operators.known(r, s.consoleCookie) {
			s.throttle.refused.Inc()
			if s.throttle.speaks() {
				s.log.WarnContext(r.Context(), "an address asks more than it may; more of them are only counted for a minute. Were it a proxy of yours, NOD_TRUSTED_PROXIES should name it",
					"private", a.IsPrivate() || a.IsLoopback(), "requests_per_minute", int(time.Minute/s.throttle.pace))
			}
			p := newProblem(verify.CodeRateLimited, "Too many requests have come from your address. Wait a moment, then try again.")
			p.RetryAfter = verify.Rest(wait)
			writeProblem(c.Response(), p)
			return nil
		}
		err := next(c)
		if c.Response().Status == http.StatusUnauthorized {
			s.throttle.charge(a, failedCost-1)
		}
		return err
	}
}

// speaks reports whether it is time for a line in the log again.
func (t *throttle) speaks() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if now.Sub(t.spokeAt) < throttledPause {
		return false
	}
	t.spokeAt = now
	return true
}

// sentWithKey reports whether a request carries a good API key.
func (s *Server) sentWithKey(r *http.Request) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	return strings.EqualFold(scheme, "Bearer") && strings.HasPrefix(token, keyPrefix) && s.hasKey(s.keys.Hash("api_key", token))
}

// operators knows console sessions that this node has let in, by a hash that nobody
// outside can make: to know one again costs no signature. It lets nobody in.
type operators struct {
	seed maphash.Seed
	mu   sync.Mutex
	ends map[uint64]time.Time
}

func newOperators() *operators {
	return &operators{seed: maphash.MakeSeed(), ends: map[uint64]time.Time{}}
}

// remember keeps a session until its end.
func (o *operators) remember(token string, end time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.ends) >= operatorsKnown {
		clear(o.ends) // each is known again after its next call
	}
	o.ends[maphash.String(o.seed, token)] = end
}

// known reports whether a request comes from a session that is remembered.
func (o *operators) known(r *http.Request, cookie string) bool {
	_, bearer, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	tokens := []string{strings.TrimSpace(bearer)}
	if c, err := r.Cookie(cookie); err == nil {
		tokens = append(tokens, c.Value)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, token := range tokens {
		if time.Now().Before(o.ends[maphash.String(o.seed, token)]) {
			return true
		}
	}
	return false
}
