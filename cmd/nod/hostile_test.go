package main

import (
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"

	"nod/client"
)

// TestParallelGuesses: of 100 wrong codes at once, three are compared.
func TestParallelGuesses(t *testing.T) {
	onBoth(t, func(t *testing.T, start starter) {
		p := start(t)
		v := p.do(201, "POST", "/api/v1/verifications", object{"user_id": "u1", "phone_number": number, "channel": "sms"})
		code := p.outbox(number, 1).str("code")
		wrong := "000000"
		if code == wrong {
			wrong = "000001"
		}
		path := "/api/v1/verifications/" + v.str("verification_id") + "/check"
		var all sync.WaitGroup
		compared, unsaid := make(chan string, 100), make(chan string, 100)
		for range 100 {
			all.Go(func() {
				switch status, out := p.call("POST", path, page(v), object{"code": wrong}); status {
				case 200:
					compared <- "yes"
				case 429:
					if out.str("code") != "too_many_attempts" {
						t.Errorf("%v", out)
					}
				case 503: // a machine with much else to do took too long; what came of the guess is not said
					unsaid <- "whether"
				default:
					t.Errorf("%d %v", status, out)
				}
			})
		}
		all.Wait()
		if n := len(compared); n > 3 || n+len(unsaid) < 3 {
			t.Errorf("%d guesses were compared, of %d it is not known", n, len(unsaid))
		}
		if status, out := p.call("POST", path, page(v), object{"code": code}); status != 429 {
			t.Errorf("the right code after the tries were used up: %d %v", status, out)
		}
	})
}

// TestBadRequests: each gets the contract's error, says what to do, repeats no
// value, and nothing changes.
func TestBadRequests(t *testing.T) {
	onBoth(t, func(t *testing.T, start starter) {
		p := start(t)
		ph := p.enroll("u1", nil)
		v := p.do(201, "POST", "/api/v1/verifications", object{"user_id": "u1", "phone_number": number})
		other := p.do(201, "POST", "/api/v1/verifications", object{"user_id": "u2", "phone_number": "+14155550124"})
		key := "Authorization: Bearer " + p.key
		user := "Authorization: Bearer " + p.do(201, "POST", "/api/v1/user-tokens", object{"user_id": "u9", "ttl": 60}).str("token")
		create, one := "/api/v1/verifications", pathOf(v)
		p.outbox(number, 1) // from here on nothing moves by itself
		before := p.do(200, "GET", one, nil)
		used := ph.rest()
		p.call("GET", "/api/v1/prompts", used, nil)

		for _, tc := range []struct {
			name, method, path, credential string
			body                           any
			status                         int
			code                           string
		}{
			{"not JSON", "POST", create, key, "{", 400, "invalid_json"},
			{"nothing", "POST", create, key, "", 400, "invalid_json"},
			{"an unknown field", "POST", create, key, object{"user_id": "u1", "phone": number}, 422, "unknown_field"},
			{"a wrong type", "POST", create, key, object{"user_id": 7}, 422, "invalid_request"},
			{"no user", "POST", create, key, object{"phone_number": number}, 422, "invalid_request"},
			{"a long user", "POST", create, key, object{"user_id": strings.Repeat("u", 129)}, 422, "invalid_request"},
			{"a bad number", "POST", create, key, object{"user_id": "u1", "phone_number": "0171 secret"}, 422, "invalid_phone"},
			{"an unknown purpose", "POST", create, key, object{"user_id": "u1", "purpose": "secret"}, 422, "invalid_request"},
			{"nobody to ask", "POST", create, key, object{"user_id": "nobody"}, 422, "no_channel"},
			{"a huge body", "POST", create, key, object{"user_id": strings.Repeat("u", 70<<10)}, 413, "payload_too_large"},
			{"no key", "POST", create, "", object{"user_id": "u1"}, 401, "unauthenticated"},
			{"a wrong key", "POST", create, "Authorization: Bearer nod_sk_" + strings.Repeat("x", 43), object{"user_id": "u1"}, 401, "unauthenticated"},
			{"a user's token where a key is due", "POST", create, user, object{"user_id": "u1"}, 403, "forbidden"},
			{"an unknown id", "GET", "/api/v1/verifications/ver_" + strings.Repeat("0", 32), key, nil, 404, "not_found"},
			{"no id at all", "GET", "/api/v1/verifications/secret", key, nil, 404, "not_found"},
			{"another page's secret", "GET", one, page(other), nil, 404, "not_found"},
			{"a forged page secret", "GET", one, page(v)[:len(page(v))-4] + "AAAA", nil, 401, "unauthenticated"},
			{"another user's devices", "GET", "/api/v1/users/u1/devices", user, nil, 404, "not_found"},
			{"a device token used twice", "GET", "/api/v1/prompts", used, nil, 401, "unauthenticated"},
			{"a forged answer", "POST", "/api/v1/prompts/" + v.str("verification_id") + "/respond", ph.rest(), object{"token": "a.b.c"}, 401, "unauthenticated"},
			{"another's delivery", "POST", "/api/v1/prompts/" + other.str("verification_id") + "/ack", ph.rest(), object{"delivery_id": "dlv_" + strings.Repeat("0", 32)}, 404, "not_found"},
			{"a forged enrollment", "POST", "/api/v1/devices", "", object{"enrollment_token": "nod_en_secret", "name": "x", "platform": "web", "sign_jwk": object{}, "proof": "a.b.c"}, 401, "unauthenticated"},
			{"a result token before the end", "POST", one + "/exchange", key, object{"result_token": "nod_rt_secret"}, 422, "invalid_request"},
			{"nowhere", "GET", "/api/v1/secret", key, nil, 404, "not_found"},
		} {
			status, out := p.call(tc.method, tc.path, tc.credential, tc.body)
			if status != tc.status || out.str("code") != tc.code {
				t.Errorf("%s: %d %v, want %d %s", tc.name, status, out, tc.status, tc.code)
				continue
			}
			if out.str("detail") == "" || out.str("title") == "" || out.num("status") != float64(status) {
				t.Errorf("%s: a poor problem document: %v", tc.name, out)
			}
			for _, said := range []string{out.str("detail"), out.str("title"), out.str("field")} {
				if strings.Contains(said, "secret") && !strings.Contains(said, "client_secret") {
					t.Errorf("%s: the refused value is repeated: %v", tc.name, out)
				}
			}
		}
		after := p.do(200, "GET", one, nil)
		for _, name := range []string{"status", "reason", "resend_count", "attempts_remaining", "prompt_expires_at", "session_expires_at"} {
			if before[name] != after[name] {
				t.Errorf("bad requests changed %s from %v to %v", name, before[name], after[name])
			}
		}
	})
}

