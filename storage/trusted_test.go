package storage_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"nod/storage"
	"nod/verify"
)

var sameTrusted = cmpopts.IgnoreUnexported(verify.TrustedDevice{})

// trust approves a login of a user and remembers the browser.
func trust(t testing.TB, s *storage.Store, userID string) *verify.TrustedDevice {
	t.Helper()
	return remember(t, s, approve(t, s, userID))
}

func approve(t testing.TB, s *storage.Store, userID string) string {
	t.Helper()
	v := mustAdmit(t, s, request(s, userID))
	update(t, s, v.ID, func(v *verify.Verification, now time.Time) {
		if ok, err := v.Check(s.Keys(), s.Keys().Code(v, v.Codes[0]), policy, now); !ok || err != nil {
			t.Errorf("not approved: %v", err)
		}
	})
	return v.ID
}

func remember(t testing.TB, s *storage.Store, id string) (d *verify.TrustedDevice) {
	t.Helper()
	update(t, s, id, func(v *verify.Verification, now time.Time) { d = v.Remember(s.Keys(), now) })
	return d
}

// plain is a login with nothing to read, which only a person could approve.
func plain(s *storage.Store, userID string) verify.Request {
	q := request(s, userID)
	q.BindingMessage = ""
	return q
}

// present creates a login with a trusted device's token; what became of the device
// is the second answer, nil when none was met.
func present(s *storage.Store, userID, token string) (v *verify.Verification, d *verify.TrustedDevice, err error) {
	q := plain(s, userID)
	q.Trusted = s.Keys().TrustClaim(token, userID, q.Context.IP)
	who := verify.Applicant{UserID: userID, Purpose: q.Purpose, Number: q.Number, TrustedID: q.Trusted.DeviceID}
	err = s.CreateVerification(context.Background(), who, nil, func(sit *verify.Situation, now time.Time) (*verify.Verification, error) {
		d = sit.Trusted
		v, err = verify.Start(q, sit, policy, now)
		return v, err
	})
	return v, d, err
}

func liveTrust(t testing.TB, s *storage.Store, userID string) []verify.TrustedDevice {
	t.Helper()
	live, _, err := s.TrustedDevices(context.Background(), userID)
	if err != nil {
		t.Fatal(err)
	}
	return live
}

func TestEveryFieldOfATrustedDevice(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		ctx, s := context.Background(), db.open(t)
		want := trust(t, s, "u1")
		read := func() {
			t.Helper()
			got, err := s.TrustedDevice(ctx, want.ID)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, sameTrusted); diff != "" {
				t.Error(diff)
			}
		}
		read()
		if want.UserAgent != "Browser" || want.Location != "Lisbon" || len(want.Networks) != 1 {
			t.Errorf("remembered as %+v", want)
		}
		w := fill[verify.TrustedDevice](1)
		w.ID, w.UserID, w.KeyID, w.Networks = want.ID, want.UserID, want.KeyID, want.Networks
		w.UserAgent, w.Location, w.ApprovedAt, w.ExpiresAt = want.UserAgent, want.Location, want.ApprovedAt, want.ExpiresAt
		want = &w
		if err := s.UpdateTrustedDevices(ctx, "u1", func(live []*verify.TrustedDevice, _ time.Time) error {
			*live[0] = w
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		read()
		if _, err := s.TrustedDevice(ctx, "trd_none"); !errors.Is(err, verify.ErrNotFound) {
			t.Errorf("what is not there: %v", err)
		}
	})
}

// Of many creates at once with one token, one rotates and all are given the same
// newest one, also when they come over two processes.
func TestConcurrentSkipsRotateOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		book := &diary{}
		stores := []*storage.Store{db.open(t, book.config), db.open(t, book.config)}
		token := stores[0].Keys().TrustedToken(trust(t, stores[0], "u1"), 1)
		book.take()
		tokens := make([]string, 50)
		for _, err := range gather(len(tokens), func(i int) error {
			s := stores[i%2]
			v, d, err := present(s, "u1", token)
			if err == nil && (v.Status != verify.Approved || v.Method != verify.ByTrustedDevice) {
				t.Errorf("one is %s by %q", v.Status, v.Method)
			}
			if err == nil {
				tokens[i] = s.Keys().TrustedToken(d, d.Generation)
			}
			return err
		}) {
			if err != nil {
				t.Error(err)
			}
		}
		if len(slices.Compact(tokens)) != 1 || tokens[0] == token {
			t.Error("not all were given the same new token")
		}
		if live := liveTrust(t, stores[0], "u1"); len(live) != 1 || live[0].Generation != 2 {
			t.Errorf("left are %+v", live)
		}
		count := map[string]int{}
		for _, c := range book.take() {
			for _, e := range c.Events {
				count[e.Name]++
			}
		}
		if diff := cmp.Diff(map[string]int{
			verify.EventCreated: 50, verify.EventSkippedTrusted: 50, verify.EventApproved: 50, verify.EventTrustedUsed: 50,
		}, count); diff != "" {
			t.Error(diff)
		}
	})
}

