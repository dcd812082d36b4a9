package main

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strings"

	"nod/delivery"
	"nod/delivery/apns"
	"nod/delivery/email"
	"nod/delivery/fcm"
	"nod/delivery/sms"
	"nod/delivery/sms/sns"
	"nod/delivery/sms/twilio"
	"nod/delivery/sms/vonage"
	"nod/delivery/webhook"
	"nod/delivery/webpush"
	"nod/server"
	"nod/verify"
)

// ways are the ways to people that are set up, and to the integrator. Making them
// dials nobody.
type ways struct {
	channels    map[verify.Channel]delivery.Channel // what is not set up is not there
	texts       *delivery.Texts
	receivers   map[string]delivery.Receiver // by provider
	routers     []routed
	poster      delivery.Poster // nil: the integrator has no webhook
	webhookHost string
	gate        delivery.Gate                      // nil: nobody is asked before a code leaves
	price       func(country string) (int64, bool) // see [verify.Limits]; nil: there are no prices
	pushKey     string                             // what a browser subscribes to Web Push with; empty: it is off
	checkPush   func(verify.PushTarget) error      // nil: Web Push is off, and no other target is looked at
	checks      []check
}

// routed is a router and the channel that it is in front of.
type routed struct {
	channel verify.Channel
	*sms.Router
}

// check is a provider whose credentials can be tried.
type check struct {
	name string
	delivery.Checker
}

// surroundings are what the ways need of the rest of nod; where they are only tried
// there is little of it.
type surroundings struct {
	callbacks   string // where providers tell what became of a message; empty: nowhere
	vapid       *ecdsa.PrivateKey
	conversions func(context.Context) ([]verify.Conversion, error)
	tell        func(context.Context, verify.Event)
	log         *slog.Logger
}

// newWays makes all that the configuration names. The error names the setting at
// fault, as far as one provider can know it.
func newWays(c *config, s surroundings) (*ways, error) {
	w := &ways{channels: map[verify.Channel]delivery.Channel{}, receivers: map[string]delivery.Receiver{}}
	var err error
	if w.texts, err = delivery.LoadTexts(c.providers.Texts, c.providers.AppHash, c.PublicURL); err != nil {
		return nil, fmt.Errorf("NOD_TEXTS_FILE: %w", err)
	}
	if err := w.addPush(c, s); err != nil {
		return nil, err
	}
	if err := w.addNumbers(c, s); err != nil {
		return nil, err
	}
	if err := w.addIntegrator(c); err != nil {
		return nil, err
	}
	p := &c.providers
	if p.SMTPURL != "" {
		mail, err := email.New(email.Config{URL: p.SMTPURL, From: p.EmailFrom})
		if err != nil {
			return nil, fmt.Errorf("NOD_SMTP_URL, NOD_EMAIL_FROM: %w", err)
		}
		w.channels[verify.Email] = mail
		w.checks = append(w.checks, check{"smtp", mail})
	}
	return w, nil
}

// addIntegrator adds the ways to the integrator: one that is told events, and one that is
// asked before a code leaves.
func (w *ways) addIntegrator(c *config) error {
	p := &c.providers
	if p.WebhookURL != "" {
		endpoint, err := webhook.New(webhook.Config{URL: p.WebhookURL, Secrets: p.Webhook})
		if err != nil {
			return err
		}
		w.poster, w.webhookHost = endpoint, endpoint.Host()
		w.checks = append(w.checks, check{"webhook", endpoint})
	}
	if url := c.guards.Presend.URL; url != "" {
		gate, err := webhook.NewGate(webhook.Config{URL: url, Secrets: p.Webhook})
		if err != nil {
			return err
		}
		w.gate = gate
		w.checks = append(w.checks, check{"presend", gate})
	}
	return nil
}

