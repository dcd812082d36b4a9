package hub_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"

	"nod/hub"
)

// wrapped is a response writer of a middleware: it can be unwrapped, no more.
type wrapped struct{ http.ResponseWriter }

func (w wrapped) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// The server puts the hub behind Echo and its middleware.
func TestBehindEcho(t *testing.T) {
	h, err := hub.New(config(new(app)))
	if err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			c.Response().Writer = wrapped{c.Response().Writer}
			return next(c)
		}
	})
	e.GET("/", echo.WrapHandler(h))
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	n := start(t, h, server.URL, server.Client())
	p := n.login(t, "device dev_1")
	n.publish(t, 1, hub.Message{Topic: "device:dev_1", Kind: "prompt"})
	p.expect("prompt")
	status, header, body := n.upgrade(t, append(handshake, "Origin: http://evil.example")...)
	wantProblem(t, header, body, 403, "forbidden")
	if status != 403 {
		t.Errorf("status %d", status)
	}
}
