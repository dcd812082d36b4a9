package verify_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"nod/verify"
)

// model is what a person with a pencil would keep of a verification.
type model struct {
	codes []modelCode
	ended bool
	wrote modelSends
	left  []*verify.Verification // numbers that were left for others
	// delays are what was predicted for the session, as far as anything was; hold is
	// what an operator decided.
	delays []time.Duration
	hold   verify.Standing
}

type modelCode struct {
	code    string
	mail    bool
	expires time.Time
	tries   int
}

func (m *model) live(now time.Time) (out []*modelCode) {
	for i := range m.codes {
		if c := &m.codes[i]; now.Before(c.expires) && c.tries < 3 {
			out = append(out, c)
		}
	}
	return out
}

// TestModel drives random acts against the aggregate and holds it against the
// model and against what must always be true.
func TestModel(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t)
		channels := []verify.Channel{verify.Auto, verify.Push, verify.SMS, verify.Both}
		q, s := login(number), verify.Situation{Devices: []verify.Device{
			w.device("dev_1", rapid.Bool().Draw(r, "push"), start.Add(-time.Duration(rapid.IntRange(0, 90).Draw(r, "seen"))*time.Second)),
		}}
		switch rapid.IntRange(0, 2).Draw(r, "kind") {
		case 0:
			q.Email = verify.StoredMailbox(address)
		case 1:
			q.Purpose, channels = verify.Phone, []verify.Channel{verify.Auto, verify.SMS}
		}
		channel := rapid.SampledFrom(channels).Draw(r, "channel")
		q.Channel = channel
		w.policy.VoiceFallback = rapid.Bool().Draw(r, "voice")
		w.policy.Worker = rapid.SampledFrom([]string{"", "worker"}).Draw(r, "born taken by")
		w.word = rapid.SampledFrom(append(receiptStates, "")).Draw(r, "word")
		m := &model{wrote: newModelSends(), hold: verify.Standing{Hold: verify.Hold{UserID: "u1"}}}
		if rapid.Bool().Draw(r, "predicts") {
			m.predict(r, w)
		}
		w.answer = func(d verify.Delivery) verify.Outcome { return m.wrote.send(r, w, d) }
		if err := w.begin(q, s); err != nil {
			r.Fatal(err)
		}
		for range rapid.IntRange(1, 40).Draw(r, "acts") {
			m.watch(w)
			act(r, w, m)
			m.wrote.one(r, w)
			w.take()
			w.pump()
			m.watch(w)
			always(r, w, m, channel)
		}
	})
}

// watch notes new codes and what Advance ended.
func (m *model) watch(w *world) {
	for _, c := range w.v.Codes[len(m.codes):] {
		m.codes = append(m.codes, modelCode{w.auth.Keys().Code(w.v, c), c.Channel == verify.Email, c.ExpiresAt, 0})
	}
	m.ended = m.ended || w.v.Terminal()
}

