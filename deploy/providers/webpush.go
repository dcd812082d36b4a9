package providers

import (
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// WebPush plays the push service of a browser (RFC 8030) and the browser behind
// it, which makes subscriptions and can read what comes: POST /push/{id}. It knows
// devices by their endpoints. Web Push has no codes: an [Answer] is told by its
// Status.
//
// The plain text of what was taken stands in [Accepted].Text, so that a test can
// hand it to a real service worker.
type WebPush struct {
	Desk

	mu            sync.Mutex
	subscriptions map[string]*subscription // by id
}

// subscription is a browser's side of one.
type subscription struct {
	endpoint string
	origin   string
	key      *ecdh.PrivateKey
	auth     []byte
	server   string // the VAPID key that it was first used with: the only one that may
}

// Subscribe makes a subscription with the service, which clients reach at baseURL.
// The answer is the JSON of a PushSubscription
// (https://www.w3.org/TR/push-api/#dom-pushsubscription-tojson).
func (s *WebPush) Subscribe(baseURL string) string {
	key, _ := ecdh.P256().GenerateKey(rand.Reader) // never fails with crypto/rand
	auth := make([]byte, 16)
	_, _ = rand.Read(auth)
	id := rand.Text()
	sub := &subscription{endpoint: baseURL + "/push/" + id, origin: baseURL, key: key, auth: auth}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.subscriptions == nil {
		s.subscriptions = map[string]*subscription{}
	}
	s.subscriptions[id] = sub
	text, _ := json.Marshal(map[string]any{
		"endpoint":       sub.endpoint,
		"expirationTime": nil,
		"keys":           map[string]string{"p256dh": base64.RawURLEncoding.EncodeToString(key.PublicKey().Bytes()), "auth": base64.RawURLEncoding.EncodeToString(auth)},
	})
	return string(text)
}

// ServeHTTP answers POST /push/{id}.
func (s *WebPush) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, ok := strings.CutPrefix(r.URL.Path, "/push/")
	s.mu.Lock()
	sub := s.subscriptions[id]
	s.mu.Unlock()
	if !ok || sub == nil || r.Method != http.MethodPost {
		s.object("%s %s is no push to a subscription", r.Method, r.URL.Path)
		http.NotFound(w, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPush))
	if err != nil {
		s.refuse(w, http.StatusRequestEntityTooLarge, errors.New("a body of more than 4096 bytes"))
		return
	}
	if err := s.judgeVAPID(sub, r.Header.Get("Authorization")); err != nil {
		s.refuse(w, http.StatusForbidden, err)
		return
	}
	text, err := judgeWebPush(sub, r.Header, body)
	if err != nil {
		s.refuse(w, http.StatusBadRequest, err)
		return
	}
	a := s.next(sub.endpoint)
	message := rand.Text()
	take := func() {
		s.take(Accepted{Provider: "webpush", To: sub.endpoint, ID: message, Text: string(text), Fields: map[string]string{
			"ttl": r.Header.Get("TTL"), "urgency": r.Header.Get("Urgency"), "topic": r.Header.Get("Topic"),
		}})
	}
	if !play(w, r, a, take) {
		return
	}
	if a.RetryAfter != "" {
		w.Header().Set("Retry-After", a.RetryAfter)
	}
	if a.Status >= 300 {
		stray(w, a.Status)
		return
	}
	take()
	w.Header().Set("Location", sub.origin+"/message/"+message) // RFC 8030, section 5
	w.WriteHeader(cmp.Or(a.Status, http.StatusCreated))
}

func (s *WebPush) refuse(w http.ResponseWriter, status int, err error) {
	s.object("%v", err)
	http.Error(w, err.Error(), status)
}

var vapid = regexp.MustCompile(`^vapid t=([A-Za-z0-9_.-]+), ?k=([A-Za-z0-9_-]+)$`)

