package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"nod/client"
)

const (
	// deadline bounds everything that a test waits for.
	deadline = 30 * time.Second
	// journalSize is how much of what a process said is kept.
	journalSize = 1 << 20
)

// program is a nod that runs as a process of its own, so that it can be killed.
type program struct {
	*door
	file    string // its program
	env     []string
	cmd     *exec.Cmd
	journal *journal
}

var banner = regexp.MustCompile(`(?s)open +(http://\S+)(?:.*?API key +(nod_sk_\S+))?`)

// starter runs `nod serve` on a free port until the test ends. The settings are
// NAME=value.
type starter func(t *testing.T, settings ...string) *program

// onBoth runs a test of one nod on SQLite alone, and on Postgres and Redis as one
// of several nodes would run.
func onBoth(t *testing.T, test func(t *testing.T, start starter)) {
	t.Parallel()
	for name, start := range map[string]starter{"sqlite": start, "postgres": startShared} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start)
		})
	}
}

// start is a starter on a fresh SQLite file.
func start(t *testing.T, settings ...string) *program {
	t.Helper()
	p := newProgram(t, append([]string{"NOD_DATABASE_URL=sqlite:" + filepath.Join(t.TempDir(), "nod.db")}, settings...)...)
	p.up()
	return p
}

// newProgram prepares a nod that is not running yet. Whatever a test does to it,
// at the end it must stop as it should and have raced nowhere.
func newProgram(t *testing.T, settings ...string) *program {
	t.Helper()
	p := &program{file: os.Args[0], journal: &journal{}}
	addr := freeAddr(t)
	// A connection that was made and not used is closed by nod after 5 s: let go of it first, or a request may meet that.
	p.door = newDoor(t, "http://"+addr, &http.Transport{IdleConnTimeout: 3 * time.Second})
	p.env = slices.Concat([]string{"NOD_TEST_CHILD=1", "NOD_ADDR=" + addr, "NOD_LOG_LEVEL=debug"}, crowded, settings)
	t.Cleanup(func() {
		if p.running() {
			p.thaw()
			p.stop()
		}
		if said := p.journal.String(); strings.Contains(said, "DATA RACE") {
			t.Errorf("a data race in nod at %s", p.url)
		}
		if t.Failed() {
			t.Logf("what nod at %s said:\n%s", p.url, p.journal)
		}
	})
	return p
}

// up starts it and waits until it listens.
func (p *program) up() {
	p.t.Helper()
	if err := p.launch(); err != nil {
		p.t.Fatal(err)
	}
}

// launch is up for a nod that may fail to start.
func (p *program) launch() error {
	p.cmd = exec.Command(p.file)
	p.cmd.Env, p.cmd.Stderr = p.env, p.journal
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	said := ""
	for buf := make([]byte, 4096); !strings.Contains(said, "\n\n\n") && !banner.MatchString(said) || !strings.HasSuffix(said, "\n\n"); {
		n, err := out.Read(buf)
		said += string(buf[:n])
		if err != nil {
			_ = p.cmd.Wait()
			return fmt.Errorf("nod did not start: %w\n%s", err, said)
		}
	}
	m := banner.FindStringSubmatch(said)
	p.public = m[1]
	if m[2] != "" {
		p.key = m[2]
	}
	return nil
}

func (p *program) running() bool { return p.cmd != nil && p.cmd.ProcessState == nil }

// kill ends it as a power cut would.
func (p *program) kill() {
	p.t.Helper()
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	p.client.CloseIdleConnections()
}

// again starts it on the same address and database.
func (p *program) again() {
	p.t.Helper()
	fmt.Fprintln(p.journal, "--- started again")
	p.up()
}

// stop ends it as an operator does, and wants exit code 0 within the time that
// service managers give.
func (p *program) stop() {
	p.t.Helper()
	late := time.AfterFunc(drainTime+retirement, func() { _ = p.cmd.Process.Signal(syscall.SIGABRT) }) // and it says what every goroutine does
	defer late.Stop()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("nod ended with %v", err)
	}
	p.client.CloseIdleConnections()
}

