package server

import (
	"context"
	"time"

	"nod/analytics"
)

// FiguresInput asks for one's own figures.
type FiguresInput struct {
	Days int `query:"days" default:"30" minimum:"1" maximum:"365" doc:"How many days back."`
}

// FiguresAnswer is what a user may know about their own verifications.
type FiguresAnswer struct{ Body analytics.Figures }

// figures counts the caller's own events.
func (s *Server) figures(ctx context.Context, in *FiguresInput) (*FiguresAnswer, error) {
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
	return &FiguresAnswer{analytics.Own(told, in.Days)}, nil
}
