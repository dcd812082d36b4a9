package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"nod/analytics"
	"nod/client"
	"nod/delivery"
	"nod/delivery/sms"
	"nod/hub"
	"nod/hub/redisbroker"
	"nod/server"
	"nod/server/demo"
	"nod/storage"
	"nod/verify"
	"nod/web"
)

const (
	// retireTime is how long one of several nodes goes on serving once it has said
	// that it is not ready: a balancer that looks every second has seen it by then.
	retireTime = 3 * time.Second
	// drainTime is how long a stopping nod may then take to say goodbye.
	drainTime = 20 * time.Second
	// startTime is how long a start waits for its database, with a pause between two
	// tries.
	startTime, startPause = 30 * time.Second, 500 * time.Millisecond
	// conversionSpan is how far back providers of SMS are compared.
	conversionSpan = 7 * 24 * time.Hour
)

// run wires the rooms together on a listener and blocks until ctx ends and all
// is put away. It prints on out what to open. Whole-program tests call it too.
func run(ctx context.Context, c config, listener net.Listener, out io.Writer, log *slog.Logger) error {
	if c.PublicURL == "" {
		c.PublicURL = "http://" + listener.Addr().String()
	}
	a, err := buildPatiently(ctx, c, log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	if err := a.greet(out); err != nil {
		return errors.Join(err, listener.Close(), a.close())
	}
	return errors.Join(a.serve(ctx, listener), a.close())
}

// app is the wired program.
type app struct {
	config     config
	log        *slog.Logger
	newKey     string // made at this first start; empty otherwise
	store      *storage.Store
	broker     *redisbroker.Broker // nil: this node is the only one
	ways       *ways
	hub        *hub.Hub
	dispatcher *delivery.Dispatcher
	server     *server.Server
	counting   *counting
	guarding   *guarding
	waiting    waiting
	registry   *prometheus.Registry
}

// buildPatiently builds, and waits for a database that starts later than nod does
// or is slow just then.
func buildPatiently(ctx context.Context, c config, log *slog.Logger) (*app, error) {
	enough := time.NewTimer(startTime)
	defer enough.Stop()
	for said := false; ; said = true {
		a, err := build(ctx, c, log)
		if err == nil || !storage.Unreachable(err) {
			return a, err
		}
		if !said {
			log.Warn("the database cannot be reached yet and is waited for", "seconds", startTime.Seconds(), "error", err)
		}
		select {
		case <-time.After(startPause):
		case <-enough.C:
			return nil, err
		case <-ctx.Done():
			return nil, err
		}
	}
}

// build makes every room; nothing runs yet. The hub asks the server who connects
// and the store tells it what was committed, but it is made of both: they are
// closed over here, before anything can happen.
func build(ctx context.Context, c config, log *slog.Logger) (*app, error) {
	a := &app{config: c, log: log, registry: prometheus.NewRegistry()}
	var err error
	if a.store, err = openStore(ctx, c, a.committed, log); err != nil {
		return nil, err
	}
	if err := a.wire(ctx); err != nil {
		return nil, errors.Join(err, a.close())
	}
	return a, nil
}

// close ends what lasts longer than serving.
func (a *app) close() error {
	var err error
	if a.broker != nil {
		err = a.broker.Close()
	}
	return errors.Join(err, a.store.Close())
}

// committed is told every change, after its commit.
func (a *app) committed(ch verify.Change) {
	a.dispatcher.Committed(ch) // first: a phone is to show it
	a.server.Announce(ch)
	a.guarding.note(ch.Events)
	if a.ways.poster != nil && len(ch.Events) > 0 {
		a.dispatcher.WakeWebhooks()
	}
}

func (a *app) wire(ctx context.Context) error {
	c := &a.config
	policy := c.Policy
	policy.Worker = rand.Text()
	a.counting = newCounting(a.store, c.Retention, a.log)
	a.guarding = newGuarding(a.store, &policy.Limits, a.log)
	if c.AutoDelays {
		policy.Predict = a.counting.predict
	}
	authority := verify.NewAuthority(a.store.Keys(), c.PublicURL)
	outbox, err := a.openWays(&policy)
	if err != nil {
		return err
	}
	policy.Limits.Price = a.ways.price
	keys, err := a.apiKeys(ctx)
	if err != nil {
		return err
	}
	var bank http.Handler
	if c.demo() {
		key := a.store.Keys().DemoKey()
		apiKey := demoAPIKey(key)
		keys = append(keys, hashAPIKey(a.store.Keys(), apiKey))
		bank = demo.New(demo.Config{
			Client: client.New(c.PublicURL, apiKey), Key: key,
			PublicURL: c.PublicURL, Log: a.log, ClientIP: server.ClientIP(c.Proxies), Senders: a.ways.senders(),
		})
	}
	var broker hub.Broker
	var ready func() error
	if c.RedisURL != "" {
		a.broker, err = redisbroker.Open(redisbroker.Config{URL: c.RedisURL, Log: a.log})
		if err != nil {
			return fmt.Errorf("opening Redis: %w", err)
		}
		broker, ready = a.broker, a.broker.Ready
	}
	a.hub, err = hub.New(hub.Config{
		Broker: broker,
		Authenticate: func(ctx context.Context, auth hub.Auth) (hub.Identity, hub.Client, error) {
			return a.server.Authenticate(ctx, auth)
		},
		Origins: append([]string{c.PublicURL}, c.Origins...), Now: func() time.Time { return a.server.Now() },
		ClientIP: server.ClientIP(c.Proxies), Refuse: server.Refuse, Log: a.log, MaxPerIP: c.guards.SocketsIP,
	})
	if err != nil {
		return fmt.Errorf("making the hub: %w", err)
	}
	settings := server.Config{
		Authority: authority, Policy: &policy, Store: a.store, Decisions: a.store.Reserved(), Hub: a.hub, Outbox: outbox,
		Ready:          ready,
		Repair:         c.sqlitePath() == "", // also alone: Postgres may have obeyed a COMMIT whose answer was lost
		APIKeys:        keys,
		UserTokens:     server.UserTokens{JWKSURL: c.UserJWKSURL, Secret: []byte(c.UserJWTSecret), Issuer: c.UserJWTIssuer},
		AllowedOrigins: c.Origins, TrustedProxies: c.Proxies,
		RequestsPerMinute: c.guards.RequestsIP, Place: c.guards.place(),
		Receivers: a.ways.receivers, PushKey: a.ways.pushKey, CheckPush: a.ways.checkPush,
		Pages: web.FS(), Demo: bank, Version: version, Log: a.log,
		Registry: a.registry, MetricsApart: c.MetricsAddr != "",
	}
	a.tell(&settings)
	if a.ways.poster != nil {
		settings.Webhooks, settings.WebhookHost = a.store, a.ways.webhookHost
	}
	if a.server, err = server.New(settings); err != nil {
		return err
	}
	if outbox != nil && a.several() {
		a.shareOutbox(outbox)
	}
	a.dispatcher = delivery.New(delivery.Config{
		Store: a.store, Authority: authority, Policy: &policy, Channels: a.ways.channels, Texts: a.ways.texts,
		Webhooks: a.store, Poster: a.ways.poster, Log: a.log,
		Gate: a.ways.gate, GateTimeout: c.guards.Presend.Timeout, GateOpen: c.guards.Presend.Open,
	})
	return a.measure()
}

// tell gives the server what it tells operators: how providers do, what was counted
// and what that is measured by.
func (a *app) tell(s *server.Config) {
	s.Providers = a.ways.health
	if !a.config.Analytics {
		return
	}
	s.Analytics = a.store
	s.Rules = analytics.Rules{
		ResendDelays: s.Policy.ResendDelays, AutoDelays: a.config.AutoDelays,
		SMSProviders: a.config.providers.smsOrder(),
	}
	if router, paid := a.ways.channels[verify.SMS].(*sms.Router); paid && a.config.providers.Prices != nil {
		s.Price, s.Rules.Prices = router.Price, true
	}
}

// openWays makes the ways to people; the outbox is nil where nothing is simulated.
func (a *app) openWays(policy *verify.Policy) (outbox *delivery.Outbox, err error) {
	a.ways, err = newWays(&a.config, surroundings{
		callbacks: a.config.PublicURL, vapid: a.store.Keys().VAPID(),
		conversions: func(ctx context.Context) ([]verify.Conversion, error) {
			return a.store.Conversions(ctx, a.server.Now().Add(-conversionSpan))
		},
		tell: func(ctx context.Context, e verify.Event) {
			if err := a.store.Tell(ctx, e); err != nil {
				a.log.Warn("an event of a provider could not be written", "event", e.Name, "provider", e.Data.Provider, "error", err)
			}
		},
		log: a.log,
	})
	if err != nil {
		return nil, err
	}
	if box := (&delivery.Outbox{}); a.config.simulator() && a.ways.simulate(box) {
		outbox = box
	}
	for _, name := range a.ways.absent() {
		a.log.Warn("no provider is set up for this channel: nobody is reached over it", "channel", name)
	}
	a.ways.channels[verify.WebSocket] = delivery.Socket{Publish: func(ctx context.Context, device string, f verify.PromptFrame) (int, error) {
		return a.server.PublishPrompt(ctx, device, f)
	}}
	a.ways.allow(policy, a.config.providers.Voice)
	return outbox, nil
}

// several tells whether other nodes may run beside this one.
func (a *app) several() bool { return a.broker != nil }

// apiKeys are the hashes that are good; the first start makes a key.
func (a *app) apiKeys(ctx context.Context) ([]string, error) {
	hashes, err := a.config.apiKeyHashes(ctx, a.store)
	if err != nil || len(hashes) > 0 {
		return hashes, err
	}
	key := newAPIKey()
	hash := hashAPIKey(a.store.Keys(), key)
	if hashes, err = a.store.FirstAPIKey(ctx, hash); err != nil {
		return nil, fmt.Errorf("making an API key: %w", err)
	}
	if slices.Contains(hashes, hash) { // no other node was faster
		a.newKey = key
	}
	return hashes, nil
}

// greet says what to open. Keys are shown here, once, and never in the log.
func (a *app) greet(out io.Writer) error {
	text := fmt.Sprintf("\nnod %s\n\n  open     %s\n", version, a.config.PublicURL)
	switch {
	case a.newKey != "":
		text += fmt.Sprintf("  API key  %s\n           (shown once: keep it; `nod key` makes another)\n", a.newKey)
	case len(a.config.APIKeys) == 0:
		text += "  API key  the one shown at the first start; `nod key` makes another\n"
	}
	_, err := fmt.Fprintln(out, text)
	return err
}

// serve runs everything until ctx ends or a part fails, then drains all parts at
// once: sockets hear goodbye, requests and tries under way end. What a request
// still writes meanwhile is rows, for the next start or another node to deliver.
// One of several nodes first says that it is not ready and goes on for a moment,
// so that a balancer sends its requests elsewhere before the door closes.
func (a *app) serve(asked context.Context, listener net.Listener) error {
	ctx, stop := context.WithCancel(context.WithoutCancel(asked))
	defer stop()
	defer context.AfterFunc(asked, func() {
		a.server.Retire()
		if a.several() {
			select {
			case <-time.After(retireTime):
			case <-ctx.Done():
			}
		}
		stop()
	})()
	public := newFront(listener, a.config.guards.SocketsIP, a.config.Proxies)
	if err := a.registry.Register(public); err != nil {
		return errors.Join(fmt.Errorf("registering metrics: %w", err), listener.Close())
	}
	front := newHTTPServer(a.server.Handler(), a.log)
	parts := []func() error{
		func() error { return a.hub.Run(ctx) },
		func() error { return a.server.Run(ctx) },
		func() error { return a.dispatcher.Run(ctx) },
		func() error { return a.sweep(ctx) },
		func() error { a.counting.forget(ctx); return nil },
		func() error { a.guarding.watch(ctx); return nil },
		func() error { a.route(ctx); return nil },
		func() error { return serveUntil(ctx, front, public) },
	}
	if a.config.Analytics {
		parts = append(parts, func() error { a.counting.count(ctx); return nil })
	}
	if a.config.AutoDelays {
		parts = append(parts, func() error { a.counting.learn(ctx); return nil })
	}
	if a.config.MetricsAddr != "" {
		apart, err := listen(ctx, a.config.MetricsAddr)
		if err != nil {
			return errors.Join(err, listener.Close())
		}
		metrics := newHTTPServer(promhttp.HandlerFor(a.registry, promhttp.HandlerOpts{}), a.log)
		parts = append(parts, func() error { return serveUntil(ctx, metrics, apart) })
	}
	ended := make(chan error, len(parts))
	for _, part := range parts {
		go func() { ended <- part() }()
	}
	var err error
	for range parts {
		err = errors.Join(err, <-ended)
		stop() // one part that ends ends all
	}
	return err
}

// route lets the routers of providers measure and tell, until ctx ends.
func (a *app) route(ctx context.Context) {
	var all sync.WaitGroup
	for _, r := range a.ways.routers {
		all.Go(func() { r.Run(ctx) })
	}
	<-ctx.Done()
	all.Wait()
}

// sweep deletes what has expired, once a minute.
func (a *app) sweep(ctx context.Context) error {
	minute := time.NewTicker(time.Minute)
	defer minute.Stop()
	for {
		select {
		case <-minute.C:
			if err := a.store.Sweep(ctx); err != nil && ctx.Err() == nil {
				a.log.Warn("deleting what has expired failed, it is tried again in a minute", "error", err)
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// serveUntil serves until ctx ends, then lets the requests under way finish.
func serveUntil(ctx context.Context, s *http.Server, l net.Listener) error {
	failed := make(chan error, 1)
	go func() { failed <- s.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	last, stop := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer stop()
	err := s.Shutdown(last)
	if err != nil {
		err = errors.Join(fmt.Errorf("some requests did not end in %s: %w", drainTime, err), s.Close())
	}
	_ = <-failed // ErrServerClosed
	return err
}

// newHTTPServer bounds what a slow or silent client can hold: 5 s for a header, 10
// for the whole request, also one whose body nobody wants to read. A long poll is
// over well before WriteTimeout; a stream sets a deadline of its own with each write.
func newHTTPServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, ConnContext: server.ConnContext, MaxHeaderBytes: 16 << 10,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// measure registers the figures of the process and of the rooms that count.
func (a *app) measure() error {
	for _, c := range []prometheus.Collector{
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		figures{a},
	} {
		if err := a.registry.Register(c); err != nil {
			return fmt.Errorf("registering metrics: %w", err)
		}
	}
	return nil
}

func listen(ctx context.Context, addr string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w. Is something else running there? Set NOD_ADDR to another port", addr, err)
	}
	return l, nil
}

// newLogger writes to w: text for people, JSON for machines.
func newLogger(c config, w io.Writer) *slog.Logger {
	format := c.LogFormat
	if format == "" {
		format = "json"
		if f, ok := w.(*os.File); ok {
			if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
				format = "text"
			}
		}
	}
	opts := &slog.HandlerOptions{Level: c.LogLevel}
	if format == "text" {
		return slog.New(slog.NewTextHandler(w, opts))
	}
	return slog.New(slog.NewJSONHandler(w, opts))
}
