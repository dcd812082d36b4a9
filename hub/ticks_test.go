package hub_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"nod/hub"
)

// tick is what a client makes of a tick frame.
type tick struct {
	at     time.Duration // of arrival, since the timers were set
	told   time.Duration // server_time, likewise
	values map[string]int
}

// ticks takes all tick frames up to the end of the given time.
func (p *peer) ticks(began time.Time, d time.Duration) (got []tick) {
	p.t.Helper()
	end := time.After(d)
	for {
		select {
		case f := <-p.frames:
			if f.Type != "tick" {
				p.t.Fatalf("got %s %s", f.Type, f.Data)
			}
			data := make(map[string]any)
			f.decode(p.t, &data)
			told, err := time.Parse(time.RFC3339, data["server_time"].(string))
			if err != nil || data["verification_id"] != "ver_1" {
				p.t.Fatalf("tick %s: %v", f.Data, err)
			}
			it := tick{time.Since(began), told.Sub(began), make(map[string]int)}
			for name, v := range data {
				if n, ok := v.(float64); ok {
					it.values[name] = int(n)
				}
			}
			got = append(got, it)
		case <-end:
			return got
		}
	}
}

func TestTicks(t *testing.T) {
	var session *hub.Session
	a := new(app)
	a.open = func(s *hub.Session) error {
		session = s
		return s.Send("snapshot", 0, nil)
	}
	bubble(t, config(a), func(t *testing.T, n *node) {
		p := n.login(t, "watcher ver_1")
		p.idle(1234567 * time.Microsecond) // ticks do not depend on when one connects
		began := time.Now().Truncate(time.Millisecond)
		ends := map[string]time.Duration{"prompt_in": 3300 * time.Millisecond, "expires_in": 5750 * time.Millisecond, "session_in": 20 * time.Minute}
		var timers []hub.Timer
		for field, d := range ends {
			timers = append(timers, hub.Timer{Field: field, At: began.Add(d)})
		}
		session.Timers("ver_1", append(timers, hub.Timer{Field: "resend_in", At: began})...)
		got := p.ticks(began, 21*time.Minute)

		zeros := make(map[string]time.Duration)
		last := time.Duration(0)
		for _, it := range got {
			if it.at-it.told > 50*time.Millisecond || it.at < it.told {
				t.Errorf("tells %v at %v", it.told, it.at)
			}
			if it.told-last > 1050*time.Millisecond {
				t.Errorf("silence from %v to %v", last, it.told)
			}
			last = it.told
			for field, end := range ends {
				want := int((max(end-it.told, 0) + time.Second - 1) / time.Second)
				value, there := it.values[field]
				_, over := zeros[field]
				if there == over || there && value != want {
					t.Fatalf("at %v %s is %d (%v), want %d, over %v", it.told, field, value, there, want, over)
				}
				if there && value == 0 {
					zeros[field] = it.told
				}
			}
			if _, there := it.values["resend_in"]; there {
				t.Error("told a timer that was over")
			}
		}
		for field, end := range ends {
			if at, ok := zeros[field]; !ok || !near(at, end) {
				t.Errorf("%s ended at %v, want %v", field, at, end)
			}
		}
		if len(got) < 20*60 || len(got) > 20*60+2 {
			t.Errorf("%d ticks in 20 minutes", len(got))
		}
	})
}

