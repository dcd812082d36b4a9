package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"nod/cmd/bench/load"
)

// show prints a result.
func show(w io.Writer, r load.Result) {
	fmt.Fprintf(w, "%s · %s\n  %s\n", r.Scenario, r.Against, r.Load)
	for _, f := range r.Figures {
		fmt.Fprintf(w, "  %-22s %12s", f.Name, f)
		if f.Floor != 0 {
			fmt.Fprintf(w, "   floor %s", load.Show(f.Floor, f.Unit))
		}
		if f.Aim != 0 {
			fmt.Fprintf(w, "   aim %s: %s", aim(f), met(f))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w)
}

// aim is what a figure is to reach.
func aim(f load.Figure) string {
	sign := "≤"
	if f.Least {
		sign = "≥"
	}
	return sign + " " + load.Show(f.Aim, f.Unit)
}

// met tells in a word whether it does.
func met(f load.Figure) string {
	if f.Met() {
		return "met"
	}
	return "MISSED"
}

// save writes results as JSON, where that was asked for.
func (b *bench) save(all []load.Result) error {
	if b.json == "" || len(all) == 0 {
		return nil
	}
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(b.json, append(text, '\n'), 0o644) //nolint:gosec // figures are for everybody
}
