package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"nod/hub"
	"nod/server"
	"nod/storage"
	"nod/verify"
)

// dicing is a broker that loses, repeats and holds back what is published
// about verifications, as dice has it.
type dicing struct {
	mu      sync.Mutex
	dice    *rand.Rand // nil: an honest one
	late    []hub.Message
	deliver func(hub.Message) int
}

func (b *dicing) Join(context.Context, string, string, time.Time, bool) error { return nil }

func (b *dicing) Leave(string, string) {}

func (b *dicing) Run(ctx context.Context, deliver func(hub.Message) int) error {
	b.mu.Lock()
	b.deliver = deliver
	b.mu.Unlock()
	<-ctx.Done()
	return nil
}

func (b *dicing) Publish(_ context.Context, m hub.Message) (heard int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.dice == nil || !strings.HasPrefix(m.Topic, "verification:") {
		return b.deliver(m), nil
	}
	switch b.dice.IntN(6) {
	case 0:
	case 1:
		b.late = append(b.late, m)
	case 2:
		b.deliver(m)
		fallthrough
	default:
		heard = b.deliver(m)
		for _, l := range b.late {
			b.deliver(l)
		}
		b.late = nil
	}
	return heard, nil
}

// TestEachEventOnce has a page reconnect at any moment, by socket or by stream,
// while a broker loses, repeats and reorders what is published: what the page
// applied is every event, in order, once.
func TestEachEventOnce(t *testing.T) {
	broker := &dicing{}
	wireOver(t, broker, func(t *testing.T, w *wired) {
		d := w.phone("u1")
		phone := w.online(d)
		for seed := range uint64(40) {
			dice := rand.New(rand.NewPCG(seed, 1))
			broker.mu.Lock()
			broker.dice = dice
			broker.mu.Unlock()
			l := w.login(object{"phone_number": number})
			r := &reader{w: w, login: l, dice: rand.New(rand.NewPCG(seed, 2)), seed: seed}
			r.connect()
			steps := []func(){
				func() { w.pass(time.Duration(r.dice.IntN(40)) * time.Second) },
				func() { w.act(l, "resend", object{}) },
				func() { w.act(l, "next", nil) },
				func() {
					w.act(l, "check", object{"code": "000000"})
				},
				func() { phone.send("away", nil) },
				r.reconnect, r.reconnect,
			}
			for range 12 {
				steps[r.dice.IntN(len(steps))]()
				synctest.Wait()
				r.take(r.dice.IntN(20))
			}
			w.act(l, "cancel", nil)
			synctest.Wait()
			r.finish()
			phone.drain()
		}
	})
}

// reader is a page that applies events in order and resumes after the last.
type reader struct {
	w       *wired
	login   attempt
	dice    *rand.Rand
	seed    uint64
	frames  <-chan frame
	leave   func()
	applied []string
	ended   bool
}

func (r *reader) connect() {
	r.w.Helper()
	last := len(r.applied)
	if r.dice.IntN(2) == 0 {
		p, _ := r.w.resume(r.login, last)
		r.frames, r.leave = p.frames, p.gone
		return
	}
	s := r.w.stream(r.login, fmt.Sprint(last))
	s.expect("snapshot")
	r.frames, r.leave = s.frames, s.cancel
}

func (r *reader) reconnect() {
	r.w.Helper()
	r.leave()
	r.connect()
}

// take applies up to n frames that are there.
func (r *reader) take(n int) {
	r.w.Helper()
	for range n {
		select {
		case f, ok := <-r.frames:
			if !ok {
				return
			}
			r.apply(f)
		default:
			return
		}
	}
}

func (r *reader) apply(f frame) {
	r.w.Helper()
	switch f.Type {
	case "event":
		if f.Seq != int64(len(r.applied))+1 {
			r.w.Fatalf("seed %d: event %d after %d", r.seed, f.Seq, len(r.applied))
		}
		r.applied = append(r.applied, f.text("name"))
	case "result":
		r.ended = true
	}
}

// finish comes once more, and compares.
func (r *reader) finish() {
	r.w.Helper()
	r.reconnect()
	synctest.Wait()
	r.compare()
}

