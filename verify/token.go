package verify

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// The types of tokens (JWS header "typ"): one is never taken for another.
const (
	TypUser       = "nod-user+jwt"
	TypConsole    = "nod-console+jwt"
	TypDevice     = "nod-device+jwt"
	TypEnroll     = "nod-enroll+jwt"
	TypPrompt     = "nod-prompt+jwt"
	TypAnswer     = "nod-answer+jwt"
	TypResult     = "nod-result+jwt"
	clockLeeway   = time.Minute // how far an iat may be off
	deviceMaxLife = time.Minute
)

// Authority signs what nod says and checks what phones sign, for one public
// URL: its issuer and the audience of every token. It is safe for concurrent use.
type Authority struct {
	keys *Keys
	url  string
}

// NewAuthority returns the authority of the server at publicURL.
func NewAuthority(keys *Keys, publicURL string) *Authority { return &Authority{keys, publicURL} }

// Keys returns the keys the authority signs with.
func (a *Authority) Keys() *Keys { return a.keys }

// URL returns the public URL: the iss and aud of tokens.
func (a *Authority) URL() string { return a.url }

// Claims are the members that nod's tokens use. Each type reads those that it
// needs; times are seconds since 1970 (RFC 7519).
type Claims struct {
	Issuer   string   `json:"iss,omitempty"`
	Subject  string   `json:"sub,omitempty"`
	Audience Audience `json:"aud,omitempty"`
	ID       string   `json:"jti,omitempty"`
	IssuedAt int64    `json:"iat,omitempty"`
	Expires  int64    `json:"exp,omitempty"`
	Begins   int64    `json:"nbf,omitempty"`
	Nonce    string   `json:"nonce,omitempty"`

	EnrollmentSHA256 string `json:"enrollment_sha256,omitempty"`
	KeyHash          string `json:"key,omitempty"` // of the API key behind a console session

	VerificationID   string   `json:"verification_id,omitempty"`
	PromptSHA256     string   `json:"prompt_sha256,omitempty"`
	Decision         Decision `json:"decision,omitempty"`
	Number           string   `json:"number,omitempty"`
	UserVerification bool     `json:"user_verification,omitempty"`

	Purpose     Purpose `json:"purpose,omitempty"`
	Status      Status  `json:"status,omitempty"`
	Method      Method  `json:"method,omitempty"`
	PhoneNumber string  `json:"phone_number,omitempty"`
	Channel     Channel `json:"channel,omitempty"`
}

// Audience is a JWT audience: a string or a list of strings (RFC 7519, 4.1.3).
type Audience []string

// UnmarshalJSON reads both forms.
func (a *Audience) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = Audience{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}

// MarshalJSON writes one audience as a string.
func (a Audience) MarshalJSON() ([]byte, error) {
	if len(a) == 1 {
		return json.Marshal(a[0])
	}
	return json.Marshal([]string(a))
}

// Has reports whether s is among the audiences.
func (a Audience) Has(s string) bool {
	return slices.Contains(a, s)
}

// UserToken makes a token that acts as the user until now plus ttl.
func (a *Authority) UserToken(userID string, ttl time.Duration, now time.Time) string {
	return a.sign(TypUser, Claims{Issuer: a.url, Audience: Audience{a.url}, Subject: userID, IssuedAt: now.Unix(), Expires: now.Add(ttl).Unix()})
}

// ConsoleLife is how long a console session lasts.
const ConsoleLife = time.Hour

// ConsoleToken makes the console session with this id, bound to the API key with
// this hash: it ends with the key.
func (a *Authority) ConsoleToken(id, keyHash string, now time.Time) string {
	return a.sign(TypConsole, Claims{Issuer: a.url, Audience: Audience{a.url}, ID: id, KeyHash: keyHash, IssuedAt: now.Unix(), Expires: now.Add(ConsoleLife).Unix()})
}

// Own checks a token that nod itself made, of the given type.
func (a *Authority) Own(typ, token string, now time.Time) (Claims, error) {
	var none Claims
	s, err := parse(typ, token)
	if err != nil {
		return none, err
	}
	for i := range a.keys.signing {
		k := &a.keys.signing[i]
		if s.keyID != k.id {
			continue
		}
		c, err := s.claims(&k.key.PublicKey)
		if err != nil {
			return none, err
		}
		if c.Issuer != a.url {
			return none, errToken
		}
		return c, a.fresh(c, now, time.Hour)
	}
	return none, errToken
}

