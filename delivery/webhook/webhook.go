// Package webhook tells the integrator what happens, by Standard Webhooks 1.0.0
// (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
//
// Each event is one POST of JSON to one address, signed with HMAC-SHA256 over its
// id, the time of this try and the body:
//
//	webhook-id         the event's id: the same at every try, a receiver knows a repeat by it
//	webhook-timestamp  when this try was made, in seconds since 1970, by the store's clock
//	webhook-signature  v1,<base64>, one for each secret, separated by spaces
//
//	{"type":"verification.approved","timestamp":"…","data":{"verification_id":"ver_…","user_id":"u1","seq":9,"method":"app"}}
//
// Two secrets are for the time in which one takes the other's place: a receiver that
// knows either verifies. Events hold no code, token or full number, and so no
// webhook does.
//
// A 2xx means delivered, whatever its body says; 410 means that the receiver wants no
// more; everything else is tried again by the rules of [delivery.Webhook.After].
// Redirects are not followed: the address is to be mended instead. Webhooks come at
// least once and in no order; seq gives the order within a verification.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"nod/delivery"
	"nod/delivery/wire"
	"nod/verify"
)

// timeout is for one try: the least that the standard recommends ("Request timeouts").
const timeout = 15 * time.Second

// longestWait is as far as a receiver's Retry-After is believed: a webhook lives for a day.
const longestWait = 24 * time.Hour

// How many bytes a secret has ("Signature scheme").
const secretLeast, secretMost = 24, 64

// Config says where webhooks go. Both fields are required.
type Config struct {
	// URL is http or https, without user, password and fragment. What is sent names
	// users, so over a network that others share it should be https.
	URL string
	// Secrets sign: one or, while it is replaced, two. Each is whsec_ and the base64
	// of 24 to 64 random bytes.
	Secrets []string
}

// Endpoint is where webhooks go. It is safe for concurrent use.
type Endpoint struct {
	url    *url.URL
	keys   keys
	client *http.Client
}

// New makes an endpoint; it connects to nobody. An error names the setting at fault
// and never repeats it.
func New(c Config) (*Endpoint, error) {
	u, err := addressOf("NOD_WEBHOOK_URL", c.URL)
	if err != nil {
		return nil, err
	}
	keys, err := keysOf(c.Secrets)
	if err != nil {
		return nil, err
	}
	return &Endpoint{url: u, keys: keys, client: wire.NewClient(nil)}, nil
}

// addressOf reads where a setting says that requests go.
func addressOf(setting, text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" {
		return nil, errors.New(setting + " must be an address like https://example.com/nod")
	}
	if u.User != nil || u.Fragment != "" {
		return nil, errors.New(setting + " must hold no user, password or fragment: requests prove themselves by their signature")
	}
	return u, nil
}

// keys sign, each for itself.
type keys [][]byte

func keysOf(secrets []string) (ks keys, err error) {
	if len(secrets) < 1 || len(secrets) > 2 {
		return nil, errors.New("NOD_WEBHOOK_SECRET must hold one secret, or the new and the old one separated by a comma while it is replaced")
	}
	for _, secret := range secrets {
		key, err := keyOf(secret)
		if err != nil {
			return nil, fmt.Errorf("NOD_WEBHOOK_SECRET: %w", err)
		}
		ks = append(ks, key)
	}
	return ks, nil
}

// keyOf reads a secret as the standard writes it.
func keyOf(secret string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(secret, "whsec_")
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(key) < secretLeast || len(key) > secretMost {
		return nil, fmt.Errorf("a secret is whsec_ and the base64 of %d to %d random bytes; make one with: echo whsec_$(openssl rand -base64 32)", secretLeast, secretMost)
	}
	return key, nil
}

// Host is the host of the address, and all of it that may be shown.
func (e *Endpoint) Host() string { return e.url.Host }

// body is what is sent.
type body struct {
	Type      string `json:"type"`
	Timestamp string `json:"timestamp"` // of the event
	Data      data   `json:"data"`
}

