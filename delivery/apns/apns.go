// Package apns brings pushes to iPhones over the Apple Push Notification service,
// with token authentication
// (https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns),
// through sideshow/apns2.
//
// A request is an alert with generic words that the app's extension can replace
// (mutable-content): beside them lie ids and, sealed for the device, the signed
// prompt. Apple reads no context, no code and no number. A sealed prompt that does
// not fit is left out: the woken app fetches it. A push ends with its prompt; one
// that is sent again replaces the first on the screen (apns-collapse-id), because
// both bear the verification's id.
//
// APNs speaks HTTP/2 only. An endpoint with http:// is spoken to without TLS and
// from the first byte in HTTP/2 (RFC 9113, section 3.3), which no server of Apple's
// does: it is for a gateway, or a judge, beside nod.
package apns

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/sideshow/apns2"
	"github.com/sideshow/apns2/token"

	"nod/delivery"
	"nod/delivery/wire"
	"nod/verify"
)

// name is the provider's in outcomes.
const name = "apns"

// maxPayload is the most that APNs takes, in bytes
// (https://developer.apple.com/documentation/usernotifications/generating-a-remote-notification).
const maxPayload = 4096

// minTokenAge is how long a provider token is kept at least: APNs refuses a
// provider that changes it more often than every 20 minutes
// (https://developer.apple.com/documentation/usernotifications/establishing-a-token-based-connection-to-apns).
const minTokenAge = 20 * time.Minute

// Config says for which app pushes are sent, and where to.
type Config struct {
	Key      []byte // the team's signing key: the .p8 file of Apple's developer account
	KeyID    string // the key's id, 10 characters
	TeamID   string // the team's id, 10 characters
	Topic    string // the app's bundle id
	Endpoint string // scheme and host; empty: Apple's production service. Apps built for development have tokens of https://api.sandbox.push.apple.com
}

// APNs is the channel to devices that registered with Apple.
type APNs struct {
	client *apns2.Client
	topic  string
}

// New reads the key. It does not dial.
func New(c Config) (*APNs, error) {
	key, err := token.AuthKeyFromBytes(c.Key)
	if err != nil {
		return nil, errors.New("the key is no .p8 file of Apple's: a PKCS #8 EC key in PEM")
	}
	if key.Curve.Params().BitSize != 256 {
		return nil, errors.New("the key is not on P-256")
	}
	if c.KeyID == "" || c.TeamID == "" || c.Topic == "" {
		return nil, errors.New("a key id, a team id and a topic are needed")
	}
	to, err := wire.Origin(c.Endpoint, apns2.HostProduction)
	if err != nil {
		return nil, fmt.Errorf("the endpoint: %w", err)
	}
	return &APNs{
		client: &apns2.Client{
			Host:       to.String(),
			Token:      &token.Token{AuthKey: key, KeyID: c.KeyID, TeamID: c.TeamID},
			HTTPClient: wire.Over(&wire.Transport{Base: newBase(to.Scheme == "http")}),
		},
		topic: c.Topic,
	}, nil
}

// newBase makes the transport to the network: HTTP/2 or nothing. Apple wants
// connections to be kept, so one is kept for as long as it answers pings.
func newBase(plain bool) *http.Transport {
	t := wire.NewBase()
	t.IdleConnTimeout = 0
	t.MaxConnsPerHost = 4 // a thousand pushes share each; many that come and go look to Apple like an attack
	t.HTTP2.SendPingTimeout = 15 * time.Second
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP2(!plain)
	t.Protocols.SetUnencryptedHTTP2(plain)
	return t
}

// Close gives idle connections up.
func (a *APNs) Close() { a.client.HTTPClient.CloseIdleConnections() }

// A device token is hexadecimal, of a length that Apple does not promise. It stands
// in the path of a request.
var deviceToken = regexp.MustCompile(`^[0-9A-Fa-f]{16,512}$`)

// Send pushes a prompt.
func (a *APNs) Send(ctx context.Context, m delivery.Message) verify.Outcome {
	if m.Push == nil || !deviceToken.MatchString(m.Push.Token) {
		return verify.Outcome{State: verify.StateFailed, Class: verify.ClassPermanentTarget, Provider: name, Detail: "malformed_token"}
	}
	n, err := a.compose(m)
	if err != nil {
		return verify.Outcome{State: verify.StateFailed, Class: verify.ClassPolicy, Provider: name, Detail: "not_composed"}
	}
	return a.call(ctx, n)
}

// Withdraw tells the app that a request is over, in the background.
func (a *APNs) Withdraw(ctx context.Context, m delivery.Message) error {
	return delivery.WithdrawBy(ctx, a, m)
}