func TestTimersReplaced(t *testing.T) {
	var session *hub.Session
	a := new(app)
	a.open = func(s *hub.Session) error {
		session = s
		return s.Send("snapshot", 0, nil)
	}
	bubble(t, config(a), func(t *testing.T, n *node) {
		p := n.login(t, "watcher ver_1")
		began := time.Now()
		in := func(d time.Duration) hub.Timer { return hub.Timer{Field: "resend_in", At: began.Add(d)} }

		session.Timers("ver_1", in(2*time.Second))
		session.Timers("ver_1", in(4*time.Second)) // later
		want(t, p.ticks(began, 5*time.Second), "3 2 1 0")

		began = time.Now()
		session.Timers("ver_1", in(time.Minute))
		p.idle(time.Second / 2)
		session.Timers("ver_1") // stopped
		p.idle(time.Hour)

		// The 0 of a timer is owed even if it is replaced at its very end.
		began = time.Now()
		session.Timers("ver_1", in(1500*time.Millisecond))
		want(t, p.ticks(began, time.Second), "1")
		time.AfterFunc(500*time.Millisecond, func() { session.Timers("ver_1", in(1500*time.Millisecond)) })
		want(t, p.ticks(began, time.Minute), "0")

		// Two verifications tick on their own.
		began = time.Now()
		session.Timers("ver_1", in(1*time.Second))
		session.Timers("ver_2", in(61*time.Second))
		session.Timers("ver_2")
		want(t, p.ticks(began, time.Minute), "0")
		session.Close(1000, "")
		p.expectClose(1000)
		session.Timers("ver_1", in(time.Hour)) // nobody is there any more
	})
}

func want(t *testing.T, got []tick, values string) {
	t.Helper()
	var all []string
	for _, it := range got {
		all = append(all, fmt.Sprint(it.values["resend_in"]))
	}
	if strings.Join(all, " ") != values {
		t.Errorf("ticks %v, want %v", all, values)
	}
}

// A peer that stops reading for a while finds one tick, of now.
func TestTicksDoNotQueue(t *testing.T) {
	a := new(app)
	a.open = func(s *hub.Session) error {
		s.Timers("ver_1", hub.Timer{Field: "resend_in", At: time.Now().Add(time.Minute)})
		return nil
	}
	bubble(t, config(a), func(t *testing.T, n *node) {
		p := n.dialOnly(t, nil)
		p.auth("watcher ver_1")
		synctest.Wait() // the challenge stands unread
		began := time.Now()
		<-time.After(4500 * time.Millisecond)
		p.start()
		p.expect("challenge")
		p.expect("welcome")
		got := p.ticks(began, time.Second/4)
		if len(got) != 1 || got[0].values["resend_in"] != 56 {
			t.Errorf("ticks %v", got)
		}
		if dropped := n.Stats().TicksDropped; dropped != 3 {
			t.Errorf("%d dropped", dropped)
		}
	})
}

// Server time is the database's, not the node's.
func TestTicksTellServerTime(t *testing.T) {
	a := new(app)
	var began time.Time
	c := config(a)
	c.Now = func() time.Time { return time.Now().Add(-7 * time.Minute) }
	a.open = func(s *hub.Session) error {
		began = c.Now()
		s.Timers("ver_1", hub.Timer{Field: "resend_in", At: began.Add(3 * time.Second)})
		return s.Send("snapshot", 0, nil)
	}
	bubble(t, c, func(t *testing.T, n *node) {
		p := n.login(t, "watcher ver_1")
		got := p.ticks(began, time.Minute)
		want(t, got, "2 1 0")
		if last := got[len(got)-1].told; !near(last, 3*time.Second) {
			t.Errorf("0 at %v", last)
		}
	})
}

// The database's clock may be set back, as when another server takes over
// whose clock is behind: the countdown goes on from what it says then.
func TestTicksGoOnWhenTheClockIsSetBack(t *testing.T) {
	a := new(app)
	c := config(a)
	var back atomic.Int64
	c.Now = func() time.Time { return time.Now().Add(-time.Duration(back.Load())) }
	a.open = func(s *hub.Session) error {
		s.Timers("ver_1", hub.Timer{Field: "resend_in", At: time.Now().Add(10 * time.Second)})
		return s.Send("snapshot", 0, nil)
	}
	bubble(t, c, func(t *testing.T, n *node) {
		p := n.login(t, "watcher ver_1")
		began := time.Now()
		want(t, p.ticks(began, 2500*time.Millisecond), "9 8")
		back.Store(int64(30 * time.Second))
		got := p.ticks(began, 3*time.Second)
		want(t, got, "37 36 35")
		for _, it := range got {
			if late := it.at - it.told - 30*time.Second; late < 0 || late > 50*time.Millisecond {
				t.Errorf("tells %v at %v", it.told, it.at)
			}
		}
	})
}