// judgeVAPID checks who sends (RFC 8292), and that it is who sent first: a
// subscription is one application server's.
func (s *WebPush) judgeVAPID(sub *subscription, header string) error {
	parts := vapid.FindStringSubmatch(header)
	if parts == nil {
		return errors.New("no VAPID credentials")
	}
	point, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return errors.New("the VAPID key is not base64url")
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return errors.New("the VAPID key is no point of P-256")
	}
	signed, err := jose.ParseSignedCompact(parts[1], []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return errors.New("the VAPID token is no JWT of ES256")
	}
	payload, err := signed.Verify(key)
	if err != nil {
		return errors.New("the VAPID token's signature is not the key's")
	}
	var claims struct {
		Audience string `json:"aud"`
		Expires  int64  `json:"exp"`
		Subject  string `json:"sub"`
	}
	if err := strictly(payload, &claims); err != nil {
		return fmt.Errorf("the VAPID token: %w", err)
	}
	contact, err := url.Parse(claims.Subject)
	left := time.Until(time.Unix(claims.Expires, 0))
	switch {
	case claims.Audience != sub.origin:
		return errors.New("the VAPID token's aud is not this service's origin")
	case left <= 0 || left > 24*time.Hour:
		return errors.New("the VAPID token is not good now, or for longer than a day")
	case err != nil || !(contact.Scheme == "mailto" && strings.Count(contact.Opaque, "@") == 1 && !strings.Contains(contact.Opaque, ":")) && !(contact.Scheme == "https" && contact.Host != ""):
		return errors.New("the VAPID token's sub is no mailto: or https: address")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if sub.server = cmp.Or(sub.server, parts[2]); sub.server != parts[2] {
		return errors.New("the VAPID key is not the one that the subscription is for")
	}
	return nil
}

var pushTopic = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)

// judgeWebPush checks a message and returns what it says.
func judgeWebPush(sub *subscription, h http.Header, body []byte) ([]byte, error) {
	if err := judgeLife(h.Get("TTL")); err != nil {
		return nil, err // RFC 8030, section 5.2
	}
	if !pushTopic.MatchString(h.Get("Topic")) {
		return nil, errors.New("a topic has 1 to 32 characters of base64url (RFC 8030, section 5.4)")
	}
	if h.Get("Content-Encoding") != "aes128gcm" {
		return nil, errors.New("the content encoding is not aes128gcm (RFC 8291, section 4)")
	}
	text, err := sub.open(body)
	if err != nil {
		return nil, err
	}
	var data map[string]string
	if err := json.Unmarshal(text, &data); err != nil {
		return nil, errors.New("the payload is no JSON object of strings")
	}
	if data["type"] == "prompt" {
		if h.Get("Urgency") != "high" {
			return nil, errors.New("a request to a sleeping phone has urgency high (RFC 8030, section 5.3)")
		}
		if err := judgeWords(data["title"], data["body"]); err != nil {
			return nil, err
		}
	}
	delete(data, "title")
	delete(data, "body")
	return text, errors.Join(judgeData(data), judgeSecrets(text))
}

// open decrypts one message (RFC 8188 section 2, RFC 8291 section 3.4).
func (sub *subscription) open(body []byte) ([]byte, error) {
	const header = 16 + 4 + 1 + 65
	if len(body) < header || body[20] != 65 {
		return nil, errors.New("the body does not begin with salt, record size and a key")
	}
	salt, size, point := body[:16], binary.BigEndian.Uint32(body[16:20]), body[21:header]
	if sealed := len(body) - header; sealed < 18 || uint32(sealed) > size { //nolint:gosec // a body has at most 4096 bytes
		return nil, errors.New("the body is not one record")
	}
	theirs, err := ecdh.P256().NewPublicKey(point)
	if err != nil {
		return nil, errors.New("the sender's key is no point of P-256")
	}
	shared, err := sub.key.ECDH(theirs)
	if err != nil {
		return nil, errors.New("the sender's key does not fit")
	}
	info := "WebPush: info\x00" + string(sub.key.PublicKey().Bytes()) + string(point)
	ikm, _ := hkdf.Key(sha256.New, shared, sub.auth, info, 32) // the lengths are good
	cek, _ := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: aes128gcm\x00", 16)
	nonce, _ := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: nonce\x00", 12)
	block, err := aes.NewCipher(cek)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	padded, err := gcm.Open(nil, nonce, body[header:], nil)
	if err != nil {
		return nil, errors.New("the body is not sealed for this subscription")
	}
	text := strings.TrimRight(string(padded), "\x00")
	if !strings.HasSuffix(text, "\x02") {
		return nil, errors.New("the record is not marked as the last")
	}
	return []byte(strings.TrimSuffix(text, "\x02")), nil
}
