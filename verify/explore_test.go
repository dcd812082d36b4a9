package verify_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"nod/verify"
)

// TestExplore walks through every interleaving, up to a depth, of two nodes that each
// read a row, run one of this package's own transitions on their copy and write it back,
// while the clock goes on and either may crash between any two steps: some 84,000 states.
// It does so over three stores, and holds each against what it must not let through:
// nothing where a write asks for what was read, as locks from the reading to the writing
// do in package storage. Over a weaker one the same walk must find what is broken, promise
// by promise, or it would not have found it anywhere. So it shows, too, what needs the
// lock: a lease and a redemption make no event, so a seq does not tell them.
func TestExplore(t *testing.T) {
	t.Parallel()
	for _, sc := range []struct {
		name   string
		depth  int
		begin  func(*explorer) state
		deeds  []deed
		bySeq  []promise // what goes wrong where a write asks for the row's seq that was read, and no more
		byNone []promise // and where the last writer wins
	}{
		{
			"one sign-in", 7, (*explorer).oneSignIn,
			[]deed{{right, 0}, {wrong, 0}, {approve, 0}, {deny, 0}, {resend, 0}, {lease, 0}, {send, 0}, {settle, 0}, {advance, 0}, {redeem, 0}, {supersede, 0}},
			[]promise{onceRedeemed},
			[]promise{oneEnd, noGaps, fewTries, noneAfterEnd, onceRedeemed},
		},
		{
			"one message", 14, (*explorer).oneSignIn,
			[]deed{{lease, 0}, {send, 0}, {settle, 0}, {advance, 0}, {approve, 0}},
			[]promise{onceLeft},
			[]promise{oneEnd, noGaps, onceLeft, noneAfterEnd},
		},
		{
			"one user's two numbers", 9, (*explorer).twoNumbers,
			[]deed{{right, 0}, {wrong, 0}, {wrong, 1}},
			[]promise{underCap},
			[]promise{oneEnd, noGaps, fewTries, underCap},
		},
	} {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			x := newExplorer(t, sc.deeds)
			begin := sc.begin(x)
			for _, over := range []struct {
				name   string
				store  func(*explorer, *state, *outcome) bool
				want   []promise
				enough int // broken promises, after which nobody need look further; 0: no number is
			}{
				{"all that was read asked for", locked, nil, 0},
				{"the seq asked for", seqAsked, sc.bySeq, 0},
				{"the last writer winning", lastWins, sc.byNone, len(sc.byNone)},
			} {
				broken, states := x.walk(begin, sc.depth, over.store, over.enough)
				t.Logf("%s: %d states, %d broken promises, %d transitions of the rules", over.name, states, len(broken), len(x.ran))
				for p, how := range broken {
					if !slices.Contains(over.want, p) {
						t.Errorf("%s: %s, after\n\t%s", over.name, p, strings.Join(how, "\n\t"))
					}
				}
				for _, p := range over.want {
					if broken[p] == nil {
						t.Errorf("%s: the walk does not find that %s", over.name, p)
					}
				}
			}
		})
	}
}

// promise is what must hold, said as what went wrong.
type promise string

const (
	oneEnd       promise = "there is another terminal event"
	noGaps       promise = "a seq is told twice or left out"
	fewTries     promise = "a code took more guesses than it has tries"
	onceLeft     promise = "a message left twice"
	noneAfterEnd promise = "a message was let go after the end"
	onceRedeemed promise = "a result was redeemed twice"
	underCap     promise = "a user's wrong codes passed the cap"
)

// deed is what a node does to one of the rows.
type deed struct {
	verb
	row int
}

type verb string

const (
	right     verb = "check the right code"
	wrong     verb = "check a wrong code"
	approve   verb = "approve in the app"
	deny      verb = "deny in the app"
	resend    verb = "resend"
	lease     verb = "lease"
	send      verb = "mark as sending"
	settle    verb = "settle"
	advance   verb = "advance"
	redeem    verb = "redeem"
	supersede verb = "start another"
)

