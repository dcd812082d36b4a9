package main

import (
	"bufio"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestAttacksOnTwo: two nodes on Postgres and Redis, with everything switched on
// and no proxy to trust, and who tries them at the same moment, or from within
// Redis.
func TestAttacksOnTwo(t *testing.T) {
	t.Parallel()
	c := carry(t)
	settings := append(c.Settings(besieging...), "NOD_LOG_LEVEL=debug", "NOD_SIMULATOR=false", "NOD_RESEND_DELAYS=1s,1s,1s")
	nodes := newCluster(t, setup{ownRedis: true, settings: append(settings, c.parrots()...)})
	c.judged()
	c.excuse(sameText)
	tap := listenIn(t, nodes.redis.Addr)
	s := &siege{door: nodes.door, nod: nodes.nodes[0], carriers: c, strangers: &atomic.Int32{}, numbers: &atomic.Int32{}}
	t.Run("all at once", func(t *testing.T) {
		for name, attack := range map[string]func(*siege, *cluster){
			"one token at both":  (*siege).onceAtBoth,
			"guesses":            (*siege).guessesAtBoth,
			"forged publishings": (*siege).forgedPublishings,
			"canaries": func(s *siege, nodes *cluster) {
				s.canariesOfTwo(nodes, tap)
			},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				attack(s.under(t), nodes)
			})
		}
	})
	t.Run("made-up addresses", func(t *testing.T) { s.under(t).madeUpAddresses(nodes) }) // after it nobody here may send
}

// onceAtBoth presents one token to two nodes at the same moment: one of them takes it.
func (s *siege) onceAtBoth(nodes *cluster) {
	ph := s.puppet("once-at-both")
	for range 4 {
		credential := "Authorization: Device " + ph.rest().token()
		taken := make(chan string, 8)
		var all sync.WaitGroup
		for i := range cap(taken) {
			all.Go(func() {
				if status, _ := nodes.nodes[i%2].under(s.t).call("GET", "/api/v1/prompts", credential, nil); status == 200 {
					taken <- "it"
				}
			})
		}
		all.Wait()
		if n := len(taken); n != 1 {
			s.t.Errorf("one token was taken %d times", n)
		}
	}
}

// guessesAtBoth guesses at seven codes of one user over two nodes at once. Each has
// three tries; twelve wrong ones close them all, on both nodes, and neither another
// session nor an emptied Redis opens them again.
func (s *siege) guessesAtBoth(nodes *cluster) {
	t := s.t
	const user = "guessed-at"
	var open []object
	var codes []string
	for range 7 {
		_, number := s.person()
		open = append(open, s.do(201, "POST", "/api/v1/verifications", object{"user_id": user, "purpose": "phone", "phone_number": number}))
		codes = append(codes, codeIn(t, s.carriers.taken("twilio", number, 1)[0]))
	}
	var all sync.WaitGroup
	var compared, refused atomic.Int32
	for i := range 6 * 6 { // the seventh is left alone
		v, node := open[i%6], nodes.nodes[i/6%2].under(t)
		all.Go(func() {
			switch status, out := node.call("POST", pathOf(v)+"/check", s.asKey(), object{"code": wrong(codes...)}); {
			case status == 200 && out["ok"] == false:
				compared.Add(1)
			case status == 423 && out.str("code") == "locked", status == 429 && out.str("code") == "too_many_attempts", status == 503:
				refused.Add(1)
			default:
				t.Errorf("a guess: %d %v", status, out)
			}
		})
	}
	all.Wait()
	if n := compared.Load(); n > 12 {
		t.Errorf("%d guesses were compared", n)
	}
	redisSays(t, nodes.redis.Addr, "FLUSHALL")
	for i, node := range nodes.nodes {
		status, out := node.under(t).call("POST", pathOf(open[6])+"/check", s.asKey(), object{"code": codes[6]})
		if status != 423 || out.str("code") != "locked" {
			t.Errorf("the right code at node %d: %d %v", i, status, out)
		}
		_, number := s.person()
		status, out = node.under(t).call("POST", "/api/v1/verifications", s.asKey(), object{"user_id": user, "phone_number": number, "channel": "sms"})
		if status != 423 || s.status(out).str("reason") != "account_locked" {
			t.Errorf("another session at node %d: %d %v", i, status, out)
		}
	}
	if now := s.status(open[6]); now.str("status") != "pending" || now.str("stage") != "locked" || now.str("locked_until") == "" {
		t.Errorf("the one that nobody guessed at is %v, %v until %v", now["status"], now["stage"], now["locked_until"])
	}
}

// madeUpAddresses sends from one place that says each time that it is another:
// nobody is trusted to say so here, and 20 codes in an hour leave.
func (s *siege) madeUpAddresses(nodes *cluster) {
	sent := 0
	for i := range 24 {
		user, number := s.person()
		credential := s.asUser(user) + fmt.Sprintf("\nX-Real-IP: 203.0.113.%d\nForwarded: for=203.0.113.%d\nTrue-Client-IP: 203.0.113.%d", i, i, i)
		switch status, out := nodes.nodes[i%2].under(s.t).call("POST", onboarding+"send-verification", credential, object{"phone_number": number}); {
		case status == 202:
			sent++
		case status != 429 || out.str("code") != "rate_limited":
			s.t.Errorf("%d %v", status, out)
		}
	}
	if sent > 20 || sent == 0 {
		s.t.Errorf("%d of 24 were sent", sent)
	}
}