// DeviceID reads, without trusting it, which device a token claims to be from.
func DeviceID(typ, token string) (string, error) {
	s, err := parse(typ, token)
	if err != nil {
		return "", err
	}
	var c struct {
		Issuer string `json:"iss"`
	}
	if json.Unmarshal(s.payload, &c) != nil || c.Issuer == "" {
		return "", errToken
	}
	return c.Issuer, nil
}

// Device checks a device's token: signed by its key, for this server, at most a
// minute long. The caller checks the nonce (WebSocket) or spends the jti (REST).
func (a *Authority) Device(token string, d *Device, now time.Time) (Claims, error) {
	c, err := a.byDevice(TypDevice, token, d)
	if err != nil {
		return c, err
	}
	return c, a.fresh(c, now, deviceMaxLife)
}

// Reply checks a device's signed answer and reads it. An answer needs no exp, for
// it is bound to one prompt, which ends; one that it carries is kept to.
func (a *Authority) Reply(token string, d *Device, now time.Time) (Reply, error) {
	c, err := a.byDevice(TypAnswer, token, d)
	if err != nil {
		return Reply{}, err
	}
	if !a.recent(c, now) {
		return Reply{}, errToken
	}
	return Reply{VerificationID: c.VerificationID, DeviceID: d.ID, PromptSHA256: c.PromptSHA256, Decision: c.Decision, Number: c.Number, UserVerification: c.UserVerification}, nil
}

// Enroll checks the proof that who enrolls holds the key: signed by it, over
// the hash of the enrollment token.
func (a *Authority) Enroll(proof, enrollmentToken string, key jose.JSONWebKey, now time.Time) error {
	s, err := parse(TypEnroll, proof)
	if err != nil {
		return err
	}
	c, err := s.claims(key.Key)
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(enrollmentToken))
	if !c.Audience.Has(a.url) || !a.recent(c, now) || !equal(c.EnrollmentSHA256, base64.RawURLEncoding.EncodeToString(sum[:])) {
		return errToken
	}
	return nil
}

func (a *Authority) byDevice(typ, token string, d *Device) (Claims, error) {
	s, err := parse(typ, token)
	if err != nil {
		return Claims{}, err
	}
	c, err := s.claims(d.SignKey.Key)
	if err != nil {
		return Claims{}, err
	}
	if c.Issuer != d.ID || !c.Audience.Has(a.url) {
		return Claims{}, errToken
	}
	return c, nil
}

// fresh checks aud, iat, nbf and exp; maxLife bounds exp - iat. The oldest iat that
// can still be good is looked at first, so that no difference overflows.
func (a *Authority) fresh(c Claims, now time.Time, maxLife time.Duration) error {
	at, life := now.Unix(), int64(maxLife/time.Second)
	if !c.Audience.Has(a.url) || c.IssuedAt <= at-life || max(c.IssuedAt, c.Begins) > now.Add(clockLeeway).Unix() || at >= c.Expires || c.Expires-c.IssuedAt > life {
		return errToken
	}
	return nil
}

// recent reports whether iat is within the leeway of now, on both sides. An nbf and
// an exp are kept to where a token carries them.
func (a *Authority) recent(c Claims, now time.Time) bool {
	return now.Sub(time.Unix(c.IssuedAt, 0)).Abs() <= clockLeeway+time.Second &&
		c.Begins <= now.Add(clockLeeway).Unix() && (c.Expires == 0 || now.Unix() < c.Expires)
}

// errToken says as little as possible to who presents a bad token.
var errToken = &Refusal{Code: CodeUnauthenticated, Detail: "This token is not valid here: it is malformed, expired, meant for another server or not signed by the right key. Make a new one; compare your clock with server_time."}

// signed is a token taken apart, not yet verified: a compact JWS (RFC 7515, section
// 7.1). It is read by hand: one algorithm and three members of a header need no library
// for all of them, whose work was seen in every storm of phones that come back.
type signed struct {
	keyID     string
	input     string // what the signature is over: header and payload as they came
	payload   []byte
	signature []byte
}

// base64url is strict, so that no bits of a token are beside the point (RFC 7515,
// section 2).
var base64url = base64.RawURLEncoding.Strict()