type data struct {
	VerificationID string `json:"verification_id,omitempty"`
	UserID         string `json:"user_id,omitempty"`
	Seq            int64  `json:"seq,omitempty"`
	verify.EventData
}

// Post makes one try.
func (e *Endpoint) Post(ctx context.Context, w delivery.Webhook) delivery.WebhookOutcome {
	content, err := json.Marshal(body{
		Type: w.Event.Name, Timestamp: verify.FormatTime(w.Event.At),
		Data: data{w.Event.VerificationID, w.Event.UserID, w.Event.Seq, w.Event.Data},
	})
	if err != nil {
		return delivery.WebhookOutcome{Detail: "encoding"}
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ctx, call := wire.One(ctx)
	req, err := e.keys.request(ctx, e.url, w.ID, w.ClaimedAt, content)
	if err != nil {
		return delivery.WebhookOutcome{Detail: "encoding"}
	}
	res, err := e.client.Do(req)
	if err != nil {
		return delivery.WebhookOutcome{Detail: detailOf(err, call)}
	}
	_ = res.Body.Close() // it was read already, as far as anybody wants to know
	return outcomeOf(res.StatusCode, wire.RetryAfterWithin(res.Header, w.ClaimedAt, longestWait))
}

// request makes a signed POST of JSON.
func (ks keys) request(ctx context.Context, to *url.URL, id string, at time.Time, content []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	seconds := strconv.FormatInt(at.Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "nod")
	req.Header.Set("webhook-id", id)
	req.Header.Set("webhook-timestamp", seconds)
	req.Header.Set("webhook-signature", ks.sign(id, seconds, content))
	return req, nil
}

// sign makes the value of webhook-signature.
func (ks keys) sign(id, at string, content []byte) string {
	signatures := make([]string, len(ks))
	for i, key := range ks {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + at + "."))
		mac.Write(content)
		signatures[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return strings.Join(signatures, " ")
}

// outcomeOf reads a status as the standard does ("Delivery success and failure").
func outcomeOf(status int, retryAfter time.Duration) delivery.WebhookOutcome {
	o := delivery.WebhookOutcome{Status: status}
	switch {
	case status >= 200 && status < 300:
		o.Delivered = true
	case status == http.StatusGone:
		o.Gone = true
	case status >= 300 && status < 400:
		o.Detail = "redirect"
	default:
		o.RetryAfter = retryAfter
	}
	return o
}

// detailOf says in a word why no answer came: dns, tls, connect, timeout or reset.
func detailOf(err error, call *wire.Call) string {
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "dns"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "tls"
	}
	if errors.Is(err, http.ErrSchemeMismatch) {
		return "tls"
	}
	o, _ := call.Outcome("")
	return o.Detail
}

// reasons tell an operator what a detail means.
var reasons = map[string]string{
	"dns":     "its host has no address; check its spelling and the DNS of this machine",
	"tls":     "its certificate is not trusted, or it does not speak TLS; check the certificate and the scheme",
	"connect": "nothing listens there, or a firewall is between; check host and port",
	"timeout": "it does not answer in time",
	"reset":   "it ends the connection without an answer",
}

// Check asks the address for its head, which tells nobody anything: any answer will
// do. The error says what is wrong with NOD_WEBHOOK_URL.
func (e *Endpoint) Check(ctx context.Context) error {
	return reach(ctx, "NOD_WEBHOOK_URL", e.client, e.url)
}

func reach(ctx context.Context, setting string, client *http.Client, u *url.URL) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ctx, call := wire.One(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, u.String(), nil)
	if err != nil {
		return errors.New(setting + " is no address of HTTP")
	}
	res, err := client.Do(req)
	if err != nil {
		detail := detailOf(err, call)
		return fmt.Errorf("%s cannot be reached (%s): %s", setting, detail, reasons[detail])
	}
	return res.Body.Close()
}
