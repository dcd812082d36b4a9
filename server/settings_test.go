package server_test

import (
	"testing"

	"nod/verify"
)

const settingsOf = "/api/v1/users/ana/settings"

func TestWhatAUserChooses(t *testing.T) {
	within(t, func(d *door) {
		ana := d.user("ana")
		chosen := d.ask(ana, "GET", settingsOf, nil).allow(200).has("user_id", "ana").has("channel_preference", "auto").has("locale", nil)
		chosen.str("server_time")
		d.ask(byKey, "PUT", settingsOf, object{"channel_preference": "push", "locale": "de"}).allow(200).
			has("user_id", "ana").has("channel_preference", "push").has("locale", "de")
		d.ask(ana, "PUT", settingsOf, object{"channel_preference": "push", "locale": "de"}).allow(200) // no news
		d.ask(ana, "GET", settingsOf, nil).allow(200).has("channel_preference", "push").has("locale", "de")
		d.ask(d.user("bob"), "GET", "/api/v1/users/bob/settings", nil).allow(200).has("channel_preference", "auto")
		for _, body := range []object{{"channel_preference": "sms"}, {"channel_preference": "both", "locale": nil}} { // it replaces
			d.ask(ana, "PUT", settingsOf, body).allow(200).has("channel_preference", body["channel_preference"]).has("locale", nil)
		}
		if told := d.webhooks(verify.EventSettingsChanged); told != 3 {
			t.Errorf("the integrator is told %d times, want 3", told)
		}
	})
}

func TestSettingsAreGuarded(t *testing.T) {
	within(t, func(d *door) {
		login := d.ask(byKey, "POST", verifications, object{"user_id": "ana", "phone_number": number}).allow(201)
		good := object{"channel_preference": "sms"}
		for _, method := range []string{"GET", "PUT"} {
			d.ask(d.user("bob"), method, settingsOf, good).deny(404, "not_found")
			d.ask(page(login.str("client_secret")), method, settingsOf, good).deny(403, "forbidden")
			d.ask(d.phone("ana").me(), method, settingsOf, good).deny(403, "forbidden")
			d.ask(nobody, method, settingsOf, good).deny(401, "unauthenticated")
			d.ask(byKey, method, "/api/v1/users/a%00b/settings", good).deny(422, "invalid_request").at("user_id")
		}
		for field, body := range map[string]object{
			"channel_preference": {"channel_preference": "voice"},
			"locale":             {"channel_preference": "sms", "locale": "not a language"},
		} {
			d.ask(byKey, "PUT", settingsOf, body).deny(422, "invalid_request").at(field)
		}
		d.ask(byKey, "PUT", settingsOf, object{"locale": "de"}).deny(422, "invalid_request").at("channel_preference")
		d.ask(byKey, "PUT", settingsOf, object{"channel_preference": "sms", "user_id": "bob"}).deny(422, "unknown_field").at("user_id")
		d.ask(byKey, "GET", settingsOf, nil).allow(200).has("channel_preference", "auto")
	})
}

func TestASignInGoesTheWayThatItsUserPrefers(t *testing.T) {
	within(t, func(d *door) {
		d.phone("ana")
		prefer := func(preference string) {
			d.ask(byKey, "PUT", settingsOf, object{"channel_preference": preference, "locale": "de"}).allow(200)
		}
		login := func(channel string) reply {
			body := object{"user_id": "ana", "phone_number": "+4915112345678"}
			if channel != "" {
				body["channel"] = channel
			}
			v := d.ask(byKey, "POST", verifications, body).allow(201)
			d.settle()
			seen := d.ask(byKey, "GET", verifications+"/"+v.str("verification_id"), nil).allow(200)
			d.ask(byKey, "POST", verifications+"/"+v.str("verification_id")+"/cancel", nil).allow(200)
			return seen
		}
		prefer("sms")
		login("").has("stage", "code_entry").has("message", "Der Bestätigungscode wurde gesendet.")
		login("push").has("stage", "contacting_app")
		login("auto").has("stage", "contacting_app")
		prefer("push")
		for _, channel := range []string{"", "sms", "voice", "both", "auto"} {
			seen := login(channel).has("stage", "contacting_app")
			if ways := seen.object["next_actions"].(object); ways["sms_in"] != nil || ways["voice_in"] != nil || seen.object["fallback"] != nil {
				t.Errorf("asked for %q: %v, %v", channel, ways, seen.object["fallback"])
			}
		}
		if sent := d.outbox.List("+4915112345678", "", 10); len(sent) != 1 {
			t.Errorf("%d messages were sent, want the one of the preference sms", len(sent))
		}
		d.ask(byKey, "PUT", "/api/v1/users/bob/settings", object{"channel_preference": "push"}).allow(200)
		d.ask(byKey, "POST", verifications, object{"user_id": "bob", "phone_number": number, "channel": "sms"}).deny(422, "no_channel")
		d.ask(d.user("bob"), "POST", sendCode, object{"phone_number": number}).allow(202) // nothing else proves a number
	})
}
