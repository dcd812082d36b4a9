// Package server is nod's front door: HTTP for integrators, pages and phones,
// and the judge and voice of the hub's connections.
//
// It decides who may ask ([who]), reads what is asked into Go types, lets package
// verify decide inside the store's transaction, and tells the outcome: every
// answer about a verification is one status body ([Status]), every refusal one
// problem document ([Problem]). It holds no rule and keeps no state of a
// verification.
//
// # Many nodes
//
// Nobody who is connected depends on which node did something. What is committed
// is published ([Server.Announce]) as a hint, which the hub's broker may lose; so
// with [Config].Repair each node reads every two seconds what changed, by the
// store's clock, and tells its own connections what they have not heard: within
// three seconds, each event once and in order. A node that could not read for
// minutes has its connections come again instead.
//
// When the store hangs or is away, every request that needs it is answered with
// 503 and Retry-After within two seconds, connections stay open, and the log says
// so once.
//
// # Floods
//
// What one address asks too much of a node is refused before anything is done for it
// (throttle.go), who waits for news has few places, and a request has to arrive in
// seconds. All that is this node's own and forgets: what must hold on every node and
// over a restart is counted in rows, by the rules of package verify.
//
// All routes stand on one page (routes.go). The OpenAPI document, validation and
// the answers come from the same Go types. No credential is read from a URL, and
// none reaches a log line, a metric or an error.
package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"nod/analytics"
	"nod/delivery"
	"nod/hub"
	"nod/verify"
)

// Config is what a [Server] needs. Authority, Policy, Store and Hub are
// required, everything else may be left out.
type Config struct {
	Authority *verify.Authority // its URL is the public URL
	Policy    *verify.Policy
	Store     Store
	Hub       *hub.Hub
	Outbox    *delivery.Outbox // the simulator's messages; nil without it
	Decisions Decisions        // for codes, answers of phones, their tokens, and exchanges; nil: Store

	// Receivers read what providers call this server with, by provider; they are
	// served at /webhooks/{provider}/status.
	Receivers map[string]delivery.Receiver

	// Webhooks keeps what the integrator is told, and WebhookHost is where it goes,
	// to be shown to operators; nil and empty: webhooks are off.
	Webhooks    Webhooks
	WebhookHost string

	// Analytics keeps what was counted of everybody's events; nil: analytics are
	// off, a user's own figures too. Price is what one SMS to a country costs, for
	// what sign-ins without one have saved (nil: unknown), and Rules is what the
	// recommendations are measured by.
	Analytics Analytics
	Price     analytics.PriceOf
	Rules     analytics.Rules

	// Providers says how the providers of messages do, as this node finds them, for
	// consoles; nil: there are none. It is asked every second.
	Providers func() []ProviderStats

	// Ready says whether a load balancer may send requests here, beside the store;
	// nil: it always may.
	Ready func() error
	// Repair has the server read every two seconds what changed: on other nodes, for
	// what a broker has lost, and here, for what was committed without an answer.
	Repair bool

	// APIKeys are the hashes of the API keys: Keys.Hash("api_key", key).
	APIKeys []string
	// UserTokens says which foreign user tokens are accepted besides nod's own.
	UserTokens UserTokens

	// AllowedOrigins are the browser origins beside the public URL's own that
	// may call, as "https://example.com".
	AllowedOrigins []string
	// TrustedProxies are the peers whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix

	// RequestsPerMinute is how much one address may ask of this node, calls with an
	// API key and consoles apart (IPv6 by /64); 0: 600; less than 0: any number.
	RequestsPerMinute int
	// Place tells in which country an address is, as ISO 3166-1 alpha-2, or an empty
	// string; nil: it is never known. It must be safe for concurrent use and quick.
	Place func(ip string) string

	Pages fs.FS        // the built pages; nil: none
	Demo  http.Handler // the demo's integrator, at /demo; nil: no demo

	// PushKey is the public VAPID key that a page subscribes to Web Push with: an
	// uncompressed P-256 point in base64url (RFC 8292, section 3.2). Empty: Web Push
	// is off.
	PushKey string
	// CheckPush says what makes a push target unusable, to the app's developer and
	// without repeating any of it. It asks nobody. Nil: none is checked.
	CheckPush func(verify.PushTarget) error

	Version  string
	Log      *slog.Logger         // nil: slog.Default()
	Registry *prometheus.Registry // nil: one of its own
	// MetricsApart keeps /metrics off this server: it is served elsewhere.
	MetricsApart bool
}

