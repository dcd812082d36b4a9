package verify

import "time"

// Advance moves everything that is due at now: leases that ran out, prompts,
// codes and the session that end, and the ladder's rungs (socket, push, SMS).
// It changes nothing when nothing is due.
func (v *Verification) Advance(p *Policy, now time.Time) {
	if v.Terminal() {
		return
	}
	v.reclaim(p, now)
	if !now.Before(v.SessionEndsAt) {
		v.end(Expired, "", "", EventExpired, now, EventData{})
		return
	}
	if v.Prompt.Generation > 0 && v.Prompt.ClosedAt.IsZero() && !now.Before(v.Prompt.ExpiresAt) {
		v.closePrompt(now)
	}
	v.lapse(now)
	if v.Prompt.Open(now) {
		v.climb(p, now)
	}
	if v.Prompt.Open(now) && len(v.Devices) == 0 { // the last was revoked: nobody can answer
		v.closePrompt(now)
		v.lapse(now)
	}
	v.settle(p, now)
}

// reclaim takes back the deliveries of a worker that died: nothing had left a
// leased one; a sending one may have left, so a code is never sent again by
// itself, while a prompt may be (the app deduplicates).
func (v *Verification) reclaim(p *Policy, now time.Time) {
	for i := range v.Deliveries {
		d := &v.Deliveries[i]
		if d.LeaseToken == "" || now.Before(d.LeaseEndAt) {
			continue
		}
		switch {
		case d.State == StateLeased:
			v.move(d, StateQueued, now)
			d.DueAt = now
		case d.State == StateSending:
			v.unknown(d, p, now, now)
		}
		d.LeaseToken, d.LeaseEndAt = "", time.Time{}
	}
}

// climb starts the rungs of an open prompt that are due.
func (v *Verification) climb(p *Policy, now time.Time) {
	for _, dev := range v.Devices {
		if at := v.pushDue(p, &dev); !at.IsZero() && !now.Before(at) {
			v.push(dev.ID, now)
		}
	}
	if at := v.codeDue(p); !at.IsZero() && !now.Before(at) {
		v.fallBack(v.codeChannel(), p, now)
	}
}

// push asks a device by push, beside its socket.
func (v *Verification) push(deviceID string, now time.Time) {
	v.emit(EventFallbackStarted, now, EventData{Channel: Push, DeviceID: deviceID})
	v.addDelivery(Delivery{Channel: Push, DeviceID: deviceID, PromptGeneration: v.Prompt.Generation, Fallback: true, DueAt: now}, now)
}

// fallBack sends a code over another channel, by itself, unless something holds it back.
func (v *Verification) fallBack(ch Channel, p *Policy, now time.Time) {
	if stop := v.held(p, ch, now); stop != nil {
		v.withhold(ch, stop, now)
		return
	}
	v.emit(EventFallbackStarted, now, EventData{Channel: ch, Country: v.country()})
	v.sendCode(p, ch, now, 0)
	v.Deliveries[len(v.Deliveries)-1].Fallback = true
}

// callInstead calls the number by itself, once, when two SMS failed as they were
// sent: then it is SMS that does not work. It does not when the person takes no
// messages, who would not be called either.
func (v *Verification) callInstead(p *Policy, now time.Time) {
	if !p.VoiceFallback || v.lockedNow(now) || v.takes(Voice, p) != nil || v.codeInFlight() {
		return
	}
	failed := 0
	for i := range v.Deliveries {
		switch d := &v.Deliveries[i]; {
		case d.Channel == Voice, d.Channel == SMS && d.Class == ClassPermanentUser:
			return
		case d.Channel == SMS && d.State == StateFailed:
			failed++
		}
	}
	if failed >= 2 && v.tired(p, now) == 0 {
		v.fallBack(Voice, p, now)
	}
}

// pushDue says when the device's push starts: when its socket delivery was not
// acknowledged in time, at once when nobody was there to take it. Zero: never.
func (v *Verification) pushDue(p *Policy, dev *Device) time.Time {
	if !p.HasPush || dev.Push == nil || v.promptDelivery(Push, dev.ID) != nil {
		return time.Time{}
	}
	ws := v.promptDelivery(WebSocket, dev.ID)
	switch {
	case ws == nil:
		return time.Time{}
	case ws.State == StateAccepted:
		return ws.AcceptedAt.Add(p.SocketTimeout)
	case ws.State == StateUndelivered || ws.State == StateFailed || ws.State == StateUnknown:
		return ws.ChangedAt
	case ws.InFlight():
		return v.Prompt.OpenedAt.Add(p.SocketTimeout)
	}
	return time.Time{}
}

