package storage_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"nod/storage"
	"nod/verify"
)

// person is somebody of whom something stands in every table that knows people.
type person struct {
	user   string
	number verify.Number
	email  verify.Mailbox
	device *verify.Device       // live, with a push token
	open   *verify.Verification // a login that the page waits for
	past   *verify.Verification // an approved one
	trust  *verify.TrustedDevice
	push   string
}

func inhabit(t *testing.T, s *storage.Store, user string, n verify.Number) person {
	t.Helper()
	ctx := context.Background()
	p := person{user: user, number: n, email: verify.StoredMailbox(user + "@example.com"), push: "push token of " + user}
	p.device = enroll(t, s, user, p.push)
	gone := enroll(t, s, user, "")
	_, err := s.UpdateDevice(ctx, gone.ID, func(d *verify.Device, now time.Time) ([]verify.Event, error) {
		d.RevokedAt = now
		return []verify.Event{{Name: verify.EventDeviceRevoked}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	answer := func() verify.Answer { return verify.Answer{Status: 201, Body: []byte("{}")} }
	if _, err := s.CreateEnrollment(ctx, &verify.Once{Scope: "enroll", Key: user, Answer: answer}, user); err != nil {
		t.Fatal(err)
	}
	_, _, chosen := s.UpdateSettings(ctx, user, func(c *verify.Settings, now time.Time) []verify.Event { return c.Set(verify.Both, "pt", now) })
	if err := errors.Join(chosen, stand(s, user, unlock)); err != nil {
		t.Fatal(err)
	}
	start := func(purpose verify.Purpose, channel verify.Channel) (v *verify.Verification) {
		q := request(s, user)
		q.Purpose, q.Number, q.Channel = purpose, n, channel
		if purpose == verify.Login {
			q.Email = p.email
		}
		if err := admitTo(&v, s, q, once(q.ID, "body", &v)); err != nil {
			t.Fatal(err)
		}
		return v
	}
	start(verify.Phone, verify.SMS)
	p.past = start(verify.Login, verify.SMS)
	update(t, s, p.past.ID, func(v *verify.Verification, now time.Time) {
		v.Note(verify.ActBlock, by, now)
		send(v, now)
		_, _ = v.Check(s.Keys(), "wrong", policy, now)
		if ok, err := v.Check(s.Keys(), s.Keys().Code(v, v.Codes[0]), policy, now); !ok || err != nil {
			t.Errorf("not approved: %v", err)
		}
	})
	p.trust = remember(t, s, p.past.ID)
	p.past, p.open = load(t, s, p.past.ID), start(verify.Login, verify.Push)
	return p
}

// ids finds whatever has the form of an id.
var ids = regexp.MustCompile(`(ver|dev|dlv|evt|enr|trd)_[0-9a-f]{32}`)

// marks are what nothing of may be left: the user's name, the ids of all their rows,
// and what stands for the user and the number where they must be found again.
func (p person) marks(t *testing.T, s *storage.Store) []string {
	t.Helper()
	all := []string{p.user, s.Person(p.user), s.Keys().HashNumber(p.number)}
	all = append(all, ids.FindAllString(export(t, s, p.user), -1)...)
	slices.Sort(all)
	return slices.Compact(all)
}

func export(t *testing.T, s *storage.Store, user string) string {
	t.Helper()
	data, err := s.Export(context.Background(), user)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// marked are the rows in which one of the marks stands, by table.
func (db database) marked(t *testing.T, marks []string) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for table, rows := range db.dump(t) {
		for row := range strings.SplitSeq(rows, "\n") {
			if slices.ContainsFunc(marks, func(m string) bool { return strings.Contains(row, m) }) {
				found[table] = append(found[table], row)
			}
		}
	}
	return found
}

// Tables that know nobody.
var impersonal = []string{"keys", "api_keys", "spent_tokens", "webhook_endpoints", "tallies", "tally_cursor", "meters", "budgets", "sums", "blocks", "goose_db_version", "sqlite_sequence"}

// After an erasure there is nothing of the user in any column of any table, and
// everything of everybody else; erasing again changes nothing. What operators did stays,
// without about whom, and in the sums as many people as before.
func TestErase(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		ctx, heard := context.Background(), &diary{}
		s := db.open(t, told, heard.config)
		ana, bob := inhabit(t, s, "ana.silva", numbers(1)), inhabit(t, s, "bob.silva", numbers(2))
		db.age(t, time.Hour)
		drain(t, db, s)
		sums := db.sums(t)
		behind, acts := texts(t, db.raw, "select person from tally_people"), acted(t, s)
		named := map[bool]int{} // about Ana or not, acts bear somebody's name
		for _, e := range acts {
			named[e.UserID == "ana.silva"]++
		}
		if named[true] != 2 || named[false] != 2 {
			t.Fatalf("acts: %+v", acts)
		}
		for _, v := range []*verify.Verification{ana.open, bob.open} { // not counted yet
			update(t, s, v.ID, func(v *verify.Verification, now time.Time) { v.Reuse(now) })
		}
		marks, others := ana.marks(t, s), bob.marks(t, s)
		before, kept := db.marked(t, marks), db.marked(t, others)
		for table := range db.dump(t) {
			if len(before[table]) == 0 && !slices.Contains(impersonal, table) {
				t.Errorf("nothing of Ana is in %s: this test does not see whether it goes, or it knows nobody", table)
			}
		}
		heard.take()
		for range 2 {
			if err := s.Erase(ctx, "ana.silva", by); err != nil {
				t.Fatal(err)
			}
		}
		if left := db.marked(t, marks); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
		if diff := gocmp.Diff(sorted(kept), sorted(db.marked(t, others))); diff != "" {
			t.Error("of somebody else:", diff)
		}
		if diff := gocmp.Diff(sums, db.sums(t)); diff != "" {
			t.Error("sums:", diff)
		}
		now := texts(t, db.raw, "select person from tally_people")
		became := map[string]string{}
		for _, row := range texts(t, db.raw, "select distinct person from tally_people") {
			became[row] = row
		}
		if len(now) != len(behind) || len(became) != 2 || became[s.Person("bob.silva")] == "" {
			t.Errorf("behind the sums were %d rows, and are %d of %v", len(behind), len(now), became)
		}
		for i, e := range acts {
			if e.UserID == "ana.silva" {
				acts[i] = verify.Event{Name: e.Name, At: e.At, Data: verify.EventData{Action: e.Data.Action, By: e.Data.By}}
			}
		}
		left := acted(t, s)
		for i, e := range left {
			if e.UserID == "" {
				left[i].ID = ""
			}
		}
		var erasures []verify.Event
		left = slices.DeleteFunc(left, func(e verify.Event) bool {
			if e.Data.Action == verify.ActErase {
				erasures = append(erasures, e)
			}
			return e.Data.Action == verify.ActErase
		})
		if diff := gocmp.Diff(inTime(acts), inTime(left)); diff != "" {
			t.Error("acts:", diff)
		}
		if e := erasures[0]; len(erasures) != 2 || e.UserID+e.VerificationID != "" || e.Data != (verify.EventData{Action: verify.ActErase, By: by}) {
			t.Errorf("the erasures are noted as %+v", erasures)
		}
		if got := export(t, s, "ana.silva"); strings.Contains(got, ana.number.E164()) || ids.MatchString(got) {
			t.Errorf("an export after it: %s", got)
		}
		ended := map[string]verify.Change{} // by the last event
		for _, c := range heard.take() {
			last := c.Events[len(c.Events)-1]
			ended[last.Name+" "+last.VerificationID+last.Data.DeviceID] = c
		}
		if c := ended[verify.EventCanceled+" "+ana.open.ID]; c.Verification == nil || c.Verification.Status != verify.Canceled || c.Verification.Seq != c.Events[len(c.Events)-1].Seq {
			t.Errorf("the page that waits was told %+v", c)
		}
		if c := ended[verify.EventDeviceRevoked+" "+ana.device.ID]; c.Device == nil || c.Device.RevokedAt.IsZero() || len(ended) != 4 {
			t.Errorf("the phone was told %+v, of %v", c, slices.Collect(maps.Keys(ended)))
		}
	})
}

// acted is all that operators did.
func acted(t *testing.T, s *storage.Store) []verify.Event {
	t.Helper()
	acts, err := s.OperatorActs(context.Background(), 100)
	if err != nil {
		t.Fatal(err)
	}
	return acts
}

func inTime(acts []verify.Event) []verify.Event {
	slices.SortFunc(acts, func(a, b verify.Event) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Data.Action, b.Data.Action), cmp.Compare(a.UserID, b.UserID))
	})
	return acts
}

