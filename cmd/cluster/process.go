package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// startLimit is how long a process may take until it is ready.
	startLimit = time.Minute
	// stopLimit is how long a process may take to put itself away.
	stopLimit = 30 * time.Second
)

// process is a program that runs beside this one and never outlives it.
type process struct {
	name   string // stands before each of its lines
	path   string
	args   []string
	env    []string // NAME=value, over the environment's own
	screen *screen

	cmd   *exec.Cmd
	ended chan struct{} // closed when cmd has
}

func (p *process) start() error {
	p.cmd = exec.CommandContext(context.Background(), p.path, p.args...) //nolint:gosec // our own programs
	p.cmd.Env = append(os.Environ(), p.env...)
	// A group of its own: an interrupt at the terminal is for us, who end it in its turn.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	p.cmd.Stderr = &lines{name: p.name, screen: p.screen}
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", p.name, err)
	}
	ended := make(chan struct{})
	p.ended = ended
	go func(cmd *exec.Cmd) {
		_ = cmd.Wait() // how it ended is told by its state
		close(ended)
	}(p.cmd)
	return nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// await returns when /readyz at addr says yes.
func (p *process) await(ctx context.Context, addr string) error {
	ctx, stop := context.WithTimeout(ctx, startLimit)
	defer stop()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for !ready(ctx, addr) {
		select {
		case <-again.C:
		case <-p.ended:
			return fmt.Errorf("%s ended at its start: what it said stands above", p.name)
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready after %s", p.name, startLimit)
		}
	}
	return nil
}

func ready(ctx context.Context, addr string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/readyz", nil) //nolint:gosec // on loopback
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req) //nolint:gosec // as above
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// end lets it put itself away; at once when that takes too long or force ends.
func (p *process) end(force context.Context) {
	if p.ended == nil {
		return
	}
	force, stop := context.WithTimeout(force, stopLimit)
	defer stop()
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case <-p.ended:
	case <-force.Done():
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// node is a process that is started again when it ends.
type node struct {
	process
	addr string
}

// keep watches over the node until ctx ends.
func (n *node) keep(ctx context.Context) {
	for {
		select {
		case <-n.ended:
			n.screen.say(fmt.Sprintf("node %s ended (%s); it is started again in %s", n.name, n.cmd.ProcessState, pause))
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		if err := n.start(); err != nil {
			n.screen.say(err.Error())
			return
		}
		n.screen.say(fmt.Sprintf("node %s is started again; to kill it: kill -9 %d", n.name, n.pid()))
	}
}

// screen is where everybody's lines go, whole.
type screen struct {
	mu  sync.Mutex
	out io.Writer
}

// say writes a line of our own.
func (s *screen) say(text string) { s.write("", text) }

func (s *screen) write(name, line string) {
	if name != "" {
		name = fmt.Sprintf("%-8s| ", name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = fmt.Fprintln(s.out, name+strings.TrimSuffix(line, "\n")) // a terminal that went away ends us by its signal
}

// lines gives a process's output to the screen, line by line.
type lines struct {
	name   string
	screen *screen
	rest   []byte
}

// Write implements io.Writer; it never fails.
func (l *lines) Write(b []byte) (int, error) {
	l.rest = append(l.rest, b...)
	for {
		line, rest, whole := bytes.Cut(l.rest, []byte("\n"))
		if !whole {
			return len(b), nil
		}
		l.screen.write(l.name, string(line))
		l.rest = rest
	}
}