// addPush adds the providers of push that are set up, each behind a router of its
// own: a device has only one.
func (w *ways) addPush(c *config, s surroundings) error {
	p, pushes := &c.providers, delivery.Pushes{}
	add := func(name string, provider interface {
		delivery.Channel
		delivery.Checker
	}, err error, settings string) error {
		if err != nil {
			return fmt.Errorf("%s: %w", settings, err)
		}
		w.checks = append(w.checks, check{name, provider})
		pushes[name], err = w.route(sms.Config{Providers: []sms.Provider{{Name: name, Channel: provider}}, Channel: verify.Push, Tell: s.tell, Log: s.log})
		return err
	}
	var errs []error
	if p.FCM.Credentials != nil {
		made, err := fcm.New(fcm.Config{Credentials: p.FCM.Credentials, Endpoint: p.FCM.Endpoint})
		errs = append(errs, add("fcm", made, err, "GOOGLE_APPLICATION_CREDENTIALS, NOD_FCM_ENDPOINT"))
	}
	if p.APNs.Key != nil {
		made, err := apns.New(apns.Config{Key: p.APNs.Key, KeyID: p.APNs.KeyID, TeamID: p.APNs.TeamID, Topic: p.APNs.Topic, Endpoint: p.APNs.Endpoint})
		errs = append(errs, add("apns", made, err, "NOD_APNS_KEY_FILE"))
	}
	if p.VAPIDSubject != "" {
		made, err := webpush.New(webpush.Config{Key: s.vapid, Subject: p.VAPIDSubject, Local: c.local()})
		errs = append(errs, add("webpush", made, err, "NOD_VAPID_SUBJECT"))
		if err == nil {
			w.pushKey = made.PublicKey()
			w.checkPush = func(t verify.PushTarget) error {
				if t.Provider != "webpush" {
					return nil
				}
				return webpush.CheckToken(t.Token, c.local())
			}
		}
	}
	if len(pushes) > 0 {
		w.channels[verify.Push] = pushes
	}
	return errors.Join(errs...)
}

// addNumbers adds the providers of SMS that are asked, behind one router, and that
// of calls behind another: Twilio calls also where others send the SMS.
func (w *ways) addNumbers(c *config, s surroundings) error {
	p := &c.providers
	prices, err := pricesOf(p.Prices)
	if err != nil {
		return err
	}
	if w.price, err = priceOf(prices, p.smsOrder(), c.Policy.Limits.SpendCap > 0); err != nil {
		return err
	}
	texters := map[string]delivery.Channel{}
	if p.hasSMS(twilio.Name) {
		account, err := twilio.New(twilio.Config{AccountSID: p.Twilio.AccountSID, AuthToken: p.Twilio.AuthToken, From: p.Twilio.From, BaseURL: p.Twilio.BaseURL, PublicURL: s.callbacks, Network: p.Twilio.Network})
		if err != nil {
			return fmt.Errorf("TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_PHONE_NUMBER: %w", err)
		}
		texters[twilio.Name], w.receivers[twilio.Name] = account.SMS(), account
		w.checks = append(w.checks, check{twilio.Name, account.SMS()})
		if err := w.addCalls(account, p.Voice, s); err != nil {
			return err
		}
	}
	if p.hasSMS(vonage.Name) {
		v := vonage.Config{APIKey: p.Vonage.Key, APISecret: p.Vonage.Secret, From: p.Vonage.From, BaseURL: p.Vonage.BaseURL, SignatureSecret: p.Vonage.SignatureSecret}
		if s.callbacks != "" {
			v.StatusURL = s.callbacks + "/webhooks/" + vonage.Name + "/status"
		}
		made, err := vonage.New(v)
		if err != nil {
			return err
		}
		texters[vonage.Name], w.receivers[vonage.Name] = made, made
		w.checks = append(w.checks, check{vonage.Name, made})
	}
	if p.hasSMS("sns") {
		made, err := sns.New(sns.Config{Region: p.SNS.Region, AccessKeyID: p.SNS.KeyID, SecretAccessKey: p.SNS.Secret, Endpoint: p.SNS.Endpoint})
		if err != nil {
			return err
		}
		texters["sns"] = made
		w.checks = append(w.checks, check{"sns", made})
	}
	if len(texters) == 0 {
		return nil
	}
	router := sms.Config{Channel: verify.SMS, Prices: prices, Conversions: s.conversions, Tell: s.tell, Log: s.log}
	for _, name := range p.smsOrder() {
		router.Providers = append(router.Providers, sms.Provider{Name: name, Channel: texters[name]})
	}
	w.channels[verify.SMS], err = w.route(router)
	return err
}

// pricesOf reads the operator's prices; nil: there are none.
func pricesOf(text []byte) (sms.Prices, error) {
	if text == nil {
		return nil, nil
	}
	prices, err := sms.ReadPrices(text)
	if err != nil {
		return nil, fmt.Errorf("NOD_PRICES_FILE: %w", err)
	}
	for name := range prices {
		if !slices.Contains(smsProviders, name) {
			return nil, fmt.Errorf("NOD_PRICES_FILE has prices of %q. There are: %s", name, strings.Join(smsProviders, ", "))
		}
	}
	return prices, nil
}