const (
	nodes   = 2
	numbers = 2 // rows at most
	most    = 3 // deliveries and codes of a row at most
	cap24h  = 3 // wrong codes of a user
)

// state is everything there is: the store, the two nodes, the clock, and what people and
// providers have seen. It holds numbers of rows and meters that the explorer keeps, so
// that two ways to the same state are one.
type state struct {
	rows   [numbers]int
	meters int
	nodes  [nodes]node
	clock  int

	seen [numbers]struct {
		seq      int64 // of the last event told
		ends     int
		guessed  [most]int // answers to wrong guesses, by the code
		left     [most]int // messages, by the delivery
		redeemed int
	}
	wrong int // codes, that were answered
}

// node is a process: what it is about to write, if anything, and the delivery that it
// works on.
type node struct {
	ready int  // which outcome, plus one
	holds int  // which delivery, plus one
	let   bool // it may leave: that is written
	gone  bool // it has left
}

// outcome is what one run of a rule came to.
type outcome struct {
	ran
	nothing  bool // to write: it was refused, or nothing was due
	row      int
	meters   int
	let      bool // a delivery may leave
	delivery int  // that was leased, plus one
	events   int
	first    int64      // seq of the first event
	ends     int        // terminal events
	guessed  [most]bool // the codes that a wrong guess was compared with
}

// ran is what an outcome depends on.
type ran struct{ deed, node, row, meters, clock, holds int }

// explorer keeps rows and meters by number, and what the rules make of them.
type explorer struct {
	t      *testing.T
	w      *world
	deeds  []deed
	clock  []time.Time
	rows   numbered[*verify.Verification]
	meters numbered[string] // JSON
	ran    map[ran]int
	came   []outcome
	reply  verify.Reply // to the prompt, but for the decision
}

func newExplorer(t *testing.T, deeds []deed) *explorer {
	x := &explorer{t: t, w: newWorld(t), deeds: deeds, ran: map[ran]int{}}
	p := &x.w.policy
	p.TriesPerCode, p.LeaseLife, p.ResendDelays = 2, 30*time.Second, []time.Duration{30 * time.Second}
	p.PromptLife, p.CodeLife, p.SessionLife = time.Minute, 2*time.Minute, 3*time.Minute
	p.HasPush, p.HasVoice, p.HasEmail = false, false, false
	p.Limits = verify.Limits{WrongCodes: []verify.Limit{{N: cap24h, Per: 24 * time.Hour}}}
	for _, s := range []int{0, 31, 61, 121, 181} { // a lease, the prompt, the code, the session have ended
		x.clock = append(x.clock, start.Add(time.Duration(s)*time.Second))
	}
	return x
}

// oneSignIn is a login whose prompt is on a phone and whose code has yet to leave.
func (x *explorer) oneSignIn() state {
	w := x.w
	q := login(number)
	q.Channel = verify.Both
	if err := w.begin(q, verify.Situation{Devices: []verify.Device{w.device("dev_1", false, start)}}); err != nil {
		x.t.Fatal(err)
	}
	d := w.delivery(verify.WebSocket, "dev_1")
	if err := w.v.Display(d.ID, "dev_1", &w.policy, w.now); err != nil {
		x.t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(w.auth.Prompt(w.v, d).Signed))
	x.reply = verify.Reply{VerificationID: w.v.ID, DeviceID: "dev_1", PromptSHA256: base64.RawURLEncoding.EncodeToString(sum[:]), Number: w.match()}
	return x.first(w.v)
}

// twoNumbers is a user who proves two numbers at once, both codes sent.
func (x *explorer) twoNumbers() state {
	w := x.w
	var vs []*verify.Verification
	for _, n := range []string{number, "+14155550124"} {
		if err := w.begin(verify.Request{Purpose: verify.Phone, Number: verify.StoredNumber(n)}, verify.Situation{}); err != nil {
			x.t.Fatal(err)
		}
		w.pump()
		vs = append(vs, w.v)
	}
	return x.first(vs...)
}

