package vonage

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"nod/verify"
)

// rule is one row of the table of errors. A row with a code holds for refusals and
// for receipts alike; one without holds for the status of a refusal.
type rule struct {
	status int
	code   string
	class  verify.Class
	all    bool // of the whole account: it would meet every message
}

// The errors of the Messages API. A refusal with another code is the status's row;
// a receipt with another code is of class unknown.
//
// Sources: https://developer.vonage.com/en/api-errors/messages (the numbers),
// https://developer.vonage.com/en/api-errors (the statuses and words).
var rules = []rule{
	{http.StatusTooManyRequests, "", verify.ClassTransient, true},          // throttled
	{http.StatusUnauthorized, "", verify.ClassPolicy, true},                // the credentials
	{http.StatusPaymentRequired, "", verify.ClassPolicy, true},             // the account's balance
	{http.StatusForbidden, "", verify.ClassPolicy, true},                   // no permission, no access or suspended
	{http.StatusUnauthorized, "unauthorized", verify.ClassPolicy, true},    // the credentials
	{http.StatusUnauthorized, "invalid-api-key", verify.ClassPolicy, true}, // no such key
	{http.StatusPaymentRequired, "low-balance", verify.ClassPolicy, true},  // the account's balance
	{http.StatusForbidden, "forbidden", verify.ClassPolicy, true},          // no permission
	{http.StatusForbidden, "unprovisioned", verify.ClassPolicy, true},      // no access to this product
	{http.StatusForbidden, "account-suspended", verify.ClassPolicy, true},  // suspended
	{http.StatusNotFound, "", verify.ClassPolicy, true},                    // the base URL is another's
	{http.StatusBadRequest, "", verify.ClassPolicy, false},                 // not a request of this API
	{http.StatusUnprocessableEntity, "", verify.ClassPolicy, false},        // a parameter, none that proves the number dead

	{422, "1000", verify.ClassTransient, true},        // throttled: more than the account may submit
	{422, "1030", verify.ClassUnknown, false},         // internal error: it may have gone wrong late
	{422, "1050", verify.ClassPermanentTarget, false}, // number barred: may not receive messages
	{422, "1060", verify.ClassPolicy, true},           // partner account barred
	{422, "1070", verify.ClassPolicy, true},           // partner quota exceeded: no credit
	{422, "1080", verify.ClassPolicy, true},           // account not enabled for REST
	{422, "1090", verify.ClassPolicy, false},          // message too long
	{422, "1100", verify.ClassTransient, true},        // communication failed: not submitted
	{422, "1110", verify.ClassPolicy, true},           // invalid signature
	{422, "1120", verify.ClassPolicy, false},          // illegal sender address, by local regulation
	{422, "1130", verify.ClassPolicy, false},          // invalid ttl
	{422, "1140", verify.ClassPolicy, true},           // facility not allowed
	{422, "1160", verify.ClassPolicy, false},          // not on the account's list of destinations
	{422, "1170", verify.ClassPermanentTarget, false}, // invalid or missing number
	{422, "1180", verify.ClassTransient, false},       // absent subscriber, temporary: switched off or out of coverage
	{422, "1190", verify.ClassPermanentTarget, false}, // absent subscriber, permanent: no longer active
	{422, "1200", verify.ClassTransient, false},       // portability error, until the person asks the carrier
	{422, "1210", verify.ClassPolicy, false},          // anti-spam rejection by the carrier
	{422, "1220", verify.ClassTransient, false},       // handset busy
	{422, "1230", verify.ClassTransient, false},       // network error
	{422, "1240", verify.ClassPermanentUser, false},   // illegal number: the person has sent STOP
	{422, "1241", verify.ClassTransient, false},       // too many requests to this number
	{422, "1250", verify.ClassPolicy, false},          // unroutable from this sender
	{422, "1270", verify.ClassPolicy, false},          // subscriber age restriction
	{422, "1280", verify.ClassPermanentUser, false},   // number blocked by its carrier: no SMS in the plan, or suspended
	{422, "1290", verify.ClassTransient, false},       // the person's prepaid credit does not do
	{422, "1300", verify.ClassPermanentTarget, false}, // not a number of the provider's network
	{422, "1310", verify.ClassPermanentTarget, false}, // the device cannot receive it
	{422, "1360", verify.ClassTransient, false},       // the ttl ended first
	{422, "1420", verify.ClassPolicy, false},          // invalid sender
	{422, "1430", verify.ClassPermanentTarget, false}, // invalid recipient
}

// classOf finds the row of a refusal: by its code, then by its status. What no row
// knows and is below 500 was refused for good, and says nothing about the number.
func classOf(status int, code string) verify.Class {
	for _, of := range []func(rule) bool{
		func(r rule) bool { return r.code != "" && r.code == code && status != http.StatusTooManyRequests },
		func(r rule) bool { return r.code == "" && r.status == status },
	} {
		if i := slices.IndexFunc(rules, of); i >= 0 {
			return rules[i].class
		}
	}
	return verify.ClassPolicy
}

// AccountRefused reports whether a refusal with this detail was about the whole
// account, so that it would meet every message.
func (c *Client) AccountRefused(detail string) bool {
	return slices.ContainsFunc(rules, func(r rule) bool {
		return r.all && (r.code == detail && r.code != "" || r.code == "" && strconv.Itoa(r.status) == detail)
	})
}

// NumberRefused reports whether a passing refusal is of one number or its carrier.
func (c *Client) NumberRefused(detail string) bool {
	return slices.ContainsFunc(rules, func(r rule) bool {
		return r.code == detail && r.code != "" && r.class == verify.ClassTransient && !r.all
	})
}

// classOfReceipt finds the row of what went wrong after the message was taken.
func classOfReceipt(code string) verify.Class {
	if i := slices.IndexFunc(rules, func(r rule) bool { return r.code != "" && r.code == code }); i >= 0 {
		return rules[i].class
	}
	return verify.ClassUnknown
}

// receipt reads a status of a message. One that says nothing has no state.
//
// Source: https://developer.vonage.com/en/messages/concepts/sms-status-callbacks
func receipt(status, code string) verify.Receipt {
	r := verify.Receipt{Provider: Name}
	switch strings.ToLower(status) {
	case "submitted", "accepted", "buffered":
		r.State = verify.StateAccepted
	case "delivered", "read":
		r.State = verify.StateDelivered
	case "rejected", "undeliverable", "failed", "expired":
		r.State, r.Detail = verify.StateUndelivered, clean(code)
		r.Class = classOfReceipt(r.Detail)
	}
	return r
}

// problem is an error of the API (RFC 7807), and the error of a receipt.
type problem struct {
	Type  string          `json:"type"`  // …/api-errors/messages#1120
	Title json.RawMessage `json:"title"` // words, or the code as number or text
}

// code is the provider's own: the fragment of the type, else a title that is a
// number.
func (p problem) code() string {
	if u, err := url.Parse(p.Type); err == nil && u.Fragment != "" {
		return clean(u.Fragment)
	}
	if title := strings.Trim(string(p.Title), `"`); number.MatchString(title) {
		return title
	}
	return ""
}

var (
	number = regexp.MustCompile(`^\d{1,6}$`)
	word   = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,40}$`)
)

// clean keeps what has a code's form, so that no text of the provider's gets
// further. A phone number has as many digits as no code.
func clean(code string) string {
	if !word.MatchString(code) || len(strings.Trim(code, "0123456789")) == 0 && len(code) > 6 {
		return ""
	}
	return code
}
