package traffic_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"nod/analytics"
	"nod/deploy/traffic"
	"nod/storage"
	"nod/verify"
)

const day = 24 * time.Hour

var (
	secret = []byte(strings.Repeat("s", 32))
	policy = traffic.Policy()
	rules  = analytics.Rules{ResendDelays: policy.ResendDelays, SMSProviders: traffic.SMSProviders()}
	// An afternoon, so that the last day is not over and its hours are split.
	end = time.Date(2026, 3, 19, 16, 20, 0, 0, time.UTC)
)

// play plays and lets nod count what happened.
func play(t *testing.T, c traffic.Config) (*traffic.Tally, analytics.Told) {
	t.Helper()
	ctx := context.Background()
	c.URL, c.Secret, c.End = "sqlite:"+filepath.Join(t.TempDir(), "played.db"), secret, end
	seen, err := traffic.Play(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	store, err := storage.Open(ctx, storage.Config{URL: c.URL, Secret: secret, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	for n := -1; n != 0; {
		if n, err = store.CountEvents(ctx, 2000); err != nil {
			t.Fatal(err)
		}
	}
	cuts, _ := analytics.Cuts(end, 1)
	spans, err := store.CountedSpans(ctx, cuts)
	if err != nil {
		t.Fatal(err)
	}
	return seen, analytics.Tell(spans)
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheSameSeedIsTheSameTraffic(t *testing.T) {
	t.Parallel()
	tally := func(seed uint64) *traffic.Tally {
		seen, _ := play(t, traffic.Config{Days: 1, PerDay: 40, Seed: seed})
		return seen
	}
	first := tally(1)
	if d := cmp.Diff(first, tally(1)); d != "" {
		t.Error(d)
	}
	if cmp.Equal(first, tally(2)) {
		t.Error("another seed is the same traffic")
	}
}

// What each effect makes nod advise: the kind, and what it is about. Everything happens
// on one day, so that each figure is of one span, and where it can be seen, with no more
// visits than it takes to see it.
var effects = []struct {
	plant       traffic.Plant
	perDay      int
	hours       time.Duration // until the end
	in          []string
	kind, about string
}{
	{traffic.IdleStep, 320, day, nil, "delay", "60"},
	{traffic.WeakRoute, 260, day, []string{"BR"}, "provider", "vonage"},
	{traffic.BadHour, 900, 3 * time.Hour, nil, "timing", "15:00"},
	{traffic.Misread, 200, day, []string{"IN"}, "wording", "hi"},
	{traffic.SlowCountry, 450, day, []string{"IN", "DE"}, "delay", "IN"},
}

func TestEachEffectIsFoundAndNothingElse(t *testing.T) {
	if len(effects) != len(traffic.Plants()) {
		t.Fatalf("%d of %d effects are tried", len(effects), len(traffic.Plants()))
	}
	for _, e := range effects {
		t.Run(string(e.plant), func(t *testing.T) {
			t.Parallel()
			seen, told := play(t, traffic.Config{Days: 1, PerDay: e.perDay, Begin: end.Add(-e.hours), Apps: -1, Countries: e.in, Seed: 1, Plants: []traffic.Plant{e.plant}})
			sums(t, seen, told)
			if e.in == nil {
				parts(t, seen, told)
			}
			advice := told.Recommendations(rules)
			if len(advice) != 1 || advice[0].Kind != e.kind || !strings.Contains(advice[0].Title, e.about) {
				t.Errorf("%s; found is %+v", e.plant.Effect(), advice)
			}
			if plan := analytics.Plan(told); e.plant == traffic.SlowCountry &&
				(len(plan) != 2 || plan["IN"][0] < 2*time.Minute || plan["DE"][0] > time.Minute) {
				t.Errorf("messages to IN take minutes, those to DE seconds, and nod would wait %v", plan)
			}
		})
	}
}

func TestWithoutAnEffectNothingIsFound(t *testing.T) {
	t.Parallel()
	seen, told := play(t, traffic.Config{Days: 1, PerDay: 350, Seed: 1})
	sums(t, seen, told)
	parts(t, seen, told)
	if advice := told.Recommendations(rules); len(advice) > 0 {
		t.Errorf("nothing was planted, and this was found: %+v", advice)
	}
}

// sums finds the figures of all in what people and providers counted.
func sums(t *testing.T, seen *traffic.Tally, told analytics.Told) {
	t.Helper()
	o := told.Overview(nil)
	ended := seen.Ended
	for _, d := range []string{
		cmp.Diff(analytics.Totals{
			SendCode: seen.Started, VerifySuccess: seen.Approved, VerifyFailed: seen.Wrong + seen.Denied,
			ResendRequest: seen.Resends, ChangePhone: seen.Changed,
		}, o.Totals),
		cmp.Diff(analytics.Ended{
			Approved: ended[verify.Approved], Denied: ended[verify.Denied], Failed: ended[verify.Failed], Expired: ended[verify.Expired],
			Canceled: ended[verify.Canceled], Superseded: ended[verify.Superseded], Blocked: ended[verify.Blocked],
		}, o.Ended),
		cmp.Diff(seen.Approved, o.TimeToComplete.N),
		cmp.Diff(seen.WithoutSMS, o.WithoutSMS.Logins),
	} {
		if d != "" {
			t.Error(d)
		}
	}
	if avg := seen.Took.Seconds() / float64(seen.Approved); avg-o.TimeToComplete.AvgSeconds > 0.06 || o.TimeToComplete.AvgSeconds-avg > 0.06 {
		t.Errorf("sign-ins took %.2f s, and are told to take %.2f s", avg, o.TimeToComplete.AvgSeconds)
	}
}

// parts does so with those of hours, resends and ways.
func parts(t *testing.T, seen *traffic.Tally, told analytics.Told) {
	t.Helper()
	hours, steps, routes := map[int]traffic.Rate{}, map[int]traffic.Rate{}, map[traffic.Route]traffic.Sent{}
	for _, h := range told.Hours().Hours {
		hours[h.Hour] = traffic.Rate{Of: h.Started, Did: h.Successes}
	}
	for hour, want := range seen.Hours {
		row(t, hours, hour, want.Of, want)
	}
	for _, s := range told.Delays().Steps {
		steps[s.DelaySeconds] = traffic.Rate{Of: s.Resends, Did: s.Successes}
	}
	for step, want := range seen.Steps {
		row(t, steps, step, want.Of, want)
	}
	c := told.Channels()
	for _, r := range slices.Concat(c.Channels, c.Providers) {
		routes[traffic.Route{Channel: verify.Channel(r.Channel), Country: r.Country, Provider: r.Provider}] =
			traffic.Sent{Accepted: r.Sends, Delivered: r.Delivered, Undelivered: r.Failed, Approved: r.Successes}
	}
	for r := range seen.Sends {
		if r.Country == "" { // those to apps are told by channel only
			r.Provider = ""
		}
		want := seen.Over(r)
		row(t, routes, r, want.Accepted, want)
	}
}

// row compares what was seen with what is told of it. Small rows may be put together,
// so that none tells of fewer than five people, and with them the smallest of the others;
// what is told apart is told whole, for all is of one span.
func row[K, R comparable](t *testing.T, all map[K]R, name K, of int, seen R) {
	t.Helper()
	if told, ok := all[name]; ok && told != seen || !ok && of > 50 {
		t.Errorf("%v: seen %+v, told %+v", name, seen, told)
	}
}
