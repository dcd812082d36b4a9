package main

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // a test looks into the database as an operator would

	"nod/deploy/throwaway"
)

// cluster is several nods behind a balancer, with a Postgres and a Redis that
// can be injured:
//
//	c := newCluster(t, setup{ownRedis: true})
//	a, b := c.nodes[0], c.nodes[1]
//	v := a.ask("u1", object{"phone_number": number}) // a node is a program and a door
//	page := b.watch(v, nil)                          // a page on the other one
//	c.redis.Pause()                                  // or c.redisNet.Stall(), b.kill(), b.again(), b.freeze(), b.thaw() …
//	… page.next("result") … c.codes(v) … c.count("select count(*) from events where …")
//
// The cluster itself is the balancer's door: c.do, c.ask, c.enroll go to one
// node after the other. All is put away when the test ends, and each node that
// still runs must then stop with exit code 0.
type cluster struct {
	*door
	nodes    []*program
	balancer *balancer
	db       *sql.DB // Postgres, past any broken network

	// Of their own with setup's ownPostgres and ownRedis, else nil. Nodes reach
	// them through the network beside.
	postgres    *throwaway.Postgres
	postgresNet *throwaway.Proxy
	redis       *throwaway.Redis
	redisNet    *throwaway.Proxy

	mu       sync.Mutex
	messages map[string]object // of the simulators, by their own id: a killed node forgets its own
}

// setup is how a cluster differs from two nodes on shared, healthy servers.
type setup struct {
	nodes       int      // 0 is 2
	ownPostgres bool     // one to injure; costs a second
	ownRedis    bool     // one to injure
	redis       string   // URL of another; empty: the shared one
	idle        bool     // do not start the nodes
	file        string   // the nodes' program; empty: as all tests run it, with the race detector
	settings    []string // NAME=value, of every node
	database    string   // words for the query of the database's URL
}

func newCluster(t *testing.T, s setup) *cluster {
	t.Helper()
	c := &cluster{messages: map[string]object{}, balancer: newBalancer(t)}
	c.door = newDoor(t, "http://"+c.balancer.addr(), &http.Transport{DisableKeepAlives: true}) // each request to the next node
	c.key = "nod_sk_" + strings.Repeat("k", 43)
	databaseURL, redisURL := c.servers(t, s)
	settings := append([]string{
		"NOD_REDIS_URL=" + redisURL, "NOD_SECRET=" + clusterSecret, "NOD_LOG_LEVEL=info",
		"NOD_API_KEYS=" + c.key, "NOD_PUBLIC_URL=" + c.url, "NOD_SIMULATOR=true",
	}, s.settings...)
	for i := range cmp.Or(s.nodes, 2) {
		p := newProgram(t, append(settings, "NOD_DATABASE_URL="+databaseURL+"&application_name="+fmt.Sprint("node", i))...)
		p.key, p.public, p.file = c.key, c.url, cmp.Or(s.file, p.file)
		c.nodes = append(c.nodes, p)
		c.balancer.add(p.url)
	}
	if !s.idle {
		c.up()
	}
	t.Cleanup(c.stop)
	return c
}

const clusterSecret = "a secret of the tests, 32 bytes or more"

// up starts the nodes, one after the other, and waits until all are ready.
func (c *cluster) up() {
	c.t.Helper()
	for _, p := range c.nodes {
		p.up()
	}
	for _, p := range c.nodes {
		p.ready()
	}
}

// stop ends all nodes that run, at once, and wants exit code 0 of each.
func (c *cluster) stop() {
	var all sync.WaitGroup
	for _, p := range c.nodes {
		if p.running() {
			p.thaw()
			all.Go(p.stop)
		}
	}
	all.Wait()
}

// ready waits until the node says that it is.
func (p *program) ready() {
	p.t.Helper()
	eventually(p.t, p.url+" is ready", func() bool {
		status, _, err := p.try(p.t.Context(), "GET", "/readyz", "", nil)
		return err == nil && status == http.StatusOK
	})
}

// servers are the database and the Redis of a cluster.
func (c *cluster) servers(t *testing.T, s setup) (databaseURL, redisURL string) {
	t.Helper()
	if !s.ownPostgres || !s.ownRedis {
		databaseURL, redisURL = sharedServers.take(t)
	}
	if s.redis != "" {
		redisURL = s.redis
	}
	direct := databaseURL
	if s.ownPostgres {
		var err error
		if c.postgres, err = throwaway.StartPostgres(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.postgres.Close)
		direct = c.postgres.URL
		databaseURL, c.postgresNet = behind(t, direct)
	}
	if s.ownRedis {
		var err error
		if c.redis, err = throwaway.StartRedis(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.redis.Close)
		redisURL, c.redisNet = behind(t, c.redis.URL)
	}
	if s.database != "" {
		databaseURL += "&" + s.database
	}
	var err error
	if c.db, err = sql.Open("pgx", direct); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.db.Close() })
	return databaseURL, redisURL
}

