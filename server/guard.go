package server

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// guard sets the headers that every answer has (OWASP Secure Headers Project; ASVS
// 5.0, section 3.4). Nobody frames an answer but nod's own stage, which shows the
// sign-in and the phone side by side. A console that could be framed could be clicked
// by somebody else's page.
//
// Two that others set are left out on purpose. HSTS without includeSubDomains: other
// services of that domain are not nod's to decide about. No
// Cross-Origin-Embedder-Policy: it opens abilities that no page of nod uses. What
// nod is made with is not said either: there is no Server header.
func (s *Server) guard(next echo.HandlerFunc) echo.HandlerFunc {
	policy := strings.Join([]string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "font-src 'self'",
		"connect-src 'self' " + strings.Replace(s.authority.URL(), "http", "ws", 1),
		"worker-src 'self'", "manifest-src 'self'", "frame-src 'self'", "base-uri 'none'", "form-action 'self'", "frame-ancestors ",
	}, "; ")
	secure := strings.HasPrefix(s.authority.URL(), "https:")
	return func(c echo.Context) error {
		h := c.Response().Header()
		frames, old := "'none'", "DENY"
		if path := c.Request().URL.Path; path == "/login" || path == "/phone" {
			frames, old = "'self'", "SAMEORIGIN"
		}
		h.Set("Content-Security-Policy", policy+frames)
		h.Set("X-Frame-Options", old)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin") // CORS, where it is granted, is another door
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()")
		h.Set("Cache-Control", "no-store") // what may be kept says so
		if s.retired.Load() {
			h.Set("Connection", "close") // the next request finds a node that stays
		}
		if secure {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		return next(c)
	}
}

// consoleCookie names the cookie of a console session. Behind https a browser takes
// __Host- from this very host only, over https only (RFC 6265bis, section 4.1.3.2):
// a sibling under the same domain cannot plant a session of its own.
func consoleCookie(scheme string) string {
	if scheme == "https" {
		return "__Host-nod_console"
	}
	return "nod_console"
}

// fromOwnPage reports whether the console's cookie counts: a browser sends it by
// itself, so it says who the operator is and not that the operator wants anything.
// SameSite=Strict keeps it from other sites, but a site is a whole domain, and a
// sibling is not nod. Browsers say which page asks: in Sec-Fetch-Site (W3C Fetch
// Metadata), the older ones in Origin for whatever is no mere reading. What they say
// must be nod, and for acts they must have said it (OWASP CSRF Prevention Cheat
// Sheet). Bearers need none of this: no browser adds one.
func (s *Server) fromOwnPage(r *http.Request) bool {
	origin, site := r.Header.Get("Origin"), r.Header.Get("Sec-Fetch-Site")
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case origin != "" && origin != s.origins[0], !s.goesBy(r.Host):
		return false
	case site == "":
		return reads || origin != ""
	case site == "none": // typed by hand, or a bookmark
		return reads
	}
	return site == "same-origin"
}

// ourName is a handler for those who call this server by a name of its own. Another
// name that leads here is DNS rebinding (or a proxy that drops Host): a stranger's
// page would be of the same origin as ours, and on a developer's machine read the
// demo's messages. The API needs no such look: it takes credentials that no browser
// adds by itself, and an integrator inside a network may call nod by any name; nor do
// health and metrics, which are asked by address.
func ourName(handler func(*Server, echo.Context) error) func(*Server, echo.Context) error {
	return func(s *Server, c echo.Context) error {
		if !s.goesBy(c.Request().Host) {
			return newProblem(codeMisdirected, "These pages are not served under this name. Open them at NOD_PUBLIC_URL; a proxy in front has to pass the Host header on.")
		}
		return handler(s, c)
	}
}

// goesBy reports whether a Host is a name of this server: the public URL's or an
// allowed origin's, at any port, or one that no stranger's DNS can point here: an
// address, or localhost (RFC 6761, section 6.3).
func (s *Server) goesBy(host string) bool {
	asked, err := url.Parse("//" + host)
	if err != nil {
		return false
	}
	name := strings.TrimSuffix(strings.ToLower(asked.Hostname()), ".")
	_, err = netip.ParseAddr(name)
	return err == nil || name == "localhost" || strings.HasSuffix(name, ".localhost") || slices.Contains(s.own, name)
}

// namesOf returns the names of origins, without schemes and ports.
func namesOf(origins []string) []string {
	var names []string
	for _, o := range origins {
		if u, err := url.Parse(o); err == nil && u.Hostname() != "" {
			names = append(names, strings.ToLower(u.Hostname()))
		}
	}
	return names
}
