package sns_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"nod/delivery"
	"nod/delivery/sms/sns"
	"nod/deploy/providers"
	"nod/verify"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	phone = "+14155550123"
	words = "123456 is your code for example.com. It is good for 10 minutes."
)

// amazon is SNS on this machine and a client of it.
func amazon(t testing.TB, change func(*sns.Config)) (*providers.SNS, *sns.Client) {
	t.Helper()
	judge := &providers.SNS{Region: "eu-central-1", AccessKeyID: rand.Text()[:20], SecretAccessKey: rand.Text() + rand.Text()}
	srv := httptest.NewServer(judge)
	config := sns.Config{Region: judge.Region, AccessKeyID: judge.AccessKeyID, SecretAccessKey: judge.SecretAccessKey, Endpoint: srv.URL}
	if change != nil {
		change(&config)
	}
	client, err := sns.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Close()
		srv.Close()
	})
	return judge, client
}

func sms() delivery.Message {
	return delivery.Message{DeliveryID: "dlv_1", Channel: verify.SMS, Number: verify.StoredNumber(phone), Code: "123456", Text: words}
}

func TestSend(t *testing.T) {
	judge, client := amazon(t, nil)
	for _, text := range []string{words, "123456 ist Ihr Code für „example.com“ & Co.\n@example.com #123456", "你的验证码是 123456"} {
		m := sms()
		m.Text = text
		o := client.Send(t.Context(), m)
		took := judge.Accepted(phone)
		want := verify.Outcome{State: verify.StateAccepted, Class: verify.ClassNone, Provider: "sns", ProviderID: took[len(took)-1].ID}
		if o != want || took[len(took)-1].Text != text {
			t.Errorf("became %+v, want %+v, of %+v", o, want, took)
		}
	}
	if wrong := judge.Objections(); len(wrong) > 0 {
		t.Errorf("SNS objects: %v", wrong)
	}
}

// Every row of the table, through the SDK.
func TestRules(t *testing.T) {
	judge, client := amazon(t, nil)
	rules := sns.Rows()
	for i, r := range rules {
		t.Run(r.Code+r.Text, func(t *testing.T) {
			code := r.Code
			if _, parameter, ok := strings.Cut(r.Text, ": "); ok {
				code += ": " + parameter
			}
			judge.Script(phone, providers.Answer{Status: r.Status, Code: code, RetryAfter: "7"})
			before := judge.Requests(phone)
			o := client.Send(t.Context(), sms())
			want := verify.Outcome{State: verify.StateFailed, Class: r.Class, Provider: "sns", Detail: r.Code}
			switch r.Class {
			case verify.ClassTransient:
				want.State, want.RetryAfter = verify.StateRetrying, 7*time.Second
			case verify.ClassUnknown:
				want.State, want.RetryAfter = verify.StateUnknown, 7*time.Second
			}
			if o != want {
				t.Errorf("became %+v, want %+v", o, want)
			}
			if client.AccountRefused(o.Detail) != r.All {
				t.Errorf("of the whole account: %t", !r.All)
			}
			if n := judge.Requests(phone) - before; n != 1 {
				t.Errorf("%d requests for one row", n)
			}
			if slices.ContainsFunc(rules[:i], func(b sns.Row) bool { return b.Code == r.Code && strings.HasPrefix(r.Text, b.Text) }) {
				t.Error("a row before hides this one")
			}
		})
	}
	if took := judge.Accepted(""); len(took) > 0 {
		t.Errorf("SNS took %+v", took)
	}
}

func TestWhatNoRowKnows(t *testing.T) {
	judge, client := amazon(t, nil)
	for name, c := range map[string]struct {
		answer providers.Answer
		want   verify.Outcome
	}{
		"another code":     {providers.Answer{Status: 400, Code: "Odd"}, verify.Outcome{State: verify.StateFailed, Class: verify.ClassPolicy, Detail: "Odd"}},
		"429 of a proxy":   {providers.Answer{Status: 429, RetryAfter: "3"}, verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Detail: "429", RetryAfter: 3 * time.Second}},
		"403 of a proxy":   {providers.Answer{Status: 403}, verify.Outcome{State: verify.StateFailed, Class: verify.ClassPolicy, Detail: "403"}},
		"502 of a proxy":   {providers.Answer{Status: 502}, verify.Outcome{State: verify.StateUnknown, Class: verify.ClassUnknown, Detail: "502"}},
		"another 500":      {providers.Answer{Status: 500, Code: "Odd"}, verify.Outcome{State: verify.StateUnknown, Class: verify.ClassUnknown, Detail: "Odd"}},
		"a redirect":       {providers.Answer{Status: 307}, verify.Outcome{State: verify.StateFailed, Class: verify.ClassPolicy, Detail: "307"}},
		"a number as code": {providers.Answer{Status: 400, Code: phone}, verify.Outcome{State: verify.StateFailed, Class: verify.ClassPolicy, Detail: "400"}},
		"reset":            {providers.Answer{Fault: providers.Reset}, verify.Outcome{State: verify.StateUnknown, Class: verify.ClassUnknown, Detail: "reset"}},
		"taken, reset":     {providers.Answer{Fault: providers.TakenReset}, verify.Outcome{State: verify.StateUnknown, Class: verify.ClassUnknown, Detail: "reset"}},
		"taken, garbage":   {providers.Answer{Fault: providers.TakenBroken}, verify.Outcome{State: verify.StateUnknown, Class: verify.ClassUnknown, Detail: "200"}},
		"hang":             {providers.Answer{Fault: providers.Hang}, verify.Outcome{State: verify.StateUnknown, Class: verify.ClassUnknown, Detail: "timeout"}},
		"taken, hang":      {providers.Answer{Fault: providers.TakenHang}, verify.Outcome{State: verify.StateUnknown, Class: verify.ClassUnknown, Detail: "timeout"}},
	} {
		t.Run(name, func(t *testing.T) {
			limit := 5 * time.Second
			if c.want.Detail == "timeout" {
				limit = 200 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			judge.Script(phone, c.answer)
			before := judge.Requests(phone)
			c.want.Provider = "sns"
			if o := client.Send(ctx, sms()); o != c.want {
				t.Errorf("became %+v, want %+v", o, c.want)
			}
			if n := judge.Requests(phone) - before; n != 1 {
				t.Errorf("%d requests for one row", n)
			}
		})
	}
}

