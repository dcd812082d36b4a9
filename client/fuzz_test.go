package client_test

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"testing"
	"time"

	"nod/client"
)

// FuzzVerifyWebhook: without the secret nothing is taken for a webhook, and no
// secret that is none crashes.
func FuzzVerifyWebhook(f *testing.F) {
	secret := "whsec_" + base64.StdEncoding.EncodeToString([]byte(rand.Text()))
	now := time.Unix(1767225600, 0)
	f.Add("msg_1", "1767225600", "v1,", `{"type":"verification.approved","timestamp":"2026-01-01T00:00:00Z","data":{"seq":1}}`)
	f.Add("", "", "", "")
	f.Add("msg_1", "9223372036854775807", "v1,AAAA v1a,AAAA", "[]")
	f.Fuzz(func(t *testing.T, id, at, signature, body string) {
		h := http.Header{}
		h.Set("webhook-id", id)
		h.Set("webhook-timestamp", at)
		h.Set("webhook-signature", signature)
		for _, secret := range []string{secret, body, "whsec_" + signature, "whsec_"} {
			if got, err := client.VerifyWebhook(secret, h, []byte(body), now); err == nil {
				t.Errorf("%q was taken for %+v", body, got)
			}
		}
	})
}
