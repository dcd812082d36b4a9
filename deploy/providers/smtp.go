package providers

import (
	"bufio"
	"context"
	"crypto/subtle"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// SMTP plays a relay (RFC 5321) with AUTH PLAIN and LOGIN and, when it has a
// certificate, STARTTLS, which it then insists on.
//
// Scripts are kept by recipient: a status is the reply to RCPT, and its code the
// enhanced one (5.1.1); a code of the form "DATA 5.7.1" is said after the mail's
// last dot instead. Hang and Reset happen at RCPT, when nothing can have been
// taken, the other faults after the dot. Scripts for HELO, AUTH and MAIL, by these
// names, answer those verbs.
type SMTP struct {
	Desk
	User     string // empty: no AUTH is offered
	Password string
	TLS      *tls.Config // nil: no STARTTLS is offered
	Terse    bool        // ENHANCEDSTATUSCODES are not offered, though replies have them

	mu    sync.Mutex
	open  map[interface{ Close() error }]bool // listeners and connections
	ended bool
	life  context.Context
	end   context.CancelFunc
	busy  sync.WaitGroup
}

// Serve answers what a listener accepts, until [SMTP.Close]. A listener of package
// crypto/tls is SMTP with TLS from the first byte.
func (s *SMTP) Serve(l net.Listener) error {
	if !s.hold(l) {
		return net.ErrClosed
	}
	defer s.drop(l)
	for {
		conn, err := l.Accept()
		if err != nil {
			if s.over() {
				return nil
			}
			return err
		}
		if !s.hold(conn) {
			return nil
		}
		go func() {
			defer s.drop(conn)
			(&smtpTalk{SMTP: s, conn: conn, r: bufio.NewReader(conn)}).run()
		}()
	}
}

// hold remembers what is to be closed at the end, and closes it at once after it.
func (s *SMTP) hold(c interface{ Close() error }) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		_ = c.Close()
		return false
	}
	if s.open == nil {
		s.open = map[interface{ Close() error }]bool{}
		s.life, s.end = context.WithCancel(context.Background())
	}
	s.open[c] = true
	s.busy.Add(1)
	return true
}

// drop is said by who held it, when it is done.
func (s *SMTP) drop(c interface{ Close() error }) {
	defer s.busy.Done()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
	_ = c.Close()
}

func (s *SMTP) over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// Close ends all listeners and connections and waits for them.
func (s *SMTP) Close() {
	s.mu.Lock()
	s.ended = true
	for c := range s.open {
		_ = c.Close()
	}
	if s.end != nil {
		s.end()
	}
	s.mu.Unlock()
	s.busy.Wait()
}

// verb takes the answer that is scripted for a verb, and only for it.
func (s *SMTP) verb(name string) Answer {
	s.Desk.mu.Lock()
	scripted := len(s.scripts[name]) > 0
	s.Desk.mu.Unlock()
	if !scripted {
		return Answer{}
	}
	return s.next(name)
}

// smtpTalk is one connection.
type smtpTalk struct {
	*SMTP
	conn   net.Conn
	r      *bufio.Reader
	tls    bool
	known  bool // signed in
	helo   string
	from   string
	utf8   bool // MAIL asked for SMTPUTF8
	to     string
	answer Answer // to the recipient
}

var errTalkOver = errors.New("the connection ends here")

func (t *smtpTalk) run() {
	if conn, ok := t.conn.(*tls.Conn); ok {
		if err := conn.HandshakeContext(t.life); err != nil {
			return
		}
		t.tls = true
	}
	err := t.say(220, "smtp.example ESMTP of this machine")
	for err == nil {
		var line string
		if line, err = t.line(2048); err == nil {
			err = t.obey(line)
		}
	}
}

// line reads one line without its CRLF.
func (t *smtpTalk) line(limit int) (string, error) {
	if err := t.conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		return "", err
	}
	var line []byte
	for {
		part, err := t.r.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > limit {
			t.object("a line of more than %d bytes", limit)
			return "", errTalkOver
		}
		if err == nil {
			break
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return "", err
		}
	}
	text, ok := strings.CutSuffix(string(line), "\r\n")
	if !ok || strings.ContainsAny(text, "\r\x00") {
		t.object("a line that does not end in CRLF, or with a control character")
		return "", errTalkOver
	}
	return text, nil
}

