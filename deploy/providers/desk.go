// Package providers plays the providers of push, SMS, calls and mail on this
// machine. Each server here speaks its provider's protocol and judges what it is
// sent: whether the request is signed, whole and in the provider's form, and
// whether it holds what no provider may see. What is wrong is refused as the
// provider would, and noted as an objection. What it accepts is kept, so that a
// test can count it and a person can read it.
//
// A server answers well by itself. A [Desk] can be told otherwise for one number
// or token: every error of the provider, slowness, a request that hangs, a
// connection that breaks before or after the message was taken, receipts that are
// late, repeated or forged.
//
// The servers know nothing of nod. They are for tests, benchmarks and for people
// without accounts; they listen where their caller lets them.
package providers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Fault is how an answer goes wrong below the protocol.
type Fault string

// The faults.
const (
	Sound       Fault = ""             // none
	Hang        Fault = "hang"         // nothing is taken, and no answer comes until the caller gives up
	Reset       Fault = "reset"        // nothing is taken, the connection breaks
	TakenHang   Fault = "taken_hang"   // the message is taken, and no answer comes
	TakenReset  Fault = "taken_reset"  // the message is taken, then the connection breaks
	TakenBroken Fault = "taken_broken" // the message is taken, and the answer is no answer of the protocol
)

// Answer is one scripted answer. The zero value accepts.
type Answer struct {
	Status     int           `json:"status,omitempty"`      // HTTP, or SMTP's; 0: the one of success
	Code       string        `json:"code,omitempty"`        // the provider's own, for example UNREGISTERED or 21211
	RetryAfter string        `json:"retry_after,omitempty"` // the header, as it is
	Delay      time.Duration `json:"delay,omitempty"`       // before the answer, in nanoseconds
	Fault      Fault         `json:"fault,omitempty"`
	Receipts   []Receipt     `json:"receipts,omitempty"` // sent once the message is taken; nil: those of a good delivery
}

// Receipt is one scripted call back about a message that was taken.
type Receipt struct {
	State  string        `json:"state"`            // the provider's own word, for example delivered
	Code   string        `json:"code,omitempty"`   // the provider's own error
	Delay  time.Duration `json:"delay,omitempty"`  // after the acceptance or the receipt before, in nanoseconds
	Forged bool          `json:"forged,omitempty"` // with a signature that is not the provider's
	Times  int           `json:"times,omitempty"`  // how often it is sent; 0 is once
}

// Accepted is a message that a provider took.
type Accepted struct {
	Provider string            `json:"provider"`
	To       string            `json:"to"` // a number, token, endpoint or address
	ID       string            `json:"id"` // the provider's
	Text     string            `json:"text,omitempty"`
	Fields   map[string]string `json:"fields,omitempty"` // what else the request said, by the protocol's names
	At       time.Time         `json:"at"`
}

// Objection is what a provider found wrong with a request.
type Objection struct {
	Provider string    `json:"provider"`
	Text     string    `json:"text"`
	At       time.Time `json:"at"`
}

func (o Objection) String() string { return o.Provider + ": " + o.Text }

// Desk is what all servers of one provider share: what is scripted, taken and
// objected to. Its zero value is ready.
type Desk struct {
	mu         sync.Mutex
	scripts    map[string][]Answer
	requests   map[string]int
	accepted   []Accepted
	objections []Objection   // the provider's name is left out
	changed    chan struct{} // closed at the next change; nil while nobody waits
}

// Script says how the next requests to a number or token are answered, one after
// the other; the last answer stays. An empty to is for everybody without a script
// of their own. No answers: well again.
func (d *Desk) Script(to string, answers ...Answer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.scripts == nil {
		d.scripts = map[string][]Answer{}
	}
	d.scripts[to] = answers
}

// next takes the answer to a request and counts the request.
func (d *Desk) next(to string) Answer {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.requests == nil {
		d.requests = map[string]int{}
	}
	d.requests[to]++
	d.changedLocked()
	key := to
	if len(d.scripts[key]) == 0 {
		key = ""
	}
	answers := d.scripts[key]
	if len(answers) == 0 {
		return Answer{}
	}
	if len(answers) > 1 {
		d.scripts[key] = answers[1:]
	}
	return answers[0]
}

// take keeps a message.
func (d *Desk) take(a Accepted) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a.At = time.Now()
	d.accepted = append(d.accepted, a)
	d.changedLocked()
}

// object notes what a request did wrong.
func (d *Desk) object(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.objections = append(d.objections, Objection{Text: fmt.Sprintf(format, args...), At: time.Now()})
	d.changedLocked()
}

// Accepted lists what was taken for a number or token, oldest first; an empty to
// is everybody.
func (d *Desk) Accepted(to string) []Accepted {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.acceptedLocked(to)
}

func (d *Desk) acceptedLocked(to string) []Accepted {
	return slices.DeleteFunc(slices.Clone(d.accepted), func(a Accepted) bool { return to != "" && a.To != to })
}

// Requests counts the well-formed requests for a number or token, taken or not; an
// empty to is everybody.
func (d *Desk) Requests(to string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.requestsLocked(to)
}

func (d *Desk) requestsLocked(to string) (n int) {
	for of, count := range d.requests {
		if to == "" || to == of {
			n += count
		}
	}
	return n
}

// Objections lists what requests did wrong, oldest first.
func (d *Desk) Objections() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var texts []string
	for _, o := range d.objections {
		texts = append(texts, o.Text)
	}
	return texts
}

// Wait returns the messages to a number or token once there are n, or what there
// is and an error when ctx ends first.
func (d *Desk) Wait(ctx context.Context, to string, n int) ([]Accepted, error) {
	for {
		d.mu.Lock()
		found := d.acceptedLocked(to)
		changed := d.changesLocked()
		d.mu.Unlock()
		if len(found) >= n {
			return found, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return found, fmt.Errorf("%d of %d messages came: %w", len(found), n, ctx.Err())
		}
	}
}

// WaitRequests returns nil once n well-formed requests for a number or token have
// come.
func (d *Desk) WaitRequests(ctx context.Context, to string, n int) error {
	for {
		d.mu.Lock()
		found := d.requestsLocked(to)
		changed := d.changesLocked()
		d.mu.Unlock()
		if found >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d requests came: %w", found, n, ctx.Err())
		}
	}
}

func (d *Desk) changesLocked() <-chan struct{} {
	if d.changed == nil {
		d.changed = make(chan struct{})
	}
	return d.changed
}

func (d *Desk) changedLocked() {
	if d.changed != nil {
		close(d.changed)
		d.changed = nil
	}
}

// stall carries an answer's delay out and reports whether the caller is still
// there.
func stall(ctx context.Context, delay time.Duration) bool {
	if delay <= 0 {
		return true
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// play carries out an answer's delay and fault over HTTP; take is called once the
// message is taken. It reports whether an answer is still to be written.
func play(w http.ResponseWriter, r *http.Request, a Answer, take func()) bool {
	if !stall(r.Context(), a.Delay) {
		return false
	}
	switch a.Fault {
	case TakenHang, TakenReset, TakenBroken:
		take()
	}
	switch a.Fault {
	case Hang, TakenHang:
		<-r.Context().Done()
	case Reset, TakenReset:
		reset(w)
	case TakenBroken:
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write([]byte("<html>not what was asked for"))
	default:
		return true
	}
	return false
}

// reset breaks the connection under a request.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if errors.Is(err, http.ErrNotSupported) {
		panic(http.ErrAbortHandler) // HTTP/2: the stream is reset
	}
	if err == nil {
		_ = conn.Close()
	}
}
