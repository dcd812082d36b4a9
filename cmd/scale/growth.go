package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"nod/cmd/bench/load"
)

const (
	turns     = 6               // how often each of two that are compared has its turn
	turn      = 5 * time.Second // how long that is
	warming   = 5 * time.Second // what comes before it and is not counted
	forAWhile = 3650            // days: nothing is forgotten meanwhile
)

// ofRows compares a node on ten thousand rows of history with one on ten million.
func (s *scale) ofRows(ctx context.Context, p *pair) (load.Result, error) {
	few, err := s.start(ctx, p.few, forAWhile)
	if err != nil {
		return load.Result{}, err
	}
	defer few.stop()
	many, err := s.start(ctx, p.many, forAWhile)
	if err != nil {
		return load.Result{}, err
	}
	defer many.stop()
	a, b, err := inTurn(ctx, few, many)
	return compared{"rows of history", [2]string{shown(p.few.rows), shown(p.many.rows)}, a, b}.result(p.name), err
}

// ofSockets compares a node that a thousand devices are connected to with one that has
// fifteen thousand. Both have a short history.
func (s *scale) ofSockets(ctx context.Context, p *pair) (load.Result, error) {
	counts := [2]int{1_000, 15_000}
	var nodes [2]*node
	for i, d := range []*database{p.few, p.more} {
		var err error
		if nodes[i], err = s.start(ctx, d, forAWhile); err != nil {
			return load.Result{}, err
		}
		defer nodes[i].stop()
		devices, err := load.NewTarget(load.Place{Name: p.name, URL: nodes[i].url, Key: key}, load.Loopback(counts[i]))
		if err != nil {
			return load.Result{}, err
		}
		defer func() { _ = devices.Close() }() // what it measured is told
		if err := devices.Connect(ctx, counts[i]); err != nil {
			return load.Result{}, err
		}
	}
	a, b, err := inTurn(ctx, nodes[0], nodes[1])
	return compared{"sockets", [2]string{shown(counts[0]), shown(counts[1])}, a, b}.result(p.name), err
}

// inTurn times two nodes, now the one and now the other, so that what the machine does
// beside it meets both.
func inTurn(ctx context.Context, first, second *node) (a, b times, err error) {
	crowds := [2]*crowd{{at: first}, {at: second}}
	took, warm := [2]times{newTimes(), newTimes()}, newTimes()
	for _, c := range crowds {
		if err := c.come(ctx, warming, func() times { return warm }); err != nil {
			return nil, nil, err
		}
	}
	for i := range 2 * turns {
		whose := (i + i/2) % 2 // a b b a a b b a
		if err := crowds[whose].come(ctx, turn, func() times { return took[whose] }); err != nil {
			return nil, nil, err
		}
	}
	return took[0], took[1], nil
}

// shown writes a count so that it can be read: 10,000.
func shown(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// compared is what two nodes took.
type compared struct {
	of   string
	with [2]string
	a, b times
}

// most is how many times as long anything may take.
const most = 1.3

// result is this as figures, each pair with its ratio.
func (t compared) result(kind string) load.Result {
	r := load.Result{Scenario: "growth: " + t.of, Against: "nod, " + kind, Load: fmt.Sprintf("%d sign-ins a second over REST, %s and %s %s in turn", rate, t.with[0], t.with[1], t.of)}
	if t.a == nil {
		return r
	}
	for _, d := range deeds {
		for _, percent := range []float64{50, 99} {
			name := fmt.Sprintf("%s p%.0f", d.what, percent)
			a, b := load.Ms(t.a[d.what].At(percent)), load.Ms(t.b[d.what].At(percent))
			r.Figures = append(r.Figures,
				load.Figure{Name: name + ", " + t.with[0] + " " + t.of, Value: a, Unit: "ms"},
				load.Figure{Name: name + ", " + t.with[1] + " " + t.of, Value: b, Unit: "ms"},
				load.Figure{Name: name + ", ratio", Value: b / a, Aim: most})
		}
	}
	return r
}

// show writes figures that stand in threes: two and their ratio.
func show(r load.Result) {
	fmt.Printf("\n%s, %s: %s\n", r.Scenario, r.Against, r.Load)
	for i := 0; i+2 < len(r.Figures); i += 3 {
		a, b, ratio := r.Figures[i], r.Figures[i+1], r.Figures[i+2]
		what := strings.TrimSuffix(ratio.Name, ", ratio")
		missed := ""
		if !ratio.Met() {
			missed = "   more than " + load.Show(ratio.Aim, "")
		}
		fmt.Printf("%-36s %12s %12s %8.2f%s\n", what, a, b, ratio.Value, missed)
	}
}
