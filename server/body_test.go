package server

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"nod/verify"
)

var bodyStart = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// body is a status body in the making.
type body struct {
	*testing.T
	keys   *verify.Keys
	policy verify.Policy
	v      *verify.Verification
	now    time.Time
}

func newBody(t *testing.T, q verify.Request, devices ...verify.Device) *body {
	t.Helper()
	secret := []byte("a secret that has enough bytes..")
	stored, err := verify.NewStoredKeys(secret, bodyStart)
	if err != nil {
		t.Fatal(err)
	}
	b := &body{T: t, policy: verify.DefaultPolicy(), now: bodyStart}
	b.policy.HasSMS, b.policy.HasPush, b.policy.HasVoice, b.policy.HasEmail = true, true, true, true
	if b.keys, err = verify.OpenKeys(stored, secret, nil); err != nil {
		t.Fatal(err)
	}
	q.ID, q.UserID, q.KeyID, q.SignKeyID = verify.NewID("ver"), "ana", b.keys.CodeKey(), b.keys.SignKey()
	if b.v, err = verify.Start(q, &verify.Situation{Devices: devices}, &b.policy, b.now); err != nil {
		t.Fatal(err)
	}
	return b
}

// send lets everything that is due leave, with this outcome.
func (b *body) send(o verify.Outcome) {
	for _, id := range b.v.Lease(&b.policy, "worker", b.now) {
		b.v.Send(id, "worker", &b.policy, b.now)
		b.v.Settle(id, "worker", o, &b.policy, b.now)
	}
}

// seen is the body as JSON for a view.
func (b *body) seen(w view) map[string]any {
	b.Helper()
	var m map[string]any
	if err := json.Unmarshal(encode(statusOf(b.v, b.keys, &b.policy, b.now, w)), &m); err != nil {
		b.Fatal(err)
	}
	return m
}

func (b *body) kinds() []string {
	var kinds []string
	for _, a := range statusOf(b.v, b.keys, &b.policy, b.now, viewPage).Alternatives {
		kinds = append(kinds, a.Kind)
	}
	return kinds
}

var (
	aNumber  = verify.StoredNumber("+14155550123")
	taken    = verify.Outcome{State: verify.StateAccepted, Class: verify.ClassNone}
	dead     = verify.Outcome{State: verify.StateFailed, Class: verify.ClassPermanentTarget, Detail: "21211"}
	noAnswer = verify.Outcome{State: verify.StateUnknown, Class: verify.ClassUnknown}
)

func TestFieldsOfTheStatusBody(t *testing.T) {
	always := []string{
		"verification_id", "purpose", "status", "stage", "reason", "method", "phone_number", "channel",
		"next_resend_delay", "next_resend_at", "cooldown_remaining", "resend_count", "max_resends", "attempts_remaining", "code_length",
		"expires_at", "prompt_expires_at", "session_expires_at", "can_change_phone", "alternative_contact_message", "alternatives",
		"next_actions", "fallback", "message", "message_key", "locked_until", "seq", "server_time",
	}
	history := []string{"attempt_history", "deliveries"}
	b := newBody(t, verify.Request{Purpose: verify.Login, Number: aNumber}, verify.Device{ID: "dev_1", Platform: "ios"})
	for name, c := range map[string]struct {
		view view
		more []string
	}{
		"event":   {viewEvent, nil},
		"key":     {viewKey, history},
		"created": {viewCreated, append([]string{"match_number", "client_secret"}, history...)},
		"page":    {viewPage, append([]string{"match_number"}, history...)},
		"user":    {viewUser(b.v), history},
	} {
		got := b.seen(c.view)
		want := append(slices.Clone(always), c.more...)
		for _, field := range want {
			if _, ok := got[field]; !ok {
				t.Errorf("%s: %s is missing", name, field)
			}
			delete(got, field)
		}
		for field := range got {
			t.Errorf("%s: %s does not belong there", name, field)
		}
	}
}

