package throwaway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Redis is a server that keeps nothing on disk.
type Redis struct {
	Addr  string // host:port
	URL   string // redis://…, or rediss://… by StartRedisTLS
	child child
	dir   string
}

// StartRedis starts a server. args are added to its command line.
func StartRedis(args ...string) (*Redis, error) {
	r, err := newRedis()
	if err != nil {
		return nil, err
	}
	port := r.Addr[strings.LastIndex(r.Addr, ":")+1:]
	return r, r.run(r.ping, append([]string{"--port", port}, args...)...)
}

func newRedis() (*Redis, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "nod-redis-")
	if err != nil {
		return nil, err
	}
	return &Redis{Addr: "127.0.0.1:" + port, URL: "redis://127.0.0.1:" + port, dir: dir}, nil
}

func (r *Redis) run(alive func() error, args ...string) error {
	args = append([]string{"--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", r.dir}, args...)
	r.child = child{
		make: func() *exec.Cmd {
			cmd := exec.CommandContext(context.Background(), "redis-server", args...) //nolint:gosec // the test's own arguments
			cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
			return cmd
		},
		log:   filepath.Join(r.dir, "log"),
		alive: alive,
	}
	if err := r.child.start(); err != nil {
		r.Close()
		return fmt.Errorf("starting Redis: %w", err)
	}
	return nil
}

func (r *Redis) ping() error {
	_, err := r.Do("PING")
	return err
}

// Do sends one command, without spaces in its words, and returns the first line
// of the answer: enough to flush, to configure and to look.
func (r *Redis) Do(words ...string) (string, error) {
	c, err := dial(r.Addr)
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintf(c, "%s\r\n", strings.Join(words, " ")); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if line = strings.TrimSpace(line); strings.HasPrefix(line, "-") {
		return "", errors.New(line)
	}
	return line, err
}

// Stop kills the server: all that it knew is gone.
func (r *Redis) Stop() { r.child.end(syscall.SIGKILL) }

// Start starts a stopped server again, empty, on the same address.
func (r *Redis) Start() error { return r.child.start() }

// Pause freezes the server with all connections open; Resume lets it go on.
func (r *Redis) Pause() { r.child.signalAll(syscall.SIGSTOP) }

// Resume is the end of Pause.
func (r *Redis) Resume() { r.child.signalAll(syscall.SIGCONT) }

// Close ends the server and deletes its folder.
func (r *Redis) Close() {
	r.Stop()
	_ = os.RemoveAll(r.dir)
}