func TestNobodyThere(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	_, client := amazon(t, func(c *sns.Config) { c.Endpoint = gone.URL })
	want := verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Provider: "sns", Detail: "connect"}
	if o := client.Send(t.Context(), sms()); o != want {
		t.Errorf("became %+v, want %+v", o, want)
	}
	if err := client.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "NOD_SNS_ENDPOINT") {
		t.Errorf("the check says %v", err)
	}
}

func TestCheck(t *testing.T) {
	judge, client := amazon(t, nil)
	if err := client.Check(t.Context()); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		answer providers.Answer
		says   string
	}{
		{providers.Answer{Status: 403, Code: "AuthorizationError"}, "sns:Publish"},
		{providers.Answer{Status: 403, Code: "InvalidClientTokenId"}, "NOD_SNS_ACCESS_KEY_ID"},
		{providers.Answer{Status: 404}, "NOD_SNS_ENDPOINT"},
		{providers.Answer{Status: 400, Code: "InvalidAction"}, "NOD_SNS_REGION"},
	} {
		judge.Script("GetSMSAttributes", c.answer)
		if err := client.Check(t.Context()); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v", c.answer, err)
		}
	}
	for name, spoil := range map[string]func(*sns.Config){
		"secret": func(c *sns.Config) { c.SecretAccessKey = rand.Text() },
		"region": func(c *sns.Config) { c.Region = "us-east-1" },
		"key":    func(c *sns.Config) { c.AccessKeyID = rand.Text()[:20] },
	} {
		judge, stranger := amazon(t, spoil)
		if err := stranger.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "NOD_SNS_SECRET_ACCESS_KEY") {
			t.Errorf("another %s: %v", name, err)
		}
		if o := stranger.Send(t.Context(), sms()); o.State != verify.StateFailed || o.Class != verify.ClassPolicy {
			t.Errorf("another %s: %+v", name, o)
		}
		if len(judge.Objections()) != 2 || len(judge.Accepted("")) != 0 {
			t.Errorf("another %s: SNS objects %v", name, judge.Objections())
		}
	}
}

func TestNew(t *testing.T) {
	good := sns.Config{Region: "eu-central-1", AccessKeyID: "k", SecretAccessKey: "s"}
	if _, err := sns.New(good); err != nil {
		t.Error(err)
	}
	for setting, spoil := range map[string]func(*sns.Config){
		"NOD_SNS_REGION":            func(c *sns.Config) { c.Region = "" },
		"NOD_SNS_ACCESS_KEY_ID":     func(c *sns.Config) { c.AccessKeyID = "" },
		"NOD_SNS_SECRET_ACCESS_KEY": func(c *sns.Config) { c.SecretAccessKey = "" },
		"NOD_SNS_ENDPOINT":          func(c *sns.Config) { c.Endpoint = "sns.eu-central-1.amazonaws.com" },
	} {
		c := good
		spoil(&c)
		if _, err := sns.New(c); err == nil || !strings.Contains(err.Error(), setting) {
			t.Errorf("%s: %v", setting, err)
		}
	}
	for region, is := range map[string]bool{
		"us-east-1": true, "us-gov-west-1": true, "ap-southeast-3": true,
		"evil.com/": false, "eu-central-1.evil.com": false, "eu-central-1/": false, "Frankfurt": false, "eu-west": false, "eu-central-1\n": false,
	} {
		c := good
		c.Region = region
		if _, err := sns.New(c); (err == nil) != is || err != nil && (!strings.Contains(err.Error(), "NOD_SNS_REGION") || strings.Contains(err.Error(), region)) {
			t.Errorf("%q: %v", region, err)
		}
	}
}

// What the SDK says of an error names the number: none of it may get out.
func TestTellsNoNumber(t *testing.T) {
	judge, client := amazon(t, nil)
	for _, r := range sns.Rows() {
		judge.Script(phone, providers.Answer{Status: r.Status, Code: r.Code + ": PhoneNumber"})
		if o := fmt.Sprintf("%+v", client.Send(t.Context(), sms())); strings.Contains(o, phone[1:]) || strings.Contains(o, "123456") {
			t.Errorf("%s: %s", r.Code, o)
		}
	}
}

var _ interface {
	delivery.Channel
	delivery.Checker
} = (*sns.Client)(nil)

func BenchmarkSend(b *testing.B) {
	_, client := amazon(b, nil)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if o := client.Send(b.Context(), sms()); o.State != verify.StateAccepted {
				b.Errorf("it became %+v", o)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sends/s")
}
