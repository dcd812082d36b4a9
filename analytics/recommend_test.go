package analytics_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nod/analytics"
)

// month is a month's sums, in which a share of each group went well, and whatever is
// not planted does as well as its neighbours.
type month struct {
	lot    *rand.Rand
	counts map[analytics.Group]analytics.Counts
	plant  func(group string) (share float64, planted bool)
}

// some draws how many of n go well.
func (m *month) some(n int, share float64) (x int64) {
	for range n {
		if m.lot.Float64() < share {
			x++
		}
	}
	return x
}

// group adds n cases of a cell, of which a share, or what is planted, goes well.
func (m *month) group(family, cell, of, in string, n int, share float64) {
	if planted, ok := m.plant(family + " " + cell); ok {
		share = planted
	}
	n += m.lot.IntN(n)
	plus(m.counts, analytics.Group{Family: family, Cell: cell}, in, int64(n))
	plus(m.counts, analytics.Group{Family: family, Cell: cell}, of, m.some(n, share))
}

// play makes a month of the seed; size is about how many cases a group has.
func play(seed uint64, size int, plant func(group string) (float64, bool)) analytics.Told {
	m := month{rand.New(rand.NewPCG(seed, 6)), map[analytics.Group]analytics.Counts{}, plant}
	for hour := range 24 {
		m.group("hour", strconv.Itoa(hour), "approved", "started", size, 0.88)
	}
	for _, country := range []string{"BR", "DE", "IN", "US"} {
		for _, provider := range []string{"twilio", "vonage"} {
			cell := "sms|" + country + "|" + provider
			m.group("send", cell, "first_worked", "first", size, 0.8)
			share := 0.05
			if late, ok := plant("late " + country); ok {
				share = late
			}
			late := m.some(size, share)
			plus(m.counts, analytics.Group{Family: "send", Cell: cell}, "arrived.8", late) // 101 to 120 s
			plus(m.counts, analytics.Group{Family: "send", Cell: cell}, "arrived.-8", int64(size)-late)
		}
		m.group("send", "voice|"+country+"|twilio", "first_worked", "first", size, 0.8)
	}
	for _, delay := range []string{"0", "60", "120", "300"} {
		m.group("step", delay, "approved", "resends", size, 0.6)
	}
	for _, language := range []string{"ar", "de", "en", "es", "hi"} {
		m.group("text", language, "mistyped", "typed", size, 0.1)
	}
	return tell(m.counts)
}

// tell tells of sums behind each of which stand five people.
func tell(counts map[analytics.Group]analytics.Counts) analytics.Told {
	plus(counts, analytics.Group{Family: "all"}, "started", 1)
	s := analytics.Span{Counts: counts, People: map[analytics.Group][]string{}}
	for g := range counts {
		s.People[g] = []string{"1", "2", "3", "4", "5"}
	}
	return analytics.Tell([]analytics.Span{s})
}

func nothing(string) (float64, bool) { return 0, false }

// planted is one thing that is worse, or better, than the rest.
func planted(group string, share float64) func(string) (float64, bool) {
	return func(g string) (float64, bool) { return share, strings.HasPrefix(g, group) }
}

var rules = analytics.Rules{
	ResendDelays: []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute},
	SMSProviders: []string{"twilio", "vonage"},
}

