package server_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"nod/hub"
	"nod/server"
	"nod/storage"
	"nod/verify"
)

// soon is within what a change may take to everybody, whatever the broker does.
const soon = 3 * time.Second

// silence is a broker that delivers nothing of what it is told to lose, and says
// that it did.
type silence struct {
	dicing
	lose atomic.Pointer[func(hub.Message) bool] // nil: nothing
}

func (b *silence) Publish(ctx context.Context, m hub.Message) (int, error) {
	if lose := b.lose.Load(); lose != nil && (*lose)(m) {
		return 1, nil
	}
	return b.dicing.Publish(ctx, m)
}

func (b *silence) all() { b.losing(func(hub.Message) bool { return true }) }

func (b *silence) losing(what func(hub.Message) bool) { b.lose.Store(&what) }

func repairing(c *server.Config) { c.Repair = true }

// repaired runs a test on a node that repairs itself, behind a broker that can be
// silenced.
func repaired(t *testing.T, test func(t *testing.T, w *wired, b *silence), change ...func(*server.Config)) {
	t.Helper()
	b := &silence{}
	wireOver(t, b, func(t *testing.T, w *wired) { test(t, w, b) }, append(change, repairing)...)
}

// within fails unless do takes no longer than d.
func (w *wired) within(d time.Duration, do func()) {
	w.Helper()
	began := time.Now()
	do()
	if took := time.Since(began); took > d {
		w.Fatalf("it took %v, want %v at most", took, d)
	}
}

// found is a counter of what only the repair found.
func (w *wired) found(kind string) string {
	w.Helper()
	name := fmt.Sprintf("nod_repair_found_total{kind=%q} ", kind)
	_, value, ok := strings.Cut(w.ask(nobody, "GET", "/metrics", nil).allow(200).text, name)
	if !ok {
		w.Fatal("there is no figure", name)
	}
	value, _, _ = strings.Cut(value, "\n")
	return value
}

// TestRepair loses everything that is published: a page, a stream and a phone are
// told all the same, in order and once.
func TestRepair(t *testing.T) {
	repaired(t, func(t *testing.T, w *wired, b *silence) {
		d := w.phone("u1")
		phone := w.online(d)
		b.all()
		l := w.login(object{"phone_number": number})
		var prompt object
		w.within(soon, func() { prompt = phone.receive() })
		page, _ := w.resume(l, 0)
		stream := w.stream(l, "")
		stream.expect("snapshot")
		var seq int64
		w.within(soon, func() { page.until(&seq, "delivery.displayed") })
		phone.send("respond", d.signed(prompt, "approve", l.number))
		phone.result(true, "") // its own answer's, not the broker's
		w.within(soon, func() {
			page.until(&seq, "verification.approved")
			page.expect("result")
			phone.promptClosed(l.id, "approved")
		})
		w.pass(soon)
		if got := stream.soFar("result"); len(got) != 1 || got[0].Seq != seq {
			t.Errorf("the stream was told %v", got)
		}
		page.silent(20 * time.Second)
		phone.silent(20 * time.Second)
		for kind, want := range map[string]string{"prompt": "1", "closed": "1", "revoked": "0", "recall": "0"} {
			if got := w.found(kind); got != want {
				t.Errorf("%s prompts %s, want %s", kind, got, want)
			}
		}
	})
}

// TestRepairCloses ends a prompt in every way that its phone is not told of.
func TestRepairCloses(t *testing.T) {
	ends := map[string]func(w *wired, l attempt){
		"canceled":   func(w *wired, l attempt) { w.act(l, "cancel", nil).allow(200) },
		"superseded": func(w *wired, _ attempt) { w.login(object{"channel": "sms", "phone_number": number}) },
		"expired": func(w *wired, l attempt) {
			w.act(l, "next", nil).allow(202) // its code is out: the end of the prompt is no event
			w.pass(100*time.Second - 1)      // up to that end
		},
		"code_used": func(w *wired, l attempt) {
			w.act(l, "next", nil).allow(202)
			w.act(l, "check", object{"code": w.code(number)}).allow(200).has("ok", true)
		},
	}
	for reason, end := range ends {
		t.Run(reason, func(t *testing.T) {
			repaired(t, func(t *testing.T, w *wired, b *silence) {
				phone := w.online(w.phone("u1"))
				l := w.login(object{"phone_number": number})
				phone.receive()
				w.pass(20 * time.Second)
				b.all()
				end(w, l)
				phone.drain()
				w.within(soon, func() { phone.promptClosed(l.id, reason) })
				phone.silent(time.Minute)
			})
		})
	}
}