// compare compares what was applied with what is stored.
func (r *reader) compare() {
	r.w.Helper()
	r.take(1000)
	es, err := r.w.store.EventsAfter(r.w.Context(), r.login.id, 0, 1000)
	r.w.must(err)
	var stored []string
	for _, e := range es {
		stored = append(stored, e.Name)
	}
	if !slices.Equal(r.applied, stored) || !r.ended {
		r.w.Fatalf("seed %d: applied %v, stored %v, ended %v", r.seed, r.applied, stored, r.ended)
	}
	r.leave()
}

// TestGap loses one notice: the next one has the page repaired.
func TestGap(t *testing.T) {
	broker := &dicing{}
	wireOver(t, broker, func(t *testing.T, w *wired) {
		phone := w.online(w.phone("u1"))
		l := w.login()
		prompt := phone.expect("prompt").Data
		page, _ := w.resume(l, 0)
		var seq int64
		page.until(&seq, "delivery.accepted")
		broker.mu.Lock()
		honest := broker.deliver
		broker.deliver = func(hub.Message) int { return 1 } // it says so
		broker.mu.Unlock()
		phone.send("ack", object{"delivery_id": prompt["delivery_id"]})
		synctest.Wait()
		broker.mu.Lock()
		broker.deliver = honest
		broker.mu.Unlock()
		page.silent(5 * time.Second)
		phone.send("displayed", object{"delivery_id": prompt["delivery_id"]})
		page.until(&seq, "delivery.delivered")
		page.until(&seq, "delivery.displayed")
	})
}

// longStory is a canceled login with more events than may wait for a socket.
func (w *wired) longStory() attempt {
	for range 10 {
		w.phone("u1")
	}
	l := w.login(object{"phone_number": number})
	for range 3 {
		w.pass(5 * time.Minute)
		w.act(l, "resend", object{"channel": "push"}).allow(202)
	}
	w.act(l, "cancel", nil).allow(200)
	return l
}

// TestLongStory resumes from the first of more events than may wait for a socket.
func TestLongStory(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		l := w.longStory()
		page, _ := w.resume(l, 0)
		var seq int64
		page.until(&seq, "verification.canceled")
		if seq < 70 {
			t.Fatal("only", seq, "events")
		}
		if r := page.expect("result"); r.Seq != seq {
			t.Fatal("result", r.Seq, "after", seq)
		}
	})
}

// TestFromTheFuture resumes after an event that there is not.
func TestFromTheFuture(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		w.phone("u1")
		l := w.login()
		p := w.dial()
		p.send("auth", object{"client_secret": l.secret, "last_seq": 999})
		if f := p.expect("welcome"); f.Data["resumed"] != false {
			t.Fatalf("welcome %v", f.Data)
		}
		last := int64(p.expect("snapshot").Data["seq"].(float64))
		w.act(l, "cancel", nil).allow(200)
		p.until(&last, "verification.canceled")
	})
}

// TestNothingPublishedIsSecret listens to everything that is published about a
// login over the app and by SMS.
func TestNothingPublishedIsSecret(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		d := w.phone("u1")
		phone := w.online(d)
		var heard []string
		var mu sync.Mutex
		listen := func(topic string) {
			t.Cleanup(w.hub.Listen(topic, func(m hub.Message) {
				mu.Lock()
				defer mu.Unlock()
				heard = append(heard, string(m.Data))
			}))
		}
		listen("console")
		listen("device:" + d.id)
		l := w.login(object{"phone_number": number, "channel": "both", "match": "strict"})
		listen("verification:" + l.id)
		prompt := phone.receive()
		code := w.code(number)
		phone.send("away", nil)
		w.act(l, "check", object{"code": "nope"})
		phone.send("respond", d.signed(prompt, "approve", l.number))
		phone.result(true, "")
		token := w.status(l).str("result_token")
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		all := strings.Join(heard, "\n")
		for _, secret := range []string{
			l.secret, token, `"` + l.number + `"`, `"` + code + `"`, number, "sim-token-1", apiKey,
			"nod_cs_", "nod_rt_", `"match_number"`, `"result_token"`, `"client_secret"`, `"code"`, `"u1"`,
		} {
			if secret == "" || strings.Contains(all, secret) {
				t.Errorf("%q was published", secret)
			}
		}
		for _, told := range []string{"verification.approved", "delivery.displayed", `"reason":"approved"`, "+1 ••• 23"} {
			if !strings.Contains(all, told) {
				t.Errorf("%q was not published", told)
			}
		}
	})
}

