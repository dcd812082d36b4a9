package providers

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// twilioAgain is how long the same text to the same number counts as a repeat.
const twilioAgain = 10 * time.Minute

// Twilio plays Twilio's REST API of 2010-04-01: messages and calls are made and
// asked for, the account and its number are shown. The embedded desk knows people
// by their numbers.
//
// An [Answer]'s Code is one of https://www.twilio.com/docs/api/errors; with Status
// 201 the message is made and has failed with it. A status of 300 or more without a
// code is answered as by something that is not Twilio. A [Receipt]'s State is a
// MessageStatus or a CallStatus; one with Times below zero is not sent, but what the
// message has come to when it is asked for.
//
// Status callbacks are signed (https://www.twilio.com/docs/usage/security) and go to
// the address that the request named. One that is refused is objected to, and so is
// a forged one that is not. Close ends them.
type Twilio struct {
	Desk
	AccountSID string // AC and 32 hexadecimal digits
	AuthToken  string
	Number     string // the account's only number, E.164, for messages and calls
	Service    string // the SID of its only messaging service; empty: none
	Standing   string // of the account; empty is active

	// Network carries the callbacks; nil: this machine's.
	Network http.RoundTripper

	mu        sync.Mutex
	resources map[string]*twilioResource // by SID
	texts     map[[2]string]time.Time    // when a text went to a number
	ctx       context.Context            //nolint:containedctx // of the callbacks, which outlive their requests
	cancel    context.CancelFunc
	closed    bool
	client    *http.Client
	callbacks sync.WaitGroup
}

// twilioResource is a message or a call.
type twilioResource struct {
	sid, status string
	code        int
	form        url.Values
}

var twilioNumber = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// ServeHTTP answers the API.
func (t *Twilio) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.Path, "/2010-04-01/Accounts/")
	path, suffix := strings.CutSuffix(path, ".json")
	if !ok || !suffix {
		t.object("%s %s is no call of Twilio's", r.Method, r.URL.Path)
		http.NotFound(w, r)
		return
	}
	user, password, _ := r.BasicAuth()
	if subtle.ConstantTimeCompare([]byte(user+":"+password), []byte(t.AccountSID+":"+t.AuthToken)) != 1 {
		t.object("the account and token are wrong")
		refuseTwilio(w, Answer{Status: http.StatusUnauthorized, Code: "20003"})
		return
	}
	account, rest, _ := strings.Cut(path, "/")
	kind, sid, _ := strings.Cut(rest, "/")
	switch {
	case account != t.AccountSID:
		t.object("the account in the address is another's")
		refuseTwilio(w, Answer{Status: http.StatusNotFound, Code: "20404"})
	case r.Method == http.MethodGet:
		t.serveQuestion(w, r, kind, sid)
	case r.Method == http.MethodPost && (kind == "Messages" || kind == "Calls") && sid == "":
		t.serveSend(w, r, kind)
	default:
		t.object("%s %s is no call of Twilio's", r.Method, kind)
		refuseTwilio(w, Answer{Status: http.StatusNotFound, Code: "20404"})
	}
}

// serveQuestion shows the account, its number, a message or a call.
func (t *Twilio) serveQuestion(w http.ResponseWriter, r *http.Request, kind, sid string) {
	switch kind {
	case "":
		standing := t.Standing
		if standing == "" {
			standing = "active"
		}
		answerTwilio(w, http.StatusOK, map[string]any{"sid": t.AccountSID, "status": standing, "type": "Full"})
	case "IncomingPhoneNumbers":
		numbers := []any{}
		if of := r.URL.Query().Get("PhoneNumber"); of == "" || of == t.Number {
			numbers = append(numbers, map[string]any{
				"phone_number": t.Number, "capabilities": map[string]bool{"sms": true, "voice": true},
			})
		}
		answerTwilio(w, http.StatusOK, map[string]any{"incoming_phone_numbers": numbers, "page": 0})
	default:
		t.mu.Lock()
		of := t.resources[sid]
		var shown map[string]any
		if of != nil {
			shown = of.show()
		}
		t.mu.Unlock()
		if shown == nil {
			refuseTwilio(w, Answer{Status: http.StatusNotFound, Code: "20404"})
			return
		}
		answerTwilio(w, http.StatusOK, shown)
	}
}

