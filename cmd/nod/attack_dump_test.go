package main

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"math/big"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// loot is a stolen database: every value in it, and what stands there in hex or
// base64.
type loot struct {
	words map[string]string // the value that each stands in
	heads map[uint64]string // likewise, by the first 8 bytes: a hash that was cut short is found, too
}

var (
	word      = regexp.MustCompile(`[A-Za-z0-9+/_=-]+`)
	decodings = []func(string) ([]byte, error){
		hex.DecodeString, base64.StdEncoding.DecodeString, base64.URLEncoding.DecodeString, base64.RawStdEncoding.DecodeString, base64.RawURLEncoding.DecodeString,
	}
)

// plunder reads a stolen database.
func plunder(values []string) *loot {
	l := &loot{map[string]string{}, map[uint64]string{}}
	for _, value := range values {
		l.add(value, value)
		for _, w := range word.FindAllString(value, -1) {
			l.add(w, value)
			for part := range strings.SplitSeq(w, "_") {
				l.add(part, value)
			}
		}
	}
	return l
}

func (l *loot) add(w, value string) {
	if _, there := l.words[w]; there {
		return
	}
	l.words[w] = value
	for _, decode := range decodings {
		if raw, err := decode(w); err == nil && len(raw) >= 8 {
			l.heads[binary.BigEndian.Uint64(raw)] = value
		}
	}
	if len(w) >= 8 {
		l.heads[binary.BigEndian.Uint64([]byte(w))] = value
	}
}

// message is a code that was sent, and what it was made of.
type message struct {
	code  string
	parts []string
}

// crack tries all codes of six digits against the loot, and the true ones with
// everything in it as salt or key. It returns what it found by the value that
// tells it.
func (l *loot) crack(sent []message) map[string]string {
	found := map[string]string{}
	code := []byte("000000")
	for n := range 1_000_000 {
		for i, rest := 5, n; i >= 0; i, rest = i-1, rest/10 {
			code[i] = '0' + byte(rest%10)
		}
		a, b, c, d := md5.Sum(code), sha1.Sum(code), sha256.Sum256(code), sha512.Sum512(code)
		for i, sum := range [...][]byte{a[:], b[:], c[:], d[:]} {
			l.look(found, sum, [...]string{"MD5", "SHA-1", "SHA-256", "SHA-512"}[i], string(code))
		}
	}
	for _, m := range sent {
		if value, there := l.words[m.code]; there {
			found[value] = "the code " + m.code
		}
	}
	for salt, value := range l.words {
		l.salted(found, sent[0].code, salt)
		if key, err := base64.RawURLEncoding.DecodeString(salt); err == nil && derives(key, sent) {
			found[value] = "the key of all codes"
		}
	}
	return found
}

func (l *loot) look(found map[string]string, sum []byte, what, code string) {
	if value, there := l.heads[binary.BigEndian.Uint64(sum)]; there {
		found[value] = what + " of " + code
	}
}

// salted looks for what a code gives with one value as salt or key.
func (l *loot) salted(found map[string]string, code, salt string) {
	for _, made := range []func() hash.Hash{sha1.New, sha256.New} {
		mac := hmac.New(made, []byte(salt))
		mac.Write([]byte(code))
		l.look(found, mac.Sum(nil), "an HMAC", code)
		for _, text := range []string{salt + code, code + salt, salt + ":" + code} {
			h := made()
			h.Write([]byte(text))
			l.look(found, h.Sum(nil), "a salted hash", code)
		}
	}
}

// derives reports whether a key makes the codes of all messages as nod does: see
// [verify.Keys.Code].
func derives(key []byte, sent []message) bool {
	return !slices.ContainsFunc(sent, func(m message) bool {
		mac := hmac.New(sha256.New, key)
		for _, p := range m.parts {
			mac.Write(binary.BigEndian.AppendUint32(nil, uint32(len(p))))
			mac.Write([]byte(p))
		}
		n := new(big.Int).SetBytes(mac.Sum(nil)[:16])
		return fmt.Sprintf("%06d", n.Mod(n, big.NewInt(1_000_000))) != m.code
	})
}

// cracked steals the database, plants what a weaker nod would have left there, and
// looks for codes: it finds what was planted, and nothing else.
func (s *siege) cracked(sent []message) {
	t := s.t
	t.Helper()
	copied := filepath.Join(t.TempDir(), "stolen.db")
	if _, err := opened(t, s.file).ExecContext(t.Context(), "vacuum into ?", copied); err != nil {
		t.Fatal(err)
	}
	db := opened(t, copied)
	if n := len(rowsOf(t, db)); n < 500 || len(sent) < 3 {
		t.Fatalf("%d values and %d codes are nothing to look for", n, len(sent))
	}
	code, id := []byte(sent[0].code), sent[0].parts[1]
	a, b, c := md5.Sum(code), sha256.Sum256(code), sha512.Sum512(code)
	mac := hmac.New(sha256.New, []byte(id))
	mac.Write(code)
	planted := map[string]string{
		hex.EncodeToString(b[:]): "SHA-256", `{"hash":"` + base64.StdEncoding.EncodeToString(a[:]) + `"}`: "MD5", hex.EncodeToString(c[:16]): "half a SHA-512",
		base64.RawURLEncoding.EncodeToString(mac.Sum(nil)): "an HMAC", `{"typed":"` + sent[1].code + `"}`: "a code", s.codeKey(db): "the key",
	}
	for value := range planted {
		if _, err := db.ExecContext(t.Context(), "insert into api_keys values (?, 0)", value); err != nil {
			t.Fatal(err)
		}
	}
	found := plunder(rowsOf(t, db)).crack(sent)
	for value, what := range found {
		if planted[value] == "" {
			t.Errorf("the database tells %s in %.60q", what, value)
		}
	}
	for value, what := range planted {
		if found[value] == "" {
			t.Errorf("%s was planted and not found", what)
		}
	}
}

// codeKey opens the key of codes, as only who has NOD_SECRET can.
func (s *siege) codeKey(db *sql.DB) string {
	s.t.Helper()
	row := texts(s.t, db, "select id, sealed from keys where kind = 'code'")
	master, err := hkdf.Key(sha256.New, []byte(firstSecret), nil, "nod sealed keys v1", 32)
	if err != nil {
		s.t.Fatal(err)
	}
	block, err := aes.NewCipher(master)
	if err != nil {
		s.t.Fatal(err)
	}
	seal, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		s.t.Fatal(err)
	}
	sealed, err := base64.RawStdEncoding.DecodeString(row[1])
	if err != nil {
		s.t.Fatal(err)
	}
	key, err := seal.Open(nil, nil, sealed, []byte(row[0]+"code"))
	if err != nil {
		s.t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(key)
}

func opened(t *testing.T, file string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// rowsOf is every value of every table.
func rowsOf(t *testing.T, db *sql.DB) (values []string) {
	t.Helper()
	for _, table := range texts(t, db, "select name from sqlite_master where type = 'table'") {
		values = append(values, texts(t, db, `select * from "`+table+`"`)...)
	}
	return values
}

// texts are all values of a query's rows.
func texts(t *testing.T, db *sql.DB, query string) (all []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	row, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
	for i := range row {
		into[i] = &row[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		for _, value := range row {
			if value.String != "" {
				all = append(all, value.String)
			}
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
