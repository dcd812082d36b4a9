package verify_test

import (
	"testing"
	"time"

	"nod/verify"
)

func TestFallbackIsTold(t *testing.T) {
	w := newWorld(t)
	if err := w.begin(login(number), verify.Situation{Devices: []verify.Device{w.device("dev_1", true, start)}}); err != nil {
		t.Fatal(err)
	}
	tell := func(after time.Duration, channel verify.Channel, in int) {
		t.Helper()
		w.until(after)
		got := w.v.Fallback(&w.policy, w.now)
		switch {
		case got == nil && channel == "":
		case got == nil || *got != verify.Fallback{Channel: channel, In: in}:
			t.Errorf("after %v: %+v, want %s in %d", after, got, channel, in)
		}
	}
	tell(0, verify.Push, 5)
	tell(4500*time.Millisecond, verify.Push, 1)
	tell(5*time.Second, verify.SMS, 25)
	tell(29*time.Second, verify.SMS, 1)
	tell(30*time.Second, "", 0)

	w = newWorld(t)
	if err := w.begin(login(number), verify.Situation{Devices: []verify.Device{w.device("dev_1", true, start)}}); err != nil {
		t.Fatal(err)
	}
	w.pump()
	if err := w.v.Display(w.delivery(verify.WebSocket, "dev_1").ID, "dev_1", &w.policy, w.now); err != nil {
		t.Fatal(err)
	}
	tell(time.Second, "", 0) // a display stops what would come by itself

	w = newWorld(t)
	w.policy.PromptLife = 20 * time.Second
	if err := w.begin(login(number), verify.Situation{Devices: []verify.Device{w.device("dev_1", true, start)}}); err != nil {
		t.Fatal(err)
	}
	tell(0, verify.Push, 5)
	tell(6*time.Second, "", 0) // the SMS would come after the prompt's end
}
