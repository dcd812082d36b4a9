// Package sms chooses the provider that carries a message, and notices when one is
// out of order.
//
// A [Router] is one channel to the dispatcher and stands for all its providers. It
// serves every channel that has providers: SMS, for which most of it is made, calls,
// and pushes, where each provider has phones of its own and so a router of its own,
// for the breaker and the operator's sake. It keeps the dispatcher's rule, one row, one request: a Send asks one provider, and
// what that provider did not take goes to the next one by way of the row, so that
// it is written down who was asked before anybody else is.
//
// # What goes to the next provider
//
// Only what certainly was not taken: a transient refusal (no connection, too many
// requests) and a refusal by policy (the account, the region, the route). It is
// handed over at once when a provider is left that was not tried and can be asked;
// else the outcome is the provider's own, and while the policy leaves a try a
// passing refusal is asked about again after its pause. A refusal for the number's
// or the person's sake is true at every provider and stays. What may have been
// taken is unknown and is never handed over: it would be a second message. When
// every provider has been tried, or those that were not cannot be asked, the first
// of the others is asked once more.
//
// # Who is first
//
// Without prices the order is the operator's. With prices it is, per country:
//
//  1. providers that have a price there ("*" stands for every country without its
//     own) before those that have none;
//  2. by conversion: the share of messages accepted in the last seven days whose
//     verification was approved by their code, in whole steps of five points, so
//     that noise does not turn the order (94 % and 90 % are the same, 95 % is
//     better). A provider with fewer than 30 messages there counts as the best one
//     measured: a new one gets its chance by its price;
//  3. the lower price;
//  4. the operator's order.
//
// Conversion comes before price, because a code that does not arrive costs a
// person's way in. The figures are read in the background every ten minutes, by
// [Router.Run]; when that fails the old ones stay.
//
// # Breakers
//
// Each provider has a circuit breaker, so that a provider that is down costs five
// people a wait and not all. It opens at five failures in a row. A rule in a row
// needs no traffic to work: a share of ten in half a minute would never see the
// outage of an installation that sends one message a minute. And it is sharp enough
// under load: with every second request failing, five in a row come within some 60
// requests. What counts as a failure is the provider's own: transient, unknown, and
// a refusal of the whole account ([AccountRefuser]). A refusal of a number or a
// device, for now ([NumberRefuser]) or for good, of a country or a text is a sound
// answer; else whoever asks for codes to a forbidden country could switch the
// provider off for all.
//
// After 30 s one message is let through as a trial: it closes the breaker or opens
// it for 30 s more. A try ends long before that (the dispatcher gives it 10 s), so
// no answer of the time before the outage is taken for the trial's. While no
// provider can be asked, a message waits with the detail "breaker_open" until the
// first one can, and up to five seconds longer by lot, so that those who wait do
// not come all at once while the trial is on its way. What goes to an app does not
// wait: it has failed, so that the next rung of the ladder comes at once.
//
// # What an operator is told
//
// That a breaker has opened or closed again, and the first refusal of the whole
// account: a wrong password is to be mended after one message, not after five. It is
// told again only after a message was taken.
package sms

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"nod/delivery"
	"nod/verify"
)

const (
	// breakerOpen is the detail of an outcome that no provider was asked for.
	breakerOpen = "breaker_open"

	spread = 5 * time.Second // see the package comment: by lot
	probe  = 2 * time.Second // how long a trial is waited for

	refresh      = 10 * time.Minute // between two readings of the conversions
	refreshLimit = 30 * time.Second // of one reading
	tellLimit    = 10 * time.Second // of telling one event
	untold       = 64               // events that may wait to be told
)

// Provider is one of a router's.
type Provider struct {
	Name    string // as in [verify.Delivery], for example "twilio"
	Channel delivery.Channel
}

// AccountRefuser is a provider that knows which of its refusals by policy are of
// the whole account, as with wrong credentials: they would meet every message.
type AccountRefuser interface {
	AccountRefused(detail string) bool
}

// NumberRefuser is a provider that knows which of its passing refusals, and of its
// failures to answer, are of one number or device, as of a phone that is off: they
// speak against nobody else's messages.
type NumberRefuser interface {
	NumberRefused(detail string) bool
}

// Config is what a [Router] works with.
type Config struct {
	Providers []Provider     // in the operator's order; at least one
	Channel   verify.Channel // of all messages, named in events; empty is sms
	Prices    Prices         // nil: the operator's order is kept

	// Conversions says what was accepted in the last seven days, and how much of it
	// was approved; nil: nothing is measured. It is not asked without prices.
	Conversions func(ctx context.Context) ([]verify.Conversion, error)
	// Tell is told when a provider becomes degraded and when it has recovered; nil:
	// nobody. It is called by Run, one event after the other.
	Tell func(ctx context.Context, e verify.Event)
	// Log gets the same; nil is slog.Default().
	Log *slog.Logger
}

// Router is one channel over several providers; see the package comment. Make it
// with [New]; it sends without [Router.Run], but then it measures nothing and tells
// nobody.
type Router struct {
	config    Config
	providers []*provider // in the operator's order
	steps     atomic.Pointer[steps]
	events    chan verify.Event
}

var (
	_ delivery.Channel    = (*Router)(nil)
	_ delivery.Asker      = (*Router)(nil)
	_ delivery.Withdrawer = (*Router)(nil)
)

