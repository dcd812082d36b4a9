package apns

import (
	"strconv"

	"github.com/sideshow/apns2"

	"nod/delivery/wire"
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
	class  verify.Class
}

// rows are the reasons of
// https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns
// A reason that is not here is classed by its HTTP status.
var rows = []row{
	// 400 and 410. The token will never be good here: the app is gone, the token is
	// old, another app's, or of the other of Apple's two services. An app registers
	// anew when it is opened. (A wrong endpoint, or the topic of another app of the
	// team, looks the same, and Check cannot tell: it has no token of a device.)
	{apns2.ReasonBadDeviceToken, verify.ClassPermanentTarget},
	{apns2.ReasonDeviceTokenNotForTopic, verify.ClassPermanentTarget},
	{apns2.ReasonExpiredToken, verify.ClassPermanentTarget},
	{apns2.ReasonUnregistered, verify.ClassPermanentTarget},

	// 400, 404, 405, 413. The request was wrong: a fault of ours or of the topic, not of the device.
	{apns2.ReasonBadCollapseID, verify.ClassPolicy},
	{apns2.ReasonBadExpirationDate, verify.ClassPolicy},
	{apns2.ReasonBadMessageID, verify.ClassPolicy},
	{apns2.ReasonBadPriority, verify.ClassPolicy},
	{apns2.ReasonBadTopic, verify.ClassPolicy},
	{apns2.ReasonDuplicateHeaders, verify.ClassPolicy},
	{apns2.ReasonInvalidPushType, verify.ClassPolicy},
	{apns2.ReasonMissingDeviceToken, verify.ClassPolicy},
	{apns2.ReasonMissingTopic, verify.ClassPolicy},
	{apns2.ReasonPayloadEmpty, verify.ClassPolicy},
	{apns2.ReasonTopicDisallowed, verify.ClassPolicy},
	{apns2.ReasonBadPath, verify.ClassPolicy},
	{apns2.ReasonMethodNotAllowed, verify.ClassPolicy},
	{apns2.ReasonPayloadTooLarge, verify.ClassPolicy},

	// 403. The provider is not let in: the operator's key, or this machine's clock.
	{apns2.ReasonBadCertificate, verify.ClassPolicy},
	{apns2.ReasonBadCertificateEnvironment, verify.ClassPolicy},
	{reasonBadEnvironmentKey, verify.ClassPolicy},
	{reasonBadEnvironmentKeyID, verify.ClassPolicy},
	{apns2.ReasonExpiredProviderToken, verify.ClassPolicy},
	{apns2.ReasonForbidden, verify.ClassPolicy},
	{apns2.ReasonInvalidProviderToken, verify.ClassPolicy},
	{apns2.ReasonMissingProviderToken, verify.ClassPolicy},
	{reasonUnrelatedKeyID, verify.ClassPolicy},

	// 400, 429, 500, 503. Not taken now.
	{apns2.ReasonIdleTimeout, verify.ClassTransient},
	{apns2.ReasonTooManyProviderTokenUpdates, verify.ClassTransient},
	{apns2.ReasonTooManyRequests, verify.ClassTransient},
	{apns2.ReasonInternalServerError, verify.ClassTransient},
	{apns2.ReasonServiceUnavailable, verify.ClassTransient},
	{apns2.ReasonShutdown, verify.ClassTransient},
}

// refusal classes an answer that is not a success. Its detail is a reason that is
// known, or else the HTTP status: never a word of the answer.
func refusal(call *wire.Call, reason string) verify.Outcome {
	for _, r := range rows {
		if r.reason == reason {
			return call.Refusal(name, reason, r.class)
		}
	}
	status, class := call.Status(), verify.ClassPolicy
	switch {
	case status == 410:
		class = verify.ClassPermanentTarget // "no longer active for the topic", whatever the reason
	case status < 300, status >= 500 && status != 500 && status != 503:
		class = verify.ClassUnknown // a success with a body, which APNs has none of, or a gateway that lost the answer
	case status == 429, status >= 500:
		class = verify.ClassTransient
	}
	return call.Refusal(name, "http_"+strconv.Itoa(status), class)
}
