package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"nod/verify"
)

// sendInput asks to prove a number.
type sendInput struct {
	Once
	Body struct {
		PhoneNumber string         `json:"phone_number" maxLength:"32" doc:"E.164, as +14155550123."`
		Channel     verify.Channel `json:"channel,omitempty" enum:"auto,sms,voice" doc:"How the code travels; auto when left out."`
		Locale      string         `json:"locale,omitempty" maxLength:"35" pattern:"^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*$" doc:"Language of the code's message and of the texts here; the user's own when left out."`
	}
}

// sendVerification starts to prove a number, or gives the open one back without
// another send.
func (s *Server) sendVerification(ctx context.Context, in *sendInput) (*statusAnswer, error) {
	n, err := verify.ParseNumber(in.Body.PhoneNumber)
	if err != nil {
		return nil, err
	}
	q := verify.Request{Number: n, Channel: in.Body.Channel, Locale: in.Body.Locale}
	return s.prove(ctx, q, in.Once, &in.Body)
}

// prove starts to prove a number of the caller's own.
func (s *Server) prove(ctx context.Context, q verify.Request, once Once, body any) (*statusAnswer, error) {
	c := callerFrom(ctx)
	q.UserID, q.Purpose = c.userID, verify.Phone
	q.Context = verify.Context{IP: c.ip, UserAgent: shorten(c.agent, 400)}
	return s.start(ctx, creation{Request: q, once: once, body: body, view: viewSent, status: http.StatusAccepted, reuse: true})
}

// changeInput leaves one number for another.
type changeInput struct {
	Once
	Body struct {
		Old string `json:"old_phone_number" maxLength:"32" doc:"E.164: the number that is being verified."`
		New string `json:"new_phone_number" maxLength:"32" doc:"E.164: the number to verify in its place."`
	}
}

// changePhone ends the verification of one number and starts that of another.
func (s *Server) changePhone(ctx context.Context, in *changeInput) (*statusAnswer, error) {
	old, err := parseNumber("old_phone_number", in.Body.Old)
	if err != nil {
		return nil, err
	}
	n, err := parseNumber("new_phone_number", in.Body.New)
	if err != nil {
		return nil, err
	}
	return s.prove(ctx, verify.Request{Number: n, Leaving: old}, in.Once, &in.Body)
}

// parseNumber reads a number that came in a field of another name than phone_number.
func parseNumber(field, value string) (verify.Number, error) {
	n, err := verify.ParseNumber(value)
	if err != nil {
		p := problemOf(err)
		p.Field = field
		return n, p
	}
	return n, nil
}

// shorten cuts what a browser sent without being asked: too long a name of a
// browser is no reason to refuse a person.
func shorten(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "")
}

// Which names a verification by its id or, the newest one, by its number. A page
// may leave both out: it has only one.
type Which struct {
	VerificationID string `json:"verification_id,omitempty" maxLength:"64"`
	PhoneNumber    string `json:"phone_number,omitempty" maxLength:"32" doc:"E.164, as +14155550123."`
}

// pick finds the verification that the caller means.
func (s *Server) pick(ctx context.Context, w Which) (*verify.Verification, time.Time, error) {
	c := callerFrom(ctx)
	var n verify.Number
	if w.PhoneNumber != "" {
		var err error
		if n, err = verify.ParseNumber(w.PhoneNumber); err != nil {
			return nil, time.Time{}, err
		}
	}
	id := w.VerificationID
	if id == "" && c.role == byPage {
		id = c.id
	}
	switch {
	case id != "":
		v, now, err := s.read(ctx, id)
		if err == nil && !n.IsZero() && v.Number != n {
			err = verify.ErrNotFound
		}
		return v, now, err
	case n.IsZero():
		return nil, time.Time{}, invalid("verification_id", "Say which one: pass verification_id or phone_number.")
	}
	return s.store.NewestVerification(ctx, c.userID, verify.Phone, n)
}

