package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/coder/websocket"

	"nod/client"
	played "nod/deploy/providers"
)

// canary is a life in nod in which everything that is secret is known, so that it
// can be looked for afterwards.
type canary struct {
	*door
	*carriers
	from     func() string     // an address of one's own
	secrets  words             // nowhere but where they belong
	problems []object          // what was answered to rubbish
	codes    map[string]string // the target of each
	sent     []message         // codes, and what they were made of
	numbers  []string
}

// live lives through every way that a code, a number or a credential goes: the app
// with its number, push, SMS, resends, a call, mail, a change of number, refusals
// of providers that repeat what they were sent, and rubbish with secrets in it.
// user names four people, and number gives a number for each use.
func (c *canary) live(user string, number func() string) {
	t := c.door.t
	t.Helper()
	c.codes = map[string]string{}
	for _, s := range c.carriers.secrets() {
		c.secret("a credential of a provider", s)
	}
	c.byApp(user+"-app", number())
	c.byMessages(user+"-phone", number(), number())
	c.byMail(user+"-mail", number())
	c.refused(user+"-refused", repeated)
	c.rubbish(user+"-app", number())
}

func (c *canary) secret(what, word string) {
	c.door.t.Helper()
	if len(word) < 6 {
		c.door.t.Fatalf("%s is %q, too short to be looked for", what, word)
	}
	c.secrets.add(what, word)
}

// known notes a number, with its national form.
func (c *canary) known(number string) {
	c.numbers = append(c.numbers, number)
	c.secret("a number", number[1:])
	c.secret("a national number", number[2:])
}

// coded notes the code of a message to a target.
func (c *canary) coded(to, text string) string {
	code := typable.FindString(text)
	c.secret("a code", code)
	c.codes[code] = to
	return code
}

var typable = regexp.MustCompile(`\b\d{6}(\d\d)?\b`) // or eight, beside a strict match

// first is coded for the first SMS of a verification.
func (c *canary) first(v object, to string) string {
	c.door.t.Helper()
	code := c.coded(to, c.taken("twilio", to, 1)[0].Text)
	c.sent = append(c.sent, message{code, []string{"code", v.str("verification_id"), "phone", to, "1"}})
	return code
}

func (c *canary) byApp(user, number string) {
	c.known(number)
	token := "registration-" + user + "-" + strings.Repeat("c", 32)
	c.secret("a push token", token)
	enrollment := c.do(201, "POST", "/api/v1/users/"+user+"/enrollments", object{}).str("enrollment_token")
	c.secret("an enrollment token", enrollment)
	device, err := client.NewDevice(c.door.t.Context(), c.public, enrollment, "Canary", &client.Push{Provider: "fcm", Token: token, Platform: "android"})
	if err != nil {
		c.door.t.Fatal(err)
	}
	ph := &phone{device, c.door}
	v := c.ask(user, object{"phone_number": number, "channel": "both", "match": "strict", "context": object{"ip": "198.51.100.9"}})
	c.secret("a page's secret", v.str("client_secret"))
	c.secret("a match number", v.str("match_number"))
	c.coded(number, c.taken("twilio", number, 1)[0].Text)
	rest := ph.rest()
	c.secret("a device's token", strings.TrimPrefix(rest, "Authorization: Device "))
	_, out := c.call("GET", "/api/v1/prompts", rest, nil)
	answer := ph.answer(out.list("prompts")[0], "approve", v.str("match_number"))
	c.secret("an answer", answer.str("token"))
	c.call("POST", "/api/v1/prompts/"+v.str("verification_id")+"/respond", ph.rest(), answer)
	_, now := c.call("GET", pathOf(v), page(v)+"\n"+c.from(), nil)
	c.secret("a result token", now.str("result_token"))
	out = c.do(200, "POST", pathOf(v)+"/exchange", object{"result_token": now.str("result_token"), "remember_device": true})
	c.secret("a trusted device's token", out.str("trusted_device_token"))
	c.secret("a result", out.str("result"))
	v = c.ask(user, object{"trusted_device_token": out.str("trusted_device_token"), "context": object{"ip": "198.51.100.9"}})
	c.secret("a trusted device's next token", v.str("trusted_device_token"))
	c.secret("a result token of a skip", v.str("result_token"))
	v = c.ask(user, object{"channel": "push"})
	c.taken("fcm", token, 1)
	c.call("POST", pathOf(v)+"/cancel", page(v)+"\n"+c.from(), object{})
}