// TestRepairAsksAgain loses the prompt of a resend: the phone has the old one
// closed and gets the new one.
func TestRepairAsksAgain(t *testing.T) {
	repaired(t, func(t *testing.T, w *wired, b *silence) {
		d := w.phone("u1")
		phone := w.online(d)
		l := w.login(object{"phone_number": number})
		first := phone.receive()
		w.pass(70 * time.Second)
		phone.drain()
		b.all()
		w.act(l, "resend", object{"channel": "push"}).allow(202)
		w.within(soon, func() { phone.promptClosed(l.id, "superseded") })
		second := phone.receive()
		if first["delivery_id"] == second["delivery_id"] || first["signed"] == second["signed"] {
			t.Error("the phone got the same prompt again")
		}
		phone.silent(20 * time.Second)
	})
}

// slow is a store on which something may happen between reading the open prompts
// and the answer.
type slow struct {
	*storage.Store
	read chan chan struct{} // nil: it is quick
}

func (s *slow) OpenPrompts(ctx context.Context, id string) ([]*verify.Verification, time.Time, error) {
	open, now, err := s.Store.OpenPrompts(ctx, id)
	if c := s.read; c != nil {
		s.read = nil // the test is not there for a second one
		answer := make(chan struct{})
		c <- answer
		<-answer
	}
	return open, now, err
}

// TestRepairWhileOpening loses what happens while a phone that connects is read
// its prompts: they are the first that it is told, and then the truth.
func TestRepairWhileOpening(t *testing.T) {
	store := &slow{}
	repaired(t, func(t *testing.T, w *wired, b *silence) {
		b.all()
		for i := range 12 {
			user := fmt.Sprint("u", i)
			d := w.phone(user)
			w.pass(time.Minute) // its joining is read by then
			var l attempt
			if i%2 == 1 {
				l = w.login(object{"user_id": user})
			}
			store.read = make(chan chan struct{})
			read := store.read
			p := w.dial()
			p.send("auth", d.token(object{"nonce": p.nonce}))
			p.expect("welcome")
			answer := <-read
			if i%2 == 0 {
				l = w.login(object{"user_id": user})
			} else {
				w.act(l, "cancel", nil).allow(200)
			}
			w.pass(1800 * time.Millisecond) // most likely, there is a round
			close(answer)
			prompts, _ := p.expect("prompts").Data["prompts"].([]any)
			w.within(soon, func() {
				switch {
				case i%2 == 0 && len(prompts) == 0:
					p.expect("prompt")
				case i%2 == 1 && len(prompts) == 1:
					p.promptClosed(l.id, "canceled")
				}
			})
			p.silent(soon)
			p.gone()
		}
	}, func(c *server.Config) {
		store.Store, _ = c.Store.(*storage.Store)
		c.Store = store
	})
}

// TestRepairRevokes loses that a device was removed.
func TestRepairRevokes(t *testing.T) {
	repaired(t, func(t *testing.T, w *wired, b *silence) {
		d, other := w.phone("u1"), w.phone("u1")
		phone, stays := w.online(d), w.online(other)
		b.all()
		w.ask(byKey, "DELETE", "/api/v1/devices/"+d.id, nil).allow(204)
		w.within(soon, func() { phone.closed("revoked", 4401) })
		stays.silent(20 * time.Second)
	})
}

// TestRepairOfASecret loses that a client secret was replaced, and a long poll's
// news.
func TestRepairOfASecret(t *testing.T) {
	repaired(t, func(t *testing.T, w *wired, b *silence) {
		ana := w.user("ana")
		send := func() reply { return w.ask(ana, "POST", sendCode, object{"phone_number": number}) }
		a := send().allow(202)
		l := attempt{id: a.str("verification_id"), secret: a.str("client_secret")}
		w.pass(time.Second)
		page, snapshot := w.watch(l)
		b.all()
		polled := make(chan reply)
		go func() {
			path := fmt.Sprintf("/api/onboarding/verification-status?verification_id=%s&wait=25&since_seq=%v", l.id, snapshot.Data["seq"])
			polled <- w.ask(ana, "GET", path, nil)
		}()
		synctest.Wait()
		send().allow(200).has("reused", true)
		w.within(soon, func() {
			page.closed("unauthenticated", 4401)
			(<-polled).allow(200)
		})
	})
}

