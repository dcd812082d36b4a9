package server

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"nod/hub"
)

// socket hands a connection to the hub.
func (s *Server) socket(c echo.Context) error {
	s.hub.ServeHTTP(c.Response(), c.Request())
	return nil
}

// healthz asks nothing of anybody: a store in trouble is no reason to restart.
func (s *Server) healthz(c echo.Context) error {
	return c.JSON(http.StatusOK, map[string]string{"status": "ok", "version": s.config.Version})
}

// Retire says that this node is about to go: /readyz answers 503 from now on and
// connections of HTTP end with their next answer, while everything else goes on.
func (s *Server) Retire() { s.retired.Store(true) }

// readyz says whether a load balancer may send requests here, and if not, why.
func (s *Server) readyz(c echo.Context) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), storeLimit)
	defer cancel()
	if s.retired.Load() {
		return s.unready(c, "This node is going down. Another one answers.", nil)
	}
	if err := s.store.Ping(ctx); err != nil {
		return s.unready(c, "The database does not answer this node, which is back as soon as it does.", err)
	}
	if err := s.config.Ready(); err != nil {
		return s.unready(c, "Nothing passes between this node and the others, which it waits for.", err)
	}
	s.unfit.note(ctx, nil)
	return c.JSON(http.StatusOK, map[string]string{"status": "ready"})
}

// unready tells the caller the detail. The error is for operators, once: a
// balancer asks every second.
func (s *Server) unready(c echo.Context, detail string, err error) error {
	s.unfit.note(c.Request().Context(), err)
	p := newProblem(codeUnavailable, detail)
	p.RetryAfter = storeRest
	writeProblem(c.Response(), p)
	return nil
}

// metrics is open to all, so it holds no id, number or address; an operator who
// wants it closed serves it elsewhere.
func (s *Server) metrics(c echo.Context) error {
	if s.config.MetricsApart {
		return echo.NewHTTPError(http.StatusNotFound)
	}
	promhttp.HandlerFor(s.config.Registry, promhttp.HandlerOpts{}).ServeHTTP(c.Response(), c.Request())
	return nil
}

func (s *Server) openapi(c echo.Context) error {
	document, err := s.document()
	if err != nil {
		return err
	}
	return c.Blob(http.StatusOK, "application/vnd.oai.openapi+json;version=3.1", document)
}

// jwks may be kept for a while: a new key is published before it is used.
func (s *Server) jwks(c echo.Context) error {
	c.Response().Header().Set("Cache-Control", "public, max-age=300")
	c.Response().Header().Set("Access-Control-Allow-Origin", "*")
	return c.Blob(http.StatusOK, "application/jwk-set+json", encode(s.authority.PublicKeys()))
}

// traffic counts requests.
type traffic struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

// newTraffic registers what the server tells about itself. Labels are patterns
// and codes: what a caller sends never makes a new series.
func newTraffic(r prometheus.Registerer, h *hub.Hub) (*traffic, error) {
	f := &traffic{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "nod_http_requests_total", Help: "Requests by route and status.",
		}, []string{"method", "route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "nod_http_request_seconds", Help: "Time to answer a request, waiting ones included.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"method", "route"}),
	}
	for _, c := range []prometheus.Collector{f.requests, f.seconds, sockets{h}} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// methodOf is what is told of a request's method: one of a few, whatever was sent.
func methodOf(r *http.Request) string {
	switch r.Method {
	case get, post, put, patch, remove, http.MethodHead, http.MethodOptions:
		return r.Method
	}
	return "other"
}

// saw counts one request.
func (f *traffic) saw(method, route string, status int, took time.Duration) {
	f.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	if route != "/ws" { // it lasts as long as a phone is on
		f.seconds.WithLabelValues(method, route).Observe(took.Seconds())
	}
}

// sockets reads the hub's requests when they are asked for.
type sockets struct{ hub *hub.Hub }

var (
	socketsOpen    = prometheus.NewDesc("nod_sockets", "Authenticated connections of this node.", []string{"role"}, nil)
	socketsPending = prometheus.NewDesc("nod_sockets_pending", "Connections that did not authenticate yet.", nil, nil)
	framesQueued   = prometheus.NewDesc("nod_frames_queued", "Frames that wait for their sockets.", nil, nil)
	framesSent     = prometheus.NewDesc("nod_frames_sent_total", "Frames to clients, ticks included.", nil, nil)
	framesReceived = prometheus.NewDesc("nod_frames_received_total", "Frames from clients.", nil, nil)
	ticksDropped   = prometheus.NewDesc("nod_ticks_dropped_total", "Ticks that a newer one overtook.", nil, nil)
	socketsRefused = prometheus.NewDesc("nod_sockets_refused_total", "Requests for a connection that were not let in.", []string{"cause"}, nil)
	socketsClosed  = prometheus.NewDesc("nod_sockets_closed_total", "Connections that this node closed.", []string{"code"}, nil)
)

// Describe implements prometheus.Collector.
func (sockets) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{socketsOpen, socketsPending, framesQueued, framesSent, framesReceived, ticksDropped, socketsRefused, socketsClosed} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (s sockets) Collect(ch chan<- prometheus.Metric) {
	st := s.hub.Stats()
	gauge := func(d *prometheus.Desc, v int, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), labels...)
	}
	count := func(d *prometheus.Desc, v uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	for role, n := range st.Sessions {
		gauge(socketsOpen, n, role)
	}
	gauge(socketsPending, st.Pending)
	gauge(framesQueued, st.Queued)
	count(framesSent, st.Sent)
	count(framesReceived, st.Received)
	count(ticksDropped, st.TicksDropped)
	for cause, n := range st.Refused {
		count(socketsRefused, n, cause)
	}
	for code, n := range st.Closed {
		count(socketsClosed, n, strconv.Itoa(code))
	}
}
