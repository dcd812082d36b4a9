package twilio

import (
	"context"
	"time"

	openapi "github.com/twilio/twilio-go/rest/api/v2010"

	"nod/delivery"
	"nod/verify"
)

// The ValidityPeriod that Twilio takes, in seconds (Message resource, request
// parameters). It keeps a message from leaving Twilio's queue after its code ended.
const (
	shortest = 1
	longest  = 36000
)

// SMS is the channel of text messages. Make it with [Twilio.SMS].
type SMS struct{ t *Twilio }

var (
	_ delivery.Channel = (*SMS)(nil)
	_ delivery.Asker   = (*SMS)(nil)
	_ delivery.Checker = (*SMS)(nil)
)

// Send creates one Message.
func (s *SMS) Send(ctx context.Context, m delivery.Message) verify.Outcome {
	to, text := m.Number.E164(), m.Text
	validity := int(min(max(m.Life/time.Second, shortest), longest))
	params := &openapi.CreateMessageParams{
		To: &to, Body: &text, ValidityPeriod: &validity, StatusCallback: s.t.callback(m.DeliveryID),
	}
	if from := s.t.config.From; serviceForm.MatchString(from) {
		params.MessagingServiceSid = &from
	} else {
		params.From = &from
	}
	api, call := s.t.call(ctx)
	sent, err := api.CreateMessage(params)
	if err != nil || sent == nil {
		return failed(call, err)
	}
	code := 0
	if sent.ErrorCode != nil {
		code = *sent.ErrorCode
	}
	return taken(call, word(sent.Sid), word(sent.Status), code)
}

// Ask fetches a Message.
func (s *SMS) Ask(ctx context.Context, _, providerID string) (verify.Receipt, error) {
	if !messageForm.MatchString(providerID) {
		return verify.Receipt{}, errNoSID
	}
	api, call := s.t.call(ctx)
	got, err := api.FetchMessage(providerID, nil)
	if err != nil {
		return verify.Receipt{}, asking(call, err)
	}
	code := 0
	if got.ErrorCode != nil {
		code = *got.ErrorCode
	}
	return receipt("", providerID, word(got.Status), code), nil
}

// Check tries the account and looks whether the sender is its own. A messaging
// service, a name or a short code cannot be looked up with this API and passes.
func (s *SMS) Check(ctx context.Context) error {
	return s.t.check(ctx, "send SMS", func(c *openapi.ApiV2010AccountIncomingPhoneNumberCapabilities) bool { return c.Sms })
}

// AccountRefused reports whether a refusal meets every message of the account.
func (s *SMS) AccountRefused(detail string) bool { return accountRefused(detail) }

// NumberRefused reports whether a passing refusal is of one number or its carrier.
func (s *SMS) NumberRefused(detail string) bool { return numberRefused(detail) }
