package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nod/server"
	"nod/verify"
)

// TestWhoMayAsk reads who may ask from the OpenAPI document, and asks as
// everybody: who is named gets through to the handler, nobody else does.
func TestWhoMayAsk(t *testing.T) {
	within(t, func(d *door) {
		p := d.phone("ana")
		v := d.ask(byKey, "POST", verifications, object{"user_id": "ana"}).allow(201)
		console := d.ask(byKey, "POST", "/api/v1/console-sessions", nil).allow(201).str("token")
		roles := map[string]func() who{
			"public":  func() who { return nobody },
			"key":     func() who { return byKey },
			"user":    func() who { return d.user("ana") },
			"page":    func() who { return page(v.object["client_secret"]) },
			"device":  func() who { return p.me() },
			"console": func() who { return who{"Authorization": "Bearer " + console} },
		}
		fill := strings.NewReplacer("{id}", "none", "{user_id}", "nobody", "{verification_id}", "none")
		paths := d.ask(nobody, "GET", "/openapi.json", nil).allow(200).object["paths"].(object)
		checked := 0
		for path, item := range paths {
			for method, op := range item.(object) {
				var named []string
				for _, name := range op.(object)["x-who"].([]any) {
					named = append(named, name.(string))
				}
				for role, as := range roles {
					r := d.ask(as(), strings.ToUpper(method), fill.Replace(path), object{"rubbish": true})
					admitted := r.code != 403 && (r.code != 401 || path == "/api/v1/devices")
					if want := slices.Contains(named, role) || slices.Contains(named, "public"); admitted != want {
						t.Errorf("%s %s as %s: %d, want admitted %v", method, path, role, r.code, want)
					}
					switch {
					case admitted:
					case role == "public":
						r.deny(401, "unauthenticated")
					default:
						r.deny(403, "forbidden")
					}
					checked++
				}
			}
		}
		if checked < 45*len(roles) {
			t.Errorf("the document describes %d calls only", checked/len(roles))
		}
	})
}

func TestForgedCredentials(t *testing.T) {
	within(t, func(d *door) {
		p, other := d.phone("ana"), d.phone("bob")
		now := time.Now()
		v := d.ask(byKey, "POST", verifications, object{"user_id": "ana"}).allow(201)
		path, secret := verifications+"/"+v.str("verification_id"), v.str("client_secret")
		bearer := func(token string) who { return who{"Authorization": "Bearer " + token} }
		device := func(token string) who { return who{"Authorization": "Device " + token} }
		claims := func(alter object) string {
			c := p.claims()
			maps.Copy(c, alter)
			return p.sign(verify.TypDevice, c)
		}
		foreign := verify.NewAuthority(d.store.Keys(), "https://other.example")
		for name, c := range map[string]struct {
			path string
			who  who
		}{
			"no such key":            {path, bearer(apiKey + "x")},
			"half a key":             {path, bearer("nod_sk_")},
			"no scheme":              {path, who{"Authorization": apiKey}},
			"basic":                  {path, who{"Authorization": "Basic " + apiKey}},
			"half a secret":          {path, page(secret[:len(secret)-1])},
			"secret with other end":  {path, page(secret[:len(secret)-1] + "_")},
			"secret as bearer":       {path, bearer(secret)},
			"device token as bearer": {statusOf, bearer(p.sign(verify.TypDevice, p.claims()))},
			"user token, other aud":  {statusOf, bearer(foreign.UserToken("ana", time.Hour, now))},
			"user token, ended":      {statusOf, bearer(d.authority.UserToken("ana", time.Hour, now.Add(-time.Hour)))},
			"user token, future":     {statusOf, bearer(d.authority.UserToken("ana", time.Hour, now.Add(2*time.Minute)))},
			"user token, too long":   {statusOf, bearer(d.authority.UserToken("ana", 2*time.Hour, now))},
			"user token, unsigned":   {statusOf, bearer("eyJhbGciOiJub25lIiwidHlwIjoibm9kLXVzZXIrand0In0.eyJzdWIiOiJhbmEifQ.")},
			"console, other key":     {"/api/v1/outbox", bearer(d.authority.ConsoleToken("con_0", "gone", now))},
			"console as user":        {statusOf, bearer(d.authority.ConsoleToken("con_0", "gone", now))},
			"device, other's key":    {"/api/v1/prompts", device((&phone{door: d, id: p.id, key: other.key}).sign(verify.TypDevice, p.claims()))},
			"device, no such":        {"/api/v1/prompts", device(claims(object{"iss": "dev_0"}))},
			"device, other aud":      {"/api/v1/prompts", device(claims(object{"aud": "https://other.example"}))},
			"device, ended":          {"/api/v1/prompts", device(claims(object{"iat": now.Unix() - 90, "exp": now.Unix() - 30}))},
			"device, too long":       {"/api/v1/prompts", device(claims(object{"exp": now.Unix() + 61}))},
			"device, no end":         {"/api/v1/prompts", device(claims(object{"exp": 0}))},
			"device, no jti":         {"/api/v1/prompts", device(claims(object{"jti": ""}))},
			"device, long jti":       {"/api/v1/prompts", device(claims(object{"jti": strings.Repeat("j", 129)}))},
			"device, other typ":      {"/api/v1/prompts", device(p.sign(verify.TypAnswer, p.claims()))},
			"device, rubbish":        {"/api/v1/prompts", device("a.b.c")},
		} {
			t.Log(name)
			d.ask(c.who, "GET", c.path, nil).deny(401, "unauthenticated")
		}
		once := p.me()
		d.ask(once, "GET", "/api/v1/prompts", nil).allow(200)
		d.ask(once, "GET", "/api/v1/prompts", nil).deny(401, "unauthenticated")
		apart := p.me()
		d.ask(apart, "GET", path, nil).deny(403, "forbidden") // spends nothing
		d.ask(apart, "GET", "/api/v1/prompts", nil).allow(200)
	})
}

