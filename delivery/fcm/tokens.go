package fcm

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
	"golang.org/x/oauth2/jwt"

	"nod/delivery/wire"
	"nod/verify"
)

// scope lets messages be sent and nothing else
// (https://developers.google.com/identity/protocols/oauth2/scopes#fcm).
const scope = "https://www.googleapis.com/auth/firebase.messaging"

// tokens fetches access tokens and keeps the last one for as long as it is good:
// usually an hour. The library's own cache is not used, because whoever waits for
// it waits without end.
type tokens struct {
	config *jwt.Config
	client *http.Client
	turn   chan struct{} // holds one: it is somebody's turn to fetch

	mu   sync.Mutex
	held *oauth2.Token // nil: none
}

func newTokens(credentials []byte, client *http.Client) (*tokens, error) {
	config, err := google.JWTConfigFromJSON(credentials, scope)
	if err != nil {
		return nil, errors.New("the credentials are no service account's key (type service_account)") // err repeats the file
	}
	if u, err := url.Parse(config.TokenURL); err != nil || u.Host == "" {
		return nil, errors.New("the credentials' token_uri is no address")
	}
	block, _ := pem.Decode(config.PrivateKey)
	if config.Email == "" || block == nil {
		return nil, errors.New("the credentials have no client_email or no private_key")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("the credentials' private_key cannot be read")
	}
	if _, ok := key.(*rsa.PrivateKey); !ok {
		return nil, errors.New("the credentials' private_key is not an RSA key")
	}
	return &tokens{config: config, client: client, turn: make(chan struct{}, 1)}, nil
}

// get returns a good access token, and whether it was fetched just now: within ctx,
// when there is none, by one caller, while the others wait for as long as theirs lets
// them.
func (t *tokens) get(ctx context.Context) (token string, fresh bool, err error) {
	if token := t.kept(); token != "" {
		return token, false, nil
	}
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return "", false, ctx.Err()
	}
	if token := t.kept(); token != "" {
		return token, false, nil
	}
	// The library makes its request without a context.
	within := wire.Over(wire.Under(ctx, t.client.Transport))
	fetched, err := t.config.TokenSource(context.WithValue(ctx, oauth2.HTTPClient, within)).Token()
	if err != nil {
		return "", false, err
	}
	if !fetched.Valid() {
		return "", false, errors.New("the token endpoint gave no access token")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.held = fetched
	return fetched.AccessToken, true, nil
}

// kept is the token at hand, while it is good for 10 s more; empty when it is not.
func (t *tokens) kept() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.held.Valid() {
		return ""
	}
	return t.held.AccessToken
}

// drop forgets a token that was refused.
func (t *tokens) drop(token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held != nil && t.held.AccessToken == token {
		t.held = nil
	}
}

// grantErrors are the codes of RFC 6749 section 5.2: the key was deleted, the
// account disabled, this machine's clock is wrong.
var grantErrors = []string{"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope"}

// noToken classes the failure to get an access token. Nothing was sent to FCM.
func noToken(err error) verify.Outcome {
	o := verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Provider: name, Detail: "token"}
	refused, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		return o
	}
	status := refused.Response.StatusCode
	o.Detail = "token_http_" + strconv.Itoa(status)
	o.RetryAfter = wire.RetryAfter(refused.Response.Header, time.Now())
	var answer struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(refused.Body, &answer) == nil && slices.Contains(grantErrors, answer.Error) {
		o.Detail = answer.Error
	}
	if status < 500 && status != http.StatusTooManyRequests {
		o.State, o.Class = verify.StateFailed, verify.ClassPolicy
	}
	return o
}

type bearerKey struct{}

// bearer sends the access token of a request's context with it.
type bearer struct{ base http.RoundTripper }

func (b bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	if token, ok := req.Context().Value(bearerKey{}).(string); ok {
		req = req.Clone(req.Context())
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return b.base.RoundTrip(req)
}
