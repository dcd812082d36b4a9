package twilio

import (
	"context"
	"encoding/xml"
	"strings"

	openapi "github.com/twilio/twilio-go/rest/api/v2010"

	"nod/delivery"
	"nod/verify"
)

// ringing is how long a call rings, in seconds: shorter than most mailboxes wait
// before they take it, because a code is not to rest on one.
const ringing = 20

// Calls is the channel of calls that read a code out. Make it with [Twilio.Calls].
type Calls struct{ t *Twilio }

var (
	_ delivery.Channel = (*Calls)(nil)
	_ delivery.Asker   = (*Calls)(nil)
	_ delivery.Checker = (*Calls)(nil)
)

// Send creates one Call that says the message's text.
func (c *Calls) Send(ctx context.Context, m delivery.Message) verify.Outcome {
	twiml := speech(m.Language, m.Text)
	params := new(openapi.CreateCallParams).
		SetTo(m.Number.E164()).SetFrom(c.t.config.From).SetTwiml(twiml).SetTimeout(ringing)
	if to := c.t.callback(m.DeliveryID); to != nil {
		params.SetStatusCallback(*to).SetStatusCallbackMethod("POST").SetStatusCallbackEvent([]string{"completed"})
	}
	api, call := c.t.call(ctx)
	made, err := api.CreateCall(params)
	if err != nil || made == nil {
		return failed(call, err)
	}
	return taken(call, word(made.Sid), word(made.Status), 0)
}

// Ask fetches a Call.
func (c *Calls) Ask(ctx context.Context, _, providerID string) (verify.Receipt, error) {
	if !messageForm.MatchString(providerID) {
		return verify.Receipt{}, errNoSID
	}
	api, call := c.t.call(ctx)
	got, err := api.FetchCall(providerID, nil)
	if err != nil {
		return verify.Receipt{}, asking(call, err)
	}
	return receipt("", providerID, word(got.Status), 0), nil
}

// Check tries the account and looks whether its number can call.
func (c *Calls) Check(ctx context.Context) error {
	return c.t.check(ctx, "make calls", func(c *openapi.ApiV2010AccountIncomingPhoneNumberCapabilities) bool { return c.Voice })
}

// AccountRefused reports whether a refusal meets every call of the account.
func (c *Calls) AccountRefused(detail string) bool { return accountRefused(detail) }

// NumberRefused reports whether a passing refusal is of one number or its carrier.
func (c *Calls) NumberRefused(detail string) bool { return numberRefused(detail) }

// voice is who speaks a language at Twilio.
type voice struct{ language, name string }

// voices are Amazon Polly's standard ones, which understand slow speech, by
// language or language and region. Arabic and Chinese have Polly's names, not
// those of BCP 47.
// https://www.twilio.com/docs/voice/twiml/say/text-speech#available-voices-and-languages
var voices = map[string]voice{
	"en":    {"en-US", "Polly.Joanna"},
	"en-gb": {"en-GB", "Polly.Amy"},
	"de":    {"de-DE", "Polly.Vicki"},
	"fr":    {"fr-FR", "Polly.Lea"},
	"es":    {"es-ES", "Polly.Lucia"},
	"pt":    {"pt-BR", "Polly.Camila"},
	"pt-pt": {"pt-PT", "Polly.Ines"},
	"hi":    {"hi-IN", "Polly.Aditi"},
	"zh":    {"cmn-CN", "Polly.Zhiyu"},
	"ar":    {"arb", "Polly.Zeina"},
}

// speech is the TwiML that says a text: a second of silence, for the phone to
// reach the ear, then slowly. In a language without a voice here Twilio's own is
// taken, as it is.
func speech(language, text string) string {
	tag := strings.ToLower(language)
	base, _, _ := strings.Cut(tag, "-")
	v, ok := voices[tag]
	if !ok {
		v, ok = voices[base]
	}
	var b strings.Builder
	b.WriteString(`<Response><Pause length="1"/>`)
	if ok {
		b.WriteString(`<Say language="` + v.language + `" voice="` + v.name + `"><prosody rate="slow">` + escaped(text) + `</prosody></Say>`)
	} else {
		b.WriteString(`<Say language="` + escaped(language) + `">` + escaped(text) + `</Say>`)
	}
	b.WriteString(`</Response>`)
	return b.String()
}

func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a strings.Builder takes everything
	return b.String()
}
