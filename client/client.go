// Package client is what an integrator's backend needs to ask a person's phone
// through nod: start a verification, hand its client secret to the page, and
// redeem the page's result token. It holds the API key, so it belongs on a
// server, never in a page or an app.
//
//	nod := client.New("https://verify.example.com", os.Getenv("NOD_API_KEY"))
//	v, err := nod.Start(ctx, client.Login{UserID: "u1", PhoneNumber: "+14155550123"})
//	// give v.ClientSecret and v.MatchNumber to the page; later, with what it sends back:
//	result, err := nod.Exchange(ctx, v.VerificationID, resultToken)
//	if err == nil && result.UserID == "u1" { /* signed in */ }
//
// Everything is one request; nothing is retried by itself. Give a create an
// IdempotencyKey and repeat it as it is when no answer came.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Client calls one nod with one API key. It is safe for concurrent use.
type Client struct {
	// HTTP sends the requests; nil is http.DefaultClient.
	HTTP *http.Client

	base, key string
	keys      keySet
}

// New returns a client of the server at baseURL, its NOD_PUBLIC_URL.
func New(baseURL, apiKey string) *Client {
	return &Client{base: strings.TrimSuffix(baseURL, "/"), key: apiKey}
}

// Error is a refusal by the server: a problem document (RFC 9457).
type Error struct {
	Status         int    `json:"status"`
	Code           string `json:"code"` // one of the documented codes, for example "no_channel", "locked" or "rate_limited"
	Title          string `json:"title"`
	Detail         string `json:"detail"` // what to do next, for people
	Field          string `json:"field,omitempty"`
	RetryAfter     int    `json:"retry_after,omitempty"` // seconds; 0: waiting does not help
	VerificationID string `json:"verification_id,omitempty"`

	// Of a refused Start: why, as rate_limited, fraud_rule, country, spend_cap or
	// account_locked.
	Reason string `json:"reason,omitempty"`
	// Of locked: when codes are taken again; nil: when an operator has unlocked the user.
	LockedUntil *time.Time `json:"locked_until,omitempty"`
	// What a page may show, in the language of the request; empty: see Detail.
	Message string `json:"message,omitempty"`
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("nod: %s: %s", e.Code, e.Detail) }

// Context is what the person is shown about the request.
type Context struct {
	App       string `json:"app,omitempty"`
	IP        string `json:"ip,omitempty"` // the person's, not yours: limits count by it
	UserAgent string `json:"user_agent,omitempty"`
	Location  string `json:"location,omitempty"`
}

// Login asks "is it you?". Only UserID is required; without a device of the
// user a PhoneNumber is needed too.
type Login struct {
	UserID         string  `json:"user_id"`
	PhoneNumber    string  `json:"phone_number,omitempty"` // E.164
	Email          string  `json:"email,omitempty"`        // leave to prove this login by a code sent there, when the person asks for it
	Channel        string  `json:"channel,omitempty"`      // auto (default), push, sms, both
	Context        Context `json:"context"`
	BindingMessage string  `json:"binding_message,omitempty"` // at most 140 characters, shown on the phone
	Match          string  `json:"match,omitempty"`           // typed (default), strict, none
	Locale         string  `json:"locale,omitempty"`

	// RequireUserVerification asks the phone to look again who holds it: by its screen
	// lock, a finger, a face.
	RequireUserVerification bool `json:"require_user_verification,omitempty"`

	// TrustedDeviceToken is what the person's browser kept of an earlier login
	// ([Client.Remember], or the last [Verification]); empty: nothing. When nothing
	// speaks against it the answer is approved at once; else it is as if none came.
	TrustedDeviceToken string `json:"trusted_device_token,omitempty"`

	// IdempotencyKey makes a repeat of the same request give the same answer.
	IdempotencyKey string `json:"-"`
}

// Verification is the part of a status body that a backend works with. Raw is the
// whole body, for the page; but a TrustedDeviceToken in it belongs where no script
// reads it, as in an HttpOnly cookie.
type Verification struct {
	VerificationID string     `json:"verification_id"`
	ClientSecret   string     `json:"client_secret"` // for the page; only the create tells it
	Status         string     `json:"status"`
	Stage          string     `json:"stage"`
	Reason         string     `json:"reason"`
	Method         string     `json:"method"`
	MatchNumber    string     `json:"match_number"`
	SessionEndsAt  *time.Time `json:"session_expires_at"`

	// What a trusted device's approval brings with the create: what to exchange at
	// once, and what the browser keeps in place of the token it sent.
	ResultToken        string `json:"result_token"`
	TrustedDeviceToken string `json:"trusted_device_token"`

	Raw json.RawMessage `json:"-"`
}

// Start begins a login verification. A newer one supersedes the user's open one.
func (c *Client) Start(ctx context.Context, l Login) (*Verification, error) {
	var v Verification
	header := http.Header{}
	if l.IdempotencyKey != "" {
		header.Set("Idempotency-Key", l.IdempotencyKey)
	}
	raw, err := c.call(ctx, http.MethodPost, "/api/v1/verifications", header, l, &v)
	v.Raw = raw
	return &v, err
}

