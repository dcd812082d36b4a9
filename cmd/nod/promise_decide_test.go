package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"nod/client"
)

const (
	deciders  = 16
	lanes     = 6                      // verifications that they decide about at once
	decisions = 6                      // that each decider makes about them
	attention = 5 * time.Second        // for one request
	patience  = 2 * time.Second        // for an SMS, which a fault may hold up for half a minute
	outage    = 250 * time.Millisecond // before the next request after one without an answer
)

// TestOneDecision: 16 deciders on two nodes decide about the same verifications,
// while Postgres is stopped as by a power cut and nodes are killed. Whatever each
// of them was told must fit one order in which all of it happened one by one.
// CHAOS_LENGTH makes it last, CHAOS_SEED repeats the order of faults and requests.
func TestOneDecision(t *testing.T) {
	t.Parallel()
	length, seed := chaos(t, 20*time.Second)
	c := newCluster(t, setup{ownPostgres: true, settings: []string{"NOD_LIMIT_CHECKS_IP=off"}}) // all people sit at one address
	court := newCourt(c, seed)
	ctx, stop := context.WithCancel(t.Context())
	var sitting sync.WaitGroup
	sitting.Go(func() { court.sit(ctx) })
	faults := c.injure(rand.New(rand.NewPCG(seed, 0)), length, func() bool { return court.heard.Load() >= lanes })
	stop()
	sitting.Wait()
	if t.Failed() {
		return
	}
	undecided := court.judge(t)
	t.Logf("promise 1: %d verifications, %d operations, %d of them without an answer, %d faults; slowest answer %s; %s",
		len(court.cases), court.operations(), undecided, faults, time.Duration(court.slowest.Load()).Round(time.Millisecond), court.tally())
	if len(court.cases) < lanes {
		t.Errorf("only %d verifications were decided about: this proves nothing", len(court.cases))
	}
}

// chaos is how long a test with random faults lasts, and its seed.
func chaos(t *testing.T, short time.Duration) (time.Duration, uint64) {
	t.Helper()
	length, seed := short, rand.Uint64()
	if v := os.Getenv("CHAOS_LENGTH"); v != "" {
		var err error
		if length, err = time.ParseDuration(v); err != nil {
			t.Fatalf("CHAOS_LENGTH: %v", err)
		}
	}
	if v := os.Getenv("CHAOS_SEED"); v != "" {
		var err error
		if seed, err = strconv.ParseUint(v, 10, 64); err != nil {
			t.Fatalf("CHAOS_SEED: %v", err)
		}
	}
	t.Logf("CHAOS_SEED=%d CHAOS_LENGTH=%s", seed, length)
	return length, seed
}

// injure stops Postgres and kills nodes, again and again, for length – up to four
// times that on a slow machine, until it is enough – and leaves all well. It
// returns how many faults there were.
func (c *cluster) injure(dice *rand.Rand, length time.Duration, enough func() bool) (faults int) {
	c.t.Helper()
	wait := func(most time.Duration) {
		select {
		case <-time.After(time.Duration(dice.Int64N(int64(most)))):
		case <-c.t.Context().Done():
		}
	}
	for end := time.Now().Add(length); time.Now().Before(end) || !enough() && time.Now().Before(end.Add(3*length)); {
		wait(3 * time.Second)
		node := c.nodes[dice.IntN(len(c.nodes))]
		kill, halt := dice.IntN(2) == 0, dice.IntN(2) == 0
		if halt || !kill {
			c.postgres.Stop()
			faults++
		}
		if kill {
			wait(time.Second)
			node.kill()
			faults++
		}
		wait(time.Second)
		if halt || !kill {
			if err := c.postgres.Start(); err != nil {
				c.t.Fatal(err)
			}
		}
		if kill {
			node.again()
		}
	}
	for _, p := range c.nodes {
		p.ready()
	}
	return faults
}

// court is where the deciders meet.
type court struct {
	c       *cluster
	dice    *rand.Rand
	clock   time.Time // of all histories
	slowest atomic.Int64
	heard   atomic.Int64 // cases through

	mu    sync.Mutex
	cases []*trial
	count map[string]int // decisions by kind and what came of them
}

