package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"nod/client"
)

// deadline bounds everything that a test waits for.
const deadline = 20 * time.Second

// program is a nod that runs as a process of its own, so that it can be killed.
type program struct {
	t    *testing.T
	dir  string
	env  []string
	cmd  *exec.Cmd
	url  string
	key  string
	logs *bytes.Buffer
}

var banner = regexp.MustCompile(`(?s)open +(http://\S+)(?:.*?API key +(nod_sk_\S+))?`)

// start runs `nod serve` on a free port and a fresh SQLite file. The settings
// are NAME=value.
func start(t *testing.T, settings ...string) *program {
	t.Helper()
	p := &program{t: t, dir: t.TempDir(), env: settings}
	p.up("127.0.0.1:0")
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			p.stop()
		}
		if t.Failed() {
			t.Logf("what nod said:\n%s", p.logs)
		}
	})
	return p
}

func (p *program) up(addr string) {
	p.t.Helper()
	p.logs = &bytes.Buffer{}
	p.cmd = exec.Command(os.Args[0])
	p.cmd.Env = append([]string{"NOD_TEST_CHILD=1", "NOD_ADDR=" + addr, "NOD_LOG_LEVEL=debug", "NOD_DATABASE_URL=sqlite:" + filepath.Join(p.dir, "nod.db")}, p.env...)
	p.cmd.Stderr = p.logs
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	said := ""
	for buf := make([]byte, 4096); !strings.Contains(said, "\n\n\n") && !banner.MatchString(said) || !strings.HasSuffix(said, "\n\n"); {
		n, err := out.Read(buf)
		said += string(buf[:n])
		if err != nil {
			_ = p.cmd.Wait()
			p.t.Fatalf("nod did not start: %v\n%s%s", err, said, p.logs)
		}
	}
	m := banner.FindStringSubmatch(said)
	p.url = m[1]
	if m[2] != "" {
		p.key = m[2]
	}
}

// kill ends it as a power cut would.
func (p *program) kill() {
	p.t.Helper()
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// again starts it on the same address and database.
func (p *program) again() {
	p.t.Helper()
	p.up(strings.TrimPrefix(p.url, "http://"))
}

// stop ends it as an operator does, and wants exit code 0.
func (p *program) stop() {
	p.t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("nod ended with %v", err)
	}
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

// call makes one request with one credential ("Name: value"; empty: none).
func (p *program) call(method, path, credential string, body any) (int, object) {
	p.t.Helper()
	var in io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		in = strings.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			p.t.Fatal(err)
		}
		in = bytes.NewReader(raw)
	}
	ctx, stop := context.WithTimeout(p.t.Context(), deadline)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, method, p.url+path, in)
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if name, value, ok := strings.Cut(credential, ": "); ok {
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	out := object{}
	if len(raw) > 0 && json.Unmarshal(raw, &out) != nil {
		p.t.Fatalf("%s %s: %s is no JSON object", method, path, raw)
	}
	return res.StatusCode, out
}

// do is call by the integrator, and wants a status.
func (p *program) do(status int, method, path string, body any) object {
	p.t.Helper()
	got, out := p.call(method, path, "Authorization: Bearer "+p.key, body)
	if got != status {
		p.t.Fatalf("%s %s: %d %v, want %d", method, path, got, out, status)
	}
	return out
}

// page is the credential of a waiting page.
func page(v object) string { return "Nod-Client-Secret: " + v.str("client_secret") }

// phone is an enrolled device that speaks the public protocol.
type phone struct {
	*client.Device
	p *program
}

// enroll adds a device to a user; push may be nil.
func (p *program) enroll(user string, push *client.Push) *phone {
	p.t.Helper()
	token := p.do(201, "POST", "/api/v1/users/"+user+"/enrollments", object{}).str("enrollment_token")
	d, err := client.NewDevice(p.t.Context(), p.url, token, "Test phone", push)
	if err != nil {
		p.t.Fatalf("enrolling: %v", err)
	}
	return &phone{d, p}
}

// rest is the credential of one REST call.
func (ph *phone) rest() string { return "Authorization: " + ph.RESTToken() }

// answer signs a decision over exactly what was shown.
func (ph *phone) answer(prompt object, decision, number string) object {
	return object{"token": ph.Answer(prompt.str("verification_id"), prompt.str("signed"), decision, number)}
}

// socket is a connection to /ws after its welcome.
type socket struct {
	t *testing.T
	c *websocket.Conn
}

func (p *program) dial() *socket {
	p.t.Helper()
	ctx, stop := context.WithTimeout(p.t.Context(), deadline)
	defer stop()
	c, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(p.url, "http")+"/ws", &websocket.DialOptions{Subprotocols: []string{"nod.v1"}})
	if err != nil {
		p.t.Fatalf("dialing: %v", err)
	}
	c.SetReadLimit(1 << 20)
	p.t.Cleanup(func() { _ = c.CloseNow() })
	return &socket{p.t, c}
}

func (ph *phone) connect() *socket {
	ph.p.t.Helper()
	s := ph.p.dial()
	nonce := s.next("challenge").str("nonce")
	s.send("auth", object{"token": ph.SocketToken(nonce)})
	s.next("welcome")
	return s
}

func (p *program) watch(v object, lastSeq any) *socket {
	p.t.Helper()
	s := p.dial()
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
func (s *socket) next(want string) object {
	s.t.Helper()
	for {
		typ, data, err := s.read()
		if err != nil {
			s.t.Fatalf("waiting for %s: %v", want, err)
		}
		if typ == want {
			return data
		}
	}
}

// eventually polls until ok, with a deadline.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	end := time.Now().Add(deadline)
	for pause := time.NewTicker(20 * time.Millisecond); ; <-pause.C {
		if ok() {
			pause.Stop()
			return
		}
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", deadline, what)
		}
	}
}

// outbox waits for the n-th simulated message to a target.
func (p *program) outbox(to string, n int) object {
	p.t.Helper()
	var got []any
	eventually(p.t, fmt.Sprintf("message %d to %s", n, to), func() bool {
		got, _ = p.do(200, "GET", "/api/v1/outbox?to="+strings.ReplaceAll(to, "+", "%2B"), nil)["messages"].([]any)
		return len(got) >= n
	})
	m, _ := got[n-1].(map[string]any)
	return m
}
