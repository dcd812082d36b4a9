package verify_test

import (
	"testing"
	"time"

	"nod/verify"
)

// mailed starts a login that may be proved by mail.
func mailed(t *testing.T, number string, devices ...string) *world {
	t.Helper()
	w := newWorld(t)
	q, s := login(number), verify.Situation{}
	q.Email = verify.StoredMailbox(address)
	for _, id := range devices {
		s.Devices = append(s.Devices, w.device(id, true, start))
	}
	if err := w.begin(q, s); err != nil {
		t.Fatal(err)
	}
	w.pump()
	return w
}

// codes are what the codes over a channel read, oldest first.
func (w *world) codes(mail bool) (all []string) {
	for _, c := range w.v.Codes {
		if (c.Channel == verify.Email) == mail {
			all = append(all, w.auth.Keys().Code(w.v, c))
		}
	}
	return all
}

func TestAMailIsSentOnRequestOnly(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*world, *verify.Request)
		code   string // of the refusal
	}{
		"a login with an address":         {func(*world, *verify.Request) {}, ""},
		"a login without one":             {func(_ *world, q *verify.Request) { q.Email = verify.Mailbox{} }, verify.CodeNoChannel},
		"no mail server":                  {func(w *world, _ *verify.Request) { w.policy.HasEmail = false }, verify.CodeNoChannel},
		"a login that asks the app alone": {func(_ *world, q *verify.Request) { q.Channel = verify.Push }, verify.CodeNoChannel},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			q := login(number)
			q.Email = verify.StoredMailbox(address)
			tc.change(w, &q)
			if err := w.begin(q, verify.Situation{Devices: []verify.Device{w.device("dev_1", true, start)}}); err != nil {
				t.Fatal(err)
			}
			w.until(100 * time.Second)
			if w.count(verify.Email) != 0 {
				t.Fatal("a mail left by itself")
			}
			if in := w.v.EmailIn(&w.policy, w.now); (in == nil) != (tc.code != "") {
				t.Errorf("possible in %v s", in)
			}
			err := w.resend(verify.Email)
			if tc.code != "" {
				refused(t, err, tc.code)
				return
			}
			if err != nil || w.count(verify.Email) != 1 || w.v.ResendCount != 1 {
				t.Errorf("%v; %d mails, %d resends", err, w.count(verify.Email), w.v.ResendCount)
			}
			if w.delivery(verify.Email, "").Country != "" || w.delivery(verify.SMS, "").Country != "US" {
				t.Error("the countries are wrong")
			}
		})
	}
}

func TestAMailProvesNoNumber(t *testing.T) {
	w := newWorld(t)
	q := verify.Request{Purpose: verify.Phone, Number: verify.StoredNumber(number), Email: verify.StoredMailbox(address)}
	if r := refused(t, w.begin(q, verify.Situation{}), verify.CodeInvalidRequest); r.Field != "email" {
		t.Errorf("%+v", r)
	}
	w.policy.HasEmail = false // whatever the operator has set up
	refused(t, w.begin(q, verify.Situation{}), verify.CodeInvalidRequest)
	w = sms(t)
	refused(t, w.resend(verify.Email), verify.CodeNoChannel)
	w.v.Email = verify.StoredMailbox(address) // as no Start leaves it
	refused(t, w.resend(verify.Email), verify.CodeNoChannel)
}

// Two codes may read the same by chance. Then nobody knows which was typed.
func TestTheWeakerProofCounts(t *testing.T) {
	for range 1000 {
		w := newWorld(t)
		w.policy.CodeLength = 1
		q := login(number)
		q.Email = verify.StoredMailbox(address)
		if err := w.begin(q, verify.Situation{}); err != nil {
			t.Fatal(err)
		}
		w.until(time.Minute)
		if err := w.resend(verify.Email); err != nil {
			t.Fatal(err)
		}
		if mail, phone := w.codes(true)[0], w.codes(false)[0]; mail == phone {
			if w.check(mail); w.v.Method != verify.ByEmailCode {
				t.Errorf("proved by %s", w.v.Method)
			}
			return
		}
	}
	t.Fatal("no two codes read the same")
}

func TestAMailIsNoFirstChannel(t *testing.T) {
	w := newWorld(t)
	refused(t, w.begin(verify.Request{Email: verify.StoredMailbox(address)}, verify.Situation{}), verify.CodeNoChannel)
	refused(t, w.begin(verify.Request{Email: verify.StoredMailbox(address), Channel: verify.Email}, verify.Situation{}), verify.CodeNoChannel)
}

func TestAnAddressThatIsNeverUsedIsNotKept(t *testing.T) {
	w := newWorld(t)
	w.policy.HasEmail = false
	q := login(number)
	q.Email = verify.StoredMailbox(address)
	if err := w.begin(q, verify.Situation{}); err != nil || !w.v.Email.IsZero() {
		t.Errorf("%v, %s", err, w.v.Email)
	}
}

