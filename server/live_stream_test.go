package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// stream reads Server-Sent Events.
type stream struct {
	*door
	header   http.Header
	cancel   context.CancelFunc
	frames   chan frame // closed at the end
	err      error      // why it ended; nil: as HTTP ends
	mu       sync.Mutex
	all      []frame
	comments int
}

// stream opens the event stream of a login after a Last-Event-ID, where one is given.
func (w *wired) stream(l attempt, last string) *stream {
	w.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, wireURL+"/api/v1/verifications/"+l.id+"/events", nil)
	w.must(err)
	r.Header.Set("Nod-Client-Secret", l.secret)
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	res, err := w.client.Do(r)
	w.must(err)
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" || res.Header.Get("X-Accel-Buffering") != "no" {
		w.Fatalf("answer %d %v", res.StatusCode, res.Header)
	}
	s := &stream{door: w.door, header: res.Header, cancel: cancel, frames: make(chan frame, 4096)}
	go s.read(res.Body)
	w.Cleanup(func() {
		cancel()
		for range s.frames { // until the reader is through
		}
	})
	return s
}

func (s *stream) read(body io.ReadCloser) {
	defer close(s.frames)
	defer func() { _ = body.Close() }()
	lines := bufio.NewScanner(body)
	defer func() { s.err = lines.Err() }()
	for f := (frame{}); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "event":
			f.Type = value
		case "id":
			f.Seq, _ = strconv.ParseInt(value, 10, 64)
		case "data":
			_ = json.Unmarshal([]byte(value), &f.Data)
		case "":
			if value != "" {
				s.mu.Lock()
				s.comments++
				s.mu.Unlock()
			} else if f.Type != "" {
				s.take(f)
				f = frame{}
			}
		}
	}
}

func (s *stream) take(f frame) {
	s.mu.Lock()
	s.all = append(s.all, f)
	s.mu.Unlock()
	if f.Type != "tick" {
		s.frames <- f
	}
}

// soFar returns what came of one type.
func (s *stream) soFar(typ string) (got []frame) {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.all {
		if f.Type == typ {
			got = append(got, f)
		}
	}
	return got
}

// expect takes the next message but ticks, which is of the given type.
func (s *stream) expect(typ string) frame {
	s.Helper()
	select {
	case f, ok := <-s.frames:
		if !ok || f.Type != typ {
			s.Fatalf("got %s %v, want %s", f.Type, f.Data, typ)
		}
		return f
	case <-time.After(time.Hour):
		s.Fatalf("no %s comes for an hour", typ)
		return frame{}
	}
}

// ends makes sure that the stream ends, and is not cut off; events may come
// before.
func (s *stream) ends() {
	s.Helper()
	for {
		select {
		case f, ok := <-s.frames:
			if !ok {
				s.must(s.err)
				return
			}
			if f.Type != "event" {
				s.Fatalf("got %s %v, want the end", f.Type, f.Data)
			}
		case <-time.After(time.Hour):
			s.Fatal("it does not end")
		}
	}
}

// TestStream follows a login over Server-Sent Events, breaks off and resumes.
func TestStream(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		d := w.phone("u1")
		phone := w.online(d)
		l := w.login()
		s := w.stream(l, "")
		first := s.expect("snapshot")
		if first.text("match_number") != l.number || float64(first.Seq) != first.Data["seq"] {
			t.Fatalf("snapshot %v", first)
		}
		prompt := phone.receive()
		event := s.expect("event")
		if event.Seq != first.Seq+1 {
			t.Fatalf("event %d after snapshot %d", event.Seq, first.Seq)
		}
		s.cancel()
		w.pass(20 * time.Second)

		again := w.stream(l, strconv.FormatInt(event.Seq, 10))
		if f := again.expect("snapshot"); f.Seq != event.Seq {
			t.Fatalf("snapshot has id %d, want %d: a reader that breaks off here would lose events", f.Seq, event.Seq)
		}
		phone.send("respond", d.signed(prompt, "approve", l.number))
		seq := event.Seq
		for {
			f := again.expect("event")
			if seq++; f.Seq != seq {
				t.Fatalf("event %d, want %d", f.Seq, seq)
			}
			if f.text("name") == "verification.approved" {
				break
			}
		}
		if r := again.expect("result"); r.Seq != seq || r.text("result_token") == "" {
			t.Fatalf("result %v", r)
		}
		told := time.Now()
		again.ends()
		if took := time.Since(told); took > 10*time.Second {
			t.Fatal("ended after", took)
		}
		future := w.stream(l, "999") // an id of another story
		if f := future.expect("snapshot"); float64(f.Seq) != f.Data["seq"] {
			t.Fatalf("snapshot has id %d, and tells %v", f.Seq, f.Data["seq"])
		}
		future.cancel()
		late := w.stream(l, strconv.FormatInt(seq, 10))
		late.expect("snapshot")
		if r := late.expect("result"); r.Seq != seq || r.text("status") != "approved" {
			t.Fatalf("result %v", r)
		}
		late.ends()
	})
}

