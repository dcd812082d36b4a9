package storage_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nod/verify"
)

// What a user chose comes back, to them and to what they start, and is told once.
func TestSettings(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		ctx, told := context.Background(), &diary{}
		s := db.open(t, told.config)
		read := func(user string) verify.Settings {
			t.Helper()
			chosen, now, err := s.Settings(ctx, user)
			if err != nil || now.IsZero() {
				t.Fatal(err, now)
			}
			met := verify.Settings{}
			err = s.CreateVerification(ctx, verify.Applicant{UserID: user, Purpose: verify.Login}, nil, func(sit *verify.Situation, _ time.Time) (*verify.Verification, error) {
				met = sit.Settings
				return nil, errWrong
			})
			if diff := cmp.Diff(chosen, met); diff != "" || !errors.Is(err, errWrong) {
				t.Errorf("a create meets others (%v): %s", err, diff)
			}
			return chosen
		}
		set := func(preference verify.Channel, locale string) verify.Settings {
			t.Helper()
			chosen, _, err := s.UpdateSettings(ctx, "u1", func(chosen *verify.Settings, now time.Time) []verify.Event {
				return chosen.Set(preference, locale, now)
			})
			if err != nil {
				t.Fatal(err)
			}
			return chosen
		}
		if diff := cmp.Diff(verify.Settings{UserID: "u1"}, read("u1")); diff != "" {
			t.Error("nothing chosen:", diff)
		}
		for _, preference := range []verify.Channel{verify.Push, verify.Both} {
			want := set(preference, "de")
			if diff := cmp.Diff(want, read("u1")); diff != "" || want.Preference != preference || want.Locale != "de" || want.ChangedAt.IsZero() {
				t.Errorf("chose %+v: %s", want, diff)
			}
			set(preference, "de") // no news
			changes := told.take()
			if len(changes) != 1 || changes[0].Verification != nil || len(changes[0].Events) != 1 || changes[0].Events[0].UserID != "u1" {
				t.Errorf("told %+v", changes)
			}
		}
		if es, err := s.UserEvents(ctx, "u1", time.Time{}); err != nil || len(es) != 2 || es[0].Name != verify.EventSettingsChanged {
			t.Errorf("events %+v: %v", es, err)
		}
		if diff := cmp.Diff(verify.Settings{UserID: "u2"}, read("u2")); diff != "" {
			t.Error("somebody else chose:", diff)
		}
	})
}

// Every field of what a user chose has its column.
func TestEveryFieldOfSettings(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t)
		for _, n := range []int{1, 100} { // written, and written over
			want := fill[verify.Settings](n)
			want.UserID = "u1"
			if _, _, err := s.UpdateSettings(context.Background(), want.UserID, func(chosen *verify.Settings, _ time.Time) []verify.Event {
				*chosen = want
				return []verify.Event{{UserID: want.UserID, Name: verify.EventSettingsChanged, At: want.ChangedAt}}
			}); err != nil {
				t.Fatal(err)
			}
			got, _, err := s.Settings(context.Background(), want.UserID)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Error(err, diff)
			}
		}
	})
}
