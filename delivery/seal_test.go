package delivery_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"nod/verify"
)

// unseal opens a compact JWE as a phone does, and says what its header promises.
func unseal(t *testing.T, token string, key any) (text string, header jose.Header) {
	t.Helper()
	jwe, err := jose.ParseEncryptedCompact(token, []jose.KeyAlgorithm{jose.ECDH_ES}, []jose.ContentEncryption{jose.A256GCM})
	if err != nil {
		t.Fatal(err)
	}
	plain, err := jwe.Decrypt(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain), jwe.Header
}

func TestASealedPush(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	withKey := func(d *verify.Device) { d.EncryptKey = &jose.JSONWebKey{Key: &key.PublicKey} }
	for name, tc := range map[string]struct {
		device func(*verify.Device)
		agent  string
		sealed bool
	}{
		"a device with a key: the signed prompt and nothing else": {withKey, "Firefox", true},
		"the longest request in ASCII":                            {withKey, strings.Repeat("x", 400), true},
		"one that is too long for a push: a bare wake-up":         {withKey, strings.Repeat("→", 400), false},
		"a device without a key: a bare wake-up":                  {func(*verify.Device) {}, "Firefox", false},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(w *world) {
				w.enroll(true, true, tc.device)
				w.script.says(verify.WebSocket, nobodyThere)
				w.run()
				w.begin(func(q *verify.Request) {
					q.Context = verify.Context{App: strings.Repeat("a", 80), IP: "203.0.113.9", UserAgent: tc.agent, Location: strings.Repeat("l", 120)}
					q.BindingMessage = strings.Repeat("b", 140)
				})
				w.at(0)
				m := w.script.list(verify.Push)[0]
				if m.Platform != "web" || m.Language != "en" || m.Number != (verify.Number{}) || m.Code != "" {
					t.Errorf("the push is %+v", m.Message)
				}
				if strings.Contains(m.Title+m.Text, "aaa") {
					t.Error("the words tell of the request")
				}
				if !tc.sealed {
					if m.Sealed != "" {
						t.Errorf("%d bytes are sealed", len(m.Sealed))
					}
					return
				}
				text, header := unseal(t, m.Sealed, key)
				if text != m.Prompt.Signed || strings.Count(text, ".") != 2 {
					t.Error("sealed is something else than the signed prompt")
				}
				if header.ExtraHeaders[jose.HeaderType] != "nod-push+jwt" || header.ExtraHeaders[jose.HeaderContentType] != "JWT" {
					t.Errorf("the header says %v", header.ExtraHeaders)
				}
			})
		})
	}
}

// The web SDK's tests open the same token: both sides agree on what is in a push.
func TestTheSealedVectorOfTheWebSDK(t *testing.T) {
	raw, err := os.ReadFile("../web/src/sdk/testdata/sealed.json")
	if err != nil {
		t.Fatal(err)
	}
	var vector struct {
		Token, Text string
		Key         jose.JSONWebKey
	}
	if err := json.Unmarshal(raw, &vector); err != nil {
		t.Fatal(err)
	}
	text, header := unseal(t, vector.Token, vector.Key.Key)
	if text != vector.Text || header.ExtraHeaders[jose.HeaderType] != "nod-push+jwt" || header.ExtraHeaders[jose.HeaderContentType] != "JWT" {
		t.Errorf("it holds %q under %v", text, header.ExtraHeaders)
	}
}
