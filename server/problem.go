package server

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"nod/verify"
)

// Problem is every refusal (RFC 9457). It never repeats a refused value.
type Problem struct {
	Type           string        `json:"type" format:"uri-reference"`
	Title          string        `json:"title"`
	Status         int           `json:"status"`
	Detail         string        `json:"detail" doc:"For people, with the next step."`
	Code           string        `json:"code" doc:"For programs."`
	RetryAfter     int           `json:"retry_after,omitempty" doc:"Seconds, where waiting helps; also the Retry-After header."`
	Field          string        `json:"field,omitempty" doc:"The input at fault, where one is."`
	HelpKey        string        `json:"help_key" doc:"Names a help text."`
	VerificationID string        `json:"verification_id,omitempty" doc:"Of the row that a refused create left."`
	Reason         verify.Reason `json:"reason,omitempty" doc:"That row's reason."`
	LockedUntil    string        `json:"locked_until,omitempty" format:"date-time" doc:"Of locked: when codes are taken again; absent: until an operator unlocks the user."`
	MessageKey     string        `json:"message_key,omitempty"`
	Message        string        `json:"message,omitempty" doc:"For people, in the locale's language; English where nod does not speak it."`
}

// Error implements error.
func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders returns Retry-After and, for a missing credential, how to give one.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.RetryAfter))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="nod"`)
	}
	return h
}

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// The codes that verify does not know: they are about HTTP.
const (
	codeInvalidJSON      = "invalid_json"
	codeUnknownField     = "unknown_field"
	codePayloadTooLarge  = "payload_too_large"
	codeMethodNotAllowed = "method_not_allowed"
	codeInternal         = "internal"
	codeUnavailable      = "unavailable"
	codeMisdirected      = "misdirected"
)

// kind is what all problems of one code share.
type kind struct {
	code, title string
	status      int
}

// problems are the contract's codes (section 3) with their statuses and titles,
// in its order; method_not_allowed and misdirected are added to it.
var problems = []kind{
	{codeInvalidJSON, "The body is not JSON", 400},
	{verify.CodeUnauthenticated, "No valid credential", 401},
	{verify.CodeForbidden, "Not allowed with this credential", 403},
	{verify.CodeBlocked, "Refused before anything was sent", 403},
	{verify.CodeNotFound, "Not found", 404},
	{codeMethodNotAllowed, "Not possible here", 405},
	{verify.CodeConflict, "Not possible now", 409},
	{verify.CodeInProgress, "Still on its way", 409},
	{verify.CodeSameNumber, "The number is the same", 409},
	{verify.CodeMaxResends, "No resend is left", 409},
	{verify.CodeAlreadyDecided, "Already decided", 409},
	{verify.CodeIdempotencyConflict, "The key was used for another request", 409},
	{verify.CodeExpired, "Expired", 410},
	{codePayloadTooLarge, "The body is too large", 413},
	{codeMisdirected, "Not the name of this server", 421},
	{codeUnknownField, "Unknown field", 422},
	{verify.CodeInvalidPhone, "Not a phone number", 422},
	{verify.CodeInvalidRequest, "A field is not acceptable", 422},
	{verify.CodeNoChannel, "No way to reach the person", 422},
	{verify.CodeLocked, "Locked", 423},
	{verify.CodeCooldown, "Too soon", 429},
	{verify.CodeRateLimited, "Too many requests", 429},
	{verify.CodeTooManyAttempts, "No try is left", 429},
	{codeInternal, "A fault of the server", 500},
	{codeUnavailable, "Not available now", 503},
}

// newProblem makes the problem of a code; status, title and links come from it.
func newProblem(code, detail string) *Problem {
	p := &Problem{Type: "/docs#" + code, Code: code, Detail: detail, HelpKey: "error." + code}
	i := slices.IndexFunc(problems, func(k kind) bool { return k.code == code })
	if i < 0 {
		return newProblem(codeInternal, internalDetail)
	}
	p.Title, p.Status = problems[i].title, problems[i].status
	return p
}

const (
	internalDetail    = "Something went wrong on our side; nothing was changed. Try again, and tell the operator the X-Request-Id if it stays."
	unavailableDetail = "The server cannot answer at this moment; nothing was lost. Try again shortly."
)

// storeRest is how long to wait for a store in trouble.
const storeRest = 2

// problemOf is the one place where errors become problems. What no rule and no
// reader of requests has made comes from the store: it is in trouble, and the
// caller may come back.
func problemOf(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	if t, ok := errors.AsType[*toldTo](err); ok {
		return refusalProblem(t.Refusal, t.locale, t.at)
	}
	if r, ok := errors.AsType[*verify.Refusal](err); ok {
		return refusalProblem(r, "", time.Time{})
	}
	if e, ok := errors.AsType[*echo.HTTPError](err); ok {
		return httpProblem(e.Code)
	}
	p := newProblem(codeUnavailable, unavailableDetail)
	p.RetryAfter = storeRest
	return p
}

// toldTo is a refusal with the language of whom it is told to, and when it was made.
type toldTo struct {
	*verify.Refusal
	locale string
	at     time.Time
}

// Unwrap returns the refusal.
func (t *toldTo) Unwrap() error { return t.Refusal }

// toPerson adds to a refusal what its problem needs beside it; another error stays as
// it is.
func toPerson(err error, locale string, at time.Time) error {
	if r, ok := errors.AsType[*verify.Refusal](err); ok {
		return &toldTo{r, locale, at}
	}
	return err
}

// refusalProblem is a rule's no. What it says beside the detail is in the locale's
// language.
func refusalProblem(r *verify.Refusal, locale string, at time.Time) *Problem {
	p := newProblem(r.Code, r.Detail)
	p.Field, p.VerificationID, p.Reason = r.Field, r.VerificationID, r.Reason
	p.RetryAfter = verify.Rest(r.RetryAfter)
	if r.Code == verify.CodeLocked && r.RetryAfter > 0 && !at.IsZero() {
		p.LockedUntil = verify.FormatTime(at.Add(r.RetryAfter))
	}
	if p.MessageKey = refusalMessages[r.Code]; p.MessageKey != "" {
		p.Message = say(locale, p.MessageKey)
	}
	return p
}

// httpProblem is what the router refuses with.
func httpProblem(status int) *Problem {
	switch status {
	case http.StatusNotFound:
		return newProblem(verify.CodeNotFound, "There is nothing at this address. The list of addresses is at /docs.")
	case http.StatusMethodNotAllowed:
		return newProblem(codeMethodNotAllowed, "This address takes other methods: see the Allow header, or /docs.")
	case http.StatusRequestEntityTooLarge:
		return tooLarge()
	}
	return newProblem(codeInternal, internalDetail)
}

func tooLarge() *Problem {
	return newProblem(codePayloadTooLarge, "A request may hold 64 KiB. Send less.")
}

// invalid refuses one input.
func invalid(field, detail string) *Problem {
	p := newProblem(verify.CodeInvalidRequest, detail)
	p.Field = field
	return p
}

// readProblem turns what huma found wrong with a request into a problem. Of
// several faults it names one.
func readProblem(status int, e *huma.ErrorModel) *Problem {
	switch status {
	case http.StatusBadRequest, http.StatusUnsupportedMediaType:
		return newProblem(codeInvalidJSON, "The body must be one JSON object. Check quotes, commas and brackets.")
	case http.StatusRequestEntityTooLarge:
		return tooLarge()
	case http.StatusRequestTimeout:
		p := newProblem(codeUnavailable, "The request took too long to arrive. Send it again.")
		p.Status, p.RetryAfter = status, 1
		return p
	case http.StatusUnprocessableEntity:
	default:
		return newProblem(codeInternal, internalDetail)
	}
	slices.SortStableFunc(e.Errors, func(a, b *huma.ErrorDetail) int { return strings.Compare(a.Location, b.Location) })
	for _, d := range e.Errors {
		if d.Message == "unexpected property" {
			p := newProblem(codeUnknownField, "This field is not known here. Check its spelling against /docs, or leave it out.")
			if name := fieldOf(d.Location, ""); aName.MatchString(name) { // what is no name may be a value
				p.Field = name
			}
			return p
		}
	}
	if len(e.Errors) == 0 {
		return invalid("", "The request is not acceptable. Compare it with /docs.")
	}
	d := e.Errors[0]
	name, missing := cutAround(d.Message, "expected required property ", " to be present")
	switch {
	case missing:
		return invalid(fieldOf(d.Location, name), "A required field is missing. Add it and send again.")
	case d.Location == "body": // it passed its schema and still is no such value
		return invalid("", "A field holds a value that it cannot hold. Compare the request with /docs.")
	case strings.Contains(d.Message, "pattern"):
		return invalid(fieldOf(d.Location, ""), "The field does not have the form that is asked for. Compare it with /docs.")
	}
	return invalid(fieldOf(d.Location, ""), "The field is not acceptable: "+d.Message+".")
}

// aName is what the name of a field looks like, of one inside another too.
var aName = regexp.MustCompile(`^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$`)

// fieldOf names a field as its sender wrote it: without "body." before it.
func fieldOf(location, child string) string {
	_, field, _ := strings.Cut(location, ".")
	if field != "" && child != "" {
		field += "."
	}
	if field += child; len(field) > 64 {
		return field[:64]
	}
	return field
}

func cutAround(s, before, after string) (string, bool) {
	s, found := strings.CutPrefix(s, before)
	if !found {
		return "", false
	}
	return strings.CutSuffix(s, after)
}

// describe is huma's way out for every answer: its own errors leave as problems.
func describe(ctx huma.Context, status string, body any) (any, error) {
	e, ok := body.(*huma.ErrorModel)
	if !ok {
		return body, nil
	}
	code, err := strconv.Atoi(status)
	if err != nil {
		code = http.StatusInternalServerError
	}
	p := readProblem(code, e)
	p.Status = code // it was chosen already
	for name := range p.GetHeaders() {
		ctx.SetHeader(name, p.GetHeaders().Get(name))
	}
	return p, nil
}

// fail turns the error of a handler into its problem and keeps for the operator
// what the caller is not told.
func (s *Server) fail(ctx context.Context, err error) *Problem {
	p := problemOf(err)
	if p.Status >= 500 && ctx.Err() == nil {
		s.log.ErrorContext(ctx, "request failed", "request_id", requestID(ctx), "error", err)
	}
	return p
}

// Refuse writes a problem outside of any route: package hub refuses upgrades
// with it. retryAfter is 0 where waiting is of no use.
func Refuse(w http.ResponseWriter, _ *http.Request, status int, code, detail string, retryAfter time.Duration) {
	p := newProblem(code, detail)
	p.Status, p.RetryAfter = status, verify.Rest(retryAfter)
	writeProblem(w, p)
}

func writeProblem(w http.ResponseWriter, p *Problem) {
	h := w.Header()
	maps.Copy(h, p.GetHeaders())
	h.Set("Content-Type", p.ContentType(""))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	_, _ = w.Write(encode(p)) // nobody reads it any more if it fails
}
