package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	played "nod/deploy/providers"
)

// waiting is two logins whose provider has taken an SMS and told nothing yet: the
// first one, and the messages of both.
func (s *siege) waiting(provider string) (v object, mine, other played.Accepted) {
	s.t.Helper()
	var all []played.Accepted
	for i := range 2 {
		user, number := s.person()
		s.carriers.Twilio.Script(number, played.Answer{Receipts: noReceipts})
		s.carriers.Vonage.Script(number, played.Answer{Receipts: noReceipts})
		if provider == "vonage" {
			s.carriers.Twilio.Script(number, played.Answer{Status: 429, Code: "20429"})
		}
		asked := s.ask(user, object{"phone_number": number, "channel": "sms"})
		all = append(all, s.carriers.taken(provider, number, 1)[0])
		s.becomes(asked, "sms", "accepted")
		if i == 0 {
			v = asked
		}
	}
	return v, all[0], all[1]
}

// unmoved wants a login as it was before somebody lied about its SMS.
func (s *siege) unmoved(v object, provider string, sms played.Accepted, state string) {
	s.t.Helper()
	now := s.status(v)
	if now.str("status") != "pending" || now.str("stage") != "code_entry" || s.delivery(v, "sms").str("state") != state {
		s.t.Errorf("it is %s, %s, and its SMS %s", now.str("status"), now.str("stage"), s.delivery(v, "sms").str("state"))
	}
	if n := s.carriers.Desk(provider).Requests(sms.To); n != 1 {
		s.t.Errorf("%s was asked %d times", provider, n)
	}
}

// twilioReceipts: only Twilio's own word about this message counts, and what it
// says approves and sends nothing.
func (s *siege) twilioReceipts() {
	t, twilio := s.t, s.carriers.Twilio
	v, mine, other := s.waiting("twilio")
	address, otherAddress := mine.Fields["StatusCallback"], other.Fields["StatusCallback"]
	form := url.Values{"AccountSid": {twilio.AccountSID}, "MessageSid": {mine.ID}, "MessageStatus": {"delivered"}, "To": {mine.To}}
	failed := url.Values{"AccountSid": {twilio.AccountSID}, "MessageSid": {mine.ID}, "MessageStatus": {"failed"}, "ErrorCode": {"30005"}}
	post := func(to, signature string, form url.Values, more string) int {
		if signature != "" {
			more += "\nX-Twilio-Signature: " + signature
		}
		status, _ := s.call("POST", strings.TrimPrefix(to, s.public), "Content-Type: application/x-www-form-urlencoded"+more, form.Encode())
		return status
	}
	signed := played.SignTwilio(twilio.AuthToken, address, form)
	for name, status := range map[string]int{
		"no signature":             post(address, "", form, ""),
		"another account's":        post(address, played.SignTwilio(strings.Repeat("0", 32), address, form), form, ""),
		"of another address":       post(address, played.SignTwilio(twilio.AuthToken, otherAddress, form), form, ""),
		"of another host":          post(address, played.SignTwilio(twilio.AuthToken, strings.Replace(address, s.public, "https://mallory.example", 1), form), form, "\nX-Forwarded-Host: mallory.example\nX-Forwarded-Proto: https"),
		"of another's words":       post(address, signed, failed, ""),
		"for another delivery":     post(otherAddress, signed, form, ""),
		"with a longer address":    post(address+"&x=1", signed, form, ""),
		"an API key in its place":  post(address, "", form, "\n"+s.asKey()),
		"the secret as signature":  post(address, twilio.AuthToken, form, ""),
		"of an empty form":         post(address, played.SignTwilio(twilio.AuthToken, address, url.Values{}), form, ""),
		"for Vonage's address":     post(strings.Replace(address, "/twilio/", "/vonage/", 1), signed, form, ""),
		"of nobody's":              post(strings.Replace(address, "/twilio/", "/mallory/", 1), signed, form, ""),
		"signed over its own name": post(address, played.SignTwilio(twilio.AuthToken, "", form), form, ""),
	} {
		if status != 403 && status != 404 {
			t.Errorf("%s: %d", name, status)
		}
	}
	s.unmoved(v, "twilio", mine, "accepted")
	for _, state := range []string{"approved", "verified", "read", "delivered", "queued", "failed", "delivered"} {
		s.carriers.callsBack(played.Accepted{ID: mine.ID, To: mine.To, Fields: mine.Fields}, state)
	}
	s.unmoved(v, "twilio", mine, "delivered")
}

