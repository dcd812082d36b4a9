package main

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"nod/client"
)

// TestDemo is the demo's integrator as its pages use it: a person, a phone by
// link, a sign-in by SMS that only that person's phone is shown, and the end.
func TestDemo(t *testing.T) {
	onBoth(t, func(t *testing.T, start starter) {
		p := start(t)
		meet := func() (object, string) {
			status, out := p.call("POST", "/demo/people", "", object{})
			if status != 201 {
				t.Fatalf("%d %v", status, out)
			}
			return out, "Authorization: Demo " + out.str("demo_token")
		}
		ann, asAnn := meet()
		_, asBob := meet()
		if _, named := ann["sent_by"]; named {
			t.Errorf("all is simulated, and the pages are told %v", ann["sent_by"])
		}

		_, enrolled := p.call("POST", "/demo/enrollments", asAnn, object{})
		link, err := url.Parse(enrolled.str("link"))
		if err != nil || !strings.HasPrefix(enrolled.str("link"), p.url+"/phone#") || link.RawQuery != "" {
			t.Fatalf("link %q: a credential stands in the fragment or nowhere", enrolled.str("link"))
		}
		if _, err := client.NewDevice(t.Context(), p.url, enrolled.str("enrollment_token"), "Ann's phone", nil); err != nil {
			t.Fatal(err)
		}

		// A stranger's code to the same number is not for Ann's eyes.
		p.do(201, "POST", "/api/v1/verifications", object{"user_id": "stranger", "phone_number": ann.str("phone_number")})
		p.outbox(ann.str("phone_number"), 1)
		messages, bobs := p.phoneOf(asAnn), p.phoneOf(asBob)
		status, v := p.call("POST", "/demo/sign-ins", asAnn, object{"channel": "sms"})
		if status != 201 || v.str("client_secret") == "" {
			t.Fatalf("%d %v", status, v)
		}
		m := messages()
		if m.str("channel") != "sms" || m.str("verification_id") != v.str("verification_id") {
			t.Fatalf("the phone was told %v", m)
		}
		if _, out := p.call("POST", "/demo/sign-ins", asBob, object{"channel": "sms"}); bobs().str("verification_id") != out.str("verification_id") {
			t.Error("Bob's phone was told of Ann's message")
		}
		_, out := p.call("POST", pathOf(v)+"/check", page(v), object{"code": m.str("text")[:6]})
		finish := "/demo/sign-ins/" + v.str("verification_id") + "/finish"
		if status, out := p.call("POST", finish, asBob, object{"result_token": out.str("result_token")}); status == 200 {
			t.Fatalf("Bob finished Ann's sign-in: %v", out)
		}
		_, out = p.call("GET", pathOf(v), page(v), nil)
		if out.str("result_token") != "" {
			t.Error("a spent result is handed out again")
		}

		for _, tc := range []struct{ name, credential string }{{"nobody", ""}, {"a forger", asAnn + "x"}, {"an API key", "Authorization: Bearer " + p.key}} {
			if status, out := p.call("GET", "/demo/me", tc.credential, nil); status != 401 || out.str("code") != "unauthenticated" {
				t.Errorf("%s: %d %v", tc.name, status, out)
			}
		}
		p.kill()
		p.again()
		if _, out := p.call("GET", "/demo/me", asAnn, nil); out.str("phone_number") != ann.str("phone_number") {
			t.Errorf("after a restart Ann is %v", out)
		}
	})
}

// TestDemoPerson is what a page may do for its person at the demo's integrator, beside
// a plain sign-in: act as them for a while, in their language, with what else reaches them.
func TestDemoPerson(t *testing.T) {
	t.Parallel()
	p := start(t, "NOD_RESEND_DELAYS=1s,1s,1s")
	_, ann := p.call("POST", "/demo/people", "", object{})
	asAnn := "Authorization: Demo " + ann.str("demo_token")
	messages := p.phoneOf(asAnn)

	status, token := p.call("POST", "/demo/user-tokens", asAnn, object{})
	ends, err := time.Parse(time.RFC3339, token.str("expires_at"))
	if status != 201 || err != nil || time.Until(ends) > 6*time.Minute {
		t.Fatalf("%d, the token ends at %v (%v)", status, ends, err)
	}
	asUser := "Authorization: Bearer " + token.str("token")
	prove := func(number string) (id string, proof object) {
		status, v := p.call("POST", "/api/onboarding/send-verification", asUser, object{"phone_number": number})
		m := messages()
		if status != 202 || m.str("verification_id") != v.str("verification_id") {
			t.Fatalf("%d; after Ann gave another number her phone was told %v", status, m)
		}
		_, out := p.call("POST", pathOf(v)+"/check", page(v), object{"code": m.str("text")[:6]})
		return v.str("verification_id"), object{"result_token": out.str("result_token")}
	}
	const another = "+14155550198"
	id, proof := prove(another)
	if status, out := p.call("POST", "/demo/numbers/"+id+"/finish", asAnn, proof); status != 200 || out.str("phone_number") != another {
		t.Errorf("the bank has no proof of her number: %d %v", status, out)
	}
	id, proof = prove("+14155550197")
	if status, out := p.call("POST", "/demo/sign-ins/"+id+"/finish", asAnn, proof); status == 200 {
		t.Errorf("the proof of a number signed her in: %v", out)
	}
	if status, _ := p.call("GET", "/api/v1/users/stranger/devices", asUser, nil); status != 404 {
		t.Errorf("Ann's token shows a stranger's devices: %d", status)
	}
	if status, out := p.call("POST", "/demo/user-tokens", "Authorization: Demo nobody.x", object{}); status != 401 {
		t.Errorf("a stranger got a token: %d %v", status, out)
	}

	_, v := p.call("POST", "/demo/sign-ins", asAnn, object{"channel": "sms", "locale": "de-AT"})
	if text := messages().str("text"); !strings.Contains(text, "ist der Code zur Anmeldung") {
		t.Errorf("in German the SMS says %q", text)
	}
	eventually(t, "a mail is sent", func() bool {
		status, _ := p.call("POST", pathOf(v)+"/resend", page(v), object{"channel": "email"})
		return status == 202
	})
	if m := messages(); m.str("channel") != "email" || !strings.HasSuffix(ann.str("email"), "@example.com") {
		t.Errorf("for the mail to %q her phone was told %v", ann.str("email"), m)
	}

	_, link := p.call("POST", "/demo/enrollments", asAnn, object{})
	device, err := client.NewDevice(t.Context(), p.url, link.str("enrollment_token"), "Ann's phone", nil)
	if err != nil {
		t.Fatal(err)
	}
	p.call("POST", "/demo/sign-ins", asAnn, object{"user_verification": true})
	_, asked := p.call("GET", "/api/v1/prompts", "Authorization: "+device.RESTToken(), nil)
	if prompts := asked.list("prompts"); len(prompts) != 1 || prompts[0]["require_user_verification"] != true {
		t.Errorf("her phone is not to look who holds it: %v", asked)
	}
}