// Server answers HTTP requests and stands behind the hub's connections. Make it
// with [New]; it is safe for concurrent use.
type Server struct {
	authority *verify.Authority
	keys      *verify.Keys
	policy    *verify.Policy
	store     Store
	decisions Decisions
	hub       *hub.Hub
	apiKeys   []string
	users     *foreignUsers
	origins   []string // allowed, the public URL's own first
	config    Config
	log       *slog.Logger
	echo      *echo.Echo
	traffic   *traffic
	live      *live
	retired   atomic.Bool
	repaired  *repairFigures
	receipts  *receipts
	reports   reports
	throttle  *throttle
	operators *operators

	consoleCookie string
	own           []string // the names, without ports, that this server goes by

	// What may fail many times a second.
	unpublished, unrepaired, unrecorded, unanswered, unlocked, unfit trouble

	document func() ([]byte, error) // the OpenAPI document
	manual   func() []byte          // the same for people
}

// New makes a server. The error names the setting that is wrong.
func New(c Config) (*Server, error) {
	if c.Authority == nil || c.Policy == nil || c.Store == nil || c.Hub == nil {
		return nil, errors.New("making a server: authority, policy, store and hub are required")
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Decisions == nil {
		c.Decisions = c.Store
	}
	if c.Ready == nil {
		c.Ready = func() error { return nil }
	}
	if c.Registry == nil {
		c.Registry = prometheus.NewRegistry()
	}
	s := &Server{
		authority: c.Authority, keys: c.Authority.Keys(), policy: c.Policy,
		store: c.Store, decisions: c.Decisions, hub: c.Hub, apiKeys: c.APIKeys, config: c, log: c.Log, live: newLive(), reports: newReports(), operators: newOperators(),
		unpublished: trouble{log: c.Log, what: "changes are not published, readers repair it"},
		unrepaired:  trouble{log: c.Log, what: "the store fails connections that missed something, they wait"},
		unrecorded:  trouble{log: c.Log, what: "connected devices are not recorded"},
		unanswered:  trouble{log: c.Log, what: "the store fails frames of connections"},
		unlocked:    trouble{log: c.Log, what: "verifications beside the one that was locked do not say so"},
		unfit:       trouble{log: c.Log, what: "this node is not ready"},
	}
	own, err := url.Parse(c.Authority.URL())
	if err != nil || own.Host == "" {
		return nil, errors.New("making a server: the public URL needs a scheme and a host")
	}
	s.origins = append([]string{own.Scheme + "://" + own.Host}, c.AllowedOrigins...)
	s.own = namesOf(s.origins)
	s.consoleCookie = consoleCookie(own.Scheme)
	if s.users, err = newForeignUsers(c.UserTokens, c.Authority.URL()); err != nil {
		return nil, fmt.Errorf("making a server: %w", err)
	}
	if s.traffic, err = newTraffic(c.Registry, c.Hub); err != nil {
		return nil, fmt.Errorf("making a server: registering its metrics: %w", err)
	}
	if s.repaired, err = newRepairFigures(c.Registry, c.Repair); err != nil {
		return nil, fmt.Errorf("making a server: registering its metrics: %w", err)
	}
	if s.receipts, err = newReceipts(c.Registry); err != nil {
		return nil, fmt.Errorf("making a server: registering its metrics: %w", err)
	}
	if s.throttle, err = newThrottle(c.RequestsPerMinute, c.Registry); err != nil {
		return nil, fmt.Errorf("making a server: registering its metrics: %w", err)
	}
	skew := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "nod_clock_skew_seconds", Help: "The store's clock less this node's.",
	}, func() float64 { return time.Duration(s.live.skew.Load()).Seconds() })
	if err := c.Registry.Register(skew); err != nil {
		return nil, fmt.Errorf("making a server: registering its metrics: %w", err)
	}
	s.open()
	// Before the first request: a phone that is told a wrong time signs with it, and
	// is refused a moment later.
	ctx, cancel := context.WithTimeout(context.Background(), storeLimit)
	defer cancel()
	if _, err := s.followClock(ctx); err != nil {
		return nil, fmt.Errorf("making a server: reading the store's clock: %w", err)
	}
	return s, nil
}

// open sets up the router and what describes it, written when it is first asked for.
func (s *Server) open() {
	s.echo = echo.New()
	s.echo.HTTPErrorHandler = s.refuse
	s.echo.IPExtractor = ClientIP(s.config.TrustedProxies)
	// Whoever asks too much is refused before there is an id or a line in the log.
	s.echo.Use(s.guard, s.cors, s.throttled, s.observe, unescapeParams)
	api := s.newAPI()
	s.route(api)
	s.manual = sync.OnceValue(func() []byte { return manual(api.OpenAPI()) })
	s.document = sync.OnceValues(func() ([]byte, error) { return json.MarshalIndent(api.OpenAPI(), "", "\t") })
}

// Handler answers every request of the public address.
func (s *Server) Handler() http.Handler { return s.echo }
