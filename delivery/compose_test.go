package delivery_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"nod/delivery"
	"nod/verify"
)

// What a provider hands over goes to the next one at once, which knows who was
// tried and where the number is.
func TestAMessageThatIsHandedOver(t *testing.T) {
	bubble(t, func(w *world) {
		w.script.does(verify.SMS, func(_ context.Context, m delivery.Message) verify.Outcome {
			if len(m.Tried) < 2 {
				return verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Provider: []string{"twilio", "vonage"}[len(m.Tried)], HandOver: true}
			}
			return verify.Outcome{State: verify.StateAccepted, Class: verify.ClassNone, Provider: "sns", ProviderID: "m3"}
		})
		w.policy.SMSTries = 3
		w.run()
		w.begin(over(verify.SMS), func(q *verify.Request) { q.Locale = "de-AT" })
		w.at(s)
		w.left(verify.SMS, 0, 0, 0)
		third := w.script.list(verify.SMS)[2]
		if !slices.Equal(third.Tried, []string{"twilio", "vonage"}) || third.Country != "US" || third.Language != "de" || third.Number.E164() != number {
			t.Errorf("the third was told %v, %q, %q", third.Tried, third.Country, third.Language)
		}
		if d := last(w.load(), verify.SMS); d.Provider != "sns" || d.State != verify.StateAccepted {
			t.Errorf("%+v", d)
		}
	})
}

// A mail holds an address and a code of its own, and nothing of a number.
func TestAMessageToAMailbox(t *testing.T) {
	bubble(t, func(w *world) {
		w.policy.HasEmail = true
		mailbox, err := verify.ParseMailbox("ana@example.com")
		if err != nil {
			t.Fatal(err)
		}
		w.run(func(c *delivery.Config) { c.Channels[verify.Email] = w.script })
		w.begin(over(verify.SMS), func(q *verify.Request) { q.Email = mailbox })
		w.at(61 * s)
		if err := w.resend(verify.Email); err != nil {
			t.Fatal(err)
		}
		w.left(verify.Email, 61*s)
		m, sms := w.script.list(verify.Email)[0], w.script.list(verify.SMS)[0]
		if m.Email != "ana@example.com" || !m.Number.IsZero() || m.Title == "" || !strings.Contains(m.Text, m.Code) || m.Code == sms.Code {
			t.Errorf("%q, %q, %q", m.Email, m.Title, m.Number)
		}
		if strings.Contains(w.log.String(), "ana@example.com") {
			t.Error("the address is logged")
		}
		w.must(func(v *verify.Verification, now time.Time) error {
			_, err := v.Check(w.store.Keys(), m.Code, &w.policy, now)
			return err
		})
		if v := w.load(); v.Method != verify.ByEmailCode {
			t.Errorf("it is %s by %s", v.Status, v.Method)
		}
	})
}
