// Command bench loads a nod with devices, pages and backends and measures from outside
// what they see: what an idle device costs, how late a countdown's tick is, how long a
// prompt and a result take, how many logins a second go through their whole life, how
// soon ten thousand devices are back.
//
// Everything is real: P-256 keys, signatures over what was shown, rows in a database
// that says "committed" when it is on the disk. Without -url it starts a nod of its own
// on this machine, so that server, database and load share its cores and the figures are
// on the safe side; with -url it loads somebody's deployment. `bench report` runs all
// scenarios beside what the machine itself can do and writes BENCHMARKS.md.
//
// Try `bench -h`. The load itself is package load's, the machine's own figures are
// package floor's, and the same load for other servers is package peer's.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"nod/cmd/bench/load"
	"nod/cmd/bench/peer"
)

// bench is what is asked for.
type bench struct {
	program string // a nod to start
	on      string // what it stores in
	url     string // or somebody's own
	metrics string
	from    string
	json    string
	write   string // where report writes
	with    string // a file of what peers did, for report
	peer    string // a server of another make, at url
	load    load.Config
	out     io.Writer
}

// scenario is a load, by its name.
type scenario struct {
	name, does string
	run        func(context.Context, *load.Target, load.Config) (load.Result, error)
}

var scenarios = []scenario{
	{"idle", "devices that do nothing: memory, CPU, goroutines", load.Idle},
	{"ticks", "a countdown on every device: lateness of each tick, CPU", load.Ticks},
	{"prompt", "REST call to frame on the device, at a rate", load.Prompt},
	{"login", "whole lives, at a rate or as many as callers can: both latencies, lives a second", load.Login},
	{"fallback", "devices that are connected and say nothing: how late push and SMS are", load.Fallback},
	{"storm", "all devices cut off and back at once: time till the last", load.Storm},
}

const usage = `bench loads a nod and measures what devices, pages and backends see.

  bench [flags] SCENARIO…     run scenarios, one after the other, on the same devices
  bench [flags] report        start nods of its own, run all with the machine's own floors, and
                              write BENCHMARKS.md; heeds -nod, -with, -o and -json
  bench -peer NAME -url URL   load Centrifugo or Socket.IO the same way: idle, prompt and storm;
                              PEER_KEY and PEER_TOKEN are what its API and connections want;
                              cmd/bench/peer/servers says how to start one

Scenarios:
%s
For example:
  bench idle                                    a nod of its own on SQLite, 1,000 devices
  bench -n 10000 prompt storm                   the same with 10,000
  bench -on postgres -callers 64 login          on Postgres and Redis, as fast as 64 callers can
  bench -on two -rate 100 login                 REST and pages on one node, devices on the other
  NOD_KEY=… bench -url https://verify.example.com -rate 20 -for 1m login
  NOD_WS_ACK_TIMEOUT=1s NOD_PUSH_ACK_TIMEOUT=2s bench fallback      in seconds, not half a minute

With -url it loads a deployment that is yours. It enrolls -n devices, each of a new user whose
name begins with bench-, connects them, sends logins that only they are asked about, and erases
these users at the end, after Ctrl-C too (a second one ends it at once). Nobody gets an SMS:
fallback runs only where SMS are simulated. NOD_KEY is an API key of the deployment; it is taken
from the environment, because flags stand in ps. -url must be its NOD_PUBLIC_URL to the letter:
devices sign for it. Limits that keep a stranger from doing just this are in the way. On a server
under test set these to off, or load it from more addresses (-from):
  %s
A server behind a proxy tells its figures elsewhere: say where with -metrics, or memory and CPU
are missing. Each device takes a descriptor, here and at the server (ulimit -n).

Latencies count from when something was to begin, not from when there was time for it: a
server that stands still for a second is charged with all who came in that second. A figure is
"met" or "MISSED" where there is an aim; its floor is what the machine itself does.

Flags:
`

