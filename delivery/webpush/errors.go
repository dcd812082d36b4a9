package webpush

import (
	"net/http"
	"strconv"

	"nod/verify"
)

// row is what one answer of a push service means.
type row struct {
	status int
	state  verify.DeliveryState
	class  verify.Class
}

// rows are the answers that RFC 8030 names and those that push services give:
// https://firebase.google.com/docs/cloud-messaging/http-server-ref,
// https://mozilla-push-service.readthedocs.io/en/latest/http.html and
// https://developer.apple.com/documentation/usernotifications/sending-web-push-notifications-in-web-apps-and-browsers
// There are no codes; a status that is not here is classed by its hundred.
var rows = []row{
	{http.StatusOK, verify.StateAccepted, verify.ClassNone},       // of some services
	{http.StatusCreated, verify.StateAccepted, verify.ClassNone},  // RFC 8030, section 5
	{http.StatusAccepted, verify.StateAccepted, verify.ClassNone}, // section 5.1: a receipt was asked for, or the service is slow

	{http.StatusNotFound, verify.StateFailed, verify.ClassPermanentTarget}, // section 7.3: the subscription ended
	{http.StatusGone, verify.StateFailed, verify.ClassPermanentTarget},     // as above

	// RFC 8292, section 4.2: not signed, or not with the key that the browser
	// subscribed with. It says nothing about the subscription.
	{http.StatusUnauthorized, verify.StateFailed, verify.ClassPolicy},
	{http.StatusForbidden, verify.StateFailed, verify.ClassPolicy},
	{http.StatusBadRequest, verify.StateFailed, verify.ClassPolicy},
	{http.StatusRequestEntityTooLarge, verify.StateFailed, verify.ClassPolicy}, // RFC 8030, section 7.2

	{http.StatusTooManyRequests, verify.StateRetrying, verify.ClassTransient}, // section 8.4
	{http.StatusInternalServerError, verify.StateRetrying, verify.ClassTransient},
	{http.StatusServiceUnavailable, verify.StateRetrying, verify.ClassTransient},
}

// outcome classes an answer.
func outcome(status int) verify.Outcome {
	o := verify.Outcome{State: verify.StateFailed, Class: verify.ClassPolicy, Provider: name}
	switch {
	case status < 300, status >= 500:
		o.State, o.Class = verify.StateUnknown, verify.ClassUnknown // nobody said that it was taken, or that it was not
	}
	for _, r := range rows {
		if r.status == status {
			o.State, o.Class = r.state, r.class
		}
	}
	if o.State != verify.StateAccepted {
		o.Detail = "http_" + strconv.Itoa(status)
	}
	return o
}