func act(r *rapid.T, w *world, m *model) {
	acts := []string{"wait", "wait", "wait", "guess", "guess", "guess", "guess", "resend", "resend", "next", "display", "away", "receipt", "receipt", "note"}
	if w.v.Purpose == verify.Phone {
		acts = append(acts, "resend", "resend", "change", "change")
	}
	if rapid.IntRange(0, 7).Draw(r, "end it") == 0 {
		acts = []string{"code", "approve", "wrong number", "deny", "cancel", "block"}
	}
	switch rapid.SampledFrom(acts).Draw(r, "act") {
	case "wait":
		w.now = w.now.Add(time.Duration(rapid.IntRange(1, 240_000).Draw(r, "ms")) * time.Millisecond)
	case "guess":
		guess(r, w, m, rapid.StringMatching(`[0-9]{6}`).Draw(r, "guess"))
	case "code":
		if live := m.live(w.now); len(live) > 0 {
			guess(r, w, m, rapid.SampledFrom(live).Draw(r, "which").code)
		}
	case "resend":
		before, count := w.v.ResendCount, w.v.ResendCount
		for _, d := range w.v.Deliveries { // that is taken back, and costs nothing
			if d.State == verify.StateRetrying && d.CodeGeneration > 0 && d.Resend > 0 {
				before--
			}
		}
		over := rapid.SampledFrom([]verify.Channel{"", verify.SMS, verify.Push, verify.Email, verify.Voice}).Draw(r, "over")
		err := w.v.Resend(over, &w.policy, w.now)
		if err == nil {
			m.wrote.asked[w.v.Deliveries[len(w.v.Deliveries)-1].Channel]++
		}
		if err == nil && over == verify.Push && w.v.ResendCount != before+1 {
			r.Fatal("a prompt was not counted")
		}
		if err == nil && m.ended {
			r.Fatal("a resend after the end")
		}
		if err != nil && w.v.ResendCount != count {
			r.Fatal("a refused resend was counted")
		}
	case "next":
		err := w.v.Next(&w.policy, w.now)
		if err == nil && (m.ended || w.v.Channel == verify.Push) {
			r.Fatal("a next channel where there is none")
		}
		if err == nil {
			m.wrote.asked[verify.SMS]++
		}
	case "change":
		m.change(r, w)
	case "receipt":
		m.wrote.receipt(r, w)
	case "display":
		if d := w.delivery(verify.WebSocket, "dev_1"); d != nil {
			_ = w.v.Display(d.ID, "dev_1", &w.policy, w.now)
		}
	case "away":
		w.v.Away("dev_1", &w.policy, w.now)
	case "approve":
		answer(r, w, m, verify.Approve, w.match())
	case "wrong number":
		answer(r, w, m, verify.Approve, w.match()+"0")
	case "deny":
		answer(r, w, m, verify.Deny, "")
	case "note":
		w.v.Note(verify.ActCancel, "key 3fa9c1d2", w.now)
	case "block":
		m.block(r, w)
	case "cancel":
		if err := w.v.Cancel(w.now); (err == nil) == m.ended {
			r.Fatalf("cancel: %v when ended is %t", err, m.ended)
		}
	}
}

// guess must be right exactly when the model says so, and cost what it says.
func guess(r *rapid.T, w *world, m *model, code string) {
	live := m.live(w.now)
	ok, err := w.v.Check(w.auth.Keys(), code, &w.policy, w.now)
	if m.ended || len(live) == 0 {
		if err == nil {
			r.Fatal("a code was checked where none can be")
		}
		return
	}
	if err != nil {
		r.Fatalf("a live code was not checked: %v", err)
	}
	want, mail := false, false
	for _, c := range live {
		want, mail = want || c.code == code, mail || (c.code == code && c.mail)
		c.tries++
	}
	if ok != want {
		r.Fatalf("right: %t, want %t", ok, want)
	}
	if want && (w.v.Status != verify.Approved || (w.v.Method == verify.ByEmailCode) != mail) {
		r.Fatalf("a right code led to %s by %s", w.v.Status, w.v.Method)
	}
}

func answer(r *rapid.T, w *world, m *model, d verify.Decision, number string) {
	if w.delivery(verify.WebSocket, "dev_1") == nil {
		return
	}
	open := w.v.Prompt.Open(w.now) && !m.ended
	before := w.v.Status
	verdict, err := w.reply("dev_1", d, number)
	if err != nil {
		r.Fatal(err)
	}
	if !open && w.v.Status != before {
		r.Fatalf("an answer to a closed prompt moved %s to %s", before, w.v.Status)
	}
	if open && !w.v.Terminal() {
		r.Fatal("an answer to an open prompt decided nothing")
	}
	if open && d == verify.Approve && verdict.Accepted != (number == w.match()) {
		r.Fatalf("verdict %+v", verdict)
	}
}

var terminalEvents = map[string]verify.Status{
	verify.EventApproved: verify.Approved, verify.EventDenied: verify.Denied, verify.EventFailed: verify.Failed,
	verify.EventExpired: verify.Expired, verify.EventCanceled: verify.Canceled, verify.EventSuperseded: verify.Superseded,
}

