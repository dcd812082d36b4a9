package twilio

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/twilio/twilio-go/client"

	"nod/delivery/wire"
	"nod/verify"
)

// row is what one of Twilio's error codes means.
type row struct {
	class   verify.Class
	account bool // it meets every message, whoever it is for
}

// codes are Twilio's error codes, as they come with a refusal, with a message that
// failed, or with a receipt. The source of each row is its page in Twilio's
// dictionary, https://www.twilio.com/docs/api/errors/ and the code. A code that is
// not here is a refusal by policy: what Twilio answers with a 4xx was not taken.
var codes = map[int]row{
	// The number. It is the same at every provider.
	21211: {class: verify.ClassPermanentTarget}, // invalid 'To' phone number
	21214: {class: verify.ClassPermanentTarget}, // 'To' phone number cannot be reached
	21217: {class: verify.ClassPermanentTarget}, // phone number does not appear to be valid
	21266: {class: verify.ClassPermanentTarget}, // 'To' and 'From' number cannot be the same
	21614: {class: verify.ClassPermanentTarget}, // 'To' number is not a valid mobile number
	21635: {class: verify.ClassPermanentTarget}, // 'To' number cannot be a landline
	30005: {class: verify.ClassPermanentTarget}, // unknown destination handset
	30006: {class: verify.ClassPermanentTarget}, // landline or unreachable carrier

	// The person.
	21610: {class: verify.ClassPermanentUser}, // the recipient has unsubscribed (STOP)
	30004: {class: verify.ClassPermanentUser}, // message blocked: a block list, an opt-out, do not disturb

	// The region, the route, the text, this number with this sender: another
	// provider may take it.
	13227: {class: verify.ClassPolicy}, // no permission to call this number: geographic permissions
	21215: {class: verify.ClassPolicy}, // no permission to call this country: geographic permissions
	21216: {class: verify.ClassPolicy}, // the account may not call this number: Twilio's own block list
	21219: {class: verify.ClassPolicy}, // 'To' not verified: a trial account calls verified numbers only
	21408: {class: verify.ClassPolicy}, // permission to send to this region is not enabled
	21606: {class: verify.ClassPolicy}, // 'From' is not message-capable for this destination
	21608: {class: verify.ClassPolicy}, // 'To' not verified: a trial account sends to verified numbers only
	21612: {class: verify.ClassPolicy}, // no route between 'To' and 'From'
	21617: {class: verify.ClassPolicy}, // the body is longer than 1,600 characters
	21659: {class: verify.ClassPolicy}, // 'From' is not Twilio's, or a short code of another country than 'To'
	21703: {class: verify.ClassPolicy}, // the messaging service has no number for this message
	30007: {class: verify.ClassPolicy}, // message filtered by Twilio or the carrier
	30018: {class: verify.ClassPolicy}, // the destination's carrier wants a registered sender
	30023: {class: verify.ClassPolicy}, // the daily cap of a US carrier is reached
	30024: {class: verify.ClassPolicy}, // numeric sender not provisioned on the carrier
	30032: {class: verify.ClassPolicy}, // toll-free number not verified
	30034: {class: verify.ClassPolicy}, // US A2P 10DLC: message from an unregistered number
	30450: {class: verify.ClassPolicy}, // SMS pumping protection, for 15 to 30 minutes
	30453: {class: verify.ClassPolicy}, // SMS pumping protection, for some hours
	60410: {class: verify.ClassPolicy}, // fraud guard blocks the prefix for 12 hours

	// The account or its sender: every message is refused.
	10001: {verify.ClassPolicy, true}, // account is not active
	20003: {verify.ClassPolicy, true}, // authentication: wrong credentials, suspended, no balance
	20005: {verify.ClassPolicy, true}, // account is not active
	20403: {verify.ClassPolicy, true}, // forbidden
	20404: {verify.ClassPolicy, true}, // not found: not this account's address
	21210: {verify.ClassPolicy, true}, // 'From' phone number not verified
	21212: {verify.ClassPolicy, true}, // invalid 'From' phone number
	21609: {verify.ClassPolicy, true}, // invalid 'StatusCallback': nod's public URL
	21660: {verify.ClassPolicy, true}, // mismatch between 'From' and the account
	21661: {verify.ClassPolicy, true}, // 'From' is not SMS-capable
	21701: {verify.ClassPolicy, true}, // the messaging service does not exist
	21704: {verify.ClassPolicy, true}, // the messaging service contains no numbers
	21705: {verify.ClassPolicy, true}, // the messaging service's SID is invalid
	30002: {verify.ClassPolicy, true}, // account suspended
	63038: {verify.ClassPolicy, true}, // the account's daily limit of messages is reached

	// Not now, for nobody.
	10004: {verify.ClassTransient, true}, // call concurrency limit exceeded
	20429: {verify.ClassTransient, true}, // too many requests
	21611: {verify.ClassTransient, true}, // the queue of 'From' is full
	21730: {verify.ClassTransient, true}, // system under maintenance
	30001: {verify.ClassTransient, true}, // queue overflow

	// Not now, for this number or its carrier.
	30003: {class: verify.ClassTransient}, // unreachable handset: off, or without a network
	30017: {class: verify.ClassTransient}, // the carrier's network is congested
	30022: {class: verify.ClassTransient}, // US A2P 10DLC: rate limit exceeded
	30036: {class: verify.ClassTransient}, // the validity period ended in Twilio's queue

	// Nobody knows.
	30008: {class: verify.ClassUnknown}, // unknown error
	30410: {class: verify.ClassUnknown}, // the carrier did not answer in time
}

