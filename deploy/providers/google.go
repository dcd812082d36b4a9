package providers

import (
	"cmp"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	fcmScope  = "https://www.googleapis.com/auth/firebase.messaging"
	grantType = "urn:ietf:params:oauth:grant-type:jwt-bearer" // RFC 7523, section 2.1
	keyID     = "judge"
)

// Google plays Google's OAuth token endpoint (POST /token, RFC 7523) and Firebase
// Cloud Messaging v1 (POST /v1/projects/{project}/messages:send). The embedded desk
// is FCM's and knows devices by their registration tokens.
//
// An [Answer]'s Code is one of
// https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode, for example
// UNREGISTERED, or of https://cloud.google.com/apis/design/errors where FCM has no
// word of its own: UNAUTHENTICATED, PERMISSION_DENIED. A Status without a Code is
// answered as by something that is not Google.
type Google struct {
	Desk
	Tokens    Desk          // of the token endpoint, by the account's address; codes are those of RFC 6749 section 5.2
	Project   string        // whose messages are taken
	TokenLife time.Duration // of an access token; 0: an hour

	mu       sync.Mutex
	tokenURI string
	issued   map[string]time.Time // access tokens and when they end
}

// Account is the address of the only service account.
func (g *Google) Account() string { return "nod@" + g.Project + ".iam.gserviceaccount.com" }

// googleKey is the service account's. It is made once, because that takes long.
var googleKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, _ := rsa.GenerateKey(rand.Reader, 2048) // never fails with crypto/rand
	return key
})

// Credentials makes the JSON of a service account key for this server, which
// clients reach at baseURL.
func (g *Google) Credentials(baseURL string) []byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tokenURI = baseURL + "/token"
	der, _ := x509.MarshalPKCS8PrivateKey(googleKey()) // never fails for RSA
	text, _ := json.Marshal(map[string]string{
		"type":           "service_account",
		"project_id":     g.Project,
		"private_key_id": keyID,
		"private_key":    string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"client_email":   g.Account(),
		"token_uri":      g.tokenURI,
	})
	return text
}

// Revoke makes all access tokens void, as when Google takes them back.
func (g *Google) Revoke() {
	g.mu.Lock()
	defer g.mu.Unlock()
	clear(g.issued)
}

// ServeHTTP answers the token endpoint and FCM.
func (g *Google) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	project, isSend := strings.CutPrefix(r.URL.Path, "/v1/projects/")
	project, toSend := strings.CutSuffix(project, "/messages:send")
	switch {
	case r.Method == http.MethodPost && r.URL.Path == "/token":
		g.serveToken(w, r)
	case r.Method == http.MethodPost && isSend && toSend:
		g.serveSend(w, r, project)
	default:
		g.object("%s %s is no call of Google's", r.Method, r.URL.Path)
		http.NotFound(w, r)
	}
}

func (g *Google) serveToken(w http.ResponseWriter, r *http.Request) {
	refuse := func(status int, code string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": code, "error_description": "Refused: " + code})
	}
	r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
	if r.PostFormValue("grant_type") != grantType {
		g.object("the grant type is not a JWT's")
		refuse(http.StatusBadRequest, "unsupported_grant_type")
		return
	}
	if err := g.judgeAssertion(r.PostFormValue("assertion")); err != nil {
		g.object("the assertion: %v", err)
		refuse(http.StatusBadRequest, "invalid_grant")
		return
	}
	a := g.Tokens.next(g.Account())
	if !play(w, r, a, func() {}) {
		return
	}
	if a.RetryAfter != "" {
		w.Header().Set("Retry-After", a.RetryAfter)
	}
	switch {
	case a.Code != "":
		refuse(max(a.Status, http.StatusBadRequest), a.Code)
		return
	case a.Status >= 300:
		stray(w, a.Status)
		return
	}
	life := g.TokenLife
	if life == 0 {
		life = time.Hour
	}
	token := rand.Text()
	g.mu.Lock()
	if g.issued == nil {
		g.issued = map[string]time.Time{}
	}
	g.issued[token] = time.Now().Add(life)
	g.mu.Unlock()
	g.Tokens.take(Accepted{Provider: "google", To: g.Account(), ID: strconv.Itoa(g.Tokens.Requests(g.Account()))})
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": int(life / time.Second)})
}

