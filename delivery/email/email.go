// Package email sends codes over SMTP, to the operator's own relay.
//
// A mail is one plain text part in UTF-8, without links that count clicks and
// pictures that count looks. Its Message-ID is made of the delivery's id, so that
// one delivery is one message wherever it lies twice, and it says of itself that a
// program sent it (RFC 3834), so that no holiday answers it.
//
// Every mail has a connection of its own: they are few, and what a relay does with
// idle connections differs. The relay takes a mail when it answers the dot at the
// end of DATA, and no earlier (RFC 5321 section 6.1): whatever goes wrong before
// that dot is certainly not sent and tried again; without an answer to it nobody
// knows.
//
// TLS is mandatory, with the relay's certificate checked by the system's roots:
// from the first byte with smtps, by STARTTLS with smtp. Only a relay on this very
// machine (localhost, 127.0.0.0/8, ::1) is spoken to without, when its URL is smtp.
package email

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"nod/delivery"
	"nod/verify"
)

// name is the provider's in outcomes.
const name = "smtp"

// Config is one relay.
type Config struct {
	// URL is smtp://user:password@host:587 or smtps://user:password@host:465. The
	// ports may be left out, and so may user and password where the relay asks for
	// none.
	URL string
	// From is the sender, an address alone or with a name: Example <no-reply@example.com>.
	From string
}

// Client sends to one relay. It is safe for concurrent use.
type Client struct {
	host     string
	port     int
	user     string
	password string
	implicit bool // TLS from the first byte
	plain    bool // no TLS: this very machine
	from     *mail.Address
	domain   string // of the sender
}

// New makes a client and dials nobody. The error names the setting to mend.
func New(c Config) (*Client, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "smtp" && u.Scheme != "smtps" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" {
		return nil, errors.New("NOD_SMTP_URL is not smtp://user:password@host:587 or smtps://user:password@host:465") // not err: it holds the password
	}
	from, err := mail.ParseAddress(c.From)
	if err != nil || !sendable(from.Address) {
		return nil, errors.New("NOD_EMAIL_FROM is not an address: write no-reply@example.com, or Example <no-reply@example.com>")
	}
	client := &Client{host: u.Hostname(), port: 587, user: u.User.Username(), implicit: u.Scheme == "smtps", from: from}
	client.password, _ = u.User.Password()
	client.domain = from.Address[strings.LastIndexByte(from.Address, '@')+1:]
	client.plain = !client.implicit && (client.host == "localhost" || net.ParseIP(client.host).IsLoopback())
	if client.implicit {
		client.port = 465
	}
	if p := u.Port(); p != "" {
		if client.port, err = strconv.Atoi(p); err != nil || client.port < 1 || client.port > 65535 {
			return nil, errors.New("NOD_SMTP_URL has no port from 1 to 65535")
		}
	}
	return client, nil
}

// sendable reports whether an address can stand in a command and a header as it is:
// quoted names and comments are for nobody who waits for a code.
func sendable(address string) bool {
	name, domain, ok := strings.Cut(address, "@")
	return ok && name != "" && domain != "" && len(address) <= 254 &&
		!strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`<>()[],;:\"`, r) }) &&
		!strings.Contains(domain, "@")
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > 0x7f })
}

// Send makes one try and classes the relay's answer, see [rules]. Only a try that
// said all and was not answered is unknown.
func (c *Client) Send(ctx context.Context, m delivery.Message) verify.Outcome {
	o := verify.Outcome{Provider: name, State: verify.StateFailed, Class: verify.ClassPermanentTarget, Detail: "address"}
	if !sendable(m.Email) {
		return o
	}
	id := m.DeliveryID + "@" + c.domain
	session, err := c.dial(ctx, ascii(m.Email) && ascii(c.from.Address))
	if err == nil {
		defer session.close()
		err = session.client.SendWithSMTPClient(session.smtp, c.compose(id, m))
	}
	if err == nil {
		session.leave()
		return verify.Outcome{State: verify.StateAccepted, Class: verify.ClassNone, Provider: name, ProviderID: id}
	}
	if reply, ok := replyOf(err); ok {
		o.Class, o.Detail = classOf(reply), reply.String()
		if o.Class == verify.ClassTransient {
			o.State = verify.StateRetrying
		}
		return o
	}
	if said, ok := errors.AsType[*gomail.SendError](err); !ok || said.Reason != gomail.ErrSMTPDataClose {
		o.State, o.Class, o.Detail = verify.StateRetrying, verify.ClassTransient, "connect"
		return o
	}
	o.State, o.Class, o.Detail = verify.StateUnknown, verify.ClassUnknown, "reset"
	if ctx.Err() != nil {
		o.Detail = "timeout"
	}
	return o
}

