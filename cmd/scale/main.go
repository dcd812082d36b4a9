// Command scale shows that figures, console and sign-ins cost at ten million events
// what they cost at ten thousand. It plays a month (package deploy/traffic), multiplies
// it in people and over 90 days, loads it into an SQLite file and into a Postgres of its
// own, and times what the program asks of the store, with the plans behind it.
//
// The folder keeps the databases, so that only the first run takes minutes: some to load,
// and some until nod has counted all events as it always does, which says how fast that is.
//
//	go run ./cmd/scale [-folder bin/ten-million] [-events 10000000] [-on sqlite,postgres]
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"nod/deploy/throwaway"
	"nod/deploy/traffic"
	"nod/storage"
)

// secret opens the databases of the folder, which hold nothing but a play.
const secret = "nobody has signed in to this one"

// scale is what is asked for.
type scale struct {
	folder string
	events int
	on     string
}

func main() {
	var s scale
	flag.StringVar(&s.folder, "folder", "bin/ten-million", "where the databases are kept")
	flag.IntVar(&s.events, "events", 10_000_000, "how many events to load, at least")
	flag.StringVar(&s.on, "on", "sqlite,postgres", "the databases; plans are shown where both are")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := s.run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func (s *scale) run(ctx context.Context) error {
	if err := os.MkdirAll(s.folder, 0o755); err != nil { //nolint:gosec // the server's own user looks into it
		return err
	}
	m, err := s.month(ctx)
	if err != nil {
		return err
	}
	var dbs []database
	for name := range strings.SplitSeq(s.on, ",") {
		switch name {
		case "sqlite":
			dbs = append(dbs, database{name: "SQLite", url: "sqlite:" + filepath.Join(s.folder, "nod.db")})
		case "postgres":
			server, err := throwaway.KeepPostgres(filepath.Join(s.folder, "postgres"), "fsync=on", "shared_buffers=1GB",
				"maintenance_work_mem=512MB", "session_preload_libraries=auto_explain")
			if err != nil {
				return err
			}
			defer server.Close()
			dbs = append(dbs, database{name: "Postgres", url: server.URL, log: filepath.Join(server.Folder, "log")})
		default:
			return fmt.Errorf("%q is no database: take sqlite, postgres or both", name)
		}
	}
	if err := s.loadAll(ctx, m, dbs); err != nil {
		return err
	}
	var all []report
	for i := range dbs {
		r, err := measure(ctx, &dbs[i], m)
		if err != nil {
			return fmt.Errorf("measuring %s: %w", dbs[i].name, err)
		}
		all = append(all, r)
	}
	var plans []plan
	if len(dbs) == 2 && dbs[1].log != "" {
		if plans, err = m.plans(ctx, &dbs[0], &dbs[1]); err != nil {
			return fmt.Errorf("asking for plans: %w", err)
		}
	}
	return show(os.Stdout, all, plans)
}

// month plays the month that is multiplied, once.
func (s *scale) month(ctx context.Context) (*month, error) {
	path := filepath.Join(s.folder, "month.db")
	url := "sqlite:" + path
	if _, err := os.Stat(path); err != nil {
		fmt.Println("playing a month")
		if _, err := traffic.Play(ctx, traffic.Config{URL: url + ".new", Secret: []byte(secret), Seed: 1}); err != nil {
			return nil, err
		}
		if err := os.Rename(path+".new", path); err != nil {
			return nil, err
		}
	}
	return readMonth(ctx, path, s.events)
}

// loadAll fills the databases that are not full, at the same time.
func (s *scale) loadAll(ctx context.Context, m *month, dbs []database) error {
	var all sync.WaitGroup
	errs := make(chan error, len(dbs))
	for i := range dbs {
		all.Go(func() {
			began := time.Now()
			loaded, err := dbs[i].load(ctx, m)
			if err != nil {
				err = fmt.Errorf("loading %s: %w", dbs[i].name, err)
			} else if loaded {
				fmt.Printf("%s is loaded in %v\n", dbs[i].name, time.Since(began).Round(time.Second))
			}
			errs <- err
		})
	}
	all.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func open(ctx context.Context, url string) (*storage.Store, error) {
	return storage.Open(ctx, storage.Config{URL: url, Secret: []byte(secret), Log: slog.New(slog.DiscardHandler)})
}
