package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"nod/deploy/throwaway"
)

// This file turns what nod was seen to say to Postgres into a script for
// pgbench. It is made anew in every run, so it cannot drift from what nod says:
// the same statements in the same transaction with parameters of the same sizes,
// only that ids, names and times are others each time.

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

// overhear runs act and returns the transaction in it that holds a word. What
// act says must be logged: by log_statement=all.
func overhear(postgres *throwaway.Postgres, word string, act func() error) ([]statement, error) {
	path := filepath.Join(postgres.Folder, "log")
	before, err := os.ReadFile(path) //nolint:gosec // the server's own log
	if err != nil {
		return nil, err
	}
	if err := act(); err != nil {
		return nil, err
	}
	after, err := os.ReadFile(path) //nolint:gosec // as above
	if err != nil {
		return nil, err
	}
	for _, said := range sessions(string(after[len(before):])) {
		if t := transaction(said, word); t != nil {
			return t, nil
		}
	}
	return nil, fmt.Errorf("no transaction with %q in the log of Postgres", word)
}

// sessions reads a log: the statements of each connection, in order.
func sessions(log string) map[string][]statement {
	all := map[string][]statement{}
	log = strings.ReplaceAll(log, "\n\t", " ") // the later lines of one message
	for line := range strings.Lines(log) {
		m := logLine.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if m == nil {
			continue
		}
		session := m[1]
		if text := spoken.FindStringSubmatch(m[3]); m[2] == "LOG" && text != nil {
			all[session] = append(all[session], statement{text: text[1]})
		}
		if said := all[session]; m[2] == "DETAIL" && len(said) > 0 {
			last := &said[len(said)-1]
			for _, p := range parameter.FindAllStringSubmatch(m[3], -1) {
				last.args = append(last.args, argument{p[1] == "NULL", strings.ReplaceAll(p[2], "''", "'")})
			}
		}
	}
	return all
}

// transaction is the first one that holds a word; nil when there is none.
func transaction(said []statement, word string) []statement {
	begin := 0
	found := false
	for i, s := range said {
		switch text := strings.ToLower(s.text); {
		case strings.HasPrefix(text, "begin"):
			begin, found = i, false
		case strings.Contains(text, word):
			found = true
		case strings.HasPrefix(text, "commit") && found:
			return said[begin : i+1]
		}
	}
	return nil
}

// script is a file for pgbench and the texts that go into it by name, because
// pgbench cannot quote.
type script struct {
	text   string
	values []string
}

// same parameters are told from those that differ by comparing two transactions
// of one kind. tail is how many of the last digits of an id or a name are counted
// up, which keeps their lengths, and that newer ids are greater.
const tail = 13

var (
	place  = regexp.MustCompile(`\$(\d+)`)
	naming = regexp.MustCompile(`(?:(?:ver|dlv|evt|dev)_[0-9a-f]{19}|` + creator + `)[0-9a-f]{13}`)
)

// newScript makes the script that goes on as the transactions one and other do.
func newScript(one, other []statement) (*script, error) {
	if !slices.EqualFunc(one, other, func(a, b statement) bool { return a.text == b.text && len(a.args) == len(b.args) }) {
		return nil, errors.New("two creates of one kind did not say the same statements")
	}
	s := &script{}
	var sets, body strings.Builder
	sets.WriteString("\\set n :n + 1\n\\set id :n * 1000 + :client_id\n")
	times := map[string]string{}
	for i, st := range one {
		body.WriteString(place.ReplaceAllStringFunc(st.text, func(p string) string {
			n, _ := strconv.Atoi(p[1:])
			a := st.args[n-1]
			_, isNumber := strconv.ParseInt(a.text, 10, 64)
			switch {
			case a.null:
				return "null"
			case a == other[i].args[n-1]:
				return s.value(a.text)
			case isNumber == nil: // a time
				if times[a.text] == "" {
					times[a.text] = fmt.Sprintf(":t%d", len(times)+1)
					fmt.Fprintf(&sets, "\\set t%d %s + :n\n", len(times), a.text)
				}
				return times[a.text]
			}
			return s.varied(a.text)
		}) + ";\n")
	}
	s.text = sets.String() + body.String()
	return s, nil
}

// value is a text that is the same every time.
func (s *script) value(text string) string {
	if text == "" {
		return "''"
	}
	s.values = append(s.values, fmt.Sprintf("c%d=%s", len(s.values)+1, text))
	return fmt.Sprintf(":c%d", len(s.values))
}

// varied is a text in which every id and name is another each time, or its end
// when it holds none: a hash or something sealed.
func (s *script) varied(text string) string {
	cuts := naming.FindAllStringIndex(text, -1)
	if cuts == nil {
		cuts = [][]int{{0, max(len(text), tail)}}
	}
	var parts []string
	from := 0
	for _, cut := range cuts {
		parts = append(parts, s.value(text[from:cut[1]-tail]), ":id")
		from = cut[1]
	}
	if from < len(text) {
		parts = append(parts, s.value(text[from:]))
	}
	return "(" + strings.Join(parts, " || ") + ")"
}
