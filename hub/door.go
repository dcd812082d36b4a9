package hub

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// ServeHTTP upgrades a request to a connection of the protocol nod.v1 and
// returns; the conversation goes on in a goroutine of its own.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !h.allowed(r.Header) {
		h.refuse(w, r, http.StatusForbidden, "forbidden",
			"This page's origin may not connect. Add its scheme, host and port to the allowed origins.", 0)
		return
	}
	if offered := tokens(r.Header, "Sec-Websocket-Protocol"); len(offered) > 0 && !offered[subprotocol] {
		h.refuse(w, r, http.StatusBadRequest, "invalid_request",
			"None of the subprotocols offered is spoken here. Offer "+subprotocol+", or none.", 0)
		return
	}
	if refusal := h.reserve(); refusal != "" {
		h.refuse(w, r, http.StatusServiceUnavailable, "unavailable", refusal, retryLater())
		return
	}
	k, err := accept(w, r, func(status int, detail string) {
		h.refuse(w, r, status, "invalid_request", detail, 0)
	})
	if err != nil {
		h.release()
		return
	}
	s := newSession(h, k, h.config.ClientIP(r), r.Header.Get("Origin"))
	h.enter(s)
	go s.greet()
}

// retryLater is what a refused request is told to wait: those that were refused
// at one moment do not come back at one.
func retryLater() time.Duration { return time.Second + rand.N(4*time.Second) }

// bucket lets rate requests a second through, and as many at once.
type bucket struct {
	left float64   // of what may come at once
	at   time.Time // when left was counted; zero: never, so it is full
}

func (b *bucket) take(now time.Time, rate int) bool {
	b.left = min(float64(rate), b.left+now.Sub(b.at).Seconds()*float64(rate))
	b.at = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

// allowed compares the whole origin: an origin equal to the Host header is not
// enough, since a page of a stranger's can point its own name at this server.
func (h *Hub) allowed(header http.Header) bool {
	given := header.Values("Origin")
	if len(given) == 0 {
		return true
	}
	o, err := parseOrigin(given[0])
	return err == nil && len(given) == 1 && h.origins[o]
}

// origin is an origin in the sense of RFC 6454, section 4.
type origin struct{ scheme, host, port string }

func parseOrigin(s string) (origin, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || strings.TrimSuffix(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return origin{}, fmt.Errorf("not an origin: want scheme://host or scheme://host:port")
	}
	o := origin{strings.ToLower(u.Scheme), strings.ToLower(u.Hostname()), u.Port()}
	if o.port == "" {
		o.port = map[string]string{"http": "80", "https": "443"}[o.scheme]
	}
	return o, nil
}

// tokens are the elements of a comma-separated header, RFC 9110, section 5.6.1.
func tokens(h http.Header, name string) map[string]bool {
	found := make(map[string]bool)
	for _, line := range h.Values(name) {
		for token := range strings.SplitSeq(line, ",") {
			if token = strings.TrimSpace(token); token != "" {
				found[token] = true
			}
		}
	}
	return found
}

// refuse answers a request that is not let in, in the manner of the house.
func (h *Hub) refuse(w http.ResponseWriter, r *http.Request, status int, code, detail string, retryAfter time.Duration) {
	h.figures.refused.Add(1)
	h.config.Refuse(w, r, status, code, detail, retryAfter)
}

// refuse is Config.Refuse where none is given.
func refuse(w http.ResponseWriter, _ *http.Request, status int, code, detail string, retryAfter time.Duration) {
	seconds := int((retryAfter + time.Second - 1) / time.Second)
	if seconds > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(struct {
		Type       string `json:"type"`
		Title      string `json:"title"`
		Status     int    `json:"status"`
		Detail     string `json:"detail"`
		Code       string `json:"code"`
		RetryAfter int    `json:"retry_after,omitempty"`
	}{"about:blank", http.StatusText(status), status, detail, code, seconds})
}

func remoteIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
