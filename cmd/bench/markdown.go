package main

import (
	"bufio"
	"cmp"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"nod/cmd/bench/load"
)

// markdown is the report as a document.
func (r *report) markdown() string {
	var d strings.Builder
	fmt.Fprintf(&d, "# Benchmarks\n\nWritten by `make bench` on %s, in %s. The machine: %s.\n\n", r.begun.UTC().Format(time.DateOnly), time.Since(r.begun).Round(time.Second), machine())
	d.WriteString(`Server, database and load share this machine's cores, so the figures are on the safe side. Everything is real: P-256 keys and signatures, rows that
are on the disk before anybody is told, client addresses by the hundred. Latencies count from when something was to begin, not from when there was time for
it. A floor is what the machine itself does in the same run: a bare commit, a bare write, Redis alone, the same statements said by nobody's rules.
` + "`go run ./cmd/bench -h`" + ` tells how to load your own.

## Aims

| work | figure | aim | floor | measured | |
| --- | --- | ---: | ---: | ---: | --- |
`)
	for _, found := range r.results {
		for _, f := range found.Figures {
			if f.Aim != 0 {
				fmt.Fprintf(&d, "| %s: %s | %s | %s | %s | %s | %s |\n", found.Against, found.Scenario, f.Name, aim(f), floorOf(f), f, met(f))
			}
		}
	}
	for _, found := range r.results {
		if failed([]load.Result{found}) != nil {
			fmt.Fprintf(&d, "\nNot without failures: %s, %s: %s.\n", found.Against, found.Scenario, strings.ReplaceAll(found.Load, "\n", " "))
		}
	}
	for _, err := range r.failed {
		fmt.Fprintf(&d, "\nNot measured: %s\n", strings.ReplaceAll(err.Error(), "\n", " "))
	}
	d.WriteString("\n## Everything measured\n")
	for _, found := range r.results {
		details(&d, found)
	}
	d.WriteString("\n## Beside others\n\nNone of them stores anything before it sends, and none checks a device's signature; nod does both.\n")
	if len(r.others) > 0 {
		d.WriteString("\nThe same load against others, each in its own protocol (`bench -peer`). Compare them where they were measured on the same machine:\n")
		for _, found := range r.others {
			details(&d, found)
		}
	}
	d.WriteString(published)
	return d.String()
}

// published are figures that this program has not measured.
const published = `
Not of this run. Measured earlier with the makers' own builds, on a machine like this one; published: by the maker.

| | resident each, idle | CPU each, idle | message to frame, p50 and p99, 10,000 connected, 200 a second | 10,000 back |
| --- | ---: | ---: | ---: | ---: |
| Centrifugo 6.9.1, one subscription, measured earlier | 40 to 52 KB | 5 to 7.6 µs/s | 0.9 and 1.5 ms; across two nodes 1.1 and 2.0 ms | 1.8 s |
| Socket.IO 4.8, measured earlier | 16 KB | 3.6 µs/s | 1.0 and 1.7 ms; across two nodes 1.4 and 4.1 ms | 2.7 to 3.9 s |
| coder/websocket in an Echo handler, measured earlier | 24 KB | | | |
| Centrifugo, published | 27 KB, with paid options 10.9 KB | | | |
`

// details is one result as a table.
func details(d *strings.Builder, found load.Result) {
	fmt.Fprintf(d, "\n### %s: %s\n\n%s.\n\n| figure | floor | measured |\n| --- | ---: | ---: |\n", found.Against, found.Scenario, strings.ReplaceAll(found.Load, "\n", " "))
	for _, f := range found.Figures {
		fmt.Fprintf(d, "| %s | %s | %s |\n", f.Name, floorOf(f), f)
	}
}

func floorOf(f load.Figure) string {
	if f.Floor == 0 {
		return ""
	}
	return load.Show(f.Floor, f.Unit)
}

// machine says what this runs on, as far as the system tells.
func machine() string {
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease") // elsewhere there is none
	text := fmt.Sprintf("%d cores", runtime.NumCPU())
	if model := line("/proc/cpuinfo", "model name"); model != "" {
		text += " of " + model
	}
	var kilobytes int
	if _, err := fmt.Sscanf(line("/proc/meminfo", "MemTotal"), "%d kB", &kilobytes); err == nil {
		text += fmt.Sprintf(", %.0f GB of memory", float64(kilobytes)/(1<<20))
	}
	release, _, _ := strings.Cut(strings.TrimSpace(string(kernel)), "-") // without its builder's marks
	return text + fmt.Sprintf(", %s %s, %s", runtime.GOOS, cmp.Or(release, runtime.GOARCH), runtime.Version())
}

// line is the value of a name in a file of the system's; empty: there is none.
func line(path, name string) string {
	f, err := os.Open(path) //nolint:gosec // the system's own
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if n, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(n) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