// TestConsole watches an operator's feed.
func TestConsole(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		session := w.ask(byKey, "POST", "/api/v1/console-sessions", object{}).allow(201)
		p := w.dial()
		p.send("auth", object{"token": session.str("token")})
		if f := p.expect("welcome"); f.text("role") != "console" {
			t.Fatalf("welcome %v", f.Data)
		}
		if f := p.expect("recent"); len(f.Data["verifications"].([]any)) != 0 {
			t.Fatalf("recent %v", f.Data)
		}
		p.expect("figures")
		w.phone("u1")
		if f := p.expect("event"); f.text("name") != "device.registered" {
			t.Fatalf("event %v", f.Data)
		}
		l := w.login()
		if f := p.expect("event"); f.text("name") != "verification.created" || f.text("verification_id") != l.id || f.Data["user_id"] != nil {
			t.Fatalf("event %v", f.Data)
		}
		var f frame
		for f.Type != "figures" {
			f, _ = p.next()
		}
		sessions, _ := f.Data["sessions"].(object)
		if sessions["console"] != 1.0 {
			t.Fatalf("figures %v", f.Data)
		}
		if f.text("server_time") != "2000-01-01T00:00:01.000Z" {
			t.Fatalf("figures %v", f.Data)
		}
		for range 40 { // more than an operator can read in a second
			w.login()
		}
		w.pass(time.Second)
		skipped, events := 0.0, 0
		for skipped == 0 {
			f, ok := p.next()
			if !ok {
				t.Fatal(p.err)
			}
			switch f.Type {
			case "event":
				events++
			case "figures":
				skipped, _ = f.Data["skipped"].(float64)
			}
		}
		if events > 60 {
			t.Fatal(events, "events at once")
		}
	})
}

// TestConsoleKnowsOfTheOutbox tells a console whether there is one to be read.
func TestConsoleKnowsOfTheOutbox(t *testing.T) {
	for _, simulated := range []bool{true, false} {
		wire(t, func(t *testing.T, w *wired) {
			p := w.dial()
			p.send("auth", object{"token": w.ask(byKey, "POST", "/api/v1/console-sessions", nil).str("token")})
			p.expect("welcome")
			p.expect("recent")
			if f := p.expect("figures"); f.Data["outbox"] != simulated {
				t.Errorf("simulated is %v: figures %v", simulated, f.Data)
			}
		}, func(c *server.Config) {
			if !simulated {
				c.Outbox = nil
			}
		})
	}
}

// TestConsoleKnowsTheLastOnes opens a console after things have happened.
func TestConsoleKnowsTheLastOnes(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		w.phone("u1")
		older := w.login(object{"phone_number": "+14155550123"})
		newer := w.login(object{"phone_number": "+14155550123"})
		w.pass(time.Second)
		p := w.dial()
		session := w.ask(byKey, "POST", "/api/v1/console-sessions", object{}).allow(201)
		p.send("auth", object{"token": session.str("token")})
		p.expect("welcome")
		rows, _ := p.expect("recent").Data["verifications"].([]any)
		if len(rows) != 2 {
			t.Fatalf("recent %v", rows)
		}
		for i, want := range []object{
			{"verification_id": newer.id, "purpose": "login", "status": "pending", "stage": "contacting_app", "phone_number": "+1 ••• 23", "ended_at": nil},
			{"verification_id": older.id, "status": "superseded", "created_at": "2000-01-01T00:00:00.000Z", "ended_at": "2000-01-01T00:00:00.000Z"},
		} {
			row, _ := rows[i].(object)
			for name, value := range want {
				if row[name] != value {
					t.Errorf("row %d has %s %v, want %v", i, name, row[name], value)
				}
			}
			if row["user_id"] != nil {
				t.Errorf("row %d is %v", i, row)
			}
		}
		p.expect("figures")
	})
}