// serveSend makes a message or a call.
func (t *Twilio) serveSend(w http.ResponseWriter, r *http.Request, kind string) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || r.ParseForm() != nil {
		t.object("the request is no form")
		refuseTwilio(w, Answer{Status: http.StatusBadRequest, Code: "20001"})
		return
	}
	judge := t.judgeMessage
	if kind == "Calls" {
		judge = t.judgeCall
	}
	if code, err := judge(r); err != nil {
		t.object("%s: %v", kind, err)
		refuseTwilio(w, Answer{Status: http.StatusBadRequest, Code: code})
		return
	}
	to := r.PostForm.Get("To")
	a := t.next(to)
	made := &twilioResource{sid: "SM" + hex32(), status: "queued", form: r.PostForm}
	if kind == "Calls" {
		made.sid = "CA" + made.sid[2:]
	}
	if a.Status == http.StatusCreated && a.Code != "" {
		made.status, a.Receipts = "failed", []Receipt{}
		made.code, _ = strconv.Atoi(a.Code)
	}
	take := func() { t.takeUp(made, kind, a.Receipts) }
	if !play(w, r, a, take) {
		return
	}
	if a.Status != http.StatusCreated && (a.Code != "" || a.Status >= 300) {
		refuseTwilio(w, a)
		return
	}
	shown := made.show() // before others can change it
	take()
	answerTwilio(w, http.StatusCreated, shown)
}

// takeUp keeps a message or call and starts its callbacks.
func (t *Twilio) takeUp(made *twilioResource, kind string, receipts []Receipt) {
	f := made.form
	to, text := f.Get("To"), f.Get("Body")+f.Get("Twiml")
	fields := map[string]string{"Kind": kind}
	for name := range f {
		if !slices.Contains([]string{"To", "Body", "Twiml"}, name) {
			fields[name] = f.Get(name)
		}
	}
	if receipts == nil {
		receipts = []Receipt{{State: "sent"}, {State: "delivered"}}
		if kind == "Calls" {
			receipts = []Receipt{{State: "completed"}}
		}
	}
	t.mu.Lock()
	if t.resources == nil {
		t.resources, t.texts = map[string]*twilioResource{}, map[[2]string]time.Time{}
		t.ctx, t.cancel = context.WithCancel(context.Background())
		t.client = &http.Client{Transport: t.Network}
		if t.Network == nil {
			t.client.Transport = &http.Transport{}
		}
	}
	t.resources[made.sid] = made
	key := [2]string{to, text}
	before, repeated := t.texts[key]
	t.texts[key] = time.Now()
	if !t.closed {
		t.callbacks.Go(func() { t.callBack(made, kind, receipts) })
	}
	t.mu.Unlock()
	if repeated && time.Since(before) < twilioAgain {
		t.object("%s: the same text went to the same number %s ago", kind, time.Since(before).Round(time.Millisecond))
	}
	t.take(Accepted{Provider: "twilio", To: to, ID: made.sid, Text: text, Fields: fields})
}

// Close ends all callbacks and waits for them.
func (t *Twilio) Close() {
	t.mu.Lock()
	t.closed = true
	if t.cancel != nil {
		t.cancel()
		defer t.client.CloseIdleConnections()
	}
	t.mu.Unlock()
	t.callbacks.Wait()
}

// set is what a message or call has come to.
func (t *Twilio) set(made *twilioResource, status, code string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	made.status = status
	made.code, _ = strconv.Atoi(code)
}

// show is a message or call as JSON.
func (m *twilioResource) show() map[string]any {
	shown := map[string]any{
		"sid": m.sid, "status": m.status, "to": m.form.Get("To"), "from": m.form.Get("From"),
		"error_code": nil, "api_version": "2010-04-01",
	}
	if body := m.form.Get("Body"); body != "" {
		shown["body"], shown["num_segments"] = body, "1"
	}
	if m.code != 0 {
		shown["error_code"] = m.code
	}
	return shown
}

func answerTwilio(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// refuseTwilio is Twilio's error document, or, without a code, what something else
// answers. https://www.twilio.com/docs/usage/twilios-response#response-formats-exceptions
func refuseTwilio(w http.ResponseWriter, a Answer) {
	if a.RetryAfter != "" {
		w.Header().Set("Retry-After", a.RetryAfter)
	}
	if a.Status == 0 {
		a.Status = http.StatusBadRequest
	}
	if a.Code == "" {
		w.Header().Set("Location", "/elsewhere") // of a redirect
		http.Error(w, "<html>not Twilio", a.Status)
		return
	}
	code, _ := strconv.Atoi(a.Code)
	answerTwilio(w, a.Status, map[string]any{
		"code": code, "message": "Refused: " + a.Code, "status": a.Status,
		"more_info": "https://www.twilio.com/docs/errors/" + a.Code,
	})
}

// hex32 is 32 hexadecimal digits by lot.
func hex32() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
