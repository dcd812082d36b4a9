package storage_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nod/storage"
	"nod/verify"
)

// made is a block as a server makes it.
func made(s *storage.Store, kind, value, label string) verify.Block {
	return verify.Block{Kind: kind, Key: s.Keys().BlockKey(kind, value), Label: label, By: by}
}

// barred is the blocks that a create with a number meets.
func barred(t testing.TB, s *storage.Store, n verify.Number) (labels []string) {
	t.Helper()
	q := request(s, "u9")
	q.Number = n
	err := s.CreateVerification(context.Background(), applicant(q), nil, func(sit *verify.Situation, _ time.Time) (*verify.Verification, error) {
		labels = nil
		for _, b := range sit.Meters.Blocks {
			labels = append(labels, b.Label)
		}
		return nil, errWrong
	})
	if !errors.Is(err, errWrong) {
		t.Fatal(err)
	}
	slices.Sort(labels)
	return labels
}

// A block is met by every number that it covers and by no other, until it is lifted; it
// is made once, told once, and listed with the users who are blocked, the newest first.
func TestBlocks(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		told := &diary{}
		s, other := db.open(t, told.config), db.open(t)
		ctx := context.Background()
		acts := func(action string) []verify.Event {
			return []verify.Event{{Name: verify.EventOperatorActed, Data: verify.EventData{Action: action, By: by}}}
		}
		all := []verify.Block{
			made(s, verify.BlockNumber, number.E164(), "+1 ••• 23"), made(s, verify.BlockPrefix, "+1415", "+1415"),
			made(s, verify.BlockPrefix, "+14155550", "+14155550"), made(s, verify.BlockPrefix, "+1416", "+1416"), made(s, verify.BlockCountry, "PT", "PT"),
		}
		for i, b := range all {
			b.At = time.UnixMilli(1_700_000_000_000 + int64(i)).UTC()
			for _, want := range []bool{true, false} {
				if _, added, err := s.AddBlock(ctx, b, acts(verify.ActBlock)); added != want || err != nil {
					t.Errorf("added %s: %t (%v)", b.Label, added, err)
				}
			}
		}
		if err := stand(s, "ana", block); err != nil {
			t.Fatal(err)
		}
		listed, err := other.Blocks(ctx, 3)
		if err != nil || len(listed) != 3 || listed[0].Kind != verify.BlockUser || listed[0].Key+listed[0].Label != "anaana" || listed[1].Label != "PT" || listed[2].Label != "+1416" {
			t.Errorf("listed are %+v (%v)", listed, err)
		}
		want := all[4]
		want.ID, want.At = listed[1].ID, time.UnixMilli(1_700_000_000_004).UTC()
		if diff := cmp.Diff(want, listed[1]); diff != "" || want.ID == "" {
			t.Error("it came back as", diff)
		}
		for n, want := range map[string][]string{
			number.E164(): {"+1 ••• 23", "+1415", "+14155550"}, "+14155551234": {"+1415"}, "+351912345678": {"PT"}, "+442079460000": nil,
		} {
			if got := barred(t, other, verify.StoredNumber(n)); !slices.Equal(got, want) {
				t.Errorf("%s meets %v, want %v", n, got, want)
			}
		}
		for _, want := range []bool{true, false} {
			if there, err := other.RemoveBlock(ctx, verify.BlockPrefix, all[1].Key, acts(verify.ActUnlock)); there != want || err != nil {
				t.Errorf("lifted: %t (%v)", there, err)
			}
		}
		if got := barred(t, s, number); !slices.Equal(got, []string{"+1 ••• 23", "+14155550"}) {
			t.Errorf("after one was lifted it meets %v", got)
		}
		if n := len(told.take()); n != 6 || len(acted(t, s)) != 7 { // the user among them; the other store lifted one
			t.Errorf("told %d times, noted are %d", n, len(acted(t, s)))
		}
	})
}

