package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"nod/verify"
)

// userTokenInput asks for a token that acts as a user.
type userTokenInput struct {
	Once
	Body struct {
		UserID string `json:"user_id" minLength:"1" maxLength:"128"`
		TTL    int    `json:"ttl,omitempty" minimum:"1" maximum:"3600" default:"3600" doc:"Seconds."`
	}
}

// tokenAnswer is a fresh token.
type tokenAnswer struct {
	Body Token
}

// Token is a token with its end.
type Token struct {
	Token      string `json:"token"`
	ExpiresAt  string `json:"expires_at" format:"date-time"`
	ServerTime string `json:"server_time" format:"date-time"`
}

// tokenOf tells when a token ends as the token itself says it: in whole seconds.
func tokenOf(token string, now time.Time, life time.Duration) Token {
	return Token{token, verify.FormatTime(now.Truncate(time.Second).Add(life)), verify.FormatTime(now)}
}

// userToken makes a token for the integrator's app. It is signed, not kept.
func (s *Server) userToken(ctx context.Context, in *userTokenInput) (*tokenAnswer, error) {
	if !validUserID(in.Body.UserID) {
		return nil, errUserID
	}
	made, err := s.stamp(ctx, in.Once, "tok", in.Body)
	if err != nil {
		return nil, err
	}
	life := time.Duration(in.Body.TTL) * time.Second
	return &tokenAnswer{tokenOf(s.authority.UserToken(in.Body.UserID, life, made.At), made.At, life)}, nil
}

// ByUser names a user in the path.
type ByUser struct {
	UserID string `path:"user_id" maxLength:"128"`
}

// enrollInput asks for an enrollment.
type enrollInput struct {
	Once
	ByUser
	Body *Empty
}

// enrollAnswer lets one device join.
type enrollAnswer struct {
	Body struct {
		EnrollmentToken string `json:"enrollment_token"`
		URI             string `json:"uri" doc:"For a QR code."`
		ExpiresAt       string `json:"expires_at" format:"date-time"`
		ServerTime      string `json:"server_time" format:"date-time"`
	}
}

// enroll makes the one-use token with which a device joins a user.
func (s *Server) enroll(ctx context.Context, in *enrollInput) (*enrollAnswer, error) {
	if !validUserID(in.UserID) {
		return nil, errUserID
	}
	once := in.claim(ctx, nil, func() verify.Answer { return verify.Answer{Status: http.StatusCreated} })
	e, err := s.store.CreateEnrollment(ctx, once, in.UserID)
	if replay, ok := errors.AsType[*verify.Replay](err); ok {
		e, err = s.store.Enrollment(ctx, replay.Answer.Subject)
	}
	if err != nil {
		return nil, err
	}
	token := s.keys.EnrollmentToken(e.ID)
	out := &enrollAnswer{}
	out.Body.EnrollmentToken, out.Body.ExpiresAt, out.Body.ServerTime = token, verify.FormatTime(e.ExpiresAt), verify.FormatTime(s.Now())
	out.Body.URI = "nod:enroll#url=" + url.QueryEscape(s.authority.URL()) + "&token=" + token
	return out, nil
}

// Push is where a push provider finds a device.
type Push struct {
	Provider string `json:"provider" enum:"fcm,apns,webpush"`
	Token    string `json:"token" minLength:"1" maxLength:"4096"`
}

// pushKeyAnswer is what a page needs before it can be woken. That Web Push is off
// is no failure: browsers complain in their console about every 404.
type pushKeyAnswer struct {
	Body struct {
		Key *string `json:"key" doc:"The applicationServerKey: the public VAPID key, an uncompressed P-256 point in base64url (RFC 8292). Null while Web Push is off."`
	}
}

// pushKey tells the public VAPID key.
func (s *Server) pushKey(context.Context, *struct{}) (*pushKeyAnswer, error) {
	out := &pushKeyAnswer{}
	if s.config.PushKey != "" {
		out.Body.Key = &s.config.PushKey
	}
	return out, nil
}

// joinInput is a device that joins.
type joinInput struct {
	Once
	Body struct {
		EnrollmentToken string `json:"enrollment_token" minLength:"1" maxLength:"256"`
		Name            string `json:"name" minLength:"1" maxLength:"80"`
		Platform        string `json:"platform" enum:"android,ios,web"`
		SignJWK         JWK    `json:"sign_jwk" doc:"The public P-256 key that the device signs with."`
		EncryptJWK      JWK    `json:"encrypt_jwk,omitzero" doc:"The public P-256 key that pushes are encrypted to."`
		Push            *Push  `json:"push,omitempty"`
		Proof           string `json:"proof" minLength:"1" maxLength:"4096" doc:"JWS (ES256 by sign_jwk, typ nod-enroll+jwt) with aud, iat and enrollment_sha256."`
	}
}

// JWK is a public key (RFC 7517). It is read by [verify.ParseKey].
type JWK struct{ json.RawMessage }

