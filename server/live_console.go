package server

import (
	"context"
	"encoding/json"
	"sync"

	"nod/hub"
	"nod/verify"
)

// consolePace is how many events a console is told a second; the rest is
// counted. An operator reads no more, and a burst must not cut the console off.
const consolePace = 40

// consoleLine is an event as operators see it: nobody's name or number.
type consoleLine struct {
	VerificationID string         `json:"verification_id,omitempty"`
	Seq            int64          `json:"seq,omitempty"`
	Name           string         `json:"name"`
	At             string         `json:"at"`
	Purpose        verify.Purpose `json:"purpose,omitempty"`
	Status         verify.Status  `json:"status,omitempty"`
	PhoneNumber    string         `json:"phone_number,omitempty"` // masked
	verify.EventData
}

func consoleLines(c verify.Change) []consoleLine {
	lines := make([]consoleLine, len(c.Events))
	for i, e := range c.Events {
		lines[i] = consoleLine{VerificationID: e.VerificationID, Seq: e.Seq, Name: e.Name, At: verify.FormatTime(e.At), EventData: e.Data}
		if v := c.Verification; v != nil {
			lines[i].Purpose, lines[i].Status, lines[i].PhoneNumber = v.Purpose, v.Status, v.Number.Mask()
		}
	}
	return lines
}

// consoleRecent is how many verifications a console is told when it opens.
const consoleRecent = 50

// consoleRow is a verification as operators see it: nobody's name or number.
// With seq a client tells which is newer, a row or an event that it has heard.
type consoleRow struct {
	VerificationID string         `json:"verification_id"`
	Seq            int64          `json:"seq"`
	Purpose        verify.Purpose `json:"purpose"`
	Status         verify.Status  `json:"status"`
	Stage          verify.Stage   `json:"stage,omitempty"`
	Reason         verify.Reason  `json:"reason,omitempty"`
	Method         verify.Method  `json:"method,omitempty"`
	PhoneNumber    string         `json:"phone_number,omitempty" doc:"Masked."`
	CodeSent       bool           `json:"code_sent"`
	CreatedAt      string         `json:"created_at" format:"date-time"`
	EndedAt        string         `json:"ended_at,omitempty" format:"date-time"`
}

// consoleRows is the data of a recent frame: newest first.
type consoleRows struct {
	Verifications []consoleRow `json:"verifications"`
}

func (s *Server) consoleRows(ctx context.Context) (consoleRows, error) {
	recent, err := s.store.Recent(ctx, consoleRecent)
	return consoleRows{rowsOf(recent)}, err
}

// consoleClient is an operator's connection.
type consoleClient struct {
	server *Server

	mu     sync.Mutex
	told   int // events since the last figures of this node
	pulses int // that it was told
}

// Open implements [hub.Client].
func (c *consoleClient) Open(ctx context.Context, s *hub.Session) error {
	rows, err := c.server.consoleRows(ctx)
	if err != nil {
		return err
	}
	if err := s.Send("recent", 0, rows); err != nil {
		return err
	}
	l := c.server.live
	l.mu.Lock()
	l.consoles[s] = c
	l.mu.Unlock()
	c.tell(s, c.server.nodeFigures())
	return nil
}

// Receive implements [hub.Client]: an operator acts over REST.
func (c *consoleClient) Receive(_ context.Context, _ *hub.Session, f hub.Frame) error {
	return onlyDevices(f)
}

// Deliver implements [hub.Client].
func (c *consoleClient) Deliver(s *hub.Session, m hub.Message) {
	var err error
	switch m.Kind {
	case kindEvents:
		var lines []json.RawMessage
		if err = json.Unmarshal(m.Data, &lines); err == nil {
			c.show(s, lines)
		}
	case kindFigures:
		var f nodeFigures
		switch err = json.Unmarshal(m.Data, &f); {
		case err != nil:
		case f.Node == c.server.live.node:
			c.tell(s, f)
		default:
			_ = s.Send("figures", 0, json.RawMessage(m.Data)) // another node may know more than this one
		}
	}
	if err != nil {
		c.server.log.Error("a published message cannot be read", "topic", m.Topic, "error", err)
	}
}

// show sends events, as many in a second as can be read.
func (c *consoleClient) show(s *hub.Session, lines []json.RawMessage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, line := range lines {
		if c.told++; c.told <= consolePace {
			_ = s.Send("event", 0, line) // whoever is gone sees the next ones
		}
	}
}

// tell sends the figures of this node and of the second that has passed.
func (c *consoleClient) tell(s *hub.Session, f nodeFigures) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.Skipped = max(0, c.told-consolePace)
	c.told = 0
	_ = s.Send("figures", 0, f)
}

// Closed implements [hub.Client].
func (c *consoleClient) Closed(_ context.Context, s *hub.Session) {
	l := c.server.live
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.consoles, s)
}
