package verify

import (
	"cmp"
	"time"
)

// Settings are what a user chose for all their verifications. The zero value is a
// user who chose nothing.
type Settings struct {
	UserID string
	// Preference is the channel of a login that asks for none: auto, push, sms or
	// both; empty: nothing chosen.
	Preference Channel
	// Locale is the language of a request that names none, as BCP 47 writes it;
	// empty: nothing chosen.
	Locale    string
	ChangedAt time.Time // zero when nothing was ever chosen
}

// Channel is the preference, auto when nothing was chosen.
func (s *Settings) Channel() Channel { return cmp.Or(s.Preference, Auto) }

// Set replaces what was chosen and returns what happened: nothing when it was
// chosen already.
func (s *Settings) Set(preference Channel, locale string, now time.Time) []Event {
	if s.Channel() == preference && s.Locale == locale {
		return nil
	}
	s.Preference, s.Locale, s.ChangedAt = preference, locale, now
	return []Event{{UserID: s.UserID, Name: EventSettingsChanged, At: now, Data: EventData{Channel: preference}}}
}
