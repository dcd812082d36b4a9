package traffic

import (
	"context"
	"errors"
	"time"

	"nod/verify"
)

// visit is one person who wants one thing: in, or a number proved.
type visit struct {
	play  *play
	who   *person
	dice  dice
	begin time.Time

	purpose   verify.Purpose
	channel   verify.Channel
	number    verify.Number
	nobody    bool  // the number was typed wrong: what goes there arrives nowhere
	connected bool  // the app is open
	absent    bool  // the phone is somewhere else
	page      *page // that the person looks at; nil before and after
}

// page waits for one verification.
type page struct {
	visit *visit
	id    string
	v     *verify.Verification // as it was told last
	began time.Time

	last   map[verify.Channel]Route // the last message that was taken, by channel
	paid   bool                     // an SMS or a call may have left
	taken  bool                     // the last message was taken
	resent bool
	waited time.Duration // that the last resend had to wait
	read   bool          // a code arrived, and the person is typing
	typed  bool
	wrong  bool
	rung   int // the prompt, by generation, that the phone showed
}

// come is the beginning: what the person wants, and how they are set up for it. Who
// has an app enrolls it first, once.
func (t *visit) come(ctx context.Context) error {
	d := t.dice
	if t.who.app && t.who.device == nil {
		if err := t.enroll(ctx); err != nil {
			return err
		}
		t.play.after(d.within(40*time.Second, 3*time.Minute), t.come)
		return nil
	}
	t.purpose, t.channel, t.number = verify.Login, verify.Auto, t.who.number
	switch {
	case d.chance(0.18):
		t.purpose = verify.Phone
		if t.nobody = d.chance(0.01); t.nobody {
			t.number = t.who.home.numberOf(nobodies + d.IntN(1000))
		}
	case t.who.device != nil && d.chance(0.04):
		t.channel = verify.Both
	case t.who.device == nil && d.chance(0.1):
		t.channel = verify.SMS
	}
	t.absent = d.chance(t.play.absent())
	if t.connected = t.who.device != nil && d.chance(0.25); t.connected {
		if err := t.play.store.TouchDevices(ctx, []string{t.who.device.ID}); err != nil {
			return err
		}
	}
	return t.ask(ctx, verify.Number{})
}

// nobodies is from where on numbers belong to no person of the play.
const nobodies = 900_000

// ask opens a page: it starts a verification, in the place of what the person left.
func (t *visit) ask(ctx context.Context, leaving verify.Number) error {
	p := t.play
	q := verify.Request{
		ID: verify.NewID("ver"), KeyID: p.keys.CodeKey(), SignKeyID: p.keys.SignKey(), UserID: t.who.id,
		Purpose: t.purpose, Number: t.number, Leaving: leaving, Channel: t.channel, Locale: t.who.locale,
		Context: verify.Context{App: "Example Bank", IP: t.who.ip, UserAgent: t.who.browser, Location: t.who.home.city},
	}
	if r := t.who.remembered; r != nil && t.purpose == verify.Login {
		q.Trusted = verify.TrustClaim{DeviceID: r.ID, Generation: r.Generation, Network: p.keys.Network(t.who.id, t.who.ip)}
	}
	asked := &page{visit: t, id: q.ID, began: p.now(), last: map[verify.Channel]Route{}}
	p.pages[q.ID], t.page = asked, asked
	var (
		v       *verify.Verification
		reused  bool
		refusal error
		trusted *verify.TrustedDevice
	)
	applicant := verify.Applicant{UserID: q.UserID, Purpose: q.Purpose, Number: q.Number, Leaving: leaving, TrustedID: q.Trusted.DeviceID}
	err := p.store.CreateVerification(ctx, applicant, nil, func(s *verify.Situation, now time.Time) (*verify.Verification, error) {
		trusted = s.Trusted
		if q.Purpose == verify.Phone {
			v, reused, refusal = verify.Prove(q, s, p.policy, now)
		} else {
			v, refusal = verify.Start(q, s, p.policy, now)
		}
		if v == nil {
			return nil, refusal
		}
		return v, nil
	})
	_, refused := errors.AsType[*verify.Refusal](err)
	switch {
	case refused: // nothing was kept of it: the person goes
		delete(p.pages, q.ID)
		t.page = nil
		return nil
	case err != nil:
		return err
	case refusal != nil:
		return t.turnedAway(refusal)
	case reused: // another page of the same person showed it
		delete(p.pages, q.ID)
		asked = p.pages[v.ID]
		asked.visit.page = nil
		asked.visit, t.page = t, asked
	default:
		p.tally.Started++
		p.tally.Hours[p.now().Hour()].Of++
		if !leaving.IsZero() {
			p.tally.Changed++
		}
	}
	if v.Method == verify.ByTrustedDevice {
		t.who.remembered = trusted
		asked.approved("")
		return nil
	}
	p.after(t.patience(), asked.impatient)
	return nil
}
