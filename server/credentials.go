package server

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nod/verify"
)

// who is a set of roles: those that a route admits, or the one of a caller.
type who uint8

// The roles (contract, section 5). A route for public admits everybody.
const (
	byKey     who = 1 << iota // an API key: the integrator's backend
	byUser                    // a user token: its own user only
	byPage                    // a client secret: its one verification only
	byDevice                  // a device token: its prompts, its own record
	byConsole                 // a console session
	public    who = 0
)

var roleNames = []struct {
	role who
	name string
}{{byKey, "key"}, {byUser, "user"}, {byPage, "page"}, {byDevice, "device"}, {byConsole, "console"}}

// names lists the roles of a set; "public" is the empty one's.
func (w who) names() []string {
	var names []string
	for _, r := range roleNames {
		if w&r.role != 0 {
			names = append(names, r.name)
		}
	}
	if names == nil {
		return []string{"public"}
	}
	return names
}

// caller is who asks, as the credential proved it.
type caller struct {
	role   who
	id     string // of the API key (its hash), user, verification, device or console session
	userID string // of a user or a device
	secret int    // of a page: the generation of its client secret
	key    string // of an operator: hash of the API key of the call, or behind the session

	ip, agent string // of the connection
	call      string // method and path: what an Idempotency-Key is good for
}

type callerKey struct{}

// callerFrom returns who asks; the zero caller is the public.
func callerFrom(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}

// may refuses a caller to whom a verification does not belong: to them it is not
// there. It is asked inside the transaction too, for a client secret may have
// been replaced since it was checked.
func (c caller) may(v *verify.Verification) error {
	switch {
	case c.role == byKey, c.role == byConsole, c.role == byUser && v.UserID == c.id:
		return nil
	case c.role == byPage && v.ID == c.id:
		if v.SecretGeneration != c.secret {
			return errCredential
		}
		return nil
	}
	return verify.ErrNotFound
}

// ownsUser reports whether a user's things are the caller's.
func (c caller) ownsUser(userID string) bool {
	return c.role == byKey || (c.role == byUser || c.role == byDevice) && c.userID == userID
}

// by names an operator in what is told of their acts: "console 3fa9c1d2", by the
// first 4 bytes of the API key's keyed hash. They tell two keys apart and open
// nothing.
func (c caller) by() string {
	hash, _ := base64.RawURLEncoding.DecodeString(c.key) // as verify.Keys wrote it
	return c.role.names()[0] + " " + hex.EncodeToString(hash[:min(4, len(hash))])
}

// about refuses a caller who asks about a user that is not theirs, and a name that
// no user can have.
func (c caller) about(userID string) error {
	switch {
	case !c.ownsUser(userID):
		return verify.ErrNotFound
	case !validUserID(userID):
		return errUserID
	}
	return nil
}

// view is what the caller sees of a verification.
func (c caller) view(v *verify.Verification) view {
	switch c.role {
	case byPage:
		return viewPage
	case byUser:
		return viewUser(v)
	}
	return viewKey
}

const (
	secretHeader = "Nod-Client-Secret" //nolint:gosec // a name, no secret
	keyPrefix    = "nod_sk_"
)

var errCredential = &verify.Refusal{Code: verify.CodeUnauthenticated, Detail: "This credential is not valid here: it is wrong, ended or revoked. Get a new one and try again."}

// admit finds who sends a request and whether the route takes them. Several
// credentials may come with one request, the console's cookie by itself: the
// first one that opens the route counts.
func (s *Server) admit(r *http.Request, allowed who) (caller, error) {
	if allowed == public {
		return caller{}, nil
	}
	presented, known := 0, false
	for _, c := range s.presented(r, allowed) {
		got, err := c()
		switch {
		case err == nil && got.role&allowed != 0:
			return got, nil
		case err == nil:
			known = true
		case !errors.As(err, new(*verify.Refusal)):
			return caller{}, err
		}
		presented++
	}
	names := strings.Join(allowed.names(), ", ")
	switch {
	case known:
		return caller{}, &verify.Refusal{Code: verify.CodeForbidden, Detail: "This credential may not do this. Who may: " + names + "."}
	case presented > 0:
		return caller{}, errCredential
	}
	return caller{}, &verify.Refusal{Code: verify.CodeUnauthenticated, Detail: "Say who you are: this address needs a credential. Who may: " + names + "."}
}

// presented lists the checks of the credentials that a request carries.
func (s *Server) presented(r *http.Request, allowed who) []func() (caller, error) {
	ctx := r.Context()
	var checks []func() (caller, error)
	add := func(check func() (caller, error)) { checks = append(checks, check) }
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch token = strings.TrimSpace(token); {
	case strings.EqualFold(scheme, "Bearer") && strings.HasPrefix(token, keyPrefix):
		add(func() (caller, error) { return s.byAPIKey(token) })
	case strings.EqualFold(scheme, "Bearer") && typeOf(token) == verify.TypConsole:
		add(func() (caller, error) { return s.bySession(ctx, token) })
	case strings.EqualFold(scheme, "Bearer"):
		add(func() (caller, error) { return s.byUserToken(ctx, token) })
	case strings.EqualFold(scheme, "Device"):
		add(func() (caller, error) { return s.byDeviceToken(ctx, token, allowed) })
	case scheme != "":
		add(func() (caller, error) { return caller{}, errCredential })
	}
	if secret := r.Header.Get(secretHeader); secret != "" {
		add(func() (caller, error) { return s.byClientSecret(ctx, secret) })
	}
	if cookie, err := r.Cookie(s.consoleCookie); err == nil && s.fromOwnPage(r) {
		add(func() (caller, error) { return s.bySession(ctx, cookie.Value) })
	}
	return checks
}

