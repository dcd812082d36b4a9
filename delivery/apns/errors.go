package apns

import (
	"strconv"

	"github.com/sideshow/apns2"

	"nod/verify"
)

// The reasons that the library has no name for. The first is what Apple documents,
// the second what it answers (https://github.com/kylebrowning/APNSwift/pull/229).
const (
	reasonBadEnvironmentKeyID = "BadEnvironmentKeyIdInToken"
	reasonBadEnvironmentKey   = "BadEnvironmentKeyInToken"
	reasonUnrelatedKeyID      = "UnrelatedKeyIdInToken"
)

// row is what one answer of APNs means.
type row struct {
	reason string
	state  verify.DeliveryState
	class  verify.Class
}

// rows are the reasons of
// https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns
// A reason that is not here is classed by its HTTP status.
var rows = []row{
	// 400 and 410. The token will never be good here: the app is gone, the token is old, another
	// app's, or of the other of Apple's two services. The app registers anew when it
	// is opened. A wrong topic or endpoint looks the same for every device: Check
	// tells it before anybody is harmed.
	{apns2.ReasonBadDeviceToken, verify.StateFailed, verify.ClassPermanentTarget},
	{apns2.ReasonDeviceTokenNotForTopic, verify.StateFailed, verify.ClassPermanentTarget},
	{apns2.ReasonExpiredToken, verify.StateFailed, verify.ClassPermanentTarget},
	{apns2.ReasonUnregistered, verify.StateFailed, verify.ClassPermanentTarget},

	// 400, 404, 405, 413. The request was wrong: a fault of ours or of the topic, not of the device.
	{apns2.ReasonBadCollapseID, verify.StateFailed, verify.ClassPolicy},
	{apns2.ReasonBadExpirationDate, verify.StateFailed, verify.ClassPolicy},
	{apns2.ReasonBadMessageID, verify.StateFailed, verify.ClassPolicy},
	{apns2.ReasonBadPriority, verify.StateFailed, verify.ClassPolicy},
	{apns2.ReasonBadTopic, verify.StateFailed, verify.ClassPolicy},
	{apns2.ReasonDuplicateHeaders, verify.StateFailed, verify.ClassPolicy},
	{apns2.ReasonInvalidPushType, verify.StateFailed, verify.ClassPolicy},
	{apns2.ReasonMissingDeviceToken, verify.StateFailed, verify.ClassPolicy},
	{apns2.ReasonMissingTopic, verify.StateFailed, verify.ClassPolicy},
	{apns2.ReasonPayloadEmpty, verify.StateFailed, verify.ClassPolicy},
	{apns2.ReasonTopicDisallowed, verify.StateFailed, verify.ClassPolicy},
	{apns2.ReasonBadPath, verify.StateFailed, verify.ClassPolicy},
	{apns2.ReasonMethodNotAllowed, verify.StateFailed, verify.ClassPolicy},
	{apns2.ReasonPayloadTooLarge, verify.StateFailed, verify.ClassPolicy},

	// 403. The provider is not let in: the operator's key, or this machine's clock.
	{apns2.ReasonBadCertificate, verify.StateFailed, verify.ClassPolicy},
	{apns2.ReasonBadCertificateEnvironment, verify.StateFailed, verify.ClassPolicy},
	{reasonBadEnvironmentKey, verify.StateFailed, verify.ClassPolicy},
	{reasonBadEnvironmentKeyID, verify.StateFailed, verify.ClassPolicy},
	{apns2.ReasonExpiredProviderToken, verify.StateFailed, verify.ClassPolicy},
	{apns2.ReasonForbidden, verify.StateFailed, verify.ClassPolicy},
	{apns2.ReasonInvalidProviderToken, verify.StateFailed, verify.ClassPolicy},
	{apns2.ReasonMissingProviderToken, verify.StateFailed, verify.ClassPolicy},
	{reasonUnrelatedKeyID, verify.StateFailed, verify.ClassPolicy},

	// 400, 429, 500, 503. Not taken now.
	{apns2.ReasonIdleTimeout, verify.StateRetrying, verify.ClassTransient},
	{apns2.ReasonTooManyProviderTokenUpdates, verify.StateRetrying, verify.ClassTransient},
	{apns2.ReasonTooManyRequests, verify.StateRetrying, verify.ClassTransient},
	{apns2.ReasonInternalServerError, verify.StateRetrying, verify.ClassTransient},
	{apns2.ReasonServiceUnavailable, verify.StateRetrying, verify.ClassTransient},
	{apns2.ReasonShutdown, verify.StateRetrying, verify.ClassTransient},
}

// refusal classes an answer that is not a success. Its detail is a reason that is
// known, or else the HTTP status: never a word of the answer.
func refusal(status int, reason string) verify.Outcome {
	for _, r := range rows {
		if r.reason == reason {
			return verify.Outcome{State: r.state, Class: r.class, Provider: name, Detail: reason}
		}
	}
	o := verify.Outcome{State: verify.StateFailed, Class: verify.ClassPolicy, Provider: name, Detail: "http_" + strconv.Itoa(status)}
	switch {
	case status == 410:
		o.Class = verify.ClassPermanentTarget // "no longer active for the topic", whatever the reason
	case status < 300, status >= 500 && status != 500 && status != 503:
		// A success with a body, which APNs has none of, or a gateway that lost the answer.
		o.State, o.Class = verify.StateUnknown, verify.ClassUnknown
	case status == 429, status >= 500:
		o.State, o.Class = verify.StateRetrying, verify.ClassTransient
	}
	return o
}
