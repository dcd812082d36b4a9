package sms

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"nod/verify"
)

const (
	everywhere  = "*"
	enough      = 30 // messages, for a share that says something
	stepsPerOne = 20 // five points each
)

// Prices are what a message costs: by provider, then by country (ISO 3166-1
// alpha-2, or "001" and the like for numbers of no country; see
// [verify.Delivery]), "*" for every other country. One currency for all; which one
// does not matter, nor how many segments: the texts have one.
type Prices map[string]map[string]float64

var country = regexp.MustCompile(`^([A-Z]{2}|[0-9]{3}|\*)$`)

// ReadPrices reads prices from JSON such as
//
//	{"twilio": {"US": 0.0079, "*": 0.05}, "vonage": {"*": 0.04}}
//
// The error says what is wrong and what to write.
func ReadPrices(text []byte) (Prices, error) {
	const form = `write {"twilio": {"US": 0.0079, "*": 0.05}}`
	var prices Prices
	d := json.NewDecoder(strings.NewReader(string(text)))
	if err := d.Decode(&prices); err != nil {
		return nil, fmt.Errorf("the prices cannot be read: %w: %s", err, form)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("the prices have something after their end: " + form)
	}
	if len(prices) == 0 {
		return nil, errors.New("the prices are empty: " + form)
	}
	for provider, of := range prices {
		if len(of) == 0 {
			return nil, fmt.Errorf(`the prices of %q are empty: write a price for every country as "*", for example {"*": 0.05}, or leave the provider out`, provider)
		}
		for c, price := range of {
			if !country.MatchString(c) {
				return nil, fmt.Errorf(`the prices of %q name %q: write a country as two capital letters (ISO 3166-1), for example "DE", or "*" for all others`, provider, c)
			}
			if price < 0 {
				return nil, fmt.Errorf("the price of %q for %q is below zero: write what one message costs", provider, c)
			}
		}
	}
	return prices, nil
}

// of is what a message costs; false: that is not known.
func (p Prices) of(provider, country string) (float64, bool) {
	if price, ok := p[provider][country]; ok {
		return price, true
	}
	price, ok := p[provider][everywhere]
	return price, ok
}

// Dearest is what a message to a country costs at most, whichever of the providers
// takes it; false where one of them has no price, or there is none: then nobody knows.
func (p Prices) Dearest(country string, providers []string) (most float64, known bool) {
	for _, name := range providers {
		price, ok := p.of(name, country)
		if !ok {
			return 0, false
		}
		most = max(most, price)
	}
	return most, len(providers) > 0
}

// steps are measured conversions in steps of five points: by country, then by
// provider. A provider with too few messages is absent.
type steps map[string]map[string]int

func stepsOf(conversions []verify.Conversion) *steps {
	type key struct{ country, provider string }
	sums := map[key]verify.Conversion{}
	for _, c := range conversions {
		k := key{c.Country, c.Provider}
		sum := sums[k]
		sum.Sent, sum.Approved = sum.Sent+c.Sent, sum.Approved+c.Approved
		sums[k] = sum
	}
	s := steps{}
	for k, sum := range sums {
		if sum.Sent < enough {
			continue
		}
		if s[k.country] == nil {
			s[k.country] = map[string]int{}
		}
		s[k.country][k.provider] = sum.Approved * stepsPerOne / sum.Sent
	}
	return &s
}

// Price is what an SMS to a country costs with the provider that is asked first;
// false: that is not known.
func (r *Router) Price(country string) (float64, bool) {
	return r.config.Prices.of(r.ranked(country)[0].name, country)
}

// ranked are the providers in the order in which they are asked for a country.
func (r *Router) ranked(country string) []*provider {
	if r.config.Prices == nil {
		return r.providers
	}
	measured := (*r.steps.Load())[country]
	best := 0
	for _, p := range r.providers {
		best = max(best, measured[p.name])
	}
	step := func(p *provider) int {
		if s, ok := measured[p.name]; ok {
			return s
		}
		return best
	}
	ranked := slices.Clone(r.providers)
	slices.SortStableFunc(ranked, func(a, b *provider) int {
		costA, pricedA := r.config.Prices.of(a.name, country)
		costB, pricedB := r.config.Prices.of(b.name, country)
		switch {
		case pricedA && !pricedB:
			return -1
		case pricedB && !pricedA:
			return 1
		}
		return cmp.Or(cmp.Compare(step(b), step(a)), cmp.Compare(costA, costB))
	})
	return ranked
}
