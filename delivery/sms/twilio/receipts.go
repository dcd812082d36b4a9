package twilio

import (
	"net/http"
	"strconv"

	"nod/delivery"
	"nod/verify"
)

var _ delivery.Receiver = (*Twilio)(nil)

// Receipts reads a status callback. Its signature is checked over nod's public URL
// and what was asked for, never over the Host header, which the caller chooses: with
// that, the callback of another service of the same account would pass. The
// delivery's id is in the address and so is signed as well. A repeated callback is
// the same receipt again; a status that nod does not know is none.
//
// https://www.twilio.com/docs/usage/security#validating-requests
func (t *Twilio) Receipts(r *http.Request) ([]verify.Receipt, error) {
	if err := r.ParseForm(); err != nil {
		return nil, delivery.ErrForged // what cannot be read was not signed by Twilio
	}
	params := make(map[string]string, len(r.PostForm))
	for name, values := range r.PostForm {
		if len(values) != 1 {
			return nil, delivery.ErrForged // Twilio says each thing once; only the first would be signed
		}
		params[name] = values[0]
	}
	if !t.validator.Validate(t.config.PublicURL+r.URL.RequestURI(), params, r.Header.Get("X-Twilio-Signature")) {
		return nil, delivery.ErrForged
	}
	sid, status := params["MessageSid"], params["MessageStatus"]
	if sid == "" {
		sid, status = params["CallSid"], params["CallStatus"]
	}
	code, err := strconv.Atoi(params["ErrorCode"])
	if err != nil || code < 0 {
		code = 0
	}
	got := receipt(r.URL.Query().Get("delivery"), sid, status, code)
	if got.State == "" {
		return nil, nil
	}
	return []verify.Receipt{got}, nil
}

// receipt reads a status and an error code (0: none). It has no state when the
// status is none of those below.
//
//   - https://www.twilio.com/docs/messaging/api/message-resource#message-status-values
//   - https://www.twilio.com/docs/voice/api/call-resource#call-status-values
func receipt(deliveryID, sid, status string, code int) verify.Receipt {
	r := verify.Receipt{DeliveryID: deliveryID, Provider: Name, ProviderID: sid, Class: verify.ClassNone}
	switch status {
	case "accepted", "scheduled", "queued", "sending", "sent", "initiated", "ringing", "in-progress", "answered":
		r.State = verify.StateAccepted
	case "delivered", "read", "completed":
		r.State = verify.StateDelivered
	case "undelivered", "failed", "canceled", "busy", "no-answer":
		r.State, r.Class, r.Detail = verify.StateUndelivered, classOf(code), status
		if code != 0 {
			r.Detail = strconv.Itoa(code)
		} else if status == "busy" || status == "no-answer" {
			r.Class = verify.ClassTransient // the person did not take the call
		}
	}
	return r
}