// compose writes the mail. Nothing in it can end a header: the addresses were
// looked at, and what is not plain ASCII without control characters is encoded (RFC
// 2047).
func (c *Client) compose(id string, m delivery.Message) *gomail.Msg {
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(c.from)
	msg.ToMailAddress(&mail.Address{Address: m.Email})
	msg.Subject(m.Title)
	msg.SetMessageIDWithValue(id)
	msg.SetDate()
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	if m.Language != "" {
		msg.SetGenHeader("Content-Language", m.Language)
	}
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	return msg
}

// session is one connection.
type session struct {
	client *gomail.Client
	smtp   *smtp.Client
	conn   net.Conn    // nil: none was made
	stop   func() bool // ends the watch over the context; nil as conn
}

// leave says goodbye. What was sent is taken, so the answer is not waited for long.
func (s *session) leave() {
	if s.conn.SetDeadline(time.Now().Add(time.Second)) == nil {
		_ = s.smtp.Quit()
	}
}

// close ends the connection. The library leaves it open in most of its errors.
func (s *session) close() {
	if s.conn != nil {
		s.stop()
		_ = s.conn.Close()
	}
}

// dial connects, greets, encrypts and signs in. The end of ctx closes the
// connection under whatever is waited for: the library heeds ctx only while it
// connects. Of addresses that are plain SMTPUTF8 is not asked: a relay that was
// asked may not pass the mail on to one that knows nothing of it (RFC 6531).
func (c *Client) dial(ctx context.Context, ascii bool) (*session, error) {
	s := &session{}
	policy := gomail.TLSMandatory
	if c.plain || c.implicit {
		policy = gomail.NoTLS // none, or there already
	}
	options := []gomail.Option{
		gomail.WithPort(c.port), gomail.WithHELO(c.domain), gomail.WithTLSPolicy(policy),
		gomail.WithTimeout(time.Minute), gomail.WithoutNoop(), gomail.WithoutRset(),
		gomail.WithDialContextFunc(func(dialing context.Context, network, address string) (net.Conn, error) {
			conn, err := c.connect(dialing, network, address)
			if err != nil {
				return nil, err
			}
			s.conn, s.stop = conn, context.AfterFunc(ctx, func() { _ = conn.Close() })
			return conn, nil
		}),
	}
	if ascii {
		options = append(options, gomail.WithoutSMTPUTF8())
	}
	if c.user != "" {
		options = append(options, gomail.WithSMTPAuthCustom(&login{user: c.user, password: c.password, host: c.host}))
	}
	var err error
	if s.client, err = gomail.NewClient(c.host, options...); err != nil {
		return nil, err
	}
	if s.smtp, err = s.client.DialToSMTPClientWithContext(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (c *Client) connect(ctx context.Context, network, address string) (net.Conn, error) {
	if c.implicit {
		return (&tls.Dialer{Config: &tls.Config{ServerName: c.host, MinVersion: tls.VersionTLS12}}).DialContext(ctx, network, address)
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

// login signs in by PLAIN (RFC 4616), or by LOGIN where a relay knows no better.
// Both are safe here: the connection is encrypted or does not leave the machine.
type login struct {
	user, password, host string
	smtp.Auth
}

// Start chooses.
func (l *login) Start(server *smtp.ServerInfo) (string, []byte, error) {
	switch {
	case slices.Contains(server.Auth, "PLAIN"):
		l.Auth = smtp.PlainAuth("", l.user, l.password, l.host, true)
	case slices.Contains(server.Auth, "LOGIN"):
		l.Auth = smtp.LoginAuth(l.user, l.password, l.host, true)
	default:
		return "", nil, errNoAuth
	}
	return l.Auth.Start(server)
}

var errNoAuth = errors.New("the relay offers neither AUTH PLAIN nor AUTH LOGIN")

// Check connects, encrypts, signs in and leaves; it sends nothing. It does not try
// whether the relay lets the sender send.
func (c *Client) Check(ctx context.Context) error {
	s, err := c.dial(ctx, true)
	if err == nil {
		defer s.close()
		if err = s.smtp.Noop(); err == nil {
			s.leave()
			return nil
		}
	}
	certificate, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	reply, answered := replyOf(err)
	switch {
	case answered && classOf(reply) == verify.ClassTransient:
		return fmt.Errorf("the relay is busy (%s): try again later", reply)
	case answered && strings.HasPrefix(reply.code, "53"):
		return fmt.Errorf("the relay refuses the credentials (%s): compare user and password in NOD_SMTP_URL; special characters are percent-encoded there", reply)
	case answered:
		return fmt.Errorf("the relay refuses (%s): is NOD_SMTP_URL the right one?", reply)
	case untrusted:
		return fmt.Errorf("the relay's certificate: %w; is the name in NOD_SMTP_URL the certificate's, and its authority known to this machine?", certificate.Err)
	case errors.Is(err, errNoAuth):
		return fmt.Errorf("%w: take user and password out of NOD_SMTP_URL, or name another relay", err)
	}
	return fmt.Errorf("the relay at %s cannot be used: is NOD_SMTP_URL right, does it offer STARTTLS (else smtps://), and may this machine call it?", net.JoinHostPort(c.host, strconv.Itoa(c.port)))
}