func TestResultTokenOnlyWhereItBelongs(t *testing.T) {
	b := newBody(t, verify.Request{Purpose: verify.Phone, Number: aNumber})
	b.send(taken)
	if ok, err := b.v.Check(b.keys, b.keys.Code(b.v, b.v.Codes[0]), &b.policy, b.now); !ok || err != nil {
		t.Fatal(ok, err)
	}
	has := func(w view) bool { _, ok := b.seen(w)["result_token"]; return ok }
	if !has(viewPage) || !has(viewUser(b.v)) {
		t.Error("who proved the number gets no result")
	}
	if has(viewKey) || has(viewCreated) || has(viewSent) || has(viewEvent) {
		t.Error("a result token stands where it does not belong")
	}
	b.v.Purpose = verify.Login
	if has(viewUser(b.v)) {
		t.Error("a user token gets the result of a login")
	}
	if err := b.v.Redeem(b.now); err != nil {
		t.Fatal(err)
	}
	if has(viewPage) {
		t.Error("a spent result is handed out")
	}
}

func TestWaysOutOfADeadNumber(t *testing.T) {
	b := newBody(t, verify.Request{Purpose: verify.Phone, Number: aNumber})
	if got := b.seen(viewPage); got["can_change_phone"] != false || got["alternative_contact_message"] != nil || len(b.kinds()) != 0 {
		t.Errorf("at first: %v", got)
	}
	b.send(dead)
	if got := b.seen(viewPage); got["can_change_phone"] != true || got["alternative_contact_message"] == nil {
		t.Errorf("of a dead number: %v", got)
	}
	if !slices.Equal(b.kinds(), []string{"change_phone"}) {
		t.Errorf("ways out: %v", b.kinds())
	}
}

// What a receipt tells of the number shows the ways out, and closes no other.
func TestWaysOutOfANumberThatAReceiptCallsDead(t *testing.T) {
	asked := verify.Outcome{State: verify.StateAccepted, Class: verify.ClassNone, Provider: "twilio", Receipts: true}
	b := newBody(t, verify.Request{Purpose: verify.Phone, Number: aNumber})
	receive := func(i int, s verify.DeliveryState, c verify.Class) {
		b.v.Receive(verify.Receipt{DeliveryID: b.v.Deliveries[i].ID, Provider: "twilio", State: s, Class: c}, &b.policy, b.now)
	}
	shows := func(when string, want bool) {
		t.Helper()
		got := b.seen(viewPage)
		if got["can_change_phone"] != want || (got["alternative_contact_message"] != nil) != want || slices.Equal(b.kinds(), []string{"change_phone", "voice"}) != want {
			t.Errorf("%s: %v, %v, %v", when, got["can_change_phone"], got["alternative_contact_message"], b.kinds())
		}
	}
	b.send(asked)
	receive(0, verify.StateUndelivered, verify.ClassPermanentTarget)
	shows("of a number that is none", true)
	if b.v.NumberDead || b.seen(viewPage)["stage"] != "code_entry" {
		t.Error("a receipt decided something")
	}
	b.now = b.now.Add(b.v.ResendDelay(&b.policy))
	if err := b.v.Resend(verify.Voice, &b.policy, b.now); err != nil {
		t.Fatal(err)
	}
	shows("while another is on its way", true)
	b.send(asked)
	shows("while nothing is told of another", true)
	receive(1, verify.StateDelivered, verify.ClassNone)
	shows("after one that arrived", false)

	b = newBody(t, verify.Request{Purpose: verify.Phone, Number: aNumber})
	b.send(asked)
	receive(0, verify.StateUndelivered, verify.ClassPermanentUser)
	shows("of a phone that is off", false)
	b.now = b.now.Add(b.v.ResendDelay(&b.policy))
	if err := b.v.Resend("", &b.policy, b.now); err != nil {
		t.Fatal(err)
	}
	b.send(asked)
	receive(1, verify.StateUndelivered, verify.ClassPermanentTarget)
	shows("of the second", true)
	receive(0, verify.StateDelivered, verify.ClassNone)
	shows("when an older one arrived", true)
	receive(1, verify.StateDelivered, verify.ClassNone)
	shows("when it arrived after all", false)

	b = newBody(t, verify.Request{Purpose: verify.Phone, Number: aNumber})
	b.send(verify.Outcome{State: verify.StateFailed, Class: verify.ClassPermanentUser, Provider: "twilio", Detail: "21610"})
	shows("of who wants no messages", true)
}

