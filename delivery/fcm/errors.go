package fcm

import (
	"slices"
	"strconv"
	"strings"

	"nod/delivery/wire"
	"nod/verify"
)

// row is what one answer of FCM means.
type row struct {
	code    string // of FCM, or of Google's APIs where FCM has none
	class   verify.Class
	account bool // it meets every push, whoever it is for
}

// rows are the codes of https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode
// and, below, of https://cloud.google.com/apis/design/errors#handling_errors. A code
// that is not here is classed by its HTTP status.
var rows = []row{
	// The app is gone, or its token was replaced.
	{"UNREGISTERED", verify.ClassPermanentTarget, false},
	// The token is another Firebase project's: it will never be ours.
	{"SENDER_ID_MISMATCH", verify.ClassPermanentTarget, false},
	// A malformed token, but also any other fault of the request: it does not prove
	// that the token is dead, and dropping it on a mistake of ours would silence
	// everybody.
	{"INVALID_ARGUMENT", verify.ClassPolicy, false},
	// The APNs key or the Web Push key in the Firebase console is missing or wrong, or
	// a browser subscribed with another: it speaks against no other platform.
	{thirdPartyAuthError, verify.ClassPolicy, false},
	// The project, this device or this topic had too many messages.
	{quotaExceeded, verify.ClassTransient, false},
	// "The server is overloaded", "an unknown internal error": the reference asks to
	// try again, and the app knows a push that it sees twice.
	{"UNAVAILABLE", verify.ClassTransient, false},
	{"INTERNAL", verify.ClassTransient, false},
	{"UNSPECIFIED_ERROR", verify.ClassUnknown, false},

	// The access token, the account's role, the API's switch, the project: the
	// operator's. See [FCM.call] for a token that was kept.
	{"UNAUTHENTICATED", verify.ClassPolicy, true},
	{"PERMISSION_DENIED", verify.ClassPolicy, true},
	{"NOT_FOUND", verify.ClassPolicy, true},
	{"FAILED_PRECONDITION", verify.ClassPolicy, true},
	{"RESOURCE_EXHAUSTED", verify.ClassTransient, false},
}

const quotaExceeded = "QUOTA_EXCEEDED"

// thirdPartyAuthError comes with the status of a bad access token, and is not about
// it.
const thirdPartyAuthError = "THIRD_PARTY_AUTH_ERROR"

// refusal classes an answer that is not a success. Its detail is a code that is
// known, or else the HTTP status: never a word of the answer.
func refusal(call *wire.Call, code string) verify.Outcome {
	for _, r := range rows {
		if r.code == code {
			return call.Refusal(name, code, r.class)
		}
	}
	status, class := call.Status(), verify.ClassPolicy
	switch {
	case status < 300, status >= 500 && status != 500 && status != 503:
		class = verify.ClassUnknown // a success without its message id, or a gateway that lost the answer
	case status == 429, status >= 500:
		class = verify.ClassTransient
	}
	return call.Refusal(name, httpDetail+strconv.Itoa(status), class)
}

const (
	httpDetail  = "http_"
	tokenDetail = "token_http_"
)

// AccountRefused reports whether a refusal with this detail would meet every push: it
// is of the service account or the project, of something that is not FCM, or there
// was no access token.
func (f *FCM) AccountRefused(detail string) bool {
	if status, ok := strings.CutPrefix(detail, httpDetail); ok {
		return strings.HasPrefix(status, "3") || slices.Contains([]string{"401", "403", "404"}, status)
	}
	return strings.HasPrefix(detail, tokenDetail) || slices.Contains(grantErrors, detail) ||
		slices.ContainsFunc(rows, func(r row) bool { return r.account && r.code == detail })
}

// NumberRefused reports whether a passing refusal may be of one device: FCM says
// alike that a device and that the project got too many pushes, and the first is in a
// stranger's power.
func (f *FCM) NumberRefused(detail string) bool { return detail == quotaExceeded }
