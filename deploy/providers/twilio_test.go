package providers

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

const twilioPath = "/2010-04-01/Accounts/"

// twilioCall makes a request of the judge as a client would.
func twilioCall(t *testing.T, j *Twilio, base, method, path string, form url.Values, change func(*http.Request)) (status int, answer map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(j.AccountSID, j.AuthToken)
	if change != nil {
		change(r)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var body bytes.Buffer
	_, _ = body.ReadFrom(res.Body)
	_ = json.Unmarshal(body.Bytes(), &answer)
	return res.StatusCode, answer
}

func twilioJudge(t *testing.T) (j *Twilio, base string) {
	j = &Twilio{AccountSID: "AC" + hex32(), AuthToken: hex32(), Number: "+14155550100"}
	server := httptest.NewServer(j)
	t.Cleanup(func() {
		server.Close()
		j.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return j, server.URL
}

func goodMessage() url.Values {
	return url.Values{"To": {"+14155550123"}, "From": {"+14155550100"}, "Body": {"482913 is your code."}, "ValidityPeriod": {"600"}}
}

func goodCall() url.Values {
	return url.Values{"To": {"+14155550123"}, "From": {"+14155550100"}, "Timeout": {"20"},
		"Twiml": {`<Response><Say language="en-US">4, 8, 2, 9. Again: 4, 8, 2, 9.</Say></Response>`}}
}

func TestTwilioJudges(t *testing.T) {
	for name, row := range map[string]struct {
		call   bool
		change func(url.Values)
		header func(*http.Request)
		code   float64 // 0: taken
	}{
		"a good message": {},
		"a good call":    {call: true},
		"a callback":     {change: func(f url.Values) { f.Set("StatusCallback", "http://127.0.0.1:1/x?delivery=dlv_1") }},
		"a host with digits": {change: func(f url.Values) {
			f.Set("Body", "482913 is your code.\n\n@app2024.example #482913")
			f.Set("StatusCallback", "http://app2024.example:1/x")
		}},
		"70 UCS-2 units":       {change: func(f url.Values) { f.Set("Body", strings.Repeat("ж", 70)) }},
		"160 septets":          {change: func(f url.Values) { f.Set("Body", strings.Repeat("a", 160)) }},
		"no such account":      {header: func(r *http.Request) { r.SetBasicAuth("AC1", "x") }, code: 20003},
		"a national number":    {change: func(f url.Values) { f.Set("To", "4155550123") }, code: 21211},
		"another's sender":     {change: func(f url.Values) { f.Set("From", "+14155550199") }, code: 21660},
		"another's service":    {change: func(f url.Values) { f.Set("MessagingServiceSid", "MG1"); f.Del("From") }, code: 21660},
		"no body":              {change: func(f url.Values) { f.Del("Body") }, code: 21602},
		"two segments":         {change: func(f url.Values) { f.Set("Body", strings.Repeat("a", 161)) }, code: 21617},
		"two of UCS-2":         {change: func(f url.Values) { f.Set("Body", strings.Repeat("ж", 71)) }, code: 21617},
		"two by the extension": {change: func(f url.Values) { f.Set("Body", strings.Repeat("€", 81)) }, code: 21617},
		"no validity":          {change: func(f url.Values) { f.Del("ValidityPeriod") }, code: 20001},
		"too long a validity":  {change: func(f url.Values) { f.Set("ValidityPeriod", "36001") }, code: 20001},
		"a field of its own":   {change: func(f url.Values) { f.Set("Boddy", "x") }, code: 20001},
		"a field twice":        {change: func(f url.Values) { f.Add("To", "+14155550124") }, code: 20001},
		"no address":           {change: func(f url.Values) { f.Set("StatusCallback", "/x") }, code: 21609},
		"a code in an address": {change: func(f url.Values) { f.Set("StatusCallback", "https://nod.example/482913") }, code: 21609},
		"a number in one":      {change: func(f url.Values) { f.Set("StatusCallback", "https://nod.example/?to=14155550123") }, code: 21609},
		"no form":              {header: func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }, code: 20001},
		"a query":              {header: func(r *http.Request) { r.URL.RawQuery = "Body=x" }, code: 20001},
		"another's number":     {call: true, change: func(f url.Values) { f.Set("From", "+14155550199") }, code: 21210},
		"rings for an hour":    {call: true, change: func(f url.Values) { f.Set("Timeout", "3600") }, code: 20001},
		"no TwiML":             {call: true, change: func(f url.Values) { f.Set("Twiml", "Hello") }, code: 12100},
		"broken TwiML":         {call: true, change: func(f url.Values) { f.Set("Twiml", "<Response><Say>") }, code: 12100},
		"no language":          {call: true, change: twiml("<Response><Say>4 8 2 9 4 8 2 9</Say></Response>"), code: 12100},
		"said once":            {call: true, change: twiml(`<Response><Say language="en">4 8 2 9</Say></Response>`), code: 12100},
		"two codes":            {call: true, change: twiml(`<Response><Say language="en">4 8 2 9, 4 8 2 8</Say></Response>`), code: 12100},
		"one big number":       {call: true, change: twiml(`<Response><Say language="en">4829, 4829</Say></Response>`), code: 12100},
		"another verb":         {call: true, change: twiml(`<Response><Dial>+14155550124</Dial></Response>`), code: 12100},
		"a code to call back":  {call: true, change: func(f url.Values) { f.Set("StatusCallback", "https://nod.example/4829") }, code: 21609},
	} {
		j, base := twilioJudge(t)
		form, path := goodMessage(), twilioPath+j.AccountSID+"/Messages.json"
		if row.call {
			form, path = goodCall(), twilioPath+j.AccountSID+"/Calls.json"
		}
		if row.change != nil {
			row.change(form)
		}
		status, answer := twilioCall(t, j, base, http.MethodPost, path, form, row.header)
		taken, objected := len(j.Accepted("")), len(j.Objections())
		if row.code == 0 {
			if status != http.StatusCreated || taken != 1 || objected != 0 || answer["status"] != "queued" {
				t.Errorf("%s: %d %v, objections %q", name, status, answer, j.Objections())
			}
			continue
		}
		if status < 400 || answer["code"] != row.code || taken != 0 || objected != 1 {
			t.Errorf("%s: %d %v, objections %q", name, status, answer, j.Objections())
		}
	}
}

func twiml(text string) func(url.Values) { return func(f url.Values) { f.Set("Twiml", text) } }

func TestTwilioObjectsToARepeat(t *testing.T) {
	j, base := twilioJudge(t)
	path := twilioPath + j.AccountSID + "/Messages.json"
	send := func(form url.Values) { twilioCall(t, j, base, http.MethodPost, path, form, nil) }
	send(goodMessage())
	other := goodMessage()
	other.Set("Body", "111222 is your code.")
	send(other)
	if o := j.Objections(); len(o) != 0 {
		t.Fatalf("objections %q", o)
	}
	send(goodMessage())
	if o := j.Objections(); len(o) != 1 || !strings.Contains(o[0], "same text") || len(j.Accepted("")) != 3 {
		t.Errorf("objections %q to %d messages", o, len(j.Accepted("")))
	}
}

// TestTwilioObjectsToAnswers has callbacks answered wrongly: a good one refused, a
// forged one taken.
func TestTwilioObjectsToAnswers(t *testing.T) {
	j, base := twilioJudge(t)
	nod := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		if r.Header.Get("X-Twilio-Signature") == SignTwilio(j.AuthToken, "http://"+r.Host+r.URL.RequestURI(), r.PostForm) {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	defer nod.Close()
	j.Script("", Answer{Receipts: []Receipt{{State: "sent"}, {State: "delivered", Forged: true}}})
	form := goodMessage()
	form.Set("StatusCallback", nod.URL+"/x?delivery=dlv_1")
	twilioCall(t, j, base, http.MethodPost, twilioPath+j.AccountSID+"/Messages.json", form, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for ctx.Err() == nil && len(j.Objections()) < 2 {
		<-time.After(time.Millisecond)
	}
	got := strings.Join(j.Objections(), "; ")
	if !strings.Contains(got, `"sent" was answered with 403`) || !strings.Contains(got, "forged callback was answered with 200") {
		t.Errorf("objections %s", got)
	}
}

func TestTwilioShowsWhatItHas(t *testing.T) {
	j, base := twilioJudge(t)
	j.Script("", Answer{Receipts: []Receipt{}})
	_, made := twilioCall(t, j, base, http.MethodPost, twilioPath+j.AccountSID+"/Messages.json", goodMessage(), nil)
	sid, _ := made["sid"].(string)
	for path, want := range map[string]int{
		".json": 200, "/IncomingPhoneNumbers.json?PhoneNumber=%2B14155550100": 200, "/Messages/" + sid + ".json": 200, "/Messages/SM1.json": 404, "/Elsewhere": 404,
	} {
		if status, answer := twilioCall(t, j, base, http.MethodGet, twilioPath+j.AccountSID+path, nil, nil); status != want {
			t.Errorf("%s: %d %v", path, status, answer)
		}
	}
	if _, of := twilioCall(t, j, base, http.MethodGet, twilioPath+"AC"+hex32()+".json", nil, nil); of["code"] != 20404.0 {
		t.Errorf("another account: %v", of)
	}
}

// TestTwilioSignature is the example of Twilio's documentation
// (https://www.twilio.com/docs/usage/security#validating-signatures-from-twilio).
func TestTwilioSignature(t *testing.T) {
	form := url.Values{"CallSid": {"CA1234567890ABCDE"}, "Caller": {"+14158675309"}, "Digits": {"1234"}, "From": {"+14158675309"}, "To": {"+18005551212"}}
	if got := SignTwilio("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", form); got != "RSOYDt4T1cUTdK1PDd93/VVr8B8=" {
		t.Errorf("signature %s", got)
	}
}
