package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"nod/storage"
	"nod/verify"
)

// sumsEvery is how often a node looks at what the whole deployment uses up.
const sumsEvery = 10 * time.Second

// wrongCodesAll names the limit of [verify.Limits].WrongCodesAll in what is told of it.
const wrongCodesAll = "wrong_codes_all"

// guarding is what this node tells operators of the limits: which were hit in what it
// committed itself, and how near the deployment's own are.
type guarding struct {
	store  *storage.Store
	limits *verify.Limits
	log    *slog.Logger

	today   atomic.Pointer[verify.Today] // as the last look found it; nil: there was none
	alarmed time.Time                    // the day on which this node last said that there are too many wrong codes; zero: there are not

	mu         sync.Mutex
	hit        map[string]uint64    // by limit
	suppressed map[string]uint64    // deliveries, by reason
	told       map[string]time.Time // what was logged of money, with the last UTC day of it
}

func newGuarding(store *storage.Store, limits *verify.Limits, log *slog.Logger) *guarding {
	return &guarding{store: store, limits: limits, log: log, hit: map[string]uint64{}, suppressed: map[string]uint64{}, told: map[string]time.Time{}}
}

// note counts what a committed change says of limits, and logs what it says of money.
func (g *guarding) note(events []verify.Event) {
	for i := range events {
		switch e := &events[i]; {
		case e.Name == verify.EventLimitHit, e.Name == verify.EventBudgetExceeded:
			g.count(g.hit, e.Data.Limit)
		case e.Name == verify.EventSpendStop:
			g.count(g.hit, "spend_cap")
			g.sayMoney(e)
		case e.Name == verify.EventSpendWarning:
			g.sayMoney(e)
		case e.Data.State == verify.StateSuppressed:
			g.count(g.suppressed, e.Data.Detail)
		}
	}
}

// sayMoney logs what a change says of money, each once on a UTC day.
func (g *guarding) sayMoney(e *verify.Event) {
	if !g.anew(fmt.Sprint(e.Name, e.Data.Limit, e.Data.Percent), verify.Day(e.At)) {
		return
	}
	most := float64(g.limits.SpendCap) / unitMicros
	switch {
	case e.Name == verify.EventSpendWarning:
		g.log.Warn("codes have cost much of what they may today (UTC)", "cap", most, "percent", e.Data.Percent)
	case e.Data.Limit == "spend_cap":
		g.log.Warn("codes have cost what they may today (UTC): SMS and calls that cost more than what is left stop until tomorrow", "cap", most)
	default: // one such country is enough to look at the prices
		g.log.Warn("what codes cost has a cap, and a country has no price: no SMS and no call goes there", "cap", most, "country", e.Data.Country)
	}
}

// anew reports whether this node has not said it on that day.
func (g *guarding) anew(what string, day time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.told[what].Before(day) {
		return false
	}
	g.told[what] = day
	return true
}

func (g *guarding) count(in map[string]uint64, name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	in[name]++
}

// counted returns what was noted until now.
func (g *guarding) counted() (hit, suppressed map[string]uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return maps.Clone(g.hit), maps.Clone(g.suppressed)
}

// watch looks at the sums from time to time until ctx ends.
func (g *guarding) watch(ctx context.Context) {
	trouble := complaint{log: g.log, what: "looking at what the deployment uses up"}
	for {
		err := g.look(ctx)
		if ctx.Err() != nil {
			return
		}
		trouble.note(err)
		if !pause(ctx, sumsEvery) {
			return
		}
	}
}

// look reads the sums, and raises an alarm where somebody guesses codes of many users:
// once a day a line in each node's log and, for the audit trail and the integrator, one
// event of whichever node comes first.
func (g *guarding) look(ctx context.Context) error {
	today, err := g.store.Sums(ctx)
	if err != nil {
		return err
	}
	g.today.Store(&today)
	most := g.limits.WrongCodesAll.N
	if most == 0 || today.WrongCodes < most {
		g.alarmed = time.Time{}
		return nil
	}
	now, err := g.store.Now(ctx)
	if err != nil || g.alarmed.Equal(verify.Day(now)) {
		return err
	}
	e := verify.Event{Name: verify.EventLimitHit, Data: verify.EventData{Limit: wrongCodesAll}}
	if err := g.store.TellOnce(ctx, wrongCodesAll, now, e); err != nil {
		return err
	}
	g.alarmed = verify.Day(now)
	g.log.Warn("there are more wrong codes than any day should have: somebody may be guessing. New sessions get longer codes until there are fewer", "wrong_codes", today.WrongCodes, "limit", most)
	return nil
}
