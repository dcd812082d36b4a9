package providers

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Names are the providers of a [Set], in the order in which they are shown.
var Names = []string{"fcm", "apns", "webpush", "twilio", "vonage", "sns", "smtp", "webhook"}

// Set is every provider at once, each at an address of its own on loopback and
// with a fresh account. The fields are set by [Start] and may be scripted at any
// time.
type Set struct {
	Google     *Google
	APNs       *APNs
	WebPush    *WebPush
	Twilio     *Twilio
	Vonage     *Vonage
	SNS        *SNS
	SMTP       *SMTP
	Integrator *Integrator // who gets nod's webhooks

	urls     map[string]string // by name
	dir      string            // where key files are
	servers  []*http.Server
	closings []func()
}

// Start starts all of them. Key files are written to dir, which is the caller's.
func Start(dir string) (*Set, error) {
	s := &Set{
		Google:  &Google{Project: "nod-on-this-machine"},
		APNs:    &APNs{KeyID: hexes(5), TeamID: hexes(5), Topic: "example.nod"},
		WebPush: &WebPush{},
		Twilio:  &Twilio{AccountSID: "AC" + hexes(16), AuthToken: hexes(16), Number: "+15005550006"},
		Vonage:  &Vonage{APIKey: hexes(4), APISecret: hexes(8), SignatureSecret: hexes(32)},
		SNS:     &SNS{Region: "eu-central-1", AccessKeyID: hexes(10), SecretAccessKey: hexes(20)},
		SMTP:    &SMTP{User: "nod", Password: hexes(8)},
		urls:    map[string]string{}, dir: dir,
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	s.Integrator = &Integrator{Secrets: []string{"whsec_" + base64.StdEncoding.EncodeToString(secret)}}
	s.closings = []func(){s.Twilio.Close, s.Vonage.Close, s.SMTP.Close}
	err := s.listen()
	if err == nil {
		err = errors.Join(
			os.WriteFile(s.file("fcm.json"), s.Google.Credentials(s.urls["fcm"]), 0o600),
			os.WriteFile(s.file("apns.p8"), s.APNs.Key(), 0o600),
		)
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("starting the providers: %w", err)
	}
	return s, nil
}

func hexes(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

func (s *Set) file(name string) string { return filepath.Join(s.dir, name) }

// listen opens a port for each of them.
func (s *Set) listen() error {
	var errs []error
	for name, h := range map[string]http.Handler{
		"fcm": s.Google, "apns": s.APNs, "webpush": s.WebPush, "twilio": s.Twilio, "vonage": s.Vonage, "sns": s.SNS, "webhook": s.Integrator,
	} {
		l, err := loopback()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		s.urls[name] = "http://" + l.Addr().String()
		server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, Protocols: &http.Protocols{}}
		server.Protocols.SetHTTP1(name != "apns")
		server.Protocols.SetUnencryptedHTTP2(name == "apns") // Apple's is HTTP/2 only
		s.servers = append(s.servers, server)
		go func() { _ = server.Serve(l) }() // ErrServerClosed
	}
	l, err := loopback()
	if err == nil {
		s.urls["smtp"] = (&url.URL{Scheme: "smtp", User: url.UserPassword(s.SMTP.User, s.SMTP.Password), Host: l.Addr().String()}).String()
		go func() { _ = s.SMTP.Serve(l) }() // likewise
	}
	return errors.Join(append(errs, err)...)
}

func loopback() (net.Listener, error) {
	return (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
}

// Close ends all of them.
func (s *Set) Close() {
	for _, server := range s.servers {
		_ = server.Close()
	}
	for _, end := range s.closings {
		end()
	}
}

// Desk returns what the servers of a provider share; nil when there is none of
// that name.
func (s *Set) Desk(name string) *Desk {
	return map[string]*Desk{
		"fcm": &s.Google.Desk, "apns": &s.APNs.Desk, "webpush": &s.WebPush.Desk, "twilio": &s.Twilio.Desk,
		"vonage": &s.Vonage.Desk, "sns": &s.SNS.Desk, "smtp": &s.SMTP.Desk, "webhook": &s.Integrator.Desk,
	}[name]
}

// Objections lists what any of them objected to, each one's oldest first.
func (s *Set) Objections() (all []Objection) {
	for _, name := range Names {
		d := s.Desk(name)
		d.mu.Lock()
		for _, o := range d.objections {
			o.Provider = name
			all = append(all, o)
		}
		d.mu.Unlock()
	}
	return all
}

// Forgive forgets what any of them objected to.
func (s *Set) Forgive() {
	for _, name := range Names {
		d := s.Desk(name)
		d.mu.Lock()
		d.objections = nil
		d.mu.Unlock()
	}
}

// Subscribe makes a subscription to Web Push, as a browser would.
func (s *Set) Subscribe() string { return s.WebPush.Subscribe(s.urls["webpush"]) }

// Settings returns what nod has to be told, NAME=value, to send over the providers
// with these names; none: over all.
func (s *Set) Settings(names ...string) (settings []string) {
	of := map[string][]string{
		"fcm":     {"GOOGLE_APPLICATION_CREDENTIALS=" + s.file("fcm.json"), "NOD_FCM_ENDPOINT=" + s.urls["fcm"]},
		"apns":    {"NOD_APNS_KEY_FILE=" + s.file("apns.p8"), "NOD_APNS_KEY_ID=" + s.APNs.KeyID, "NOD_APNS_TEAM_ID=" + s.APNs.TeamID, "NOD_APNS_TOPIC=" + s.APNs.Topic, "NOD_APNS_ENDPOINT=" + s.urls["apns"]},
		"webpush": {"NOD_VAPID_SUBJECT=mailto:nod@example.com"},
		"twilio":  {"TWILIO_ACCOUNT_SID=" + s.Twilio.AccountSID, "TWILIO_AUTH_TOKEN=" + s.Twilio.AuthToken, "TWILIO_PHONE_NUMBER=" + s.Twilio.Number, "NOD_TWILIO_BASE_URL=" + s.urls["twilio"]},
		"vonage":  {"NOD_VONAGE_API_KEY=" + s.Vonage.APIKey, "NOD_VONAGE_API_SECRET=" + s.Vonage.APISecret, "NOD_VONAGE_FROM=nod", "NOD_VONAGE_SIGNATURE_SECRET=" + s.Vonage.SignatureSecret, "NOD_VONAGE_BASE_URL=" + s.urls["vonage"]},
		"sns":     {"NOD_SNS_REGION=" + s.SNS.Region, "NOD_SNS_ACCESS_KEY_ID=" + s.SNS.AccessKeyID, "NOD_SNS_SECRET_ACCESS_KEY=" + s.SNS.SecretAccessKey, "NOD_SNS_ENDPOINT=" + s.urls["sns"]},
		"smtp":    {"NOD_SMTP_URL=" + s.urls["smtp"], "NOD_EMAIL_FROM=nod <nod@example.com>"},
		"webhook": {"NOD_WEBHOOK_URL=" + s.urls["webhook"], "NOD_WEBHOOK_SECRET=" + s.Integrator.Secrets[0]},
	}
	for _, name := range Names {
		if len(names) == 0 || slices.Contains(names, name) {
			settings = append(settings, of[name]...)
		}
	}
	return settings
}
