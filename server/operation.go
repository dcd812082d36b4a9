package server

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"
)

// maxBody is how much a request may hold.
const maxBody = 64 << 10

// section is a heading with its routes.
type section struct {
	title  string
	routes []route
}

// route is one line of the table of routes.
type route struct {
	method, path string
	who          who
	add          func(s *Server, api huma.API, tag string, r route)
	limited      bool // see limited
}

// limited is a route that sends codes or takes them: it can be refused for what a person,
// a number or an address used up, and says so.
func limited(r route) route {
	r.limited = true
	return r
}

// op is a route whose input, answers and documentation come from Go types.
func op[I, O any](method, path string, w who, status int, summary string, handler func(*Server, context.Context, *I) (*O, error)) route {
	return route{method: method, path: path, who: w, add: func(s *Server, api huma.API, tag string, r route) {
		o := describeRoute(r, tag, summary)
		o.DefaultStatus = status
		o.MaxBodyBytes = maxBody + 1 // huma refuses at its limit, not above it
		o.Middlewares = huma.Middlewares{s.gate(r.who)}
		huma.Register(api, o, func(ctx context.Context, in *I) (*O, error) {
			brief, cancel := hurried(ctx)
			defer cancel()
			out, err := handler(s, brief, in)
			if err != nil {
				return nil, s.fail(ctx, err)
			}
			return out, nil
		})
	}}
}

// raw is a route that reads its request and writes its answer by itself. It
// stands in the OpenAPI document when it has a summary.
func raw(method, path string, w who, summary string, handler func(*Server, echo.Context) error) route {
	return route{method: method, path: path, who: w, add: func(s *Server, api huma.API, tag string, r route) {
		if summary != "" {
			o := describeRoute(r, tag, summary)
			for _, part := range strings.Split(r.path, "{")[1:] {
				name, _, _ := strings.Cut(part, "}")
				o.Parameters = append(o.Parameters, &huma.Param{Name: name, In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}})
			}
			api.OpenAPI().AddOperation(&o)
		}
		answer := func(c echo.Context) error {
			who, err := s.admitRequest(c, r.who)
			if err != nil {
				return err
			}
			c.SetRequest(c.Request().WithContext(context.WithValue(c.Request().Context(), callerKey{}, who)))
			return handler(s, c)
		}
		path := strings.NewReplacer("{", ":", "}", "").Replace(r.path)
		s.echo.Add(r.method, path, answer)
		if r.method == get && r.who == public { // those who watch a service ask for the head
			s.echo.HEAD(path, answer)
		}
	}}
}

// gate lets in only whom a route is for, before anything of the body is read.
func (s *Server) gate(w who) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		c := humaecho.Unwrap(ctx)
		who, err := s.admitRequest(c, w)
		if err != nil {
			writeProblem(c.Response(), s.fail(ctx.Context(), err))
			return
		}
		// All that is taken is JSON, however a client calls it: curl -d calls it a form.
		c.Request().Header.Set("Content-Type", "application/json")
		next(huma.WithValue(ctx, callerKey{}, who))
	}
}

// admitRequest is admit with what a connection says beside its credential.
func (s *Server) admitRequest(c echo.Context, w who) (caller, error) {
	r := c.Request()
	ctx, cancel := hurried(r.Context())
	defer cancel()
	got, err := s.admit(r.WithContext(ctx), w)
	got.ip, got.agent, got.call = c.RealIP(), r.UserAgent(), r.Method+" "+r.URL.Path
	return got, err
}

// describeRoute is what the OpenAPI document says of every route. x-who names the
// roles: the tests ask as all of them and compare.
func describeRoute(r route, tag, summary string) huma.Operation {
	o := huma.Operation{
		OperationID: operationID(r), Method: r.method, Path: r.path, Summary: summary, Tags: []string{tag},
		Responses:  map[string]*huma.Response{"default": refusedAs("A refusal")},
		Extensions: map[string]any{"x-who": r.who.names()},
	}
	if r.who != public {
		o.Description = "Who: " + strings.Join(r.who.names(), ", ") + "."
	}
	if r.limited {
		o.Responses["403"] = refusedAs("blocked: a rule, or a block that an operator made, lets no code go to this number or no verification be of this user; reason says more of a create. forbidden: not with this credential")
		o.Responses["423"] = refusedAs("locked: too many wrong codes of this user. locked_until and retry_after say until when; without them, until an operator unlocks the user")
		o.Responses["429"] = refusedAs("rate_limited, cooldown or too_many_attempts: asked for too often. retry_after says when it can be tried again, where waiting helps")
	}
	for _, name := range r.who.names() {
		if r.who != public {
			o.Security = append(o.Security, map[string][]string{name: {}})
		}
	}
	return o
}