// retirement is how much longer than drainTime a stop may take: what a node of
// several waits before it drains, and a slow machine.
const retirement = 10 * time.Second

// freeze stops the process where it stands, as a stalled virtual machine does;
// thaw lets it go on.
func (p *program) freeze() { _ = p.cmd.Process.Signal(syscall.SIGSTOP) }

func (p *program) thaw() { _ = p.cmd.Process.Signal(syscall.SIGCONT) }

// journal keeps the end of what a process says.
type journal struct {
	mu   sync.Mutex
	said []byte
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.said = append(j.said, b...)
	if over := len(j.said) - journalSize; over > journalSize {
		j.said = append([]byte("…"), j.said[over:]...)
	}
	return len(b), nil
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return string(j.said)
}

// freeAddr finds a loopback address that stays free while nobody listens on it.
func freeAddr(t *testing.T) string {
	t.Helper()
	syscall.ForkLock.RLock() // a child begun meanwhile would hold the port until it runs its program
	defer syscall.ForkLock.RUnlock()
	l := listenFree(t)
	_ = l.Close()
	return l.Addr().String()
}

// listenFree listens on a port below those that outgoing connections take.
func listenFree(t *testing.T) net.Listener {
	t.Helper()
	var plain net.ListenConfig
	plain.SetMultipathTCP(false) // its port is given back some time after Close
	for range 100 {
		l, err := plain.Listen(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(15000+rand.IntN(15000))))
		if err == nil {
			return l
		}
	}
	t.Fatal("no free port")
	return nil
}

// object is a JSON object.
type object map[string]any

func (o object) str(name string) string {
	s, _ := o[name].(string)
	return s
}

func (o object) num(name string) float64 {
	n, _ := o[name].(float64)
	return n
}

func (o object) obj(name string) object {
	m, _ := o[name].(map[string]any)
	return m
}

// list is a member that is an array of objects.
func (o object) list(name string) (all []object) {
	raw, _ := o[name].([]any)
	for _, e := range raw {
		m, _ := e.(map[string]any)
		all = append(all, m)
	}
	return all
}

// door is a way into nod: one node's own, or a balancer's.
type door struct {
	t      *testing.T
	url    string // where it is
	public string // NOD_PUBLIC_URL, for which phones sign
	key    string
	client *http.Client
}

func newDoor(t *testing.T, url string, transport *http.Transport) *door {
	t.Cleanup(transport.CloseIdleConnections)
	return &door{t: t, url: url, public: url, client: &http.Client{Transport: transport}}
}

// asKey is the integrator's credential.
func (d *door) asKey() string { return "Authorization: Bearer " + d.key }

// try makes one request with a credential ("Name: value", more of them on lines
// of their own; empty: none). An error means that no whole answer came: what was asked may have happened or not.
func (d *door) try(ctx context.Context, method, path, credential string, body any) (int, object, error) {
	var in io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		in = strings.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			return 0, nil, err
		}
		in = bytes.NewReader(raw)
	}
	ctx, stop := context.WithTimeout(ctx, deadline)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, method, d.url+path, in)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	for line := range strings.Lines(credential) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		req.Header.Set(name, value)
	}
	res, err := d.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, nil, err
	}
	out := object{}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &out); err != nil {
			return 0, nil, fmt.Errorf("%s %s: %s is no JSON object", method, path, raw)
		}
	}
	return res.StatusCode, out, nil
}

// call is try where an answer must come.
func (d *door) call(method, path, credential string, body any) (int, object) {
	d.t.Helper()
	status, out, err := d.try(d.t.Context(), method, path, credential, body)
	if err != nil {
		d.t.Fatalf("%s %s: %v", method, path, err)
	}
	return status, out
}

