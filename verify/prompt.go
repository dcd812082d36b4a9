package verify

import (
	"strings"
	"time"
)

// PromptFrame is what a device is given to show (contract, section 9), but for
// "remaining", which is counted where it is handed over.
type PromptFrame struct {
	VerificationID   string     `json:"verification_id"`
	DeliveryID       string     `json:"delivery_id"`
	Purpose          Purpose    `json:"purpose"`
	Context          Context    `json:"context"`
	BindingMessage   string     `json:"binding_message,omitempty"`
	Match            MatchAsked `json:"match"`
	UserVerification bool       `json:"require_user_verification,omitempty"`
	ExpiresAt        string     `json:"expires_at"`
	Signed           string     `json:"signed,omitempty"`
}

// MatchAsked says how many digits the phone asks for; 0: none.
type MatchAsked struct {
	Digits int `json:"digits"`
}

// promptClaims is the signed form: the same fields inside a JWT.
type promptClaims struct {
	Claims
	DeliveryID       string     `json:"delivery_id"`
	Context          Context    `json:"context"`
	BindingMessage   string     `json:"binding_message,omitempty"`
	Match            MatchAsked `json:"match"`
	UserVerification bool       `json:"require_user_verification,omitempty"`
	ExpiresAt        string     `json:"expires_at"`
}

// Prompt makes what one delivery shows of the present prompt, with the server's
// signature over the same fields. The same delivery always gives the same bytes.
func (a *Authority) Prompt(v *Verification, d *Delivery) PromptFrame {
	f := PromptFrame{
		VerificationID: v.ID, DeliveryID: d.ID, Purpose: v.Purpose, Context: v.Context,
		BindingMessage: v.BindingMessage, Match: MatchAsked{v.Prompt.Digits},
		UserVerification: v.UserVerification, ExpiresAt: FormatTime(v.Prompt.ExpiresAt),
	}
	c := promptClaims{
		Claims: Claims{
			Issuer: a.url, Audience: Audience{d.DeviceID}, ID: d.ID,
			IssuedAt: v.Prompt.OpenedAt.Unix(), Expires: v.Prompt.ExpiresAt.Unix(),
			VerificationID: v.ID, Purpose: v.Purpose,
		},
		DeliveryID: f.DeliveryID, Context: f.Context, BindingMessage: f.BindingMessage, Match: f.Match,
		UserVerification: f.UserVerification, ExpiresAt: f.ExpiresAt,
	}
	f.Signed = a.signWith(a.signingKey(v.Prompt.SignKeyID), TypPrompt, c)
	return f
}

// PromptFor returns the frame of the present prompt for a device; false when it
// has none or the prompt is closed.
func (a *Authority) PromptFor(v *Verification, deviceID string, now time.Time) (PromptFrame, bool) {
	if v.Terminal() || !v.Prompt.Open(now) {
		return PromptFrame{}, false
	}
	d := v.promptDelivery(WebSocket, deviceID)
	if d == nil {
		return PromptFrame{}, false
	}
	return a.Prompt(v, d), true
}

// Missed reports whether a prompt was made and, as far as is known, no device has the
// present one.
func (v *Verification) Missed() bool {
	for i := range v.Deliveries {
		if d := &v.Deliveries[i]; d.Channel.App() && d.PromptGeneration == v.Prompt.Generation && d.acked() {
			return false
		}
	}
	return v.Prompt.Generation > 0
}

// Result signs what a redeemed verification came to, for the integrator: valid
// an hour from then. It is redeemed once, so it has one result, which need not be
// kept to be told again.
func (a *Authority) Result(v *Verification) string {
	c := Claims{
		Issuer: a.url, Audience: Audience{a.url}, ID: "res" + strings.TrimPrefix(v.ID, "ver"), Subject: v.UserID,
		IssuedAt: v.RedeemedAt.Unix(), Expires: v.RedeemedAt.Add(time.Hour).Unix(),
		VerificationID: v.ID, Purpose: v.Purpose, Status: v.Status, Method: v.Method,
	}
	switch v.Method {
	case BySMSCode:
		c.PhoneNumber, c.Channel = v.Number.E164(), SMS
	case ByVoiceCode:
		c.PhoneNumber, c.Channel = v.Number.E164(), Voice
	case ByEmailCode:
		c.Channel = Email // it proves no number
	}
	return a.sign(TypResult, c)
}

func (a *Authority) signingKey(id string) signingKey {
	for _, k := range a.keys.signing {
		if k.id == id {
			return k
		}
	}
	return a.keys.signing[0]
}

// FormatTime writes a time as the contract wants it: RFC 3339, UTC,
// milliseconds.
func FormatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
