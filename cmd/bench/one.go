package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"nod/client"
)

// perUser is how many devices one user may have.
const perUser = 10

// connectPeriod keeps those who connect below the 1,000 a second that a node
// takes.
const connectPeriod = time.Second / 900

// oneNode measures a node on its own, on a fresh SQLite file.
func (b *bench) oneNode(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "nod-bench")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	at, err := start(ctx, b.program, "NOD_DATABASE_URL=sqlite:"+filepath.Join(dir, "nod.db"))
	if err != nil {
		return err
	}
	defer at.stop()

	phones, err := b.idle(ctx, at, "SQLite")
	if err != nil {
		return err
	}
	defer hangUp(phones)
	took, err := prompts(ctx, at, phones, b.signIns)
	if err != nil {
		return fmt.Errorf("timing prompts: %w", err)
	}
	row("REST call to frame", fmt.Sprintf("p50 %.1f ms, p99 %.1f ms", ms(took, 50), ms(took, 99)),
		fmt.Sprintf("%d creates, one after the other, %d devices connected; SQLite", len(took), b.devices))

	made, err := flood(ctx, b.load, at)
	if err != nil {
		return fmt.Errorf("creating under load: %w", err)
	}
	row("verifications", made, "SQLite, 64 callers, each with its SMS")
	done, err := signIns(ctx, b.load, 32, at, at)
	if err != nil {
		return fmt.Errorf("signing in under load: %w", err)
	}
	row("sign-ins", fmt.Sprintf("%6.0f a second, create to exchange", done), "SQLite, 32 callers")
	return nil
}

// oneOfMany measures what devices cost a node that shares Postgres and Redis.
func (b *bench) oneOfMany(ctx context.Context) error {
	shared, stop, err := share()
	if err != nil {
		return err
	}
	defer stop()
	at, err := start(ctx, b.program, shared...)
	if err != nil {
		return err
	}
	defer at.stop()
	phones, err := b.idle(ctx, at, "Postgres and Redis")
	hangUp(phones)
	return err
}

// idle connects phones and measures what they cost while nothing happens.
func (b *bench) idle(ctx context.Context, at *node, on string) ([]*phone, error) {
	phones := make([]*phone, b.devices)
	for i := range phones {
		phones[i] = &phone{user: fmt.Sprintf("user-%d", i/perUser)}
	}
	if err := each(phones, 64, func(p *phone) error { return at.join(ctx, p) }); err != nil {
		return nil, fmt.Errorf("enrolling devices: %w", err)
	}
	before, err := at.rest(ctx)
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	if err := paced(phones, connectPeriod, func(p *phone) error { return p.connect(ctx, at) }); err != nil {
		return nil, fmt.Errorf("connecting devices: %w", err)
	}
	connected := time.Since(begun)
	after, err := at.rest(ctx)
	if err != nil {
		return nil, err
	}
	n := float64(len(phones))
	row("idle device", fmt.Sprintf("%6.1f KB, %.2f goroutines", (after.memory-before.memory)/n/1024, (after.goroutines-before.goroutines)/n),
		fmt.Sprintf("each of %d, authenticated; heap and stacks in use; connected in %.1f s; %s", len(phones), connected.Seconds(), on))
	return phones, nil
}

// prompts measures from sending the create to reading the frame, on one device
// of each user: a second sign-in of a user would supersede the first.
func prompts(ctx context.Context, at *node, phones []*phone, most int) ([]time.Duration, error) {
	var took []time.Duration
	for i := 0; i < len(phones) && len(took) < most; i += perUser {
		p := phones[i]
		begun := time.Now()
		v, err := at.nod.Start(ctx, client.Login{UserID: p.user})
		if err != nil {
			return nil, err
		}
		read, _, err := p.prompt(ctx, v.VerificationID)
		if err != nil {
			return nil, err
		}
		took = append(took, read.Sub(begun))
		if err := at.nod.Cancel(ctx, v.VerificationID); err != nil { // or its countdown would load what follows
			return nil, err
		}
	}
	slices.Sort(took)
	return took, nil
}

// flood has 64 callers, spread over the nodes, create verifications that go out
// by SMS, for as long as told. Refused are those that a node had no time for; a
// caller tries another one then.
func flood(ctx context.Context, d time.Duration, nodes ...*node) (figure string, err error) {
	var n, refused atomic.Int64
	err = during(d, 64, func(caller int) error {
		i := created.Add(1)
		_, err := nodes[caller%len(nodes)].nod.Start(ctx, client.Login{UserID: fmt.Sprintf("%s%013d", creator, i), PhoneNumber: numberOf(i)})
		if e, ok := errors.AsType[*client.Error](err); ok && e.Status == http.StatusServiceUnavailable {
			refused.Add(1)
			return nil
		}
		n.Add(1)
		return err
	})
	figure = fmt.Sprintf("%6.0f a second created", float64(n.Load())/d.Seconds())
	if refused.Load() > 0 {
		figure += fmt.Sprintf(", %d refused", refused.Load())
	}
	return figure, err
}

// signIns runs whole sign-ins: create, prompt, signed answer, result, exchange.
// Each caller has a user with one device; backends and pages are at one node,
// phones at the other, or at the same.
func signIns(ctx context.Context, d time.Duration, callers int, backends, devices *node) (perSecond float64, err error) {
	phones := make([]*phone, callers)
	for i := range phones {
		phones[i] = &phone{user: fmt.Sprintf("signin-%d", i)}
		if err := backends.join(ctx, phones[i]); err != nil {
			return 0, err
		}
		if err := phones[i].connect(ctx, devices); err != nil {
			return 0, err
		}
	}
	var n atomic.Int64
	err = during(d, callers, func(caller int) error {
		p := phones[caller]
		if p.frames >= frameLimit {
			if err := p.connect(ctx, devices); err != nil {
				return err
			}
		}
		s, err := p.signIn(ctx, backends)
		if err != nil {
			return err
		}
		if _, err := backends.nod.Exchange(ctx, s.verification.VerificationID, s.token); err != nil {
			return err
		}
		n.Add(1)
		return nil
	})
	return float64(n.Load()) / d.Seconds(), err
}
