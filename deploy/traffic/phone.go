package traffic

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nod/verify"
)

// enroll gives the person's phone to nod.
func (t *visit) enroll(ctx context.Context) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("making a phone's key: %w", err)
	}
	e, err := t.play.store.CreateEnrollment(ctx, nil, t.who.id)
	if err != nil {
		return err
	}
	t.who.device, err = t.play.store.CreateDevice(ctx, nil, e.ID, func(e verify.Enrollment, _ int, now time.Time) (*verify.Device, error) {
		platform := "android"
		if t.who.push == "apns" {
			platform = "ios"
		}
		return &verify.Device{
			ID: verify.NewID("dev"), UserID: e.UserID, Name: "Phone", Platform: platform,
			SignKey: jose.JSONWebKey{Key: &key.PublicKey}, Push: &verify.PushTarget{Provider: t.who.push, Token: e.ID}, CreatedAt: now,
		}, nil
	})
	return err
}

// rings is a prompt that arrived at the phone: the app says so by itself, and the
// person takes the phone.
func (m *message) rings(ctx context.Context) error {
	if err := m.tells(ctx, (*verify.Verification).Acknowledge); err != nil {
		return err
	}
	t := m.page.visit
	if !t.absent {
		t.play.after(t.dice.around(3*time.Second, 0.5), m.shows)
	}
	return nil
}

// shows is the person looking at it.
func (m *message) shows(ctx context.Context) error {
	g := m.page
	t := g.visit
	if !g.open() || g.rung >= g.v.Prompt.Generation {
		return nil
	}
	g.rung = g.v.Prompt.Generation
	if err := m.tells(ctx, (*verify.Verification).Display); err != nil {
		return err
	}
	t.play.after(t.dice.around(6*time.Second, 0.4), m.answers)
	return nil
}

// tells is a receipt of the app.
func (m *message) tells(ctx context.Context, receipt func(*verify.Verification, string, string, *verify.Policy, time.Time) error) error {
	p := m.page.visit.play
	news := false
	_, err := p.change(ctx, m.page.id, func(v *verify.Verification, now time.Time) error {
		before := v.Delivery(m.delivery).State
		err := receipt(v, m.delivery, v.Delivery(m.delivery).DeviceID, p.policy, now)
		news = v.Delivery(m.delivery).State == verify.StateDelivered && before != verify.StateDelivered
		return err
	})
	if err == nil && news {
		p.tally.at(m.route, func(s *Sent) { s.Delivered++ })
	}
	return err
}

// answers is the person's answer. It is most often yes.
func (m *message) answers(ctx context.Context) error {
	g := m.page
	t := g.visit
	p := t.play
	d := g.v.Delivery(m.delivery)
	if !g.open() || !g.v.Prompt.Open(p.now()) {
		return nil
	}
	sum := sha256.Sum256([]byte(p.authority.Prompt(g.v, d).Signed))
	reply := verify.Reply{
		VerificationID: g.id, DeviceID: d.DeviceID, PromptSHA256: base64.RawURLEncoding.EncodeToString(sum[:]),
		Decision: verify.Approve, Number: p.keys.MatchNumber(g.id, g.v.Prompt),
	}
	switch x := t.dice.Float64(); {
	case x < 0.006:
		reply.Decision = verify.Deny
	case x < 0.007:
		reply.Decision = verify.Report
	case x < 0.011:
		reply.Number = ""
	}
	var verdict verify.Verdict
	if _, err := p.change(ctx, g.id, func(v *verify.Verification, now time.Time) (err error) {
		verdict, err = v.Reply(reply, p.authority, now)
		return err
	}); err != nil {
		return err
	}
	switch {
	case verdict.Reason == string(verify.WrongNumber), verdict.Accepted && reply.Decision != verify.Approve:
		p.tally.Denied++
	case verdict.Accepted:
		g.approved(m.route.Channel)
	}
	return nil
}
