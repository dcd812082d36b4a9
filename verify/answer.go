package verify

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
)

// Decision is what a person chose on the phone.
type Decision string

// The decisions. Report is "this isn't me": it denies, and says why.
const (
	Approve Decision = "approve"
	Deny    Decision = "deny"
	Report  Decision = "report"
)

// Reply is a phone's answer as its signed token told it; see [Authority.Reply].
type Reply struct {
	VerificationID   string
	DeviceID         string
	PromptSHA256     string // base64url of the SHA-256 of exactly what the phone was shown
	Decision         Decision
	Number           string
	UserVerification bool
}

// Answers reads, without trusting it, which verification a phone's signed answer says that
// it is about: [Authority.Reply] checks all of it, with the key of the device.
func Answers(token string) (verificationID string, err error) {
	_, rest, _ := strings.Cut(token, ".")
	body, _, _ := strings.Cut(rest, ".")
	var c Claims
	raw, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil || json.Unmarshal(raw, &c) != nil || c.VerificationID == "" {
		return "", errToken
	}
	return c.VerificationID, nil
}

// Verdict is what became of an answer: what the phone is told.
type Verdict struct {
	Accepted bool
	Reason   string // wrong_number, user_verification_required, or why it came too late; empty when accepted
}

// Reply decides by a phone's answer. The answer must be to a prompt that this
// server signed for this device in the present generation; a wrong match number
// is terminal, it has one try. The same answer again is told the same.
func (v *Verification) Reply(a Reply, auth *Authority, now time.Time) (Verdict, error) {
	d := v.shown(a, auth)
	if d == nil {
		if v.asked(a.DeviceID) {
			return Verdict{}, refuse(CodeConflict, "This answer is not to the present request: a newer one took its place. Open the newest request.")
		}
		return Verdict{}, ErrNotFound
	}
	if v.Terminal() {
		return v.late(a), nil
	}
	if !v.Prompt.Open(now) {
		return Verdict{Reason: "expired"}, nil
	}
	switch a.Decision {
	case Approve:
	case Deny:
		return v.decide(d, Denied, UserDenied, now), nil
	case Report:
		v.emit(EventReported, now, EventData{DeviceID: a.DeviceID})
		v.trust = RevokeTrust(UserReported)
		return v.decide(d, Denied, UserReported, now), nil
	default:
		return Verdict{}, &Refusal{Code: CodeInvalidRequest, Field: "decision", Detail: "Answer with approve, deny or report."}
	}
	if v.UserVerification && !a.UserVerification {
		return Verdict{Reason: "user_verification_required"}, nil
	}
	want := auth.keys.MatchNumber(v.ID, v.Prompt)
	if want != "" && subtle.ConstantTimeCompare([]byte(a.Number), []byte(want)) != 1 {
		v.decide(d, Denied, WrongNumber, now)
		return Verdict{Reason: string(WrongNumber)}, nil
	}
	return v.decide(d, Approved, "", now), nil
}

// decide ends the verification by the answer to a prompt that d showed. It goes to the
// delivery that brought the prompt.
func (v *Verification) decide(d *Delivery, s Status, r Reason, now time.Time) Verdict {
	d = v.bearer(d)
	v.arrived(d, now)
	if v.Prompt.DisplayedAt.IsZero() {
		v.Prompt.DisplayedAt = now
	}
	v.move(d, StateResponded, now)
	v.AnsweredBy = d.DeviceID
	event, m := EventDenied, Method("")
	if s == Approved {
		event, m = EventApproved, ByApp
		v.Meters.user().rested()
	} else {
		v.Meters.user().tire(now)
		v.Meters.denied(now)
	}
	v.end(s, r, m, event, now, EventData{DeviceID: d.DeviceID, Channel: d.Channel})
	return Verdict{Accepted: true}
}

// late answers a phone that comes after the end.
func (v *Verification) late(a Reply) Verdict {
	if v.AnsweredBy == a.DeviceID {
		switch {
		case v.Status == Approved && a.Decision == Approve,
			v.Reason == UserDenied && a.Decision == Deny,
			v.Reason == UserReported && a.Decision == Report:
			return Verdict{Accepted: true}
		case v.Reason == WrongNumber && a.Decision == Approve:
			return Verdict{Reason: string(WrongNumber)}
		}
	}
	return Verdict{Reason: string(v.Status)}
}

// shown finds the delivery of the present prompt that the answer is bound to; nil
// for an older prompt's. Signing is deterministic, so what was shown is made
// again, not kept.
func (v *Verification) shown(a Reply, auth *Authority) *Delivery {
	for i := range v.Deliveries {
		d := &v.Deliveries[i]
		if !d.Channel.App() || d.DeviceID != a.DeviceID || d.PromptGeneration != v.Prompt.Generation {
			continue
		}
		sum := sha256.Sum256([]byte(auth.Prompt(v, d).Signed))
		if equal(a.PromptSHA256, base64.RawURLEncoding.EncodeToString(sum[:])) {
			return d
		}
	}
	return nil
}

func (v *Verification) asked(deviceID string) bool {
	for i := range v.Deliveries {
		if d := &v.Deliveries[i]; d.Channel.App() && d.DeviceID == deviceID {
			return true
		}
	}
	return false
}
