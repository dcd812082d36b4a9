package main

import (
	"context"
	"testing"
	"time"

	"nod/cmd/bench/load"
)

// The load generator finds nothing wrong with a nod that is well, measures what it says
// it does, and does find it when there is none any more.
func TestLoaded(t *testing.T) {
	t.Parallel()
	p := start(t, "NOD_LIMIT_PROMPTS=off")
	target, err := load.NewTarget(load.Place{Name: "nod", URL: p.public, Key: p.key}, load.Loopback(100))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = target.Close() }()
	for _, s := range []struct {
		name   string
		run    func(context.Context, *load.Target, load.Config) (load.Result, error)
		config load.Config
		figure string
		least  float64
	}{
		{"idle", load.Idle, load.Config{Devices: 20, For: time.Millisecond}, "goroutines each", 0.5},
		{"ticks", load.Ticks, load.Config{Devices: 20, For: 1100 * time.Millisecond}, "ticks each", 0.5},
		{"prompt", load.Prompt, load.Config{Devices: 20, Rate: 100, For: 100 * time.Millisecond}, "create to frame p50", 0.001},
		{"login", load.Login, load.Config{Devices: 20, Callers: 2, For: 100 * time.Millisecond}, "lives", 1},
		{"storm", load.Storm, load.Config{Devices: 20}, "all back", 0.0001},
	} {
		r, err := s.run(t.Context(), target, s.config)
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		if f, err := r.Find(s.figure); err != nil || f.Value < s.least {
			t.Errorf("%s: %s is %v, want %v at least (%v)", s.name, s.figure, f, s.least, err)
		}
		if f, err := r.Find("failures"); err != nil || f.Value != 0 {
			t.Errorf("%s: %v failures (%v): %s", s.name, f, err, r.Load)
		}
	}
	if err := target.Erase(t.Context()); err != nil {
		t.Errorf("erasing what it made: %v", err)
	}
	p.kill()
	if r, err := load.Storm(t.Context(), target, load.Config{Devices: 20}); err == nil {
		t.Errorf("a storm on no server found %v", r)
	}
}
