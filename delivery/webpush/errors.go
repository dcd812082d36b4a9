package webpush

import (
	"net/http"
	"strconv"

	"nod/delivery/wire"
	"nod/verify"
)

// row is what one answer of a push service means.
type row struct {
	status int
	class  verify.Class // none: it was taken
}

// rows are the answers that RFC 8030 names and those that push services give:
// https://firebase.google.com/docs/cloud-messaging/http-server-ref,
// https://mozilla-push-service.readthedocs.io/en/latest/http.html and
// https://developer.apple.com/documentation/usernotifications/sending-web-push-notifications-in-web-apps-and-browsers
// There are no codes; a status that is not here is classed by its hundred.
var rows = []row{
	{http.StatusOK, verify.ClassNone},       // of some services
	{http.StatusCreated, verify.ClassNone},  // RFC 8030, section 5
	{http.StatusAccepted, verify.ClassNone}, // section 5.1: a receipt was asked for, or the service is slow

	{http.StatusNotFound, verify.ClassPermanentTarget}, // section 7.3: the subscription ended
	{http.StatusGone, verify.ClassPermanentTarget},     // as above

	// RFC 8292, section 4.2: not signed, or not with the key that the browser
	// subscribed with. It says nothing about the subscription.
	{http.StatusUnauthorized, verify.ClassPolicy},
	{http.StatusForbidden, verify.ClassPolicy},
	{http.StatusBadRequest, verify.ClassPolicy},
	{http.StatusRequestEntityTooLarge, verify.ClassPolicy}, // RFC 8030, section 7.2

	{http.StatusTooManyRequests, verify.ClassTransient}, // section 8.4
	{http.StatusInternalServerError, verify.ClassTransient},
	{http.StatusServiceUnavailable, verify.ClassTransient},
}

// outcome classes an answer.
func outcome(call *wire.Call) verify.Outcome {
	status, class := call.Status(), verify.ClassPolicy
	if status < 300 || status >= 500 {
		class = verify.ClassUnknown // nobody said that it was taken, or that it was not
	}
	for _, r := range rows {
		if r.status == status {
			class = r.class
		}
	}
	if class == verify.ClassNone {
		return verify.Outcome{State: verify.StateAccepted, Class: class, Provider: name}
	}
	return call.Refusal(name, "http_"+strconv.Itoa(status), class)
}

// NumberRefused says of every failure that it is of one device: who answers, and who
// does not, is the server that its subscription names. There is no account that could
// refuse all either. A wrong signature is answered with 401 or 403, but so is anything
// by a server that lies, and five of its answers would keep the pushes of all other
// browsers back. So nothing opens a breaker over Web Push.
func (*WebPush) NumberRefused(string) bool { return true }
