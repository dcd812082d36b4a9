package providers

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func TestJudgeProvider(t *testing.T) {
	s := &APNs{KeyID: "KEY4567890", TeamID: "TEAM567890"}
	s.Key()
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Unix()
	good := map[string]any{"iss": s.TeamID, "iat": now}
	es256 := func(claims map[string]any) string { return "bearer " + sign(t, jose.ES256, s.key, s.KeyID, claims) }
	for header, want := range map[string]string{
		es256(good):                           "",
		es256(changed(good, "iat", now-3500)): "",
		"":                                    "MissingProviderToken",
		"bearer x.y.z":                        "InvalidProviderToken",
		"bearer " + sign(t, jose.ES256, other, s.KeyID, good):   "InvalidProviderToken",
		"bearer " + sign(t, jose.ES256, s.key, "another", good): "InvalidProviderToken",
		es256(changed(good, "iss", "another")):                  "InvalidProviderToken",
		es256(changed(good, "iat", now-3700)):                   "ExpiredProviderToken",
		es256(changed(good, "iat", now+3600)):                   "ExpiredProviderToken",
	} {
		if reason, err := s.judgeProvider(header); reason != want || (err == nil) != (want == "") {
			t.Errorf("%s, %v; want %q", reason, err, want)
		}
	}
}

func TestJudgeNotification(t *testing.T) {
	id := strings.Repeat("0123", 8)
	prompt := `{"aps":{"alert":{"title":"Is this you?","body":"Open the app."},"mutable-content":1},"type":"prompt","verification_id":"ver_` + id + `"}`
	closed := `{"aps":{"content-available":1},"type":"prompt_closed","verification_id":"ver_` + id + `"}`
	headers := func(pushType, priority string, life time.Duration, collapse string) http.Header {
		h := http.Header{}
		for name, value := range map[string]string{
			"apns-push-type": pushType, "apns-priority": priority, "apns-expiration": fmt.Sprint(time.Now().Add(life).Unix()), "apns-collapse-id": collapse,
		} {
			h.Set(name, value)
		}
		return h
	}
	alert := headers("alert", "10", time.Minute, "ver_"+id)
	background := headers("background", "5", time.Minute, "")
	for _, r := range []struct {
		headers http.Header
		body    string
		want    string
	}{
		{alert, prompt, ""},
		{background, closed, ""},
		{alert, "", "PayloadEmpty"},
		{alert, "{", "PayloadEmpty"},
		{alert, prompt + strings.Repeat(" ", 4096), "PayloadTooLarge"},
		{headers("alert", "10", time.Hour, ""), prompt, "BadExpirationDate"},
		{http.Header{"Apns-Push-Type": {"alert"}, "Apns-Priority": {"10"}}, prompt, "BadExpirationDate"},
		{headers("alert", "10", time.Minute, strings.Repeat("x", 65)), prompt, "BadCollapseId"},
		{headers("alert", "5", time.Minute, ""), prompt, "InvalidPushType"},
		{headers("voip", "10", time.Minute, ""), prompt, "InvalidPushType"},
		{headers("background", "10", time.Minute, ""), closed, "InvalidPushType"},
		{background, prompt, "InvalidPushType"},
		{alert, closed, "InvalidPushType"},
		{alert, strings.Replace(prompt, "Open the app.", "Your code is 123456", 1), "InvalidPushType"},
		{alert, strings.Replace(prompt, `"type"`, `"ip":"203.0.113.7","type"`, 1), "PayloadTooLarge"},
		{alert, strings.Replace(prompt, `"type"`, `"n":123456,"type"`, 1), "PayloadTooLarge"},
	} {
		var payload map[string]json.RawMessage
		if reason, err := judgeNotification(r.headers, []byte(r.body), &payload); reason != r.want || (err == nil) != (r.want == "") {
			t.Errorf("%v %s: %s, %v; want %q", r.headers, r.body, reason, err, r.want)
		}
	}
}

// TestAPNsSpeaksHTTP2Only: a client that falls back is found out.
func TestAPNsSpeaksHTTP2Only(t *testing.T) {
	j := &APNs{}
	w := httptest.NewRecorder()
	j.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/3/device/"+strings.Repeat("a", 64), nil))
	if w.Code != http.StatusHTTPVersionNotSupported || len(j.Objections()) != 1 {
		t.Errorf("HTTP/1.1 is answered %d, objections %q", w.Code, j.Objections())
	}
}
