// Package vonage sends SMS through Vonage's Messages API, version 1.
//
//	POST /v1/messages                                        one SMS, Basic authentication
//	GET  /v2/reports/records?product=MESSAGES&id=…           what became of it: the synchronous Reports API
//	GET  /v2/applications?page_size=1                        tries the credentials, sends nothing
//
// There is no SDK below: Vonage's own cannot be had, and this is one request. Each
// message bears the delivery's id as client_ref, and Vonage calls back with it
// under its signature, so that a receipt finds its row even when nobody wrote the
// message's id down. The one key that Vonage calls back with is a shared secret:
// without it no receipts are asked for and none is believed.
//
// Sources: https://developer.vonage.com/en/api/messages,
// https://developer.vonage.com/en/getting-started/concepts/webhooks,
// https://developer.vonage.com/en/api/reports.
package vonage

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"nod/delivery"
	"nod/delivery/wire"
	"nod/verify"
)

// Name is the provider's, in deliveries and routes.
const Name = "vonage"

// defaultBase is Vonage's own.
const defaultBase = "https://api.nexmo.com"

// Config is one Vonage account.
type Config struct {
	APIKey    string
	APISecret string
	From      string // the sender: a number with or without +, or a name of at most 11 letters, digits and spaces
	BaseURL   string // scheme and host; empty: https://api.nexmo.com

	// SignatureSecret signs what Vonage calls nod with, at least 32 bytes. Empty:
	// no receipts are asked for and all are forged.
	SignatureSecret string
	// StatusURL is where Vonage tells what became of a message; the delivery's id
	// is added to its query. Empty: no receipts are asked for.
	StatusURL string
}

// Client sends through one account. It is safe for concurrent use.
type Client struct {
	config Config
	http   *http.Client
	base   *url.URL
	status *url.URL // nil: no receipts are asked for
}

// A sender is a number (E.164, at most 15 digits) or a name
// (https://developer.vonage.com/en/messaging/sms/guides/custom-sender-id).
var senderForm = regexp.MustCompile(`^(\+?[1-9][0-9]{0,14}|[0-9A-Za-z][0-9A-Za-z ]{0,10})$`)

// New makes a client and dials nobody. The error names the setting to mend.
func New(c Config) (*Client, error) {
	switch {
	case c.APIKey == "":
		return nil, errors.New("NOD_VONAGE_API_KEY is empty: write the key of the Vonage account")
	case c.APISecret == "":
		return nil, errors.New("NOD_VONAGE_API_SECRET is empty: write the secret of the Vonage account")
	case c.From == "":
		return nil, errors.New("NOD_VONAGE_FROM is empty: write a number of the account or a sender's name")
	case !senderForm.MatchString(c.From):
		return nil, errors.New("NOD_VONAGE_FROM is no sender: write a number of the account, at most 15 digits, or a name of at most 11 letters, digits and spaces")
	case c.SignatureSecret != "" && len(c.SignatureSecret) < 32: // RFC 7518 section 3.2, for HS256
		return nil, errors.New("NOD_VONAGE_SIGNATURE_SECRET is shorter than 32 bytes: set a longer one in Vonage's dashboard")
	}
	base, err := wire.Origin(c.BaseURL, defaultBase)
	if err != nil {
		return nil, fmt.Errorf("NOD_VONAGE_BASE_URL: %w", err)
	}
	client := &Client{config: c, http: wire.NewClient(nil), base: base}
	if c.StatusURL != "" && c.SignatureSecret != "" {
		if client.status, err = url.Parse(c.StatusURL); err != nil {
			return nil, fmt.Errorf("the URL for Vonage's receipts: %w", err)
		}
	}
	return client, nil
}

// Close gives up idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// message is the body of POST /v1/messages for an SMS.
type message struct {
	Type           string `json:"message_type"`
	Channel        string `json:"channel"`
	To             string `json:"to"` // digits, without +
	From           string `json:"from"`
	Text           string `json:"text"`
	ClientRef      string `json:"client_ref"`
	TTL            int    `json:"ttl"` // seconds
	WebhookURL     string `json:"webhook_url,omitempty"`
	WebhookVersion string `json:"webhook_version,omitempty"`
}

// Vonage keeps trying a phone that is off for as long as ttl says, 72 hours by
// itself. A code that comes after its end only confuses, so it says what is left of
// the code's life, but no less than the API takes
// (https://developer.vonage.com/en/api/messages).
const shortestTTL = 20 * time.Second

