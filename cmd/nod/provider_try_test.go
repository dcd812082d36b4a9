package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"nod/client"
	played "nod/deploy/providers"
)

// types runs a command of nod as a person does, and returns all that it printed. No
// secret of a provider may be in it.
func (c *carriers) types(settings []string, args ...string) (said string, err error) {
	c.t.Helper()
	cmd := exec.CommandContext(c.t.Context(), os.Args[0], args...)
	cmd.Env = append([]string{"NOD_TEST_CHILD=1", "NOD_LOG_LEVEL=debug"}, settings...)
	out, err := cmd.CombinedOutput()
	for _, secret := range c.secrets() {
		if strings.Contains(string(out), secret) {
			c.t.Errorf("nod %s prints a secret:\n%s", args, out)
		}
	}
	return string(out), err
}

// secrets are the providers' own, which nobody may read.
func (c *carriers) secrets() []string {
	return []string{
		c.Twilio.AuthToken, c.Vonage.APISecret, c.Vonage.SignatureSecret, c.SNS.SecretAccessKey, c.SMTP.Password,
		c.Integrator.Secrets[0], strings.TrimPrefix(c.Integrator.Secrets[0], "whsec_"), c.keyLine("fcm.json"), c.keyLine("apns.p8"),
	}
}

// keyLine is a line from within a provider's key file.
func (c *carriers) keyLine(name string) string {
	c.t.Helper()
	for _, s := range c.Settings() {
		_, path, _ := strings.Cut(s, "=")
		if filepath.Base(path) != name {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			c.t.Fatal(err)
		}
		_, key, found := strings.Cut(string(text), "PRIVATE KEY-----")
		if !found {
			c.t.Fatalf("%s holds no key", name)
		}
		return strings.TrimLeft(key, `\n`+"\n")[:40]
	}
	c.t.Fatalf("there is no %s", name)
	return ""
}

// TestConfigCheck: each provider's credentials are tried, nothing is sent, and what
// is wrong is said by the name of its setting.
func TestConfigCheck(t *testing.T) {
	t.Parallel()
	c := carry(t)
	said, err := c.types(c.Settings(), "config", "check")
	if err != nil || strings.Count(said, " ok\n") != len(played.Names) {
		t.Errorf("with everything right: %v\n%s", err, said)
	}
	// Twilio calls, also where others send the SMS.
	said, err = c.types(append(c.Settings("twilio", "vonage"), "NOD_SMS_PROVIDERS=vonage", "NOD_VOICE_FALLBACK=true"), "config", "check")
	if err != nil || !strings.Contains(said, "calls    ok\n") {
		t.Errorf("with calls by Twilio and SMS by Vonage: %v\n%s", err, said)
	}
	for _, o := range c.Objections() {
		t.Errorf("an objection of %s", o)
	}
	for _, tc := range []struct {
		provider, setting, wrong string
		script                   func()
	}{
		{"twilio", "TWILIO_ACCOUNT_SID", "AC" + strings.Repeat("0", 32), nil},
		{"twilio", "TWILIO_AUTH_TOKEN", "wrong", nil},
		{"twilio", "TWILIO_PHONE_NUMBER", "+15005550007", nil},
		{"vonage", "NOD_VONAGE_API_KEY", "wrong", nil},
		{"vonage", "NOD_VONAGE_API_SECRET", "wrong", nil},
		{"sns", "NOD_SNS_ACCESS_KEY_ID", "wrong", nil},
		{"sns", "NOD_SNS_SECRET_ACCESS_KEY", "wrong", nil},
		{"sns", "NOD_SNS_REGION", "us-east-1", nil},
		{"apns", "NOD_APNS_KEY_ID", "AAAAAAAAAA", nil},
		{"apns", "NOD_APNS_TEAM_ID", "AAAAAAAAAA", nil},
		{"apns", "NOD_APNS_TOPIC", "example.other", nil},
		{"smtp", "NOD_SMTP_URL", strings.Replace(c.setting("NOD_SMTP_URL"), c.SMTP.Password, "wrong", 1), nil},
		{"twilio", "NOD_TWILIO_BASE_URL", "http://" + freeAddr(t), nil},
		{"fcm", "GOOGLE_APPLICATION_CREDENTIALS", c.setting("GOOGLE_APPLICATION_CREDENTIALS"), func() {
			c.Google.Tokens.Script("", played.Answer{Code: "invalid_grant"})
		}},
	} {
		if tc.script != nil {
			tc.script()
		}
		said, err := c.types(append(c.Settings(tc.provider), tc.setting+"="+tc.wrong), "config", "check")
		if err == nil || !strings.Contains(said, "failed: ") || !strings.Contains(said, tc.setting) {
			t.Errorf("with a wrong %s: %v\n%s", tc.setting, err, said)
		}
	}
	for _, name := range played.Names {
		if n := len(c.Desk(name).Accepted("")); n > 0 {
			t.Errorf("%d messages were sent by %s", n, name)
		}
	}
}

// setting is the value that nod is given for a setting.
func (c *carriers) setting(name string) string {
	c.t.Helper()
	for _, s := range c.Settings() {
		if value, ok := strings.CutPrefix(s, name+"="); ok {
			return value
		}
	}
	c.t.Fatalf("%s is not set", name)
	return ""
}

// TestSendTest: a test message goes over the real way, once, and a refusal is said.
func TestSendTest(t *testing.T) {
	t.Parallel()
	c := carry(t)
	names := []string{"fcm", "twilio", "smtp"}
	p := c.nod(start, names)
	device := p.enroll("u1", &client.Push{Provider: "fcm", Token: fcmToken("android"), Platform: "android"})
	p.stop()
	for _, tc := range []struct {
		flag, target, provider, to string
	}{
		{"-sms", number, "twilio", number},
		{"-call", digits(1), "twilio", digits(1)},
		{"-email", "ann@example.com", "smtp", "ann@example.com"},
		{"-device", device.ID, "fcm", fcmToken("android")},
	} {
		said, err := c.types(p.env, "send-test", tc.flag, tc.target)
		if err != nil || !strings.HasPrefix(said, tc.provider+" took it ") {
			t.Errorf("%s: %v\n%s", tc.flag, err, said)
		}
		c.counted(tc.provider, tc.to, 1, 1)
	}
	c.Twilio.Script(digits(2), played.Answer{Code: "21408"})
	if said, err := c.types(p.env, "send-test", "-sms", digits(2)); err == nil || !strings.Contains(said, "your account's (21408)") {
		t.Errorf("a refusal: %v\n%s", err, said)
	}
	for _, args := range [][]string{{"-sms", "0171"}, {"-device", "dev_none"}, {}, {"-sms", number, "-call", number}} {
		if said, err := c.types(p.env, append([]string{"send-test"}, args...)...); err == nil {
			t.Errorf("%v was taken: %s", args, said)
		}
	}
	c.counted("twilio", number, 1, 1)
}
