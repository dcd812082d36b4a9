// Command scale shows that sign-ins, figures and the console take at ten million rows of
// history what they take at ten thousand, and with fifteen thousand devices connected
// what they take with one thousand. Rows of history are events and verifications; what
// belongs to these (deliveries, codes, devices, meters, sums) comes on top.
//
// It plays a month (package deploy/traffic), multiplies it in people and over 90 days,
// loads it into an SQLite file and into a Postgres of its own, and lets nod count all
// events as it always does. The folder keeps these, so that only the first run takes a
// quarter of an hour; the short histories are made anew each time. Then it has people
// sign in at a constant rate through bin/nod on both in turn, whether or not those before
// have had their answers, and does beside it what is done in the background.
//
//	go run ./cmd/scale [-folder bin/ten-million] [-rows 10000000] [-on sqlite,postgres] [-parts rows,sockets,beside,asked,plans] [-json FILE]
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"nod/cmd/bench/load"
	"nod/deploy/throwaway"
	"nod/deploy/traffic"
	"nod/storage"
)

// secret opens the databases of the folder, which hold nothing but a play.
const secret = "nobody has signed in to this one"

// allParts are what can be shown, see [scale.measure] and plans.
const allParts = "rows,sockets,beside,asked,plans"

// scale is what is asked for.
type scale struct {
	folder  string
	rows    int
	on      string
	program string
	parts   string
	json    string
}

