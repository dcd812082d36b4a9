// Command bench measures a whole nod from outside: it starts the program it is
// given on a fresh SQLite file (synchronous=FULL), drives it over loopback with
// real devices, and prints what it saw. It is a load of its own on the same
// machine, so its figures are on the safe side.
//
//	go run ./cmd/bench [-nod bin/nod] [-devices 10000] [-signins 500] [-seconds 10]
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"nod/client"
)

func main() {
	program := flag.String("nod", "bin/nod", "the program to measure")
	devices := flag.Int("devices", 10000, "connected devices")
	signIns := flag.Int("signins", 500, "sign-ins to time, one after the other; at most one for ten devices")
	seconds := flag.Int("seconds", 10, "seconds of full load")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := measure(ctx, *program, *devices, *signIns, time.Duration(*seconds)*time.Second)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func measure(ctx context.Context, program string, n, signIns int, load time.Duration) error {
	dir, err := os.MkdirTemp("", "nod-bench")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b, err := start(ctx, program, dir)
	if err != nil {
		return err
	}
	defer b.stop()

	phones, err := b.enroll(ctx, n)
	if err != nil {
		return fmt.Errorf("enrolling devices: %w", err)
	}
	before, err := b.rest(ctx)
	if err != nil {
		return err
	}
	begun := time.Now()
	if err := each(phones, 64, func(p *phone) error { return p.connect(ctx) }); err != nil {
		return fmt.Errorf("connecting devices: %w", err)
	}
	connected := time.Since(begun)
	after, err := b.rest(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("idle device          %6.1f KB, %.2f goroutines (each of %d, authenticated; heap and stacks in use; connected in %.1f s)\n",
		(after.memory-before.memory)/float64(n)/1024, (after.goroutines-before.goroutines)/float64(n), n, connected.Seconds())

	took, err := b.times(ctx, phones, signIns)
	if err != nil {
		return fmt.Errorf("timing prompts: %w", err)
	}
	fmt.Printf("REST call to frame   p50 %.1f ms, p99 %.1f ms (%d creates, one after the other, %d devices connected)\n", ms(took, 50), ms(took, 99), len(took), n)

	started, err := b.flood(ctx, load)
	if err != nil {
		return fmt.Errorf("creating under load: %w", err)
	}
	fmt.Printf("verifications        %6.0f a second created (SQLite, 64 callers, each with its SMS)\n", started)
	done, err := b.signIns(ctx, 32, load)
	if err != nil {
		return fmt.Errorf("signing in under load: %w", err)
	}
	fmt.Printf("sign-ins             %6.0f a second, create to exchange (SQLite, 32 callers)\n", done)
	return nil
}

// bench is the program under measure.
type bench struct {
	cmd *exec.Cmd
	url string
	nod *client.Client
}

var banner = regexp.MustCompile(`(?s)open +(http://\S+).*API key +(nod_sk_\S+)`)

func start(ctx context.Context, program, dir string) (*bench, error) {
	cmd := exec.CommandContext(ctx, program, "serve")
	cmd.Env = append(os.Environ(), "NOD_ADDR=127.0.0.1:0", "NOD_PUBLIC_URL=", "NOD_DEMO=false", "NOD_LOG_LEVEL=warn", "NOD_DATABASE_URL=sqlite:"+filepath.Join(dir, "nod.db"))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w (run `make build` first)", program, err)
	}
	var said strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if m := banner.FindStringSubmatch(said.String()); m != nil {
			c := client.New(m[1], m[2])
			c.HTTP = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
			return &bench{cmd, m[1], c}, nil
		}
	}
	return nil, errors.Join(errors.New("it did not say where it listens: "+said.String()), cmd.Wait())
}

func (b *bench) stop() {
	_ = b.cmd.Process.Signal(syscall.SIGTERM)
	_ = b.cmd.Wait()
}

// perUser is how many devices one user may have.
const perUser = 10

// enroll makes n devices.
func (b *bench) enroll(ctx context.Context, n int) ([]*phone, error) {
	phones := make([]*phone, n)
	for i := range phones {
		phones[i] = &phone{user: fmt.Sprintf("user-%d", i/perUser)}
	}
	return phones, each(phones, 64, func(p *phone) error { return b.join(ctx, p) })
}

// join enrolls the phone's device.
func (b *bench) join(ctx context.Context, p *phone) error {
	e, err := b.nod.Enroll(ctx, p.user)
	if err != nil {
		return err
	}
	p.device, err = client.NewDevice(ctx, b.url, e.Token, "bench", nil)
	return err
}

