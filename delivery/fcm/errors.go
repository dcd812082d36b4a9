package fcm

import (
	"strconv"

	"nod/verify"
)

// row is what one answer of FCM means.
type row struct {
	code  string // of FCM, or of Google's APIs where FCM has none
	state verify.DeliveryState
	class verify.Class
}

// rows are the codes of https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode
// and, below, of https://cloud.google.com/apis/design/errors#handling_errors. A code
// that is not here is classed by its HTTP status.
var rows = []row{
	// The app is gone, or its token was replaced.
	{"UNREGISTERED", verify.StateFailed, verify.ClassPermanentTarget},
	// The token is another Firebase project's: it will never be ours.
	{"SENDER_ID_MISMATCH", verify.StateFailed, verify.ClassPermanentTarget},
	// A malformed token, but also any other fault of the request: it does not prove
	// that the token is dead, and dropping it on a mistake of ours would silence
	// everybody.
	{"INVALID_ARGUMENT", verify.StateFailed, verify.ClassPolicy},
	// The APNs key or the Web Push key in the Firebase console is missing or wrong.
	{"THIRD_PARTY_AUTH_ERROR", verify.StateFailed, verify.ClassPolicy},
	// The project, this device or this topic had too many messages.
	{"QUOTA_EXCEEDED", verify.StateRetrying, verify.ClassTransient},
	// "The server is overloaded", "an unknown internal error": the reference asks to
	// try again, and the app knows a push that it sees twice.
	{"UNAVAILABLE", verify.StateRetrying, verify.ClassTransient},
	{"INTERNAL", verify.StateRetrying, verify.ClassTransient},
	{"UNSPECIFIED_ERROR", verify.StateUnknown, verify.ClassUnknown},

	// The access token, the account's role, the API's switch, the project: the operator's.
	{"UNAUTHENTICATED", verify.StateFailed, verify.ClassPolicy},
	{"PERMISSION_DENIED", verify.StateFailed, verify.ClassPolicy},
	{"NOT_FOUND", verify.StateFailed, verify.ClassPolicy},
	{"FAILED_PRECONDITION", verify.StateFailed, verify.ClassPolicy},
	{"RESOURCE_EXHAUSTED", verify.StateRetrying, verify.ClassTransient},
}

// refusal classes an answer that is not a success. Its detail is a code that is
// known, or else the HTTP status: never a word of the answer.
func refusal(status int, code string) verify.Outcome {
	for _, r := range rows {
		if r.code == code {
			return verify.Outcome{State: r.state, Class: r.class, Provider: name, Detail: code}
		}
	}
	o := verify.Outcome{State: verify.StateFailed, Class: verify.ClassPolicy, Provider: name, Detail: "http_" + strconv.Itoa(status)}
	switch {
	case status < 300, status >= 500 && status != 500 && status != 503:
		// A success without its message id, or a gateway that lost the answer.
		o.State, o.Class = verify.StateUnknown, verify.ClassUnknown
	case status == 429, status >= 500:
		o.State, o.Class = verify.StateRetrying, verify.ClassTransient
	}
	return o
}
