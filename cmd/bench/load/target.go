package load

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"nod/client"
)

// Config is how much a scenario loads. A field that is 0 is the scenario's own choice,
// which its Load tells.
type Config struct {
	Devices int           // enrolled, each of a user of its own, and connected
	Rate    float64       // begun a second, whether or not those before have ended
	Callers int           // in place of a rate: so many at once, each as fast as it is answered
	For     time.Duration // the part that is measured
}

// Target is a nod under load. Make it with [NewTarget].
type Target struct {
	Place
	API *client.Client // as the integrator's backend

	network  *Network
	phones   *http.Client // what phones ask without a connection
	run      string       // in the names of this run's users
	all      []*phone     // enrolled
	users    leftovers    // that this run has made
	at       atomic.Int64 // whose turn it is
	ticking  atomic.Pointer[watch]
	refused  atomic.Int64 // tries to connect, later made good
	failures failures
}

// Place is where a nod is.
type Place struct {
	Name    string // as a Result has it: "nod, SQLite"
	URL     string // its public URL, which is what devices sign for; backend and pages call it
	Sockets string // where its devices connect; empty: at URL
	Key     string // an API key
	Metrics string // its figures at the node of the devices, as a URL; empty: URL with /metrics

	// What its ladder waits for (NOD_WS_ACK_TIMEOUT and NOD_PUSH_ACK_TIMEOUT): 0 is 5 s
	// and 25 s.
	PushAfter, SMSAfter time.Duration

	// Restart starts the node of the devices anew on the same data. Nil: it is not ours;
	// then what it used before counts as its own, not the devices'.
	Restart func(context.Context) error
}

// NewTarget returns a nod to be loaded from sources; nil: from wherever the system
// likes. Close it at the end.
func NewTarget(p Place, sources *Sources) (*Target, error) {
	p.URL = strings.TrimSuffix(p.URL, "/")
	if p.Sockets == "" {
		p.Sockets = p.URL
	}
	if p.Metrics == "" {
		p.Metrics = p.Sockets + "/metrics"
	}
	n, err := NewNetwork(sources)
	if err != nil {
		return nil, err
	}
	t := &Target{Place: p, API: client.New(p.URL, p.Key), network: n, run: "bench-" + strings.ToLower(rand.Text()[:8])}
	t.API.HTTP = &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 1024}}
	t.phones = &http.Client{Timeout: patience, Transport: &http.Transport{DialContext: n.Dial, MaxIdleConnsPerHost: enrollers}}
	return t, nil
}

// Close cuts all devices off. The users stay, see [Target.Erase].
func (t *Target) Close() error {
	t.drop()
	t.phones.CloseIdleConnections()
	t.API.HTTP.CloseIdleConnections()
	return t.network.Close()
}

// Erase deletes all that this run has put into the target, user by user, those too whose
// devices came to nothing.
func (t *Target) Erase(ctx context.Context) error {
	t.drop()
	t.all = nil
	names := t.users.take()
	return Each(ctx, 16, len(names), func(ctx context.Context, i int) error {
		if err := t.API.Erase(ctx, names[i]); err != nil {
			return fmt.Errorf("erasing users of %s-…: %w", t.run, hint(err))
		}
		return nil
	})
}

// leftovers name what a load has made and is to take away again.
type leftovers struct {
	mu    sync.Mutex
	names []string
}

func (l *leftovers) add(name string) {
	l.mu.Lock()
	l.names = append(l.names, name)
	l.mu.Unlock()
}

func (l *leftovers) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	names := l.names
	l.names = nil
	return names
}

// failures are what went wrong without ending a load.
type failures struct {
	mu    sync.Mutex
	count int
	first error
}

func (f *failures) add(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.count == 0 {
		f.first = err
	}
	f.count++
}

// take is how many things went wrong since the last call, and what the first one was;
// nil: nothing.
func (t *Target) take() (count int, first error) {
	t.failures.mu.Lock()
	defer t.failures.mu.Unlock()
	count, first = t.failures.count, t.failures.first
	t.failures.count, t.failures.first = 0, nil
	return count, first
}

const (
	enrollers  = 64  // devices that are enrolled at once
	connecting = 512 // devices that are connecting at once
)

// enrolled sees to it that there are n devices.
func (t *Target) enrolled(ctx context.Context, n int) error {
	have := len(t.all)
	if n <= have {
		return nil
	}
	t.all = append(t.all, make([]*phone, n-have)...)
	err := Each(ctx, enrollers, n-have, func(ctx context.Context, i int) error {
		p, err := t.enroll(ctx, fmt.Sprintf("%s-%06d", t.run, have+i), nil)
		t.all[have+i] = p
		return err
	})
	if err != nil {
		t.all = t.all[:have]
		return fmt.Errorf("enrolling devices: %w", hint(err))
	}
	return nil
}

// Connect sees to it that n devices, each of a user of its own, are enrolled and
// connected, and no others. Those that a scenario needs it connects itself.
func (t *Target) Connect(ctx context.Context, n int) error {
	if err := t.enrolled(ctx, n); err != nil {
		return err
	}
	for _, p := range t.all[n:] {
		p.hang()
	}
	return Each(ctx, connecting, n, func(ctx context.Context, i int) error {
		if t.all[i].alive {
			return nil
		}
		return t.connect(ctx, t.all[i])
	})
}

