package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/go-jose/go-jose/v4"
)

// siege is one nod with everything switched on, and the attackers before it. It
// stands behind a proxy that it trusts, so that each attacker has an address:
//
//	s := besiege(t)
//	s.call("GET", path, credential+"\n"+s.stranger(), nil)
//
// Its settings are the defaults, but for waits.
type siege struct {
	*door
	nod       *program
	carriers  *carriers
	bank      *bank
	file      string // the database
	strangers *atomic.Int32
	numbers   *atomic.Int32
}

// besiege starts one on SQLite, until the test ends.
func besiege(t *testing.T) *siege {
	t.Helper()
	c, b, file := carry(t), newBank(t), filepath.Join(t.TempDir(), "nod.db")
	settings := append(b.settings(), "NOD_DATABASE_URL=sqlite:"+file, "NOD_SECRET="+firstSecret, "NOD_TRUSTED_PROXIES=127.0.0.1", "NOD_RESEND_DELAYS=1s,1s,1s")
	p := c.nod(start, besieging, append(settings, c.parrots()...)...)
	b.audience = p.public
	c.excuse(sameText)
	return &siege{p.door, p, c, b, file, &atomic.Int32{}, &atomic.Int32{}}
}

// besieging are the providers of a siege.
var besieging = []string{"fcm", "twilio", "vonage", "smtp", "webhook"}

const firstSecret = "the first secret of the tests, 32 bytes or more"

// parrots are settings that put somebody before Twilio and Vonage who refuses what
// is for [repeated], and says in the refusal all that was sent, as some do.
func (c *carriers) parrots() []string {
	before := func(desk http.Handler, refusal func(said string) object) string {
		site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			said, _ := url.QueryUnescape(string(body))
			if !strings.Contains(said, repeated[1:]) {
				desk.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_ = json.NewEncoder(w).Encode(refusal(said))
		}))
		c.t.Cleanup(site.Close)
		return site.URL
	}
	return []string{
		"NOD_TWILIO_BASE_URL=" + before(c.Twilio, func(said string) object {
			return object{"code": 20003, "message": "Not for you: " + said, "more_info": said, "status": 400}
		}),
		"NOD_VONAGE_BASE_URL=" + before(c.Vonage, func(said string) object {
			return object{"type": "https://developer.vonage.com/api-errors/messages#1000", "title": said, "detail": "Not for you: " + said, "instance": said}
		}),
	}
}

// repeated is the number that parrots refuse.
const repeated = "+15035550199"

// areas are of the United States: numbers of two of them share no prefix, so that
// nothing is taken for pumping.
var areas = strings.Fields("201 202 203 205 206 207 208 209 210 212 213 214 215 216 217 218 219 224 225 228 229 231 234 239 240 248 251 252 253 254 256 260 262 267 269 270 276 281 301 302")

// person is a user with a number, whom no other attack knows.
func (s *siege) person() (user, number string) {
	n := int(s.numbers.Add(1))
	return fmt.Sprint("person-", n), fmt.Sprintf("+1%s55501%02d", areas[n%len(areas)], n/len(areas))
}

// asUser is the credential of a user who comes from an address of their own.
func (s *siege) asUser(user string) string {
	s.t.Helper()
	token := s.do(201, "POST", "/api/v1/user-tokens", object{"user_id": user}).str("token")
	return "Authorization: Bearer " + token + "\n" + s.stranger()
}

// under is the same siege for a part of its test.
func (s *siege) under(t *testing.T) *siege {
	part := *s
	part.door, part.carriers = s.door.under(t), s.carriers.at(t)
	return &part
}

// stranger is the address of somebody who has not been here: limits of one
// attacker are no other's.
func (s *siege) stranger() string {
	n := s.strangers.Add(1)
	return fmt.Sprintf("X-Forwarded-For: 2001:db8:%x:%x::1", n>>16, n&0xffff)
}