// do is call by the integrator, who comes again when asked to, and wants a status.
func (d *door) do(status int, method, path string, body any) object {
	d.t.Helper()
	got, out, err := patiently(d.t.Context(), func() (int, object, error) {
		return d.try(d.t.Context(), method, path, d.asKey(), body)
	})
	if err != nil || got != status {
		d.t.Fatalf("%s %s: %d %v %v, want %d", method, path, got, out, err, status)
	}
	return out
}

// ask starts a login of a user; with adds to the request.
func (d *door) ask(user string, with object) object {
	d.t.Helper()
	body := object{"user_id": user}
	maps.Copy(body, with)
	return d.do(201, "POST", "/api/v1/verifications", body)
}

// status is how a verification stands, as the integrator sees it.
func (d *door) status(v object) object {
	d.t.Helper()
	return d.do(200, "GET", pathOf(v), nil)
}

// pathOf is the path of a verification.
func pathOf(v object) string { return "/api/v1/verifications/" + v.str("verification_id") }

// page is the credential of a waiting page.
func page(v object) string { return "Nod-Client-Secret: " + v.str("client_secret") }

// phone is an enrolled device that speaks the public protocol.
type phone struct {
	*client.Device
	door *door
}

// enroll adds a device to a user; push may be nil.
func (d *door) enroll(user string, push *client.Push) *phone {
	d.t.Helper()
	token := d.do(201, "POST", "/api/v1/users/"+user+"/enrollments", object{}).str("enrollment_token")
	device, err := client.NewDevice(d.t.Context(), d.public, token, "Test phone", push)
	if err != nil {
		d.t.Fatalf("enrolling: %v", err)
	}
	return &phone{device, d}
}

// at is the phone as it uses another door.
func (ph *phone) at(d *door) *phone { return &phone{ph.Device, d} }

// rest is the credential of one REST call.
func (ph *phone) rest() string { return "Authorization: " + ph.RESTToken() }

// answer signs a decision over exactly what was shown.
func (ph *phone) answer(prompt object, decision, number string) object {
	return object{"token": ph.Answer(prompt.str("verification_id"), prompt.str("signed"), decision, number)}
}

// prompts are the open ones, over REST.
func (ph *phone) prompts() []object {
	ph.door.t.Helper()
	_, out := ph.door.call("GET", "/api/v1/prompts", ph.rest(), nil)
	return out.list("prompts")
}

// socket is a connection to /ws after its welcome.
type socket struct {
	t *testing.T
	c *websocket.Conn
}

func (d *door) dial() *socket {
	d.t.Helper()
	ctx, stop := context.WithTimeout(d.t.Context(), deadline)
	defer stop()
	c, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(d.url, "http")+"/ws", &websocket.DialOptions{HTTPClient: d.client, Subprotocols: []string{"nod.v1"}})
	if err != nil {
		d.t.Fatalf("dialing: %v", err)
	}
	c.SetReadLimit(1 << 20)
	d.t.Cleanup(func() { _ = c.CloseNow() })
	return &socket{d.t, c}
}

func (ph *phone) connect() *socket {
	ph.door.t.Helper()
	s := ph.door.dial()
	nonce := s.next("challenge").str("nonce")
	s.send("auth", object{"token": ph.SocketToken(nonce)})
	s.next("welcome")
	return s
}

// watch is the waiting page of a verification; lastSeq may be nil.
func (d *door) watch(v object, lastSeq any) *socket {
	d.t.Helper()
	s := d.dial()
	s.next("challenge")
	auth := object{"client_secret": v.str("client_secret")}
	if lastSeq != nil {
		auth["last_seq"] = lastSeq
	}
	s.send("auth", auth)
	s.next("welcome")
	return s
}

func (s *socket) send(typ string, data object) {
	s.t.Helper()
	raw, err := json.Marshal(object{"type": typ, "data": data})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.c.Write(s.t.Context(), websocket.MessageText, raw); err != nil {
		s.t.Fatalf("sending %s: %v", typ, err)
	}
}

