package hub

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// maxQueue is how many frames may wait for a socket, and how many messages for
// Open to return.
const maxQueue = 64

// maxUnheard is how many pings may stay unanswered.
const maxUnheard = 2

// ErrClosed is returned by [Session.Send] once the session is ending.
var ErrClosed = errors.New("session is closed")

// Identity is who a connection turned out to be.
type Identity struct {
	Role      string    // device, watcher, console
	ID        string    // of the device, verification or console session
	Topic     string    // whose messages it hears
	Exclusive bool      // the newest connection of Topic wins, on every node
	Most      int       // connections that Topic may have on one node; 0: any number
	Resumed   bool      // told in welcome
	ExpiresAt time.Time // when the credential ends; zero is never
}

// Client is the application behind one connection, made by [Authenticate] and
// driven by the hub. Its contexts end when a drain has waited long enough; a
// call that does not heed them holds up the end of [Hub.Run].
type Client interface {
	// Open sends the present state. The session already stands on its topic;
	// messages that arrive meanwhile are delivered after Open has returned, so
	// nothing is missed between and nothing overtakes. A [*Refusal] is told to
	// the client; any other error closes with 1013.
	Open(ctx context.Context, s *Session) error
	// Receive takes one frame of a type the hub does not know itself, one call
	// at a time, on the connection's goroutine. A [*Refusal] is told to the
	// client, any other error is told as internal. Types unknown here too are to
	// be ignored.
	Receive(ctx context.Context, s *Session, f Frame) error
	// Deliver takes one message of the topic. Calls come one at a time in publish
	// order, on the publisher's goroutine: it must not block and must not call
	// the [Hub].
	Deliver(s *Session, m Message)
	// Closed is called once, as the last.
	Closed(ctx context.Context, s *Session)
}

// Session is one connection, from its challenge to its end.
type Session struct {
	hub    *Hub
	socket *socket
	id     string
	ip     string
	from   *address // guarded by Hub.mu
	origin string
	since  time.Time // server time

	// Written once, by admit.
	identity Identity
	client   Client
	admitted atomic.Bool
	inTurn   atomic.Bool // see line

	alarm       alarm
	nextToWrite *Session // guarded by writers.mu

	// Messages that wait for Open to return; guarded by the topic's lock.
	opening bool
	held    []Message

	mu         sync.Mutex
	queue      [][]byte      // frames to write
	emptied    chan struct{} // closed when the queue is empty; made when somebody waits
	countdowns []*countdown  // whose ticks are made when they are written
	pinging    bool          // a ping is to be written
	writing    bool          // with the writers
	authBy     time.Time     // zero once there was an auth frame
	pingAt     time.Time
	farewell   *farewell     // set: the session is ending
	ended      bool          // its goroutine is through
	gone       chan struct{} // closed at the end; made when somebody waits
}

// farewell is the last that a session writes: bye, if any, and a close frame.
type farewell struct {
	bye    []byte
	code   int
	reason string
}

func newSession(h *Hub, k *socket, ip, origin string) *Session {
	s := &Session{hub: h, socket: k, id: newConnectionID(), ip: ip, origin: origin, since: h.config.Now(), opening: true}
	s.alarm.owner = s
	k.tooFast = func() { s.close(errTooFast) }
	return s
}

// ID is the connection_id told in welcome.
func (s *Session) ID() string { return s.id }

// Identity is who the connection turned out to be.
func (s *Session) Identity() Identity { return s.identity }

// Send queues one frame; frames leave in the order of the calls. data is
// anything that encodes to a JSON object, nil is an empty one; seq 0 is left out.
// It never blocks: a client with 64 frames unread is cut off, and Send returns
// [ErrClosed].
func (s *Session) Send(typ string, seq int64, data any) error {
	p, err := encode(typ, seq, nil, data)
	if err != nil {
		return fmt.Errorf("encoding %s frame: %w", typ, err)
	}
	return s.enqueue(p)
}

