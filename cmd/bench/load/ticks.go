package load

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"
)

// told is what a phone was told of its countdown.
type told struct {
	expiresAt time.Time // of its prompt
	last      int       // seconds left; 0: no tick was seen yet
	by        *watch    // who saw it
}

// watch is a while in which ticks are timed.
type watch struct {
	late          *Latency
	count, missed atomic.Int64
}

// tick times a tick: against the second that it is about, which is a whole number of
// seconds before the prompt's end. Too early is as wrong as too late, and is how it looks
// where the clocks of server and load differ. One that was left out counts as late by the
// second that it was not seen in. It runs where thousands are read.
func (t *Target) tick(p *phone, text []byte, at time.Time) {
	w := t.ticking.Load()
	if w == nil || p.told.expiresAt.IsZero() {
		return
	}
	left, ok := number(text, `"prompt_in":`)
	if !ok {
		return
	}
	late := at.Sub(p.told.expiresAt.Add(-time.Duration(left) * time.Second))
	w.late.Record(late.Abs())
	w.count.Add(1)
	if p.told.by == w {
		for skipped := p.told.last - 1; skipped > left; skipped-- {
			w.missed.Add(1)
			w.late.Record(late + time.Duration(skipped-left)*time.Second)
		}
	}
	p.told.last, p.told.by = left, w
}

// number finds the digits that follow a name.
func number(text []byte, name string) (int, bool) {
	at := bytes.Index(text, []byte(name))
	if at < 0 {
		return 0, false
	}
	rest := text[at+len(name):]
	end := 0
	for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
		end++
	}
	n, err := strconv.Atoi(string(rest[:end]))
	return n, err == nil
}

// Ticks opens a prompt on every device, so that a countdown runs on each, and times the
// ticks, on this machine's clock. It waits first for as long as it then measures: nod
// offers another way 10 s after a prompt was shown, which is no countdown's work. A
// prompt must live longer than opening all of them takes, the wait and the measuring: it
// has two minutes unless the server was told otherwise.
func Ticks(ctx context.Context, t *Target, c Config) (Result, error) {
	n, d := cmp.Or(c.Devices, 1000), cmp.Or(c.For, 10*time.Second)
	if err := t.Connect(ctx, n); err != nil {
		return Result{}, err
	}
	left := &open{}
	begun := time.Now()
	err := Each(ctx, 32, n, func(ctx context.Context, i int) error {
		v, err := t.API.Start(ctx, login(t.all[i], i))
		if err != nil {
			return hint(err)
		}
		left.add(v.VerificationID)
		_, err = t.all[i].prompted(ctx, v.VerificationID)
		return err
	})
	if err != nil {
		return Result{}, fmt.Errorf("opening prompts: %w", err)
	}
	opened := time.Since(begun)
	if err := pause(ctx, d); err != nil {
		return Result{}, err
	}
	before := t.look(ctx)
	w := &watch{late: NewLatency()}
	t.ticking.Store(w)
	err = pause(ctx, d)
	t.ticking.Store(nil)
	if err != nil {
		return Result{}, err
	}
	after := t.look(ctx)
	if err := left.cancel(ctx, t); err != nil {
		return Result{}, err
	}
	took := after.at.Sub(before.at).Seconds()
	figures := w.late.Figures("lateness")
	figures[1].Aim = 50
	figures = append(figures,
		Figure{Name: "CPU per 10,000", Value: (after.cpu - before.cpu) / took / float64(n) * 10000 * 100, Unit: "%", Aim: 25},
		Figure{Name: "ticks each", Value: float64(w.count.Load()) / d.Seconds() / float64(n), Unit: "1/s", Aim: 0.99, Least: true},
		Figure{Name: "ticks left out", Value: float64(w.missed.Load())},
	)
	return t.result("ticks", fmt.Sprintf("%d countdowns for %v; CPU is the server's whole, in %% of a core; opened in %.0f s", n, d, opened.Seconds()), w.late, figures)
}
