package storage

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// querier is what a transaction of either database offers. Statements are
// prepared once per connection and text, so texts must be few.
type querier interface {
	ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error)
}

// maxRows is how many rows one insert writes: it bounds the number of texts.
const maxRows = 8

// table knows the statements of one table; all of them are made once.
type table[R any] struct {
	name     string
	empty    func() *R
	columns  []column[R]
	selected string          // select <columns> from <name>
	inserts  [maxRows]string // of 1 to maxRows rows
	upserts  [maxRows]string // the same, a row that is there gets what may change
	updated  string          // update <name> set <what may change>, as $1, $2, …
	keyed    string          // where <key> = …, the parameter after those of updated
	changing int             // number of columns that may change
}

func newTable[R any](name string, key []string, empty func() *R, columns []column[R]) *table[R] {
	t := &table[R]{name: name, empty: empty, columns: columns}
	var all, sets, excluded []string
	for _, c := range columns {
		all = append(all, c.name)
		if !c.fixed {
			t.changing++
			sets = append(sets, c.name+" = $"+strconv.Itoa(t.changing))
			excluded = append(excluded, c.name+" = excluded."+c.name)
		}
	}
	list := strings.Join(all, ", ")
	t.selected = "select " + list + " from " + name
	t.updated = "update " + name + " set " + strings.Join(sets, ", ")
	t.keyed = "where " + key[0] + " = $" + strconv.Itoa(t.changing+1)
	for n := range maxRows {
		var rows []string
		for i := 0; i <= n; i++ {
			row := make([]string, len(columns))
			for j := range columns {
				row[j] = "$" + strconv.Itoa(i*len(columns)+j+1)
			}
			rows = append(rows, "("+strings.Join(row, ", ")+")")
		}
		t.inserts[n] = "insert into " + name + " (" + list + ") values " + strings.Join(rows, ", ")
		t.upserts[n] = t.inserts[n] + " on conflict (" + strings.Join(key, ", ") + ") do update set " + strings.Join(excluded, ", ")
	}
	return t
}

// blank is the empty row of a type that needs no making.
func blank[R any]() *R { return new(R) }

// query reads the rows that a condition selects.
func (t *table[R]) query(ctx context.Context, q querier, condition string, args ...any) ([]*R, error) {
	rows, err := q.QueryContext(ctx, t.selected+" "+condition, args...)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", t.name, err)
	}
	defer func() { _ = rows.Close() }() // the error that counts is rows.Err
	var out []*R
	for rows.Next() {
		r := t.empty()
		refs := t.refs(r)
		if err := rows.Scan(refs...); err != nil {
			return nil, fmt.Errorf("reading %s: %w", t.name, err)
		}
		out = append(out, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading %s: %w", t.name, err)
	}
	return out, nil
}

func (t *table[R]) refs(r *R) []any {
	refs := make([]any, len(t.columns))
	for i, c := range t.columns {
		refs[i] = c.ref(r)
	}
	return refs
}

// insert writes new rows; upsert also overwrites what may change of old ones.
func (t *table[R]) insert(ctx context.Context, q querier, rows ...*R) error {
	return t.write(ctx, q, &t.inserts, rows)
}

func (t *table[R]) upsert(ctx context.Context, q querier, rows ...*R) error {
	return t.write(ctx, q, &t.upserts, rows)
}

func (t *table[R]) write(ctx context.Context, q querier, texts *[maxRows]string, rows []*R) error {
	for len(rows) > 0 {
		n := min(len(rows), maxRows)
		args, err := t.args(rows[:n]...)
		if err != nil {
			return err
		}
		if _, err := q.ExecContext(ctx, texts[n-1], args...); err != nil {
			return fmt.Errorf("writing %s: %w", t.name, err)
		}
		rows = rows[n:]
	}
	return nil
}

// args gives all columns of rows, in the order of inserts.
func (t *table[R]) args(rows ...*R) ([]any, error) {
	return t.encode(rows, func(column[R]) bool { return true })
}

// values gives what may change of a row, in the order of updated. They compare
// with ==.
func (t *table[R]) values(r *R) ([]any, error) {
	return t.encode([]*R{r}, func(c column[R]) bool { return !c.fixed })
}

func (t *table[R]) encode(rows []*R, which func(column[R]) bool) ([]any, error) {
	out := make([]any, 0, len(rows)*len(t.columns))
	for _, r := range rows {
		for _, c := range t.columns {
			if !which(c) {
				continue
			}
			v, err := driver.DefaultParameterConverter.ConvertValue(c.ref(r))
			if err != nil {
				return nil, fmt.Errorf("encoding %s.%s: %w", t.name, c.name, err)
			}
			out = append(out, v)
		}
	}
	return out, nil
}

// update writes values to the one row that a condition names (its arguments
// follow the values). It reports whether there was one.
func (t *table[R]) update(ctx context.Context, q querier, values []any, condition string, args ...any) (bool, error) {
	return affected(q.ExecContext(ctx, t.updated+" "+condition, append(values, args...)...))
}

// exec runs a statement and reports whether it touched a row.
func exec(ctx context.Context, q querier, text string, args ...any) (bool, error) {
	return affected(q.ExecContext(ctx, text, args...))
}

func affected(res sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// number reads one number; null is 0.
func number(ctx context.Context, q querier, text string, args ...any) (int64, error) {
	rows, err := q.QueryContext(ctx, text, args...)
	if err != nil {
		return 0, err
	}
	defer func() { _ = rows.Close() }() // the error that counts is rows.Err
	var n sql.NullInt64
	if rows.Next() {
		if err := rows.Scan(&n); err != nil {
			return 0, err
		}
	}
	return n.Int64, rows.Err()
}

// millis is a time as milliseconds since 1970; the zero time is null.
type millis time.Time

func (m *millis) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*m = millis{}
	case int64:
		*m = millis(time.UnixMilli(v).UTC())
	default:
		return fmt.Errorf("a time came as %T", src)
	}
	return nil
}

func (m millis) Value() (driver.Value, error) {
	if t := time.Time(m); !t.IsZero() {
		return t.UnixMilli(), nil
	}
	return nil, nil
}

// optional is a text whose empty value is null: a reference to nothing.
type optional string

func (o *optional) Scan(src any) error {
	if src == nil {
		*o = ""
		return nil
	}
	s, ok := src.(string)
	if !ok {
		return fmt.Errorf("a text came as %T", src)
	}
	*o = optional(s)
	return nil
}

func (o optional) Value() (driver.Value, error) {
	if o == "" {
		return nil, nil
	}
	return string(o), nil
}

// document is a value as JSON text; null is the empty text.
type document[T any] struct{ at *T }

func (d *document[T]) Scan(src any) error {
	s, ok := src.(string)
	if !ok {
		return fmt.Errorf("a document came as %T", src)
	}
	if s == "" {
		*d.at = *new(T)
		return nil
	}
	return json.Unmarshal([]byte(s), d.at)
}

func (d *document[T]) Value() (driver.Value, error) {
	b, err := json.Marshal(d.at)
	if err != nil || string(b) == "null" {
		return "", err
	}
	return string(b), nil
}

// base64Text is bytes as text, because the two databases name bytes unlike.
type base64Text []byte

func (b *base64Text) Scan(src any) error {
	s, ok := src.(string)
	if !ok {
		return fmt.Errorf("sealed bytes came as %T", src)
	}
	raw, err := base64.RawStdEncoding.DecodeString(s)
	*b = raw
	return err
}

func (b base64Text) Value() (driver.Value, error) {
	return base64.RawStdEncoding.EncodeToString(b), nil
}
