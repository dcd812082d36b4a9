package main

import "github.com/prometheus/client_golang/prometheus"

// figures exposes what the hub and the dispatcher count. Names end in their
// unit; no label holds anything of a person.
type figures struct{ app *app }

var (
	sessions = desc("nod_hub_sessions", "Open, authenticated WebSocket connections.", "role")
	claimed  = desc("nod_dispatcher_claimed_total", "Due verifications that were taken.")
	late     = desc("nod_dispatcher_late_seconds_total", "How long after it was due each was taken, summed.")
	sent     = desc("nod_dispatcher_tries_total", "Tries by channel and what became of them.", "channel", "state")
	lost     = desc("nod_dispatcher_lost_outcomes_total", "Outcomes that could not be written: the lease decides.")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// Describe implements prometheus.Collector.
func (figures) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{sessions, claimed, late, sent, lost} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (f figures) Collect(ch chan<- prometheus.Metric) {
	counter := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	h, d := f.app.hub.Stats(), f.app.dispatcher.Stats()
	for role, n := range h.Sessions {
		ch <- prometheus.MustNewConstMetric(sessions, prometheus.GaugeValue, float64(n), role)
	}
	counter(claimed, float64(d.Claimed))
	counter(late, d.Late.Seconds())
	counter(lost, float64(d.Lost))
	for s, n := range d.Sent {
		counter(sent, float64(n), string(s.Channel), string(s.State))
	}
}
