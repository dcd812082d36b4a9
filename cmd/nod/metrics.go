package main

import "github.com/prometheus/client_golang/prometheus"

// figures exposes what the hub, its broker and the dispatcher count. Names end in their
// unit; no label holds anything of a person.
type figures struct{ app *app }

var (
	sessions = desc("nod_hub_sessions", "Open, authenticated WebSocket connections.", "role")
	claimed  = desc("nod_dispatcher_claimed_total", "Due verifications that were taken.")
	late     = desc("nod_dispatcher_late_seconds_total", "How long after it was due each was taken, summed.")
	sent     = desc("nod_dispatcher_tries_total", "Tries by channel and what became of them.", "channel", "state")
	lost     = desc("nod_dispatcher_lost_outcomes_total", "Outcomes that could not be written: the lease decides.")

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
		sessions, claimed, late, sent, lost,
		redisAlive, redisRoundTrip, redisReconnects, redisEmptied, redisPublished, redisReceived, redisFailed, redisDropped,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (f figures) Collect(ch chan<- prometheus.Metric) {
	counter := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	h, d := f.app.hub.Stats(), f.app.dispatcher.Stats()
	for role, n := range h.Sessions {
		gauge(sessions, float64(n), role)
	}
	counter(claimed, float64(d.Claimed))
	counter(late, d.Late.Seconds())
	counter(lost, float64(d.Lost))
	for s, n := range d.Sent {
		counter(sent, float64(n), string(s.Channel), string(s.State))
	}
	if f.app.broker == nil {
		return
	}
	b := f.app.broker.Stats()
	alive := 0.0
	if b.Alive {
		alive = 1
	}
	gauge(redisAlive, alive)
	gauge(redisRoundTrip, b.RoundTrip.Seconds())
	counter(redisReconnects, float64(b.Reconnects))
	counter(redisEmptied, float64(b.Emptied))
	counter(redisPublished, float64(b.Published))
	counter(redisReceived, float64(b.Received))
	counter(redisFailed, float64(b.Failed))
	counter(redisDropped, float64(b.Dropped))
}