// TestNothingToRepair has a broker deliver everything: nobody is told anything
// twice, and a round costs the same three statements at most.
func TestNothingToRepair(t *testing.T) {
	store := &counting{}
	repaired(t, func(t *testing.T, w *wired, _ *silence) {
		var phones []*peer
		var ds []*phone
		for i := range 8 {
			ds = append(ds, w.phone(fmt.Sprint("u", i)))
			phones = append(phones, w.online(ds[i]))
		}
		w.pass(20 * time.Second) // until nobody's joining is read any more
		var pages []*peer
		for i := range phones {
			l := w.login(object{"user_id": fmt.Sprint("u", i), "phone_number": number})
			page, _ := w.watch(l)
			pages = append(pages, page)
			prompt := phones[i].receive()
			if i%2 == 0 {
				phones[i].send("respond", ds[i].signed(prompt, "approve", l.number))
				phones[i].result(true, "")
				phones[i].promptClosed(l.id, "approved")
			}
		}
		w.settle()
		for _, p := range pages {
			p.drainAll()
		}
		store.since()
		w.pass(time.Minute / 4) // no rung of the ladder is due
		calls := store.since()
		rounds := calls["Changed"]
		for name, n := range calls {
			switch name {
			case "Now", "Changed":
				if n != rounds || n < 7 || n > 12 {
					t.Errorf("%s was called %d times in 15 s", name, n)
				}
			case "UsersEvents":
				if n != 1 {
					t.Errorf("events of users were read %d times, want once", n)
				}
			case "TouchDevices":
			default:
				t.Errorf("%s was called %d times", name, n)
			}
		}
		for _, kind := range []string{"event", "prompt", "closed", "revoked", "recall"} {
			if got := w.found(kind); got != "0" {
				t.Errorf("the repair found %s %s", got, kind)
			}
		}
	}, store.counted)
}

// TestRepairGivesTheBrokerTime has everything published arrive a little late: that
// is left to the broker.
func TestRepairGivesTheBrokerTime(t *testing.T) {
	repaired(t, func(t *testing.T, w *wired, b *silence) {
		b.losing(func(m hub.Message) bool {
			time.AfterFunc(200*time.Millisecond, func() { _, _ = b.dicing.Publish(context.Background(), m) })
			return true
		})
		for i := range 20 {
			user := fmt.Sprint("u", i)
			phone := w.online(w.phone(user))
			l := w.login(object{"user_id": user, "phone_number": number})
			page, _ := w.watch(l)
			w.pass(time.Second)
			w.act(l, "cancel", nil).allow(200)
			w.pass(710 * time.Millisecond) // rounds and changes meet at any distance
			phone.expect("prompt")
			phone.promptClosed(l.id, "canceled")
			phone.gone()
			page.gone()
		}
		for _, kind := range []string{"event", "prompt", "closed"} {
			if got := w.found(kind); got != "0" {
				t.Errorf("the repair found %s %s", got, kind)
			}
		}
	})
}

// drainAll takes what has come.
func (p *peer) drainAll() {
	for {
		select {
		case <-p.frames:
		default:
			return
		}
	}
}

// TestReconnectReads counts what it costs to come again having missed nothing.
func TestReconnectReads(t *testing.T) {
	store := &counting{}
	repaired(t, func(t *testing.T, w *wired, _ *silence) {
		d := w.phone("u1")
		phone := w.online(d)
		l := w.login()
		phone.receive()
		w.settle()
		page, snapshot := w.watch(l)
		cost := func(who string, come func(), want map[string]int) {
			t.Helper()
			w.pass(20 * time.Second)
			store.since()
			come()
			w.settle()
			got := store.since()
			for name, n := range got {
				if n != want[name] {
					t.Errorf("%s called %s %d times, want %d", who, name, n, want[name])
				}
			}
			if len(got) != len(want) {
				t.Errorf("%s called %v, want %v", who, got, want)
			}
		}
		page.gone()
		cost("a page", func() {
			again, _ := w.resume(l, snapshot.Data["seq"])
			again.silent(0)
		}, map[string]int{"Verification": 2})
		cost("a phone", func() { w.connect(d) }, map[string]int{"Device": 1, "TouchDevices": 1, "OpenPrompts": 1})
	}, store.counted)
}

