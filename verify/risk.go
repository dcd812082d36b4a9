package verify

import "time"

// Profile is where and when a user was approved.
type Profile struct{}

// Seen is where a verification was started.
type Seen struct{}

// riskyScore is the score from which a trusted device does not skip and the match is strict.
const riskyScore = 50

// assess says how unusual a start is, and why.
func assess(q *Request, s *Situation, now time.Time) (score int, reasons []string) { return 0, nil }

// seen is what of a request a profile may learn.
func (q *Request) seen() Seen { return Seen{} }