// lingering is a store whose answers about a verification take a second to come,
// once it is told so.
type lingering struct {
	*storage.Store
	slow atomic.Bool
}

func (l *lingering) Verification(ctx context.Context, id string) (*verify.Verification, time.Time, error) {
	v, now, err := l.Store.Verification(ctx, id)
	if l.slow.Load() {
		<-time.After(time.Second)
	}
	return v, now, err
}

// TestNewsDuringARepair loses one notice, and has something happen after the
// store was read for it.
func TestNewsDuringARepair(t *testing.T) {
	broker, store := &dicing{}, &lingering{}
	wireOver(t, broker, func(t *testing.T, w *wired) {
		phone := w.online(w.phone("u1"))
		l := w.login()
		prompt := phone.expect("prompt").Data
		page, _ := w.resume(l, 0)
		var seq int64
		page.until(&seq, "delivery.accepted")
		broker.mu.Lock()
		honest := broker.deliver
		broker.deliver = func(hub.Message) int { return 1 }
		broker.mu.Unlock()
		phone.send("ack", object{"delivery_id": prompt["delivery_id"]})
		synctest.Wait()
		broker.mu.Lock()
		broker.deliver = honest
		broker.mu.Unlock()
		store.slow.Store(true)
		phone.send("displayed", object{"delivery_id": prompt["delivery_id"]}) // the page is repaired
		synctest.Wait()
		w.ask(byKey, "POST", verifications+"/"+l.id+"/cancel", nil).allow(200)
		page.until(&seq, "verification.canceled")
		page.expect("result")
	}, func(c *server.Config) {
		store.Store, _ = c.Store.(*storage.Store)
		c.Store = store
	})
}

// silent is a page's socket that asks for the whole story and reads nothing of it
// by itself.
func (w *wired) silent(secret string) *websocket.Conn {
	w.Helper()
	ws, _, err := websocket.Dial(w.Context(), wireURL+"/ws", &websocket.DialOptions{HTTPClient: w.client})
	w.must(err)
	w.must(ws.Write(w.Context(), websocket.MessageText, []byte(`{"type":"auth","data":{"client_secret":"`+secret+`","last_seq":0}}`)))
	return ws
}

// TestSlowReaderOfALongStory takes nothing for a while of more events than may
// wait for a socket: they wait in the store.
func TestSlowReaderOfALongStory(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		l := w.longStory()
		ws := w.silent(l.secret)
		defer func() { _ = ws.CloseNow() }()
		w.pass(time.Second)
		for f := (frame{}); f.Type != "result"; {
			_, b, err := ws.Read(t.Context())
			w.must(err)
			w.must(json.Unmarshal(b, &f))
		}
	})
}

// TestTrickle takes one event of a long story every two seconds: a socket that is
// never cut off for not reading, and yet holds up whoever tells it.
func TestTrickle(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		l := w.longStory()
		ws := w.silent(l.secret)
		defer func() { _ = ws.CloseNow() }()
		var err error
		for range 100 {
			w.pass(2 * time.Second)
			if _, _, err = ws.Read(t.Context()); err != nil {
				break
			}
		}
		if code := websocket.CloseStatus(err); code != hub.CloseTryLater {
			t.Errorf("it is let go on: %v", err)
		}
	})
}

// TestPromptToldTwice publishes a prompt that stood in the list already.
func TestPromptToldTwice(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		d := w.phone("u1")
		w.login()
		w.settle()
		phone, prompts := w.connect(d)
		b, err := json.Marshal(prompts[0])
		w.must(err)
		var f verify.PromptFrame
		w.must(json.Unmarshal(b, &f))
		if n, err := w.front.PublishPrompt(t.Context(), d.id, f); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		phone.silent(3 * time.Second)
	})
}
