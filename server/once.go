package server

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"nod/verify"
)

// Once is the header of calls that create or send: the same key and body get
// the same answer for 24 hours. (It is exported, as all that inputs embed: huma
// overlooks what is not.)
type Once struct {
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"255" doc:"Makes the call happen once: the same key and body get the same answer for 24 hours."`
}

// claim makes the store's claim on a key; nil when none was sent. A key is good
// for one caller and one call.
func (o Once) claim(ctx context.Context, body any, answer func() verify.Answer) *verify.Once {
	if o.IdempotencyKey == "" {
		return nil
	}
	c := callerFrom(ctx)
	return &verify.Once{
		Scope: fmt.Sprintf("%s %q %s", c.role.names()[0], c.id, c.call), Key: o.IdempotencyKey,
		BodyHash: sha256.Sum256(encode(body)), Answer: answer,
	}
}

// stamp is what a token is made of beside the words of the call. Signatures are
// deterministic (RFC 6979), so a repeat under one Idempotency-Key makes the same
// token of the first call's stamp, and no token is kept.
type stamp struct {
	ID string    `json:"id"`
	At time.Time `json:"at"`
}

// stamp makes the stamp of a call, or finds that of the call it repeats.
func (s *Server) stamp(ctx context.Context, o Once, prefix string, body any) (stamp, error) {
	now, err := s.store.Now(ctx)
	if err != nil {
		return stamp{}, err
	}
	made := stamp{verify.NewID(prefix), now}
	once := o.claim(ctx, body, func() verify.Answer { return verify.Answer{Status: http.StatusCreated, Body: encode(made)} })
	if once == nil {
		return made, nil
	}
	err = s.store.Record(ctx, once)
	if replay, ok := errors.AsType[*verify.Replay](err); ok {
		err = json.Unmarshal(replay.Answer.Body, &made)
	}
	return made, err
}

// recorded is the answer to keep of a status body: without its secrets, but with
// what it takes to derive them again.
func recorded(code int, s Status, v *verify.Verification) verify.Answer {
	a := verify.Answer{Status: code, VerificationID: v.ID}
	if s.ClientSecret != "" {
		a.SecretGeneration = v.SecretGeneration
	}
	if s.MatchNumber != "" {
		a.PromptGeneration = v.Prompt.Generation
	}
	s.ClientSecret, s.MatchNumber, s.ResultToken, s.TrustedDeviceToken = "", "", "", ""
	a.Body = encode(s)
	return a
}

// replay repeats a recorded answer about a verification, refusals too.
func (s *Server) replay(ctx context.Context, a verify.Answer) (*statusAnswer, error) {
	if a.Status >= 400 {
		p := &Problem{}
		if err := json.Unmarshal(a.Body, p); err != nil {
			return nil, fmt.Errorf("reading a recorded refusal: %w", err)
		}
		return nil, p
	}
	out := &statusAnswer{Status: a.Status}
	if err := json.Unmarshal(a.Body, &out.Body); err != nil {
		return nil, fmt.Errorf("reading a recorded answer: %w", err)
	}
	if a.SecretGeneration == 0 && a.PromptGeneration == 0 {
		return out, nil
	}
	v, now, err := s.store.Verification(ctx, a.VerificationID)
	if err != nil {
		return nil, err
	}
	if out.Body.TrustedDeviceToken, err = s.trustedToken(ctx, a); err != nil {
		return nil, err
	}
	if a.TrustedGeneration > 0 && v.RedeemedAt.IsZero() {
		out.Body.ResultToken = s.keys.ResultToken(v, now) // that of the first answer may have ended
	}
	if v.SecretGeneration = a.SecretGeneration; v.SecretGeneration > 0 {
		out.Body.ClientSecret = s.keys.ClientSecret(v)
	}
	v.Prompt.Generation = a.PromptGeneration
	out.Body.MatchNumber = s.keys.MatchNumber(v.ID, v.Prompt)
	return out, nil
}
