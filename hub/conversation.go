package hub

import (
	"context"
	"encoding/json"
	"errors"
	"runtime/debug"
	"time"
)

// Authenticate judges the first frame of a connection and makes the client
// behind it. A [*Refusal] closes with the code it names, 4401 when it names none;
// any other error means that the judge itself failed and closes with 1013.
type Authenticate func(ctx context.Context, a Auth) (Identity, Client, error)

// Auth is what a connection says about itself.
type Auth struct {
	Nonce        string // of this connection's challenge
	Token        string // of a device or a console
	ClientSecret string // of a watcher
	LastSeq      *int64 // the last event the watcher has seen; nil: none
	IP           string // of the person, as Config.ClientIP tells it
	Origin       string // as given; empty for a native app
}

// greet opens the conversation, then leaves the reading to a goroutine of its
// own: judging a signature grows a stack by kilobytes, and a fresh one stays
// small for as long as the connection idles.
func (s *Session) greet() {
	s.guard(s.open)
	go s.listen()
}

// listen reads until the connection is over.
func (s *Session) listen() {
	step := s.step
	for s.guard(step) {
	}
	s.end()
}

// guard runs one step. A panic of the application costs this connection, not
// the node, as in net/http.
func (s *Session) guard(step func() bool) (more bool) {
	defer func() {
		if p := recover(); p != nil {
			s.hub.config.Log.Error("client panicked", "connection", s.id, "role", s.identity.Role, "panic", p, "stack", string(debug.Stack()))
			s.close(errUnsettled)
			more = true
		}
	}()
	return step()
}

// frame reads the next frame. While the session is ending, what comes is thrown
// away up to the peer's close frame: a socket closed with bytes unread would
// reset the connection, and our own close frame might never be seen.
func (s *Session) frame() (Frame, bool) {
	for {
		p, err := s.socket.read()
		var f Frame
		if err == nil {
			f, err = parseFrame(p)
			if err != nil {
				err = errNotFrame
			}
		}
		v, broken := errors.AsType[*violation](err)
		switch {
		case err != nil && !broken:
			s.socket.closeNow() // the library would go on after some errors, as after a frame without a mask
			return Frame{}, false
		case s.closingDown():
		case broken:
			s.close(v)
		default:
			s.hub.figures.received.Add(1)
			return f, true
		}
	}
}

// open is the first part: challenge, auth, welcome, the present state.
func (s *Session) open() bool {
	nonce := newNonce()
	s.say("challenge", challengeData{nonce, s.hub.serverTime()})
	for {
		f, ok := s.frame()
		if !ok {
			return false
		}
		if f.Type == "auth" {
			return s.judge(f, nonce)
		}
		// Everything else is unknown to somebody nobody knows.
	}
}

// judge has the auth frame judged and, if it is good, lets the session in: the
// topic is joined before the present state is read, so nothing falls between.
func (s *Session) judge(f Frame, nonce string) bool {
	a, err := parseAuth(f.Data)
	if err != nil {
		s.close(errBadAuth)
		return false
	}
	s.inTime()
	if !s.hub.line.enter(s.hub.alive, s.hub.config.AuthTimeout) {
		s.refuse(f, errLongLine, &Refusal{})
		return false
	}
	s.inTurn.Store(true)
	defer s.endTurn()
	ctx, cancel := context.WithTimeout(s.hub.alive, s.hub.config.AuthTimeout)
	defer cancel()
	who, client, err := s.hub.config.Authenticate(ctx, Auth{
		Nonce: nonce, Token: a.Token, ClientSecret: a.ClientSecret, LastSeq: a.LastSeq, IP: s.ip, Origin: s.origin,
	})
	if err != nil {
		s.refuse(f, err, &Refusal{Close: CloseUnauthenticated, Bye: ByeUnauthenticated})
		return false
	}
	if !s.admit(who, client) {
		return false
	}
	if !s.hub.topics.join(s) {
		s.refuse(f, errCrowded, &Refusal{})
		return false
	}
	s.say("welcome", welcomeData{
		Role: who.Role, ConnectionID: s.id, ServerTime: s.hub.serverTime(),
		HeartbeatSeconds: int(s.hub.config.PingInterval / time.Second), Resumed: who.Resumed,
	})
	if err := s.hub.broker.Join(s.hub.alive, who.Topic, s.id, s.since, who.Exclusive); err != nil {
		s.hub.complain(s.id, "the broker did not take it", err)
	}
	if err := client.Open(s.hub.alive, s); err != nil {
		s.refuse(Frame{}, err, &Refusal{Close: CloseTryLater})
	}
	s.hub.topics.settle(s)
	return true
}

