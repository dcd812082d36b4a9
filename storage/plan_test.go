package storage_test

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"nod/delivery"
	"nod/storage"
	"nod/verify"
)

// Every statement finds its rows by an index: none walks a table that grows,
// none sorts more than what belongs to a few verifications, one user or ties. What changed
// lately, and what SMS came to, is read from an index alone.
func TestEveryStatementHasItsIndex(t *testing.T) {
	db := newSQLite(t)
	s := db.open(t, told)
	useAll(t, s)
	countAll(t, db, s)
	grows := regexp.MustCompile(`SCAN (w|e|v|verifications|codes|deliveries|events|devices|enrollments|settings|holds|trusted_devices|idempotency|spent_tokens|webhooks|tallies|tally_people|meters|budgets|sums|blocks)( |$)`)
	few := regexp.MustCompile(`from (codes|deliveries|devices|keys) |, seq, at, id$|where user_id = \$1 order by created_at, id$|order by verification_id, seq$`)
	seen := 0
	for _, text := range s.Statements() {
		if !looks(text) {
			continue
		}
		seen++
		steps := explain(t, db.raw, text)
		for _, step := range steps {
			if grows.MatchString(step) || (strings.Contains(step, "TEMP B-TREE FOR ORDER") && !few.MatchString(text)) {
				t.Errorf("%s\n%s", text, step)
			}
		}
		for part, index := range alone {
			if strings.Contains(text, part) && !strings.Contains(strings.Join(steps, "\n"), "COVERING INDEX "+index) {
				t.Errorf("%s\n%s", text, steps)
			}
		}
	}
	if seen < 25 {
		t.Errorf("only %d statements were seen", seen)
	}
}

// alone are the statements that read nothing of a table but an index, by a part of
// their text.
var alone = map[string]string{"max(seq)": "events_at", "group by provider": "deliveries_sms"}

// looks reports whether a statement has rows to find.
func looks(text string) bool {
	verb, _, _ := strings.Cut(text, " ")
	return verb == "select" || verb == "update" || verb == "delete"
}

// The same on Postgres, with the plans that it makes for tables of some size.
func TestEveryStatementHasItsIndexOnPostgres(t *testing.T) {
	server := newLogged(t)
	db := newSchema(t, server.URL)
	s := db.open(t, told)
	server.forget(t) // of other tests, and of migrations
	useAll(t, s)
	countAll(t, db, s)
	sent := server.statements(t)
	db.grow(t)
	db.raw.SetMaxOpenConns(1) // prepared statements belong to a connection
	walks := regexp.MustCompile(`Seq Scan on (verifications|codes|deliveries|events|devices|enrollments|settings|holds|trusted_devices|idempotency|spent_tokens|webhooks|tallies|tally_people|meters|budgets|sums|blocks)`)
	seen := 0
	for text := range sent {
		if !looks(text) {
			continue
		}
		seen++
		db.exec(t, "prepare p as "+text)
		given := ""
		if n := len(parametersOf(text)); n > 0 {
			given = "(" + strings.TrimSuffix(strings.Repeat("null, ", n), ", ") + ")"
		}
		if strings.HasPrefix(text, "delete") && strings.Contains(text, "limit") {
			given = "(0, 1000)" // what is swept is little: that plan is cheaper, so Postgres makes it each time
			db.exec(t, "set plan_cache_mode = force_custom_plan")
		} else {
			db.exec(t, "set plan_cache_mode = force_generic_plan")
		}
		plan := strings.Join(texts(t, db.raw, "explain execute p"+given), "\n")
		db.exec(t, "deallocate p")
		if walks.MatchString(plan) {
			t.Errorf("%s\n%s", text, plan)
		}
		for part, index := range alone {
			if strings.Contains(text, part) && !strings.Contains(plan, "Index Only Scan using "+index) {
				t.Errorf("%s\n%s", text, plan)
			}
		}
	}
	if seen < 25 {
		t.Errorf("only %d statements were seen", seen)
	}
}

