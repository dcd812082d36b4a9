package sms_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"nod/delivery"
	"nod/delivery/sms"
	"nod/verify"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The outcomes that providers have.
var (
	accepted = verify.Outcome{State: verify.StateAccepted, Class: verify.ClassNone, ProviderID: "id"}
	busy     = verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Detail: "busy", RetryAfter: 7 * time.Second}
	region   = verify.Outcome{State: verify.StateFailed, Class: verify.ClassPolicy, Detail: "region"}
	absent   = verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Detail: "absent"}
	account  = verify.Outcome{State: verify.StateFailed, Class: verify.ClassPolicy, Detail: "account"}
	number   = verify.Outcome{State: verify.StateFailed, Class: verify.ClassPermanentTarget, Detail: "number"}
	off      = verify.Outcome{State: verify.StateUnknown, Class: verify.ClassUnknown, Detail: "absent"}
	stopped  = verify.Outcome{State: verify.StateFailed, Class: verify.ClassPermanentUser, Detail: "stopped"}
	silent   = verify.Outcome{State: verify.StateUnknown, Class: verify.ClassUnknown, Detail: "timeout"}
)

// station is a provider that lives in a bubble of fake time, where no network is:
// the real clients are tried with the router in their own rooms.
type station struct {
	mu     sync.Mutex
	answer verify.Outcome
	slow   time.Duration
	asked  int
	panics bool

	withdrawn int
}

func (s *station) Send(context.Context, delivery.Message) verify.Outcome {
	s.mu.Lock()
	s.asked++
	answer, slow, panics := s.answer, s.slow, s.panics
	s.mu.Unlock()
	pass(slow)
	if panics {
		panic("out of order")
	}
	return answer
}

func (s *station) AccountRefused(detail string) bool { return detail == "account" }

func (s *station) NumberRefused(detail string) bool { return detail == "absent" }

func (s *station) Ask(_ context.Context, provider, id string) (verify.Receipt, error) {
	return verify.Receipt{Provider: provider, ProviderID: id, State: verify.StateDelivered}, nil
}

func (s *station) says(o verify.Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = o
}

func (s *station) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// mute is a channel that can only send.
type mute struct{ delivery.Channel }

// network is some stations and what was told of them.
type network struct {
	*sms.Router
	stations []*station
	mu       sync.Mutex
	told     []string
}

// Withdraw fails as the station's answer says.
func (s *station) Withdraw(context.Context, delivery.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.withdrawn++
	if s.answer.State != verify.StateAccepted {
		return errors.New(s.answer.Detail)
	}
	return nil
}

// open makes a router over stations named a, b, c …
func open(t testing.TB, answers ...verify.Outcome) *network {
	n := &network{}
	c := sms.Config{Log: slog.New(slog.DiscardHandler), Tell: func(_ context.Context, e verify.Event) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.told = append(n.told, fmt.Sprintf("%s %s %s %s", e.Name, e.Data.Provider, e.Data.Channel, e.Data.Detail))
	}}
	for i, o := range answers {
		s := &station{answer: o}
		n.stations = append(n.stations, s)
		c.Providers = append(c.Providers, sms.Provider{Name: name(i), Channel: s})
	}
	var err error
	if n.Router, err = sms.New(c); err != nil {
		t.Fatal(err)
	}
	return n
}

// pass lets fake time pass; zero needs no bubble.
func pass(d time.Duration) {
	if d > 0 {
		<-time.After(d)
	}
}

func name(i int) string { return string(rune('a' + i)) }

func to(country string, tried ...string) delivery.Message {
	return delivery.Message{Channel: verify.SMS, DeliveryID: "dlv_1", Number: verify.StoredNumber("+14155550123"), Country: country, Tried: tried}
}

func (n *network) send(t testing.TB, tried ...string) verify.Outcome {
	t.Helper()
	before := 0
	for _, s := range n.stations {
		before += s.count()
	}
	o := n.Send(t.Context(), to("US", tried...))
	after := 0
	for _, s := range n.stations {
		after += s.count()
	}
	want := 1
	if o.Detail == "breaker_open" {
		want = 0
	}
	if after-before != want {
		t.Fatalf("%d requests for one Send, want %d", after-before, want)
	}
	return o
}

func TestHandOver(t *testing.T) {
	for _, c := range []struct {
		name   string
		first  verify.Outcome
		tried  []string
		by     string
		state  verify.DeliveryState
		hands  bool
		pauses time.Duration
	}{
		{"taken", accepted, nil, "a", verify.StateAccepted, false, 0},
		{"busy", busy, nil, "a", verify.StateRetrying, true, 0},
		{"region refused", region, nil, "a", verify.StateRetrying, true, 0},
		{"account refused", account, nil, "a", verify.StateRetrying, true, 0},
		{"dead number", number, nil, "a", verify.StateFailed, false, 0},
		{"stopped by the person", stopped, nil, "a", verify.StateFailed, false, 0},
		{"no answer", silent, nil, "a", verify.StateUnknown, false, 0},
		{"the other was tried", accepted, []string{"a"}, "b", verify.StateAccepted, false, 0},
		{"busy, and nobody is left", busy, []string{"b"}, "a", verify.StateRetrying, false, 7 * time.Second},
		{"refused, and nobody is left", region, []string{"b"}, "a", verify.StateFailed, false, 0},
		{"all were tried: the best once more", accepted, []string{"a", "b"}, "a", verify.StateAccepted, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := open(t, c.first, accepted)
			o := n.send(t, c.tried...)
			if o.Provider != c.by || o.State != c.state || o.HandOver != c.hands || o.RetryAfter != c.pauses {
				t.Errorf("got %+v", o)
			}
			if c.first.Class != "" && c.by == "a" && o.Class != c.first.Class {
				t.Errorf("class %s became %s", c.first.Class, o.Class)
			}
		})
	}
}

func TestNobodyIsHandedToABreakerThatIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := open(t, busy, silent)
		for range 5 {
			n.send(t, "a")
		}
		if o := n.send(t); o.Provider != "a" || o.HandOver || o.RetryAfter != 7*time.Second {
			t.Errorf("got %+v, want the provider's own outcome", o)
		}
		if o := n.send(t, "a"); o.Provider != "a" {
			t.Errorf("got %+v, want the one that was tried: the other cannot be asked", o)
		}
		pass(30 * time.Second)
		if o := n.send(t); !o.HandOver {
			t.Errorf("got %+v, want it handed over to the trial", o)
		}
	})
}

func TestWhatOpensABreaker(t *testing.T) {
	for _, c := range []struct {
		answer verify.Outcome
		opens  bool
	}{
		{busy, true}, {silent, true}, {account, true},
		{accepted, false}, {region, false}, {number, false}, {stopped, false}, {absent, false}, {off, false},
	} {
		n := open(t, c.answer)
		for range 4 {
			n.send(t)
		}
		n.stations[0].says(accepted)
		n.send(t) // four in a row are none in five
		n.stations[0].says(c.answer)
		for range 4 {
			n.send(t)
		}
		if got := n.Stats()[0].Breaker; got != "closed" {
			t.Errorf("%s: %s after four, want closed", c.answer.Detail, got)
		}
		n.send(t)
		if got := n.Stats()[0].Breaker == "open"; got != c.opens {
			t.Errorf("%s: open %v after five in a row, want %v", c.answer.Detail, got, c.opens)
		}
	}
}

// TestPushDoesNotWait: the ladder has another rung for whom an app's provider is out
// of order, so it is told at once; what goes to a number waits.
func TestPushDoesNotWait(t *testing.T) {
	n := open(t, silent)
	push := delivery.Message{Channel: verify.Push, DeliveryID: "dlv_1", Push: &verify.PushTarget{Provider: "a", Token: "t"}}
	for range 5 {
		if o := n.Send(t.Context(), push); o.State != verify.StateUnknown {
			t.Fatalf("got %+v", o)
		}
	}
	want := verify.Outcome{State: verify.StateFailed, Class: verify.ClassTransient, Detail: "breaker_open"}
	if o := n.Send(t.Context(), push); o != want {
		t.Errorf("got %+v, want %+v", o, want)
	}
	if o := n.send(t); o.State != verify.StateRetrying || o.RetryAfter == 0 {
		t.Errorf("an SMS became %+v, want it to wait", o)
	}
}

