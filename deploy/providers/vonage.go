package providers

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
)

// Vonage plays the Messages API for SMS, the synchronous Reports API and the list
// of applications that credentials are tried with. Numbers in scripts bear their +.
// It calls back as Vonage does, signed with the account's secret; by itself with
// submitted and delivered. Close it when it is no longer served.
//
// Sources: https://developer.vonage.com/en/api/messages,
// https://developer.vonage.com/en/getting-started/concepts/webhooks.
type Vonage struct {
	Desk
	APIKey          string
	APISecret       string
	SignatureSecret string       // at least 32 bytes
	Client          *http.Client // calls back; nil: a client of its own

	mu      sync.Mutex
	records map[string]vonageRecord
	life    context.Context
	end     context.CancelFunc
	callers sync.WaitGroup
}

type vonageMessage struct {
	Type           string `json:"message_type"`
	Channel        string `json:"channel"`
	To             string `json:"to"`
	From           string `json:"from"`
	Text           string `json:"text"`
	ClientRef      string `json:"client_ref"`
	TTL            *int   `json:"ttl"`
	WebhookURL     string `json:"webhook_url"`
	WebhookVersion string `json:"webhook_version"`
}

// vonageRecord is one line of a report.
type vonageRecord struct {
	ID        string `json:"message_id"`
	ClientRef string `json:"client_ref"`
	Direction string `json:"direction"`
	Status    string `json:"status"`
	ErrorCode string `json:"error_code,omitempty"`
}

// ServeHTTP answers one request.
func (v *Vonage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key, secret, _ := r.BasicAuth()
	if subtle.ConstantTimeCompare([]byte(key), []byte(v.APIKey))&subtle.ConstantTimeCompare([]byte(secret), []byte(v.APISecret)) != 1 {
		v.object("%s %s without this account's Basic credentials", r.Method, r.URL.Path)
		vonageProblem(w, http.StatusUnauthorized, "unauthorized")
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "POST /v1/messages":
		v.message(w, r)
	case "GET /v2/reports/records":
		v.report(w, r)
	case "GET /v2/applications":
		vonageJSON(w, http.StatusOK, map[string]any{"page_size": 1, "page": 1, "total_items": 0, "_embedded": map[string]any{"applications": []any{}}})
	default:
		v.object("no such request: %s %s", r.Method, r.URL.Path)
		vonageProblem(w, http.StatusNotFound, "not-found")
	}
}

var (
	msisdn = regexp.MustCompile(`^[1-9][0-9]{6,14}$`)
	sender = regexp.MustCompile(`^([1-9][0-9]{2,14}|[A-Za-z0-9 ]{1,11})$`)
)

// judge says what is wrong with a request for an SMS.
func (m *vonageMessage) judge() error {
	callback, err := url.Parse(m.WebhookURL)
	switch {
	case m.Type != "text" || m.Channel != "sms":
		return errors.New("not a text over sms")
	case !msisdn.MatchString(m.To):
		return errors.New("to is not a number in digits, without +")
	case !sender.MatchString(m.From):
		return errors.New("from is neither a number in digits nor a name of at most 11 characters")
	case m.Text == "":
		return errors.New("no text")
	case len(m.ClientRef) > 100:
		return errors.New("client_ref has more than 100 characters")
	case m.TTL != nil && (*m.TTL < 20 || *m.TTL > 604800):
		return errors.New("ttl is not 20 to 604800 seconds")
	case err != nil || m.WebhookURL != "" && (callback.Host == "" || callback.Scheme != "https" && callback.Scheme != "http"):
		return errors.New("webhook_url is no URL")
	case m.WebhookURL != "" && m.WebhookVersion != "v1":
		return errors.New("webhook_version is not v1")
	}
	return judgeSegment(m.Text)
}

func (v *Vonage) message(w http.ResponseWriter, r *http.Request) {
	var m vonageMessage
	body := json.NewDecoder(io.LimitReader(r.Body, 64<<10))
	body.DisallowUnknownFields()
	err := body.Decode(&m)
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" && err == nil {
		err = errors.New("the body is not declared as JSON")
	}
	if err == nil {
		err = m.judge()
	}
	if err != nil {
		v.object("%v", err)
		vonageProblem(w, http.StatusUnprocessableEntity, "1020")
		return
	}
	to, id := "+"+m.To, uuid.NewString()
	a := v.next(to)
	taken := a.Fault == TakenHang || a.Fault == TakenReset || a.Fault == TakenBroken || a.Status == 0 || a.Status == http.StatusAccepted
	answered := play(w, r, a, func() { v.keep(to, id, m, a) })
	if !answered {
		return
	}
	if a.RetryAfter != "" {
		w.Header().Set("Retry-After", a.RetryAfter)
	}
	if !taken {
		vonageProblem(w, a.Status, a.Code)
		return
	}
	v.keep(to, id, m, a)
	vonageJSON(w, http.StatusAccepted, map[string]string{"message_uuid": id})
}