// enqueue adds a frame to what waits for a writer. The queue is bounded by
// frames, not bytes: frames are the server's own and small.
func (s *Session) enqueue(p []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.farewell != nil {
		return ErrClosed
	}
	if len(s.queue) == maxQueue {
		s.dropLocked()
		s.closeLocked(errSlow, reconnectAfter(ByeSlowConsumer))
		return ErrClosed
	}
	s.queue = append(s.queue, p)
	s.hub.figures.queued.Add(1)
	s.wakeLocked()
	return nil
}

// Flush waits until no frame waits for the socket. It is for a client that has
// more to say than may wait and a goroutine to wait on: in Open and Receive, never
// in Deliver. It returns [ErrClosed] when the session is ending.
func (s *Session) Flush(ctx context.Context) error {
	s.endTurn() // who waits for its own peer holds up nobody
	s.mu.Lock()
	if s.farewell != nil {
		s.mu.Unlock()
		return ErrClosed
	}
	if len(s.queue) == 0 {
		s.mu.Unlock()
		return nil
	}
	if s.emptied == nil {
		s.emptied = make(chan struct{})
	}
	emptied := s.emptied
	s.mu.Unlock()
	select {
	case <-emptied:
		if s.closingDown() {
			return ErrClosed // what waited may have been dropped
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// emptyLocked drops the queue: an idle session keeps no memory for frames.
func (s *Session) emptyLocked() {
	s.queue = nil
	if s.emptied != nil {
		close(s.emptied)
		s.emptied = nil
	}
}

// Close says bye (nothing, where bye is empty) after the frames already queued,
// and closes with code. It does not wait.
func (s *Session) Close(code int, bye string) {
	s.close(&violation{code: code, reason: bye, bye: bye})
}

func (s *Session) close(v *violation) { s.closeAfter(v, reconnectAfter(v.bye)) }

func (s *Session) closeAfter(v *violation, reconnect time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closeLocked(v, reconnect)
}

// closeLocked ends the session, once: what was queued still leaves, then bye,
// then the close frame. Frames that come in from here on are thrown away.
func (s *Session) closeLocked(v *violation, reconnect time.Duration) {
	if s.farewell != nil {
		return
	}
	s.farewell = &farewell{code: v.code, reason: v.reason}
	if v.bye != "" {
		s.farewell.bye, _ = encode("bye", 0, nil, byeData{v.bye, reconnect.Milliseconds()})
	}
	s.countdowns = nil
	s.socket.closing.Store(true)
	s.hub.figures.close(v.code)
	s.wakeLocked()
}

// reconnectAfter spreads those that are sent away one by one as a client's own
// first step would; too fast ones wait out their minute.
func reconnectAfter(bye string) time.Duration {
	switch bye {
	case ByeSlowConsumer, ByeIdle:
		return 500*time.Millisecond + rand.N(time.Second)
	case ByeTooFast:
		return 30*time.Second + rand.N(30*time.Second)
	}
	return 0
}

// closingDown tells whether the session is ending.
func (s *Session) closingDown() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.farewell != nil
}

// dropLocked forgets the frames that wait: nobody will read them.
func (s *Session) dropLocked() {
	s.hub.figures.queued.Add(-int64(len(s.queue)))
	s.emptyLocked()
}

// wakeLocked hands the session to a writer unless one has it.
func (s *Session) wakeLocked() {
	if !s.writing {
		s.writing = true
		s.hub.writers.add(s)
	}
}

// flush writes what there is to write, on a writer's goroutine. buf is lent for
// making ticks in and handed back, maybe grown.
func (s *Session) flush(buf []byte) []byte {
	for {
		p, todo := s.next(&buf)
		var err error
		switch todo {
		case nothing:
			return buf
		case aFrame:
			err = s.socket.write(p)
		case aPing:
			err = s.socket.ping()
		case theEnd:
			s.part()
			return buf
		}
		if err != nil {
			s.lose()
			return buf
		}
	}
}

// todo is what a writer has to do next.
type todo int

const (
	nothing todo = iota
	aFrame
	aPing
	theEnd
)

// next takes what is to be written next. Frames go before ticks, and a tick is
// made only now: so it tells the time at which it leaves, and never waits behind
// another.
func (s *Session) next(buf *[]byte) ([]byte, todo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) > 0 {
		p := s.queue[0]
		s.queue[0] = nil
		if s.queue = s.queue[1:]; len(s.queue) == 0 {
			s.emptyLocked()
		}
		s.hub.figures.queued.Add(-1)
		s.hub.figures.sent.Add(1)
		return p, aFrame
	}
	if s.farewell != nil {
		return nil, theEnd
	}
	if s.pinging {
		s.pinging = false
		return nil, aPing
	}
	clock := s.hub.clock()
	if c := s.pendingLocked(clock); c != nil {
		*buf = c.appendTick((*buf)[:0], clock)
		s.hub.figures.sent.Add(1)
		s.hub.figures.ticks.Add(1)
		return *buf, aFrame
	}
	s.writing = false
	return nil, nothing
}

// part says farewell; the session stays with this writer, so nothing follows.
func (s *Session) part() {
	f := s.farewell
	if f.bye != nil {
		if err := s.socket.write(f.bye); err != nil {
			s.socket.closeNow()
			return
		}
	}
	s.socket.close(f.code, f.reason)
}

// lose ends a session whose socket takes nothing any more: it was closed, or
// did not read for 5 s.
func (s *Session) lose() {
	s.mu.Lock()
	if s.farewell == nil {
		s.farewell = &farewell{}
		s.hub.figures.lost.Add(1)
	}
	s.dropLocked()
	s.countdowns = nil
	s.mu.Unlock()
	s.socket.closeNow()
}

// ring does what is due and sets the alarm for what is due next.
func (s *Session) ring() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.farewell == nil {
		s.planLocked()
	}
}