// trial is one verification and what was asked and told about it.
type trial struct {
	v       object
	phones  [2]*phone
	prompts [2]object
	code    string // empty: the SMS was not sent in time
	number  string

	mu      sync.Mutex
	history []porcupine.Operation
}

func newCourt(c *cluster, seed uint64) *court {
	return &court{c: c, dice: rand.New(rand.NewPCG(seed, 1)), clock: time.Now(), count: map[string]int{}}
}

// summon enrolls the two phones of one person; false when ctx ended first.
func (ct *court) summon(ctx context.Context, tr *trial, user string) bool {
	for i := range tr.phones {
		tr.phones[i] = ct.enroll(ctx, user)
		if tr.phones[i] == nil {
			return false
		}
	}
	return true
}

// sit decides about one set of verifications after the other until ctx ends. Each is of
// another person: of one they would soon be more than the limits let through.
func (ct *court) sit(ctx context.Context) {
	for round := 0; ctx.Err() == nil; round++ {
		cases := make([]*trial, lanes)
		var all sync.WaitGroup
		for i := range cases {
			person := round*lanes + i
			cases[i] = &trial{number: fmt.Sprintf("+1415555%04d", person)}
			node := ct.c.nodes[ct.dice.IntN(2)]
			all.Go(func() {
				if user := fmt.Sprint("u", person); !ct.summon(ctx, cases[i], user) || !ct.open(ctx, cases[i], node, user) {
					cases[i] = nil
				}
			})
		}
		all.Wait()
		if ctx.Err() != nil {
			return // of one that is half open nothing is known
		}
		for i := range deciders {
			dice := rand.New(rand.NewPCG(ct.dice.Uint64(), 2))
			all.Go(func() {
				for range decisions {
					<-time.After(time.Duration(dice.Int64N(int64(100 * time.Millisecond))))
					if tr := cases[dice.IntN(lanes)]; tr != nil && !ct.decide(tr, i, dice) {
						<-time.After(outage) // so that some decide after it, too
					}
				}
			})
		}
		all.Wait()
		for _, tr := range cases {
			if tr != nil {
				all.Go(func() { ct.close(tr) })
				ct.cases = append(ct.cases, tr)
				ct.heard.Add(1)
			}
		}
		all.Wait()
	}
}

// insist asks one node after the other until a whole answer comes that is no
// outage; false when ctx ended first.
func (ct *court) insist(ctx context.Context, method, path string, credential func() string, body any) (status int, out object, ok bool) {
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for i := 0; ctx.Err() == nil; i++ {
		one, stop := context.WithTimeout(ctx, attention)
		status, out, err := ct.c.nodes[i%len(ct.c.nodes)].try(one, method, path, credential(), body)
		stop()
		if err == nil && status < 500 {
			return status, out, true
		}
		select {
		case <-again.C:
		case <-ctx.Done():
		}
	}
	return 0, nil, false
}

func (ct *court) enroll(ctx context.Context, user string) *phone {
	for {
		_, out, ok := ct.insist(ctx, "POST", "/api/v1/users/"+user+"/enrollments", ct.c.asKey, object{})
		if !ok {
			return nil
		}
		if d, err := client.NewDevice(ctx, ct.c.public, out.str("enrollment_token"), "Test phone", nil); err == nil {
			return &phone{d, ct.c.door}
		}
	}
}