// Each of several skips in one moment is told, though the later ones change nothing of
// the row.
func TestSkipsOfOneMomentAreTold(t *testing.T) {
	db := newSQLite(t)
	synctest.Test(t, func(t *testing.T) {
		s := db.open(t)
		d := trust(t, s, "u1")
		for range 3 {
			if v, _, err := present(s, "u1", s.Keys().TrustedToken(d, 1)); err != nil || v.Status != verify.Approved {
				t.Fatal(err)
			}
		}
		es, err := s.UserEvents(context.Background(), "u1", time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		used := 0
		for _, e := range es {
			if e.Name == verify.EventTrustedUsed {
				used++
			}
		}
		if used != 3 {
			t.Errorf("%d of 3 uses are told", used)
		}
	})
}

// A used-up token ends the family, and everybody is told; the login goes on.
func TestReuseIsKept(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		book := &diary{}
		s := db.open(t, book.config)
		d := trust(t, s, "u1")
		for g := 1; g <= 2; g++ {
			if v, _, err := present(s, "u1", s.Keys().TrustedToken(d, g)); err != nil || v.Status != verify.Approved {
				t.Fatalf("generation %d: %v", g, err)
			}
		}
		if v, met, err := present(s, "u2", s.Keys().TrustedToken(d, 1)); err != nil || v.Status != verify.Pending || met == nil {
			t.Errorf("as somebody else: %v", err)
		}
		if len(liveTrust(t, s, "u1")) != 1 {
			t.Error("a stranger ended it")
		}
		book.take()
		if v, _, err := present(s, "u1", s.Keys().TrustedToken(d, 1)); err != nil || v.Status != verify.Pending {
			t.Errorf("with a used-up token: %v", err)
		}
		var names []string
		for _, c := range book.take() {
			for _, e := range c.Events {
				if strings.HasPrefix(e.Name, "trusted_device.") {
					names = append(names, e.Name)
				}
			}
		}
		if !slices.Equal(names, []string{verify.EventTrustedReused, verify.EventTrustedRevoked}) || len(liveTrust(t, s, "u1")) != 0 {
			t.Errorf("told %v", names)
		}
		got, err := s.TrustedDevice(context.Background(), d.ID)
		if err != nil || got.RevokedReason != verify.TrustReused {
			t.Errorf("%v: %+v", err, got)
		}
	})
}

// A report ends all of the user's, in the transaction that keeps it, and a rule that
// refuses in the end none.
func TestReportEndsTrust(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		ctx, s := context.Background(), db.open(t)
		one, two, theirs := trust(t, s, "u1"), trust(t, s, "u1"), trust(t, s, "u2")
		auth := verify.NewAuthority(s.Keys(), "https://nod.example")
		d := enroll(t, s, "u1", "")
		v := mustAdmit(t, s, request(s, "u1"))
		report := func(v *verify.Verification, now time.Time) error {
			shown := sha256.Sum256([]byte(auth.Prompt(v, &v.Deliveries[0]).Signed))
			_, err := v.Reply(verify.Reply{VerificationID: v.ID, DeviceID: d.ID, PromptSHA256: base64.RawURLEncoding.EncodeToString(shown[:]), Decision: verify.Report}, auth, now)
			return err
		}
		err := s.UpdateVerification(ctx, v.ID, nil, func(v *verify.Verification, now time.Time) error {
			return errors.Join(report(v, now), errWrong)
		})
		if !errors.Is(err, errWrong) || len(liveTrust(t, s, "u1")) != 2 {
			t.Errorf("after a refused report (%v) %d are live", err, len(liveTrust(t, s, "u1")))
		}
		if err := s.UpdateVerification(ctx, v.ID, nil, report); err != nil {
			t.Fatal(err)
		}
		for _, d := range []*verify.TrustedDevice{one, two} {
			if got, err := s.TrustedDevice(ctx, d.ID); err != nil || got.RevokedReason != verify.UserReported {
				t.Errorf("%v: revoked as %q", err, got.RevokedReason)
			}
		}
		if live := liveTrust(t, s, "u2"); len(live) != 1 || live[0].ID != theirs.ID {
			t.Error("somebody else's ended")
		}
		es, err := s.UserEvents(ctx, "u1", time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		revoked := 0
		for _, e := range es {
			if e.Name == verify.EventTrustedRevoked && e.Data.Reason == verify.UserReported && e.VerificationID == "" {
				revoked++
			}
		}
		if revoked != 2 {
			t.Errorf("%d events say so", revoked)
		}
	})
}

