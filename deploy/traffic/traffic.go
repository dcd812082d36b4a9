// Package traffic plays a month of sign-ins: people in five countries, with their
// hours, their phones, slips and impatience, and providers with their delays and
// losses. It is for tests of the figures, for pictures of the console, and for who
// wants to see what nod says after a month of work.
//
// What decides is the real thing: the rules of package verify run in the
// transactions of package storage, on a real SQLite file whose clock is moved from
// act to act ([storage.Config].Now). Only what stands outside of nod is played: the
// page and who sits before it, the phone, the providers, and the dispatcher's hands,
// which take what is due, mark it as leaving and write what came of it, as package
// delivery does. So a month takes a minute and not a month, and every row is one that
// nod itself would have written.
//
// The same seed plays the same traffic, whatever the machine: each visit has dice of
// its own. (Ids, keys and codes are random, as ever; nothing is drawn from them.)
//
// What happened is counted where people and providers see it ([Tally]), so that it
// can be compared with what nod's figures say. An effect can be planted ([Plant]) to
// see that the figures find it and, without one, find nothing.
//
// Nothing is open when the play ends, so a nod that opens the file has nothing to
// send: the numbers are nobody's as far as the play knows, and may be somebody's.
package traffic

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"nod/storage"
	"nod/verify"
)

// publicURL is the server that the phones believe they talk to.
const publicURL = "http://127.0.0.1:8080"

// Config is a play; URL and Secret are required.
type Config struct {
	URL    string // the store, sqlite:<path>
	Secret []byte // what it is opened with, see [storage.Config]
	Seed   uint64
	Days   int       // 0 is 30
	PerDay int       // visits on an average day; 0 is 200
	Plants []Plant   // nil: nothing unusual happens
	End    time.Time // when the last day ends; zero is now. Never in the future of who opens the store next

	Begin     time.Time // nothing happens before; zero is the first day's
	Apps      float64   // the share of people who have the app; 0 is 0.55, less is nobody
	Countries []string  // where they live, of DE, US, BR, IN and PT; nil is everywhere
}

// Policy is what the play's nod does: the defaults, with push, SMS and calls and without limits.
func Policy() verify.Policy {
	p := verify.DefaultPolicy()
	p.HasPush, p.HasSMS, p.HasVoice = true, true, true
	p.Limits = verify.Limits{} // its numbers are neighbors, and nobody attacks it
	return p
}

// Play plays and closes the store. What it returns is all that happened until End.
func Play(ctx context.Context, c Config) (tally *Tally, err error) {
	c.Days, c.PerDay, c.Apps = cmp.Or(c.Days, 30), cmp.Or(c.PerDay, 200), cmp.Or(c.Apps, 0.55)
	if c.End.IsZero() {
		c.End = time.Now()
	}
	policy := Policy()
	p := &play{config: c, policy: &policy, tally: newTally(), pages: map[string]*page{}, due: map[string]time.Time{}}
	from := c.End.Add(-time.Duration(c.Days) * 24 * time.Hour)
	p.moment.Store(from.UnixMilli())
	p.store, err = storage.Open(ctx, storage.Config{URL: c.URL, Secret: c.Secret, Now: p.now, Notify: p.committed, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, fmt.Errorf("opening the store of a play: %w", err)
	}
	defer func() { err = errors.Join(err, p.store.Close()) }()
	p.keys = p.store.Keys()
	p.authority = verify.NewAuthority(p.keys, publicURL)
	p.plan(from)
	if err := p.run(ctx); err != nil {
		return nil, fmt.Errorf("playing traffic at %s: %w", verify.FormatTime(p.now()), err)
	}
	return p.tally, nil
}

// play is the world while it runs: one goroutine, one act after the other.
type play struct {
	config    Config
	policy    *verify.Policy
	store     *storage.Store
	keys      *verify.Keys
	authority *verify.Authority
	tally     *Tally

	moment atomic.Int64 // the time, in milliseconds; the store reads it from goroutines of its own
	acts   acts
	count  int                  // of acts, ever
	pages  map[string]*page     // by verification, until it ends
	due    map[string]time.Time // what the dispatcher was told of, by verification
	claims int
}

func (p *play) now() time.Time { return time.UnixMilli(p.moment.Load()).UTC() }

// act is something that happens at its time.
type act struct {
	at time.Time
	n  int // acts of one moment happen in the order in which they were planned
	do func(context.Context) error
}

type acts []act

func (a acts) Len() int      { return len(a) }
func (a acts) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a acts) Less(i, j int) bool {
	return cmp.Or(a[i].at.Compare(a[j].at), cmp.Compare(a[i].n, a[j].n)) < 0
}

// Push and Pop are for package heap.
func (a *acts) Push(x any) { *a = append(*a, x.(act)) } //nolint:errcheck // only acts are pushed, and a panic would say so

// Pop takes the last one.
func (a *acts) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

// at plans an act.
func (p *play) at(when time.Time, do func(context.Context) error) {
	p.count++
	heap.Push(&p.acts, act{when, p.count, do})
}

// after plans an act some time from now.
func (p *play) after(d time.Duration, do func(context.Context) error) { p.at(p.now().Add(d), do) }

// plan draws who comes when. Half as many come on a weekend.
func (p *play) plan(from time.Time) {
	all := people(&p.config)
	d := newDice(p.config.Seed, 1<<32)
	var visits []*visit
	for day := range p.config.Days {
		begin := from.Add(time.Duration(day) * 24 * time.Hour)
		n := p.config.PerDay*7/6 + d.IntN(p.config.PerDay/10+1) - p.config.PerDay/20
		if w := begin.Weekday(); w == time.Saturday || w == time.Sunday {
			n /= 2
		}
		for range n {
			who := all[d.IntN(len(all))]
			local := begin.Add(who.home.east).Truncate(24 * time.Hour).Add(d.hour()).Add(-who.home.east)
			for local.Before(begin) {
				local = local.Add(24 * time.Hour)
			}
			if !local.Before(p.config.Begin) && local.Before(p.config.End) {
				visits = append(visits, &visit{play: p, who: who, begin: local})
			}
		}
	}
	slices.SortStableFunc(visits, func(a, b *visit) int { return a.begin.Compare(b.begin) })
	for i, v := range visits {
		v.dice = newDice(p.config.Seed, 2<<32+uint64(i))
		p.at(v.begin, v.come)
	}
}

// run lets everything happen until the end, and then closes what is open.
func (p *play) run(ctx context.Context) error {
	for len(p.acts) > 0 && p.acts[0].at.Before(p.config.End) {
		a := heap.Pop(&p.acts).(act) //nolint:errcheck // as in Push
		p.moment.Store(max(a.at.UnixMilli(), p.moment.Load()))
		if err := a.do(ctx); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	p.moment.Store(p.config.End.UnixMilli())
	for _, id := range slices.Sorted(p.open()) {
		if _, err := p.change(ctx, id, func(v *verify.Verification, now time.Time) error { return v.Cancel(now) }); err != nil {
			return err
		}
	}
	return nil
}

// change runs a rule on a verification as the server does: after what is due. It
// returns the refusal, if there was one; the error is the store's.
func (p *play) change(ctx context.Context, id string, rule func(*verify.Verification, time.Time) error) (refused *verify.Refusal, err error) {
	err = p.store.UpdateVerification(ctx, id, nil, func(v *verify.Verification, now time.Time) error {
		v.Advance(p.policy, now)
		return rule(v, now)
	})
	if r, ok := errors.AsType[*verify.Refusal](err); ok {
		return r, nil
	}
	return nil, err
}
