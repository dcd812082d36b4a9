package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// The traps are what RFC 8725 (JSON Web Token Best Current Practices) warns of,
// and what has been found in libraries and services since.

// thief forges tokens of others.
type thief struct {
	key  *ecdsa.PrivateKey // its own
	home string            // where its own keys and certificates can be had
	met  atomic.Int32      // who came for them
}

func newThief(t *testing.T) *thief {
	th := &thief{key: newKey(t)}
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		th.met.Add(1)
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &th.key.PublicKey, KeyID: "r1"}}})
	}))
	t.Cleanup(site.Close)
	th.home = site.URL
	return th
}

// stolen are the traps of somebody who has seen a good token and the public keys
// that check such ones.
func (th *thief) stolen(t *testing.T, m mint, public ...any) map[string]string {
	t.Helper()
	token := m.token()
	h, rest, _ := strings.Cut(token, ".")
	p, sig, _ := strings.Cut(rest, ".")
	zeros := base64.RawURLEncoding.EncodeToString(make([]byte, 64))
	order := elliptic.P256().Params().N.Bytes()
	all := map[string]string{
		"empty": "", "dots": "..", "rubbish": "a.b.c", "no signature": h + "." + p, "an empty signature": h + "." + p + ".",
		"half a signature": token[:len(token)-40], "two signatures in a row": token + sig, "one more part": token + "." + sig, "parts of a JWE": h + ".." + p + "." + sig + "." + sig,
		"bytes after it": token + "AAAA", "padding after it": token + "=", "words after it": token + " x", "spaces in it": h + " . " + p + " . " + sig,
		"a signature of zeros":     h + "." + p + "." + zeros, // CVE-2022-21449
		"a signature of the order": h + "." + p + "." + base64.RawURLEncoding.EncodeToString(append(order, order...)),
		"no payload":               h + ".." + sig,
		"flattened":                string(mustJSON(object{"payload": p, "protected": h, "signature": sig})),
		"two signatures": string(mustJSON(object{"payload": p, "signatures": []object{
			{"protected": h, "signature": sig}, {"protected": h, "signature": zeros},
		}})),
		"huge":                  strings.Repeat("a", 12<<10),
		"signed by another key": m.by(th.key).token(),
		"long, by another key":  m.with("pad", strings.Repeat("x", 9<<10)).by(th.key).token(),
		"jwk in the header":     m.headed("jwk", jose.JSONWebKey{Key: &th.key.PublicKey, KeyID: "r1"}).by(th.key).token(),
		"jku in the header":     m.headed("jku", th.home).by(th.key).token(),
		"x5u in the header":     m.headed("x5u", th.home).by(th.key).token(),
		"x5c in the header":     m.headed("x5c", []string{th.certificate(t)}).by(th.key).token(),
		"another header":        encoded(changed(m.header, []any{"extra", 1})) + "." + p + "." + sig,
		"another subject":       h + "." + encoded(changed(m.claims, []any{"sub", "victim", "iss", "victim"})) + "." + sig,
		"a longer life":         h + "." + encoded(changed(m.claims, []any{"exp", time.Now().Unix() + 3500})) + "." + sig,
	}
	for _, alg := range []string{"none", "None", "NONE", "nOnE", ""} {
		unsigned := encoded(changed(m.header, []any{"alg", alg})) + "." + p + "."
		all["alg "+alg], all["alg "+alg+" with the signature"] = unsigned, unsigned+sig
	}
	for _, kid := range []string{"../../../../dev/null", "'or'1'='1", "\x00", "r1", "e1", "key_00000000000000000000000000000000"} {
		all["kid "+kid] = m.headed("kid", kid).by(th.key).token()
	}
	for i, key := range public {
		for form, secret := range forms(t, key) {
			for _, alg := range []string{"HS256", "HS512"} {
				all[fmt.Sprintf("%s with public key %d as %s", alg, i, form)] = m.by(secret).headed("alg", alg).token()
			}
		}
	}
	all["HS256 with an empty secret"] = m.by([]byte{}).token()
	return all
}

func mustJSON(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // a test's own
	}
	return raw
}

// certificate is the thief's own, as x5c wants it.
func (th *thief) certificate(t *testing.T) string {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &th.key.PublicKey, th.key)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

