// Command cluster shows nod on several nodes, on this machine: Postgres, Redis,
// two nodes and the balancer of deploy/haproxy.cfg, all on loopback, until it is
// interrupted. A node that ends by itself is started again a little later, so
// that whoever watches may kill one. It ends what it started in the order in
// which a rolling restart would, and keeps nothing.
//
// NOD_ADDR is where the balancer listens; the nodes have the ports after it. All
// other settings of the environment reach the nodes.
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"nod/deploy/throwaway"
)

func main() {
	if err := arguments(os.Args[1:], os.Stderr); errors.Is(err, flag.ErrHelp) {
		return
	} else if err != nil {
		os.Exit(2)
	}
	// A closed terminal or pipe is a way to end it, too.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	c, err := newCluster(cmp.Or(os.Getenv("NOD_ADDR"), "127.0.0.1:8080"), os.Stdout)
	if err == nil {
		err = c.run(ctx)
	}
	asked := ctx.Err() != nil // then a start that was cut off is no failure
	stop()
	if err != nil && !asked {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

// usage is what -help tells.
const usage = `Usage: bin/cluster

Runs Postgres, Redis, two nodes of bin/nod and a balancer on this machine until it is
interrupted, and keeps nothing.

  NOD_ADDR  where the balancer listens, 127.0.0.1:8080 without it; the nodes have the
            two ports after it

All other settings of the environment reach the nodes.
`

// arguments takes none: all settings are in the environment. It tells the usage to out
// where it is asked for, which is [flag.ErrHelp], or where there are any.
func arguments(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("cluster", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.Usage = func() { _, _ = fmt.Fprint(out, usage) }
	err := flags.Parse(args)
	if err == nil && flags.NArg() > 0 {
		flags.Usage()
		err = errors.New("no arguments are taken")
	}
	return err
}

// pause is how long a killed node stays away: time to watch the other one do it all.
const pause = 5 * time.Second

// cluster is what run starts, and where.
type cluster struct {
	balancing string // the balancer's configuration
	addr      string // the balancer's
	nodes     []*node
	key       string
	screen    *screen
}

// newCluster finds the addresses and says who sits on one already.
func newCluster(addr string, out io.Writer) (*cluster, error) {
	host, text, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("NOD_ADDR is %s, but this cluster is for this machine only: set it to 127.0.0.1 and a port", addr)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return nil, fmt.Errorf("NOD_ADDR: %w", err)
	}
	c := &cluster{balancing: "deploy/haproxy.cfg", addr: addr, key: "nod_sk_" + randomToken(), screen: &screen{out: out}}
	for i, name := range []string{"a", "b"} {
		c.nodes = append(c.nodes, &node{
			process: process{name: name, path: "bin/nod", args: []string{"serve"}, screen: c.screen},
			addr:    net.JoinHostPort(host, strconv.Itoa(port+1+i)),
		})
	}
	for _, a := range []string{addr, c.nodes[0].addr, c.nodes[1].addr} {
		l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", a)
		if err != nil {
			return nil, fmt.Errorf("%w. The balancer and the nodes need three ports in a row: set NOD_ADDR to the first one of others", err)
		}
		if err := l.Close(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// run blocks until ctx ends and everything is put away. What is deferred here is
// the order of the end: nodes, balancer, Redis, Postgres.
func (c *cluster) run(ctx context.Context) error {
	c.screen.say("starting Postgres, Redis, two nodes and haproxy")
	postgres, err := throwaway.StartPostgres()
	if err != nil {
		return err
	}
	defer postgres.Close()
	redis, err := throwaway.StartRedis()
	if err != nil {
		return err
	}
	defer redis.Close()

	balancer := &process{
		name: "haproxy", path: haproxy(), args: []string{"-db", "-f", c.balancing}, screen: c.screen,
		env: []string{"NOD_BALANCER=" + c.addr, "NOD_A=" + c.nodes[0].addr, "NOD_B=" + c.nodes[1].addr},
	}
	if err := balancer.start(); err != nil {
		return err
	}
	defer balancer.end(context.Background())

	defer c.stopNodes()
	secret := randomToken()
	for _, n := range c.nodes {
		n.env = []string{
			"NOD_ADDR=" + n.addr, "NOD_PUBLIC_URL=http://" + c.addr, "NOD_TRUSTED_PROXIES=127.0.0.0/8,::1",
			"NOD_DATABASE_URL=" + postgres.URL, "NOD_REDIS_URL=" + redis.URL,
			"NOD_SECRET=" + secret, "NOD_API_KEYS=" + c.key, "NOD_LOG_FORMAT=text",
		}
		if err := n.start(); err != nil {
			return err
		}
	}
	for _, n := range c.nodes {
		if err := n.await(ctx, n.addr); err != nil {
			return err
		}
	}
	if err := balancer.await(ctx, c.addr); err != nil {
		return err
	}
	c.greet(redis.Addr)
	return c.watch(ctx, balancer)
}

// haproxy is where the program is: Debian's lies in a folder that only root looks in.
func haproxy() string {
	if path, err := exec.LookPath("haproxy"); err == nil {
		return path
	}
	return "/usr/sbin/haproxy"
}

// watch starts nodes again that end, until ctx ends.
func (c *cluster) watch(ctx context.Context, balancer *process) error {
	ctx, stop := context.WithCancel(ctx)
	var keepers sync.WaitGroup
	defer keepers.Wait()
	defer stop()
	for _, n := range c.nodes {
		keepers.Go(func() { n.keep(ctx) })
	}
	select {
	case <-ctx.Done():
		return nil
	case <-balancer.ended:
		return errors.New("haproxy ended by itself: what it said stands above")
	}
}

// stopNodes drains all nodes at once, which takes a few seconds; another
// interrupt meanwhile ends them at once.
func (c *cluster) stopNodes() {
	c.screen.say("stopping; the nodes say goodbye first, Ctrl-C again does not wait for them")
	force, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var all sync.WaitGroup
	for _, n := range c.nodes {
		all.Go(func() { n.end(force) })
	}
	all.Wait()
}

// greet says what to open, and what to break.
func (c *cluster) greet(redis string) {
	_, port, _ := net.SplitHostPort(redis)
	var text strings.Builder
	fmt.Fprintf(&text, `
  open     http://%s   the balancer: any node serves any request
  API key  %s
`, c.addr, c.key)
	for _, n := range c.nodes {
		fmt.Fprintf(&text, "  node %s   http://%s   to kill it:        kill -9 %d\n", n.name, n.addr, n.pid())
	}
	fmt.Fprintf(&text, `  Redis    %s          to freeze it 20 s: redis-cli -p %s client pause 20000

  A killed node is started again after %s. Ctrl-C ends all, and the data is gone.
`, redis, port, pause)
	c.screen.say(text.String())
}

func randomToken() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}
