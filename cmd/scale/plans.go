package main

import (
	"context"
	"errors"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// plan is how the databases find what one task asks for.
type plan struct {
	what             string
	postgres, sqlite []string // what is scanned, by which index
}

// sizes says how much there is.
func (d *database) sizes(ctx context.Context) (text string, err error) {
	l, _, err := d.loader(ctx)
	if err != nil {
		return "", err
	}
	defer func() { _ = l.close() }() // only read
	var parts []string
	for _, table := range []string{"events", "verifications", "deliveries", "tallies"} {
		n, err := l.texts("select cast(count(*) as text) from " + table)
		if err != nil {
			return "", err
		}
		parts = append(parts, n[0]+" "+table)
	}
	bytes := "select cast(page_count * page_size / 1000000 as text) from pragma_page_count, pragma_page_size"
	if d.log != "" {
		bytes = "select (pg_database_size(current_database()) / 1000000)::text"
	}
	n, err := l.texts(bytes)
	if err != nil {
		return "", err
	}
	return strings.Join(parts, ", ") + ", " + n[0] + " MB", nil
}

// events tells when the oldest event was, and how many there are.
func (d *database) events(ctx context.Context) (oldest time.Time, n int, err error) {
	l, _, err := d.loader(ctx)
	if err != nil {
		return oldest, 0, err
	}
	defer func() { _ = l.close() }() // only read
	both, err := l.texts("select cast(min(at) as text) from events union all select cast(count(*) as text) from events")
	if err != nil {
		return oldest, 0, err
	}
	ms, err := strconv.ParseInt(both[0], 10, 64)
	if err != nil {
		return oldest, 0, err
	}
	n, err = strconv.Atoi(both[1])
	return time.UnixMilli(ms), n, err
}

// plans runs each task once on Postgres, which notes in its log how it was done
// (auto_explain). SQLite is asked about the same statements: but for a few words they are
// its own.
func (m *month) plans(ctx context.Context, sqlite, postgres *database) (all []plan, err error) {
	store, err := open(ctx, postgres.url)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	tasks, err := m.tasks(ctx, store)
	if err != nil {
		return nil, err
	}
	server, _, err := postgres.loader(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = server.close() }()
	file, _, err := sqlite.loader(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.close() }() // only read
	if err := noting(server, "0"); err != nil {
		return nil, err
	}
	for _, t := range tasks {
		if t.same {
			continue
		}
		noted, err := postgres.noted(func() error { return t.do(ctx, 0) })
		if err != nil {
			return nil, err
		}
		p := plan{what: t.what}
		for _, scan := range node.FindAllStringSubmatch(noted, -1) {
			p.postgres = append(p.postgres, scan[1])
		}
		for _, text := range query.FindAllStringSubmatch(noted, -1) {
			p.sqlite = append(p.sqlite, explain(file, text[1])...)
		}
		all = append(all, p)
	}
	return all, noting(server, "-1")
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
	node      = regexp.MustCompile(`((?:Index Only|Index|Seq|Bitmap Index) Scan[^(]*?)\s+\(cost`)
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
