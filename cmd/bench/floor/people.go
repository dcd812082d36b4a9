package floor

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nod/delivery"
	"nod/storage"
	"nod/verify"
)

// A person is a number of 13 digits, and so end its name and the id of its one device.
const (
	creator = "benchmark-"
	devices = "dev_0000000000000000000"
)

func userOf(number int64) string { return fmt.Sprintf("%s%0*d", creator, tail, number) }

func deviceOf(number int64) string { return fmt.Sprintf("%s%0*d", devices, tail, number) }

// bank is nod without its network: the store, the rules, the dispatcher. Its people's
// phones answer as soon as they are asked, and nobody checks who they are.
type bank struct {
	store     *storage.Store
	authority *verify.Authority
	policy    verify.Policy
	dispatch  atomic.Pointer[delivery.Dispatcher]
	running   sync.WaitGroup
	stop      context.CancelFunc

	mu     sync.Mutex
	phones map[string]chan delivery.Message // of those who are waited for, by device
}

// openBank opens a store at url.
func openBank(ctx context.Context, url string) (*bank, error) {
	b := &bank{policy: verify.DefaultPolicy(), phones: map[string]chan delivery.Message{}}
	b.policy.Worker = rand.Text()
	quiet := slog.New(slog.DiscardHandler)
	var err error
	b.store, err = storage.Open(ctx, storage.Config{URL: url, Secret: []byte("for the time of a benchmark"), Log: quiet, Notify: func(c verify.Change) {
		if d := b.dispatch.Load(); d != nil {
			d.Committed(c)
		}
	}})
	if err != nil {
		return nil, err
	}
	b.authority = verify.NewAuthority(b.store.Keys(), "http://127.0.0.1")
	d := delivery.New(delivery.Config{
		Store: b.store, Authority: b.authority, Policy: &b.policy, Log: quiet, Workers: 256,
		Channels: map[verify.Channel]delivery.Channel{verify.WebSocket: b},
	})
	b.dispatch.Store(d)
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	b.stop = stop
	b.running.Go(func() { _ = d.Run(running) }) // what it could not do is seen by lives that do not go on
	return b, nil
}

func (b *bank) close() error {
	b.stop()
	b.running.Wait()
	return b.store.Close()
}

// settle gives so many people from each first number on a device: that of one before the
// first of them, again and again.
func (b *bank) settle(ctx context.Context, db *sql.DB, each int, firsts ...int64) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	one := firsts[0] - 1
	e, err := b.store.CreateEnrollment(ctx, nil, userOf(one))
	if err != nil {
		return err
	}
	_, err = b.store.CreateDevice(ctx, nil, e.ID, func(e verify.Enrollment, _ int, now time.Time) (*verify.Device, error) {
		return &verify.Device{ID: deviceOf(one), UserID: e.UserID, Name: "Phone", Platform: "android", SignKey: jose.JSONWebKey{Key: &key.PublicKey}, CreatedAt: now}, nil
	})
	if err != nil {
		return err
	}
	rows, err := db.QueryContext(ctx, "select * from devices where id = ''")
	if err != nil {
		return err
	}
	columns, err := rows.Columns()
	if err = errors.Join(err, rows.Close(), rows.Err()); err != nil {
		return err
	}
	copied := slices.Clone(columns)
	for i, column := range columns {
		switch column {
		case "id":
			copied[i] = fmt.Sprintf("'%s' || number", devices)
		case "user_id":
			copied[i] = fmt.Sprintf("'%s' || number", creator)
		}
	}
	for _, first := range firsts {
		_, err := db.ExecContext(ctx, fmt.Sprintf(
			"with recursive people (number) as (select cast(%d as bigint) union all select number + 1 from people where number < %d)"+
				" insert into devices (%s) select %s from people, devices where id = '%s'",
			first, first+int64(each)-1, strings.Join(columns, ", "), strings.Join(copied, ", "), deviceOf(one)))
		if err != nil {
			return fmt.Errorf("giving people devices: %w", err)
		}
	}
	return nil
}

// Send implements [delivery.Channel]: the phone has the prompt.
func (b *bank) Send(_ context.Context, m delivery.Message) verify.Outcome {
	b.mu.Lock()
	phone := b.phones[m.DeviceID]
	b.mu.Unlock()
	if phone == nil {
		return verify.Outcome{State: verify.StateUndelivered, Class: verify.ClassNone, Provider: "socket", Detail: "not_connected"}
	}
	phone <- m
	return verify.Outcome{State: verify.StateAccepted, Class: verify.ClassNone, Provider: "socket"}
}

// live has a person sign in: created, asked on the phone, acknowledged, approved,
// exchanged, with what the server does to the store for each.
func (b *bank) live(ctx context.Context, number int64) error {
	device := deviceOf(number)
	phone := make(chan delivery.Message, 4) // never more than asked for: a lease that ended asks again
	b.mu.Lock()
	b.phones[device] = phone
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		delete(b.phones, device)
		b.mu.Unlock()
	}()
	keys := b.store.Keys()
	q := verify.Request{
		ID: verify.NewID("ver"), KeyID: keys.CodeKey(), SignKeyID: keys.SignKey(), UserID: userOf(number), Purpose: verify.Login,
		Context: verify.Context{App: "Bank", IP: fmt.Sprintf("10.%d.%d.%d", number>>16&255, number>>8&255, number&255), UserAgent: "Browser"},
	}
	var v *verify.Verification
	err := b.store.CreateVerification(ctx, verify.Applicant{UserID: q.UserID, Purpose: q.Purpose, IP: q.Context.IP}, nil,
		func(s *verify.Situation, now time.Time) (_ *verify.Verification, err error) {
			v, err = verify.Start(q, s, &b.policy, now)
			return v, err
		})
	if err != nil {
		return fmt.Errorf("creating: %w", err)
	}
	var asked delivery.Message
	select {
	case asked = <-phone:
	case <-ctx.Done():
		return ctx.Err()
	}
	err = b.store.UpdateVerification(ctx, v.ID, nil, func(v *verify.Verification, now time.Time) error {
		v.Advance(&b.policy, now)
		return v.Acknowledge(asked.DeliveryID, device, &b.policy, now)
	})
	if err != nil {
		return fmt.Errorf("acknowledging: %w", err)
	}
	if err := b.approve(ctx, v, asked); err != nil {
		return fmt.Errorf("approving: %w", err)
	}
	err = b.store.UpdateVerification(ctx, v.ID, nil, func(v *verify.Verification, now time.Time) error { return v.Redeem(now) })
	if err != nil {
		return fmt.Errorf("exchanging: %w", err)
	}
	return nil
}

func (b *bank) approve(ctx context.Context, v *verify.Verification, asked delivery.Message) error {
	shown := sha256.Sum256([]byte(asked.Prompt.Signed))
	reply := verify.Reply{
		VerificationID: v.ID, DeviceID: asked.DeviceID, PromptSHA256: base64.RawURLEncoding.EncodeToString(shown[:]),
		Decision: verify.Approve, Number: b.store.Keys().MatchNumber(v.ID, v.Prompt),
	}
	return b.store.Reserved().UpdateVerificationOf(ctx, v.UserID, v.ID, func(v *verify.Verification, now time.Time) error {
		v.Advance(&b.policy, now)
		verdict, err := v.Reply(reply, b.authority, now)
		if err == nil && !verdict.Accepted {
			err = errors.New(verdict.Reason)
		}
		return err
	})
}
