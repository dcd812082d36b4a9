package verify

import "time"

// TrustedDevice is a browser or app in which a person was approved once and asked
// not to be asked again for a while. It is a family of tokens of which only the
// newest is good: each use gives the next, so that a stolen one shows itself when
// both its owner and the thief have used theirs (RFC 9700, section 4.14.2, asks the
// same of refresh tokens). No token rests anywhere; each is derived from the row
// ([Keys.TrustedToken]).
type TrustedDevice struct {
	ID         string // trd_…
	UserID     string
	KeyID      string   // the code key that all its tokens are derived from
	Generation int      // of the newest token: 1, 2, 3 …
	Networks   []string // where its person was approved, oldest first: see [Keys.Network]
	UserAgent  string   // as the integrator told it; rests sealed
	Location   string   // likewise

	ApprovedAt    time.Time // the real approval: a skip is none
	ExpiresAt     time.Time // ApprovedAt + [TrustLife]
	RotatedAt     time.Time // when the newest token was made
	UsedAt        time.Time // the last skip; zero before the first
	RevokedAt     time.Time // zero while live
	RevokedReason Reason    // empty likewise

	events []Event
}

// TrustLife is how long a trusted device is trusted after the approval.
const TrustLife = 30 * 24 * time.Hour

// Live reports whether the device can be trusted at now.
func (d *TrustedDevice) Live(now time.Time) bool {
	return d.RevokedAt.IsZero() && now.Before(d.ExpiresAt)
}

// TakeEvents returns the events since the last call, in order, as
// [Verification.TakeEvents] does.
func (d *TrustedDevice) TakeEvents() []Event {
	es := d.events
	d.events = nil
	return es
}
