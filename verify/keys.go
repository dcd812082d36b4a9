package verify

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// ResultTokenLife is how long a result token can be exchanged.
const ResultTokenLife = time.Minute

// KeyKind says what a key is for; one key never serves two kinds.
type KeyKind string

// The kinds of keys.
const (
	KeyCode KeyKind = "code" // derives codes, match numbers, client secrets, tokens
	KeyHash KeyKind = "hash" // hashes numbers for look-up and counting
	KeySeal KeyKind = "seal" // seals numbers and push tokens at rest (AES-256-GCM)
	KeySign KeyKind = "sign" // signs prompts, results and nod's own tokens (ES256)
	KeyPush KeyKind = "push" // identifies nod to Web Push services (VAPID, RFC 8292)
)

// keyKinds are all of them.
var keyKinds = [...]KeyKind{KeyCode, KeyHash, KeySeal, KeySign, KeyPush}

// signs reports whether a key of the kind is a P-256 key.
func (k KeyKind) signs() bool { return k == KeySign || k == KeyPush }

// StoredKey is a key at rest, sealed by NOD_SECRET.
type StoredKey struct {
	ID        string
	Kind      KeyKind
	Sealed    []byte
	CreatedAt time.Time
}

// Keys derive every secret that nod shows, hash and seal what it keeps, and
// sign what it says. They are random, rest sealed and are safe for concurrent
// use. Of each kind the newest makes, all of them check.
type Keys struct {
	secrets map[string][]byte // code, hash and seal keys by id
	codes   []string          // ids of the code keys
	newest  map[KeyKind]string
	signing []signingKey // newest first
	push    *ecdsa.PrivateKey
}

type signingKey struct {
	id  string
	key *ecdsa.PrivateKey
}

// ErrWrongSecret is returned by [OpenKeys] when the secret does not open the
// stored keys.
var ErrWrongSecret = errors.New("the stored keys do not open with this secret")

// NewStoredKeys makes one fresh key of each kind, sealed by secret.
func NewStoredKeys(secret []byte, now time.Time) ([]StoredKey, error) {
	var keys []StoredKey
	for _, kind := range keyKinds {
		raw := make([]byte, 32)
		_, _ = rand.Read(raw) // never fails
		if kind.signs() {
			k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			if err != nil {
				return nil, fmt.Errorf("making a %s key: %w", kind, err)
			}
			if raw, err = x509.MarshalPKCS8PrivateKey(k); err != nil {
				return nil, fmt.Errorf("encoding a %s key: %w", kind, err)
			}
		}
		k := StoredKey{ID: NewID("key"), Kind: kind, CreatedAt: now}
		sealed, err := sealWith(masterKey(secret), raw, []byte(k.ID+string(kind)))
		if err != nil {
			return nil, err
		}
		k.Sealed = sealed
		keys = append(keys, k)
	}
	return keys, nil
}

// OpenKeys opens stored keys, oldest first, with the secret or, while it is
// being rotated, with the previous one (nil when there is none).
func OpenKeys(stored []StoredKey, secret, previous []byte) (*Keys, error) {
	ks := &Keys{secrets: map[string][]byte{}, newest: map[KeyKind]string{}}
	for _, s := range stored {
		raw, err := openWith(masterKey(secret), s.Sealed, []byte(s.ID+string(s.Kind)))
		if err != nil && previous != nil {
			raw, err = openWith(masterKey(previous), s.Sealed, []byte(s.ID+string(s.Kind)))
		}
		if err != nil {
			return nil, ErrWrongSecret
		}
		ks.newest[s.Kind] = s.ID
		if !s.Kind.signs() {
			ks.secrets[s.ID] = raw
			if s.Kind == KeyCode {
				ks.codes = append(ks.codes, s.ID)
			}
			continue
		}
		key, err := x509.ParsePKCS8PrivateKey(raw)
		if err != nil {
			return nil, fmt.Errorf("reading key %s: %w", s.ID, err)
		}
		ec, ok := key.(*ecdsa.PrivateKey)
		if !ok {
			return nil, fmt.Errorf("key %s is not an EC key", s.ID)
		}
		if s.Kind == KeyPush {
			ks.push = ec
		} else {
			ks.signing = append([]signingKey{{s.ID, ec}}, ks.signing...)
		}
	}
	for _, kind := range keyKinds {
		if ks.newest[kind] == "" {
			return nil, fmt.Errorf("no stored key of kind %s", kind)
		}
	}
	return ks, nil
}

