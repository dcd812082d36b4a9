package verify_test

import (
	"reflect"
	"slices"

	"pgregory.net/rapid"

	"nod/verify"
)

// modelSends is what providers remember of the messages that they were given.
type modelSends struct {
	over  map[string]bool                 // deliveries that may not leave again
	dead  bool                            // a provider said so of the number
	best  map[string]verify.DeliveryState // that a receipt told, by delivery
	asked map[verify.Channel]int          // sends that somebody asked for
}

func newModelSends() modelSends {
	return modelSends{over: map[string]bool{}, best: map[string]verify.DeliveryState{}, asked: map[verify.Channel]int{}}
}

// send answers one try as some provider may.
func (m *modelSends) send(r *rapid.T, w *world, d verify.Delivery) verify.Outcome {
	if m.over[d.ID] {
		r.Fatalf("%s left again, with nobody knowing that it had not", d.Channel)
	}
	provider := rapid.SampledFrom([]string{"twilio", "vonage"}).Draw(r, "provider")
	o := rapid.SampledFrom([]verify.Outcome{
		{State: verify.StateAccepted}, {State: verify.StateAccepted, Receipts: true}, {State: verify.StateAccepted, Receipts: true},
		{State: verify.StateUndelivered}, {State: verify.StateUnknown, Class: verify.ClassUnknown},
		{State: verify.StateRetrying, Class: verify.ClassTransient, Jitter: 0.5},
		{State: verify.StateRetrying, Class: verify.ClassPolicy, HandOver: true},
		{State: verify.StateFailed, Class: verify.ClassPolicy}, {State: verify.StateFailed, Class: verify.ClassPermanentTarget},
	}).Draw(r, "outcome")
	o.Provider, o.ProviderID = provider, "M"+d.ID
	code := d.Channel != verify.WebSocket && d.Channel != verify.Push
	if code && rapid.IntRange(0, 3).Draw(r, "overtakes") == 0 {
		m.tell(r, w, w.v.Delivery(d.ID), provider)
	}
	counts := w.v.Delivery(d.ID).State == verify.StateSending // no receipt was there first
	m.over[d.ID] = code && (o.State != verify.StateRetrying || !counts)
	m.dead = m.dead || (counts && code && d.Channel != verify.Email && o.State == verify.StateFailed && o.Class == verify.ClassPermanentTarget)
	return o
}

// receipt is one that comes at any time, about any message. It changes nothing but
// its delivery.
func (m *modelSends) receipt(r *rapid.T, w *world) {
	if len(w.v.Deliveries) == 0 {
		return
	}
	d := &w.v.Deliveries[rapid.IntRange(0, len(w.v.Deliveries)-1).Draw(r, "about")]
	w.v.Advance(&w.policy, w.now) // what is due by itself is not the receipt's doing
	w.take()
	before, events, actions, mail := newest(w), len(w.events), w.v.Actions(&w.policy, w.now), w.v.EmailIn(&w.policy, w.now)
	was, taken := d.State, !d.AcceptedAt.IsZero()
	m.tell(r, w, d, rapid.SampledFrom([]string{"twilio", "vonage"}).Draw(r, "by"))
	w.take()
	want := 0
	if d.State != was {
		want = 1
		if !taken && d.State != verify.StateAccepted {
			want = 2 // it was accepted before
		}
	}
	if len(w.events) != events+want {
		r.Fatalf("%s to %s made %d events, want %d", was, d.State, len(w.events)-events, want)
	}
	after := newest(w)
	if !reflect.DeepEqual(actions, after.Actions(&w.policy, w.now)) || !reflect.DeepEqual(mail, after.EmailIn(&w.policy, w.now)) {
		r.Fatalf("a receipt changed what can be done: %s to %s", was, d.State)
	}
	before.Seq = after.Seq
	before.NextAt = after.NextAt // a question that is spared
	before.Deliveries, after.Deliveries = nil, nil
	before.TakeEvents()
	if !reflect.DeepEqual(before, after) {
		r.Fatalf("a receipt, %s to %s, changed %+v to %+v", was, d.State, before, after)
	}
}

// tell hands a receipt in and notes the best that counts.
func (m *modelSends) tell(r *rapid.T, w *world, d *verify.Delivery, by string) {
	to := rapid.SampledFrom(receiptStates).Draw(r, "receipt")
	w.v.Receive(verify.Receipt{DeliveryID: d.ID, Provider: by, ProviderID: "M" + d.ID, State: to}, &w.policy, w.now)
	if d.State == to && !d.Channel.App() && slices.Index(receiptStates, to) > slices.Index(receiptStates, m.best[d.ID]) {
		m.best[d.ID] = to
	}
}

// one holds the moment something was asked for: of all codes one may leave at most.
func (m *modelSends) one(r *rapid.T, w *world) {
	leaving := 0
	for _, d := range w.v.Deliveries {
		if d.CodeGeneration > 0 && d.InFlight() {
			leaving++
		}
	}
	if leaving > 1 {
		r.Fatalf("%d codes are to leave, for one wish", leaving)
	}
}

// always holds after every act.
func (m *modelSends) always(r *rapid.T, w *world) {
	made := map[verify.Channel]int{}
	for i := range w.v.Deliveries {
		d := &w.v.Deliveries[i]
		made[d.Channel]++
		if best := m.best[d.ID]; slices.Index(receiptStates, d.State) < slices.Index(receiptStates, best) {
			r.Fatalf("%s is %s, a receipt said %s", d.Channel, d.State, best)
		}
		if d.AskAt.IsZero() {
			continue
		}
		if last := w.policy.AskAfter[len(w.policy.AskAfter)-1]; d.State != verify.StateAccepted || d.AskAt.After(d.AcceptedAt.Add(last)) {
			r.Fatalf("to be asked about %s, %s, at %s", d.Channel, d.State, d.AskAt)
		}
		if !w.v.Terminal() && (!d.AskAt.After(w.now) || w.v.NextAt.After(d.AskAt)) {
			r.Fatalf("to be asked about at %s, next at %s, now %s", d.AskAt, w.v.NextAt, w.now)
		}
	}
	for ch, itself := range map[verify.Channel]int{verify.SMS: 1, verify.Voice: 0, verify.Email: 0} {
		if ch == verify.Voice && w.policy.VoiceFallback {
			itself = 1
		}
		if made[ch] > m.asked[ch]+itself {
			r.Fatalf("%d sends over %s, %d were asked for", made[ch], ch, m.asked[ch])
		}
	}
	if w.v.NumberDead && !m.dead {
		r.Fatal("nobody said that the number is dead")
	}
	for _, c := range w.v.Codes {
		if mail := c.Channel == verify.Email; mail && w.v.Email.IsZero() {
			r.Fatal("a code for no mailbox")
		}
	}
}
