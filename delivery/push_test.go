package delivery_test

import (
	"testing"
	"time"

	"nod/delivery"
	"nod/verify"
)

// Each phone is pushed to over its own provider, and told over it that a request is
// over. One whose provider is not set up is passed over and keeps its token.
func TestPushesGoOverTheDevicesProvider(t *testing.T) {
	bubble(t, func(w *world) {
		w.enroll(true, true)
		fcm := w.device
		w.enroll(true, true, func(d *verify.Device) { d.Push.Provider = "apns" })
		w.script.says(verify.WebSocket, nobodyThere)
		p := &provider{script: w.script}
		w.run(func(c *delivery.Config) { c.Channels[verify.Push] = delivery.Pushes{"fcm": p, "webpush": w.script} })
		w.begin()
		w.at(s)
		pushes := w.script.list(verify.Push)
		if len(pushes) != 1 || pushes[0].DeviceID != fcm {
			t.Fatalf("pushed %v", pushes)
		}
		for _, d := range w.load().Deliveries {
			if d.Channel == verify.Push && d.DeviceID == w.device && (d.State != verify.StateFailed || d.Class != verify.ClassPolicy || d.Provider != "apns" || d.Detail != "no_provider") {
				t.Errorf("%+v", d)
			}
		}
		if w.phone().Push == nil {
			t.Error("its token was dropped")
		}
		w.must(func(v *verify.Verification, now time.Time) error { return v.Cancel(now) })
		w.at(2 * s)
		if back := p.takenBack(); len(back) != 1 || back[0] != pushes[0].DeliveryID {
			t.Errorf("withdrawn were %v", back)
		}
	})
}
