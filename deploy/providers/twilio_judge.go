package providers

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Twilio's signature is HMAC-SHA1
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// What nod may say of a message and of a call.
// https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource
// https://www.twilio.com/docs/voice/api/call-resource#create-a-call-resource
var (
	twilioMessageFields = []string{"To", "From", "MessagingServiceSid", "Body", "StatusCallback", "ValidityPeriod"}
	twilioCallFields    = []string{"To", "From", "Twiml", "Timeout", "StatusCallback", "StatusCallbackMethod", "StatusCallbackEvent"}

	secretDigits = regexp.MustCompile(`[0-9]{4,10}`)
)

// judgeMessage refuses with Twilio's code what Twilio would, and what no message
// with a code should be.
func (t *Twilio) judgeMessage(r *http.Request) (code string, err error) {
	f := r.PostForm
	body := f.Get("Body")
	if code, err = t.judgeCommon(r, twilioMessageFields); err != nil {
		return code, err
	}
	switch {
	case t.Service != "" && f.Get("MessagingServiceSid") == t.Service && f.Get("From") == "":
	case f.Get("From") != t.Number || f.Get("MessagingServiceSid") != "":
		return "21660", errors.New("the sender is not the account's")
	}
	if body == "" {
		return "21602", errors.New("the body is empty")
	}
	if len([]rune(body)) > 1600 {
		return "21617", errors.New("the body is longer than 1,600 characters")
	}
	if err := judgeSegment(body); err != nil {
		return "21617", err
	}
	if seconds, err := strconv.Atoi(f.Get("ValidityPeriod")); err != nil || seconds < 1 || seconds > 36000 {
		return "20001", errors.New("a code ends: the validity period is not 1 to 36000 seconds")
	}
	for _, digits := range secretDigits.FindAllString(body, -1) {
		if strings.Contains(afterHost(f.Get("StatusCallback")), digits) {
			return "21609", errors.New("the callback's address holds digits of the text")
		}
	}
	return "", nil
}

// judgeCall is judgeMessage for a call.
func (t *Twilio) judgeCall(r *http.Request) (code string, err error) {
	f := r.PostForm
	if code, err = t.judgeCommon(r, twilioCallFields); err != nil {
		return code, err
	}
	if f.Get("From") != t.Number {
		return "21210", errors.New("the caller is not the account's number")
	}
	if seconds, err := strconv.Atoi(f.Get("Timeout")); err != nil || seconds < 5 || seconds > 600 {
		return "20001", errors.New("the time-out is not 5 to 600 seconds")
	}
	if len(f.Get("Twiml")) > 4000 {
		return "20001", errors.New("the TwiML is longer than 4,000 characters")
	}
	said, err := judgeTwiML(f.Get("Twiml"))
	if err != nil {
		return "12100", err
	}
	digits, err := spokenTwice(said)
	if err != nil {
		return "12100", err
	}
	if strings.Contains(afterHost(f.Get("StatusCallback")), digits) {
		return "21609", errors.New("the callback's address holds the code")
	}
	return "", nil
}

// judgeCommon checks what messages and calls share.
func (t *Twilio) judgeCommon(r *http.Request, fields []string) (code string, err error) {
	f := r.PostForm
	for name, values := range f {
		if !slices.Contains(fields, name) {
			return "20001", fmt.Errorf("there is no field %q", name)
		}
		if len(values) != 1 {
			return "20001", fmt.Errorf("the field %s comes %d times", name, len(values))
		}
	}
	if r.URL.RawQuery != "" {
		return "20001", errors.New("the address has a query")
	}
	if !twilioNumber.MatchString(f.Get("To")) {
		return "21211", errors.New("the number is not E.164")
	}
	if !f.Has("StatusCallback") {
		return "", nil
	}
	u, err := url.Parse(f.Get("StatusCallback"))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || strings.Contains(u.Hostname(), "_") {
		return "21609", errors.New("the callback's address is none")
	}
	if strings.Contains(afterHost(u.String()), strings.TrimPrefix(f.Get("To"), "+")) {
		return "21609", errors.New("the callback's address holds the number")
	}
	return "", nil
}

// afterHost is the part of an address that names more than a machine: a host may
// have digits of its own, and a text names it too.
func afterHost(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.RequestURI() + u.Fragment
}

