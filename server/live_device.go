package server

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"nod/hub"
	"nod/verify"
)

// maxShown is how many prompts a connection remembers. A user has one open
// prompt at a time; older ones are kept to recognise what comes late.
const maxShown = 16

// deviceClient is a phone's connection.
type deviceClient struct {
	server   *Server
	id, user string
	session  *hub.Session  // set by Open
	next     *deviceClient // of the user's, on this node; guarded by phones.mu

	mu    sync.Mutex
	shown []shown // newest last; nil on a device that was never asked
	turns int     // how often messages changed shown

	listed    bool            // the open prompts were told
	lapse     *time.Timer     // runs when the newest prompt has ended
	fetching  bool            // prompts that it missed are being read
	gone      bool            // the connection has ended
	answering bool            // the device's answer is being judged
	held      []promptClosing // meanwhile: it hears its own result first
}

// shown is one delivery that this connection was told of, or told that it has
// ended.
type shown struct {
	verification, delivery string
	open                   bool
}

// Open implements [hub.Client]. The device is on record before it is told
// anything: an SMS is held back for who is connected.
func (c *deviceClient) Open(ctx context.Context, s *hub.Session) error {
	ctx, cancel := hurried(ctx)
	defer cancel()
	if err := c.server.store.TouchDevices(ctx, []string{c.id}); err != nil {
		return err
	}
	c.session = s
	c.server.live.phones.add(c)
	return c.sync(ctx, s)
}

// sync tells every open prompt.
func (c *deviceClient) sync(ctx context.Context, s *hub.Session) error {
	return c.fresh(ctx, func(open []*verify.Verification, ps []Prompt) { c.listLocked(s, open, ps) })
}

// fresh reads the open prompts and calls tell with them, holding the lock. A
// prompt that is published or closed while the store is read would be older or
// newer than they are: then they are read again. It returns [hub.ErrClosed] when
// the connection has ended.
func (c *deviceClient) fresh(ctx context.Context, tell func([]*verify.Verification, []Prompt)) error {
	for {
		c.mu.Lock()
		turns, gone := c.turns, c.gone
		c.mu.Unlock()
		if gone {
			return hub.ErrClosed
		}
		open, now, err := c.server.store.OpenPrompts(ctx, c.id)
		if err != nil {
			return err
		}
		ps := promptsOf(open, c.id, c.server.authority, now)
		c.mu.Lock()
		told := turns == c.turns && !c.gone
		if told {
			tell(open, ps)
		}
		c.mu.Unlock()
		if told {
			return nil
		}
	}
}

func (c *deviceClient) listLocked(s *hub.Session, open []*verify.Verification, ps []Prompt) {
	for i, known := range c.shown {
		if known.open && !slices.ContainsFunc(ps, func(p Prompt) bool { return p.VerificationID == known.verification }) {
			s.Timers(known.verification)
		}
		c.shown[i].open = false
	}
	c.listed = true
	_ = s.Send("prompts", 0, struct { // a session that is ending is told again when it comes again
		Prompts []Prompt `json:"prompts"`
	}{ps})
	for _, p := range ps {
		c.noteLocked(shown{p.VerificationID, p.DeliveryID, true})
	}
	for _, v := range open {
		s.Timers(v.ID, hub.Timer{Field: "prompt_in", At: v.Prompt.ExpiresAt})
		for _, known := range c.shown {
			if known.verification == v.ID && known.open {
				c.lapseLocked(v.ID, known.delivery, v.Prompt.ExpiresAt)
			}
		}
	}
}

// noteLocked remembers what became of a delivery.
func (c *deviceClient) noteLocked(n shown) {
	for i := range c.shown {
		if c.shown[i].delivery == n.delivery {
			c.shown[i].open = n.open
			return
		}
	}
	if len(c.shown) == maxShown {
		c.shown = slices.Delete(c.shown, 0, 1)
	}
	c.shown = append(c.shown, n)
}

// Receive implements [hub.Client].
func (c *deviceClient) Receive(ctx context.Context, s *hub.Session, f hub.Frame) error {
	ctx, cancel := hurried(ctx)
	defer cancel()
	var err error
	switch f.Type {
	case "ack", "displayed":
		err = c.receipt(ctx, f)
	case "respond":
		err = c.respond(ctx, s, f)
	case "sync":
		err = c.sync(ctx, s)
	case "away":
		err = c.away(ctx)
	default:
		return nil
	}
	return c.server.told(ctx, err)
}

// onlyDevices refuses to others what a device may send. Types that do not exist
// are ignored (contract, section 6).
func onlyDevices(f hub.Frame) error {
	switch f.Type {
	case "ack", "displayed", "respond", "sync", "away":
		return &hub.Refusal{Code: verify.CodeForbidden, Message: "Only a device says this. Pages and consoles act over REST."}
	}
	return nil
}

