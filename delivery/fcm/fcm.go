// Package fcm brings pushes to phones over Firebase Cloud Messaging, HTTP v1
// (https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages),
// through Google's Admin SDK.
//
// To Android and to browsers goes data only, so that the app decides what is shown;
// to an iPhone an alert that its extension can replace. What a push carries is
// [delivery.Message.Data]: ids and, sealed for the device, the signed prompt.
// Google reads no context, no code and no number. A sealed prompt that does not fit
// is left out: the woken app fetches it.
//
// A push lives exactly as long as its prompt; left to itself FCM keeps one for 28
// days. It has no collapse key on Android, where a device may have four of them.
//
// # One request
//
// The SDK tries again by itself, after a 503 and after network errors, for up to 7
// seconds. [wire.One] stops that: there is one request, and its answer is classed,
// not what the SDK made of it. The access token is fetched before, so that trouble
// with it never looks like a message that may have left.
package fcm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"time"

	firebase "firebase.google.com/go/v4"
	"firebase.google.com/go/v4/messaging"
	"google.golang.org/api/option"

	"nod/delivery"
	"nod/delivery/wire"
	"nod/verify"
)

// name is the provider's in outcomes.
const name = "fcm"

// endpoint is Google's.
const endpoint = "https://fcm.googleapis.com"

// maxPayload is the most that FCM takes, in bytes
// (https://firebase.google.com/docs/cloud-messaging/concept-options).
const maxPayload = 4096

// Config says whose messages are sent, and where to.
type Config struct {
	// Credentials is the JSON of a service account's key, as the Firebase console
	// gives it out. It names the project and where access tokens are fetched
	// (token_uri).
	Credentials []byte
	// Endpoint is scheme and host; empty: Google's.
	Endpoint string
}

// FCM is the channel to devices that registered with Firebase.
type FCM struct {
	client  *messaging.Client
	tokens  *tokens
	project string
}

// A project id; older ones are scoped by a domain, "example.com:nod".
var projectID = regexp.MustCompile(`^[a-z0-9.:-]{4,64}$`)

// New reads the credentials. It does not dial.
func New(c Config) (*FCM, error) {
	var account struct {
		Project string `json:"project_id"`
	}
	if err := json.Unmarshal(c.Credentials, &account); err != nil {
		return nil, errors.New("the credentials are no JSON: take the file that the Firebase console makes under Project settings, Service accounts")
	}
	if !projectID.MatchString(account.Project) {
		return nil, errors.New("the credentials name no project (project_id)")
	}
	to, err := wire.Origin(c.Endpoint, endpoint)
	if err != nil {
		return nil, fmt.Errorf("the endpoint: %w", err)
	}
	client := wire.NewClient(nil)
	tokens, err := newTokens(c.Credentials, client)
	if err != nil {
		return nil, err
	}
	// The SDK is handed a client of our own, so it looks for no other credentials.
	bearing := wire.Over(bearer{client.Transport})
	ctx := context.Background() // of nothing: the SDK keeps it for clients that dial
	app, err := firebase.NewApp(ctx, &firebase.Config{ProjectID: account.Project}, option.WithHTTPClient(bearing), option.WithEndpoint(to.String()+"/v1"))
	if err != nil {
		return nil, fmt.Errorf("making the Firebase client: %w", err)
	}
	m, err := app.Messaging(ctx)
	if err != nil {
		return nil, fmt.Errorf("making the Firebase client: %w", err)
	}
	return &FCM{client: m, tokens: tokens, project: account.Project}, nil
}

// Close gives idle connections up.
func (f *FCM) Close() { f.tokens.client.CloseIdleConnections() }

// Send pushes a prompt.
func (f *FCM) Send(ctx context.Context, m delivery.Message) verify.Outcome {
	if m.Push == nil || m.Push.Token == "" {
		return verify.Outcome{State: verify.StateFailed, Class: verify.ClassPermanentTarget, Provider: name, Detail: "malformed_token"}
	}
	return f.call(ctx, f.client.Send, compose(m))
}

// Withdraw tells the app that a request is over, in the background.
func (f *FCM) Withdraw(ctx context.Context, m delivery.Message) error {
	return delivery.WithdrawBy(ctx, f, m)
}

