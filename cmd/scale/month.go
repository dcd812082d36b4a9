package main

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"regexp"
	"strconv"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"nod/verify"
)

const monthLength = 30 * 24 * time.Hour

// tables are what is multiplied, in an order that references allow, each with the
// column that its rows are ordered by.
var tables = []struct{ name, at string }{
	{"devices", "created_at"}, {"trusted_devices", "approved_at"}, {"verifications", "created_at"}, {"codes", "issued_at"},
	{"deliveries", "created_at"}, {"events", "at"},
}

// month is a played month, or some days of one, in memory.
type month struct {
	keys   *verify.Keys
	stored [][]any // the keys as they rest
	tables map[string]*table
	born   map[string]int64 // ids, and when what they name began
	people []person
	end    time.Time // of the last event
	blocks int       // how often it is laid end to end
	copies int       // of each block
	seed   maphash.Seed
}

type table struct {
	columns []string
	rows    [][]any
}

// person is somebody who signed in with a number.
type person struct {
	user   string
	number int64 // its digits
}

// readMonth reads a month, to be laid end to end and multiplied to some number of rows
// of history: events and verifications.
func readMonth(ctx context.Context, path string, blocks, rows int) (*month, error) {
	store, err := open(ctx, "sqlite:"+path)
	if err != nil {
		return nil, err
	}
	m := &month{keys: store.Keys(), tables: map[string]*table{}, born: map[string]int64{}, blocks: blocks, seed: maphash.MakeSeed()}
	if err := store.Close(); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }() // only read
	for _, t := range tables {
		if m.tables[t.name], err = readTable(ctx, db, "select * from "+t.name+" order by "+t.at); err != nil {
			return nil, err
		}
		m.note(m.tables[t.name], t.at)
	}
	keys, err := readTable(ctx, db, "select id, kind, sealed, created_at from keys")
	if err != nil {
		return nil, err
	}
	m.stored = keys.rows
	e := m.tables["events"]
	if len(e.rows) == 0 {
		return nil, errors.New("nothing happened in the month")
	}
	last, _ := e.rows[len(e.rows)-1][e.at("at")].(int64)
	m.end = time.UnixMilli(last).UTC()
	all := blocks * (len(e.rows) + len(m.tables["verifications"].rows))
	m.copies = max(1, (rows+all-1)/all)
	return m, m.meet()
}

// meet finds the people of the month by their verifications.
func (m *month) meet() error {
	t := m.tables["verifications"]
	user, id, sealed := t.at("user_id"), t.at("id"), t.at("number_sealed")
	met := map[any]bool{}
	for _, row := range t.rows {
		if met[row[user]] || row[sealed] == "" {
			continue
		}
		met[row[user]] = true
		number, err := m.digits(row[sealed], row[id])
		if err != nil {
			return err
		}
		m.people = append(m.people, person{fmt.Sprint(row[user]), number})
	}
	return nil
}

func readTable(ctx context.Context, db *sql.DB, query string, args ...any) (t *table, err error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	t = &table{}
	if t.columns, err = rows.Columns(); err != nil {
		return nil, err
	}
	for rows.Next() {
		row := make([]any, len(t.columns))
		into := make([]any, len(row))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		t.rows = append(t.rows, row)
	}
	return t, rows.Err()
}

// at is the place of a column.
func (t *table) at(column string) int {
	for i, c := range t.columns {
		if c == column {
			return i
		}
	}
	return -1
}

// note keeps when the things of a table began, so that new ids can tell it, as
// UUIDv7 do.
func (m *month) note(t *table, at string) {
	id, when := t.at("id"), t.at(at)
	for _, row := range t.rows {
		if id < 0 {
			return
		}
		name, _ := row[id].(string)
		m.born[name], _ = row[when].(int64)
	}
}

// copyOf is one of the many.
type copyOf struct {
	n     int
	shift int64 // in ms
}

// each gives the copies of a block, the oldest block first. Copies are seconds apart, so
// that nothing happens a hundred times in one millisecond.
func (m *month) each(block int) iter.Seq[copyOf] {
	return func(yield func(copyOf) bool) {
		for k := range m.copies {
			n := block*m.copies + k
			shift := -int64(m.blocks-1-block)*monthLength.Milliseconds() - int64(k)*7_001
			if !yield(copyOf{n, shift}) {
				return
			}
		}
	}
}

// rows gives a table many times over, about in the order of time.
func (m *month) rows(name string) iter.Seq2[[]any, error] {
	t := m.tables[name]
	change := m.changes(name, t)
	return func(yield func([]any, error) bool) {
		for block := range m.blocks {
			for _, base := range t.rows {
				for c := range m.each(block) {
					row := make([]any, len(base))
					for i, v := range base {
						if row[i] = v; v != nil && change[i] != nil {
							var err error
							if row[i], err = change[i](v, base, c); err != nil {
								yield(nil, err)
								return
							}
						}
					}
					if !yield(row, nil) {
						return
					}
				}
			}
		}
	}
}

// changer makes a value of a copy of its row.
type changer func(v any, row []any, c copyOf) (any, error)

var (
	idText = regexp.MustCompile(`(ver|dlv|evt|dev|trd)_[0-9a-f]{32}`)
	whole  = regexp.MustCompile(`^` + idText.String() + `$`)
)

