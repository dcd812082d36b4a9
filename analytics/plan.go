package analytics

import "time"

// waits are the delays that [Plan] chooses from.
var waits = []time.Duration{
	30 * time.Second, 45 * time.Second, 60 * time.Second, 90 * time.Second,
	120 * time.Second, 180 * time.Second, 240 * time.Second, 300 * time.Second,
}

// How sure a plan must be.
const (
	planReceipts = 200      // with fewer, a country has no plan
	planLate     = 0.10     // of the SMS may come after the first delay: it is about their 90th percentile
	planZ        = 1.644854 // the one-sided 95 % point of the normal distribution
)

// Plan gives the resend delays of each country with 200 receipts of SMS or more, for
// NOD_RESEND_DELAYS=auto: three, between 30 and 300 s, none shorter than the one before.
//
// A resend that is asked for while the first message is still on its way costs a
// message and helps nobody; a wait that is longer than messages take costs the
// person's patience. So the first delay is the shortest after which at most one SMS in
// ten is still to come, from accepted by the provider to delivered to the phone: the
// 90th percentile, taken from the safe side (the upper 95 % bound, after Wilson, of the
// share that comes later must not be over 10 %), so that few receipts make no
// hasty plan. Where more than that come after 300 s it is 300 s. The second and the
// third are twice and five times the first, as in the default 60, 120, 300 s, up to the
// next wait there is and no longer than 300 s: who was not reached twice will hardly be
// by a third message soon.
//
// SMS without a receipt are not in it: how long they took nobody knows, nor whether
// they came.
func Plan(t Told) map[string][]time.Duration {
	plan := map[string][]time.Duration{}
	for _, a := range t.arrivals() {
		if a.n < planReceipts {
			continue
		}
		first := waits[len(waits)-1]
		for _, wait := range waits {
			_, late := later(a.took, wait)
			if _, late := (share{late, a.n}).wilson(planZ); late <= planLate {
				first = wait
				break
			}
		}
		plan[a.country] = []time.Duration{first, waitOf(2 * first), waitOf(5 * first)}
	}
	return plan
}

// waitOf is the shortest wait that is as long, or else the longest.
func waitOf(d time.Duration) time.Duration {
	for _, wait := range waits {
		if wait >= d {
			return wait
		}
	}
	return waits[len(waits)-1]
}