// behind puts a network that can fail before the server of a URL.
func behind(t *testing.T, server string) (string, *throwaway.Proxy) {
	t.Helper()
	p, err := throwaway.NewProxy(server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p.URL, p
}

// sent are the simulated messages to a target on any node (empty: to anybody),
// those of killed nodes included if they were seen before.
func (c *cluster) sent(to string) []object {
	c.t.Helper()
	for _, p := range c.nodes {
		status, out, err := p.try(c.t.Context(), "GET", "/api/v1/outbox?to="+url.QueryEscape(to), p.asKey(), nil)
		if err != nil || status != http.StatusOK {
			continue // it is down: what it sent since the last look stands in the database only
		}
		c.mu.Lock()
		for _, m := range out.list("messages") {
			c.messages[m.str("id")] = m
		}
		c.mu.Unlock()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []object
	for _, m := range c.messages {
		if to == "" || m.str("to") == to {
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(a, b object) int { return cmp.Compare(a.str("id"), b.str("id")) })
	return all
}

// outbox waits for the n-th simulated message to a target on any node.
func (c *cluster) outbox(to string, n int) object {
	c.t.Helper()
	var got []object
	eventually(c.t, fmt.Sprintf("message %d to %s", n, to), func() bool {
		got = c.sent(to)
		return len(got) >= n
	})
	return got[n-1]
}

// sentOnly waits for n simulated messages to a target and wants no more: a node
// shows each some 250 ms after it was sent, when every node has it.
func (c *cluster) sentOnly(to string, n int) []object {
	c.t.Helper()
	if n > 0 {
		c.outbox(to, n)
	}
	always(c.t, 500*time.Millisecond, fmt.Sprintf("%d messages to %s", n, to), func() bool { return len(c.sent(to)) == n })
	return c.sent(to)
}

// text reads one text from the database, number one number; nothing is "" or 0.
func (c *cluster) text(query string, args ...any) string {
	c.t.Helper()
	var s sql.NullString
	if err := c.db.QueryRowContext(c.t.Context(), query, args...).Scan(&s); err != nil {
		c.t.Fatalf("%s: %v", query, err)
	}
	return s.String
}

func (c *cluster) number(query string, args ...any) int {
	c.t.Helper()
	var n sql.NullInt64
	if err := c.db.QueryRowContext(c.t.Context(), query, args...).Scan(&n); err != nil {
		c.t.Fatalf("%s: %v", query, err)
	}
	return int(n.Int64)
}

// worker waits until a statement of a node hangs in pg_sleep, and returns the node.
// That is how a trigger of a test shows that it has been reached.
func (c *cluster) worker() *program {
	c.t.Helper()
	var name string
	eventually(c.t, "a node is held in the database", func() bool {
		name = c.text("select max(application_name) from pg_stat_activity where " + hanging)
		return name != ""
	})
	i, err := strconv.Atoi(strings.TrimPrefix(name, "node"))
	if err != nil {
		c.t.Fatalf("%q is held", name)
	}
	return c.nodes[i]
}

// hanging are the backends of this database that sleep.
const hanging = "datname = current_database() and wait_event = 'PgSleep'"

func (c *cluster) exec(query string, args ...any) {
	c.t.Helper()
	if _, err := c.db.ExecContext(c.t.Context(), query, args...); err != nil {
		c.t.Fatalf("%s: %v", query, err)
	}
}

// sharedServers are one Postgres and one Redis for all tests that do not injure
// them, started by the first and stopped when all tests are through.
var sharedServers shared

type shared struct {
	once     sync.Once
	err      error
	postgres *throwaway.Postgres
	redis    *throwaway.Redis
	admin    *sql.DB
	taken    atomic.Int64
}

// redisDatabases is how many clusters can share the one Redis.
const redisDatabases = 1000

// take makes a fresh database in each.
func (s *shared) take(t *testing.T) (databaseURL, redisURL string) {
	t.Helper()
	s.once.Do(s.start)
	if s.err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(s.err)
		}
		t.Skipf("no Postgres or no Redis here: %v", s.err)
	}
	n := s.taken.Add(1)
	name := fmt.Sprintf("nod_%d", n)
	if _, err := s.admin.ExecContext(t.Context(), "create database "+name); err != nil {
		t.Fatal(err)
	}
	return strings.Replace(s.postgres.URL, "/postgres?", "/"+name+"?", 1), fmt.Sprintf("%s/%d", s.redis.URL, n%redisDatabases)
}

func (s *shared) start() {
	if s.postgres, s.err = throwaway.StartPostgres("max_connections=1000"); s.err != nil {
		return
	}
	if s.redis, s.err = throwaway.StartRedis("--databases", fmt.Sprint(redisDatabases)); s.err != nil {
		return
	}
	s.admin, s.err = sql.Open("pgx", s.postgres.URL)
}

func (s *shared) stop() {
	if s.admin != nil {
		_ = s.admin.Close()
	}
	if s.redis != nil {
		s.redis.Close()
	}
	if s.postgres != nil {
		s.postgres.Close()
	}
}

// startShared is a starter on Postgres and Redis.
func startShared(t *testing.T, settings ...string) *program {
	t.Helper()
	databaseURL, redisURL := sharedServers.take(t)
	p := newProgram(t, append([]string{"NOD_DATABASE_URL=" + databaseURL, "NOD_REDIS_URL=" + redisURL, "NOD_SECRET=" + clusterSecret}, settings...)...)
	p.up()
	return p
}

// balancer hands each connection to the next node that is ready, as a load
// balancer without sticky sessions does: it asks /readyz and does not look into
// what it forwards.
type balancer struct {
	listener net.Listener
	ctx      context.Context // ends with the test
	all      sync.WaitGroup

	mu    sync.Mutex
	nodes []*backend
	next  int
	none  int // connections for which no node was ready
	open  map[net.Conn]struct{}
}

type backend struct {
	addr string
	up   atomic.Bool
}

// lookEvery is how often a balancer asks a node whether it is ready.
const lookEvery = 250 * time.Millisecond

func newBalancer(t *testing.T) *balancer {
	t.Helper()
	l := listenFree(t)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	b := &balancer{listener: l, ctx: ctx, open: map[net.Conn]struct{}{}}
	b.all.Go(b.accept)
	t.Cleanup(func() {
		stop()
		_ = l.Close()
		b.mu.Lock()
		for c := range b.open {
			_ = c.Close()
		}
		b.mu.Unlock()
		b.all.Wait()
	})
	return b
}

func (b *balancer) addr() string { return b.listener.Addr().String() }

func (b *balancer) add(url string) {
	n := &backend{addr: strings.TrimPrefix(url, "http://")}
	b.mu.Lock()
	b.nodes = append(b.nodes, n)
	b.mu.Unlock()
	b.all.Go(func() { b.look(n) })
}

// look follows whether a node is ready.
func (b *balancer) look(n *backend) {
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	again := time.NewTicker(lookEvery)
	defer again.Stop()
	for {
		req, err := http.NewRequestWithContext(b.ctx, http.MethodGet, "http://"+n.addr+"/readyz", nil)
		if err != nil {
			return
		}
		res, err := client.Do(req)
		n.up.Store(err == nil && res.StatusCode == http.StatusOK)
		if err == nil {
			_ = res.Body.Close()
		}
		select {
		case <-again.C:
		case <-b.ctx.Done():
			return
		}
	}
}

func (b *balancer) accept() {
	for {
		c, err := b.listener.Accept()
		if err != nil {
			return
		}
		b.all.Go(func() { b.serve(c) })
	}
}

// turn is the order in which nodes are tried: the ready ones first, beginning
// with the next.
func (b *balancer) turn() []*backend {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next++
	var ready, rest []*backend
	for i := range b.nodes {
		if n := b.nodes[(b.next+i)%len(b.nodes)]; n.up.Load() {
			ready = append(ready, n)
		} else {
			rest = append(rest, n)
		}
	}
	if len(ready) == 0 {
		b.none++
	}
	return append(ready, rest...)
}

// helpless is for how many connections no node was ready until now.
func (b *balancer) helpless() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.none
}