// TestWithdraw: what is over is withdrawn also while the breaker is open, and counts
// for nothing.
func TestWithdraw(t *testing.T) {
	n := open(t, silent)
	for range 5 {
		n.send(t)
	}
	if err := n.Withdraw(t.Context(), to("US")); err == nil || n.stations[0].withdrawn != 1 {
		t.Errorf("%v after %d withdrawals, want the provider's error", err, n.stations[0].withdrawn)
	}
	n.stations[0].says(accepted)
	if err := n.Withdraw(t.Context(), to("US")); err != nil || n.stations[0].withdrawn != 2 {
		t.Errorf("%v after %d withdrawals", err, n.stations[0].withdrawn)
	}
	if got := n.Stats()[0]; got.Breaker != "open" || got.Requests != 5 {
		t.Errorf("withdrawals were counted: %+v", got)
	}
	deaf, err := sms.New(sms.Config{Providers: []sms.Provider{{Name: "a", Channel: mute{n.stations[0]}}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := deaf.Withdraw(t.Context(), to("US")); err != nil || n.stations[0].withdrawn != 2 {
		t.Errorf("a provider that cannot withdrew: %v", err)
	}
}

// TestARefusedAccountIsToldOnce: at the first message, and again only after one was
// taken.
func TestARefusedAccountIsToldOnce(t *testing.T) {
	var said bytes.Buffer
	s := &station{}
	r, err := sms.New(sms.Config{Providers: []sms.Provider{{Name: "a", Channel: s}}, Log: slog.New(slog.NewTextHandler(&said, nil))})
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range []struct {
		answer verify.Outcome
		told   int
	}{{region, 0}, {number, 0}, {busy, 0}, {account, 1}, {account, 1}, {region, 1}, {account, 1}, {accepted, 1}, {account, 2}, {account, 2}} {
		s.says(row.answer)
		r.Send(t.Context(), to("US"))
		if got := strings.Count(said.String(), "level=WARN"); got != row.told {
			t.Errorf("%d: told %d times after %s, want %d: %s", i, got, row.answer.Detail, row.told, &said)
		}
	}
	if !strings.Contains(said.String(), "provider=a channel=sms detail=account") {
		t.Errorf("told: %s", &said)
	}
}

// TestBreaker drives one provider through an outage.
func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := open(t, silent)
		ctx, cancel := context.WithCancel(t.Context())
		var runs sync.WaitGroup
		runs.Go(func() { n.Run(ctx) })
		defer func() { cancel(); runs.Wait() }()
		for range 5 {
			n.send(t)
		}
		pass(10 * time.Second)
		for range 20 {
			o := n.send(t)
			if o.State != verify.StateRetrying || o.Class != verify.ClassTransient || o.Detail != "breaker_open" || o.HandOver {
				t.Fatalf("got %+v", o)
			}
			if o.RetryAfter < 20*time.Second || o.RetryAfter >= 25*time.Second {
				t.Fatalf("to be tried again in %s, want when the trial is made, or up to 5 s later", o.RetryAfter)
			}
		}
		crowd := func() int { // 20 at once: how many were let through
			before := n.stations[0].count()
			var all sync.WaitGroup
			for range 20 {
				all.Go(func() { n.Send(t.Context(), to("US")) })
			}
			all.Wait()
			return n.stations[0].count() - before
		}
		n.stations[0].slow = time.Second
		for range 3 { // the trial fails: half a minute more, and nothing is told anew
			pass(20*time.Second + 10*time.Second)
			if got := crowd(); got != 1 {
				t.Fatalf("%d trials, want 1", got)
			}
			if got := crowd(); got != 0 {
				t.Fatalf("%d sent after a failed trial, want 0", got)
			}
		}
		n.stations[0].says(accepted)
		pass(30 * time.Second)
		if got := crowd(); got != 1 {
			t.Fatalf("%d trials, want 1", got)
		}
		if got := crowd(); got != 20 {
			t.Fatalf("%d of 20 sent after a good trial", got)
		}
		synctest.Wait()
		want := []string{"provider.degraded a sms timeout", "provider.recovered a sms "}
		if !slices.Equal(n.told, want) {
			t.Errorf("told %q, want %q", n.told, want)
		}
	})
}

func TestAPanicGivesItsPermitBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := open(t, accepted)
		n.stations[0].panics = true
		panicked := func() (did bool) {
			defer func() { did = recover() != nil }()
			n.Send(t.Context(), to("US"))
			return
		}
		for range 5 {
			if !panicked() {
				t.Fatal("the panic was swallowed: the dispatcher logs it")
			}
		}
		for range 3 {
			if panicked() {
				t.Fatal("five panics did not open the breaker")
			}
			pass(30 * time.Second)
			if !panicked() {
				t.Fatal("no trial was made: a permit is lost")
			}
		}
	})
}

func TestAsk(t *testing.T) {
	n := open(t, accepted, accepted)
	r, err := n.Ask(t.Context(), "b", "id")
	if err != nil || r.Provider != "b" || r.ProviderID != "id" || r.State != verify.StateDelivered {
		t.Errorf("got %+v, %v", r, err)
	}
	if _, err := n.Ask(t.Context(), "z", "id"); err == nil {
		t.Error("a provider that is not set up was asked")
	}
	r2, err := sms.New(sms.Config{Providers: []sms.Provider{{Name: "a", Channel: mute{&station{}}}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r2.Ask(t.Context(), "a", "id"); err == nil {
		t.Error("a provider that cannot be asked was asked")
	}
}

func TestStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := open(t, busy, accepted)
		n.stations[0].slow, n.stations[1].slow = time.Second, 2*time.Second
		n.send(t)
		n.send(t, "a")
		n.send(t, "a")
		got := n.Stats()
		a, b := got[0], got[1]
		if a.Name != "a" || a.Requests != 1 || a.Sent[sms.Sent{State: verify.StateRetrying, Class: verify.ClassTransient}] != 1 || a.Latency != time.Second {
			t.Errorf("got %+v", a)
		}
		if b.Name != "b" || b.Requests != 2 || b.Sent[sms.Sent{State: verify.StateAccepted, Class: verify.ClassNone}] != 2 || b.Latency != 4*time.Second || b.Breaker != "closed" {
			t.Errorf("got %+v", b)
		}
	})
}

func TestNewRefuses(t *testing.T) {
	for name, c := range map[string]sms.Config{
		"no provider": {},
		"two of one":  {Providers: []sms.Provider{{Name: "a", Channel: &station{}}, {Name: "a", Channel: &station{}}}},
		"no name":     {Providers: []sms.Provider{{Channel: &station{}}}},
		"a comma":     {Providers: []sms.Provider{{Name: "a,b", Channel: &station{}}}},
		"no channel":  {Providers: []sms.Provider{{Name: "a"}}},
	} {
		if _, err := sms.New(c); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