func main() {
	debug.SetGCPercent(400) // the load shares its cores with what it measures
	b := bench{out: os.Stdout}
	f := flag.NewFlagSet("bench", flag.ExitOnError)
	f.StringVar(&b.program, "nod", "bin/nod", "the `program` to start and measure; make build makes it")
	f.StringVar(&b.on, "on", "sqlite", "what it runs `on`: sqlite; postgres, which is Postgres and Redis; two, which is two nodes on these")
	f.StringVar(&b.url, "url", "", "load the nod at this public `URL` in place of starting one; its API key is in NOD_KEY")
	f.StringVar(&b.metrics, "metrics", "", "where the nod at -url tells its figures, as a `URL` (default the public URL with /metrics)")
	f.StringVar(&b.from, "from", "", "`addresses` of this machine to connect from, separated by commas (default many of 127.1.0.0/16 for a nod on this machine, else the system's choice)")
	f.IntVar(&b.load.Devices, "n", 0, "how `many` devices (default 1000)")
	f.Float64Var(&b.load.Rate, "rate", 0, "`how many` begin each second, in prompt (default 200) and login")
	f.IntVar(&b.load.Callers, "callers", 0, "how `many` call at once, each as fast as it is answered, in login without -rate (default 32)")
	f.DurationVar(&b.load.For, "for", 0, "how `long` the measured part is (default 30s idle, else 10s)")
	f.StringVar(&b.json, "json", "", "also write all results to this `file`")
	f.StringVar(&b.peer, "peer", "", "load a `server` of another make at -url in place of nod: centrifugo or socketio")
	f.StringVar(&b.with, "with", "", "a `file` that -peer -json wrote, to be shown in the report")
	f.StringVar(&b.write, "o", "BENCHMARKS.md", "the `file` that report writes")
	f.Usage = func() {
		var list strings.Builder
		for _, s := range scenarios {
			fmt.Fprintf(&list, "  %-9s %s\n", s.name, s.does)
		}
		fmt.Fprintf(os.Stderr, usage, list.String(), strings.Join(load.Limits, " "))
		f.PrintDefaults()
	}
	_ = f.Parse(os.Args[1:]) // it exits
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second one is not waited for
	err := b.run(ctx, f.Args())
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run runs what the arguments name.
func (b *bench) run(ctx context.Context, args []string) error {
	switch {
	case b.load.Devices < 0 || b.load.Rate < 0 || b.load.Callers < 0 || b.load.For < 0:
		return errors.New("-n, -rate, -callers and -for are more than 0")
	case b.peer != "" && len(args) > 0:
		return errors.New("-peer runs idle, prompt and storm: it takes no scenario")
	case b.peer != "":
		return b.comparePeer(ctx)
	case slices.Equal(args, []string{"report"}):
		if b.url != "" || b.load != (load.Config{}) {
			return errors.New("report loads nods of its own with the numbers that the aims are for: it takes no -url, -n, -rate, -callers or -for")
		}
		return b.report(ctx)
	}
	var chosen []scenario
	for _, name := range args {
		i := slices.IndexFunc(scenarios, func(s scenario) bool { return s.name == name })
		if i < 0 {
			return fmt.Errorf("there is no scenario %q (flags come first, and report stands alone); bench -h lists them", name)
		}
		chosen = append(chosen, scenarios[i])
	}
	if len(chosen) == 0 {
		return errors.New("name a scenario; bench -h lists them")
	}
	t, end, err := b.target(ctx)
	if err != nil {
		return err
	}
	results, err := b.scenarios(ctx, t, chosen)
	return errors.Join(err, end(), b.save(results))
}

// comparePeer loads a server of another make as nod is loaded.
func (b *bench) comparePeer(ctx context.Context) error {
	if b.url == "" {
		return errors.New("-peer needs -url, where that server is: http://127.0.0.1:8000")
	}
	sources, err := b.sources()
	if err != nil {
		return err
	}
	results, err := peer.Run(ctx, peer.Config{
		Server: b.peer, URL: strings.TrimSuffix(b.url, "/"), Key: os.Getenv("PEER_KEY"), Token: os.Getenv("PEER_TOKEN"), Sources: sources,
		Sockets: cmp.Or(b.load.Devices, 1000), Rate: cmp.Or(b.load.Rate, perSecond), Idle: 30 * time.Second, For: cmp.Or(b.load.For, measured),
	})
	for i := range results {
		results[i].Load += fmt.Sprintf("; on %s, %s", time.Now().UTC().Format(time.DateOnly), machine()) // its file outlives the day
		show(b.out, results[i])
	}
	return errors.Join(err, b.save(results))
}

// scenarios runs them on one target, and prints each result when it is there.
func (b *bench) scenarios(ctx context.Context, t *load.Target, chosen []scenario) (all []load.Result, err error) {
	for _, s := range chosen {
		r, err := s.run(ctx, t, b.load)
		if err != nil {
			return all, fmt.Errorf("%s: %w", s.name, err)
		}
		show(b.out, r)
		all = append(all, r)
	}
	return all, failed(all)
}

// failed is an error when something went wrong under load that a figure only counts.
func failed(all []load.Result) error {
	for _, r := range all {
		if f, err := r.Find("failures"); err == nil && f.Value > 0 {
			return fmt.Errorf("%s against %s: %s failures, see there", r.Scenario, r.Against, f)
		}
	}
	return nil
}

// target is what to load, and what to do at the end.
func (b *bench) target(ctx context.Context) (t *load.Target, end func() error, err error) {
	sources, err := b.sources()
	if err != nil {
		return nil, nil, err
	}
	if b.url == "" {
		own, err := startNodes(ctx, b.program, b.on)
		if err != nil {
			return nil, nil, err
		}
		t, err := load.NewTarget(own.place, sources)
		if err != nil {
			own.stop()
			return nil, nil, err
		}
		return t, func() error { own.stop(); return t.Close() }, nil
	}
	key := os.Getenv("NOD_KEY")
	if key == "" {
		return nil, nil, errors.New("put an API key of the server into the environment: NOD_KEY=nod_sk_… bench -url …")
	}
	place := load.Place{Name: "nod at " + b.url, URL: b.url, Key: key, Metrics: b.metrics}
	if place.PushAfter, place.SMSAfter, err = ladder(os.Environ()); err != nil {
		return nil, nil, err
	}
	if t, err = load.NewTarget(place, sources); err != nil {
		return nil, nil, err
	}
	fmt.Fprintf(os.Stderr, "bench: enrolling devices of users bench-… at %s, and erasing these users at the end\n", b.url)
	return t, func() error {
		return errors.Join(t.Erase(context.WithoutCancel(ctx)), t.Close())
	}, nil
}

// ladder is what the server waits for, from its own variables, NAME=value; 0: they are
// not set.
func ladder(environment []string) (pushAfter, smsAfter time.Duration, err error) {
	for _, v := range environment {
		name, value, _ := strings.Cut(v, "=")
		switch name {
		case "NOD_WS_ACK_TIMEOUT":
			pushAfter, err = time.ParseDuration(value)
		case "NOD_PUSH_ACK_TIMEOUT":
			smsAfter, err = time.ParseDuration(value)
		}
		if err != nil {
			return 0, 0, fmt.Errorf("%s: %w", name, err)
		}
	}
	return pushAfter, smsAfter, nil
}

// sources are the addresses to load from.
func (b *bench) sources() (*load.Sources, error) {
	if b.from != "" {
		return load.ParseSources(b.from)
	}
	if b.url != "" {
		at, err := url.Parse(b.url)
		if err != nil || at.Host == "" {
			return nil, errors.New("-url is the server's NOD_PUBLIC_URL, as https://verify.example.com")
		}
		if ip := net.ParseIP(at.Hostname()); at.Hostname() != "localhost" && (ip.To4() == nil || !ip.IsLoopback()) {
			return nil, nil
		}
	}
	return load.Loopback(max(b.load.Devices, 1000)), nil
}