func TestForeignThingsAreNotThere(t *testing.T) {
	within(t, func(d *door) {
		d.phone("ana")
		mine := d.ask(byKey, "POST", verifications, object{"user_id": "ana", "phone_number": number}).allow(201)
		theirs := d.ask(byKey, "POST", verifications, object{"user_id": "bob", "phone_number": number, "channel": "sms"}).allow(201)
		me, id := page(mine.str("client_secret")), theirs.str("verification_id")
		for _, r := range []reply{
			d.ask(me, "GET", verifications+"/"+id, nil),
			d.ask(me, "POST", verifications+"/"+id+"/check", object{"code": "123456"}),
			d.ask(me, "POST", verifications+"/"+id+"/resend", nil),
			d.ask(me, "POST", verifications+"/"+id+"/next", nil),
			d.ask(me, "POST", verifications+"/"+id+"/cancel", nil),
			d.ask(me, "GET", verifications+"/"+id+"/events", nil),
			d.ask(me, "GET", statusOf+"?verification_id="+id, nil),
			d.ask(me, "GET", statusOf+"?phone_number=%2B14155550199", nil),
			d.ask(me, "POST", verifyCode, object{"verification_id": id, "code": "123456"}),
			d.ask(d.user("ana"), "POST", resendCode, object{"verification_id": id}),
			d.ask(byKey, "GET", verifications+"/ver_none", nil),
		} {
			r.deny(404, "not_found")
		}
		d.ask(byKey, "GET", verifications+"/"+id, nil).has("status", "pending").has("resend_count", 0)
	})
}

func TestConsoleSession(t *testing.T) {
	within(t, func(d *door) {
		opened := d.ask(byKey, "POST", "/api/v1/console-sessions", nil).allow(201)
		cookie := opened.header.Get("Set-Cookie")
		for _, word := range []string{"HttpOnly", "SameSite=Strict", "Secure", "Path=/", "Max-Age="} {
			if !strings.Contains(cookie, word) {
				t.Errorf("the cookie lacks %s: %s", word, strings.ReplaceAll(cookie, opened.str("token"), "…"))
			}
		}
		pair, _, _ := strings.Cut(cookie, ";")
		d.ask(who{"Cookie": pair}, "GET", "/api/v1/outbox", nil).allow(200)
		d.ask(who{"Cookie": pair}, "POST", verifications, object{}).deny(401, "unauthenticated")
		d.ask(who{"Cookie": pair, "Origin": publicURL}, "POST", verifications, object{}).deny(403, "forbidden")
		d.stop()
		d.pass(time.Hour)
		d.ask(who{"Cookie": pair}, "GET", "/api/v1/outbox", nil).deny(401, "unauthenticated")
	})
}

