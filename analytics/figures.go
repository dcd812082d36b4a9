package analytics

// PriceOf tells what one SMS to a country costs, in the deployment's currency; ok
// is false where no price is known.
type PriceOf func(country string) (price float64, ok bool)

// Overview is how the deployment did, in sum.
type Overview struct {
	Totals         Totals             `json:"totals"`
	Ended          Ended              `json:"ended"`
	SuccessRate    float64            `json:"success_rate"` // approved of started, 0 to 1; 0 when none was started
	TimeToComplete Took               `json:"time_to_complete"`
	WithoutSMS     WithoutSMS         `json:"without_sms"`
	ByChannel      map[string]Channel `json:"by_channel"`
	Hidden         bool               `json:"hidden"` // some of it is left out: days, or channels, with too few people
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
	N          int     `json:"n"`
	AvgSeconds float64 `json:"avg_seconds"`
	P50Seconds float64 `json:"p50_seconds"`
	P90Seconds float64 `json:"p90_seconds"`
}

// WithoutSMS is what signing in without an SMS or a call was worth.
type WithoutSMS struct {
	Logins int      `json:"logins"` // approved sign-ins without an SMS or a call
	Share  float64  `json:"share"`  // of all approved sign-ins, 0 to 1
	Saved  *float64 `json:"saved"`  // one SMS for each whose country and price are known, in the currency of the prices; nil without prices
}

// Delays is what resends and deliveries say about how long to wait.
type Delays struct {
	Steps    []DelayStep    `json:"steps"`    // by delay, shortest first
	Delivery []Delivery     `json:"delivery"` // by country: how long an SMS takes to the phone
	Delays   []CountryDelay `json:"delays"`   // what [Plan] would wait, by country
}

// DelayStep is how resends did that a person could ask for after this delay.
type DelayStep struct {
	DelaySeconds int     `json:"delay_seconds"`
	Resends      int     `json:"resends"`
	Successes    int     `json:"successes"` // approved after it, and before another resend
	SuccessRate  float64 `json:"success_rate"`
}

// Delivery is how long messages to a country took from accepted to delivered, as
// the providers' receipts say.
type Delivery struct {
	Country    string  `json:"country"`
	Messages   int     `json:"messages"`
	P50Seconds float64 `json:"p50_seconds"`
	P90Seconds float64 `json:"p90_seconds"`
}

// CountryDelay is the resend delays of one country.
type CountryDelay struct {
	Country  string `json:"country"`
	Seconds  []int  `json:"seconds"`
	Messages int    `json:"messages"` // receipts behind it
}

// Hours is how verifications did by the hour of the day, UTC, in which they started.
type Hours struct {
	Hours []HourOfDay `json:"hours"`
}

// HourOfDay is one hour of the day.
type HourOfDay struct {
	Hour        int     `json:"hour"` // 0 to 23, UTC
	Started     int     `json:"started"`
	Successes   int     `json:"successes"`
	SuccessRate float64 `json:"success_rate"`
}

// Channels is how sends convert, by channel, country and provider.
type Channels struct {
	Channels  []Conversion `json:"channels"`
	Countries []Conversion `json:"countries"`
	Providers []Conversion `json:"providers"`
	Other     *Conversion  `json:"other"` // those in no provider's figures: too few people stand behind them; nil where there are none
}

// Conversion is how some sends did. Fields that do not tell them apart are empty.
type Conversion struct {
	Channel     string  `json:"channel,omitempty"`
	Country     string  `json:"country,omitempty"`
	Provider    string  `json:"provider,omitempty"`
	Sends       int     `json:"sends"`        // accepted by a provider
	Delivered   int     `json:"delivered"`    // with a receipt
	Failed      int     `json:"failed"`       // not taken, or not delivered
	Successes   int     `json:"successes"`    // approvals that came over them, each over the last one of its channel
	SuccessRate float64 `json:"success_rate"` // successes of sends, 0 to 1
	P50Seconds  float64 `json:"p50_seconds"`  // from accepted to approved
	P90Seconds  float64 `json:"p90_seconds"`
}