// byAPIKey knows keys by their keyed hash: the server never holds one.
func (s *Server) byAPIKey(key string) (caller, error) {
	hash := s.keys.Hash("api_key", key)
	if !s.hasKey(hash) {
		return caller{}, errCredential
	}
	return caller{role: byKey, id: hash, key: hash}, nil
}

// hasKey compares with every key, so that time tells nothing.
func (s *Server) hasKey(hash string) bool {
	found := 0
	for _, k := range s.apiKeys {
		found |= subtle.ConstantTimeCompare([]byte(k), []byte(hash))
	}
	return found == 1
}

// byUserToken tries nod's own key first, then the integrator's.
func (s *Server) byUserToken(ctx context.Context, token string) (caller, error) {
	now, err := s.store.Now(ctx)
	if err != nil {
		return caller{}, err
	}
	c, err := s.authority.Own(verify.TypUser, token, now)
	if err == nil {
		return caller{role: byUser, id: c.Subject, userID: c.Subject}, nil
	}
	id, err := s.users.check(ctx, token, now)
	if err != nil {
		return caller{}, err
	}
	return caller{role: byUser, id: id, userID: id}, nil
}

func (s *Server) bySession(ctx context.Context, token string) (caller, error) {
	c, err := s.consoleSession(ctx, token)
	if err == nil {
		s.operators.remember(token, time.Unix(c.Expires, 0))
	}
	return caller{role: byConsole, id: c.ID, key: c.KeyHash}, err
}

// consoleSession checks a console's token. It ends with the API key it was made
// with.
func (s *Server) consoleSession(ctx context.Context, token string) (verify.Claims, error) {
	now, err := s.store.Now(ctx)
	if err != nil {
		return verify.Claims{}, err
	}
	c, err := s.authority.Own(verify.TypConsole, token, now)
	if err == nil && !s.hasKey(c.KeyHash) {
		err = errCredential
	}
	return c, err
}

func (s *Server) byClientSecret(ctx context.Context, secret string) (caller, error) {
	v, err := s.openedBy(ctx, secret)
	if err != nil {
		return caller{}, err
	}
	return caller{role: byPage, id: v.ID, secret: v.SecretGeneration}, nil
}

// openedBy finds the one verification that a client secret opens. A wrong secret,
// an unknown verification and one that has ended long ago look the same.
func (s *Server) openedBy(ctx context.Context, secret string) (*verify.Verification, error) {
	v, now, err := s.store.Verification(ctx, verify.ClientSecretID(secret))
	switch {
	case errors.Is(err, verify.ErrNotFound):
		return nil, errCredential
	case err != nil:
		return nil, err
	case !s.keys.CheckClientSecret(v, secret), v.Terminal() && now.Sub(v.EndedAt) >= watchAfterEnd:
		return nil, errCredential
	}
	return v, nil
}

// byDeviceToken checks a device's token. Its jti is spent only where the device
// is admitted.
func (s *Server) byDeviceToken(ctx context.Context, token string, allowed who) (caller, error) {
	id, err := verify.DeviceID(verify.TypDevice, token)
	if err != nil {
		return caller{}, err
	}
	d, now, err := s.store.Device(ctx, id)
	switch {
	case errors.Is(err, verify.ErrNotFound):
		return caller{}, errCredential
	case err != nil:
		return caller{}, err
	case !d.RevokedAt.IsZero():
		return caller{}, errCredential
	}
	c, err := s.authority.Device(token, d, now)
	if err != nil {
		return caller{}, err
	}
	if c.ID == "" || len(c.ID) > 128 {
		return caller{}, &verify.Refusal{Code: verify.CodeUnauthenticated, Detail: "A device token for a call needs a jti of its own: a fresh random one for each."}
	}
	if allowed&byDevice != 0 {
		if err := s.decisions.SpendTokenID(ctx, d.ID, c.ID, time.Unix(c.Expires, 0)); err != nil {
			return caller{}, err
		}
	}
	return caller{role: byDevice, id: d.ID, userID: d.UserID}, nil
}

// typeOf reads the type that a token claims. It decides only which check the
// token gets; that check trusts nothing of it.
func typeOf(token string) string {
	jws, err := jose.ParseSignedCompact(token, append(slices.Clone(publicAlgorithms), jose.HS256))
	if err != nil || len(jws.Signatures) != 1 {
		return ""
	}
	typ, _ := jws.Signatures[0].Protected.ExtraHeaders[jose.HeaderType].(string)
	return typ
}