// keep takes a message and starts what Vonage tells about it.
func (v *Vonage) keep(to, id string, m vonageMessage, a Answer) {
	fields := map[string]string{"from": m.From, "client_ref": m.ClientRef, "webhook_url": m.WebhookURL}
	if m.TTL != nil {
		fields["ttl"] = strconv.Itoa(*m.TTL)
	}
	v.take(Accepted{Provider: "vonage", To: to, ID: id, Text: m.Text, Fields: fields})
	receipts := a.Receipts
	if receipts == nil {
		receipts = []Receipt{{State: "submitted"}, {State: "delivered"}}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.startLocked(); v.life.Err() != nil {
		return
	}
	v.records[id] = vonageRecord{ID: id, ClientRef: m.ClientRef, Direction: "outbound", Status: "submitted"}
	life, client := v.life, v.Client
	v.callers.Go(func() {
		for _, r := range receipts {
			if !stall(life, r.Delay) {
				return
			}
			v.tell(life, client, id, m, r)
		}
	})
}

func (v *Vonage) startLocked() {
	if v.life != nil {
		return
	}
	v.life, v.end = context.WithCancel(context.Background())
	v.records = map[string]vonageRecord{}
	if v.Client == nil {
		v.Client = &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}
	}
}

// tell calls back once, or as often as is scripted.
func (v *Vonage) tell(ctx context.Context, client *http.Client, id string, m vonageMessage, r Receipt) {
	if !r.Forged {
		v.mu.Lock()
		v.records[id] = vonageRecord{ID: id, ClientRef: m.ClientRef, Direction: "outbound", Status: r.State, ErrorCode: r.Code}
		v.mu.Unlock()
	}
	if m.WebhookURL == "" {
		return
	}
	status := map[string]any{
		"message_uuid": id, "to": m.To, "from": m.From, "timestamp": time.Now().UTC().Format(time.RFC3339),
		"status": r.State, "client_ref": m.ClientRef, "channel": "sms",
	}
	if r.Code != "" {
		status["error"] = map[string]any{"type": vonageErrors + "/messages#" + r.Code, "title": json.Number(r.Code), "detail": "as scripted", "instance": uuid.NewString()}
	}
	body, err := json.Marshal(status)
	if err != nil {
		v.object("writing a receipt: %v", err)
		return
	}
	for range max(r.Times, 1) {
		secret := []byte(v.SignatureSecret)
		if r.Forged {
			secret = make([]byte, 32)
			_, _ = rand.Read(secret)
		}
		token, err := vonageJWT(secret, v.APIKey, body, time.Now())
		if err != nil {
			v.object("signing a receipt: %v", err)
			return
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.WebhookURL, bytes.NewReader(body))
		if err != nil {
			v.object("calling back: %v", err)
			return
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", "application/json")
		res, err := client.Do(req)
		if err != nil {
			continue // nobody was there, as when a process was killed
		}
		_ = res.Body.Close()
		switch {
		case r.Forged && res.StatusCode < 400:
			v.object("a forged receipt was answered with %d", res.StatusCode)
		case !r.Forged && res.StatusCode >= 300:
			v.object("the receipt %q was answered with %d", r.State, res.StatusCode)
		}
	}
}

// vonageJWT signs a webhook's body.
func vonageJWT(secret []byte, apiKey string, body []byte, at time.Time) (string, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: secret}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", err
	}
	hash := sha256.Sum256(body)
	claims, err := json.Marshal(map[string]any{
		"iss": "Vonage", "iat": at.Unix(), "jti": uuid.NewString(), "api_key": apiKey, "payload_hash": hex.EncodeToString(hash[:]),
	})
	if err != nil {
		return "", err
	}
	jws, err := signer.Sign(claims)
	if err != nil {
		return "", err
	}
	return jws.CompactSerialize()
}

func (v *Vonage) report(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("account_id") != v.APIKey || q.Get("product") != "MESSAGES" || q.Get("direction") != "outbound" || q.Get("id") == "" {
		v.object("a report without this account, MESSAGES, outbound and an id")
		vonageProblem(w, http.StatusUnprocessableEntity, "invalid-request-parameters")
		return
	}
	v.mu.Lock()
	record, found := v.records[q.Get("id")]
	v.mu.Unlock()
	answer := map[string]any{"request_status": "SUCCESS", "records": []vonageRecord{record}, "items_count": 1}
	if !found {
		answer["records"], answer["items_count"], answer["ids_not_found"] = []vonageRecord{}, 0, q.Get("id")
	}
	vonageJSON(w, http.StatusOK, answer)
}

// Close ends what still would call back, and waits for it. Nobody is called back
// afterwards.
func (v *Vonage) Close() {
	v.mu.Lock()
	v.startLocked()
	v.end()
	v.mu.Unlock()
	v.callers.Wait()
	v.Client.CloseIdleConnections()
}

const vonageErrors = "https://developer.vonage.com/api-errors"

// vonageProblem refuses a request: a number is a code of the Messages API, a word
// one of all of Vonage's.
func vonageProblem(w http.ResponseWriter, status int, code string) {
	p := map[string]any{"title": http.StatusText(status), "detail": "as scripted", "instance": uuid.NewString()}
	switch {
	case msgCode.MatchString(code):
		p["type"] = vonageErrors + "/messages#" + code
	case code != "":
		p["type"] = vonageErrors + "#" + code
	}
	vonageJSON(w, status, p)
}

var msgCode = regexp.MustCompile(`^\d{4}$`)

func vonageJSON(w http.ResponseWriter, status int, answer any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}