// call makes one request and classes the answer. A provider token that is refused as
// old, or refused and then replaced, says nothing about the push, which was not
// taken: it is tried again.
func (a *APNs) call(ctx context.Context, n *apns2.Notification) verify.Outcome {
	bearer := a.client.Token.GenerateIfExpired()
	one, call := wire.One(ctx)
	answer, err := a.client.PushWithContext(one, n)
	if o, none := call.Outcome(name); none {
		return o
	}
	if err == nil && answer.Sent() {
		return verify.Outcome{State: verify.StateAccepted, Class: verify.ClassNone, Provider: name, ProviderID: answer.ApnsID}
	}
	reason := ""
	if err == nil {
		reason = answer.Reason
	}
	refused := reason == apns2.ReasonExpiredProviderToken || reason == apns2.ReasonInvalidProviderToken
	if refused && a.renew(bearer) {
		return call.Refusal(name, reason, verify.ClassTransient)
	}
	return refusal(call, reason)
}

// renew reports whether the next push has another provider token than the one that
// was refused. It mends one that was made while this machine's clock was wrong.
func (a *APNs) renew(refused string) bool {
	t := a.client.Token
	t.Lock()
	defer t.Unlock()
	if age := time.Since(time.Unix(t.IssuedAt, 0)); t.Bearer == refused && (age >= minTokenAge || age < 0) {
		t.IssuedAt = 0
	}
	return t.IssuedAt == 0 || t.Bearer != refused
}

// payload is what a notification says: to the phone and, beside it, to the app.
type payload map[string]any

// aps is Apple's part of a payload
// (https://developer.apple.com/documentation/usernotifications/generating-a-remote-notification).
type aps struct {
	Alert            *alert `json:"alert,omitempty"`
	Sound            string `json:"sound,omitempty"`
	Category         string `json:"category,omitempty"`
	MutableContent   int    `json:"mutable-content,omitempty"`
	ContentAvailable int    `json:"content-available,omitempty"`
}

type alert struct {
	Title string `json:"title"`
	Body  string `json:"body"`
}

// compose makes the notification, without the sealed prompt when it would be too
// long.
func (a *APNs) compose(m delivery.Message) (*apns2.Notification, error) {
	n := &apns2.Notification{
		DeviceToken: m.Push.Token,
		Topic:       a.topic,
		Expiration:  m.ExpiresAt,
		PushType:    apns2.PushTypeAlert,
		Priority:    apns2.PriorityHigh,
		CollapseID:  m.VerificationID, // 36 bytes; Apple takes 64
	}
	shown := aps{Alert: &alert{m.Title, m.Text}, Sound: "default", Category: delivery.PushCategory, MutableContent: 1}
	if m.Withdrawn {
		n.PushType, n.Priority, n.CollapseID = apns2.PushTypeBackground, apns2.PriorityLow, ""
		shown = aps{ContentAvailable: 1}
	}
	text, err := encode(shown, m.Data())
	if err == nil && len(text) > maxPayload {
		m.Sealed = ""
		text, err = encode(shown, m.Data())
	}
	n.Payload = text
	return n, err
}

func encode(shown aps, data map[string]string) ([]byte, error) {
	p := payload{"aps": shown}
	for name, value := range data {
		p[name] = value
	}
	return json.Marshal(p)
}

// Check pushes to a device token that no device has. APNs looks at the provider's
// token and at the topic before, so BadDeviceToken shows that they are good, and so
// does a push that is taken.
func (a *APNs) Check(ctx context.Context) error {
	o := a.call(ctx, &apns2.Notification{
		DeviceToken: strings.Repeat("0", 64),
		Topic:       a.topic,
		PushType:    apns2.PushTypeBackground,
		Priority:    apns2.PriorityLow,
		Expiration:  time.Now().Add(time.Minute),
		Payload:     []byte(`{"aps":{"content-available":1}}`),
	})
	if o.State == verify.StateAccepted || o.Detail == apns2.ReasonBadDeviceToken {
		return nil
	}
	switch o.Detail {
	case apns2.ReasonInvalidProviderToken, reasonUnrelatedKeyID:
		return fmt.Errorf("APNs does not know the key (%s): NOD_APNS_KEY_FILE, NOD_APNS_KEY_ID and NOD_APNS_TEAM_ID belong together", o.Detail)
	case reasonBadEnvironmentKey, reasonBadEnvironmentKeyID:
		return fmt.Errorf("the key is not for this service of Apple's (%s): NOD_APNS_ENDPOINT is the production or the sandbox service", o.Detail)
	case apns2.ReasonExpiredProviderToken:
		return fmt.Errorf("APNs finds the provider token too old (%s): look at this machine's clock", o.Detail)
	case apns2.ReasonBadTopic, apns2.ReasonMissingTopic, apns2.ReasonTopicDisallowed:
		return fmt.Errorf("the key may not push to NOD_APNS_TOPIC (%s): it is the app's bundle id", o.Detail)
	}
	if o.Class == verify.ClassTransient || o.Class == verify.ClassUnknown {
		return fmt.Errorf("APNs gave no answer that helps (%s): look at the network and at NOD_APNS_ENDPOINT", o.Detail)
	}
	return fmt.Errorf("APNs refuses, or what answers is not APNs (%s): look at NOD_APNS_ENDPOINT and the other NOD_APNS_ settings", o.Detail)
}