// TestRubbishFrames: each closes with the contract's code.
func TestRubbishFrames(t *testing.T) {
	onBoth(t, func(t *testing.T, start starter) {
		p := start(t)
		for _, tc := range []struct {
			name string
			kind websocket.MessageType
			data string
			code websocket.StatusCode
		}{
			{"no JSON", websocket.MessageText, "hello", 4400},
			{"a list", websocket.MessageText, "[]", 4400},
			{"binary", websocket.MessageBinary, "{}", 4400},
			{"not UTF-8", websocket.MessageText, "{\"type\":\"\xff\"}", 1007},
			{"too big", websocket.MessageText, `{"type":"` + strings.Repeat("x", 9<<10) + `"}`, 1009},
			{"a bad credential", websocket.MessageText, `{"type":"auth","data":{"token":"a.b.c"}}`, 4401},
			{"a forged secret", websocket.MessageText, `{"type":"auth","data":{"client_secret":"nod_cs_x"}}`, 4401},
		} {
			s := p.dial()
			s.next("challenge")
			if err := s.c.Write(t.Context(), tc.kind, []byte(tc.data)); err != nil {
				t.Fatal(err)
			}
			var err error
			for err == nil {
				_, _, err = s.read()
			}
			if got := websocket.CloseStatus(err); got != tc.code {
				t.Errorf("%s: closed with %d (%v), want %d", tc.name, got, err, tc.code)
			}
		}
	})
}

// TestSecondDecision: the first answer wins, on both sides, whoever comes later.
func TestSecondDecision(t *testing.T) {
	onBoth(t, func(t *testing.T, start starter) {
		p := start(t)
		one, two := p.enroll("u1", nil), p.enroll("u1", &client.Push{Provider: "fcm", Token: "sim-2"})
		v := p.do(201, "POST", "/api/v1/verifications", object{"user_id": "u1"})
		respond := "/api/v1/prompts/" + v.str("verification_id") + "/respond"
		shown := func(ph *phone) object {
			_, out := p.call("GET", "/api/v1/prompts", ph.rest(), nil)
			prompts, _ := out["prompts"].([]any)
			prompt, _ := prompts[0].(map[string]any)
			return prompt
		}
		first, second := shown(one), shown(two)
		if _, out := p.call("POST", respond, one.rest(), one.answer(first, "deny", "")); out["accepted"] != true {
			t.Fatalf("the denial: %v", out)
		}
		if _, out := p.call("POST", respond, two.rest(), two.answer(second, "approve", v.str("match_number"))); out["accepted"] == true {
			t.Errorf("a late approval was taken: %v", out)
		}
		out := p.do(200, "GET", pathOf(v), nil)
		if out.str("status") != "denied" || out.str("reason") != "user_denied" {
			t.Errorf("%v", out)
		}
		if status, out := p.call("POST", pathOf(v)+"/cancel", page(v), object{}); status != 409 || out.str("code") != "already_decided" {
			t.Errorf("canceling what has ended: %d %v", status, out)
		}
	})
}

// TestReported: after "this isn't me" nobody can ring the phone for a while, and
// the refusal names its row.
func TestReported(t *testing.T) {
	onBoth(t, func(t *testing.T, start starter) {
		p := start(t)
		ph := p.enroll("u1", nil)
		device := ph.connect()
		device.next("prompts")
		p.do(201, "POST", "/api/v1/verifications", object{"user_id": "u1"})
		device.send("respond", ph.answer(device.next("prompt"), "report", ""))
		device.next("prompt_result")
		out := p.do(403, "POST", "/api/v1/verifications", object{"user_id": "u1"})
		if out.str("code") != "blocked" || out.num("retry_after") < 890 || out.num("retry_after") > 900 {
			t.Errorf("%v", out)
		}
		if row := p.do(200, "GET", "/api/v1/verifications/"+out.str("verification_id"), nil); row.str("status") != "blocked" || row.str("reason") != "fraud_rule" {
			t.Errorf("%v", row)
		}
		p.do(201, "POST", "/api/v1/verifications", object{"user_id": "u2", "phone_number": number})
	})
}
