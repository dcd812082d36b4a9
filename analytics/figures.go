package analytics

// PriceOf tells what one SMS to a country costs, in the deployment's currency; ok
// is false where no price is known.
type PriceOf func(country string) (price float64, ok bool)

// Overview is how the deployment did, in sum.
type Overview struct {
	Totals         Totals             `json:"totals" doc:"Events, by the names of five kinds."`
	Ended          Ended              `json:"ended" doc:"Verifications, by how they ended."`
	SuccessRate    float64            `json:"success_rate" doc:"Approved of started, 0 to 1; 0 when none was started."`
	TimeToComplete Took               `json:"time_to_complete" doc:"From the start of a verification to its approval."`
	WithoutSMS     WithoutSMS         `json:"without_sms" doc:"Sign-ins that needed neither an SMS nor a call."`
	ByChannel      map[string]Channel `json:"by_channel"`
	Hidden         bool               `json:"hidden" doc:"Some of the period is left out, or told only in sum with others, here or in delays, hours and channels, because fewer than five people stand behind it."`
}

// Ended counts verifications by how they ended.
type Ended struct {
	Approved   int `json:"approved"`
	Denied     int `json:"denied"`
	Failed     int `json:"failed"`
	Expired    int `json:"expired"`
	Canceled   int `json:"canceled"`
	Superseded int `json:"superseded"`
	Blocked    int `json:"blocked"`
}

// Took is how long approvals took from the start of the verification.
type Took struct {
	N          int     `json:"n" doc:"How many are behind it. Of fewer than five nothing is told: all is 0."`
	AvgSeconds float64 `json:"avg_seconds"`
	P50Seconds float64 `json:"p50_seconds"`
	P90Seconds float64 `json:"p90_seconds"`
}

// WithoutSMS is what signing in without an SMS or a call was worth.
type WithoutSMS struct {
	Logins int      `json:"logins" doc:"Approved sign-ins without an SMS or a call."`
	Share  float64  `json:"share" doc:"Of all approved sign-ins, 0 to 1."`
	Saved  *float64 `json:"saved" doc:"What one SMS for each of them would have cost, as far as its country and price are known, in the currency of NOD_PRICES_FILE. Null without prices."`
}

// Delays is what resends and deliveries say about how long to wait.
type Delays struct {
	Steps    []DelayStep     `json:"steps" nullable:"false" doc:"By delay, the shortest first."`
	Delivery []DeliveryTimes `json:"delivery" nullable:"false" doc:"How long an SMS takes to the phone, by country."`
	Delays   []CountryDelay  `json:"delays" nullable:"false" doc:"What NOD_RESEND_DELAYS=auto would wait, by country, going by these days; it goes by 30."`
	Hidden   bool            `json:"hidden" doc:"Something is left out, because fewer than five people stand behind it."`
}

// DelayStep is how resends did that a person could ask for after this delay.
type DelayStep struct {
	DelaySeconds int     `json:"delay_seconds"`
	Resends      int     `json:"resends"`
	Successes    int     `json:"successes" doc:"Approved after it, and before another resend."`
	SuccessRate  float64 `json:"success_rate"`
}

// DeliveryTimes are how long messages to a country took from accepted to delivered,
// as the providers' receipts say.
type DeliveryTimes struct {
	Country    string  `json:"country"`
	Messages   int     `json:"messages"`
	P50Seconds float64 `json:"p50_seconds"`
	P90Seconds float64 `json:"p90_seconds"`
}

// CountryDelay is the resend delays of one country.
type CountryDelay struct {
	Country  string `json:"country"`
	Seconds  []int  `json:"seconds"`
	Messages int    `json:"messages" doc:"Receipts behind it."`
}

// Hours is how verifications did by the hour of the day, UTC, in which they started.
type Hours struct {
	Hours  []HourOfDay `json:"hours" nullable:"false"`
	Hidden bool        `json:"hidden" doc:"Hours are left out, because fewer than five people stand behind them."`
}

// HourOfDay is one hour of the day.
type HourOfDay struct {
	Hour        int     `json:"hour" doc:"0 to 23, UTC."`
	Started     int     `json:"started"`
	Successes   int     `json:"successes"`
	SuccessRate float64 `json:"success_rate"`
}

// Channels is how sends convert, by channel, country and provider. A country with
// fewer than five people is told only in sum with others. Where all others of a channel
// together have so few, the smallest one that could be told is told with them: so with
// one such country, and one to four people elsewhere, nothing of that span is told by
// country, because what is left of the channel would be those few. See the package
// comment.
type Channels struct {
	Channels  []Conversion `json:"channels" nullable:"false"`
	Countries []Conversion `json:"countries" nullable:"false" doc:"Of messages to numbers, by the number's country. Where fewer than five people are in all other countries together, the smallest country is not told either: the rest would be those few. So of one country and a few people elsewhere, none is."`
	Providers []Conversion `json:"providers" nullable:"false" doc:"By country, provider and channel."`
	Other     *Conversion  `json:"other" doc:"Those in no provider's figures, because fewer than five people stand behind them. Null where there are none."`
	Hidden    bool         `json:"hidden" doc:"Something is left out, or in other figures only: the same as that other is not null, but for days that have fewer than five people in all."`
}

// Conversion is how some sends did. Fields that do not tell them apart are empty.
type Conversion struct {
	Channel     string  `json:"channel,omitempty"`
	Country     string  `json:"country,omitempty"`
	Provider    string  `json:"provider,omitempty"`
	Sends       int     `json:"sends" doc:"Accepted by a provider."`
	Delivered   int     `json:"delivered" doc:"With a receipt."`
	Failed      int     `json:"failed" doc:"Not taken, or not delivered."`
	Successes   int     `json:"successes" doc:"Approvals that came over them, each over the last one of its channel."`
	SuccessRate float64 `json:"success_rate" doc:"Successes of sends, 0 to 1."`
	P50Seconds  float64 `json:"p50_seconds" doc:"From accepted to approved; 0 of fewer than five."`
	P90Seconds  float64 `json:"p90_seconds"`
}
