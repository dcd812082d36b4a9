package verify_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nod/verify"
)

// FuzzTokens makes tokens of any header, payload and signature, without any key:
// none is taken for anything, none crashes, and no refusal repeats it.
func FuzzTokens(f *testing.F) {
	secret := []byte("a secret of the tests, long enough")
	stored, err := verify.NewStoredKeys(secret, start)
	if err != nil {
		f.Fatal(err)
	}
	keys, err := verify.OpenKeys(stored, secret, nil)
	if err != nil {
		f.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	auth := verify.NewAuthority(keys, "https://nod.example")
	device := verify.Device{ID: "dev_1", UserID: "u1", SignKey: jose.JSONWebKey{Key: &key.PublicKey}}
	const claims = `{"iss":"dev_1","sub":"u1","aud":"https://nod.example","iat":1767225600,"exp":1767225650,"jti":"j","nonce":"n"}`
	for _, header := range []string{
		`{"alg":"none","typ":"nod-device+jwt"}`, `{"alg":"HS256","typ":"nod-user+jwt"}`, `{"alg":"ES256","typ":"nod-answer+jwt","crit":["b64"],"b64":false}`,
		`{"alg":"ES256","typ":"nod-console+jwt","kid":"` + keys.SignKey() + `"}`, `{"alg":"ES256","typ":"nod-enroll+jwt","jwk":{}}`, "",
	} {
		f.Add(header, claims, make([]byte, 64))
	}
	f.Fuzz(func(t *testing.T, header, payload string, signature []byte) {
		b64 := base64.RawURLEncoding
		for _, token := range []string{
			b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString([]byte(payload)) + "." + b64.EncodeToString(signature),
			header + "." + payload + "." + string(signature), header,
		} {
			refusals := []error{auth.Enroll(token, payload, device.SignKey, start)}
			_, err := auth.Device(token, &device, start)
			refusals = append(refusals, err)
			_, err = auth.Reply(token, &device, start)
			refusals = append(refusals, err)
			for _, typ := range []string{verify.TypUser, verify.TypConsole, verify.TypPrompt, verify.TypResult} {
				_, err = auth.Own(typ, token, start)
				refusals = append(refusals, err)
			}
			for i, err := range refusals {
				if err == nil {
					t.Fatalf("check %d took %q", i, token)
				}
				if len(payload) > 40 && strings.Contains(err.Error(), payload) {
					t.Fatalf("check %d repeats what it refuses", i)
				}
			}
			if id, err := verify.DeviceID(verify.TypDevice, token); err == nil && id == "" {
				t.Fatalf("%q is of a device without a name", token)
			}
			if keys.EnrollmentTokenID(token) != "" {
				t.Fatalf("%q is an enrollment's", token)
			}
			v := &verify.Verification{ID: verify.ClientSecretID(token), KeyID: keys.CodeKey(), SecretGeneration: 1}
			if v.ID != "" && keys.CheckClientSecret(v, token) || keys.CheckResultToken(v, token, start.Add(-time.Hour)) {
				t.Fatalf("%q opens a verification", token)
			}
		}
	})
}