// Schema describes it to huma.
func (JWK) Schema(huma.Registry) *huma.Schema {
	member := func(says string) *huma.Schema { return &huma.Schema{Type: huma.TypeString, Description: says} }
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Properties: map[string]*huma.Schema{
		"kty": member("EC"), "crv": member("P-256"), "x": member("base64url"), "y": member("base64url"),
	}}
}

// deviceAnswer is a device with its HTTP status.
type deviceAnswer struct {
	Status int
	Body   DeviceBody
}

// DeviceBody is a device's record. The push token never comes back.
type DeviceBody struct {
	ID         string          `json:"id"`
	UserID     string          `json:"user_id"`
	Name       string          `json:"name"`
	Platform   string          `json:"platform"`
	Push       *PushProvider   `json:"push" doc:"Null while push is off."`
	CreatedAt  string          `json:"created_at" format:"date-time"`
	SeenAt     *string         `json:"seen_at" format:"date-time"`
	JWKS       json.RawMessage `json:"jwks,omitempty" doc:"The keys that prompts are signed with. Only when a device joins."`
	ServerTime string          `json:"server_time,omitempty" format:"date-time"`
}

// PushProvider says which provider reaches a device.
type PushProvider struct {
	Provider string `json:"provider"`
}

// deviceBody shows which provider reaches a device, never its token.
func deviceBody(d *verify.Device) DeviceBody {
	b := DeviceBody{
		ID: d.ID, UserID: d.UserID, Name: d.Name, Platform: d.Platform,
		CreatedAt: verify.FormatTime(d.CreatedAt), SeenAt: optionalTime(d.SeenAt),
	}
	if d.Push != nil {
		b.Push = &PushProvider{d.Push.Provider}
	}
	return b
}

// join spends an enrollment for a device that proves to hold its key.
func (s *Server) join(ctx context.Context, in *joinInput) (*deviceAnswer, error) {
	b := &in.Body
	id := s.keys.EnrollmentTokenID(b.EnrollmentToken)
	if id == "" {
		return nil, &verify.Refusal{Code: verify.CodeUnauthenticated, Field: "enrollment_token", Detail: "This enrollment token is not one of ours. Ask for a new one."}
	}
	// Keys are read before the transaction: a writer is not held by curve checks.
	made, err := newDevice(b.Name, b.Platform, b.SignJWK, b.EncryptJWK, b.Push)
	if err == nil {
		err = s.checkPush(made.Push)
	}
	if err != nil {
		return nil, err
	}
	var joined DeviceBody
	once := in.claim(ctx, b, func() verify.Answer {
		return verify.Answer{Status: http.StatusCreated, Body: encode(joined), Subject: joined.ID}
	})
	if once != nil { // anybody may join, so two devices may think of one key
		once.Scope += " " + id
	}
	_, err = s.store.CreateDevice(ctx, once, id, func(e verify.Enrollment, live int, now time.Time) (*verify.Device, error) {
		if err := s.authority.Enroll(b.Proof, b.EnrollmentToken, made.SignKey, now); err != nil {
			return nil, &verify.Refusal{Code: verify.CodeUnauthenticated, Field: "proof", Detail: "The proof does not hold: sign aud, iat and enrollment_sha256 with the key of sign_jwk; compare your clock with server_time."}
		}
		// The proof comes first: who does not hold the key is not told what became
		// of the enrollment.
		switch {
		case !e.UsedAt.IsZero():
			return nil, &verify.Refusal{Code: verify.CodeConflict, Field: "enrollment_token", Detail: "This enrollment token was used already. Ask for a new one."}
		case !now.Before(e.ExpiresAt):
			return nil, errEnrollmentOver
		case live >= verify.MaxDevices:
			return nil, &verify.Refusal{Code: verify.CodeConflict, Detail: "This user has ten devices already. Remove one first."}
		}
		d := *made
		d.ID, d.UserID, d.CreatedAt = verify.NewID("dev"), e.UserID, now
		joined = deviceBody(&d)
		joined.JWKS, joined.ServerTime = encode(s.authority.PublicKeys()), verify.FormatTime(now)
		return &d, nil
	})
	if replay, ok := errors.AsType[*verify.Replay](err); ok {
		err = json.Unmarshal(replay.Answer.Body, &joined)
		return &deviceAnswer{replay.Answer.Status, joined}, err
	}
	if errors.Is(err, verify.ErrNotFound) { // it was ours, and so long ago that it is forgotten
		err = errEnrollmentOver
	}
	if err != nil {
		return nil, err
	}
	return &deviceAnswer{http.StatusCreated, joined}, nil
}

var errEnrollmentOver = &verify.Refusal{Code: verify.CodeExpired, Field: "enrollment_token", Detail: "This enrollment token has expired. Ask for a new one."}