// grow makes thousands of rows of one in each table.
func (db database) grow(t *testing.T) {
	t.Helper()
	base := texts(t, db.raw, "select verification_id from deliveries limit 1")[0]
	for _, table := range []struct{ name, which, changes string }{
		{"verifications", "id = '" + base + "'", "'id', id || i, 'user_id', user_id || i, 'status', 'expired', 'number_hash', number_hash || i, 'created_at', created_at - i, 'next_at', null"},
		{"codes", "verification_id = '" + base + "'", "'verification_id', verification_id || i"},
		{"deliveries", "verification_id = '" + base + "'", "'id', id || i, 'verification_id', verification_id || i"},
		{"events", "verification_id = '" + base + "'", "'id', id || i, 'verification_id', verification_id || i, 'user_id', user_id || i, 'at', at - i"},
		{"webhooks", "event_id in (select id from events where verification_id = '" + base + "')", "'event_id', event_id || i, 'state', 'delivered', 'due_at', null, 'created_at', created_at - i, 'settled_at', created_at"},
		{"devices", "true", "'id', id || i, 'user_id', user_id || i"},
		{"settings", "true", "'user_id', user_id || i"},
		{"holds", "true", "'user_id', user_id || i"},
		{"trusted_devices", "true", "'id', id || i, 'user_id', user_id || i, 'expires_at', expires_at + i"},
		{"idempotency", "true", "'id', id || i, 'created_at', created_at - i"},
		{"enrollments", "true", "'id', id || i, 'user_id', user_id || i, 'expires_at', expires_at - i"},
		{"tallies", "true", "'start', start - 3600000::bigint * i"},
		{"tally_people", "true", "'day', day - 86400000::bigint * i, 'person', person || i"},
		{"spent_tokens", "true", "'id', id || i, 'expires_at', expires_at - i"},
		{"meters", "key like 'user %'", "'key', key || i, 'expires_at', expires_at + i"},
		{"budgets", "true", "'ends_at', ends_at + 60000::bigint * i"},
		{"sums", "name = 'wrong_codes'", "'start', start - 3600000::bigint * i"},
		{"blocks", "true", "'id', id || i, 'key', key || i, 'at', at - i"},
	} {
		db.exec(t, "insert into "+table.name+" select p.* from (select * from "+table.name+" where "+table.which+" limit 1) r, generate_series(1, 5000) i, jsonb_populate_record(null::"+
			table.name+", to_jsonb(r) || jsonb_build_object("+table.changes+")) p")
	}
	db.exec(t, "vacuum analyze")
}

