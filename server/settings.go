package server

import (
	"context"
	"time"

	"nod/verify"
)

// settingsAnswer is what a user chose.
type settingsAnswer struct{ Body Settings }

// Settings are what a user chose for all their verifications.
type Settings struct {
	UserID            string         `json:"user_id"`
	ChannelPreference verify.Channel `json:"channel_preference" enum:"auto,push,sms,both"`
	Locale            *string        `json:"locale" doc:"Null when none was chosen."`
	ServerTime        string         `json:"server_time" format:"date-time"`
}

// setInput replaces what a user chose.
type setInput struct {
	ByUser
	Body struct {
		ChannelPreference verify.Channel `json:"channel_preference" enum:"auto,push,sms,both" doc:"The channel of a login that asks for none. A request that names one beats it, but for push: whoever prefers the app alone is sent no code by SMS or a call in a login that starts after that."`
		Locale            *string        `json:"locale,omitempty" maxLength:"35" pattern:"^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*$" doc:"The language of messages, where a request names none. Null or left out: none."`
	}
}

// settings tells what a user chose; auto and no locale when nothing.
func (s *Server) settings(ctx context.Context, in *ByUser) (*settingsAnswer, error) {
	if err := callerFrom(ctx).about(in.UserID); err != nil {
		return nil, err
	}
	chosen, now, err := s.store.Settings(ctx, in.UserID)
	return settingsBody(chosen, now), err
}

// setSettings replaces what a user chose.
func (s *Server) setSettings(ctx context.Context, in *setInput) (*settingsAnswer, error) {
	if err := callerFrom(ctx).about(in.UserID); err != nil {
		return nil, err
	}
	locale := ""
	if in.Body.Locale != nil {
		locale = *in.Body.Locale
	}
	chosen, now, err := s.store.UpdateSettings(ctx, in.UserID, func(chosen *verify.Settings, now time.Time) []verify.Event {
		return chosen.Set(in.Body.ChannelPreference, locale, now)
	})
	return settingsBody(chosen, now), err
}

func settingsBody(chosen verify.Settings, now time.Time) *settingsAnswer {
	return &settingsAnswer{Settings{
		UserID: chosen.UserID, ChannelPreference: chosen.Channel(), Locale: optional(chosen.Locale), ServerTime: verify.FormatTime(now),
	}}
}
