package vonage

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nod/delivery"
	"nod/verify"
)

// Vonage repeats a callback that was not answered for 24 hours. How old the
// signature of a repeat may be is not said: as old as the first.
const (
	maxAge  = 25 * time.Hour
	maxSkew = 5 * time.Minute
	maxBody = 64 << 10
)

// Receipts reads a status webhook. The Authorization header holds a JWT, HS256
// with the account's signature secret, that names the account and the SHA-256 of
// the body; all of it is checked. The delivery is the signed body's client_ref; the
// query is not signed and not read.
//
// Source: https://developer.vonage.com/en/getting-started/concepts/webhooks#decoding-signed-webhooks
func (c *Client) Receipts(r *http.Request) ([]verify.Receipt, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil || len(body) > maxBody {
		return nil, fmt.Errorf("reading a receipt of Vonage: at most %d bytes: %w", maxBody, delivery.ErrForged)
	}
	if !c.signed(r.Header.Get("Authorization"), body, time.Now()) {
		return nil, delivery.ErrForged
	}
	var status struct {
		ID        string  `json:"message_uuid"`
		Status    string  `json:"status"`
		ClientRef string  `json:"client_ref"`
		Error     problem `json:"error"`
	}
	if err := json.Unmarshal(body, &status); err != nil {
		return nil, fmt.Errorf("reading a receipt of Vonage: %w", err)
	}
	got := receipt(status.Status, status.Error.code())
	if got.State == "" {
		return nil, nil
	}
	got.DeliveryID, got.ProviderID = status.ClientRef, status.ID
	return []verify.Receipt{got}, nil
}

// signed reports whether the Authorization header signs this body for this account.
func (c *Client) signed(authorization string, body []byte, now time.Time) bool {
	scheme, token, _ := strings.Cut(authorization, " ")
	if c.config.SignatureSecret == "" || !strings.EqualFold(scheme, "Bearer") {
		return false
	}
	jws, err := jose.ParseSignedCompact(strings.TrimSpace(token), []jose.SignatureAlgorithm{jose.HS256})
	if err != nil {
		return false
	}
	payload, err := jws.Verify([]byte(c.config.SignatureSecret))
	if err != nil {
		return false
	}
	var claims struct {
		IssuedAt    int64  `json:"iat"`
		APIKey      string `json:"api_key"`
		PayloadHash string `json:"payload_hash"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return false
	}
	age := now.Sub(time.Unix(claims.IssuedAt, 0))
	hash := sha256.Sum256(body)
	return age <= maxAge && age >= -maxSkew && claims.APIKey == c.config.APIKey &&
		subtle.ConstantTimeCompare([]byte(strings.ToLower(claims.PayloadHash)), []byte(hex.EncodeToString(hash[:]))) == 1
}
