package storage_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nod/storage"
	"nod/verify"
)

var (
	quiet    = slog.New(slog.DiscardHandler)
	number   = verify.StoredNumber("+14155550123")
	policy   = somePolicy()
	errWrong = errors.New("the rule says no")
)

func somePolicy() *verify.Policy {
	p := verify.DefaultPolicy()
	p.HasPush, p.HasSMS, p.HasVoice, p.HasEmail = true, true, true, true
	// All is counted, and nothing that a test does is too much.
	many := []verify.Limit{{N: 500, Per: 24 * time.Hour}}
	p.Limits = verify.Limits{
		SendsPhone: many, SendsUser: many, SendsIP: many, ChecksIP: many, Prompts: many, WrongCodes: many,
		WrongCodesAll: many[0], Fatigue: many[0], Prefix: many[0], Budgets: verify.BudgetRecord,
	}
	return &p
}

// limited is a policy with these limits alone.
func limited(l verify.Limits) *verify.Policy {
	p := somePolicy()
	p.Limits = l
	return p
}

// request is a login of a user by SMS.
func request(s *storage.Store, userID string) verify.Request {
	return verify.Request{
		ID: verify.NewID("ver"), KeyID: s.Keys().CodeKey(), SignKeyID: s.Keys().SignKey(), UserID: userID,
		Purpose: verify.Login, Number: number, Channel: verify.Auto, Locale: "en",
		Context:        verify.Context{App: "Bank", IP: "203.0.113.9", UserAgent: "Browser", Location: "Lisbon"},
		BindingMessage: "Pay 40 EUR to Ana",
	}
}

// admit creates what the request asks for.
func admit(s *storage.Store, q verify.Request, once *verify.Once) (v *verify.Verification, err error) {
	err = admitTo(&v, s, q, once)
	return v, err
}

// admitTo sets v before the answer of once is asked for, so that it can be
// about v.
func admitTo(v **verify.Verification, s *storage.Store, q verify.Request, once *verify.Once) error {
	who := verify.Applicant{UserID: q.UserID, Purpose: q.Purpose, Number: q.Number}
	return s.CreateVerification(context.Background(), who, once, func(sit *verify.Situation, now time.Time) (*verify.Verification, error) {
		var err error
		*v, err = verify.Start(q, sit, policy, now)
		return *v, err
	})
}

func mustAdmit(t testing.TB, s *storage.Store, q verify.Request) *verify.Verification {
	t.Helper()
	v, err := admit(s, q, nil)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// update runs a rule that cannot fail.
func update(t testing.TB, s *storage.Store, id string, rule func(v *verify.Verification, now time.Time)) {
	t.Helper()
	err := s.UpdateVerification(context.Background(), id, nil, func(v *verify.Verification, now time.Time) error {
		rule(v, now)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func load(t testing.TB, s *storage.Store, id string) *verify.Verification {
	t.Helper()
	v, _, err := s.Verification(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// enroll makes a live device of a user, with a push token when one is given.
func enroll(t testing.TB, s *storage.Store, userID, pushToken string) *verify.Device {
	t.Helper()
	ctx := context.Background()
	e, err := s.CreateEnrollment(ctx, nil, userID)
	if err != nil {
		t.Fatal(err)
	}
	d, err := s.CreateDevice(ctx, nil, e.ID, func(e verify.Enrollment, _ int, now time.Time) (*verify.Device, error) {
		return phone(t, e.UserID, pushToken, now), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func phone(t testing.TB, userID, pushToken string, now time.Time) *verify.Device {
	d := &verify.Device{
		ID: verify.NewID("dev"), UserID: userID, Name: "Phone", Platform: "android",
		SignKey: publicKey(t), CreatedAt: now,
	}
	if pushToken != "" {
		d.Push = &verify.PushTarget{Provider: "fcm", Token: pushToken}
	}
	return d
}

func publicKey(t testing.TB) jose.JSONWebKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return jose.JSONWebKey{Key: &k.PublicKey}
}

// once makes an Idempotency-Key whose answer is about *v.
func once(key, body string, v **verify.Verification) *verify.Once {
	return &verify.Once{
		Scope: "key:test create", Key: key, BodyHash: sha256.Sum256([]byte(body)),
		Answer: func() verify.Answer {
			return verify.Answer{Status: 201, Body: []byte(`{"status":"pending"}`), VerificationID: (*v).ID, SecretGeneration: (*v).SecretGeneration, PromptGeneration: 1}
		},
	}
}

// diary collects what a store tells.
type diary struct {
	mu      sync.Mutex
	changes []verify.Change
}

func (d *diary) note(c verify.Change) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.changes = append(d.changes, c)
}

func (d *diary) told() []verify.Change {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]verify.Change(nil), d.changes...)
}

// take returns what was told since the last take.
func (d *diary) take() []verify.Change {
	d.mu.Lock()
	defer d.mu.Unlock()
	changes := d.changes
	d.changes = nil
	return changes
}

func (d *diary) config(c *storage.Config) { c.Notify = d.note }

// refused fails unless err is a refusal of this code.
func refused(t testing.TB, err error, code string) {
	t.Helper()
	if !errors.Is(err, &verify.Refusal{Code: code}) {
		t.Errorf("got error %v, want a refusal %s", err, code)
	}
}
