package storage

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"nod/analytics"
	"nod/verify"
)

// Events become visible in the order of their commits, and bear the times of the
// moments before: whoever counts what stands behind the last event that was counted
// would miss one that was committed late. So they are counted up to a horizon, a time
// before which nothing can be committed any more.
//
// On SQLite that is the time that a write has read once it is committed: there is one
// writer, so all before it are committed too, and none behind it reads an earlier time.
// On Postgres it is the start of the oldest transaction that runs, that of who asks
// among them, for each reads its time after it has begun. Nothing of ours runs for
// long: whoever does, an operator with an open transaction or a backup, is waited for
// no longer than countReach.
const (
	countReach = 30 * time.Second
	// countMargin is for a transaction that has begun but does not show yet.
	countMargin = time.Second
)

// cursor is up to which event the sums count.
type cursor struct {
	at       time.Time
	id       string
	erasures int64 // of people, so far: see [Store.Erase]
}

func readingCursor(c *cursor) statement {
	return statement{act: "reading the cursor", text: "select at, id, erasures from tally_cursor", row: func(scan func(...any) error) error {
		return scan((*millis)(&c.at), &c.id, &c.erasures)
	}}
}

// uncounted reads since when the oldest event waits that is not counted yet; no row:
// none does.
const uncounted = "select at from events where at >= (select at from tally_cursor)" +
	" and (at > (select at from tally_cursor) or id > (select id from tally_cursor)) order by at limit 1"

// CountEvents adds new events to the sums, oldest first and at most limit of them, and
// returns how many it added: each exactly once, whoever calls it on however many nodes.
// It returns 0 when nothing is new, or another node was faster, or somebody was erased
// meanwhile. On Postgres an event is new a second after its commit.
//
// What has to be known is read beside the writers. Only the sums, the people behind
// them and the cursor are written, in one transaction that holds the cursor and stops
// when it has moved since it was read.
func (s *Store) CountEvents(ctx context.Context, limit int) (counted int, err error) {
	b, err := s.nextBatch(ctx, limit)
	if err != nil || b.events == 0 {
		return 0, err
	}
	return s.addBatch(ctx, b)
}

// batch is what some events add to the sums.
type batch struct {
	from   cursor // as it was read: they are the next behind it
	events int
	writes []statement
}

// nextBatch reads and counts, and writes nothing.
func (s *Store) nextBatch(ctx context.Context, limit int) (b batch, err error) {
	var news []verify.Event
	if b.from, news, err = s.newEvents(ctx, limit); err != nil || len(news) == 0 {
		return b, err
	}
	lives, err := s.lives(ctx, news)
	if err != nil {
		return b, err
	}
	b.events = len(news)
	b.writes, err = adding(analytics.Count(s.facts(news), lives))
	last := news[len(news)-1]
	b.writes = append(b.writes, plain("update tally_cursor set at = $1, id = $2", last.At.UnixMilli(), last.ID))
	return b, err
}

// addBatch writes a batch, unless the cursor has moved.
func (s *Store) addBatch(ctx context.Context, b batch) (counted int, err error) {
	err = s.write(ctx, func(ctx context.Context, t *tx) error {
		counted = 0
		var now cursor
		if err := t.run(ctx, t.holdingCursor(&now)); err != nil || now != b.from {
			return err
		}
		counted = b.events
		t.hold(b.writes...)
		return nil
	})
	if err != nil {
		return 0, err
	}
	return counted, nil
}

// holdingCursor reads the cursor and lets nobody else move it.
func (t *tx) holdingCursor(c *cursor) statement {
	s := readingCursor(c)
	s.text += t.forUpdate
	return s
}

