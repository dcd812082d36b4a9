package main

import (
	"fmt"
	"math"

	"github.com/anishathalye/porcupine"
)

// decision is what a decider asked for: approve, deny or misread (approve with a
// wrong number) on a phone, check of a code, cancel, exchange of a result token,
// or read of the status.
type decision struct {
	kind  string
	phone string // of the three answers
	right bool   // of a check
}

// told is what the decider was told. Not every field belongs to every decision.
type told struct {
	nothing  bool   // no answer came, or one that leaves open what happened
	accepted bool   // it counted: a decision, a right code, a token
	code     string // why not
	state    known  // as a read told it
}

// known is what can be seen of a verification from outside.
type known struct {
	status, method, reason string
	left                   int  // tries of the code: none after the end
	token                  bool // there is a result to exchange
}

// fate is the state of the model: a verification is pending until exactly one
// decision ends it.
type fate struct {
	status, method, reason string
	answeredBy             string // the phone that decided
	tries                  int
	redeemed               bool
}

// triesPerCode is the default of NOD_MAX_ATTEMPTS.
const triesPerCode = 3

// after is the fate that a decision leads to, and what the decider is told of it.
func (f fate) after(d decision) (fate, told) {
	pending := f.status == "pending"
	next := f
	switch d.kind {
	case "approve", "deny", "misread":
		if !pending {
			return f, f.late(d)
		}
		next.answeredBy = d.phone
		switch d.kind {
		case "approve":
			next.status, next.method = "approved", "app"
		case "deny":
			next.status, next.reason = "denied", "user_denied"
		default:
			next.status, next.reason = "denied", "wrong_number"
			return next, told{code: "wrong_number"}
		}
		return next, told{accepted: true}
	case "check":
		switch {
		case !pending:
			return f, told{code: "already_decided"}
		case f.tries >= triesPerCode:
			return f, told{code: "too_many_attempts"}
		case d.right:
			next.status, next.method = "approved", "sms_code"
			return next, told{accepted: true}
		}
		next.tries++
		return next, told{state: known{left: triesPerCode - next.tries}}
	case "cancel":
		if !pending {
			return f, told{code: "already_decided"}
		}
		next.status = "canceled"
		return next, told{accepted: true}
	case "exchange": // only who was given a token comes, so it is approved
		if f.status != "approved" || f.redeemed {
			return f, told{code: "already_decided"}
		}
		next.redeemed = true
		return next, told{accepted: true}
	}
	seen := known{status: f.status, method: f.method, reason: f.reason, token: f.status == "approved" && !f.redeemed}
	if pending {
		seen.left = triesPerCode - f.tries
	}
	return f, told{state: seen}
}

// late is what a phone is told after the end: its own answer again, or how it had
// ended.
func (f fate) late(d decision) told {
	if f.answeredBy == d.phone {
		switch {
		case f.status == "approved" && d.kind != "deny", f.reason == "user_denied" && d.kind == "deny":
			return told{accepted: true}
		case f.reason == "wrong_number" && d.kind != "deny":
			return told{code: "wrong_number"}
		}
	}
	return told{code: f.status}
}

// whatever is when an operation without an answer takes effect at the latest.
const whatever = math.MaxInt64

// verificationModel is what the history of one verification must agree with.
var verificationModel = (&porcupine.NondeterministicModel{
	Init: func() []any { return []any{fate{status: "pending"}} },
	Step: func(state, input, output any) []any {
		f, d, got := state.(fate), input.(decision), output.(told)
		next, want := f.after(d)
		switch {
		case got.nothing && next == f:
			return []any{f}
		case got.nothing:
			return []any{f, next}
		case got != want:
			return nil
		}
		return []any{next}
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v: %+v", input, output) },
}).ToModel()
