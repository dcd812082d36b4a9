package delivery_test

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"reflect"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"nod/delivery"
	"nod/verify"
)

func sms(to, code string) delivery.Message {
	return delivery.Message{Channel: verify.SMS, Number: verify.StoredNumber(to), Code: code, Text: code + " is your code", VerificationID: "ver_1", DeliveryID: "dlv_1"}
}

func TestOutboxShowsWhatAPhoneWouldGet(t *testing.T) {
	var o delivery.Outbox
	ctx := context.Background()
	if got := o.Send(ctx, sms(number, "123456")); got.State != verify.StateAccepted || got.Provider != "outbox" || got.ProviderID == "" {
		t.Errorf("it answers %+v", got)
	}
	o.Send(ctx, delivery.Message{Channel: verify.Push, Push: &verify.PushTarget{Token: pushToken}, Title: "Is this you?", Text: "Open", VerificationID: "ver_1", DeliveryID: "dlv_2"})
	all := o.List("", "", 10)
	if len(all) != 2 || all[0].ID >= all[1].ID {
		t.Fatalf("%+v", all)
	}
	if m := all[0]; m.To != number || m.Code != "123456" || m.Text != "123456 is your code" || m.VerificationID != "ver_1" || m.Data != nil {
		t.Errorf("%+v", m)
	}
	if m := all[1]; m.To != pushToken || m.Code != "" || m.Title != "Is this you?" || m.Data["verification_id"] != "ver_1" || m.Data["delivery_id"] != "dlv_2" {
		t.Errorf("%+v", m)
	}
	for name, tc := range map[string]struct {
		got  []delivery.Simulated
		want int
	}{
		"of one number":     {o.List(number, "", 10), 1},
		"of nobody":         {o.List("+14155550199", "", 10), 0},
		"after the first":   {o.List("", all[0].ID, 10), 1},
		"after the last":    {o.List("", all[1].ID, 10), 0},
		"at most one":       {o.List("", "", 1), 1},
		"none, but no null": {o.List("", all[1].ID, 0), 0},
	} {
		if len(tc.got) != tc.want || tc.got == nil {
			t.Errorf("%s: %d messages, want %d", name, len(tc.got), tc.want)
		}
	}
}

// TestOutboxIsReadOn reads on after the last message that is known, while others
// send: nothing comes in before it any more.
func TestOutboxIsReadOn(t *testing.T) {
	var o delivery.Outbox
	const senders, each = 8, 100
	var sending sync.WaitGroup
	for range senders {
		sending.Go(func() {
			for range each {
				o.Send(context.Background(), sms(number, "123456"))
			}
		})
	}
	read, after := 0, ""
	for done := false; !done; {
		done = len(o.List("", "", 1000)) == senders*each
		for _, m := range o.List("", after, 1000) {
			read, after = read+1, m.ID
		}
	}
	sending.Wait()
	if read != senders*each {
		t.Errorf("%d of %d messages were read", read, senders*each)
	}
}

func TestOutboxIsBounded(t *testing.T) {
	var o delivery.Outbox
	for range 1200 {
		o.Send(context.Background(), sms(number, "123456"))
	}
	o.Send(context.Background(), sms(number, "654321"))
	if all := o.List("", "", 5000); len(all) != 1000 || all[999].Code != "654321" {
		t.Errorf("%d messages are kept", len(all))
	}
}

func TestOutboxWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o delivery.Outbox
		ctx, cancel := context.WithTimeout(context.Background(), 25*time.Second)
		defer cancel()
		got := make(chan []delivery.Simulated)
		for range 2 {
			go func() { got <- o.Wait(ctx, number, "", 10) }()
		}
		synctest.Wait()
		o.Send(ctx, sms("+14155550199", "111111"))
		synctest.Wait()
		select {
		case <-got:
			t.Fatal("somebody else's message ended the wait")
		default:
		}
		o.Send(ctx, sms(number, "222222"))
		for range 2 {
			if m := <-got; len(m) != 1 || m[0].Code != "222222" {
				t.Errorf("%+v", m)
			}
		}
		began := time.Now()
		last := o.List(number, "", 10)[0].ID
		if m := o.Wait(ctx, number, last, 10); len(m) != 0 || m == nil || time.Since(began) != 25*time.Second {
			t.Errorf("%+v after %s", m, time.Since(began))
		}
	})
}

