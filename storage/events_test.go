package storage_test

import (
	"cmp"
	"context"
	"slices"
	"testing"
	"time"

	"nod/verify"
)

// What changed in a span is told once each, with its newest event in that span.
func TestChanged(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		ctx, s := context.Background(), db.open(t)
		enroll(t, s, "u1", "")
		first, second := mustAdmit(t, s, request(s, "u1")), mustAdmit(t, s, request(s, "u2"))
		update(t, s, first.ID, func(v *verify.Verification, now time.Time) { _ = v.Cancel(now) })
		last := load(t, s, first.ID).Seq
		// Of every event its own second, by its seq.
		db.exec(t, "update events set at = 1000 * seq")
		for _, span := range []struct {
			from, to int64
			want     []verify.Changed
		}{
			{0, 0, []verify.Changed{{UserID: "u1"}, {VerificationID: first.ID, UserID: "u1", Seq: last}, {VerificationID: second.ID, UserID: "u2", Seq: second.Seq}}},
			{1, 3, []verify.Changed{{VerificationID: first.ID, UserID: "u1", Seq: 2}, {VerificationID: second.ID, UserID: "u2", Seq: 2}}},
			{last, 0, []verify.Changed{{VerificationID: first.ID, UserID: "u1", Seq: last}}},
			{last + 1, 0, nil},
		} {
			var to time.Time
			if span.to > 0 {
				to = time.Unix(span.to, 0)
			}
			got, err := s.Changed(ctx, time.Unix(span.from, 0), to)
			slices.SortFunc(got, func(a, b verify.Changed) int { return cmp.Compare(a.VerificationID, b.VerificationID) })
			if err != nil || !slices.Equal(got, span.want) {
				t.Errorf("from %d to %d: %v (%v), want %v", span.from, span.to, got, err, span.want)
			}
		}
	})
}

func TestUsersEvents(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		ctx, s := context.Background(), db.open(t)
		began, err := s.Now(ctx)
		if err != nil {
			t.Fatal(err)
		}
		enroll(t, s, "u1", "")
		a, b := mustAdmit(t, s, request(s, "u2")), mustAdmit(t, s, request(s, "u1"))
		mustAdmit(t, s, request(s, "u3"))
		type place struct {
			id  string
			seq int64
		}
		want := []place{{"", 0}}
		for _, v := range []*verify.Verification{a, b} {
			for seq := range v.Seq {
				want = append(want, place{v.ID, seq + 1})
			}
		}
		es, err := s.UsersEvents(ctx, []string{"u1", "u2", "u1"}, began)
		var got []place
		for _, e := range es {
			got = append(got, place{e.VerificationID, e.Seq})
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("got %v (%v), want %v", got, err, want)
		}
		if es, err := s.UsersEvents(ctx, nil, began); len(es) != 0 || err != nil {
			t.Errorf("events of nobody: %v (%v)", es, err)
		}
		if es, err := s.UsersEvents(ctx, []string{"u1"}, began.Add(time.Hour)); len(es) != 0 || err != nil {
			t.Errorf("events of the future: %v (%v)", es, err)
		}
	})
}