func sorted(tables map[string][]string) map[string][]string {
	for _, rows := range tables {
		slices.Sort(rows)
	}
	return tables
}

// What a person gets is all that is kept of them and nothing of what nod keeps for
// itself; revoked devices are there, and the numbers as they are.
func TestExport(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t, told)
		ana, bob := inhabit(t, s, "ana.silva", numbers(1)), inhabit(t, s, "bob.silva", numbers(2))
		data, err := s.Export(context.Background(), "ana.silva")
		if err != nil {
			t.Fatal(err)
		}
		for what, n := range map[string][2]int{
			"devices": {len(data.Devices), 2}, "trusted devices": {len(data.TrustedDevices), 1}, "enrollments": {len(data.Enrollments), 3},
			"verifications": {len(data.Verifications), 3}, "events": {len(data.Events), len(texts(t, db.raw, "select id from events where user_id = 'ana.silva'"))},
		} {
			if n[0] != n[1] {
				t.Errorf("%d %s, want %d", n[0], what, n[1])
			}
		}
		past := data.Verifications[1]
		if past.ID != ana.past.ID || past.Status != verify.Approved || len(past.Guesses) != 2 || len(past.Codes) != 1 || past.Codes[0].Tries != 1 ||
			past.Deliveries[0].Provider != "twilio" || past.PhoneNumber != ana.number.E164() || past.Email != "ana.silva@example.com" ||
			past.Context.Location != "Lisbon" || past.BindingMessage == "" || past.EndedAt != verify.FormatTime(ana.past.EndedAt) {
			t.Errorf("the past one: %+v", past)
		}
		if s := data.Settings; s == nil || s.ChannelPreference != verify.Both || s.Locale != "pt" || data.Hold == nil || data.Hold.LiftedAt == "" {
			t.Errorf("settings %+v, hold %+v", s, data.Hold)
		}
		if d := data.Devices; d[0].PushProvider != "fcm" || d[0].RevokedAt != "" || d[1].RevokedAt == "" || data.TrustedDevices[0].Location != "Lisbon" {
			t.Errorf("devices %+v, trusted %+v", d, data.TrustedDevices)
		}
		text := export(t, s, "ana.silva")
		k := s.Keys()
		secrets := []string{
			`"` + k.Code(ana.past, ana.past.Codes[0]) + `"`, `"` + k.MatchNumber(ana.open.ID, ana.open.Prompt) + `"`, k.ClientSecret(ana.open), k.ResultToken(ana.past, ana.past.EndedAt),
			k.TrustedToken(ana.trust, 1), k.CodeKey(), k.SignKey(), k.HashNumber(ana.number), ana.push, by,
		}
		for _, e := range data.Enrollments {
			secrets = append(secrets, k.EnrollmentToken(e.ID))
		}
		// And whatever the rows hold that is sealed, a key, a hash or a lease.
		for table, columns := range map[string]string{
			"verifications": "number_sealed, number_hash, email_sealed, shown_sealed, key_id", "codes": "key_id", "devices": "sign_key, push_sealed",
			"trusted_devices": "key_id, networks, shown_sealed", "deliveries": "lease_token, provider_id", "keys": "id, sealed", "idempotency": "id, body_hash, body_sealed",
		} {
			for row := range strings.FieldsSeq(strings.Join(texts(t, db.raw, "select "+columns+" from "+table), " ")) {
				if secret := strings.Trim(row, `[]"`); secret != "" {
					secrets = append(secrets, secret)
				}
			}
		}
		for _, secret := range append(secrets, bob.marks(t, s)...) {
			if strings.Contains(text, secret) {
				t.Errorf("the export holds %q", secret)
			}
		}
		if nobody := export(t, s, "nobody"); strings.Contains(nobody, "null") || ids.MatchString(nobody) {
			t.Errorf("nobody is %s", nobody)
		}
	})
}

