package load

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

// Idle connects devices and waits: what does one that does nothing cost? It measures for
// 30 s unless told otherwise, so that each was pinged at least once.
func Idle(ctx context.Context, t *Target, c Config) (Result, error) {
	n, d := cmp.Or(c.Devices, 1000), cmp.Or(c.For, 30*time.Second)
	if err := t.enrolled(ctx, n); err != nil {
		return Result{}, err
	}
	t.drop()
	anew := "no restart before: what was in use counts as the server's own"
	if t.Restart != nil {
		if err := t.Restart(ctx); err != nil {
			return Result{}, err
		}
		anew = "the server restarted after they were enrolled"
	}
	before, err := t.usage(ctx)
	if err != nil {
		return Result{}, err
	}
	begun := time.Now()
	if err := t.Connect(ctx, n); err != nil {
		return Result{}, err
	}
	took := time.Since(begun)
	from, err := t.usage(ctx)
	if err != nil {
		return Result{}, err
	}
	if err := pause(ctx, d); err != nil {
		return Result{}, err
	}
	to, err := t.usage(ctx)
	if err != nil {
		return Result{}, err
	}
	devices := float64(n)
	return t.result("idle", fmt.Sprintf("%d devices, enrolled and authenticated, pings included, for %v; %s", n, d, anew), nil, []Figure{
		{Name: "resident each", Value: (to.resident - before.resident) / 1024 / devices, Unit: "KB", Aim: 11},
		{Name: "heap and stacks each", Value: (to.heap - before.heap) / 1024 / devices, Unit: "KB"},
		{Name: "goroutines each", Value: (to.goroutines - before.goroutines) / devices, Aim: 1.01},
		{Name: "CPU each", Value: (to.cpu - from.cpu) / to.at.Sub(from.at).Seconds() / devices * 1e6, Unit: "µs/s", Aim: 2},
		{Name: "CPU to connect each", Value: (from.cpu - before.cpu) / devices * 1e6, Unit: "µs"},
		{Name: "all connected", Value: took.Seconds(), Unit: "s"},
	})
}
