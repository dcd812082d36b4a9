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
	keys   [][]byte
	client *http.Client
}

// New makes an endpoint; it connects to nobody. An error names the setting at fault
// and never repeats it.
func New(c Config) (*Endpoint, error) {
	u, err := url.Parse(c.URL)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" {
		return nil, errors.New("NOD_WEBHOOK_URL must be an address like https://example.com/webhooks")
	}
	if u.User != nil || u.Fragment != "" {
		return nil, errors.New("NOD_WEBHOOK_URL must hold no user, password or fragment: webhooks prove themselves by their signature")
	}
	if len(c.Secrets) < 1 || len(c.Secrets) > 2 {
		return nil, errors.New("NOD_WEBHOOK_SECRET must hold one secret, or the new and the old one separated by a comma while it is replaced")
	}
	e := &Endpoint{url: u, client: wire.NewClient(nil)}
	for _, secret := range c.Secrets {
		key, err := keyOf(secret)
		if err != nil {
			return nil, fmt.Errorf("NOD_WEBHOOK_SECRET: %w", err)
		}
		e.keys = append(e.keys, key)
	}
	return e, nil
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
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url.String(), bytes.NewReader(content))
	if err != nil {
		return delivery.WebhookOutcome{Detail: "encoding"}
	}
	at := strconv.FormatInt(w.ClaimedAt.Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "nod")
	req.Header.Set("webhook-id", w.ID)
	req.Header.Set("webhook-timestamp", at)
	req.Header.Set("webhook-signature", e.sign(w.ID, at, content))
	res, err := e.client.Do(req)
	if err != nil {
		return delivery.WebhookOutcome{Detail: detailOf(err, call)}
	}
	_ = res.Body.Close() // it was read already, as far as anybody wants to know
	return outcomeOf(res.StatusCode, wire.RetryAfterWithin(res.Header, w.ClaimedAt, longestWait))
}

// sign makes the value of webhook-signature.
func (e *Endpoint) sign(id, at string, content []byte) string {
	signatures := make([]string, len(e.keys))
	for i, key := range e.keys {
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
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ctx, call := wire.One(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, e.url.String(), nil)
	if err != nil {
		return errors.New("NOD_WEBHOOK_URL is no address of HTTP")
	}
	res, err := e.client.Do(req)
	if err != nil {
		detail := detailOf(err, call)
		return fmt.Errorf("NOD_WEBHOOK_URL cannot be reached (%s): %s", detail, reasons[detail])
	}
	return res.Body.Close()
}
