package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nod/client"
	played "nod/deploy/providers" // the configuration has providers of its own
)

// carriers are the providers of push, SMS, calls and mail, as they are played for
// one test. They judge all that nod sends, and count it:
//
//	c := carry(t)
//	p := c.nod(start, []string{"fcm", "twilio"}, "NOD_PUSH_ACK_TIMEOUT=1s")
//	c.Twilio.Script(number, played.Answer{Status: 503})
//	… c.taken("twilio", number, 1) …
//
// When the test ends none may have an objection, but those that it excused.
type carriers struct {
	*played.Set
	t       *testing.T
	excused []string
}

// carry starts the providers until the test ends.
func carry(t *testing.T) *carriers {
	t.Helper()
	set, err := played.Start(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(set.Close)
	return &carriers{Set: set, t: t}
}

// nod starts a nod that sends over the providers with these names; none: over all.
func (c *carriers) nod(start starter, names []string, settings ...string) *program {
	c.t.Helper()
	p := start(c.t, append(c.Settings(names...), settings...)...)
	c.judged()
	return p
}

// judged has the objections looked at before what was started until now is stopped.
func (c *carriers) judged() {
	c.t.Cleanup(func() {
		for _, o := range c.Objections() {
			if !slices.ContainsFunc(c.excused, func(e string) bool { return strings.Contains(o.Text, e) }) {
				c.t.Errorf("an objection of %s", o)
			}
		}
	})
}

// excuse lets objections with these words pass.
func (c *carriers) excuse(words string) { c.excused = append(c.excused, words) }

// sameText is Twilio's objection to a message that a person asked for once more.
const sameText = "the same text went to the same number"

// taken waits for n messages that a provider took for a number or token. That there
// are no more of them is for the end of a test: see [carriers.counted].
func (c *carriers) taken(provider, to string, n int) []played.Accepted {
	c.t.Helper()
	ctx, stop := context.WithTimeout(c.t.Context(), deadline)
	defer stop()
	all, err := c.Desk(provider).Wait(ctx, to, n)
	if err != nil {
		c.t.Fatalf("%s for %s: %v", provider, to, err)
	}
	return all
}

// asked waits for n requests for a number or token, taken or not.
func (c *carriers) asked(provider, to string, n int) {
	c.t.Helper()
	ctx, stop := context.WithTimeout(c.t.Context(), deadline)
	defer stop()
	if err := c.Desk(provider).WaitRequests(ctx, to, n); err != nil {
		c.t.Fatalf("%s for %s: %v", provider, to, err)
	}
}

// counted fails unless a provider had so many requests for a number or token by
// now, and took so many messages.
func (c *carriers) counted(provider, to string, requests, taken int) {
	c.t.Helper()
	desk := c.Desk(provider)
	if got := desk.Requests(to); got != requests {
		c.t.Errorf("%s had %d requests for %s, want %d", provider, got, to, requests)
	}
	if got := len(desk.Accepted(to)); got != taken {
		c.t.Errorf("%s took %d messages for %s, want %d", provider, got, to, taken)
	}
}

// digits is a phone number of its own for each n below 100.
func digits(n int) string { return fmt.Sprintf("+141555501%02d", n) }

var lastLine = regexp.MustCompile(`\n\n@127\.0\.0\.1 #(\d{6})$`)

// codeIn reads the code of an SMS where a browser does, and wants it to be the
// first digits of the text, too.
func codeIn(t *testing.T, sms played.Accepted) string {
	t.Helper()
	m := lastLine.FindStringSubmatch(sms.Text)
	if m == nil || !strings.HasPrefix(sms.Text, m[1]+" ") {
		t.Fatalf("no code where browsers and people look for it: %q", sms.Text)
	}
	return m[1]
}

// typed checks a code, wants it to approve by a method, and exchanges the result.
func (d *door) typed(v object, code, method string) *client.Result {
	d.t.Helper()
	status, out := d.call("POST", pathOf(v)+"/check", page(v), object{"code": code})
	if status != 200 || out["ok"] != true || out.str("status") != "approved" || out.str("method") != method {
		d.t.Fatalf("the code was answered with %d %v", status, out)
	}
	return d.exchanged(v, out.str("result_token"), method)
}

// exchanged redeems a result token as the integrator does.
func (d *door) exchanged(v object, token, method string) *client.Result {
	d.t.Helper()
	nod := client.New(d.public, d.key)
	nod.HTTP = d.client
	r, err := nod.Exchange(d.t.Context(), v.str("verification_id"), token)
	if err != nil || r.Status != "approved" || r.Method != method {
		d.t.Fatalf("the result is %+v %v", r, err)
	}
	return r
}

// delivery is the last one over a channel.
func (d *door) delivery(v object, channel string) (last object) {
	d.t.Helper()
	for _, row := range d.status(v).list("deliveries") {
		if row.str("channel") == channel {
			last = row
		}
	}
	return last
}

// becomes waits until the last delivery over a channel is in a state, and returns
// the verification as it is then.
func (d *door) becomes(v object, channel, state string) object {
	d.t.Helper()
	d.reaches(v, channel, state, deadline)
	return d.status(v)
}

// reaches is becomes with another patience.
func (d *door) reaches(v object, channel, state string, patience time.Duration) {
	d.t.Helper()
	within(d.t, patience, "the delivery over "+channel+" is "+state, func() bool { return d.delivery(v, channel).str("state") == state })
}

// told counts the events of a verification by name.
func (d *door) told(v object) map[string]int {
	d.t.Helper()
	n := map[string]int{}
	for _, e := range d.do(200, "GET", pathOf(v)+"/timeline", nil).list("events") {
		n[e.str("name")]++
	}
	return n
}

// resend asks for another message as the page does, and wants a status.
func (d *door) resend(status int, v object, body object) object {
	d.t.Helper()
	got, out := d.call("POST", pathOf(v)+"/resend", page(v), body)
	if got != status {
		d.t.Fatalf("asking for another message: %d %v, want %d", got, out, status)
	}
	return out
}

// freely wants the page to be offered another SMS now, at no cost.
func freely(t *testing.T, v object) {
	t.Helper()
	if in := v.obj("next_actions"); in["sms_in"] != 0.0 || v.num("cooldown_remaining") != 0 || v.num("resend_count") != 0 {
		t.Errorf("another SMS is offered in %v with a cooldown of %v after %v resends", in["sms_in"], v["cooldown_remaining"], v["resend_count"])
	}
}

// pushed is what a push carries for the app.
func pushed(t *testing.T, a played.Accepted) map[string]string {
	t.Helper()
	if a.Provider != "webpush" {
		return a.Fields
	}
	data := map[string]string{}
	if err := json.Unmarshal([]byte(a.Text), &data); err != nil {
		t.Fatal(err)
	}
	return data
}

// opens decrypts a pushed request with the phone's own key, checks the server's
// signature and that the request is the one for this phone, and returns it as the
// app shows it.
func (ph *phone) opens(v object, push played.Accepted) object {
	t := ph.door.t
	t.Helper()
	data := pushed(t, push)
	if data["type"] != "prompt" || data["verification_id"] != v.str("verification_id") {
		t.Fatalf("the push is about %v", data)
	}
	signed, err := ph.OpenPush(data["jwe"])
	if err != nil {
		t.Fatal(err)
	}
	jws, err := jose.ParseSignedCompact(signed, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	var keys jose.JSONWebKeySet
	_, raw := ph.door.call("GET", "/.well-known/jwks.json", "", nil)
	text, err := json.Marshal(raw)
	if err == nil {
		err = json.Unmarshal(text, &keys)
	}
	found := keys.Key(jws.Signatures[0].Protected.KeyID)
	if err != nil || len(found) != 1 {
		t.Fatalf("the server does not publish the key that signed: %v", err)
	}
	payload, err := jws.Verify(found[0])
	if err != nil {
		t.Fatal(err)
	}
	prompt := object{}
	if err := json.Unmarshal(payload, &prompt); err != nil {
		t.Fatal(err)
	}
	if prompt.str("aud") != ph.ID || prompt.str("iss") != ph.door.public || prompt.str("delivery_id") != data["delivery_id"] {
		t.Fatalf("the request is not for this phone: %v", prompt)
	}
	prompt["signed"] = signed
	return prompt
}

// tokens are what phones are known by: to FCM, and to APNs.
func fcmToken(name string) string { return "registration-of-" + name }

func apnsToken(n int) string { return strings.Repeat(fmt.Sprintf("%02x", n+0xa0), 32) }

// subscribed is a browser's subscription and the address that its messages go to.
func (c *carriers) subscribed() (token, endpoint string) {
	token = c.Subscribe()
	o := object{}
	if err := json.Unmarshal([]byte(token), &o); err != nil {
		c.t.Fatal(err)
	}
	return token, o.str("endpoint")
}

// metrics reads /metrics as a stranger does.
func (d *door) metrics() string {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, d.url+"/metrics", nil)
	if err != nil {
		d.t.Fatal(err)
	}
	res, err := d.client.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return string(text)
}

// metric is the value of one line of /metrics; "" when there is none.
func (d *door) metric(name string) string {
	d.t.Helper()
	for line := range strings.Lines(d.metrics()) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// callsBack sends the receipt of a message as Twilio does.
func (c *carriers) callsBack(m played.Accepted, state string) {
	c.t.Helper()
	form := url.Values{"AccountSid": {c.Twilio.AccountSID}, "MessageSid": {m.ID}, "MessageStatus": {state}, "To": {m.To}}
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, m.Fields["StatusCallback"], strings.NewReader(form.Encode()))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("X-Twilio-Signature", played.SignTwilio(c.Twilio.AuthToken, m.Fields["StatusCallback"], form))
	transport := &http.Transport{DisableKeepAlives: true}
	res, err := transport.RoundTrip(req)
	if err != nil {
		c.t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusNoContent {
		c.t.Errorf("the receipt was answered with %s", res.Status)
	}
}
