package storage_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"nod/storage"
	"nod/verify"
)

// applicant is whose situation a request needs, told that a code will leave.
func applicant(q verify.Request) verify.Applicant {
	return verify.Applicant{UserID: q.UserID, Purpose: q.Purpose, Number: q.Number, IP: q.Context.IP, Codes: true}
}

// begin starts what the request asks for, without saying what it will need.
func begin(s *storage.Store, q verify.Request, p *verify.Policy) (v *verify.Verification, err error) {
	who := applicant(q)
	who.Codes = false
	err = s.CreateVerification(context.Background(), who, nil, func(sit *verify.Situation, now time.Time) (*verify.Verification, error) {
		v, err = verify.Start(q, sit, p, now)
		return v, err
	})
	return v, err
}

func mustBegin(t testing.TB, s *storage.Store, q verify.Request, p *verify.Policy) *verify.Verification {
	t.Helper()
	v, err := begin(s, q, p)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// guess types a wrong code, from an address.
func guess(s *storage.Store, id, ip string, p *verify.Policy) error {
	return s.UpdateVerification(context.Background(), id, nil, func(v *verify.Verification, now time.Time) error {
		v.From(ip)
		_, err := v.Check(s.Keys(), "no code", p, now)
		return err
	})
}

// usage is what the user's meter says.
func usage(t testing.TB, s *storage.Store, user string) verify.PersonalUsage {
	t.Helper()
	data, err := s.Export(context.Background(), user)
	if err != nil {
		t.Fatal(err)
	}
	if data.Usage == nil {
		return verify.PersonalUsage{}
	}
	return *data.Usage
}

// Of codes that many ask for at once, on two nodes, from one address, as many leave as the
// limit lets: each is the next one, and nobody counts twice, whatever had to be read again.
func TestSendsKeepToTheLimit(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		stores := []*storage.Store{db.open(t), db.open(t)}
		p := limited(verify.Limits{SendsIP: []verify.Limit{{N: 5, Per: time.Hour}}})
		var (
			mu   sync.Mutex
			nth  []int
			runs = map[bool]int{}
		)
		for i, err := range gather(24, func(i int) error {
			s := stores[i%2]
			q := request(s, fmt.Sprint("u", i))
			q.Number = manyNumbers(int64(i))
			who := applicant(q)
			who.Codes = i%4 < 2
			counted, ran := 0, 0
			err := s.CreateVerification(context.Background(), who, nil, func(sit *verify.Situation, now time.Time) (*verify.Verification, error) {
				ran++
				v, err := verify.Start(q, sit, p, now)
				if m := sit.Meters.IP; m != nil {
					counted = len(m.Sends)
				}
				return v, err
			})
			mu.Lock()
			defer mu.Unlock()
			if runs[who.Codes] = max(runs[who.Codes], ran); err == nil {
				nth = append(nth, counted)
			}
			return err
		}) {
			if err != nil && !errors.Is(err, &verify.Refusal{Code: verify.CodeRateLimited}) {
				t.Error(i, err)
			}
		}
		if slices.Sort(nth); !slices.Equal(nth, []int{1, 2, 3, 4, 5}) {
			t.Errorf("let through were %v", nth)
		}
		if db.kind == "sqlite" && (runs[true] != 1 || runs[false] != 2) { // on Postgres more, when they met
			t.Errorf("a rule ran %v times at most, by whether all was read at once", runs)
		}
	})
}

