package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"
)

// key is of an API that serves nobody but this program.
const key = "nod_sk_" + "for-the-time-of-a-measurement-and-no-longer"

// roomy are limits that are kept, but that nobody comes to: those who sign in here do so
// more often than people do. They live at few prefixes and in few countries, so what is
// kept of these refuses nobody.
var roomy = []string{
	"NOD_LIMIT_SENDS_PHONE=1000/1h", "NOD_LIMIT_SENDS_USER=1000/1h", "NOD_LIMIT_SENDS_IP=1000/1h", "NOD_LIMIT_CHECKS_IP=1000/1m",
	"NOD_LIMIT_PROMPTS=1000/1h", "NOD_LIMIT_WRONG_CODES=1000/24h", "NOD_LIMIT_WRONG_CODES_ALL=1000000/24h", "NOD_LIMIT_PREFIX=off",
	"NOD_LIMIT_BUDGETS=record_only", "NOD_LIMIT_REQUESTS_IP=off", "NOD_LIMIT_SOCKETS_IP=off", "NOD_RESEND_DELAYS=1,1,1",
}

// node is a nod on one of the databases, a process of its own.
type node struct {
	database *database
	cmd      *exec.Cmd
	url      string
	http     *http.Client
}

// start starts the program on a database and waits until it serves. It forgets what is
// older than some days.
func (s *scale) start(ctx context.Context, d *database, days int) (*node, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, s.program, "serve") //nolint:gosec // whoever runs this names the program
	cmd.Env = append(os.Environ(), "NOD_ADDR="+addr, "NOD_PUBLIC_URL=", "NOD_DEMO=false", "NOD_LOG_LEVEL=warn", "NOD_DATABASE_URL="+d.url,
		"NOD_SECRET="+secret, "NOD_API_KEYS="+key, fmt.Sprint("ANALYTICS_RETENTION_DAYS=", days))
	cmd.Env = append(cmd.Env, roomy...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w (run `make build` first)", s.program, err)
	}
	n := &node{d, cmd, "http://" + addr, &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 256}}}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.Contains(lines.Text(), "open ") {
			return n, nil
		}
	}
	return nil, errors.Join(errors.New("it ended without a word of where to open it"), cmd.Wait())
}

// stop kills the node.
func (n *node) stop() {
	_ = n.cmd.Process.Kill()
	_ = n.cmd.Wait()
	n.http.CloseIdleConnections()
}
