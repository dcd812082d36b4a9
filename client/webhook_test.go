package client_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"nod/client"
)

// vector is a signed webhook from testdata.
type vector struct {
	Secret    string `json:"secret"`
	ID        string `json:"id"`
	Timestamp int64  `json:"timestamp"`
	Body      string `json:"body"`
	Signature string `json:"signature"`
}

func (v vector) header() http.Header {
	h := http.Header{}
	h.Set("webhook-id", v.ID)
	h.Set("webhook-timestamp", strconv.FormatInt(v.Timestamp, 10))
	h.Set("webhook-signature", v.Signature)
	return h
}

func (v vector) at() time.Time { return time.Unix(v.Timestamp, 0) }

// vectors are the standard's own, then one of nod's.
func vectors(t *testing.T) (standard, own vector) {
	t.Helper()
	raw, err := os.ReadFile("testdata/webhooks.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []vector `json:"vectors"`
	}
	if err := json.Unmarshal(raw, &file); err != nil || len(file.Vectors) != 2 {
		t.Fatal(err)
	}
	return file.Vectors[0], file.Vectors[1]
}

// The standard's known answer is signed well, and no event of nod.
func TestStandardVector(t *testing.T) {
	standard, _ := vectors(t)
	_, err := client.VerifyWebhook(standard.Secret, standard.header(), []byte(standard.Body), standard.at())
	if err == nil || errors.Is(err, client.ErrBadWebhook) {
		t.Errorf("error %v, want one about the body", err)
	}
	if _, err = client.VerifyWebhook(standard.Secret, standard.header(), []byte(standard.Body+" "), standard.at()); !errors.Is(err, client.ErrBadWebhook) {
		t.Errorf("error %v", err)
	}
}

func TestVerifyWebhook(t *testing.T) {
	_, v := vectors(t)
	got, err := client.VerifyWebhook(v.Secret, v.header(), []byte(v.Body), v.at())
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 22, 5, 2, 6, 708e6, time.UTC)
	if got.ID != v.ID || got.Type != "verification.approved" || !got.At.Equal(at) || got.UserID != "u1" || got.Seq != 9 ||
		got.VerificationID != "ver_01a201a20b7077cfb68fea229274d524" || !strings.Contains(string(got.Data), `"method":"app"`) {
		t.Errorf("got %+v", got)
	}
	wrong := "v1," + strings.Repeat("A", 43) + "="
	for name, c := range map[string]struct {
		alter func(h http.Header)
		later time.Duration
		good  bool
	}{
		"5 minutes later":    {nil, 5 * time.Minute, true},
		"5 minutes before":   {nil, -5 * time.Minute, true},
		"more than that":     {nil, 5*time.Minute + time.Second, false},
		"of the future":      {nil, -5*time.Minute - time.Second, false},
		"among others":       {func(h http.Header) { h.Set("webhook-signature", wrong+" v1a,x "+v.Signature+" "+wrong) }, 0, true},
		"only others":        {func(h http.Header) { h.Set("webhook-signature", wrong+" "+wrong) }, 0, false},
		"another version":    {func(h http.Header) { h.Set("webhook-signature", strings.Replace(v.Signature, "v1,", "v2,", 1)) }, 0, false},
		"without a version":  {func(h http.Header) { h.Set("webhook-signature", strings.TrimPrefix(v.Signature, "v1,")) }, 0, false},
		"half a signature":   {func(h http.Header) { h.Set("webhook-signature", v.Signature[:20]) }, 0, false},
		"no signature":       {func(h http.Header) { h.Del("webhook-signature") }, 0, false},
		"no id":              {func(h http.Header) { h.Del("webhook-id") }, 0, false},
		"another id":         {func(h http.Header) { h.Set("webhook-id", v.ID+"0") }, 0, false},
		"no time":            {func(h http.Header) { h.Del("webhook-timestamp") }, 0, false},
		"another time":       {func(h http.Header) { h.Set("webhook-timestamp", strconv.FormatInt(v.Timestamp+1, 10)) }, 0, false},
		"a time with spaces": {func(h http.Header) { h.Set("webhook-timestamp", " "+strconv.FormatInt(v.Timestamp, 10)) }, 0, false},
	} {
		h := v.header()
		if c.alter != nil {
			c.alter(h)
		}
		_, err := client.VerifyWebhook(v.Secret, h, []byte(v.Body), v.at().Add(c.later))
		if (err == nil) != c.good || (!c.good && !errors.Is(err, client.ErrBadWebhook)) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	for _, secret := range []string{"", "whsec_", "whsec_?", strings.TrimPrefix(v.Secret, "whsec_")} {
		if _, err := client.VerifyWebhook(secret, v.header(), []byte(v.Body), v.at()); err == nil || errors.Is(err, client.ErrBadWebhook) {
			t.Errorf("secret %q: error %v", secret, err)
		}
	}
}