// Of wrong codes that many type at once, on two nodes, in two verifications of a user, as
// many are compared as the limit lets, and so it is of one address, whoever types there.
func TestGuessesKeepToTheLimit(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		stores := []*storage.Store{db.open(t), db.open(t)}
		p := limited(verify.Limits{WrongCodes: []verify.Limit{{N: 12, Per: 24 * time.Hour}}, ChecksIP: []verify.Limit{{N: 7, Per: time.Hour}}})
		p.TriesPerCode = 100
		var ids []string
		for _, who := range []struct {
			user    string
			purpose verify.Purpose
		}{{"u1", verify.Login}, {"u1", verify.Phone}, {"u2", verify.Login}, {"u3", verify.Login}} {
			q := request(stores[0], who.user)
			q.Purpose = who.purpose
			ids = append(ids, mustBegin(t, stores[0], q, p).ID)
		}
		for what, way := range map[string]struct {
			ids  []string
			ip   func(i int) string
			want int
			code string
		}{
			"of a user":     {ids[:2], func(i int) string { return fmt.Sprint("198.51.100.", i) }, 12, verify.CodeLocked},
			"of an address": {ids[2:], func(int) string { return "192.0.2.1" }, 7, verify.CodeRateLimited},
		} {
			compared := 0
			for _, err := range gather(30, func(i int) error { return guess(stores[i%2], way.ids[i/2%2], way.ip(i), p) }) {
				if err == nil {
					compared++
				} else if !errors.Is(err, &verify.Refusal{Code: way.code}) {
					t.Error(what, err)
				}
			}
			if compared != way.want {
				t.Errorf("%s: %d were compared, want %d", what, compared, way.want)
			}
		}
		if today, err := stores[1].Sums(context.Background()); today.WrongCodes != 19 || err != nil {
			t.Errorf("of everybody: %+v (%v)", today, err)
		}
	})
}

// What goes to a country is counted exactly, whoever sends and proves at once, in slots
// that add up, and each store reads it.
func TestCountriesAreCountedExactly(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		stores := []*storage.Store{db.open(t), db.open(t)}
		asked := func(i int) verify.Request {
			q := request(stores[0], fmt.Sprint("u", i))
			q.Context.IP = fmt.Sprint("192.0.2.", i)
			q.Number = verify.StoredNumber(fmt.Sprintf("+1415555%04d", i))
			return q
		}
		for i, err := range gather(24, func(i int) error {
			s, q := stores[i%2], asked(i)
			if _, err := begin(s, q, policy); err != nil {
				return err
			}
			return s.UpdateVerification(context.Background(), q.ID, nil, func(v *verify.Verification, now time.Time) error {
				send(v, now)
				if i%3 > 0 {
					_, err := v.Check(s.Keys(), s.Keys().Code(v, v.Codes[0]), policy, now)
					return err
				}
				return nil
			})
		}) {
			if err != nil {
				t.Error(i, err)
			}
		}
		for minutes, spans := range map[int]string{10: "tens", 60: "hours", 24 * 60: "days"} {
			if got := texts(t, db.raw, fmt.Sprint("select cast(sum(sent) as text) || ' sent, ' || cast(sum(proved) as text) || ' proved' from budgets where country = 'US' and width = ", minutes)); got[0] != "24 sent, 16 proved" {
				t.Errorf("%s: %s", spans, got[0])
			}
		}
		update(t, stores[1], mustBegin(t, stores[1], asked(24), policy).ID, func(v *verify.Verification, now time.Time) {
			_, _ = v.Check(stores[1].Keys(), "", policy, now)
			if m := v.Meters; m.Have >= verify.NeedAll && (len(m.Country.Budget.Days) == 0 || m.Country.Budget.Days[0].Proved != 16) {
				t.Errorf("a rule sees %+v", m.Country.Budget)
			}
		})
	})
}

