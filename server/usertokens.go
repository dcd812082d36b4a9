package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nod/verify"
)

// UserTokens says which user tokens of the integrator's own making are accepted.
// The zero value accepts none.
type UserTokens struct {
	JWKSURL string       // where the integrator's public keys are; RS, PS, ES and EdDSA
	Secret  []byte       // or a shared secret of 32 bytes or more; HS256
	Issuer  string       // their iss; required with either
	Client  *http.Client // fetches the keys; nil: one of its own
}

const (
	userTokenLife = time.Hour
	tokenLeeway   = time.Minute // how far foreign clocks may be off
	keysFreshFor  = 10 * time.Minute
	keysRest      = 30 * time.Second // between two tries to fetch
	keysTimeout   = 5 * time.Second
)

// publicAlgorithms are those with which a public key is not a secret.
var publicAlgorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
	jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// foreignUsers checks the integrator's user tokens. It is safe for concurrent
// use.
type foreignUsers struct {
	config     UserTokens
	audience   string
	algorithms []jose.SignatureAlgorithm

	mu        sync.Mutex // held while fetching: one fetch serves all that wait
	keys      jose.JSONWebKeySet
	fetchedAt time.Time
	triedAt   time.Time
}

// newForeignUsers refuses settings that would let anybody in: a secret that can be
// guessed, or no name of who may issue.
func newForeignUsers(c UserTokens, audience string) (*foreignUsers, error) {
	f := &foreignUsers{config: c, audience: audience}
	if c.JWKSURL != "" {
		f.algorithms = append(f.algorithms, publicAlgorithms...)
	}
	if len(c.Secret) > 0 {
		f.algorithms = append(f.algorithms, jose.HS256)
	}
	switch {
	case len(f.algorithms) == 0:
		return f, nil
	case len(c.Secret) > 0 && len(c.Secret) < 32:
		return nil, errors.New("the secret of user tokens must have 32 bytes or more")
	case c.Issuer == "":
		return nil, errors.New("foreign user tokens need the name of their issuer")
	}
	if f.config.Client == nil {
		f.config.Client = &http.Client{Timeout: keysTimeout}
	}
	return f, nil
}

var errUserToken = &verify.Refusal{Code: verify.CodeUnauthenticated, Detail: "This user token is not valid here: it must be signed by the configured key, name this server as aud and the configured issuer as iss, have a sub, and end within an hour."}

// check returns whom a token speaks for.
func (f *foreignUsers) check(ctx context.Context, token string, now time.Time) (userID string, err error) {
	if len(f.algorithms) == 0 || len(token) > 8<<10 {
		return "", errUserToken
	}
	jws, err := jose.ParseSignedCompact(token, f.algorithms)
	if err != nil || len(jws.Signatures) != 1 {
		return "", errUserToken
	}
	header := jws.Signatures[0].Protected
	if typ, _ := header.ExtraHeaders[jose.HeaderType].(string); strings.HasPrefix(typ, "nod-") && typ != verify.TypUser {
		return "", errUserToken
	}
	payload, err := f.open(ctx, jws, header, now)
	if err != nil {
		return "", err
	}
	var c verify.Claims
	if json.Unmarshal(payload, &c) != nil || c.Issuer != f.config.Issuer || !c.Audience.Has(f.audience) || !validUserID(c.Subject) {
		return "", errUserToken
	}
	ends := time.Unix(c.Expires, 0)
	switch {
	case c.Expires == 0, !now.Before(ends), ends.Sub(now) > userTokenLife+tokenLeeway,
		c.IssuedAt != 0 && c.Expires-c.IssuedAt > int64(userTokenLife/time.Second),
		now.Add(tokenLeeway).Unix() < max(c.IssuedAt, c.Begins):
		return "", errUserToken
	}
	return c.Subject, nil
}

// open verifies the signature: by the shared secret or by a published key, as
// the algorithm says, never one in place of the other.
func (f *foreignUsers) open(ctx context.Context, jws *jose.JSONWebSignature, h jose.Header, now time.Time) ([]byte, error) {
	if h.Algorithm == string(jose.HS256) {
		payload, err := jws.Verify(f.config.Secret)
		if err != nil {
			return nil, errUserToken
		}
		return payload, nil
	}
	keys, err := f.published(ctx, h.KeyID, now)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if k.Algorithm != "" && k.Algorithm != h.Algorithm || k.Use == "enc" || !k.IsPublic() {
			continue
		}
		if payload, err := jws.Verify(k); err == nil {
			return payload, nil
		}
	}
	return nil, errUserToken
}

// published returns the keys that a token with this kid may be signed with. An
// unknown kid and an old set are fetched again, seldom enough that nobody can
// make nod hammer the integrator.
func (f *foreignUsers) published(ctx context.Context, kid string, now time.Time) ([]jose.JSONWebKey, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	found := f.find(kid)
	if len(found) > 0 && now.Sub(f.fetchedAt) < keysFreshFor || now.Sub(f.triedAt) < keysRest {
		return found, nil
	}
	f.triedAt = now
	set, err := f.fetch(ctx)
	if err != nil {
		if len(found) > 0 { // what was good a moment ago still is
			return found, nil
		}
		return nil, fmt.Errorf("fetching the keys of user tokens: %w", err)
	}
	f.keys, f.fetchedAt = set, now
	return f.find(kid), nil
}

// find returns the keys of a kid; a token without one may be signed with any.
func (f *foreignUsers) find(kid string) []jose.JSONWebKey {
	if kid == "" {
		return f.keys.Keys
	}
	return f.keys.Key(kid)
}

// fetch reads the published keys. The address is the operator's, so it is asked
// for nothing but them, and for no more than a megabyte.
func (f *foreignUsers) fetch(ctx context.Context) (set jose.JSONWebKeySet, err error) {
	// Others wait for this answer too: it does not end with one caller.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keysTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.config.JWKSURL, nil)
	if err != nil {
		return set, err
	}
	res, err := f.config.Client.Do(req)
	if err != nil {
		return set, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return set, fmt.Errorf("status %d", res.StatusCode)
	}
	return set, json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&set)
}

// validUserID reports whether id may name a user: 1 to 128 characters, none of
// them a control character. It stands in paths, from which clients drop "." and
// ".." even where they are escaped (WHATWG URL, 4.4).
func validUserID(id string) bool {
	if id == "." || id == ".." {
		return false
	}
	n := 0
	for _, r := range id {
		if n++; r < ' ' || r == 0x7f || r == '\uFFFD' {
			return false
		}
	}
	return n >= 1 && n <= 128
}

var errUserID = invalid("user_id", "A user_id has 1 to 128 characters, none of them a control character, and is not one or two dots.")