// always holds after every act.
func always(r *rapid.T, w *world, m *model, channel verify.Channel) {
	ends(r, w)
	if w.v.Terminal() != w.v.NextAt.IsZero() {
		r.Fatalf("%s is next due at %s", w.v.Status, w.v.NextAt)
	}
	if w.v.Terminal() && w.v.Prompt.Generation > 0 && w.v.Prompt.ClosedAt.IsZero() {
		r.Fatal("the end left the prompt open")
	}
	if w.v.ResendCount < 0 || w.v.ResendCount > w.policy.Resends {
		r.Fatalf("%d resends", w.v.ResendCount)
	}
	if channel == verify.Push && w.count(verify.SMS) > 0 || channel == verify.SMS && w.count(verify.WebSocket) > 0 {
		r.Fatalf("%s sent over another channel", channel)
	}
	for _, d := range w.v.Deliveries {
		if w.v.Terminal() && d.InFlight() {
			r.Fatalf("%s is %s after the end", d.Channel, d.State)
		}
	}
	for i, c := range w.v.Codes {
		if c.Tries > c.MaxTries {
			r.Fatalf("code %d took %d tries", i, c.Tries)
		}
	}
	m.wrote.always(r, w)
	m.stayLeft(r, w)
	m.keepsDelays(r, w)
	places(r, w)
	accounts(r, w)
	told(r, w)
	seq := w.v.Seq
	w.v.Advance(&w.policy, w.now)
	if w.v.Seq != seq {
		r.Fatal("advancing where nothing is due did something")
	}
}

// accounts holds that whatever came of a delivery was told to be accepted before, once:
// who counts that counts what was sent. A prompt that found nobody on the socket is not
// said to be accepted after all where a push has brought it.
func accounts(r *rapid.T, w *world) {
	accepted, nobody := map[string]int{}, map[string]bool{}
	for _, e := range w.events {
		switch e.Name {
		case "delivery.undelivered", "delivery.failed":
			nobody[e.Data.DeliveryID] = e.Data.Channel == verify.WebSocket
		case "delivery.accepted":
			for _, d := range w.v.Deliveries {
				if nobody[e.Data.DeliveryID] && d.Channel == verify.Push && accepted[d.ID] > 0 &&
					d.PromptGeneration == w.v.Delivery(e.Data.DeliveryID).PromptGeneration {
					r.Fatalf("a socket that found nobody was accepted after a push: %v", w.names())
				}
			}
			accepted[e.Data.DeliveryID]++
		case "delivery.delivered", "delivery.displayed", "delivery.responded":
			if accepted[e.Data.DeliveryID] != 1 {
				r.Fatalf("%s after %d acceptances: %v", e.Name, accepted[e.Data.DeliveryID], w.names())
			}
		}
	}
	for _, d := range w.v.Deliveries {
		if taken := !d.AcceptedAt.IsZero(); taken != (accepted[d.ID] == 1) {
			r.Fatalf("a delivery that is %s was accepted %d times", d.State, accepted[d.ID])
		}
	}
}

// ends holds the events against the status: without gaps, one of them terminal where
// that is.
func ends(r *rapid.T, w *world) {
	terminal := verify.Pending
	for i, e := range w.events {
		if e.Seq != int64(i+1) {
			r.Fatalf("event %d has seq %d", i+1, e.Seq)
		}
		if s, ok := terminalEvents[e.Name]; ok {
			if terminal != verify.Pending {
				r.Fatalf("two terminal events: %v", w.names())
			}
			terminal = s
		}
	}
	if terminal != w.v.Status {
		r.Fatalf("status %s, terminal event of %s", w.v.Status, terminal)
	}
}

// told holds what the page is told it can do against what it then can.
func told(r *rapid.T, w *world) {
	a := w.v.Actions(&w.policy, w.now)
	for ch, in := range map[verify.Channel]*int{verify.Push: a.PushIn, verify.SMS: a.SMSIn, verify.Voice: a.VoiceIn, verify.Email: w.v.EmailIn(&w.policy, w.now)} {
		try := *w.v
		try.Codes, try.Deliveries = slices.Clone(w.v.Codes), slices.Clone(w.v.Deliveries)
		err := try.Resend(ch, &w.policy, w.now)
		var refusal *verify.Refusal
		waits := errors.As(err, &refusal) && refusal.RetryAfter > 0
		offered := ch == verify.SMS && len(w.v.Codes) == 0 // as the next channel, or a moment after the display
		switch {
		case in == nil && (err == nil || refusal.Code == verify.CodeCooldown):
			r.Fatalf("%s is said to be impossible, and is: %v", ch, err)
		case in != nil && *in == 0 && err != nil && (!offered || !waits):
			r.Fatalf("%s is said to be possible now: %v", ch, err)
		case in != nil && *in > 0 && !waits && !offered:
			r.Fatalf("%s is said to be possible in %d s, and is: %v", ch, *in, err)
		}
	}
}