// A prefix that closed itself is opened by lifting it, and one that is open is not there.
func TestLiftAClosedPrefix(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		ctx, s := context.Background(), db.open(t)
		p := limited(verify.Limits{Prefix: verify.Limit{N: 2, Per: 10 * time.Minute}})
		lift := func() bool {
			t.Helper()
			there, err := s.RemoveBlock(ctx, verify.BlockPrefix, s.Keys().BlockKey(verify.BlockPrefix, number.E164()[:8]), nil)
			if err != nil {
				t.Error(err)
			}
			return there
		}
		for _, user := range []string{"u1", "u2"} {
			if lift() {
				t.Error("an open prefix was lifted")
			}
			mustBegin(t, s, request(s, user), p)
		}
		_, err := begin(s, request(s, "u3"), p)
		if err == nil || !lift() || lift() {
			t.Errorf("closed: %v, or it was not opened once", err)
		}
		mustBegin(t, s, request(s, "u3"), p)
	})
}

// What is told once a day is told once, however many nodes tell it, and again tomorrow.
func TestTellOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		told := &diary{}
		stores := []*storage.Store{db.open(t, told.config), db.open(t, told.config)}
		today := mustNow(t, stores[0])
		for _, day := range []time.Time{today, today, today.Add(24 * time.Hour)} {
			for _, err := range gather(8, func(i int) error {
				return stores[i%2].TellOnce(context.Background(), "wrong codes", day, verify.Event{Name: verify.EventLimitHit, Data: verify.EventData{Limit: "wrong_codes_all"}})
			}) {
				if err != nil {
					t.Error(err)
				}
			}
		}
		changes := told.take()
		if rows := texts(t, db.raw, "select data from events"); len(changes) != 2 || len(rows) != 2 || changes[0].Events[0].At.IsZero() || changes[0].Events[0].VerificationID != "" {
			t.Errorf("told %+v, written %v", changes, rows)
		}
	})
}

// Of codes that many ask for at once on two nodes, those together cost what the cap of a
// day is and no more; what is given back can be spent again, and is warned of once.
func TestSpendKeepsToTheCap(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		stores := []*storage.Store{db.open(t), db.open(t)}
		p := limited(verify.Limits{SpendCap: 5_000_000, Price: func(string) (int64, bool) { return 1_000_000, true }})
		spend := func(n int) (sent []*verify.Verification) {
			t.Helper()
			all := make([]*verify.Verification, n)
			for i, err := range gather(n, func(i int) (err error) {
				s := stores[i%2]
				q := request(s, verify.NewID("usr"))
				q.Number = manyNumbers(int64(i))
				who := applicant(q)
				who.Codes, who.Spends = i%3 > 0, i%3 > 1 // however much is read at once
				return s.CreateVerification(context.Background(), who, nil, func(sit *verify.Situation, now time.Time) (*verify.Verification, error) {
					all[i], err = verify.Start(q, sit, p, now)
					return all[i], err
				})
			}) {
				if err == nil {
					sent = append(sent, all[i])
				} else if !errors.Is(err, &verify.Refusal{Code: verify.CodeBlocked}) {
					t.Error(err)
				}
			}
			return sent
		}
		spent := func(want int64) {
			t.Helper()
			if today, err := stores[1].Sums(context.Background()); today.Spent != want || err != nil {
				t.Errorf("spent are %d (%v), want %d", today.Spent, err, want)
			}
		}
		sent := spend(12)
		if spent(5_000_000); len(sent) != 5 {
			t.Fatalf("%d were sent", len(sent))
		}
		for _, v := range sent[:2] {
			update(t, stores[0], v.ID, func(v *verify.Verification, now time.Time) { _ = v.Cancel(now) })
		}
		spent(3_000_000)
		if again := spend(6); len(again) != 2 {
			t.Errorf("%d were sent for what came back", len(again))
		}
		spent(5_000_000)
		if warned := texts(t, db.raw, "select name from events where name = '"+verify.EventSpendWarning+"'"); len(warned) != 2 {
			t.Errorf("warned %d times", len(warned))
		}
	})
}
