package providers

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
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
	"github.com/google/uuid"
)

// APNs plays the Apple Push Notification service with token authentication: POST
// /3/device/{token} over HTTP/2. It knows devices by their tokens, which are
// hexadecimal. An [Answer]'s Code is a reason of
// https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns
type APNs struct {
	Desk
	KeyID  string // of the signing key
	TeamID string // whose key it is
	Topic  string // the app's bundle id

	mu  sync.Mutex
	key *ecdsa.PrivateKey
}

// Key is the team's signing key as the .p8 file that Apple gives out once. It is
// made at the first call.
func (s *APNs) Key() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.key == nil {
		s.key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader) // never fails with crypto/rand
	}
	der, _ := x509.MarshalPKCS8PrivateKey(s.key) // never fails for P-256
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// apnsReasons are Apple's reasons and the status that each comes with.
var apnsReasons = map[string]int{
	"BadCollapseId": 400, "BadDeviceToken": 400, "BadExpirationDate": 400, "BadMessageId": 400, "BadPriority": 400,
	"BadTopic": 400, "DeviceTokenNotForTopic": 400, "DuplicateHeaders": 400, "IdleTimeout": 400, "InvalidPushType": 400,
	"MissingDeviceToken": 400, "MissingTopic": 400, "PayloadEmpty": 400, "TopicDisallowed": 400,
	"BadCertificate": 403, "BadCertificateEnvironment": 403, "BadEnvironmentKeyIdInToken": 403, "BadEnvironmentKeyInToken": 403, "ExpiredProviderToken": 403,
	"Forbidden": 403, "InvalidProviderToken": 403, "MissingProviderToken": 403, "UnrelatedKeyIdInToken": 403,
	"BadPath": 404, "MethodNotAllowed": 405,
	"ExpiredToken": 410, "Unregistered": 410,
	"PayloadTooLarge":             413,
	"TooManyProviderTokenUpdates": 429,
	"TooManyRequests":             429,
	"InternalServerError":         500,
	"ServiceUnavailable":          503,
	"Shutdown":                    503,
}

var apnsToken = regexp.MustCompile(`^[0-9a-f]{64,200}$`)

