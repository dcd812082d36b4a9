package main

import (
	"errors"
	"testing"
	"time"

	"nod/client"
)

// TestClient is an integrator's backend in Go, against the real server.
func TestClient(t *testing.T) {
	onBoth(t, func(t *testing.T, start starter) {
		p := start(t)
		nod := client.New(p.url+"/", p.key)
		ctx := t.Context()

		login := client.Login{UserID: "u1", PhoneNumber: number, Channel: "sms", IdempotencyKey: "once"}
		v, err := nod.Start(ctx, login)
		if err != nil || v.Status != "pending" || v.ClientSecret == "" || len(v.Raw) == 0 {
			t.Fatalf("%+v %v", v, err)
		}
		if again, err := nod.Start(ctx, login); err != nil || again.VerificationID != v.VerificationID || again.ClientSecret != v.ClientSecret {
			t.Errorf("the same key gave %+v %v", again, err)
		}
		messages, next, err := nod.Outbox(ctx, number, "", 5*time.Second)
		if err != nil || len(messages) != 1 || messages[0].Channel != "sms" {
			t.Fatalf("%+v %v", messages, err)
		}
		if more, _, err := nod.Outbox(ctx, number, next, 0); err != nil || len(more) != 0 {
			t.Errorf("after the last message there is %+v %v", more, err)
		}

		_, out := p.call("POST", "/api/v1/verifications/"+v.VerificationID+"/check", "Nod-Client-Secret: "+v.ClientSecret, object{"code": messages[0].Text[:6]})
		result, err := nod.Exchange(ctx, v.VerificationID, out.str("result_token"))
		if err != nil || result.UserID != "u1" || result.Status != "approved" || result.Method != "sms_code" || result.PhoneNumber != number {
			t.Errorf("%+v %v", result, err)
		}
		if got, err := nod.Get(ctx, v.VerificationID); err != nil || got.Method != "sms_code" {
			t.Errorf("%+v %v", got, err)
		}

		second, err := nod.Start(ctx, client.Login{UserID: "u2", PhoneNumber: "+14155550124"})
		if err != nil {
			t.Fatal(err)
		}
		if err := nod.Cancel(ctx, second.VerificationID); err != nil {
			t.Error(err)
		}
		var refusal *client.Error
		if err := nod.Cancel(ctx, second.VerificationID); !errors.As(err, &refusal) || refusal.Code != "already_decided" || refusal.Status != 409 {
			t.Errorf("canceling twice: %v", err)
		}
		if _, err := client.New(p.url, "nod_sk_wrong").Get(ctx, v.VerificationID); !errors.As(err, &refusal) || refusal.Code != "unauthenticated" {
			t.Errorf("a wrong key: %v", err)
		}
		for name, token := range map[string]string{"rubbish": "a.b.c", "a user token": p.do(201, "POST", "/api/v1/user-tokens", object{"user_id": "u1"}).str("token")} {
			if _, err := nod.Verify(ctx, token); !errors.Is(err, client.ErrBadResult) {
				t.Errorf("%s was taken for a result: %v", name, err)
			}
		}
		if token, ends, err := nod.UserToken(ctx, "u1", time.Minute); err != nil || token == "" || time.Until(ends) > time.Minute {
			t.Errorf("user token until %s: %v", ends, err)
		}
	})
}
