package fcm

import (
	"strconv"

	"nod/delivery/wire"
	"nod/verify"
)

// row is what one answer of FCM means.
type row struct {
	code  string // of FCM, or of Google's APIs where FCM has none
	class verify.Class
}

// rows are the codes of https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode
// and, below, of https://cloud.google.com/apis/design/errors#handling_errors. A code
// that is not here is classed by its HTTP status.
var rows = []row{
	// The app is gone, or its token was replaced.
	{"UNREGISTERED", verify.ClassPermanentTarget},
	// The token is another Firebase project's: it will never be ours.
	{"SENDER_ID_MISMATCH", verify.ClassPermanentTarget},
	// A malformed token, but also any other fault of the request: it does not prove
	// that the token is dead, and dropping it on a mistake of ours would silence
	// everybody.
	{"INVALID_ARGUMENT", verify.ClassPolicy},
	// The APNs key or the Web Push key in the Firebase console is missing or wrong.
	{thirdPartyAuthError, verify.ClassPolicy},
	// The project, this device or this topic had too many messages.
	{"QUOTA_EXCEEDED", verify.ClassTransient},
	// "The server is overloaded", "an unknown internal error": the reference asks to
	// try again, and the app knows a push that it sees twice.
	{"UNAVAILABLE", verify.ClassTransient},
	{"INTERNAL", verify.ClassTransient},
	{"UNSPECIFIED_ERROR", verify.ClassUnknown},

	// The access token, the account's role, the API's switch, the project: the operator's.
	{"UNAUTHENTICATED", verify.ClassPolicy},
	{"PERMISSION_DENIED", verify.ClassPolicy},
	{"NOT_FOUND", verify.ClassPolicy},
	{"FAILED_PRECONDITION", verify.ClassPolicy},
	{"RESOURCE_EXHAUSTED", verify.ClassTransient},
}

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
	return call.Refusal(name, "http_"+strconv.Itoa(status), class)
}