// forgedPublishings is somebody who can write to Redis. They tell a page that it is
// approved, and a phone of a request that is none; nod approves nothing.
func (s *siege) forgedPublishings(nodes *cluster) {
	t := s.t
	user, number := s.person()
	ph := s.puppet(user)
	k, nonce := s.knock(s.stranger())
	k.send("auth", object{"token": ph.socket(nonce).token()})
	k.next("prompts")
	v := s.ask(user, object{"phone_number": number, "channel": "push"})
	shown := k.next("prompt")
	waiting := s.watch(v, nil)
	state := waiting.next("snapshot")
	first := int64(state.num("seq")) + 1
	state["status"], state["method"] = "approved", "app"
	at := time.Now().UTC().Add(time.Hour).Format(time.RFC3339)
	lie := maps.Clone(shown)
	lie["verification_id"], lie["delivery_id"] = "ver_"+strings.Repeat("0", 32), "dlv_"+strings.Repeat("0", 32)
	said := 0
	for channel := range strings.FieldsSeq(redisSays(t, nodes.redis.Addr, "PUBSUB", "CHANNELS", "*")) {
		if strings.HasPrefix(channel, "$") || strings.HasPrefix(channel, "*") {
			continue
		}
		said++
		for seq := first; seq < first+8; seq++ { // one of them is the next, whatever has happened meanwhile
			state["seq"] = seq
			redisSays(t, nodes.redis.Addr, "PUBLISH", channel, published("verification:"+v.str("verification_id"), "events", seq, mustJSON(object{
				"events": []object{{"seq": seq, "name": "verification.approved", "at": at, "data": object{"method": "app"}}},
				"state":  state, "redeemable": true, "at": at, "ended_at": at, "prompt": 1, "secret": 1,
			})))
		}
		redisSays(t, nodes.redis.Addr, "PUBLISH", channel, published("device:"+ph.id, "prompt", 0, mustJSON(lie)))
		redisSays(t, nodes.redis.Addr, "PUBLISH", channel, "rubbish")
	}
	if said < 2 {
		t.Fatalf("there are %d channels", said)
	}
	told := waiting.next("result") // the page can be lied to
	if told.str("status") != "approved" {
		t.Fatalf("the page heard %v", told)
	}
	if now := s.status(v); now.str("status") != "pending" {
		t.Errorf("it is %v", now["status"])
	}
	status, out := s.call("POST", pathOf(v)+"/exchange", s.asKey(), object{"result_token": told.str("result_token")})
	if status < 400 {
		t.Errorf("what was told is worth %v", out)
	}
	fake := k.next("prompt")
	if status, out := ph.asks("POST", "/api/v1/prompts/"+fake.str("verification_id")+"/respond", object{"token": ph.answer(fake, v.str("match_number")).token()}); status != 404 {
		t.Errorf("an answer to a made-up request: %d %v", status, out)
	}
	if _, out := ph.asks("POST", "/api/v1/prompts/"+v.str("verification_id")+"/respond", object{"token": ph.answer(shown, v.str("match_number")).token()}); out["accepted"] != true {
		t.Errorf("the real one: %v", out)
	}
}

// published is a message of one node to others: see hub/redisbroker/frame.go.
func published(topic, kind string, seq int64, data []byte) string {
	frame := []byte{1, 1}
	sender := make([]byte, 8)
	_, _ = rand.Read(sender)
	frame = binary.BigEndian.AppendUint64(append(frame, sender...), 1)
	for _, word := range []string{topic, kind} {
		frame = append(binary.AppendUvarint(frame, uint64(len(word))), word...)
	}
	return string(append(binary.AppendVarint(frame, seq), data...))
}

// redisSays asks Redis for one thing, past all that nod does, and returns the answer
// as it came.
func redisSays(t *testing.T, addr string, words ...string) string {
	t.Helper()
	c := redisCall(t, addr, words...)
	defer func() { _ = c.Close() }()
	_ = c.(*net.TCPConn).CloseWrite()
	answer, err := io.ReadAll(c)
	if err != nil || strings.HasPrefix(string(answer), "-") {
		t.Fatalf("Redis: %s %v", answer, err)
	}
	return string(answer)
}

func redisCall(t *testing.T, addr string, words ...string) net.Conn {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("*%d\r\n", len(words))
	for _, w := range words {
		text += fmt.Sprintf("$%d\r\n%s\r\n", len(w), w)
	}
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	return c
}

// tap is everything that goes to Redis from when it was laid.
type tap struct {
	mu   sync.Mutex
	text strings.Builder
}

// listenIn lays one, until the test ends.
func listenIn(t *testing.T, addr string) *tap {
	t.Helper()
	c, heard := redisCall(t, addr, "MONITOR"), &tap{}
	var all sync.WaitGroup
	all.Go(func() {
		for lines := bufio.NewReader(c); ; {
			line, err := lines.ReadString('\n')
			heard.mu.Lock()
			heard.text.WriteString(line)
			heard.mu.Unlock()
			if err != nil {
				return
			}
		}
	})
	t.Cleanup(func() { _ = c.Close(); all.Wait() })
	return heard
}

func (t *tap) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// canariesOfTwo is canaries on Postgres, with what went through Redis.
func (s *siege) canariesOfTwo(nodes *cluster, tap *tap) {
	c := &canary{door: s.door, carriers: s.carriers, from: s.stranger, secrets: words{}}
	user, _ := s.person()
	c.live(user, func() string { _, number := s.person(); return number })
	c.absentAnswers()
	c.absentProviders()
	for _, node := range nodes.nodes {
		c.secrets.absent(s.t, "the metrics", node.under(s.t).metrics())
		c.secrets.absent(s.t, "the log", node.journal.String())
	}
	c.secrets.absent(s.t, "the database", dump(s.t, nodes.db))
	heard := tap.String()
	if !strings.Contains(heard, "PUBLISH") && !strings.Contains(heard, "publish") {
		s.t.Fatal("nothing was heard of Redis")
	}
	c.secrets.absent(s.t, "what goes through Redis", heard)
}
