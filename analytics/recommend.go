package analytics

import "time"

// Rules is what the deployment does today; recommendations say what to change in it.
type Rules struct {
	ResendDelays  []time.Duration // NOD_RESEND_DELAYS
	AutoDelays    bool            // NOD_RESEND_DELAYS=auto: nothing is said that it does by itself
	SMSProviders  []string        // NOD_SMS_PROVIDERS, in order
	VoiceFallback bool            // NOD_VOICE_FALLBACK
}

// Recommendation is one plain piece of advice and what it rests on.
type Recommendation struct {
	Kind     string     `json:"kind"`  // delay, wording, timing, channel or provider
	Title    string     `json:"title"` // what to do
	Text     string     `json:"text"`  // why, and how sure
	Sample   int        `json:"sample"`
	Evidence []Evidence `json:"evidence"`
}

// Evidence is one number behind a recommendation, ready to be shown.
type Evidence struct {
	Label string `json:"label"`
	Value string `json:"value"`
}

// Recommendations says what would help, when the figures leave little doubt.
func (t Told) Recommendations(r Rules) []Recommendation { return []Recommendation{} }

// Plan gives the resend delays of each country that has enough receipts.
func Plan(t Told) map[string][]time.Duration { return nil }
