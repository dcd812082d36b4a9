// Command bench measures a whole nod from outside, on loopback, and prints one
// line for each figure: what, how much, under which conditions. Servers, nodes
// and load share one machine, so its figures are on the safe side.
//
// Its parts: one node on SQLite (synchronous=FULL); what an idle device costs one
// that shares Postgres and Redis; the way of a message over Redis beside Redis's
// own; two nodes on Postgres (fsync on) and Redis; the store beside pgbench, which
// says the same statements; and reads of a status beside what a cache of them could
// win. The third and the last two run rooms of nod inside this process, because what
// they measure cannot be seen from outside; the others start the program and talk to
// it as everybody does.
//
//	go run ./cmd/bench [-nod bin/nod] [-parts one,idle,redis,two,postgres,status] [-devices 10000] [-signins 500] [-seconds 10]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"nod/deploy/throwaway"
)

// bench is what is asked for.
type bench struct {
	program string        // to measure
	devices int           // connected to one node
	signIns int           // to time, one after the other
	load    time.Duration // of each full load
}

func main() {
	var b bench
	flag.StringVar(&b.program, "nod", "bin/nod", "the program to measure")
	parts := flag.String("parts", "one,idle,redis,two,postgres,status", "what to measure: one node on SQLite, idle devices of one on postgres and redis, the way over redis, two nodes, the store on postgres, reads of a status beside caches")
	flag.IntVar(&b.devices, "devices", 10000, "connected devices of a node on its own, and of one that shares")
	flag.IntVar(&b.signIns, "signins", 500, "sign-ins to time, one after the other; on the one node at most one for ten devices")
	seconds := flag.Int("seconds", 10, "seconds of full load on one node; half of it for each load on two, six tenths for each of the store, three for each of a status")
	flag.Parse()
	b.load = time.Duration(*seconds) * time.Second
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := b.measure(ctx, strings.Split(*parts, ","))
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (b *bench) measure(ctx context.Context, parts []string) error {
	for _, part := range parts {
		var err error
		switch part {
		case "one":
			err = b.oneNode(ctx)
		case "idle":
			err = b.oneOfMany(ctx)
		case "redis":
			err = b.overRedis(ctx)
		case "two":
			err = b.twoNodes(ctx)
		case "postgres":
			err = b.onPostgres(ctx)
		case "status":
			err = b.statusReads(ctx)
		default:
			err = errors.New("no such part")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", part, err)
		}
	}
	return nil
}

// row prints one figure.
func row(what, figure, conditions string) {
	fmt.Printf("%-22s %-58s %s\n", what, figure, conditions)
}

// startPostgres starts a server as an operator has it: what was committed is on
// the disk.
func startPostgres() (*throwaway.Postgres, error) { return throwaway.StartPostgres("fsync=on") }