func (c *deviceClient) receipt(ctx context.Context, f hub.Frame) error {
	var data struct {
		DeliveryID string `json:"delivery_id"`
	}
	if json.Unmarshal(f.Data, &data) != nil || data.DeliveryID == "" {
		return invalid("delivery_id", `Name the delivery: {"delivery_id":"dlv_…"}.`)
	}
	id, err := c.verificationOf(ctx, data.DeliveryID)
	if err != nil {
		return err
	}
	return c.server.receipt(ctx, c.id, id, data.DeliveryID, f.Type == "displayed")
}

// verificationOf finds what a delivery belongs to: one told here, or one that
// came by push and is still open.
func (c *deviceClient) verificationOf(ctx context.Context, deliveryID string) (string, error) {
	c.mu.Lock()
	for _, known := range c.shown {
		if known.delivery == deliveryID {
			c.mu.Unlock()
			return known.verification, nil
		}
	}
	c.mu.Unlock()
	open, _, err := c.server.store.OpenPrompts(ctx, c.id)
	if err != nil {
		return "", err
	}
	for _, v := range open {
		if v.Delivery(deliveryID) != nil {
			return v.ID, nil
		}
	}
	return "", verify.ErrNotFound
}

func (c *deviceClient) respond(ctx context.Context, s *hub.Session, f hub.Frame) error {
	var data struct {
		Token string `json:"token"`
	}
	if json.Unmarshal(f.Data, &data) != nil || data.Token == "" {
		return invalid("token", `Send the signed answer: {"token":"…"}.`)
	}
	c.mu.Lock()
	c.answering = true
	c.mu.Unlock()
	result, err := c.server.respond(ctx, c.user, c.id, "", data.Token)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		_ = s.Send("prompt_result", 0, result) // whoever is gone asks again: the same answer is told the same
	}
	held := c.held
	c.answering, c.held = false, nil
	for _, p := range held {
		c.closedLocked(s, p)
	}
	return err
}

// away has the open prompts pushed: the app is about to lose its connection.
func (c *deviceClient) away(ctx context.Context) error {
	open, _, err := c.server.store.OpenPrompts(ctx, c.id)
	if err != nil {
		return err
	}
	for _, v := range open {
		err := c.server.store.UpdateVerification(ctx, v.ID, nil, func(v *verify.Verification, now time.Time) error {
			v.Away(c.id, c.server.policy, now)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Deliver implements [hub.Client].
func (c *deviceClient) Deliver(s *hub.Session, m hub.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var err error
	switch m.Kind {
	case kindPrompt:
		var f verify.PromptFrame
		if err = json.Unmarshal(m.Data, &f); err == nil {
			c.promptLocked(s, f)
		}
	case kindClosed:
		var p promptClosing
		if err = json.Unmarshal(m.Data, &p); err == nil {
			c.closedLocked(s, p)
		}
	}
	if err != nil {
		c.server.log.Error("a published message cannot be read", "topic", m.Topic, "kind", m.Kind, "error", err)
	}
}

// promptLocked tells a prompt, unless it stood in the list already or its end was
// told first: they are told by different hands. It reports whether it did.
func (c *deviceClient) promptLocked(s *hub.Session, f verify.PromptFrame) bool {
	for i := range c.shown {
		switch known := &c.shown[i]; {
		case known.delivery == f.DeliveryID:
			return false
		case known.verification == f.VerificationID && known.open:
			known.open = false
			_ = s.Send("prompt_closed", 0, promptClosed{f.VerificationID, string(verify.Superseded)})
		}
	}
	ends, err := time.Parse(time.RFC3339, f.ExpiresAt)
	if err != nil {
		c.server.log.Error("a published prompt has no end", "verification", f.VerificationID, "error", err)
		return false
	}
	c.turns++
	c.noteLocked(shown{f.VerificationID, f.DeliveryID, true})
	c.lapseLocked(f.VerificationID, f.DeliveryID, ends)
	_ = s.Send("prompt", 0, Prompt{PromptFrame: f, Remaining: verify.Rest(ends.Sub(c.server.Now()))})
	s.Timers(f.VerificationID, hub.Timer{Field: "prompt_in", At: ends})
	return true
}

// closedLocked tells the end of a prompt that this connection was told of, once.
// It reports whether it did.
func (c *deviceClient) closedLocked(s *hub.Session, p promptClosing) bool {
	if c.answering {
		c.held = append(c.held, p)
		return false
	}
	c.turns++
	was := false
	for _, id := range p.Deliveries {
		was = was || slices.Contains(c.shown, shown{p.VerificationID, id, true})
		c.noteLocked(shown{p.VerificationID, id, false})
	}
	if !was {
		return false
	}
	if p.Reason != string(verify.Expired) { // one that ran out still owes its 0
		s.Timers(p.VerificationID)
	}
	_ = s.Send("prompt_closed", 0, p.promptClosed)
	return true
}

// Closed implements [hub.Client].
func (c *deviceClient) Closed(context.Context, *hub.Session) {
	c.server.live.phones.remove(c)
	c.server.live.deviceLeft(c.id)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = true
	if c.lapse != nil {
		c.lapse.Stop()
	}
}