// read returns the next frame; err tells how the connection ended.
func (s *socket) read() (typ string, data object, err error) {
	ctx, stop := context.WithTimeout(s.t.Context(), deadline)
	defer stop()
	_, raw, err := s.c.Read(ctx)
	if err != nil {
		return "", nil, err
	}
	var f struct {
		Type string
		Seq  int64
		Data object
	}
	if err := json.Unmarshal(raw, &f); err != nil {
		return "", nil, err
	}
	if f.Seq != 0 {
		f.Data["seq"] = float64(f.Seq)
	}
	return f.Type, f.Data, nil
}

// next skips to the next frame of a type.
func (s *socket) next(want string) (found object) {
	s.t.Helper()
	if err := s.hear(want, func(data object) bool { found = data; return true }); err != nil {
		s.t.Fatalf("waiting for %s: %v", want, err)
	}
	return found
}

// hear skips to the next frame of a type that is wanted, within the deadline; an
// error says how the connection ended.
func (s *socket) hear(want string, wanted func(object) bool) error {
	for end := time.Now().Add(deadline); ; {
		typ, data, err := s.read()
		if err != nil || typ == want && wanted(data) {
			return err
		}
		if time.Now().After(end) {
			return errors.New("only other frames came")
		}
	}
}

// about are frames that name a verification.
func about(v object) func(object) bool {
	return func(data object) bool { return data.str("verification_id") == v.str("verification_id") }
}

// stream is an open response of Server-Sent Events.
type stream struct{ lines *bufio.Scanner }

// follow opens a stream with a credential.
func (d *door) follow(path, credential string) *stream {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, d.url+path, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	name, value, _ := strings.Cut(credential, ": ")
	req.Header.Set(name, value)
	res, err := d.client.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = res.Body.Close() })
	if res.StatusCode != http.StatusOK {
		d.t.Fatalf("%s: %s", path, res.Status)
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	return &stream{lines}
}

// read returns the next message; it has no type where the server names none.
func (s *stream) read() (typ string, data object, err error) {
	for s.lines.Scan() {
		switch name, value, _ := strings.Cut(s.lines.Text(), ": "); name {
		case "event":
			typ = value
		case "data":
			return typ, data, json.Unmarshal([]byte(value), &data)
		}
	}
	return "", nil, fmt.Errorf("the stream ended: %w", cmp.Or(s.lines.Err(), io.EOF))
}

// hear skips to the next message of a type, within the deadline.
func (s *stream) hear(want string) error {
	for end := time.Now().Add(deadline); ; {
		typ, _, err := s.read()
		if err != nil || typ == want {
			return err
		}
		if time.Now().After(end) {
			return errors.New("only other messages came")
		}
	}
}

// eventually polls until ok, with a deadline.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	within(t, deadline, what, ok)
}

// within polls until ok, for as long as patience, and returns how long it took.
func within(t *testing.T, patience time.Duration, what string, ok func() bool) time.Duration {
	t.Helper()
	begun := time.Now()
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for ; ; <-pause.C {
		took := time.Since(begun)
		if ok() {
			return took
		}
		if took > patience {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// always polls for as long as stretch and wants ok each time.
func always(t *testing.T, stretch time.Duration, what string, ok func() bool) {
	t.Helper()
	end := time.After(stretch)
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for {
		if !ok() {
			t.Fatalf("not all the time: %s", what)
		}
		select {
		case <-pause.C:
		case <-end:
			return
		}
	}
}

// outbox waits for the n-th simulated message to a target.
func (d *door) outbox(to string, n int) object {
	d.t.Helper()
	var got []object
	eventually(d.t, fmt.Sprintf("message %d to %s", n, to), func() bool {
		got = d.sent(to)
		return len(got) >= n
	})
	return got[n-1]
}

// sent are the simulated messages to a target, as this door knows them.
func (d *door) sent(to string) []object {
	d.t.Helper()
	return d.do(200, "GET", "/api/v1/outbox?to="+strings.ReplaceAll(to, "+", "%2B"), nil).list("messages")
}