// endTurn lets the next in line have its turn.
func (s *Session) endTurn() {
	if s.inTurn.CompareAndSwap(true, false) {
		s.hub.line.leave()
	}
}

// errCrowded turns away one more than may stand on a topic.
var errCrowded = &Refusal{
	Code: "rate_limited", Message: "This is open in too many places already. Close some of them.", RetryAfter: 5, Close: CloseTryLater,
}

// inTime stops the clock that auth has to beat; from here on, time is ours.
func (s *Session) inTime() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.authBy = time.Time{}
	s.pingAt = time.Now().Add(s.hub.config.PingInterval)
	if s.farewell == nil {
		s.planLocked()
	}
}

// admit makes the session one of its role, unless it was sent away meanwhile.
func (s *Session) admit(who Identity, client Client) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.identity, s.client = who, client
	s.hub.admitted(s)
	s.admitted.Store(true)
	if s.farewell == nil {
		s.planLocked() // the credential may end before the next ping
	}
	return s.farewell == nil
}

// step reads one frame of an open conversation and has it answered.
func (s *Session) step() bool {
	f, ok := s.frame()
	if !ok {
		return false
	}
	var err error
	if f.Type == "auth" {
		err = &Refusal{Code: "conflict", Message: "This connection is already authenticated. Open another one."}
	} else {
		err = s.client.Receive(s.hub.alive, s, f)
	}
	if err != nil {
		s.refuse(f, err, &Refusal{})
	}
	return true
}

// refuse tells the client what err says. Where err is a Refusal that does not
// say how to close, otherwise does; an error that is none is the server's own
// and told without its text.
func (s *Session) refuse(f Frame, err error, otherwise *Refusal) {
	if s.closingDown() {
		return // that is what the error comes from, or it is too late to tell
	}
	r, ok := errors.AsType[*Refusal](err)
	if !ok {
		s.hub.complain(s.id, "the application failed it", err)
		r = &Refusal{Code: "internal", Message: "Something went wrong on our side. Try again.", RetryAfter: 1}
		if otherwise.Close != 0 {
			r.Code, r.Close = "unavailable", CloseTryLater
		}
	} else if r.Close == 0 && otherwise.Close != 0 {
		named := *r
		named.Close, named.Bye = otherwise.Close, otherwise.Bye
		r = &named
	}
	if r.Code != "" {
		s.reply("error", f.ID, errorData{r.Code, r.Message, r.RetryAfter})
	}
	if r.Close != 0 {
		v := &violation{code: r.Close, reason: r.Code, bye: r.Bye}
		s.closeAfter(v, max(reconnectAfter(r.Bye), time.Duration(r.RetryAfter)*time.Second))
	}
}

// say sends one of the hub's own frames.
func (s *Session) say(typ string, data any) { s.reply(typ, nil, data) }

func (s *Session) reply(typ string, id json.RawMessage, data any) {
	p, err := encode(typ, 0, id, data)
	if err != nil { // an id is what a client sent as JSON, the rest is ours
		panic(err)
	}
	_ = s.enqueue(p) // a session that is ending has nothing more to say
}

// end takes leave of everything that knows the session.
func (s *Session) end() {
	s.mu.Lock()
	if s.farewell == nil {
		s.farewell = &farewell{} // the peer went first
	}
	s.dropLocked()
	s.countdowns = nil
	s.mu.Unlock()
	s.hub.wheel.stop(&s.alarm)
	s.socket.closeNow()
	if s.admitted.Load() {
		s.hub.topics.leave(s)
		s.hub.broker.Leave(s.identity.Topic, s.id)
		s.guard(func() bool { s.client.Closed(s.hub.alive, s); return true })
	}
	s.mu.Lock()
	s.ended = true
	if s.gone != nil {
		close(s.gone)
	}
	s.mu.Unlock()
	s.hub.forget(s)
}
