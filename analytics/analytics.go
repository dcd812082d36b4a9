// Package analytics turns events into figures: what a user may see of their own
// verifications ([Own]), and what an operator may see of all ([Told]). It counts what
// it is given and knows neither rows nor people; a figure that is not in the events is
// not there.
//
// The seed's five event types are names for nod's own events:
//
//	send_code       verification.created
//	resend_request  resend.requested
//	verify_success  verification.approved, by any method
//	verify_failed   code.check_failed, verification.denied
//	change_phone    phone.changed
//
// # Sums instead of events
//
// [Count] says what an event adds to which sums, and a store adds it up by hour and by
// day. Every figure of all is read from these sums, so that it costs the same at ten
// thousand events and at ten million. An event is counted in the hour in which it
// happened, in each family of sums: the families hold the same facts, told apart by
// nothing, by hour of the day, by channel, country and provider, and so on. A cell is
// one of the parts of a family. With the sums of a cell goes who stands behind them,
// as keyed hashes, and no more of them than are needed to see that there are five.
//
// # What may be told
//
// Groups of fewer than five people are hidden (contract, section 5), also from who
// subtracts the answers of two queries. A group is the people behind a cell in some
// days: what happened to them is told only in sum with four others at least, but it is
// told exactly, so that of six people who got an SMS one may have failed. It is
// people who are counted, not events: one person who tries twenty times is one.
//
// A query cannot choose its days. It asks for 1, 7, 30, 90 or 365 days back, whole UTC
// days, and today. Between two neighbouring periods lies a span ([Cuts]), and in each
// span [Tell] makes atoms of the cells of a family: a cell with five people is an atom;
// the others are put together, first those that share a channel and a country, then
// those that share a channel, then all; and when these are fewer than five people, the
// smallest atom among which they are joins them. If there is none, the family tells
// nothing of that span, and if all people of a span are fewer than five, no family does.
//
// So atoms of a family have no fact in common, each has at least five people behind it,
// and every count that is told of the family, in sum, by channel, by country, by
// provider and of any period, is a sum of whole atoms. Hence whatever is added and
// subtracted, each atom is in the result as a whole, some number of times, or not at
// all: a result that is not empty has all people of at least one atom in it, which are
// five or more. That includes the total less all parts that are named, because a
// family leaves no fact out: what is named nowhere, such as approvals that came over no
// channel, has a cell too, and is pooled like the others. Shares, times and advice are
// made of these counts and can tell no more.
//
// Three things this does not hide. Figures of different families cross each other: how
// many started at three o'clock, and how many SMS went to a country, are both told, and
// whoever knows from elsewhere that one group lies within the other can subtract them.
// (From the figures alone it does not follow: the parts of two families fix what they
// have in common only where one of them is everything. See Fréchet's bounds.) What is
// asked again later shows what happened in between, and on another day also what the
// oldest day held that is no longer in it. And an operator's console lists each
// verification live ([Pulse]).
package analytics

import (
	"math"
	"slices"
	"time"
)

// Event is one fact about a verification. Events of one verification must come
// in their order; verifications may be mixed. What does not apply is empty.
type Event struct {
	VerificationID string
	Person         string // keyed hash of the user: the same for the same user, and no way back
	Name           string
	At             time.Time
	Seq            int64  // place in its verification's events: 1, 2, 3 …; 0 without a verification
	DeliveryID     string // of delivery.*: tells two messages over one channel apart
	Channel        string // how it was sent or answered; of verification.created, how it was asked for
	Country        string // ISO 3166-1 alpha-2, of the number
	Provider       string
	Locale         string // of the texts; on verification.created
	Method         string // of an approval
	Purpose        string // login or phone; on verification.created
	Step           int    // delay of a resend in seconds
}

// The seed's event types.
const (
	SendCode      = "send_code"
	ResendRequest = "resend_request"
	VerifySuccess = "verify_success"
	VerifyFailed  = "verify_failed"
	ChangePhone   = "change_phone"
)

var types = map[string]string{
	"verification.created":  SendCode,
	"resend.requested":      ResendRequest,
	"verification.approved": VerifySuccess,
	"verification.denied":   VerifyFailed,
	"code.check_failed":     VerifyFailed,
	"phone.changed":         ChangePhone,
}

// maxRecent is how many events [Own] lists.
const maxRecent = 20

// Totals counts events by the seed's types.
type Totals struct {
	SendCode      int `json:"send_code"`
	VerifySuccess int `json:"verify_success"`
	VerifyFailed  int `json:"verify_failed"`
	ResendRequest int `json:"resend_request"`
	ChangePhone   int `json:"change_phone"`
}

// Channel is how one channel did.
type Channel struct {
	Sends     int `json:"sends" doc:"Accepted deliveries."`
	Successes int `json:"successes" doc:"Approvals that came over it."`
}

// Recent is one of the newest events.
type Recent struct {
	At        time.Time `json:"at"`
	EventType string    `json:"event_type"`
	Channel   string    `json:"channel,omitempty"`
}

// Figures are a user's own.
type Figures struct {
	Days                     int                `json:"days"`
	Totals                   Totals             `json:"totals"`
	SuccessRate              float64            `json:"success_rate" doc:"Approved of started, 0 to 1; 0 when none was started."`
	AvgTimeToCompleteSeconds float64            `json:"avg_time_to_complete_seconds"`
	ByChannel                map[string]Channel `json:"by_channel"`
	Recent                   []Recent           `json:"recent" nullable:"false" doc:"The newest first, at most 20."`
}

// Own counts a user's events of the last days.
func Own(events []Event, days int) Figures {
	f := Figures{Days: days, ByChannel: map[string]Channel{}, Recent: []Recent{}}
	created := map[string]time.Time{}
	var took time.Duration
	finished := 0
	for _, e := range events {
		switch types[e.Name] {
		case SendCode:
			f.Totals.SendCode++
			created[e.VerificationID] = e.At
		case VerifySuccess:
			f.Totals.VerifySuccess++
			if at, ok := created[e.VerificationID]; ok {
				took += e.At.Sub(at)
				finished++
			}
		case VerifyFailed:
			f.Totals.VerifyFailed++
		case ResendRequest:
			f.Totals.ResendRequest++
		case ChangePhone:
			f.Totals.ChangePhone++
		}
		if e.Channel != "" && (e.Name == "delivery.accepted" || types[e.Name] == VerifySuccess) {
			c := f.ByChannel[e.Channel]
			if types[e.Name] == VerifySuccess {
				c.Successes++
			} else {
				c.Sends++
			}
			f.ByChannel[e.Channel] = c
		}
	}
	f.SuccessRate = rate(f.Totals.VerifySuccess, f.Totals.SendCode)
	if finished > 0 {
		f.AvgTimeToCompleteSeconds = round(took.Seconds()/float64(finished), 10)
	}
	for _, e := range slices.Backward(events) {
		if t := types[e.Name]; t != "" && len(f.Recent) < maxRecent {
			f.Recent = append(f.Recent, Recent{e.At, t, e.Channel})
		}
	}
	return f
}

func rate(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return round(float64(n)/float64(of), 1000)
}

func round(x, to float64) float64 { return math.Round(x*to) / to }
