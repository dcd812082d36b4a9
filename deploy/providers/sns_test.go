package providers

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// TestJudgeSNS signs as Amazon's own signer does, then changes one thing at a time.
func TestJudgeSNS(t *testing.T) {
	judge := &SNS{Region: "eu-central-1", AccessKeyID: hexes(10), SecretAccessKey: hexes(20)}
	srv := httptest.NewServer(judge)
	defer srv.Close()
	good := url.Values{
		"Action": {"Publish"}, "Version": {"2010-03-31"}, "PhoneNumber": {"+14155550123"}, "Message": {"482913 is your code."},
		"MessageAttributes.entry.1.Name":              {"AWS.SNS.SMS.SMSType"},
		"MessageAttributes.entry.1.Value.DataType":    {"String"},
		"MessageAttributes.entry.1.Value.StringValue": {"Transactional"},
	}
	publish := func(form url.Values, at time.Time, region string, change func(*http.Request)) int {
		body := form.Encode()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		account := aws.Credentials{AccessKeyID: judge.AccessKeyID, SecretAccessKey: judge.SecretAccessKey}
		if err := v4.NewSigner().SignHTTP(t.Context(), account, r, hashHex([]byte(body)), "sns", region, at); err != nil {
			t.Fatal(err)
		}
		if change != nil {
			change(r)
		}
		res, err := srv.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		return res.StatusCode
	}
	if status := publish(good, time.Now(), judge.Region, nil); status != 200 || len(judge.Objections()) > 0 {
		t.Fatalf("a good message: %d, %v", status, judge.Objections())
	}
	refuse := func(what string, want, status int) {
		t.Helper()
		if n := len(judge.Objections()); status != want || n != 1 {
			t.Errorf("%s: %d, %v", what, status, judge.Objections())
		}
		judge.objections = nil
	}
	refuse("of an hour ago", 403, publish(good, time.Now().Add(-time.Hour), judge.Region, nil))
	refuse("another region", 403, publish(good, time.Now(), "us-east-1", nil))
	refuse("unsigned", 403, publish(good, time.Now(), judge.Region, func(r *http.Request) { r.Header.Del("Authorization") }))
	refuse("another header", 403, publish(good, time.Now(), judge.Region, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }))
	refuse("another query", 403, publish(good, time.Now(), judge.Region, func(r *http.Request) { r.URL.RawQuery = "a=b" }))
	refuse("another host", 403, publish(good, time.Now(), judge.Region, func(r *http.Request) { r.Host = "sns.example" }))
	for name, value := range map[string]string{
		"Version": "2009-01-01", "Action": "Subscribe", "PhoneNumber": "14155550123", "Message": "", "TopicArn": "arn:aws:sns:eu-central-1:1:t",
		"MessageAttributes.entry.1.Value.StringValue": "Promotional",
	} {
		form := maps.Clone(good)
		form.Set(name, value)
		refuse(name, 400, publish(form, time.Now(), judge.Region, nil))
	}
	form := maps.Clone(good)
	form.Set("Message", strings.Repeat("x", 161))
	refuse("two segments", 400, publish(form, time.Now(), judge.Region, nil))
	if took := judge.Accepted(""); len(took) != 1 {
		t.Errorf("it took %+v", took)
	}
}