// What is planted is found, and nothing beside it.
func TestRecommendationsFindWhatIsPlanted(t *testing.T) {
	for _, c := range []struct {
		name, group, kind string
		share             float64
		title             string
		says              []string
	}{
		{"a delay that fails", "step 300", "delay", 0.2, "Change the resend after 300 s", []string{"resends asked for after 300 s", "shorter in NOD_RESEND_DELAYS"}},
		{"a first delay that fails", "step 60", "delay", 0.2, "Change the resend after 60 s", []string{"longer in NOD_RESEND_DELAYS"}},
		{"SMS that come late", "late IN", "delay", 0.4, "Wait longer before a resend to IN", []string{"SMS to IN", "60 s", "NOD_RESEND_DELAYS=auto"}},
		{"a text that is mistyped", "text de", "wording", 0.3, "Make the code easier to read in the texts for de", []string{"with texts for de and a code typed"}},
		{"a bad hour", "hour 3", "timing", 0.6, "Look at what happens from 03:00 to 04:00 UTC", []string{"started then"}},
		{"a provider that is worse in one country", "send sms|BR|vonage", "provider", 0.55, "Send to BR with another provider than vonage", []string{"vonage", "BR", "NOD_SMS_PROVIDERS", "leave it out"}},
		{"a provider that is worse everywhere but at home", "send sms|BR|twilio", "provider", 0.55, "Send to BR with another provider than twilio", []string{"Name another one before it"}},
		{"SMS that do not work in a country", "send sms|US", "channel", 0.55, "", []string{"US"}},
		{"calls that work better", "send voice|DE", "channel", 0.97, "Offer calls sooner in DE", []string{"SMS to DE", "the channel voice"}},
	} {
		for seed := range uint64(5) {
			got := play(seed, 400, planted(c.group, c.share)).Recommendations(rules)
			if len(got) != 1 || got[0].Kind != c.kind || c.title != "" && got[0].Title != c.title {
				t.Fatalf("%s, seed %d: %+v", c.name, seed, got)
			}
			for _, says := range c.says {
				if !strings.Contains(got[0].Text, says) {
					t.Errorf("%s: %q does not say %q", c.name, got[0].Text, says)
				}
			}
			if got[0].Sample < 400 || len(got[0].Evidence) == 0 {
				t.Errorf("%s: sample %d, evidence %v", c.name, got[0].Sample, got[0].Evidence)
			}
		}
	}
}

// Silence is promised in 99 of 100 looks at nothing, so of 500 at most five may speak.
func TestRecommendationsAreSilentAboutNothing(t *testing.T) {
	spoke := 0
	for seed := range uint64(500) {
		if got := play(seed, 60, nothing).Recommendations(rules); len(got) > 0 {
			spoke++
			t.Logf("seed %d: %s", seed, got[0].Text)
		}
	}
	if spoke > 5 {
		t.Errorf("%d of 500 worlds without an effect were advised", spoke)
	}
}

// What is true but small, or seen too seldom, is not worth a word.
func TestRecommendationsNeedEnough(t *testing.T) {
	if got := play(1, 20_000, planted("hour 3", 0.85)).Recommendations(rules); len(got) != 0 {
		t.Errorf("three points: %+v", got)
	}
	if got := play(1, 20, planted("hour 3", 0.1)).Recommendations(rules); len(got) != 0 {
		t.Errorf("few: %+v", got)
	}
	if got := play(1, 400, planted("late IN", 0.4)).Recommendations(analytics.Rules{AutoDelays: true, ResendDelays: rules.ResendDelays}); len(got) != 0 {
		t.Errorf("auto waits already: %+v", got)
	}
	if got := play(1, 400, planted("late IN", 0.4)).Recommendations(analytics.Rules{ResendDelays: []time.Duration{110 * time.Second}}); len(got) != 0 {
		t.Errorf("they may have come in time: %+v", got)
	}
	slow := map[analytics.Group]analytics.Counts{{Family: "send", Cell: "sms|IN|twilio"}: {"arrived.-8": 100, "arrived.15": 300}} // 339 to 403 s
	for wait, pieces := range map[time.Duration]int{4 * time.Minute: 1, 5 * time.Minute: 0} {
		if got := tell(slow).Recommendations(analytics.Rules{ResendDelays: []time.Duration{wait}}); len(got) != pieces {
			t.Errorf("auto waits up to 300 s, and they wait for %s: %+v", wait, got)
		}
	}
	if got := play(1, 90, planted("late IN", 0.4)).Recommendations(rules); len(got) != 0 {
		t.Errorf("too few receipts for auto, which it would name: %+v", got)
	}
	free := map[analytics.Group]analytics.Counts{{Family: "step", Cell: "0"}: {"resends": 200, "approved": 190}, {Family: "step", Cell: "60"}: {"resends": 200, "approved": 120}}
	if got := tell(free).Recommendations(rules); len(got) != 0 {
		t.Errorf("where nobody waited is nothing to compare with: %+v", got)
	}
	none := analytics.Told{}.Recommendations(rules)
	if text, err := json.Marshal(none); err != nil || string(text) != "[]" {
		t.Errorf("nothing is %s, %v", text, err)
	}
}

