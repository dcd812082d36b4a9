package server_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"nod/analytics"
	"nod/hub"
	"nod/server"
	"nod/storage"
	"nod/verify"
)

func (c *counting) Queue(ctx context.Context) (verify.Queue, error) {
	if err := c.called(ctx, "Queue"); err != nil {
		return verify.Queue{}, err
	}
	return c.Store.Queue(ctx)
}

func (c *counting) CountedHours(ctx context.Context, from, to time.Time) ([]analytics.Hour, error) {
	if err := c.called(ctx, "CountedHours"); err != nil {
		return nil, err
	}
	return c.Store.CountedHours(ctx, from, to)
}

// watched has all that a pulse is made of counted.
func (c *counting) watched(config *server.Config) {
	c.counted(config)
	config.Analytics = c
}

// console opens an operator's connection, takes the present state and waits until it
// is half past a second: so that whole seconds hold whole beats.
func (w *wired) console() *peer {
	w.Helper()
	p := w.dial()
	p.send("auth", object{"token": w.ask(byKey, "POST", "/api/v1/console-sessions", nil).allow(201).str("token")})
	for _, name := range []string{"welcome", "recent", "figures"} {
		p.expect(name)
	}
	w.pass(time.Second / 2)
	return p
}

// upTo takes frames up to the next of a type.
func (p *peer) upTo(typ string) frame {
	p.Helper()
	for {
		f, ok := p.next()
		if !ok {
			p.Fatalf("waiting for %s: %v", typ, p.err)
		}
		if f.Type == typ {
			return f
		}
	}
}

// during counts the frames of a type that come while d passes.
func (p *peer) during(d time.Duration, typ string) (came []frame) {
	p.Helper()
	for end := time.After(d); ; {
		select {
		case f, ok := <-p.frames:
			if !ok {
				p.Fatalf("the connection ended: %v", p.err)
			}
			if f.Type == typ {
				came = append(came, f)
			}
		case <-end:
			return came
		}
	}
}

// countAll counts every event that is committed by now.
func (d *door) countAll() {
	d.Helper()
	d.pass(time.Second) // an event of this very moment may still get company
	for n := 1; n > 0; {
		var err error
		n, err = d.store.CountEvents(d.Context(), 1000)
		d.must(err)
	}
}

// party is a broker of several nodes that loses nothing.
type party struct {
	mu    sync.Mutex
	nodes []func(hub.Message) int
}

func (p *party) Join(context.Context, string, string, time.Time, bool) error { return nil }

func (p *party) Leave(string, string) {}

func (p *party) Run(ctx context.Context, deliver func(hub.Message) int) error {
	p.mu.Lock()
	p.nodes = append(p.nodes, deliver)
	p.mu.Unlock()
	<-ctx.Done()
	return nil
}

func (p *party) Publish(_ context.Context, m hub.Message) (heard int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, deliver := range p.nodes {
		heard += deliver(m)
	}
	return heard, nil
}

// TestConsoleHearsOfEveryNode: a console is told every second how each node does, by
// its name, and of its own node how many events it was not told.
func TestConsoleHearsOfEveryNode(t *testing.T) {
	nodes := &party{}
	wireOver(t, nodes, func(t *testing.T, here *wired) {
		there := &wired{door: open(t, func(c *server.Config) { c.Outbox = nil }, nodes)}
		there.listen()
		there.settle()
		phone := there.online(there.phone("u1"))
		console := here.console()
		heard := map[string][]frame{}
		for _, f := range console.during(10*time.Second, "figures") {
			heard[f.text("node")] = append(heard[f.text("node")], f)
		}
		if len(heard) != 2 {
			t.Fatalf("heard of %d nodes", len(heard))
		}
		for node, fs := range heard {
			sessions, _ := fs[0].Data["sessions"].(object)
			mine := sessions["console"] == 1.0
			if theirs := sessions["device"] == 1.0; len(node) != 8 || len(fs) != 10 || mine == theirs || fs[0].Data["outbox"] != mine {
				t.Errorf("node %q, told %d times: %v", node, len(fs), fs[0].Data)
			}
		}
		phone.drain()
		here.phone("u2")
		for range 50 {
			here.login(object{"user_id": "u2"})
		}
		skipped := 0.0
		for _, f := range console.during(time.Second, "figures") {
			n, _ := f.Data["skipped"].(float64)
			skipped += n
		}
		if skipped < 10 { // of a new login's events at least the first is told of
			t.Errorf("%v events were skipped", skipped)
		}
	})
}

