package verify

import "time"

// Budget is what was sent to a country, or asked for by an IP, and was proved.
type Budget struct{}

// giveBack returns what was reserved for a delivery that nobody took.
func (v *Verification) giveBack(d *Delivery, now time.Time) {}
