package verify

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Lease takes the deliveries that are due at now for one worker, under its
// token, until now plus the policy's lease. It returns their ids in order. What goes
// over the socket is sending from then on, the rest is leased (see
// [Verification.Send]); what tells of something that has ended is not taken.
func (v *Verification) Lease(p *Policy, token string, now time.Time) []string {
	var ids []string
	v.lapse(now)
	for i := range v.Deliveries {
		d := &v.Deliveries[i]
		if (d.State != StateQueued && d.State != StateRetrying) || now.Before(d.DueAt) {
			continue
		}
		v.take(d, token, p, now)
		ids = append(ids, d.ID)
	}
	v.settle(p, now)
	return ids
}

// take gives a worker one try of a delivery, counted before it runs. Over the socket a
// prompt may be sent twice, so a commit of its own before it leaves would protect
// nothing: it is sending at once, and on the phone one write earlier.
func (v *Verification) take(d *Delivery, token string, p *Policy, now time.Time) {
	d.Attempts++
	d.LeaseToken = token
	to := StateLeased
	if d.Channel == WebSocket {
		to = StateSending
	}
	v.begin(d, to, p, now)
}

// begin moves a delivery to one of its worker's two states, with a new lease.
func (v *Verification) begin(d *Delivery, to DeliveryState, p *Policy, now time.Time) {
	d.LeaseEndAt = now.Add(p.Lease(d.Channel))
	if to == StateSending {
		d.Provider, d.ProviderID = "", "" // of a try before: a receipt is compared with this one's
	}
	v.move(d, to, now)
}

// Delivery finds a delivery by id; nil when it is not of this verification.
func (v *Verification) Delivery(id string) *Delivery {
	for i := range v.Deliveries {
		if v.Deliveries[i].ID == id {
			return &v.Deliveries[i]
		}
	}
	return nil
}

// leased finds the delivery that the worker with this token holds; nil when
// another took it or it was canceled meanwhile.
func (v *Verification) leased(id, token string) *Delivery {
	d := v.Delivery(id)
	if d == nil || d.LeaseToken != token || (d.State != StateLeased && d.State != StateSending) {
		return nil
	}
	return d
}

// Send marks a leased delivery as leaving now: committed just before the
// request leaves. The lease begins anew, so that the answer can be written. It
// reports false when the lease is lost, the delivery was canceled or what it
// tells has ended meanwhile; then nothing may be sent. Asked again under the
// same token it says the same: a worker may not know whether its commit stood.
func (v *Verification) Send(id, token string, p *Policy, now time.Time) bool {
	d := v.leased(id, token)
	if d == nil || v.Terminal() {
		return false
	}
	ok := d.State == StateSending || !v.lapsed(d, now)
	if ok {
		v.begin(d, StateSending, p, now)
	} else {
		v.lapse(now)
	}
	v.settle(p, now)
	return ok
}

// PutOff makes what is due over a channel wait until then: for a channel that
// has no room for more. Nothing is counted as tried. It reports whether anything
// was due.
func (v *Verification) PutOff(ch Channel, until time.Time, p *Policy, now time.Time) (waits bool) {
	for i := range v.Deliveries {
		d := &v.Deliveries[i]
		if d.Channel == ch && (d.State == StateQueued || d.State == StateRetrying) && !now.Before(d.DueAt) {
			d.DueAt, waits = until, true
		}
	}
	v.settle(p, now)
	return waits
}

// CodeOf returns the generation of the code that a delivery carries; nil for a
// delivery to an app.
func (v *Verification) CodeOf(d *Delivery) *Code {
	if d.Channel.App() {
		return nil
	}
	return v.code(d.CodeGeneration)
}

// lapsed reports whether what a delivery tells has ended, so that it would only
// confuse: a prompt that is closed, a code that can no longer be checked.
func (v *Verification) lapsed(d *Delivery, now time.Time) bool {
	if d.Channel.App() {
		return d.PromptGeneration != v.Prompt.Generation || !v.Prompt.Open(now)
	}
	c := v.CodeOf(d)
	return c == nil || !c.Live(now)
}

// lapse takes back what has not left and has nothing to tell any more.
func (v *Verification) lapse(now time.Time) {
	v.dropInFlight(now, func(d *Delivery) bool { return v.lapsed(d, now) }, StateExpired)
}

// Settle records what a channel made of the try that the token's holder ran. A
// lost lease changes nothing: a frozen worker that wakes writes nothing. Where a
// receipt was there first, only the message's id is news.
func (v *Verification) Settle(id, token string, o Outcome, p *Policy, now time.Time) {
	d := v.Delivery(id)
	if d == nil || d.LeaseToken != token {
		return
	}
	d.LeaseToken, d.LeaseEndAt = "", time.Time{}
	if d.State == StateLeased || d.State == StateSending {
		v.outcome(d, o, p, now)
	} else if o.ProviderID != "" {
		d.Provider, d.ProviderID = o.Provider, o.ProviderID
	}
	if d.State == StateAccepted && o.Receipts && d.ProviderID != "" && !d.Channel.App() {
		d.AskAt = d.askAt(p, now)
	}
	if !v.Terminal() {
		if v.Prompt.Open(now) {
			v.climb(p, now)
		}
		v.callInstead(p, now)
		v.settle(p, now)
	}
}