// useAll makes the store send every statement that it knows.
func useAll(t *testing.T, s *storage.Store) {
	t.Helper()
	ctx := context.Background()
	d := enroll(t, s, "u1", "token")
	for _, purpose := range []verify.Purpose{verify.Login, verify.Phone} {
		for i := range 3 {
			q := request(s, fmt.Sprint("u", i))
			q.Purpose = purpose
			var v *verify.Verification
			if err := admitTo(&v, s, q, once(q.ID, "body", &v)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := change(s, "u1", number, numbers(1)); err == nil {
		t.Fatal("a number was left at once")
	}
	chooseAll(t, s)
	trustAll(t, s)
	limitAll(t, s)
	v, _, err := s.NewestVerification(ctx, "u1", verify.Login, number)
	if err != nil {
		t.Fatal(err)
	}
	_, _, claimed := s.ClaimDue(ctx, 10, func(*verify.Verification, time.Time) error { return errWrong })
	update(t, s, v.ID, func(v *verify.Verification, now time.Time) { _ = v.Cancel(now) })
	load(t, s, v.ID)
	_, _, open := s.OpenPrompts(ctx, d.ID)
	_, recent := s.Recent(ctx, 10)
	_, after := s.EventsAfter(ctx, v.ID, 0, 10)
	_, events := s.UserEvents(ctx, "u1", time.Time{})
	_, ofUsers := s.UsersEvents(ctx, []string{"u1", "u2"}, time.Time{})
	_, changed := s.Changed(ctx, time.Time{}, time.Time{})
	webhooks := useWebhooks(ctx, s)
	_, about := s.VerificationOfDelivery(ctx, v.Deliveries[0].ID)
	if _, err := s.VerificationOfMessage(ctx, "twilio", "SM1"); !errors.Is(err, verify.ErrNotFound) {
		t.Fatal(err)
	}
	_, conversions := s.Conversions(ctx, time.Time{})
	_, updated := s.UpdateDevice(ctx, d.ID, func(*verify.Device, time.Time) ([]verify.Event, error) { return nil, nil })
	for _, err := range []error{
		claimed, open, recent, after, events, ofUsers, changed, updated, about, conversions, webhooks, operate(ctx, s), s.TouchDevices(ctx, []string{d.ID}),
		s.SpendTokenID(ctx, d.ID, "jti", time.Now().Add(time.Hour)), s.Sweep(ctx), s.Ping(ctx),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// chooseAll does the same for those of settings and of operators' decisions.
func chooseAll(t *testing.T, s *storage.Store) {
	t.Helper()
	ctx := context.Background()
	_, _, set := s.UpdateSettings(ctx, "u1", func(chosen *verify.Settings, now time.Time) []verify.Event { return chosen.Set(verify.Push, "", now) })
	_, _, read := s.Settings(ctx, "u1")
	if err := errors.Join(set, read, stand(s, "u4", unlock)); err != nil {
		t.Fatal(err)
	}
}

// limitAll does the same for those of limits.
func limitAll(t *testing.T, s *storage.Store) {
	t.Helper()
	ctx := context.Background()
	p := limited(verify.Limits{SpendCap: 1 << 40, Price: func(string) (int64, bool) { return 1, true }})
	v := mustBegin(t, s, request(s, "u5"), p)
	b := made(s, verify.BlockPrefix, "+4999", "+4999")
	_, _, added := s.AddBlock(ctx, b, nil)
	_, lifted := s.RemoveBlock(ctx, b.Kind, b.Key, nil)
	_, _, kept := s.AddBlock(ctx, b, nil)
	_, listed := s.Blocks(ctx, 10)
	_, summed := s.Sums(ctx)
	told := s.TellOnce(ctx, "all", time.Now(), verify.Event{Name: verify.EventLimitHit})
	if err := errors.Join(guess(s, v.ID, "", policy), added, lifted, kept, listed, summed, told); err != nil {
		t.Fatal(err)
	}
}

// operate does the same for those of operators and of a person's data, and countAll
// for those of sums, when all events are old enough; then it erases somebody.
func operate(ctx context.Context, s *storage.Store) error {
	_, found := s.Search(ctx, number, 10)
	_, acts := s.OperatorActs(ctx, 10)
	_, queued := s.Queue(ctx)
	_, exported := s.Export(ctx, "u2")
	return errors.Join(found, acts, queued, exported)
}

func countAll(t *testing.T, db database, s *storage.Store) {
	t.Helper()
	const retention = 90 * 24 * time.Hour
	ctx, day := context.Background(), time.Now().UTC().Truncate(24*time.Hour)
	for _, age := range []time.Duration{time.Hour, retention} {
		db.age(t, age)
		n, counted := s.CountEvents(ctx, 10)
		if err := errors.Join(counted, s.ForgetOld(ctx, retention)); err != nil || n != 10 {
			t.Fatal(n, err)
		}
	}
	_, counted := s.CountEvents(ctx, 10)
	_, spans := s.CountedSpans(ctx, []time.Time{day, day.Add(24 * time.Hour)})
	_, hours := s.CountedHours(ctx, day, day.Add(24*time.Hour))
	if err := errors.Join(counted, spans, hours, s.Erase(ctx, "u2", by)); err != nil {
		t.Fatal(err)
	}
}

// age makes all events, and what was counted of them, older.
func (db database) age(t testing.TB, by time.Duration) {
	t.Helper()
	for _, column := range []string{"events set at", "tallies set start", "tally_people set day", "tally_cursor set at"} {
		_, name, _ := strings.Cut(column, " set ")
		db.exec(t, fmt.Sprintf("/* not the store's */ update %s = %s - %d", column, name, by.Milliseconds()))
	}
}

// trustAll does the same for those of trusted devices.
func trustAll(t *testing.T, s *storage.Store) {
	t.Helper()
	d := trust(t, s, "u3")
	_, err := s.TrustedDevice(context.Background(), d.ID)
	_, _, used := present(s, "u3", s.Keys().TrustedToken(d, 1))
	update := s.UpdateTrustedDevices(context.Background(), "u3", func([]*verify.TrustedDevice, time.Time) error { return nil })
	if err := errors.Join(err, used, update); err != nil {
		t.Fatal(err)
	}
	if n := len(liveTrust(t, s, "u3")); n != 1 {
		t.Fatalf("%d are live", n)
	}
}

// useWebhooks does the same for those of webhooks.
func useWebhooks(ctx context.Context, s *storage.Store) error {
	claimed, _, err := s.ClaimWebhooks(ctx, 1, "w")
	if err != nil || len(claimed) == 0 {
		return cmp.Or(err, errWrong)
	}
	var done delivery.WebhooksReplayed
	_, reported := s.WebhookReport(ctx, 10)
	return errors.Join(
		s.TestWebhook(ctx, nil, verify.NewID("evt"), "key 0"), reported,
		s.ReplayWebhooks(ctx, nil, delivery.WebhookReplay{Since: time.UnixMilli(0), Of: []delivery.WebhookState{delivery.WebhookWaiting}, Limit: 1}, "key 0", &done),
		s.SettleWebhook(ctx, claimed[0], delivery.WebhookOutcome{Gone: true}), s.EnableWebhooks(ctx, "key 0"),
	)
}

// parametersOf finds $1, $2 … in a text.
func parametersOf(text string) map[string]bool {
	parameters := map[string]bool{}
	for _, p := range regexp.MustCompile(`\$\d+`).FindAllString(text, -1) {
		parameters[p] = true
	}
	return parameters
}

func explain(t *testing.T, raw *sql.DB, text string) (steps []string) {
	t.Helper()
	rows, err := raw.Query("explain query plan "+text, make([]any, len(parametersOf(text)))...)
	if err != nil {
		t.Fatal(text, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return steps
}
