package server_test

import (
	"testing"
)

// TestApprove follows one login from its start to the exchange.
func TestApprove(t *testing.T) {
	inBubble(t, func(t *testing.T, w *liveWorld) {
		d := w.enroll()
		phone := d.online()
		l := w.login()
		page, snapshot := w.resume(l, 0)
		if snapshot.text("match_number") != l.number || len(l.number) != 3 || snapshot.Data["client_secret"] != nil {
			t.Fatalf("snapshot %v", snapshot.Data)
		}
		prompt := phone.receive()
		if prompt["remaining"] != 120.0 {
			t.Fatalf("prompt %v", prompt)
		}
		var seq int64
		page.until(&seq, "delivery.delivered")
		page.until(&seq, "delivery.displayed")
		phone.send("respond", d.answer(prompt, "approve", l.number))
		phone.result(true, "")
		phone.promptClosed(l.id, "approved")

		last := page.until(&seq, "verification.approved")
		state, _ := last.Data["state"].(map[string]any)
		if state["status"] != "approved" || state["result_token"] != nil || state["match_number"] != nil || state["seq"] != float64(seq) {
			t.Fatalf("state %v", state)
		}
		result := page.expect("result")
		if result.Seq != seq || result.text("status") != "approved" || result.text("method") != "app" || result.text("verification_id") != l.id {
			t.Fatalf("result %v", result)
		}
		exchanged := w.byKey("POST", "/api/v1/verifications/"+l.id+"/exchange", map[string]any{"result_token": result.text("result_token")})
		if exchanged.text("result") == "" {
			t.Fatalf("exchange %v", exchanged.body)
		}
		if again, snapshot := w.watch(l); snapshot.Data["result_token"] != nil || again.expect("result").Data["result_token"] != nil {
			t.Fatal("a redeemed verification gives a result token")
		}
	})
}
