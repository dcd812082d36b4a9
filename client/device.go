package client

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Device is a reference for app developers: what an enrolled app keeps and what
// it signs. It holds no connection; hub/PROTOCOL.md tells what to say on one.
// Its keys never leave it.
type Device struct {
	ID     string
	URL    string // of the server: the audience of all it signs
	key    *ecdsa.PrivateKey
	pushes *ecdsa.PrivateKey // opens what is pushed to it; nil: nothing is
}

// Push is where a push provider finds the device.
type Push struct {
	Provider string `json:"provider"` // fcm, apns or webpush
	Token    string `json:"token"`    // of webpush: the subscription as JSON
	Platform string `json:"-"`        // android or ios, which decides the push's form; empty: web
}

// NewDevice makes its keys and joins the user whose enrollment token it was given.
// push may be nil. The client's API key is not used: an app has none.
func NewDevice(ctx context.Context, serverURL, enrollmentToken, name string, push *Push) (*Device, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("nod: making a key: %w", err)
	}
	d := &Device{URL: serverURL, key: key}
	platform := "web"
	var encrypt *jose.JSONWebKey
	if push != nil {
		if d.pushes, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return nil, fmt.Errorf("nod: making a key: %w", err)
		}
		encrypt = &jose.JSONWebKey{Key: &d.pushes.PublicKey}
		platform = cmp.Or(push.Platform, platform)
	}
	in := struct {
		EnrollmentToken string           `json:"enrollment_token"`
		Name            string           `json:"name"`
		Platform        string           `json:"platform"`
		SignJWK         jose.JSONWebKey  `json:"sign_jwk"`
		EncryptJWK      *jose.JSONWebKey `json:"encrypt_jwk,omitempty"`
		Push            *Push            `json:"push,omitempty"`
		Proof           string           `json:"proof"`
	}{
		EnrollmentToken: enrollmentToken, Name: name, Platform: platform,
		SignJWK: jose.JSONWebKey{Key: &key.PublicKey}, EncryptJWK: encrypt, Push: push,
		Proof: d.sign("nod-enroll+jwt", map[string]any{"aud": serverURL, "iat": time.Now().Unix(), "enrollment_sha256": sha(enrollmentToken)}),
	}
	var out struct {
		ID string `json:"id"`
	}
	if _, err := New(serverURL, "").call(ctx, http.MethodPost, "/api/v1/devices", nil, in, &out); err != nil {
		return nil, err
	}
	d.ID = out.ID
	return d, nil
}

// SocketToken answers the nonce of a connection's challenge (frame auth).
func (d *Device) SocketToken(nonce string) string {
	return d.token(map[string]any{"nonce": nonce})
}

// RESTToken is the value of the Authorization header of one request.
func (d *Device) RESTToken() string {
	return "Device " + d.token(map[string]any{"jti": rand.Text()})
}

// OpenPush decrypts the member "jwe" of a push: a compact JWE (ECDH-ES, A256GCM)
// around the prompt as the server signed it. It is what a fetched prompt has as
// "signed": check the signature against the server's keys before it is shown.
func (d *Device) OpenPush(jwe string) (signed string, err error) {
	sealed, err := jose.ParseEncryptedCompact(jwe, []jose.KeyAlgorithm{jose.ECDH_ES}, []jose.ContentEncryption{jose.A256GCM})
	if err != nil || d.pushes == nil {
		return "", errors.New("nod: this is no push to this device")
	}
	text, err := sealed.Decrypt(d.pushes)
	if err != nil {
		return "", errors.New("nod: the push is not sealed for this device")
	}
	return string(text), nil
}

// Answer signs a decision (approve, deny, report) over exactly what was shown:
// the member "signed" of the prompt. number is what the person typed; empty
// when none was asked for.
func (d *Device) Answer(verificationID, signed, decision, number string) string {
	return d.sign("nod-answer+jwt", d.answer(verificationID, signed, decision, number))
}

// ApproveVerified is Answer with approve by a person whom the device has just
// checked, by fingerprint, face or PIN: what a prompt with
// require_user_verification asks for. nod takes the device's word for it.
func (d *Device) ApproveVerified(verificationID, signed, number string) string {
	c := d.answer(verificationID, signed, "approve", number)
	c["user_verification"] = true
	return d.sign("nod-answer+jwt", c)
}

func (d *Device) answer(verificationID, signed, decision, number string) map[string]any {
	c := map[string]any{
		"iss": d.ID, "aud": d.URL, "iat": time.Now().Unix(),
		"verification_id": verificationID, "prompt_sha256": sha(signed), "decision": decision,
	}
	if number != "" {
		c["number"] = number
	}
	return c
}

func (d *Device) token(c map[string]any) string {
	now := time.Now()
	c["iss"], c["aud"], c["iat"], c["exp"] = d.ID, d.URL, now.Unix(), now.Add(50*time.Second).Unix()
	return d.sign("nod-device+jwt", c)
}

// sign makes a compact JWS (ES256). Nothing here can fail but by a key of
// another curve, and the key was made above.
func (d *Device) sign(typ string, claims map[string]any) string {
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: d.key}, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		panic(err)
	}
	body, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	jws, err := s.Sign(body)
	if err != nil {
		panic(err)
	}
	out, err := jws.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return out
}

func sha(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
