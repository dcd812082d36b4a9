package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/mail"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"nod/delivery/webpush"
)

// providers is what the environment says of those who bring messages to people,
// and of the integrator's webhook. A group that is not set is off; one that is set
// by half stops the start.
type providers struct {
	FCM struct {
		Credentials []byte
		Endpoint    string
	}
	APNs struct {
		Key                            []byte
		KeyID, TeamID, Topic, Endpoint string
	}
	VAPIDSubject string
	SMS          []string // the order; empty: twilio, vonage, sns
	Twilio       struct {
		AccountSID, AuthToken, From, BaseURL string
		Network                              http.RoundTripper // no setting: see twilio.Config
	}
	Vonage     struct{ Key, Secret, From, SignatureSecret, BaseURL string }
	SNS        struct{ Region, KeyID, Secret, Endpoint string }
	Voice      bool // a call by itself after two failed SMS
	SMTPURL    string
	EmailFrom  string
	Prices     []byte
	Texts      []byte // the operator's own templates
	AppHash    string // of an Android app that reads the SMS by itself
	WebhookURL string
	Webhook    []string // its secrets: the first signs, all do while they are rotated
}

// smsProviders are those that nod knows, in the order in which they are asked
// unless NOD_SMS_PROVIDERS says another.
var smsProviders = []string{"twilio", "vonage", "sns"}

