package floor

import (
	"context"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// aLog is what Postgres logs of one life, with a second session between.
func aLog(id, hash string, ms int) string {
	return strings.NewReplacer("ID", "0190c0ffee0070008"+id, "HASH", hash, "MS", fmt.Sprint(ms)).Replace(
		`2026-11-22 01:51:14.123 UTC [71] LOG:  statement: begin
2026-11-22 01:51:14.123 UTC [72] LOG:  execute stmtcache_b: select key from devices where id = $1
2026-11-22 01:51:14.123 UTC [72] DETAIL:  parameters: $1 = 'dev_ID'
2026-11-22 01:51:14.124 UTC [71] LOG:  execute stmtcache_a: select pg_advisory_xact_lock(hashtextextended($1, 0))
2026-11-22 01:51:14.124 UTC [71] DETAIL:  parameters: $1 = 'user HASH'
2026-11-22 01:51:14.125 UTC [71] LOG:  execute stmtcache_d: select id from meters
	where id = any (array(select jsonb_array_elements_text($1::jsonb))) for update
2026-11-22 01:51:14.125 UTC [71] DETAIL:  parameters: $1 = '["user HASH"]'
2026-11-22 01:51:14.126 UTC [71] LOG:  execute stmtcache_c: insert into lives values ($1, $2, $3, $4, $2, $5, $6)
2026-11-22 01:51:14.126 UTC [71] DETAIL:  parameters: $1 = 'ver_ID', $2 = 'MS', $3 = NULL, $4 = 'it''s', $5 = '{"id":"dlv_ID"}', $6 = 't'
2026-11-22 01:51:14.127 UTC [71] LOG:  statement: commit
2026-11-22 01:51:14.128 UTC [72] ERROR:  somebody else's
`)
}

func twoLives(t *testing.T) (one, other []unit) {
	t.Helper()
	one = units(aLog("000000000000001", "abcdefghijklmnopqrst0000000000001", 1000))
	other = units(aLog("000000000000002", "zyxwvutsrqponmlkjihg0000000000002", 2000))
	return one, other
}

func heardLife(t *testing.T) *life {
	t.Helper()
	l, err := newLife(twoLives(t))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestScript(t *testing.T) {
	l := heardLife(t)
	s := l.script(true)
	want := `\set n :n + 1
\set id :first + :n * :clients + :client_id
\set t1 1000 + :n
\startpipeline
begin;
select pg_advisory_xact_lock(hashtextextended((:c1 || :id), 0));
select id from meters where id = any (array(select jsonb_array_elements_text((:c2 || :id || :c3)::jsonb))) for update;
insert into lives values ((:c4 || :id), :t1, null, :c5, :t1, (:c6 || :id || :c7), :c8);
commit;
\endpipeline
select key from devices where id = (:c9 || :id);
`
	if s.text != want {
		t.Errorf("the script is\n%swant\n%s", s.text, want)
	}
	want = strings.NewReplacer("\\startpipeline\n", "", "\\endpipeline\n", "").Replace(want)
	if got := l.script(false).text; got != want {
		t.Errorf("one at a time it is\n%swant\n%s", got, want)
	}
	values := []string{
		"c1=user abcdefghijklmnopqrst", `c2=["user abcdefghijklmnopqrst`, `c3="]`, "c4=ver_0190c0ffee007000800", "c5=it's",
		`c6={"id":"dlv_0190c0ffee007000800`, `c7="}`, "c8=t", "c9=dev_0190c0ffee007000800",
	}
	if !slices.Equal(s.values, values) {
		t.Errorf("its values are %q, want %q", s.values, values)
	}
}

func TestLivesThatDiffer(t *testing.T) {
	one, other := twoLives(t)
	if !reflect.DeepEqual(shape(one), shape(other)) {
		t.Error("two lives of one shape are told apart")
	}
	if reflect.DeepEqual(shape(one), shape(other[:1])) {
		t.Error("a life and half of one are of one shape")
	}
	if _, err := newLife(one, other[:1]); err == nil {
		t.Error("a life and half of one made a life")
	}
}

// TestWriter says lives to a real file, from many callers at once, and finds their rows.
func TestWriter(t *testing.T) {
	db, err := openSQLite(filepath.Join(t.TempDir(), "lives.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, table := range []string{"lives (id text primary key, at bigint, none text, its text, again bigint, data text, yes boolean)", "meters (id text)", "devices (id text, key text)"} {
		if _, err := db.ExecContext(t.Context(), "create table "+table); err != nil {
			t.Fatal(err)
		}
	}
	w, err := newWriter(t.Context(), db, heardLife(t))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 50)
	for i := range int64(50) {
		go func() { ended <- w.live(context.Background(), 7_000_000_000_000+i, i) }()
	}
	for range 50 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if err := w.live(t.Context(), 7_000_000_000_000, 0); err == nil {
		t.Error("somebody lived twice")
	}
	if err := w.close(); err != nil {
		t.Error(err)
	}
	var id, data string
	var at, count int64
	var yes bool
	if err := db.QueryRowContext(t.Context(), "select id, at, data, yes, (select count(*) from lives) from lives order by id desc").Scan(&id, &at, &data, &yes, &count); err != nil {
		t.Fatal(err)
	}
	if id != "ver_0190c0ffee0070008007000000000049" || at != 1049 || data != `{"id":"dlv_0190c0ffee0070008007000000000049"}` || !yes || count != 50 {
		t.Errorf("the last of %d rows is %s, %d, %s, %v", count, id, at, data, yes)
	}
}

func TestWhatSQLiteCannotSay(t *testing.T) {
	l := &life{units: []goes{{lines: []line{{text: "select now()::text"}}}}}
	if _, err := l.forSQLite(); err == nil {
		t.Error("SQLite was told a word of Postgres's")
	}
}
