// Package demo is a small integrator: the backend of the demo bank whose login
// page and phone stand on the first page. It uses nod as every integrator does,
// over its public API with an API key, and knows nothing else of it. It is a
// good place to read how little an integration needs.
//
// It keeps no state. A demo person is a random user with a fictional number and
// a token that this package signs; the token opens that person's sign-ins and
// messages and nothing of nod. Simulated messages (the outbox) are streamed to
// who holds the token of the person they are for.
package demo

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"nod/client"
)

// Config is what the integrator needs. Client, Key and PublicURL are required.
type Config struct {
	Client    *client.Client
	Key       []byte // signs the people's tokens; the same after a restart
	PublicURL string // where the pages are
	Log       *slog.Logger
	// Senders names who really brings messages, by channel, for the pages to say: a
	// channel that is not in it is simulated.
	Senders map[string][]string
	// ClientIP tells the address behind a request; nil takes the TCP peer's.
	ClientIP func(*http.Request) string
}

type demo struct{ Config }

// New returns the handler for everything under /demo/.
func New(c Config) http.Handler {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.ClientIP == nil {
		c.ClientIP = func(r *http.Request) string {
			host, _, _ := net.SplitHostPort(r.RemoteAddr)
			return host
		}
	}
	d := &demo{c}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /demo/people", d.meet)
	mux.HandleFunc("GET /demo/me", d.known(d.me))
	mux.HandleFunc("POST /demo/enrollments", d.known(d.enroll))
	mux.HandleFunc("POST /demo/user-tokens", d.known(d.userToken))
	mux.HandleFunc("POST /demo/sign-ins", d.known(d.signIn))
	mux.HandleFunc("POST /demo/sign-ins/{id}/finish", d.known(d.finish))
	mux.HandleFunc("POST /demo/numbers/{id}/finish", d.known(d.finishNumber))
	mux.HandleFunc("POST /demo/forget", d.known(d.forget))
	mux.HandleFunc("GET /demo/messages", d.known(d.messages))
	return mux
}

// person is somebody who exists only here.
type person struct {
	Token       string `json:"demo_token,omitempty"`
	User        string `json:"user"`
	Name        string `json:"name"`
	PhoneNumber string `json:"phone_number"`
	Email       string `json:"email"`
	// Remembered tells a page that its browser holds a token of a trusted device. Whether
	// that still counts, nod decides at the next sign-in.
	Remembered bool `json:"remembered,omitempty"`
	// SentBy is the same for everybody: who brings their messages, see [Config].
	SentBy map[string][]string `json:"sent_by,omitempty"`
}

var (
	names = []string{"Ada", "Amara", "Chen", "Elif", "Ines", "Jonas", "Kofi", "Lena", "Mateo", "Noor", "Priya", "Yuki"}
	areas = []int{202, 206, 212, 215, 303, 305, 312, 404, 415, 503, 512, 602, 617, 702, 713, 802}
)

// who derives the person behind a user id: the same each time. Numbers are of
// the range 555-0100 to 555-0199, addresses of the domain example.com (RFC 2606,
// section 3): both are kept for fiction.
func who(user string) person {
	sum := sha256.Sum256([]byte(user))
	pick := func(i, n int) int { return int(binary.BigEndian.Uint16(sum[i:])) % n }
	name := names[pick(0, len(names))]
	return person{
		User: user, Name: name, Email: strings.ToLower(name) + "@example.com",
		PhoneNumber: fmt.Sprintf("+1%d55501%02d", areas[pick(2, len(areas))], pick(4, 100)),
	}
}

func (d *demo) token(user string) string {
	mac := hmac.New(sha256.New, d.Key)
	mac.Write([]byte(user))
	return user + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// known lets a request through that carries a person's token.
func (d *demo) known(h func(http.ResponseWriter, *http.Request, person)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		tok, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Demo ")
		user, _, _ := strings.Cut(tok, ".")
		if user == "" || !hmac.Equal([]byte(tok), []byte(d.token(user))) {
			problem(w, &client.Error{Status: http.StatusUnauthorized, Code: "unauthenticated", Title: "Not a person of this demo",
				Detail: "This link or page belongs to another demo. Open the first page again to begin anew."})
			return
		}
		p := who(user)
		p.SentBy, p.Remembered = d.Senders, trustedToken(r) != ""
		h(w, r, p)
	}
}

func (d *demo) meet(w http.ResponseWriter, _ *http.Request) {
	p := who("demo_" + strings.ToLower(rand.Text()))
	p.Token, p.SentBy = d.token(p.User), d.Senders
	answer(w, http.StatusCreated, p)
}

