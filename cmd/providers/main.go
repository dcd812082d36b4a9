// Command providers shows nod over its real provider clients, without an account
// anywhere: it plays FCM, APNs, a Web Push service, Twilio, Vonage, SNS, a mail
// relay and the integrator's webhook on this machine (package deploy/providers),
// and runs nod on them until it is interrupted.
//
// Its page lists what the providers took, as a phone would get it, and what they
// objected to. There an answer can be scripted, too: every error of a provider,
// slowness, a request that hangs, receipts that are late or forged.
//
// NOD_ADDR is where nod listens, and a free port of this machine has the page.
// NOD_PROVIDERS names those that nod is to use, comma-separated; without it, all.
// All other settings of the environment reach nod.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"nod/deploy/providers"
)

// stopLimit is how long nod may take to put itself away.
const stopLimit = 30 * time.Second

func main() {
	if err := arguments(os.Args[1:], os.Stderr); errors.Is(err, flag.ErrHelp) {
		return
	} else if err != nil {
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, os.Environ(), os.Getenv("NOD_PROVIDERS"), os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "providers:", err)
		os.Exit(1)
	}
}

// usage is what -help tells.
const usage = `Usage: bin/providers

Shows nod over its real provider clients: plays the providers on this machine, and
runs bin/nod on them until it is interrupted.

  NOD_ADDR       where nod listens; a free port has the page of what the providers took
  NOD_PROVIDERS  those that nod is to use, comma-separated; without it, all

All other settings of the environment reach nod.
`

// arguments takes none: all settings are in the environment. It tells the usage to out
// where it is asked for, which is [flag.ErrHelp], or where there are any.
func arguments(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("providers", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.Usage = func() { _, _ = fmt.Fprint(out, usage) }
	err := flags.Parse(args)
	if err == nil && flags.NArg() > 0 {
		flags.Usage()
		err = errors.New("no arguments are taken")
	}
	return err
}

// run blocks until ctx or nod ends and everything is put away.
func run(ctx context.Context, env []string, used string, out io.Writer) error {
	var names []string
	for name := range strings.SplitSeq(used, ",") {
		if name = strings.TrimSpace(name); name != "" && !slices.Contains(providers.Names, name) {
			return fmt.Errorf("NOD_PROVIDERS names %q. There are: %s", name, strings.Join(providers.Names, ", "))
		} else if name != "" {
			names = append(names, name)
		}
	}
	dir, err := os.MkdirTemp("", "nod-providers-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	set, err := providers.Start(dir)
	if err != nil {
		return err
	}
	defer set.Close()
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	page := &http.Server{Handler: newPage(set, l.Addr().String()), ReadHeaderTimeout: 5 * time.Second}
	defer func() { _ = page.Close() }()
	go func() { _ = page.Serve(l) }() // ErrServerClosed
	if _, err := fmt.Fprintf(out, "\n  providers  http://%s   what they took and objected to, and how they answer\n", l.Addr()); err != nil {
		return err
	}
	return serve(ctx, slices.Concat(env, []string{"NOD_DEMO=true"}, set.Settings(names...)))
}

// serve runs nod until ctx or it ends.
func serve(ctx context.Context, env []string) error {
	nod := exec.CommandContext(ctx, "bin/nod", "serve")
	nod.Env, nod.Stdout, nod.Stderr = env, os.Stdout, os.Stderr
	nod.Cancel = func() error { return nod.Process.Signal(syscall.SIGTERM) }
	nod.WaitDelay = stopLimit
	// A Ctrl-C at the terminal reaches this program only, which passes it on once.
	nod.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	err := nod.Run()
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
		return nil
	}
	return err
}