// judgeAssertion checks a service account's claim to a token.
// https://developers.google.com/identity/protocols/oauth2/service-account#httprest
func (g *Google) judgeAssertion(text string) error {
	g.mu.Lock()
	aud := g.tokenURI
	g.mu.Unlock()
	signed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return errors.New("no JWT of RS256")
	}
	if signed.Signatures[0].Header.KeyID != keyID {
		return errors.New("its key is unknown")
	}
	payload, err := signed.Verify(googleKey().Public())
	if err != nil {
		return errors.New("its signature is not the service account's")
	}
	var claims struct {
		Issuer   string `json:"iss"`
		Scope    string `json:"scope"`
		Audience string `json:"aud"`
		IssuedAt int64  `json:"iat"`
		Expires  int64  `json:"exp"`
	}
	if err := strictly(payload, &claims); err != nil {
		return err
	}
	now := time.Now().Unix()
	switch {
	case claims.Issuer != g.Account():
		return errors.New("iss is not the account")
	case claims.Scope != fcmScope:
		return errors.New("the scope is not that of messaging and no more")
	case claims.Audience != aud:
		return errors.New("aud is not the token endpoint")
	case claims.Expires-claims.IssuedAt > 3600 || claims.Expires <= now || claims.IssuedAt > now+60:
		return errors.New("it is not good now, or for longer than an hour")
	}
	return nil
}

// fcmMessage is the message of FCM v1, as far as nod has use for it.
// https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages
type fcmMessage struct {
	Token   string            `json:"token"`
	Data    map[string]string `json:"data"`
	Android *struct {
		Priority string `json:"priority"`
		TTL      string `json:"ttl"`
	} `json:"android"`
	Webpush *struct {
		Headers map[string]string `json:"headers"`
	} `json:"webpush"`
	APNS *struct {
		Headers map[string]string          `json:"headers"`
		Payload map[string]json.RawMessage `json:"payload"`
	} `json:"apns"`
}

// Google checks a token's form before all else. Real ones have an instance id, a
// colon and a long secret; here it is enough that they could stand in a URL.
var fcmToken = regexp.MustCompile(`^[A-Za-z0-9_:.-]{4,}$`)

func (g *Google) serveSend(w http.ResponseWriter, r *http.Request, project string) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
	if err != nil {
		g.object("the body: %v", err)
		return
	}
	if !g.authorized(r) {
		g.object("no good access token")
		g.refuse(w, Answer{Code: "UNAUTHENTICATED"}, "")
		return
	}
	if project != g.Project {
		g.object("the project is another one")
		g.refuse(w, Answer{Code: "PERMISSION_DENIED"}, "")
		return
	}
	var call struct {
		ValidateOnly bool            `json:"validate_only"`
		Message      json.RawMessage `json:"message"`
	}
	var m fcmMessage
	if err := errors.Join(strictly(body, &call), strictly(call.Message, &m)); err != nil {
		g.object("the body: %v", err)
		g.refuse(w, Answer{Code: "INVALID_ARGUMENT"}, "")
		return
	}
	if !fcmToken.MatchString(m.Token) {
		a := Answer{}
		if call.ValidateOnly {
			a = g.next(m.Token) // a dry run may ask about a token that cannot be: it is how credentials are tried
		} else {
			g.object("the registration token is malformed")
		}
		a.Code = cmp.Or(a.Code, "INVALID_ARGUMENT")
		g.refuse(w, a, m.Token)
		return
	}
	if err := judgeFCM(m, call.Message); err != nil {
		g.object("the message: %v", err)
		g.refuse(w, Answer{Code: "INVALID_ARGUMENT"}, m.Token)
		return
	}
	a := g.next(m.Token)
	id := "projects/" + project + "/messages/" + rand.Text()
	take := func() {
		if !call.ValidateOnly {
			g.take(Accepted{Provider: "fcm", To: m.Token, ID: id, Text: m.words(), Fields: m.fields()})
		}
	}
	switch {
	case !play(w, r, a, take):
	case a.Code != "":
		g.refuse(w, a, m.Token)
	case a.Status >= 300:
		if a.RetryAfter != "" {
			w.Header().Set("Retry-After", a.RetryAfter)
		}
		stray(w, a.Status)
	default:
		take()
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"name": id})
	}
}

func (g *Google) authorized(r *http.Request) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	g.mu.Lock()
	defer g.mu.Unlock()
	return ok && time.Now().Before(g.issued[token])
}

