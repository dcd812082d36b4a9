package traffic

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"time"

	"nod/verify"
)

// claimLimit is how many verifications one claim takes; seldom two are due at once.
const claimLimit = 128

// committed is told every change, as the server and the dispatcher are: the page
// sees how things stand, and what will be due by itself is noted.
func (p *play) committed(ch verify.Change) {
	v := ch.Verification
	if v == nil {
		return
	}
	if v.Terminal() {
		delete(p.due, v.ID)
	} else if at := v.NextAt; !at.Equal(p.due[v.ID]) {
		p.due[v.ID] = at
		p.at(at, func(ctx context.Context) error { return p.claim(ctx, v.ID, at) })
	}
	if page := p.pages[v.ID]; page != nil {
		page.sees(v)
	}
}

// open are the verifications that have not ended.
func (p *play) open() iter.Seq[string] { return maps.Keys(p.due) }

// lease is a message that a claim took.
type lease struct {
	page     *page
	delivery string
	token    string
}

// claim is one look of the dispatcher at what is due, as its lease rule has it; for
// nothing where what was planned has changed since. Nobody is asked what became of a
// message: these providers tell by themselves.
func (p *play) claim(ctx context.Context, id string, planned time.Time) error {
	if !p.due[id].Equal(planned) {
		return nil
	}
	p.claims++
	token := fmt.Sprint("claim-", p.claims)
	taken := map[string][]lease{}
	var leaves []*message // marked as sending by the claim itself
	claimed, _, err := p.store.ClaimDue(ctx, claimLimit, func(v *verify.Verification, now time.Time) error {
		v.Advance(p.policy, now)
		taken[v.ID] = nil
		for _, d := range v.Lease(p.policy, token, now) {
			l := lease{p.pages[v.ID], d, token}
			switch {
			case v.Delivery(d).Channel != verify.WebSocket:
				taken[v.ID] = append(taken[v.ID], l)
			case v.Send(d, token, p.policy, now):
				leaves = append(leaves, l.compose(v))
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, m := range leaves {
		p.hand(m)
	}
	for _, id := range claimed {
		for _, l := range taken[id] {
			if err := p.send(ctx, id, l); err != nil {
				return err
			}
		}
	}
	return nil
}

// send marks a message as leaving and hands it over, unless its lease was lost.
func (p *play) send(ctx context.Context, id string, l lease) error {
	var m *message
	err := p.store.UpdateVerification(ctx, id, nil, func(v *verify.Verification, now time.Time) error {
		m = nil
		if v.Send(l.delivery, l.token, p.policy, now) {
			m = l.compose(v)
		}
		return nil
	})
	if err == nil && m != nil {
		p.hand(m)
	}
	return err
}

// hand gives a message to who carries it and, once that has answered, writes what it
// made of it.
func (p *play) hand(m *message) {
	outcome, takes := m.leave()
	p.after(takes, func(ctx context.Context) error {
		switch outcome.State {
		case verify.StateAccepted:
			m.accepted()
		case verify.StateUndelivered:
			p.tally.at(m.route, func(s *Sent) { s.Undelivered++ })
		}
		m.page.paid = m.page.paid || m.code != "" && outcome.State != verify.StateRetrying
		m.page.taken = outcome.State == verify.StateAccepted
		return p.store.UpdateVerification(ctx, m.page.id, nil, func(v *verify.Verification, now time.Time) error {
			v.Settle(m.delivery, m.token, outcome, p.policy, now)
			return nil
		})
	})
}
