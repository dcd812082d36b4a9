package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"nod/client"
)

// node is a nod under measure, a process of its own.
type node struct {
	cmd *exec.Cmd
	url string
	nod *client.Client
	log *complaints
}

// complaints is the log of a node, from warnings up: a table is read more easily
// when it is not between hundreds of them.
type complaints struct {
	first bytes.Buffer // the first write, which is a whole line
	count int
}

// Write implements io.Writer, for one goroutine.
func (c *complaints) Write(p []byte) (int, error) {
	if c.count == 0 {
		c.first.Write(p)
	}
	c.count += bytes.Count(p, []byte("\n"))
	return len(p), nil
}

// What several nodes have in common. They serve nobody but this program.
const (
	benchSecret = "a secret for the time of a benchmark"
	benchKey    = "nod_sk_" + "for-the-time-of-a-benchmark-and-no-longer"
)

// crowded leaves off what a bench would meet: all its people live at one address, have
// numbers that begin alike and sign in far more often than people do.
var crowded = []string{
	"NOD_LIMIT_SENDS_PHONE=off", "NOD_LIMIT_SENDS_USER=off", "NOD_LIMIT_SENDS_IP=off", "NOD_LIMIT_CHECKS_IP=off", "NOD_LIMIT_PROMPTS=off",
	"NOD_LIMIT_PREFIX=off", "NOD_LIMIT_REQUESTS_IP=off", "NOD_LIMIT_SOCKETS_IP=off",
}

var shown = regexp.MustCompile(`(?m)^ *API key +(nod_sk_\S+)$`)

// start starts the program with settings, NAME=value, and waits until it says
// that it can be opened.
func start(ctx context.Context, program string, settings ...string) (*node, error) {
	// The port is chosen here, because a node says its public URL: that of the
	// first one.
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, "serve")
	cmd.Env = append(os.Environ(), "NOD_ADDR="+addr, "NOD_PUBLIC_URL=", "NOD_DEMO=false", "NOD_LOG_LEVEL=warn")
	cmd.Env = append(cmd.Env, crowded...)
	cmd.Env = append(cmd.Env, settings...)
	log := &complaints{}
	cmd.Stderr = log
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
		if lines.Text() != "" || !strings.Contains(said.String(), "open ") {
			continue
		}
		key := []string{"", benchKey}
		if made := shown.FindStringSubmatch(said.String()); made != nil {
			key = made
		}
		n := &node{cmd, "http://" + addr, client.New("http://"+addr, key[1]), log}
		n.nod.HTTP = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
		return n, nil
	}
	return nil, errors.Join(errors.New("it ended without a word of where to open it"), cmd.Wait(), errors.New(said.String()+log.first.String()))
}

// stop kills the node: thousands of phones that read no goodbye would hold it up.
// What it complained about is told now.
func (b *node) stop() {
	_ = b.cmd.Process.Kill()
	_ = b.cmd.Wait() // then all of its log is here
	if b.log.count > 0 {
		fmt.Fprintf(os.Stderr, "bench: %s logged %d warnings and errors, first: %s", b.url, b.log.count, b.log.first.String())
	}
}

// join enrolls the phone's device.
func (b *node) join(ctx context.Context, p *phone) error {
	e, err := b.nod.Enroll(ctx, p.user)
	if err != nil {
		return err
	}
	p.device, err = client.NewDevice(ctx, b.url, e.Token, "bench", nil)
	return err
}

type figures struct{ memory, goroutines float64 }

// rest reads what the process uses when its garbage is gone: the least of what
// is seen while it collects.
func (b *node) rest(ctx context.Context) (figures, error) {
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

func (b *node) metrics(ctx context.Context) (map[string]float64, error) {
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
