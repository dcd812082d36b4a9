package verify_test

import (
	"testing"

	"nod/verify"
)

func TestWhatAUserPrefers(t *testing.T) {
	const none = verify.Channel("")
	for name, tc := range map[string]struct {
		preferred, asked verify.Channel
		number, device   bool
		want             verify.Channel
		code             string // of the refusal; empty: none
	}{
		"nothing chosen, nothing asked":    {none, none, true, true, verify.Auto, ""},
		"auto chosen":                      {verify.Auto, none, true, true, verify.Auto, ""},
		"sms chosen":                       {verify.SMS, none, true, true, verify.SMS, ""},
		"both chosen":                      {verify.Both, none, true, true, verify.Both, ""},
		"push chosen":                      {verify.Push, none, true, true, verify.Push, ""},
		"sms chosen, no number":            {verify.SMS, none, false, true, verify.Auto, ""},
		"both chosen, no number":           {verify.Both, none, false, true, verify.Both, ""},
		"asked beats both":                 {verify.Both, verify.SMS, true, true, verify.SMS, ""},
		"asked auto beats sms":             {verify.SMS, verify.Auto, true, true, verify.Auto, ""},
		"asked push beats sms":             {verify.SMS, verify.Push, true, true, verify.Push, ""},
		"push is not lowered to sms":       {verify.Push, verify.SMS, true, true, verify.Push, ""},
		"push is not lowered to both":      {verify.Push, verify.Both, true, true, verify.Push, ""},
		"push is not lowered to auto":      {verify.Push, verify.Auto, true, true, verify.Push, ""},
		"push is not lowered to a call":    {verify.Push, verify.Voice, true, true, verify.Push, ""},
		"push without an app reaches no":   {verify.Push, verify.SMS, true, false, "", verify.CodeNoChannel},
		"both without an app is a code":    {verify.Both, none, true, false, verify.Both, ""},
		"both without either reaches no":   {verify.Both, none, false, false, "", verify.CodeNoChannel},
		"sms chosen, no number and no app": {verify.SMS, none, false, false, "", verify.CodeNoChannel},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			q, s := login(""), verify.Situation{Settings: verify.Settings{Preference: tc.preferred}}
			q.Channel = tc.asked
			if tc.number {
				q.Number = verify.StoredNumber(number)
			}
			if tc.device {
				s.Devices = []verify.Device{w.device("dev_1", true, start)}
			}
			err := w.begin(q, s)
			if tc.code != "" {
				refused(t, err, tc.code)
				return
			}
			if err != nil || w.v.Channel != tc.want {
				t.Fatalf("channel %q, want %q: %v", w.v.Channel, tc.want, err)
			}
			w.pump()
			if app, code := w.count(verify.WebSocket) > 0, w.count(verify.SMS) > 0; tc.want == verify.Push && code || tc.want == verify.SMS && app {
				t.Errorf("app %t, code %t", app, code)
			}
		})
	}
}

// To prove a number nothing is preferred: only a code that travels over it does.
func TestWhatAUserPrefersIsAboutLogins(t *testing.T) {
	w := newWorld(t)
	s := verify.Situation{Settings: verify.Settings{Preference: verify.Push, Locale: "pt-BR"}}
	if err := w.begin(verify.Request{Purpose: verify.Phone, Number: verify.StoredNumber(number)}, s); err != nil || w.v.Channel != verify.Auto {
		t.Fatalf("channel %q: %v", w.v.Channel, err)
	}
	if w.v.Locale != "pt-BR" {
		t.Errorf("locale %q, the user chose pt-BR", w.v.Locale)
	}
	q := login(number)
	q.Locale = "hi"
	if err := w.begin(q, verify.Situation{Settings: verify.Settings{Locale: "ar"}}); err != nil || w.v.Locale != "hi" {
		t.Errorf("locale %q, the request said hi: %v", w.v.Locale, err)
	}
}

func TestSettingsTellWhatChanged(t *testing.T) {
	s := verify.Settings{UserID: "u1"}
	if s.Channel() != verify.Auto {
		t.Errorf("nothing chosen is %s", s.Channel())
	}
	for _, step := range []struct {
		preference verify.Channel
		locale     string
		told       bool
	}{
		{verify.Auto, "", false}, // as it is
		{verify.Push, "", true},
		{verify.Push, "", false},
		{verify.Push, "de", true},
		{verify.Auto, "", true},
	} {
		es := s.Set(step.preference, step.locale, start)
		if (len(es) == 1) != step.told || s.Channel() != step.preference || s.Locale != step.locale {
			t.Errorf("%+v told %v, and is %+v", step, es, s)
		}
		if step.told && (es[0].Name != verify.EventSettingsChanged || es[0].UserID != "u1" || !es[0].At.Equal(start) || es[0].VerificationID != "") {
			t.Errorf("told %+v", es[0])
		}
	}
}