// forms are the texts of a public key that somebody may take for a shared secret.
func forms(t *testing.T, key any) map[string][]byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{"DER": der, "PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), "JWK": mustJSON(jose.JSONWebKey{Key: key})}
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		if all["point"], err = key.Bytes(); err != nil {
			t.Fatal(err)
		}
	case *rsa.PublicKey:
		all["PKCS #1"], all["modulus"] = x509.MarshalPKCS1PublicKey(key), key.N.Bytes()
	}
	return all
}

// types are those of tokens that nod checks or makes.
var types = []string{"nod-user+jwt", "nod-console+jwt", "nod-device+jwt", "nod-enroll+jwt", "nod-prompt+jwt", "nod-answer+jwt", "nod-result+jwt"}

// sly are the traps of somebody who has the key, and may not do all with it.
// good is the type that the token must have.
func sly(m mint, good string) map[string]string {
	now := time.Now().Unix()
	aud, _ := m.claims["aud"].(string)
	all := map[string]string{
		"critical b64":         m.headed("crit", []string{"b64"}, "b64", false).token(),
		"an unknown critical":  m.headed("crit", []string{"nod"}, "nod", 1).token(),
		"another audience":     m.with("aud", "https://mallory.example").token(),
		"other audiences":      m.with("aud", []string{aud + "/", "https://mallory.example"}).token(),
		"part of the audience": m.with("aud", aud[:len(aud)-1]).token(),
		"no audience":          m.with("aud", nil).token(),
		"an empty audience":    m.with("aud", []string{}).token(),
		"a number as audience": m.with("aud", 1).token(),
		"from 5 minutes on":    m.with("nbf", now+300).token(),
		"made in 2 minutes":    m.with("iat", now+120, "exp", now+150).token(),
		"ended":                m.with("exp", now-1).token(),
		"an end as text":       m.with("exp", fmt.Sprint(now+30)).token(),
		"an end beyond time":   m.with("exp", 1e300).token(),
		"a list as payload":    m.over(encoded([]object{m.claims})),
		"null as payload":      m.over(encoded(nil)),
		"a text as payload":    m.over(encoded("x")),
		"long":                 m.with("pad", strings.Repeat("x", 9<<10)).token(),
	}
	for _, typ := range types {
		if typ != good {
			all["as "+typ] = m.headed("typ", typ).token()
		}
	}
	if _, named := m.claims["iss"]; named {
		all["another issuer"], all["no issuer"] = m.with("iss", "https://mallory.example").token(), m.with("iss", nil).token()
	}
	return all
}

// strict are the traps of a type that has a short life and no other name.
func strict(m mint) map[string]string {
	now := time.Now().Unix()
	return map[string]string{
		"no type": m.headed("typ", nil).token(), "a type of nobody": m.headed("typ", "JWT").token(),
		"no time": m.with("iat", nil).token(), "of 5 minutes ago": m.with("iat", now-300).token(), "of before time": m.with("iat", -1<<62).token(),
	}
}

func merged(all ...map[string]string) map[string]string {
	out := map[string]string{}
	for _, m := range all {
		maps.Copy(out, m)
	}
	return out
}

// springs presents each trap and wants it refused; the good one, made last, must
// be taken, or the traps prove nothing.
func springs(t *testing.T, traps map[string]string, taken func(token string) bool, good func() string) {
	t.Helper()
	for name, token := range traps {
		if taken(token) {
			t.Errorf("%s: it was taken", name)
		}
	}
	if !taken(good()) {
		t.Error("a good one is refused")
	}
}

// opens makes a call with a credential and reports whether it was let in. Whoever
// is kept out hears so, and nothing else.
func (s *siege) opens(method, path, credential string, body any) bool {
	s.t.Helper()
	status, out := s.call(method, path, s.stranger()+"\n"+credential, body)
	switch code := out.str("code"); {
	case status < 300:
		return true
	case status == 401 && code == "unauthenticated", status == 403 && code == "forbidden", status == 422:
		return false
	}
	s.t.Errorf("%s %s: %d %v", method, path, status, out)
	return false
}

const ownStatus = onboarding + "verification-status?phone_number=%2B14155550123"