// Who followed advice does not hear it again, nor that the whole country does badly.
func TestRecommendationsAreAboutWhatIsSo(t *testing.T) {
	alone := analytics.Rules{ResendDelays: rules.ResendDelays, SMSProviders: []string{"twilio"}}
	if got := play(1, 400, planted("send sms|BR|vonage", 0.3)).Recommendations(alone); len(got) != 0 {
		t.Errorf("vonage is not asked any more: %+v", got)
	}
	shorter := analytics.Rules{ResendDelays: rules.ResendDelays[:2], SMSProviders: rules.SMSProviders}
	auto := analytics.Rules{ResendDelays: rules.ResendDelays, AutoDelays: true, SMSProviders: rules.SMSProviders}
	for _, r := range []analytics.Rules{shorter, auto} {
		if got := play(1, 400, planted("step 300", 0.2)).Recommendations(r); len(got) != 0 {
			t.Errorf("nobody is told to wait 300 s, or nod chose it: %+v", got)
		}
	}
}

// Two countries that do badly are one piece of advice, and each case is in its sample
// once.
func TestCountriesShareASample(t *testing.T) {
	counts := map[analytics.Group]analytics.Counts{}
	for country, worked := range map[string]int64{"BR": 400, "DE": 850, "IN": 410, "US": 860} {
		counts[analytics.Group{Family: "send", Cell: "sms|" + country + "|twilio"}] = analytics.Counts{"first": 1000, "first_worked": worked}
	}
	got := tell(counts).Recommendations(rules)
	if len(got) != 1 || got[0].Title != "Offer another way than SMS in BR and IN" || got[0].Sample != 4000 {
		t.Errorf("%+v", got)
	}
	for i, country := range []string{"MX", "PE", "UY"} {
		counts[analytics.Group{Family: "send", Cell: "sms|" + country + "|twilio"}] = analytics.Counts{"first": 1000, "first_worked": 420 + int64(i)}
	}
	got = tell(counts).Recommendations(rules)
	if len(got) != 1 || got[0].Title != "Offer another way than SMS in BR, IN, MX and 2 more" || len(got[0].Evidence) != 15 {
		t.Errorf("of many: %+v", got)
	}
}

// Findings that belong together are said once.
func TestRecommendationsAreSaidOnce(t *testing.T) {
	bad := map[string]float64{"hour 22": 0.5, "hour 23": 0.5, "hour 0": 0.5, "hour 4": 0.5, "send sms|BR|vonage": 0.4, "send sms|IN|vonage": 0.5, "late BR": 0.4, "late IN": 0.5}
	got := play(3, 1500, func(g string) (float64, bool) { share, ok := bad[g]; return share, ok }).Recommendations(rules)
	titles := map[string]bool{}
	for _, r := range got {
		titles[r.Title] = true
	}
	want := []string{
		"Look at what happens from 04:00 to 05:00 UTC", "Look at what happens from 22:00 to 01:00 UTC",
		"Send to IN and BR with another provider than vonage", "Wait longer before a resend to IN and BR",
	}
	if d := cmp.Diff(want, slices.Sorted(maps.Keys(titles))); d != "" || len(got) != len(want) {
		t.Error(d)
	}
}

// The very words, once.
func TestRecommendationWords(t *testing.T) {
	told := tell(map[analytics.Group]analytics.Counts{
		{Family: "send", Cell: "sms|BR|twilio"}: {"first": 1640, "first_worked": 1361},
		{Family: "send", Cell: "sms|BR|vonage"}: {"first": 812, "first_worked": 471},
	})
	want := []analytics.Recommendation{{
		Kind: "provider", Title: "Send to BR with another provider than vonage",
		Text: "Of 812 first codes that vonage took for BR, 58 % brought the person in; of 1,640 that others took there, 83 %. " +
			"Chance alone shows this in fewer than 1 of 10,000 looks. " +
			"Name another one before it in NOD_SMS_PROVIDERS, or set NOD_PRICES_FILE, and nod chooses by country.",
		Sample:   2452,
		Evidence: []analytics.Evidence{{Label: "vonage, BR", Value: "58 % of 812"}, {Label: "Others, BR", Value: "83 % of 1,640"}, {Label: "Gap, 95 % sure", Value: "21 to 29 points"}},
	}}
	got := told.Recommendations(analytics.Rules{SMSProviders: []string{"vonage", "twilio"}})
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for _, order := range [][]string{{"vonage", "twilio"}, {"twilio", "vonage"}} {
		priced := told.Recommendations(analytics.Rules{SMSProviders: order, Prices: true})
		if len(priced) != 1 || strings.Contains(priced[0].Text, "set NOD_PRICES_FILE") || !strings.Contains(priced[0].Text, "leave vonage out of NOD_SMS_PROVIDERS") {
			t.Errorf("there are prices, of which it says: %+v", priced)
		}
	}
}

