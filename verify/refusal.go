package verify

import (
	"errors"
	"time"
)

// Refusal is a rule's no: nothing was changed. Code is one of the contract's
// (section 3); Detail tells a person what happened and what to do next and
// never repeats a refused value.
type Refusal struct {
	Code           string
	Detail         string
	Field          string        // the input at fault; empty when none is
	RetryAfter     time.Duration // when waiting helps; 0 otherwise
	VerificationID string        // of the row that a refused create left; empty otherwise
	Reason         Reason        // that row's
	Limit          string        // which limit was hit; empty: none

	tells []Event // see [Verification.NoteLimit]
	holds Held    // likewise
}

// Stands reports whether it says something of what is asked for later, too, which
// [Verification.NoteLimit] keeps.
func (r *Refusal) Stands() bool { return r.Limit != "" || r.holds != Held{} }

// Error implements error with the code and the detail.
func (r *Refusal) Error() string { return r.Code + ": " + r.Detail }

// Is makes errors.Is match two refusals of the same code.
func (r *Refusal) Is(target error) bool {
	t := (*Refusal)(nil)
	return errors.As(target, &t) && t.Code == r.Code
}

// The codes that rules refuse with.
const (
	CodeBlocked             = "blocked"
	CodeConflict            = "conflict"
	CodeInProgress          = "in_progress"
	CodeSameNumber          = "same_number"
	CodeMaxResends          = "max_resends_reached"
	CodeAlreadyDecided      = "already_decided"
	CodeIdempotencyConflict = "idempotency_conflict"
	CodeExpired             = "expired"
	CodeLocked              = "locked"
	CodeInvalidPhone        = "invalid_phone"
	CodeInvalidRequest      = "invalid_request"
	CodeNoChannel           = "no_channel"
	CodeCooldown            = "cooldown"
	CodeRateLimited         = "rate_limited"
	CodeTooManyAttempts     = "too_many_attempts"
	CodeNotFound            = "not_found"
	CodeUnauthenticated     = "unauthenticated"
	CodeForbidden           = "forbidden"
)

// ErrNotFound is returned by stores when a row is not there, and by rules for
// what belongs to somebody else: the two look alike from outside.
var ErrNotFound = &Refusal{Code: CodeNotFound, Detail: "There is nothing here under this id. Check the id, and that the credential belongs to it."}

func refuse(code, detail string) *Refusal {
	return &Refusal{Code: code, Detail: detail}
}