// knock opens a connection to /ws from an address and returns the nonce of its
// challenge.
func (s *siege) knock(from string) (*socket, string) {
	s.t.Helper()
	name, value, _ := strings.Cut(from, ": ")
	c, _, err := websocket.Dial(s.t.Context(), "ws"+strings.TrimPrefix(s.url, "http")+"/ws", &websocket.DialOptions{
		HTTPClient: s.client, Subprotocols: []string{"nod.v1"}, HTTPHeader: http.Header{name: {value}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.CloseNow() })
	k := &socket{s.t, c}
	return k, k.next("challenge").str("nonce")
}

// enters presents a credential to a connection and reports whether it is welcome;
// turned away, it must be with the contract's close code.
func (k *socket) enters(auth object) bool {
	k.t.Helper()
	defer func() { _ = k.c.CloseNow() }()
	k.send("auth", auth)
	for {
		typ, _, err := k.read()
		switch {
		case typ == "welcome":
			return true
		case err == nil:
		case websocket.CloseStatus(err) == 4401:
			return false
		default:
			k.t.Fatalf("the connection ended with %v", err)
		}
	}
}

// bank is an integrator that makes its own user tokens.
type bank struct {
	rsa      *rsa.PrivateKey   // published as "r1", for RS256
	ec       *ecdsa.PrivateKey // published as "e1"
	secret   []byte            // shared with nod, for HS256
	audience string            // nod's public URL
	url      string            // of its JWKS
}

const bankName = "https://bank.example"

func newBank(t *testing.T) *bank {
	t.Helper()
	b := &bank{ec: newKey(t), secret: []byte(rand.Text() + rand.Text())}
	var err error
	if b.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
			{Key: &b.rsa.PublicKey, KeyID: "r1", Algorithm: "RS256", Use: "sig"},
			{Key: &b.ec.PublicKey, KeyID: "e1", Algorithm: "ES256", Use: "sig"},
		}})
	}))
	t.Cleanup(site.Close)
	b.url = site.URL
	return b
}

func (b *bank) settings() []string {
	return []string{"NOD_USER_JWKS_URL=" + b.url, "NOD_USER_JWT_SECRET=" + string(b.secret), "NOD_USER_JWT_ISSUER=" + bankName}
}

