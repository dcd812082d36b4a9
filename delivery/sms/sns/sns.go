// Package sns sends SMS through Amazon SNS, API version 2010-03-31, by its Go SDK.
//
// Publish to a phone number is the whole of it. SNS tells nobody what became of a
// message but the account's own CloudWatch logs: there are no receipts, and nothing
// to ask. So an SMS over a spent monthly limit, or to a number that has opted out,
// is accepted like any other; the person asks for another code, and a second
// provider is worth having.
//
// Sources: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html,
// https://docs.aws.amazon.com/sns/latest/dg/sms_publish-to-phone.html.
package sns

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/smithy-go"

	"nod/delivery"
	"nod/delivery/wire"
	"nod/verify"
)

// name is the provider's in outcomes.
const name = "sns"

// Config is one IAM user, allowed to sns:Publish, and to sns:GetSMSAttributes for
// the check.
type Config struct {
	Region          string // for example eu-central-1; SMS are not had in all
	AccessKeyID     string
	SecretAccessKey string
	Endpoint        string // scheme and host in Amazon's place; empty: the region's own
}

// Client sends through one account and region. It is safe for concurrent use.
type Client struct {
	api  *sns.Client
	http *http.Client
}

// A region stands in the host that is called and signed for
// (https://docs.aws.amazon.com/general/latest/gr/sns.html).
var regionForm = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]+$`)

// New makes a client and dials nobody. The error names the setting to mend.
func New(c Config) (*Client, error) {
	switch {
	case c.Region == "":
		return nil, errors.New("NOD_SNS_REGION is empty: write an AWS region that sends SMS, for example eu-central-1")
	case !regionForm.MatchString(c.Region):
		return nil, errors.New("NOD_SNS_REGION is no AWS region: write one that sends SMS, for example eu-central-1")
	case c.AccessKeyID == "":
		return nil, errors.New("NOD_SNS_ACCESS_KEY_ID is empty: write the access key of an IAM user that may sns:Publish")
	case c.SecretAccessKey == "":
		return nil, errors.New("NOD_SNS_SECRET_ACCESS_KEY is empty: write the secret of the access key")
	}
	client := &Client{http: wire.NewClient(nil)}
	options := sns.Options{
		Region:      c.Region,
		Credentials: credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, ""),
		HTTPClient:  client.http,
		Retryer:     aws.NopRetryer{}, // one row, one request
	}
	if c.Endpoint != "" {
		to, err := wire.Origin(c.Endpoint, "https://sns.eu-central-1.amazonaws.com")
		if err != nil {
			return nil, fmt.Errorf("NOD_SNS_ENDPOINT: %w", err)
		}
		options.BaseEndpoint = aws.String(to.String())
	}
	client.api = sns.New(options)
	return client, nil
}

// Close gives up idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Send makes the one request of a delivery and classes its answer, see [rules]. An
// SMS goes as transactional: over the routes that codes are meant for.
func (c *Client) Send(ctx context.Context, m delivery.Message) verify.Outcome {
	ctx, call := wire.One(ctx)
	out, err := c.api.Publish(ctx, &sns.PublishInput{
		PhoneNumber: aws.String(m.Number.E164()),
		Message:     aws.String(m.Text),
		MessageAttributes: map[string]types.MessageAttributeValue{
			"AWS.SNS.SMS.SMSType": {DataType: aws.String("String"), StringValue: aws.String("Transactional")},
		},
	})
	if o, below := call.Outcome(name); below {
		return o
	}
	if err == nil && aws.ToString(out.MessageId) != "" {
		return verify.Outcome{State: verify.StateAccepted, Class: verify.ClassNone, Provider: name, ProviderID: *out.MessageId}
	}
	code, text := errorOf(err)
	return call.Refusal(name, cmp.Or(code, strconv.Itoa(call.Status())), classOf(call.Status(), code, text))
}

// errorOf reads Amazon's code, and the text that says which parameter is meant; the
// text holds the number and goes no further.
func errorOf(err error) (code, text string) {
	if api, ok := errors.AsType[smithy.APIError](err); ok && word.MatchString(api.ErrorCode()) && api.ErrorCode() != "UnknownError" {
		return api.ErrorCode(), api.ErrorMessage()
	}
	return "", ""
}

// Check tries the credentials by reading the account's settings for SMS; it sends
// nothing.
func (c *Client) Check(ctx context.Context) error {
	ctx, call := wire.One(ctx)
	_, err := c.api.GetSMSAttributes(ctx, &sns.GetSMSAttributesInput{})
	code, _ := errorOf(err)
	switch {
	case err == nil:
		return nil
	case call.Status() == 0:
		return errors.New("SNS cannot be reached: are NOD_SNS_REGION and NOD_SNS_ENDPOINT right, and may this machine call it?")
	case strings.HasPrefix(code, "AuthorizationError") || strings.HasPrefix(code, "AccessDenied"):
		return errors.New("SNS knows the key but lets it do nothing: allow its IAM user sns:Publish and sns:GetSMSAttributes")
	case call.Status() == http.StatusForbidden:
		return fmt.Errorf("SNS refuses the credentials (%s): compare NOD_SNS_ACCESS_KEY_ID, NOD_SNS_SECRET_ACCESS_KEY and NOD_SNS_REGION, and this machine's clock", code)
	case code == "":
		return fmt.Errorf("what answers is not SNS (%d): is NOD_SNS_ENDPOINT right?", call.Status())
	}
	return fmt.Errorf("SNS answered %d (%s): is NOD_SNS_REGION right?", call.Status(), code)
}