// outcome moves a delivery to what a try made of it.
func (v *Verification) outcome(d *Delivery, o Outcome, p *Policy, now time.Time) {
	d.Class, d.Detail = o.Class, o.Detail
	if o.Provider != "" {
		d.Provider, d.ProviderID = o.Provider, o.ProviderID
	}
	switch o.State {
	case StateAccepted, StateDelivered:
		v.accepted(d, now)
		v.move(d, o.State, now)
	case StateRetrying:
		if o.Provider == "" { // nobody was asked, so it was no try: what ends it is the end of what it tells
			d.Attempts--
		}
		at := now.Add(backoff(d.Attempts-len(d.TriedBy()), o))
		if o.HandOver && d.handOver(o.Provider) {
			at = now
		}
		v.retry(d, p, now, at)
	case StateUnknown:
		v.unknown(d, p, now, now.Add(backoff(d.Attempts, o)))
	default:
		v.NumberDead = v.NumberDead || (d.Channel.number() && o.Class == ClassPermanentTarget)
		v.move(d, o.State, now)
	}
}

// handOver notes that a provider certainly did not take the message, so that
// another is asked. Each does so once, so that this ends.
func (d *Delivery) handOver(provider string) bool {
	if provider == "" || slices.Contains(d.TriedBy(), provider) {
		return false
	}
	d.Tried = strings.Join(append(d.TriedBy(), provider), ",")
	return true
}

// accepted starts the clocks that an acceptance starts.
func (v *Verification) accepted(d *Delivery, now time.Time) {
	d.AcceptedAt = now
	v.LastAcceptedAt = now
	switch {
	case !d.Channel.App():
		if d.Channel.number() { // what a later session of the number carries over
			v.CodeAcceptedAt = now
		}
		v.LastChannel = d.Channel
		if c := v.code(d.CodeGeneration); c != nil {
			c.Channel = d.Channel
		}
	case d.Channel == Push && d.PromptGeneration == v.Prompt.Generation && v.Prompt.PushAcceptedAt.IsZero():
		v.Prompt.PushAcceptedAt = now
	}
}

// unknown is for a request that may have left without an answer: a prompt is
// sent again at the given time (the app deduplicates), a code never.
func (v *Verification) unknown(d *Delivery, p *Policy, now, at time.Time) {
	d.Class = ClassUnknown
	if d.Channel.App() {
		v.retry(d, p, now, at)
		return
	}
	d.Unanswered = true
	v.move(d, StateUnknown, now)
	v.refund(d)
}

// retry brings a delivery back at the given time, or gives it up: when its
// tries are used up, or when it could only leave after what it tells has ended. A
// try that was handed over is none of the tries: a list of providers is gone
// through to its end.
func (v *Verification) retry(d *Delivery, p *Policy, now, at time.Time) {
	tries, end := p.SMSTries, v.SessionEndsAt
	if d.Channel.App() {
		tries, end = p.PushesPerRound, v.Prompt.ExpiresAt
	} else if c := v.code(d.CodeGeneration); c != nil {
		end = c.ExpiresAt
	}
	switch {
	case v.Terminal():
		v.move(d, StateCanceled, now)
	case d.Attempts-len(d.TriedBy()) < tries && at.Before(end):
		d.DueAt = at
		v.move(d, StateRetrying, now)
	case d.Class == ClassUnknown:
		v.move(d, StateUnknown, now)
	default:
		v.move(d, StateFailed, now)
		v.refund(d)
	}
}

// backoff is 1, 2, 4 … seconds ± 50 %, and never less than the provider asked.
func backoff(attempt int, o Outcome) time.Duration {
	base := time.Second << min(max(attempt-1, 0), 6)
	return max(base/2+time.Duration(o.Jitter*float64(base)), o.RetryAfter)
}

// refund gives a resend back that no provider took for certain: an outage costs
// no count. (It costs no cooldown either: that starts at an acceptance.)
func (v *Verification) refund(d *Delivery) {
	if d.Resend > 0 && !d.Channel.App() {
		v.ResendCount--
	}
}

// addDelivery adds one that is queued, unless it says otherwise, and returns it as it
// stands among the others.
func (v *Verification) addDelivery(d Delivery, now time.Time) *Delivery {
	d.ID, d.State, d.Class, d.CreatedAt, d.ChangedAt = NewID("dlv"), cmp.Or(d.State, StateQueued), cmp.Or(d.Class, ClassNone), now, now
	v.Deliveries = append(v.Deliveries, d)
	added := &v.Deliveries[len(v.Deliveries)-1]
	v.emitDelivery(added, now)
	return added
}

// dropInFlight takes back what has not left yet.
func (v *Verification) dropInFlight(now time.Time, of func(*Delivery) bool, to DeliveryState) {
	for i := range v.Deliveries {
		d := &v.Deliveries[i]
		if d.InFlight() && d.State != StateSending && of(d) {
			d.LeaseToken, d.LeaseEndAt = "", time.Time{}
			v.move(d, to, now)
			v.refund(d)
		}
	}
}

