// Package webpush brings pushes to browsers: Web Push (RFC 8030) to the service
// that each browser names, signed with nod's own key (VAPID, RFC 8292) and sealed
// for the browser (RFC 8291), through SherClockHolmes/webpush-go. It needs no
// account anywhere.
//
// A push service reads an endpoint, how long the message lives, how urgent it is
// and a topic that is a hash. Every body has 4096 bytes, the most that each service
// must take (RFC 8030, section 7.2), so that not even its length tells anything.
// All pushes about one verification have one topic: a later one takes the place of
// one that waits.
//
// # An address that a stranger chose
//
// The endpoint comes from a device, and nod calls it. So it has to be https, no
// redirect is followed, and a connection is made to public unicast addresses only,
// looked at after the name was resolved and just before the dial: to nothing on
// this machine, in its network, or in its cloud. No proxy is used, because it would
// dial where nod cannot look. And what it answers, or does not, speaks against no
// other push service, see [WebPush.NumberRefused].
package webpush

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	push "github.com/SherClockHolmes/webpush-go"

	"nod/delivery"
	"nod/delivery/wire"
	"nod/verify"
)

// name is the provider's in outcomes.
const name = "webpush"

// Config says who sends.
type Config struct {
	Key     *ecdsa.PrivateKey // VAPID, on P-256: what browsers subscribed with
	Subject string            // where a push service can reach the operator: mailto: or https: (RFC 8292, section 2.1)
	Local   bool              // nod is on a developer's machine: a push service may be there too, over http
}

// WebPush is the channel to browsers.
type WebPush struct {
	public, private string // the key, as the library takes it
	subject         string // as the library takes it
	local           bool
	client          *http.Client
}

// New takes the key. It does not dial.
func New(c Config) (*WebPush, error) {
	if c.Key == nil || c.Key.Curve != elliptic.P256() {
		return nil, errors.New("a VAPID key is on P-256")
	}
	private, err := c.Key.Bytes()
	if err != nil {
		return nil, errors.New("the VAPID key is no key")
	}
	public, err := c.Key.PublicKey.Bytes()
	if err != nil {
		return nil, errors.New("the VAPID key is no key")
	}
	if err := CheckSubject(c.Subject); err != nil {
		return nil, err
	}
	dialer, base := wire.Dialer(), wire.NewBase()
	dialer.ControlContext = publicOnly
	if c.Local {
		dialer.ControlContext = publicOrLoopback
	}
	base.Proxy, base.DialContext = nil, dialer.DialContext
	return &WebPush{
		public:  base64.RawURLEncoding.EncodeToString(public),
		private: base64.RawURLEncoding.EncodeToString(private),
		// The library puts mailto: before what is not https:, so it must not be there yet.
		subject: strings.TrimPrefix(c.Subject, "mailto:"),
		local:   c.Local,
		client:  wire.Over(&wire.Transport{Base: base}),
	}, nil
}

// CheckSubject says what is wrong with a subject, in words for the operator.
func CheckSubject(subject string) error {
	u, err := url.Parse(subject)
	switch {
	case err == nil && u.Scheme == "mailto" && strings.Contains(u.Opaque, "@") && !strings.ContainsAny(u.Opaque, " ,:"):
		return nil
	case err == nil && u.Scheme == "https" && u.Host != "":
		return nil
	}
	return errors.New("NOD_VAPID_SUBJECT is mailto: and an address, or an https: address: a push service writes there when something is wrong")
}

// PublicKey is what a browser subscribes with: the public half of the VAPID key, an
// uncompressed point in base64url (RFC 8292, section 3.2).
func (p *WebPush) PublicKey() string { return p.public }

// Check has nothing to ask: each browser has a push service of its own, and none
// can be tried without a subscription. The key and the subject were looked at by
// [New].
func (*WebPush) Check(context.Context) error { return nil }

// Close gives idle connections up.
func (p *WebPush) Close() { p.client.CloseIdleConnections() }

// Send pushes a prompt. The device's token is the JSON of its PushSubscription.
func (p *WebPush) Send(ctx context.Context, m delivery.Message) verify.Outcome {
	failed := verify.Outcome{State: verify.StateFailed, Class: verify.ClassPermanentTarget, Provider: name, Detail: "malformed_token"}
	if m.Push == nil {
		return failed
	}
	to, err := parse(m.Push.Token, p.local)
	if err != nil {
		return failed
	}
	body, err := compose(m)
	if err != nil {
		return verify.Outcome{State: verify.StateFailed, Class: verify.ClassPolicy, Provider: name, Detail: "not_composed"}
	}
	urgency := push.UrgencyHigh
	if m.Withdrawn {
		urgency = push.UrgencyNormal
	}
	one, call := wire.One(ctx)
	res, err := push.SendNotificationWithContext(one, body, to, &push.Options{
		HTTPClient:      p.client,
		RecordSize:      push.MaxRecordSize,
		Subscriber:      p.subject,
		Topic:           topic(m.VerificationID),
		TTL:             int(max(m.Life, 0) / time.Second), // rather a second short than after the end
		Urgency:         urgency,
		VAPIDPublicKey:  p.public,
		VAPIDPrivateKey: p.private,
	})
	if err == nil {
		_ = res.Body.Close()
	}
	if errors.Is(err, errNotPublic) { // not the subscription's fault for certain: resolvers lie, too
		return verify.Outcome{State: verify.StateFailed, Class: verify.ClassPolicy, Provider: name, Detail: "not_public"}
	}
	if o, none := call.Outcome(name); none {
		return o
	}
	return outcome(call)
}

// Withdraw puts the end of a request in the place of the request, where it still
// waits, or tells the page that it is over.
func (p *WebPush) Withdraw(ctx context.Context, m delivery.Message) error {
	return delivery.WithdrawBy(ctx, p, m)
}

// topic is the same for all pushes about a verification and tells nothing of it:
// 32 characters of base64url (RFC 8030, section 5.4).
func topic(id string) string {
	sum := sha256.Sum256([]byte(id))
	return base64.RawURLEncoding.EncodeToString(sum[:24])
}

// maxText is the longest text, in bytes, that a record has room for beside its
// header, the mark of its end and the tag (RFC 8188, section 2).
const maxText = int(push.MaxRecordSize) - 86 - 1 - 16

// compose makes the text for the page's service worker, without the sealed prompt
// when it would be too long.
func compose(m delivery.Message) ([]byte, error) {
	text, err := encode(m)
	if err == nil && len(text) > maxText {
		m.Sealed = ""
		text, err = encode(m)
	}
	return text, err
}

func encode(m delivery.Message) ([]byte, error) {
	data := maps.Clone(m.Data())
	if !m.Withdrawn {
		data["title"], data["body"] = m.Title, m.Text
	}
	return json.Marshal(data)
}