// beside are a country's SMS and calls that worked, each of as many as Newcombe had.
func beside(sms, calls int64, countries ...string) analytics.Told {
	counts := map[analytics.Group]analytics.Counts{}
	for _, c := range countries {
		counts[analytics.Group{Family: "send", Cell: "sms|" + c + "|twilio"}] = analytics.Counts{"first": 80, "first_worked": sms}
		counts[analytics.Group{Family: "send", Cell: "voice|" + c + "|twilio"}] = analytics.Counts{"first": 70, "first_worked": calls}
	}
	return tell(counts)
}

// Newcombe's own example (1998, table II, a): 56 of 70 less 48 of 80 is 0.0524 to
// 0.3339 by his method 10. Fisher's test gives it 0.0063.
func TestGapIsNewcombes(t *testing.T) {
	got := beside(48, 56, "BR").Recommendations(rules)
	if len(got) != 1 || got[0].Evidence[2].Value != "5 to 33 points" || !strings.Contains(got[0].Text, "fewer than 1 of 100 looks") {
		t.Errorf("%+v", got)
	}
	got = beside(43, 56, "BR").Recommendations(rules)
	if len(got) != 1 || !strings.Contains(got[0].Text, "fewer than 1 of 1,000 looks") {
		t.Errorf("%+v", got)
	}
}

// 46 of 80 beside 56 of 70 has a chance of 0.0026. Alone it speaks. Seen in two
// countries, it is two of four looks (each country's SMS are compared with the other's
// too), and four times 0.0026 is over one in a hundred: so the least likely one is not
// taken for true, and by Holm's rule none after it, though three times 0.0026 is under.
func TestLooksAreJudgedTogether(t *testing.T) {
	if got := beside(46, 56, "BR").Recommendations(rules); len(got) != 1 {
		t.Errorf("one look: %+v", got)
	}
	if got := beside(46, 56, "BR", "DE").Recommendations(rules); len(got) != 0 {
		t.Errorf("four looks: %+v", got)
	}
	if got := beside(45, 56, "BR", "DE").Recommendations(rules); len(got) != 1 {
		t.Errorf("four clearer looks: %+v", got)
	}
}

// receipts are SMS of which so many arrived after so many seconds.
func receipts(country string, after map[int]int64) analytics.Told {
	lives, n := map[string][]analytics.Event{}, 0
	for seconds, messages := range after {
		for range messages {
			s := &script{id: fmt.Sprint(n), person: fmt.Sprint(n % 7), at: now.Add(-time.Hour)}
			s.then(0, analytics.Event{Name: "delivery.accepted", Channel: "sms", Country: country, Provider: "twilio"})
			s.then(time.Duration(seconds)*time.Second, analytics.Event{Name: "delivery.delivered", Channel: "sms", Country: country, Provider: "twilio"})
			lives[s.id] = s.events
			n++
		}
	}
	return ledgerOf(lives).tell(30)
}

func TestPlan(t *testing.T) {
	for _, c := range []struct {
		name  string
		after map[int]int64 // messages, by how many seconds they took
		want  []int
	}{
		{"fast", map[int]int64{5: 380, 25: 15, 200: 5}, []int{30, 60, 180}},
		{"a tenth is within two minutes", map[int]int64{10: 360, 70: 60, 110: 500, 119: 60, 200: 20}, []int{120, 240, 300}},
		{"a border counts as in time", map[int]int64{60: 400}, []int{60, 120, 300}},
		{"just over it does not", map[int]int64{61: 400}, []int{90, 180, 300}},
		{"what may be later than 90 s is", map[int]int64{95: 400}, []int{120, 240, 300}},
		{"slower than all", map[int]int64{400: 300}, []int{300, 300, 300}},
		{"just a tenth late is not sure enough", map[int]int64{10: 270, 40: 30}, []int{45, 90, 240}},
		{"too few receipts", map[int]int64{5: 199}, nil},
	} {
		told := receipts("BR", c.after)
		var got []int
		for _, d := range analytics.Plan(told)["BR"] {
			got = append(got, int(d.Seconds()))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, not %v", c.name, got, c.want)
		}
		if d := told.Delays().Delays; len(d) > 0 && !slices.Equal(d[0].Seconds, c.want) {
			t.Errorf("%s: told %v", c.name, d)
		}
	}
	if p := analytics.Plan(analytics.Told{}); len(p) != 0 {
		t.Errorf("nothing plans %v", p)
	}
}
