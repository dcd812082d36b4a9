package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// TestClocksOff: the database's clock decides, and phones go by it. Here those of
// both nodes are seven minutes behind, and nobody notices.
func TestClocksOff(t *testing.T) {
	t.Parallel()
	const off = 7 * time.Minute
	c := newCluster(t, setup{idle: true, settings: []string{"NOD_RESEND_DELAYS=2s"}, database: "search_path=ahead,pg_catalog"})
	c.exec("create schema ahead")
	c.exec("create function ahead.clock_timestamp() returns timestamptz language sql volatile as $$ select pg_catalog.clock_timestamp() + interval '7 minutes' $$")
	c.up()
	a, b := c.nodes[0], c.nodes[1]
	now := func() time.Time { return time.Now().Add(off) }
	near := func(what, at string, rest time.Duration) {
		t.Helper()
		parsed, err := time.Parse(time.RFC3339, at)
		if err != nil || parsed.Sub(now().Add(rest)).Abs() > time.Minute {
			t.Errorf("%s is %s (%v), want it %s after %s", what, at, err, rest, now())
		}
	}

	for _, p := range c.nodes {
		figures, err := figuresOf(t.Context(), p.url)
		if skew := figures["nod_clock_skew_seconds"]; err != nil || skew < off.Seconds()-60 || skew > off.Seconds()+60 {
			t.Errorf("a node shows a skew of %v s: %v", skew, err)
		}
	}
	ph := newTimedPhone(t, now)
	ph.enroll(a.door, "u1")
	device := b.dial()
	challenge := device.next("challenge")
	near("the challenge's server_time", challenge.str("server_time"), 0)
	device.send("auth", object{"token": ph.sign("nod-device+jwt", object{"aud": c.url, "nonce": challenge.str("nonce")})})
	device.next("prompts")

	v := a.ask("u1", object{"phone_number": number})
	near("the end of the session", v.str("session_expires_at"), time.Hour)
	waiting := b.watch(v, nil)
	prompt := device.next("prompt")
	near("the end of the prompt", prompt.str("expires_at"), 2*time.Minute)
	if left := prompt.num("remaining"); left < 60 || left > 120 {
		t.Errorf("the phone has %v seconds left", left)
	}
	tick := waiting.next("tick")
	near("a tick's server_time", tick.str("server_time"), 0)
	if left := tick.num("prompt_in"); left < 60 || left > 120 {
		t.Errorf("the page counts %v seconds", left)
	}
	device.send("respond", object{"token": ph.sign("nod-answer+jwt", object{
		"aud": c.url, "verification_id": v.str("verification_id"), "prompt_sha256": digest(prompt.str("signed")),
		"decision": "approve", "number": v.str("match_number"),
	})})
	if got := device.next("prompt_result"); got["accepted"] != true {
		t.Errorf("the answer: %v", got)
	}
	a.do(200, "POST", pathOf(v)+"/exchange", object{"result_token": waiting.next("result").str("result_token")})

	// Who goes by the nodes' own clocks is not believed.
	ph.now = time.Now
	if status, _ := a.call("GET", "/api/v1/prompts", "Authorization: Device "+ph.sign("nod-device+jwt", object{"aud": c.url, "jti": rand.Text()}), nil); status != 401 {
		t.Errorf("a token of seven minutes ago: %d", status)
	}

	v = a.ask("u2", object{"phone_number": number, "channel": "sms"})
	c.outbox(number, 1)
	if status, out := b.call("POST", pathOf(v)+"/resend", page(v), object{}); status != 429 || out.str("code") != "cooldown" || out.num("retry_after") > 2 {
		t.Errorf("a resend in the cooldown: %d %v", status, out)
	}
	within(t, deadline, "the cooldown ends", func() bool {
		status, _ := b.call("POST", pathOf(v)+"/resend", page(v), object{})
		return status == 202
	})
	if _, out := b.call("POST", pathOf(v)+"/check", page(v), object{"code": c.outbox(number, 2).str("code")}); out["ok"] != true {
		t.Errorf("the code: %v", out)
	}
}

// timedPhone is a phone with a clock of its own.
type timedPhone struct {
	t   *testing.T
	id  string
	key *ecdsa.PrivateKey
	now func() time.Time
}

func newTimedPhone(t *testing.T, now func() time.Time) *timedPhone {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &timedPhone{t: t, key: key, now: now}
}

func (ph *timedPhone) enroll(d *door, user string) {
	ph.t.Helper()
	token := d.do(201, "POST", "/api/v1/users/"+user+"/enrollments", object{}).str("enrollment_token")
	ph.id = d.do(201, "POST", "/api/v1/devices", object{
		"enrollment_token": token, "name": "Test phone", "platform": "web", "sign_jwk": jose.JSONWebKey{Key: &ph.key.PublicKey},
		"proof": ph.sign("nod-enroll+jwt", object{"aud": d.public, "enrollment_sha256": digest(token)}),
	}).str("id")
}

// sign makes a token of now.
func (ph *timedPhone) sign(typ string, claims object) string {
	ph.t.Helper()
	now := ph.now()
	claims["iat"], claims["iss"] = now.Unix(), ph.id
	if typ == "nod-device+jwt" {
		claims["exp"] = now.Add(50 * time.Second).Unix()
	}
	body, err := json.Marshal(claims)
	if err != nil {
		ph.t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: ph.key}, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		ph.t.Fatal(err)
	}
	jws, err := signer.Sign(body)
	if err != nil {
		ph.t.Fatal(err)
	}
	out, err := jws.CompactSerialize()
	if err != nil {
		ph.t.Fatal(err)
	}
	return out
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