// ServeHTTP answers POST /3/device/{token}.
func (s *APNs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor != 2 {
		s.object("APNs speaks HTTP/2 only")
		http.Error(w, "HTTP/2 only", http.StatusHTTPVersionNotSupported)
		return
	}
	token, ok := strings.CutPrefix(r.URL.Path, "/3/device/")
	if !ok || strings.Contains(token, "/") {
		s.objectReason(w, "BadPath", "no path of APNs")
		return
	}
	if r.Method != http.MethodPost {
		s.objectReason(w, "MethodNotAllowed", "only POST")
		return
	}
	if reason, err := s.judgeProvider(r.Header.Get("Authorization")); err != nil {
		s.objectReason(w, reason, err.Error())
		return
	}
	if topic := r.Header.Get("apns-topic"); topic == "" {
		s.objectReason(w, "MissingTopic", "no topic")
		return
	} else if topic != s.Topic {
		s.objectReason(w, "TopicDisallowed", "the topic is another app's")
		return
	}
	if token = strings.ToLower(token); !apnsToken.MatchString(token) || strings.Trim(token, "0") == "" {
		s.refuse(w, Answer{Code: "BadDeviceToken"}) // not an objection: it is how credentials are tried
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
	if err != nil {
		s.object("the body: %v", err)
		return
	}
	var payload map[string]json.RawMessage
	if reason, err := judgeNotification(r.Header, body, &payload); err != nil {
		s.objectReason(w, reason, err.Error())
		return
	}
	a := s.next(token)
	id := cmp.Or(r.Header.Get("apns-id"), uuid.NewString())
	take := func() {
		s.take(Accepted{Provider: "apns", To: token, ID: id, Text: words(payload), Fields: apnsFields(r.Header, payload)})
	}
	switch {
	case !play(w, r, a, take):
	case a.Code != "" || a.Status >= 300:
		s.refuse(w, a)
	default:
		take()
		w.Header().Set("apns-id", id)
	}
}

// judgeProvider checks the provider's token.
// https://developer.apple.com/documentation/usernotifications/establishing-a-token-based-connection-to-apns
func (s *APNs) judgeProvider(header string) (reason string, err error) {
	text, ok := strings.CutPrefix(header, "bearer ")
	if !ok {
		return "MissingProviderToken", errors.New("no provider token")
	}
	s.mu.Lock()
	key := s.key
	s.mu.Unlock()
	signed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil || key == nil || signed.Signatures[0].Header.KeyID != s.KeyID {
		return "InvalidProviderToken", errors.New("the provider token is not one of ES256 and the key")
	}
	payload, err := signed.Verify(key.Public())
	if err != nil {
		return "InvalidProviderToken", errors.New("the provider token's signature is not the key's")
	}
	var claims struct {
		Issuer   string `json:"iss"`
		IssuedAt int64  `json:"iat"`
	}
	if err := strictly(payload, &claims); err != nil || claims.Issuer != s.TeamID {
		return "InvalidProviderToken", errors.New("the provider token is not the team's")
	}
	if age := time.Since(time.Unix(claims.IssuedAt, 0)); age > time.Hour || age < -time.Minute {
		return "ExpiredProviderToken", errors.New("the provider token is not of the last hour")
	}
	return "", nil
}

// judgeNotification checks the headers and the payload of a notification.
// https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns
func judgeNotification(h http.Header, body []byte, payload *map[string]json.RawMessage) (reason string, err error) {
	switch {
	case len(body) == 0:
		return "PayloadEmpty", errors.New("no payload")
	case len(body) > maxPush:
		return "PayloadTooLarge", errors.New("more than 4096 bytes")
	}
	if len(h.Get("apns-collapse-id")) > 64 {
		return "BadCollapseId", errors.New("a collapse id has at most 64 bytes")
	}
	if err := judgeAPNsHeaders(h.Get("apns-expiration"), h.Get("apns-collapse-id")); err != nil {
		return "BadExpirationDate", err
	}
	if err := json.Unmarshal(body, payload); err != nil {
		return "PayloadEmpty", errors.New("the payload is not JSON")
	}
	pushType := h.Get("apns-push-type")
	if err := judgeAps((*payload)["aps"], pushType, h.Get("apns-priority")); err != nil {
		return "InvalidPushType", err
	}
	data, err := beside(*payload)
	if err == nil && (data["type"] == "prompt") != (pushType == "alert") {
		err = errors.New("a request is an alert, the end of one is not")
	}
	if err := errors.Join(err, judgeData(data), judgeSecrets(body)); err != nil {
		return "PayloadTooLarge", err // Apple has no word for it
	}
	return "", nil
}

// judgeAPNsHeaders checks when a notification ends, in seconds since 1970, and
// which one it takes the place of.
func judgeAPNsHeaders(expiration, collapse string) error {
	at, err := strconv.ParseInt(expiration, 10, 64)
	if left := time.Until(time.Unix(at, 0)); err != nil || left < -time.Minute || left > (longestLife+60)*time.Second {
		return fmt.Errorf("its end is not within %d seconds", longestLife)
	}
	if len(collapse) > 64 {
		return errors.New("a collapse id has at most 64 bytes")
	}
	return nil
}

// beside are the members of a payload beside aps.
func beside(payload map[string]json.RawMessage) (map[string]string, error) {
	data := map[string]string{}
	for name, raw := range payload {
		if name == "aps" {
			continue
		}
		var value string
		if err := json.Unmarshal(raw, &value); err != nil {
			return nil, fmt.Errorf("%s is no string", name)
		}
		data[name] = value
	}
	return data, nil
}

// words are what a payload shows.
func words(payload map[string]json.RawMessage) string {
	var aps apnsAps
	if json.Unmarshal(payload["aps"], &aps) != nil || aps.Alert == nil {
		return ""
	}
	return aps.Alert.Title + "\n" + aps.Alert.Body
}

func apnsFields(h http.Header, payload map[string]json.RawMessage) map[string]string {
	f, _ := beside(payload)
	for _, name := range []string{"apns-push-type", "apns-priority", "apns-expiration", "apns-collapse-id", "apns-topic"} {
		if v := h.Get(name); v != "" {
			f[name] = v
		}
	}
	return f
}

func (s *APNs) objectReason(w http.ResponseWriter, reason, why string) {
	s.object("%s: %s", reason, why)
	s.refuse(w, Answer{Code: reason})
}

func (s *APNs) refuse(w http.ResponseWriter, a Answer) {
	if a.RetryAfter != "" {
		w.Header().Set("Retry-After", a.RetryAfter)
	}
	if a.Code == "" {
		stray(w, a.Status)
		return
	}
	status := cmp.Or(a.Status, apnsReasons[a.Code], http.StatusInternalServerError)
	answer := map[string]any{"reason": a.Code}
	if status == http.StatusGone {
		answer["timestamp"] = time.Now().UnixMilli()
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("apns-id", uuid.NewString())
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

// APNsReasons lists the reasons that a script may name.
func APNsReasons() []string { return slices.Sorted(maps.Keys(apnsReasons)) }
