package server

import (
	"context"
	"encoding/json"
	"time"

	"nod/hub"
	"nod/verify"
)

const (
	// announceLimit bounds what an announcement may cost who commits.
	announceLimit = 100 * time.Millisecond
	// closingFor is how long the end of a prompt is told with every change that
	// follows it: it has no event of its own.
	closingFor = 5 * time.Second
)

// What is published, beside the kinds of package hub.
const (
	kindEvents  = "events"  // data: lines of a console, or what a page is told
	kindFigures = "figures" // data: a nodeFigures
)

// Announce tells a committed change to everybody who is connected: the waiting
// pages of a verification, the devices whose prompt has closed, the consoles, and
// a revoked device that it must go. It is called after COMMIT, in the order of
// the commits of one verification, and does not block. What it publishes holds
// neither a secret nor a match number, and what is lost is read from the store
// by whoever notices the gap or connects again.
func (s *Server) Announce(c verify.Change) {
	ctx, cancel := context.WithTimeout(context.Background(), announceLimit)
	defer cancel()
	if v := c.Verification; v != nil {
		if len(c.Events) > 0 {
			at := c.Events[len(c.Events)-1].At
			s.publish(ctx, hub.Message{Topic: verificationTopic(v.ID), Kind: kindEvents, Seq: v.Seq}, s.notice(v, c.Events, at))
		}
		s.closePrompts(ctx, v)
	}
	if d := c.Device; d != nil && !d.RevokedAt.IsZero() {
		s.unpublished.note(ctx, s.hub.Disconnect(ctx, deviceTopic(d.ID), hub.ByeRevoked, hub.CloseUnauthenticated))
	}
	if lines := consoleLines(c); len(lines) > 0 {
		s.publish(ctx, hub.Message{Topic: consoleTopic, Kind: kindEvents}, lines)
	}
}

func (s *Server) publish(ctx context.Context, m hub.Message, data any) {
	var err error
	if m.Data, err = json.Marshal(data); err == nil {
		_, err = s.hub.Publish(ctx, m)
	}
	s.unpublished.note(ctx, err)
}

// closePrompts tells every device that was asked which of its prompts have
// ended. Each connection tells it once, and only of prompts that it was given.
func (s *Server) closePrompts(ctx context.Context, v *verify.Verification) {
	last, reason := v.Prompt.Generation, closeReason(v.Status, v.Method)
	changed := v.Prompt.ClosedAt
	if changed.IsZero() { // the present one is open: those before it are not
		last, reason, changed = last-1, string(verify.Superseded), v.Prompt.OpenedAt
	}
	if last < 1 || s.Now().Sub(changed) > closingFor {
		return
	}
	closed := map[string][]string{}
	for i := range v.Deliveries {
		if d := &v.Deliveries[i]; d.Channel.App() && d.PromptGeneration <= last {
			closed[d.DeviceID] = append(closed[d.DeviceID], d.ID)
		}
	}
	for device, ids := range closed {
		s.publish(ctx, hub.Message{Topic: deviceTopic(device), Kind: kindClosed}, promptClosing{promptClosed{v.ID, reason}, ids})
	}
}

// closeReason says why the present prompt of a verification was closed.
func closeReason(s verify.Status, m verify.Method) string {
	switch s {
	case verify.Approved:
		if m != verify.ByApp {
			return "code_used"
		}
		return string(s)
	case verify.Denied, verify.Canceled, verify.Superseded:
		return string(s)
	}
	return string(verify.Expired) // its own life, the session's, or the last way to answer
}
