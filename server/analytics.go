package server

import (
	"context"
	"time"

	"nod/analytics"
	"nod/verify"
)

// Analytics keeps what was counted of everybody's events; package storage does.
type Analytics interface {
	CountedSpans(ctx context.Context, cuts []time.Time) ([]analytics.Span, error)
	CountedHours(ctx context.Context, from, to time.Time) ([]analytics.Hour, error)
}

var errAnalyticsOff = &verify.Refusal{Code: verify.CodeNotFound, Detail: "Analytics are off here: set ANALYTICS_ENABLED=true and start nod again."}

// figuresInput asks for one's own figures.
type figuresInput struct {
	Days int `query:"days" default:"30" minimum:"1" maximum:"365" doc:"How many days back, from now: days of 24 hours."`
}

// figuresAnswer is what a user may know about their own verifications.
type figuresAnswer struct{ Body analytics.Figures }

// figures counts the caller's own events.
func (s *Server) figures(ctx context.Context, in *figuresInput) (*figuresAnswer, error) {
	if s.config.Analytics == nil {
		return nil, errAnalyticsOff
	}
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

// periodInput asks for figures of everybody's verifications.
type periodInput struct {
	Days int `query:"days" default:"30" minimum:"1" maximum:"365" doc:"How many days back, and today so far; rounded up to 1, 7, 30, 90 or 365: other periods are not told, because the difference of two of them could point at a few people. It goes no further back than ANALYTICS_RETENTION_DAYS."`
}

// Period is what an answer tells of. (It is exported, as all that bodies embed:
// huma overlooks what is not.)
type Period struct {
	Days int    `json:"days" enum:"1,7,30,90,365" doc:"Whole days, UTC, before today; today so far is told with them."`
	From string `json:"from" format:"date-time"`
	To   string `json:"to" format:"date-time" doc:"The end of today, not included."`
}

const (
	// reportFor is how long a report is told again before it is read anew: a console
	// asks for five views of it at once.
	reportFor = 5 * time.Second
	// reportLimit is how long somebody may wait for one. A year of a large deployment
	// takes longer to read than other requests may; each of the reads that it is made
	// of is as short as others.
	reportLimit = 10 * time.Second
)

// report is what may be told of a period.
type report struct {
	analytics.Told
	Period
	readAt time.Time
}

// reports has the last report of each period, by its days. They are read one at a time.
type reports struct {
	reading chan struct{} // full while somebody reads; guards last
	last    map[int]report
}

func newReports() reports { return reports{make(chan struct{}, 1), map[int]report{}} }

// tellable has a period reported, by whoever comes first for all who wait.
func (s *Server) tellable(ctx context.Context, in *periodInput) (analytics.Told, Period, error) {
	if s.config.Analytics == nil {
		return analytics.Told{}, Period{}, errAnalyticsOff
	}
	ctx, cancel := context.WithTimeout(patiently(ctx), reportLimit)
	defer cancel()
	select {
	case s.reports.reading <- struct{}{}:
		defer func() { <-s.reports.reading }()
	case <-ctx.Done():
		return analytics.Told{}, Period{}, ctx.Err()
	}
	cuts, days := analytics.Cuts(s.Now(), in.Days)
	r, known := s.reports.last[days]
	if !known || time.Since(r.readAt) >= reportFor {
		spans, err := s.config.Analytics.CountedSpans(ctx, cuts)
		if err != nil {
			return analytics.Told{}, Period{}, err
		}
		r = report{analytics.Tell(spans), Period{days, verify.FormatTime(cuts[0]), verify.FormatTime(cuts[len(cuts)-1])}, time.Now()}
		s.reports.last[days] = r
	}
	return r.Told, r.Period, nil
}

// overviewAnswer is how the deployment did, in sum.
type overviewAnswer struct {
	Body struct {
		Period
		analytics.Overview
	}
}

func (s *Server) overview(ctx context.Context, in *periodInput) (*overviewAnswer, error) {
	told, period, err := s.tellable(ctx, in)
	if err != nil {
		return nil, err
	}
	out := &overviewAnswer{}
	out.Body.Period, out.Body.Overview = period, told.Overview(s.config.Price)
	return out, nil
}

// delaysAnswer is what resends and receipts say about how long to wait.
type delaysAnswer struct {
	Body struct {
		Period
		analytics.Delays
	}
}

func (s *Server) delays(ctx context.Context, in *periodInput) (*delaysAnswer, error) {
	told, period, err := s.tellable(ctx, in)
	if err != nil {
		return nil, err
	}
	out := &delaysAnswer{}
	out.Body.Period, out.Body.Delays = period, told.Delays()
	return out, nil
}

// hoursAnswer is how verifications did by the hour of the day.
type hoursAnswer struct {
	Body struct {
		Period
		analytics.Hours
	}
}

func (s *Server) hours(ctx context.Context, in *periodInput) (*hoursAnswer, error) {
	told, period, err := s.tellable(ctx, in)
	if err != nil {
		return nil, err
	}
	out := &hoursAnswer{}
	out.Body.Period, out.Body.Hours = period, told.Hours()
	return out, nil
}

// channelsAnswer is how sends convert.
type channelsAnswer struct {
	Body struct {
		Period
		analytics.Channels
	}
}

func (s *Server) channels(ctx context.Context, in *periodInput) (*channelsAnswer, error) {
	told, period, err := s.tellable(ctx, in)
	if err != nil {
		return nil, err
	}
	out := &channelsAnswer{}
	out.Body.Period, out.Body.Channels = period, told.Channels()
	return out, nil
}

// recommendationsAnswer is what would help.
type recommendationsAnswer struct {
	Body struct {
		Period
		Recommendations []analytics.Recommendation `json:"recommendations" nullable:"false" doc:"Empty when the figures do not say anything for certain."`
	}
}

func (s *Server) recommendations(ctx context.Context, in *periodInput) (*recommendationsAnswer, error) {
	told, period, err := s.tellable(ctx, in)
	if err != nil {
		return nil, err
	}
	out := &recommendationsAnswer{}
	out.Body.Period, out.Body.Recommendations = period, told.Recommendations(s.config.Rules)
	return out, nil
}
