package analytics_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nod/analytics"
)

var t0 = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func at(s int) time.Time { return t0.Add(time.Duration(s) * time.Second) }

var events = []analytics.Event{
	{VerificationID: "a", Name: "verification.created", At: at(0), Channel: "auto"},
	{VerificationID: "a", Name: "delivery.accepted", At: at(1), Channel: "sms"},
	{VerificationID: "b", Name: "verification.created", At: at(2), Channel: "auto"},
	{VerificationID: "b", Name: "delivery.accepted", At: at(2), Channel: "websocket"},
	{VerificationID: "a", Name: "code.check_failed", At: at(5), Channel: "sms"},
	{VerificationID: "a", Name: "resend.requested", At: at(61), Channel: "sms"},
	{VerificationID: "a", Name: "delivery.accepted", At: at(61), Channel: "sms"},
	{VerificationID: "a", Name: "verification.approved", At: at(70), Channel: "sms"},
	{VerificationID: "b", Name: "resend.requested", At: at(80), Channel: "push"},
	{VerificationID: "b", Name: "resend.requested", At: at(202), Channel: "push"},
	{VerificationID: "b", Name: "verification.denied", At: at(210), Channel: "websocket"},
	{VerificationID: "c", Name: "phone.changed", At: at(220), Channel: "sms"},
	{VerificationID: "c", Name: "verification.canceled", At: at(220)},
	{Name: "settings.changed", At: at(230), Channel: "push"},
}

func TestOwn(t *testing.T) {
	got := analytics.Own(events, 30)
	recent := got.Recent
	got.Recent = nil
	want := analytics.Figures{
		Days:        30,
		Totals:      analytics.Totals{SendCode: 2, VerifySuccess: 1, VerifyFailed: 2, ResendRequest: 3, ChangePhone: 1},
		SuccessRate: 0.5, AvgTimeToCompleteSeconds: 70,
		ByChannel: map[string]analytics.Channel{"sms": {Sends: 2, Successes: 1}, "websocket": {Sends: 1}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if len(recent) != 9 || recent[0].EventType != analytics.ChangePhone || recent[1].EventType != analytics.VerifyFailed || !recent[1].At.Equal(at(210)) {
		t.Errorf("recent %+v", recent)
	}
	if f := analytics.Own(nil, 7); f.SuccessRate != 0 || f.Recent == nil || f.ByChannel == nil {
		t.Errorf("nothing gives %+v", f)
	}
}