// A rule that wants meters runs again, on fresh copies, and what it did before is
// nowhere; one that wants none runs once. What it counts outlasts the store.
func TestRulesRunAgainAndCountOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t)
		v := mustBegin(t, s, request(s, "u1"), policy)
		for _, step := range []struct {
			what string
			ip   string
			do   func(v *verify.Verification, now time.Time) error
			runs int
		}{
			{"no meters", "", func(v *verify.Verification, now time.Time) error { v.Reuse(now); return nil }, 1},
			{"all", "", func(v *verify.Verification, now time.Time) error {
				_, err := v.Check(s.Keys(), "", policy, now)
				return err
			}, 2},
			{"all, elsewhere", "192.0.2.7", func(v *verify.Verification, now time.Time) error {
				_, err := v.Check(s.Keys(), "", policy, now)
				return err
			}, 2},
		} {
			runs, before := 0, load(t, s, v.ID)
			update(t, s, v.ID, func(v *verify.Verification, now time.Time) {
				runs++
				v.From(step.ip)
				if len(v.Guesses) != len(before.Guesses) || v.Seq != before.Seq {
					t.Errorf("%s: run %d began with what another had done", step.what, runs)
				}
				if err := step.do(v, now); err != nil {
					t.Error(step.what, err)
				}
			})
			if after := load(t, s, v.ID); runs != step.runs || after.Seq != before.Seq+1 {
				t.Errorf("%s: %d runs, from seq %d to %d", step.what, runs, before.Seq, after.Seq)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if u := usage(t, db.open(t), "u1"); len(u.CodesSent) != 1 || len(u.WrongCodes) != 2 {
			t.Errorf("counted are %+v", u)
		}
	})
}

// A create that counts for what it only meets begins again, and so does one that met a
// trusted device before it knew what it needs: all is locked in one order, and counted once.
func TestCreatesBeginAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t)
		open := mustBegin(t, s, request(s, "u1"), policy)
		q, runs := request(s, "u1"), 0
		var v *verify.Verification
		key := once("key", "body", &v)
		who := applicant(q)
		who.Codes, who.IP = false, "192.0.2.9"
		for range 2 { // the second is told what became of the first
			err := s.CreateVerification(context.Background(), who, key, func(sit *verify.Situation, now time.Time) (*verify.Verification, error) {
				runs++
				if _, err := sit.Open.Check(s.Keys(), "", policy, now); err != nil || sit.Open.ID != open.ID {
					t.Errorf("of %s: %v", sit.Open.ID, err)
				}
				var err error
				v, err = verify.Start(q, sit, policy, now)
				return v, err
			})
			if replay := new(*verify.Replay); err != nil && !errors.As(err, replay) {
				t.Fatal(err)
			}
		}
		if u := usage(t, s, "u1"); runs != 2 || len(u.CodesSent) != 2 || len(u.WrongCodes) != 1 {
			t.Errorf("%d runs, %+v", runs, u)
		}
		d := trust(t, s, "u2")
		if err := stand(s, "u2", unlock); err != nil { // no reason to trust less; what is to be read stands in the way
			t.Fatal(err)
		}
		q, runs = request(s, "u2"), 0 // with something to read, so that a person is asked
		q.Trusted = s.Keys().TrustClaim(s.Keys().TrustedToken(d, 1), "u2", q.Context.IP)
		who = applicant(q)
		who.Codes, who.TrustedID = false, d.ID
		err := s.CreateVerification(context.Background(), who, nil, func(sit *verify.Situation, now time.Time) (*verify.Verification, error) {
			runs++
			return verify.Start(q, sit, policy, now)
		})
		if u := usage(t, s, "u2"); err != nil || runs != 2 || len(u.CodesSent) != 2 {
			t.Errorf("with a trusted device: %v, %d runs, %+v", err, runs, u)
		}
	})
}

// What a rule counted before it refused, panicked or was left by its caller is nowhere.
func TestNothingIsCountedInVain(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t)
		v := mustBegin(t, s, request(s, "u1"), policy)
		before := db.dump(t)
		for what, end := range map[string]func(leave func()) error{
			"refused":  func(func()) error { return errWrong },
			"panicked": func(func()) error { panic("a rule that panics") },
			"left":     func(leave func()) error { leave(); return nil },
		} {
			func() {
				ctx, leave := context.WithCancel(context.Background())
				defer leave()
				defer func() { _ = recover() }()
				if err := s.UpdateVerification(ctx, v.ID, nil, func(v *verify.Verification, now time.Time) error {
					if _, err := v.Check(s.Keys(), "", policy, now); err != nil {
						t.Error(what, err)
					}
					if v.Meters.Lacks() != verify.NeedNone {
						return nil // thrown away
					}
					return end(leave)
				}); err == nil {
					t.Errorf("%s: no error", what)
				}
			}()
			for _, table := range []string{"meters", "budgets", "sums", "verifications", "events"} {
				if after := db.dump(t)[table]; after != before[table] {
					t.Errorf("%s: %s was\n%s\nand is\n%s", what, table, before[table], after)
				}
			}
		}
		if n := len(texts(t, db.raw, "select key from meters")); n != 4 {
			t.Errorf("%d meters: this test sees nothing", n)
		}
	})
}

