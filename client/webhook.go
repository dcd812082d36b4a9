package client

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// webhookTolerance is how far the time of a try may be from the receiver's clock, so
// that nobody can send an old one again.
const webhookTolerance = 5 * time.Minute

// ErrBadWebhook is returned for a request that does not prove that nod sent it just
// now. Answer it with 401 and do nothing else.
var ErrBadWebhook = errors.New("nod: the webhook is not signed with this secret, or too old")

// Webhook is an event that nod tells. It comes at least once and in no order: keep
// the ids of a few days, and take a second one as done; order those of one
// verification by Seq.
type Webhook struct {
	ID             string          // the same whenever the event comes again
	Type           string          // for example "verification.approved"
	At             time.Time       // of the event
	VerificationID string          // empty: of a device, a provider or a test
	UserID         string          // empty: of a provider or a test
	Seq            int64           // per verification: 1, 2, 3 …
	Data           json.RawMessage // all that is told, as it came
}

// VerifyWebhook reads a request that nod sent to NOD_WEBHOOK_URL, by Standard
// Webhooks 1.0.0 (https://www.standardwebhooks.com). secret is the receiver's,
// whsec_…; body is the request's as it came, before any parser has seen it. It
// returns [ErrBadWebhook], an error about the secret, or one about a body that is
// signed and still no event.
//
// A webhook is a notice. Whether somebody is signed in, [Client.Exchange] says.
func VerifyWebhook(secret string, header http.Header, body []byte, now time.Time) (*Webhook, error) {
	encoded, ok := strings.CutPrefix(secret, "whsec_")
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(key) == 0 {
		return nil, errors.New("nod: a webhook secret is whsec_ and base64")
	}
	id, at := header.Get("webhook-id"), header.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(at, 10, 64)
	if id == "" || err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > webhookTolerance {
		return nil, ErrBadWebhook
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + at + "."))
	mac.Write(body)
	want := []byte("v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	signed := false
	for got := range strings.SplitSeq(header.Get("webhook-signature"), " ") { // several while a secret is replaced
		signed = hmac.Equal([]byte(got), want) || signed
	}
	if !signed {
		return nil, ErrBadWebhook
	}
	var event struct {
		Type      string          `json:"type"`
		Timestamp time.Time       `json:"timestamp"`
		Data      json.RawMessage `json:"data"`
	}
	var data struct {
		VerificationID string `json:"verification_id"`
		UserID         string `json:"user_id"`
		Seq            int64  `json:"seq"`
	}
	if err := json.Unmarshal(body, &event); err != nil {
		return nil, fmt.Errorf("nod: reading a webhook: %w", err)
	}
	if err := json.Unmarshal(event.Data, &data); err != nil {
		return nil, fmt.Errorf("nod: reading a webhook: %w", err)
	}
	return &Webhook{id, event.Type, event.Timestamp, data.VerificationID, data.UserID, data.Seq, event.Data}, nil
}
