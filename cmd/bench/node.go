package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"nod/cmd/bench/load"
	"nod/deploy/throwaway"
)

// node is a nod under measure, a process of its own.
type node struct {
	program  string
	settings []string
	url      string
	cmd      *exec.Cmd
	log      *complaints
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

// What all nodes here have in common. They serve nobody but this program.
const (
	benchSecret = "a secret for the time of a benchmark"
	benchKey    = "nod_sk_" + "for-the-time-of-a-benchmark-and-no-longer"
)

// newNode chooses a port, because a node says its public URL, and starts it there.
func newNode(ctx context.Context, program string, settings ...string) (*node, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, err
	}
	n := &node{program: program, url: "http://" + addr}
	n.settings = append(n.settings, "NOD_ADDR="+addr, "NOD_PUBLIC_URL=", "NOD_DEMO=false", "NOD_LOG_LEVEL=warn", "NOD_SECRET="+benchSecret, "NOD_API_KEYS="+benchKey)
	for _, limit := range load.Limits {
		n.settings = append(n.settings, limit+"=off")
	}
	n.settings = append(n.settings, settings...)
	return n, n.start(ctx)
}

// start starts the program and waits until it says that it can be opened.
func (n *node) start(ctx context.Context) error {
	n.cmd = exec.CommandContext(ctx, n.program, "serve") //nolint:gosec // whoever runs a benchmark names the program
	n.cmd.Env = append(os.Environ(), n.settings...)
	n.log = &complaints{}
	n.cmd.Stderr = n.log
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := n.cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w (run `make build` first, or name another with -nod)", n.program, err)
	}
	var said strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if lines.Text() == "" && strings.Contains(said.String(), "open ") {
			return nil
		}
	}
	return errors.Join(errors.New("it ended without a word of where to open it"), n.cmd.Wait(), errors.New(said.String()+n.log.first.String()))
}

// stop kills the node: thousands of phones that read no goodbye would hold it up.
// What it complained about is told now.
func (n *node) stop() {
	_ = n.cmd.Process.Kill()
	_ = n.cmd.Wait() // then all of its log is here
	if n.log.count > 0 {
		fmt.Fprintf(os.Stderr, "bench: %s logged %d warnings and errors, first: %s", n.url, n.log.count, n.log.first.String())
	}
}

// restart starts it anew on the same data and at the same address.
func (n *node) restart(ctx context.Context) error {
	n.stop()
	return n.start(ctx)
}

// nodes are one or two nodes of our own, with what they store in.
type nodes struct {
	place load.Place
	ready time.Duration // the first one's, from its start
	ends  []func()      // in the order of their beginnings
}

// startNodes starts what -on names.
func startNodes(ctx context.Context, program, on string, settings ...string) (_ *nodes, err error) {
	all := &nodes{}
	defer func() {
		if err != nil {
			all.stop()
		}
	}()
	name := "nod, SQLite"
	switch on {
	case "sqlite":
		dir, err := os.MkdirTemp("", "nod-bench")
		if err != nil {
			return nil, err
		}
		all.ends = append(all.ends, func() { _ = os.RemoveAll(dir) })
		settings = append(settings, "NOD_DATABASE_URL=sqlite:"+filepath.Join(dir, "nod.db"))
	case "postgres", "two":
		name = "nod, Postgres and Redis"
		postgres, err := throwaway.StartPostgres("fsync=on") // what was committed is on the disk
		if err != nil {
			return nil, err
		}
		all.ends = append(all.ends, postgres.Close)
		redis, err := throwaway.StartRedis()
		if err != nil {
			return nil, err
		}
		all.ends = append(all.ends, redis.Close)
		settings = append(settings, "NOD_DATABASE_URL="+postgres.URL, "NOD_REDIS_URL="+redis.URL)
	default:
		return nil, fmt.Errorf("nod runs on sqlite, postgres or two nodes, not on %q", on)
	}
	begun := time.Now()
	first, err := newNode(ctx, program, settings...)
	if err != nil {
		return nil, err
	}
	all.ready = time.Since(begun)
	all.ends = append(all.ends, first.stop)
	devices := first
	if on == "two" {
		name = "two nodes of nod, Postgres and Redis, devices on the other node"
		if devices, err = newNode(ctx, program, append(settings, "NOD_PUBLIC_URL="+first.url)...); err != nil {
			return nil, err
		}
		all.ends = append(all.ends, devices.stop)
	}
	pushAfter, smsAfter, err := ladder(append(os.Environ(), settings...))
	if err != nil {
		return nil, err
	}
	all.place = load.Place{Name: name, URL: first.url, Sockets: devices.url, Key: benchKey, Restart: devices.restart, PushAfter: pushAfter, SMSAfter: smsAfter}
	return all, nil
}

// stop ends them, the last first.
func (a *nodes) stop() {
	for _, end := range slices.Backward(a.ends) {
		end()
	}
}