func (x *explorer) first(vs ...*verify.Verification) state {
	s := state{meters: x.meters.number("{}", "{}")}
	for i, v := range vs {
		v.TakeEvents()
		v.TakeSums()
		s.rows[i] = x.keep(v)
		s.seen[i].seq = v.Seq
	}
	return s
}

// numbered keeps things of which those with one name have one number, from 1 on.
type numbered[T any] struct {
	numbers map[string]int
	all     []T
}

func (n *numbered[T]) number(name string, it T) int {
	if n.numbers == nil {
		n.numbers = map[string]int{}
	}
	if n.numbers[name] == 0 {
		n.all = append(n.all, it)
		n.numbers[name] = len(n.all)
	}
	return n.numbers[name]
}

func (n *numbered[T]) at(number int) T { return n.all[number-1] }

// keep numbers a row by all of it that a rule reads, with its own ids and times from the
// start.
func (x *explorer) keep(v *verify.Verification) int {
	at := func(t time.Time) int {
		if t.IsZero() {
			return -1
		}
		return int(t.Sub(start) / time.Second)
	}
	var b strings.Builder
	fmt.Fprintln(&b, v.ID, v.Status, v.Stage, v.Reason, v.Method, v.Prompt.Generation, at(v.Prompt.ClosedAt), v.ResendCount, at(v.LastAcceptedAt), at(v.CodeAcceptedAt),
		v.LastChannel, v.Refused, at(v.EndedAt), at(v.RedeemedAt), at(v.LockedUntil), v.AnsweredBy, at(v.NextAt), v.Seq)
	for _, c := range v.Codes {
		fmt.Fprintln(&b, c.Generation, c.Channel, at(c.ExpiresAt), c.Tries)
	}
	for _, d := range v.Deliveries {
		fmt.Fprintln(&b, d.Channel, d.CodeGeneration, d.Resend, d.State, d.Class, d.Attempts, at(d.DueAt), d.LeaseToken, at(d.LeaseEndAt), at(d.AcceptedAt), at(d.ChangedAt), d.Unanswered)
	}
	if len(v.Codes) > most || len(v.Deliveries) > most {
		x.t.Fatalf("%d codes, %d deliveries: make room", len(v.Codes), len(v.Deliveries))
	}
	return x.rows.number(b.String(), v)
}

// run has a node run a rule on a copy of a row, and says which outcome that has. It is
// run once for all states in which it does the same.
func (x *explorer) run(r ran) int {
	at, done := x.ran[r]
	if !done {
		x.came = append(x.came, x.runs(r))
		at = len(x.came)
		x.ran[r] = at
	}
	return at
}

func (x *explorer) runs(r ran) outcome {
	c := *x.rows.at(r.row)
	v := &c
	v.Codes, v.Deliveries, v.Guesses, v.Refused = slices.Clone(v.Codes), slices.Clone(v.Deliveries), slices.Clone(v.Guesses), slices.Clone(v.Refused)
	meters := map[string]*verify.Meter{}
	if err := json.Unmarshal([]byte(x.meters.at(r.meters)), &meters); err != nil {
		x.t.Fatal(err)
	}
	for _, subject := range []string{"user", "phone", "prefix", "country"} {
		if meters[subject] == nil {
			meters[subject] = &verify.Meter{}
		}
	}
	v.Meters = &verify.Meters{Have: verify.NeedSpend, Since: start, User: meters["user"], Phone: meters["phone"], Prefix: meters["prefix"], Country: meters["country"]}
	o := outcome{ran: r}
	if x.do(v, &o); o.nothing {
		return o
	}
	for i, e := range v.TakeEvents() {
		if i == 0 {
			o.first = e.Seq
		}
		o.events++
		if _, ends := terminalEvents[e.Name]; ends {
			o.ends++
		}
		if e.Name == verify.EventCheckFailed {
			for g, c := range x.rows.at(r.row).Codes {
				o.guessed[g] = c.Live(x.clock[r.clock])
			}
		}
	}
	v.TakeSums()
	v.TakeTrust()
	v.Meters = nil
	o.row = x.keep(v)
	written, err := json.Marshal(meters)
	if err != nil {
		x.t.Fatal(err)
	}
	o.meters = x.meters.number(string(written), string(written))
	return o
}

