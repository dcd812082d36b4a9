package providers

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Integrator receives webhooks by Standard Webhooks 1.0.0 and judges them: the
// signature and the time of the try, the form of the body, that nothing secret is in
// it, and that none comes again that it has taken.
// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
//
// Scripts, requests and what was accepted go by the type of the event, for example
// verification.approved. A HEAD is answered and not counted.
type Integrator struct {
	Desk
	Secrets []string // whsec_…; one of them must have signed

	judged sync.Mutex
	taken  map[string]bool // ids that were answered with 2xx
}

// The limits that the standard names: how far the time of a try may be off, and how
// long a body usually is at most.
const (
	webhookTolerance = 5 * time.Minute
	webhookLongest   = 20 << 10
)

// Repeat says that a webhook that was taken may come again: somebody replays it.
func (i *Integrator) Repeat(id string) {
	i.judged.Lock()
	defer i.judged.Unlock()
	delete(i.taken, id)
}

// ServeHTTP takes one webhook, or says with a status what is wrong with it.
func (i *Integrator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, content, ok := i.admit(w, r)
	if !ok {
		return
	}
	var event webhookBody
	if wrong := event.read(content); wrong != "" {
		i.object("webhook %s: %s", id, wrong)
		http.Error(w, wrong, http.StatusBadRequest)
		return
	}
	if i.known(id, false) {
		i.object("webhook %s (%s) came again although it was taken", id, event.Type)
	}
	a := i.next(event.Type)
	take := func() {
		i.take(Accepted{Provider: "webhook", To: event.Type, ID: id, Text: string(content), Fields: event.fields()})
	}
	if !play(w, r, a, take) {
		return
	}
	if a.Status == 0 {
		a.Status = http.StatusNoContent
	}
	if a.Status >= 200 && a.Status < 300 {
		i.known(id, true)
		take()
	}
	if a.RetryAfter != "" {
		w.Header().Set("Retry-After", a.RetryAfter)
	}
	if a.Status >= 300 && a.Status < 400 {
		w.Header().Set("Location", "/elsewhere")
	}
	w.WriteHeader(a.Status)
}

// admit reads a request that is to come from nod; not ok: it is answered, since it does
// not, or asks for no more than the head.
func (i *Integrator) admit(w http.ResponseWriter, r *http.Request) (id string, content []byte, ok bool) {
	if r.Method == http.MethodHead {
		return "", nil, false
	}
	content, err := io.ReadAll(io.LimitReader(r.Body, webhookLongest+1))
	if err != nil {
		return "", nil, false // the caller gave up
	}
	id = r.Header.Get("webhook-id")
	if status, wrong := i.judge(r, id, content); wrong != "" {
		i.object("%s %q: %s", r.URL.Path, id, wrong)
		http.Error(w, wrong, status)
		return "", nil, false
	}
	return id, content, true
}

// known reports whether a webhook was taken before, and notes that it is now.
func (i *Integrator) known(id string, now bool) bool {
	i.judged.Lock()
	defer i.judged.Unlock()
	before := i.taken[id]
	if now {
		if i.taken == nil {
			i.taken = map[string]bool{}
		}
		i.taken[id] = true
	}
	return before
}

// judge checks who sent a request and when.
func (i *Integrator) judge(r *http.Request, id string, content []byte) (status int, wrong string) {
	at := r.Header.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(at, 10, 64)
	switch {
	case r.Method != http.MethodPost:
		return http.StatusMethodNotAllowed, "a webhook is a POST, not a " + r.Method
	case r.Header.Get("Content-Type") != "application/json":
		return http.StatusUnsupportedMediaType, "the content type is " + r.Header.Get("Content-Type")
	case len(content) > webhookLongest:
		return http.StatusRequestEntityTooLarge, "the body is longer than 20 KiB"
	case id == "" || strings.Contains(id, "."):
		return http.StatusBadRequest, "webhook-id is empty or holds a full stop"
	case err != nil:
		return http.StatusBadRequest, "webhook-timestamp is no number of seconds"
	case time.Since(time.Unix(seconds, 0)).Abs() > webhookTolerance:
		return http.StatusUnauthorized, "webhook-timestamp is more than 5 minutes off"
	case !i.signed(r.Header.Get("webhook-signature"), id+"."+at+"."+string(content)):
		return http.StatusUnauthorized, "no signature is by a secret that is known here"
	}
	return 0, ""
}

// signed reports whether one of the signatures is by one of the secrets.
func (i *Integrator) signed(signatures, content string) bool {
	for _, secret := range i.Secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil {
			return false
		}
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(content))
		want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
		for got := range strings.SplitSeq(signatures, " ") {
			if hmac.Equal([]byte(got), []byte(want)) {
				return true
			}
		}
	}
	return false
}

// webhookBody is what a webhook says.
type webhookBody struct {
	Type      string         `json:"type"`
	Timestamp string         `json:"timestamp"`
	Data      map[string]any `json:"data"`
}

var (
	webhookType = regexp.MustCompile(`^[a-zA-Z0-9_]+(\.[a-zA-Z0-9_]+)+$`)
	// What no integrator is told: names of secrets, numbers of phones, tokens.
	secretName  = regexp.MustCompile(`(?i)(code|token|secret|password|phone|number|email)`)
	secretValue = regexp.MustCompile(`\+[1-9][0-9]{7,14}\b|\beyJ[\w-]+\.|\bnod_[a-z]+_|whsec_|@`)
	onlyDigits  = regexp.MustCompile(`^[0-9]{4,15}$`)
)

// read parses a body and says what is wrong with it.
func (b *webhookBody) read(content []byte) (wrong string) {
	d := json.NewDecoder(bytes.NewReader(content))
	d.DisallowUnknownFields()
	if err := d.Decode(b); err != nil || d.More() {
		return "the body is no object of type, timestamp and data"
	}
	if !webhookType.MatchString(b.Type) {
		return "the type is not words between full stops"
	}
	if _, err := time.Parse(time.RFC3339, b.Timestamp); err != nil {
		return "the timestamp is no time of RFC 3339"
	}
	if b.Data == nil {
		return "there is no data"
	}
	for name, value := range b.Data {
		text, isText := value.(string)
		switch {
		case secretName.MatchString(name):
			return "data holds " + name
		case name == "user_id" || !isText: // a user's id is the integrator's own word
		case secretValue.MatchString(text), name != "detail" && onlyDigits.MatchString(text): // a detail is a provider's own code
			return "the value of " + name + " is none that may be told"
		}
	}
	return ""
}

// fields are the data as texts.
func (b *webhookBody) fields() map[string]string {
	fields := map[string]string{"timestamp": b.Timestamp}
	for name, value := range b.Data {
		fields[name] = fmt.Sprint(value)
	}
	return fields
}
