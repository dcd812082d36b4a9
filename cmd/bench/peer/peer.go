package peer

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"nod/cmd/bench/load"
)

// Config says which server is loaded, and how.
type Config struct {
	Server string // centrifugo or socketio
	URL    string // http or https, without a path
	Key    string // of its HTTP API, in X-API-Key; empty: it wants none
	Token  string // that every connection shows; empty: they are anonymous

	Sockets int           // connections, with one subscription each
	Rate    float64       // publishes a second
	Idle    time.Duration // how long nothing happens while memory and CPU are read
	For     time.Duration // how long messages are published
	Sources *load.Sources // where connections come from; nil: the system's choice
}

// promptSize is how long a prompt of nod is, signature and all, in bytes: what is
// published is as long.
const promptSize = 1000

// together is how many connections are being made at any moment, as for nod.
const together = 512

// warmUp is how many messages are published before those that are timed.
const warmUp = 50

// patience is how long a subscription, or a message, is waited for.
const patience = 30 * time.Second

// Run connects, leaves the connections alone for a while, publishes to one after the
// other, and cuts them all off to see them come back. The results are called idle,
// prompt and storm, as those of nod.
func Run(ctx context.Context, c Config) (found []load.Result, err error) {
	speaks, err := known(&c)
	if err != nil {
		return nil, err
	}
	network, err := load.NewNetwork(c.Sources)
	if err != nil {
		return nil, err
	}
	crowd := &crowd{
		config: c, protocol: speaks, network: network, clients: make([]*client, c.Sockets), failed: make(chan error, 1),
		arriving: map[int]chan time.Time{},
		http:     &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: together}},
	}
	defer func() {
		crowd.cutOff()
		crowd.http.CloseIdleConnections()
		err = errors.Join(err, network.Close())
	}()
	for _, scenario := range []func(context.Context) (load.Result, error){crowd.idle, crowd.prompts, crowd.storm} {
		r, err := scenario(ctx)
		if err != nil {
			return found, err
		}
		r.Against = crowd.against()
		found = append(found, r)
	}
	return found, nil
}

// crowd are the clients of one run.
type crowd struct {
	config   Config
	protocol protocol
	network  *load.Network
	http     *http.Client
	clients  []*client
	failed   chan error   // the first that went wrong where nobody waited for it
	server   atomic.Value // string: what it says that it is

	mu       sync.Mutex
	arriving map[int]chan time.Time // messages under way, by number
}

// client is one connection with its subscription.
type client struct {
	of      *crowd
	channel string
	conn    atomic.Pointer[load.Conn]
	ready   chan struct{} // closed when its subscription stands
	stands  bool          // of whoever reads: it was said already
}

func (w *crowd) against() string {
	name, _ := w.server.Load().(string)
	return cmp.Or(name, map[string]string{"centrifugo": "Centrifugo", "socketio": "Socket.IO"}[w.config.Server])
}

// connectAll brings all clients to where their subscription stands; each is timed from
// begun.
func (w *crowd) connectAll(ctx context.Context, begun time.Time) (*load.Latency, error) {
	took := load.NewLatency()
	return took, load.Each(ctx, together, len(w.clients), func(ctx context.Context, i int) error {
		c := &client{of: w, channel: channelOf(i), ready: make(chan struct{})}
		w.clients[i] = c
		if err := c.connect(ctx); err != nil {
			return fmt.Errorf("connecting client %d: %w", i, err)
		}
		took.Since(begun)
		return nil
	})
}

// channelOf names the channel of a client.
func channelOf(i int) string { return "device-" + strconv.Itoa(i) }

