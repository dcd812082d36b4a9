package sms

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"nod/delivery"
	"nod/verify"
)

// A breaker's figures; the package comment says why.
const (
	failuresInRow = 5
	openFor       = 30 * time.Second
)

// provider is one provider with its breaker and its figures.
type provider struct {
	name    string
	channel delivery.Channel
	breaker circuitbreaker.CircuitBreaker[any]

	mu      sync.Mutex
	detail  string // of the last failure
	refused bool   // the account, and nothing was taken since
	stats   ProviderStats
}

// newProvider wraps a provider; changed is called when its breaker opens, but not
// when a trial fails, and when it closes.
func newProvider(from Provider, changed func(p *provider, degraded bool, detail string)) *provider {
	p := &provider{name: from.Name, channel: from.Channel, stats: ProviderStats{Name: from.Name, Sent: map[Sent]uint64{}}}
	p.breaker = circuitbreaker.NewBuilder[any]().
		WithFailureThreshold(failuresInRow).
		WithSuccessThreshold(1). // and so half open lets one through
		WithDelay(openFor).
		OnStateChanged(func(e circuitbreaker.StateChangedEvent) {
			switch {
			case e.NewState == circuitbreaker.ClosedState:
				changed(p, false, "")
			case e.OldState == circuitbreaker.ClosedState:
				changed(p, true, p.lastDetail())
			}
		}).
		Build()
	return p
}

// send makes one try. Its caller holds a permit of the breaker, which is given back
// with what is learned, also when the channel panics.
func (p *provider) send(ctx context.Context, m delivery.Message) (o verify.Outcome) {
	o = verify.Outcome{State: verify.StateUnknown, Class: verify.ClassUnknown, Detail: "panic"}
	began := time.Now()
	defer func() {
		broken := p.broken(o)
		p.count(o, broken, time.Since(began))
		if broken {
			p.breaker.RecordFailure()
		} else {
			p.breaker.RecordSuccess()
		}
	}()
	return p.channel.Send(ctx, m)
}

// broken reports whether an outcome speaks against the provider.
func (p *provider) broken(o verify.Outcome) bool {
	switch o.State {
	case verify.StateUnknown, verify.StateRetrying:
		n, ok := p.channel.(NumberRefuser)
		return !ok || !n.NumberRefused(o.Detail)
	case verify.StateFailed:
		return p.accountRefused(o)
	}
	return false
}

// accountRefused reports whether an outcome is a refusal of the whole account.
func (p *provider) accountRefused(o verify.Outcome) bool {
	a, ok := p.channel.(AccountRefuser)
	return ok && o.State == verify.StateFailed && o.Class == verify.ClassPolicy && a.AccountRefused(o.Detail)
}

// refusedAnew reports whether an outcome is the first refusal of the account since a
// message was taken.
func (p *provider) refusedAnew(o verify.Outcome) bool {
	refused := p.accountRefused(o)
	p.mu.Lock()
	defer p.mu.Unlock()
	anew := refused && !p.refused
	if refused || o.State == verify.StateAccepted {
		p.refused = refused
	}
	return anew
}

// wait is how long the provider cannot be asked; 0: it can be now.
func (p *provider) wait() time.Duration {
	if p.breaker.IsHalfOpen() {
		return probe // its trial is on its way
	}
	return p.breaker.RemainingDelay()
}

func (p *provider) lastDetail() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.detail
}

func (p *provider) count(o verify.Outcome, broken bool, took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if broken {
		p.detail = o.Detail
	}
	p.stats.Sent[Sent{o.State, o.Class}]++
	p.stats.Requests++
	p.stats.Latency += took
}

// Sent is one kind of outcome, to be counted.
type Sent struct {
	State verify.DeliveryState // the provider's own, before it became another's turn
	Class verify.Class
}

// ProviderStats are the figures of one provider since the router was made.
type ProviderStats struct {
	Name     string
	Breaker  string // closed, open or half-open
	Sent     map[Sent]uint64
	Requests uint64        // the sum of Sent
	Latency  time.Duration // the sum over Requests
}

// Stats returns the figures of this moment, in the operator's order.
func (r *Router) Stats() []ProviderStats {
	all := make([]ProviderStats, 0, len(r.providers))
	for _, p := range r.providers {
		p.mu.Lock()
		s := p.stats
		s.Sent = maps.Clone(s.Sent)
		p.mu.Unlock()
		s.Breaker = p.breaker.State().String()
		all = append(all, s)
	}
	return all
}
