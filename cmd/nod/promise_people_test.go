package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"nod/client"
)

// waiter is a page that waits for one verification. It wants every event from
// the first on, and notes where the server breaks its word.
type waiter struct {
	member
	id, secret string

	mu       sync.Mutex
	last     int64  // seq up to which it has heard everything
	gap      string // the first hole it found
	current  object // the newest snapshot
	views    int    // snapshots it was given
	result   object
	finished chan struct{} // closed with the first result
}

func newWaiter(d *door, v object) *waiter {
	w := &waiter{id: v.str("verification_id"), secret: v.str("client_secret"), finished: make(chan struct{})}
	w.door, w.auth, w.hear, w.hurry = d, w.credential, w.note, make(chan struct{}, 1)
	return w
}

func (w *waiter) credential(string) object {
	w.mu.Lock()
	defer w.mu.Unlock()
	return object{"client_secret": w.secret, "last_seq": w.last}
}

func (w *waiter) note(h heard, _ func(string, object)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch h.Type {
	case "snapshot":
		w.current = h.object()
		w.views++
	case "event":
		switch {
		case h.Seq == w.last+1:
			w.last++
		case h.Seq > w.last && w.gap == "":
			w.gap = fmt.Sprintf("event %d after %d", h.Seq, w.last)
		}
	case "result":
		if h.Seq > w.last && w.gap == "" {
			w.gap = fmt.Sprintf("the result of event %d after event %d", h.Seq, w.last)
		}
		if w.result == nil {
			close(w.finished)
		}
		w.result = h.object()
	}
}

// fail notes that the page was sent away for good; nil: it was not.
func (w *waiter) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil && w.gap == "" {
		w.gap = err.Error()
	}
}

// state is what the page shows: the seq up to which it knows, and the hole.
func (w *waiter) state() (last int64, gap string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last, w.gap
}

// snapshot is the newest one, and how many there were.
func (w *waiter) snapshot() (object, int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.current, w.views
}

// outcome is the status that the result told; empty before.
func (w *waiter) outcome() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.result.str("status")
}

// token is the result token that the page was told.
func (w *waiter) token() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.result.str("result_token")
}

// handset is a phone whose app is in the foreground: it acknowledges and shows
// what comes, and answers when its person is told to.
type handset struct {
	member
	*client.Device

	mu      sync.Mutex
	talk    func(typ string, data object) // over the present connection
	prompts map[string]object             // that are shown, by verification
	told    map[string]bool               // deliveries whose receipt has left
	came    chan struct{}                 // closed at the next change
	lists   int                           // of open prompts, one after each welcome
	judged  map[string]bool               // answers that the server said it took
}

// newHandset enrolls a phone of a user; a node that is busy is asked again.
func newHandset(ctx context.Context, d *door, user string) (h *handset, err error) {
	for end := time.Now().Add(deadline); ; {
		if h, err = enrollHandset(ctx, d, user); err == nil || time.Now().After(end) || ctx.Err() != nil {
			return h, err
		}
	}
}

func enrollHandset(ctx context.Context, d *door, user string) (*handset, error) {
	out, err := begun(ctx, d, "/api/v1/users/"+user+"/enrollments", object{})
	if err != nil {
		return nil, err
	}
	device, err := client.NewDevice(ctx, d.public, out.str("enrollment_token"), "Phone", nil)
	if err != nil {
		return nil, err
	}
	h := &handset{Device: device, prompts: map[string]object{}, told: map[string]bool{}, judged: map[string]bool{}, came: make(chan struct{})}
	h.door, h.hear, h.hurry = d, h.note, make(chan struct{}, 1)
	h.auth = func(nonce string) object { return object{"token": device.SocketToken(nonce)} }
	return h, nil
}

// begun is what an integrator's call made; a node that is busy is asked again.
func begun(ctx context.Context, d *door, path string, body object) (object, error) {
	for end := time.Now().Add(deadline); ; {
		status, out, err := d.try(ctx, "POST", path, d.asKey(), body)
		switch {
		case err == nil && status == http.StatusCreated:
			return out, nil
		case err != nil || status != http.StatusServiceUnavailable || time.Now().After(end):
			return nil, fmt.Errorf("%s: %d %v %w", path, status, out, err)
		}
	}
}

func (p *handset) note(h heard, say func(string, object)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.talk = say
	switch h.Type {
	case "prompts":
		var list struct{ Prompts []object }
		_ = json.Unmarshal(h.Data, &list) // what is no list holds nothing
		clear(p.prompts)
		for _, prompt := range list.Prompts {
			p.showLocked(prompt)
		}
		p.lists++
	case "prompt":
		p.showLocked(h.object())
	case "prompt_closed", "prompt_result":
		o := h.object()
		delete(p.prompts, o.str("verification_id"))
		if o["accepted"] == true {
			p.judged[o.str("verification_id")] = true
		}
	}
	close(p.came)
	p.came = make(chan struct{})
}

func (p *handset) showLocked(prompt object) {
	delivery := prompt.str("delivery_id")
	p.prompts[prompt.str("verification_id")] = prompt
	if !p.told[delivery] {
		p.told[delivery] = true
		p.talk("ack", object{"delivery_id": delivery})
		p.talk("displayed", object{"delivery_id": delivery})
	}
}

// shown is the prompt of a verification, nil while it is not there; changed is
// closed when that may be different.
func (p *handset) shown(id string) (prompt object, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.prompts[id], p.came
}

// listed is how often it was told all its open prompts.
func (p *handset) listed() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lists
}

// took tells whether the server said that it took the answer.
func (p *handset) took(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.judged[id]
}

// respond answers over the connection that stands; it may not arrive.
func (p *handset) respond(prompt object, decision, number string) {
	token := p.Answer(prompt.str("verification_id"), prompt.str("signed"), decision, number)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.talk("respond", object{"token": token})
}

// respondREST answers with a request of its own.
func (p *handset) respondREST(ctx context.Context, prompt object, decision, number string) (int, object, error) {
	id := prompt.str("verification_id")
	token := p.Answer(id, prompt.str("signed"), decision, number)
	return p.door.try(ctx, "POST", "/api/v1/prompts/"+id+"/respond", "Authorization: "+p.RESTToken(), object{"token": token})
}