// TestConsoleKnowsProviders: of each provider the newest answers say how quick it is.
func TestConsoleKnowsProviders(t *testing.T) {
	var mu sync.Mutex
	stats := server.ProviderStats{Channel: verify.SMS, Provider: "twilio", State: "closed", Sent: 2, Failed: 1, Latency: time.Second}
	answer := func(n uint64, each time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		stats.Sent, stats.Latency = stats.Sent+n, stats.Latency+time.Duration(n)*each
	}
	wire(t, func(t *testing.T, w *wired) {
		console := w.console()
		told := func(sent, latency float64) {
			t.Helper()
			figures := console.upTo("figures").Data
			if closed, ok := figures["closed"].(object); !ok || len(closed) != 0 {
				t.Errorf("nothing was closed, and %v is told", figures["closed"])
			}
			providers, _ := figures["providers"].([]any)
			if len(providers) != 1 {
				t.Fatalf("providers %v", providers)
			}
			p, _ := providers[0].(object)
			if p["channel"] != "sms" || p["provider"] != "twilio" || p["state"] != "closed" || p["failed"] != 1.0 || p["sent"] != sent || p["latency_ms"] != latency {
				t.Errorf("told %v, want %v sent, %v ms", p, sent, latency)
			}
		}
		told(2, 500)
		answer(3, 40*time.Millisecond)
		told(5, 40)
		told(5, 40) // nothing new: what was known
	}, func(c *server.Config) {
		c.Providers = func() []server.ProviderStats {
			mu.Lock()
			defer mu.Unlock()
			return []server.ProviderStats{stats}
		}
	})
}

// TestPulse: what a console hears every second is what was counted of this hour.
func TestPulse(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		w.byCode()
		w.phone("u2")
		w.login(object{"user_id": "u2"})
		w.countAll()
		console := w.console()
		p := console.upTo("pulse").Data
		hour, _ := p["hour"].(object)
		if p["enabled"] != true || p["stale"] != nil || hour["started"] != 2.0 || hour["approved"] != 1.0 || hour["success"] == nil {
			t.Errorf("pulse %v", p)
		}
		var channels []string
		sends, _ := p["sends"].([]any)
		for _, s := range sends {
			send, _ := s.(object)
			name, _ := send["channel"].(string)
			if channels = append(channels, name); name == "sms" && (send["accepted"] != 1.0 || send["approved"] != 1.0) {
				t.Errorf("sends %v", send)
			}
		}
		if !slices.Contains(channels, "sms") {
			t.Errorf("channels %v", channels)
		}
		queue, _ := p["queue"].(object)
		if _, there := queue["due"].(float64); !there || queue["oldest_seconds"] == nil {
			t.Errorf("queue %v", queue)
		}
		w.login(object{"user_id": "u2"})
		w.countAll()
		console.drain()
		if hour, _ := console.upTo("pulse").Data["hour"].(object); hour["started"] != 3.0 {
			t.Errorf("a pulse later %v", hour)
		}
	})
}

// TestPulseKnowsOtherDays: this hour stands beside the same hour of up to 28 days
// before, and no other.
func TestPulseKnowsOtherDays(t *testing.T) {
	played := &struct{ server.Analytics }{}
	wire(t, func(t *testing.T, w *wired) {
		const day = 24 * time.Hour
		var ago atomic.Int64
		ago.Store(int64(30 * day)) // no clock of a store goes back
		past, err := storage.Open(t.Context(), storage.Config{
			URL: "sqlite:" + filepath.Join(t.TempDir(), "past.db"), Secret: bytes.Repeat([]byte("s"), 32), Log: slog.New(slog.DiscardHandler),
			Now: func() time.Time { return time.Now().Add(-time.Duration(ago.Load())) },
		})
		w.must(err)
		t.Cleanup(func() { w.must(past.Close()) })
		for _, before := range []time.Duration{29 * day, 28 * day, 28*day - time.Hour, 2 * day, day, day - time.Hour} {
			ago.Store(int64(before))
			to, err := verify.ParseNumber(number)
			w.must(err)
			who := verify.Applicant{UserID: before.String(), Purpose: verify.Login, Number: to}
			w.must(past.CreateVerification(t.Context(), who, nil, func(s *verify.Situation, now time.Time) (*verify.Verification, error) {
				policy := verify.DefaultPolicy()
				policy.HasSMS = true
				return verify.Start(verify.Request{
					ID: verify.NewID("ver"), KeyID: past.Keys().CodeKey(), SignKeyID: past.Keys().SignKey(),
					UserID: who.UserID, Purpose: who.Purpose, Number: to,
				}, s, &policy, now)
			}))
		}
		ago.Store(0)
		w.pass(time.Second)
		_, err = past.CountEvents(t.Context(), 1000)
		w.must(err)
		played.Analytics = past
		p := w.console().upTo("pulse").Data
		usual, _ := p["usual"].(object)
		if hour, _ := p["hour"].(object); usual["days"] != 3.0 || usual["started"] != 1.0 || hour["started"] != 0.0 {
			t.Errorf("usual is %v, this hour %v", usual, hour)
		}
	}, func(c *server.Config) { c.Analytics = played })
}