func TestIntegratorsOwnUserTokens(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	secret := []byte("a secret of the integrator, 32 b")
	var fetched atomic.Int32
	keys := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: &rsaKey.PublicKey, KeyID: "r1", Algorithm: "RS256", Use: "sig"},
		{Key: &ecKey.PublicKey, KeyID: "enc", Use: "enc"},
	}}
	var published atomic.Pointer[jose.JSONWebKeySet]
	published.Store(&keys)
	jwks := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fetched.Add(1)
		_ = json.NewEncoder(w).Encode(published.Load())
	}))
	t.Cleanup(jwks.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	d := open(t, func(c *server.Config) {
		c.UserTokens = server.UserTokens{JWKSURL: jwks.URL, Secret: secret, Issuer: "https://bank.example", Client: jwks.Client()}
	})
	now := time.Now().Unix()
	good := object{"iss": "https://bank.example", "aud": []string{"x", publicURL}, "sub": "ana", "iat": now, "exp": now + 600}
	but := func(name string, value any) object {
		c := maps.Clone(good)
		c[name] = value
		return c
	}
	hs := jose.SigningKey{Algorithm: jose.HS256, Key: secret}
	rs := jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: rsaKey, KeyID: "r1"}}
	ask := func(key jose.SigningKey, typ string, claims object) reply {
		t.Helper()
		return d.ask(who{"Authorization": "Bearer " + sign(t, key, typ, claims)}, "GET", statusOf+"?phone_number=%2B14155550123", nil)
	}
	for range 3 {
		ask(rs, "JWT", good).allow(200)
	}
	if n := fetched.Load(); n != 1 {
		t.Errorf("the keys were fetched %d times, want once", n)
	}
	ask(hs, "JWT", good).allow(200)
	ask(hs, "nod-user+jwt", good).allow(200)
	der, err := json.Marshal(keys)
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]reply{
		"other typ of nod":  ask(hs, "nod-console+jwt", good),
		"other issuer":      ask(hs, "JWT", but("iss", "https://mallory.example")),
		"other audience":    ask(hs, "JWT", but("aud", "x")),
		"no subject":        ask(hs, "JWT", but("sub", "")),
		"long subject":      ask(hs, "JWT", but("sub", strings.Repeat("a", 129))),
		"no end":            ask(hs, "JWT", but("exp", 0)),
		"ended":             ask(hs, "JWT", but("exp", now-1)),
		"too long":          ask(hs, "JWT", but("exp", now+3601)),
		"not yet":           ask(hs, "JWT", but("nbf", now+300)),
		"other secret":      ask(jose.SigningKey{Algorithm: jose.HS256, Key: []byte("another secret that has 32 bytes")}, "JWT", good),
		"public as secret":  ask(jose.SigningKey{Algorithm: jose.HS256, Key: der}, "JWT", good),
		"other algorithm":   ask(jose.SigningKey{Algorithm: jose.HS512, Key: append(secret, secret...)}, "JWT", good),
		"unpublished key":   ask(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: ecKey, KeyID: "e1"}}, "JWT", good),
		"key to encrypt to": ask(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: ecKey, KeyID: "enc"}}, "JWT", good),
		"key of other name": ask(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: ecKey, KeyID: "r1"}}, "JWT", good),
	} {
		t.Log(name)
		r.deny(401, "unauthenticated")
	}
}

func TestUnknownKeyIsFetchedSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		remote := &keySite{}
		d := open(t, func(c *server.Config) {
			c.UserTokens = server.UserTokens{JWKSURL: "https://bank.example/jwks", Issuer: "bank", Client: &http.Client{Transport: remote}}
		})
		ask := func() reply {
			now := time.Now().Unix()
			token := sign(t, jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "new"}}, "JWT",
				object{"iss": "bank", "aud": publicURL, "sub": "ana", "exp": now + 600})
			return d.ask(who{"Authorization": "Bearer " + token}, "GET", statusOf+"?phone_number=%2B14155550123", nil)
		}
		remote.down = true
		ask().deny(503, "unavailable")
		remote.down = false
		d.pass(30 * time.Second)
		for range 5 {
			ask().deny(401, "unauthenticated")
		}
		if remote.asked != 2 {
			t.Errorf("asked %d times, want 2", remote.asked)
		}
		remote.keys = []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: "new"}}
		d.pass(30 * time.Second)
		ask().allow(200)
		remote.down = true
		d.stop()
		d.pass(time.Hour)
		ask().allow(200) // what was good still is
	})
}

// keySite is the integrator's web site, without a network.
type keySite struct {
	keys  []jose.JSONWebKey
	down  bool
	asked int
}

func (k *keySite) RoundTrip(*http.Request) (*http.Response, error) {
	k.asked++
	w := httptest.NewRecorder()
	if k.down {
		w.WriteHeader(http.StatusBadGateway)
	} else if err := json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: k.keys}); err != nil {
		return nil, err
	}
	return w.Result(), nil
}

func TestSettingsThatAreRefused(t *testing.T) {
	for name, c := range map[string]server.UserTokens{
		"short secret": {Secret: []byte("short"), Issuer: "bank"},
		"no issuer":    {JWKSURL: "https://bank.example/jwks"},
	} {
		d := open(t, nil)
		_, err := server.New(server.Config{Authority: d.authority, Policy: &verify.Policy{}, Store: d.store, Hub: d.hub, UserTokens: c})
		if err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if _, err := server.New(server.Config{}); err == nil {
		t.Error("nothing is taken")
	}
}

func TestClientIP(t *testing.T) {
	trusted := server.ClientIP([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")})
	for _, c := range []struct {
		of        func(*http.Request) string
		peer, xff string
		want      string
	}{
		{server.ClientIP(nil), "127.0.0.1:9", "203.0.113.9", "127.0.0.1"},
		{trusted, "192.168.0.1:9", "203.0.113.9", "192.168.0.1"},
		{trusted, "127.0.0.1:9", "203.0.113.9", "127.0.0.1"},
		{trusted, "10.0.0.1:9", "203.0.113.9", "203.0.113.9"},
		{trusted, "10.0.0.1:9", "198.51.100.7, 203.0.113.9, 10.1.1.1", "203.0.113.9"},
		{trusted, "10.0.0.1:9", "", "10.0.0.1"},
		{trusted, "[fd00::1]:9", "2001:db8::7", "2001:db8::7"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.peer
		if c.xff != "" {
			r.Header.Set("X-Forwarded-For", c.xff)
		}
		r.Header.Set("X-Real-IP", "192.0.2.66")
		if got := c.of(r); got != c.want {
			t.Errorf("from %s through %q: %s, want %s", c.peer, c.xff, got, c.want)
		}
	}
}
