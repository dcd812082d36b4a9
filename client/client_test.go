package client_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"nod/client"
)

// An export may be as long as a person's years; no other answer is, and one that is
// cut off is not taken for the whole.
func TestLongAnswers(t *testing.T) {
	long := `{"status":"` + strings.Repeat("x", 2<<20) + `"}`
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, long) }))
	defer site.Close()
	nod := client.New(site.URL, "")
	if got, err := nod.Export(t.Context(), "u1"); err != nil || string(got) != long {
		t.Errorf("%d bytes of %d: %v", len(got), len(long), err)
	}
	if _, err := nod.Get(t.Context(), "ver_1"); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("error %v", err)
	}
}