// TestDemoRemembers: a browser that was to be remembered is signed in without a
// question, by a token that no script reads, until it is to be forgotten.
func TestDemoRemembers(t *testing.T) {
	t.Parallel()
	p := start(t)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	p.client.Jar = jar
	home, err := url.Parse(p.url + "/demo/me")
	if err != nil {
		t.Fatal(err)
	}
	kept := func() string {
		if all := jar.Cookies(home); len(all) == 1 {
			return all[0].Value
		}
		return ""
	}
	_, ann := p.call("POST", "/demo/people", "", object{})
	asAnn := "Authorization: Demo " + ann.str("demo_token")
	messages := p.phoneOf(asAnn)
	finish := func(v object, token string) object {
		t.Helper()
		status, end := p.call("POST", "/demo/sign-ins/"+v.str("verification_id")+"/finish", asAnn, object{"result_token": token, "remember": true})
		if status != 200 || end["remembered"] != true || kept() == "" || strings.Contains(fmt.Sprint(end), kept()) {
			t.Fatalf("to be remembered: %d %v", status, end)
		}
		return end
	}

	_, v := p.call("POST", "/demo/sign-ins", asAnn, object{"channel": "sms"})
	_, checked := p.call("POST", pathOf(v)+"/check", page(v), object{"code": messages().str("text")[:6]})
	finish(v, checked.str("result_token"))
	first := kept()
	_, v = p.call("POST", "/demo/sign-ins", asAnn, object{})
	if v.str("status") != "approved" || kept() == first {
		t.Fatalf("a remembered browser is asked again, or keeps its old token: %v", v)
	}
	if strings.Contains(fmt.Sprint(v), kept()) {
		t.Error("a script can read the token")
	}
	if end := finish(v, v.str("result_token")); end.str("method") != "trusted_device" {
		t.Errorf("recognised as %v", end)
	}
	if _, me := p.call("GET", "/demo/me", asAnn, nil); me["remembered"] != true {
		t.Errorf("the page is told %v", me)
	}

	last := kept()
	p.call("POST", "/demo/forget", asAnn, object{})
	if kept() != "" {
		t.Error("a forgotten browser keeps its token")
	}
	if _, v := p.call("POST", "/demo/sign-ins", asAnn+"\nCookie: nod_demo_trusted="+last, object{"channel": "sms"}); v.str("status") == "approved" {
		t.Errorf("a copy of a forgotten token lets in: %v", v)
	}
}

// phoneOf opens a demo phone's stream of messages; each call waits for the next.
func (d *door) phoneOf(credential string) func() object {
	d.t.Helper()
	messages := d.follow("/demo/messages", credential)
	return func() object {
		d.t.Helper()
		_, m, err := messages.read()
		if err != nil {
			d.t.Fatal(err)
		}
		return m
	}
}

// TestPagesStandAtThePublicURL: localhost leads to 127.0.0.1 when that is the
// public name; a foreign Host leads nowhere.
func TestPagesStandAtThePublicURL(t *testing.T) {
	onBoth(t, func(t *testing.T, start starter) {
		p := start(t)
		for host, want := range map[string]string{
			strings.Replace(p.url, "http://127.0.0.1", "localhost", 1): p.url + "/phone?slot=2",
			"evil.example": "",
		} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+"/phone?slot=2", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Host = host
			res, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if got := res.Header.Get("Location"); got != want {
				t.Errorf("asked by %s: led to %q, want %q", host, got, want)
			}
		}
	})
}
