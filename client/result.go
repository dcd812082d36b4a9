package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Result is what a verification came to, signed by the server and checked here.
type Result struct {
	ID             string    `json:"jti"`
	UserID         string    `json:"sub"`
	VerificationID string    `json:"verification_id"`
	Purpose        string    `json:"purpose"`
	Status         string    `json:"status"`
	Method         string    `json:"method"`
	PhoneNumber    string    `json:"phone_number,omitempty"` // for a code: the number it proved
	Channel        string    `json:"channel,omitempty"`
	IssuedAt       time.Time `json:"-"`

	// TrustedDeviceToken is what [Client.Remember] was given beside the result; empty
	// when there was nothing to remember.
	TrustedDeviceToken string `json:"-"`
}

// ErrBadResult is returned when a result is not this server's word.
var ErrBadResult = errors.New("nod: the result is not signed by this server, not for this verification, or too old")

// Exchange redeems the page's result token, once, and checks the signed result
// against the server's keys. A browser's own word is never enough.
func (c *Client) Exchange(ctx context.Context, verificationID, resultToken string) (*Result, error) {
	return c.exchange(ctx, verificationID, map[string]any{"result_token": resultToken})
}

// Remember is Exchange for a person who asked not to be asked again in this browser:
// its next logins, for 30 days, may pass the result's TrustedDeviceToken. There is
// none for what a trusted device approved: that goes on with the token it was given.
func (c *Client) Remember(ctx context.Context, verificationID, resultToken string) (*Result, error) {
	return c.exchange(ctx, verificationID, map[string]any{"result_token": resultToken, "remember_device": true})
}

func (c *Client) exchange(ctx context.Context, verificationID string, in map[string]any) (*Result, error) {
	var out struct {
		Result             string `json:"result"`
		TrustedDeviceToken string `json:"trusted_device_token"`
	}
	if _, err := c.call(ctx, http.MethodPost, "/api/v1/verifications/"+url.PathEscape(verificationID)+"/exchange", nil, in, &out); err != nil {
		return nil, err
	}
	r, err := c.Verify(ctx, out.Result)
	if err != nil {
		return nil, err
	}
	if r.VerificationID != verificationID {
		return nil, ErrBadResult
	}
	r.TrustedDeviceToken = out.TrustedDeviceToken
	return r, nil
}

// Verify checks a signed result (a JWS, typ nod-result+jwt): ES256 by a key of
// the server's JWKS, issuer and audience the server's URL, not expired.
func (c *Client) Verify(ctx context.Context, token string) (*Result, error) {
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil || jws.Signatures[0].Protected.ExtraHeaders[jose.HeaderType] != "nod-result+jwt" {
		return nil, ErrBadResult
	}
	key, err := c.keys.get(ctx, c, jws.Signatures[0].Protected.KeyID)
	if err != nil {
		return nil, err
	}
	payload, err := jws.Verify(key)
	if err != nil {
		return nil, ErrBadResult
	}
	var claims struct {
		Result
		Issuer   string `json:"iss"`
		Audience string `json:"aud"`
		IssuedAt int64  `json:"iat"`
		Expires  int64  `json:"exp"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil || claims.Issuer != c.base || claims.Audience != c.base || time.Now().Unix() >= claims.Expires {
		return nil, ErrBadResult
	}
	claims.Result.IssuedAt = time.Unix(claims.IssuedAt, 0)
	return &claims.Result, nil
}

// keySet caches the server's public keys and asks again for one it lacks.
type keySet struct {
	mu   sync.Mutex
	keys []jose.JSONWebKey
}

func (k *keySet) get(ctx context.Context, c *Client, id string) (jose.JSONWebKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	find := func() int { return slices.IndexFunc(k.keys, func(key jose.JSONWebKey) bool { return key.KeyID == id }) }
	if i := find(); i >= 0 {
		return k.keys[i], nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/.well-known/jwks.json", nil)
	if err != nil {
		return jose.JSONWebKey{}, fmt.Errorf("nod: asking for the keys: %w", err)
	}
	var set jose.JSONWebKeySet
	if _, err := c.do(req, maxAnswer, &set); err != nil {
		return jose.JSONWebKey{}, fmt.Errorf("nod: asking for the keys: %w", err)
	}
	k.keys = set.Keys
	if i := find(); i >= 0 {
		return k.keys[i], nil
	}
	return jose.JSONWebKey{}, ErrBadResult
}
