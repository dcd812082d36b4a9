package analytics_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nod/analytics"
)

// town is a day in which six people sign in by SMS after 20 s, two of them after a
// resend and one after a wrong code, six by the app after 4 s, six give up a number,
// and five are let in by a trusted device.
func town() map[string][]analytics.Event {
	lives := map[string][]analytics.Event{}
	live := func(kind string, i int, purpose string, country string) *script {
		s := &script{id: fmt.Sprint(kind, i), person: fmt.Sprint(kind, i), at: time.Date(2026, 11, 20, 8, 0, i, 0, time.UTC)}
		return s.then(0, analytics.Event{Name: "verification.created", Purpose: purpose, Channel: "auto", Country: country})
	}
	sms := func(name string) analytics.Event {
		return analytics.Event{Name: name, Channel: "sms", Country: "BR", Provider: "twilio", DeliveryID: "1"}
	}
	for i := range 6 {
		s := live("sms", i, "login", "BR").then(time.Second, sms("delivery.accepted")).then(4*time.Second, sms("delivery.delivered"))
		if i < 5 {
			s.then(60*time.Second, analytics.Event{Name: "resend.requested", Channel: "sms", Step: 60}).then(0, sms("delivery.accepted"))
		}
		if i == 0 {
			s.then(time.Second, analytics.Event{Name: "code.check_failed", Channel: "sms"})
		}
		s.then(15*time.Second, analytics.Event{Name: "verification.approved", Channel: "sms", Method: "sms_code"})
		lives[s.id] = s.events

		app := analytics.Event{Name: "delivery.accepted", Channel: "websocket", Provider: "socket", DeliveryID: "1"}
		s = live("app", i, "login", "BR").then(time.Second, app).then(3*time.Second, analytics.Event{Name: "verification.approved", Channel: "websocket", Method: "app"})
		lives[s.id] = s.events

		s = live("lost", i, "phone", "US").then(time.Second, analytics.Event{Name: []string{"delivery.failed", "delivery.undelivered"}[i%2], Channel: "sms", Country: "US", Provider: "vonage"})
		s.then(time.Second, analytics.Event{Name: "phone.changed"}).then(0, analytics.Event{Name: "verification.canceled"})
		lives[s.id] = s.events
	}
	for i := range 5 {
		s := live("trusted", i, "login", "").then(0, analytics.Event{Name: "verification.approved", Method: "trusted_device"})
		lives[s.id] = s.events
	}
	return lives
}

func TestFigures(t *testing.T) {
	told := ledgerOf(town()).tell(7)
	price := func(country string) (float64, bool) { return 0.05, country == "BR" }
	saved := 0.3
	o := told.Overview(price)
	took := o.TimeToComplete
	o.TimeToComplete = analytics.Took{}
	if d := cmp.Diff(analytics.Overview{
		Totals: analytics.Totals{SendCode: 23, VerifySuccess: 17, VerifyFailed: 1, ResendRequest: 5, ChangePhone: 6},
		Ended:  analytics.Ended{Approved: 17, Canceled: 6}, SuccessRate: 0.739,
		WithoutSMS: analytics.WithoutSMS{Logins: 11, Share: 0.647, Saved: &saved},
		ByChannel:  map[string]analytics.Channel{"sms": {Sends: 11, Successes: 6}, "websocket": {Sends: 6, Successes: 6}},
	}, o); d != "" {
		t.Error(d)
	}
	// 4 × 80 s, 81 s, 20 s, 6 × 4 s and 5 × 0: 446 s in 17.
	if took.N != 17 || took.AvgSeconds != 26.2 || math.Abs(took.P50Seconds/4-1) > 0.1 || math.Abs(took.P90Seconds/80-1) > 0.1 {
		t.Errorf("time to complete %+v", took)
	}
	if o := told.Overview(nil); o.WithoutSMS.Saved != nil {
		t.Error("without prices something was saved")
	}
	d := told.Delays()
	if diff := cmp.Diff([]analytics.DelayStep{{DelaySeconds: 60, Resends: 5, Successes: 5, SuccessRate: 1}}, d.Steps); diff != "" {
		t.Error(diff)
	}
	if len(d.Delivery) != 1 || d.Delivery[0].Country != "BR" || d.Delivery[0].Messages != 6 || math.Abs(d.Delivery[0].P90Seconds/4-1) > 0.1 || len(d.Delays) != 0 {
		t.Errorf("%+v", d)
	}
	if diff := cmp.Diff([]analytics.HourOfDay{{Hour: 8, Started: 23, Successes: 17, SuccessRate: 0.739}}, told.Hours().Hours); diff != "" {
		t.Error(diff)
	}
	c := told.Channels()
	for _, list := range [][]analytics.Conversion{c.Channels, c.Countries, c.Providers} {
		for i := range list {
			list[i].P50Seconds, list[i].P90Seconds = 0, 0
		}
	}
	sms := analytics.Conversion{Sends: 11, Delivered: 6, Successes: 6, SuccessRate: 0.545}
	lost := analytics.Conversion{Failed: 6}
	with := func(c analytics.Conversion, channel, country, provider string) analytics.Conversion {
		c.Channel, c.Country, c.Provider = channel, country, provider
		return c
	}
	both := sms
	both.Failed = 6
	if diff := cmp.Diff(analytics.Channels{
		Channels:  []analytics.Conversion{with(both, "sms", "", ""), {Channel: "websocket", Sends: 6, Successes: 6, SuccessRate: 1}},
		Countries: []analytics.Conversion{with(sms, "", "BR", ""), with(lost, "", "US", "")},
		Providers: []analytics.Conversion{with(sms, "sms", "BR", "twilio"), with(lost, "sms", "US", "vonage")},
	}, c); diff != "" {
		t.Error(diff)
	}
}

