package verify_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"nod/verify"
)

// section7 are the events of the contract, as it writes them.
const section7 = `verification.{created reused stage_changed approved denied reported failed expired canceled superseded blocked locked skipped_trusted}
code.{issued check_failed exhausted}
resend.{requested rejected}
delivery.{queued accepted retrying unknown delivered displayed responded undelivered failed suppressed expired canceled fallback_started}
phone.{changed}
device.{registered token_rotated token_invalid revoked}
trusted_device.{added used revoked reuse_detected}
settings.{changed}
risk.{limit_hit push_suppressed budget_exceeded spend_warning spend_stop}
provider.{degraded recovered}`

// lives are what leads to the events that rules emit: each to those it names, and to
// none that the contract does not know.
var lives = []struct {
	life  string
	leads string
	of    func(*testing.T) []verify.Event
}{
	{"a code that is typed", "verification.created verification.stage_changed verification.approved code.issued delivery.queued delivery.accepted", func(t *testing.T) []verify.Event {
		w := sms(t)
		w.check(w.code())
		return w.all()
	}},
	{"three wrong ones, and a resend that comes too soon", "code.check_failed code.exhausted resend.rejected resend.requested", func(t *testing.T) []verify.Event {
		w := sms(t)
		for range 3 {
			w.check(w.wrong())
		}
		w.v.RejectResend(refused(t, w.resend(""), verify.CodeCooldown), w.now)
		w.until(time.Minute)
		_ = w.resend("")
		return w.all()
	}},
	{"the app's ladder to its end", "delivery.fallback_started delivery.delivered delivery.displayed delivery.responded verification.reported verification.denied", func(t *testing.T) []verify.Event {
		w := asked(t, verify.None)
		w.until(5 * time.Second) // to push, beside the socket
		d := w.delivery(verify.WebSocket, "dev_1")
		_ = w.v.Acknowledge(d.ID, "dev_1", &w.policy, w.now)
		_ = w.v.Display(d.ID, "dev_1", &w.policy, w.now)
		_, _ = w.reply("dev_1", verify.Report, "")
		return w.all()
	}},
	{"an SMS that waits for a provider until the person gives up", "delivery.retrying delivery.canceled verification.canceled", func(t *testing.T) []verify.Event {
		w := began(t, verify.SMS)
		w.answer = func(verify.Delivery) verify.Outcome {
			return verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, RetryAfter: time.Minute, Provider: "test"}
		}
		w.pump()
		_ = w.v.Cancel(w.now)
		return w.all()
	}},
	{"an SMS of which nobody knows, and the receipt of another", "delivery.unknown delivery.undelivered verification.expired", func(t *testing.T) []verify.Event {
		w := began(t, verify.SMS)
		w.answer = lost
		w.pump()
		w.receive(w.delivery(verify.SMS, ""), verify.StateUndelivered)
		w.until(w.policy.SessionLife)
		return w.all()
	}},
	{"a number that cannot be reached", "delivery.failed verification.failed", func(t *testing.T) []verify.Event {
		w := began(t, verify.SMS)
		w.answer = func(verify.Delivery) verify.Outcome {
			return verify.Outcome{State: verify.StateFailed, Class: verify.ClassPermanentTarget, Provider: "test"}
		}
		w.pump()
		return w.all()
	}},
	{"a prompt that ends before it has left", "delivery.expired", func(t *testing.T) []verify.Event {
		w := began(t, verify.Push)
		w.v.PutOff(verify.WebSocket, start.Add(time.Hour), &w.policy, w.now)
		w.until(w.policy.PromptLife)
		return w.all()
	}},
	{"a number that is left, and one that is proved twice", "verification.reused phone.changed", func(t *testing.T) []verify.Event {
		w := proving(t, 2)
		w.v.Reuse(w.now)
		if _, _, err := w.change(second, verify.Situation{Left: w.v}); err != nil {
			t.Error(err)
		}
		return w.all()
	}},
	{"a newer login", "verification.superseded", func(t *testing.T) []verify.Event {
		w := asked(t, verify.None)
		older := *w.v
		_ = w.begin(login(number), verify.Situation{Open: &older})
		return append(w.all(), older.TakeEvents()...)
	}},
	{"a blocked user", "verification.blocked", func(t *testing.T) []verify.Event {
		w := newWorld(t)
		_ = w.begin(login(number), verify.Situation{Hold: verify.Hold{BlockedAt: start}})
		return w.all()
	}},
	{"a browser that is remembered, and a copy of its token", "verification.skipped_trusted trusted_device.added trusted_device.used trusted_device.reuse_detected trusted_device.revoked", func(t *testing.T) []verify.Event {
		b := newBrowsers(t)
		d := b.remember("", nil)
		skipped := b.create(b.token(d, 1), nil).TakeEvents()
		b.now = b.now.Add(2 * verify.TrustOverlap)
		b.create(b.token(d, 1), nil)
		return append(skipped, b.told...)
	}},
	{"what a user chooses", "settings.changed", func(*testing.T) []verify.Event {
		return (&verify.Settings{UserID: "u1"}).Set(verify.Push, "", start)
	}},
	{"a push token that is dead", "device.token_invalid", func(*testing.T) []verify.Event {
		target := verify.PushTarget{Provider: "fcm", Token: "dead"}
		return (&verify.Device{Push: &target}).DropPush(target)
	}},
}

