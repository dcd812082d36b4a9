package floor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"time"

	"nod/deploy/throwaway"
)

// This file hears what nod says to Postgres, and what of it is another each time. It is
// heard anew in every run, so a floor cannot drift from what nod says: the same
// statements in the same transactions, with parameters of the same sizes.

// unit is what was said in one go: a transaction, or one read beside.
type unit struct {
	writes bool // it was begun and committed
	said   []statement
}

// statement is one statement as the server logged it.
type statement struct {
	text string
	args []argument
}

type argument struct {
	null bool
	text string
}

var (
	logLine   = regexp.MustCompile(`^\S+ \S+ \S+ \[(\d+)\] ([A-Z]+): +(.*)$`)
	spoken    = regexp.MustCompile(`(?s)^(?:statement|execute [^:]*): (.*)$`)
	parameter = regexp.MustCompile(`\$\d+ = (NULL|'((?:[^']|'')*)')`)
)

// quiet is how long nobody says anything before it was all.
const quiet = 30 * time.Millisecond

// overhear runs act and returns all that was said meanwhile and until it became quiet, in
// the order in which it began. What act says must be logged: by log_statement=all.
func overhear(postgres *throwaway.Postgres, act func() error) ([]unit, error) {
	path := filepath.Join(postgres.Folder, "log")
	before, err := os.ReadFile(path) //nolint:gosec // the server's own log
	if err != nil {
		return nil, err
	}
	if err := act(); err != nil {
		return nil, err
	}
	for heard := -1; ; {
		after, err := os.ReadFile(path) //nolint:gosec // as above
		if err != nil || len(after) == heard {
			return units(string(after[min(len(before), len(after)):])), err
		}
		heard = len(after)
		time.Sleep(quiet)
	}
}

// units reads a log.
func units(log string) []unit {
	var all []*unit
	open := map[string]*unit{}                 // by session: its transaction under way
	last := map[string]*unit{}                 // by session
	log = strings.ReplaceAll(log, "\n\t", " ") // the later lines of one message
	for line := range strings.Lines(log) {
		m := logLine.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if m == nil {
			continue
		}
		session := m[1]
		if text := spoken.FindStringSubmatch(m[3]); m[2] == "LOG" && text != nil {
			switch word := strings.ToLower(text[1]); {
			case strings.HasPrefix(word, "begin"):
				open[session] = &unit{writes: true}
				all = append(all, open[session])
			case strings.HasPrefix(word, "commit"), word == "rollback":
				delete(open, session)
			default:
				u := open[session]
				if u == nil {
					u = &unit{}
					all = append(all, u)
				}
				u.said, last[session] = append(u.said, statement{text: text[1]}), u
			}
		}
		if u := last[session]; m[2] == "DETAIL" && u != nil {
			s := &u.said[len(u.said)-1]
			for _, p := range parameter.FindAllStringSubmatch(m[3], -1) {
				s.args = append(s.args, argument{p[1] == "NULL", strings.ReplaceAll(p[2], "''", "'")})
			}
		}
	}
	var heard []unit
	for _, u := range all {
		if len(u.said) > 0 {
			heard = append(heard, *u)
		}
	}
	return heard
}

// hearings is how often a life is listened to, until two in a row are of one shape: what
// two sides do at once comes now in this order, now in that.
const hearings = 20

// overhearLife listens until it has heard two lives of one shape.
func overhearLife(postgres *throwaway.Postgres, live func(number int64) error) (*life, error) {
	var before []unit
	for number := range int64(hearings) {
		heard, err := overhear(postgres, func() error { return live(number + 1) })
		if err != nil {
			return nil, err
		}
		if reflect.DeepEqual(shape(before), shape(heard)) {
			return newLife(before, heard)
		}
		before = heard
	}
	return nil, errors.New("no two lives said the same statements")
}

// shape is what two lives of one kind have in common.
func shape(units []unit) []string {
	var texts []string
	for _, u := range units {
		texts = append(texts, fmt.Sprint("unit ", u.writes))
		for _, s := range u.said {
			texts = append(texts, fmt.Sprint(s.text, len(s.args)))
		}
	}
	return texts
}