// In one claim the verifications of a user share their meter. One whose rule fails gives
// back what it counted; one that the database refuses may leave it too high, never too low.
func TestClaimsCountTogether(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t)
		all := map[string]string{}
		for _, purpose := range []verify.Purpose{verify.Login, verify.Phone} {
			for _, user := range []string{"u1", "u2", "u3"} {
				q := request(s, user)
				q.Purpose = purpose
				all[user+" "+string(purpose)] = mustBegin(t, s, q, policy).ID
			}
		}
		when := "create trigger bad before update on verifications for each row when (new.id = '" + all["u3 phone"] + "' and new.resend_count = 7) "
		if db.kind == "sqlite" {
			db.exec(t, when+"begin select raise(abort, 'bad row'); end")
		} else {
			db.exec(t, "create function bad() returns trigger language plpgsql as $$ begin raise 'bad row'; end $$")
			db.exec(t, when+"execute function bad()")
		}
		runs := map[string]int{}
		claimed, _, err := s.ClaimDue(context.Background(), 10, func(v *verify.Verification, now time.Time) error {
			runs[v.ID]++
			_, err := v.Check(s.Keys(), "", policy, now)
			switch v.ID {
			case all["u2 login"]:
				err = errWrong
			case all["u3 phone"]:
				v.ResendCount = 7
			}
			v.NextAt = now.Add(time.Hour)
			return err
		})
		if err != nil || len(claimed) != 4 || len(runs) != 6 {
			t.Fatalf("claimed %v (%v), ran %v", claimed, err, runs)
		}
		for id, n := range runs {
			if n != 2 {
				t.Errorf("the rule ran %d times on %s", n, id)
			}
		}
		for user, want := range map[string][]int{"u1": {2}, "u2": {1}, "u3": {1, 2}} {
			if n := len(usage(t, s, user).WrongCodes); !slices.Contains(want, n) {
				t.Errorf("%s: %d wrong codes are counted, want one of %v", user, n, want)
			}
		}
		if today, err := s.Sums(context.Background()); today.WrongCodes != 4 || err != nil { // of the rows that are there
			t.Errorf("of everybody %+v (%v)", today, err)
		}
	})
}