// nodes are outboxes that share: each message reaches all of them, its own node
// too, each after a while of its own.
func nodes(t *testing.T, n int, while func() time.Duration) []*delivery.Outbox {
	all := make([]*delivery.Outbox, n)
	for i := range all {
		all[i] = &delivery.Outbox{}
		all[i].Share = func(s delivery.Simulated) {
			text, err := json.Marshal(s)
			if err != nil {
				t.Error(err)
			}
			for _, other := range all {
				time.AfterFunc(while(), func() {
					var s delivery.Simulated
					if err := json.Unmarshal(text, &s); err != nil {
						t.Error(err)
					}
					other.Add(s)
				})
			}
		}
	}
	return all
}

func TestOutboxOfAnotherNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := nodes(t, 2, func() time.Duration { return 20 * time.Millisecond })
		began := time.Now()
		all[0].Send(t.Context(), delivery.Message{
			Channel: verify.Push, Push: &verify.PushTarget{Token: pushToken}, Title: "Is this you?", Text: "Open", Code: "123456",
			UserID: "u1", VerificationID: "ver_1", DeliveryID: "dlv_1", ExpiresAt: began.Add(time.Minute), Life: 2 * time.Minute, // of a store a minute behind
		})
		got := all[1].Wait(t.Context(), pushToken, "", 10)
		if took := time.Since(began); took != 270*time.Millisecond {
			t.Errorf("it was shown after %s", took)
		}
		if own := all[0].List("", "", 10); len(got) != 1 || !reflect.DeepEqual(got, own) {
			t.Fatalf("%+v, on its own node %+v", got, own)
		}
		if !got[0].At.Equal(began.Add(-time.Minute)) {
			t.Errorf("it is of %s, not by the store's clock", got[0].At)
		}
		for field, value := range reflect.ValueOf(got[0]).Fields() {
			if value.IsZero() {
				t.Errorf("%s got lost on the way", field.Name)
			}
		}
	})
}

// TestOutboxIsReadOnFromAnyNode asks another node every time, while all of them
// send: every message is read once.
func TestOutboxIsReadOnFromAnyNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const messages, apart = 300, 20 * time.Millisecond
		all := nodes(t, 3, func() time.Duration { return rand.N(250 * time.Millisecond) })
		for i := range messages {
			time.AfterFunc(time.Duration(i)*apart+rand.N(apart), func() {
				now := time.Now()
				m := sms(number, strconv.Itoa(i))
				m.ExpiresAt, m.Life = now.Add(time.Hour), time.Hour
				all[rand.N(len(all))].Send(t.Context(), m)
			})
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		read, after := map[string]int{}, ""
		for ctx.Err() == nil {
			for _, m := range all[rand.N(len(all))].Wait(ctx, number, after, 3) {
				read[m.Code]++
				after = m.ID
			}
		}
		for i := range messages {
			if n := read[strconv.Itoa(i)]; n != 1 {
				t.Errorf("message %d was read %d times", i, n)
			}
		}
	})
}

func TestSocket(t *testing.T) {
	for name, tc := range map[string]struct {
		receivers int
		err       error
		want      verify.DeliveryState
	}{
		"somebody is connected": {receivers: 1, want: verify.StateAccepted},
		"nobody is":             {want: verify.StateUndelivered},
		"the broker fails":      {err: errors.New("refused"), want: verify.StateRetrying},
	} {
		t.Run(name, func(t *testing.T) {
			var device, prompt string
			socket := delivery.Socket{Publish: func(_ context.Context, id string, p verify.PromptFrame) (int, error) {
				device, prompt = id, p.DeliveryID
				return tc.receivers, tc.err
			}}
			got := socket.Send(context.Background(), delivery.Message{DeviceID: "dev_1", DeliveryID: "dlv_1", Prompt: &verify.PromptFrame{DeliveryID: "dlv_1"}})
			if got.State != tc.want || device != "dev_1" || prompt != "dlv_1" {
				t.Errorf("%+v of %s to %s", got, prompt, device)
			}
		})
	}
}