// refusedAs describes a refusal.
func refusedAs(text string) *huma.Response {
	return &huma.Response{Description: text, Content: map[string]*huma.MediaType{
		"application/problem+json": {Schema: &huma.Schema{Ref: "#/components/schemas/Problem"}},
	}}
}

// operationID reads as the call: post-verifications-id-check.
func operationID(r route) string {
	path := strings.NewReplacer("/api/v1", "", "/api", "", "/.well-known", "", ".", "-", "_", "-", "{", "", "}", "").Replace(r.path)
	return strings.ToLower(r.method) + strings.ReplaceAll(path, "/", "-")
}

// strictly has huma take field names as they are written: JSON is case-sensitive,
// and a second spelling of a field would pass unchecked. And a body that cannot be
// read, as one that breaks off or whose chunks are none, is its sender's fault (RFC
// 9112, section 8), not this server's.
var strictly = sync.OnceFunc(func() {
	huma.ValidateStrictCasing = true
	huma.NewErrorWithContext = func(_ huma.Context, status int, msg string, errs ...error) huma.StatusError {
		if msg == "cannot read request body" {
			status = http.StatusBadRequest
		}
		return huma.NewError(status, msg, errs...)
	}
})

// newAPI prepares the OpenAPI document that the routes fill.
func (s *Server) newAPI() huma.API {
	strictly()
	registry := huma.NewMapRegistry("#/components/schemas/", schemaName)
	format := huma.Format{
		Marshal:   func(w io.Writer, v any) error { _, err := w.Write(encode(v)); return err },
		Unmarshal: json.Unmarshal,
	}
	bearer := func(text string) *huma.SecurityScheme {
		return &huma.SecurityScheme{Type: "http", Scheme: "bearer", Description: text}
	}
	api := humaecho.New(s.echo, huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{Title: "nod", Version: s.config.Version,
				Description: "Asks a person's phone \"is this you?\" and brings the answer back to the page that waits."},
			Servers: []*huma.Server{{URL: s.authority.URL()}},
			Components: &huma.Components{Schemas: registry, SecuritySchemes: map[string]*huma.SecurityScheme{
				"key":     bearer("An API key, nod_sk_…: the integrator's backend."),
				"user":    bearer("A user token: a JWT whose sub is the user_id, good for an hour at most."),
				"page":    {Type: "apiKey", In: "header", Name: secretHeader, Description: "The client_secret of one verification."},
				"device":  {Type: "apiKey", In: "header", Name: "Authorization", Description: "Device <token>: a JWT (typ nod-device+jwt, ES256) by the device, with iss, aud, iat, exp ≤ 60 s and a jti used once."},
				"console": {Type: "apiKey", In: "cookie", Name: s.consoleCookie, Description: "A console session; also taken as bearer. The cookie counts only from nod's own pages."},
			}},
		},
		Formats:       map[string]huma.Format{"application/json": format, "json": format},
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{describe},
	})
	registry.Schema(problemType, true, "Problem")
	return api
}

// schemaName names a type as callers would: by what it is to them, not by the Go
// type around it.
func schemaName(t reflect.Type, hint string) string {
	return strings.NewReplacer("InputBody", "Request", "AnswerBody", "Answer", "Body", "").Replace(huma.DefaultSchemaNamer(t, hint))
}

// encode writes JSON as it is, without escapes for HTML. Only our own types come
// here, which always encode.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("server: encoding an answer: " + err.Error())
	}
	return b.Bytes()
}

// unescapeParams gives handlers path parameters as they were meant: the router
// matches the path as it was sent, so that %2F in a user_id parts nothing.
func unescapeParams(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if c.Request().URL.RawPath == "" {
			return next(c)
		}
		values := c.ParamValues()
		for i, v := range values {
			plain, err := url.PathUnescape(v)
			if err != nil {
				return echo.NewHTTPError(http.StatusNotFound)
			}
			values[i] = plain
		}
		c.SetParamValues(values...)
		return next(c)
	}
}