// judgeTwiML reads what a call says. https://www.twilio.com/docs/voice/twiml/say
func judgeTwiML(text string) (said string, err error) {
	var open []string
	var b strings.Builder
	d := xml.NewDecoder(strings.NewReader(text)) //nolint:gosec // G709: its tokens are looked at, nothing is made of them
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return b.String(), nil
		}
		if err != nil {
			return "", errors.New("the TwiML is not well-formed")
		}
		switch token := token.(type) {
		case xml.StartElement:
			open = append(open, token.Name.Local)
			switch path := strings.Join(open, " "); path {
			case "Response", "Response Pause", "Response Say prosody", "Response Say break":
			case "Response Say":
				if !slices.ContainsFunc(token.Attr, func(a xml.Attr) bool { return a.Name.Local == "language" && a.Value != "" }) {
					return "", errors.New("the TwiML says something in no language")
				}
			default:
				return "", fmt.Errorf("the TwiML has %s", path)
			}
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if slices.Contains(open, "Say") {
				b.Write(token)
			} else if len(strings.TrimSpace(string(token))) > 0 {
				return "", errors.New("the TwiML has text that nobody says")
			}
		}
	}
}

// spokenTwice finds the code that a call says digit by digit, two times.
func spokenTwice(said string) (string, error) {
	var single []rune
	runes := []rune(said)
	digit := func(i int) bool { return i >= 0 && i < len(runes) && unicode.IsDigit(runes[i]) }
	for i, r := range runes {
		if digit(i) && !digit(i-1) && !digit(i+1) {
			single = append(single, r)
		}
	}
	half := len(single) / 2
	if len(single)%2 != 0 || half < 4 || !slices.Equal(single[:half], single[half:]) {
		return "", errors.New("the call does not say a code two times, digit by digit")
	}
	return string(single[:half]), nil
}

// callBack sends the receipts of one message or call.
func (t *Twilio) callBack(made *twilioResource, kind string, receipts []Receipt) {
	for _, receipt := range receipts {
		if !stall(t.ctx, receipt.Delay) {
			return
		}
		if !receipt.Forged {
			t.set(made, receipt.State, receipt.Code)
		}
		if !made.form.Has("StatusCallback") || receipt.Times < 0 {
			continue
		}
		for range max(receipt.Times, 1) {
			status, err := t.post(t.ctx, made, kind, receipt)
			switch {
			case err != nil: // nobody was there, as when a process was killed
			case receipt.Forged && status < 400:
				t.object("a forged callback was answered with %d", status)
			case !receipt.Forged && status >= 300:
				t.object("the callback %q was answered with %d", receipt.State, status)
			}
		}
	}
}

// post sends one status callback.
func (t *Twilio) post(ctx context.Context, made *twilioResource, kind string, receipt Receipt) (status int, err error) {
	form := url.Values{
		"AccountSid": {t.AccountSID}, "ApiVersion": {"2010-04-01"},
		"To": {made.form.Get("To")}, "From": {t.Number},
	}
	if kind == "Calls" {
		form.Set("CallSid", made.sid)
		form.Set("CallStatus", receipt.State)
		form.Set("CallbackSource", "call-progress-events")
	} else {
		form.Set("MessageSid", made.sid)
		form.Set("SmsSid", made.sid)
		form.Set("MessageStatus", receipt.State)
		form.Set("SmsStatus", receipt.State)
	}
	if receipt.Code != "" {
		form.Set("ErrorCode", receipt.Code)
	}
	to, key := made.form.Get("StatusCallback"), t.AuthToken
	if receipt.Forged {
		key += "0"
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second) // as long as Twilio waits
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	r.Header.Set("X-Twilio-Signature", SignTwilio(key, to, form))
	res, err := t.client.Do(r)
	if err != nil {
		return 0, err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10))
	_ = res.Body.Close()
	return res.StatusCode, nil
}

// SignTwilio is the signature of a callback: HMAC-SHA1 with the auth token over the
// address and the fields, by name, without separators.
// https://www.twilio.com/docs/usage/security#validating-signatures-from-twilio
func SignTwilio(authToken, address string, form url.Values) string {
	mac := hmac.New(sha1.New, []byte(authToken))
	_, _ = io.WriteString(mac, address)
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		_, _ = io.WriteString(mac, name+form.Get(name))
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
