package providers

import (
	"crypto/ecdh"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	webpush "github.com/SherClockHolmes/webpush-go"
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

// TestJudgeWebPush sends with the library, as a careless program would.
func TestJudgeWebPush(t *testing.T) {
	private, public, err := webpush.GenerateVAPIDKeys()
	if err != nil {
		t.Fatal(err)
	}
	stranger, strangers, err := webpush.GenerateVAPIDKeys()
	if err != nil {
		t.Fatal(err)
	}
	id := strings.Repeat("0123", 8)
	prompt := `{"type":"prompt","verification_id":"ver_` + id + `","title":"Is this you?","body":"Open the page."}`
	good := webpush.Options{Subscriber: "push@example.com", Topic: "abc", TTL: 90, Urgency: webpush.UrgencyHigh, VAPIDPublicKey: public, VAPIDPrivateKey: private}
	with := func(change func(*webpush.Options)) webpush.Options {
		o := good
		change(&o)
		return o
	}
	for _, r := range []struct {
		options webpush.Options
		text    string
		says    string
	}{
		{good, prompt, ""},
		{with(func(o *webpush.Options) { o.Subscriber = "https://example.com" }), prompt, ""},
		{with(func(o *webpush.Options) { o.Urgency = "" }), `{"type":"prompt_closed","verification_id":"ver_` + id + `"}`, ""},
		{with(func(o *webpush.Options) { o.VAPIDPublicKey, o.VAPIDPrivateKey = strangers, stranger }), prompt, "not the one that the subscription is for"},
		{with(func(o *webpush.Options) { o.VAPIDPublicKey = strangers }), prompt, "signature"},
		{with(func(o *webpush.Options) { o.Subscriber = "mailto:push@example.com" }), prompt, "sub"},
		{with(func(o *webpush.Options) { o.TTL = 2419200 }), prompt, "its life"},
		{with(func(o *webpush.Options) { o.Topic = "" }), prompt, "topic"},
		{with(func(o *webpush.Options) { o.Topic = strings.Repeat("x", 33) }), prompt, "topic"},
		{with(func(o *webpush.Options) { o.Urgency = webpush.UrgencyLow }), prompt, "urgency"},
		{with(func(o *webpush.Options) { o.RecordSize = 5000 }), prompt, "more than 4096"},
		{good, "Is this you?", "no JSON"},
		{good, strings.Replace(prompt, "verification_id", "id", 1), "names its type"},
		{good, strings.Replace(prompt, "Open the page.", "Your code is 123456.", 1), "a code or a number"},
		{good, strings.Replace(prompt, `"title"`, `"ip":"203.0.113.7","title"`, 1), "could be read"},
	} {
		s := &WebPush{}
		server := httptest.NewServer(s)
		var sub webpush.Subscription
		if err := json.Unmarshal([]byte(s.Subscribe(server.URL)), &sub); err != nil {
			t.Fatal(err)
		}
		send := func(text string, o webpush.Options) int {
			o.HTTPClient = server.Client()
			res, err := webpush.SendNotificationWithContext(t.Context(), []byte(text), &sub, &o)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			return res.StatusCode
		}
		if status := send(prompt, good); status != http.StatusCreated {
			t.Fatalf("a good push is answered %d: %q", status, s.Objections())
		}
		status := send(r.text, r.options)
		if said := strings.Join(s.Objections(), "; "); (said == "") != (r.says == "") || !strings.Contains(said, r.says) || (status == http.StatusCreated) != (r.says == "") {
			t.Errorf("%s: %d, the judge says %q, want %q", r.text, status, said, r.says)
		}
		server.Close()
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