// deviceTokens: a device speaks with its own key, for this server, now, once.
func (s *siege) deviceTokens() {
	t, th := s.t, newThief(s.t)
	ph, other := s.puppet("device-tokens"), s.puppet("device-tokens-2")
	rest := func(token string) bool {
		return s.opens("GET", "/api/v1/prompts", "Authorization: Device "+token, nil)
	}
	good := ph.rest()
	springs(t, merged(th.stolen(t, good, &ph.key.PublicKey), sly(good, "nod-device+jwt"), strict(good), map[string]string{
		"signed by another device": good.by(other.key).token(), "of another device": good.with("iss", other.id).token(),
		"good for 61 s": good.with("exp", time.Now().Unix()+61).token(), "no end": good.with("exp", nil).token(),
		"no jti": good.with("jti", nil).token(), "for a socket": ph.socket("AAAA").token(),
	}), rest, good.token)

	if rest(good.token()) || rest(mirrored(ph.rest().with("jti", good.claims["jti"]))) {
		t.Error("a jti was taken twice")
	}
	socket := func(token string) bool {
		k, _ := s.knock(s.stranger())
		return k.enters(object{"token": token})
	}
	_, nonce := s.knock(s.stranger())
	good = ph.socket(nonce)
	for name, token := range merged(th.stolen(t, good, &ph.key.PublicKey), map[string]string{
		"the nonce of another connection": good.token(), "no nonce": good.with("nonce", nil).token(), "for REST": ph.rest().token(),
	}) {
		if len(token) <= 8<<10 && socket(token) { // a frame holds no more
			t.Errorf("%s: it was taken over WebSocket", name)
		}
	}
	for name, forge := range map[string]func(mint) string{
		"an answer":   func(m mint) string { return m.headed("typ", "nod-answer+jwt").token() },
		"an audience": func(m mint) string { return m.with("aud", "https://mallory.example").token() },
		"an issuer":   func(m mint) string { return m.with("iss", other.id).token() },
		"a long life": func(m mint) string { return m.with("exp", time.Now().Unix()+61).token() },
		"no more":     func(m mint) string { return m.with("iat", time.Now().Unix()-90, "exp", time.Now().Unix()-30).token() },
		"not yet":     func(m mint) string { return m.with("iat", time.Now().Unix()+120, "exp", time.Now().Unix()+150).token() },
		"no type":     func(m mint) string { return m.headed("typ", nil).token() },
		"by another":  func(m mint) string { return m.by(th.key).token() },
	} {
		fresh, own := s.knock(s.stranger())
		if fresh.enters(object{"token": forge(ph.socket(own))}) {
			t.Errorf("%s: it was taken over WebSocket with its own nonce", name)
		}
	}
	fresh, nonce := s.knock(s.stranger())
	good = ph.socket(nonce)
	if !fresh.enters(object{"token": good.token()}) {
		t.Error("a good one is refused over WebSocket")
	}
	if socket(good.token()) {
		t.Error("a nonce was taken twice")
	}
	if n := th.met.Load(); n != 0 {
		t.Errorf("nod fetched a stranger's keys %d times", n)
	}
}

// mirrored signs with the other s that is good for the same words (n - s): whoever
// knows one signature can make the other.
func mirrored(m mint) string {
	token := m.token()
	cut := strings.LastIndex(token, ".") + 1
	sig, err := base64.RawURLEncoding.DecodeString(token[cut:])
	if err != nil {
		panic(err) // a test's own
	}
	s := new(big.Int).Sub(elliptic.P256().Params().N, new(big.Int).SetBytes(sig[32:]))
	s.FillBytes(sig[32:])
	return token[:cut] + base64.RawURLEncoding.EncodeToString(sig)
}

