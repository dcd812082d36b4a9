package server

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"unicode"

	"nod/verify"
)

// searchInput is what an operator typed. It comes in a body, because addresses are
// logged and a number is nobody's business.
type searchInput struct {
	Body struct {
		Query string `json:"query" minLength:"1" maxLength:"64" doc:"The id of a verification, or a phone number with its country code. Upper case, spaces, dots, brackets, dashes and tel: before a number do not matter; 00 stands for +, which may be left out."`
	}
}

// searchAnswer is what was found.
type searchAnswer struct {
	Body struct {
		Verifications []consoleRow `json:"verifications" nullable:"false" doc:"The newest 50, newest first."`
	}
}

// searchMost is how many verifications a search finds.
const searchMost = 50

// search finds verifications by id, or by number: through its keyed hash, so that a
// number that nobody has ever had costs the same look-up. The number is not told
// again, not even in a refusal.
func (s *Server) search(ctx context.Context, in *searchInput) (*searchAnswer, error) {
	out := &searchAnswer{}
	out.Body.Verifications = []consoleRow{}
	query := strings.TrimSpace(in.Body.Query)
	if id := strings.ToLower(query); verificationID.MatchString(id) {
		v, _, err := s.store.Verification(ctx, id)
		if err == nil {
			out.Body.Verifications = rowsOf([]*verify.Verification{v})
		} else if errors.Is(err, verify.ErrNotFound) {
			err = nil
		}
		return out, err
	}
	n, err := verify.ParseNumber(asDialed(query))
	if err != nil {
		return nil, invalid("query", "This is neither the id of a verification (ver_ and 32 digits) nor a phone number. Write a number with + and its country code.")
	}
	found, err := s.store.Search(ctx, n, searchMost)
	if err == nil {
		out.Body.Verifications = rowsOf(found)
	}
	return out, err
}

// rowsOf shows verifications to operators.
func rowsOf(vs []*verify.Verification) []consoleRow {
	rows := make([]consoleRow, len(vs))
	for i, v := range vs {
		rows[i] = consoleRow{
			VerificationID: v.ID, Seq: v.Seq, Purpose: v.Purpose, Status: v.Status, Stage: v.Stage, Reason: v.Reason, Method: v.Method,
			PhoneNumber: v.Number.Mask(), CodeSent: !v.CodeAcceptedAt.IsZero(), CreatedAt: verify.FormatTime(v.CreatedAt),
		}
		if !v.EndedAt.IsZero() {
			rows[i].EndedAt = verify.FormatTime(v.EndedAt)
		}
	}
	return rows
}

// verificationID is what the id of a verification looks like.
var verificationID = regexp.MustCompile(`^ver_[0-9a-f]{32}$`)

// asDialed makes E.164 of a number as people write it, "0049 (151) 123-45.678", or as
// their programs do: "tel:+49-151-12345678" (RFC 3966, section 3), "＋49…", "49151…". A
// national number is not known by its digits, and what it makes is refused unless it
// happens to be another country's.
func asDialed(written string) string {
	if scheme, rest, found := strings.Cut(written, ":"); found && strings.EqualFold(scheme, "tel") {
		written = rest
	}
	digits := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) || strings.ContainsRune(".()-/\u2010\u2011\u2013", r):
			return -1
		case r == '\uff0b' || r >= '\uff10' && r <= '\uff19': // as wide as East Asian letters
			return r - '\uff0b' + '+'
		}
		return r
	}, written)
	if strings.HasPrefix(digits, "+") {
		return digits
	}
	return "+" + strings.TrimPrefix(digits, "00")
}

// operatorActsAnswer is what operators did.
type operatorActsAnswer struct {
	Body struct {
		Acts []OperatorAct `json:"acts" nullable:"false" doc:"The last 100, newest first."`
	}
}

// OperatorAct is one thing that an operator did.
type OperatorAct struct {
	At             string `json:"at" format:"date-time"`
	Action         string `json:"action" enum:"cancel,block,unlock,erase,replay_webhook,replay_webhooks,test_webhook,enable_webhooks"`
	By             string `json:"by" doc:"Whose call: console or key, with 8 hex digits that stand for the API key."`
	Detail         string `json:"detail,omitempty" doc:"What was blocked or unlocked where that is no user: number, prefix or country, and the masked number, the prefix or the country's code."`
	VerificationID string `json:"verification_id,omitempty" doc:"What was canceled, or through which its user was blocked or unlocked; absent: about no one verification, or its person was erased."`
}

// actsShown is how many acts one answer lists.
const actsShown = 100

// operatorActs lists the last acts.
func (s *Server) operatorActs(ctx context.Context, _ *struct{}) (*operatorActsAnswer, error) {
	acts, err := s.store.OperatorActs(ctx, actsShown)
	if err != nil {
		return nil, err
	}
	out := &operatorActsAnswer{}
	out.Body.Acts = make([]OperatorAct, len(acts))
	for i, e := range acts {
		out.Body.Acts[i] = OperatorAct{verify.FormatTime(e.At), e.Data.Action, e.Data.By, e.Data.Detail, e.VerificationID}
	}
	return out, nil
}
