package analytics

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Pulse is the hour that runs, beside the same hour of other days. It is for
// operators, who see each verification live: nothing in it is hidden.
type Pulse struct {
	Hour          PulseHour     `json:"hour"`
	Usual         Usual         `json:"usual"`
	MedianSeconds *float64      `json:"median_seconds"` // start to approval, this hour; nil without one
	WithoutSMS    *float64      `json:"without_sms"`    // share of the sign-ins approved in the last 24 hours without SMS or call; nil without any
	Sends         []ChannelNow  `json:"sends"`          // this hour, by name of the channel
	Hours         []HourOutline `json:"hours"`          // the last 24, this one last
}

// PulseHour counts the hour that runs, each event in its own hour.
type PulseHour struct {
	Started  int      `json:"started"`
	Approved int      `json:"approved"`
	Denied   int      `json:"denied"`
	Failed   int      `json:"failed"`
	Expired  int      `json:"expired"`
	Resends  int      `json:"resends"`
	Success  *float64 `json:"success"` // approved of started, 0 to 1; nil when none was started
}

// Usual is the same hour of up to 28 other days: whole hours, while the one that runs
// is not over.
type Usual struct {
	Days    int      `json:"days"`    // in which something was started in that hour; the others are not in the figures
	Success *float64 `json:"success"` // approved of started, 0 to 1; nil without such a day
	Started *float64 `json:"started"` // on average; nil without such a day
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

// UsualDays is how many days before today an hour is compared with.
const UsualDays = 28

// outlineHours is how many hours a pulse outlines.
const outlineHours = 24

// PulseFamilies are the families that [Now] reads.
var PulseFamilies = []string{familyAll, familySend}

// Now reads the pulse at now from the sums of single hours, in any order: of the last
// 24 whole hours and the present one, and of the same hour of the last 28 days. An
// hour that is missing counts as one in which nothing happened.
func Now(hours []Hour, now time.Time) Pulse {
	present := now.UTC().Truncate(time.Hour)
	p := Pulse{Sends: []ChannelNow{}, Hours: make([]HourOutline, outlineHours)}
	for i := range p.Hours {
		p.Hours[i].At = present.Add(time.Duration(i+1-outlineHours) * time.Hour)
	}
	recent, usual := Counts{}, Counts{}
	for _, h := range hours {
		all, ago := h.Counts[Group{Family: familyAll}], present.Sub(h.At)
		if ago == 0 {
			p.present(all, h.Counts)
		} else if ago > 0 && ago <= UsualDays*day && ago%day == 0 && all[created] > 0 {
			p.Usual.Days++
			usual.add(all)
		}
		if i := outlineHours - 1 - int(ago/time.Hour); i >= 0 && i < outlineHours {
			o := &p.Hours[i]
			o.Started, o.Approved = int(all[created]), int(all[approved])
			for _, c := range byChannel(h.Counts) {
				o.Sends += int(c[accepted])
			}
			recent.add(all)
		}
	}
	if p.Usual.Days > 0 {
		mean := round(float64(usual[created])/float64(p.Usual.Days), 10)
		p.Usual.Started = &mean
	}
	p.Usual.Success, p.WithoutSMS = usual.share(approved, created), recent.share(spared, logins)
	return p
}

// present tells the hour that runs.
func (p *Pulse) present(all Counts, groups map[Group]Counts) {
	p.Hour = PulseHour{
		Started: int(all[created]), Approved: int(all[approved]), Denied: int(all[denied]), Failed: int(all[failed]),
		Expired: int(all[expired]), Resends: int(all[resent]), Success: all.share(approved, created),
	}
	if h := all.histogram(took); times(h) > 0 {
		median := percentile(h, 0.5)
		p.MedianSeconds = &median
	}
	channels := byChannel(groups)
	for _, name := range slices.Sorted(maps.Keys(channels)) {
		if c := channels[name]; name != "" {
			p.Sends = append(p.Sends, ChannelNow{name, int(c[accepted]), int(c[delivered]), int(c[failed] + c[undelivered]), int(c[approved])})
		}
	}
}

// byChannel sums the sends of some groups.
func byChannel(groups map[Group]Counts) map[string]Counts {
	channels := map[string]Counts{}
	for g, c := range groups {
		if g.Family != familySend {
			continue
		}
		name, _, _ := strings.Cut(g.Cell, "|")
		if channels[name] == nil {
			channels[name] = Counts{}
		}
		channels[name].add(c)
	}
	return channels
}

// share is [Counts.rate], or nil of nothing.
func (c Counts) share(of, in string) *float64 {
	if c[in] == 0 {
		return nil
	}
	share := c.rate(of, in)
	return &share
}
