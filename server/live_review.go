package server

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"nod/hub"
	"nod/verify"
)

// review compares what happened to the device's user lately with what this
// connection was told. What has ended is told from the events alone; a prompt
// that it was never given is read from the store.
func (c *deviceClient) review(es []verify.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ended := map[string]bool{}
	for _, e := range es {
		switch {
		case e.Name == verify.EventDeviceRevoked && e.Data.DeviceID == c.id:
			c.server.found(foundRevoked)
			c.session.Close(hub.CloseUnauthenticated, hub.ByeRevoked)
			return
		case terminal(e.Name):
			ended[e.VerificationID] = true
			status := verify.Status(strings.TrimPrefix(e.Name, "verification."))
			c.endLocked(e.VerificationID, "", closeReason(status, e.Data.Method))
		case e.Data.DeliveryID != "" && e.Data.State == verify.StateExpired:
			c.endLocked(e.VerificationID, e.Data.DeliveryID, string(verify.Expired))
		}
	}
	if !c.listed {
		c.turns++ // what is being read may be older, and has to be told first
		return
	}
	// One that is only queued counts: it was due at once, and whoever took it on may
	// have died before it was published.
	var missed []shown
	for _, e := range es {
		if d := e.Data; d.Channel == verify.WebSocket && d.DeviceID == c.id && d.State != "" &&
			!ended[e.VerificationID] && !c.knowsLocked(d.DeliveryID) {
			missed = append(missed, shown{e.VerificationID, d.DeliveryID, false})
		}
	}
	switch {
	case len(missed) == 0:
	case c.fetching:
		c.turns++ // what is being read may be older
	default:
		c.fetching = true
		c.server.live.backlog.add(func(ctx context.Context) { c.fetch(ctx, missed) })
	}
}

func (c *deviceClient) knowsLocked(deliveryID string) bool {
	return slices.ContainsFunc(c.shown, func(k shown) bool { return k.delivery == deliveryID })
}

// endLocked tells the end of what the connection still shows of a verification:
// of one delivery, or of all.
func (c *deviceClient) endLocked(verificationID, deliveryID, reason string) {
	var open []string
	for _, k := range c.shown {
		if k.open && k.verification == verificationID && (deliveryID == "" || k.delivery == deliveryID) {
			open = append(open, k.delivery)
		}
	}
	if len(open) > 0 && c.closedLocked(c.session, promptClosing{promptClosed{verificationID, reason}, open}) {
		c.server.found(foundClosed)
	}
}

// lapseGrace is how long after a prompt's end its closing may come by itself.
const lapseGrace = 2 * time.Second

// lapseLocked sees to it that the end of a prompt is told when its time runs out:
// there may be no event of that to find.
func (c *deviceClient) lapseLocked(verificationID, deliveryID string, ends time.Time) {
	if !c.server.config.Repair {
		return
	}
	if c.lapse != nil {
		c.lapse.Stop() // a user is asked one thing at a time
	}
	c.lapse = time.AfterFunc(ends.Sub(c.server.Now())+lapseGrace, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if !c.gone {
			c.endLocked(verificationID, deliveryID, string(verify.Expired))
		}
	})
}

// fetch tells the open prompts that the connection does not know, as if they had
// just been published. A delivery that was missed and is none of theirs any more
// is not looked for again.
func (c *deviceClient) fetch(ctx context.Context, missed []shown) {
	brief, cancel := hurried(ctx)
	defer cancel()
	err := c.fresh(brief, func(open []*verify.Verification, ps []Prompt) {
		for _, p := range ps {
			if c.promptLocked(c.session, p.PromptFrame) {
				c.server.found(foundPrompt)
			}
		}
		for _, m := range missed {
			if !c.knowsLocked(m.delivery) {
				c.noteLocked(m)
			}
		}
		c.fetching = false
	})
	if ctx.Err() != nil || errors.Is(err, hub.ErrClosed) {
		return
	}
	c.server.unrepaired.note(ctx, err)
	if err != nil {
		c.server.live.backlog.later(func(ctx context.Context) { c.fetch(ctx, missed) })
	}
}
