package load

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
)

// claims are what a device signs, as hub/PROTOCOL.md tells: of each kind some.
type claims struct {
	Issuer         string `json:"iss,omitempty"`
	Audience       string `json:"aud"`
	IssuedAt       int64  `json:"iat"`
	ExpiresAt      int64  `json:"exp,omitempty"`
	Nonce          string `json:"nonce,omitempty"`
	Enrollment     string `json:"enrollment_sha256,omitempty"`
	VerificationID string `json:"verification_id,omitempty"`
	Prompt         string `json:"prompt_sha256,omitempty"`
	Decision       string `json:"decision,omitempty"`
	Number         string `json:"number,omitempty"`
}

// sign makes a compact JWS (RFC 7515, 7.1) with ES256 (RFC 7518, 3.4). It is the
// client package's, without what a library costs: ten thousand phones come back at once,
// and they are all this process.
func sign(key *ecdsa.PrivateKey, typ string, c claims) (string, error) {
	body, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(`{"alg":"ES256","typ":"`+typ+`"}`)) + "." + encode(body)
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		return "", err
	}
	return text + "." + encode(append(fill(r), fill(s)...)), nil
}

func fill(n *big.Int) []byte { return n.FillBytes(make([]byte, 32)) }

// hash is the base64url of the SHA-256 of a text.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// jwk is a public P-256 key (RFC 7518, 6.2.1).
type jwk struct {
	Kty string `json:"kty"`
	Crv string `json:"crv"`
	X   string `json:"x"`
	Y   string `json:"y"`
}

func publicJWK(key *ecdsa.PrivateKey) (jwk, error) {
	point, err := key.PublicKey.Bytes() // SEC 1, 2.3.3: 4, X, Y
	if err != nil {
		return jwk{}, err
	}
	encode := base64.RawURLEncoding.EncodeToString
	return jwk{"EC", "P-256", encode(point[1:33]), encode(point[33:])}, nil
}
