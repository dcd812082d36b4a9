package server

import (
	"context"
	"errors"
	"net/http"
	"time"

	"nod/verify"
)

// exportAnswer is a document to keep, not a page to look at.
type exportAnswer struct {
	Disposition string `header:"Content-Disposition"`
	Body        verify.PersonalData
}

// export tells all that is kept of a person, to be handed to them. Nothing in it
// opens anything. The file's name does not tell whose it is: it ends up in the list
// of downloads of whoever handles it.
func (s *Server) export(ctx context.Context, in *ByUser) (*exportAnswer, error) {
	if err := callerFrom(ctx).about(in.UserID); err != nil {
		return nil, err
	}
	all, err := s.store.Export(ctx, in.UserID)
	if err != nil {
		return nil, err
	}
	return &exportAnswer{`attachment; filename="nod-export.json"`, *all}, nil
}

// erase deletes all that is kept of a person. What is open ends first, as canceled,
// and their devices are revoked, so that whoever waits or is connected is told. To
// erase nobody is as good as to erase somebody: the caller learns nothing. That it was
// done is noted, not about whom.
func (s *Server) erase(ctx context.Context, in *ByUser) (*struct{}, error) {
	if err := callerFrom(ctx).about(in.UserID); err != nil {
		return nil, err
	}
	return nil, s.store.Erase(ctx, in.UserID, callerFrom(ctx).by())
}

// standingInput names a user whom an operator decides about.
type standingInput struct {
	Once
	ByUser
	Body *Empty
}

// blockUser refuses a user until somebody unlocks them.
func (s *Server) blockUser(ctx context.Context, in *standingInput) (*struct{}, error) {
	return nil, s.decide(ctx, in.UserID, "", in.Once, in.Body, (*verify.Standing).Block)
}

// unlockUser lets a user verify again.
func (s *Server) unlockUser(ctx context.Context, in *standingInput) (*struct{}, error) {
	return nil, s.decide(ctx, in.UserID, "", in.Once, in.Body, (*verify.Standing).Unlock)
}

// blockOf is blockUser for operators, who know verifications and nobody's name.
func (s *Server) blockOf(ctx context.Context, in *emptyInput) (*struct{}, error) {
	return nil, s.decideBy(ctx, in, (*verify.Standing).Block)
}

// unlockOf is unlockUser likewise.
func (s *Server) unlockOf(ctx context.Context, in *emptyInput) (*struct{}, error) {
	return nil, s.decideBy(ctx, in, (*verify.Standing).Unlock)
}

// decision is what an operator decides about a user; it returns what happened to them.
type decision func(s *verify.Standing, by string, now time.Time) []verify.Event

// decideBy decides about the user of a verification. It is noted there, whether that
// has ended or not: operators see whom an act was about by it, and by nothing else.
func (s *Server) decideBy(ctx context.Context, in *emptyInput, rule decision) error {
	v, _, err := s.read(ctx, in.ID)
	if err != nil {
		return err
	}
	return s.decide(ctx, v.UserID, v.ID, in.Once, in.Body, rule)
}

// decide decides about a user, of whom nothing need be known yet, or who is met through
// a verification.
func (s *Server) decide(ctx context.Context, userID, through string, o Once, body any, rule decision) error {
	if !validUserID(userID) {
		return errUserID
	}
	c := callerFrom(ctx)
	once := o.claim(ctx, body, func() verify.Answer { return verify.Answer{Status: http.StatusNoContent} })
	err := s.store.UpdateStanding(ctx, userID, through, once, func(standing *verify.Standing, now time.Time) []verify.Event {
		return rule(standing, c.by(), now)
	})
	if errors.As(err, new(*verify.Replay)) {
		return nil // it was done already
	}
	return err
}
