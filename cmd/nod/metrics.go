package main

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"nod/delivery"
	"nod/delivery/sms"
	"nod/hub/redisbroker"
	"nod/verify"
)

// figures exposes what the hub, its broker, the dispatcher and its providers count, what waits in the
// store and how far it is counted. Names end in their unit; no label holds anything of a person.
type figures struct{ app *app }

var (
	sessions = desc("nod_hub_sessions", "Open, authenticated WebSocket connections.", "role")
	claimed  = desc("nod_dispatcher_claimed_total", "Due verifications that were taken.")
	late     = desc("nod_dispatcher_late_seconds_total", "How long after it was due each was taken, summed.")
	sent     = desc("nod_dispatcher_tries_total", "Tries by channel and what became of them.", "channel", "state")
	asked    = desc("nod_dispatcher_questions_total", "Questions to providers: what became of a message.", "result")
	taken    = desc("nod_dispatcher_withdrawals_total", "Phones that were told that a push is over.", "result")
	gated    = desc("nod_dispatcher_presend_total", "Questions to the integrator whether a code may leave; failed: no answer came.", "result")
	posted   = desc("nod_dispatcher_webhooks_total", "Tries to bring an event to the integrator; dropped: the outcome could not be written.", "result")
	lost     = desc("nod_dispatcher_lost_outcomes_total", "Outcomes that could not be written: the lease decides.")

	providerAnswers = desc("nod_provider_answers_total", "What providers of pushes, SMS and calls made of messages.", "channel", "provider", "state", "class")
	providerSeconds = desc("nod_provider_answer_seconds_total", "How long they took to say so, summed.", "channel", "provider")
	providerBreaker = desc("nod_provider_breaker_closed", "1 while this node gives the provider messages, 0 while it is passed over or tried.", "channel", "provider")

	limitsHit  = desc("nod_limits_hit_total", "Limits and budgets that were met, in what this node wrote.", "limit")
	suppressed = desc("nod_sends_suppressed_total", "Messages that were not sent because a limit, a rule or the integrator says so.", "reason")
	wrongCodes = desc("nod_wrong_codes_today", "Wrong codes of all users in the last 24 hours, on every node together.")
	spentToday = desc("nod_spend_today", "What codes have cost today (UTC), in the currency of the prices.")
	spendCap   = desc("nod_spend_cap", "What they may cost in a day; 0: any amount.")

	lag         = desc("nod_analytics_lag_seconds", "For how long the oldest event has waited to be counted, by whichever node.")
	queueDue    = desc("nod_queue_due", "Verifications that are due, on every node together.")
	queueOldest = desc("nod_queue_oldest_seconds", "For how long the oldest of them has been due.")

	redisAlive      = desc("nod_redis_alive", "1 while this node's own probe comes back through Redis.")
	redisRoundTrip  = desc("nod_redis_round_trip_seconds", "How long the last probe took.")
	redisReconnects = desc("nod_redis_reconnects_total", "Subscriptions of this node after the first.")
	redisEmptied    = desc("nod_redis_emptied_total", "Times that Redis had lost this node's entries and got them again.")
	redisPublished  = desc("nod_redis_published_total", "Messages that Redis took.")
	redisReceived   = desc("nod_redis_received_total", "Messages from other nodes.")
	redisFailed     = desc("nod_redis_failed_total", "Messages and registrations that Redis did not take; readers repair it.")
	redisDropped    = desc("nod_redis_dropped_total", "Messages that arrived and could not be read, came twice, or found nobody here.")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// Describe implements prometheus.Collector.
func (figures) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		sessions, claimed, late, sent, lost, asked, taken, gated, posted, providerAnswers, providerSeconds, providerBreaker,
		limitsHit, suppressed, wrongCodes, spentToday, spendCap, lag, queueDue, queueOldest, redisAlive, redisRoundTrip, redisReconnects, redisEmptied, redisPublished, redisReceived, redisFailed, redisDropped,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (f figures) Collect(ch chan<- prometheus.Metric) {
	to := metrics(ch)
	h, d := f.app.hub.Stats(), f.app.dispatcher.Stats()
	for role, n := range h.Sessions {
		to.gauge(sessions, float64(n), role)
	}
	to.count(claimed, float64(d.Claimed))
	to.count(late, d.Late.Seconds())
	to.count(lost, float64(d.Lost))
	for s, n := range d.Sent {
		to.count(sent, float64(n), string(s.Channel), string(s.State))
	}
	to.tally(asked, d.Asks)
	to.tally(taken, d.Withdrawals)
	to.tally(gated, d.Gate)
	to.tally(posted, d.Webhooks)
	for _, r := range f.app.ways.routers {
		to.providers(string(r.channel), r.Stats())
	}
	to.guards(f.app.guarding)
	if q, err := f.app.waiting.look(f.app.store.Queue); err == nil {
		now := f.app.server.Now()
		to.gauge(queueDue, float64(q.Due))
		to.age(queueOldest, q.OldestDueAt, now)
		if f.app.config.Analytics {
			to.age(lag, q.UncountedAt, now)
		}
	}
	if f.app.broker != nil {
		to.redis(f.app.broker.Stats())
	}
}

// waiting is what waits in the store, read at most once in queueEvery: whoever may
// read the figures may do so as often as they like.
type waiting struct {
	mu    sync.Mutex
	at    time.Time
	queue verify.Queue
	err   error
}

const queueEvery, queueLimit = time.Second, time.Second

func (w *waiting) look(read func(context.Context) (verify.Queue, error)) (verify.Queue, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.at.IsZero() || time.Since(w.at) >= queueEvery {
		ctx, cancel := context.WithTimeout(context.Background(), queueLimit)
		defer cancel()
		w.queue, w.err = read(ctx)
		w.at = time.Now()
	}
	return w.queue, w.err
}

// metrics is where figures go.
type metrics chan<- prometheus.Metric

func (m metrics) count(d *prometheus.Desc, v float64, labels ...string) {
	m <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
}

func (m metrics) gauge(d *prometheus.Desc, v float64, labels ...string) {
	m <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func (m metrics) tally(d *prometheus.Desc, t delivery.Tally) {
	m.count(d, float64(t.Done), "done")
	m.count(d, float64(t.Failed), "failed")
	m.count(d, float64(t.Dropped), "dropped")
}

func (m metrics) providers(channel string, all []sms.ProviderStats) {
	for _, p := range all {
		for s, n := range p.Sent {
			m.count(providerAnswers, float64(n), channel, p.Name, string(s.State), string(s.Class))
		}
		m.count(providerSeconds, p.Latency.Seconds(), channel, p.Name)
		m.gauge(providerBreaker, yes(p.Breaker == "closed"), channel, p.Name)
	}
}

// unitMicros is what a unit of the currency is in micro-units.
const unitMicros = 1e6

func (m metrics) guards(g *guarding) {
	hit, held := g.counted()
	for limit, n := range hit {
		m.count(limitsHit, float64(n), limit)
	}
	for reason, n := range held {
		m.count(suppressed, float64(n), reason)
	}
	m.gauge(spendCap, float64(g.limits.SpendCap)/unitMicros)
	if today := g.today.Load(); today != nil {
		m.gauge(wrongCodes, float64(today.WrongCodes))
		m.gauge(spentToday, float64(today.Spent)/unitMicros)
	}
}

// age is for how long something waits; 0 where nothing does.
func (m metrics) age(d *prometheus.Desc, since, now time.Time) {
	age := time.Duration(0)
	if !since.IsZero() {
		age = max(0, now.Sub(since))
	}
	m.gauge(d, age.Seconds())
}

func (m metrics) redis(b redisbroker.Stats) {
	m.gauge(redisAlive, yes(b.Alive))
	m.gauge(redisRoundTrip, b.RoundTrip.Seconds())
	m.count(redisReconnects, float64(b.Reconnects))
	m.count(redisEmptied, float64(b.Emptied))
	m.count(redisPublished, float64(b.Published))
	m.count(redisReceived, float64(b.Received))
	m.count(redisFailed, float64(b.Failed))
	m.count(redisDropped, float64(b.Dropped))
}

func yes(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