// judgeFCM says what is wrong with a message: it must not outlive its request, wake
// the phone at once, and tell nobody on the way.
func judgeFCM(m fcmMessage, text []byte) error {
	if err := judgeData(m.Data); err != nil {
		return err
	}
	if err := judgeSecrets(text, "token", "headers", "ttl"); err != nil {
		return err
	}
	size, _ := json.Marshal(m.Data)
	if m.APNS != nil {
		payload, _ := json.Marshal(m.APNS.Payload)
		size = append(size, payload...)
	}
	if len(size) > maxPush {
		return errors.New("more than 4096 bytes")
	}
	request := m.Data["type"] == "prompt"
	switch {
	case m.APNS != nil && m.Android == nil && m.Webpush == nil:
		h := m.APNS.Headers
		if request != (h["apns-push-type"] == "alert") {
			return errors.New("a request is an alert, the end of one is not")
		}
		if len(m.APNS.Payload) != 1 {
			return errors.New("the payload has more than aps: data lies beside it")
		}
		return errors.Join(judgeAPNsHeaders(h["apns-expiration"], h["apns-collapse-id"]), judgeAps(m.APNS.Payload["aps"], h["apns-push-type"], h["apns-priority"]))
	case m.Android != nil && m.APNS == nil && m.Webpush == nil:
		if request && m.Android.Priority != "high" {
			return errors.New("a request to a sleeping phone has priority high")
		}
		return judgeLife(strings.TrimSuffix(m.Android.TTL, "s"))
	case m.Webpush != nil && m.Android == nil && m.APNS == nil:
		if request && m.Webpush.Headers["Urgency"] != "high" {
			return errors.New("a request to a sleeping phone has urgency high")
		}
		return judgeLife(m.Webpush.Headers["TTL"])
	}
	return errors.New("it is for one platform, and says how")
}

// judgeLife checks how long a message may wait, in whole seconds.
func judgeLife(seconds string) error {
	if n, err := strconv.ParseUint(seconds, 10, 31); err != nil || n > longestLife {
		return fmt.Errorf("its life is not between 0 and %d seconds", longestLife)
	}
	return nil
}

func (m fcmMessage) words() string {
	if m.APNS == nil {
		return ""
	}
	return words(m.APNS.Payload)
}

// fields are the data of a message and how it is to be brought.
func (m fcmMessage) fields() map[string]string {
	f := maps.Clone(m.Data)
	switch {
	case m.Android != nil:
		f["priority"], f["ttl"] = m.Android.Priority, m.Android.TTL
	case m.Webpush != nil:
		maps.Copy(f, m.Webpush.Headers)
	case m.APNS != nil:
		maps.Copy(f, m.APNS.Headers)
	}
	return f
}

// googleErrors are the codes of FCM and what Google's APIs call them.
var googleErrors = map[string]struct {
	http   int
	status string
	fcm    bool // with a detail of FCM's own
}{
	"UNSPECIFIED_ERROR":      {500, "UNKNOWN", true},
	"INVALID_ARGUMENT":       {400, "INVALID_ARGUMENT", true},
	"UNREGISTERED":           {404, "NOT_FOUND", true},
	"SENDER_ID_MISMATCH":     {403, "PERMISSION_DENIED", true},
	"QUOTA_EXCEEDED":         {429, "RESOURCE_EXHAUSTED", true},
	"UNAVAILABLE":            {503, "UNAVAILABLE", true},
	"INTERNAL":               {500, "INTERNAL", true},
	"THIRD_PARTY_AUTH_ERROR": {401, "UNAUTHENTICATED", true},
	"FAILED_PRECONDITION":    {400, "FAILED_PRECONDITION", false},
	"UNAUTHENTICATED":        {401, "UNAUTHENTICATED", false},
	"PERMISSION_DENIED":      {403, "PERMISSION_DENIED", false},
	"NOT_FOUND":              {404, "NOT_FOUND", false},
	"RESOURCE_EXHAUSTED":     {429, "RESOURCE_EXHAUSTED", false},
}

// refuse answers as Google does. Its message repeats what it was asked about, as
// messages for people do: nobody should pass it on.
func (g *Google) refuse(w http.ResponseWriter, a Answer, about string) {
	e := googleErrors[a.Code]
	if a.Status != 0 {
		e.http = a.Status
	}
	if e.http == 0 {
		e.http, e.status = http.StatusInternalServerError, a.Code
	}
	problem := map[string]any{"code": e.http, "message": "Refused: " + about, "status": e.status}
	if e.fcm {
		problem["details"] = []map[string]string{
			{"@type": "type.googleapis.com/google.rpc.Help"},
			{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": a.Code},
		}
	}
	if a.RetryAfter != "" {
		w.Header().Set("Retry-After", a.RetryAfter)
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(e.http)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": problem})
}

// GoogleCodes lists the codes that a script may name.
func GoogleCodes() []string { return slices.Sorted(maps.Keys(googleErrors)) }

// stray answers as a proxy or a load balancer before a provider does.
func stray(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/html")
	if status < 400 {
		w.Header().Set("Location", "/elsewhere")
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "<html><title>"+http.StatusText(status)+"</title></html>")
}
