package floor_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"nod/cmd/bench/floor"
)

func TestCommits(t *testing.T) {
	r, err := floor.Commits(t.Context(), floor.SQLite, 1000, 20*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if p50, err := r.Find("commit p50"); err != nil || p50.Value <= 0 {
		t.Errorf("a commit takes %v (%v)", p50, err)
	}
}

// TestTicks writes frames with both kinds of length; a reader that cannot take one ends.
func TestTicks(t *testing.T) {
	for _, size := range []int{125, 126} {
		r, err := floor.Ticks(t.Context(), 3, bytes.Repeat([]byte("t"), size), 40*time.Millisecond)
		if err != nil && strings.Contains(err.Error(), "only Linux") {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		if used, err := r.Find("CPU per 10,000"); err != nil || used.Value <= 0 {
			t.Errorf("writing takes %v (%v)", used, err)
		}
	}
}
