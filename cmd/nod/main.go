// Command nod is the whole server: it reads the configuration, wires the rooms
// together and runs them until it is told to stop. All flags and environment
// are read here and nowhere else.
//
//	nod serve      run (the default)
//	nod migrate    bring the database up to date and exit
//	nod config     print the effective settings, secrets masked; with check, try
//	               the providers' credentials without sending anything
//	nod send-test  send one real message to a number, an address or a device
//	nod key        make another API key and print it once
//	nod health     ask a running nod whether it lives; for container checks
//	nod version    print the version
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal does not wait for goodbyes
	err := command(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "nod:", err)
		os.Exit(1)
	}
}

// command runs one subcommand; an error is for the person at the terminal.
func command(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) error {
	name := "serve"
	if len(args) > 0 {
		name = args[0]
	}
	if len(args) == 2 && name == "config" && args[1] == "check" {
		name, args = "config check", args[1:]
	}
	if len(args) > 1 && name != "send-test" {
		return fmt.Errorf("%s takes no arguments: everything is set in the environment, see `nod config`", name)
	}
	switch name {
	case "version", "-v", "--version":
		_, err := fmt.Fprintln(stdout, version)
		return err
	case "help", "-h", "--help":
		_, err := fmt.Fprint(stdout, usage)
		return err
	}
	c, err := readConfig(getenv)
	if err != nil {
		return err
	}
	log := newLogger(c, stderr)
	switch name {
	case "serve":
		if names := unused(getenv); len(names) > 0 {
			log.Warn("these are set, but this version has no use for them", "variables", names)
		}
		if getenv("GOGC") == "" { // the operator has not set it
			var pacing sync.WaitGroup
			defer pacing.Wait()
			ctx, stop := context.WithCancel(ctx)
			defer stop()
			pacing.Go(func() { paceMemory(ctx) })
		}
		return serve(ctx, c, stdout, log)
	case "config":
		if _, err := idleWays(c, log); err != nil {
			return err
		}
		return printConfig(stdout, c, getenv)
	case "config check":
		return checkConfig(ctx, c, stdout, log)
	case "send-test":
		return sendTest(ctx, c, args[1:], stdout, log)
	case "migrate":
		return migrate(ctx, c, stdout, log)
	case "key":
		return makeKey(ctx, c, stdout, log)
	case "health":
		return health(ctx, c)
	}
	return errors.New("there is no command of this name: `nod help` lists them")
}

// serve is `nod serve`. What no provider can use is refused before a port or the
// database is touched.
func serve(ctx context.Context, c config, out io.Writer, log *slog.Logger) error {
	if _, err := idleWays(c, log); err != nil {
		return err
	}
	listener, err := listen(ctx, c.Addr)
	if err != nil {
		return err
	}
	return run(ctx, c, listener, out, log)
}

const usage = `nod asks a person's phone "is this you?" and brings the answer to the page that waits.

  nod serve      run (the default)
  nod migrate    bring the database up to date and exit
  nod config     print the effective settings, secrets masked
  nod config check
                 try the providers' credentials without sending anything
  nod send-test  send one real message: -sms, -call, -email or -device
  nod key        make another API key and print it once
  nod health     ask a running nod whether it lives
  nod version    print the version

Everything is set in the environment, or in a file of NAME=value lines that NOD_CONFIG names.
`