// answers: an approval is signed by the device that was asked, over what it was
// shown, for this server, now.
func (s *siege) answers() {
	t, th := s.t, newThief(s.t)
	ph, brother, other := s.puppet("answers"), s.puppet("answers"), s.puppet("answers-2")
	v, foreign := s.ask("answers", nil), s.ask("answers-2", nil)
	prompt, path := ph.shown(v), "/api/v1/prompts/"+v.str("verification_id")+"/respond"
	good := ph.answer(prompt, v.str("match_number"))
	responds := func(by *puppet, token string) bool {
		status, out := by.asks("POST", path, object{"token": token})
		if status == 200 {
			return out["accepted"] == true
		}
		if status < 400 || status > 422 {
			t.Errorf("an answer: %d %v", status, out)
		}
		return false
	}
	der, err := asn1.Marshal([]int{1, 2})
	if err != nil {
		t.Fatal(err)
	}
	traps := merged(th.stolen(t, good, &ph.key.PublicKey), sly(good, "nod-answer+jwt"), strict(good), map[string]string{
		"signed by a brother": good.by(brother.key).token(), "of a brother": good.with("iss", brother.id).by(brother.key).token(),
		"over another prompt": good.with("prompt_sha256", sha("x")).token(), "over what a brother was shown": good.with("prompt_sha256", sha(brother.shown(v).str("signed"))).token(),
		"over nothing": good.with("prompt_sha256", nil).token(), "of another request": good.with("verification_id", foreign.str("verification_id")).token(),
		"another word": good.with("decision", "Approve").token(), "no word": good.with("decision", nil).token(),
		"the prompt itself": prompt.str("signed"), "in DER": good.token()[:strings.LastIndex(good.token(), ".")+1] + base64.RawURLEncoding.EncodeToString(der),
	})
	springs(t, traps, func(token string) bool { return responds(ph, token) }, func() string {
		if responds(other, good.token()) || responds(brother, good.token()) {
			t.Error("it was taken from another device")
		}
		if got := s.status(v).str("status"); got != "pending" {
			t.Fatalf("after the traps it is %s", got)
		}
		return good.token()
	})
	responds(ph, good.token())
	if n := s.told(v)["verification.approved"]; n != 1 {
		t.Errorf("the answer and its repeat approved it %d times", n)
	}
	if got := s.status(foreign).str("status"); got != "pending" {
		t.Errorf("another's is %s", got)
	}
}

// enrollments: only who holds the key and the token joins, once.
func (s *siege) enrollments() {
	t, th := s.t, newThief(s.t)
	ph := &puppet{user: "enrollments", key: newKey(t), siege: s}
	token := s.do(201, "POST", "/api/v1/users/enrollments/enrollments", object{}).str("enrollment_token")
	good := ph.proof(token)
	joins := func(proof string) bool { return s.opens("POST", "/api/v1/devices", "", ph.join(token, proof)) }
	traps := merged(th.stolen(t, good, &ph.key.PublicKey), sly(good, "nod-enroll+jwt"), strict(good), map[string]string{
		"over another token": good.with("enrollment_sha256", sha("x")).token(), "over nothing": good.with("enrollment_sha256", nil).token(),
	})
	springs(t, traps, joins, good.token)
	if status, out := s.call("POST", "/api/v1/devices", s.stranger(), ph.join(token, ph.proof(token).token())); status != 409 {
		t.Errorf("an enrollment token used twice: %d %v", status, out)
	}
	if n := len(s.do(200, "GET", "/api/v1/users/enrollments/devices", nil).list("devices")); n != 1 {
		t.Errorf("%d devices have joined", n)
	}
}

// userTokens: nod's own, and the integrator's by both of its ways.
func (s *siege) userTokens() {
	t, th := s.t, newThief(s.t)
	lets := func(token string) bool { return s.opens("GET", ownStatus, "Authorization: Bearer "+token, nil) }
	own := s.do(201, "POST", "/api/v1/user-tokens", object{"user_id": "user-tokens"}).str("token")
	springs(t, merged(th.stolen(t, reads(t, own), s.published()...), s.othersOf(own)), lets, func() string { return own })
	public := []any{&s.bank.rsa.PublicKey, &s.bank.ec.PublicKey}
	for name, good := range map[string]mint{"RS256": s.bank.token("ana", s.bank.rsa), "ES256": s.bank.token("ana", s.bank.ec), "HS256": s.bank.token("ana", s.bank.secret)} {
		t.Run(name, func(t *testing.T) {
			now := time.Now().Unix()
			traps := merged(th.stolen(t, good, public...), sly(good, "nod-user+jwt"), map[string]string{
				"no end": good.with("exp", nil).token(), "good for too long": good.with("exp", now+3700).token(), "a past made up for a longer life": good.with("iat", now-3000, "exp", now+3000).token(),
				"nobody": good.with("sub", nil).token(), "an empty name": good.with("sub", "").token(), "a number": good.with("sub", 7).token(), "a control character": good.with("sub", "a\x00b").token(),
				"another hash": good.headed("alg", strings.Replace(good.header["alg"].(string), "256", "512", 1)).token(),
			})
			if good.header["alg"] != "HS256" {
				traps["the other key's name"] = good.headed("kid", map[string]string{"RS256": "e1", "ES256": "r1"}[name]).token()
				traps["an unknown name"] = good.headed("kid", "r2").token()
			}
			if name == "RS256" {
				traps["PS256 by a key for RS256"] = good.headed("alg", "PS256").token()
			}
			springs(t, traps, lets, good.token)
		})
	}
	if n := th.met.Load(); n != 0 {
		t.Errorf("nod fetched a stranger's keys %d times", n)
	}
}