// TestStreamBeats keeps the connection of a stream alive.
func TestStreamBeats(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		w.phone("u1")
		s := w.stream(w.login(), "")
		s.expect("snapshot")
		w.pass(time.Minute)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.comments != 3 && s.comments != 4 {
			t.Fatal(s.comments, "comments in a minute")
		}
	})
}

// TestStreamRefused asks for what it may not have.
func TestStreamRefused(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		w.phone("u1")
		l := w.login()
		for path, want := range map[string]struct {
			who  who
			code int
		}{
			"/api/v1/verifications/" + l.id + "/events":          {nobody, 401},
			"/api/v1/verifications/" + l.id + "/events?":         {byKey, 403},
			"/api/v1/verifications/ver_" + l.id[4:8] + "/events": {page(l.secret), 404},
		} {
			if a := w.ask(want.who, "GET", path, nil); a.code != want.code {
				t.Errorf("%s: %d, want %d", path, a.code, want.code)
			}
		}
	})
}

// TestStreamNobodyReads is cut off after some patience.
func TestStreamNobodyReads(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		w.phone("u1")
		l := w.login()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, wireURL+"/api/v1/verifications/"+l.id+"/events", nil)
		w.must(err)
		r.Header.Set("Nod-Client-Secret", l.secret)
		res, err := w.client.Do(r)
		w.must(err)
		w.pass(30 * time.Second)
		if _, err := io.ReadAll(res.Body); err == nil {
			t.Fatal("the stream was not cut off")
		}
		_ = res.Body.Close()
	})
}

// TestDrain sends streams and polls home.
func TestDrain(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		w.phone("u1")
		l := w.login()
		w.settle() // else the first push is still on its way, and told before the goodbye
		s := w.stream(l, "")
		s.expect("snapshot")
		waiting, _ := w.watch(l)
		polled := make(chan reply, 1)
		go func() {
			seq := strconv.FormatInt(int64(w.status(l).object["seq"].(float64)), 10)
			polled <- w.ask(page(l.secret), "GET", statusOf+"?wait=25&since_seq="+seq, nil)
		}()
		w.pass(10 * time.Second)
		began := time.Now()
		w.stop()
		s.ends()
		waiting.closed("draining", 1001)
		(<-polled).allow(200).has("status", "pending")
		if took := time.Since(began); took > time.Second {
			t.Fatal("they were home after", took)
		}
	})
}

// TestPoll waits for news.
func TestPoll(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		w.phone("u1")
		l := w.login()
		w.pass(time.Second)
		seq := int64(w.status(l).object["seq"].(float64))
		ask := func(since int64, wait string) (time.Duration, reply) {
			begun := time.Now()
			a := w.ask(page(l.secret), "GET", "/api/onboarding/verification-status?verification_id="+l.id+"&wait="+wait+"&since_seq="+strconv.FormatInt(since, 10), nil)
			return time.Since(begun), a
		}
		if took, a := ask(seq-1, "25"); took > time.Second || a.allow(200).str("status") != "pending" {
			t.Fatal("old news came after", took)
		}
		if took, a := ask(seq, "25"); took != 25*time.Second || a.allow(200).object["seq"] != float64(seq) {
			t.Fatal("no news came after", took, a.object)
		}
		if _, a := ask(seq, "26"); a.code != 422 {
			t.Fatal("waits for", a.code)
		}
		canceled := make(chan reply)
		time.AfterFunc(10*time.Second, func() {
			canceled <- w.act(l, "cancel", nil)
		})
		if took, a := ask(seq, "25"); took != 10*time.Second || a.allow(200).str("status") != "canceled" {
			t.Fatal("news came after", took, a.object)
		}
		(<-canceled).allow(200)
	})
}

// TestPollInManyPlaces has one page wait in more places than a person has tabs.
func TestPollInManyPlaces(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		w.phone("u1")
		l := w.login()
		other := attempt{secret: w.ask(byKey, "POST", verifications, object{"user_id": "u2", "phone_number": number}).str("client_secret")}
		w.settle()
		wait := func(l attempt) reply {
			return w.ask(page(l.secret), "GET", statusOf+"?wait=25&since_seq=50", nil)
		}
		told := make(chan reply, 32)
		for range cap(told) {
			go func() { told <- wait(l) }()
		}
		w.pass(time.Second)
		wait(l).deny(429, "rate_limited").has("retry_after", 2)
		wait(other).allow(200)
		for range cap(told) {
			(<-told).allow(200)
		}
		wait(l).allow(200)
	})
}