// What led nowhere is in the sums, and a channel of which nothing is known in no list.
func TestFiguresOfWhatLedNowhere(t *testing.T) {
	lives := map[string][]analytics.Event{}
	for i := range 5 {
		s := &script{id: fmt.Sprint(i), person: fmt.Sprint(i), at: now.Add(-time.Hour)}
		s.then(0, analytics.Event{Name: "verification.created", Purpose: "login"}).
			then(time.Second, analytics.Event{Name: "delivery.unknown", Channel: "sms", Country: "DE", Provider: "twilio", DeliveryID: "1"}).
			then(time.Second, analytics.Event{Name: "delivery.accepted", Channel: "push", Provider: "fcm", DeliveryID: "2"}).
			then(time.Second, analytics.Event{Name: "verification.denied", Channel: "push"})
		lives[s.id] = s.events
	}
	told := ledgerOf(lives).tell(1)
	o := told.Overview(nil)
	if d := cmp.Diff(map[string]analytics.Channel{"push": {Sends: 5}}, o.ByChannel); d != "" || o.Totals.VerifyFailed != 5 || o.Ended.Denied != 5 {
		t.Errorf("%+v %s", o, d)
	}
	if c := told.Channels(); len(c.Channels) != 1 || c.Channels[0].Channel != "push" || len(c.Countries) != 0 {
		t.Errorf("%+v", c)
	}
}

// The shapes that clients are written against, of nothing: lists are lists.
func TestShapes(t *testing.T) {
	var told analytics.Told
	for _, c := range []struct {
		answer any
		want   string
	}{
		{told.Delays(), `{"steps":[],"delivery":[],"delays":[],"hidden":false}`},
		{analytics.DelayStep{DelaySeconds: 60, Resends: 2, Successes: 1, SuccessRate: 0.5}, `{"delay_seconds":60,"resends":2,"successes":1,"success_rate":0.5}`},
		{told.Hours(), `{"hours":[],"hidden":false}`},
		{told.Channels(), `{"channels":[],"countries":[],"providers":[],"other":null,"hidden":false}`},
		{told.Overview(nil), `{"totals":{"send_code":0,"verify_success":0,"verify_failed":0,"resend_request":0,"change_phone":0},` +
			`"ended":{"approved":0,"denied":0,"failed":0,"expired":0,"canceled":0,"superseded":0,"blocked":0},"success_rate":0,` +
			`"time_to_complete":{"n":0,"avg_seconds":0,"p50_seconds":0,"p90_seconds":0},"without_sms":{"logins":0,"share":0,"saved":null},"by_channel":{},"hidden":false}`},
	} {
		got, err := json.Marshal(c.answer)
		if err != nil || string(got) != c.want {
			t.Errorf("%s, not %s: %v", got, c.want, err)
		}
	}
}