// Meters and sums go when they say nothing any more, and not before; nobody can be read
// in them, nor in the blocks.
func TestMetersEndAndNameNobody(t *testing.T) {
	day := limited(verify.Limits{SendsPhone: []verify.Limit{{N: 1, Per: 24 * time.Hour}}, WrongCodes: []verify.Limit{{N: 9, Per: time.Hour}}})
	shift := time.Duration(0)
	db := newSQLite(t)
	s := db.open(t, func(c *storage.Config) { c.Now = func() time.Time { return time.Now().Add(shift) } })
	ctx := context.Background()
	if err := guess(s, mustBegin(t, s, request(s, "ana.silva"), day).ID, "2001:db8:77::1", day); err != nil {
		t.Fatal(err)
	}
	for kind, value := range map[string]string{verify.BlockNumber: number.E164(), verify.BlockPrefix: number.E164()[:6]} {
		b := verify.Block{Kind: kind, Key: s.Keys().BlockKey(kind, value), Label: number.Mask()}
		if _, _, err := s.AddBlock(ctx, b, nil); err != nil {
			t.Fatal(err)
		}
	}
	names := regexp.MustCompile(`^(user|phone|ip|prefix) [A-Za-z0-9_-]{20,}$`)
	for _, key := range texts(t, db.raw, "select key from meters") {
		if !names.MatchString(key) {
			t.Errorf("a meter is found by %q", key)
		}
	}
	for _, table := range []string{"meters", "sums", "blocks"} {
		rows := db.dump(t)[table]
		for _, secret := range []string{"ana.silva", number.E164()[1:], number.E164()[1:6], "203.0.113", "2001:db8"} {
			if rows == "" || strings.Contains(rows, secret) {
				t.Errorf("%q can be read in %s:\n%s", secret, table, rows)
			}
		}
	}
	if found := db.inBytes(t, []string{number.E164()[1:], "203.0.113.9", "2001:db8"}); len(found) > 0 {
		t.Errorf("in the files: %v", found)
	}
	for _, at := range []struct {
		age          time.Duration
		meters, sums int
		code         string
	}{
		{23 * time.Hour, 1, 1, verify.CodeRateLimited},
		{26 * time.Hour, 0, 1, ""},
		{367 * 24 * time.Hour, 0, 0, ""},
	} {
		shift = at.age
		if err := s.Sweep(ctx); err != nil {
			t.Fatal(err)
		}
		if n := len(texts(t, db.raw, "select key from meters where key like 'phone %'")); n != at.meters {
			t.Errorf("after %v: %d meters of numbers", at.age, n)
		}
		if n := len(texts(t, db.raw, "select name from sums where name = 'wrong_codes'")); n != at.sums {
			t.Errorf("after %v: %d sums", at.age, n)
		}
		if _, err := begin(s, request(s, "ana.silva"), day); at.code != "" {
			refused(t, err, at.code)
		}
	}
}

// Whoever is erased is no less limited for it: what was used stays used, and only what
// says who they are goes. An operator's act, then and for anybody, is the way back.
func TestErasedAndStillLimited(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		ctx, s := context.Background(), db.open(t)
		p := limited(verify.Limits{SendsUser: []verify.Limit{{N: 2, Per: time.Hour}}, WrongCodes: []verify.Limit{{N: 2, Per: time.Hour}}})
		q := request(s, "ana")
		q.Seen = s.Keys().Seen("ana", q.Context, "PT")
		v := mustBegin(t, s, q, p)
		update(t, s, v.ID, func(v *verify.Verification, now time.Time) {
			if ok, err := v.Check(s.Keys(), s.Keys().Code(v, v.Codes[0]), p, now); !ok || err != nil {
				t.Error("not approved", err)
			}
		})
		v = mustBegin(t, s, request(s, "ana"), p)
		for range 2 {
			if err := guess(s, v.ID, "", p); err != nil {
				t.Fatal(err)
			}
		}
		before := usage(t, s, "ana")
		if len(before.CodesSent) != 2 || len(before.WrongCodes) != 2 || before.LockedUntil == "" || before.Networks != 1 || !slices.Equal(before.Countries, []string{"PT"}) {
			t.Errorf("before: %+v", before)
		}
		if err := s.Erase(ctx, "ana", by); err != nil {
			t.Fatal(err)
		}
		after := usage(t, s, "ana")
		if !slices.Equal(after.CodesSent, before.CodesSent) || !slices.Equal(after.WrongCodes, before.WrongCodes) || after.LockedUntil != before.LockedUntil {
			t.Errorf("after: %+v", after)
		}
		if after.Networks+after.Browsers+len(after.Countries)+len(after.ApprovedByHour) != 0 {
			t.Errorf("what is known of the person is still %+v", after)
		}
		_, err := begin(s, request(s, "ana"), p)
		refused(t, err, verify.CodeLocked)
		if err := stand(s, "ana", unlock); err != nil {
			t.Fatal(err)
		}
		if u := usage(t, s, "ana"); len(u.WrongCodes) != 0 || u.LockedUntil != "" {
			t.Errorf("unlocked: %+v", u)
		}
	})
}
