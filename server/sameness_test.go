package server_test

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"nod/server"
	"nod/verify"
)

// told is an answer without what differs between any two: ids, secrets, times and the
// masked number that was asked about.
func (r reply) told() string {
	return regexp.MustCompile(`(ver|dlv)_[0-9a-f]{32}|"client_secret":"[^"]*"|\d{4}-\d\d-\d\dT[0-9:.]*Z|\+[0-9]+ •+ [0-9]+`).ReplaceAllString(r.text, "…")
}

func (c *counting) NewestVerification(ctx context.Context, userID string, purpose verify.Purpose, n verify.Number) (*verify.Verification, time.Time, error) {
	if err := c.called(ctx, "NewestVerification"); err != nil {
		return nil, time.Time{}, err
	}
	return c.Store.NewestVerification(ctx, userID, purpose, n)
}

// TestStrangersLookAlike asks about numbers that are somebody's, nobody's and of
// somebody who is locked or blocked. Whoever asks is told the same in the same number
// of steps: nobody finds out whose a number is.
func TestStrangersLookAlike(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &counting{}
		d := open(t, func(c *server.Config) {
			c.Policy.Limits = verify.Limits{WrongCodes: per(2, 24*time.Hour)}
			store.counted(c)
		})
		const proved, pending, locked, blocked, nobodys = "+14155550121", "+14155550122", "+14155550123", "+14155550124", "+14155550125"
		numbers := []string{proved, pending, locked, blocked, nobodys}
		for user, number := range map[string]string{"proved": proved, "pending": pending, "locked": locked, "blocked": blocked} {
			v := d.ask(d.user(user), "POST", sendCode, object{"phone_number": number}).allow(202)
			code, path := d.code(number), verifications+"/"+v.str("verification_id")+"/check"
			switch number {
			case proved:
				d.ask(byKey, "POST", path, object{"code": code}).allow(200).has("ok", true)
			case locked:
				for range 2 {
					d.ask(byKey, "POST", path, object{"code": wrong(code)}).allow(200)
				}
				d.ask(byKey, "POST", path, object{"code": code}).deny(423, "locked")
			case blocked:
				d.ask(byKey, "POST", "/api/v1/users/blocked/block", nil).allow(204)
			}
		}
		d.settle()
		for name, call := range map[string]struct {
			method, path string
			body         func(number string) any
			code         int
		}{
			"status": {"GET", statusOf + "?phone_number=%2B", nil, 200},
			"resend": {"POST", resendCode, func(n string) any { return object{"phone_number": n} }, 404},
			"check":  {"POST", verifyCode, func(n string) any { return object{"phone_number": n, "code": "123456"} }, 404},
			"change": {"POST", changePhone, func(n string) any { return object{"old_phone_number": n, "new_phone_number": "+14155550129"} }, 404},
			"send":   {"POST", sendCode, func(n string) any { return object{"phone_number": n} }, 202},
		} {
			var first string
			var asked map[string]int
			for i, n := range numbers {
				me := d.user("stranger who would " + name + n)
				path, body := call.path, any(nil)
				if call.body == nil {
					path += n[1:]
				} else {
					body = call.body(n)
				}
				d.settle()
				store.since()
				r := d.ask(me, call.method, path, body).allow(call.code)
				calls := store.since()
				if i == 0 {
					first, asked = r.told(), calls
					continue
				}
				if r.told() != first {
					t.Errorf("%s, number %d: %s\nthe first: %s", name, i, r.told(), first)
				}
				if !maps.Equal(calls, asked) {
					t.Errorf("%s, number %d: the store is asked %v, for the first %v", name, i, calls, asked)
				}
			}
		}
	})
}

// TestALockedUserLearnsNothingOfNumbers starts as somebody who is locked, and as
// somebody whom an operator blocked: the number makes no difference.
func TestALockedUserLearnsNothingOfNumbers(t *testing.T) {
	limited(t, verify.Limits{WrongCodes: per(1, 24*time.Hour)}, func(d *door) {
		v := d.ask(d.user("ana"), "POST", sendCode, object{"phone_number": number}).allow(202)
		d.ask(byKey, "POST", verifications+"/"+v.str("verification_id")+"/check", object{"code": wrong(d.code(number))}).allow(200)
		d.ask(byKey, "POST", "/api/v1/users/bob/block", nil).allow(204)
		for user, code := range map[string]int{"ana": 423, "bob": 403} {
			var texts []string
			for _, n := range []string{"+14155550124", "+4915112345678", "+551155256325"} {
				r := d.ask(d.user(user), "POST", sendCode, object{"phone_number": n})
				if r.code != code {
					t.Errorf("%s: %d, want %d: %s", user, r.code, code, r.text)
				}
				texts = append(texts, r.told())
			}
			if len(slices.Compact(texts)) != 1 {
				t.Errorf("%s is told %v", user, texts)
			}
		}
	})
}
