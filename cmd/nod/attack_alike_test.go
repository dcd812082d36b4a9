package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// alike asks strangers' questions about what is there, what is locked and what is
// not: status, headers, shape and time of the answers are the same.
func (s *siege) alike() {
	o := s.victim()
	lockedUser, lockedNumber := s.lockedOne()
	stranger := "Authorization: Bearer " + s.do(201, "POST", "/api/v1/user-tokens", object{"user_id": "curious"}).str("token")
	as := func(credential string) func() string {
		return func() string { return credential + "\n" + s.stranger() }
	}
	ph := s.puppet("curious")
	forged := func(device string) string {
		m := ph.rest().with("iss", device)
		return "Authorization: Device " + m.token() + "\n" + s.stranger()
	}
	const none = "00000000000000000000000000000000"
	for _, q := range []struct {
		name        string
		status      int
		ask         func(there string) (method, path, credential string, body any)
		there, gone []string
	}{
		{"the status of a number", 200, func(n string) (string, string, string, any) {
			return "GET", onboarding + "verification-status?phone_number=%2B" + n[1:], as(stranger)(), nil
		}, []string{o.number, lockedNumber}, []string{"+12025550198", "+12035550198"}},
		{"a code for a number", 404, func(n string) (string, string, string, any) {
			return "POST", onboarding + "verify-code", as(stranger)(), object{"phone_number": n, "code": "123456"}
		}, []string{o.number, lockedNumber}, []string{"+12025550198", "+12035550198"}},
		{"another SMS to a number", 404, func(n string) (string, string, string, any) {
			return "POST", onboarding + "resend-verification", as(stranger)(), object{"phone_number": n}
		}, []string{o.number, lockedNumber}, []string{"+12025550198", "+12035550198"}},
		{"a change of a number", 404, func(n string) (string, string, string, any) {
			return "POST", onboarding + "change-phone", as(stranger)(), object{"old_phone_number": n, "new_phone_number": "+12065550198"}
		}, []string{o.number, lockedNumber}, []string{"+12025550198", "+12035550198"}},
		{"the devices of a user", 404, func(u string) (string, string, string, any) {
			return "GET", "/api/v1/users/" + u + "/devices", as(stranger)(), nil
		}, []string{o.user, lockedUser}, []string{"nobody-1", "nobody-2"}},
		{"the settings of a user", 404, func(u string) (string, string, string, any) {
			return "GET", "/api/v1/users/" + u + "/settings", as(stranger)(), nil
		}, []string{o.user, lockedUser}, []string{"nobody-1", "nobody-2"}},
		{"a device's end", 404, func(id string) (string, string, string, any) {
			return "DELETE", "/api/v1/devices/" + id, as(stranger)(), nil
		}, []string{o.device.id}, []string{"dev_" + none}},
		{"a verification", 401, func(id string) (string, string, string, any) {
			return "GET", "/api/v1/verifications/" + id, as("Nod-Client-Secret: nod_cs_" + id[4:] + "_" + strings.Repeat("A", 43))(), nil
		}, []string{o.v.str("verification_id")}, []string{"ver_" + none}},
		{"a device's prompts", 401, func(id string) (string, string, string, any) {
			return "GET", "/api/v1/prompts", forged(id), nil
		}, []string{o.device.id}, []string{"dev_" + none}},
	} {
		s.t.Run(q.name, func(t *testing.T) {
			part := s.under(t)
			want := ""
			for _, thing := range append(slices.Clone(q.gone), q.there...) {
				method, path, credential, body := q.ask(thing)
				got := part.form(method, path, credential, body)
				if want == "" {
					want = got
				}
				if got != want || !strings.HasPrefix(got, fmt.Sprint(q.status)) {
					t.Errorf("about %s the answer is\n%s\nabout what is not there\n%s", thing, got, want)
				}
			}
			part.asLong(func(there bool) {
				thing := q.gone[0]
				if there {
					thing = q.there[0]
				}
				method, path, credential, body := q.ask(thing)
				part.call(method, path, credential, body)
			})
		})
	}
	// A number whose user is locked is sent to for anybody else, as any other is.
	_, fresh := s.person()
	if locked, free := s.form("POST", onboarding+"send-verification", s.asUser("curious-2"), object{"phone_number": lockedNumber}), s.form("POST", onboarding+"send-verification", s.asUser("curious-3"), object{"phone_number": fresh}); locked != free || !strings.HasPrefix(free, "202") {
		s.t.Errorf("to the number of who is locked the answer is\n%s\nto another\n%s", locked, free)
	}
}

