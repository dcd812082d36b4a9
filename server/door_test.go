package server_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"go.uber.org/goleak"

	"nod/delivery"
	"nod/hub"
	"nod/server"
	"nod/storage"
	"nod/verify"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	publicURL = "https://nod.example"
	apiKey    = "nod_sk_0123456789abcdefghijklmnopqrstuvwxyz"
	number    = "+14155550123"
)

// door is the whole server with a real store, dispatcher and simulator, asked in
// process, so that time may stand still around it.
type door struct {
	testing.TB
	front     *server.Server
	store     *storage.Store
	close     func() error // the store, once
	stop      func()       // whatever runs by itself, the dispatcher too
	authority *verify.Authority
	hub       *hub.Hub
	outbox    *delivery.Outbox
	handler   http.Handler
	log       *syncBuffer
}

// within runs a test in a bubble where hours take no time.
func within(t *testing.T, test func(*door)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(open(t, nil)) })
}

// open wires a server; alter may change its configuration. The hub's broker is
// its own unless one is given.
func open(t testing.TB, alter func(*server.Config), broker ...hub.Broker) *door {
	t.Helper()
	d := &door{TB: t, outbox: &delivery.Outbox{}, log: &syncBuffer{}}
	log := slog.New(slog.NewJSONHandler(d.log, nil))
	var (
		front      *server.Server
		dispatcher *delivery.Dispatcher
		err        error
	)
	d.store, err = storage.Open(t.Context(), storage.Config{
		URL: "sqlite:" + filepath.Join(t.TempDir(), "nod.db"), Secret: bytes.Repeat([]byte("s"), 32), Log: slog.New(slog.DiscardHandler),
		WebhookURL: "https://integrator.example/hooks",
		Notify: func(c verify.Change) {
			front.Announce(c)
			if c.Verification != nil {
				dispatcher.Committed(c)
			}
		},
	})
	d.must(err)
	d.close = sync.OnceValue(d.store.Close)
	d.authority = verify.NewAuthority(d.store.Keys(), publicURL)
	policy := verify.DefaultPolicy()
	policy.HasPush, policy.HasSMS, policy.HasVoice, policy.HasEmail = true, true, true, true
	policy.Limits = verify.Limits{} // most tests are about something else: see limited
	connections := hub.Config{
		Authenticate: func(ctx context.Context, a hub.Auth) (hub.Identity, hub.Client, error) {
			return front.Authenticate(ctx, a)
		},
		Origins: []string{publicURL}, Refuse: server.Refuse, Log: log,
	}
	if len(broker) > 0 {
		connections.Broker = broker[0]
	}
	center, err := hub.New(connections)
	d.must(err)
	d.hub = center
	c := server.Config{
		Authority: d.authority, Policy: &policy, Store: d.store, Hub: center, Outbox: d.outbox,
		APIKeys: []string{d.store.Keys().Hash("api_key", apiKey)}, Analytics: d.store, Log: log, Version: "test",
		RequestsPerMinute: -1,
	}
	if alter != nil {
		alter(&c)
	}
	front, err = server.New(c)
	d.must(err)
	d.front, d.handler = front, front.Handler()
	dispatcher = delivery.New(delivery.Config{
		Store: d.store, Authority: d.authority, Policy: &policy, Log: log,
		Channels: map[verify.Channel]delivery.Channel{
			verify.Push: d.outbox, verify.SMS: d.outbox, verify.Voice: d.outbox, verify.Email: d.outbox,
			verify.WebSocket: delivery.Socket{Publish: func(ctx context.Context, id string, f verify.PromptFrame) (int, error) {
				return front.PublishPrompt(ctx, id, f)
			}},
		},
	})
	ctx, stop := context.WithCancel(context.Background())
	var parts sync.WaitGroup
	for _, run := range []func(context.Context) error{center.Run, front.Run, dispatcher.Run} {
		parts.Go(func() {
			if err := run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	d.stop = func() {
		stop()
		parts.Wait()
	}
	t.Cleanup(func() {
		d.stop()
		d.must(d.close())
	})
	return d
}

// syncBuffer is a log that may be read while others write it.
type syncBuffer struct {
	mu   sync.Mutex
	text []byte
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text = append(b.text, p...)
	return len(p), nil
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.text)
}

func (d *door) must(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

// under is the same door for a part of its test.
func (d *door) under(t testing.TB) *door {
	part := *d
	part.TB = t
	return &part
}

// settle waits until the server has done what it does by itself at this moment.
func (d *door) settle() { synctest.Wait() }

// pass lets time pass, and what is due in it happen.
func (d *door) pass(wait time.Duration) {
	<-time.After(wait)
	synctest.Wait()
}

// who is a credential as it stands in a request.
type who map[string]string

var (
	nobody = who{}
	byKey  = who{"Authorization": "Bearer " + apiKey}
)

func (d *door) user(id string) who {
	return who{"Authorization": "Bearer " + d.authority.UserToken(id, time.Hour, time.Now())}
}

func page(secret any) who { return who{"Nod-Client-Secret": secret.(string)} }

// with adds headers to a credential.
func (w who) with(name, value string) who {
	all := maps.Clone(w)
	all[name] = value
	return all
}

type object = map[string]any

// reply is an answer as its caller gets it.
type reply struct {
	testing.TB
	code   int
	header http.Header
	text   string
	object // of JSON
}

// ask sends one request. A string body is sent as it is, anything else as JSON.
func (d *door) ask(w who, method, path string, body any) reply {
	d.Helper()
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		r = bytes.NewReader([]byte(b))
	default:
		text, err := json.Marshal(b)
		d.must(err)
		r = bytes.NewReader(text)
	}
	req := httptest.NewRequest(method, path, r)
	for name, value := range w {
		req.Header.Set(name, value)
	}
	req.Host = cmp.Or(w["Host"], "nod.example")
	req.RemoteAddr = cmp.Or(w["RemoteAddr"], req.RemoteAddr)
	rec := httptest.NewRecorder()
	d.handler.ServeHTTP(rec, req)
	a := reply{TB: d.TB, code: rec.Code, header: rec.Header(), text: rec.Body.String()}
	_ = json.Unmarshal(rec.Body.Bytes(), &a.object) // pages have none
	return a
}

// allow fails unless the request was taken, and gives back the answer.
func (r reply) allow(code int) reply {
	r.Helper()
	if r.code != code {
		r.Fatalf("answered %d, want %d: %s", r.code, code, r.text)
	}
	return r
}

// deny fails unless the request was refused by a whole problem document.
func (r reply) deny(status int, code string) reply {
	r.Helper()
	if r.code != status || r.object["code"] != code {
		r.Fatalf("answered %d %v, want %d %s: %s", r.code, r.object["code"], status, code, r.text)
	}
	if ct := r.header.Get("Content-Type"); ct != "application/problem+json" {
		r.Errorf("a refusal is of type %q", ct)
	}
	for _, name := range []string{"type", "title", "detail", "help_key"} {
		if s, _ := r.object[name].(string); s == "" {
			r.Errorf("a refusal has no %s: %s", name, r.text)
		}
	}
	if r.object["status"] != float64(status) {
		r.Errorf("a refusal says status %v, and is %d", r.object["status"], status)
	}
	if wait, ok := r.object["retry_after"]; ok != (r.header.Get("Retry-After") != "") {
		r.Errorf("retry_after is %v, the header is %q", wait, r.header.Get("Retry-After"))
	}
	return r
}

// at fails unless a refusal names the field.
func (r reply) at(field string) reply {
	r.Helper()
	if r.object["field"] != field {
		r.Errorf("the field at fault is %v, want %s", r.object["field"], field)
	}
	return r
}

// has fails unless the answer holds the value.
func (r reply) has(name string, want any) reply {
	r.Helper()
	if n, ok := want.(int); ok {
		want = float64(n)
	}
	if got := r.object[name]; got != want {
		r.Errorf("%s is %v, want %v", name, got, want)
	}
	return r
}

// lacks fails when the answer holds any of the names.
func (r reply) lacks(names ...string) reply {
	r.Helper()
	for _, name := range names {
		if v, ok := r.object[name]; ok {
			r.Errorf("%s stands in the answer: %v", name, v)
		}
	}
	return r
}

func (r reply) str(name string) string {
	r.Helper()
	s, ok := r.object[name].(string)
	if !ok {
		r.Fatalf("%s is not a string: %s", name, r.text)
	}
	return s
}

// code is what the last SMS or call to a number says.
func (d *door) code(to string) string {
	d.Helper()
	d.settle()
	all := d.outbox.List(to, "", 1000)
	if len(all) == 0 {
		d.Fatal("no message came")
	}
	return all[len(all)-1].Code
}

// wrong is a code that is not this one.
func wrong(code string) string {
	if code[0] == '0' {
		return "1" + code[1:]
	}
	return "0" + code[1:]
}

// phone is a device as its owner holds it.
type phone struct {
	*door
	id  string
	key *ecdsa.PrivateKey
}

// phone enrolls a device for a user.
func (d *door) phone(user string) *phone {
	d.Helper()
	p := d.blank()
	token := d.ask(byKey, "POST", "/api/v1/users/"+user+"/enrollments", object{}).allow(201).str("enrollment_token")
	p.id = d.ask(nobody, "POST", "/api/v1/devices", p.application(token)).allow(201).str("id")
	return p
}

func (d *door) blank() *phone {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	d.must(err)
	return &phone{door: d, key: key}
}

// application is what a device that joins sends.
func (p *phone) application(token string) object {
	return object{
		"enrollment_token": token, "name": "Pixel", "platform": "android",
		"sign_jwk": jose.JSONWebKey{Key: &p.key.PublicKey},
		"push":     object{"provider": "fcm", "token": "sim-" + token[len(token)-8:]},
		"proof":    p.sign(verify.TypEnroll, object{"aud": publicURL, "iat": time.Now().Unix(), "enrollment_sha256": hash(token)}),
	}
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func (p *phone) sign(typ string, claims object) string {
	return sign(p.TB, jose.SigningKey{Algorithm: jose.ES256, Key: p.key}, typ, claims)
}

func sign(t testing.TB, key jose.SigningKey, typ string, claims object) string {
	t.Helper()
	signer, err := jose.NewSigner(key, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	s, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// claims are those of a device token for one call.
func (p *phone) claims() object {
	now := time.Now().Unix()
	return object{"iss": p.id, "aud": publicURL, "iat": now, "exp": now + 60, "jti": verify.NewID("jti")}
}

// me is the device's credential for one call.
func (p *phone) me() who {
	return who{"Authorization": "Device " + p.sign(verify.TypDevice, p.claims())}
}

// prompt is the one open request.
func (p *phone) prompt() object {
	p.Helper()
	p.settle()
	all, _ := p.ask(p.me(), "GET", "/api/v1/prompts", nil).allow(200).object["prompts"].([]any)
	if len(all) != 1 {
		p.Fatalf("%d requests are open, want 1", len(all))
	}
	return all[0].(object)
}

// answer responds to a prompt.
func (p *phone) answer(prompt object, decision, number string, more ...object) reply {
	p.Helper()
	id := prompt["verification_id"].(string)
	return p.ask(p.me(), "POST", "/api/v1/prompts/"+id+"/respond", p.signed(prompt, decision, number, more...))
}

// signed is an answer to a prompt as a device sends it; more are claims beside.
func (p *phone) signed(prompt object, decision, number string, more ...object) object {
	claims := object{
		"iss": p.id, "aud": publicURL, "iat": time.Now().Unix(), "verification_id": prompt["verification_id"],
		"prompt_sha256": hash(prompt["signed"].(string)), "decision": decision, "number": number,
	}
	for _, m := range more {
		maps.Copy(claims, m)
	}
	return object{"token": p.sign(verify.TypAnswer, claims)}
}
