package sms_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"nod/delivery/sms"
	"nod/verify"
)

// ranked makes a router that has read its conversions and returns the order in
// which it asks for a country.
func ranked(t testing.TB, names []string, prices sms.Prices, measured []verify.Conversion, country string) []string {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := sms.Config{
		Prices: prices, Log: slog.New(slog.DiscardHandler),
		Conversions: func(context.Context) ([]verify.Conversion, error) {
			cancel() // Run ends after this reading
			return measured, nil
		},
	}
	for _, name := range names {
		c.Providers = append(c.Providers, sms.Provider{Name: name, Channel: &station{answer: accepted}})
	}
	r, err := sms.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if prices != nil {
		r.Run(ctx)
	}
	var order []string
	for range names {
		order = append(order, r.Send(t.Context(), to(country, order...)).Provider)
	}
	return order
}

func TestOrder(t *testing.T) {
	of := func(provider string, sent, approved int) verify.Conversion {
		return verify.Conversion{Provider: provider, Country: "US", Sent: sent, Approved: approved}
	}
	prices := sms.Prices{"a": {"US": 3, "*": 1}, "b": {"US": 2}, "c": {"*": 1}}
	for _, c := range []struct {
		name     string
		prices   sms.Prices
		measured []verify.Conversion
		country  string
		want     string
	}{
		{"as configured without prices", nil, []verify.Conversion{of("c", 100, 100), of("a", 100, 1)}, "US", "a b c"},
		{"by price", prices, nil, "US", "c b a"},
		{"one price for all other countries, none last", prices, nil, "DE", "a c b"},
		{"conversion before price", prices, []verify.Conversion{of("a", 100, 95), of("b", 100, 90), of("c", 100, 50)}, "US", "a b c"},
		{"noise inside a step", prices, []verify.Conversion{of("a", 100, 94), of("b", 100, 90), of("c", 100, 92)}, "US", "c b a"},
		{"few messages count as the best", prices, []verify.Conversion{of("a", 100, 95), of("b", 100, 90), of("c", 29, 0)}, "US", "c a b"},
		{"thirty say something", prices, []verify.Conversion{of("a", 100, 95), of("b", 100, 90), of("c", 30, 0)}, "US", "a b c"},
		{"another country says nothing", prices, []verify.Conversion{of("a", 100, 95), of("b", 100, 10), of("c", 100, 10)}, "DE", "a c b"},
		{"rows of one provider are one", prices, []verify.Conversion{of("a", 15, 15), of("a", 15, 15), of("b", 20, 0), of("b", 20, 0), of("c", 99, 50)}, "US", "a c b"},
	} {
		if got := strings.Join(ranked(t, []string{"a", "b", "c"}, c.prices, c.measured, c.country), " "); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestOrderRule checks the rule of the package comment on any prices and figures.
func TestOrderRule(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		names := []string{"a", "b", "c", "d"}[:rapid.IntRange(1, 4).Draw(rt, "providers")]
		prices, sent, approved := sms.Prices{}, map[string]int{}, map[string]int{}
		var measured []verify.Conversion
		for _, name := range names {
			if rapid.Bool().Draw(rt, "priced "+name) {
				prices[name] = map[string]float64{rapid.SampledFrom([]string{"US", "*"}).Draw(rt, "for "+name): float64(rapid.IntRange(0, 3).Draw(rt, "price "+name))}
			}
			sent[name] = rapid.SampledFrom([]int{0, 1, 29, 30, 31, 100, 1000}).Draw(rt, "sent "+name)
			approved[name] = rapid.IntRange(0, sent[name]).Draw(rt, "approved "+name)
			measured = append(measured, verify.Conversion{Provider: name, Country: "US", Sent: sent[name], Approved: approved[name]})
		}
		order := ranked(t, names, prices, measured, "US")
		if sorted := slices.Sorted(slices.Values(order)); !slices.Equal(sorted, names) {
			rt.Fatalf("asked %v of %v", order, names)
		}
		best := 0
		for _, name := range names {
			if sent[name] >= 30 {
				best = max(best, approved[name]*100/sent[name]/5)
			}
		}
		step := func(name string) int {
			if sent[name] < 30 {
				return best
			}
			return approved[name] * 100 / sent[name] / 5
		}
		cost := func(name string) (float64, bool) {
			for _, p := range prices[name] {
				return p, true
			}
			return 0, false
		}
		for i := 1; i < len(order); i++ {
			a, b := order[i-1], order[i]
			costA, pricedA := cost(a)
			costB, pricedB := cost(b)
			switch {
			case pricedB && !pricedA:
				rt.Fatalf("%v: %s has no price and is before %s", order, a, b)
			case pricedA && !pricedB:
			case step(b) > step(a):
				rt.Fatalf("%v: %s converts better than %s", order, b, a)
			case step(a) == step(b) && costB < costA:
				rt.Fatalf("%v: %s is cheaper than %s", order, b, a)
			case step(a) == step(b) && costB == costA && b < a:
				rt.Fatalf("%v: nothing sets %s before %s", order, a, b)
			}
		}
	})
}

func TestConversionsAreReadInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := &station{answer: accepted}, &station{answer: accepted}
		var mu sync.Mutex
		best, fails, read := "a", false, 0
		now := func(b string, f bool) { mu.Lock(); best, fails = b, f; mu.Unlock() }
		r, err := sms.New(sms.Config{
			Providers: []sms.Provider{{Name: "a", Channel: a}, {Name: "b", Channel: b}},
			Prices:    sms.Prices{"a": {"*": 1}, "b": {"*": 1}},
			Conversions: func(ctx context.Context) ([]verify.Conversion, error) {
				mu.Lock()
				read++
				best, fails := best, fails
				mu.Unlock()
				if fails {
					<-ctx.Done()
					return nil, errors.New("away")
				}
				return []verify.Conversion{
					{Provider: "a", Country: "US", Sent: 100, Approved: 50}, {Provider: "b", Country: "US", Sent: 100, Approved: 50},
					{Provider: best, Country: "US", Sent: 1000, Approved: 1000},
				}, nil
			},
			Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var runs sync.WaitGroup
		runs.Go(func() { r.Run(ctx) })
		first := func() (provider string, readings int) {
			mu.Lock()
			defer mu.Unlock()
			return r.Send(t.Context(), to("US")).Provider, read
		}
		synctest.Wait()
		if got, _ := first(); got != "a" {
			t.Errorf("first is %s", got)
		}
		now("b", false)
		pass(10*time.Minute - time.Second)
		if got, read := first(); got != "a" || read != 1 {
			t.Errorf("first is %s after %d readings, want the old figures for ten minutes", got, read)
		}
		pass(2 * time.Second)
		if got, read := first(); got != "b" || read != 2 {
			t.Errorf("first is %s after %d readings, want the new figures", got, read)
		}
		now("a", true)
		pass(10 * time.Minute)
		before := time.Now()
		if got, read := first(); got != "b" || read != 3 || time.Since(before) != 0 {
			t.Errorf("first is %s after %d readings, want the old figures at once while the reading hangs", got, read)
		}
		now("a", false)
		pass(5 * time.Minute)
		if got, _ := first(); got != "b" {
			t.Errorf("first is %s, want the old figures after a failure", got)
		}
		pass(5 * time.Minute)
		if got, _ := first(); got != "a" {
			t.Errorf("first is %s, want what was read after the failure", got)
		}
		cancel()
		runs.Wait()
	})
}

func TestReadPrices(t *testing.T) {
	got, err := sms.ReadPrices([]byte(`{"twilio": {"US": 0.0079, "*": 0.05}, "vonage": {"001": 0}}`))
	if err != nil || got["twilio"]["US"] != 0.0079 || got["twilio"]["*"] != 0.05 || len(got) != 2 {
		t.Errorf("got %v, %v", got, err)
	}
	for text, says := range map[string]string{
		``:                             `write {"twilio"`,
		`[]`:                           `write {"twilio"`,
		`{}`:                           "empty",
		`null`:                         "empty",
		`{"twilio": 1}`:                `write {"twilio"`,
		`{"twilio": {}}`:               `"*": 0.05`,
		`{"twilio": null}`:             `"*": 0.05`,
		`{"twilio": {"us": 1}}`:        "two capital letters",
		`{"twilio": {"USA": 1}}`:       "two capital letters",
		`{"twilio": {"US": -1}}`:       "below zero",
		`{"twilio": {"US": "1"}}`:      `write {"twilio"`,
		`{"twilio": {"US": 1}} {"a":1`: "after their end",
	} {
		if _, err := sms.ReadPrices([]byte(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want it to say %q", text, err, says)
		}
	}
}

func TestDearest(t *testing.T) {
	prices := sms.Prices{"a": {"US": 3, "*": 1}, "b": {"US": 2}, "c": {"*": 4}}
	for _, c := range []struct {
		country   string
		providers string
		want      float64
		known     bool
	}{
		{"US", "a b", 3, true},
		{"US", "b a c", 4, true},
		{"DE", "a", 1, true},
		{"", "a c", 4, true},    // of a number of no country
		{"DE", "a b", 0, false}, // nobody knows what b costs there
		{"US", "a nobody", 0, false},
		{"US", "", 0, false},
	} {
		if got, known := prices.Dearest(c.country, strings.Fields(c.providers)); got != c.want || known != c.known {
			t.Errorf("to %q with %q it costs %v %t, want %v %t", c.country, c.providers, got, known, c.want, c.known)
		}
	}
}
