package fcm

import (
	"context"
	"fmt"
	"slices"
	"time"

	"firebase.google.com/go/v4/messaging"

	"nod/verify"
)

// Check asks FCM to look at a message for a token that cannot be, and to send
// nothing (validate_only). That FCM finds fault with the token, and with nothing
// before it, shows that the credentials are good.
func (f *FCM) Check(ctx context.Context) error {
	ttl := time.Duration(0)
	o := f.call(ctx, f.client.SendDryRun, &messaging.Message{
		Token:   "-", // no device has it
		Data:    map[string]string{"type": "check"},
		Android: &messaging.AndroidConfig{TTL: &ttl},
	})
	switch {
	case o.State == verify.StateAccepted || o.Detail == "INVALID_ARGUMENT" || o.Detail == "UNREGISTERED":
		return nil
	case slices.Contains(grantErrors, o.Detail):
		return fmt.Errorf("the service account of GOOGLE_APPLICATION_CREDENTIALS gets no access token (%s): look whether its key was deleted, and whether this machine's clock is right", o.Detail)
	case o.Detail == "PERMISSION_DENIED":
		return fmt.Errorf("the service account may not send for project %s: give it the role Firebase Cloud Messaging API Admin and switch the Firebase Cloud Messaging API (V1) on", f.project)
	case o.Detail == "NOT_FOUND":
		return fmt.Errorf("FCM knows no project %s: GOOGLE_APPLICATION_CREDENTIALS names it", f.project)
	case o.Detail == "UNAUTHENTICATED":
		return fmt.Errorf("FCM does not take the access token of the service account: look whether it belongs to project %s", f.project)
	case o.Class == verify.ClassTransient || o.Class == verify.ClassUnknown:
		return fmt.Errorf("FCM or its token endpoint gave no answer that helps (%s): look at the network, at NOD_FCM_ENDPOINT and at token_uri in the credentials", o.Detail)
	}
	return fmt.Errorf("what answers is not FCM (%s): look at NOD_FCM_ENDPOINT", o.Detail)
}
