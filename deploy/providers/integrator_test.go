package providers_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"nod/deploy/providers"
)

// What is wrong with a webhook is refused and noted, each wrong by itself.
func TestIntegratorJudges(t *testing.T) {
	key := []byte(rand.Text())
	good := func() *http.Request {
		return webhookOf("evt_1", time.Now(), key, `{"type":"verification.approved","timestamp":"2026-01-02T03:04:05.000Z","data":{"verification_id":"ver_1","user_id":"+14155550123","seq":3,"detail":"21211"}}`)
	}
	of := func(body string) func() *http.Request {
		return func() *http.Request { return webhookOf("evt_1", time.Now(), key, body) }
	}
	data := func(data string) func() *http.Request {
		return of(`{"type":"a.b","timestamp":"2026-01-02T03:04:05Z","data":` + data + `}`)
	}
	with := func(name, value string) func() *http.Request {
		return func() *http.Request {
			r := good()
			r.Header.Set(name, value)
			return r
		}
	}
	for name, c := range map[string]struct {
		request func() *http.Request
		status  int
	}{
		"good":               {good, 204},
		"a GET":              {func() *http.Request { r := good(); r.Method = http.MethodGet; return r }, 405},
		"a form":             {with("Content-Type", "application/x-www-form-urlencoded"), 415},
		"no id":              {with("webhook-id", ""), 400},
		"an id with a stop":  {with("webhook-id", "evt.1"), 400},
		"another id":         {with("webhook-id", "evt_2"), 401},
		"no time":            {with("webhook-timestamp", ""), 400},
		"another time":       {with("webhook-timestamp", fmt.Sprint(time.Now().Unix()-60)), 401},
		"an old time":        {func() *http.Request { return webhookOf("evt_1", time.Now().Add(-6*time.Minute), key, "{}") }, 401},
		"no signature":       {with("webhook-signature", ""), 401},
		"another secret":     {func() *http.Request { return webhookOf("evt_1", time.Now(), []byte("other"), "{}") }, 401},
		"too long":           {of(strings.Repeat(" ", 21<<10)), 413},
		"no JSON":            {of("hello"), 400},
		"another member":     {of(`{"type":"a.b","timestamp":"2026-01-02T03:04:05Z","data":{},"more":1}`), 400},
		"one word":           {of(`{"type":"approved","timestamp":"2026-01-02T03:04:05Z","data":{}}`), 400},
		"no timestamp":       {of(`{"type":"a.b","data":{}}`), 400},
		"no data":            {of(`{"type":"a.b","timestamp":"2026-01-02T03:04:05Z"}`), 400},
		"a code by name":     {data(`{"code":"x"}`), 400},
		"a code by its form": {data(`{"reason":"123456"}`), 400},
		"a number":           {data(`{"reason":"to +14155550123"}`), 400},
		"a token":            {data(`{"reason":"eyJ` + strings.Repeat("a", 20) + `.e30.x"}`), 400},
		"an address":         {data(`{"reason":"a@example.com"}`), 400},
	} {
		t.Run(name, func(t *testing.T) {
			i := &providers.Integrator{Secrets: []string{"whsec_" + base64.StdEncoding.EncodeToString(key)}}
			w := httptest.NewRecorder()
			i.ServeHTTP(w, c.request())
			noted := len(i.Objections())
			if w.Code != c.status || (c.status == 204) != (noted == 0) {
				t.Errorf("status %d, want %d; noted: %v", w.Code, c.status, i.Objections())
			}
			if taken := len(i.Accepted("")); (c.status == 204) != (taken == 1) {
				t.Errorf("%d were taken", taken)
			}
		})
	}
}

// What was taken may come again when it was not answered, or is replayed.
func TestIntegratorCountsRepeats(t *testing.T) {
	key := []byte(rand.Text())
	i := &providers.Integrator{Secrets: []string{"whsec_" + base64.StdEncoding.EncodeToString(key)}}
	i.Script("a.b", providers.Answer{Status: 500, RetryAfter: "7"}, providers.Answer{})
	send := func() *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		i.ServeHTTP(w, webhookOf("evt_1", time.Now(), key, `{"type":"a.b","timestamp":"2026-01-02T03:04:05Z","data":{}}`))
		return w
	}
	if w := send(); w.Code != 500 || w.Header().Get("Retry-After") != "7" || len(i.Accepted("a.b")) != 0 {
		t.Errorf("status %d", w.Code)
	}
	send()
	i.Repeat("evt_1")
	send()
	if got := i.Accepted("a.b"); len(got) != 2 || got[0].ID != "evt_1" || len(i.Objections()) != 0 {
		t.Errorf("taken: %v, noted: %v", got, i.Objections())
	}
	send()
	if len(i.Objections()) != 1 {
		t.Errorf("noted: %v", i.Objections())
	}
}

func webhookOf(id string, at time.Time, key []byte, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%d.%s", id, at.Unix(), body)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("webhook-id", id)
	r.Header.Set("webhook-timestamp", fmt.Sprint(at.Unix()))
	r.Header.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString([]byte("another"))+" v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return r
}
