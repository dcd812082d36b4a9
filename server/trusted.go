package server

import (
	"context"
	"errors"
	"slices"
	"time"

	"nod/verify"
)

// trustedAnswer is where a user is not asked again.
type trustedAnswer struct {
	Body struct {
		TrustedDevices []TrustedDevice `json:"trusted_devices" nullable:"false" doc:"The live ones, newest approval first."`
		ServerTime     string          `json:"server_time" format:"date-time"`
	}
}

// TrustedDevice is a browser or app in which a user was approved and asked to be
// remembered, as the integrator's context called it then.
type TrustedDevice struct {
	ID         string  `json:"id"`
	ApprovedAt string  `json:"approved_at" format:"date-time" doc:"The real approval: using it makes it last no longer."`
	ExpiresAt  string  `json:"expires_at" format:"date-time"`
	LastUsedAt *string `json:"last_used_at" format:"date-time" doc:"Null before the first time."`
	UserAgent  *string `json:"user_agent"`
	Location   *string `json:"location"`
}

// trustedDevices lists them.
func (s *Server) trustedDevices(ctx context.Context, in *ByUser) (*trustedAnswer, error) {
	if err := callerFrom(ctx).about(in.UserID); err != nil {
		return nil, err
	}
	live, now, err := s.store.TrustedDevices(ctx, in.UserID)
	if err != nil {
		return nil, err
	}
	out := &trustedAnswer{}
	out.Body.TrustedDevices, out.Body.ServerTime = []TrustedDevice{}, verify.FormatTime(now)
	for _, d := range slices.Backward(live) {
		out.Body.TrustedDevices = append(out.Body.TrustedDevices, TrustedDevice{
			ID: d.ID, ApprovedAt: verify.FormatTime(d.ApprovedAt), ExpiresAt: verify.FormatTime(d.ExpiresAt),
			LastUsedAt: optionalTime(d.UsedAt), UserAgent: optional(d.UserAgent), Location: optional(d.Location),
		})
	}
	return out, nil
}

// distrustInput names one trusted device of a user.
type distrustInput struct {
	ByUser
	ByID
}

// distrust ends one. What is not there, ended or somebody else's looks the same.
func (s *Server) distrust(ctx context.Context, in *distrustInput) (*struct{}, error) {
	if err := callerFrom(ctx).about(in.UserID); err != nil {
		return nil, err
	}
	return nil, s.store.UpdateTrustedDevices(ctx, in.UserID, func(live []*verify.TrustedDevice, now time.Time) error {
		for _, d := range live {
			if d.ID == in.ID {
				d.Revoke(verify.TrustRevoked, now)
				return nil
			}
		}
		return verify.ErrNotFound
	})
}

// distrustAll ends all of a user, if there are any.
func (s *Server) distrustAll(ctx context.Context, in *ByUser) (*struct{}, error) {
	if err := callerFrom(ctx).about(in.UserID); err != nil {
		return nil, err
	}
	return nil, s.store.UpdateTrustedDevices(ctx, in.UserID, func(live []*verify.TrustedDevice, now time.Time) error {
		verify.RevokeTrust(verify.TrustRevoked)(live, now)
		return nil
	})
}

// alarm keeps that a used-up token came, where the create that it came with was
// refused and kept nothing.
func (s *Server) alarm(ctx context.Context, reused *verify.TrustedDevice) error {
	return s.store.UpdateTrustedDevices(ctx, reused.UserID, func(live []*verify.TrustedDevice, now time.Time) error {
		for _, d := range live {
			if d.ID == reused.ID {
				d.Alarm(now)
			}
		}
		return nil
	})
}

// trustedToken derives again the token that a recorded answer held; empty when it
// held none, or when the device has expired and was swept away.
func (s *Server) trustedToken(ctx context.Context, a verify.Answer) (string, error) {
	if a.TrustedGeneration == 0 {
		return "", nil
	}
	d, err := s.store.TrustedDevice(ctx, a.Subject)
	if errors.Is(err, verify.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return s.keys.TrustedToken(d, a.TrustedGeneration), nil
}
