package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"nod/client"
)

// Fallback asks devices that are connected and say nothing, and measures how late each
// is asked by push, and then by SMS, against what the ladder promises. It needs a target
// whose push and SMS are simulated, and reads there when each was handed over; nothing
// is begun where real providers would be paid.
func Fallback(ctx context.Context, t *Target, c Config) (Result, error) {
	rate, d := cmp.Or(c.Rate, 50), cmp.Or(c.For, 5*time.Second)
	pushAfter, smsAfter := cmp.Or(t.PushAfter, 5*time.Second), cmp.Or(t.SMSAfter, 25*time.Second)
	_, from, err := t.API.Outbox(ctx, "", "", 0)
	if e, ok := errors.AsType[*client.Error](err); ok && e.Status == http.StatusNotFound {
		return Result{}, errors.New("messages go to real providers there, and real people: run fallback against a server with NOD_SIMULATOR=true")
	}
	if err != nil {
		return Result{}, hint(err)
	}
	n := int(rate * d.Seconds())
	phones := make([]*phone, n)
	err = Each(ctx, enrollers, n, func(ctx context.Context, i int) error {
		user := fmt.Sprintf("%s-deaf-%d-%06d", t.run, t.at.Add(1), i)
		p, err := t.enroll(ctx, user, &client.Push{Provider: "fcm", Token: user, Platform: "android"})
		if err != nil {
			return hint(err)
		}
		p.deaf, phones[i] = true, p
		return t.connect(ctx, p)
	})
	defer func() {
		for _, p := range phones {
			if p != nil {
				p.hang()
			}
		}
	}()
	if err != nil {
		return Result{}, err
	}
	h := &handovers{begun: map[string]time.Time{}, pushed: map[string]time.Time{}, push: NewLatency(), sms: NewLatency()}
	reading, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var reader sync.WaitGroup
	reader.Go(func() { stop(h.read(reading, t, from, n, pushAfter, smsAfter)) })
	err = Pace(ctx, rate, n, func(ctx context.Context, i int, intended time.Time) error {
		l := login(phones[i], i)
		l.PhoneNumber = fmt.Sprintf("+1415%07d", 2000000+int(t.at.Add(1)))
		h.begin(l.UserID, intended)
		_, err := t.API.Start(ctx, l)
		return hint(err)
	})
	if err != nil {
		stop(err)
	}
	late := time.AfterFunc(pushAfter+smsAfter+patience, func() { stop(errLate) })
	reader.Wait()
	late.Stop()
	if err := context.Cause(reading); !errors.Is(err, errDone) && !errors.Is(err, errLate) {
		return Result{}, err
	}
	for range n - h.sms.Count() {
		t.failures.add(fmt.Errorf("somebody was never asked by SMS, %v after it was due", patience))
	}
	figures := append(h.push.Figures("push late"), h.sms.Figures("SMS late")...)
	return t.result("fallback", fmt.Sprintf("%d logins, %.0f begun a second; connected devices that say nothing: push due %v after the create, SMS %v after the push; handed over to the simulator", n, rate, pushAfter, smsAfter), h.sms, figures)
}

var (
	errDone = errors.New("everybody was asked")
	errLate = errors.New("not everybody was asked")
)

// handovers are the messages that are due.
type handovers struct {
	mu        sync.Mutex
	begun     map[string]time.Time // by user: when the create was to begin
	pushed    map[string]time.Time // likewise: when the push was handed over
	push, sms *Latency
}

func (h *handovers) begin(user string, at time.Time) {
	h.mu.Lock()
	h.begun[user] = at
	h.mu.Unlock()
}

// read reads the outbox on from a message until n people got both.
func (h *handovers) read(ctx context.Context, t *Target, after string, n int, pushAfter, smsAfter time.Duration) error {
	for h.sms.Count() < n {
		messages, next, err := t.API.Outbox(ctx, "", after, 5*time.Second)
		if err != nil {
			return err
		}
		after = next
		h.mu.Lock()
		for _, m := range messages {
			begun, known := h.begun[m.UserID]
			pushed, once := h.pushed[m.UserID]
			switch {
			case !known || m.Channel == "push" && once: // somebody else's, or a repeat
			case m.Channel == "push":
				h.pushed[m.UserID] = m.At
				h.push.Record(m.At.Sub(begun.Add(pushAfter)))
			case m.Channel == "sms" && once:
				h.sms.Record(m.At.Sub(pushed.Add(smsAfter)))
			case m.Channel == "sms":
				t.failures.add(errors.New("an SMS came before the push"))
				h.sms.Record(patience)
			}
		}
		h.mu.Unlock()
	}
	return errDone
}
