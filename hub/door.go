package hub

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// ServeHTTP upgrades a request to a connection of the protocol nod.v1 and
// returns; the conversation goes on in a goroutine of its own. Whether there is
// room comes first: a flood is shed by where it comes from, whatever it asks for.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ip := h.config.ClientIP(r)
	from, no := h.reserve(ip)
	if no != nil {
		h.refuse(w, r, *no)
		return
	}
	k, no := h.upgradeInTurn(w, r)
	if k == nil {
		h.release(from)
		if no != nil {
			h.refuse(w, r, *no)
		}
		return
	}
	s := newSession(h, k, ip, r.Header.Get("Origin"))
	s.from = from
	h.enter(s)
	go s.greet()
}

// upgradeInTurn is upgrade once it is the request's turn.
func (h *Hub) upgradeInTurn(w http.ResponseWriter, r *http.Request) (*socket, *refusal) {
	if !h.line.enter(r.Context(), h.config.AuthTimeout) {
		return nil, full(CauseRate, errLongLine.Message)
	}
	defer h.line.leave()
	return h.upgrade(w, r)
}

// upgrade takes the connection over. Without a refusal there is nobody left to
// tell one.
func (h *Hub) upgrade(w http.ResponseWriter, r *http.Request) (k *socket, no *refusal) {
	if !h.allowed(r.Header) {
		return nil, &refusal{CauseOrigin, "This page's origin may not connect. Add its scheme, host and port to the allowed origins.", http.StatusForbidden, "forbidden", 0}
	}
	if offered := tokens(r.Header, "Sec-Websocket-Protocol"); len(offered) > 0 && !offered[subprotocol] {
		return nil, &refusal{CauseRequest, "None of the subprotocols offered is spoken here. Offer " + subprotocol + ", or none.", http.StatusBadRequest, "invalid_request", 0}
	}
	k, err := accept(w, r, func(status int, detail string) {
		no = &refusal{CauseRequest, detail, status, "invalid_request", 0}
	})
	if err != nil {
		return nil, no
	}
	return k, nil
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
func (h *Hub) refuse(w http.ResponseWriter, r *http.Request, no refusal) {
	h.figures.refuse(no.cause)
	h.config.Refuse(w, r, no.status, no.code, no.detail, no.retryAfter)
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