// providerSettings are the settings of providers, in the order of the contract.
var providerSettings = []setting{
	file("GOOGLE_APPLICATION_CREDENTIALS", "the path of a service account's key file (JSON), from the Firebase console under Project settings, Service accounts", func(p *providers) *[]byte { return &p.FCM.Credentials }),
	base("NOD_FCM_ENDPOINT", func(p *providers) *string { return &p.FCM.Endpoint }),
	file("NOD_APNS_KEY_FILE", "the path of an APNs key (.p8), from Apple's developer account under Keys", func(p *providers) *[]byte { return &p.APNs.Key }),
	formed("NOD_APNS_KEY_ID", "the key's id: ten letters and digits", appleForm, func(p *providers) *string { return &p.APNs.KeyID }),
	formed("NOD_APNS_TEAM_ID", "the team's id: ten letters and digits", appleForm, func(p *providers) *string { return &p.APNs.TeamID }),
	text("NOD_APNS_TOPIC", "the app's bundle id", false, func(p *providers) *string { return &p.APNs.Topic }),
	base("NOD_APNS_ENDPOINT", func(p *providers) *string { return &p.APNs.Endpoint }),
	{"NOD_VAPID_SUBJECT", "", "mailto: or https:, where a push service can reach you; turns Web Push on", false, func(c *config, v string) error {
		c.providers.VAPIDSubject = v
		return webpush.CheckSubject(v)
	}},
	{"NOD_SMS_PROVIDERS", "", "comma-separated, in the order to ask: twilio, vonage, sns; without it, those that are set, in this order", false, func(c *config, v string) error {
		c.providers.SMS = list(v)
		if names := slices.Sorted(slices.Values(c.providers.SMS)); len(slices.Compact(names)) != len(c.providers.SMS) {
			return errNotAllowed // one is named twice
		}
		return every(c.providers.SMS, func(s string) bool { return slices.Contains(smsProviders, s) })
	}},
	text("TWILIO_ACCOUNT_SID", "AC and 32 letters and digits, from the Twilio console", false, func(p *providers) *string { return &p.Twilio.AccountSID }),
	text("TWILIO_AUTH_TOKEN", "the account's auth token", true, func(p *providers) *string { return &p.Twilio.AuthToken }),
	text("TWILIO_PHONE_NUMBER", "the number to send from, +15005550006, or a messaging service, MG…", false, func(p *providers) *string { return &p.Twilio.From }),
	base("NOD_TWILIO_BASE_URL", func(p *providers) *string { return &p.Twilio.BaseURL }),
	text("NOD_VONAGE_API_KEY", "the account's API key", false, func(p *providers) *string { return &p.Vonage.Key }),
	text("NOD_VONAGE_API_SECRET", "the account's API secret", true, func(p *providers) *string { return &p.Vonage.Secret }),
	text("NOD_VONAGE_FROM", "the number or name to send from", false, func(p *providers) *string { return &p.Vonage.From }),
	text("NOD_VONAGE_SIGNATURE_SECRET", "the account's signature secret; without it no receipt is believed", true, func(p *providers) *string { return &p.Vonage.SignatureSecret }),
	base("NOD_VONAGE_BASE_URL", func(p *providers) *string { return &p.Vonage.BaseURL }),
	text("NOD_SNS_REGION", "an AWS region, for example eu-central-1", false, func(p *providers) *string { return &p.SNS.Region }),
	text("NOD_SNS_ACCESS_KEY_ID", "an AWS access key that may call sns:Publish", false, func(p *providers) *string { return &p.SNS.KeyID }),
	text("NOD_SNS_SECRET_ACCESS_KEY", "its secret", true, func(p *providers) *string { return &p.SNS.Secret }),
	base("NOD_SNS_ENDPOINT", func(p *providers) *string { return &p.SNS.Endpoint }),
	{"NOD_VOICE_FALLBACK", "false", "true or false: a call by itself after two SMS that failed; needs Twilio", false, func(c *config, v string) (err error) {
		c.providers.Voice, err = strconv.ParseBool(v)
		return err
	}},
	{"NOD_SMTP_URL", "", "smtp://user:password@host:587 or smtps://…:465; turns e-mail on, with NOD_EMAIL_FROM", true, func(c *config, v string) error {
		c.providers.SMTPURL = v
		u, err := url.Parse(v)
		if err == nil && ((u.Scheme != "smtp" && u.Scheme != "smtps") || u.Hostname() == "") {
			err = errNotAllowed
		}
		return err
	}},
	{"NOD_EMAIL_FROM", "", "an address, for example Example <no-reply@example.com>", false, func(c *config, v string) error {
		c.providers.EmailFrom = v
		_, err := mail.ParseAddress(v)
		return err
	}},
	{"NOD_SUPPORT_CONTACT", "", "one line of at most 200 characters, which the page shows when nothing arrives: whom to ask, and how", false, func(c *config, v string) error {
		c.Policy.Support = v
		if utf8.RuneCountInString(v) > 200 || strings.ContainsFunc(v, unicode.IsControl) {
			return errNotAllowed
		}
		return nil
	}},
	file("NOD_PRICES_FILE", `the path of a JSON file: {"twilio": {"US": 0.0079, "*": 0.05}}`, func(p *providers) *[]byte { return &p.Prices }),
	file("NOD_TEXTS_FILE", `the path of a JSON file with your own texts: {"en": {"login": ["{code} is your code."]}}`, func(p *providers) *[]byte { return &p.Texts }),
	formed("NOD_ANDROID_APP_HASH", "the 11 characters with which your Android app reads the SMS by itself; they take the place of the last line for web pages", appHashForm, func(p *providers) *string { return &p.AppHash }),
	{"NOD_WEBHOOK_URL", "", "an http:// or https:// URL that gets every event, with NOD_WEBHOOK_SECRET", true, func(c *config, v string) error {
		c.providers.WebhookURL = v
		return webURL(v)
	}},
	{"NOD_WEBHOOK_SECRET", "", "whsec_ and base64 of 24 to 64 random bytes; two, comma-separated, while it is rotated", true, func(c *config, v string) error {
		c.providers.Webhook = list(v)
		if len(c.providers.Webhook) > 2 {
			return errNotAllowed
		}
		return every(c.providers.Webhook, func(s string) bool { return strings.HasPrefix(s, "whsec_") })
	}},
}

var (
	appHashForm = regexp.MustCompile(`^[A-Za-z0-9+/]{11}$`)
	appleForm   = regexp.MustCompile(`^[A-Za-z0-9]{10}$`)
)

// text is a setting that is taken as it is.
func text(name, allowed string, secret bool, field func(*providers) *string) setting {
	return setting{name, "", allowed, secret, func(c *config, v string) error {
		*field(&c.providers) = v
		return nil
	}}
}

// formed is a setting that looks like nothing else.
func formed(name, allowed string, form *regexp.Regexp, field func(*providers) *string) setting {
	return setting{name, "", allowed, false, func(c *config, v string) error {
		*field(&c.providers) = v
		if !form.MatchString(v) {
			return errNotAllowed
		}
		return nil
	}}
}

// base is where a provider is, if not where it always is.
func base(name string, field func(*providers) *string) setting {
	return setting{name, "", "http:// or https:// and a host; without it, the provider's own", false, func(c *config, v string) (err error) {
		*field(&c.providers), err = origin(v)
		return err
	}}
}