// newEvents reads the cursor and events behind it, up to the horizon. Where there are
// none it asks for no more, and not for the one writer.
func (s *Store) newEvents(ctx context.Context, limit int) (from cursor, news []verify.Event, err error) {
	var waits, end time.Time
	oneWriter := false
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		waits = time.Time{}
		all := []statement{readingCursor(&from), oldest(&waits, uncounted)}
		var begun time.Time
		if oneWriter = t.running == ""; !oneWriter {
			all = append(all, oldest(&begun, t.running))
		}
		now, err := t.look(ctx, all...)
		end = horizon(begun, now)
		return err
	})
	if err != nil || waits.IsZero() {
		return from, nil, err
	}
	if oneWriter {
		err = s.write(ctx, func(ctx context.Context, t *tx) error {
			end, err = t.look(ctx)
			return err
		})
	}
	if err != nil {
		return from, nil, err
	}
	// A state from before the horizon was known would miss what was committed between.
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		news, err = t.events(ctx, "where at >= $1 and at < $2 and (at > $1 or id > $3) order by at, id limit $4", from.at.UnixMilli(), end.UnixMilli(), from.id, limit)
		return err
	})
	return from, news, err
}

// horizon is the time before which nothing can be committed any more, by when the
// oldest transaction began; zero: the server does not tell (track_activities is off).
func horizon(begun, now time.Time) time.Time {
	end, reach := begun.Add(-countMargin), now.Add(-countReach)
	if end.Before(reach) {
		return reach
	}
	return end
}

// lives reads all events of the verifications of which counting must know them.
func (s *Store) lives(ctx context.Context, news []verify.Event) (map[string][]analytics.Event, error) {
	var ids []string
	for _, e := range news {
		if e.VerificationID != "" && analytics.Settles(e.Name) {
			ids = append(ids, e.VerificationID)
		}
	}
	lives := map[string][]analytics.Event{}
	if len(ids) == 0 {
		return lives, nil
	}
	list, err := listOf(ids)
	if err != nil {
		return nil, err
	}
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		all, err := t.eventsOf(ctx, list, 0)
		clear(lives)
		for _, e := range s.facts(all) {
			lives[e.VerificationID] = append(lives[e.VerificationID], e)
		}
		return err
	})
	return lives, err
}

// facts are events as package analytics sees them: it knows no user, only whether two
// are the same.
func (s *Store) facts(es []verify.Event) []analytics.Event {
	all := make([]analytics.Event, len(es))
	for i, e := range es {
		all[i] = analytics.Event{
			VerificationID: e.VerificationID, Person: s.person(e.UserID), Name: e.Name, At: e.At, Seq: e.Seq,
			Channel: string(e.Data.Channel), Country: e.Data.Country, Provider: e.Data.Provider, Locale: e.Data.Locale,
			DeliveryID: e.Data.DeliveryID, Method: string(e.Data.Method), Purpose: string(e.Data.Purpose), Step: e.Data.Step,
		}
	}
	return all
}

// person stands for a user among those behind a sum; empty for nobody.
func (s *Store) person(userID string) string {
	if userID == "" {
		return ""
	}
	return s.keys.Hash("person", userID)
}

// adds are the texts that write new sums and add to old ones.
var adds = addTo(tallies, "span, start, family, cell, measure", "n")

// adding makes the statements that add to the sums, those of an hour also to its day
// and its week.
func adding(c analytics.Counted) ([]statement, error) {
	type place struct {
		span  string
		start int64
		analytics.Group
		measure string
	}
	var rows []*tallyRow
	met := map[place]*tallyRow{}
	for _, a := range c.Tallies {
		for span, length := range lengths {
			start := a.Hour.UTC().Truncate(length)
			at := place{span, start.UnixMilli(), a.Group, a.Measure}
			if met[at] == nil {
				met[at] = &tallyRow{span, start, a.Group, a.Measure, 0}
				rows = append(rows, met[at])
			}
			met[at].n += a.N
		}
	}
	writes, err := tallies.writing(&adds, rows)
	if err != nil {
		return nil, err
	}
	for _, p := range c.People {
		writes = append(writes, plain("insert into tally_people (day, family, cell, person) select cast($1 as bigint), cast($2 as text), cast($3 as text), cast($4 as text)"+
			" where (select count(*) from tally_people where day = $1 and family = $2 and cell = $3) < "+strconv.Itoa(analytics.Least)+" on conflict do nothing",
			p.Day.UnixMilli(), p.Family, p.Cell, p.Person))
	}
	return writes, nil
}

// ofDays reads the sums of some days: of the days before the first whole week, of the
// whole weeks, and of the days behind them. Of a year, that is a fifth of the rows.
const ofDays = "select family, cell, measure, cast(sum(n) as bigint) from tallies where" +
	" span = 'week' and start >= $2 and start < $3 or span = 'day' and (start >= $1 and start < $2 or start >= $3 and start < $4)" +
	" group by family, cell, measure"

