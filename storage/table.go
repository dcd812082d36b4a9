package storage

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"database/sql"
	"database/sql/driver"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// statement is one SQL text on its way. Statements are prepared once per
// connection and text, so texts must be few.
type statement struct {
	act  string // what an error says it was doing
	text string
	args []any
	row  func(scan func(into ...any) error) error // is given each row; nil when there are none
	// wrote hears how many rows were written. It runs before COMMIT, so that its
	// error undoes them.
	wrote func(rows int64) error
}

// plain is a statement without rows.
func plain(text string, args ...any) statement { return statement{act: text, text: text, args: args} }

// number reads one number into n; null is 0.
func number(n *int64, text string, args ...any) statement {
	return statement{act: "counting", text: text, args: args, row: func(scan func(...any) error) error {
		var got sql.NullInt64
		err := scan(&got)
		*n = got.Int64
		return err
	}}
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

// reading reads the rows that a condition selects into out.
func (t *table[R]) reading(out *[]*R, condition string, args ...any) statement {
	return statement{act: "reading " + t.name, text: t.selected + " " + condition, args: args, row: func(scan func(...any) error) error {
		r := t.empty()
		*out = append(*out, r)
		return scan(t.refs(r)...)
	}}
}

func (t *table[R]) refs(r *R) []any {
	refs := make([]any, len(t.columns))
	for i, c := range t.columns {
		refs[i] = c.ref(r)
	}
	return refs
}

// insert writes new rows; upsert also overwrites what may change of old ones.
func (t *table[R]) insert(rows ...*R) ([]statement, error) { return t.writing(&t.inserts, rows) }

func (t *table[R]) upsert(rows ...*R) ([]statement, error) { return t.writing(&t.upserts, rows) }

func (t *table[R]) writing(texts *[maxRows]string, rows []*R) (all []statement, err error) {
	for part := range slices.Chunk(rows, maxRows) {
		args, err := t.args(part...)
		if err != nil {
			return nil, err
		}
		all = append(all, statement{act: "writing " + t.name, text: texts[len(part)-1], args: args})
	}
	return all, nil
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
// follow the values).
func (t *table[R]) update(values []any, condition string, args ...any) statement {
	return statement{act: "writing " + t.name, text: t.updated + " " + condition, args: append(values, args...)}
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

// publicKey is a P-256 key as a JWK (RFC 7518, section 6.2.1); none is the empty
// text. It is read by hand, for a key of every phone is read when a crowd comes back;
// [verify.ParseKey] let nothing else in.
type publicKey struct{ at **jose.JSONWebKey }

func (k *publicKey) Scan(src any) error {
	var point *struct{ X, Y string }
	if err := (&document[*struct{ X, Y string }]{&point}).Scan(src); err != nil || point == nil {
		*k.at = nil
		return err
	}
	raw := []byte{4} // uncompressed (SEC 1, section 2.3.3)
	for _, coordinate := range []string{point.X, point.Y} {
		var err error
		if raw, err = base64.RawURLEncoding.AppendDecode(raw, []byte(coordinate)); err != nil {
			return err
		}
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), raw)
	if err != nil {
		return err
	}
	if *k.at == nil {
		*k.at = new(jose.JSONWebKey)
	}
	(*k.at).Key = key
	return nil
}

func (k *publicKey) Value() (driver.Value, error) {
	return (&document[*jose.JSONWebKey]{k.at}).Value()
}

// seconds are durations as a JSON list of whole seconds; none are the empty text.
type seconds []time.Duration

func (s *seconds) Scan(src any) error {
	var whole []int64
	if err := (&document[[]int64]{&whole}).Scan(src); err != nil {
		return err
	}
	*s = nil
	for _, n := range whole {
		*s = append(*s, time.Duration(n)*time.Second)
	}
	return nil
}

func (s *seconds) Value() (driver.Value, error) {
	var whole []int64
	for _, d := range *s {
		whole = append(whole, int64(d/time.Second))
	}
	return (&document[[]int64]{&whole}).Value()
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
