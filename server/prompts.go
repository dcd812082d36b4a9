package server

import (
	"context"

	"nod/verify"
)

// promptsAnswer lists the open prompts of a device.
type promptsAnswer struct {
	Body struct {
		Prompts    []Prompt `json:"prompts" nullable:"false"`
		ServerTime string   `json:"server_time" format:"date-time"`
	}
}

// prompts is the frame prompts for an app without a socket.
func (s *Server) prompts(ctx context.Context, _ *struct{}) (*promptsAnswer, error) {
	c := callerFrom(ctx)
	vs, now, err := s.store.OpenPrompts(ctx, c.id)
	if err != nil {
		return nil, err
	}
	out := &promptsAnswer{}
	out.Body.Prompts, out.Body.ServerTime = promptsOf(vs, c.id, s.authority, now), verify.FormatTime(now)
	return out, nil
}

// ByVerification names one verification in the path.
type ByVerification struct {
	VerificationID string `path:"verification_id" maxLength:"64" doc:"ver_…"`
}

// receiptInput says which delivery has arrived.
type receiptInput struct {
	ByVerification
	Body struct {
		DeliveryID string `json:"delivery_id" minLength:"1" maxLength:"64"`
	}
}

// ack takes the device's push back: the request has arrived.
func (s *Server) ack(ctx context.Context, in *receiptInput) (*struct{}, error) {
	return nil, s.receipt(ctx, callerFrom(ctx).id, in.VerificationID, in.Body.DeliveryID, false)
}

// displayed stops the automatic SMS: a person looks at the request.
func (s *Server) displayed(ctx context.Context, in *receiptInput) (*struct{}, error) {
	return nil, s.receipt(ctx, callerFrom(ctx).id, in.VerificationID, in.Body.DeliveryID, true)
}

// respondInput is a signed answer.
type respondInput struct {
	ByVerification
	Body struct {
		Token string `json:"token" minLength:"1" maxLength:"8192" doc:"JWS (ES256 by the device, typ nod-answer+jwt)."`
	}
}

// respondAnswer is what became of an answer.
type respondAnswer struct {
	Body struct {
		PromptResult
		ServerTime string `json:"server_time" format:"date-time"`
	}
}

// respondTo decides by what the person chose on the phone.
func (s *Server) respondTo(ctx context.Context, in *respondInput) (*respondAnswer, error) {
	c := callerFrom(ctx)
	result, err := s.respond(ctx, c.userID, c.id, in.VerificationID, in.Body.Token)
	out := &respondAnswer{}
	out.Body.PromptResult, out.Body.ServerTime = result, verify.FormatTime(s.Now())
	return out, err
}
