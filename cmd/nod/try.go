package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"time"

	"nod/delivery"
	"nod/verify"
)

// tryLimit is for one provider to answer.
const tryLimit = 15 * time.Second

// idleWays makes all providers as they are set up, to see whether that can be done.
// The database has the key of Web Push; nothing is sent, so any will do.
func idleWays(c config, log *slog.Logger) (*ways, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	c.PublicURL = c.publicURL()
	return newWays(&c, surroundings{vapid: key, log: log})
}

// checkConfig is `nod config check`: it tries the credentials of every provider
// that is set up, without sending anything, and says of each what is wrong.
func checkConfig(ctx context.Context, c config, out io.Writer, log *slog.Logger) error {
	w, err := idleWays(c, log)
	if err != nil {
		return err
	}
	if len(w.checks) == 0 {
		_, err := fmt.Fprintln(out, "The settings are good. No provider is set up.")
		return err
	}
	failed := 0
	for _, one := range w.checks {
		word := "ok"
		limited, cancel := context.WithTimeout(ctx, tryLimit)
		if err := one.Check(limited); err != nil {
			word = "failed: " + err.Error()
			failed++
		}
		cancel()
		if _, err := fmt.Fprintf(out, "%-8s %s\n", one.name, word); err != nil {
			return err
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d providers would not work", failed, len(w.checks))
	}
	return nil
}

// target is whom a test message is for: one of them is set.
type target struct{ number, called, mailbox, device string }

// sendTest is `nod send-test`: one real message, which costs what it costs.
func sendTest(ctx context.Context, c config, args []string, out io.Writer, log *slog.Logger) error {
	var to target
	flags := flag.NewFlagSet("send-test", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.StringVar(&to.number, "sms", "", "a phone number, +14155550123: send it an SMS")
	flags.StringVar(&to.called, "call", "", "a phone number: call it")
	flags.StringVar(&to.mailbox, "email", "", "an address: send it a mail")
	flags.StringVar(&to.device, "device", "", "a device, dev_…: send it a push")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	if flags.NFlag() != 1 || flags.NArg() > 0 {
		flags.Usage()
		return errors.New("say one: -sms, -call, -email or -device")
	}
	o, err := sendOne(ctx, c, to, log)
	switch {
	case err != nil:
		return err
	case o.State != verify.StateAccepted && o.State != verify.StateDelivered:
		return fmt.Errorf("%s did not take it%s. `nod config check` says what may be wrong", o.Provider, reasons[o.Class]+detail(o.Detail))
	}
	_, err = fmt.Fprintf(out, "%s took it %s\n", o.Provider, o.ProviderID)
	return err
}

// reasons are the classes in words.
var reasons = map[verify.Class]string{
	verify.ClassPermanentTarget: ": nobody can be reached there",
	verify.ClassPermanentUser:   ": this person takes no messages",
	verify.ClassPolicy:          ": it refuses this, by its rules or your account's",
	verify.ClassTransient:       ", but may later",
	verify.ClassUnknown:         " as far as one can tell: no answer came, so it may still arrive",
}

// detail is the provider's own code, where there is one.
func detail(code string) string {
	if code == "" {
		return ""
	}
	return " (" + code + ")"
}

// sendOne makes and sends the message. Only a push needs the database: it has the
// device.
func sendOne(ctx context.Context, c config, to target, log *slog.Logger) (none verify.Outcome, err error) {
	m, err := testMessage(to)
	if err != nil {
		return none, err
	}
	var w *ways
	if to.device == "" {
		w, err = idleWays(c, log)
	} else {
		w, err = pushWays(ctx, c, to.device, &m, log)
	}
	if err != nil {
		return none, err
	}
	way := w.channels[m.Channel]
	if way == nil {
		return none, fmt.Errorf("no provider is set up for %s: `nod config` lists the settings", m.Channel)
	}
	ctx, cancel := context.WithTimeout(ctx, tryLimit)
	defer cancel()
	return way.Send(ctx, m), nil
}

// pushWays makes the ways with the key that browsers subscribed with, and aims the
// message at a device.
func pushWays(ctx context.Context, c config, device string, m *delivery.Message, log *slog.Logger) (w *ways, err error) {
	store, err := openStore(ctx, c, nil, log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	d, _, err := store.Device(ctx, device)
	if err != nil {
		return nil, fmt.Errorf("looking for the device: %w", err)
	}
	if d.Push == nil || !d.RevokedAt.IsZero() {
		return nil, errors.New("this device has no push: it is revoked, or has switched it off")
	}
	m.DeviceID, m.Push, m.Platform = d.ID, d.Push, d.Platform
	c.PublicURL = c.publicURL()
	return newWays(&c, surroundings{vapid: store.Keys().VAPID(), log: log})
}

// testMessage makes a message of no verification: an app finds no request behind
// it, and it holds no code.
func testMessage(to target) (m delivery.Message, err error) {
	m = delivery.Message{
		VerificationID: verify.NewID("ver"), DeliveryID: verify.NewID("dlv"),
		Channel: verify.Push, Title: "A test of nod", Text: "This is a test of nod. It works.", Language: "en",
		Life: time.Minute, ExpiresAt: time.Now().Add(time.Minute),
	}
	switch {
	case to.number != "":
		m.Channel = verify.SMS
		m.Number, err = verify.ParseNumber(to.number)
	case to.called != "":
		m.Channel = verify.Voice
		m.Text = "This is a test of nod. 1, 2, 3, 4. Once more: 1, 2, 3, 4. It works."
		m.Number, err = verify.ParseNumber(to.called)
	case to.mailbox != "":
		var box verify.Mailbox
		m.Channel = verify.Email
		box, err = verify.ParseMailbox(to.mailbox)
		m.Email = box.Address()
	}
	return m, err
}
