package verify

import "time"

// Applicant names whose situation a create needs: the store locks by it.
type Applicant struct {
	UserID  string
	Purpose Purpose
	Number  Number // zero when none was given
	// Leaving is the number that a user gives up for Number; zero when none.
	Leaving Number
	// TrustedID is the id of the trusted device whose token came with the create;
	// empty when none did.
	TrustedID string
	// IP is the person's: see [Meters].Address.
	IP string
	// Codes and Spends say that a code will surely leave, and that it will cost
	// something while there is a cap, so that all that it needs is read at once.
	Codes, Spends bool
}

// Situation is what a create must know, read in the transaction that writes it.
type Situation struct {
	// Open is the pending verification that the new one meets: for a login any
	// open login of the user, for a phone the open one of the user and number.
	// Nil when there is none. A rule may change it (supersede, reuse); the store
	// writes it back.
	Open *Verification
	// ReportedAt is when the user last said "this isn't me"; zero when never, and
	// for a purpose other than login.
	ReportedAt time.Time
	// Hold is what an operator decided about the user.
	Hold Hold
	// Devices are the user's live devices.
	Devices []Device
	// Earlier is the verification of the same user and number, whatever became
	// of it, with the newest CodeAcceptedAt; nil when no code was ever accepted.
	// Only ResendCount, BaseStep and CodeAcceptedAt are read.
	Earlier *Verification
	// Settings are the user's.
	Settings Settings
	// Left is what Applicant.Leaving names: the user's open phone verification of that
	// number, else the newest, whatever became of it, or else the open login with it.
	// Nil when there is none of them, or no number is left. A rule may change it; the
	// store writes it back.
	Left *Verification
	// Trusted is the device that Applicant.TrustedID names, whoever it belongs to;
	// nil when there is none. A rule may change it; the store writes it back and
	// tells its events.
	Trusted *TrustedDevice
	// Meters become the new verification's: see [Meters].
	Meters *Meters
}

// Once makes a write happen once per key (Idempotency-Key, 24 hours). The store
// looks it up and records the answer in the transaction of the write. A nil
// *Once writes always.
type Once struct {
	Scope    string // who asks and for what, so that keys of two callers never meet
	Key      string
	BodyHash [32]byte
	// Answer is called after the rule, inside the transaction: it is pure and
	// returns what a repeat is told. It holds no secret: those are derived again.
	Answer func() Answer
}

// Answer is a recorded answer.
type Answer struct {
	Status           int
	Body             []byte // JSON without secrets
	VerificationID   string
	SecretGeneration int // the client secret to derive again; 0: the answer held none
	PromptGeneration int // the match number to derive again; 0: the answer held none
	// TrustedGeneration is the token of the trusted device Subject to derive again;
	// 0: the answer held none.
	TrustedGeneration int
	Subject           string // the enrollment, device or trusted device the answer is about; empty otherwise
}

// Replay is returned by a store in place of writing, when the key has been used
// with the same body.
type Replay struct{ Answer Answer }

// Error implements error.
func (*Replay) Error() string { return "this Idempotency-Key was used before: its answer is repeated" }

// ErrIdempotencyConflict is returned when a key comes again with another body.
var ErrIdempotencyConflict = &Refusal{Code: CodeIdempotencyConflict, Detail: "This Idempotency-Key was used with another body. Use a new key for a new request."}

// IdempotencyWindow is how long a key is remembered.
const IdempotencyWindow = 24 * time.Hour