func (d *demo) me(w http.ResponseWriter, _ *http.Request, p person) { answer(w, http.StatusOK, p) }

func (d *demo) enroll(w http.ResponseWriter, r *http.Request, p person) {
	e, err := d.Client.Enroll(r.Context(), p.User)
	if err != nil {
		d.fail(w, r, err)
		return
	}
	fragment := url.Values{"enroll": {e.Token}, "demo": {d.token(p.User)}}
	answer(w, http.StatusCreated, struct {
		client.Enrollment
		Link string `json:"link"`
	}{e, d.PublicURL + "/phone#" + fragment.Encode()})
}

// userTokenLife is short: the page asks again when nod no longer takes the token.
const userTokenLife = 5 * time.Minute

// userToken lets the page act as its person where nod takes no less: for the
// verification of a number, which needs no other help of the bank.
func (d *demo) userToken(w http.ResponseWriter, r *http.Request, p person) {
	token, expiresAt, err := d.Client.UserToken(r.Context(), p.User, userTokenLife)
	if err != nil {
		d.fail(w, r, err)
		return
	}
	answer(w, http.StatusCreated, map[string]any{"token": token, "expires_at": expiresAt})
}

func (d *demo) signIn(w http.ResponseWriter, r *http.Request, p person) {
	var in struct {
		Channel          string `json:"channel"`
		Match            string `json:"match"`
		Locale           string `json:"locale"`
		UserVerification bool   `json:"user_verification"`
	}
	if err := read(r, &in); err != nil {
		problem(w, err)
		return
	}
	ip := d.ClientIP(r)
	v, err := d.Client.Start(r.Context(), client.Login{
		UserID: p.User, PhoneNumber: p.PhoneNumber, Email: p.Email, Channel: in.Channel, Match: in.Match, Locale: in.Locale,
		RequireUserVerification: in.UserVerification, TrustedDeviceToken: trustedToken(r),
		Context:        client.Context{App: "Nod Demo Bank", IP: ip, UserAgent: cut(r.UserAgent(), 400), Location: place(ip)},
		IdempotencyKey: r.Header.Get("Idempotency-Key"),
	})
	if err != nil {
		d.fail(w, r, err)
		return
	}
	body := v.Raw
	if v.TrustedDeviceToken != "" {
		d.trust(w, v.TrustedDeviceToken)
		if body, err = without(body, "trusted_device_token"); err != nil {
			d.fail(w, r, err)
			return
		}
	}
	answer(w, http.StatusCreated, body)
}

// trustedCookie holds the token of a trusted device, where no script reads it. The
// browser sends it to the bank alone, and from the bank's own pages alone.
const trustedCookie = "nod_demo_trusted"

func trustedToken(r *http.Request) string {
	c, err := r.Cookie(trustedCookie)
	if err != nil {
		return ""
	}
	return c.Value
}

// trust keeps a token in the browser for as long as it may count; an empty one takes
// the last one away.
func (d *demo) trust(w http.ResponseWriter, token string) {
	age := 30 * 24 * time.Hour
	if token == "" {
		age = -time.Second
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // G124: Secure wherever there is HTTPS; a demo on loopback has none
		Name: trustedCookie, Value: token, Path: "/demo", MaxAge: int(age.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: strings.HasPrefix(d.PublicURL, "https:"),
	})
}

// forget ends the trust in all browsers of a person, wherever a copy of a token is.
func (d *demo) forget(w http.ResponseWriter, r *http.Request, p person) {
	if err := d.Client.RevokeTrustedDevices(r.Context(), p.User); err != nil {
		d.fail(w, r, err)
		return
	}
	d.trust(w, "")
	answer(w, http.StatusOK, struct{}{})
}

// without returns a JSON object without one of its members.
func without(object json.RawMessage, name string) (json.RawMessage, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(object, &members); err != nil {
		return nil, fmt.Errorf("reading nod's answer: %w", err)
	}
	delete(members, name)
	return json.Marshal(members)
}

// finish redeems what the page was handed: only the signed result counts.
func (d *demo) finish(w http.ResponseWriter, r *http.Request, p person) {
	if res := d.redeem(w, r, p, "login"); res != nil {
		if res.TrustedDeviceToken != "" {
			d.trust(w, res.TrustedDeviceToken)
		}
		answer(w, http.StatusOK, map[string]any{
			"user": p.User, "name": p.Name, "method": res.Method, "at": res.IssuedAt.UTC(),
			"remembered": res.TrustedDeviceToken != "" || res.Method == "trusted_device",
		})
	}
}

