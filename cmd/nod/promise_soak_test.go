package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	soakLimit = 6 * time.Second // for one request; what is not answered by then may have happened or not
	soakWait  = 8 * time.Second // for a prompt, an SMS or a result, before a person gives up
	pagesKept = 3               // pages that one person leaves open
)

// soak is what people do while the cluster is injured, and what they were told:
// see [soak.verdict] for what must be true of that.
type soak struct {
	c    *cluster
	door *door
	seed uint64

	numbers atomic.Int64
	unsure  atomic.Int64 // requests that got no answer, or a 5xx

	mu  sync.Mutex
	all []*entry
	sms map[string]map[string]bool // by delivery: the messages that were seen
}

// entry is one verification as those outside know it.
type entry struct {
	id       string
	to       string // the phone number
	match    string // the number that the page shows
	phone    *handset
	page     *waiter
	watching context.Context // ends when the page is closed
	leave    func()          // closes the page

	mu     sync.Mutex
	told   map[string]int // what was acknowledged, and how often
	choice string         // what the phone's person chose; empty: nothing yet
}

func (e *entry) ack(what string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.told[what]++
}

// person signs in again and again, each time in another way, until ctx ends.
func (s *soak) person(ctx context.Context, i int, phone *handset) {
	dice := rand.New(rand.NewPCG(s.seed, uint64(i)))
	ways := []func(context.Context, *entry, *rand.Rand){s.answer, s.answer, s.typeIn, s.guess, s.resend, s.contest}
	channels := []string{"auto", "auto", "sms", "sms", "sms", "both"}
	var open []*entry
	for ctx.Err() == nil {
		n := dice.IntN(len(ways))
		e := s.begin(ctx, fmt.Sprintf("u%d", i), channels[n], phone)
		if e == nil {
			rest(ctx, 300*time.Millisecond)
			continue
		}
		ways[n](ctx, e, dice)
		if open = append(open, e); len(open) > pagesKept {
			open[0].leave()
			open = open[1:]
		}
	}
}

// begin starts a sign-in over a channel; nil when nobody said that it did.
func (s *soak) begin(ctx context.Context, user, channel string, phone *handset) *entry {
	n := s.numbers.Add(1)
	to := fmt.Sprintf("+1%d555%04d", []int{212, 213, 305, 312, 404, 415, 503, 602}[n/10000], n%10000)
	status, v := s.ask(ctx, "POST", "/api/v1/verifications", s.door.asKey(), object{"user_id": user, "phone_number": to, "channel": channel})
	if status != http.StatusCreated {
		return nil
	}
	e := &entry{id: v.str("verification_id"), to: to, match: v.str("match_number"), phone: phone, page: newWaiter(s.door, v), told: map[string]int{}}
	var leave func()
	e.watching, leave = context.WithCancel(context.Background())
	var over sync.WaitGroup
	over.Go(func() { e.page.fail(e.page.run(e.watching)) })
	e.leave = func() {
		leave()
		over.Wait()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, e)
	return e
}

// ask makes a request; 0 says that nobody knows what became of it.
func (s *soak) ask(ctx context.Context, method, path, credential string, body any) (int, object) {
	ctx, stop := context.WithTimeout(ctx, soakLimit)
	defer stop()
	status, out, err := s.door.try(ctx, method, path, credential, body)
	if err != nil || status >= http.StatusInternalServerError {
		s.unsure.Add(1)
		return 0, nil
	}
	return status, out
}

func (e *entry) path() string       { return "/api/v1/verifications/" + e.id }
func (e *entry) credential() string { return "Nod-Client-Secret: " + e.page.secret }

// answer has the phone approve or deny, by either way, until the page has the
// result.
func (s *soak) answer(ctx context.Context, e *entry, dice *rand.Rand) {
	decision, rest := "approve", dice.IntN(2) == 0
	if dice.IntN(4) == 0 {
		decision = "deny"
	}
	again := time.NewTicker(time.Second)
	defer again.Stop()
	for patience := time.After(soakWait); ; {
		prompt, changed := e.phone.shown(e.id)
		if prompt != nil {
			changed = nil
			s.decide(ctx, e, prompt, decision, rest)
		}
		select {
		case <-e.page.finished:
			s.exchange(ctx, e)
			return
		case <-changed:
		case <-again.C:
		case <-patience:
			return
		case <-ctx.Done():
			return
		}
	}
}

// decide sends the phone's answer and notes what it was told of it.
func (s *soak) decide(ctx context.Context, e *entry, prompt object, decision string, rest bool) {
	e.mu.Lock()
	e.choice = decision
	e.mu.Unlock()
	if !rest {
		e.phone.respond(prompt, decision, e.match)
		return
	}
	token := e.phone.Answer(e.id, prompt.str("signed"), decision, e.match)
	if _, out := s.ask(ctx, "POST", "/api/v1/prompts/"+e.id+"/respond", "Authorization: "+e.phone.RESTToken(), object{"token": token}); out["accepted"] == true {
		e.ack(decision)
	}
}

