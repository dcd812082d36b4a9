package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"nod/deploy/throwaway"
)

// twoNodes measures nodes that share Postgres and Redis. Backends and pages talk
// to one, phones to the other, so every step crosses.
func (b *bench) twoNodes(ctx context.Context) error {
	shared, stop, err := share()
	if err != nil {
		return err
	}
	defer stop()
	first, err := start(ctx, b.program, shared...)
	if err != nil {
		return err
	}
	defer first.stop()
	second, err := start(ctx, b.program, append(shared, "NOD_PUBLIC_URL="+first.url)...)
	if err != nil {
		return err
	}
	defer second.stop()

	if err := b.across(ctx, first, second); err != nil {
		return err
	}
	for _, nodes := range [][]*node{{first}, {first, second}} {
		made, err := flood(ctx, b.load/2, nodes...)
		if err != nil {
			return fmt.Errorf("creating under load: %w", err)
		}
		row("verifications", made, fmt.Sprintf("Postgres, fsync on, 64 callers on %d of 2 nodes, each with its SMS", len(nodes)))
	}
	done, err := signIns(ctx, b.load/2, 32, first, second)
	if err != nil {
		return fmt.Errorf("signing in under load: %w", err)
	}
	row("sign-ins", fmt.Sprintf("%6.0f a second, create to exchange", done), "Postgres, fsync on, 32 callers, backends and pages on one node, phones on the other")
	return nil
}

// share starts what nodes share and returns their settings.
func share() (settings []string, stop func(), err error) {
	postgres, err := startPostgres()
	if err != nil {
		return nil, nil, err
	}
	redis, err := throwaway.StartRedis()
	if err != nil {
		postgres.Close()
		return nil, nil, err
	}
	settings = []string{"NOD_DATABASE_URL=" + postgres.URL, "NOD_REDIS_URL=" + redis.URL, "NOD_SECRET=" + benchSecret, "NOD_API_KEYS=" + benchKey}
	return settings, func() {
		redis.Close()
		postgres.Close()
	}, nil
}

// moderate is a load that a busy bank has, far below what the machine can do.
const moderate = time.Second / 50

// across times prompts and results that cross from node to node.
func (b *bench) across(ctx context.Context, first, second *node) error {
	phones := make([]*phone, b.signIns)
	for i := range phones {
		phones[i] = &phone{user: fmt.Sprintf("across-%d", i)}
	}
	if err := each(phones, 32, func(p *phone) error { return first.join(ctx, p) }); err != nil {
		return fmt.Errorf("enrolling devices: %w", err)
	}
	if err := paced(phones, connectPeriod, func(p *phone) error { return p.connect(ctx, second) }); err != nil {
		return fmt.Errorf("connecting devices: %w", err)
	}
	for _, way := range []struct {
		name string
		run  func(func(*phone) error) error
	}{
		{"one after the other", func(f func(*phone) error) error { return each(phones, 1, f) }},
		{fmt.Sprintf("%d begin each second", time.Second/moderate), func(f func(*phone) error) error { return paced(phones, moderate, f) }},
	} {
		taken := make(chan signIn, len(phones))
		if err := way.run(func(p *phone) error {
			s, err := p.signIn(ctx, first)
			taken <- s
			return err
		}); err != nil {
			return fmt.Errorf("signing in: %w", err)
		}
		close(taken)
		var prompts, results []time.Duration
		for s := range taken {
			prompts, results = append(prompts, s.prompt), append(results, s.result)
		}
		slices.Sort(prompts)
		slices.Sort(results)
		conditions := fmt.Sprintf("%d logins, %s; Postgres, fsync on", len(phones), way.name)
		row("create to prompt", fmt.Sprintf("p50 %.1f ms, p99 %.1f ms", ms(prompts, 50), ms(prompts, 99)), "REST on one node, phone on the other; "+conditions)
		row("answer to result", fmt.Sprintf("p50 %.1f ms, p99 %.1f ms", ms(results, 50), ms(results, 99)), "phone on one node, page on the other; "+conditions)
	}
	return nil
}