// published are the public keys that nod signs with.
func (s *siege) published() (all []any) {
	s.t.Helper()
	_, raw := s.call("GET", "/.well-known/jwks.json", "", nil)
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(mustJSON(raw), &set); err != nil || len(set.Keys) == 0 {
		s.t.Fatal(err)
	}
	for _, k := range set.Keys {
		all = append(all, k.Key)
	}
	return all
}

// othersOf are tokens that nod made for other uses, all genuine.
func (s *siege) othersOf(token string) map[string]string {
	s.t.Helper()
	user := "others-" + rand.Text()
	ph := s.puppet(user)
	v := s.ask(user, nil)
	prompt := ph.shown(v)
	if status, out := ph.asks("POST", "/api/v1/prompts/"+v.str("verification_id")+"/respond", object{"token": ph.answer(prompt, v.str("match_number")).token()}); out["accepted"] != true {
		s.t.Fatalf("approving: %d %v", status, out)
	}
	_, now := s.call("GET", pathOf(v), page(v), nil)
	all := map[string]string{
		"a user's":           s.do(201, "POST", "/api/v1/user-tokens", object{"user_id": user}).str("token"),
		"a console's":        s.do(201, "POST", "/api/v1/console-sessions", nil).str("token"),
		"a prompt":           prompt.str("signed"),
		"a result":           s.do(200, "POST", pathOf(v)+"/exchange", object{"result_token": now.str("result_token")}).str("result"),
		"a page's secret":    v.str("client_secret"),
		"a result token":     now.str("result_token"),
		"an enrollment":      s.do(201, "POST", "/api/v1/users/"+user+"/enrollments", object{}).str("enrollment_token"),
		"a device's":         ph.rest().token(),
		"an answer":          ph.answer(prompt, "").token(),
		"the integrator's":   s.bank.token(user, s.bank.ec).headed("typ", "nod-console+jwt").token(),
		"a key's first part": "nod_sk_",
	}
	typ := reads(s.t, token).header["typ"]
	delete(all, map[any]string{"nod-user+jwt": "a user's", "nod-console+jwt": "a console's"}[typ])
	return all
}

// consoleSessions: by bearer, by cookie and over WebSocket.
func (s *siege) consoleSessions() {
	t, th := s.t, newThief(s.t)
	own := s.do(201, "POST", "/api/v1/console-sessions", nil).str("token")
	traps := merged(th.stolen(t, reads(t, own), s.published()...), s.othersOf(own))
	bearer := func(token string) bool {
		return s.opens("GET", "/api/v1/operator-acts", "Authorization: Bearer "+token, nil)
	}
	cookie := func(token string) bool {
		return s.opens("GET", "/api/v1/operator-acts", "Cookie: nod_console="+strings.NewReplacer(" ", "", `"`, "", "\x00", "").Replace(token), nil)
	}
	springs(t, traps, bearer, func() string { return own })
	delete(traps, "spaces in it") // a cookie has none: without them the token is good
	springs(t, traps, cookie, func() string { return own })
	for name, token := range traps {
		if k, _ := s.knock(s.stranger()); len(token) <= 7<<10 && k.enters(object{"token": token}) {
			t.Errorf("%s: it was taken over WebSocket", name)
		}
	}
	if k, _ := s.knock(s.stranger()); !k.enters(object{"token": own}) {
		t.Error("a good one is refused over WebSocket")
	}
	// A cookie counts for reading, and for writing from nod's own pages only.
	for origin, want := range map[string]int{"null": 401, "https://mallory.example": 401, s.public + ".mallory.example": 401, s.public: 202} {
		status, out := s.call("POST", "/api/v1/webhooks/test", "Cookie: nod_console="+own+"\nOrigin: "+origin+"\n"+s.stranger(), object{})
		if status != want {
			t.Errorf("a cookie from the page of %q: %d %v, want %d", origin, status, out, want)
		}
	}
}
