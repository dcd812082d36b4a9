package server

import (
	"bytes"
	"io/fs"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strings"
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

// demoFile serves what makes the phone an app of its own: its worker, which takes
// pushes while no page is open, and its manifest. Their addresses stay, so they
// are looked at anew each time; a worker at the top may serve every page below
// (Service Workers, "Service-Worker-Allowed": no header is needed for that).
func (s *Server) demoFile(c echo.Context) error {
	if s.config.Demo == nil || s.config.Pages == nil {
		return echo.NewHTTPError(http.StatusNotFound)
	}
	name := path.Base(c.Path())
	content, err := fs.ReadFile(s.config.Pages, name)
	if err != nil {
		return echo.NewHTTPError(http.StatusNotFound)
	}
	if path.Ext(name) == ".webmanifest" { // a type that Go does not know by its name
		c.Response().Header().Set("Content-Type", "application/manifest+json")
	}
	return serve(c, name, "no-cache", content)
}

func (s *Server) consolePage(c echo.Context) error { return s.page(c, "console.html") }

// page serves a built page. It is looked at anew each time: what it loads has
// its content's hash in its name.
func (s *Server) page(c echo.Context, name string) error {
	if s.namesakes(c.Request().Host) {
		return c.Redirect(http.StatusTemporaryRedirect, s.authority.URL()+c.Request().URL.RequestURI())
	}
	if s.config.Pages == nil {
		return newProblem(codeUnavailable, "This program was built without its pages. Build it with make build.")
	}
	content, err := fs.ReadFile(s.config.Pages, name)
	if err != nil {
		return newProblem(codeUnavailable, "The pages were not built. Run make build.")
	}
	return serve(c, name, "no-cache", content)
}

// namesakes reports whether a page was asked for by another name of this very
// machine than the public URL's, localhost for 127.0.0.1 say. A page's origin is
// the audience of what its phone signs, so it must be the public one.
func (s *Server) namesakes(host string) bool {
	public, err := url.Parse(s.authority.URL())
	asked, err2 := url.Parse("//" + host)
	return err == nil && err2 == nil && host != public.Host && asked.Port() == public.Port() &&
		loopback(public.Hostname()) && loopback(asked.Hostname())
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && a.IsLoopback())
}

// file serves what pages load; a name never gets another content.
func (s *Server) file(c echo.Context) error {
	name := strings.TrimPrefix(c.Request().URL.Path, "/")
	if s.config.Pages == nil || !fs.ValidPath(name) { // no way out of the folder
		return echo.NewHTTPError(http.StatusNotFound)
	}
	content, err := fs.ReadFile(s.config.Pages, name)
	if err != nil {
		return echo.NewHTTPError(http.StatusNotFound)
	}
	return serve(c, name, "public, max-age=31536000, immutable", content)
}

func serve(c echo.Context, name, keep string, content []byte) error {
	c.Response().Header().Set("Cache-Control", keep)
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
