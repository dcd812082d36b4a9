package server_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// get asks over the network, where requests have deadlines.
func (w *wired) get(who who, path string) (status int, body string) {
	w.Helper()
	r, err := http.NewRequestWithContext(w.Context(), http.MethodGet, wireURL+path, nil)
	w.must(err)
	for name, value := range who {
		r.Header.Set(name, value)
	}
	res, err := w.client.Do(r)
	w.must(err)
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	w.must(err)
	return res.StatusCode, string(b)
}

// raw sends bytes over a connection of its own and returns what comes until its end.
func (w *wired) raw(parts ...string) (answer string, took time.Duration) {
	w.Helper()
	conn, err := w.client.Transport.(*http.Transport).DialContext(w.Context(), "tcp", "nod.example:80")
	w.must(err)
	defer func() { _ = conn.Close() }()
	begun := time.Now()
	w.must(conn.SetReadDeadline(begun.Add(time.Hour)))
	go func() {
		for _, p := range parts {
			if _, err := io.WriteString(conn, p); err != nil {
				return
			}
			if len(parts) > 1 {
				<-time.After(time.Second)
			}
		}
	}()
	b, _ := io.ReadAll(bufio.NewReader(conn)) // the end may be a reset
	return string(b), time.Since(begun)
}

// TestWhoWaitsOutlastsTheDeadline: requests have to arrive in ten seconds, answers may
// take longer.
func TestWhoWaitsOutlastsTheDeadline(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		w.phone("u1")
		l := w.login()
		w.settle()
		for _, ask := range []struct {
			who
			path string
		}{
			{page(l.secret), statusOf + "?wait=25&since_seq=50"},
			{byKey, "/api/v1/outbox?wait=20&after=zzz"},
		} {
			begun := time.Now()
			if status, body := w.get(ask.who, ask.path); status != 200 || time.Since(begun) < 20*time.Second {
				t.Errorf("%s: %d after %v: %s", ask.path, status, time.Since(begun), body)
			}
		}
		s := w.stream(w.login(), "")
		s.expect("snapshot")
		w.pass(59 * time.Second)
		if n := len(s.soFar("tick")); n < 58 || s.comments < 3 {
			t.Errorf("a stream brought %d ticks and %d beats in a minute", n, s.comments)
		}
	})
}

// TestBodiesThatNeverCome: a connection is not held by the body that it owes, read or
// not, on a route that stays or not.
func TestBodiesThatNeverCome(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		w.phone("u1")
		l := w.login()
		head := func(method, path, credential string) string {
			return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: nod.example\r\n%sContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n", method, path, credential)
		}
		secret, key := "Nod-Client-Secret: "+l.secret+"\r\n", "Authorization: Bearer "+apiKey+"\r\n"
		for _, tc := range []struct {
			name, head string
			answer     string
			most       time.Duration
		}{
			{"read", head("POST", verifications, key), "408", 6 * time.Second},
			{"refused", head("POST", verifications, ""), "401", 11 * time.Second},
			{"nowhere", head("POST", "/nowhere", ""), "404", 11 * time.Second},
			{"a receipt", head("POST", "/webhooks/twilio/status", ""), "404", 11 * time.Second},
			{"a socket", head("GET", "/ws", ""), "426", 11 * time.Second},
			{"a poll", head("GET", statusOf+"?wait=20&since_seq=50", secret), "200", 26 * time.Second},
		} {
			drops := append([]string{tc.head}, slices.Repeat([]string{" "}, 999)...)
			answer, took := w.raw(drops...)
			if !strings.HasPrefix(answer, "HTTP/1.1 "+tc.answer) || took > tc.most {
				t.Errorf("%s: %.40q, and gone after %v", tc.name, answer, took)
			}
		}
		answer, took := w.raw(head("GET", verifications+"/"+l.id+"/events", secret))
		if !strings.HasPrefix(answer, "HTTP/1.1 200") || took > 11*time.Second {
			t.Errorf("a stream: gone after %v: %.40q", took, answer)
		}
	})
}

// TestBodiesThatBreakOff: what HTTP itself cannot read is its sender's fault, also where
// all of the JSON had come.
func TestBodiesThatBreakOff(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		head := "POST " + verifications + " HTTP/1.1\r\nHost: nod.example\r\nAuthorization: Bearer " + apiKey + "\r\nTransfer-Encoding: chunked\r\n\r\n"
		for name, body := range map[string]string{
			"a length that is none": "zz\r\n{}\r\n0\r\n\r\n",
			"a length too short":    "1\r\n{}\r\n0\r\n\r\n",
			"after the JSON":        "15\r\n{\"user_id\": \"nobody\"}\r\n-1\r\n\r\n",
		} {
			if answer, _ := w.raw(head + body); !strings.HasPrefix(answer, "HTTP/1.1 400") || !strings.Contains(answer, `"invalid_json"`) {
				t.Errorf("%s: %q", name, answer)
			}
		}
	})
}

// TestPollsFromOneAddress: those who wait at one address are no more than cost as much
// as its sockets may; an integrator's server waits for as many as it likes.
func TestPollsFromOneAddress(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		const people, each = 10, 25 // a quarter of 1,000 sockets
		var pages []attempt
		for i := range people {
			pages = append(pages, w.login(object{"user_id": fmt.Sprint("person-", i), "phone_number": fmt.Sprintf("+1415555012%d", i)}))
		}
		w.settle()
		told := make(chan reply, people*each+each)
		wait := func(c who, id string) {
			told <- w.ask(c, "GET", statusOf+"?wait=25&since_seq=50&verification_id="+id, nil)
		}
		for _, l := range pages {
			for range each {
				go wait(page(l.secret).from(ana), l.id)
			}
		}
		w.settle()
		path := statusOf + "?wait=1&since_seq=50"
		w.ask(page(pages[0].secret).from(ana), "GET", path, nil).deny(429, "rate_limited").has("retry_after", 2)
		w.ask(page(pages[0].secret).from(ana), "GET", verifications+"/"+pages[0].id+"/events", nil).deny(429, "rate_limited")
		w.ask(page(pages[0].secret).from(bob), "GET", path, nil).allow(200)
		for range each {
			go func() { told <- w.ask(byKey.from(ana), "GET", "/api/v1/outbox?wait=20&after=zzz", nil) }()
		}
		for range people*each + each {
			(<-told).allow(200)
		}
		w.ask(page(pages[0].secret).from(ana), "GET", path, nil).allow(200)
	})
}

// TestManyWatchers: one verification is followed in no more places than a person has
// tabs, and who is there stays.
func TestManyWatchers(t *testing.T) {
	wire(t, func(t *testing.T, w *wired) {
		w.phone("u1")
		l, other := w.login(), w.login(object{"user_id": "u2", "phone_number": number})
		w.settle()
		var peers []*peer
		for range 32 {
			p, _ := w.watch(l)
			peers = append(peers, p)
		}
		p := w.dial()
		p.send("auth", object{"client_secret": l.secret})
		if f := p.expect("error"); f.text("code") != "rate_limited" {
			t.Errorf("told %v", f.Data)
		}
		w.watch(other)
		w.act(l, "cancel", nil).allow(200)
		for _, p := range peers {
			for p.expect("event").text("name") != "verification.canceled" {
			}
		}
	})
}