// open starts a verification and brings it so far that all can decide.
func (ct *court) open(ctx context.Context, tr *trial, node *program, user string) bool {
	key := func() string { return ct.c.asKey() + "\nIdempotency-Key: " + tr.number }
	body := object{"user_id": user, "phone_number": tr.number, "channel": "both"}
	status, v, ok := ct.insist(ctx, "POST", "/api/v1/verifications", key, body)
	if !ok {
		return false
	}
	if status != 201 || v.str("status") != "pending" {
		ct.c.t.Errorf("creating: %d %v", status, v)
		return false
	}
	tr.v = v
	for i, ph := range tr.phones {
		_, out, ok := ct.insist(ctx, "GET", "/api/v1/prompts", ph.rest, nil)
		if !ok {
			return false
		}
		for _, p := range out.list("prompts") {
			if p.str("verification_id") == v.str("verification_id") {
				tr.prompts[i] = p
			}
		}
		if tr.prompts[i] == nil {
			ct.c.t.Errorf("a phone has no prompt of %s: %v", v.str("verification_id"), out)
			return false
		}
	}
	// A worker that is killed may take the only sight of the code with it: then it
	// is decided without.
	for until := time.Now().Add(patience); ctx.Err() == nil && time.Now().Before(until); <-time.After(50 * time.Millisecond) {
		status, out, err := node.try(ctx, "GET", "/api/v1/outbox?to=%2B"+tr.number[1:], node.asKey(), nil)
		if got := out.list("messages"); err == nil && status == http.StatusOK && len(got) > 0 {
			tr.code = got[0].str("code")
			break
		}
	}
	return true
}

// close ends a verification about which nobody may have decided, so that the next
// one of its user supersedes none.
func (ct *court) close(tr *trial) {
	for i := 0; ; i++ {
		node := ct.c.nodes[i%len(ct.c.nodes)]
		seen := ct.ask(tr, deciders, node, decision{kind: "read"}, pathOf(tr.v), page(tr.v), nil)
		switch seen.str("status") {
		case "pending":
			ct.ask(tr, deciders, node, decision{kind: "cancel"}, pathOf(tr.v)+"/cancel", page(tr.v), object{})
		case "":
			<-time.After(outage)
		default:
			return
		}
		if ct.c.t.Failed() {
			return
		}
	}
}

// decide makes one random decision on one random node; false: no answer came.
func (ct *court) decide(tr *trial, who int, dice *rand.Rand) bool {
	node := ct.c.nodes[dice.IntN(2)]
	id := tr.v.str("verification_id")
	answer := func(kind, choice, number string) object {
		i := dice.IntN(2)
		ph, prompt := tr.phones[i], tr.prompts[i]
		return ct.ask(tr, who, node, decision{kind: kind, phone: ph.ID}, "/api/v1/prompts/"+id+"/respond", ph.rest(), ph.answer(prompt, choice, number))
	}
	check := func(right bool, code string) object {
		return ct.ask(tr, who, node, decision{kind: "check", right: right}, pathOf(tr.v)+"/check", page(tr.v), object{"code": code})
	}
	match := tr.v.str("match_number")
	switch n := dice.IntN(12); {
	case n < 1:
		return answer("approve", "approve", match) != nil
	case n < 2:
		return answer("deny", "deny", "") != nil
	case n < 3:
		return answer("misread", "approve", other(match)) != nil
	case n < 4 && tr.code != "":
		return check(true, tr.code) != nil
	case n < 6 && tr.code != "":
		return check(false, other(tr.code)) != nil
	case n < 7:
		return ct.ask(tr, who, node, decision{kind: "cancel"}, pathOf(tr.v)+"/cancel", page(tr.v), object{}) != nil
	}
	seen := ct.ask(tr, who, node, decision{kind: "read"}, pathOf(tr.v), page(tr.v), nil)
	if token := seen.str("result_token"); token != "" {
		ct.ask(tr, who, ct.c.nodes[dice.IntN(2)], decision{kind: "exchange"}, pathOf(tr.v)+"/exchange", ct.c.asKey(), object{"result_token": token})
	}
	return seen != nil
}

// other is another number of as many digits.
func other(digits string) string {
	first := byte('0')
	if digits[0] == '0' {
		first = '1'
	}
	return string(first) + digits[1:]
}