// newDevice reads what a device says about itself; who it belongs to comes from
// its enrollment.
func newDevice(name, platform string, sign, encrypt JWK, push *Push) (*verify.Device, error) {
	d := &verify.Device{Name: strings.TrimSpace(name), Platform: platform, Push: push.target()}
	if d.Name == "" {
		return nil, errNoName
	}
	var err error
	if d.SignKey, err = verify.ParseKey(sign.RawMessage); err != nil {
		return nil, keyProblem("sign_jwk", err)
	}
	if encrypt.RawMessage == nil || string(encrypt.RawMessage) == "null" {
		return d, nil
	}
	k, err := verify.ParseKey(encrypt.RawMessage)
	if err != nil {
		return nil, keyProblem("encrypt_jwk", err)
	}
	d.EncryptKey = &k
	return d, nil
}

var errNoName = invalid("name", "Give the device a name that its owner will know.")

func keyProblem(field string, err error) *Problem {
	p := problemOf(err)
	p.Field = field
	return p
}

func (p *Push) target() *verify.PushTarget {
	if p == nil {
		return nil
	}
	return &verify.PushTarget{Provider: p.Provider, Token: p.Token}
}

// checkPush refuses a push target that could never be used: the app is told now,
// and not a person later that no request came.
func (s *Server) checkPush(t *verify.PushTarget) error {
	if t == nil || s.config.CheckPush == nil {
		return nil
	}
	if err := s.config.CheckPush(*t); err != nil {
		return invalid("push.token", "This push token cannot be used: "+err.Error()+".")
	}
	return nil
}

// devicesAnswer lists devices.
type devicesAnswer struct {
	Body struct {
		Devices []DeviceBody `json:"devices" nullable:"false"`
	}
}

// devices lists the live devices of a user; a device sees its own record only.
func (s *Server) devices(ctx context.Context, in *ByUser) (*devicesAnswer, error) {
	c := callerFrom(ctx)
	if !c.ownsUser(in.UserID) {
		return nil, verify.ErrNotFound
	}
	ds, err := s.store.Devices(ctx, in.UserID)
	if err != nil {
		return nil, err
	}
	out := &devicesAnswer{}
	out.Body.Devices = []DeviceBody{}
	for i := range ds {
		if c.role != byDevice || ds[i].ID == c.id {
			out.Body.Devices = append(out.Body.Devices, deviceBody(&ds[i]))
		}
	}
	return out, nil
}

// patchInput changes a device. Push given as null switches push off.
type patchInput struct {
	ByID
	Body struct {
		Name string     `json:"name,omitempty" minLength:"1" maxLength:"80"`
		Push PushChange `json:"push,omitempty"`
	}
}

// PushChange tells null from absent.
type PushChange struct {
	Given bool
	Push  *Push
}

// UnmarshalJSON is called for null too.
func (p *PushChange) UnmarshalJSON(b []byte) error {
	p.Given = true
	return json.Unmarshal(b, &p.Push)
}

// Schema describes it to huma: what it holds, or null.
func (PushChange) Schema(r huma.Registry) *huma.Schema {
	s := *r.SchemaFromRef(r.Schema(pushType, true, "Push").Ref)
	s.Nullable = true
	s.Description = "Null switches push off."
	return &s
}

// change renames a device or changes its push target.
func (s *Server) change(ctx context.Context, in *patchInput) (*deviceAnswer, error) {
	b := &in.Body
	if b.Name != "" && strings.TrimSpace(b.Name) == "" {
		return nil, errNoName
	}
	target := b.Push.Push.target()
	if err := s.checkPush(target); err != nil {
		return nil, err
	}
	d, err := s.alter(ctx, in.ID, func(d *verify.Device, now time.Time) []verify.Event {
		if b.Name != "" {
			d.Name = strings.TrimSpace(b.Name)
		}
		if !b.Push.Given {
			return nil
		}
		was := d.Push
		if d.Push = target; d.Push == nil || was != nil && *was == *d.Push {
			return nil
		}
		return []verify.Event{{Name: verify.EventDeviceTokenRotated}}
	})
	if err != nil {
		return nil, err
	}
	return &deviceAnswer{http.StatusOK, deviceBody(d)}, nil
}

// revoke ends a device: it is asked no more, and its sockets close.
func (s *Server) revoke(ctx context.Context, in *ByID) (*struct{}, error) {
	_, err := s.alter(ctx, in.ID, func(d *verify.Device, now time.Time) []verify.Event {
		d.RevokedAt = now
		return []verify.Event{{Name: verify.EventDeviceRevoked}}
	})
	return nil, err
}

// alter changes a live device that is the caller's. A device may touch itself
// only, and what is not there, revoked or somebody else's looks the same.
func (s *Server) alter(ctx context.Context, id string, rule func(*verify.Device, time.Time) []verify.Event) (*verify.Device, error) {
	c := callerFrom(ctx)
	return s.store.UpdateDevice(ctx, id, func(d *verify.Device, now time.Time) ([]verify.Event, error) {
		if !d.RevokedAt.IsZero() || !c.ownsUser(d.UserID) || c.role == byDevice && d.ID != c.id {
			return nil, verify.ErrNotFound
		}
		return rule(d, now), nil
	})
}
