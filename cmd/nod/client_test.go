package main

import (
	"encoding/json"
	"errors"
	"strings"
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

// TestClientRemembers signs a person in as their own backend would: proved once,
// then trusted, until they want to be asked again.
func TestClientRemembers(t *testing.T) {
	onBoth(t, func(t *testing.T, start starter) {
		p := start(t)
		nod := client.New(p.url, p.key)
		ctx := t.Context()
		login := client.Login{UserID: "ana/1", PhoneNumber: number, Channel: "sms", Context: client.Context{IP: "203.0.113.9", UserAgent: "Firefox", Location: "Lisbon"}}

		v, err := nod.Start(ctx, login)
		if err != nil || v.ResultToken != "" || v.TrustedDeviceToken != "" {
			t.Fatalf("%+v %v", v, err)
		}
		messages, _, err := nod.Outbox(ctx, number, "", 5*time.Second)
		if err != nil || len(messages) != 1 {
			t.Fatalf("%+v %v", messages, err)
		}
		_, out := p.call("POST", "/api/v1/verifications/"+v.VerificationID+"/check", "Nod-Client-Secret: "+v.ClientSecret, object{"code": messages[0].Text[:6]})
		result, err := nod.Remember(ctx, v.VerificationID, out.str("result_token"))
		if err != nil || result.UserID != "ana/1" || result.TrustedDeviceToken == "" {
			t.Fatalf("%+v %v", result, err)
		}

		login.TrustedDeviceToken, login.IdempotencyKey = result.TrustedDeviceToken, "again"
		v, err = nod.Start(ctx, login)
		if err != nil || v.Status != "approved" || v.Method != "trusted_device" || v.TrustedDeviceToken == "" || v.TrustedDeviceToken == login.TrustedDeviceToken {
			t.Fatalf("%+v %v", v, err)
		}
		if again, err := nod.Start(ctx, login); err != nil || again.TrustedDeviceToken != v.TrustedDeviceToken || again.ResultToken == "" {
			t.Errorf("the same key gave %+v %v", again, err)
		}
		result, err = nod.Remember(ctx, v.VerificationID, v.ResultToken)
		if err != nil || result.Method != "trusted_device" || result.TrustedDeviceToken != "" {
			t.Errorf("%+v %v", result, err)
		}

		devices, err := nod.TrustedDevices(ctx, "ana/1")
		if err != nil || len(devices) != 1 || devices[0].UserAgent != "Firefox" || devices[0].Location != "Lisbon" || devices[0].LastUsedAt == nil || devices[0].ExpiresAt.Sub(devices[0].ApprovedAt) != 30*24*time.Hour {
			t.Fatalf("%+v %v", devices, err)
		}
		var refusal *client.Error
		if err := nod.RevokeTrustedDevice(ctx, "bob", devices[0].ID); !errors.As(err, &refusal) || refusal.Code != "not_found" {
			t.Errorf("somebody else's: %v", err)
		}
		if err := nod.RevokeTrustedDevice(ctx, "ana/1", devices[0].ID); err != nil {
			t.Error(err)
		}
		if err := nod.RevokeTrustedDevices(ctx, "ana/1"); err != nil {
			t.Error(err)
		}
		if devices, err := nod.TrustedDevices(ctx, "ana/1"); err != nil || len(devices) != 0 {
			t.Errorf("%+v %v", devices, err)
		}

		for _, chosen := range []client.Settings{{ChannelPreference: "sms", Locale: "de"}, {ChannelPreference: "push"}} {
			if err := nod.SetSettings(ctx, "ana/1", chosen); err != nil {
				t.Error(err)
			}
			if got, err := nod.Settings(ctx, "ana/1"); err != nil || got != chosen {
				t.Errorf("%+v %v, want %+v", got, err, chosen)
			}
		}
	})
}

// TestClientLetsGo blocks a person, lets them in again, hands out what is kept of
// them and erases it.
func TestClientLetsGo(t *testing.T) {
	onBoth(t, func(t *testing.T, start starter) {
		p := start(t)
		nod := client.New(p.url, p.key)
		ctx := t.Context()
		login := client.Login{UserID: "ana/1", PhoneNumber: number, Channel: "sms", Context: client.Context{Location: "Lisbon"}}
		v, err := nod.Start(ctx, login)
		if err != nil {
			t.Fatal(err)
		}
		if err := nod.Block(ctx, "ana/1"); err != nil {
			t.Fatal(err)
		}
		if got, err := nod.Get(ctx, v.VerificationID); err != nil || got.Status != "canceled" || got.Reason != "account_locked" {
			t.Errorf("an open login of who is blocked: %+v %v", got, err)
		}
		var refusal *client.Error
		if _, err := nod.Start(ctx, login); !errors.As(err, &refusal) || refusal.Code != "blocked" || refusal.Status != 403 {
			t.Errorf("who is blocked may start: %v", err)
		}
		if err := nod.Unlock(ctx, "ana/1"); err != nil {
			t.Error(err)
		}
		login.PhoneNumber = "+14155550124" // the first has a cooldown
		if _, err := nod.Start(ctx, login); err != nil {
			t.Errorf("who was let in again may not start: %v", err)
		}
		german := client.Login{UserID: "eva", PhoneNumber: "+4915112345678", Channel: "sms", Locale: "de"}
		if b, err := nod.AddBlock(ctx, client.BlockPrefix, "+49151"); err != nil || b.Label != "+49151" || b.Kind != client.BlockPrefix || b.ID == "" || b.At.IsZero() {
			t.Errorf("blocked %+v %v", b, err)
		}
		if all, err := nod.Blocks(ctx); err != nil || len(all) != 1 || all[0].Label != "+49151" {
			t.Errorf("blocked %+v %v", all, err)
		}
		if _, err := nod.Start(ctx, german); !errors.As(err, &refusal) || refusal.Code != "blocked" || refusal.Reason != "fraud_rule" || !strings.Contains(refusal.Message, "Sicherheit") {
			t.Errorf("a number of a blocked prefix: %+v", refusal)
		}
		if err := nod.LiftBlock(ctx, client.BlockPrefix, "+49151"); err != nil {
			t.Error(err)
		}
		if err := nod.LiftBlock(ctx, client.BlockPrefix, "+49151"); !errors.As(err, &refusal) || refusal.Code != "not_found" {
			t.Errorf("what is blocked no more: %v", err)
		}
		if _, err := nod.Start(ctx, german); err != nil {
			t.Errorf("a number that is blocked no more: %v", err)
		}

		text, err := nod.Export(ctx, "ana/1")
		var kept struct {
			UserID        string `json:"user_id"`
			Verifications []struct {
				ID          string `json:"id"`
				PhoneNumber string `json:"phone_number"`
			} `json:"verifications"`
		}
		if err != nil || json.Unmarshal(text, &kept) != nil || kept.UserID != "ana/1" || len(kept.Verifications) != 3 ||
			kept.Verifications[0].ID != v.VerificationID || kept.Verifications[0].PhoneNumber != number {
			t.Fatalf("exported %s %v", text, err)
		}
		if strings.Contains(string(text), v.ClientSecret) {
			t.Error("the export holds a secret")
		}
		for range 2 {
			if err := nod.Erase(ctx, "ana/1"); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := nod.Get(ctx, v.VerificationID); !errors.As(err, &refusal) || refusal.Code != "not_found" {
			t.Errorf("what was erased: %v", err)
		}
		if text, err := nod.Export(ctx, "ana/1"); err != nil || strings.Contains(string(text), v.VerificationID) || strings.Contains(string(text), number) {
			t.Errorf("left: %s %v", text, err)
		}
	})
}
