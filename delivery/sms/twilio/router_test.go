package twilio_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"nod/delivery/sms"
	"nod/delivery/sms/twilio"
	"nod/deploy/providers"
	"nod/verify"
)

// doorstep hands requests to a judge without a network.
type doorstep struct{ judge http.Handler }

func (d doorstep) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.judge.ServeHTTP(w, r)
	return w.Result(), nil
}

// TestAnOutage takes the router, Twilio's own client and the judge through an
// outage in fake time, and counts at the judge.
func TestAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		judge := &providers.Twilio{AccountSID: "AC" + hexText(16), AuthToken: hexText(16), Number: sender}
		defer judge.Close()
		account, err := twilio.New(twilio.Config{AccountSID: judge.AccountSID, AuthToken: judge.AuthToken, From: sender, Network: doorstep{judge}})
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var told []string
		router, err := sms.New(sms.Config{
			Providers: []sms.Provider{{Name: twilio.Name, Channel: account.SMS()}},
			Tell: func(_ context.Context, e verify.Event) {
				mu.Lock()
				defer mu.Unlock()
				told = append(told, e.Name+" "+e.Data.Detail)
			},
			Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var runs sync.WaitGroup
		runs.Go(func() { router.Run(ctx) })
		defer func() { cancel(); runs.Wait() }()
		n := 0
		crowd := func(size int) { // so many people at once, each with a code of their own
			var all sync.WaitGroup
			for range size {
				n++
				m := text()
				m.Text = m.Text[:3] + string(rune('0'+n/100)) + string(rune('0'+n/10%10)) + string(rune('0'+n%10)) + " is your code."
				all.Go(func() { router.Send(t.Context(), m) })
			}
			all.Wait()
		}
		requests := func(want int, when string) {
			t.Helper()
			if got := judge.Requests(person); got != want {
				t.Errorf("%s: %d requests, want %d", when, got, want)
			}
		}
		judge.Script(person, providers.Answer{Status: 503, Code: "20503", Delay: time.Second})
		for range 5 {
			crowd(1)
		}
		crowd(30)
		requests(5, "the breaker is open")
		<-time.After(30 * time.Second)
		crowd(30)
		requests(6, "one trial, which fails")
		crowd(30)
		requests(6, "open again")
		judge.Script(person, providers.Answer{Delay: time.Second})
		<-time.After(30 * time.Second)
		crowd(30)
		requests(7, "one trial, which is taken")
		crowd(30)
		requests(37, "closed again")
		if got := len(judge.Accepted(person)); got != 31 {
			t.Errorf("%d messages were taken, want the trial and 30", got)
		}
		for _, o := range judge.Objections() {
			t.Errorf("Twilio objects: %s", o)
		}
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if want := []string{"provider.degraded 20503", "provider.recovered "}; !slices.Equal(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}
	})
}

// TestNoCallbackToThisMachine sends from a machine that Twilio cannot call back.
func TestNoCallbackToThisMachine(t *testing.T) {
	for public, want := range map[string]string{
		"http://127.0.0.1:8080": "", "http://localhost:8080": "", "http://[::1]:8080": "",
		"https://nod.example/": "https://nod.example/webhooks/twilio/status?delivery=dlv_1",
	} {
		judge := &providers.Twilio{AccountSID: "AC" + hexText(16), AuthToken: hexText(16), Number: sender}
		account, err := twilio.New(twilio.Config{AccountSID: judge.AccountSID, AuthToken: judge.AuthToken, From: sender, PublicURL: public, Network: doorstep{judge}})
		if err != nil {
			t.Fatal(err)
		}
		judge.Script("", providers.Answer{Receipts: []providers.Receipt{}})
		account.SMS().Send(t.Context(), text())
		judge.Close()
		if got := judge.Accepted(person); len(got) != 1 || got[0].Fields["StatusCallback"] != want {
			t.Errorf("%s: Twilio took %+v", public, got)
		}
	}
}

// TestTwoAccounts hands over over the network, and never what may have been taken.
func TestTwoAccounts(t *testing.T) {
	first, second := open(t), open(t)
	router, err := sms.New(sms.Config{
		Providers: []sms.Provider{{Name: twilio.Name, Channel: first.SMS()}, {Name: "second", Channel: second.SMS()}},
		Log:       slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name  string
		a     providers.Answer
		hands bool
	}{
		{"too many", providers.Answer{Status: 429, Code: "20429", RetryAfter: "60"}, true},
		{"region", providers.Answer{Code: "21408"}, true},
		{"reset after it was taken", providers.Answer{Fault: providers.TakenReset}, false},
		{"stopped", providers.Answer{Code: "21610"}, false},
	} {
		first.judge.Script(person, row.a)
		m := text()
		before := second.judge.Requests(person)
		o := router.Send(t.Context(), m)
		if o.HandOver != row.hands || o.Provider != twilio.Name || o.HandOver && o.RetryAfter != 0 {
			t.Errorf("%s: got %+v", row.name, o)
		}
		if second.judge.Requests(person) != before {
			t.Errorf("%s: one Send asked two", row.name)
		}
		if !o.HandOver {
			continue
		}
		m.Tried = []string{o.Provider}
		second.judge.Script(person, providers.Answer{})
		if o := router.Send(t.Context(), m); o.State != verify.StateAccepted {
			t.Errorf("%s: the second said %+v", row.name, o)
		}
	}
}

// TestStrangersOpenNoBreaker: whoever asks for codes to where this sender cannot
// send, or for a phone that is off, does not switch Twilio off for all.
func TestStrangersOpenNoBreaker(t *testing.T) {
	s := open(t)
	for _, row := range []struct {
		a    providers.Answer
		want string
	}{
		{providers.Answer{Code: "21408"}, "closed"},
		{providers.Answer{Code: "21659"}, "closed"},
		{providers.Answer{Code: "21703"}, "closed"},
		{providers.Answer{Status: 201, Code: "30003"}, "closed"},
		{providers.Answer{Code: "21660"}, "open"},
		{providers.Answer{Code: "20429"}, "open"},
	} {
		router, err := sms.New(sms.Config{
			Providers: []sms.Provider{{Name: twilio.Name, Channel: s.SMS()}},
			Log:       slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		s.judge.Script(person, row.a)
		for range 5 {
			router.Send(t.Context(), text())
		}
		if got := router.Stats()[0].Breaker; got != row.want {
			t.Errorf("after five of %s the breaker is %s, want %s", row.a.Code, got, row.want)
		}
	}
}

func BenchmarkSend(b *testing.B) {
	s := open(b, func(c *twilio.Config) { c.PublicURL = "" })
	channel := s.SMS()
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if o := channel.Send(b.Context(), text()); o.State != verify.StateAccepted {
				b.Errorf("got %+v", o)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sends/s")
}