// beside are the events that no rule emits, but whoever does what they tell of, in
// the transaction of it: by file and name.
var beside = map[string][2]string{
	"device.registered":    {"../storage/devices.go", "verify.EventDeviceRegistered"},
	"device.token_rotated": {"../server/devices.go", "verify.EventDeviceTokenRotated"},
	"device.revoked":       {"../server/devices.go", "verify.EventDeviceRevoked"},
	"provider.degraded":    {"../delivery/sms/sms.go", "verify.EventProviderDegraded"},
	"provider.recovered":   {"../delivery/sms/sms.go", "verify.EventProviderRecovered"},
}

// missing are those of limits and budgets, which there are none of yet.
var missing = []string{
	"verification.locked", "delivery.suppressed",
	"risk.limit_hit", "risk.push_suppressed", "risk.budget_exceeded", "risk.spend_warning", "risk.spend_stop",
}

// Every event of the contract is emitted, and there is a life that leads to it; but
// for those that are missing.
func TestEveryEventOfTheContract(t *testing.T) {
	var contract []string
	for family := range strings.Lines(section7) {
		prefix, names, _ := strings.Cut(strings.TrimSpace(family), "{")
		for name := range strings.FieldsSeq(strings.TrimSuffix(names, "}")) {
			contract = append(contract, prefix+name)
		}
	}
	emitted := map[string]bool{}
	for _, l := range lives {
		t.Run(l.life, func(t *testing.T) {
			told := map[string]bool{}
			for _, e := range l.of(t) {
				if !slices.Contains(contract, e.Name) {
					t.Errorf("it led to %s, which is none", e.Name)
				}
				told[e.Name] = true
			}
			for name := range strings.FieldsSeq(l.leads) {
				emitted[name] = true
				if !told[name] {
					t.Errorf("it does not lead to %s: %v", name, told)
				}
			}
		})
	}
	for name, by := range beside {
		emitted[name] = true
		if source, err := os.ReadFile(by[0]); err != nil || !strings.Contains(string(source), by[1]) {
			t.Errorf("%s is not emitted by %s: %v", name, by[0], err)
		}
	}
	for _, name := range contract {
		if emitted[name] == slices.Contains(missing, name) {
			t.Errorf("%s is emitted: %t, and said to be missing: %t", name, emitted[name], !emitted[name])
		}
	}
}

// all are the events since the world began.
func (w *world) all() []verify.Event {
	w.take()
	return w.events
}

// What a created verification and its messages tell is what statistics are made of,
// and no more: the number's country, never the number.
func TestEventsTellCountryAndLocale(t *testing.T) {
	w := newWorld(t)
	q := login("+5511961234567")
	q.Channel, q.Locale = verify.Both, "pt-BR"
	if err := w.begin(q, verify.Situation{Devices: []verify.Device{w.device("dev_1", false, start)}}); err != nil {
		t.Fatal(err)
	}
	w.pump()
	for _, e := range w.events {
		country, locale := "", ""
		switch {
		case e.Name == verify.EventCreated:
			country, locale = "BR", "pt-BR"
		case strings.HasPrefix(e.Name, "delivery.") && e.Data.Channel == verify.SMS:
			country = "BR"
		}
		if e.Data.Country != country || e.Data.Locale != locale {
			t.Errorf("%s over %q tells of %q and %q", e.Name, e.Data.Channel, e.Data.Country, e.Data.Locale)
		}
	}
}