// Of a mail nothing follows for the number.
func TestADeadMailboxIsNoDeadNumber(t *testing.T) {
	b := newBody(t, verify.Request{Purpose: verify.Login, Number: aNumber, Email: verify.StoredMailbox("ana@example.com")})
	b.send(taken)
	b.now = b.now.Add(b.v.ResendDelay(&b.policy))
	if err := b.v.Resend(verify.Email, &b.policy, b.now); err != nil {
		t.Fatal(err)
	}
	b.send(verify.Outcome{State: verify.StateAccepted, Provider: "smtp"})
	b.v.Receive(verify.Receipt{DeliveryID: b.v.Deliveries[1].ID, Provider: "smtp", State: verify.StateUndelivered, Class: verify.ClassPermanentTarget}, &b.policy, b.now)
	if got := b.seen(viewPage); b.v.Deliveries[1].State != verify.StateUndelivered || got["alternative_contact_message"] != nil {
		t.Errorf("%s, and %v", b.v.Deliveries[1].State, got["alternative_contact_message"])
	}
}

func TestWhatDidNotLeaveIsNotSaidToBeSent(t *testing.T) {
	down := verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Provider: "twilio"}
	refused := verify.Outcome{State: verify.StateFailed, Class: verify.ClassPolicy, Provider: "twilio"}
	for name, tc := range map[string]struct {
		outcomes []verify.Outcome // of each SMS that was asked for
		key      any
	}{
		"nothing has left yet":        {nil, "code.sent"},
		"it was taken":                {[]verify.Outcome{taken}, "code.sent"},
		"nobody knows":                {[]verify.Outcome{noAnswer}, "code.sent"},
		"it was refused":              {[]verify.Outcome{refused}, nil},
		"the number is dead":          {[]verify.Outcome{dead}, nil},
		"nobody took it yet":          {[]verify.Outcome{down}, nil},
		"all were refused":            {[]verify.Outcome{refused, refused, refused}, nil},
		"the first that was taken":    {[]verify.Outcome{refused, taken}, "code.sent"},
		"another was taken":           {[]verify.Outcome{taken, refused, taken}, "resend.another"},
		"the last was taken":          {[]verify.Outcome{taken, taken, taken, taken}, "resend.final"},
		"but the last was not":        {[]verify.Outcome{taken, taken, taken, refused}, "resend.another"},
		"the first was, and no other": {[]verify.Outcome{taken, refused, refused}, "code.sent"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBody(t, verify.Request{Purpose: verify.Phone, Number: aNumber})
			for i, o := range tc.outcomes {
				if i > 0 {
					b.now = b.now.Add(b.v.ResendDelay(&b.policy))
					if err := b.v.Resend("", &b.policy, b.now); err != nil {
						t.Fatal(err)
					}
				}
				b.send(o)
			}
			if got := b.seen(viewPage); got["message_key"] != tc.key || (got["message"] == nil) != (tc.key == nil) {
				t.Errorf("it says %v: %v", got["message_key"], got["message"])
			}
		})
	}
}

