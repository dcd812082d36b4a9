package server

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
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

// respond lets a signed answer of a user's device decide. It has to be about the named
// verification; an empty name takes the token's word. The signature is checked where the
// answer decides: there the device's key is at hand, and a device that was revoked is not.
func (s *Server) respond(ctx context.Context, userID, deviceID, verificationID, token string) (PromptResult, error) {
	id, err := verify.Answers(token)
	if err != nil {
		return PromptResult{}, err
	}
	var verdict verify.Verdict
	err = s.decisions.UpdateVerificationOf(ctx, userID, id, func(v *verify.Verification, now time.Time) error {
		at := slices.IndexFunc(v.Devices, func(d verify.Device) bool { return d.ID == deviceID })
		if at < 0 {
			return errCredential
		}
		reply, err := s.authority.Reply(token, &v.Devices[at], now)
		if err != nil {
			return err
		}
		if verificationID != "" && verificationID != id {
			return invalid("token", "This answer is about another request than the address names.")
		}
		v.Advance(s.policy, now)
		verdict, err = v.Reply(reply, s.authority, now)
		return err
	})
	if err != nil {
		return PromptResult{}, err
	}
	return PromptResult{VerificationID: id, Accepted: verdict.Accepted, Reason: verdict.Reason}, nil
}