// typeIn has the right code typed four times at once.
func (s *soak) typeIn(ctx context.Context, e *entry, _ *rand.Rand) {
	code := s.code(ctx, e, 1)
	if code == "" {
		return
	}
	atOnce(4, func() { s.check(ctx, e, code) })
	s.exchange(ctx, e)
}

// guess has eight wrong codes typed at once.
func (s *soak) guess(ctx context.Context, e *entry, _ *rand.Rand) {
	code := s.code(ctx, e, 1)
	if code == "" {
		return
	}
	wrong := "000000"
	if code == wrong {
		wrong = "000001"
	}
	atOnce(8, func() { s.check(ctx, e, wrong) })
	if status, _ := s.ask(ctx, "POST", e.path()+"/cancel", e.credential(), object{}); status == http.StatusOK {
		e.ack("cancel")
	}
}

// resend presses "send again" four times at once, and types what came.
func (s *soak) resend(ctx context.Context, e *entry, _ *rand.Rand) {
	if s.code(ctx, e, 1) == "" {
		return
	}
	rest(ctx, time.Second) // the cooldown
	atOnce(4, func() {
		if status, _ := s.ask(ctx, "POST", e.path()+"/resend", e.credential(), object{}); status == http.StatusAccepted {
			e.ack("resend")
		}
	})
	if code := s.code(ctx, e, 2); code != "" {
		s.check(ctx, e, code)
	}
}

// contest has the phone answer, the code typed and the page closed at once.
func (s *soak) contest(ctx context.Context, e *entry, dice *rand.Rand) {
	code := s.code(ctx, e, 1)
	prompt, _ := e.phone.shown(e.id)
	deny := dice.IntN(2) == 0
	acts := []func(){
		func() { s.check(ctx, e, code) },
		func() {
			if status, _ := s.ask(ctx, "POST", e.path()+"/cancel", e.credential(), object{}); status == http.StatusOK {
				e.ack("cancel")
			}
		},
	}
	if prompt != nil {
		decision := "approve"
		if deny {
			decision = "deny"
		}
		acts = append(acts, func() { s.decide(ctx, e, prompt, decision, true) })
	}
	var all sync.WaitGroup
	for _, act := range acts {
		all.Go(act)
	}
	all.Wait()
	s.exchange(ctx, e)
}

// check types a code and notes what the page was told.
func (s *soak) check(ctx context.Context, e *entry, code string) {
	if code == "" {
		return
	}
	switch _, out := s.ask(ctx, "POST", e.path()+"/check", e.credential(), object{"code": code}); out["ok"] {
	case true:
		e.ack("code")
	case false:
		e.ack("wrong")
	}
}

// exchange redeems the result, if it is one, twice at once.
func (s *soak) exchange(ctx context.Context, e *entry) {
	_, out := s.ask(ctx, "GET", e.path(), e.credential(), nil)
	token := out.str("result_token")
	if token == "" {
		return
	}
	atOnce(2, func() {
		if status, _ := s.ask(ctx, "POST", e.path()+"/exchange", s.door.asKey(), object{"result_token": token}); status == http.StatusOK {
			e.ack("exchange")
		}
	})
}

// code waits for the n-th SMS; empty when it does not come.
func (s *soak) code(ctx context.Context, e *entry, n int) string {
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for patience := time.After(soakWait); ; {
		if got := s.look(ctx, e.to); len(got) >= n {
			return got[len(got)-1].str("code")
		}
		select {
		case <-again.C:
		case <-patience:
			return ""
		case <-ctx.Done():
			return ""
		}
	}
}

// look asks every node for the SMS to a number, oldest first: what one of them
// sent, the others may not have heard of.
func (s *soak) look(ctx context.Context, number string) []object {
	found := map[string]object{}
	for _, p := range s.c.nodes {
		short, stop := context.WithTimeout(ctx, time.Second)
		_, out, err := p.try(short, "GET", "/api/v1/outbox?to="+url.QueryEscape(number), p.asKey(), nil)
		stop()
		if err != nil {
			continue
		}
		for _, m := range out.list("messages") {
			found[m.str("id")] = m
			s.note(m)
		}
	}
	all := make([]object, 0, len(found))
	for _, m := range found {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b object) int { return strings.Compare(a.str("id"), b.str("id")) })
	return all
}

func (s *soak) note(m object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.sms[m.str("delivery_id")]
	if of == nil {
		of = map[string]bool{}
		s.sms[m.str("delivery_id")] = of
	}
	of[m.str("id")] = true
}

// atOnce does the same n times in parallel.
func atOnce(n int, do func()) {
	var all sync.WaitGroup
	for range n {
		all.Go(do)
	}
	all.Wait()
}

// rest waits, or not until ctx ends.
func rest(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