// finishNumber does so for a number, which from here on the bank would know.
func (d *demo) finishNumber(w http.ResponseWriter, r *http.Request, p person) {
	if res := d.redeem(w, r, p, "phone"); res != nil {
		answer(w, http.StatusOK, map[string]any{"user": p.User, "phone_number": res.PhoneNumber, "at": res.IssuedAt.UTC()})
	}
}

// redeem returns the signed result of an approved verification of this person that
// was for this purpose: whoever proved a number has not signed in. Nil: it has
// answered why not.
func (d *demo) redeem(w http.ResponseWriter, r *http.Request, p person, purpose string) *client.Result {
	var in struct {
		ResultToken string `json:"result_token"`
		Remember    bool   `json:"remember"` // this browser
	}
	if err := read(r, &in); err != nil {
		problem(w, err)
		return nil
	}
	exchange := d.Client.Exchange
	if in.Remember && purpose == "login" {
		exchange = d.Client.Remember
	}
	res, err := exchange(r.Context(), r.PathValue("id"), in.ResultToken)
	if err == nil && (res.UserID != p.User || res.Status != "approved" || res.Purpose != purpose) {
		err = client.ErrBadResult
	}
	if err != nil {
		d.fail(w, r, err)
		return nil
	}
	return res
}

// messages streams to a phone what was sent to its person, as Server-Sent Events:
// to whichever number they gave or address they have, but a push only to the
// phone's own token.
func (d *demo) messages(w http.ResponseWriter, r *http.Request, p person) {
	push := r.Header.Get("Demo-Push-Token")
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	out := &stream{w: w, c: http.NewResponseController(w)}
	_ = out.c.SetReadDeadline(time.Time{}) // a request has to arrive in seconds, but this one has and stays
	err := out.write(": hello\n\n")
	for after := ""; err == nil && r.Context().Err() == nil; {
		var messages []client.Message
		messages, after, err = d.Client.Outbox(r.Context(), "", after, 20*time.Second)
		for _, m := range messages {
			if m.UserID != p.User || (m.Channel == "push" && m.To != push) || err != nil {
				continue
			}
			m.UserID, m.To = "", "" // the page knows
			var b []byte
			if b, err = json.Marshal(m); err == nil {
				err = out.write("event: message\ndata: " + string(b) + "\n\n")
			}
		}
		if len(messages) == 0 && err == nil {
			err = out.write(": still here\n\n")
		}
	}
	_ = out.c.SetWriteDeadline(time.Now().Add(5 * time.Second)) // or the stream would be cut off, not ended
}

// stream writes events, each within five seconds.
type stream struct {
	w http.ResponseWriter
	c *http.ResponseController
}

func (s *stream) write(event string) error {
	if err := s.c.SetWriteDeadline(time.Now().Add(5 * time.Second)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := s.w.Write([]byte(event)); err != nil {
		return err
	}
	return s.c.Flush()
}

// fail passes nod's own refusal on, and hides what is none.
func (d *demo) fail(w http.ResponseWriter, r *http.Request, err error) {
	var refusal *client.Error
	if errors.As(err, &refusal) && refusal.Status != http.StatusUnauthorized {
		problem(w, refusal)
		return
	}
	if r.Context().Err() == nil {
		d.Log.Error("the demo could not reach nod", "error", err)
	}
	problem(w, &client.Error{Status: http.StatusBadGateway, Code: "unavailable", Title: "The demo bank is not well",
		Detail: "Nothing was lost. Try again in a moment."})
}

func read(r *http.Request, into any) *client.Error {
	d := json.NewDecoder(http.MaxBytesReader(nil, r.Body, 4<<10))
	if err := d.Decode(into); err != nil {
		return &client.Error{Status: http.StatusBadRequest, Code: "invalid_json", Title: "Not JSON", Detail: "Send a JSON object."}
	}
	return nil
}

func problem(w http.ResponseWriter, e *client.Error) {
	w.Header().Set("Content-Type", "application/problem+json")
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(e.RetryAfter))
	}
	body, _ := json.Marshal(e) // plain fields
	w.WriteHeader(e.Status)
	_, _ = w.Write(body)
}

func answer(w http.ResponseWriter, status int, body any) {
	b, err := json.Marshal(body)
	if err != nil {
		status, b = http.StatusInternalServerError, nil
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

// place names where an address is, as far as a demo can know.
func place(ip string) string {
	switch a, err := netip.ParseAddr(ip); {
	case err != nil:
		return ""
	case a.IsLoopback():
		return "This computer"
	case a.IsPrivate():
		return "Your network"
	}
	return ""
}

func cut(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.ToValidUTF8(s, "")
}
