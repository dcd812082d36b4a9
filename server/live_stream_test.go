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

// liveStream reads Server-Sent Events.
type liveStream struct {
	t        *testing.T
	header   http.Header
	cancel   context.CancelFunc
	frames   chan liveFrame // closed at the end
	mu       sync.Mutex
	all      []liveFrame
	comments int
}

// stream opens the event stream of a login after a Last-Event-ID, where one is given.
func (w *liveWorld) stream(l liveLogin, last string) *liveStream {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, liveURL+"/api/v1/verifications/"+l.id+"/events", nil)
	liveMust(w.t, err)
	r.Header.Set("Nod-Client-Secret", l.secret)
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	res, err := w.client.Do(r)
	liveMust(w.t, err)
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" || res.Header.Get("X-Accel-Buffering") != "no" {
		w.t.Fatalf("answer %d %v", res.StatusCode, res.Header)
	}
	s := &liveStream{t: w.t, header: res.Header, cancel: cancel, frames: make(chan liveFrame, 4096)}
	go s.read(res.Body)
	w.t.Cleanup(func() {
		cancel()
		for range s.frames { //nolint:revive // until the reader is through
		}
	})
	return s
}

func (s *liveStream) read(body io.ReadCloser) {
	defer close(s.frames)
	defer func() { _ = body.Close() }()
	var f liveFrame
	for lines := bufio.NewScanner(body); lines.Scan(); {
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
				f = liveFrame{}
			}
		}
	}
}

func (s *liveStream) take(f liveFrame) {
	s.mu.Lock()
	s.all = append(s.all, f)
	s.mu.Unlock()
	if f.Type != "tick" {
		s.frames <- f
	}
}

// soFar returns what came of one type.
func (s *liveStream) soFar(typ string) (got []liveFrame) {
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
func (s *liveStream) expect(typ string) liveFrame {
	s.t.Helper()
	select {
	case f, ok := <-s.frames:
		if !ok || f.Type != typ {
			s.t.Fatalf("got %s %v, want %s", f.Type, f.Data, typ)
		}
		return f
	case <-time.After(time.Hour):
		s.t.Fatalf("no %s comes for an hour", typ)
		return liveFrame{}
	}
}

// ends makes sure that the stream ends; events may come before.
func (s *liveStream) ends() {
	s.t.Helper()
	for {
		select {
		case f, ok := <-s.frames:
			if !ok {
				return
			}
			if f.Type != "event" {
				s.t.Fatalf("got %s %v, want the end", f.Type, f.Data)
			}
		case <-time.After(time.Hour):
			s.t.Fatal("it does not end")
		}
	}
}

// TestStream follows a login over Server-Sent Events, breaks off and resumes.
func TestStream(t *testing.T) {
	inBubble(t, func(t *testing.T, w *liveWorld) {
		d := w.enroll()
		phone := d.online()
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
		phone.send("respond", d.answer(prompt, "approve", l.number))
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
	inBubble(t, func(t *testing.T, w *liveWorld) {
		w.enroll()
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
	inBubble(t, func(t *testing.T, w *liveWorld) {
		w.enroll()
		l := w.login()
		for path, want := range map[string]struct {
			credential string
			status     int
		}{
			"/api/v1/verifications/" + l.id + "/events":          {"", 401},
			"/api/v1/verifications/" + l.id + "/events?":         {"Bearer " + liveKey, 403},
			"/api/v1/verifications/ver_" + l.id[4:8] + "/events": {l.secret, 404},
		} {
			if a := w.call("GET", path, want.credential, nil); a.status != want.status {
				t.Errorf("%s: %d, want %d", path, a.status, want.status)
			}
		}
	})
}

// TestStreamNobodyReads is cut off after some patience.
func TestStreamNobodyReads(t *testing.T) {
	inBubble(t, func(t *testing.T, w *liveWorld) {
		w.enroll()
		l := w.login()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, liveURL+"/api/v1/verifications/"+l.id+"/events", nil)
		liveMust(t, err)
		r.Header.Set("Nod-Client-Secret", l.secret)
		res, err := w.client.Do(r)
		liveMust(t, err)
		w.pass(30 * time.Second)
		if _, err := io.ReadAll(res.Body); err == nil {
			t.Fatal("the stream was not cut off")
		}
		_ = res.Body.Close()
	})
}

// TestDrain sends streams and polls home.
func TestDrain(t *testing.T) {
	inBubble(t, func(t *testing.T, w *liveWorld) {
		w.enroll()
		l := w.login()
		s := w.stream(l, "")
		s.expect("snapshot")
		page, _ := w.watch(l)
		w.stop()
		s.ends()
		page.closed("draining", 1001)
	})
}

// TestPoll waits for news.
func TestPoll(t *testing.T) {
	inBubble(t, func(t *testing.T, w *liveWorld) {
		w.enroll()
		l := w.login()
		w.pass(time.Second)
		seq := int64(w.status(l).body["seq"].(float64)) //nolint:errcheck // it is a number
		ask := func(since int64, wait string) (time.Duration, liveAnswer) {
			begun := time.Now()
			a := w.call("GET", "/api/onboarding/verification-status?verification_id="+l.id+"&wait="+wait+"&since_seq="+strconv.FormatInt(since, 10), l.secret, nil)
			return time.Since(begun), a
		}
		if took, a := ask(seq-1, "25"); took > time.Second || a.ok().text("status") != "pending" {
			t.Fatal("old news came after", took)
		}
		if took, a := ask(seq, "25"); took != 25*time.Second || a.ok().body["seq"] != float64(seq) {
			t.Fatal("no news came after", took, a.body)
		}
		if _, a := ask(seq, "26"); a.status != 422 {
			t.Fatal("waits for", a.status)
		}
		canceled := make(chan liveAnswer)
		time.AfterFunc(10*time.Second, func() {
			canceled <- w.call("POST", "/api/v1/verifications/"+l.id+"/cancel", l.secret, nil)
		})
		if took, a := ask(seq, "25"); took != 10*time.Second || a.ok().text("status") != "canceled" {
			t.Fatal("news came after", took, a.body)
		}
		(<-canceled).ok()
	})
}