// say writes a reply. A code of three parts begins its text.
func (t *smtpTalk) say(status int, text string) error {
	_, err := fmt.Fprintf(t.conn, "%d %s\r\n", status, strings.TrimSpace(text))
	return err
}

// refuse carries out a scripted refusal; false: none is.
func (t *smtpTalk) refuse(a Answer) (bool, error) {
	switch {
	case !stall(t.life, a.Delay):
		return true, errTalkOver
	case a.Fault == Hang:
		_, err := t.r.ReadByte() // until the caller gives up
		return true, err
	case a.Fault == Reset:
		return true, errTalkOver
	case a.Status < 400:
		return false, nil
	}
	err := t.say(a.Status, a.Code+" as scripted")
	if a.Status == 421 {
		err = errTalkOver
	}
	return true, err
}

func (t *smtpTalk) obey(line string) error {
	verb, rest, _ := strings.Cut(line, " ")
	switch verb = strings.ToUpper(verb); {
	case verb == "QUIT":
		_ = t.say(221, "2.0.0 bye")
		return errTalkOver
	case verb == "NOOP", verb == "RSET":
		return t.say(250, "2.0.0 well")
	case verb == "*": // a library takes back an AUTH that was refused already
		return t.say(501, "5.5.1 nothing to take back")
	case verb == "EHLO" && rest != "":
		return t.hello(rest)
	case t.helo == "":
		t.object("%s before EHLO", verb)
		return t.say(503, "5.5.1 EHLO first")
	case verb == "STARTTLS" && t.TLS != nil && !t.tls:
		return t.encrypt()
	case t.TLS != nil && !t.tls:
		t.object("%s without TLS", verb)
		return t.say(530, "5.7.0 STARTTLS first")
	case verb == "AUTH" && t.User != "":
		return t.signIn(rest)
	case t.User != "" && !t.known:
		t.object("%s without AUTH", verb)
		return t.say(530, "5.7.0 AUTH first")
	}
	return t.transact(verb, rest)
}

// transact takes the verbs of a mail, in their order.
func (t *smtpTalk) transact(verb, rest string) error {
	switch {
	case verb == "MAIL":
		return t.mail(rest)
	case verb == "RCPT" && t.from != "":
		return t.recipient(rest)
	case verb == "DATA" && t.to != "":
		return t.data()
	}
	t.object("%s is out of place", verb)
	return t.say(503, "5.5.1 out of place")
}

func (t *smtpTalk) hello(name string) error {
	if done, err := t.refuse(t.verb("HELO")); done {
		return err
	}
	t.helo = name
	offers := []string{"smtp.example", "PIPELINING", "8BITMIME", "SMTPUTF8"}
	if !t.Terse {
		offers = append(offers, "ENHANCEDSTATUSCODES")
	}
	if t.TLS != nil && !t.tls {
		offers = append(offers, "STARTTLS")
	} else if t.User != "" {
		offers = append(offers, "AUTH LOGIN PLAIN")
	}
	for _, offer := range offers {
		if _, err := fmt.Fprintf(t.conn, "250-%s\r\n", offer); err != nil {
			return err
		}
	}
	return t.say(250, "SIZE 1048576")
}

func (t *smtpTalk) encrypt() error {
	if err := t.say(220, "2.0.0 go on"); err != nil {
		return err
	}
	if t.r.Buffered() > 0 {
		t.object("something was said in plain text behind STARTTLS")
		return errTalkOver
	}
	conn := tls.Server(t.conn, t.TLS)
	if err := conn.HandshakeContext(t.life); err != nil {
		return err
	}
	t.conn, t.r, t.tls, t.helo = conn, bufio.NewReader(conn), true, ""
	return nil
}