// lockedOne is a user whom twelve wrong codes have locked, and a number of theirs.
func (s *siege) lockedOne() (user, number string) {
	s.t.Helper()
	user, _ = s.person()
	for range 4 {
		_, number = s.person()
		v := s.do(201, "POST", "/api/v1/verifications", object{"user_id": user, "purpose": "phone", "phone_number": number})
		code := codeIn(s.t, s.carriers.taken("twilio", number, 1)[0])
		for range 3 {
			s.do(200, "POST", pathOf(v)+"/check", object{"code": wrong(code)})
		}
	}
	_, other := s.person()
	s.do(423, "POST", "/api/v1/verifications", object{"user_id": user, "phone_number": other, "channel": "sms"})
	return user, number
}

// form is what can be told of an answer without reading it: its status, the names
// of its headers and the names and kinds of its members.
func (s *siege) form(method, path, credential string, body any) string {
	s.t.Helper()
	var in io.Reader
	if body != nil {
		in = strings.NewReader(string(mustJSON(body)))
	}
	ctx, stop := context.WithTimeout(s.t.Context(), deadline)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, in)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for line := range strings.Lines(credential) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		req.Header.Set(name, value)
	}
	res, err := s.client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var out any
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		s.t.Fatal(err)
	}
	return fmt.Sprint(res.StatusCode, " ", slices.Sorted(maps.Keys(res.Header)), " ", shape(out))
}

// shape is the names and kinds of a JSON value; of a refusal also its code and
// its words, which are the same for all.
func shape(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var all []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			kind := shape(v[name])
			if slices.Contains([]string{"code", "detail", "title", "status"}, name) {
				kind = fmt.Sprint(v[name])
			}
			all = append(all, name+":"+kind)
		}
		return fmt.Sprint(all)
	case []any:
		if len(v) > 0 {
			return "[" + shape(v[0]) + "]"
		}
	}
	return fmt.Sprintf("%T", v)
}

// asLong wants a question about what is there to take as long as one about what is
// not: by the medians of questions asked in turn, once in a few rounds, for a
// machine with much else to do is no judge of milliseconds.
func (s *siege) asLong(ask func(there bool)) {
	s.t.Helper()
	const rounds, questions, slack = 5, 9, 4 * time.Millisecond
	var told string
	for range rounds {
		var took [2][]time.Duration
		for i := range 2 * questions {
			begun := time.Now()
			ask(i%2 == 0)
			took[i%2] = append(took[i%2], time.Since(begun))
		}
		there, gone := median(took[0]), median(took[1])
		if there < 2*gone+slack && gone < 2*there+slack {
			return
		}
		told = fmt.Sprintf("what is there takes %s, what is not %s", there, gone)
	}
	s.t.Error(told)
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

// oneNetwork sends from one network of IPv6, by a new address and with another
// made-up one before it each time: 20 codes in an hour leave.
func (s *siege) oneNetwork() {
	network := strings.TrimSuffix(s.stranger(), ":1")
	_, network, _ = strings.Cut(network, ": ")
	sent := 0
	for i := range 24 {
		user, number := s.person()
		token := s.do(201, "POST", "/api/v1/user-tokens", object{"user_id": user}).str("token")
		credential := fmt.Sprintf("Authorization: Bearer %s\nX-Forwarded-For: 203.0.113.%d, %s:%x", token, i, network, i+1)
		switch status, out := s.call("POST", onboarding+"send-verification", credential, object{"phone_number": number}); {
		case status == 202:
			sent++
		case status != 429 || out.str("code") != "rate_limited":
			s.t.Errorf("%d %v", status, out)
		}
	}
	if sent != 20 {
		s.t.Errorf("%d of 24 were sent", sent)
	}
}