// planLocked is the whole of a session's time: auth in time, pings and their
// answers, the end of the credential, ticks. Being called too early or too often
// does no harm.
func (s *Session) planLocked() {
	now := time.Now()
	if !s.authBy.IsZero() {
		if wait := s.authBy.Sub(now); wait > 0 {
			s.hub.wheel.set(&s.alarm, wait)
		} else {
			s.closeLocked(errNoAuth, 0)
		}
		return
	}
	if !now.Before(s.pingAt) {
		if s.socket.silent.Load() >= maxUnheard {
			s.closeLocked(errSilent, reconnectAfter(ByeIdle))
			return
		}
		s.socket.silent.Add(1)
		s.pinging = true
		s.pingAt = nextPing(now, s.hub.config.PingInterval)
		s.wakeLocked()
	}
	wait := s.pingAt.Sub(now)
	clock := s.hub.clock()
	if end := s.identity.ExpiresAt; !end.IsZero() {
		left := time.Duration(end.UnixMilli()-clock) * time.Millisecond
		if left <= 0 {
			s.closeLocked(errExpired, 0)
			return
		}
		wait = min(wait, left)
	}
	s.hub.wheel.set(&s.alarm, min(wait, s.tickLocked(clock)))
}

// pingTogether is how far apart pings are sent: those of many connections at one
// moment cost less than each at its own, for whoever sleeps between them is woken
// less often, the peers' answers too.
const pingTogether = 250 * time.Millisecond

// nextPing is interval from now, and up to pingTogether less.
func nextPing(now time.Time, interval time.Duration) time.Time {
	past := time.Duration(now.UnixNano()) % min(pingTogether, interval)
	return now.Add(interval - past)
}

// depart sends the session away and returns what is closed when it is gone.
func (s *Session) depart(v *violation, reconnect time.Duration) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone == nil {
		s.gone = make(chan struct{})
		if s.ended {
			close(s.gone)
		}
	}
	if !s.ended {
		s.closeLocked(v, reconnect)
	}
	return s.gone
}