// token is a good one of a user, signed with one of the bank's keys.
func (b *bank) token(user string, key any) mint {
	kid := map[any]string{b.rsa: "r1", b.ec: "e1"}
	now := time.Now().Unix()
	m := mint{object{"alg": algOf(key), "typ": "JWT"}, object{"iss": bankName, "aud": b.audience, "sub": user, "iat": now, "exp": now + 600}, key, ""}
	if _, shared := key.([]byte); !shared {
		m.header["kid"] = kid[key]
	}
	return m
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// mint is a token that can be made in any way, also in those that no library
// would. One of nod's own has its text in place of a key.
type mint struct {
	header, claims object
	key            any // *ecdsa.PrivateKey, *rsa.PrivateKey or []byte
	signed         string
}

// reads takes a token of nod's own apart.
func reads(t *testing.T, token string) mint {
	t.Helper()
	m := mint{signed: token}
	for i, into := range []*object{&m.header, &m.claims} {
		raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[i])
		if err == nil {
			err = json.Unmarshal(raw, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// with is the token with other claims (name, value; nil: without it), signed anew
// where the key is there, else with the signature that it had.
func (m mint) with(claims ...any) mint {
	m.claims = changed(m.claims, claims)
	return m
}

// headed is likewise for the header.
func (m mint) headed(members ...any) mint {
	m.header = changed(m.header, members)
	return m
}

// by is the token as somebody else signs it.
func (m mint) by(key any) mint {
	m.key = key
	return m.headed("alg", algOf(key))
}

func changed(o object, members []any) object {
	o = maps.Clone(o)
	for i := 0; i < len(members); i += 2 {
		name, _ := members[i].(string)
		if o[name] = members[i+1]; members[i+1] == nil {
			delete(o, name)
		}
	}
	return o
}

// token is the compact form.
func (m mint) token() string {
	return m.over(encoded(m.claims))
}

// over is the compact form with another payload, which is encoded.
func (m mint) over(payload string) string {
	input := encoded(m.header) + "." + payload
	if m.key == nil {
		return input + m.signed[strings.LastIndex(m.signed, "."):]
	}
	alg, _ := m.header["alg"].(string)
	return input + "." + base64.RawURLEncoding.EncodeToString(signature(alg, m.key, input))
}

func encoded(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // a test's own
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

func algOf(key any) string {
	switch key.(type) {
	case *ecdsa.PrivateKey:
		return "ES256"
	case *rsa.PrivateKey:
		return "RS256"
	}
	return "HS256"
}

// signature signs as the key can; the algorithm is what the header says, and
// decides the hash.
func signature(alg string, key any, input string) []byte {
	hash := crypto.SHA256
	switch {
	case strings.HasSuffix(alg, "384"):
		hash = crypto.SHA384
	case strings.HasSuffix(alg, "512"):
		hash = crypto.SHA512
	}
	h := hash.New()
	h.Write([]byte(input))
	sum := h.Sum(nil)
	var out []byte
	var err error
	switch key := key.(type) {
	case []byte:
		mac := hmac.New(hash.New, key)
		mac.Write([]byte(input))
		return mac.Sum(nil)
	case *rsa.PrivateKey:
		if strings.HasPrefix(alg, "PS") {
			out, err = rsa.SignPSS(rand.Reader, key, hash, sum, nil)
		} else {
			out, err = rsa.SignPKCS1v15(nil, key, hash, sum)
		}
	case *ecdsa.PrivateKey:
		r, s, bad := ecdsa.Sign(rand.Reader, key, sum)
		if err = bad; err == nil {
			out = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
		}
	}
	if err != nil {
		panic(err) // a test's own
	}
	return out
}

// puppet is an enrolled device whose key is at hand, for it signs what no app would.
type puppet struct {
	id, user string
	key      *ecdsa.PrivateKey
	siege    *siege
}

// puppet enrolls one.
func (s *siege) puppet(user string) *puppet {
	s.t.Helper()
	p := &puppet{user: user, key: newKey(s.t), siege: s}
	token := s.do(201, "POST", "/api/v1/users/"+user+"/enrollments", object{}).str("enrollment_token")
	status, out := s.call("POST", "/api/v1/devices", s.stranger(), p.join(token, p.proof(token).token()))
	if status != 201 {
		s.t.Fatalf("enrolling: %d %v", status, out)
	}
	p.id = out.str("id")
	return p
}

// join is the body of an enrollment.
func (p *puppet) join(token, proof string) object {
	return object{"enrollment_token": token, "name": "puppet", "platform": "web", "sign_jwk": jose.JSONWebKey{Key: &p.key.PublicKey}, "proof": proof}
}

// mint is a token of the device, good now.
func (p *puppet) mint(typ string, claims object) mint {
	now := time.Now().Unix()
	all := object{"aud": p.siege.public, "iat": now}
	switch typ {
	case "nod-device+jwt":
		all["iss"], all["exp"] = p.id, now+50
	case "nod-answer+jwt":
		all["iss"] = p.id
	}
	maps.Copy(all, claims)
	return mint{object{"alg": "ES256", "typ": typ}, all, p.key, ""}
}

// proof shows that the device has its key.
func (p *puppet) proof(enrollmentToken string) mint {
	return p.mint("nod-enroll+jwt", object{"enrollment_sha256": sha(enrollmentToken)})
}

// rest is a token for one REST call, and socket one for a connection.
func (p *puppet) rest() mint { return p.mint("nod-device+jwt", object{"jti": rand.Text()}) }

func (p *puppet) socket(nonce string) mint { return p.mint("nod-device+jwt", object{"nonce": nonce}) }

// asks makes a REST call with a fresh token.
func (p *puppet) asks(method, path string, body any) (int, object) {
	p.siege.t.Helper()
	return p.siege.call(method, path, "Authorization: Device "+p.rest().token()+"\n"+p.siege.stranger(), body)
}

// shown is the open request of a verification, as this device has it.
func (p *puppet) shown(v object) object {
	p.siege.t.Helper()
	_, out := p.asks("GET", "/api/v1/prompts", nil)
	for _, prompt := range out.list("prompts") {
		if prompt.str("verification_id") == v.str("verification_id") {
			return prompt
		}
	}
	p.siege.t.Fatalf("nothing is shown of %s", v.str("verification_id"))
	return nil
}

// answer approves what was shown, with the number of the page.
func (p *puppet) answer(prompt object, number string) mint {
	return p.mint("nod-answer+jwt", object{
		"verification_id": prompt.str("verification_id"), "prompt_sha256": sha(prompt.str("signed")), "decision": "approve", "number": number,
	})
}

// sha is a SHA-256 as tokens carry it.
func sha(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