func TestWaysOutAfterThreeResends(t *testing.T) {
	b := newBody(t, verify.Request{Purpose: verify.Phone, Number: aNumber})
	b.send(taken)
	for n, wait := range b.policy.ResendDelays {
		if n < 2 && b.seen(viewPage)["can_change_phone"] == true {
			t.Errorf("the number can be changed after %d resends", n)
		}
		if len(b.kinds()) != 0 {
			t.Errorf("ways out after %d resends: %v", n, b.kinds())
		}
		b.now = b.now.Add(wait)
		if err := b.v.Resend("", &b.policy, b.now); err != nil {
			t.Fatal(err)
		}
		b.send(taken)
	}
	if !slices.Equal(b.kinds(), []string{"change_phone", "voice"}) {
		t.Errorf("ways out: %v", b.kinds())
	}
	if key := b.seen(viewPage)["message_key"]; key != "resend.final" {
		t.Errorf("the last resend says %v", key)
	}
	b.policy.Support = "Call us: 0800 123"
	if !slices.Equal(b.kinds(), []string{"change_phone", "voice", "support"}) {
		t.Errorf("ways out with somebody to ask: %v", b.kinds())
	}
}

// Who came to nothing is told whom to ask, and no way that is closed.
func TestTheEndLeavesSupport(t *testing.T) {
	for name, tc := range map[string]struct {
		end  func(b *body)
		want []string
	}{
		"the tries are used up": {func(b *body) {
			b.v.ResendCount = b.policy.Resends
			for range b.policy.TriesPerCode {
				_, _ = b.v.Check(b.keys, "none", &b.policy, b.now)
			}
		}, []string{"support"}},
		"the session ended": {func(b *body) {
			b.now = b.v.SessionEndsAt
			b.v.Advance(&b.policy, b.now)
		}, []string{"support"}},
		"it was approved": {func(b *body) { _, _ = b.v.Check(b.keys, b.keys.Code(b.v, b.v.Codes[0]), &b.policy, b.now) }, nil},
		"it was canceled": {func(b *body) { _ = b.v.Cancel(b.now) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBody(t, verify.Request{Purpose: verify.Phone, Number: aNumber})
			b.policy.Support = "Call us: 0800 123"
			b.send(taken)
			tc.end(b)
			got := b.seen(viewPage)
			if !b.v.Terminal() || !slices.Equal(b.kinds(), tc.want) || got["attempts_remaining"] != 0.0 || got["can_change_phone"] != false {
				t.Errorf("%s: ways out %v, %v tries remain", b.v.Status, b.kinds(), got["attempts_remaining"])
			}
		})
	}
}

func TestMessagesSayWhatWasSent(t *testing.T) {
	b := newBody(t, verify.Request{Purpose: verify.Login, Number: aNumber}, verify.Device{ID: "dev_1", Platform: "ios", Push: &verify.PushTarget{Provider: "apns", Token: "t"}})
	says := func(key, text any) {
		t.Helper()
		b.send(taken)
		if got := b.seen(viewPage); got["message_key"] != key || got["message"] != text {
			t.Errorf("%v: %v, want %v: %v", got["message_key"], got["message"], key, text)
		}
	}
	resend := func(c verify.Channel) {
		t.Helper()
		b.now = b.now.Add(10 * time.Minute)
		b.v.Advance(&b.policy, b.now)
		if err := b.v.Resend(c, &b.policy, b.now); err != nil {
			t.Fatal(err)
		}
	}
	says(nil, nil)
	resend(verify.Push)
	says("resend.another", "Another request has been sent to the phone.")
	resend(verify.SMS)
	says("code.sent", "Verification code sent.")
	resend(verify.SMS)
	says("resend.another", "Another verification code has been sent.")
	resend(verify.Push)
	says("resend.final", "The final request has been sent to the phone.")
	if !slices.Equal(b.kinds(), []string{"voice"}) || !strings.Contains(b.seen(viewPage)["alternative_contact_message"].(string), "another way") {
		t.Errorf("ways out: %v", b.kinds())
	}
	b.policy.HasVoice = false
	if got := b.seen(viewPage)["alternative_contact_message"]; len(b.kinds()) != 0 || strings.Contains(got.(string), "another way") {
		t.Errorf("%v, and ways out: %v", got, b.kinds())
	}
}