// vonageReceipts: likewise, by the JWT of Vonage over the body.
func (s *siege) vonageReceipts() {
	t, vonage := s.t, s.carriers.Vonage
	v, mine, other := s.waiting("vonage")
	body := func(of played.Accepted, state string) string {
		return string(mustJSON(object{"message_uuid": of.ID, "to": of.To, "status": state, "client_ref": of.Fields["client_ref"], "channel": "sms", "timestamp": time.Now().UTC().Format(time.RFC3339)}))
	}
	told := body(mine, "delivered")
	over := func(body string) mint {
		sum := sha256.Sum256([]byte(body))
		return mint{object{"alg": "HS256", "typ": "JWT"}, object{"iss": "Vonage", "iat": time.Now().Unix(), "api_key": vonage.APIKey, "payload_hash": hex.EncodeToString(sum[:])}, []byte(vonage.SignatureSecret), ""}
	}
	post := func(token, body string) int {
		status, _ := s.call("POST", "/webhooks/vonage/status?delivery="+mine.Fields["client_ref"], "Authorization: Bearer "+token, body)
		return status
	}
	good, now, th := over(told), time.Now(), newThief(t)
	unsigned := good.headed("alg", "none").token()
	for name, token := range map[string]string{
		"no signature": "x", "alg none": unsigned[:strings.LastIndex(unsigned, ".")+1], "another secret": good.by([]byte(strings.Repeat("x", 64))).token(),
		"the API secret": good.by([]byte(vonage.APISecret)).token(), "an empty secret": good.by([]byte{}).token(), "ES256": good.by(th.key).token(),
		"HS512": good.headed("alg", "HS512").token(), "another account": good.with("api_key", "deadbeef").token(), "no account": good.with("api_key", nil).token(),
		"no hash": good.with("payload_hash", nil).token(), "another's body": over(body(other, "delivered")).token(), "another word's body": over(body(mine, "rejected")).token(),
		"of long ago": good.with("iat", now.Add(-26*time.Hour).Unix()).token(), "of the future": good.with("iat", now.Add(10*time.Minute).Unix()).token(), "without a time": good.with("iat", nil).token(),
		"critical": good.headed("crit", []string{"b64"}, "b64", false).token(), "nod's own": s.do(201, "POST", "/api/v1/user-tokens", object{"user_id": "u"}).str("token"), "an API key": s.key,
	} {
		if status := post(token, told); status != 403 {
			t.Errorf("%s: %d", name, status)
		}
	}
	if status := post(over(body(other, "delivered")).token(), body(other, "delivered")); status != 204 {
		t.Errorf("another's, at this one's address: %d", status)
	}
	s.unmoved(v, "vonage", mine, "accepted")
	for _, state := range []string{"approved", "read", "delivered", "submitted", "rejected"} {
		if status := post(over(body(mine, state)).token(), body(mine, state)); status != 204 {
			t.Errorf("%s: %d", state, status)
		}
	}
	s.unmoved(v, "vonage", mine, "delivered")
}

