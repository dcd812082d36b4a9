package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"nod/verify"
)

type requestIDKey struct{}

// requestID returns the id under which a request is logged.
func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// storeLimit is how long everything that one request asks of the store may take,
// so that a store that hangs is told of within two seconds.
const storeLimit = 1900 * time.Millisecond

type patienceKey struct{}

// hurried is ctx for work with the store.
func hurried(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithValue(ctx, patienceKey{}, ctx), storeLimit)
}

// patiently is what a context was before it was hurried: for requests that wait
// for news.
func patiently(ctx context.Context) context.Context {
	if before, ok := ctx.Value(patienceKey{}).(context.Context); ok {
		return before
	}
	return ctx
}

// observe gives every request an id, logs and counts it and catches what panics.
// It tells route, status and time: never a query, a header or a body.
func (s *Server) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		start, id := time.Now(), verify.NewID("req")
		ctx := context.WithValue(c.Request().Context(), requestIDKey{}, id)
		c.SetRequest(c.Request().WithContext(ctx))
		c.Response().Header().Set(echo.HeaderXRequestID, id)
		if err := s.caught(c, next); err != nil {
			s.refuse(err, c)
		}
		took, status, path, method := time.Since(start), c.Response().Status, c.Path(), methodOf(c.Request())
		if path == "" {
			path = "none"
		}
		s.traffic.saw(method, path, status, took)
		level := slog.LevelInfo
		switch {
		case path == "/healthz" || path == "/readyz",
			path == "/ws" && (status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable):
			level = slog.LevelDebug // a balancer asks every second; a flood that the hub sheds must not become one of lines
		case status >= http.StatusInternalServerError:
			level = slog.LevelError
		}
		s.log.LogAttrs(ctx, level, "request",
			slog.String("request_id", id), slog.String("method", method), slog.String("route", path),
			slog.Int("status", status), slog.Float64("took_ms", float64(took.Microseconds())/1000))
		return nil
	}
}

// caught turns a panic into an error; its stack is for the operator only.
func (s *Server) caught(c echo.Context, next echo.HandlerFunc) (err error) {
	defer func() {
		switch p := recover(); {
		case p == nil:
		case p == http.ErrAbortHandler: //nolint:errorlint // it is compared as net/http does
			panic(p)
		default:
			ctx := c.Request().Context()
			if ctx.Err() != nil { // the answer could not be written: nobody was there
				return
			}
			s.log.ErrorContext(ctx, "panic", "request_id", requestID(ctx), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = newProblem(codeInternal, internalDetail)
		}
	}()
	return next(c)
}

// refuse writes an error that no answer has been written for. It is echo's error
// handler.
func (s *Server) refuse(err error, c echo.Context) {
	if !c.Response().Committed {
		writeProblem(c.Response(), s.fail(c.Request().Context(), err))
	}
}

// cors lets the pages of allowed origins call. Cookies stay at home.
func (s *Server) cors(next echo.HandlerFunc) echo.HandlerFunc {
	methods := strings.Join([]string{get, post, put, patch, remove}, ", ")
	return func(c echo.Context) error {
		r, h := c.Request(), c.Response().Header()
		h.Add("Vary", "Origin") // what is kept for one page is not for another
		origin := r.Header.Get("Origin")
		if !slices.Contains(s.origins, origin) {
			return next(c)
		}
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Expose-Headers", "Retry-After, X-Request-Id")
		if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
			return next(c)
		}
		h.Set("Access-Control-Allow-Methods", methods)
		h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, "+secretHeader)
		h.Set("Access-Control-Max-Age", "7200")
		return c.NoContent(http.StatusNoContent)
	}
}