// call makes one request of the SDK and classes the answer. An access token that was
// kept and is refused was taken back early by Google: the push was not taken, and the
// next try fetches a new one. Credentials that are bad fail there, or the new token is
// refused, too.
func (f *FCM) call(ctx context.Context, send func(context.Context, *messaging.Message) (string, error), m *messaging.Message) verify.Outcome {
	token, fresh, err := f.tokens.get(ctx)
	if err != nil {
		return noToken(err)
	}
	one, call := wire.One(ctx)
	id, err := send(context.WithValue(one, bearerKey{}, token), m)
	if o, none := call.Outcome(name); none {
		return o
	}
	if err == nil && id != "" && call.Status() == http.StatusOK {
		return verify.Outcome{State: verify.StateAccepted, Class: verify.ClassNone, Provider: name, ProviderID: id}
	}
	o := refusal(call, errorCode(call.Body()))
	if call.Status() == http.StatusUnauthorized && o.Detail != thirdPartyAuthError {
		f.tokens.drop(token)
		if !fresh {
			return call.Refusal(name, o.Detail, verify.ClassTransient)
		}
	}
	return o
}

// errorCode reads FCM's own code from an error answer, or else the one that all
// of Google's APIs have (https://cloud.google.com/apis/design/errors#error_model).
func errorCode(body []byte) string {
	var answer struct {
		Error struct {
			Status  string `json:"status"`
			Details []struct {
				Type string `json:"@type"`
				Code string `json:"errorCode"`
			} `json:"details"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return ""
	}
	for _, d := range answer.Error.Details {
		if d.Type == "type.googleapis.com/google.firebase.fcm.v1.FcmError" {
			return d.Code
		}
	}
	return answer.Error.Status
}

// compose makes the message, without the sealed prompt when it would be too long.
func compose(m delivery.Message) *messaging.Message {
	c := addressed(m)
	if text, err := json.Marshal(c); err == nil && len(text) > maxPayload+len(c.Token) {
		m.Sealed = ""
		c = addressed(m)
	}
	return c
}

// addressed makes the message in the form of the device's platform.
func addressed(m delivery.Message) *messaging.Message {
	c := &messaging.Message{Token: m.Push.Token, Data: m.Data()}
	ttl := max(m.Life.Truncate(time.Second), 0) // rather a second short than after the end
	seconds := strconv.Itoa(int(ttl / time.Second))
	switch {
	case m.Platform == "ios" && m.Withdrawn:
		c.APNS = &messaging.APNSConfig{
			Headers: appleHeaders(m, "background", "5"),
			Payload: &messaging.APNSPayload{Aps: &messaging.Aps{ContentAvailable: true}},
		}
	case m.Platform == "ios":
		headers := appleHeaders(m, "alert", "10")
		headers["apns-collapse-id"] = m.VerificationID // a second push replaces the first on the screen
		c.APNS = &messaging.APNSConfig{
			Headers: headers,
			Payload: &messaging.APNSPayload{Aps: &messaging.Aps{
				Alert:          &messaging.ApsAlert{Title: m.Title, Body: m.Text},
				Sound:          "default",
				MutableContent: true,
				Category:       delivery.PushCategory,
			}},
		}
	case m.Platform == "web":
		c.Webpush = &messaging.WebpushConfig{Headers: map[string]string{"TTL": seconds, "Urgency": urgency(m)}}
	default:
		c.Android = &messaging.AndroidConfig{Priority: urgency(m), TTL: &ttl}
	}
	return c
}

// appleHeaders are those of https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns
func appleHeaders(m delivery.Message, pushType, priority string) map[string]string {
	return map[string]string{
		"apns-push-type":  pushType,
		"apns-priority":   priority,
		"apns-expiration": strconv.FormatInt(m.ExpiresAt.Unix(), 10),
	}
}

// urgency wakes a sleeping phone for a request, and for nothing else: Android
// lowers the priority of apps whose urgent pushes show nothing.
func urgency(m delivery.Message) string {
	if m.Withdrawn {
		return "normal"
	}
	return "high"
}
