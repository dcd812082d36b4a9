package analytics

import "time"

// Pulse is the hour that runs, beside the same hour of other days.
type Pulse struct {
	Hour          PulseHour     `json:"hour"`
	Usual         Usual         `json:"usual"`
	MedianSeconds *float64      `json:"median_seconds"` // start to approval, this hour; nil without one
	WithoutSMS    *float64      `json:"without_sms"`    // share of approved sign-ins of the last 24 hours without SMS or call; nil without one
	Sends         []ChannelNow  `json:"sends"`
	Hours         []HourOutline `json:"hours"` // the last 24, this one last
}

// PulseHour counts the hour that runs, each event in its own hour.
type PulseHour struct {
	Started  int      `json:"started"`
	Approved int      `json:"approved"`
	Denied   int      `json:"denied"`
	Failed   int      `json:"failed"`
	Expired  int      `json:"expired"`
	Resends  int      `json:"resends"`
	Success  *float64 `json:"success"` // nil when none was started
}

// Usual is the same hour of up to 28 other days.
type Usual struct {
	Days    int      `json:"days"`    // with at least one start in that hour
	Success *float64 `json:"success"` // nil without such a day
	Started *float64 `json:"started"` // on average
}

// ChannelNow is the sends of one channel in the hour that runs.
type ChannelNow struct {
	Channel   string `json:"channel"`
	Accepted  int    `json:"accepted"`
	Delivered int    `json:"delivered"`
	Failed    int    `json:"failed"`
	Approved  int    `json:"approved"`
}

// HourOutline is one of the last hours.
type HourOutline struct {
	At       time.Time `json:"at"`
	Started  int       `json:"started"`
	Approved int       `json:"approved"`
	Sends    int       `json:"sends"`
}

// PulseFamilies are the families that [Now] reads.
var PulseFamilies = []string{"all", "send"}

// Now reads the pulse at now from the sums of single hours: of the last 24, and of
// the same hour of the last 28 days.
func Now(hours []Hour, now time.Time) Pulse {
	return Pulse{Sends: []ChannelNow{}, Hours: []HourOutline{}}
}
