package delivery_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"go.uber.org/goleak"

	"nod/delivery"
	"nod/deploy/throwaway"
	"nod/storage"
	"nod/verify"
)

func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "25"); err != nil { // each is a whole story; the command line may ask for more
		panic(err)
	}
	server, stop, err := throwaway.FindPostgres()
	if err != nil {
		fmt.Fprintln(os.Stderr, "postgres:", err)
		if os.Getenv("CI") == "true" {
			os.Exit(1)
		}
	}
	postgresURL = server
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent(), goleak.Cleanup(func(code int) {
		stop()
		os.Exit(code)
	}))
}

// postgresURL is a database in which a test makes a schema of its own; empty when
// there is none.
var postgresURL string

// newSchema is an empty schema in Postgres.
func newSchema(t testing.TB) string {
	t.Helper()
	if postgresURL == "" {
		t.Skip("no Postgres here: install it or set TEST_POSTGRES_URL")
	}
	admin, err := sql.Open("pgx", postgresURL)
	if err != nil {
		t.Fatal(err)
	}
	name := "nod_test_" + strings.ToLower(rand.Text())
	if _, err := admin.Exec("create schema " + name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, err := admin.Exec("drop schema " + name + " cascade")
		if err := errors.Join(err, admin.Close()); err != nil {
			t.Error(err)
		}
	})
	return postgresURL + "&search_path=" + name
}

const (
	number    = "+14155550123"
	pushToken = "sim-phone"
	publicURL = "https://nod.example:8443"
)

var accepted = verify.Outcome{State: verify.StateAccepted, Class: verify.ClassNone, Provider: "script"}

// world is a real store on a file, a dispatcher and a script of what providers
// answer, on the fake clock of a bubble.
type world struct {
	t        testing.TB
	url      string
	webhooks string // where events are told; empty: nowhere
	store    *storage.Store
	policy   verify.Policy
	auth     *verify.Authority
	script   *script
	log      *syncBuffer
	begun    time.Time
	device   string // the only one, when there is one
	id       string // of the verification
	deaf     atomic.Bool
	runs     []*delivery.Dispatcher
	notice   func(verify.Change) // told every commit of this store, before the dispatchers are
}

// bubble runs a test with a store in a bubble where time is what the test says.
func bubble(t *testing.T, test func(w *world), change ...func(*world)) {
	t.Helper()
	url := newFile(t)
	synctest.Test(t, func(t *testing.T) { test(open(t, url, change...)) })
}

func newFile(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "nod.db") }

func open(t testing.TB, url string, change ...func(*world)) *world {
	t.Helper()
	w := &world{t: t, url: url, policy: verify.DefaultPolicy(), script: &script{}, log: &syncBuffer{}, begun: time.Now()}
	w.policy.Worker = rand.Text()
	w.policy.HasPush, w.policy.HasSMS, w.policy.HasVoice = true, true, true
	w.policy.Limits = verify.Limits{} // what is limited is a rule's affair, not the dispatcher's
	w.policy.Limits = verify.Limits{} // all sends go to a few numbers
	for _, f := range change {
		f(w)
	}
	w.store = w.openStore()
	w.auth = verify.NewAuthority(w.store.Keys(), publicURL)
	t.Cleanup(w.keepsSecrets)
	return w
}

func (w *world) openStore() *storage.Store {
	w.t.Helper()
	s, err := storage.Open(context.Background(), storage.Config{
		URL: w.url, Secret: []byte("a secret of the tests, long enough"), WebhookURL: w.webhooks,
		Notify: func(c verify.Change) {
			if c.Verification == nil {
				return
			}
			if w.notice != nil {
				w.notice(c)
			}
			if w.deaf.Load() {
				return
			}
			for _, d := range w.runs {
				d.Committed(c)
				d.WakeWebhooks()
			}
		},
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := s.Close(); err != nil {
			w.t.Error(err)
		}
	})
	return s
}

