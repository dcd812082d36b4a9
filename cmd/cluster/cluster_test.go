package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"nod/deploy/throwaway"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// deadline bounds everything that a test waits for.
const deadline = 60 * time.Second

func TestCluster(t *testing.T) {
	need(t, "haproxy", "redis-server")
	if _, err := throwaway.PostgresBin(); err != nil {
		missing(t, err)
	}
	program := filepath.Join(t.TempDir(), "nod")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "nod/cmd/nod") // as make build does, which has left most of it in the cache
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building nod: %v\n%s", err, out)
	}
	said := &heard{}
	c := place(t, said)
	c.balancing = "../../deploy/haproxy.cfg"
	for _, n := range c.nodes {
		n.path = program
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		err := c.run(ctx)
		c.screen.say(fmt.Sprintf("run ended: %v", err))
		ended <- err
	}()
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			t.Logf("what it said:\n%s", said)
		}
	})

	said.await(t, `open +http://`+c.addr)
	ask(t, c.addr, "/login", http.StatusOK)
	pid, err := strconv.Atoi(said.await(t, `node a .*kill -9 (\d+)`)[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	said.await(t, `node a ended \(signal: killed\)`)
	for range 50 {
		ask(t, c.addr, "/login", http.StatusOK) // the other node's work
	}
	if again := said.await(t, `node a is started again.*kill -9 (\d+)`)[1]; again == strconv.Itoa(pid) {
		t.Error("the killed process is named as the new one")
	}
	eventually(t, "node a is ready again", func() bool { return ready(ctx, c.nodes[0].addr) })

	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the end that was asked for: %v", err)
		}
	case <-time.After(deadline):
		t.Fatal("it does not end")
	}
	for _, addr := range []string{c.addr, c.nodes[0].addr, c.nodes[1].addr} {
		if conn, err := net.Dial("tcp", addr); err == nil {
			_ = conn.Close()
			t.Errorf("%s still answers", addr)
		}
	}
}

func TestClusterNeedsLoopbackAndFreePorts(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:8080", "192.0.2.1:8080", "localhost", ":8080", "127.0.0.1:http"} {
		if _, err := newCluster(addr, io.Discard); err == nil || !strings.Contains(err.Error(), "NOD_ADDR") {
			t.Errorf("%s is taken: %v", addr, err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if _, err := newCluster(l.Addr().String(), io.Discard); err == nil || !strings.Contains(err.Error(), "NOD_ADDR") {
		t.Errorf("an address on which somebody sits is taken: %v", err)
	}
}

// need skips the test where a program is not installed.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if p == "haproxy" {
			p = haproxy()
		}
		if _, err := exec.LookPath(p); err != nil {
			missing(t, err)
		}
	}
}

func missing(t *testing.T, err error) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	t.Skip(err)
}

// place finds three free ports in a row, below those that the system hands out:
// nobody takes them by chance between now and their use.
func place(t *testing.T, out io.Writer) *cluster {
	t.Helper()
	for range 100 {
		if c, err := newCluster(fmt.Sprintf("127.0.0.1:%d", 20_000+rand.N(10_000)), out); err == nil {
			return c
		}
	}
	t.Fatal("there are no three free ports in a row")
	return nil
}

func ask(t *testing.T, addr, path string, status int) *http.Response {
	t.Helper()
	res, err := http.Get("http://" + addr + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != status {
		t.Fatalf("%s answers %s, not %d", path, res.Status, status)
	}
	return res
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	end := time.After(deadline)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !holds() {
		select {
		case <-again.C:
		case <-end:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// heard is a screen that can be waited for.
type heard struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (h *heard) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.Write(b)
}

func (h *heard) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.String()
}

// await returns the first match and its groups, unless run ends before.
func (h *heard) await(t *testing.T, pattern string) (match []string) {
	t.Helper()
	form := regexp.MustCompile(pattern + "|run ended: .*")
	eventually(t, fmt.Sprintf("it says %q", pattern), func() bool {
		match = form.FindStringSubmatch(h.String())
		return match != nil
	})
	if strings.HasPrefix(match[0], "run ended") {
		t.Fatal(match[0])
	}
	return match
}

// TestHelpStartsNothing: who asks what there is to set is told so, and so is who passes
// what does not exist.
func TestHelpStartsNothing(t *testing.T) {
	for arg, help := range map[string]bool{"--help": true, "-h": true, "--what": false, "serve": false} {
		var out strings.Builder
		err := arguments([]string{arg}, &out)
		if err == nil || errors.Is(err, flag.ErrHelp) != help || !strings.Contains(out.String(), "NOD_ADDR") {
			t.Errorf("%s: %v, %q", arg, err, out.String())
		}
	}
	if err := arguments(nil, io.Discard); err != nil {
		t.Error(err)
	}
}
