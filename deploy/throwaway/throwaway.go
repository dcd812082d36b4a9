// Package throwaway starts the servers that nod works with – Postgres, Redis and
// a network between – on loopback, in a temporary folder, for as long as this
// process lives. Tests injure them, benchmarks measure against them, and
// `make cluster` shows nod on several nodes with them. Nothing that is shipped
// imports it.
package throwaway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// startLimit is how long a server may take until it answers.
const startLimit = 20 * time.Second

// child is one server process. It ends with the thread that started it, so with
// this process at the latest.
type child struct {
	make  func() *exec.Cmd // a fresh command; the first and every later start
	alive func() error     // nil once the server answers
	cmd   *exec.Cmd
	done  chan struct{} // closed when cmd has ended
	log   string        // its output
}

// start runs the server and waits until it answers.
func (c *child) start() error {
	out, err := os.OpenFile(c.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }() // the child has its own
	c.cmd, c.done = c.make(), make(chan struct{})
	c.cmd.Stdout, c.cmd.Stderr = out, out
	if c.cmd.SysProcAttr == nil {
		c.cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	c.cmd.SysProcAttr.Setpgid = true // an interrupt at the terminal is for us, not for it
	if err := c.cmd.Start(); err != nil {
		return err
	}
	go func(cmd *exec.Cmd, done chan struct{}) {
		_ = cmd.Wait()
		close(done)
	}(c.cmd, c.done)
	return c.await()
}

func (c *child) await() error {
	end := time.After(startLimit)
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		err := c.alive()
		if err == nil {
			return nil
		}
		select {
		case <-again.C:
		case <-c.done:
			said, _ := os.ReadFile(c.log)
			return fmt.Errorf("%s ended: %s", filepath.Base(c.cmd.Path), said)
		case <-end:
			return fmt.Errorf("%s does not answer: %w", filepath.Base(c.cmd.Path), err)
		}
	}
}

// end sends a signal and waits for the end of the process.
func (c *child) end(sig syscall.Signal) {
	if c.cmd == nil || c.cmd.Process == nil {
		return
	}
	_ = c.cmd.Process.Signal(sig) // it may have ended by itself
	<-c.done
}

// signalAll reaches the process and those that it started.
func (c *child) signalAll(sig syscall.Signal) {
	for _, pid := range append([]int{c.cmd.Process.Pid}, childrenOf(c.cmd.Process.Pid)...) {
		_ = syscall.Kill(pid, sig)
	}
}

func childrenOf(parent int) (pids []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		raw, err := os.ReadFile(path) //nolint:gosec // a fixed folder
		if err != nil {
			continue // it has just ended
		}
		pid, _ := strconv.Atoi(strings.Split(path, "/")[2])
		_, rest, _ := strings.Cut(string(raw), ") ") // proc(5): pid (comm) state ppid …
		if f := strings.Fields(rest); len(f) > 1 && f[1] == strconv.Itoa(parent) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// freePort finds a port that nobody listens on.
func freePort() (string, error) {
	l, err := listen()
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, errors.Join(err, l.Close())
}

func listen() (net.Listener, error) {
	return (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
}

// dial connects within a second.
func dial(addr string) (net.Conn, error) {
	return (&net.Dialer{Timeout: time.Second}).DialContext(context.Background(), "tcp", addr)
}
