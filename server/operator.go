package server

import (
	"context"
	"net/http"
	"strings"
	"time"

	"nod/delivery"
	"nod/verify"
)

// consoleInput is empty: the API key says all.
type consoleInput struct {
	Once
	Body *Empty
}

// consoleAnswer is a console session, for a browser as a cookie.
type consoleAnswer struct {
	Cookie string `header:"Set-Cookie"`
	Body   Token
}

// openConsole swaps an API key for a console session: the key itself need not
// stay in a browser.
func (s *Server) openConsole(ctx context.Context, in *consoleInput) (*consoleAnswer, error) {
	made, err := s.stamp(ctx, in.Once, "con", in.Body)
	if err != nil {
		return nil, err
	}
	t := tokenOf(s.authority.ConsoleToken(made.ID, callerFrom(ctx).id, made.At), made.At, verify.ConsoleLife)
	s.operators.remember(t.Token, made.At.Add(verify.ConsoleLife))
	cookie := &http.Cookie{ //nolint:gosec // Secure wherever nod is reached over https
		Name: s.consoleCookie, Value: t.Token, Path: "/", MaxAge: int(verify.ConsoleLife / time.Second),
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: strings.HasPrefix(s.authority.URL(), "https:"),
	}
	return &consoleAnswer{cookie.String(), t}, nil
}

// outboxInput asks for simulated messages, and may wait for one.
type outboxInput struct {
	To    string `query:"to" maxLength:"4096" doc:"A phone number or push token; a leading space is read as +. Empty: anybody's."`
	After string `query:"after" maxLength:"64" doc:"The id of the last message that is known."`
	Wait  int    `query:"wait" minimum:"0" maximum:"25" doc:"Seconds to wait for a message."`
}

// outboxAnswer lists simulated messages.
type outboxAnswer struct {
	Body struct {
		Messages []OutboxMessage `json:"messages" nullable:"false"`
		Next     string          `json:"next" doc:"What to pass as after."`
	}
}

// OutboxMessage is a simulated message with its time as the API writes times.
type OutboxMessage struct {
	delivery.Simulated
	At string `json:"at" format:"date-time"`
}

// outboxPage is how many messages one answer lists.
const outboxPage = 100

// outbox shows what the simulator's phones got.
func (s *Server) outbox(ctx context.Context, in *outboxInput) (*outboxAnswer, error) {
	box := s.config.Outbox
	if box == nil {
		return nil, &verify.Refusal{Code: verify.CodeNotFound, Detail: "There is no outbox: messages go to real providers here."}
	}
	out := &outboxAnswer{}
	to := plusOf(in.To)
	found := box.List(to, in.After, outboxPage)
	if len(found) == 0 && in.Wait > 0 {
		leave, err := s.stay(ctx)
		if err != nil {
			return nil, err
		}
		defer leave()
		ctx, cancel := context.WithTimeout(patiently(ctx), time.Duration(in.Wait)*time.Second)
		defer cancel()
		defer context.AfterFunc(s.live.over, cancel)() // a server that stops waits for nobody who waits
		found = box.Wait(ctx, to, in.After, outboxPage)
	}
	out.Body.Messages, out.Body.Next = make([]OutboxMessage, len(found)), in.After
	for i, m := range found {
		out.Body.Messages[i], out.Body.Next = OutboxMessage{m, verify.FormatTime(m.At)}, m.ID
	}
	return out, nil
}
