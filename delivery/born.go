package delivery

import (
	"context"

	"nod/verify"
)

// Committed tells of a change after its COMMIT. What the change asks the app under
// this process's own token ([verify.Policy.Worker]) leaves now, what is due later is
// woken for, and phones hear what is over. It never blocks. A process that does not hear
// of its change, stops first or has no room sends nothing: the lease is short, and ends.
func (d *Dispatcher) Committed(c verify.Change) {
	if c.Verification == nil {
		return
	}
	if l := d.bornIn(c); len(l.jobs) > 0 {
		select {
		case d.born <- l:
		default:
			d.figures.noRoom()
		}
	}
	d.Wake(c.Verification.NextAt)
	d.Over(c.Verification, c.Events)
}

// bornIn finds what a change made and took at once. Each is found in one change only:
// in the one that tells that it was queued.
func (d *Dispatcher) bornIn(c verify.Change) leased {
	l := leased{v: c.Verification, token: d.config.Policy.Worker, began: c.Begun}
	for _, e := range c.Events {
		if e.Data.State != verify.StateQueued {
			continue
		}
		row := l.v.Delivery(e.Data.DeliveryID)
		if row.State == verify.StateSending && row.LeaseToken == l.token {
			l.at = e.At
			l.jobs = append(l.jobs, job{row.ID, row.Channel})
		}
	}
	return l
}

// births starts what was born until ctx ends.
func (d *Dispatcher) births(ctx, trying context.Context) {
	for {
		select {
		case l := <-d.born:
			for _, j := range l.jobs {
				if d.figures.sending(j.channel) >= d.config.Workers {
					d.figures.noRoom()
					continue
				}
				d.start(trying, l, j)
			}
		case <-ctx.Done():
			return
		}
	}
}