func (b *balancer) serve(c net.Conn) {
	defer b.hold(c)()
	for _, n := range b.turn() {
		s, err := (&net.Dialer{Timeout: time.Second}).DialContext(b.ctx, "tcp", n.addr)
		if err != nil {
			continue
		}
		defer b.hold(s)()
		var both sync.WaitGroup
		forward := func(to, from net.Conn) {
			_, _ = io.Copy(to, from)
			_ = to.Close()
		}
		both.Go(func() { forward(s, c) })
		both.Go(func() { forward(c, s) })
		both.Wait()
		return
	}
}

// hold keeps a connection until release, or until the balancer ends.
func (b *balancer) hold(c net.Conn) (release func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open[c] = struct{}{}
	if b.ctx.Err() != nil {
		_ = c.Close()
	}
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.open, c)
		_ = c.Close()
	}
}

// TestCluster: what one node was asked, the other one can finish.
func TestCluster(t *testing.T) {
	t.Parallel()
	c := newCluster(t, setup{ownPostgres: true, ownRedis: true})
	a, b := c.nodes[0], c.nodes[1]
	v := a.ask("u1", object{"phone_number": number, "channel": "sms"})
	code := c.outbox(number, 1).str("code")
	if _, out := b.call("POST", pathOf(v)+"/check", page(v), object{"code": code}); out["ok"] != true {
		t.Fatal(out)
	}
	if got := a.status(v).str("status"); got != "approved" || c.text("select status from verifications") != got {
		t.Errorf("on the first node it is %s", got)
	}
	c.sentOnly(number, 1)
	b.kill()
	if got := c.status(v).str("status"); got != "approved" {
		t.Errorf("through the balancer it is %s", got)
	}
	b.again()
	a.freeze()
	b.ready()
	a.thaw()
}
