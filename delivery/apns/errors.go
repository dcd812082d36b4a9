package apns

import (
	"slices"
	"strconv"
	"strings"

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
	reason  string
	class   verify.Class
	account bool // it meets every push, whoever it is for
}

// rows are the reasons of
// https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns
// A reason that is not here is classed by its HTTP status.
var rows = []row{
	// 400 and 410. The token will never be good here: the app is gone, the token is
	// old, another app's, or of the other of Apple's two services. An app registers
	// anew when it is opened. (A wrong endpoint, or the topic of another app of the
	// team, looks the same, and Check cannot tell: it has no token of a device.)
	{apns2.ReasonBadDeviceToken, verify.ClassPermanentTarget, false},
	{apns2.ReasonDeviceTokenNotForTopic, verify.ClassPermanentTarget, false},
	{apns2.ReasonExpiredToken, verify.ClassPermanentTarget, false},
	{apns2.ReasonUnregistered, verify.ClassPermanentTarget, false},

	// 400, 404, 405, 413. The request was wrong: a fault of ours or of the topic, not of the device.
	{apns2.ReasonBadCollapseID, verify.ClassPolicy, false},
	{apns2.ReasonBadExpirationDate, verify.ClassPolicy, false},
	{apns2.ReasonBadMessageID, verify.ClassPolicy, false},
	{apns2.ReasonBadPriority, verify.ClassPolicy, false},
	{apns2.ReasonBadTopic, verify.ClassPolicy, true},
	{apns2.ReasonDuplicateHeaders, verify.ClassPolicy, false},
	{apns2.ReasonInvalidPushType, verify.ClassPolicy, false},
	{apns2.ReasonMissingDeviceToken, verify.ClassPolicy, false},
	{apns2.ReasonMissingTopic, verify.ClassPolicy, true},
	{apns2.ReasonPayloadEmpty, verify.ClassPolicy, false},
	{apns2.ReasonTopicDisallowed, verify.ClassPolicy, true},
	{apns2.ReasonBadPath, verify.ClassPolicy, false},
	{apns2.ReasonMethodNotAllowed, verify.ClassPolicy, false},
	{apns2.ReasonPayloadTooLarge, verify.ClassPolicy, false},

	// 403. The provider is not let in: the operator's key, or this machine's clock.
	// See [APNs.call] for what a new provider token mends.
	{apns2.ReasonBadCertificate, verify.ClassPolicy, true},
	{apns2.ReasonBadCertificateEnvironment, verify.ClassPolicy, true},
	{reasonBadEnvironmentKey, verify.ClassPolicy, true},
	{reasonBadEnvironmentKeyID, verify.ClassPolicy, true},
	{apns2.ReasonExpiredProviderToken, verify.ClassTransient, true},
	{apns2.ReasonForbidden, verify.ClassPolicy, true},
	{apns2.ReasonInvalidProviderToken, verify.ClassPolicy, true},
	{apns2.ReasonMissingProviderToken, verify.ClassPolicy, true},
	{reasonUnrelatedKeyID, verify.ClassPolicy, true},

	// 400, 429, 500, 503. Not taken now.
	{apns2.ReasonIdleTimeout, verify.ClassTransient, false},
	{apns2.ReasonTooManyProviderTokenUpdates, verify.ClassTransient, false},
	{apns2.ReasonTooManyRequests, verify.ClassTransient, false},
	{apns2.ReasonInternalServerError, verify.ClassTransient, false},
	{apns2.ReasonServiceUnavailable, verify.ClassTransient, false},
	{apns2.ReasonShutdown, verify.ClassTransient, false},
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
	return call.Refusal(name, httpDetail+strconv.Itoa(status), class)
}

// AccountRefused reports whether a refusal with this detail would meet every push:
// it is of the key or the topic, or of something that is not APNs.
func (a *APNs) AccountRefused(detail string) bool {
	if status, ok := strings.CutPrefix(detail, httpDetail); ok {
		return strings.HasPrefix(status, "3") || slices.Contains([]string{"401", "403", "404"}, status)
	}
	return slices.ContainsFunc(rows, func(r row) bool { return r.account && r.reason == detail })
}

// NumberRefused reports whether a passing refusal is of one device: it got too many
// pushes in a row.
func (a *APNs) NumberRefused(detail string) bool { return detail == apns2.ReasonTooManyRequests }

const httpDetail = "http_"