// Reseal seals the stored keys by secret, for a rotation of NOD_SECRET: the
// keys stay the same, so nobody is logged out.
func Reseal(stored []StoredKey, secret, previous []byte) ([]StoredKey, error) {
	out := make([]StoredKey, len(stored))
	for i, s := range stored {
		aad := []byte(s.ID + string(s.Kind))
		raw, err := openWith(masterKey(previous), s.Sealed, aad)
		if err != nil {
			return nil, ErrWrongSecret
		}
		if s.Sealed, err = sealWith(masterKey(secret), raw, aad); err != nil {
			return nil, err
		}
		out[i] = s
	}
	return out, nil
}

// CodeKey returns the id of the key that new codes and secrets are derived from.
func (k *Keys) CodeKey() string { return k.newest[KeyCode] }

// SignKey returns the id of the key that new prompts are signed with.
func (k *Keys) SignKey() string { return k.newest[KeySign] }

// VAPID returns the key that Web Push services know nod by. It stays the same: a
// page's subscription is bound to its public half (RFC 8292, section 4).
func (k *Keys) VAPID() *ecdsa.PrivateKey { return k.push }

// Code derives the code of one generation: the first 16 bytes of an HMAC over
// the verification, the way it travels (a phone, whether by SMS or voice, or an
// e-mail), the target and the generation, as a number of c.Length digits.
func (k *Keys) Code(v *Verification, c Code) string {
	way, target := "phone", v.Number.E164()
	if c.Channel == Email {
		way, target = "email", v.Email.Address()
	}
	return digits(k.derive(c.KeyID, "code", v.ID, way, target, itoa(c.Generation)), c.Length)
}

// MatchNumber derives the number that the page shows and the person types on
// the phone; empty when the prompt asks for none.
func (k *Keys) MatchNumber(verificationID string, p Prompt) string {
	if p.Generation == 0 || p.Digits == 0 {
		return ""
	}
	return digits(k.derive(p.KeyID, "match", verificationID, itoa(p.Generation)), p.Digits)
}

// ClientSecret derives the page's credential for one verification (256 bit).
func (k *Keys) ClientSecret(v *Verification) string {
	return token("nod_cs_", v.ID, k.derive(v.KeyID, "client_secret", v.ID, itoa(v.SecretGeneration)))
}

// ClientSecretID returns the verification that a client secret is for, before
// it is checked; empty when it is malformed.
func ClientSecretID(secret string) string { return tokenID("nod_cs_", "ver_", secret) }

// CheckClientSecret compares in constant time.
func (k *Keys) CheckClientSecret(v *Verification, secret string) bool {
	return equal(secret, k.ClientSecret(v))
}

// EnrollmentToken derives the one-use token of an enrollment.
func (k *Keys) EnrollmentToken(id string) string {
	return token("nod_en_", id, k.derive(k.CodeKey(), "enrollment", id))
}

// EnrollmentTokenID returns the enrollment that a token is for when the token
// is genuine, and an empty string otherwise.
func (k *Keys) EnrollmentTokenID(tok string) string {
	id := tokenID("nod_en_", "enr_", tok)
	if id == "" || !equal(tok, k.EnrollmentToken(id)) {
		return ""
	}
	return id
}

// ResultToken derives a fresh token for an approved verification, good for
// [ResultTokenLife] from now.
func (k *Keys) ResultToken(v *Verification, now time.Time) string {
	return k.resultToken(v, now.Add(ResultTokenLife).UnixMilli())
}

func (k *Keys) resultToken(v *Verification, expires int64) string {
	raw := binary.BigEndian.AppendUint64(nil, uint64(expires)) //nolint:gosec // a time after 1970
	raw = append(raw, k.derive(v.KeyID, "result", v.ID, fmt.Sprint(expires))...)
	return "nod_rt_" + base64.RawURLEncoding.EncodeToString(raw)
}

