package providers

import (
	"crypto/ecdh"
	"encoding/base64"
	"os"
	"strings"
	"testing"
)

// TestOpenKnownMessage opens the example of RFC 8291, section 5 and appendix A.
func TestOpenKnownMessage(t *testing.T) {
	var known struct {
		Source, Plaintext, Auth, Body string
		PrivateKey                    string `json:"private_key"`
	}
	file, err := os.ReadFile("testdata/rfc8291.json")
	if err == nil {
		err = strictly(file, &known)
	}
	if err != nil {
		t.Fatal(err)
	}
	decode := func(text string) []byte {
		b, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	key, err := ecdh.P256().NewPrivateKey(decode(known.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	sub := &subscription{key: key, auth: decode(known.Auth)}
	body := decode(known.Body)
	text, err := sub.open(body)
	if err != nil || string(text) != known.Plaintext {
		t.Errorf("the example opens to %q, %v; want %q", text, err, known.Plaintext)
	}
	body[len(body)-1] ^= 1
	if _, err := sub.open(body); err == nil {
		t.Error("a message that was changed on the way opens")
	}
	for _, short := range []int{0, 20, 86, 100} {
		if _, err := sub.open(body[:short]); err == nil {
			t.Errorf("the first %d bytes of a message open", short)
		}
	}
}

func TestJudgeSecrets(t *testing.T) {
	for text, good := range map[string]bool{
		`{"a":"ver_0123456789abcdef0123456789abcdef"}`:       true,
		`{"body":"Open the app to answer."}`:                 true,
		`{"mutable-content":1}`:                              true,
		`{"jwe":"` + strings.Repeat("aB3", 40) + `..` + `"}`: true,
		`{"ttl":"119s"}`:                                     true,
		`{"body":"Your code is 123456"}`:                     false,
		`{"body":"Your code is 12 34 56."}`:                  false,
		`{"body":"Code:1234"}`:                               false,
		`{"code":123456}`:                                    false,
		`{"a":["x",{"b":"+14155550123"}]}`:                   false,
		`{"a":"+1 415-555-0123"}`:                            false,
		`{"123456":"x"}`:                                     false,
		`{"token":"123456"}`:                                 true,
		`not JSON`:                                           false,
	} {
		if err := judgeSecrets([]byte(text), "token"); (err == nil) != good {
			t.Errorf("%s: %v", text, err)
		}
	}
}