func (c *canary) byMessages(user, number, next string) {
	c.known(number)
	c.known(next)
	credential := "Authorization: Bearer " + c.do(201, "POST", "/api/v1/user-tokens", object{"user_id": user}).str("token")
	c.secret("a user's token", strings.TrimPrefix(credential, "Authorization: Bearer "))
	credential += "\n" + c.from()
	asks := func(status int, call string, body object) object {
		c.door.t.Helper()
		var got int
		var out object
		eventually(c.door.t, call+" is taken", func() bool {
			got, out = c.call("POST", onboarding+call, credential, body)
			return got == status || got != 429 && got != 409
		})
		if got != status {
			c.door.t.Fatalf("%s: %d %v", call, got, out)
		}
		return out
	}
	v := asks(202, "send-verification", object{"phone_number": number})
	c.secret("a page's secret", v.str("client_secret"))
	c.first(v, number)
	asks(202, "resend-verification", object{"phone_number": number})
	c.taken("twilio", number, 2)
	asks(202, "resend-verification", object{"phone_number": number, "channel": "voice"})
	c.coded(number, strings.Join(apart.FindAllString(attribute.ReplaceAllString(c.taken("twilio", number, 3)[2].Text, ""), 6), ""))
	v = asks(202, "change-phone", object{"old_phone_number": number, "new_phone_number": next})
	c.secret("the page's next secret", v.str("client_secret"))
	code := c.first(v, next)
	asks(200, "verify-code", object{"phone_number": next, "code": wrong(code)})
	asks(200, "verify-code", object{"phone_number": next, "code": code})
}

// apart are the digits of a call, which says each by itself; attributes are not said.
var apart, attribute = regexp.MustCompile(`\b\d\b`), regexp.MustCompile(`"[^"]*"`)

func (c *canary) byMail(user, number string) {
	c.known(number)
	address := user + "@canary.example"
	c.secret("an address", address)
	v := c.ask(user, object{"phone_number": number, "email": address, "channel": "sms"})
	c.first(v, number)
	c.becomes(v, "sms", "delivered")
	eventually(c.door.t, "a mail may be sent", func() bool {
		status, _ := c.call("POST", pathOf(v)+"/resend", page(v)+"\n"+c.from(), object{"channel": "email"})
		return status == 202
	})
	code := c.coded(address, c.taken("smtp", address, 1)[0].Text)
	c.call("POST", pathOf(v)+"/check", page(v)+"\n"+c.from(), object{"code": code})
}

// refused is sent to by nobody: both providers say no, and repeat all.
func (c *canary) refused(user, number string) {
	c.known(number)
	v := c.ask(user, object{"phone_number": number, "channel": "sms"})
	c.becomes(v, "sms", "failed")
	c.problems = append(c.problems, c.status(v), c.do(200, "GET", pathOf(v)+"/timeline", nil))
}

