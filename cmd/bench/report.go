package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"nod/cmd/bench/floor"
	"nod/cmd/bench/load"
)

// What the report loads: the numbers that the aims were set for.
const (
	manyDevices = 15000 // idle, and counting down
	devices     = 10000 // connected while something happens
	perSecond   = 200   // prompts, and lives
	measured    = 10 * time.Second
)

// tickFrame is what a server writes every second to who waits.
const tickFrame = `{"type":"tick","data":{"verification_id":"ver_0190c0ffee0070008000000000000001","server_time":"2026-11-22T12:00:00.000Z","prompt_in":118}}`

// report runs everything that has an aim, with its floor, and writes it down. What
// fails is left out and told; the rest is written all the same.
func (b *bench) report(ctx context.Context) error {
	r := &report{bench: b, begun: time.Now()}
	for _, part := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"the program", r.program}, {"the machine", r.machine},
		{"SQLite", r.onSQLite}, {"Postgres and Redis", r.onPostgres}, {"two nodes", r.onTwo}, {"the ladder", r.ladder},
		{"whole lives", r.lives}, {"Redis", r.redis},
	} {
		if err := part.run(ctx); err != nil {
			r.failed = append(r.failed, fmt.Errorf("%s: %w", part.name, err))
		}
	}
	if err := r.peers(); err != nil {
		r.failed = append(r.failed, err)
	}
	text := r.markdown()
	return errors.Join(os.WriteFile(b.write, []byte(text), 0o644), b.save(r.results), errors.Join(r.failed...), failed(r.results)) //nolint:gosec // figures are for everybody
}

// report is one run of everything.
type report struct {
	bench   *bench
	begun   time.Time
	commits map[string]load.Result // a bare commit, by what was committed to
	results []load.Result
	others  []load.Result // of peers
	failed  []error
}

// add takes a result, and prints it.
func (r *report) add(found load.Result) {
	show(r.bench.out, found)
	r.results = append(r.results, found)
}

// starts is how often the program is started, to tell how long that takes.
const starts = 5

// program measures what is there before anybody comes.
func (r *report) program(ctx context.Context) error {
	file, err := os.Stat(r.bench.program)
	if err != nil {
		return err
	}
	took := load.NewLatency()
	for range starts {
		all, err := startNodes(ctx, r.bench.program, "sqlite")
		if err != nil {
			return err
		}
		took.Record(all.ready)
		all.stop()
	}
	r.add(load.Result{
		Scenario: "start", Against: "nod, SQLite", Load: fmt.Sprintf("the program with pages and all in it, started %d times on an empty database", starts),
		Figures: []load.Figure{
			{Name: "size", Value: float64(file.Size()) / 1e6, Unit: "MB", Aim: 48},
			{Name: "ready p50", Value: load.Ms(took.At(50)), Unit: "ms", Aim: 300},
		},
	})
	return nil
}

// machine measures what bounds everything that follows.
func (r *report) machine(ctx context.Context) error {
	found, err := floor.Machine(ctx)
	if err != nil {
		return err
	}
	r.add(found)
	r.commits = map[string]load.Result{}
	for _, on := range []string{"SQLite", "Postgres"} {
		found, err := floor.Commits(ctx, on, perSecond, measured/2)
		if err != nil {
			return err
		}
		r.commits[on] = found
		r.add(found)
	}
	return nil
}

// step is a scenario with its load.
type step struct {
	scenario string
	load     load.Config
	hold     func(*load.Result) // against its floors; nil: it has none
}

// on runs steps on nodes of our own, on the same devices.
func (r *report) on(ctx context.Context, on string, steps []step, settings ...string) (err error) {
	own, err := startNodes(ctx, r.bench.program, on, settings...)
	if err != nil {
		return err
	}
	defer own.stop()
	t, err := load.NewTarget(own.place, load.Loopback(manyDevices))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	for _, s := range steps {
		i := slices.IndexFunc(scenarios, func(known scenario) bool { return known.name == s.scenario })
		found, err := scenarios[i].run(ctx, t, s.load)
		if err != nil {
			return fmt.Errorf("%s: %w", s.scenario, err)
		}
		if s.hold != nil {
			s.hold(&found)
		}
		r.add(found)
	}
	return nil
}

