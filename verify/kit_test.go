package verify_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nod/verify"
)

const number = "+14155550123"

var start = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// world is one verification with its clock, driven as a server and a
// dispatcher would, without either.
type world struct {
	t      testing.TB
	now    time.Time
	policy verify.Policy
	auth   *verify.Authority
	v      *verify.Verification
	events []verify.Event
	phones map[string]*ecdsa.PrivateKey
	// answer is what a provider says to the next sends; accepted when nil.
	answer func(d verify.Delivery) verify.Outcome
	sent   []verify.Delivery
	// word is what providers that are asked say; nothing when empty.
	word  verify.DeliveryState
	asked []time.Duration // after the start
}

func newWorld(t testing.TB) *world {
	t.Helper()
	stored, err := verify.NewStoredKeys([]byte("a secret of the tests, long enough"), start)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := verify.OpenKeys(stored, []byte("a secret of the tests, long enough"), nil)
	if err != nil {
		t.Fatal(err)
	}
	p := verify.DefaultPolicy()
	p.HasPush, p.HasSMS, p.HasVoice, p.HasEmail = true, true, true, true
	return &world{t: t, now: start, policy: p, auth: verify.NewAuthority(keys, "https://nod.example"), phones: map[string]*ecdsa.PrivateKey{}}
}

func (w *world) device(id string, push bool, seen time.Time) verify.Device {
	w.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	w.phones[id] = key
	d := verify.Device{ID: id, UserID: "u1", Platform: "web", SignKey: jose.JSONWebKey{Key: &key.PublicKey}, SeenAt: seen}
	if push {
		d.Push = &verify.PushTarget{Provider: "fcm", Token: "sim-" + id}
	}
	return d
}

// begin starts a verification of user u1; it returns what Start refused.
func (w *world) begin(q verify.Request, s verify.Situation) error {
	w.t.Helper()
	q.ID, q.UserID = verify.NewID("ver"), "u1"
	q.KeyID, q.SignKeyID = w.auth.Keys().CodeKey(), w.auth.Keys().SignKey()
	if q.Purpose == "" {
		q.Purpose = verify.Login
	}
	v, err := verify.Start(q, &s, &w.policy, w.now)
	if v != nil {
		w.v = v
		w.take()
	}
	return err
}

func (w *world) take() { w.events = append(w.events, w.v.TakeEvents()...) }

// pump is the dispatcher: it does all that is due now.
func (w *world) pump() {
	w.t.Helper()
	for range 20 {
		w.v.Advance(&w.policy, w.now)
		for _, a := range w.v.AskDue(&w.policy, w.now) {
			w.asked = append(w.asked, w.now.Sub(start))
			w.v.Receive(verify.Receipt{DeliveryID: a.DeliveryID, Provider: a.Provider, ProviderID: a.ProviderID, State: w.word}, &w.policy, w.now)
		}
		ids := append(w.born(), w.v.Lease(&w.policy, "worker", w.now)...)
		for _, id := range ids {
			if w.v.Delivery(id).State == verify.StateLeased && !w.v.Send(id, "worker", &w.policy, w.now) {
				continue
			}
			d := *w.v.Delivery(id)
			w.sent = append(w.sent, d)
			o := verify.Outcome{State: verify.StateAccepted, Class: verify.ClassNone, Provider: "test"}
			if w.answer != nil {
				o = w.answer(d)
			}
			w.v.Settle(id, "worker", o, &w.policy, w.now)
		}
		w.take()
		if len(ids) == 0 && (w.v.NextAt.IsZero() || w.v.NextAt.After(w.now)) {
			return
		}
	}
	w.t.Fatalf("the verification never comes to rest: next at %s, now %s", w.v.NextAt, w.now)
}

// born are the deliveries that were taken when they were written and not settled yet.
func (w *world) born() (ids []string) {
	for _, d := range w.v.Deliveries {
		if d.State == verify.StateSending && d.LeaseToken == "worker" {
			ids = append(ids, d.ID)
		}
	}
	return ids
}

// until moves the clock to start plus d, stopping wherever something is due.
func (w *world) until(d time.Duration) {
	w.t.Helper()
	w.pump()
	for end := start.Add(d); ; {
		if w.v.NextAt.IsZero() || w.v.NextAt.After(end) {
			w.now = end
			w.pump()
			return
		}
		w.now = w.v.NextAt
		w.pump()
	}
}

func (w *world) delivery(c verify.Channel, device string) *verify.Delivery {
	for i := len(w.v.Deliveries) - 1; i >= 0; i-- {
		if d := &w.v.Deliveries[i]; d.Channel == c && d.DeviceID == device {
			return d
		}
	}
	return nil
}

// code is what the newest code reads.
func (w *world) code() string { return w.auth.Keys().Code(w.v, w.v.Codes[len(w.v.Codes)-1]) }

func (w *world) wrong() string {
	if w.code() == "000000" {
		return "000001"
	}
	return "000000"
}

// reply answers as the device does, over exactly what it was shown.
func (w *world) reply(device string, d verify.Decision, number string) (verify.Verdict, error) {
	w.t.Helper()
	return w.respond(verify.Reply{DeviceID: device, Decision: d, Number: number})
}

// respond is reply with all that an answer can say.
func (w *world) respond(a verify.Reply) (verify.Verdict, error) {
	w.t.Helper()
	frame := w.auth.Prompt(w.v, w.delivery(verify.WebSocket, a.DeviceID))
	sum := sha256.Sum256([]byte(frame.Signed))
	a.VerificationID, a.PromptSHA256 = w.v.ID, base64.RawURLEncoding.EncodeToString(sum[:])
	verdict, err := w.v.Reply(a, w.auth, w.now)
	w.take()
	return verdict, err
}

func (w *world) match() string { return w.auth.Keys().MatchNumber(w.v.ID, w.v.Prompt) }

// count says how many sends left over a channel.
func (w *world) count(c verify.Channel) int {
	n := 0
	for _, d := range w.sent {
		if d.Channel == c {
			n++
		}
	}
	return n
}

func (w *world) names() []string {
	var out []string
	for _, e := range w.events {
		out = append(out, e.Name)
	}
	return out
}

func (w *world) is(s verify.Status, stage verify.Stage) {
	w.t.Helper()
	if w.v.Status != s || w.v.Stage != stage {
		w.t.Fatalf("status %s/%s (%s), want %s/%s; events %v", w.v.Status, w.v.Stage, w.v.Reason, s, stage, w.names())
	}
}

// refused checks an error's code.
func refused(t testing.TB, err error, code string) *verify.Refusal {
	t.Helper()
	var r *verify.Refusal
	if !errors.As(err, &r) || r.Code != code {
		t.Fatalf("got %v, want a refusal %s", err, code)
	}
	return r
}

// told checks that events of these names were emitted, in this order, others between.
func (w *world) told(names ...string) {
	w.t.Helper()
	got := w.names()
	for _, n := range names {
		i := slices.Index(got, n)
		if i < 0 {
			w.t.Fatalf("no event %s in %v", n, w.names())
		}
		got = got[i+1:]
	}
}
