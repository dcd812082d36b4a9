package vonage_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"nod/delivery"
)

// FuzzReceipts: without Vonage's secret no header signs any body.
func FuzzReceipts(f *testing.F) {
	_, client := vonages(f, nil)
	f.Add("Bearer a.b.c", `{"message_uuid":"x","status":"delivered","client_ref":"dlv_1"}`)
	f.Add("bearer eyJhbGciOiJub25lIn0.e30.", `{}`)
	f.Add("", "")
	f.Fuzz(func(t *testing.T, authorization, body string) {
		r := httptest.NewRequest(http.MethodPost, "/webhooks/vonage/status?delivery=dlv_1", strings.NewReader(body))
		r.Header["Authorization"] = []string{authorization}
		if got, err := client.Receipts(r); !errors.Is(err, delivery.ErrForged) || got != nil {
			t.Errorf("%q over %q: %+v, %v", authorization, body, got, err)
		}
	})
}
