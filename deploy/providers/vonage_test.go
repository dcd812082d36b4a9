package providers

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestJudgeVonage sends what a careless program would.
func TestJudgeVonage(t *testing.T) {
	const good = `{"message_type":"text","channel":"sms","to":"14155550123","from":"14155550100","text":"482913 is your code.","client_ref":"dlv_1","ttl":1800}`
	judge := &Vonage{APIKey: hexes(4), APISecret: hexes(8), SignatureSecret: hexes(32)}
	srv := httptest.NewServer(judge)
	defer judge.Close()
	defer srv.Close()
	post := func(path, body string, change func(*http.Request)) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
		r.SetBasicAuth(judge.APIKey, judge.APISecret)
		if change != nil {
			change(r)
		}
		res, err := srv.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		answer, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(answer)
	}
	if status, answer := post("/v1/messages", good, nil); status != 202 || !strings.Contains(answer, "message_uuid") || len(judge.Objections()) > 0 {
		t.Fatalf("a good message: %d %s, %v", status, answer, judge.Objections())
	}
	for name, c := range map[string]struct {
		old, new string
		path     string
		change   func(*http.Request)
		status   int
	}{
		"another secret":   {change: func(r *http.Request) { r.SetBasicAuth(judge.APIKey, hexes(8)) }, status: 401},
		"no credentials":   {change: func(r *http.Request) { r.Header.Del("Authorization") }, status: 401},
		"not JSON":         {change: func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, status: 422},
		"another path":     {path: "/v0.1/messages", status: 404},
		"a number with +":  {old: `"to":"1`, new: `"to":"+1`, status: 422},
		"a sender with +":  {old: `"from":"1`, new: `"from":"+1`, status: 422},
		"another channel":  {old: "sms", new: "whatsapp", status: 422},
		"no text":          {old: "482913 is your code.", new: "", status: 422},
		"two segments":     {old: "is your", new: strings.Repeat("is your ", 25), status: 422},
		"an unknown field": {old: `"ttl"`, new: `"to_live"`, status: 422},
		"a short ttl":      {old: "1800", new: "10", status: 422},
		"a long reference": {old: "dlv_1", new: strings.Repeat("d", 101), status: 422},
		"no webhook":       {old: `"ttl"`, new: `"webhook_url":"nod","webhook_version":"v1","ttl"`, status: 422},
		"an old webhook":   {old: `"ttl"`, new: `"webhook_url":"https://nod.example/","webhook_version":"v0.1","ttl"`, status: 422},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(judge.Objections())
			path := c.path
			if path == "" {
				path = "/v1/messages"
			}
			body := strings.Replace(good, c.old, c.new, 1)
			if c.old != "" && body == good {
				t.Fatal("the message is as it was")
			}
			status, answer := post(path, body, c.change)
			if status != c.status || !strings.Contains(answer, "api-errors") || len(judge.Objections()) != before+1 {
				t.Errorf("%d %s; %v", status, answer, judge.Objections()[before:])
			}
		})
	}
	if took := judge.Accepted(""); len(took) != 1 {
		t.Errorf("it took %+v", took)
	}
}