// Get reads a verification.
func (c *Client) Get(ctx context.Context, id string) (*Verification, error) {
	var v Verification
	raw, err := c.call(ctx, http.MethodGet, "/api/v1/verifications/"+url.PathEscape(id), nil, nil, &v)
	v.Raw = raw
	return &v, err
}

// Cancel ends a pending verification.
func (c *Client) Cancel(ctx context.Context, id string) error {
	_, err := c.call(ctx, http.MethodPost, "/api/v1/verifications/"+url.PathEscape(id)+"/cancel", nil, struct{}{}, nil)
	return err
}

// UserToken makes a token that acts as the user for at most an hour.
func (c *Client) UserToken(ctx context.Context, userID string, ttl time.Duration) (token string, expiresAt time.Time, err error) {
	var out struct {
		Token     string    `json:"token"`
		ExpiresAt time.Time `json:"expires_at"`
	}
	_, err = c.call(ctx, http.MethodPost, "/api/v1/user-tokens", nil, map[string]any{"user_id": userID, "ttl": int(ttl.Seconds())}, &out)
	return out.Token, out.ExpiresAt, err
}

// Enrollment lets one device join a user, once, within ten minutes.
type Enrollment struct {
	Token     string    `json:"enrollment_token"`
	URI       string    `json:"uri"` // for a QR code
	ExpiresAt time.Time `json:"expires_at"`
}

// Enroll makes an enrollment for a user.
func (c *Client) Enroll(ctx context.Context, userID string) (Enrollment, error) {
	var e Enrollment
	_, err := c.call(ctx, http.MethodPost, userPath(userID, "enrollments"), nil, struct{}{}, &e)
	return e, err
}

// Message is what the simulator kept in place of sending it.
type Message struct {
	ID             string          `json:"id"`
	Channel        string          `json:"channel"`
	To             string          `json:"to,omitempty"`
	Title          string          `json:"title,omitempty"`
	Text           string          `json:"text,omitempty"`
	Data           json.RawMessage `json:"data,omitempty"`
	UserID         string          `json:"user_id,omitempty"` // whom it was for: two people may share a number
	VerificationID string          `json:"verification_id"`
	DeliveryID     string          `json:"delivery_id"`
	At             time.Time       `json:"at"`
}

// Outbox waits up to wait for simulated messages to a number or push token that
// are newer than the message after ("" for all). next is what to pass as after.
func (c *Client) Outbox(ctx context.Context, to, after string, wait time.Duration) (messages []Message, next string, err error) {
	q := url.Values{"to": {to}, "wait": {strconv.Itoa(int(wait.Seconds()))}}
	if after != "" {
		q.Set("after", after)
	}
	var out struct {
		Messages []Message `json:"messages"`
		Next     string    `json:"next"`
	}
	_, err = c.call(ctx, http.MethodGet, "/api/v1/outbox?"+q.Encode(), nil, nil, &out)
	return out.Messages, out.Next, err
}

// maxAnswer is how much of an answer is read, but for an export.
const maxAnswer = 1 << 20

// call sends one request and reads the answer into out (nil: not wanted).
func (c *Client) call(ctx context.Context, method, path string, header http.Header, in, out any) (json.RawMessage, error) {
	req, err := c.request(ctx, method, path, header, in)
	if err != nil {
		return nil, err
	}
	return c.do(req, maxAnswer, out)
}

// request makes a request with the API key; a nil in is no body.
func (c *Client) request(ctx context.Context, method, path string, header http.Header, in any) (*http.Request, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("nod: encoding the request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, fmt.Errorf("nod: making the request: %w", err)
	}
	maps.Copy(req.Header, header)
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// do sends a request and reads an answer of at most limit bytes.
func (c *Client) do(req *http.Request, limit int64, out any) (_ json.RawMessage, err error) {
	hc := c.HTTP
	if hc == nil {
		hc = http.DefaultClient
	}
	res, err := hc.Do(req)
	if err != nil {
		return nil, fmt.Errorf("nod: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err == nil && int64(len(raw)) > limit {
		err = fmt.Errorf("it is longer than %d bytes", limit)
	}
	if err != nil {
		return nil, fmt.Errorf("nod: reading the answer: %w", err)
	}
	if res.StatusCode >= http.StatusBadRequest {
		e := &Error{Status: res.StatusCode, Code: "unexpected", Detail: http.StatusText(res.StatusCode)}
		_ = json.Unmarshal(raw, e) // what is no problem document stays "unexpected"
		return raw, e
	}
	if out != nil {
		if err := json.Unmarshal(raw, out); err != nil {
			return raw, fmt.Errorf("nod: reading the answer: %w", err)
		}
	}
	return raw, nil
}