// rubbish is refused at every place that reads, and stands in no refusal.
func (c *canary) rubbish(user, number string) {
	c.known(number)
	guess := "918273"
	c.secret("what was typed", guess)
	secret := "nod_cs_" + strings.Repeat("7", 32) + "_" + strings.Repeat("c", 43)
	c.secret("a forged secret", secret)
	key := "nod_sk_" + strings.Repeat("canary", 8)
	c.secret("a wrong key", key)
	v := c.ask(user, object{"channel": "push"})
	create, check := "/api/v1/verifications", pathOf(v)+"/check"
	asKey, from := c.asKey(), c.from()
	for _, r := range []struct {
		method, path, credential string
		body                     any
	}{
		{"POST", create, asKey, `{"phone_number":"` + number}, {"POST", create, asKey, object{"user_id": user, "phone_number": number + "x"}},
		{"POST", create, asKey, object{"user_id": user, number: number}}, {"POST", create, asKey, object{"user_id": user, "channel": number}},
		{"POST", create, asKey, object{"user_id": user, "phone_number": []string{number}}}, {"POST", create, asKey, object{"user_id": user, "locale": number}},
		{"POST", create, asKey, object{"user_id": user, "email": number}}, {"POST", create, asKey, object{"user_id": user, "context": object{"ip": number}}},
		{"POST", create, "Authorization: Bearer " + key, object{"user_id": user}}, {"POST", create, "Authorization: Basic " + key, object{"user_id": user}},
		{"POST", create, asKey + "\nIdempotency-Key: " + strings.Repeat(number, 30), object{"user_id": user}},
		{"POST", check, page(v) + "\n" + from, object{"code": guess + "x"}}, {"POST", check, page(v) + "\n" + from, object{"code": []string{guess}}},
		{"POST", check, "Nod-Client-Secret: " + secret + "\n" + from, object{"code": guess}}, {"POST", check, page(v) + "\n" + from, object{"code": guess}},
		{"GET", create + "/" + number, asKey, nil}, {"GET", "/api/v1/users/" + user + "/" + number, asKey, nil}, {"GET", "/" + number, from, nil},
		{"GET", onboarding + "verification-status?phone_number=" + number + "x", page(v) + "\n" + from, nil},
		{"GET", onboarding + "verification-status?verification_id=" + number, page(v) + "\n" + from, nil},
		{"GET", "/api/v1/outbox?to=" + number + "&wait=" + number, asKey, nil}, {"POST", "/api/v1/search", asKey, object{"query": number}},
		{"POST", "/webhooks/twilio/status?delivery=" + number, from, "To=" + number + "&Body=" + guess}, {"POST", "/webhooks/" + number + "/status", from, "x"},
		{"POST", "/api/v1/devices", from, object{"enrollment_token": secret, "name": number, "platform": number, "proof": secret, "sign_jwk": object{}}},
		{number, create, asKey, nil},
	} {
		status, out, err := c.try(c.door.t.Context(), strings.TrimPrefix(r.method, "+"), r.path, r.credential, r.body)
		if err == nil && status >= 400 {
			c.problems = append(c.problems, out)
		}
	}
	for _, auth := range []object{{"token": secret}, {"client_secret": secret}, {number: guess}} {
		k := c.dial()
		k.send("auth", auth)
		for {
			typ, data, err := k.read()
			if err != nil {
				c.problems = append(c.problems, object{"close": fmt.Sprint(websocket.CloseStatus(err), err)})
				break
			}
			if typ != "challenge" {
				c.problems = append(c.problems, data)
			}
		}
	}
}

// absentAnswers wants no secret in what was answered to rubbish, and to who asks
// about a number that no provider takes.
func (c *canary) absentAnswers() {
	c.door.t.Helper()
	text := ""
	for _, p := range c.problems {
		text += fmt.Sprint(p, "\n")
	}
	c.secrets.absent(c.door.t, "an answer", text)
}

// absentProviders wants each secret told to nobody but whom it is for: a code to
// the phone or mailbox that it proves, a push token to its push service.
func (c *canary) absentProviders() {
	c.door.t.Helper()
	for _, name := range played.Names {
		for _, m := range c.Desk(name).Accepted("") {
			told := string(mustJSON(m.Fields)) + " " + m.Text
			for word, what := range c.secrets {
				mine := what == "a code" && c.codes[word] == m.To || what == "an address" && word == m.To
				if !mine && alone(told, word) {
					c.door.t.Errorf("%s was told %s", name, what)
				}
			}
			if name != "twilio" && name != "vonage" && slices.Contains(c.numbers, m.To) {
				c.door.t.Errorf("%s was given a number", name)
			}
		}
	}
}

// canaries: everything secret, in every way it can go, stands nowhere else; and
// the database without the secret tells no code.
func (s *siege) canaries() {
	c := &canary{door: s.door, carriers: s.carriers, from: s.stranger, secrets: words{}}
	user, _ := s.person()
	c.live(user, func() string { _, number := s.person(); return number })
	c.absentAnswers()
	c.absentProviders()
	c.secrets.absent(s.t, "the metrics", s.metrics())
	c.secrets.absent(s.t, "the log", s.nod.journal.String())
	for _, file := range []string{s.file, s.file + "-wal"} {
		text, err := os.ReadFile(file)
		if err != nil {
			s.t.Fatal(err)
		}
		c.secrets.absent(s.t, "the database", string(text))
	}
	s.cracked(c.sent)
}