// commit holds latencies against a bare commit: a millisecond more at p50.
func (r *report) commit(on string) func(*load.Result) {
	return func(found *load.Result) {
		p50, err := r.commits[on].Find("commit p50")
		if err != nil {
			return
		}
		p99, _ := r.commits[on].Find("commit p99") // one comes with the other
		for _, name := range []string{"create to frame", "approve to result"} {
			found.Hold(name+" p50", p50.Value, p50.Value+1)
			found.Hold(name+" p99", p99.Value, 10)
		}
	}
}

func (r *report) onSQLite(ctx context.Context) error {
	bare, err := floor.Ticks(ctx, devices, []byte(tickFrame), measured/2)
	if err != nil {
		return err
	}
	r.add(bare)
	return r.on(ctx, "sqlite", []step{
		{"idle", load.Config{Devices: manyDevices}, nil},
		{"ticks", load.Config{Devices: manyDevices, For: measured + 2*time.Second}, func(found *load.Result) {
			if write, err := bare.Find("CPU per 10,000"); err == nil {
				found.Hold("CPU per 10,000", write.Value, min(25, 2*write.Value))
			}
		}},
		{"prompt", load.Config{Devices: devices, Rate: perSecond, For: measured}, r.commit("SQLite")},
		{"login", load.Config{Devices: devices, Rate: perSecond, For: measured}, r.commit("SQLite")},
		{"login", load.Config{Devices: devices, Callers: 32, For: measured / 2}, nil},
		{"storm", load.Config{Devices: devices}, nil},
	})
}

func (r *report) onPostgres(ctx context.Context) error {
	return r.on(ctx, "postgres", []step{
		{"prompt", load.Config{Devices: devices, Rate: perSecond, For: measured}, r.commit("Postgres")},
		{"login", load.Config{Devices: devices, Rate: perSecond, For: measured}, r.commit("Postgres")},
		{"login", load.Config{Devices: devices, Callers: 32, For: measured / 2}, nil},
		{"storm", load.Config{Devices: devices}, nil},
	})
}

// onTwo has everything cross from node to node.
func (r *report) onTwo(ctx context.Context) error {
	return r.on(ctx, "two", []step{
		{"login", load.Config{Devices: 2000, Rate: perSecond / 4, For: measured}, func(found *load.Result) {
			for _, name := range []string{"create to frame p99", "approve to result p99"} {
				found.Hold(name, 0, 250)
			}
		}},
	})
}

// ladder is measured with short waits: what is late does not depend on them.
func (r *report) ladder(ctx context.Context) error {
	return r.on(ctx, "sqlite", []step{{"fallback", load.Config{Rate: 50, For: measured / 2}, nil}}, "NOD_WS_ACK_TIMEOUT=1s", "NOD_PUSH_ACK_TIMEOUT=2s")
}

func (r *report) lives(ctx context.Context) error {
	for _, on := range []string{"SQLite", "Postgres"} {
		found, err := floor.Lives(ctx, on, []int{16, 64}, measured/2)
		if err != nil {
			return fmt.Errorf("%s: %w", on, err)
		}
		r.add(found)
	}
	return nil
}

func (r *report) redis(ctx context.Context) error {
	found, err := floor.Redis(ctx, 5000)
	if err == nil {
		r.add(found)
	}
	return err
}

// peers reads what `bench -peer … -json FILE` has found here.
func (r *report) peers() error {
	if r.bench.with == "" {
		return nil
	}
	text, err := os.ReadFile(r.bench.with)
	if err == nil {
		err = json.Unmarshal(text, &r.others)
	}
	if err != nil {
		return fmt.Errorf("reading the peers' results: %w", err)
	}
	return nil
}