// TestPulseTellsTheLastHours in the first frame of each console, and in every 60th.
func TestPulseTellsTheLastHours(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		for range 2 {
			for i, p := range w.console().during(130*time.Second, "pulse") {
				hours, told := p.Data["hours"].([]any)
				if told != (i%60 == 0) || told && len(hours) != 24 {
					t.Fatalf("pulse %d tells %d hours", i, len(hours))
				}
				for _, h := range hours {
					if at, _ := h.(map[string]any)["at"].(string); !strings.HasSuffix(at, ":00:00.000Z") {
						t.Fatalf("an hour began at %q", at)
					}
				}
			}
		}
	})
}

// TestPulseIsReadOnce a second, whatever the number of consoles; where nobody looks
// it is not read at all.
func TestPulseIsReadOnce(t *testing.T) {
	store := &counting{}
	wire(t, func(t *testing.T, w *wired) {
		store.since()
		w.pass(time.Minute)
		if made := store.since(); made["Queue"]+made["CountedHours"] > 0 {
			t.Fatalf("without a console %v", made)
		}
		consoles := []*peer{w.console(), w.console(), w.console()}
		w.pass(2 * time.Second)
		for _, p := range consoles {
			p.drain()
		}
		store.since()
		w.pass(30 * time.Second)
		made := store.since()
		if made["Queue"] != 30 || made["CountedHours"] < 30 || made["CountedHours"] > 31 { // the last hours once a minute
			t.Errorf("in 30 seconds %v", made)
		}
		for _, p := range consoles {
			if got := len(p.during(10*time.Second, "pulse")); got < 40 {
				t.Errorf("a console was told %d pulses in 40 seconds", got)
			}
			p.gone()
		}
		w.pass(2 * time.Second)
		store.since()
		w.pass(time.Minute)
		if made := store.since(); made["Queue"]+made["CountedHours"] > 0 {
			t.Errorf("once all are gone %v", made)
		}
	}, store.watched)
}

// TestPulseOfAStoreInTrouble: while the store is away, or hangs, the last pulse is
// told every second and called stale; figures and ticks come as ever.
func TestPulseOfAStoreInTrouble(t *testing.T) {
	for name, trouble := range map[string]func(*counting, bool){
		"away":  func(c *counting, on bool) { c.away.Store(on) },
		"hangs": func(c *counting, on bool) { c.hangs.Store(on) },
	} {
		t.Run(name, func(t *testing.T) {
			store := &counting{}
			wire(t, func(t *testing.T, w *wired) {
				console := w.console()
				page, _ := w.watch(w.login(object{"phone_number": number, "channel": "sms"}))
				good := console.upTo("pulse").Data
				trouble(store, true)
				console.upTo("pulse") // one may have been under way
				console.drain()
				page.drain()
				page.ticks = nil
				pulses := console.during(20*time.Second, "pulse")
				if len(pulses) < 19 || len(pulses) > 31 { // a read that hangs is given up between two beats
					t.Errorf("%d pulses in 20 seconds", len(pulses))
				}
				for _, p := range pulses[1:] {
					if p.Data["stale"] != true || p.Data["hour"] == nil || p.text("server_time") < good["server_time"].(string) {
						t.Fatalf("pulse %v", p.Data)
					}
				}
				console.upTo("figures")
				page.drain()
				if len(page.ticks) < 20 {
					t.Errorf("%d ticks in 20 seconds", len(page.ticks))
				}
				trouble(store, false)
				w.pass(4 * time.Second)
				console.drain()
				if p := console.upTo("pulse").Data; p["stale"] != nil || p["server_time"] == good["server_time"] {
					t.Errorf("then %v", p)
				}
				w.pass(10 * time.Second)
				if n := w.lines("pulse cannot be read"); n < 1 || n > 2 {
					t.Errorf("%d lines in the log", n)
				}
			}, store.watched)
		})
	}
}

// unready is analytics that cannot be read yet.
type unready struct{ server.Analytics }

func (unready) CountedHours(context.Context, time.Time, time.Time) ([]analytics.Hour, error) {
	return nil, errors.New("not yet")
}

// TestPulseBeforeTheFirst: a console that opens while the store cannot be read is
// told so.
func TestPulseBeforeTheFirst(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		p := w.console().upTo("pulse").Data
		if p["enabled"] != true || p["stale"] != true || p["hour"] != nil || p["queue"] != nil || p["server_time"] == "" {
			t.Errorf("pulse %v", p)
		}
	}, func(c *server.Config) { c.Analytics = unready{c.Analytics} })
}

// TestPulseWithoutAnalytics: nothing is counted, but what waits is told.
func TestPulseWithoutAnalytics(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		p := w.console().upTo("pulse").Data
		if _, queue := p["queue"].(object); p["enabled"] != false || p["stale"] != nil || p["hour"] != nil || !queue {
			t.Errorf("pulse %v", p)
		}
	}, func(c *server.Config) { c.Analytics = nil })
}
