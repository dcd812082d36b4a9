package twilio_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"nod/delivery"
	"nod/deploy/providers"
	"nod/verify"
)

const statusPath = "/webhooks/twilio/status?delivery=dlv_1"

// callback is a request as Twilio makes it for a public address, as it arrives here.
func (s *station) callback(host string, form url.Values) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "http://"+host+statusPath, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	r.Header.Set("X-Twilio-Signature", providers.SignTwilio(s.config.AuthToken, s.config.PublicURL+statusPath, form))
	return r
}

func TestReceiptsInOrderLateRepeatedAndForged(t *testing.T) {
	s := open(t)
	s.judge.Script(person, providers.Answer{Receipts: []providers.Receipt{
		{State: "delivered", Forged: true},
		{State: "sent", Times: 3},
		{State: "a new word"},
		{State: "undelivered", Code: "30006", Delay: 20 * time.Millisecond},
	}})
	sent := s.SMS().Send(t.Context(), text())
	s.judge.Script(person)
	var states []verify.DeliveryState
	for _, r := range s.heard(t, 5) {
		if r.DeliveryID != "dlv_1" || r.ProviderID != sent.ProviderID {
			t.Errorf("receipt %+v", r)
		}
		states = append(states, r.State)
	}
	if want := []verify.DeliveryState{"accepted", "accepted", "accepted", "undelivered"}; !slices.Equal(states, want) || s.forged != 1 {
		t.Errorf("states %v with %d forged, want %v and one", states, s.forged, want)
	}
	if last := s.receipts[3]; last.Class != verify.ClassPermanentTarget || last.Detail != "30006" {
		t.Errorf("last %+v", last)
	}
	s.content(t)
}

func TestACallbackIsBoundToWhatWasSigned(t *testing.T) {
	s := open(t)
	form := url.Values{"MessageSid": {"SM" + hexText(16)}, "MessageStatus": {"delivered"}, "ErrorCode": {""}}
	forge := map[string]func() *http.Request{
		"no signature": func() *http.Request {
			r := s.callback("nod.example", form)
			r.Header.Del("X-Twilio-Signature")
			return r
		},
		"another delivery": func() *http.Request {
			r := s.callback("nod.example", form)
			r.URL.RawQuery = "delivery=dlv_2"
			return r
		},
		"another path": func() *http.Request {
			r := s.callback("nod.example", form)
			r.URL.Path = "/webhooks/twilio/other"
			return r
		},
		"another status": func() *http.Request {
			signed := s.callback("nod.example", form)
			other := s.callback("nod.example", url.Values{"MessageSid": form["MessageSid"], "MessageStatus": {"failed"}, "ErrorCode": {""}})
			other.Header = signed.Header
			return other
		},
		"a field twice": func() *http.Request {
			signed := s.callback("nod.example", form)
			twice := s.callback("nod.example", url.Values{"MessageSid": form["MessageSid"], "MessageStatus": {"delivered", "failed"}, "ErrorCode": {""}})
			twice.Header = signed.Header
			return twice
		},
		"another address of the same account": func() *http.Request {
			r := s.callback("nod.example", form)
			r.Header.Set("X-Twilio-Signature", providers.SignTwilio(s.config.AuthToken, "http://nod.example"+statusPath, form))
			return r
		},
		"no form": func() *http.Request {
			r := s.callback("nod.example", form)
			r.Body = http.NoBody
			return r
		},
		"a broken form": func() *http.Request {
			r := httptest.NewRequest(http.MethodPost, "http://nod.example"+statusPath, strings.NewReader("%zz"))
			r.Header = s.callback("nod.example", form).Header
			return r
		},
	}
	for name, make := range forge {
		if got, err := s.Receipts(make()); !errors.Is(err, delivery.ErrForged) || got != nil {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	want := verify.Receipt{DeliveryID: "dlv_1", Provider: "twilio", ProviderID: form.Get("MessageSid"), State: verify.StateDelivered, Class: verify.ClassNone}
	for _, host := range []string{"nod.example", "10.0.0.7:8080"} { // whatever a proxy makes of the Host header
		for range 2 { // a replay is the same again
			if got, err := s.Receipts(s.callback(host, form)); err != nil || len(got) != 1 || got[0] != want {
				t.Errorf("%s: %+v, %v", host, got, err)
			}
		}
	}
}

func TestACallsReceipts(t *testing.T) {
	s := open(t)
	calls, _ := s.Calls()
	s.judge.Script(person, providers.Answer{Receipts: []providers.Receipt{{State: "no-answer"}}})
	sent := calls.Send(t.Context(), words())
	want := verify.Receipt{DeliveryID: "dlv_1", Provider: "twilio", ProviderID: sent.ProviderID, State: verify.StateUndelivered, Class: verify.ClassTransient, Detail: "no-answer"}
	if got := s.heard(t, 1); got[0] != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	s.content(t)
}

func FuzzReceipts(f *testing.F) {
	s := open(f)
	f.Add("MessageSid=SM1&MessageStatus=delivered&ErrorCode=30005", "sig")
	f.Add("%zz", "")
	f.Add("CallSid=CA1&CallStatus=completed", "c2ln")
	f.Fuzz(func(t *testing.T, body, signature string) {
		r := httptest.NewRequest(http.MethodPost, "http://nod.example"+statusPath, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header["X-Twilio-Signature"] = []string{signature}
		if got, err := s.Receipts(r); err == nil || got != nil {
			t.Errorf("taken without the key: %+v", got)
		}
	})
}