// Whatever the times are, a percentile is within 10 % of the true one.
func TestPercentiles(t *testing.T) {
	lot := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		lives, took := map[string][]analytics.Event{}, []float64{}
		spread := 0.1 + 2*lot.Float64()
		for i := range 301 {
			seconds := min(3000, 20*math.Exp(spread*lot.NormFloat64()))
			s := &script{id: fmt.Sprint(i), person: fmt.Sprint(i), at: now.Add(-2 * day)}
			s.then(0, analytics.Event{Name: "verification.created"}).
				then(time.Duration(seconds*float64(time.Second)), analytics.Event{Name: "verification.approved", Method: "app"})
			lives[s.id], took = s.events, append(took, seconds)
		}
		slices.Sort(took)
		got := ledgerOf(lives).tell(30).Overview(nil).TimeToComplete
		if math.Abs(got.P50Seconds/took[150]-1) > 0.1 || math.Abs(got.P90Seconds/took[270]-1) > 0.1 {
			t.Errorf("%+v, truly %.2f and %.2f", got, took[150], took[270])
		}
	}
}

// Days with too few people are left out, and that is said.
func TestFewPeopleAreHidden(t *testing.T) {
	lives := map[string][]analytics.Event{}
	for i := range 20 {
		s := &script{id: fmt.Sprint(i), person: fmt.Sprint(i % 4), at: now}
		lives[s.id] = s.then(0, analytics.Event{Name: "verification.created"}).events
	}
	if o := ledgerOf(lives).tell(30).Overview(nil); o.Totals.SendCode != 0 || !o.Hidden {
		t.Errorf("twenty verifications of four people: %+v", o)
	}
	maps.Copy(lives, town())
	l := ledgerOf(lives)
	told := l.tell(1) // of an hour in which only the four were there nothing is told
	if o := told.Overview(nil); o.Totals.SendCode != 43 || !o.Hidden || !told.Hours().Hidden || told.Channels().Hidden {
		t.Errorf("beside others of the same span: %+v", o)
	}
}

// When people were erased, a family may know more of them than all. Then too nothing
// is told of fewer than five.
func TestErasedPeopleAreHidden(t *testing.T) {
	all, hour := analytics.Group{Family: "all"}, analytics.Group{Family: "hour", Cell: "8"}
	told := analytics.Tell([]analytics.Span{{
		Counts: map[analytics.Group]analytics.Counts{all: {"started": 9}, hour: {"started": 9}},
		People: map[analytics.Group][]string{all: {"1", "2", "3", "4"}, hour: {"1", "2", "3", "4", "5"}},
	}})
	if h := told.Hours(); len(h.Hours) != 0 || !h.Hidden || !told.Overview(nil).Hidden || !told.Delays().Hidden || !told.Channels().Hidden {
		t.Errorf("told %+v", h)
	}
}

// Of six people who were asked and four who approved, how long it took is not told.
func TestTimesOfFewAreHidden(t *testing.T) {
	for n, told := range map[int64]bool{4: false, 5: true} {
		six := []string{"1", "2", "3", "4", "5", "6"}
		all, sms := analytics.Group{Family: "all"}, analytics.Group{Family: "send", Cell: "sms|US|twilio"}
		took := analytics.Counts{"started": 6, "accepted": 6, "delivered": n, "approved": n, "took.0": n, "arrived.0": n, "took_ms": n * 30000}
		of := analytics.Tell([]analytics.Span{{
			Counts: map[analytics.Group]analytics.Counts{all: took, sms: took}, People: map[analytics.Group][]string{all: six, sms: six},
		}})
		o, c := of.Overview(nil).TimeToComplete, of.Channels().Channels
		if (o.N == 0 && o.AvgSeconds == 0 && o.P50Seconds == 0) == told || len(c) != 1 || c[0].Successes != int(n) || (c[0].P50Seconds == 0) == told || (len(of.Delays().Delivery) == 0) == told {
			t.Errorf("of %d times %+v, %+v, %+v are told", n, o, c, of.Delays().Delivery)
		}
	}
}

