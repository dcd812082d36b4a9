package analytics_test

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"nod/analytics"
)

// Counted in whatever parts, and however late, the sums are the same, and so is what
// may be told.
func TestCountInAnyBatches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lives := drawLives(t)
		news := inTime(lives)
		want, got := ledgerOf(lives), newLedger()
		for len(news) > 0 {
			n := rapid.IntRange(1, len(news)).Draw(t, "batch")
			need := map[string][]analytics.Event{}
			for _, e := range news[:n] {
				if analytics.Settles(e.Name) {
					need[e.VerificationID] = lives[e.VerificationID]
				}
			}
			got.add(analytics.Count(news[:n], need))
			news = news[n:]
		}
		if d := cmp.Diff(want.hours, got.hours); d != "" {
			t.Fatal(d)
		}
		for at, d := range want.days {
			for g, people := range d.People {
				if n := len(got.days[at].People[g]); n != len(people) {
					t.Fatalf("%v of %v: %d people, not %d", g, at, n, len(people))
				}
			}
		}
	})
}

// sums are a recount: hour, family, cell and measure.
type sums map[string]int64

func (s sums) add(e *analytics.Event, n int64, family, cell, measure string) {
	s[strings.Join([]string{e.At.Truncate(time.Hour).Format(time.RFC3339), family, cell, measure}, " ")] += n
}

// Each family against a recount of the raw events, verification by verification.
func TestCountAgainstRecount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lives := drawLives(t)
		want, got := sums{}, sums{}
		for _, life := range lives {
			recountAll(want, life)
			recountSends(want, life)
			recountTexts(want, life)
		}
		for _, tally := range analytics.Count(inTime(lives), lives).Tallies {
			got.add(&analytics.Event{At: tally.Hour}, tally.N, tally.Family, tally.Cell, tally.Measure)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
	})
}

// measures of `all`, by the event's name.
var plainly = map[string]string{
	"verification.created": "started", "verification.approved": "approved", "verification.denied": "denied", "verification.failed": "failed",
	"verification.expired": "expired", "verification.canceled": "canceled", "verification.superseded": "superseded", "verification.blocked": "blocked",
	"code.check_failed": "check_failed", "resend.requested": "resends", "phone.changed": "phone_changed",
}

// recountAll recounts all, hour, step and spared.
func recountAll(s sums, life []analytics.Event) {
	var born *analytics.Event
	step, byNumber := "none", false
	for i := range life {
		e := &life[i]
		if m := plainly[e.Name]; m != "" {
			s.add(e, 1, "all", "", m)
		}
		switch e.Name {
		case "verification.created":
			born = e
			s.add(e, 1, "hour", strconv.Itoa(e.At.Hour()), "started")
		case "resend.requested":
			step = strconv.Itoa(e.Step)
			s.add(e, 1, "step", step, "resends")
		case "delivery.accepted", "delivery.delivered", "delivery.undelivered", "delivery.unknown":
			byNumber = byNumber || e.Channel == "sms" || e.Channel == "voice"
		case "verification.approved":
			s.add(e, 1, "step", step, "approved")
			if born == nil {
				s.add(e, 1, "hour", "", "approved")
				break
			}
			s.add(e, 1, "hour", strconv.Itoa(born.At.Hour()), "approved")
			s.add(e, 1, "all", "", bucketOf("took", e.At.Sub(born.At)))
			s.add(e, e.At.Sub(born.At).Milliseconds(), "all", "", "took_ms")
			if born.Purpose != "login" {
				break
			}
			s.add(e, 1, "all", "", "logins")
			if !byNumber {
				s.add(e, 1, "all", "", "logins_free")
				s.add(e, 1, "spared", born.Country, "logins_free")
			}
		}
	}
}

// bucketOf computes what analytics looks up.
func bucketOf(histogram string, took time.Duration) string {
	k := -36.0
	if took > 0 {
		k = math.Ceil(4*math.Log2(took.Seconds()/30) - 1e-6)
	}
	return fmt.Sprintf("%s.%d", histogram, int(min(28, max(-36, k))))
}

// recountSends recounts send.
func recountSends(s sums, life []analytics.Event) {
	cell := func(e *analytics.Event) string { return e.Channel + "|" + e.Country + "|" + e.Provider }
	isCode := map[string]bool{"sms": true, "voice": true, "email": true}
	acceptedOf := map[string]*analytics.Event{} // by channel and delivery
	left := map[string]bool{}                   // likewise
	last := map[string]*analytics.Event{}       // what left last, by channel
	var codes []*analytics.Event
	for i := range life {
		e := &life[i]
		what, ok := strings.CutPrefix(e.Name, "delivery.")
		switch {
		case ok && what != "queued":
			s.add(e, 1, "send", cell(e), what)
			if what == "accepted" {
				acceptedOf[e.Channel+e.DeliveryID] = e
				if isCode[e.Channel] {
					if codes = append(codes, e); len(codes) == 1 {
						s.add(e, 1, "send", cell(e), "first")
					}
				}
			}
			if from := acceptedOf[e.Channel+e.DeliveryID]; what == "delivered" && from != nil {
				s.add(e, 1, "send", cell(e), bucketOf("arrived", e.At.Sub(from.At)))
			}
			if id := e.Channel + e.DeliveryID; what != "failed" && !left[id] {
				left[id], last[e.Channel] = true, e
			}
		case e.Name == "verification.approved":
			by := last[e.Channel]
			if by == nil {
				by = &analytics.Event{Channel: e.Channel}
			}
			s.add(e, 1, "send", cell(by), "approved")
			if from := acceptedOf[by.Channel+by.DeliveryID]; from != nil {
				s.add(e, 1, "send", cell(by), bucketOf("took", e.At.Sub(from.At)))
			}
			if len(codes) == 1 && codes[0].Channel == e.Channel {
				s.add(e, 1, "send", cell(codes[0]), "first_worked")
			}
		}
	}
}

// recountTexts recounts text.
func recountTexts(s sums, life []analytics.Event) {
	language := map[string]string{"": "en", "de": "de", "de-AT": "de", "pt_BR": "pt"}[life[0].Locale]
	for i := range life {
		e := &life[i]
		if e.Name == "code.check_failed" {
			s.add(e, 1, "text", language, "typed")
			s.add(e, 1, "text", language, "mistyped")
			return
		}
		if e.Name == "verification.approved" && strings.HasSuffix(e.Method, "_code") {
			s.add(e, 1, "text", language, "typed")
		}
	}
}

// What went over connections is one cell, whether or not it was noted that a
// connection took it before the app answered.
func TestConnectionsAreOneCell(t *testing.T) {
	of := func(provider string) analytics.Event {
		return analytics.Event{VerificationID: "v", Name: "delivery.accepted", Seq: 1, Channel: "websocket", Provider: provider, DeliveryID: "d"}
	}
	sum := func(e analytics.Event) []analytics.Tally {
		return analytics.Count([]analytics.Event{e}, map[string][]analytics.Event{"v": {e}}).Tallies
	}
	if noted, not := sum(of("socket")), sum(of("")); len(noted) == 0 || !slices.Equal(noted, not) {
		t.Errorf("noted it counts as %v, else as %v", noted, not)
	}
}