// Somebody of whom there is a lot is erased in parts.
func TestEraseALot(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t)
		for range 210 {
			mustAdmit(t, s, request(s, "ana.silva"))
		}
		db.exec(t, "with recursive n (i) as (select 1 union all select i + 1 from n where i < 2100)"+
			" insert into events (id, user_id, seq, name, at, data) select 'evt_' || i, 'ana.silva', 0, 'settings.changed', i, '{}' from n")
		if err := s.Erase(context.Background(), "ana.silva", by); err != nil {
			t.Fatal(err)
		}
		if left := db.marked(t, []string{"ana.silva", s.Keys().HashNumber(number)}); len(left) > 0 {
			t.Errorf("left: %d verifications, %d events", len(left["verifications"]), len(left["events"]))
		}
	})
}

// What is started between the end of what ran and the rows' going is ended too, with a
// word, before it goes.
func TestEraseBeginsAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		var (
			s     *storage.Store
			ended []string
		)
		s = db.open(t, func(c *storage.Config) {
			c.Notify = func(c verify.Change) {
				if c.Verification == nil || c.Verification.Status != verify.Canceled {
					return
				}
				if ended = append(ended, c.Verification.ID); len(ended) == 1 {
					ended = append(ended, mustAdmit(t, s, request(s, "ana.silva")).ID)
				}
			}
		})
		mustAdmit(t, s, request(s, "ana.silva"))
		if err := s.Erase(context.Background(), "ana.silva", by); err != nil {
			t.Fatal(err)
		}
		if left := db.marked(t, append(ended, "ana.silva")); len(ended) != 3 || ended[1] != ended[2] || len(left) > 0 {
			t.Errorf("ended %v, left %v", ended, left)
		}
	})
}