// CheckResultToken reports whether tok was made for v and has not expired.
func (k *Keys) CheckResultToken(v *Verification, tok string, now time.Time) bool {
	body, ok := strings.CutPrefix(tok, "nod_rt_")
	raw, err := base64.RawURLEncoding.DecodeString(body)
	if !ok || err != nil || len(raw) != 40 {
		return false
	}
	expires := int64(binary.BigEndian.Uint64(raw)) //nolint:gosec // checked by the HMAC below
	return equal(tok, k.resultToken(v, expires)) && now.UnixMilli() < expires
}

// DemoKey derives the key under which the demo's integrator makes its own
// tokens, so that they outlive a restart and open nothing of nod.
func (k *Keys) DemoKey() []byte { return k.derive(k.CodeKey(), "demo") }

// HashNumber returns the keyed hash of a number: what look-ups and counts use.
func (k *Keys) HashNumber(n Number) string { return k.hash("number", n.E164()) }

// Hash returns the keyed hash of any value that must be found again but not
// read, for example an API key or a push token.
func (k *Keys) Hash(what, value string) string { return k.hash(what, value) }

func (k *Keys) hash(what, value string) string {
	return base64.RawURLEncoding.EncodeToString(k.derive(k.newest[KeyHash], what, value))
}

// Seal encrypts a value at rest, bound to the row it belongs to. The answer
// begins with the key's id.
func (k *Keys) Seal(plaintext, row string) (string, error) {
	id := k.newest[KeySeal]
	sealed, err := sealWith(k.secrets[id], []byte(plaintext), []byte(row))
	return id + "." + base64.RawURLEncoding.EncodeToString(sealed), err
}

// Open decrypts what [Keys.Seal] made for the same row.
func (k *Keys) Open(sealed, row string) (string, error) {
	id, body, _ := strings.Cut(sealed, ".")
	raw, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil || k.secrets[id] == nil {
		return "", errors.New("opening a sealed value: it is malformed or its key is gone")
	}
	plain, err := openWith(k.secrets[id], raw, []byte(row))
	if err != nil {
		return "", fmt.Errorf("opening a sealed value: %w", err)
	}
	return string(plain), nil
}

// derive is an HMAC-SHA256 over the parts, each with its length before it, so
// that no two lists of parts meet. A key that is gone is a programming error:
// a missing key must never derive a guessable value.
func (k *Keys) derive(keyID string, parts ...string) []byte {
	key, ok := k.secrets[keyID]
	if !ok {
		panic("verify: key " + keyID + " is not in the ring")
	}
	mac := hmac.New(sha256.New, key)
	for _, p := range parts {
		mac.Write(binary.BigEndian.AppendUint32(nil, uint32(len(p)))) //nolint:gosec // short strings
		mac.Write([]byte(p))
	}
	return mac.Sum(nil)
}

// digits is a MAC's first 128 bits modulo 10^length. That favours no code by more
// than one part in 10^28, for up to ten digits.
func digits(mac []byte, length int) string {
	n := new(big.Int).SetBytes(mac[:16])
	limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(length)), nil)
	return fmt.Sprintf("%0*d", length, n.Mod(n, limit))
}

func token(prefix, id string, mac []byte) string {
	_, hex, _ := strings.Cut(id, "_")
	return prefix + hex + "_" + base64.RawURLEncoding.EncodeToString(mac)
}

func tokenID(prefix, idPrefix, tok string) string {
	body, ok := strings.CutPrefix(tok, prefix)
	if !ok || len(body) != 32+1+43 || body[32] != '_' {
		return ""
	}
	return idPrefix + body[:32]
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func masterKey(secret []byte) []byte {
	k, err := hkdf.Key(sha256.New, secret, nil, "nod sealed keys v1", 32)
	if err != nil {
		panic(err) // only for a length no hash can give
	}
	return k
}

func aead(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func sealWith(key, plaintext, aad []byte) ([]byte, error) {
	a, err := aead(key)
	if err != nil {
		return nil, err
	}
	return a.Seal(nil, nil, plaintext, aad), nil
}

func openWith(key, sealed, aad []byte) ([]byte, error) {
	a, err := aead(key)
	if err != nil {
		return nil, err
	}
	return a.Open(nil, nil, sealed, aad)
}
