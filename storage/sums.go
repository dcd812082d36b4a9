package storage

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"nod/verify"
)

// wrongSpan is of how long the wrong codes of everybody count together.
const wrongSpan = 24 * time.Hour

// sumsKept is how long sums are kept, longer than any limit looks back.
const sumsKept = 366 * 24 * time.Hour

// slots is into how many rows what everybody adds to is divided. A connection adds to the
// one that is its own, so that it meets others there only where there are more
// connections than slots, and a quiet deployment, which uses few, has few rows to add up.
const slots = 16

// addTo are the texts that add to the counters of rows, or begin them.
func addTo[R any](t *table[R], key string, counters ...string) (texts [maxRows]string) {
	for i, n := range counters {
		counters[i] = n + " = " + t.name + "." + n + " + excluded." + n
	}
	for i, insert := range t.inserts {
		texts[i] = insert + " on conflict (" + key + ") do update set " + strings.Join(counters, ", ")
	}
	return texts
}

var summing = addTo(sums, "name, start, slot", "n")

// summed makes the statements that add: each row once, in one order, for many meet
// in these rows. They are the last before COMMIT, after every lock.
func (t *tx) summed(all []verify.Sum) ([]statement, error) {
	slices.SortStableFunc(all, func(a, b verify.Sum) int { return cmp.Or(cmp.Compare(a.Name, b.Name), a.Start.Compare(b.Start)) })
	var rows []*sumRow
	for _, one := range all {
		if n := len(rows); n > 0 && rows[n-1].Name == one.Name && rows[n-1].Start.Equal(one.Start) {
			rows[n-1].N += one.N
			continue
		}
		rows = append(rows, &sumRow{one, t.slot})
	}
	rows = slices.DeleteFunc(rows, func(s *sumRow) bool { return s.N == 0 })
	return sums.writing(&summing, rows)
}

// wrongCodes reads how many wrong codes there were of late. The time is one of the
// database where there is one, told before the locks are held, which hours do not notice.
func (t *tx) wrongCodes(n *int64) statement {
	const text = "select cast(sum(n) as bigint) from sums where name = '" + verify.SumWrongCodes + "' and start > "
	if t.clock == "" {
		return number(n, text+"$1", t.process.now().Add(-wrongSpan).UnixMilli())
	}
	return number(n, text+"(select "+t.clock+") - $1", wrongSpan.Milliseconds())
}

// spending is what the days of a deployment have cost, on its way: of the last two on
// which anything did. Which of them is today shows the clock that is read behind it.
type spending struct{ spent, warned []verify.Sum }

func (s *spending) reading() []statement {
	days := func(into *[]verify.Sum, name string) statement {
		return statement{
			act:  "reading what was spent",
			text: "select start, cast(sum(n) as bigint) from sums where name = $1 group by start order by start desc limit 2",
			args: []any{name},
			row: func(scan func(...any) error) error {
				day := verify.Sum{Name: name}
				err := scan((*millis)(&day.Start), &day.N)
				*into = append(*into, day)
				return err
			},
		}
	}
	return []statement{days(&s.spent, verify.SumSpend), days(&s.warned, verify.SumWarned)}
}

// on is what the UTC day of a time has cost.
func (s *spending) on(now time.Time) verify.Spend {
	return verify.Spend{Micros: ofDay(now, s.spent), Warned: ofDay(now, s.warned)}
}

func ofDay(now time.Time, last []verify.Sum) (n int64) {
	for _, s := range last {
		if s.Start.Equal(verify.Day(now)) {
			n = s.N
		}
	}
	return n
}

// Sums reads what the deployment counted of everybody.
func (s *Store) Sums(ctx context.Context) (today verify.Today, err error) {
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		var (
			wrong int64
			spent spending
		)
		now, err := t.look(ctx, append(spent.reading(), t.wrongCodes(&wrong))...)
		today = verify.Today{WrongCodes: int(wrong), Spent: spent.on(now).Micros}
		return err
	})
	return today, err
}

// TellOnce tells an event of the deployment, whose verification and user are nobody:
// once for a name and the UTC day of a time, whichever node comes first.
func (s *Store) TellOnce(ctx context.Context, name string, day time.Time, e verify.Event) error {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		args, err := sums.args(&sumRow{Sum: verify.Sum{Name: "told " + name, Start: verify.Day(day), N: 1}})
		if err != nil {
			return err
		}
		first := false
		now, err := t.look(ctx, statement{act: "telling once", text: sums.inserts[0] + " on conflict (name, start, slot) do nothing", args: args, wrote: func(n int64) error {
			first = n > 0
			return nil
		}})
		if err != nil || !first {
			return err
		}
		return t.tellOfNobody([]verify.Event{e}, now)
	})
}