func TestWhatWasTypedSaysHowItWasProved(t *testing.T) {
	for name, tc := range map[string]struct {
		last    verify.Channel // the send after the SMS and the mail
		typed   int            // of the codes
		method  verify.Method
		channel verify.Channel
	}{
		"the mail's":                        {"", 1, verify.ByEmailCode, verify.Email},
		"the SMS's":                         {"", 0, verify.BySMSCode, verify.SMS},
		"the mail's, after another SMS":     {verify.SMS, 1, verify.ByEmailCode, verify.Email},
		"the first SMS's, after another":    {verify.SMS, 0, verify.BySMSCode, verify.SMS},
		"the SMS's, after a call":           {verify.Voice, 0, verify.BySMSCode, verify.SMS},
		"the mail's, after a call":          {verify.Voice, 1, verify.ByEmailCode, verify.Email},
		"the call's":                        {verify.Voice, 2, verify.ByVoiceCode, verify.Voice},
		"the SMS's, after the mail's again": {verify.Email, 0, verify.BySMSCode, verify.SMS},
	} {
		t.Run(name, func(t *testing.T) {
			w := mailed(t, number)
			w.until(time.Minute)
			if err := w.resend(verify.Email); err != nil {
				t.Fatal(err)
			}
			if w.until(3 * time.Minute); tc.last != "" {
				if err := w.resend(tc.last); err != nil {
					t.Fatal(err)
				}
			}
			w.check(w.auth.Keys().Code(w.v, w.v.Codes[tc.typed]))
			w.is(verify.Approved, "")
			if g := w.v.Guesses[0]; w.v.Method != tc.method || g.Channel != tc.channel || !g.OK {
				t.Errorf("by %s, guess %+v", w.v.Method, g)
			}
			if err := w.v.Redeem(w.now); err != nil {
				t.Fatal(err)
			}
			c, err := w.auth.Own(verify.TypResult, w.auth.Result(w.v), w.now)
			if err != nil {
				t.Fatal(err)
			}
			if proved := c.PhoneNumber != ""; c.Channel != tc.channel || proved == (tc.channel == verify.Email) {
				t.Errorf("the result says %s %q", c.Channel, c.PhoneNumber)
			}
		})
	}
}

func TestAGuessCostsCodesOfBothKinds(t *testing.T) {
	w := mailed(t, number)
	w.until(time.Minute)
	if err := w.resend(verify.Email); err != nil {
		t.Fatal(err)
	}
	for left := 2; left >= 0; left-- {
		if w.v.AttemptsLeft(w.now) != left+1 {
			t.Errorf("%d tries are left, want %d", w.v.AttemptsLeft(w.now), left+1)
		}
		w.check("none")
		for _, c := range w.v.Codes {
			if c.MaxTries-c.Tries != left {
				t.Errorf("the code by %s has %d tries left, want %d", c.Channel, c.MaxTries-c.Tries, left)
			}
		}
	}
	w.is(verify.Pending, verify.AwaitingResend)
	w.until(3 * time.Minute)
	if err := w.resend(""); err != nil { // over the last one: the mail
		t.Fatal(err)
	}
	if w.count(verify.Email) != 2 || len(w.v.Codes) != 3 || !w.check(w.codes(true)[1]) {
		t.Errorf("%d mails, %d codes", w.count(verify.Email), len(w.v.Codes))
	}
}

// What is told of a code is told of the one that was sent last, of whichever kind.
func TestWhatIsToldIsOfTheLastCode(t *testing.T) {
	w := mailed(t, number)
	w.check("none")
	w.check("none") // one try of the SMS's code is left
	for _, step := range []struct {
		at time.Duration
		ch verify.Channel
	}{{time.Minute, verify.Email}, {3 * time.Minute, verify.SMS}} {
		w.until(step.at)
		if err := w.resend(step.ch); err != nil {
			t.Fatal(err)
		}
		sent := w.v.Codes[w.delivery(step.ch, "").CodeGeneration-1]
		if left := sent.MaxTries - sent.Tries; w.v.AttemptsLeft(w.now) != left || !w.v.CodeExpiresAt().Equal(sent.ExpiresAt) {
			t.Errorf("%s: %d tries until %s are told, it has %d until %s", step.ch, w.v.AttemptsLeft(w.now), w.v.CodeExpiresAt(), left, sent.ExpiresAt)
		}
	}
}

