package throwaway_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"nod/deploy/throwaway"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPostgres(t *testing.T) {
	p, err := throwaway.StartPostgres()
	if err != nil {
		t.Fatal(err)
	}
	p.Pause()
	p.Resume()
	p.Stop()
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	p.Close()
	if _, err := os.Stat(p.Folder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its folder is left: %v", err)
	}
}

func TestRedis(t *testing.T) {
	r, err := throwaway.StartRedis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	if _, err := r.Do("SET", "a", "1"); err != nil {
		t.Fatal(err)
	}
	r.Stop()
	if _, err := r.Do("PING"); err == nil {
		t.Error("it answers after Stop")
	}
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Do("EXISTS", "a"); got != ":0" || err != nil {
		t.Errorf("it is not empty after Start: %s %v", got, err)
	}
	if _, err := r.Do("NONSENSE"); err == nil {
		t.Error("a refused command is no error")
	}
}

// echo answers every line with itself.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				for lines := bufio.NewScanner(c); lines.Scan(); {
					if _, err := fmt.Fprintln(c, lines.Text()); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

func TestProxy(t *testing.T) {
	p, err := throwaway.NewProxy("tcp://" + echo(t))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	c, err := net.Dial("tcp", strings.TrimPrefix(p.URL, "tcp://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	say := func(word string, patience time.Duration) error {
		if _, err := fmt.Fprintln(c, word); err != nil {
			return err
		}
		if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		got := make([]byte, len(word)+1)
		_, err := c.Read(got)
		if err == nil && string(got) != word+"\n" {
			t.Errorf("said %q, heard %q", word, got)
		}
		return err
	}
	if err := say("one", 10*time.Second); err != nil {
		t.Fatal(err)
	}
	p.Stall()
	if err := say("two", 100*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("through a stalled network: %v", err)
	}
	p.Heal()
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(c).ReadString('\n'); line != "two\n" || err != nil {
		t.Fatalf("after it healed: %q %v", line, err)
	}
	p.Forget()
	if err := say("lost", 100*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("through a forgotten connection: %v", err)
	}
	if c, err = net.Dial("tcp", strings.TrimPrefix(p.URL, "tcp://")); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := say("anew", 10*time.Second); err != nil {
		t.Fatal(err)
	}
	p.Cut()
	if err := say("three", 10*time.Second); err == nil {
		t.Error("a cut connection answers")
	}
}