// do calls the transition.
func (x *explorer) do(v *verify.Verification, o *outcome) {
	w, now, token := x.w, x.clock[o.clock], fmt.Sprint("node ", o.node)
	p, seq := &w.policy, v.Seq
	if o.holds > len(v.Deliveries) { // another wrote over it
		o.nothing = true
		return
	}
	var err error
	switch d := x.deeds[o.deed]; d.verb {
	case right:
		_, err = v.Check(w.auth.Keys(), w.auth.Keys().Code(v, v.Codes[len(v.Codes)-1]), p, now)
	case wrong:
		_, err = v.Check(w.auth.Keys(), "no code", p, now)
	case approve, deny:
		reply := x.reply
		reply.Decision = map[verb]verify.Decision{approve: verify.Approve, deny: verify.Deny}[d.verb]
		_, err = v.Reply(reply, w.auth, now)
	case resend:
		err = v.Resend("", p, now)
	case lease:
		ids := v.Lease(p, token, now)
		o.nothing = len(ids) == 0
		o.delivery = 1 + slices.IndexFunc(v.Deliveries, func(d verify.Delivery) bool { return len(ids) > 0 && d.ID == ids[0] })
		return
	case send:
		o.let = v.Send(v.Deliveries[o.holds-1].ID, token, p, now)
		o.nothing = !o.let && v.Seq == seq
		return
	case settle:
		v.Settle(v.Deliveries[o.holds-1].ID, token, verify.Outcome{State: verify.StateAccepted, Provider: "test"}, p, now)
	case advance:
		v.Advance(p, now)
	case redeem:
		o.nothing = v.Redeem(now) != nil
		return
	case supersede:
		q := login(number)
		q.ID, q.UserID, q.KeyID, q.SignKeyID = verify.NewID("ver"), v.UserID, v.KeyID, v.Prompt.SignKeyID
		_, err = verify.Start(q, &verify.Situation{Open: v, Devices: v.Devices, Meters: v.Meters}, p, now)
	}
	o.nothing = err != nil || v.Seq == seq
}

// step is one move of one state, for people.
type step struct {
	from int // which state; -1: the first
	what string
}

// walk goes through all states up to a depth and returns the shortest way to each broken
// promise, and how many states there are. Nothing is looked for behind a broken one.
func (x *explorer) walk(begin state, depth int, store func(*explorer, *state, *outcome) bool, enough int) (broken map[promise][]string, states int) {
	broken = map[promise][]string{}
	all, steps, known := []state{begin}, []step{{-1, ""}}, map[state]bool{begin: true}
	for at := 0; depth > 0; depth-- {
		for end := len(all); at < end && (enough == 0 || len(broken) < enough); at++ {
			x.moves(all[at], store, func(next state, p promise, what func() string) {
				if p != "" {
					if broken[p] == nil {
						broken[p] = append(x.way(steps, at), what())
					}
					return
				}
				if !known[next] {
					known[next] = true
					all, steps = append(all, next), append(steps, step{at, what()})
				}
			})
		}
	}
	return broken, len(all)
}

func (*explorer) way(steps []step, at int) (way []string) {
	for ; steps[at].from >= 0; at = steps[at].from {
		way = append(way, steps[at].what)
	}
	slices.Reverse(way)
	return way
}