// A mail repeats the code of the mail before it, and nothing repeats another kind's.
func TestEachKindHasItsOwnCodes(t *testing.T) {
	w := mailed(t, number)
	for _, step := range []struct {
		at    time.Duration
		ch    verify.Channel
		codes int
	}{{time.Minute, verify.Email, 2}, {3 * time.Minute, verify.Email, 2}, {8 * time.Minute, verify.SMS, 3}} {
		w.until(step.at)
		if err := w.resend(step.ch); err != nil {
			t.Fatal(err)
		}
		if len(w.v.Codes) != step.codes || w.delivery(step.ch, "").CodeGeneration != step.codes {
			t.Fatalf("%d codes after %s at %s", len(w.v.Codes), step.ch, step.at)
		}
	}
	if !w.check(w.codes(false)[0]) {
		t.Error("the first SMS's code is void")
	}
}

func TestALoginWithoutANumberWaitsForItsMail(t *testing.T) {
	w := mailed(t, "", "dev_1")
	if in := w.v.EmailIn(&w.policy, w.now); in == nil || *in != 60 {
		t.Errorf("possible in %v s", in)
	}
	w.until(2 * time.Minute)
	w.is(verify.Pending, verify.AwaitingResend)
	if err := w.resend(verify.Email); err != nil {
		t.Fatal(err)
	}
	w.is(verify.Pending, verify.CodeEntry)
	if !w.v.CodeAcceptedAt.IsZero() {
		t.Error("a mail holds back the number's next session")
	}
	w.check(w.codes(true)[0])
	if w.v.Method != verify.ByEmailCode {
		t.Errorf("by %s", w.v.Method)
	}
}

func TestADeadMailbox(t *testing.T) {
	gone := func(d verify.Delivery) verify.Outcome {
		if d.Channel == verify.Email {
			return verify.Outcome{State: verify.StateFailed, Class: verify.ClassPermanentTarget, Detail: "550"}
		}
		return verify.Outcome{State: verify.StateAccepted}
	}
	w := mailed(t, number)
	w.answer = gone
	w.until(time.Minute)
	if err := w.resend(verify.Email); err != nil {
		t.Fatal(err)
	}
	if w.v.NumberDead {
		t.Error("the number is dead")
	}
	refused(t, w.resend(""), verify.CodeNoChannel)
	refused(t, w.resend(verify.Email), verify.CodeNoChannel)
	if a := w.v.Actions(&w.policy, w.now); a.SMSIn == nil || w.v.EmailIn(&w.policy, w.now) != nil {
		t.Error("the ways are wrong")
	}

	w = mailed(t, "", "dev_1")
	w.answer = gone
	w.until(2 * time.Minute)
	if err := w.resend(verify.Email); err != nil {
		t.Fatal(err)
	}
	w.is(verify.Expired, "") // there is no other way
}

func TestADeadNumberLeavesTheMail(t *testing.T) {
	w := newWorld(t)
	w.answer = func(d verify.Delivery) verify.Outcome {
		if d.Channel == verify.SMS {
			return verify.Outcome{State: verify.StateFailed, Class: verify.ClassPermanentTarget, Detail: "21211"}
		}
		return verify.Outcome{State: verify.StateAccepted}
	}
	q := login(number)
	q.Email = verify.StoredMailbox(address)
	if err := w.begin(q, verify.Situation{}); err != nil {
		t.Fatal(err)
	}
	w.pump()
	w.is(verify.Pending, verify.AwaitingResend)
	if err := w.resend(verify.Email); err != nil {
		t.Fatal(err)
	}
	w.is(verify.Pending, verify.CodeEntry)
}

// Once the resends are used up, a call or a mail may be tried once, while the last
// code is good.
func TestAnotherWayAfterTheLastResend(t *testing.T) {
	for _, ch := range []verify.Channel{verify.Voice, verify.Email} {
		w := mailed(t, number)
		for i, delay := range []time.Duration{60, 180, 480} {
			w.until(delay * time.Second)
			if err := w.resend(""); err != nil {
				t.Fatalf("resend %d: %v", i+1, err)
			}
		}
		refused(t, w.resend(ch), verify.CodeCooldown)
		w.until(780 * time.Second)
		refused(t, w.resend(verify.SMS), verify.CodeMaxResends)
		if err := w.resend(ch); err != nil {
			t.Fatalf("%s: %v", ch, err)
		}
		refused(t, w.resend(ch), verify.CodeMaxResends)
		if w.v.ResendCount != 3 || w.count(ch) != 1 {
			t.Errorf("%d resends, %d over %s", w.v.ResendCount, w.count(ch), ch)
		}
	}
}

// A mail that was never asked for keeps nothing open once the last code has ended.
func TestTheEndWaitsForNoMail(t *testing.T) {
	w := mailed(t, number)
	for i, delay := range []time.Duration{60, 180, 480} {
		w.until(delay * time.Second)
		if err := w.resend(""); err != nil {
			t.Fatalf("resend %d: %v", i+1, err)
		}
	}
	for range 3 {
		w.is(verify.Pending, verify.CodeEntry)
		w.check("none")
	}
	w.is(verify.Failed, "")
}
