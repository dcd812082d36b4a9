package server

import (
	"context"
	"encoding/json"
	"time"

	"nod/hub"
	"nod/verify"
)

// notice is what is published about a verification after a commit: its events
// and what it became. It holds no secret and no match number: whoever hears it
// derives those for its own reader, or reads the store.
type notice struct {
	Events     []published `json:"events"`
	State      Status      `json:"state"`
	Timers     []hub.Timer `json:"timers"`
	Prompt     int         `json:"prompt"` // generation of the prompt
	Secret     int         `json:"secret"` // generation of the client secret in force
	EndedAt    time.Time   `json:"ended_at"`
	Redeemable bool        `json:"redeemable"` // approved and not yet exchanged
	At         time.Time   `json:"at"`
}

// published is an event as readers hear it: without its user and without what is
// for operators: which provider said what, who of them acted, and what a risk or a
// limit was made of, which would teach a thief.
type published struct {
	Seq  int64            `json:"seq"`
	Name string           `json:"name"`
	At   time.Time        `json:"at"`
	Data verify.EventData `json:"data"`
}

func (s *Server) notice(v *verify.Verification, es []verify.Event, now time.Time) *notice {
	ps := make([]published, len(es))
	for i, e := range es {
		ps[i] = published{e.Seq, e.Name, e.At, e.Data}
		d := &ps[i].Data
		d.Detail, d.Provider, d.By = "", "", ""
		d.Limit, d.Mode, d.Percent, d.Score, d.Reasons = "", "", 0, 0, ""
	}
	return &notice{
		Events: ps, State: statusOf(v, s.keys, s.policy, now, viewEvent), Timers: timersOf(v, s.policy),
		Prompt: v.Prompt.Generation, Secret: v.SecretGeneration, EndedAt: v.EndedAt,
		Redeemable: v.Status == verify.Approved && v.RedeemedAt.IsZero(), At: now,
	}
}

// heard reads a published notice. What is published comes over a broker that others may
// write to; a time to come would prolong the result token that is made by it, so no
// later one than now is believed.
func (s *Server) heard(data []byte) (*notice, error) {
	n := &notice{}
	if err := json.Unmarshal(data, n); err != nil {
		return nil, err
	}
	if now := s.Now(); n.At.After(now) {
		n.At = now
	}
	return n, nil
}

// watch is one reader's place in the events of one verification. It turns
// notices into frames such that the reader gets each event once, in order,
// whatever is published twice, late or never.
type watch struct {
	keys   *verify.Keys
	id     string // of the verification
	keyID  string // its key: result tokens are derived from both
	next   int64  // the first event that was not told
	prompt int    // generation of the prompt whose number was told
	secret int    // generation of the client secret that the reader holds
	ended  bool   // the result was told
}

// frame is one message to a waiting page.
type frame struct {
	typ  string
	seq  int64 // 0: none
	data any
}

// happening is the data of an event frame. State is the verification as the
// event's transaction left it; it hides the state of a delivery, which the name
// tells already.
type happening struct {
	Name string `json:"name"`
	At   string `json:"at"`
	verify.EventData
	State Status `json:"state"`
}

// outcome is the data of a result frame.
type outcome struct {
	VerificationID string         `json:"verification_id"`
	Status         verify.Status  `json:"status"`
	Method         *verify.Method `json:"method,omitempty"`
	Reason         *verify.Reason `json:"reason,omitempty"`
	ResultToken    string         `json:"result_token,omitempty"`
}

// newWatch starts after the last event of v.
func (s *Server) newWatch(v *verify.Verification) watch {
	return watch{
		keys: s.keys, id: v.ID, keyID: v.KeyID, next: v.Seq + 1, prompt: v.Prompt.Generation, secret: v.SecretGeneration,
	}
}

// take returns the frames that n brings to this reader. It is not whole when
// events before n are missing, or when n has a new prompt, whose number n does
// not hold: then the store must be read (see [Server.catchUp]).
func (w *watch) take(n *notice) (frames []frame, whole bool) {
	if len(n.Events) > 0 && n.Events[0].Seq > w.next {
		return nil, false
	}
	for _, e := range n.Events {
		if e.Seq < w.next {
			continue
		}
		w.next = e.Seq + 1
		state := n.State
		state.Seq = e.Seq // whoever resumes from it misses nothing
		frames = append(frames, frame{"event", e.Seq, happening{e.Name, verify.FormatTime(e.At), e.Data, state}})
		if terminal(e.Name) {
			frames = append(frames, w.result(n, e.Seq))
		}
	}
	return frames, n.Prompt <= w.prompt
}

// result makes the frame that tells the end.
func (w *watch) result(n *notice, seq int64) frame {
	w.ended = true
	o := outcome{VerificationID: w.id, Status: n.State.Status, Method: n.State.Method, Reason: n.State.Reason}
	if n.Redeemable {
		o.ResultToken = w.keys.ResultToken(&verify.Verification{ID: w.id, KeyID: w.keyID}, n.At)
	}
	return frame{"result", seq, o}
}

