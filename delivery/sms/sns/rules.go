package sns

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"nod/verify"
)

// rule is one row of the table of errors: Amazon's code, with the HTTP status that
// it comes with, and what the error's text begins with where one code means
// several things.
type rule struct {
	status int
	code   string
	text   string
	class  verify.Class
	all    bool // of the whole account: it would meet every message
}

// The errors of Publish to a phone number. What no row knows is unknown from 500
// on, for it may have been taken, and else policy.
//
// Sources: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html,
// https://docs.aws.amazon.com/sns/latest/api/CommonErrors.html,
// https://repost.aws/knowledge-center/sns-throttling-exception-errors.
var rules = []rule{
	{http.StatusTooManyRequests, "Throttled", "", verify.ClassTransient, false},      // more than the account may publish
	{http.StatusBadRequest, "Throttling", "", verify.ClassTransient, false},          // the same, as older regions say it
	{http.StatusBadRequest, "ThrottlingException", "", verify.ClassTransient, false}, // the same, as the common errors say it

	{http.StatusBadRequest, "InvalidParameter", "Invalid parameter: PhoneNumber", verify.ClassPermanentTarget, false}, // is not valid to publish to
	{http.StatusBadRequest, "InvalidParameter", "", verify.ClassPolicy, false},                                        // another parameter: nothing about the number
	{http.StatusBadRequest, "ParameterValueInvalid", "", verify.ClassPolicy, false},                                   // a parameter does not comply
	{http.StatusBadRequest, "OptedOut", "", verify.ClassPermanentUser, false},                                         // the person has sent STOP
	{http.StatusBadRequest, "UserError", "", verify.ClassPolicy, false},                                               // a parameter does not comply
	{http.StatusBadRequest, "ValidationError", "", verify.ClassPolicy, false},                                         // the input fails Amazon's constraints
	{http.StatusBadRequest, "ValidationException", "", verify.ClassPolicy, false},                                     // a parameter in the request is invalid

	{http.StatusForbidden, "AuthorizationError", "", verify.ClassPolicy, true},         // the IAM user may not sns:Publish
	{http.StatusBadRequest, "AccessDeniedException", "", verify.ClassPolicy, true},     // the same, as the common errors say it
	{http.StatusForbidden, "InvalidClientTokenId", "", verify.ClassPolicy, true},       // no such access key
	{http.StatusForbidden, "SignatureDoesNotMatch", "", verify.ClassPolicy, true},      // another secret, region or clock
	{http.StatusForbidden, "InvalidSecurity", "", verify.ClassPolicy, true},            // not HTTPS, or not signature version 4
	{http.StatusForbidden, "MissingAuthenticationToken", "", verify.ClassPolicy, true}, // the request is not signed
	{http.StatusForbidden, "OptInRequired", "", verify.ClassPolicy, true},              // the account has not this service or region
	{http.StatusBadRequest, "IncompleteSignature", "", verify.ClassPolicy, true},       // the signature is not Amazon's form
	{http.StatusBadRequest, "RequestExpired", "", verify.ClassPolicy, true},            // this machine's clock is off by 15 minutes
	{http.StatusNotFound, "NotFound", "", verify.ClassPolicy, true},                    // no such resource

	{http.StatusInternalServerError, "InternalError", "", verify.ClassUnknown, false},     // an internal service error
	{http.StatusInternalServerError, "InternalFailure", "", verify.ClassUnknown, false},   // the same, as the common errors say it
	{http.StatusServiceUnavailable, "ServiceUnavailable", "", verify.ClassUnknown, false}, // a temporary failure of the server
}

// classOf finds the row.
func classOf(status int, code, text string) verify.Class {
	i := slices.IndexFunc(rules, func(r rule) bool { return r.code == code && strings.HasPrefix(text, r.text) })
	switch {
	case i >= 0:
		return rules[i].class
	case status == http.StatusTooManyRequests:
		return verify.ClassTransient
	case status/100 == 2 || status >= 500 || status == http.StatusRequestTimeout:
		return verify.ClassUnknown
	}
	return verify.ClassPolicy
}

// AccountRefused reports whether an outcome of class policy with this detail was
// about the whole account, so that it would meet every message.
func (c *Client) AccountRefused(detail string) bool {
	return slices.ContainsFunc(rules, func(r rule) bool { return r.all && r.code == detail })
}

var word = regexp.MustCompile(`^[A-Za-z.]{1,60}$`)
