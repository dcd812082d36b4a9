package verify_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nod/verify"
)

// sign makes a compact JWS as a phone would.
func sign(t testing.TB, alg jose.SignatureAlgorithm, key any, typ string, claims map[string]any) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := s.Sign(body)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestDeviceTokens(t *testing.T) {
	w := newWorld(t)
	d := w.device("dev_1", false, start)
	key := w.phones["dev_1"]
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	good := func(change ...any) map[string]any {
		c := map[string]any{"iss": "dev_1", "aud": "https://nod.example", "iat": start.Unix(), "exp": start.Add(time.Minute).Unix(), "nonce": "n", "jti": "j"}
		for i := 0; i+1 < len(change); i += 2 {
			c[change[i].(string)] = change[i+1]
		}
		return c
	}
	if c, err := w.auth.Device(sign(t, jose.ES256, key, verify.TypDevice, good("aud", []string{"x", "https://nod.example"})), &d, start); err != nil || c.Nonce != "n" || c.ID != "j" {
		t.Fatalf("a good token was refused: %v", err)
	}
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"nod-device+jwt"}`)) + "." +
		base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"dev_1","aud":"https://nod.example"}`)) + "."
	for name, token := range map[string]string{
		"empty":                      "",
		"rubbish":                    "a.b.c",
		"too long":                   strings.Repeat("a", 9<<10),
		"alg none":                   none,
		"HS256 with the public key":  sign(t, jose.HS256, public, verify.TypDevice, good()),
		"another key":                sign(t, jose.ES256, other, verify.TypDevice, good()),
		"another typ":                sign(t, jose.ES256, key, verify.TypAnswer, good()),
		"another device":             sign(t, jose.ES256, key, verify.TypDevice, good("iss", "dev_2")),
		"another audience":           sign(t, jose.ES256, key, verify.TypDevice, good("aud", "https://evil.example")),
		"no audience":                sign(t, jose.ES256, key, verify.TypDevice, good("aud", nil)),
		"expired":                    sign(t, jose.ES256, key, verify.TypDevice, good("exp", start.Unix())),
		"no exp":                     sign(t, jose.ES256, key, verify.TypDevice, good("exp", 0)),
		"longer than a minute":       sign(t, jose.ES256, key, verify.TypDevice, good("exp", start.Add(61*time.Second).Unix())),
		"longer than can be counted": sign(t, jose.ES256, key, verify.TypDevice, good("exp", start.Unix()+1<<55)),
		"older than can be counted":  sign(t, jose.ES256, key, verify.TypDevice, good("iat", -10, "exp", int64(math.MaxInt64))),
		"from more than a minute on": sign(t, jose.ES256, key, verify.TypDevice, good("iat", start.Add(62*time.Second).Unix(), "exp", start.Add(100*time.Second).Unix())),
	} {
		if _, err := w.auth.Device(token, &d, start); err == nil {
			t.Errorf("%s: was taken", name)
		} else {
			refused(t, err, verify.CodeUnauthenticated)
		}
	}
}