// parse reads a token of one type. Its header must name ES256 and no extension that
// it holds to be critical (RFC 7515, section 4.1.11), for nod understands none. No
// other member of the header counts: with which key and how a token is verified is
// never the token's to say.
func parse(typ, token string) (signed, error) {
	var none signed
	if len(token) > 8<<10 || strings.ContainsAny(token, "\r\n") { // which the decoder would skip
		return none, errToken
	}
	end := strings.LastIndexByte(token, '.')
	head, body, ok := strings.Cut(token[:max(end, 0)], ".")
	if !ok {
		return none, errToken
	}
	raw, badHeader := base64url.DecodeString(head)
	payload, badPayload := base64url.DecodeString(body)
	signature, badSignature := base64url.DecodeString(token[end+1:])
	if badHeader != nil || badPayload != nil || badSignature != nil {
		return none, errToken
	}
	var header map[string]any // not a struct, which would take names in any case
	if json.Unmarshal(raw, &header) != nil || header["alg"] != "ES256" || header["typ"] != typ {
		return none, errToken
	}
	if _, critical := header["crit"]; critical {
		return none, errToken
	}
	keyID, _ := header["kid"].(string)
	return signed{keyID, token[:end], payload, signature}, nil
}

// claims verifies a token with the one key that it must be signed with, and reads it.
func (s signed) claims(key any) (Claims, error) {
	var c Claims
	public, ok := key.(*ecdsa.PublicKey)
	if !ok || public.Curve != elliptic.P256() || len(s.signature) != 64 { // RFC 7518, section 3.4
		return c, errToken
	}
	sum := sha256.Sum256([]byte(s.input))
	r, t := new(big.Int).SetBytes(s.signature[:32]), new(big.Int).SetBytes(s.signature[32:])
	if !ecdsa.Verify(public, sum[:], r, t) || json.Unmarshal(s.payload, &c) != nil {
		return Claims{}, errToken
	}
	return c, nil
}

// ParseKey reads a device's public P-256 key from a JWK. A private key, another
// curve or another use is refused.
func ParseKey(raw []byte) (jose.JSONWebKey, error) {
	var k jose.JSONWebKey
	bad := &Refusal{Code: CodeInvalidRequest, Detail: "Send the public P-256 key as a JWK: kty EC, crv P-256, x and y."}
	if err := json.Unmarshal(raw, &k); err != nil {
		return k, bad
	}
	pub, ok := k.Key.(*ecdsa.PublicKey)
	if !ok || pub.Curve != elliptic.P256() || !k.Valid() {
		return k, bad
	}
	return jose.JSONWebKey{Key: pub}, nil // nothing else of it is kept
}

// PublicKeys returns the JWKS that verifies what nod signs.
func (a *Authority) PublicKeys() jose.JSONWebKeySet {
	var set jose.JSONWebKeySet
	for _, k := range a.keys.signing {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: &k.key.PublicKey, KeyID: k.id, Algorithm: "ES256", Use: "sig"})
	}
	return set
}

// sign makes a compact JWS (RFC 7515, section 7.1). The signature is deterministic
// (RFC 6979), so that the same words give the same token and need not be kept.
func (a *Authority) sign(typ string, payload any) string {
	return a.signWith(a.keys.signing[0], typ, payload)
}

func (a *Authority) signWith(k signingKey, typ string, payload any) string {
	body, err := encode(payload)
	if err != nil {
		panic(fmt.Sprintf("verify: encoding a token: %v", err)) // only our own plain types come here
	}
	token := make([]byte, 0, 256+2*len(body))
	token = base64url.AppendEncode(token, []byte(`{"alg":"ES256","kid":"`+k.id+`","typ":"`+typ+`"}`))
	token = append(token, '.')
	token = base64url.AppendEncode(token, body)
	sum := sha256.Sum256(token)
	signature, err := k.sign(sum[:])
	if err != nil {
		panic(fmt.Sprintf("verify: signing: %v", err))
	}
	token = append(token, '.')
	return string(base64url.AppendEncode(token, signature))
}

func encode(payload any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(payload)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// sign signs a hash without randomness and writes r and s side by side (RFC 7518,
// section 3.4).
func (k signingKey) sign(sum []byte) ([]byte, error) {
	der, err := k.key.Sign(nil, sum, crypto.SHA256)
	if err != nil {
		return nil, err
	}
	var sig struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &sig); err != nil {
		return nil, err
	}
	raw := make([]byte, 64)
	sig.R.FillBytes(raw[:32])
	sig.S.FillBytes(raw[32:])
	return raw, nil
}