// changes says what differs between copies, column by column.
func (m *month) changes(name string, t *table) []changer {
	all := make([]changer, len(t.columns))
	id := t.at("id")
	for i, column := range t.columns {
		switch {
		case column == "user_id":
			all[i] = func(v any, _ []any, c copyOf) (any, error) { return userOf(v, c.n), nil }
		case column == "at" || strings.HasSuffix(column, "_at") || column == "not_before":
			all[i] = func(v any, _ []any, c copyOf) (any, error) {
				ms, _ := v.(int64)
				return ms + c.shift, nil
			}
		case column == "number_hash", column == "number_sealed":
			all[i] = m.number(column, t)
		case strings.HasSuffix(column, "_sealed"):
			place := name + "." + strings.TrimSuffix(column, "_sealed") + "."
			all[i] = func(v any, row []any, c copyOf) (any, error) { return m.reseal(v, row[id], place, c) }
		case column == "data":
			all[i] = m.names()
		default:
			all[i] = func(v any, _ []any, c copyOf) (any, error) {
				if text, ok := v.(string); ok && len(text) == 36 && whole.MatchString(text) {
					return m.id(text, c), nil
				}
				return v, nil
			}
		}
	}
	return all
}

// names changes the ids inside a text. The copies of one come after each other, so it is
// read once for all of them.
func (m *month) names() changer {
	last, at := "", [][]int(nil)
	return func(v any, _ []any, c copyOf) (any, error) {
		text, _ := v.(string)
		if text != last {
			last, at = text, idText.FindAllStringIndex(text, -1)
		}
		var b strings.Builder
		from := 0
		for _, span := range at {
			b.WriteString(text[from:span[0]])
			b.WriteString(m.id(text[span[0]:span[1]], c))
			from = span[1]
		}
		b.WriteString(text[from:])
		return b.String(), nil
	}
}

// number gives each copy of a person a number of their own.
func (m *month) number(column string, t *table) changer {
	sealed, id := t.at("number_sealed"), t.at("id")
	return func(v any, row []any, c copyOf) (any, error) {
		if v == "" {
			return v, nil
		}
		digits, err := m.digits(row[sealed], row[id])
		if err != nil {
			return nil, err
		}
		number := numberOf(digits, c.n)
		if column == "number_hash" {
			return m.keys.HashNumber(number), nil
		}
		return m.keys.Seal(number.E164(), "verifications.number."+m.idOf(row[id], c))
	}
}

// digits are those of a number at rest.
func (m *month) digits(sealed, id any) (int64, error) {
	e164, err := m.open(sealed, id, "verifications.number.")
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(e164[1:], 10, 64)
}

func userOf(user any, copied int) string { return fmt.Sprintf("%v-%d", user, copied) }

func numberOf(digits int64, copied int) verify.Number {
	return verify.StoredNumber("+" + strconv.FormatInt(digits+1000*int64(copied), 10))
}

// size is how many people there are in all copies.
func (m *month) size() int { return len(m.people) * m.blocks * m.copies }

// who is one of them, by a number below size.
func (m *month) who(i int) (user string, number verify.Number) {
	p, copied := m.people[i%len(m.people)], i/len(m.people)
	return userOf(p.user, copied), numberOf(p.number, copied)
}

// meters gives everybody what limits remember of them: that they were sent codes.
func (m *month) meters(yield func([]any, error) bool) {
	const day = 24 * time.Hour
	state, err := json.Marshal(verify.Meter{Sends: verify.Times{m.end.UnixMilli()}, Ends: m.end.Add(366 * day).UnixMilli()})
	for i := range m.size() {
		user, number := m.who(i)
		for _, k := range m.keys.MeterKeys(user, number, "")[:2] { // the others are shared
			if !yield([]any{k.Subject + " " + k.Hash, string(state), m.end.Add(366 * day).UnixMilli()}, err) {
				return
			}
		}
	}
}

func (m *month) open(sealed, id any, place string) (string, error) {
	return m.keys.Open(fmt.Sprint(sealed), place+fmt.Sprint(id))
}

func (m *month) reseal(v, id any, place string, c copyOf) (any, error) {
	if v == "" {
		return v, nil
	}
	plain, err := m.open(v, id, place)
	if err != nil {
		return nil, err
	}
	return m.keys.Seal(plain, place+m.idOf(id, c))
}

func (m *month) idOf(old any, c copyOf) string { return m.id(fmt.Sprint(old), c) }

// id is the name of a copy: a UUIDv7 (RFC 9562, section 5.7) of the time at which it
// began, the same wherever it is named.
func (m *month) id(old string, c copyOf) string {
	var h maphash.Hash
	h.SetSeed(m.seed)
	_, _ = h.WriteString(old)
	_, _ = h.WriteString(strconv.Itoa(c.n))
	a := h.Sum64()
	_ = h.WriteByte(1)
	b := h.Sum64()
	var u [16]byte
	for i, ms := 0, m.born[old]+c.shift; i < 6; i++ {
		u[i] = byte(ms >> (40 - 8*i)) //nolint:gosec // the bytes of a time
	}
	for i := range 8 {
		u[8+i] = byte(b >> (8 * i)) //nolint:gosec // likewise of a hash
	}
	u[6], u[7] = 0x70|byte(a)&0x0f, byte(a>>8) //nolint:gosec // version 7
	u[8] = 0x80 | u[8]&0x3f                    // variant
	return old[:4] + hex.EncodeToString(u[:])
}