// priceOf is what a code costs at most, whichever provider brings it. Where none is set
// up it costs as much as with the dearest that has a price: so the cap can be tried with
// the simulator. While there is a cap no code may be without a price.
func priceOf(prices sms.Prices, order []string, capped bool) (func(country string) (int64, bool), error) {
	if prices == nil {
		return nil, nil
	}
	if len(order) == 0 {
		order = slices.Collect(maps.Keys(prices))
	}
	for _, name := range order {
		if _, everywhere := prices.Dearest(elsewhere, []string{name}); capped && !everywhere {
			return nil, fmt.Errorf(`NOD_SPEND_CAP needs a price of %s for every country, as "*", in NOD_PRICES_FILE`, name)
		}
	}
	return func(country string) (int64, bool) {
		price, known := prices.Dearest(country, order)
		micros := math.Round(price * unitMicros)
		return int64(micros), known && micros < math.MaxInt64
	}, nil
}

// elsewhere is no country, so that its price is that of all others.
const elsewhere = ""

// addCalls adds calls, where the account's sender is a number. Whether a call
// starts by itself is the operator's wish.
func (w *ways) addCalls(account *twilio.Twilio, wanted bool, s surroundings) error {
	calls, can := account.Calls()
	switch {
	case can:
		if wanted {
			w.checks = append(w.checks, check{"calls", calls})
		}
		var err error
		w.channels[verify.Voice], err = w.route(sms.Config{Providers: []sms.Provider{{Name: twilio.Name, Channel: calls}}, Channel: verify.Voice, Tell: s.tell, Log: s.log})
		return err
	case wanted:
		return errors.New("NOD_VOICE_FALLBACK needs a number in TWILIO_PHONE_NUMBER: a messaging service or a name cannot call")
	}
	return nil
}

// route puts a router in front of the providers of one channel.
func (w *ways) route(c sms.Config) (*sms.Router, error) {
	router, err := sms.New(c)
	if err == nil {
		w.routers = append(w.routers, routed{c.Channel, router})
	}
	return router, err
}

// simulate lets the outbox stand in for every channel that has no provider.
func (w *ways) simulate(outbox *delivery.Outbox) (used bool) {
	for _, c := range []verify.Channel{verify.Push, verify.SMS, verify.Voice, verify.Email} {
		if w.channels[c] == nil {
			w.channels[c], used = outbox, true
		}
	}
	return used
}

// allow tells the rules which channels there are.
func (w *ways) allow(p *verify.Policy, voice bool) {
	p.HasPush, p.HasSMS = w.channels[verify.Push] != nil, w.channels[verify.SMS] != nil
	p.HasVoice, p.HasEmail = w.channels[verify.Voice] != nil, w.channels[verify.Email] != nil
	p.VoiceFallback = voice && p.HasVoice
}

// health is how the providers behind routers do.
func (w *ways) health() []server.ProviderStats {
	var all []server.ProviderStats
	for _, r := range w.routers {
		for _, p := range r.Stats() {
			failed := p.Requests
			for as, n := range p.Sent {
				if as.State == verify.StateAccepted || as.State == verify.StateDelivered {
					failed -= n
				}
			}
			all = append(all, server.ProviderStats{
				Channel: r.channel, Provider: p.Name, State: strings.ReplaceAll(p.Breaker, "-", "_"),
				Sent: p.Requests, Failed: failed, Latency: p.Latency,
			})
		}
	}
	return all
}

// senders names who really brings messages to people, by channel. A channel that is
// simulated is not in it; one that cannot be used has nobody.
func (w *ways) senders() map[string][]string {
	all := map[string][]string{}
	for _, c := range []verify.Channel{verify.Push, verify.SMS, verify.Voice, verify.Email} {
		names := []string{}
		switch way := w.channels[c].(type) {
		case *delivery.Outbox:
			continue
		case delivery.Pushes:
			names = slices.Sorted(maps.Keys(way))
		case *sms.Router:
			for _, of := range way.Stats() {
				names = append(names, of.Name)
			}
		case *email.Client:
			names = append(names, "smtp")
		}
		all[string(c)] = names
	}
	return all
}

// absent says which channels cannot be used.
func (w *ways) absent() (names []string) {
	for _, c := range []verify.Channel{verify.Push, verify.SMS} {
		if w.channels[c] == nil {
			names = append(names, string(c))
		}
	}
	return names
}