func TestAMailIsOfferedAsAnotherWay(t *testing.T) {
	mailbox := verify.StoredMailbox("ana.silva@example.com")
	phone := verify.Device{ID: "dev_1", Platform: "ios"}
	for name, tc := range map[string]struct {
		request verify.Request
		devices []verify.Device
		outcome verify.Outcome
		resends int
		want    []string
	}{
		"not while the number may do":        {verify.Request{Number: aNumber, Email: mailbox}, nil, taken, 2, nil},
		"after three resends":                {verify.Request{Number: aNumber, Email: mailbox}, nil, taken, 3, []string{"voice", "email"}},
		"of a dead number":                   {verify.Request{Number: aNumber, Email: mailbox}, nil, dead, 0, []string{"email"}},
		"from the start without a number":    {verify.Request{Email: mailbox}, []verify.Device{phone}, taken, 0, []string{"email"}},
		"never without an address":           {verify.Request{Number: aNumber}, nil, taken, 3, []string{"voice"}},
		"never where the app alone is asked": {verify.Request{Email: mailbox, Channel: verify.Push}, []verify.Device{phone}, taken, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			tc.request.Purpose = verify.Login
			b := newBody(t, tc.request, tc.devices...)
			b.send(tc.outcome)
			for _, wait := range b.policy.ResendDelays[:tc.resends] {
				b.now = b.now.Add(wait)
				if err := b.v.Resend("", &b.policy, b.now); err != nil {
					t.Fatal(err)
				}
				b.send(taken)
			}
			if !slices.Equal(b.kinds(), tc.want) {
				t.Fatalf("ways out: %v, want %v", b.kinds(), tc.want)
			}
			if !slices.Contains(tc.want, "email") {
				return
			}
			ways := statusOf(b.v, b.keys, &b.policy, b.now, viewPage).Alternatives
			b.now = b.now.Add(time.Duration(ways[len(ways)-1].AvailableIn) * time.Second)
			if err := b.v.Resend(verify.Email, &b.policy, b.now); err != nil {
				t.Errorf("at the time that was told: %v", err)
			}
			b.send(taken)
			seen := string(encode(statusOf(b.v, b.keys, &b.policy, b.now, viewPage)))
			if strings.Contains(seen, "silva") || !strings.Contains(seen, `"target":"a•••@example.com"`) {
				t.Errorf("shown: %s", seen)
			}
		})
	}
}

func TestUnknownSendMayBeRepeatedAtOnce(t *testing.T) {
	b := newBody(t, verify.Request{Purpose: verify.Phone, Number: aNumber})
	b.send(noAnswer)
	got := b.seen(viewPage)
	if in := got["next_actions"].(map[string]any)["sms_in"]; in != 0.0 || got["cooldown_remaining"] != 0.0 || got["stage"] != "code_entry" {
		t.Errorf("sms in %v, cooldown %v, stage %v", in, got["cooldown_remaining"], got["stage"])
	}
}

func TestAttemptHistoryIsInOrder(t *testing.T) {
	b := newBody(t, verify.Request{Purpose: verify.Phone, Number: aNumber})
	b.send(taken)
	b.now = b.now.Add(time.Second)
	if _, err := b.v.Check(b.keys, "000", &b.policy, b.now); err != nil {
		t.Fatal(err)
	}
	b.now = b.now.Add(time.Minute)
	if err := b.v.Resend(verify.Voice, &b.policy, b.now); err != nil {
		t.Fatal(err)
	}
	b.send(dead)
	got := attempts(b.v)
	want := []Attempt{
		{At: "2026-11-21T12:00:00.000Z", Kind: "send", Channel: verify.SMS, Status: "accepted"},
		{At: "2026-11-21T12:00:01.000Z", Kind: "check", Channel: verify.SMS, Status: "wrong"},
		{At: "2026-11-21T12:01:01.000Z", Kind: "resend", Channel: verify.Voice, Status: "failed", Reason: new("permanent_target")},
	}
	if string(encode(got)) != string(encode(want)) {
		t.Errorf("got %s want %s", encode(got), encode(want))
	}
	for _, d := range deliveries(b.v) {
		if d.Target == nil || *d.Target != "+1 ••• 23" {
			t.Errorf("a delivery went to %v", d.Target)
		}
	}
}
