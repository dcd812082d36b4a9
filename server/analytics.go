package server

import (
	"context"
	"time"

	"nod/analytics"
)

// figuresInput asks for one's own figures.
type figuresInput struct {
	Days int `query:"days" default:"30" minimum:"1" maximum:"365" doc:"How many days back."`
}

// figuresAnswer is what a user may know about their own verifications.
type figuresAnswer struct{ Body analytics.Figures }

// figures counts the caller's own events.
func (s *Server) figures(ctx context.Context, in *figuresInput) (*figuresAnswer, error) {
	now, err := s.store.Now(ctx)
	if err != nil {
		return nil, err
	}
	events, err := s.store.UserEvents(ctx, callerFrom(ctx).userID, now.Add(-time.Duration(in.Days)*24*time.Hour))
	if err != nil {
		return nil, err
	}
	told := make([]analytics.Event, len(events))
	for i, e := range events {
		told[i] = analytics.Event{VerificationID: e.VerificationID, Name: e.Name, At: e.At, Channel: string(e.Data.Channel)}
	}
	return &figuresAnswer{analytics.Own(told, in.Days)}, nil
}