// However many are remembered at once, a user has no more than 20.
func TestConcurrentRemembersKeepTheLimit(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		stores := []*storage.Store{db.open(t), db.open(t)}
		ids := make([]string, 30)
		for i := range ids {
			ids[i] = approve(t, stores[0], "u1")
		}
		for _, err := range gather(len(ids), func(i int) error {
			return stores[i%2].UpdateVerification(context.Background(), ids[i], nil, func(v *verify.Verification, now time.Time) error {
				v.Remember(stores[0].Keys(), now)
				return nil
			})
		}) {
			if err != nil {
				t.Error(err)
			}
		}
		live := liveTrust(t, stores[0], "u1")
		if len(live) != verify.MaxTrusted || !slices.IsSortedFunc(live, func(a, b verify.TrustedDevice) int { return a.ApprovedAt.Compare(b.ApprovedAt) }) {
			t.Errorf("%d are live", len(live))
		}
	})
}

// Remembers, skips and revocations of one user at once wait for each other in one
// order, and none fails.
func TestTrustDoesNotDeadlock(t *testing.T) {
	inOneOrder(t, func(t *testing.T, db database) {
		ctx, s := context.Background(), db.open(t)
		ids := make([]string, 12)
		var tokens []string
		for i := range ids {
			d := trust(t, s, "u1")
			tokens = append(tokens, s.Keys().TrustedToken(d, 1))
			ids[i] = approve(t, s, "u1")
		}
		for _, err := range gather(4*len(ids), func(i int) error {
			switch n := i / 4; i % 4 {
			case 0:
				_, _, err := present(s, "u1", tokens[n])
				return err
			case 1:
				return s.UpdateVerification(ctx, ids[n], nil, func(v *verify.Verification, now time.Time) error {
					v.Remember(s.Keys(), now)
					return nil
				})
			case 2:
				return s.UpdateTrustedDevices(ctx, "u1", func(live []*verify.TrustedDevice, now time.Time) error {
					if len(live) > 0 {
						live[0].Revoke(verify.TrustRevoked, now)
					}
					return nil
				})
			default:
				_, _, err := present(s, "u1", tokens[len(tokens)-1-n])
				return err
			}
		}) {
			if err != nil {
				t.Error(err)
			}
		}
	})
}

