package floor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"nod/deploy/throwaway"
)

// script is a file for pgbench and the texts that go into it by name, because pgbench
// cannot quote.
type script struct {
	text   string
	values []string
}

// script says the life to pgbench in prepared statements, one at a time; or, pipelined, each
// transaction sent as a whole, which only who knows what to write before he has read can do.
func (l *life) script(pipelined bool) *script {
	begin, commit := "begin;\n", "commit;\n"
	if pipelined {
		begin, commit = "\\startpipeline\n"+begin, commit+"\\endpipeline\n"
	}
	s := &script{}
	var sets, body strings.Builder
	sets.WriteString("\\set n :n + 1\n\\set id :first + :n * :clients + :client_id\n")
	moments := map[int64]string{}
	for _, u := range l.units {
		if u.writes {
			body.WriteString(begin)
		}
		for _, said := range u.lines {
			body.WriteString(place.ReplaceAllStringFunc(said.text, func(p string) string {
				n, _ := strconv.Atoi(p[1:])
				t := said.terms[n-1]
				if !t.moment {
					return s.term(t)
				}
				if moments[t.number] == "" {
					moments[t.number] = fmt.Sprintf(":t%d", len(moments)+1)
					fmt.Fprintf(&sets, "\\set t%d %d + :n\n", len(moments), t.number)
				}
				return moments[t.number]
			}) + ";\n")
		}
		if u.writes {
			body.WriteString(commit)
		}
	}
	s.text = sets.String() + body.String()
	return s
}

func (s *script) term(t term) string {
	if t.null {
		return "null"
	}
	var parts []string
	for i, p := range t.parts {
		if i > 0 {
			parts = append(parts, ":id")
		}
		if p != "" || len(t.parts) == 1 {
			parts = append(parts, s.value(p))
		}
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return "(" + strings.Join(parts, " || ") + ")"
}

// value is a text that is the same every time.
func (s *script) value(text string) string {
	if text == "" {
		return "''"
	}
	s.values = append(s.values, fmt.Sprintf("c%d=%s", len(s.values)+1, text))
	return fmt.Sprintf(":c%d", len(s.values))
}

// progress is what pgbench says of each second.
var progress = regexp.MustCompile(`(?m)^progress: [0-9.]+ s, ([0-9.]+) tps`)

// settings are those of the store's own sessions.
const settings = "PGOPTIONS=-c enable_seqscan=off -c jit=off"

// run has pgbench live, from the person with a number on, for a second until its statements
// are prepared and then for d, in whole seconds.
func (s *script) run(ctx context.Context, postgres *throwaway.Postgres, clients int, first int64, d time.Duration) (perSecond float64, err error) {
	bin, err := throwaway.PostgresBin()
	if err != nil {
		return 0, err
	}
	f, err := os.CreateTemp("", "nod-pgbench-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.WriteString(s.text)
	if err = errors.Join(err, f.Close()); err != nil {
		return 0, err
	}
	args := []string{
		"-n", "-M", "prepared", "-P", "1", "-c", strconv.Itoa(clients), "-j", "2", "-T", strconv.Itoa(1 + max(int(d.Seconds()), 1)),
		"-f", f.Name(), "-D", "n=-1", "-D", fmt.Sprint("first=", first), "-D", fmt.Sprint("clients=", clients),
	}
	for _, v := range s.values {
		args = append(args, "-D", v)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "pgbench"), append(args, postgres.URL)...) //nolint:gosec // Postgres's own program
	cmd.Env = append(os.Environ(), settings)
	out, err := cmd.CombinedOutput()
	seconds := progress.FindAllSubmatch(out, -1)
	if err != nil || len(seconds) < 2 {
		return 0, fmt.Errorf("pgbench: %w: %.2000s", err, out)
	}
	for _, m := range seconds[1:] {
		tps, err := strconv.ParseFloat(string(m[1]), 64)
		if err != nil {
			return 0, err
		}
		perSecond += tps / float64(len(seconds)-1)
	}
	return perSecond, nil
}
