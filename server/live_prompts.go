package server

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"nod/hub"
	"nod/verify"
)

// PromptResult is what a device is told about its answer.
type PromptResult struct {
	VerificationID string `json:"verification_id"`
	Accepted       bool   `json:"accepted"`
	Reason         string `json:"reason,omitempty" doc:"Why not: wrong_number, user_verification_required, or how it had ended before."`
}

// Kinds of messages on a device's topic.
const (
	kindPrompt = "prompt" // data: a verify.PromptFrame
	kindClosed = "closed" // data: a promptClosing
)

// promptClosing tells a device that a prompt has ended. Deliveries are those
// over which it was asked: a verification may ask again, so its id alone would
// not say which prompt is meant.
type promptClosing struct {
	promptClosed
	Deliveries []string `json:"deliveries"`
}

// promptClosed is the data of a prompt_closed frame.
type promptClosed struct {
	VerificationID string `json:"verification_id"`
	Reason         string `json:"reason"`
}

// PublishPrompt hands a prompt to the device's connection, on whichever node it
// is, and reports how many took it: 0 says that nobody is there.
func (s *Server) PublishPrompt(ctx context.Context, deviceID string, f verify.PromptFrame) (int, error) {
	data, err := json.Marshal(f)
	if err != nil {
		return 0, fmt.Errorf("encoding a prompt: %w", err)
	}
	return s.hub.Publish(ctx, hub.Message{Topic: deviceTopic(deviceID), Kind: kindPrompt, Data: data})
}

// receipt records that a device has, or shows, a prompt.
func (s *Server) receipt(ctx context.Context, deviceID, verificationID, deliveryID string, displayed bool) error {
	rule := (*verify.Verification).Acknowledge
	if displayed {
		rule = (*verify.Verification).Display
	}
	return s.store.UpdateVerification(ctx, verificationID, nil, func(v *verify.Verification, now time.Time) error {
		v.Advance(s.policy, now)
		return rule(v, deliveryID, deviceID, s.policy, now)
	})
}

// respond lets a device's signed answer decide. It has to be about the named
// verification; an empty name takes the token's word.
func (s *Server) respond(ctx context.Context, deviceID, verificationID, token string) (PromptResult, error) {
	d, now, err := s.store.Device(ctx, deviceID)
	if err != nil {
		return PromptResult{}, err
	}
	if !d.RevokedAt.IsZero() {
		return PromptResult{}, errCredential
	}
	reply, err := s.authority.Reply(token, d, now)
	if err != nil {
		return PromptResult{}, err
	}
	if verificationID != "" && verificationID != reply.VerificationID {
		return PromptResult{}, invalid("token", "This answer is about another request than the address names.")
	}
	var verdict verify.Verdict
	err = s.decisions.UpdateVerification(ctx, reply.VerificationID, nil, func(v *verify.Verification, now time.Time) (err error) {
		v.Advance(s.policy, now)
		verdict, err = v.Reply(reply, s.authority, now)
		return err
	})
	if err != nil {
		return PromptResult{}, err
	}
	return PromptResult{VerificationID: reply.VerificationID, Accepted: verdict.Accepted, Reason: verdict.Reason}, nil
}