// codeDue says when the automatic SMS starts; zero: never. A display on any
// device stops it, while there is one left to answer. What a broker said never starts it: only push answers, push
// tokens and connections in the last minute do.
func (v *Verification) codeDue(p *Policy) time.Time {
	pr := &v.Prompt
	shown := !pr.DisplayedAt.IsZero() && len(v.Devices) > 0
	if v.Channel != Auto || shown || v.hasCode() || v.someCode((*Delivery).withheld) || v.hushed() || !v.canCode(p) {
		return time.Time{}
	}
	due := pr.OpenedAt.Add(p.SocketTimeout + p.PushTimeout + p.FallbackSlack)
	if !pr.PushAcceptedAt.IsZero() && !v.pushAcked() {
		due = earlier(due, pr.PushAcceptedAt.Add(p.PushTimeout))
	}
	if at, ok := v.appFails(p); ok {
		due = earlier(due, at)
	}
	return later(later(due, v.NotBefore), v.LockedUntil)
}

// appFails says from when on no device can be reached any more: each push is
// absent or has failed for good, nothing was acknowledged, and the last
// connection is a minute old. False while that is open.
func (v *Verification) appFails(p *Policy) (time.Time, bool) {
	at := v.Prompt.OpenedAt
	for i := range v.Devices {
		dev := &v.Devices[i]
		if ws := v.promptDelivery(WebSocket, dev.ID); ws != nil && ws.acked() {
			return at, false
		}
		if p.HasPush && dev.Push != nil {
			push := v.promptDelivery(Push, dev.ID)
			if push == nil || (push.State != StateFailed && push.State != StateUndelivered) {
				return at, false
			}
		}
		if !dev.SeenAt.IsZero() {
			at = later(at, dev.SeenAt.Add(connectedFor))
		}
	}
	return at, true
}

func (v *Verification) pushAcked() bool {
	for i := range v.Deliveries {
		d := &v.Deliveries[i]
		if d.Channel == Push && d.PromptGeneration == v.Prompt.Generation && d.acked() {
			return true
		}
	}
	return false
}

// openPrompt asks all devices at once, each with its own deliveries, or lets them find
// the prompt when the person is to be left in peace. Whoever writes this sends it, so
// that nothing has to be claimed first.
func (v *Verification) openPrompt(p *Policy, now time.Time, resend int) {
	v.closePrompt(now)
	v.dropInFlight(now, func(d *Delivery) bool { return d.Channel.App() }, StateCanceled)
	v.Prompt = Prompt{
		Generation: v.Prompt.Generation + 1, KeyID: v.KeyID, SignKeyID: v.Prompt.SignKeyID, Digits: p.digits(v.Match),
		OpenedAt: now, ExpiresAt: earlier(now.Add(p.PromptLife), v.SessionEndsAt),
	}
	v.LastChannel = Push
	v.Held.Prompt = time.Time{}
	each := Delivery{Channel: WebSocket, PromptGeneration: v.Prompt.Generation, Resend: resend, DueAt: now}
	if stop := v.rests(p, now); stop != nil {
		v.tell(stop.events, now)
		v.Held = v.Held.and(stop.holds)
		each.State, each.Class, each.Detail, each.DueAt = StateSuppressed, ClassPolicy, limitFatigue, time.Time{}
	} else {
		v.Meters.user().prompted(&p.Limits, now)
	}
	for i := range v.Devices {
		each.DeviceID = v.Devices[i].ID
		if d := v.addDelivery(each, now); p.Worker != "" && d.State == StateQueued {
			v.take(d, p.Worker, p, now)
		}
	}
}

func (v *Verification) closePrompt(now time.Time) {
	if v.Prompt.Generation > 0 && v.Prompt.ClosedAt.IsZero() {
		v.Prompt.ClosedAt = now
		if !now.Before(v.Prompt.ExpiresAt) {
			v.ignored()
		}
	}
}