// ask makes one request and writes down what was asked and told, and when. It
// returns nil when there was no answer.
func (ct *court) ask(tr *trial, who int, node *program, d decision, path, credential string, body any) object {
	method := "POST"
	if body == nil {
		method = "GET"
	}
	ctx, stop := context.WithTimeout(context.Background(), attention)
	defer stop()
	called := time.Since(ct.clock)
	status, out, err := node.try(ctx, method, path, credential, body)
	returned := time.Since(ct.clock)
	if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
		return nil // it was never asked
	}
	got := told{nothing: err != nil || status == http.StatusServiceUnavailable}
	if got.nothing && d.kind == "read" {
		return nil // it changed nothing and told nothing
	}
	if !got.nothing {
		ct.note(int64(returned - called))
		var ok bool
		if got, ok = understand(d, status, out); !ok {
			ct.c.t.Errorf("%s of %s: %d %v", d.kind, tr.v.str("verification_id"), status, out)
			return nil
		}
	}
	if got.nothing {
		out = nil
	}
	op := porcupine.Operation{ClientId: who, Input: d, Call: int64(called), Output: got, Return: int64(returned)}
	if got.nothing {
		op.Return = whatever
	}
	tr.mu.Lock()
	tr.history = append(tr.history, op)
	tr.mu.Unlock()
	ct.mu.Lock()
	ct.count[d.kind+map[bool]string{true: "!", false: ""}[got.accepted]]++
	ct.mu.Unlock()
	return out
}

// note keeps the longest time that an answer took.
func (ct *court) note(took int64) {
	for {
		longest := ct.slowest.Load()
		if took <= longest || ct.slowest.CompareAndSwap(longest, took) {
			return
		}
	}
}

// understand reads an answer; false: no decider should ever get it.
func understand(d decision, status int, out object) (told, bool) {
	switch {
	case d.kind == "read" && status == http.StatusOK:
		return told{state: known{
			out.str("status"), out.str("method"), out.str("reason"), int(out.num("attempts_remaining")), out.str("result_token") != "",
		}}, true
	case d.kind == "check" && status == http.StatusOK && out["ok"] == true:
		return told{accepted: true}, true
	case d.kind == "check" && status == http.StatusOK:
		return told{state: known{left: int(out.num("attempts_remaining"))}}, true
	case d.phone != "" && status == http.StatusOK:
		return told{accepted: out["accepted"] == true, code: out.str("reason")}, true
	case status == http.StatusOK:
		return told{accepted: true}, true
	case status == http.StatusConflict, status == http.StatusTooManyRequests:
		return told{code: out.str("code")}, true
	}
	return told{}, false
}

// judge checks every history, with what both nodes say at the end, and what the
// database and the phones have. It returns how many operations had no answer.
func (ct *court) judge(t *testing.T) (undecided int) {
	t.Helper()
	for _, tr := range ct.cases {
		for _, node := range ct.c.nodes {
			ct.ask(tr, deciders, node, decision{kind: "read"}, pathOf(tr.v), page(tr.v), nil)
		}
		for _, op := range tr.history {
			if op.Return == whatever {
				undecided++
			}
		}
		if got := porcupine.CheckOperationsTimeout(verificationModel, tr.history, 20*time.Second); got != porcupine.Ok {
			t.Errorf("the history of %s is %s:\n%s", tr.v.str("verification_id"), got, tr)
		}
		if sent := ct.c.sent(tr.number); len(sent) > 1 {
			t.Errorf("%d messages to %s: %v", len(sent), tr.number, sent)
		}
	}
	const twice = `select coalesce(string_agg(verification_id, ', '), '') from (
		select verification_id from events
		where name in ('verification.approved', 'verification.denied', 'verification.failed', 'verification.expired', 'verification.canceled', 'verification.superseded')
		group by 1 having count(*) > 1) x`
	if ids := ct.c.text(twice); ids != "" {
		t.Errorf("these ended twice: %s", ids)
	}
	return undecided
}

func (tr *trial) String() string {
	var b strings.Builder
	for _, op := range tr.history {
		fmt.Fprintf(&b, "%12s to %12s  decider %2d  %+v: %+v\n", time.Duration(op.Call), time.Duration(op.Return), op.ClientId, op.Input, op.Output)
	}
	return b.String()
}

func (ct *court) operations() (n int) {
	for _, tr := range ct.cases {
		n += len(tr.history)
	}
	return n
}

// tally is how often each kind was decided, "!" where it counted.
func (ct *court) tally() string { return strings.Trim(fmt.Sprint(ct.count), "map[]") }