// TestRepairAfterAGap lets the store be away for a while: what was missed is told
// when it is back, or everybody is asked to come again.
func TestRepairAfterAGap(t *testing.T) {
	for away, short := range map[time.Duration]bool{time.Minute: true, 9 * time.Minute: true, 11 * time.Minute: false} {
		t.Run(away.String(), func(t *testing.T) {
			store := &counting{}
			repaired(t, func(t *testing.T, w *wired, b *silence) {
				phone := w.online(w.phone("u1"))
				l := w.login(object{"phone_number": number})
				phone.receive()
				w.settle()
				page, snapshot := w.watch(l)
				stream := w.stream(l, fmt.Sprint(snapshot.Data["seq"]))
				stream.expect("snapshot")
				b.all()
				store.away.Store(true)
				w.pass(5 * time.Second)
				w.must(w.store.UpdateVerification(t.Context(), l.id, nil, (*verify.Verification).Cancel))
				w.pass(away)
				page.drain()
				phone.drain()
				store.away.Store(false)
				if short {
					w.within(2*soon, func() {
						seq := int64(snapshot.Data["seq"].(float64))
						page.until(&seq, "verification.canceled")
						page.expect("result")
						if away < 2*time.Minute { // or its prompt had run out
							phone.promptClosed(l.id, "canceled")
						}
					})
					return
				}
				w.within(soon, func() {
					for _, p := range []*peer{page, phone} {
						f := p.expect("bye")
						if after, _ := f.Data["reconnect_after_ms"].(float64); after < 500 || after > 3000 {
							t.Errorf("bye %v", f.Data)
						}
						p.closed("", 1013)
					}
				})
				w.settle()
				if _, open := <-stream.frames; open || stream.err != nil {
					t.Errorf("the stream goes on, or was cut off: %v", stream.err)
				}
				if got := w.found("recall"); got != "1" {
					t.Error("recalls", got)
				}
			}, store.counted)
		})
	}
}

// TestEachEventOnceByRepair loses what dice has it to, of everything that is
// published: nobody comes again, and everybody hears every event, in order, once.
func TestEachEventOnceByRepair(t *testing.T) {
	repaired(t, func(t *testing.T, w *wired, b *silence) {
		d := w.phone("u1")
		phone := w.online(d)
		for seed := range uint64(15) {
			dice := rand.New(rand.NewPCG(seed, 3))
			var mu sync.Mutex
			b.losing(func(hub.Message) bool {
				mu.Lock()
				defer mu.Unlock()
				return dice.IntN(3) > 0
			})
			b.mu.Lock()
			b.dice = rand.New(rand.NewPCG(seed, 4))
			b.mu.Unlock()
			l := w.login(object{"phone_number": number})
			r := &reader{w: w, login: l, dice: rand.New(rand.NewPCG(seed, 5)), seed: seed}
			r.connect()
			steps := []func(){
				func() { w.pass(time.Duration(r.dice.IntN(40)) * time.Second) },
				func() { w.act(l, "resend", object{"channel": "push"}) },
				func() { w.act(l, "next", nil) },
				func() { w.act(l, "check", object{"code": "000000"}) },
				func() { phone.send("away", nil) },
			}
			for range 10 {
				steps[r.dice.IntN(len(steps))]()
				synctest.Wait()
				r.take(r.dice.IntN(20))
			}
			w.act(l, "cancel", nil)
			w.pass(2 * soon)
			r.compare()
			phone.keepsStory(seed)
			w.pass(time.Minute)
		}
	})
}

// keepsStory makes sure that a phone has closed every prompt that it was given,
// once, and was given none twice.
func (p *peer) keepsStory(seed uint64) {
	p.Helper()
	open, given := map[string]string{}, map[string]bool{}
	for {
		select {
		case f := <-p.frames:
			switch id := f.text("verification_id"); f.Type {
			case "prompt":
				if delivery := f.text("delivery_id"); given[delivery] {
					p.Errorf("seed %d: prompt %s came twice", seed, delivery)
				} else {
					given[delivery] = true
				}
				if open[id] != "" {
					p.Errorf("seed %d: a prompt came before the end of the one before it", seed)
				}
				open[id] = f.text("delivery_id")
			case "prompt_closed":
				if open[id] == "" {
					p.Errorf("seed %d: a prompt was closed that was not open", seed)
				}
				delete(open, id)
			}
			continue
		default:
		}
		break
	}
	for id := range open {
		p.Errorf("seed %d: the prompt of %s was left open", seed, id)
	}
}