// Send makes the one request of a delivery and classes its answer, see [rules].
func (c *Client) Send(ctx context.Context, m delivery.Message) verify.Outcome {
	sms := message{
		Type: "text", Channel: "sms",
		To: strings.TrimPrefix(m.Number.E164(), "+"), From: strings.TrimPrefix(c.config.From, "+"),
		Text: m.Text, ClientRef: m.DeliveryID,
		TTL: int(max(m.Life, shortestTTL) / time.Second), // rather a second short than after the end
	}
	if c.status != nil {
		to := *c.status
		to.RawQuery = url.Values{"delivery": {m.DeliveryID}}.Encode()
		sms.WebhookURL, sms.WebhookVersion = to.String(), "v1"
	}
	body, err := json.Marshal(sms)
	if err != nil {
		return failed("encoding")
	}
	ctx, call := wire.One(ctx)
	req, err := c.request(ctx, http.MethodPost, "/v1/messages", nil, body)
	if err != nil {
		return failed("request")
	}
	if res, err := c.http.Do(req); err == nil {
		_ = res.Body.Close() // the call keeps what it says
	}
	if o, below := call.Outcome(Name); below {
		return o
	}
	return answered(call)
}

func failed(detail string) verify.Outcome {
	return verify.Outcome{State: verify.StateFailed, Class: verify.ClassPolicy, Provider: Name, Detail: detail}
}

func (c *Client) request(ctx context.Context, method, path string, query url.Values, body []byte) (*http.Request, error) {
	to := *c.base
	to.Path, to.RawQuery = path, query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, to.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.SetBasicAuth(c.config.APIKey, c.config.APISecret)
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// get reads one answer of the API; its status is 0 when none came.
func (c *Client) get(ctx context.Context, path string, query url.Values, into any) (int, error) {
	req, err := c.request(ctx, http.MethodGet, path, query, nil)
	if err != nil {
		return 0, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // without the URL
		}
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return res.StatusCode, fmt.Errorf("vonage answered %d", res.StatusCode)
	}
	return res.StatusCode, json.NewDecoder(res.Body).Decode(into)
}

// Check tries the credentials by listing one of the account's applications; it
// costs nothing and sends nothing. It cannot try the signature secret.
func (c *Client) Check(ctx context.Context) error {
	var answer struct {
		Embedded json.RawMessage `json:"_embedded"`
	}
	switch status, err := c.get(ctx, "/v2/applications", url.Values{"page_size": {"1"}}, &answer); {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return errors.New("vonage refuses the credentials: compare NOD_VONAGE_API_KEY and NOD_VONAGE_API_SECRET with the dashboard")
	case status == 0:
		return fmt.Errorf("vonage cannot be reached: %w; is NOD_VONAGE_BASE_URL right, and may this machine call it?", err)
	case err != nil:
		return fmt.Errorf("asking Vonage: %w; is NOD_VONAGE_BASE_URL right?", err)
	}
	return nil
}

// Ask looks the message up in the synchronous Reports API, the only version of it
// that finds a record by its id. It answers with one record for each state that the
// message had, in no order that is promised: the one furthest on counts.
//
// Source: https://developer.vonage.com/en/reports/code-snippets/load-records-sync-id
func (c *Client) Ask(ctx context.Context, provider, providerID string) (verify.Receipt, error) {
	if provider != Name || providerID == "" {
		return verify.Receipt{}, nil
	}
	var answer struct {
		Records []struct {
			Status    string          `json:"status"`
			ErrorCode json.RawMessage `json:"error_code"` // a number, or text of one
			ClientRef string          `json:"client_ref"`
		} `json:"records"`
	}
	query := url.Values{"account_id": {c.config.APIKey}, "product": {"MESSAGES"}, "direction": {"outbound"}, "id": {providerID}}
	if _, err := c.get(ctx, "/v2/reports/records", query, &answer); err != nil {
		return verify.Receipt{}, fmt.Errorf("asking Vonage what became of a message: %w", err)
	}
	var last verify.Receipt
	for _, r := range answer.Records {
		if got := receipt(r.Status, strings.Trim(string(r.ErrorCode), `"`)); further(got.State, last.State) {
			last = got
			last.DeliveryID, last.ProviderID = r.ClientRef, providerID
		}
	}
	return last, nil
}

// further reports whether a state is further on than another.
func further(a, b verify.DeliveryState) bool {
	rank := map[verify.DeliveryState]int{verify.StateAccepted: 1, verify.StateUndelivered: 2, verify.StateDelivered: 3}
	return rank[a] > rank[b]
}

// answered is the outcome of Vonage's answer to a message.
func answered(call *wire.Call) verify.Outcome {
	status := call.Status()
	if status/100 == 2 {
		var answer struct {
			ID string `json:"message_uuid"`
		}
		if json.Unmarshal(call.Body(), &answer) == nil && answer.ID != "" {
			return verify.Outcome{State: verify.StateAccepted, Class: verify.ClassNone, Provider: Name, ProviderID: answer.ID, Receipts: true}
		}
	}
	if status/100 == 2 || status >= 500 || status == http.StatusRequestTimeout {
		return call.Refusal(Name, strconv.Itoa(status), verify.ClassUnknown) // who knows what was taken, before that went wrong or by whom
	}
	var p problem
	_ = json.Unmarshal(call.Body(), &p) // not JSON: the status alone
	detail := cmp.Or(p.code(), strconv.Itoa(status))
	return call.Refusal(Name, detail, classOf(status, detail))
}
