package server_test

import (
	"encoding/json"
	"testing"
	"time"

	"nod/hub"
	"nod/verify"
)

// receive is what a provider tells about the code of a login.
func (w *wired) receive(l attempt, s verify.DeliveryState) {
	w.Helper()
	w.must(w.store.UpdateVerification(w.Context(), l.id, nil, func(v *verify.Verification, now time.Time) error {
		d := &v.Deliveries[len(v.Deliveries)-1]
		p := verify.DefaultPolicy()
		v.Receive(verify.Receipt{DeliveryID: d.ID, Provider: d.Provider, State: s}, &p, now)
		return nil
	}))
	w.settle()
}

// byCode is a login that was approved by the code from an SMS.
func (w *wired) byCode() attempt {
	w.Helper()
	l := w.login(object{"phone_number": number, "channel": "sms"})
	code := w.code(number)
	w.act(l, "check", object{"code": code}).allow(200).has("ok", true)
	return l
}

// TestAReceiptAfterTheEnd: it follows the result, with the next seq, and reopens
// nothing.
func TestAReceiptAfterTheEnd(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		l := w.login(object{"phone_number": number, "channel": "sms"})
		page, _ := w.resume(l, 0)
		w.act(l, "check", object{"code": w.code(number)}).allow(200).has("ok", true)
		var seq int64
		page.until(&seq, "verification.approved")
		result := page.expect("result")
		w.receive(l, verify.StateDelivered)
		late := page.expect("event")
		state, _ := late.Data["state"].(object)
		if late.text("name") != "delivery.delivered" || late.Seq != seq+1 || state["status"] != "approved" || state["stage"] != nil || state["seq"] != float64(seq+1) {
			t.Fatalf("told %v", late)
		}
		if late.Data["provider"] != nil || late.Data["detail"] != nil {
			t.Errorf("a page is told of the provider: %v", late.Data)
		}
		w.status(l).has("status", "approved").has("stage", nil).has("seq", int(seq+1))

		again, snapshot := w.resume(l, seq) // it had heard the result
		if snapshot.text("status") != "approved" {
			t.Fatalf("snapshot %v", snapshot.Data)
		}
		if e := again.expect("event"); e.Seq != seq+1 {
			t.Fatalf("missed %v", e)
		}
		if r := again.expect("result"); r.Seq != result.Seq || r.text("status") != "approved" {
			t.Fatalf("result %v", r)
		}
		w.ask(byKey, "POST", "/api/v1/verifications/"+l.id+"/exchange", object{"result_token": result.text("result_token")}).allow(200)
	})
}

// Nobody published it: the repair finds what came after the end like all else.
func TestRepairOfAReceiptAfterTheEnd(t *testing.T) {
	repaired(t, func(t *testing.T, w *wired, b *silence) {
		l := w.byCode()
		page, snapshot := w.watch(l)
		page.expect("result")
		b.all()
		w.receive(l, verify.StateDelivered)
		w.within(3*time.Second, func() {
			if e := page.expect("event"); e.text("name") != "delivery.delivered" || float64(e.Seq) != snapshot.Data["seq"].(float64)+1 {
				t.Fatalf("told %v", e)
			}
		})
	})
}

// TestATimeToComeProlongsNothing: whoever can write to the broker tells of an end in an
// hour. The token that a page is given with it ends when any of now would.
func TestATimeToComeProlongsNothing(t *testing.T) {
	broker := &dicing{}
	wireOver(t, broker, func(t *testing.T, w *wired) {
		l := w.login(object{"phone_number": number, "channel": "sms"})
		page, _ := w.resume(l, 0)
		broker.mu.Lock()
		honest := broker.deliver
		broker.deliver = func(m hub.Message) int {
			told := object{}
			if json.Unmarshal(m.Data, &told) == nil && told["redeemable"] == true {
				told["at"] = time.Now().Add(time.Hour)
				m.Data, _ = json.Marshal(told)
			}
			return honest(m)
		}
		broker.mu.Unlock()
		w.act(l, "check", object{"code": w.code(number)}).allow(200).has("ok", true)
		var seq int64
		page.until(&seq, "verification.approved")
		token := page.expect("result").text("result_token")
		w.pass(verify.ResultTokenLife)
		w.ask(byKey, "POST", verifications+"/"+l.id+"/exchange", object{"result_token": token}).deny(410, "expired")
	})
}