// classOf is what a code means; 0 is no code.
func classOf(code int) verify.Class {
	if r, ok := codes[code]; ok {
		return r.class
	}
	if code == 0 {
		return verify.ClassUnknown
	}
	return verify.ClassPolicy
}

// accountRefused reads the detail of a refusal: the account rows of codes, and what
// something before Twilio answers to everybody.
func accountRefused(of string) bool {
	if status, ok := strings.CutPrefix(of, httpDetail); ok {
		return strings.HasPrefix(status, "3") || status == "401" || status == "403" || status == "404"
	}
	code, err := strconv.Atoi(of)
	return err == nil && codes[code].account
}

// numberRefused reads the detail of a passing refusal.
func numberRefused(of string) bool {
	code, err := strconv.Atoi(of)
	r, ok := codes[code]
	return err == nil && ok && r.class == verify.ClassTransient && !r.account
}

const httpDetail = "http_"

// detail names a refusal: Twilio's code, or the HTTP status where it gave none.
func detail(status, code int) string {
	if code != 0 {
		return strconv.Itoa(code)
	}
	return httpDetail + strconv.Itoa(status)
}

// codeOf is the code of Twilio's error; 0: none could be read.
func codeOf(err error) int {
	if e, ok := errors.AsType[*client.TwilioRestError](err); ok {
		return e.Code
	}
	return 0
}

// failed is the outcome of a request that made no message.
func failed(call *wire.Call, err error) verify.Outcome {
	if o, noAnswer := call.Outcome(Name); noAnswer {
		return o
	}
	status, code := call.Status(), codeOf(err)
	class := verify.ClassPolicy // a redirect, or no code: not Twilio's API
	switch {
	case status < 300:
		return call.Refusal(Name, "garbled", verify.ClassUnknown)
	case status >= 500, status == http.StatusRequestTimeout:
		class = verify.ClassUnknown // it may have been taken before something broke
	case status == http.StatusTooManyRequests:
		class = verify.ClassTransient
	case status >= 400 && code != 0:
		class = classOf(code)
	}
	return call.Refusal(Name, detail(status, code), class)
}

// taken is the outcome of a request that made a message or a call.
func taken(call *wire.Call, sid, status string, code int) verify.Outcome {
	if s := call.Status(); s >= 300 || !messageForm.MatchString(sid) {
		return failed(call, nil)
	}
	o := verify.Outcome{Provider: Name, State: verify.StateAccepted, Class: verify.ClassNone, Receipts: true}
	switch r := receipt("", sid, status, code); {
	case status == "failed" && code != 0: // it never left Twilio
		o = call.Refusal(Name, r.Detail, r.Class)
	case r.State == verify.StateUndelivered:
		o = verify.Outcome{Provider: Name, State: r.State, Class: r.Class, Detail: r.Detail}
	}
	o.ProviderID = sid
	return o
}

var errNoSID = errors.New("asking Twilio: not the id of a message or a call of Twilio's")

// asking is why a question came to nothing.
func asking(call *wire.Call, err error) error {
	if o, noAnswer := call.Outcome(Name); noAnswer {
		return fmt.Errorf("asking Twilio: %s", o.Detail)
	}
	return fmt.Errorf("asking Twilio: %s", detail(call.Status(), codeOf(err)))
}
