package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"
)

// perOpen is among how many devices of a storm one has an open prompt, which it must
// find again.
const perOpen = 100

// Storm cuts all devices off at once and has all come back at once: connected, the
// signature over a nonce checked, the present state told. Each counts from the moment of
// the cut.
func Storm(ctx context.Context, t *Target, c Config) (Result, error) {
	n := cmp.Or(c.Devices, 1000)
	if err := t.Connect(ctx, n); err != nil {
		return Result{}, err
	}
	left, asked := &open{}, make([]string, n)
	err := Each(ctx, 16, (n+perOpen-1)/perOpen, func(ctx context.Context, i int) error {
		p := t.all[i*perOpen]
		v, err := t.API.Start(ctx, login(p, i))
		if err != nil {
			return hint(err)
		}
		left.add(v.VerificationID)
		asked[i*perOpen] = v.VerificationID
		_, err = p.prompted(ctx, v.VerificationID)
		return err
	})
	if err != nil {
		return Result{}, err
	}
	before := t.look(ctx)
	back, refused := NewLatency(), t.refused.Load()
	own := ownCPU()
	begun := time.Now()
	t.drop()
	err = Each(ctx, connecting, n, func(ctx context.Context, i int) error {
		if err := t.connect(ctx, t.all[i]); err != nil {
			return err
		}
		back.Since(begun)
		return nil
	})
	if err != nil {
		return Result{}, err
	}
	own = ownCPU() - own
	after := t.look(ctx)
	for i, id := range asked {
		if id == "" {
			continue
		}
		if !t.all[i].shows(id) {
			t.failures.add(errors.New("a device came back to a state without its open prompt"))
		}
	}
	if err := left.cancel(ctx, t); err != nil {
		return Result{}, err
	}
	return t.result("storm", fmt.Sprintf("%d devices cut off at once, %d connecting at a time; one of %d has an open prompt, which was there again", n, min(n, connecting), perOpen), back, append([]Figure{
		{Name: "all back", Value: back.At(100).Seconds(), Unit: "s", Aim: 3},
		{Name: "tries refused", Value: float64(t.refused.Load() - refused)},
		{Name: "CPU each", Value: (after.cpu - before.cpu) / float64(n) * 1e6, Unit: "µs"},
		{Name: "CPU of the load each", Value: float64(own.Microseconds()) / float64(n), Unit: "µs"},
		{Name: "resident each", Value: after.resident / 1024 / float64(n), Unit: "KB"},
	}, back.Figures("back")...))
}

// ownCPU is what this process has used: where it shares its cores with the server, that
// is missing there.
func ownCPU() time.Duration {
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used) // it fails for nobody's own
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