func main() {
	var s scale
	flag.StringVar(&s.folder, "folder", "bin/ten-million", "where the databases are kept")
	flag.IntVar(&s.rows, "rows", 10_000_000, "how many events and verifications the long history has, at least")
	flag.StringVar(&s.on, "on", "sqlite,postgres", "the databases; plans need both, SQLite first")
	flag.StringVar(&s.program, "nod", "bin/nod", "the program that is measured")
	flag.StringVar(&s.parts, "parts", allParts, "what is shown")
	flag.StringVar(&s.json, "json", "", "a file that gets the figures")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := s.run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

// pair is one kind of database with its histories: two short ones and a long one.
type pair struct {
	name            string
	few, more, many *database
}

// shows tells whether a part was asked for.
func (s *scale) shows(part string) bool { return slices.Contains(strings.Split(s.parts, ","), part) }

// check finds what is wrong with the question before a quarter of an hour was spent on it.
func (s *scale) check() error {
	for part := range strings.SplitSeq(s.parts, ",") {
		if !slices.Contains(strings.Split(allParts, ","), part) {
			return fmt.Errorf("%q is no part: take some of %s", part, allParts)
		}
	}
	if _, err := os.Stat(s.program); err != nil {
		return fmt.Errorf("%w (run `make build` first, or name another with -nod)", err)
	}
	return nil
}

func (s *scale) run(ctx context.Context) error {
	if err := s.check(); err != nil {
		return err
	}
	if err := os.MkdirAll(s.folder, 0o755); err != nil { //nolint:gosec // the server's own user looks into it
		return err
	}
	long, err := s.month(ctx, "month.db", traffic.Config{}, 3, s.rows)
	if err != nil {
		return err
	}
	short, err := s.month(ctx, "days.db", traffic.Config{Days: 10, PerDay: 120}, 1, 0)
	if err != nil {
		return err
	}
	var pairs []*pair
	for name := range strings.SplitSeq(s.on, ",") {
		switch name {
		case "sqlite":
			pairs = append(pairs, s.sqlite(short, long))
		case "postgres":
			server, err := throwaway.KeepPostgres(filepath.Join(s.folder, "postgres"), "fsync=on", "shared_buffers=1GB",
				"maintenance_work_mem=512MB", "session_preload_libraries=auto_explain")
			if err != nil {
				return err
			}
			defer server.Close()
			pairs = append(pairs, onPostgres(server, short, long))
		default:
			return fmt.Errorf("%q is no database: take sqlite, postgres or both", name)
		}
	}
	if err := loadAll(ctx, pairs); err != nil {
		return err
	}
	all, err := s.measure(ctx, pairs)
	if err = errors.Join(err, s.save(all)); err != nil {
		return err
	}
	if s.shows("plans") && len(pairs) == 2 {
		return plans(ctx, pairs[0].many, pairs[1].many)
	}
	return nil
}

// save writes what was measured, where that was asked for.
func (s *scale) save(all []load.Result) error {
	if s.json == "" || len(all) == 0 {
		return nil
	}
	raw, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(s.json, append(raw, '\n'), 0o644) //nolint:gosec // figures
}

// measure does the parts that were asked for, each on each kind of database, until one
// fails.
func (s *scale) measure(ctx context.Context, pairs []*pair) (all []load.Result, err error) {
	for _, part := range []struct {
		name string
		do   func(context.Context, *pair) (load.Result, error)
	}{{"rows", s.ofRows}, {"sockets", s.ofSockets}, {"beside", s.beside}, {"asked", asked}} {
		for _, p := range pairs {
			if !s.shows(part.name) {
				continue
			}
			r, err := part.do(ctx, p)
			if err != nil {
				return all, fmt.Errorf("%s on %s: %w", part.name, p.name, err)
			}
			show(r)
			all = append(all, r)
		}
	}
	return all, nil
}

func (s *scale) sqlite(short, long *month) *pair {
	in := func(name string) string { return "sqlite:" + filepath.Join(s.folder, name) }
	return &pair{
		"SQLite", &database{name: "SQLite", url: in("few.db"), month: short, fresh: true},
		&database{name: "SQLite", url: in("more.db"), month: short, fresh: true}, &database{name: "SQLite", url: in("nod.db"), month: long},
	}
}

func onPostgres(server *throwaway.Postgres, short, long *month) *pair {
	log := filepath.Join(server.Folder, "log")
	in := func(name string) string { return strings.Replace(server.URL, "/postgres?", "/"+name+"?", 1) }
	return &pair{
		"Postgres", &database{name: "Postgres", url: in("few"), log: log, month: short, fresh: true},
		&database{name: "Postgres", url: in("more"), log: log, month: short, fresh: true}, &database{name: "Postgres", url: server.URL, log: log, month: long},
	}
}

// month plays what is multiplied, once.
func (s *scale) month(ctx context.Context, name string, of traffic.Config, blocks, rows int) (*month, error) {
	path := filepath.Join(s.folder, name)
	if _, err := os.Stat(path); err != nil {
		fmt.Println("playing", strings.TrimSuffix(name, ".db"))
		of.URL, of.Secret, of.Seed = "sqlite:"+path+".new", []byte(secret), 1
		if _, err := traffic.Play(ctx, of); err != nil {
			return nil, err
		}
		if err := os.Rename(path+".new", path); err != nil {
			return nil, err
		}
	}
	return readMonth(ctx, path, blocks, rows)
}

// loadAll fills the databases that are not full, the kinds at the same time.
func loadAll(ctx context.Context, pairs []*pair) error {
	return load.Each(ctx, len(pairs), len(pairs), func(ctx context.Context, i int) error {
		for _, d := range []*database{pairs[i].few, pairs[i].more, pairs[i].many} {
			begun := time.Now()
			loaded, err := d.load(ctx)
			if err != nil {
				return fmt.Errorf("loading %s: %w", d.name, err)
			}
			took := time.Since(begun)
			begun = time.Now()
			counted, err := countAll(ctx, d)
			if err != nil {
				return fmt.Errorf("counting on %s: %w", d.name, err)
			}
			if loaded {
				fmt.Printf("%s, %s: loaded in %v, %s events counted in %v\n", d.name, shown(d.rows), took.Round(time.Second), shown(counted), time.Since(begun).Round(time.Second))
			}
		}
		return nil
	})
}

func open(ctx context.Context, url string) (*storage.Store, error) {
	return storage.Open(ctx, storage.Config{URL: url, Secret: []byte(secret), Log: slog.New(slog.DiscardHandler)})
}
