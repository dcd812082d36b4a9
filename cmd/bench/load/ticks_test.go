package load_test

import (
	"testing"
	"time"

	"nod/cmd/bench/load"
)

// A tick is late against the second that it is about. One that was left out is late by
// the time until the next one came.
func TestTicks(t *testing.T) {
	ends := time.Date(2026, 11, 22, 12, 2, 0, 0, time.UTC)
	at := func(left int, late time.Duration) time.Time { return ends.Add(late - time.Duration(left)*time.Second) }
	late, seen, missed := load.Ticked(ends, []load.Tick{
		{`{"type":"tick","data":{"verification_id":"ver_1","prompt_in":118}}`, at(118, 5*time.Millisecond)},
		{`{"type":"tick","data":{"prompt_in":117,"verification_id":"ver_1"}}`, at(117, 7*time.Millisecond)},
		{`{"type":"tick","data":{"verification_id":"ver_1","expires_in":7}}`, at(116, 0)}, // of no prompt
		{`{"type":"tick","data":{"verification_id":"ver_1","prompt_in":114}}`, at(114, 9*time.Millisecond)},
	})
	if seen != 3 || missed != 2 {
		t.Errorf("%d were seen and %d left out, want 3 and 2", seen, missed)
	}
	for percent, want := range map[float64]time.Duration{20: 5 * time.Millisecond, 40: 7 * time.Millisecond, 60: 9 * time.Millisecond, 80: 1009 * time.Millisecond, 100: 2009 * time.Millisecond} {
		if got := late.At(percent); got < want || got > want+want/500 {
			t.Errorf("%v %% were at most %v late, want %v", percent, got, want)
		}
	}
}