// moves are all that can happen next.
func (x *explorer) moves(s state, store func(*explorer, *state, *outcome) bool, to func(state, promise, func() string)) {
	if s.clock+1 < len(x.clock) {
		next := s
		next.clock++
		to(next, "", func() string { return "the clock: " + x.clock[next.clock].Sub(start).String() })
	}
	for i := range s.nodes {
		n := &s.nodes[i]
		say := func(what string) func() string { return func() string { return fmt.Sprintf("node %d: %s", i, what) } }
		if *n != (node{}) {
			next := s
			next.nodes[i] = node{}
			to(next, "", say("crash"))
		}
		switch {
		case n.ready > 0:
			next := s
			wrote := store(x, &next, &x.came[n.ready-1])
			p := promise("")
			if wrote {
				p = x.commit(&next, i)
			}
			next.nodes[i].ready = 0
			to(next, p, say(fmt.Sprintf("write: %t", wrote)))
			continue
		case n.let && !n.gone:
			next, p := s, promise("")
			next.nodes[i].gone = true
			left := &next.seen[0].left[n.holds-1]
			if *left++; *left > 1 {
				p = onceLeft
			}
			to(next, p, say("the message leaves"))
		}
		if i > 0 && s.nodes == [nodes]node{} && !x.leased(&s) {
			continue // the first node may as well
		}
		for a := range x.deeds {
			if next := s; x.reads(&next, i, a) {
				to(next, "", say(fmt.Sprintf("read, then %s (row %d)", x.deeds[a].verb, x.deeds[a].row)))
			}
		}
	}
}

// leased reports whether a row names a node.
func (x *explorer) leased(s *state) bool {
	for _, row := range s.rows {
		if row > 0 && slices.ContainsFunc(x.rows.at(row).Deliveries, func(d verify.Delivery) bool { return d.LeaseToken != "" }) {
			return true
		}
	}
	return false
}

// reads has a node read and run a rule, and reports whether there is anything to write.
func (x *explorer) reads(s *state, i, a int) bool {
	n, r := &s.nodes[i], ran{deed: a, row: s.rows[x.deeds[a].row], meters: s.meters, clock: s.clock}
	switch v := x.deeds[a].verb; {
	case v == lease && n.holds == 0:
		r.node = i
	case v == send && n.holds > 0 && !n.let, v == settle && n.gone:
		r.node, r.holds = i, n.holds
	case v == lease, v == send, v == settle:
		return false
	}
	n.ready = x.run(r)
	return !x.came[n.ready-1].nothing
}

// commit writes what a node has ready, lets people see what is told of it, and says which
// promise that breaks.
func (x *explorer) commit(s *state, i int) (p promise) {
	n := &s.nodes[i]
	o := &x.came[n.ready-1]
	d := x.deeds[o.deed]
	ended := x.rows.at(s.rows[d.row]).Terminal()
	s.rows[d.row], s.meters = o.row, o.meters
	seen := &s.seen[d.row]
	broke := func(is bool, what promise) {
		if is && p == "" {
			p = what
		}
	}
	switch d.verb {
	case lease:
		n.holds = o.delivery
	case send:
		n.let = o.let
		broke(n.let && ended, noneAfterEnd)
		if !n.let {
			n.holds = 0
		}
	case settle:
		n.holds, n.let, n.gone = 0, false, false
	case redeem:
		seen.redeemed++
		broke(seen.redeemed > 1, onceRedeemed)
	case wrong:
		s.wrong++
		broke(s.wrong > cap24h, underCap)
		for g, guessed := range o.guessed {
			if guessed {
				seen.guessed[g]++
				broke(seen.guessed[g] > x.w.policy.TriesPerCode, fewTries)
			}
		}
	}
	seen.ends += o.ends
	broke(seen.ends > 1, oneEnd)
	if o.events > 0 {
		broke(o.first != seen.seq+1, noGaps)
		seen.seq = o.first + int64(o.events) - 1
	}
	return p
}

// locked is a store that lets nobody read what another is about to write.
func locked(x *explorer, s *state, o *outcome) bool {
	return s.rows[x.deeds[o.deed].row] == o.ran.row && s.meters == o.ran.meters
}

// seqAsked is one that writes a row where its seq is the one that was read, and the
// meters as they come.
func seqAsked(x *explorer, s *state, o *outcome) bool {
	return x.rows.at(s.rows[x.deeds[o.deed].row]).Seq == x.rows.at(o.ran.row).Seq
}

// lastWins is one that writes.
func lastWins(*explorer, *state, *outcome) bool { return true }