// New makes a router. The error says what is wrong with the configuration.
func New(c Config) (*Router, error) {
	if len(c.Providers) == 0 {
		return nil, errors.New("a router needs a provider")
	}
	if c.Channel == "" {
		c.Channel = verify.SMS
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	r := &Router{config: c, events: make(chan verify.Event, untold)}
	r.steps.Store(&steps{})
	for _, p := range c.Providers {
		if p.Name == "" || strings.Contains(p.Name, ",") || p.Channel == nil || r.provider(p.Name) != nil {
			return nil, fmt.Errorf("provider %q: each needs a channel, and a name of its own without a comma", p.Name)
		}
		r.providers = append(r.providers, newProvider(p, r.changed))
	}
	for name := range c.Prices {
		if r.provider(name) == nil {
			c.Log.Warn("there are prices for a provider that is not set up: they are not used", "provider", name)
		}
	}
	return r, nil
}

// Run reads the conversions and tells what happens to providers, until ctx ends.
func (r *Router) Run(ctx context.Context) {
	var due <-chan time.Time
	if r.config.Prices != nil && r.config.Conversions != nil {
		ticker := time.NewTicker(refresh)
		defer ticker.Stop()
		due = ticker.C
		r.measure(ctx)
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-due:
			r.measure(ctx)
		case e := <-r.events:
			r.tell(ctx, e)
		}
	}
}

func (r *Router) measure(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, refreshLimit)
	defer cancel()
	conversions, err := r.config.Conversions(limited)
	if err != nil {
		if ctx.Err() == nil {
			r.config.Log.Warn("the conversion of the providers could not be read: the figures of before are kept", "channel", r.config.Channel, "error", err)
		}
		return
	}
	r.steps.Store(stepsOf(conversions))
}

func (r *Router) tell(ctx context.Context, e verify.Event) {
	if r.config.Tell == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, tellLimit)
	defer cancel()
	r.config.Tell(ctx, e)
}

// changed is called when a provider's breaker opens for the first time or closes.
func (r *Router) changed(p *provider, degraded bool, detail string) {
	e := verify.Event{
		Name: verify.EventProviderRecovered,
		Data: verify.EventData{Provider: p.name, Channel: r.config.Channel, Detail: detail},
	}
	if degraded {
		e.Name = verify.EventProviderDegraded
		r.config.Log.Warn("a provider is degraded: one message is tried every 30 s, the others wait or go elsewhere", "provider", p.name, "channel", r.config.Channel, "detail", detail)
	} else {
		r.config.Log.Info("a provider has recovered", "provider", p.name, "channel", r.config.Channel)
	}
	select {
	case r.events <- e:
	default:
		r.config.Log.Warn("an event of a provider was not told: too many wait", "provider", p.name, "event", e.Name)
	}
}

// Send asks one provider.
func (r *Router) Send(ctx context.Context, m delivery.Message) verify.Outcome {
	ranked := r.ranked(m.Country)
	p := pick(ranked, m.Tried)
	if p == nil {
		return r.wait(m)
	}
	o := p.send(ctx, m)
	if p.refusedAnew(o) {
		r.config.Log.Warn("a provider refuses the account: nothing leaves over it until that is mended", "provider", p.name, "channel", r.config.Channel, "detail", o.Detail)
	}
	if o.Provider == "" {
		o.Provider = p.name
	}
	if notTaken(o) && another(ranked, p, m.Tried) {
		o.State, o.HandOver, o.RetryAfter = verify.StateRetrying, true, 0
	}
	return o
}

// pick takes the first provider that was not tried and lets it, else the first of
// those that were. It has a permit of its breaker then.
func pick(ranked []*provider, tried []string) *provider {
	for _, again := range []bool{false, true} {
		for _, p := range ranked {
			if slices.Contains(tried, p.name) == again && p.breaker.TryAcquirePermit() {
				return p
			}
		}
	}
	return nil
}

// another reports whether a provider but p is left that was not tried and can be
// asked now.
func another(ranked []*provider, p *provider, tried []string) bool {
	return slices.ContainsFunc(ranked, func(q *provider) bool {
		return q != p && !slices.Contains(tried, q.name) && q.wait() == 0
	})
}

// notTaken reports whether it is certain that the provider took nothing and another
// one may.
func notTaken(o verify.Outcome) bool {
	return o.State == verify.StateRetrying || o.State == verify.StateFailed && o.Class == verify.ClassPolicy
}

// wait is the outcome when no provider can be asked.
func (r *Router) wait(m delivery.Message) verify.Outcome {
	if m.Channel.App() {
		return verify.Outcome{State: verify.StateFailed, Class: verify.ClassTransient, Detail: breakerOpen}
	}
	first := r.providers[0].wait()
	for _, p := range r.providers[1:] {
		first = min(first, p.wait())
	}
	return verify.Outcome{
		State: verify.StateRetrying, Class: verify.ClassTransient, Detail: breakerOpen,
		RetryAfter: first + rand.N(spread), //nolint:gosec // spreads retries, guards nothing
	}
}

// Ask asks the provider that took a message what became of it.
func (r *Router) Ask(ctx context.Context, name, providerID string) (verify.Receipt, error) {
	p := r.provider(name)
	if p == nil {
		return verify.Receipt{}, fmt.Errorf("asking %q: it is not set up", name)
	}
	asker, ok := p.channel.(delivery.Asker)
	if !ok {
		return verify.Receipt{}, fmt.Errorf("asking %q: it cannot be asked", name)
	}
	return asker.Ask(ctx, name, providerID)
}

// Withdraw lets the provider withdraw that can, whatever its breaker says; nothing
// depends on it, so nothing is learned of it. Where none can, nothing is withdrawn.
func (r *Router) Withdraw(ctx context.Context, m delivery.Message) error {
	for _, p := range r.providers {
		if w, ok := p.channel.(delivery.Withdrawer); ok {
			return w.Withdraw(ctx, m)
		}
	}
	return nil
}

func (r *Router) provider(name string) *provider {
	for _, p := range r.providers {
		if p.name == name {
			return p
		}
	}
	return nil
}