// times measures from sending the create to reading the frame, on one device of
// each user: a second sign-in of a user would supersede the first.
func (b *bench) times(ctx context.Context, phones []*phone, most int) ([]time.Duration, error) {
	var took []time.Duration
	for i := 0; i < len(phones) && len(took) < most; i += perUser {
		p := phones[i]
		begun := time.Now()
		v, err := b.nod.Start(ctx, client.Login{UserID: p.user})
		if err != nil {
			return nil, err
		}
		at, _, err := p.prompt(ctx, v.VerificationID)
		if err != nil {
			return nil, err
		}
		took = append(took, at.Sub(begun))
		if err := b.nod.Cancel(ctx, v.VerificationID); err != nil { // or its countdown would load what follows
			return nil, err
		}
	}
	slices.Sort(took)
	return took, nil
}

// flood creates verifications that go out by SMS, for as long as told.
func (b *bench) flood(ctx context.Context, d time.Duration) (perSecond float64, err error) {
	var n atomic.Int64
	err = during(d, 64, func(worker int) error {
		i := n.Add(1)
		_, err := b.nod.Start(ctx, client.Login{UserID: fmt.Sprintf("flood-%d-%d", worker, i), PhoneNumber: fmt.Sprintf("+1415%07d", 2000000+i)})
		return err
	})
	return float64(n.Load()) / d.Seconds(), err
}

// signIns runs whole sign-ins: create, prompt, signed answer, exchange. Each
// caller has a user with one device.
func (b *bench) signIns(ctx context.Context, callers int, d time.Duration) (perSecond float64, err error) {
	phones := make([]*phone, callers)
	for i := range phones {
		phones[i] = &phone{user: fmt.Sprintf("signin-%d", i)}
		if err := b.join(ctx, phones[i]); err != nil {
			return 0, err
		}
		if err := phones[i].connect(ctx); err != nil {
			return 0, err
		}
	}
	var n atomic.Int64
	err = during(d, callers, func(caller int) error {
		p := phones[caller]
		if p.frames >= frameLimit {
			if err := p.connect(ctx); err != nil {
				return err
			}
		}
		v, err := b.nod.Start(ctx, client.Login{UserID: p.user})
		if err != nil {
			return err
		}
		_, prompt, err := p.prompt(ctx, v.VerificationID)
		if err != nil {
			return err
		}
		token, err := p.approve(ctx, prompt, v)
		if err != nil {
			return err
		}
		if _, err := b.nod.Exchange(ctx, v.VerificationID, token); err != nil {
			return err
		}
		n.Add(1)
		return nil
	})
	return float64(n.Load()) / d.Seconds(), err
}

type figures struct{ memory, goroutines float64 }

// rest reads what the process uses when its garbage is gone: the least of what
// is seen while it collects.
func (b *bench) rest(ctx context.Context) (figures, error) {
	least := figures{math.Inf(1), math.Inf(1)}
	for end := time.Now().Add(8 * time.Second); time.Now().Before(end); {
		m, err := b.metrics(ctx)
		if err != nil {
			return least, err
		}
		least.memory = min(least.memory, m["go_memstats_heap_alloc_bytes"]+m["go_memstats_stack_inuse_bytes"])
		least.goroutines = min(least.goroutines, m["go_goroutines"])
	}
	return least, nil
}

func (b *bench) metrics(ctx context.Context) (map[string]float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	res, err := b.nod.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	m := map[string]float64{}
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			m[name] = v
		}
	}
	return m, lines.Err()
}

// each runs f on every item, at most limit at once; the first error wins.
func each[T any](items []T, limit int, f func(T) error) error {
	var next atomic.Int64
	return during(0, limit, func(int) error {
		i := next.Add(1) - 1
		if i >= int64(len(items)) {
			return errDone
		}
		return f(items[i])
	})
}

var errDone = errors.New("done")

// during runs workers that each call f again and again: for d, or when d is 0
// until f returns errDone.
func during(d time.Duration, workers int, f func(worker int) error) error {
	end := time.Now().Add(d)
	failed := make(chan error, workers)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for d == 0 || time.Now().Before(end) {
				if err := f(w); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	all.Wait()
	close(failed)
	for err := range failed {
		if !errors.Is(err, errDone) {
			return err
		}
	}
	return nil
}

func ms(sorted []time.Duration, percentile int) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return float64(sorted[min(len(sorted)-1, len(sorted)*percentile/100)].Microseconds()) / 1000
}