// move is the one door to a new delivery state. Leased and sending are the
// dispatcher's own affair and make no event.
func (v *Verification) move(d *Delivery, to DeliveryState, now time.Time) {
	d.State, d.ChangedAt = to, now
	v.giveBack(d, now)
	switch to {
	case StateLeased, StateSending:
	default:
		v.emitDelivery(d, now)
	}
}

func (v *Verification) emitDelivery(d *Delivery, now time.Time) {
	v.emit(eventDelivery+string(d.State), now, EventData{Channel: d.Channel, DeliveryID: d.ID, DeviceID: d.DeviceID, State: d.State, Class: d.Class, Detail: d.Detail, Provider: d.Provider, Country: d.Country})
}

// acked reports whether the device is known to have the prompt.
func (d *Delivery) acked() bool {
	return d.State == StateDelivered || d.State == StateDisplayed || d.State == StateResponded
}

// rank orders what is known, so that receipts only move a delivery forward. A
// sender's own verdict has the lowest: a prompt that it could not hand over may
// have been fetched by the app, whose word is then better.
func (s DeliveryState) rank() int {
	switch s {
	case StateDelivered:
		return 2
	case StateDisplayed:
		return 3
	case StateResponded:
		return 4
	}
	return 1
}

// Acknowledge records that a device has a prompt and takes back its own push, if
// that has not left. It goes to the delivery that brought the prompt, which need not
// be the one that is named. A receipt that is repeated, or is of a prompt that has ended,
// changes nothing. It refuses with not_found a delivery that is not the device's.
func (v *Verification) Acknowledge(deliveryID, deviceID string, p *Policy, now time.Time) error {
	return v.receipt(deliveryID, deviceID, StateDelivered, p, now)
}

// Display records that the device shows the prompt: on any device this stops the
// automatic SMS. It is a receipt like [Verification.Acknowledge].
func (v *Verification) Display(deliveryID, deviceID string, p *Policy, now time.Time) error {
	return v.receipt(deliveryID, deviceID, StateDisplayed, p, now)
}

func (v *Verification) receipt(deliveryID, deviceID string, to DeliveryState, p *Policy, now time.Time) error {
	d := v.Delivery(deliveryID)
	if d == nil || d.DeviceID != deviceID {
		return ErrNotFound
	}
	d = v.bearer(d)
	if d.State.rank() >= to.rank() || v.Terminal() || d.PromptGeneration != v.Prompt.Generation || !v.Prompt.Open(now) {
		return nil
	}
	v.arrived(d, now)
	v.move(d, to, now)
	v.dropInFlight(now, func(o *Delivery) bool { return o.Channel == Push && o.DeviceID == deviceID && o.ID != d.ID }, StateCanceled)
	if to == StateDisplayed && v.Prompt.DisplayedAt.IsZero() {
		v.Prompt.DisplayedAt = now
	}
	v.settle(p, now)
	return nil
}

// bearer is the delivery by which a device got a prompt that it names by one of its
// deliveries. A push is named only by who got it. The socket's name, however, is on
// every prompt that a device fetches, so one that was woken by its push names what found
// nobody: then the push has it that was acknowledged before or, where the socket's never
// left, that may have left.
func (v *Verification) bearer(named *Delivery) *Delivery {
	if named.Channel != WebSocket || named.acked() {
		return named
	}
	for i := range slices.Backward(v.Deliveries) {
		d := &v.Deliveries[i]
		if d.Channel == Push && d.DeviceID == named.DeviceID && d.PromptGeneration == named.PromptGeneration &&
			(d.acked() || !named.mayHaveArrived() && d.mayHaveArrived()) {
			return d
		}
	}
	return named
}

// arrived records that a device has a prompt, whatever its sender said or has yet to
// say. Then it was accepted, which is told too: what was accepted is what was sent.
// So it is with what found nobody and was fetched later, if nothing else brought it.
func (v *Verification) arrived(d *Delivery, now time.Time) {
	d.LeaseToken, d.LeaseEndAt = "", time.Time{}
	if d.AcceptedAt.IsZero() {
		if d.Class = ClassNone; d.State != StateSuppressed {
			d.Detail = ""
		}
		v.accepted(d, now)
		v.move(d, StateAccepted, now)
	}
}

// Away says that the device's app left the foreground: its open prompt goes to
// push at once, even if it was acknowledged. One push is enough, unless an
// acknowledgement took it back before it left.
func (v *Verification) Away(deviceID string, p *Policy, now time.Time) {
	if v.Terminal() || !v.Prompt.Open(now) || !p.HasPush || v.hushed() {
		return
	}
	if d := v.promptDelivery(Push, deviceID); d != nil && d.State != StateCanceled {
		return
	}
	for i := range v.Devices {
		if dev := &v.Devices[i]; dev.ID == deviceID && dev.Push != nil {
			v.push(dev.ID, now)
			v.settle(p, now)
		}
	}
}
