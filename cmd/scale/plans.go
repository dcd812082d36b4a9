package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// oldest tells when the oldest event was.
func (d *database) oldest(ctx context.Context) (time.Time, error) {
	l, _, err := d.loader(ctx)
	if err != nil {
		return time.Time{}, err
	}
	defer func() { _ = l.close() }() // only read
	at, err := l.texts("select cast(min(at) as text) from events")
	if err != nil {
		return time.Time{}, err
	}
	ms, err := strconv.ParseInt(at[0], 10, 64)
	return time.UnixMilli(ms), err
}

// plans prints how the databases find what each task asks for. It runs each once on
// Postgres, which notes in its log how it was done (auto_explain). SQLite is asked about
// the same statements: but for a few words they are its own.
func plans(ctx context.Context, sqlite, postgres *database) (err error) {
	store, err := open(ctx, postgres.url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	tasks, err := postgres.month.tasks(ctx, store)
	if err != nil {
		return err
	}
	server, _, err := postgres.loader(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = server.close() }()
	file, _, err := sqlite.loader(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = file.close() }() // only read
	if err := noting(server, "0"); err != nil {
		return err
	}
	for _, t := range tasks {
		if t.same {
			continue
		}
		noted, err := postgres.noted(func() error { return t.do(ctx, 0) })
		if err != nil {
			return err
		}
		var onPostgres, onSQLite []string
		for _, s := range scan.FindAllStringSubmatch(noted, -1) {
			onPostgres = append(onPostgres, s[1])
		}
		for _, text := range query.FindAllStringSubmatch(noted, -1) {
			onSQLite = append(onSQLite, explain(file, text[1])...)
		}
		fmt.Printf("\n%s\n  SQLite    %s\n  Postgres  %s\n", t.what, distinct(onSQLite), distinct(onPostgres))
	}
	return noting(server, "-1")
}

// noting says which statements the server notes with their plans: 0 all, -1 none.
func noting(server loader, from string) error {
	if err := server.exec("alter system set auto_explain.log_min_duration = " + from); err != nil {
		return err
	}
	return server.exec("select pg_reload_conf()")
}

// noted is what the server notes meanwhile.
func (d *database) noted(do func() error) (string, error) {
	before, err := os.ReadFile(d.log)
	if err != nil {
		return "", err
	}
	if err := do(); err != nil {
		return "", err
	}
	after, err := os.ReadFile(d.log)
	return string(after[min(len(before), len(after)):]), err
}

var (
	scan      = regexp.MustCompile(`((?:Index Only|Index|Seq|Bitmap Index) Scan[^(]*?)\s+\(cost`)
	query     = regexp.MustCompile(`Query Text: (.*)`)
	parameter = regexp.MustCompile(`\$\d+`)
	inSQLite  = strings.NewReplacer("= any (array(select jsonb_array_elements_text($1::jsonb)))", "in (select value from json_each($1))",
		" for update skip locked", "", " for update", "")
)

// explain asks SQLite how it would do what Postgres was asked; nothing where only
// Postgres is asked that.
func explain(file loader, text string) (scans []string) {
	text = inSQLite.Replace(text)
	given := map[string]bool{}
	for _, p := range parameter.FindAllString(text, -1) {
		given[p] = true
	}
	steps, err := file.texts("explain query plan "+text, make([]any, len(given))...)
	if err != nil {
		return nil
	}
	for _, s := range steps {
		if strings.HasPrefix(s, "SEARCH") || strings.HasPrefix(s, "SCAN") {
			scans = append(scans, s)
		}
	}
	return scans
}

// distinct is each of some lines once, in order.
func distinct(lines []string) string {
	var all []string
	for _, l := range lines {
		if !slices.Contains(all, l) {
			all = append(all, l)
		}
	}
	return strings.Join(all, "; ")
}