// What starts while somebody is erased is erased with them or whole.
func TestEraseMeetsOthers(t *testing.T) {
	inOneOrder(t, func(t *testing.T, db database) {
		ctx, heard := context.Background(), &diary{}
		s, other := db.open(t, told, heard.config), db.open(t, told, heard.config)
		inhabit(t, s, "ana.silva", number)
		for _, err := range gather(24, func(i int) error {
			s := []*storage.Store{s, other}[i%2]
			switch i % 6 {
			case 0, 1:
				if err := s.Erase(ctx, "ana.silva", by); err != nil {
					return fmt.Errorf("erasing: %w", err)
				}
			case 2, 3:
				for range 5 {
					q := request(s, "ana.silva")
					q.Number, q.Channel = numbers(1), verify.SMS // no code was sent there
					var v *verify.Verification
					if err := admitTo(&v, s, q, once(q.ID, "body", &v)); err != nil {
						return fmt.Errorf("creating: %w", err)
					}
					err := s.UpdateVerification(ctx, v.ID, nil, func(v *verify.Verification, now time.Time) error {
						_, err := v.Check(s.Keys(), s.Keys().Code(v, v.Codes[0]), policy, now)
						v.Remember(s.Keys(), now)
						return err
					})
					if refusal := (*verify.Refusal)(nil); err != nil && !errors.As(err, &refusal) {
						return fmt.Errorf("checking: %w", err)
					}
				}
			case 4:
				e, err := s.CreateEnrollment(ctx, nil, "ana.silva")
				if err != nil {
					return err
				}
				d, err := s.CreateDevice(ctx, nil, e.ID, func(e verify.Enrollment, _ int, now time.Time) (*verify.Device, error) {
					return phone(t, e.UserID, "token", now), nil
				})
				if err == nil {
					_, err = s.UpdateDevice(ctx, d.ID, func(*verify.Device, time.Time) ([]verify.Event, error) { return nil, nil })
				}
				if err != nil && !errors.Is(err, verify.ErrNotFound) {
					return fmt.Errorf("adding a device: %w", err)
				}
			case 5:
				_, count := s.CountEvents(ctx, 50)
				return errors.Join(count, stand(s, "ana.silva", unlock), s.UpdateTrustedDevices(ctx, "ana.silva", func(ds []*verify.TrustedDevice, now time.Time) error {
					for _, d := range ds {
						d.Revoke(verify.TrustRevoked, now)
					}
					return nil
				}))
			}
			return nil
		}) {
			if err != nil {
				t.Error(err)
			}
		}
		// Whoever is there is there whole.
		for _, id := range texts(t, db.raw, "select id from verifications") {
			v := load(t, s, id)
			if es, err := s.EventsAfter(ctx, id, 0, 1000); err != nil || int64(len(es)) != v.Seq || len(v.Deliveries) == 0 {
				t.Errorf("%s has %d events of %d and %d deliveries (%v)", id, len(es), v.Seq, len(v.Deliveries), err)
			}
		}
		// And whoever is gone was told to end before.
		runs := map[string]bool{}
		for _, c := range heard.told() {
			if v := c.Verification; v != nil && !v.Terminal() {
				runs[v.ID] = true
			}
		}
		for _, c := range heard.told() {
			if v := c.Verification; v != nil && v.Terminal() {
				delete(runs, v.ID)
			}
		}
		for _, id := range texts(t, db.raw, "select id from verifications") {
			delete(runs, id)
		}
		if len(runs) > 0 {
			t.Errorf("gone without a word: %v", slices.Collect(maps.Keys(runs)))
		}
		for what, orphans := range map[string]string{
			"an answer":  "select id from idempotency where verification_id <> '' and verification_id not in (select id from verifications)",
			"an event":   "select id from events where verification_id is not null and verification_id not in (select id from verifications)",
			"a webhook":  "select event_id from webhooks where event_id not in (select id from events)",
			"a delivery": "select id from deliveries where verification_id not in (select id from verifications)",
		} {
			if left := texts(t, db.raw, orphans); len(left) > 0 {
				t.Errorf("%s is left of what is gone: %v", what, left)
			}
		}
		marks := []string{"ana.silva", s.Person("ana.silva"), s.Keys().HashNumber(number), s.Keys().HashNumber(numbers(1))}
		if err := s.Erase(ctx, "ana.silva", by); err != nil {
			t.Fatal(err)
		}
		if left := db.marked(t, marks); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	})
}