// promptDelivery finds the present prompt's delivery to a device.
func (v *Verification) promptDelivery(c Channel, deviceID string) *Delivery {
	for i := len(v.Deliveries) - 1; i >= 0; i-- {
		d := &v.Deliveries[i]
		if d.Channel == c && d.DeviceID == deviceID && d.PromptGeneration == v.Prompt.Generation {
			return d
		}
	}
	return nil
}

// settle brings stage and next due time in line with the facts, and ends what
// has nothing live and nothing to send.
func (v *Verification) settle(p *Policy, now time.Time) {
	if v.Terminal() {
		return
	}
	if v.exhausted(p, now) {
		if v.NumberDead {
			v.end(Failed, Undeliverable, "", EventFailed, now, EventData{})
		} else if c := v.newestCode(); c != nil && c.Tries >= c.MaxTries {
			v.end(Failed, MaxAttempts, "", EventFailed, now, EventData{})
		} else {
			v.end(Expired, "", "", EventExpired, now, EventData{})
		}
		return
	}
	v.restage(now)
	v.NextAt = v.nextAt(p, now)
}

func (v *Verification) restage(now time.Time) {
	if s := v.stage(now); s != v.Stage {
		v.Stage = s
		v.emit(EventStageChanged, now, EventData{Stage: s})
	}
}

// exhausted reports whether nothing is live and nothing can be sent.
func (v *Verification) exhausted(p *Policy, now time.Time) bool {
	if v.Prompt.Open(now) || v.codeOut(now) || v.codeInFlight() || v.codeLocked(now) {
		return false
	}
	if !v.reachable() && v.sendable(Email, p) { // the one way that is left for a code
		return false
	}
	if v.Number.IsZero() {
		return true
	}
	if v.ResendCount >= p.Resends { // then only a send that needs no count is left
		return !v.canCode(p) || !v.free(v.codeChannel())
	}
	// A dead number can still be changed (purpose phone) or left for the app.
	return v.NumberDead && v.Purpose == Login && v.takes(Push, p) != nil
}

// codeLocked reports whether a code was made that cannot be typed for the user's lock.
// Then the session goes on, and the page may tell.
func (v *Verification) codeLocked(now time.Time) bool { return v.hasCode() && v.lockedNow(now) }

func (v *Verification) stage(now time.Time) Stage {
	if v.codeLocked(now) {
		return Locked
	}
	if v.codeOut(now) {
		return CodeEntry
	}
	if v.Prompt.Open(now) {
		stage := Queued
		for i := range v.Deliveries {
			d := &v.Deliveries[i]
			if !d.Channel.App() || d.PromptGeneration != v.Prompt.Generation {
				continue
			}
			if d.acked() {
				return Prompted
			}
			if d.State != StateQueued && d.State != StateLeased && d.State != StateSuppressed {
				stage = ContactingApp
			}
		}
		return stage
	}
	if v.codeInFlight() {
		return Queued
	}
	return AwaitingResend
}

// nextAt is the earliest moment at which [Verification.Advance] has work.
func (v *Verification) nextAt(p *Policy, now time.Time) time.Time {
	next := v.SessionEndsAt
	if v.lockedNow(now) {
		next = earlier(next, v.LockedUntil)
	}
	for i := range v.Deliveries {
		switch d := &v.Deliveries[i]; d.State {
		case StateQueued, StateRetrying:
			next = earlier(next, d.DueAt)
		case StateLeased, StateSending:
			next = earlier(next, d.LeaseEndAt)
		case StateAccepted:
			if !d.AskAt.IsZero() {
				next = earlier(next, d.AskAt)
			}
		}
	}
	if v.Prompt.Generation > 0 && v.Prompt.ClosedAt.IsZero() {
		next = earlier(next, v.Prompt.ExpiresAt) // perhaps past: then it is to be closed now
	}
	if v.Prompt.Open(now) {
		for i := range v.Devices {
			if at := v.pushDue(p, &v.Devices[i]); !at.IsZero() {
				next = earlier(next, at)
			}
		}
		if at := v.codeDue(p); !at.IsZero() {
			next = earlier(next, at)
		}
	}
	for i := range v.Codes {
		if v.Codes[i].Live(now) {
			next = earlier(next, v.Codes[i].ExpiresAt)
		}
	}
	return next
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
