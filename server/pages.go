package server

import (
	"bytes"
	"io/fs"
	"net/http"
	"path"
	"time"

	"github.com/labstack/echo/v4"
)

// stagePage is the demo's first page; without the demo the console is the first.
func (s *Server) stagePage(c echo.Context) error {
	if s.config.Demo == nil {
		return c.Redirect(http.StatusFound, "/console")
	}
	return s.page(c, "index.html")
}

// demoPage serves /login and /phone, which only the demo has.
func (s *Server) demoPage(c echo.Context) error {
	if s.config.Demo == nil {
		return echo.NewHTTPError(http.StatusNotFound)
	}
	return s.page(c, path.Base(c.Path())+".html")
}

func (s *Server) consolePage(c echo.Context) error { return s.page(c, "console.html") }

// page serves a built page. It is looked at anew each time: what it loads has
// its content's hash in its name.
func (s *Server) page(c echo.Context, name string) error {
	c.Response().Header().Set("Cache-Control", "no-cache")
	return s.serveFile(c, name)
}

// file serves what pages load; a name never gets another content.
func (s *Server) file(c echo.Context) error {
	c.Response().Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	return s.serveFile(c, path.Clean(c.Request().URL.Path)[1:])
}

func (s *Server) serveFile(c echo.Context, name string) error {
	if s.config.Pages == nil {
		return newProblem(codeUnavailable, "The pages are not part of this program. Build it with make build.")
	}
	content, err := fs.ReadFile(s.config.Pages, name)
	if err != nil {
		c.Response().Header().Set("Cache-Control", "no-store")
		if name == c.Request().URL.Path[1:] {
			return echo.NewHTTPError(http.StatusNotFound)
		}
		return newProblem(codeUnavailable, "The pages were not built. Run make build.")
	}
	http.ServeContent(c.Response(), c.Request(), name, time.Time{}, bytes.NewReader(content))
	return nil
}

// demo hands a request to the demo's integrator.
func (s *Server) demo(c echo.Context) error {
	if s.config.Demo == nil {
		return echo.NewHTTPError(http.StatusNotFound)
	}
	s.config.Demo.ServeHTTP(c.Response(), c.Request())
	return nil
}