// readingDays reads the sums of some days into a span.
func readingDays(span *analytics.Span) statement {
	first := span.From.Add(week - 1).UTC().Truncate(week)
	last := span.To.UTC().Truncate(week)
	if last.Before(first) { // no week is whole
		first, last = span.To, span.To
	}
	return statement{
		act: "reading sums", text: ofDays, args: []any{span.From.UnixMilli(), first.UnixMilli(), last.UnixMilli(), span.To.UnixMilli()},
		row: func(scan func(...any) error) error {
			var r tallyRow
			err := scan(&r.Family, &r.Cell, &r.measure, &r.n)
			r.put(span.Counts)
			return err
		},
	}
}

// peopleAtOnce is of how long the people are read at once: there are more of them than
// of sums, and no read may take longer because more is asked for.
const peopleAtOnce = 4 * week

// readingPeople reads the people behind the sums from a day on into a span.
func readingPeople(span *analytics.Span, from time.Time) statement {
	to := from.Add(peopleAtOnce)
	if to.After(span.To) {
		to = span.To
	}
	return statement{
		act:  "reading people",
		text: "select family, cell, person from tally_people where day >= $1 and day < $2 group by family, cell, person",
		args: []any{from.UnixMilli(), to.UnixMilli()},
		row: func(scan func(...any) error) error {
			var g analytics.Group
			var person string
			err := scan(&g.Family, &g.Cell, &person)
			if len(span.People[g]) < analytics.Least && !slices.Contains(span.People[g], person) {
				span.People[g] = append(span.People[g], person)
			}
			return err
		},
	}
}

// CountedSpans reads the sums between two neighbours of cuts each, which are starts of
// days in UTC, ascending. It takes several reads, for the time that one may take: days
// that are over do not change any more, and those behind a sum that is told were there
// before it.
func (s *Store) CountedSpans(ctx context.Context, cuts []time.Time) ([]analytics.Span, error) {
	spans := make([]analytics.Span, max(0, len(cuts)-1))
	for i := range spans {
		span := &spans[i]
		*span = analytics.Span{From: cuts[i], To: cuts[i+1], Counts: map[analytics.Group]analytics.Counts{}, People: map[analytics.Group][]string{}}
		var all []statement
		for from := span.From; from.Before(span.To); from = from.Add(peopleAtOnce) {
			all = append(all, readingPeople(span, from))
		}
		for _, one := range append(all, readingDays(span)) {
			if err := s.read(ctx, func(ctx context.Context, t *tx) error { return t.run(ctx, one) }); err != nil {
				return nil, err
			}
		}
	}
	return spans, nil
}

// put sets what a row says.
func (r *tallyRow) put(counts map[analytics.Group]analytics.Counts) {
	if counts[r.Group] == nil {
		counts[r.Group] = analytics.Counts{}
	}
	counts[r.Group][r.measure] = r.n
}

// ofHours reads the families that [analytics.Now] needs.
var ofHours = "select start, family, cell, measure, n from tallies where span = 'hour' and start >= $1 and start < $2 and family in ('" +
	strings.Join(analytics.PulseFamilies, "', '") + "') order by start"

// CountedHours reads what [analytics.Now] needs of the hours that begin from a time
// until before another, oldest first; one in which nothing was counted is left out.
func (s *Store) CountedHours(ctx context.Context, from, to time.Time) (hours []analytics.Hour, err error) {
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		hours = nil
		return t.run(ctx, statement{act: "reading sums", text: ofHours, args: []any{from.UnixMilli(), to.UnixMilli()}, row: func(scan func(...any) error) error {
			var r tallyRow
			if err := scan((*millis)(&r.start), &r.Family, &r.Cell, &r.measure, &r.n); err != nil {
				return err
			}
			if len(hours) == 0 || !hours[len(hours)-1].At.Equal(r.start) {
				hours = append(hours, analytics.Hour{At: r.start, Counts: map[analytics.Group]analytics.Counts{}})
			}
			r.put(hours[len(hours)-1].Counts)
			return nil
		}})
	})
	return hours, err
}