// terminal reports whether an event of this name ended its verification.
func terminal(name string) bool {
	switch name {
	case verify.EventApproved, verify.EventDenied, verify.EventFailed, verify.EventExpired,
		verify.EventCanceled, verify.EventSuperseded, verify.EventBlocked:
		return true
	}
	return false
}

// eventPage is how many events are read at once, and told before what was told
// has left: less than a connection may have waiting.
const eventPage = 32

// catchUp says everything up to the present, from the store. It returns the
// newest notice. A reader whose client secret is void gets nothing but
// [errSecretVoid].
func (s *Server) catchUp(ctx context.Context, w *watch, say func([]frame) error) (*notice, error) {
	for empty := 0; ; {
		es, v, now, err := s.further(ctx, w)
		if err != nil {
			return nil, err
		}
		if v.SecretGeneration != w.secret {
			return nil, errSecretVoid
		}
		if len(es) > 0 {
			w.next = max(w.next, es[0].Seq) // what was erased is not waited for
		} else if empty++; empty > 1 {
			w.next = v.Seq + 1
		}
		n := s.notice(v, es, now)
		frames, whole := w.take(n)
		if !whole {
			w.prompt = n.Prompt
			frames = append(frames, s.snapshot(v, now))
		}
		if err := say(frames); err != nil {
			return nil, err
		}
		if w.next > v.Seq {
			return n, nil
		}
	}
}

// further reads the next events of a reader, and the verification as it is after
// them or later.
func (s *Server) further(ctx context.Context, w *watch) (es []verify.Event, v *verify.Verification, now time.Time, err error) {
	ctx, cancel := hurried(ctx)
	defer cancel()
	if es, err = s.store.EventsAfter(ctx, w.id, w.next-1, eventPage); err == nil {
		v, now, err = s.store.Verification(ctx, w.id)
	}
	return es, v, now, err
}

// begin says the present state to a reader that just came: a snapshot, then to
// one that resumes the events it missed, and the result of what has ended.
func (s *Server) begin(ctx context.Context, w *watch, resumed bool, say func([]frame) error) (*notice, error) {
	v, now, err := s.present(ctx, w.id)
	if err != nil {
		return nil, err
	}
	if v.SecretGeneration != w.secret {
		return nil, errSecretVoid
	}
	w.prompt = v.Prompt.Generation
	if !resumed {
		w.next = v.Seq + 1
	}
	if err := say([]frame{s.snapshot(v, now)}); err != nil {
		return nil, err
	}
	n := s.notice(v, nil, now)
	if resumed && w.next <= v.Seq {
		if n, err = s.catchUp(ctx, w, say); err != nil {
			return nil, err
		}
	}
	if w.ended || n.State.Status == verify.Pending {
		return n, nil
	}
	seq, err := s.endedBy(ctx, w.id) // told before this reader came, or to it before it came again
	if err != nil {
		return nil, err
	}
	return n, say([]frame{w.result(n, seq)})
}

// endedBy finds the seq of the event that ended a verification.
func (s *Server) endedBy(ctx context.Context, id string) (int64, error) {
	for after := int64(0); ; {
		es, err := s.store.EventsAfter(ctx, id, after, eventPage)
		if err != nil || len(es) == 0 {
			return 0, err
		}
		for _, e := range es {
			if terminal(e.Name) {
				return e.Seq, nil
			}
			after = e.Seq
		}
	}
}

func (s *Server) snapshot(v *verify.Verification, now time.Time) frame {
	return frame{typ: "snapshot", data: statusOf(v, s.keys, s.policy, now, viewPage)}
}

// errSecretVoid ends a reader whose client secret was replaced by a newer one.
var errSecretVoid = &hub.Refusal{
	Code: verify.CodeUnauthenticated, Message: "This client_secret was replaced by a newer one. Use that one.",
	Close: hub.CloseUnauthenticated, Bye: hub.ByeUnauthenticated,
}

// timersOf returns the countdowns of a waiting page. One that has just run out
// is among them, for its 0 may still be owed; the end of a verification stops
// those that had not.
func timersOf(v *verify.Verification, p *verify.Policy) []hub.Timer {
	var ts []hub.Timer
	add := func(field string, at time.Time) {
		if !at.IsZero() && (!v.Terminal() || !at.After(v.EndedAt)) {
			ts = append(ts, hub.Timer{Field: field, At: at})
		}
	}
	if pr := v.Prompt; pr.ClosedAt.IsZero() || !pr.ClosedAt.Before(pr.ExpiresAt) {
		add("prompt_in", pr.ExpiresAt)
	}
	if n := len(v.Codes); n > 0 && v.Codes[n-1].Tries < v.Codes[n-1].MaxTries {
		add("expires_in", v.Codes[n-1].ExpiresAt)
	}
	if v.ResendCount < p.Resends {
		add("resend_in", v.CooldownEndsAt(p))
	}
	add("session_in", v.SessionEndsAt)
	return ts
}
