package analytics

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Overview sums the period up. A nil prices knows none.
func (t Told) Overview(prices PriceOf) Overview {
	all := t.sum(familyAll, whole)[""]
	o := Overview{
		Totals: Totals{
			SendCode: int(all[created]), VerifySuccess: int(all[approved]), VerifyFailed: int(all[checkFailed] + all[denied]),
			ResendRequest: int(all[resent]), ChangePhone: int(all[changed]),
		},
		Ended: Ended{
			Approved: int(all[approved]), Denied: int(all[denied]), Failed: int(all[failed]), Expired: int(all[expired]),
			Canceled: int(all[canceled]), Superseded: int(all[superseded]), Blocked: int(all[blocked]),
		},
		SuccessRate: all.rate(approved, created),
		WithoutSMS:  WithoutSMS{Logins: int(all[spared]), Share: all.rate(spared, logins), Saved: t.saved(prices)},
		ByChannel:   map[string]Channel{},
		Hidden:      t.hides(familyAll, familyHour, familySend, familyStep) || prices != nil && t.hides(familySpared),
	}
	h := all.histogram(took)
	if n := times(h); n >= Least {
		o.TimeToComplete = Took{
			N: int(n), AvgSeconds: round(float64(all[tookMillis])/1000/float64(n), 10),
			P50Seconds: tellable(h, 0.5), P90Seconds: tellable(h, 0.9),
		}
	}
	for channel, c := range t.sum(familySend, label(0)) {
		if c[accepted]+c[approved] > 0 {
			o.ByChannel[channel] = Channel{Sends: int(c[accepted]), Successes: int(c[approved])}
		}
	}
	return o
}

// saved is what the SMS that were not needed would have cost, as far as that is known.
func (t Told) saved(prices PriceOf) *float64 {
	if prices == nil {
		return nil
	}
	sum := 0.0
	for country, c := range t.sum(familySpared, label(0)) {
		if price, ok := prices(country); ok {
			sum += price * float64(c[spared])
		}
	}
	sum = round(sum, 10000)
	return &sum
}

// Delays tells how resends did by delay, and how long deliveries take by country.
func (t Told) Delays() Delays {
	d := Delays{Steps: t.steps(), Delivery: []DeliveryTimes{}, Delays: []CountryDelay{}, Hidden: t.hides(familyStep) || t.hidesArrivals()}
	plan := Plan(t)
	for _, s := range t.arrivals() {
		d.Delivery = append(d.Delivery, DeliveryTimes{s.country, int(s.n), tellable(s.took, 0.5), tellable(s.took, 0.9)})
		if delays := plan[s.country]; delays != nil {
			c := CountryDelay{Country: s.country, Messages: int(s.n)}
			for _, after := range delays {
				c.Seconds = append(c.Seconds, int(after.Seconds()))
			}
			d.Delays = append(d.Delays, c)
		}
	}
	return d
}

// steps are the resends by delay, the shortest first.
func (t Told) steps() []DelayStep {
	steps := []DelayStep{}
	for delay, c := range t.sum(familyStep, label(0)) {
		seconds, err := strconv.Atoi(delay)
		if err != nil {
			continue // those that needed no resend
		}
		steps = append(steps, DelayStep{seconds, int(c[resent]), int(c[approved]), c.rate(approved, resent)})
	}
	slices.SortFunc(steps, func(a, b DelayStep) int { return cmp.Compare(a.DelaySeconds, b.DelaySeconds) })
	return steps
}

// arrivals are the receipts of SMS to one country.
type arrivals struct {
	country string
	n       int64
	took    map[int]int64
}

// arrivals are told by country, most messages first.
func (t Told) arrivals() []arrivals {
	var all []arrivals
	for country, c := range t.sum(familySend, smsTo) {
		if h := c.histogram(arrived); times(h) >= Least {
			all = append(all, arrivals{country, times(h), h})
		}
	}
	slices.SortFunc(all, func(a, b arrivals) int { return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.country, b.country)) })
	return all
}

// hidesArrivals reports whether receipts are left out of [Told.arrivals].
func (t Told) hidesArrivals() bool {
	return t.left[familySend] || slices.ContainsFunc(t.atoms[familySend], func(a atom) bool {
		sms := len(a.labels) == 0 || len(a.labels) == 1 && a.labels[0] == "sms"
		return sms && times(a.counts.histogram(arrived)) > 0
	})
}

// smsTo is the key of an SMS's country.
func smsTo(labels []string) (string, bool) {
	if len(labels) < 2 || labels[0] != "sms" || labels[1] == "" {
		return "", false
	}
	return labels[1], true
}

// Hours tells how verifications did by hour of the day.
func (t Told) Hours() Hours {
	h := Hours{Hours: []HourOfDay{}, Hidden: t.hides(familyHour)}
	for hour, c := range t.sum(familyHour, label(0)) {
		if of, err := strconv.Atoi(hour); err == nil {
			h.Hours = append(h.Hours, HourOfDay{of, int(c[created]), int(c[approved]), c.rate(approved, created)})
		}
	}
	slices.SortFunc(h.Hours, func(a, b HourOfDay) int { return cmp.Compare(a.Hour, b.Hour) })
	return h
}

// Channels tells how sends did.
func (t Told) Channels() Channels {
	known := func(places ...int) func([]string) (string, bool) {
		return func(labels []string) (string, bool) {
			var key [3]string
			for _, at := range places {
				name, ok := label(at)(labels)
				if !ok {
					return "", false
				}
				key[at] = name
			}
			return strings.Join(key[:], "|"), true
		}
	}
	all := Channels{
		Channels:  conversions(t.sum(familySend, known(0))),
		Countries: conversions(t.sum(familySend, known(1))),
		Providers: conversions(t.sum(familySend, known(0, 1, 2))),
		Hidden:    t.hides(familySend),
	}
	if other := conversions(t.sum(familySend, func(labels []string) (string, bool) { return "||", len(labels) < 3 })); len(other) > 0 {
		all.Other = &other[0]
	}
	return all
}

// conversions are sums by channel, country and provider, most sends first.
func conversions(sums map[string]Counts) []Conversion {
	all := []Conversion{}
	for _, key := range slices.Sorted(maps.Keys(sums)) {
		c, name := sums[key], strings.Split(key, "|")
		h := c.histogram(took)
		v := Conversion{
			Channel: name[0], Country: name[1], Provider: name[2],
			Sends: int(c[accepted]), Delivered: int(c[delivered]), Failed: int(c[failed] + c[undelivered]),
			Successes: int(c[approved]), SuccessRate: c.rate(approved, accepted),
			P50Seconds: tellable(h, 0.5), P90Seconds: tellable(h, 0.9),
		}
		if v.Sends+v.Delivered+v.Failed+v.Successes > 0 {
			all = append(all, v)
		}
	}
	slices.SortStableFunc(all, func(a, b Conversion) int { return cmp.Compare(b.Sends, a.Sends) })
	return all
}

// rate is the share of a measure in another, at most 1: what began before the first
// hour and ended in it has an end here and no beginning.
func (c Counts) rate(of, in string) float64 {
	return min(1, rate(int(c[of]), int(c[in])))
}
