// Package twilio sends SMS and makes calls over Twilio's REST API, version
// 2010-04-01, through Twilio's own client.
//
//   - Messages: https://www.twilio.com/docs/messaging/api/message-resource
//   - Calls: https://www.twilio.com/docs/voice/api/call-resource
//   - Callbacks and their signature: https://www.twilio.com/docs/usage/security
//   - Errors: https://www.twilio.com/docs/api/errors
//
// One [Twilio] is one account. Its two channels, [SMS] and [Calls], make one
// request for each message: Twilio has no key by which it would know a repeat, so
// nothing is tried again below, and what got no answer is unknown until a receipt
// or a question settles it.
//
// A code is only in the body of a request, encrypted on its way, never in an
// address. A call's words are sent along as TwiML, so that Twilio fetches nothing
// and no page of nod holds a code.
package twilio

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"github.com/twilio/twilio-go/client"
	openapi "github.com/twilio/twilio-go/rest/api/v2010"

	"nod/delivery/wire"
)

// Name is the provider's name in deliveries, receipts and the path of its
// callbacks.
const Name = "twilio"

const defaultBase = "https://api.twilio.com"

// Config is one account.
type Config struct {
	AccountSID string // AC and letters and digits
	AuthToken  string // also the key of the callbacks' signatures

	// From is who sends: a number of the account (E.164), a short code, a sender
	// name (at most 11 letters, digits and spaces) or a messaging service (MG and letters
	// and digits). Only a number can call.
	From string

	BaseURL string // scheme and host of the API; empty: https://api.twilio.com

	// PublicURL is nod's own, where Twilio calls back. Empty: it does not, and is only
	// asked. So it is with a loopback address, unless the API is on this machine too:
	// Twilio refuses messages whose callback it cannot reach (error 21609).
	PublicURL string

	// Network carries the requests; nil: this machine's. A test of fake time has one
	// in memory.
	Network http.RoundTripper
}

// Twilio is one account. Its methods may be called from many goroutines.
type Twilio struct {
	config    Config
	http      *http.Client
	validator client.RequestValidator
}

var (
	accountForm = regexp.MustCompile(`^AC[0-9a-zA-Z]+$`)
	tokenForm   = regexp.MustCompile(`^[0-9a-zA-Z]+$`) // the client sends no other
	serviceForm = regexp.MustCompile(`^MG[0-9a-zA-Z]+$`)
	numberForm  = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	senderForm  = regexp.MustCompile(`^([0-9]{3,8}|[0-9A-Za-z ]{1,11})$`)
	messageForm = regexp.MustCompile(`^[0-9a-zA-Z]+$`) // as they are: Twilio may make longer ones
)

// New checks the configuration and dials nothing. The error says which part is
// wrong, and never what it was.
func New(c Config) (*Twilio, error) {
	base, err := wire.Origin(c.BaseURL, defaultBase)
	if err != nil {
		return nil, fmt.Errorf("twilio: the base URL: %w", err)
	}
	c.BaseURL = base.String()
	switch {
	case !accountForm.MatchString(c.AccountSID):
		return nil, errors.New("twilio: the account SID is AC and letters and digits")
	case !tokenForm.MatchString(c.AuthToken):
		return nil, errors.New("twilio: the auth token is letters and digits")
	case !serviceForm.MatchString(c.From) && !numberForm.MatchString(c.From) && !senderForm.MatchString(c.From):
		return nil, errors.New("twilio: the sender is a number such as +14155550123, a short code, a name of at most 11 letters, digits and spaces, or the SID of a messaging service (MG and letters and digits)")
	}
	c.PublicURL = strings.TrimRight(c.PublicURL, "/")
	if public, err := url.Parse(c.PublicURL); err == nil && loopback(public) && !loopback(base) {
		c.PublicURL = ""
	}
	if c.Network == nil {
		c.Network = wire.NewBase()
	}
	return &Twilio{config: c, http: wire.Over(&wire.Transport{Base: c.Network, To: base}), validator: client.NewRequestValidator(c.AuthToken)}, nil
}

func loopback(u *url.URL) bool {
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && ip.IsLoopback() || u.Hostname() == "localhost"
}

// SMS is the channel of text messages.
func (t *Twilio) SMS() *SMS { return &SMS{t} }

// Calls is the channel of calls; false: the sender is no number and cannot call.
func (t *Twilio) Calls() (*Calls, bool) {
	return &Calls{t}, numberForm.MatchString(t.config.From)
}

// call makes the API of one request, and what becomes of that request. Twilio's
// client knows no context: it is put below it.
func (t *Twilio) call(ctx context.Context) (*openapi.ApiService, *wire.Call) {
	ctx, call := wire.One(ctx)
	c := &client.Client{
		Credentials: client.NewCredentials(t.config.AccountSID, t.config.AuthToken),
		HTTPClient:  wire.Over(wire.Under(ctx, t.http.Transport)),
	}
	c.SetAccountSid(t.config.AccountSID)
	return openapi.NewApiServiceWithClient(c), call
}

// callback is where Twilio tells what became of a delivery; nil: nowhere. The
// delivery's id in it finds the row even when Twilio's own id was never written.
func (t *Twilio) callback(deliveryID string) *string {
	if t.config.PublicURL == "" {
		return nil
	}
	u := t.config.PublicURL + "/webhooks/" + Name + "/status?" + url.Values{"delivery": {deliveryID}}.Encode()
	return &u
}

// Close gives up idle connections.
func (t *Twilio) Close() { t.http.CloseIdleConnections() }

// word is what a field says; empty: nothing.
func word(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
