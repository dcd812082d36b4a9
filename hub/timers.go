package hub

import (
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// Timer is one countdown told in ticks: Field is its name in the tick's data,
// At its end in server time, read to the millisecond.
type Timer struct {
	Field string
	At    time.Time
}

// Timers replaces the countdowns under key, a verification's id; without
// timers it stops them. From then on a tick for key leaves at every whole second
// before the first of the timers ends, at that end, and so on with the rest: so
// the values are exact when they leave, and each 0 comes at its time, once. A
// timer that has already ended is not told.
func (s *Session) Timers(key string, ts ...Timer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.farewell != nil {
		return
	}
	clock := s.hub.clock()
	var before *countdown
	for i, c := range s.countdowns {
		if c.key == key {
			before = c
			s.countdowns[i] = s.countdowns[len(s.countdowns)-1]
			s.countdowns = s.countdowns[:len(s.countdowns)-1]
			break
		}
	}
	if c := newCountdown(key, ts, before, clock); c != nil {
		s.countdowns = append(s.countdowns, c)
	}
	if len(s.countdowns) == 0 {
		s.countdowns = nil
	}
	s.planLocked()
}

// tickLocked marks the countdowns whose tick is due and tells when the next is.
func (s *Session) tickLocked(clock int64) time.Duration {
	next := int64(math.MaxInt64)
	for _, c := range s.countdowns {
		// A tick is never more than a second away; one that is stands where the
		// clock was before it was set back.
		if c.due <= clock || c.due != math.MaxInt64 && c.due-clock > 1000 {
			if c.pending {
				s.hub.figures.dropped.Add(1)
			}
			c.pending = true
			c.due = c.next(clock)
			s.wakeLocked()
		}
		next = min(next, c.due)
	}
	if next == math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(next-clock) * time.Millisecond
}

// pendingLocked takes a countdown whose tick is to be written; one that tells
// its last 0 with it is taken for good.
func (s *Session) pendingLocked(clock int64) *countdown {
	for i, c := range s.countdowns {
		if !c.pending {
			continue
		}
		if c.pending = false; c.next(clock) == math.MaxInt64 {
			s.countdowns = append(s.countdowns[:i], s.countdowns[i+1:]...)
		}
		return c
	}
	return nil
}

// countdown is a set of timers told in one tick. All times are server time in
// milliseconds.
type countdown struct {
	key     string
	head    []byte // of the frame, up to the server's time
	timers  []running
	due     int64 // of the next tick; MaxInt64: none
	pending bool  // a tick is due and not yet written
}

type running struct {
	field string // as it stands in the frame: ,"prompt_in":
	at    int64
	told  bool // its 0 has been sent
}

// newCountdown returns nil if nothing runs. A timer that has ended runs on if
// it is one of before's whose 0 is still owed.
func newCountdown(key string, ts []Timer, before *countdown, clock int64) *countdown {
	c := &countdown{key: key}
	for _, t := range ts {
		r := running{field: `,` + quote(t.Field) + `:`, at: t.At.UnixMilli()}
		if r.at > clock || before.owes(r) {
			c.timers = append(c.timers, r)
		}
	}
	if len(c.timers) == 0 {
		return nil
	}
	c.head = []byte(`{"type":"tick","data":{"verification_id":` + quote(key) + `,"server_time":"`)
	c.due = c.next(clock)
	for _, r := range c.timers {
		if r.at <= clock {
			c.due = clock
		}
	}
	return c
}

func quote(s string) string {
	b, _ := json.Marshal(s) // a string always encodes
	return string(b)
}

// owes tells whether r's 0 has yet to be sent.
func (c *countdown) owes(r running) bool {
	if c == nil {
		return false
	}
	for _, own := range c.timers {
		if own.field == r.field && own.at == r.at {
			return !own.told
		}
	}
	return false
}

// next is the first whole second after clock before the end of the timer that
// ends first.
func (c *countdown) next(clock int64) int64 {
	lead := int64(math.MaxInt64)
	for _, r := range c.timers {
		if r.at > clock {
			lead = min(lead, r.at)
		}
	}
	if lead == math.MaxInt64 {
		return lead
	}
	return lead - (lead-clock-1)/1000*1000
}

// appendTick makes the frame that leaves at clock. It allocates nothing once
// buf is large enough.
func (c *countdown) appendTick(buf []byte, clock int64) []byte {
	buf = append(buf, c.head...)
	buf = time.UnixMilli(clock).UTC().AppendFormat(buf, timeFormat)
	buf = append(buf, '"')
	for i := range c.timers {
		r := &c.timers[i]
		if r.told {
			continue
		}
		left := max(r.at-clock, 0)
		r.told = left == 0
		buf = append(buf, r.field...)
		buf = strconv.AppendInt(buf, (left+999)/1000, 10)
	}
	return append(buf, "}}"...)
}
