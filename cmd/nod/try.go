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
	"nod/storage"
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
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NFlag() != 1 || flags.NArg() > 0 {
		flags.Usage()
		return errors.New("say one: -sms, -call, -email or -device")
	}
	store, err := openStore(ctx, c, nil, log)
	if err != nil {
		return err
	}
	c.PublicURL = c.publicURL()
	o, err := sendOne(ctx, c, store, to, log)
	if err := errors.Join(err, store.Close()); err != nil {
		return err
	}
	if o.State != verify.StateAccepted && o.State != verify.StateDelivered {
		return fmt.Errorf("%s did not take it: %s, %s %s", o.Provider, o.State, o.Class, o.Detail)
	}
	_, err = fmt.Fprintf(out, "%s took it %s\n", o.Provider, o.ProviderID)
	return err
}

func sendOne(ctx context.Context, c config, store *storage.Store, to target, log *slog.Logger) (none verify.Outcome, err error) {
	w, err := newWays(&c, surroundings{vapid: store.Keys().VAPID(), log: log})
	if err != nil {
		return none, err
	}
	m, err := testMessage(ctx, store, to)
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

// testMessage makes a message of no verification: an app finds no request behind
// it, and it holds no code.
func testMessage(ctx context.Context, store *storage.Store, to target) (m delivery.Message, err error) {
	m = delivery.Message{
		VerificationID: verify.NewID("ver"), DeliveryID: verify.NewID("dlv"),
		Title: "A test of nod", Text: "This is a test of nod. It works.", Language: "en",
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
	default:
		var d *verify.Device
		m.Channel, m.DeviceID = verify.Push, to.device
		if d, _, err = store.Device(ctx, to.device); err != nil {
			return m, fmt.Errorf("looking for the device: %w", err)
		}
		if m.Push, m.Platform = d.Push, d.Platform; d.Push == nil || !d.RevokedAt.IsZero() {
			err = errors.New("this device has no push: it is revoked, or has switched it off")
		}
	}
	return m, err
}
