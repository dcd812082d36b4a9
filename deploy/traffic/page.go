package traffic

import (
	"cmp"
	"context"
	"errors"
	"time"

	"nod/verify"
)

// sees is told how the verification stands now.
func (g *page) sees(v *verify.Verification) {
	g.v = v
	if !v.Terminal() {
		return
	}
	t := g.visit
	delete(t.play.pages, g.id)
	t.play.tally.Ended[v.Status]++
	if t.page == g {
		t.page = nil
	}
}

// open reports whether somebody still looks at the page.
func (g *page) open() bool { return g.visit.page == g }

// patience is how long a person waits for something to arrive.
func (t *visit) patience() time.Duration { return t.dice.around(55*time.Second, 0.35) }

// turnedAway is for a page that was refused before anything was sent. Who is told to
// wait mostly does.
func (t *visit) turnedAway(why error) error {
	t.play.tally.Blocked++
	t.page = nil
	r, _ := errors.AsType[*verify.Refusal](why)
	if r.Code == verify.CodeCooldown && t.dice.chance(0.7) {
		t.play.after(r.RetryAfter+t.dice.within(time.Second, 20*time.Second), func(ctx context.Context) error { return t.ask(ctx, verify.Number{}) })
	}
	return nil
}

// impatient is when nothing came for too long: the person goes, sees that the number
// is wrong, begins anew or presses the button.
func (g *page) impatient(ctx context.Context) error {
	t := g.visit
	if !g.open() || g.read || g.rung > 0 && !t.absent {
		return nil
	}
	switch d := t.dice; {
	case t.absent, d.chance(0.08):
		return g.leave(ctx)
	case t.nobody && g.v.CanChangePhone(t.play.policy):
		mistyped := t.number
		t.number, t.nobody = t.who.number, false
		return t.ask(ctx, mistyped)
	case d.chance(0.02):
		return t.ask(ctx, verify.Number{})
	case d.chance(0.03): // does not believe in the countdown
		return g.press(ctx, "")
	}
	return g.again(ctx)
}

// again presses the button as soon as the page lets it be pressed; a few would rather
// be called in the end.
func (g *page) again(ctx context.Context) error {
	t := g.visit
	if !g.open() || g.read {
		return nil
	}
	now := t.play.now()
	can := g.v.Actions(t.play.policy, now)
	channel, in := verify.Channel(""), can.SMSIn
	if can.VoiceIn != nil && g.v.ResendCount > 0 && t.dice.chance(0.15) {
		channel, in = verify.Voice, can.VoiceIn
	}
	switch {
	case in == nil:
		return g.leave(ctx)
	case *in > 0:
		t.play.after(time.Duration(*in)*time.Second+t.dice.within(time.Second, 6*time.Second), g.again)
		return nil
	}
	return g.press(ctx, channel)
}

// press asks for the code again, or for the first one where only the app was asked.
func (g *page) press(ctx context.Context, channel verify.Channel) error {
	t := g.visit
	p := t.play
	first, waited := len(g.v.Codes) == 0, time.Duration(0)
	if g.taken {
		waited = g.v.ResendDelay(p.policy)
	}
	before := g.waited
	g.waited = waited // what is sent bears it
	refused, err := p.change(ctx, g.id, func(v *verify.Verification, now time.Time) error {
		if first {
			return v.Next(p.policy, now)
		}
		return v.Resend(channel, p.policy, now)
	})
	switch {
	case err != nil:
		return err
	case refused != nil:
		g.waited = before
		p.after(max(refused.RetryAfter, time.Second)+t.dice.within(time.Second, 6*time.Second), g.again)
		if first {
			return nil
		}
		_, err = p.change(ctx, g.id, func(v *verify.Verification, now time.Time) error {
			if !v.Terminal() {
				v.RejectResend(refused, now)
			}
			return nil
		})
		return err
	case !first:
		g.resent = true
		p.tally.Resends++
		add(p.tally.Steps, int(waited/time.Second), 1, 0)
	}
	p.after(t.patience(), g.impatient)
	return nil
}

// leave closes the page. Some press "cancel", the others are just gone.
func (g *page) leave(ctx context.Context) error {
	t := g.visit
	t.page = nil
	if !t.dice.chance(0.4) {
		return nil
	}
	_, err := t.play.change(ctx, g.id, func(v *verify.Verification, now time.Time) error { return v.Cancel(now) })
	return err
}

// read is a code that arrived at a person.
func (m *message) read(context.Context) error {
	g := m.page
	t := g.visit
	if g.open() && !t.absent && !g.read {
		g.read = true
		t.play.after(t.dice.around(8*time.Second, 0.4), func(ctx context.Context) error { return g.types(ctx, m.code) })
	}
	return nil
}

// types types a code, again when it was wrong, until the page takes no more.
func (g *page) types(ctx context.Context, code string) error {
	t := g.visit
	p := t.play
	if !g.open() {
		return nil
	}
	typed := code
	if t.dice.chance(p.mistyped(t.who)) {
		last := len(code) - 1
		typed = code[:last] + string('0'+(code[last]-'0'+1)%10)
	}
	ok, left := false, 0
	refused, err := p.change(ctx, g.id, func(v *verify.Verification, now time.Time) (err error) {
		ok, err = v.Check(p.keys, typed, p.policy, now)
		left = v.AttemptsLeft(now)
		return err
	})
	if err != nil {
		return err
	}
	if refused == nil {
		if !g.typed {
			g.typed = true
			add(p.tally.Texts, t.who.locale, 1, 0)
		}
		if !ok && !g.wrong {
			g.wrong = true
			add(p.tally.Texts, t.who.locale, 0, 1)
		}
	}
	switch {
	case ok:
		g.byCode()
		return nil
	case refused == nil:
		p.tally.Wrong++
	}
	if left > 0 {
		p.after(t.dice.around(7*time.Second, 0.4), func(ctx context.Context) error { return g.types(ctx, code) })
		return nil
	}
	g.read = false
	p.after(t.dice.within(2*time.Second, 8*time.Second), g.impatient)
	return nil
}

// byCode is a code that was right.
func (g *page) byCode() {
	if g.resent {
		add(g.visit.play.tally.Steps, int(g.waited/time.Second), 0, 1)
	}
	channel := verify.SMS
	if g.v.Method == verify.ByVoiceCode {
		channel = verify.Voice
	}
	g.approved(channel)
}

// approved counts who is let in, by a message of some channel; empty: by none. Some ask
// to be remembered.
func (g *page) approved(channel verify.Channel) {
	t := g.visit
	p := t.play
	p.tally.Approved++
	p.tally.Took += p.now().Sub(g.began)
	p.tally.Hours[g.began.Hour()].Did++
	if t.purpose == verify.Login {
		p.tally.Logins++
		if !g.paid {
			p.tally.WithoutSMS++
		}
	}
	if channel == "" {
		return
	}
	p.tally.at(g.last[channel], func(s *Sent) { s.Approved++ })
	if t.purpose == verify.Login && t.who.trusted {
		p.after(t.dice.within(300*time.Millisecond, 2*time.Second), g.remember)
	}
}

// remember is the integrator's exchange, for who asked to be remembered.
func (g *page) remember(ctx context.Context) error {
	p := g.visit.play
	_, err := p.change(ctx, g.id, func(v *verify.Verification, now time.Time) error {
		if err := v.Redeem(now); err != nil {
			return err
		}
		g.visit.who.remembered = cmp.Or(v.Remember(p.keys, now), g.visit.who.remembered)
		return nil
	})
	return err
}
