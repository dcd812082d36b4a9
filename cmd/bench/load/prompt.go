package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"nod/client"
)

// open are the verifications that a scenario left open, by their ids.
type open struct{ leftovers }

// cancel ends them, or their countdowns would load what comes next. Those that a newer
// one of the same user took the place of, or whose time was over, have ended.
func (o *open) cancel(ctx context.Context, t *Target) error {
	ids := o.take()
	return Each(ctx, 32, len(ids), func(ctx context.Context, i int) error {
		err := t.API.Cancel(ctx, ids[i])
		if e, ok := errors.AsType[*client.Error](err); ok && e.Code == "already_decided" {
			return nil
		}
		if err != nil {
			return fmt.Errorf("ending what was begun: %w", err)
		}
		return nil
	})
}

// login is what a backend asks for somebody: from an address of the person's own.
func login(p *phone, i int) client.Login {
	return client.Login{UserID: p.user, Context: client.Context{App: "bench", IP: fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255)}}
}

// Prompt creates verifications at a rate, each for another connected device, and
// measures from the REST call to the frame on the device.
func Prompt(ctx context.Context, t *Target, c Config) (Result, error) {
	n, rate, d := cmp.Or(c.Devices, 1000), cmp.Or(c.Rate, 200), cmp.Or(c.For, 10*time.Second)
	if err := t.Connect(ctx, n); err != nil {
		return Result{}, err
	}
	left := &open{}
	for i := range min(n, 50) { // the first few are slower: connections to the database, statements, code
		v, err := t.API.Start(ctx, login(t.all[i], i))
		if err != nil {
			return Result{}, hint(err)
		}
		left.add(v.VerificationID)
	}
	if err := left.cancel(ctx, t); err != nil {
		return Result{}, err
	}
	left = &open{}
	shown, answered := NewLatency(), NewLatency()
	before := t.look(ctx)
	err := Pace(ctx, rate, int(rate*d.Seconds()), func(ctx context.Context, i int, intended time.Time) error {
		p := t.turn(n)
		v, err := t.API.Start(ctx, login(p, i))
		if err != nil {
			return t.failed(ctx, intended, hint(err), shown, answered)
		}
		answered.Since(intended)
		left.add(v.VerificationID)
		asked, err := p.prompted(ctx, v.VerificationID)
		if err != nil {
			return t.failed(ctx, intended, err, shown)
		}
		shown.Record(asked.at.Sub(intended))
		return nil
	})
	if err != nil {
		return Result{}, err
	}
	after, made := t.look(ctx), len(left.names)
	if err := left.cancel(ctx, t); err != nil {
		return Result{}, err
	}
	figures := shown.Figures("create to frame")
	figures[1].Aim = 10
	figures = append(figures, answered.Figures("create to answer")[:2]...)
	figures = append(figures, Figure{Name: "CPU each", Value: (after.cpu - before.cpu) / max(float64(made), 1) * 1000, Unit: "ms"})
	return t.result("prompt", fmt.Sprintf("%d devices connected, %.0f creates a second for %v, each for another one; each prompt acknowledged", n, rate, d), shown, figures)
}

// failed counts one that went wrong, in all that it did not come to: as slow as the most
// patient would have waited. The end of the load is no failure of one.
func (t *Target) failed(ctx context.Context, intended time.Time, err error, missing ...*Latency) error {
	if ctx.Err() != nil {
		return err
	}
	t.failures.add(err)
	for _, l := range missing {
		l.Record(max(time.Since(intended), patience))
	}
	return nil
}