// What a header says of itself opens nothing, even above a good signature by the
// right key; neither does a token that was spelled in another way.
func TestTokenHeaders(t *testing.T) {
	w := newWorld(t)
	d := w.device("dev_1", false, start)
	body := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"iss":"dev_1","aud":"https://nod.example","iat":%d,"exp":%d}`, start.Unix(), start.Add(time.Minute).Unix()))
	token := func(header string) string {
		input := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + body
		sum := sha256.Sum256([]byte(input))
		r, s, err := ecdsa.Sign(rand.Reader, w.phones["dev_1"], sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return input + "." + base64.RawURLEncoding.EncodeToString(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
	}
	const exact = `{"alg":"ES256","typ":"nod-device+jwt"}`
	good := token(exact)
	head, rest, _ := strings.Cut(good, ".")
	for name, token := range map[string]string{
		"exact":              good,
		"with what is extra": token(`{"kid":"k","jwk":{"kty":"oct"},"typ":"nod-device+jwt","alg":"ES256"}`),
	} {
		if _, err := w.auth.Device(token, &d, start); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, token := range map[string]string{
		"no alg":            token(`{"typ":"nod-device+jwt"}`),
		"alg none":          token(`{"alg":"none","typ":"nod-device+jwt"}`),
		"alg in lower case": token(`{"alg":"es256","typ":"nod-device+jwt"}`),
		"ALG":               token(`{"ALG":"ES256","typ":"nod-device+jwt"}`),
		"a list of algs":    token(`{"alg":["ES256"],"typ":"nod-device+jwt"}`),
		"another alg":       token(`{"alg":"ES384","typ":"nod-device+jwt"}`),
		"no typ":            token(`{"alg":"ES256"}`),
		"TYP":               token(`{"alg":"ES256","TYP":"nod-device+jwt"}`),
		"critical":          token(`{"alg":"ES256","typ":"nod-device+jwt","crit":["b64"],"b64":true}`),
		"critical null":     token(`{"alg":"ES256","typ":"nod-device+jwt","crit":null}`),
		"no object":         token(`"ES256"`),
		"two objects":       token(exact + exact),
		"a broken line":     head + "\n." + rest,
		"padded":            good + "==",
		"one part":          head,
		"two parts":         good[:strings.LastIndexByte(good, '.')],
		"four parts":        good + ".AAAA",
		"a short signature": good[:len(good)-4],
		"a long signature":  good + "AAAA",
		"no signature":      good[:strings.LastIndexByte(good, '.')+1],
		"no payload":        head + "." + good[strings.LastIndexByte(good, '.'):],
	} {
		if _, err := w.auth.Device(token, &d, start); err == nil {
			t.Errorf("%s: was taken", name)
		}
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]any{"none": nil, "another curve": &p384.PublicKey, "a private one": w.phones["dev_1"], "a secret": []byte("secret")} {
		d.SignKey.Key = key
		if _, err := w.auth.Device(good, &d, start); err == nil {
			t.Errorf("key: %s: was taken", name)
		}
	}
}

// Any library for JWS takes what nod signs.
func TestWhatNodSigns(t *testing.T) {
	w := newWorld(t)
	jws, err := jose.ParseSignedCompact(w.auth.UserToken("<ana>", time.Hour, start), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	public := w.auth.PublicKeys().Keys[0]
	payload, err := jws.Verify(public)
	if h := jws.Signatures[0].Protected; err != nil || h.KeyID != public.KeyID || h.ExtraHeaders[jose.HeaderType] != verify.TypUser || !strings.Contains(string(payload), "<ana>") {
		t.Errorf("%+v %s %v", h, payload, err)
	}
}

func TestAnswersKeepToTheirEnd(t *testing.T) {
	w := newWorld(t)
	d := w.device("dev_1", false, start)
	answer := func(claims map[string]any) error {
		c := map[string]any{"iss": "dev_1", "aud": w.auth.URL(), "iat": start.Unix(), "verification_id": "ver_1", "decision": "deny"}
		maps.Copy(c, claims)
		_, err := w.auth.Reply(sign(t, jose.ES256, w.phones["dev_1"], verify.TypAnswer, c), &d, start)
		return err
	}
	if err := answer(nil); err != nil {
		t.Errorf("an answer without exp: %v", err)
	}
	for name, claims := range map[string]map[string]any{
		"an exp that has come": {"exp": start.Unix()},
		"an iat of long ago":   {"iat": start.Add(-2 * time.Minute).Unix()},
		"an iat to come":       {"iat": start.Add(2 * time.Minute).Unix()},
		"for another server":   {"aud": "https://evil.example"},
		"by another device":    {"iss": "dev_2"},
	} {
		if answer(claims) == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestOwnTokens(t *testing.T) {
	w, stranger := newWorld(t), newWorld(t)
	user := w.auth.UserToken("u1", time.Hour, start)
	if c, err := w.auth.Own(verify.TypUser, user, start.Add(time.Hour-time.Second)); err != nil || c.Subject != "u1" {
		t.Fatalf("%+v %v", c, err)
	}
	for name, err := range map[string]error{
		"expired":       own(w, verify.TypUser, user, start.Add(time.Hour)),
		"as a console":  own(w, verify.TypConsole, user, start),
		"as a prompt":   own(w, verify.TypPrompt, user, start),
		"by a stranger": own(w, verify.TypUser, stranger.auth.UserToken("u1", time.Hour, start), start),
		"too long":      own(w, verify.TypUser, w.auth.UserToken("u1", 2*time.Hour, start), start),
	} {
		if err == nil {
			t.Errorf("%s: was taken", name)
		}
	}
	if w.auth.UserToken("u1", time.Hour, start) != user {
		t.Error("signing is not deterministic")
	}
}

func own(w *world, typ, token string, now time.Time) error {
	_, err := w.auth.Own(typ, token, now)
	return err
}

func TestDeviceKeys(t *testing.T) {
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parse := func(key any) error {
		raw, err := jose.JSONWebKey{Key: key}.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		_, err = verify.ParseKey(raw)
		return err
	}
	if err := parse(&p256.PublicKey); err != nil {
		t.Error(err)
	}
	refused(t, parse(p256), verify.CodeInvalidRequest) // a private key
	refused(t, parse(&p384.PublicKey), verify.CodeInvalidRequest)
	refused(t, parse([]byte("a shared secret")), verify.CodeInvalidRequest)
}

// A prompt stays what it was when another signing key comes into force, and all
// keys are told to who checks.
func TestANewSigningKey(t *testing.T) {
	w := asked(t, verify.Typed)
	secret := []byte("a secret of the tests, long enough")
	var stored []verify.StoredKey
	for range 2 {
		more, err := verify.NewStoredKeys(secret, start)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, more...)
	}
	before, err := verify.OpenKeys(stored[:len(stored)/2], secret, nil)
	if err != nil {
		t.Fatal(err)
	}
	after, err := verify.OpenKeys(stored, secret, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.v.Prompt.SignKeyID = before.SignKey()
	d := w.delivery(verify.WebSocket, "dev_1")
	if verify.NewAuthority(before, "https://nod.example").Prompt(w.v, d) != verify.NewAuthority(after, "https://nod.example").Prompt(w.v, d) {
		t.Error("the prompt changed")
	}
	if n := len(verify.NewAuthority(after, "").PublicKeys().Keys); n != 2 || after.SignKey() == before.SignKey() {
		t.Errorf("%d public keys", n)
	}
}

func TestEnrollmentProof(t *testing.T) {
	w := newWorld(t)
	d := w.device("dev_1", false, start)
	token := w.auth.Keys().EnrollmentToken("enr_" + strings.Repeat("0", 32))
	hash := func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return base64.RawURLEncoding.EncodeToString(sum[:])
	}
	proof := sign(t, jose.ES256, w.phones["dev_1"], verify.TypEnroll, map[string]any{"aud": w.auth.URL(), "iat": start.Unix(), "enrollment_sha256": hash(token)})
	if err := w.auth.Enroll(proof, token, d.SignKey, start); err != nil {
		t.Fatal(err)
	}
	if w.auth.Enroll(proof, token, d.SignKey, start.Add(2*time.Minute)) == nil {
		t.Error("an old proof was taken")
	}
	if w.auth.Enroll(proof, token+"x", d.SignKey, start) == nil {
		t.Error("a proof for another token was taken")
	}
	other := w.device("dev_2", false, start)
	if w.auth.Enroll(proof, token, other.SignKey, start) == nil {
		t.Error("a proof by another key was taken")
	}
	if id := w.auth.Keys().EnrollmentTokenID(token); id != "enr_"+strings.Repeat("0", 32) {
		t.Errorf("the token is for %q", id)
	}
	if w.auth.Keys().EnrollmentTokenID(token[:len(token)-1]+"A") != "" && !strings.HasSuffix(token, "A") {
		t.Error("a forged token has an id")
	}
}

func TestKeysAtRest(t *testing.T) {
	secret, next := []byte("the first secret, of 32 bytes or more"), []byte("the second secret, of 32 bytes too ")
	stored, err := verify.NewStoredKeys(secret, start)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := verify.OpenKeys(stored, secret, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verify.OpenKeys(stored, next, nil); err == nil {
		t.Error("another secret opened the keys")
	}
	sealed, err := keys.Seal(number, "ver_1")
	if err != nil || strings.Contains(sealed, number) {
		t.Fatalf("sealed as %q, %v", sealed, err)
	}
	if _, err := keys.Open(sealed, "ver_2"); err == nil {
		t.Error("a sealed value was opened for another row")
	}
	resealed, err := verify.Reseal(stored, next, secret)
	if err != nil {
		t.Fatal(err)
	}
	rotated, err := verify.OpenKeys(resealed, next, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := rotated.Open(sealed, "ver_1"); err != nil || got != number {
		t.Errorf("after the rotation: %q, %v", got, err)
	}
	v := &verify.Verification{ID: "ver_" + strings.Repeat("a", 32), KeyID: keys.CodeKey(), SecretGeneration: 1}
	cs := keys.ClientSecret(v)
	if !rotated.CheckClientSecret(v, cs) || verify.ClientSecretID(cs) != v.ID {
		t.Error("the rotation logged a page out")
	}
	v.SecretGeneration++
	if keys.CheckClientSecret(v, cs) {
		t.Error("a void secret was taken")
	}
}

func TestCodesAreSpreadAndBound(t *testing.T) {
	w := newWorld(t)
	seen := map[string]int{}
	for i := range 2000 {
		v := &verify.Verification{ID: fmt.Sprintf("ver_%032d", i), Number: verify.StoredNumber(number)}
		c := w.auth.Keys().Code(v, verify.Code{Generation: 1, KeyID: w.auth.Keys().CodeKey(), Length: 6})
		if len(c) != 6 {
			t.Fatalf("code %q", c)
		}
		seen[c[:1]]++
	}
	for d, n := range seen {
		if n < 120 || n > 280 {
			t.Errorf("%d of 2000 codes begin with %s", n, d)
		}
	}
	v := &verify.Verification{ID: "ver_1", Number: verify.StoredNumber(number)}
	c := verify.Code{Generation: 1, KeyID: w.auth.Keys().CodeKey(), Length: 10, Channel: verify.SMS}
	base := w.auth.Keys().Code(v, c)
	c.Channel = verify.Voice
	if w.auth.Keys().Code(v, c) != base {
		t.Error("SMS and voice do not share the code")
	}
	v.Number = verify.StoredNumber("+14155550124")
	if w.auth.Keys().Code(v, c) == base {
		t.Error("two numbers share a code")
	}
	v.Number = verify.StoredNumber(number)
	c.Channel = verify.Email
	mail := w.auth.Keys().Code(v, c)
	if mail == base {
		t.Error("an e-mail shares the phone's code")
	}
	if v.Number = verify.StoredNumber("+14155550124"); w.auth.Keys().Code(v, c) != mail {
		t.Error("a mailbox's code depends on the number")
	}
	if v.Email = verify.StoredMailbox(address); w.auth.Keys().Code(v, c) == mail {
		t.Error("two mailboxes share a code")
	}
}

// A subscription is bound to the key: it is no other's, and outlives a rotation.
func TestTheKeyOfWebPush(t *testing.T) {
	one, two := []byte("a secret of the tests, long enough"), []byte("another secret of the tests, longer")
	stored, err := verify.NewStoredKeys(one, start)
	if err != nil {
		t.Fatal(err)
	}
	before, err := verify.OpenKeys(stored, one, nil)
	if err != nil {
		t.Fatal(err)
	}
	if stored, err = verify.Reseal(stored, two, one); err != nil {
		t.Fatal(err)
	}
	after, err := verify.OpenKeys(stored, two, nil)
	if err != nil {
		t.Fatal(err)
	}
	key := before.VAPID()
	if key.Curve != elliptic.P256() || !key.Equal(after.VAPID()) {
		t.Error("the key changed")
	}
	for _, k := range verify.NewAuthority(before, "").PublicKeys().Keys {
		if key.PublicKey.Equal(k.Key) {
			t.Error("prompts are signed with it too")
		}
	}
}
