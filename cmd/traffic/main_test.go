package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nod/deploy/traffic"
	"nod/storage"
)

func TestFillsADatabaseThatItsSecretOpens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "played.db")
	c := traffic.Config{URL: "sqlite:" + path, Days: 1, PerDay: 30, Seed: 1, Plants: []traffic.Plant{traffic.BadHour}}
	var out strings.Builder
	if err := run(t.Context(), c, &out); err != nil {
		t.Fatal(err)
	}
	for _, said := range []string{traffic.BadHour.Effect(), "started", "NOD_DATABASE_URL=sqlite:" + path + " bin/nod serve"} {
		if !strings.Contains(out.String(), said) {
			t.Errorf("%q is not said in\n%s", said, out.String())
		}
	}
	secret, err := os.ReadFile(path + ".secret")
	if err != nil {
		t.Fatal(err)
	}
	store, err := storage.Open(t.Context(), storage.Config{URL: c.URL, Secret: []byte(strings.TrimSpace(string(secret)))})
	if err != nil {
		t.Fatal(err)
	}
	recent, err := store.Recent(t.Context(), 100)
	if err != nil || len(recent) == 0 {
		t.Fatalf("%d verifications, %v", len(recent), err)
	}
	for _, v := range recent {
		if !v.Terminal() {
			t.Errorf("%s is %s: a nod that opens the file would send something", v.ID, v.Status)
		}
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
	if err := run(t.Context(), c, &out); err == nil {
		t.Error("a past was played into a database that was there")
	}
}
