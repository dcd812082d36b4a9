// Command traffic fills a new database with a month of sign-ins that end now, so that
// `nod serve` can open it and its console has something to show. It says what it
// planted, what people and providers saw, what nod counted, and what nod advises.
//
//	go run ./cmd/traffic [-database sqlite:month.db] [-days 30] [-per-day 200] [-seed 1] [-plant step,provider,hour,text,slow]
package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"nod/analytics"
	"nod/deploy/traffic"
	"nod/storage"
	"nod/verify"
)

func main() {
	c := traffic.Config{}
	flag.StringVar(&c.URL, "database", "sqlite:month.db", "the file to make, beside which its secret is kept")
	flag.IntVar(&c.Days, "days", 30, "how many days, the last one ends now")
	flag.IntVar(&c.PerDay, "per-day", 200, "visits on an average day")
	flag.Uint64Var(&c.Seed, "seed", 1, "the same seed is the same traffic")
	plants := flag.String("plant", "", "effects to plant, separated by commas: step, provider, hour, text, slow")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	var err error
	if c.Plants, err = traffic.ParsePlants(*plants); err == nil {
		err = run(ctx, c, os.Stdout)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "traffic:", err)
		os.Exit(1)
	}
}

// run plays, counts and tells.
func run(ctx context.Context, c traffic.Config, out io.Writer) error {
	path, ok := strings.CutPrefix(c.URL, "sqlite:")
	if !ok || path == "" || c.Days < 1 || c.PerDay < 1 {
		return errors.New("pass -database sqlite:PATH, and at least one visit a day")
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there already, and a past cannot be played into it. Remove it or name another one", path)
	}
	var err error
	if c.Secret, err = keepSecret(path); err != nil {
		return err
	}
	began := time.Now()
	c.End = began
	tally, err := traffic.Play(ctx, c)
	if err != nil {
		return err
	}
	played := time.Since(began)
	store, err := storage.Open(ctx, storage.Config{URL: c.URL, Secret: c.Secret, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	told, events, err := count(ctx, store, c)
	if err := errors.Join(err, store.Close()); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d days of about %d visits, seed %d, played in %v; %d events, counted in %v\n",
		c.Days, c.PerDay, c.Seed, played.Round(time.Second), events, (time.Since(began) - played).Round(100*time.Millisecond))
	fmt.Fprint(out, "\nplanted\n")
	for _, p := range c.Plants {
		fmt.Fprintln(out, "  "+p.Effect())
	}
	if len(c.Plants) == 0 {
		fmt.Fprintln(out, "  nothing")
	}
	compare(out, tally, told)
	fmt.Fprint(out, "\nrecommended\n")
	policy := traffic.Policy()
	advice := told.Recommendations(analytics.Rules{ResendDelays: policy.ResendDelays, SMSProviders: traffic.SMSProviders()})
	for _, r := range advice {
		fmt.Fprintf(out, "  %s (%s, of %d)\n    %s\n", r.Title, r.Kind, r.Sample, r.Text)
	}
	if len(advice) == 0 {
		fmt.Fprintln(out, "  nothing")
	}
	_, err = fmt.Fprintf(out, "\nto see it\n  NOD_DATABASE_URL=%s bin/nod serve\n  then open http://127.0.0.1:8080/console with the API key that it prints\n", c.URL)
	return err
}

// keepSecret makes a secret and keeps it where nod looks for one: beside the file. One
// that is there stays, for it may open a database that was put away.
func keepSecret(path string) ([]byte, error) {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	secret := base64.RawURLEncoding.EncodeToString(raw)
	f, err := os.OpenFile(path+".secret", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // who runs this names the file
	if err != nil {
		return nil, fmt.Errorf("keeping the secret: %w", err)
	}
	_, err = f.WriteString(secret + "\n")
	return []byte(secret), errors.Join(err, f.Close())
}

// count lets nod count everything, and reads what it would tell of these days.
func count(ctx context.Context, store *storage.Store, c traffic.Config) (told analytics.Told, events int, err error) {
	for n := -1; n != 0; events += n {
		if n, err = store.CountEvents(ctx, 5000); err != nil {
			return told, events, err
		}
	}
	cuts, _ := analytics.Cuts(c.End, c.Days)
	spans, err := store.CountedSpans(ctx, cuts)
	return analytics.Tell(spans), events, err
}

// compare prints what was seen beside what was counted.
func compare(out io.Writer, seen *traffic.Tally, told analytics.Told) {
	o := told.Overview(nil)
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(what string, seen, counted int) { fmt.Fprintf(t, "%s\t%d\t%d\t\n", what, seen, counted) }
	fmt.Fprint(t, "\n\tseen\tcounted\t\n")
	row("started", seen.Started, o.Totals.SendCode)
	row("approved", seen.Approved, o.Totals.VerifySuccess)
	row("wrong codes and noes", seen.Wrong+seen.Denied, o.Totals.VerifyFailed)
	row("resends", seen.Resends, o.Totals.ResendRequest)
	row("changed numbers", seen.Changed, o.Totals.ChangePhone)
	row("sign-ins without SMS", seen.WithoutSMS, o.WithoutSMS.Logins)
	for _, c := range told.Channels().Channels {
		sent := seen.Over(traffic.Route{Channel: verify.Channel(c.Channel)})
		row(c.Channel+" taken", sent.Accepted, c.Sends)
		row(c.Channel+" arrived", sent.Delivered, c.Delivered)
		row(c.Channel+" led in", sent.Approved, c.Successes)
	}
	_ = t.Flush() // to a terminal
	if o.Hidden {
		fmt.Fprintln(out, "  (counted is what is told: of ways behind which fewer than five people stand some is left out)")
	}
}