// newSecret replaces NOD_SECRET: who was in stays in, and the old one, or a
// database without any, opens nothing.
func (s *siege) newSecret() {
	t := s.t
	user, number := s.person()
	ph := s.puppet(user)
	v := s.ask(user, object{"context": object{"ip": "198.51.100.7"}})
	ph.asks("POST", "/api/v1/prompts/"+v.str("verification_id")+"/respond", object{"token": ph.answer(ph.shown(v), v.str("match_number")).token()})
	_, now := s.call("GET", pathOf(v), page(v), nil)
	trusted := s.do(200, "POST", pathOf(v)+"/exchange", object{"result_token": now.str("result_token"), "remember_device": true}).str("trusted_device_token")
	open := s.ask(user, object{"phone_number": number, "channel": "both"})
	code := codeIn(t, s.carriers.taken("twilio", number, 1)[0])
	prompt := ph.shown(open)
	console := "Authorization: Bearer " + s.do(201, "POST", "/api/v1/console-sessions", nil).str("token")
	own := s.asUser(user)
	joining := s.do(201, "POST", "/api/v1/users/"+user+"/enrollments", object{}).str("enrollment_token")

	const second = "the second secret of the tests, 32 bytes or more"
	s.again("NOD_SECRET="+second, "NOD_SECRET_PREVIOUS="+firstSecret)
	s.again("NOD_SECRET=" + second) // the first is not needed any more
	for name, path := range map[string]string{console: pathOf(open) + "/timeline", own: ownStatus, page(open): pathOf(open), s.asKey(): pathOf(open)} {
		if status, out := s.call("GET", path, name, nil); status != 200 {
			t.Errorf("GET %s with what was made before: %d %v", path, status, out)
		}
	}
	if again := ph.shown(open); again.str("signed") != prompt.str("signed") {
		t.Error("what is shown has another signature")
	}
	late := &puppet{user: user, key: newKey(t), siege: s}
	if !s.opens("POST", "/api/v1/devices", "", late.join(joining, late.proof(joining).token())) {
		t.Error("an enrollment is void")
	}
	if _, out := ph.asks("POST", "/api/v1/prompts/"+open.str("verification_id")+"/respond", object{"token": ph.answer(prompt, open.str("match_number")).token()}); out["accepted"] != true {
		t.Errorf("an answer to what was shown before: %v", out)
	}
	if skipped := s.ask(user, object{"trusted_device_token": trusted, "context": object{"ip": "198.51.100.7"}}); skipped.str("method") != "trusted_device" {
		t.Errorf("a trusted device's token is void: %v", skipped)
	}
	if status, out := s.call("POST", pathOf(open)+"/check", page(open), object{"code": code}); status != 409 || out.str("code") != "already_decided" {
		t.Errorf("the code after the approval: %d %v", status, out)
	}
	s.nod.stop()
	s.refusesToStart("the old secret", "NOD_SECRET="+firstSecret)
	stolen := filepath.Join(t.TempDir(), "stolen.db")
	if _, err := opened(t, s.file).ExecContext(t.Context(), "vacuum into ?", stolen); err != nil {
		t.Fatal(err)
	}
	s.refusesToStart("a thief's secret", "NOD_SECRET="+strings.Repeat("x", 32), "NOD_DATABASE_URL=sqlite:"+stolen)
	s.refusesToStart("no secret", "NOD_SECRET=", "NOD_DATABASE_URL=sqlite:"+stolen)
}

// again restarts nod with other settings.
func (s *siege) again(settings ...string) {
	s.t.Helper()
	s.nod.stop()
	s.nod.env = slices.DeleteFunc(s.nod.env, func(e string) bool { return strings.HasPrefix(e, "NOD_SECRET") })
	s.nod.env = append(s.nod.env, settings...)
	s.nod.again()
}

// refusesToStart wants nod to say that the stored keys do not open.
func (s *siege) refusesToStart(name string, settings ...string) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), s.nod.file)
	cmd.Env = slices.Concat(s.nod.env, settings)
	said, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(said), "NOD_SECRET") {
		s.t.Errorf("with %s nod ends with %v and says %s", name, err, fmt.Sprintf("%.300s", said))
	}
}