// file is a setting that names a file; what is in it is checked by who uses it.
func file(name, allowed string, field func(*providers) *[]byte) setting {
	return setting{name, "", allowed, false, func(c *config, v string) (err error) {
		*field(&c.providers), err = readWhole(v)
		return err
	}}
}

func readWhole(path string) ([]byte, error) { return os.ReadFile(path) } //nolint:gosec // the operator's own file

// agree checks what no setting can say alone: groups are whole. Who is asked at presend,
// if anybody is, knows nod by the secret of the webhooks.
func (p *providers) agree(presend string) error {
	for _, group := range []struct {
		needs  []string // its first names it
		values []string
	}{
		{[]string{"NOD_APNS_KEY_FILE", "NOD_APNS_KEY_ID", "NOD_APNS_TEAM_ID", "NOD_APNS_TOPIC"}, []string{string(p.APNs.Key), p.APNs.KeyID, p.APNs.TeamID, p.APNs.Topic}},
		{[]string{"TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_PHONE_NUMBER"}, []string{p.Twilio.AccountSID, p.Twilio.AuthToken, p.Twilio.From}},
		{[]string{"NOD_VONAGE_API_KEY", "NOD_VONAGE_API_SECRET", "NOD_VONAGE_FROM"}, []string{p.Vonage.Key, p.Vonage.Secret, p.Vonage.From}},
		{[]string{"NOD_SNS_REGION", "NOD_SNS_ACCESS_KEY_ID", "NOD_SNS_SECRET_ACCESS_KEY"}, []string{p.SNS.Region, p.SNS.KeyID, p.SNS.Secret}},
		{[]string{"NOD_SMTP_URL", "NOD_EMAIL_FROM"}, []string{p.SMTPURL, p.EmailFrom}},
		{[]string{"NOD_WEBHOOK_URL or NOD_PRESEND_URL", "NOD_WEBHOOK_SECRET"}, []string{cmp.Or(p.WebhookURL, presend), strings.Join(p.Webhook, ",")}},
	} {
		if missing := slices.Index(group.values, ""); missing >= 0 && strings.Join(group.values, "") != "" {
			return fmt.Errorf("%s is needed: %s are set together or not at all", group.needs[missing], strings.Join(group.needs, ", "))
		}
	}
	for _, part := range []struct {
		name, value, needs string
		there              bool
	}{
		{"NOD_FCM_ENDPOINT", p.FCM.Endpoint, "GOOGLE_APPLICATION_CREDENTIALS", p.FCM.Credentials != nil},
		{"NOD_APNS_ENDPOINT", p.APNs.Endpoint, "NOD_APNS_KEY_FILE", p.APNs.Key != nil},
		{"NOD_TWILIO_BASE_URL", p.Twilio.BaseURL, "TWILIO_ACCOUNT_SID", p.hasSMS("twilio")},
		{"NOD_VONAGE_BASE_URL", p.Vonage.BaseURL, "NOD_VONAGE_API_KEY", p.hasSMS("vonage")},
		{"NOD_VONAGE_SIGNATURE_SECRET", p.Vonage.SignatureSecret, "NOD_VONAGE_API_KEY", p.hasSMS("vonage")},
		{"NOD_SNS_ENDPOINT", p.SNS.Endpoint, "NOD_SNS_REGION", p.hasSMS("sns")},
	} {
		if part.value != "" && !part.there {
			return fmt.Errorf("%s is set, but not the provider that it belongs to: set %s and what goes with it, or leave it out", part.name, part.needs)
		}
	}
	for _, name := range p.SMS {
		if !p.hasSMS(name) {
			return fmt.Errorf("NOD_SMS_PROVIDERS names %s, which is not set up: set its variables, or leave it out", name)
		}
	}
	if p.Voice && p.Twilio.AccountSID == "" {
		return errors.New("NOD_VOICE_FALLBACK needs a provider of calls: set TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and TWILIO_PHONE_NUMBER")
	}
	return nil
}

// hasSMS reports whether a provider of SMS is set up.
func (p *providers) hasSMS(name string) bool {
	switch name {
	case "twilio":
		return p.Twilio.AccountSID != ""
	case "vonage":
		return p.Vonage.Key != ""
	case "sns":
		return p.SNS.Region != ""
	}
	return false
}

// smsOrder lists the providers of SMS to ask, the first first.
func (p *providers) smsOrder() []string {
	if len(p.SMS) > 0 {
		return p.SMS
	}
	return slices.DeleteFunc(slices.Clone(smsProviders), func(name string) bool { return !p.hasSMS(name) })
}