// Whoever meets a trusted device that somebody else is at waits, and sees what became of
// it: neither forgets what the other wrote.
func TestTrustWaitsForTrust(t *testing.T) {
	db := newPostgres(t)
	ctx, s := context.Background(), db.open(t)
	// meanwhile runs second while first holds the rows that it goes on with.
	meanwhile := func(first func(hold func()) error, second func() error) {
		t.Helper()
		done := make(chan error, 1)
		err := first(func() {
			go func() { done <- second() }()
			again := time.NewTicker(5 * time.Millisecond)
			for len(texts(t, db.raw, "select 'x' from pg_stat_activity where wait_event_type = 'Lock'")) == 0 {
				select {
				case <-again.C:
				case err := <-done:
					done <- errors.Join(err, errors.New("it did not wait"))
					return
				}
			}
		})
		if err := errors.Join(err, <-done); err != nil {
			t.Fatal(err)
		}
	}
	revoke := func(hold func()) error {
		return s.UpdateTrustedDevices(ctx, "u1", func(live []*verify.TrustedDevice, now time.Time) error {
			hold()
			live[0].Revoke(verify.TrustRevoked, now)
			return nil
		})
	}
	create := func(d *verify.TrustedDevice, hold func()) (v *verify.Verification, err error) {
		q := plain(s, "u1")
		q.Trusted = s.Keys().TrustClaim(s.Keys().TrustedToken(d, 1), "u1", q.Context.IP)
		who := verify.Applicant{UserID: "u1", Purpose: q.Purpose, Number: q.Number, TrustedID: d.ID}
		err = s.CreateVerification(ctx, who, nil, func(sit *verify.Situation, now time.Time) (*verify.Verification, error) {
			hold()
			v, err = verify.Start(q, sit, policy, now)
			return v, err
		})
		return v, err
	}
	nothing := func() {}

	d := trust(t, s, "u1")
	meanwhile(revoke, func() error {
		v, err := create(d, nothing)
		if err == nil && v.Status != verify.Pending {
			t.Errorf("with a device that was being revoked it is %s", v.Status)
		}
		return err
	})
	if n := len(liveTrust(t, s, "u1")); n != 0 {
		t.Errorf("%d are live again", n)
	}

	d = trust(t, s, "u1")
	meanwhile(func(hold func()) error {
		_, err := create(d, hold)
		return err
	}, func() error { return revoke(nothing) })
	if got, err := s.TrustedDevice(ctx, d.ID); err != nil || got.Generation != 2 || got.RevokedReason != verify.TrustRevoked {
		t.Errorf("used and revoked it is %+v: %v", got, err)
	}
}

// A rule that refuses in the end has changed nothing, and one that decides nothing
// tells nothing.
func TestRefusedRuleKeepsTrust(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		book := &diary{}
		s := db.open(t, book.config)
		trust(t, s, "u1")
		book.take()
		if err := s.UpdateTrustedDevices(context.Background(), "u1", func([]*verify.TrustedDevice, time.Time) error { return nil }); err != nil {
			t.Fatal(err)
		}
		err := s.UpdateTrustedDevices(context.Background(), "u1", func(live []*verify.TrustedDevice, now time.Time) error {
			live[0].Revoke(verify.TrustRevoked, now)
			return errWrong
		})
		if !errors.Is(err, errWrong) || len(liveTrust(t, s, "u1")) != 1 {
			t.Errorf("%v; %d are live", err, len(liveTrust(t, s, "u1")))
		}
		if told := book.take(); len(told) != 0 {
			t.Errorf("told %+v", told)
		}
	})
}

// Expired ones are neither listed nor touched by rules, and swept in the end.
func TestTrustExpires(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		ctx, s := context.Background(), db.open(t)
		d, kept := trust(t, s, "u1"), trust(t, s, "u1")
		db.exec(t, "update trusted_devices set expires_at = approved_at where id = $1", d.ID)
		if live := liveTrust(t, s, "u1"); len(live) != 1 || live[0].ID != kept.ID {
			t.Errorf("listed are %+v", live)
		}
		if err := s.UpdateTrustedDevices(ctx, "u1", func(live []*verify.TrustedDevice, _ time.Time) error {
			if len(live) != 1 {
				t.Errorf("a rule was given %d", len(live))
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if v, _, err := present(s, "u1", s.Keys().TrustedToken(d, 1)); err != nil || v.Status != verify.Pending {
			t.Errorf("an expired one: %v", err)
		}
		if err := s.Sweep(ctx); err != nil {
			t.Fatal(err)
		}
		if ids := texts(t, db.raw, "select id from trusted_devices"); !slices.Equal(ids, []string{kept.ID}) {
			t.Errorf("left are %v", ids)
		}
	})
}

// Neither a token nor what a person could be known by is in the database.
func TestNothingOfTrustRests(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t)
		d := trust(t, s, "u1")
		secrets := []string{d.UserAgent, d.Location, request(s, "u1").Context.IP, "203.0.0.0"}
		for g := 1; g <= 3; g++ {
			token := s.Keys().TrustedToken(d, g)
			secrets = append(secrets, token, token[len(token)-40:])
			if _, _, err := present(s, "u1", token); err != nil {
				t.Fatal(err)
			}
		}
		for _, rest := range []map[string]string{db.dump(t), db.files(t)} {
			for where, text := range rest {
				for i, secret := range secrets {
					if strings.Contains(text, secret) {
						t.Errorf("secret %d can be read in %s", i, where)
					}
				}
			}
		}
	})
}