func TestNow(t *testing.T) {
	l := ledgerOf(town()) // yesterday, 8 o'clock
	at := time.Date(2026, 11, 21, 8, 30, 0, 0, time.UTC)
	s := &script{id: "x", person: "x", at: at.Add(-time.Minute)}
	s.then(0, analytics.Event{Name: "verification.created", Purpose: "login"}).
		then(time.Second, analytics.Event{Name: "delivery.accepted", Channel: "sms", Country: "BR", Provider: "twilio"}).
		then(time.Second, analytics.Event{Name: "delivery.delivered", Channel: "sms", Country: "BR", Provider: "twilio"}).
		then(28*time.Second, analytics.Event{Name: "verification.approved", Channel: "sms", Method: "sms_code"})
	two := &script{id: "y", person: "x", at: at}
	two.then(0, analytics.Event{Name: "verification.created"}).
		then(0, analytics.Event{Name: "delivery.failed", Channel: "sms", Country: "BR", Provider: "twilio"}).
		then(0, analytics.Event{Name: "delivery.undelivered", Channel: "sms", Country: "US", Provider: "twilio"})
	old := &script{id: "z", person: "x", at: at.Add(-28 * day)}
	old.then(0, analytics.Event{Name: "verification.created"})
	older := &script{id: "o", person: "x", at: at.Add(-29 * day)}
	older.then(0, analytics.Event{Name: "verification.created"})
	other := &script{id: "h", person: "x", at: at.Add(-3*day - time.Hour)} // starts in another hour, ends in this one
	other.then(0, analytics.Event{Name: "verification.created"}).then(time.Hour, analytics.Event{Name: "verification.expired"})
	for _, s := range []*script{s, two, old, older, other} {
		l.add(analytics.Count(s.events, map[string][]analytics.Event{s.id: s.events}))
	}
	p := analytics.Now(l.allHours(), at)
	half, usual, started, free := 0.5, 0.708, 12.0, 0.0 // 17 of 24 in two days; this one by SMS
	if len(p.Hours) != 24 || !cmp.Equal(p.Hours[23], analytics.HourOutline{At: at.Truncate(time.Hour), Started: 2, Approved: 1, Sends: 1}) || p.Hours[0].Started != 0 {
		t.Errorf("hours %+v", p.Hours)
	}
	if p.MedianSeconds == nil || math.Abs(*p.MedianSeconds/30-1) > 0.1 {
		t.Errorf("median %v", p.MedianSeconds)
	}
	p.Hours, p.MedianSeconds = nil, nil
	if d := cmp.Diff(analytics.Pulse{
		Hour:  analytics.PulseHour{Started: 2, Approved: 1, Success: &half},
		Usual: analytics.Usual{Days: 2, Success: &usual, Started: &started}, WithoutSMS: &free,
		Sends: []analytics.ChannelNow{{Channel: "sms", Accepted: 1, Delivered: 1, Failed: 2, Approved: 1}},
	}, p); d != "" {
		t.Error(d)
	}
	late := &script{id: "l", person: "x", at: at.Add(-time.Hour)}
	late.then(0, analytics.Event{Name: "verification.created"}).then(time.Hour, analytics.Event{Name: "verification.approved", Method: "app"})
	three := &script{id: "m", person: "x", at: at.Add(-time.Hour)}
	three.then(0, analytics.Event{Name: "verification.created"}).then(time.Hour, analytics.Event{Name: "verification.approved", Method: "app"})
	for _, s := range []*script{late, three} {
		l.add(analytics.Count(s.events, map[string][]analytics.Event{s.id: s.events}))
	}
	if p := analytics.Now(l.allHours(), at); *p.Hour.Success != 1 || p.Hour.Approved != 3 || p.Hour.Started != 2 || len(p.Sends) != 1 {
		t.Errorf("more ended than began: %+v", p.Hour)
	}
	if p := analytics.Now(nil, at); p.Hour.Success != nil || p.Usual.Success != nil || p.WithoutSMS != nil || p.Sends == nil || len(p.Hours) != 24 {
		t.Errorf("nothing is %+v", p)
	}
}