// connect puts a phone on the target. To a node that takes no more for now it goes back
// when told, as phones do.
func (t *Target) connect(ctx context.Context, p *phone) error {
	for begun := time.Now(); ; {
		err := p.connectOnce(ctx)
		after := time.Second
		switch e := err.(type) { //nolint:errorlint // both come as they are
		case nil:
			return nil
		case *Refused:
			if e.Status != http.StatusServiceUnavailable && e.Status != http.StatusTooManyRequests || e.RetryAfter == 0 {
				return fmt.Errorf("connecting a device: %w", hint(err))
			}
			after = e.RetryAfter
		case *CloseError:
			if e.Code != 1013 {
				return fmt.Errorf("connecting a device: %w", hint(err))
			}
		default:
			return fmt.Errorf("connecting a device: %w", hint(err))
		}
		if time.Since(begun) > 2*patience {
			return fmt.Errorf("connecting a device for a minute: %w", hint(err))
		}
		t.refused.Add(1)
		select {
		case <-time.After(after):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// drop cuts all devices off at once.
func (t *Target) drop() {
	for _, p := range t.all {
		p.hang()
	}
}

// turn is the next of the first n devices: everybody once before anybody twice.
func (t *Target) turn(n int) *phone { return t.all[int(t.at.Add(1)-1)%n] }

// Limits are the settings of nod that keep a stranger from doing what a load does: people
// whose numbers begin alike, who sign in far more often than people do and enroll all at
// once. The value "off" takes one away.
var Limits = []string{
	"NOD_LIMIT_SOCKETS_IP", "NOD_LIMIT_REQUESTS_IP", "NOD_LIMIT_PROMPTS", "NOD_LIMIT_SENDS_USER", "NOD_LIMIT_SENDS_PHONE",
	"NOD_LIMIT_SENDS_IP", "NOD_LIMIT_CHECKS_IP", "NOD_LIMIT_PREFIX",
}

// hint adds to a refusal what whoever loads a server can do about it.
func hint(err error) error {
	status, code := 0, ""
	if e, ok := errors.AsType[*client.Error](err); ok {
		status, code = e.Status, e.Code
	}
	if e, ok := errors.AsType[*Refused](err); ok {
		status = e.Status
	}
	_, closed := errors.AsType[*CloseError](err)
	switch {
	case status == http.StatusTooManyRequests:
		return fmt.Errorf("%w\nA limit is in the way: on a server under test set %s to off, or load it from more addresses of this machine (-from)", err, strings.Join(Limits, ", "))
	case status == http.StatusUnauthorized:
		return fmt.Errorf("%w\nNOD_KEY must hold an API key of this server (nod_sk_…), and -url must be its NOD_PUBLIC_URL to the letter: devices sign for it", err)
	case status == http.StatusUnprocessableEntity && code == "no_channel":
		return fmt.Errorf("%w\nThe server can reach nobody: it needs a provider or its simulator", err)
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return fmt.Errorf("%w\nEach connection takes a descriptor, here and at the server: raise ulimit -n, or take fewer devices (-n)", err)
	case closed:
		return fmt.Errorf("%w\nIf it was 4401: -url must be the server's NOD_PUBLIC_URL to the letter, because devices sign for it, and the clocks must agree to the minute", err)
	}
	return err
}

// refusal reads a problem document (RFC 9457).
func refusal(res *http.Response) error {
	e := &client.Error{Status: res.StatusCode, Code: "unexpected", Detail: res.Status}
	raw, _ := io.ReadAll(io.LimitReader(res.Body, 1<<16))
	_ = json.Unmarshal(raw, e) // what is no problem document stays "unexpected"
	return e
}

// usage is what a server's process uses.
type usage struct {
	resident   float64 // bytes
	heap       float64 // bytes of heap and stacks in use
	cpu        float64 // seconds since its start
	goroutines float64
	at         time.Time
}

// usage reads what the node of the devices tells of itself.
func (t *Target) usage(ctx context.Context) (usage, error) {
	m, err := Metrics(ctx, t.phones, t.Metrics)
	if err == nil && m["process_resident_memory_bytes"] == 0 {
		err = errors.New("it tells nothing of its process")
	}
	if err != nil {
		return usage{}, fmt.Errorf("reading %s: %w\nSay where the figures of the server are: -metrics http://host:port/metrics (its NOD_METRICS_ADDR)", t.Metrics, err)
	}
	return usage{m["process_resident_memory_bytes"], m["go_memstats_heap_alloc_bytes"] + m["go_memstats_stack_inuse_bytes"],
		m["process_cpu_seconds_total"], m["go_goroutines"], time.Now()}, nil
}

// look is usage for a scenario that does not need it: what cannot be read is not a
// number, and its figures are left out.
func (t *Target) look(ctx context.Context) usage {
	u, err := t.usage(ctx)
	if err != nil {
		return usage{math.NaN(), math.NaN(), math.NaN(), math.NaN(), time.Now()}
	}
	return u
}

// Metrics reads figures in Prometheus' text format, those without labels.
func Metrics(ctx context.Context, c *http.Client, url string) (map[string]float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	res, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, refusal(res)
	}
	m := map[string]float64{}
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			m[name] = v
		}
	}
	return m, lines.Err()
}

// result is what a scenario found, with what went wrong meanwhile.
func (t *Target) result(scenario, conditions string, l *Latency, figures []Figure) (Result, error) {
	figures = slices.DeleteFunc(figures, func(f Figure) bool { return math.IsNaN(f.Value) })
	r := Result{Scenario: scenario, Against: t.Name, Load: conditions, Figures: figures}
	count, first := t.take()
	r.Figures = append(r.Figures, Figure{Name: "failures", Value: float64(count)})
	if first != nil {
		r.Load += fmt.Sprintf("; the first failure: %v", first)
	}
	if l == nil {
		return r, nil
	}
	var err error
	r.Histogram, err = l.Histogram()
	return r, err
}

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
