package delivery

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"nod/verify"
)

// Departure is a code that is about to leave for a number. It names neither of them.
type Departure struct {
	VerificationID string
	DeliveryID     string // the same at every try of it
	UserID         string
	Purpose        verify.Purpose
	Channel        verify.Channel // sms or voice
	Country        string         // see [verify.Delivery]
	IP             string         // the person's, as far as it is known
	At             time.Time      // of the question, by the store's clock
}

// Gate is asked before a code leaves for a number, each time that it is about to: the
// integrator may know what no rule does. It returns soon after ctx ends. An error says
// that there is no answer. It is called from many goroutines at once; a panic is no
// answer either.
type Gate interface {
	Allow(ctx context.Context, of Departure) (bool, error)
}

// Why a delivery was suppressed at the gate: what its detail says.
const (
	RefusedAtGate = "presend"            // the answer was no
	GateSilent    = "presend_unanswered" // no answer came, and then no code leaves
)

const (
	gateTimeout = time.Second     // unless the configuration says more
	gateMost    = 3 * time.Second // a person waits
)

var errNoAnswer = errors.New("the one who is asked before a code leaves panicked")

// passes asks the gate about a leased delivery, where there is one and it goes to a
// number. A delivery that may not leave is suppressed here; the ladder goes on without.
//
// The lease stands meanwhile and nothing has left: a crash asks again. The question
// takes a place of the channel, so that one who does not answer holds up what is to be
// asked about and nothing else; [Dispatcher.room] waits for no such place.
func (d *Dispatcher) passes(ctx context.Context, l leased, j job) bool {
	if d.config.Gate == nil || (j.channel != verify.SMS && j.channel != verify.Voice) {
		return true
	}
	d.figures.atGate(j.channel, 1)
	allowed, err := d.askGate(ctx, l, l.v.Delivery(j.id))
	d.figures.atGate(j.channel, -1)
	if ctx.Err() != nil {
		return false // this dispatcher is given up: the end of the lease brings it to another
	}
	detail := RefusedAtGate
	if d.gate.note(err) {
		d.config.Log.Warn("nobody answers before codes leave; this is said once until one does", "codes_leave", d.config.GateOpen, "error", err)
	}
	if err != nil {
		detail, allowed = GateSilent, d.config.GateOpen
	}
	if allowed {
		return true
	}
	o := verify.Outcome{State: verify.StateSuppressed, Class: verify.ClassPolicy, Detail: detail}
	_, err = d.write(ctx, l.v.ID, func(fresh *verify.Verification, at time.Time) error {
		fresh.Settle(j.id, l.token, o, d.config.Policy, at)
		return nil
	})
	d.figures.sent(j.channel, o.State, err != nil)
	if err != nil && !errors.Is(err, verify.ErrNotFound) {
		d.config.Log.Warn("a delivery that may not leave waits for the end of its lease: the store did not take it", "delivery_id", j.id, "error", err)
	}
	return false
}

// askGate asks once, within the time that there is.
func (d *Dispatcher) askGate(ctx context.Context, l leased, row *verify.Delivery) (allowed bool, err error) {
	became := failed
	d.figures.enter(&d.figures.Gate, unlimited) // the channel has the places
	defer func() { d.figures.leave(&d.figures.Gate, became) }()
	defer func() {
		if d.panicked(recover(), "asking before a code leaves", "delivery_id", row.ID, "channel", row.Channel) {
			allowed, err = false, errNoAnswer
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, d.config.GateTimeout)
	defer cancel()
	allowed, err = d.config.Gate.Allow(ctx, Departure{
		VerificationID: l.v.ID, DeliveryID: row.ID, UserID: l.v.UserID, Purpose: l.v.Purpose,
		Channel: row.Channel, Country: row.Country, IP: l.v.Context.IP, At: l.at.Add(time.Since(l.began)),
	})
	if err == nil {
		became = done
	}
	return allowed, err
}

// quiet is a trouble that is told once until it is over.
type quiet struct{ told atomic.Bool }

// note reports whether a trouble (nil: there is none) is to be told.
func (q *quiet) note(err error) bool {
	return q.told.Swap(err != nil) != (err != nil) && err != nil
}