// sendAgainInput asks for another send.
type sendAgainInput struct {
	Once
	Body struct {
		Which
		Channel verify.Channel `json:"channel,omitempty" enum:"push,sms,voice,email" doc:"The last one when left out. Email only for a login that was created with an address."`
	}
}

// resendVerification is resend by number as well as by id.
func (s *Server) resendVerification(ctx context.Context, in *sendAgainInput) (*statusAnswer, error) {
	v, _, err := s.pick(ctx, in.Body.Which)
	if err != nil {
		return nil, err
	}
	return s.sendAgain(ctx, v.ID, in.Body.Channel, in.Once, &in.Body)
}

// verifyCodeInput is a typed code.
type verifyCodeInput struct {
	Body struct {
		Which
		Code string `json:"code" pattern:"^[0-9]{4,10}$" doc:"The digits as they were typed."`
	}
}

// verifyCode is check by number as well as by id. The newest verification of the
// number is meant: its user sees no other.
func (s *Server) verifyCode(ctx context.Context, in *verifyCodeInput) (*statusAnswer, error) {
	v, _, err := s.pick(ctx, in.Body.Which)
	if err != nil {
		return nil, err
	}
	return s.checkCode(ctx, v.ID, in.Body.Code)
}

// statusInput asks how a verification stands, and may wait for news.
type statusInput struct {
	VerificationID string `query:"verification_id" maxLength:"64"`
	PhoneNumber    string `query:"phone_number" maxLength:"32" doc:"E.164; a leading space is read as +."`
	Wait           int    `query:"wait" minimum:"0" maximum:"25" doc:"Seconds to wait for an event after since_seq."`
	SinceSeq       int64  `query:"since_seq" minimum:"0"`
}

// maybeStatusAnswer is a status body, or says that there is none.
type maybeStatusAnswer struct {
	Body MaybeStatus
}

// MaybeStatus is a status body or, when Status is nil, {"status":"none"}.
type MaybeStatus struct {
	*Status
	At time.Time
}

// MarshalJSON writes one of the two.
func (m MaybeStatus) MarshalJSON() ([]byte, error) {
	if m.Status != nil {
		return encode(m.Status), nil
	}
	return json.Marshal(map[string]string{"status": "none", "server_time": verify.FormatTime(m.At)})
}

// Schema describes both to huma.
func (MaybeStatus) Schema(r huma.Registry) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{
		r.Schema(statusType, true, "Status"),
		{Type: huma.TypeObject, Required: []string{"status", "server_time"}, Properties: map[string]*huma.Schema{
			"status":      {Type: huma.TypeString, Enum: []any{"none"}},
			"server_time": {Type: huma.TypeString, Format: "date-time"},
		}},
	}}
}

// verificationStatus tells how it stands, at once or when something happens. That
// a number was never asked for is no error: a page that loads does not know.
func (s *Server) verificationStatus(ctx context.Context, in *statusInput) (*maybeStatusAnswer, error) {
	w := Which{in.VerificationID, plusOf(in.PhoneNumber)}
	v, now, err := s.pick(ctx, w)
	if errors.Is(err, verify.ErrNotFound) && w.VerificationID == "" && callerFrom(ctx).role == byUser {
		now, err = s.store.Now(ctx)
		return &maybeStatusAnswer{MaybeStatus{At: now}}, err
	}
	if err != nil {
		return nil, err
	}
	if in.Wait > 0 && v.Seq <= in.SinceSeq {
		if v, now, err = s.await(ctx, v.ID, in.SinceSeq, time.Duration(in.Wait)*time.Second); err == nil {
			err = callerFrom(ctx).may(v)
		}
		if err != nil {
			return nil, err
		}
	}
	return &maybeStatusAnswer{MaybeStatus{Status: &s.tell(ctx, http.StatusOK, v, now).Body}}, nil
}

// plusOf restores the plus of a number that came through a query, where it means
// a space.
func plusOf(phone string) string {
	if rest, ok := strings.CutPrefix(phone, " "); ok {
		return "+" + rest
	}
	return phone
}