// run starts a dispatcher and gives back what stops it.
func (w *world) run(change ...func(*delivery.Config)) (d *delivery.Dispatcher, stop func() error) {
	w.t.Helper()
	c := delivery.Config{
		Store: w.store, Authority: w.auth, Policy: &w.policy, Channels: map[verify.Channel]delivery.Channel{},
		Log: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, ch := range []verify.Channel{verify.WebSocket, verify.Push, verify.SMS, verify.Voice} {
		c.Channels[ch] = w.script
	}
	for _, f := range change {
		f(&c)
	}
	d = delivery.New(c)
	w.runs = append(w.runs, d)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	stop = sync.OnceValue(func() error { cancel(); return <-done })
	w.t.Cleanup(func() {
		if err := stop(); err != nil {
			w.t.Error(err)
		}
	})
	return d, stop
}

// enroll gives the user a phone: with a push token or none, connected now or never.
func (w *world) enroll(push, connected bool, change ...func(*verify.Device)) {
	w.t.Helper()
	ctx := context.Background()
	e, err := w.store.CreateEnrollment(ctx, nil, "u1")
	if err != nil {
		w.t.Fatal(err)
	}
	d, err := w.store.CreateDevice(ctx, nil, e.ID, func(e verify.Enrollment, _ int, now time.Time) (*verify.Device, error) {
		d := &verify.Device{ID: verify.NewID("dev"), UserID: e.UserID, Name: "Phone", Platform: "web", SignKey: jose.JSONWebKey{Key: &signKey().PublicKey}, CreatedAt: now}
		if push {
			d.Push = &verify.PushTarget{Provider: "fcm", Token: pushToken}
		}
		for _, f := range change {
			f(d)
		}
		return d, nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if w.device = d.ID; connected {
		if err := w.store.TouchDevices(ctx, []string{d.ID}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// signKey is the key of every phone here: nobody answers a prompt.
var signKey = sync.OnceValue(func() *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
})

// request is a login of user u1.
func (w *world) request() verify.Request {
	return verify.Request{
		ID: verify.NewID("ver"), KeyID: w.store.Keys().CodeKey(), SignKeyID: w.store.Keys().SignKey(), UserID: "u1",
		Purpose: verify.Login, Number: verify.StoredNumber(number), Context: verify.Context{App: "Bank", IP: "203.0.113.9"},
	}
}

// begin starts a verification and the clock of the test.
func (w *world) begin(change ...func(*verify.Request)) {
	w.t.Helper()
	q := w.request()
	for _, f := range change {
		f(&q)
	}
	w.create(q)
	w.id, w.begun = q.ID, time.Now()
}

func (w *world) create(q verify.Request) {
	w.t.Helper()
	err := w.store.CreateVerification(context.Background(), verify.Applicant{UserID: q.UserID, Purpose: q.Purpose, Number: q.Number}, nil,
		func(s *verify.Situation, now time.Time) (*verify.Verification, error) {
			return verify.Start(q, s, &w.policy, now)
		})
	if err != nil {
		w.t.Fatal(err)
	}
}

func over(c verify.Channel) func(*verify.Request) { return func(q *verify.Request) { q.Channel = c } }

// at waits until that long after begin and for all that happens by then.
func (w *world) at(after time.Duration) {
	w.t.Helper()
	wait := time.Until(w.begun.Add(after))
	if wait < 0 {
		w.t.Fatalf("%s has passed", after)
	}
	<-time.After(wait)
	synctest.Wait()
}

func (w *world) load() *verify.Verification {
	w.t.Helper()
	v, _, err := w.store.Verification(context.Background(), w.id)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// update runs a rule, as a request of somebody would.
func (w *world) update(rule func(v *verify.Verification, now time.Time) error) error {
	w.t.Helper()
	err := w.store.UpdateVerification(context.Background(), w.id, nil, rule)
	synctest.Wait()
	return err
}

// must is update with a rule that allows it.
func (w *world) must(rule func(v *verify.Verification, now time.Time) error) {
	w.t.Helper()
	if err := w.update(rule); err != nil {
		w.t.Fatal(err)
	}
}

// ack is the phone saying that it has what came over the channel.
func (w *world) ack(c verify.Channel) {
	w.t.Helper()
	w.must(func(v *verify.Verification, now time.Time) error {
		return v.Acknowledge(last(v, c).ID, w.device, &w.policy, now)
	})
}

// display is the phone saying that it shows it.
func (w *world) display(c verify.Channel) {
	w.t.Helper()
	w.must(func(v *verify.Verification, now time.Time) error {
		return v.Display(last(v, c).ID, w.device, &w.policy, now)
	})
}

// resend is the page asking for one more.
func (w *world) resend(c verify.Channel) error {
	w.t.Helper()
	return w.update(func(v *verify.Verification, now time.Time) error { return v.Resend(c, &w.policy, now) })
}

func last(v *verify.Verification, c verify.Channel) *verify.Delivery {
	for i := len(v.Deliveries) - 1; i >= 0; i-- {
		if d := &v.Deliveries[i]; d.Channel == c {
			return d
		}
	}
	return &verify.Delivery{}
}

// is checks where the verification stands.
func (w *world) is(status verify.Status, stage verify.Stage) {
	w.t.Helper()
	if v := w.load(); v.Status != status || v.Stage != stage {
		w.t.Fatalf("it is %s/%s (%s), want %s/%s", v.Status, v.Stage, v.Reason, status, stage)
	}
}

// state checks the last delivery over a channel.
func (w *world) state(c verify.Channel, want verify.DeliveryState) {
	w.t.Helper()
	if got := last(w.load(), c).State; got != want {
		w.t.Fatalf("the last %s is %s, want %s", c, got, want)
	}
}

// left checks when messages left over a channel, from begin on.
func (w *world) left(c verify.Channel, want ...time.Duration) {
	w.t.Helper()
	var got []time.Duration
	for _, s := range w.script.list(c) {
		got = append(got, s.at.Sub(w.begun))
	}
	if !slices.Equal(got, want) {
		w.t.Fatalf("over %s left at %v, want %v", c, got, want)
	}
}

// keepsSecrets checks that no log line holds a code or a number.
func (w *world) keepsSecrets() {
	log := w.log.String()
	for _, s := range w.script.list("") {
		for _, secret := range []string{s.Code, s.Number.E164()} {
			if secret != "" && strings.Contains(log, secret) {
				w.t.Errorf("a code or number was logged:\n%s", log)
			}
		}
	}
}

// script is every provider: it answers what the test says, and accepts otherwise.
type script struct {
	mu     sync.Mutex
	answer func(ctx context.Context, m delivery.Message) verify.Outcome
	sends  []send
}

type send struct {
	delivery.Message
	at time.Time
}

func (s *script) Send(ctx context.Context, m delivery.Message) verify.Outcome {
	s.mu.Lock()
	s.sends = append(s.sends, send{m, time.Now()})
	answer := s.answer
	s.mu.Unlock()
	if answer == nil {
		return accepted
	}
	return answer(ctx, m)
}

// says sets the answer of one channel; the others accept.
func (s *script) says(c verify.Channel, o verify.Outcome) {
	s.does(c, func(context.Context, delivery.Message) verify.Outcome { return o })
}

// does sets what one channel does; the others as before.
func (s *script) does(c verify.Channel, answer func(context.Context, delivery.Message) verify.Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.answer
	s.answer = func(ctx context.Context, m delivery.Message) verify.Outcome {
		switch {
		case m.Channel == c:
			return answer(ctx, m)
		case before != nil:
			return before(ctx, m)
		}
		return accepted
	}
}

// list returns what left over a channel; over all when it is empty.
func (s *script) list(c verify.Channel) (out []send) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.sends {
		if c == "" || m.Channel == c {
			out = append(out, m)
		}
	}
	return out
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
