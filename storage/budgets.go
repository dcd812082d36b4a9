package storage

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"nod/verify"
)

// What went to a country is a meter to the rules, but not a row: all who send there would
// wait for each other's COMMIT. It is counted in rows that are added to, without a lock
// that outlasts a statement before the last, each connection in a slot of its own. So a
// rule sees what is committed, and not what others are about to count: a country's budget
// lets as many codes more through as are created at once, at most one a connection of
// every node. All other meters are exact.

var counting = addTo(budgets, "country, ends_at, width, slot", "sent", "proved")

// readingBudgets reads what went to countries, of all slots together.
func (t *tx) readingBudgets(r *reading) (statement, error) {
	countries := make([]string, len(r.countries))
	for i, k := range r.countries {
		countries[i] = k.Hash
	}
	list, err := json.Marshal(countries)
	if err != nil {
		return statement{}, err
	}
	clock, args := "(select "+t.clock+")", []any{string(list)}
	if t.clock == "" {
		clock, args = "$2", append(args, t.process.now().UnixMilli())
	}
	return statement{
		act: "reading budgets",
		text: "select country, width, nr, cast(sum(sent) as bigint), cast(sum(proved) as bigint) from budgets where country " + t.inList +
			" and ends_at > " + clock + " group by country, ends_at, width, nr",
		args: args,
		row: func(scan func(...any) error) error {
			var (
				c       verify.Count
				country string
				minutes int64
			)
			err := scan(&country, &minutes, &c.Nr, &c.Sent, &c.Proved)
			c.Width = time.Duration(minutes) * time.Minute
			r.counts[country] = append(r.counts[country], c)
			return err
		},
	}, nil
}

// budgetEntry is the meter of a country that counted so much.
func budgetEntry(k verify.MeterKey, counts []verify.Count) (*entry, error) {
	e := &entry{key: k, meter: &verify.Meter{}}
	if len(counts) == 0 {
		return e, nil
	}
	e.budget = verify.BudgetOf(counts)
	state, err := json.Marshal(verify.Meter{Budget: e.budget})
	if err != nil {
		return nil, fmt.Errorf("reading a budget: %w", err)
	}
	e.stored = string(state)
	return e, e.open(e.stored)
}

// counted is what a country's meter has counted in this transaction.
func (t *tx) counted(e *entry) (rows []*budgetRow) {
	for _, c := range e.meter.Budget.Since(e.budget) {
		rows = append(rows, &budgetRow{c, e.key.Hash, c.EndsAt(), int64(c.Width / time.Minute), t.slot})
	}
	return rows
}

// budgeted makes the statements that add to budgets, in one order.
func budgeted(rows []*budgetRow) ([]statement, error) {
	slices.SortFunc(rows, func(a, b *budgetRow) int {
		return cmp.Or(cmp.Compare(a.country, b.country), a.endsAt.Compare(b.endsAt), cmp.Compare(a.width, b.width))
	})
	return budgets.writing(&counting, rows)
}
