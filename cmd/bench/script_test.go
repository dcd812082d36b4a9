package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// aLog is what Postgres logs of one create, with a second session between.
func aLog(id, hash string, ms int) string {
	return strings.NewReplacer("ID", "0190c0ffee0070008"+id, "HASH", hash, "MS", fmt.Sprint(ms)).Replace(
		`2026-11-22 01:51:14.123 UTC [71] LOG:  statement: begin
2026-11-22 01:51:14.123 UTC [72] LOG:  statement: begin isolation level repeatable read read only
2026-11-22 01:51:14.124 UTC [71] LOG:  execute stmtcache_a: select 1 from verifications
	where number_hash = $1
2026-11-22 01:51:14.124 UTC [71] DETAIL:  parameters: $1 = 'HASH'
2026-11-22 01:51:14.125 UTC [72] LOG:  execute stmtcache_b: select 2
2026-11-22 01:51:14.126 UTC [71] LOG:  execute stmtcache_c: insert into verifications values ($1, $2, $3, $4, $2, $5)
2026-11-22 01:51:14.126 UTC [71] DETAIL:  parameters: $1 = 'ver_ID', $2 = 'MS', $3 = NULL, $4 = 'it''s', $5 = '{"id":"dlv_ID"}'
2026-11-22 01:51:14.127 UTC [71] LOG:  statement: commit
2026-11-22 01:51:14.128 UTC [72] LOG:  statement: commit
`)
}

func heard(t *testing.T, log string) []statement {
	t.Helper()
	for _, said := range sessions(log) {
		if s := transaction(said, "insert into verifications"); s != nil {
			return s
		}
	}
	t.Fatal("no transaction was heard")
	return nil
}

func TestScript(t *testing.T) {
	one := heard(t, aLog("000000000000001", "abcdefghijklmnopqrst", 1000))
	other := heard(t, aLog("000000000000002", "zyxwvutsrqponmlkjihg", 2000))
	s, err := newScript(one, other)
	if err != nil {
		t.Fatal(err)
	}
	want := `\set n :n + 1
\set id :n * 1000 + :client_id
\set t1 1000 + :n
begin;
select 1 from verifications where number_hash = (:c1 || :id);
insert into verifications values ((:c2 || :id), :t1, null, :c3, :t1, (:c4 || :id || :c5));
commit;
`
	if s.text != want {
		t.Errorf("the script is\n%swant\n%s", s.text, want)
	}
	values := []string{"c1=abcdefg", "c2=ver_0190c0ffee007000800", "c3=it's", `c4={"id":"dlv_0190c0ffee007000800`, `c5="}`}
	if !slices.Equal(s.values, values) {
		t.Errorf("its values are %q, want %q", s.values, values)
	}
}

func TestScriptOfOtherStatements(t *testing.T) {
	one := heard(t, aLog("000000000000001", "abcdefghijklmnopqrst", 1000))
	if _, err := newScript(one, one[:3]); err == nil {
		t.Error("two transactions that differ made a script")
	}
}