func (c *client) connect(ctx context.Context) error {
	path, hello := c.of.protocol.opening()
	conn, err := c.of.network.Connect(ctx, &load.Request{
		URL: c.of.config.URL + path, OnText: c.heard,
		OnEnd: func(_ *load.Conn, err error) { c.of.fail(err) },
	})
	if err != nil {
		return err
	}
	c.conn.Store(conn)
	if hello != nil {
		if err := conn.Write(hello); err != nil {
			return err
		}
	}
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case <-c.ready:
		return nil
	case err := <-c.of.failed:
		return err
	case <-timeout.C:
		return fmt.Errorf("no subscription in %v", patience)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// heard runs where thousands of connections are read.
func (c *client) heard(conn *load.Conn, text []byte, at time.Time) {
	n, err := c.of.protocol.hear(text, c.channel)
	if err == nil && n.answer != nil {
		err = conn.Write(n.answer)
	}
	if err != nil {
		c.of.fail(err)
		return
	}
	if n.server != "" {
		c.of.server.Store(n.server)
	}
	if n.ready && !c.stands {
		c.stands = true
		close(c.ready)
	}
	for _, data := range n.data {
		var m message
		if json.Unmarshal(data, &m) != nil {
			c.of.fail(errors.New("what was published came as something else"))
			return
		}
		c.of.arrived(m.Number, at)
	}
}

// arrived tells whoever waits for a message; that it comes twice tells nobody.
func (w *crowd) arrived(number int, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if waits := w.arriving[number]; waits != nil {
		waits <- at
		delete(w.arriving, number)
	}
}

// fail keeps the first error.
func (w *crowd) fail(err error) {
	select {
	case w.failed <- err:
	default:
	}
}

// cutOff ends all connections without a word, as a network does.
func (w *crowd) cutOff() {
	for _, c := range w.clients {
		if c == nil {
			continue
		}
		if conn := c.conn.Load(); conn != nil {
			conn.Close()
		}
	}
}

// message is what is published.
type message struct {
	Number int    `json:"number"`
	Signed string `json:"signed"` // as much as makes it as long as a prompt
}

// idle connects all and reads what they cost while nothing happens but pings.
func (w *crowd) idle(ctx context.Context) (load.Result, error) {
	before, err := w.uses(ctx)
	if err != nil {
		return load.Result{}, err
	}
	took, err := w.connectAll(ctx, time.Now())
	if err != nil {
		return load.Result{}, err
	}
	from, err := w.uses(ctx)
	if err == nil {
		err = w.rest(ctx, w.config.Idle)
	}
	if err != nil {
		return load.Result{}, err
	}
	to, err := w.uses(ctx)
	n := float64(len(w.clients))
	return load.Result{
		Scenario: "idle",
		Load:     fmt.Sprintf("%d connections, one subscription each, pings included, for %v", len(w.clients), w.config.Idle),
		Figures: []load.Figure{
			{Name: "resident each", Value: (to.memory - before.memory) / 1024 / n, Unit: "KB"},
			{Name: "CPU each", Value: (to.cpu - from.cpu) / to.at.Sub(from.at).Seconds() / n * 1e6, Unit: "µs/s"},
			{Name: "CPU to connect each", Value: (from.cpu - before.cpu) / n * 1e6, Unit: "µs"},
			{Name: "all connected", Value: took.At(100).Seconds(), Unit: "s"},
		},
	}, err
}

// rest waits, unless something goes wrong.
func (w *crowd) rest(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case err := <-w.failed:
		return fmt.Errorf("while nothing happened: %w", err)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// prompts publishes to one client after the other and times each message until it is
// read.
func (w *crowd) prompts(ctx context.Context) (load.Result, error) {
	took := load.NewLatency()
	for i := range warmUp { // the first few are slower
		if _, err := w.publish(ctx, i); err != nil {
			return load.Result{}, fmt.Errorf("publishing: %w", err)
		}
	}
	n := int(w.config.Rate * w.config.For.Seconds())
	err := load.Pace(ctx, w.config.Rate, n, func(ctx context.Context, i int, intended time.Time) error {
		at, err := w.publish(ctx, warmUp+i)
		if err == nil {
			took.Record(at.Sub(intended))
		}
		return err
	})
	if err != nil {
		return load.Result{}, fmt.Errorf("publishing: %w", err)
	}
	histogram, err := took.Histogram()
	return load.Result{
		Scenario: "prompt", Histogram: histogram, Figures: took.Figures("publish to frame"),
		Load: fmt.Sprintf("%d connections, %g messages of %d bytes a second for %v, each to another one; stored nowhere, signed by nobody", len(w.clients), w.config.Rate, promptSize, w.config.For),
	}, err
}

// publish sends the message of a number to the client whose turn it is and waits until
// that has it.
func (w *crowd) publish(ctx context.Context, number int) (arrived time.Time, err error) {
	data, err := json.Marshal(message{number, strings.Repeat("p", promptSize)})
	if err != nil {
		return arrived, err
	}
	waits := make(chan time.Time, 1)
	w.mu.Lock()
	w.arriving[number] = waits
	w.mu.Unlock()
	if err := w.call(ctx, channelOf(number%len(w.clients)), data); err != nil {
		return arrived, err
	}
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case arrived = <-waits:
		return arrived, nil
	case err := <-w.failed:
		return arrived, err
	case <-timeout.C:
		return arrived, fmt.Errorf("message %d did not arrive in %v", number, patience)
	case <-ctx.Done():
		return arrived, context.Cause(ctx)
	}
}

// call has the server publish.
func (w *crowd) call(ctx context.Context, channel string, data json.RawMessage) error {
	r, err := w.protocol.publish(ctx, w.config.URL, channel, data)
	if err != nil {
		return err
	}
	res, err := w.http.Do(r)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<16))
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return err
	}
	return w.protocol.accepted(res.StatusCode, body)
}

// storm cuts all clients off at once and times their way back.
func (w *crowd) storm(ctx context.Context) (load.Result, error) {
	before, err := w.uses(ctx)
	if err != nil {
		return load.Result{}, err
	}
	begun := time.Now()
	w.cutOff()
	took, err := w.connectAll(ctx, begun)
	if err != nil {
		return load.Result{}, err
	}
	after, err := w.uses(ctx)
	if err != nil {
		return load.Result{}, err
	}
	histogram, err := took.Histogram()
	return load.Result{
		Scenario: "storm", Histogram: histogram,
		Load: fmt.Sprintf("%d connections cut off at once, all back with their subscription, %d connecting at a time; nobody's signature is verified", len(w.clients), together),
		Figures: append([]load.Figure{
			{Name: "all back", Value: took.At(100).Seconds(), Unit: "s"},
			{Name: "CPU each", Value: (after.cpu - before.cpu) / float64(len(w.clients)) * 1e6, Unit: "µs"},
		}, took.Figures("back")...),
	}, err
}
