package server

import (
	"context"
	"sync"
	"time"

	"nod/analytics"
	"nod/hub"
	"nod/verify"
)

const (
	outlineEvery = 60          // pulses of a console between two that tell the last hours
	outlineAfter = time.Minute // between two reads of them
	day          = 24 * time.Hour
)

// pulse is the data of a pulse frame: the whole deployment, this hour. A console
// has one every second. Without analytics it is the queue alone; as long as the
// store could not be read it is nothing but stale.
type pulse struct {
	ServerTime string `json:"server_time"` // when it was read: that of a stale one stays
	Enabled    bool   `json:"enabled"`     // whether anything is counted
	Stale      bool   `json:"stale,omitempty"`
	*analytics.Pulse
	Hours []hourOutline `json:"hours,omitempty"` // in the first one and in every 60th
	Queue *queueNow     `json:"queue,omitempty"`
}

// hourOutline is one of the last hours, its time as the API writes times.
type hourOutline struct {
	At string `json:"at"`
	analytics.HourOutline
}

func outlined(hours []analytics.HourOutline) []hourOutline {
	all := make([]hourOutline, len(hours))
	for i, h := range hours {
		all[i] = hourOutline{verify.FormatTime(h.At), h}
	}
	return all
}

// queueNow is what waits in the store, and for how long the oldest of it has.
type queueNow struct {
	Due                   int     `json:"due"`
	OldestSeconds         float64 `json:"oldest_seconds"`
	Webhooks              int     `json:"webhooks"`
	WebhooksOldestSeconds float64 `json:"webhooks_oldest_seconds"`
}

// pulseReader reads the pulse for all consoles of this node, one read at a time and
// aside from whatever else has to happen each second.
type pulseReader struct {
	due chan struct{} // taken by who reads; nobody takes it while a read is under way

	mu   sync.Mutex
	last pulse

	// The reader's own: hours that are over, and hardly change.
	outlined time.Time        // when the last 24 were read
	outline  []analytics.Hour // of which the first is yesterday's at this time
	hour     time.Time        // whose namesakes of other days are known
	usual    map[int][]analytics.Hour
}

func newPulseReader() pulseReader { return pulseReader{due: make(chan struct{})} }

// pulse has the pulse read where somebody looks at it. If the store has not answered
// for the one before, the consoles are told that.
func (s *Server) pulse() {
	s.live.mu.Lock()
	open := len(s.live.consoles)
	s.live.mu.Unlock()
	if open == 0 {
		return
	}
	select {
	case s.live.pulse.due <- struct{}{}:
	default:
		s.tellPulse(s.stalePulse())
	}
}

// takePulses reads the pulse whenever it is due, and tells it, until ctx ends.
func (s *Server) takePulses(ctx context.Context) {
	unread := trouble{log: s.log, what: "the console's pulse cannot be read"}
	for {
		select {
		case <-s.live.pulse.due:
		case <-ctx.Done():
			return
		}
		p, err := s.readPulse(ctx)
		if ctx.Err() != nil {
			return
		}
		unread.note(ctx, err)
		if err != nil {
			p = s.stalePulse()
		}
		s.tellPulse(p)
	}
}

func (s *Server) tellPulse(p pulse) {
	s.live.mu.Lock()
	defer s.live.mu.Unlock()
	for session, c := range s.live.consoles {
		c.beat(session, p)
	}
}

// readPulse asks the store for one pulse.
func (s *Server) readPulse(ctx context.Context) (pulse, error) {
	ctx, cancel := hurried(ctx)
	defer cancel()
	queue, err := s.store.Queue(ctx)
	if err != nil {
		return pulse{}, err
	}
	now := s.Now()
	p := pulse{ServerTime: verify.FormatTime(now), Queue: &queueNow{
		Due: queue.Due, OldestSeconds: age(queue.OldestDueAt, now),
		Webhooks: queue.Webhooks, WebhooksOldestSeconds: age(queue.OldestWebhookAt, now),
	}}
	r := &s.live.pulse
	if s.config.Analytics != nil {
		hours, err := r.hours(ctx, s.config.Analytics, now)
		if err != nil {
			return pulse{}, err
		}
		counted := analytics.Now(hours, now)
		p.Enabled, p.Pulse, p.Hours = true, &counted, outlined(counted.Hours)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = p
	return p, nil
}

// hours are the sums of single hours that a pulse is made of, the oldest first. Only
// the present one is read each time. What was read before an error is kept, so that
// a slow store is through after a few tries.
func (r *pulseReader) hours(ctx context.Context, a Analytics, now time.Time) ([]analytics.Hour, error) {
	hour := now.Truncate(time.Hour)
	if !r.hour.Equal(hour) {
		r.hour, r.usual, r.outlined = hour, map[int][]analytics.Hour{}, time.Time{}
	}
	var all []analytics.Hour
	for days := analytics.UsualDays; days > 1; days-- {
		if _, known := r.usual[days]; !known {
			at := hour.Add(-time.Duration(days) * day)
			read, err := a.CountedHours(ctx, at, at.Add(time.Hour))
			if err != nil {
				return nil, err
			}
			r.usual[days] = read
		}
		all = append(all, r.usual[days]...)
	}
	if now.Sub(r.outlined).Abs() >= outlineAfter {
		read, err := a.CountedHours(ctx, hour.Add(-day), hour)
		if err != nil {
			return nil, err
		}
		r.outline, r.outlined = read, now
	}
	present, err := a.CountedHours(ctx, hour, hour.Add(time.Hour))
	return append(append(all, r.outline...), present...), err
}

// stalePulse is the last pulse, told again.
func (s *Server) stalePulse() pulse {
	s.live.pulse.mu.Lock()
	defer s.live.pulse.mu.Unlock()
	p := s.live.pulse.last
	if p.Stale = true; p.ServerTime == "" {
		p.ServerTime, p.Enabled = verify.FormatTime(s.Now()), s.config.Analytics != nil
	}
	return p
}

// age is for how many seconds something waits; 0 where nothing does.
func age(since, now time.Time) float64 {
	if since.IsZero() {
		return 0
	}
	return max(0, now.Sub(since).Round(time.Millisecond).Seconds())
}

// beat tells one pulse. The last hours change little, and are told now and then.
func (c *consoleClient) beat(s *hub.Session, p pulse) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.Pulse != nil { // else nothing is known yet: the first one is still to come
		if c.pulses%outlineEvery != 0 {
			p.Hours = nil
		}
		c.pulses++
	}
	_ = s.Send("pulse", 0, p)
}
