package providers

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// sign makes a JWT of claims.
func sign(t *testing.T, alg jose.SignatureAlgorithm, key any, kid string, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// changed is a copy of claims with one of another value.
func changed(claims map[string]any, name string, value any) map[string]any {
	c := maps.Clone(claims)
	c[name] = value
	return c
}

// judged fails unless the judge says what it should; nothing is content.
func judged(t *testing.T, what string, err error, says string) {
	t.Helper()
	if (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
		t.Errorf("%s: the judge says %v, want %q", what, err, says)
	}
}

func TestJudgeAssertion(t *testing.T) {
	g := &Google{Project: "nod-test"}
	g.Credentials("https://judge.example")
	now := time.Now().Unix()
	good := map[string]any{"iss": g.Account(), "scope": fcmScope, "aud": "https://judge.example/token", "iat": now, "exp": now + 3600}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	rs256 := func(claims map[string]any) string { return sign(t, jose.RS256, googleKey(), keyID, claims) }
	for text, says := range map[string]string{
		rs256(good): "",
		"x.y.z":     "no JWT",
		sign(t, jose.HS256, make([]byte, 32), keyID, good):                              "no JWT of RS256",
		sign(t, jose.RS256, other, keyID, good):                                         "signature",
		sign(t, jose.RS256, googleKey(), "another", good):                               "key is unknown",
		rs256(changed(good, "iss", "mallory@example.com")):                              "iss",
		rs256(changed(good, "aud", "https://oauth2.example/token")):                     "aud",
		rs256(changed(good, "scope", "https://www.googleapis.com/auth/cloud-platform")): "scope",
		rs256(changed(good, "exp", now+3601)):                                           "longer than an hour",
		rs256(changed(good, "exp", now-1)):                                              "not good now",
		rs256(changed(changed(good, "iat", now+300), "exp", now+600)):                   "not good now",
		rs256(changed(good, "sub", "somebody@example.com")):                             "unknown field",
	} {
		judged(t, says, g.judgeAssertion(text), says)
	}
}

func TestJudgeFCM(t *testing.T) {
	id := strings.Repeat("0123", 8)
	end := time.Now().Add(time.Minute).Unix()
	const (
		android = `"android":{"priority":"high","ttl":"90s"}`
		web     = `"webpush":{"headers":{"TTL":"90","Urgency":"high"}}`
		alert   = `"aps":{"alert":{"title":"Is this you?","body":"Open the app."},"mutable-content":1}`
	)
	data := `"data":{"type":"prompt","verification_id":"ver_` + id + `","delivery_id":"dlv_` + id + `"},`
	closed := `"data":{"type":"prompt_closed","verification_id":"ver_` + id + `"},`
	ios := func(pushType, priority, payload string) string {
		headers, _ := json.Marshal(map[string]string{"apns-push-type": pushType, "apns-priority": priority, "apns-expiration": fmt.Sprint(end)})
		return `"apns":{"headers":` + string(headers) + `,"payload":{` + payload + `}}`
	}
	for text, says := range map[string]string{
		data + android:                   "",
		data + web:                       "",
		data + ios("alert", "10", alert): "",
		closed + `"android":{"priority":"normal","ttl":"0s"}`:            "",
		closed + ios("background", "5", `"aps":{"content-available":1}`): "",

		android: "names its type",
		strings.Replace(data, "prompt", "login", 1) + android:                                        "type of a push",
		strings.Replace(data, `"type"`, `"location":"Berlin","type"`, 1) + android:                   "could be read on the way",
		strings.Replace(data, `"type"`, `"jwe":"eyJhbGciOiJFUzI1NiJ9.e30.c2ln","type"`, 1) + android: "compact JWE",
		strings.Replace(data, "ver_"+id, "123456", 1) + android:                                      "could be read on the way",
		data + `"android":{"priority":"normal","ttl":"90s"}`:                                         "priority high",
		data + `"android":{"priority":"high"}`:                                                       "its life",
		data + `"android":{"priority":"high","ttl":"601s"}`:                                          "its life",
		data + `"webpush":{"headers":{"TTL":"90"}}`:                                                  "urgency high",
		data + `"webpush":{"headers":{"Urgency":"high"}}`:                                            "its life",
		data + android + "," + web:                                                                   "one platform",
		strings.TrimSuffix(data, ","):                                                                "one platform",
		data + ios("alert", "5", alert):                                                              "priority 10",
		data + ios("alert", "10", strings.Replace(alert, `,"mutable-content":1`, "", 1)):             "mutable-content",
		data + ios("alert", "10", strings.Replace(alert, "Open the app.", "Code 123456.", 1)):        "a code or a number",
		data + ios("alert", "10", alert+`,"user":"alice"`):                                           "more than aps",
		data + ios("background", "5", `"aps":{"content-available":1}`):                               "a request is an alert",
		closed + ios("background", "10", `"aps":{"content-available":1}`):                            "priority 5",
	} {
		text = `{"token":"a-phone",` + text + `}`
		var m fcmMessage
		err := strictly([]byte(text), &m)
		if err == nil {
			err = judgeFCM(m, []byte(text))
		}
		judged(t, text, err, says)
	}
}