// signIn is AUTH PLAIN, with or without an initial response, and AUTH LOGIN.
func (t *smtpTalk) signIn(rest string) error {
	if done, err := t.refuse(t.verb("AUTH")); done {
		return err
	}
	mechanism, first, _ := strings.Cut(rest, " ")
	ask := func(prompt string) (string, error) {
		if prompt != "" {
			if err := t.say(334, base64.StdEncoding.EncodeToString([]byte(prompt))); err != nil {
				return "", err
			}
			line, err := t.line(2048)
			if err != nil {
				return "", err
			}
			first = line
		}
		text, err := base64.StdEncoding.DecodeString(first)
		return string(text), err
	}
	var user, password string
	var err error
	switch strings.ToUpper(mechanism) {
	case "PLAIN":
		prompt := ""
		if first == "" {
			prompt = " "
		}
		var all string
		all, err = ask(prompt)
		if parts := strings.Split(all, "\x00"); len(parts) == 3 {
			user, password = parts[1], parts[2]
		}
	case "LOGIN":
		if user, err = ask("Username:"); err == nil {
			password, err = ask("Password:")
		}
	default:
		return t.say(504, "5.5.4 no such mechanism")
	}
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare([]byte(user), []byte(t.User))&subtle.ConstantTimeCompare([]byte(password), []byte(t.Password)) != 1 {
		t.object("another's credentials")
		return t.say(535, "5.7.8 not these credentials")
	}
	t.known = true
	return t.say(235, "2.7.0 welcome")
}

// path reads <address> and what parameters follow it.
func path(rest, keyword string) (string, bool) {
	rest, ok := cutPrefixFold(rest, keyword+":<")
	address, _, closed := strings.Cut(rest, ">")
	return address, ok && closed && strings.Count(address, "@") == 1 && !strings.ContainsAny(address, " <")
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

func (t *smtpTalk) mail(rest string) error {
	t.from, t.to = "", ""
	from, ok := path(rest, "FROM")
	if !ok {
		t.object("MAIL without an address")
		return t.say(501, "5.1.7 no address")
	}
	if done, err := t.refuse(t.verb("MAIL")); done {
		return err
	}
	t.from, t.utf8 = from, strings.Contains(strings.ToUpper(rest), " SMTPUTF8")
	return t.say(250, "2.1.0 well")
}

func (t *smtpTalk) recipient(rest string) error {
	to, ok := path(rest, "TO")
	if !ok || t.to != "" {
		t.object("RCPT without an address, or with a second one")
		return t.say(501, "5.1.3 no address")
	}
	a := t.next(to)
	if !strings.HasPrefix(a.Code, "DATA ") {
		if done, err := t.refuse(a); done {
			return err
		}
	}
	t.to, t.answer = to, a
	return t.say(250, "2.1.5 well")
}

func (t *smtpTalk) data() error {
	if err := t.say(354, "up to a dot"); err != nil {
		return err
	}
	var lines []string
	for {
		line, err := t.line(1000)
		if err != nil {
			return err
		}
		if line == "." {
			break
		}
		lines = append(lines, strings.TrimPrefix(line, "."))
	}
	from, to, a := t.from, t.to, t.answer
	t.from, t.to, t.answer = "", "", Answer{}
	got, err := judgeMail(strings.Join(lines, "\r\n")+"\r\n", from, to)
	if plain := strings.IndexFunc(from+to, func(r rune) bool { return r > 0x7f }) < 0; err == nil && t.utf8 == plain {
		err = errors.New("SMTPUTF8 is for addresses that need it, and no others")
	}
	if err != nil {
		t.object("%v", err)
		return t.say(554, "5.6.0 "+err.Error())
	}
	if code, ok := strings.CutPrefix(a.Code, "DATA "); ok {
		a.Code = code
		if done, err := t.refuse(a); done {
			return err
		}
	}
	t.take(got)
	switch a.Fault {
	case TakenHang:
		_, err := t.r.ReadByte()
		return err
	case TakenReset:
		return errTalkOver
	case TakenBroken:
		_, err := fmt.Fprint(t.conn, "<html>no reply of SMTP\r\n")
		return err
	}
	return t.say(250, "2.0.0 taken")
}
