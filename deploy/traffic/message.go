package traffic

import (
	"context"
	"slices"
	"time"

	"nod/verify"
)

// message is one message on its way to a person or to a phone.
type message struct {
	lease

	route  Route
	tried  []string      // providers that did not take it
	code   string        // that it says; empty for an app
	asked  bool          // by a person who pressed the button again
	waited time.Duration // what the page had made them wait for that
}

// compose writes the message of a leased delivery.
func (l lease) compose(v *verify.Verification) *message {
	d := v.Delivery(l.delivery)
	m := &message{
		lease: l, tried: d.TriedBy(), asked: d.Resend > 0, waited: l.page.waited,
		route: Route{Channel: d.Channel, Country: d.Country},
	}
	if c := v.CodeOf(d); c != nil {
		m.code = l.page.visit.play.keys.Code(v, *c)
	}
	return m
}

// smsProviders carry SMS. Which one is asked first differs from message to message, as
// it does between nodes that rank them; calls are twilio's.
var smsProviders = []string{"twilio", weakRoute}

// SMSProviders are the providers of SMS in the play.
func SMSProviders() []string { return slices.Clone(smsProviders) }

// leave is what who carries the message answers, and after how long.
func (m *message) leave() (verify.Outcome, time.Duration) {
	t := m.page.visit
	d := t.dice
	switch m.route.Channel {
	case verify.WebSocket:
		m.route.Provider = "socket"
		if !t.connected {
			return verify.Outcome{State: verify.StateUndelivered, Class: verify.ClassNone, Provider: "socket", Detail: "not_connected"}, time.Millisecond
		}
		return verify.Outcome{State: verify.StateAccepted, Class: verify.ClassNone, Provider: "socket"}, 3 * time.Millisecond
	case verify.Push:
		m.route.Provider = t.who.push
	case verify.Voice:
		m.route.Provider = smsProviders[0]
	default:
		left := slices.DeleteFunc(slices.Clone(smsProviders), func(name string) bool { return slices.Contains(m.tried, name) })
		m.route.Provider = left[0]
		if len(left) > 1 && d.chance(0.4) {
			m.route.Provider = left[1]
		}
		if len(left) > 1 && d.chance(0.01) {
			return verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Provider: m.route.Provider, Detail: "busy", HandOver: true}, time.Second
		}
		if d.chance(0.002) {
			return verify.Outcome{State: verify.StateUnknown, Class: verify.ClassUnknown, Provider: m.route.Provider, Detail: "timeout"}, 10 * time.Second
		}
	}
	return verify.Outcome{State: verify.StateAccepted, Class: verify.ClassNone, Provider: m.route.Provider, ProviderID: verify.NewID("msg")},
		d.within(120*time.Millisecond, 500*time.Millisecond)
}

// accepted is when somebody has taken the message: it arrives, or is lost.
func (m *message) accepted() {
	t := m.page.visit
	p, d := t.play, t.dice
	p.tally.at(m.route, func(s *Sent) { s.Accepted++ })
	m.page.last[m.route.Channel] = m.route
	lost := d.chance(p.lost(m)) || t.nobody && m.code != ""
	travels := p.travel(d, m)
	switch {
	case m.route.Channel == verify.WebSocket:
		p.after(80*time.Millisecond, m.rings)
	case m.code == "" && !lost:
		p.after(travels, m.rings)
	case m.code == "":
	case lost && d.chance(0.5):
		p.after(d.within(20*time.Second, 90*time.Second), m.receipt(verify.StateUndelivered))
	case !lost:
		if d.chance(0.92) {
			p.after(travels+d.within(0, 800*time.Millisecond), m.receipt(verify.StateDelivered))
		}
		p.after(travels, m.read)
	}
}

// receipt is what the provider tells later about a message that it took.
func (m *message) receipt(of verify.DeliveryState) func(context.Context) error {
	return func(ctx context.Context) error {
		p := m.page.visit.play
		r := verify.Receipt{DeliveryID: m.delivery, Provider: m.route.Provider, State: of}
		if of == verify.StateUndelivered {
			r.Class, r.Detail = verify.ClassTransient, "no_answer"
		}
		p.tally.at(m.route, func(s *Sent) {
			if of == verify.StateDelivered {
				s.Delivered++
			} else {
				s.Undelivered++
			}
		})
		return p.store.UpdateVerification(ctx, m.page.id, nil, func(v *verify.Verification, now time.Time) error {
			v.Receive(r, p.policy, now)
			return nil
		})
	}
}
