package main

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// closePages has everybody leave.
func (s *soak) closePages() {
	for _, e := range s.entries() {
		e.leave()
	}
}

func (s *soak) entries() []*entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.all)
}

// converge wants every open page to know what is stored, soon after all has
// healed: those that wait to connect again are told that the network is back.
func (s *soak) converge(t *testing.T, healed time.Time) {
	t.Helper()
	var behind string
	within(t, deadline, "every page knows what is stored", func() bool {
		stored, n := s.stories(t, s.c.db), 0
		behind = ""
		for _, e := range s.entries() {
			if last, _ := e.page.state(); e.watching.Err() == nil {
				if n++; last < stored[e.id].seq {
					behind += fmt.Sprintf("%s knows %d of %d\n", e.id, last, stored[e.id].seq)
				}
			}
		}
		if behind == "" {
			t.Logf("%d open pages knew all %s after the last fault had healed", n, time.Since(healed).Round(time.Millisecond))
		}
		return behind == "" || time.Since(healed) > convergeLimit
	})
	if behind != "" {
		t.Errorf("%s after the last fault had healed:\n%s", convergeLimit, behind)
	}
}

// convergeLimit is the promise's 5 s, and as much again for a machine that runs
// other tests beside.
const convergeLimit = 10 * time.Second

// story is a verification as it is stored.
type story struct {
	status   string
	seq      int64
	redeemed bool
	events   []string // names, in order
	codes    int
	overrun  bool // a code was tried more often than it may be
}

var endings = []string{"approved", "denied", "failed", "expired", "canceled", "superseded", "blocked"}

// count is how often an event happened.
func (st *story) count(name string) (n int) {
	for _, e := range st.events {
		if e == name {
			n++
		}
	}
	return n
}

// reader is the database, or one moment of it.
type reader interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// stories reads all verifications, past nod.
func (s *soak) stories(t *testing.T, from reader) map[string]*story {
	t.Helper()
	all := map[string]*story{}
	rows(t, from, "select id, status, seq, redeemed_at is not null from verifications", func(scan func(...any) error) error {
		var id string
		st := &story{}
		err := scan(&id, &st.status, &st.seq, &st.redeemed)
		all[id] = st
		return err
	})
	return all
}

// tell adds what happened to each.
func (s *soak) tell(t *testing.T, from reader, all map[string]*story) {
	t.Helper()
	rows(t, from, "select verification_id, seq, name from events where verification_id is not null order by verification_id, seq", func(scan func(...any) error) error {
		var id, name string
		var seq int64
		err := scan(&id, &seq, &name)
		if st := all[id]; st != nil {
			if st.events = append(st.events, name); seq != int64(len(st.events)) {
				t.Errorf("%s: event %d has seq %d", id, len(st.events), seq)
			}
		}
		return err
	})
	rows(t, from, "select verification_id, tries > max_tries from codes", func(scan func(...any) error) error {
		var id string
		var over bool
		err := scan(&id, &over)
		if st := all[id]; st != nil {
			st.codes++
			st.overrun = st.overrun || over
		}
		return err
	})
}

func rows(t *testing.T, from reader, query string, each func(scan func(...any) error) error) {
	t.Helper()
	rows, err := from.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

// verdict compares what people were told with what is stored: an acknowledged
// decision stands, and there is one; nothing was sent, spent or tried too often;
// and no page missed an event. What was said is taken down first, for answers
// may still be on their way.
func (s *soak) verdict(t *testing.T) {
	t.Helper()
	said, told := map[*entry]map[string]int{}, map[string]int{}
	for _, e := range s.entries() {
		said[e] = e.said()
		for what, n := range said[e] {
			told[what] += n
		}
	}
	moment, err := s.c.db.BeginTx(t.Context(), &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = moment.Rollback() }() // it only read
	stored := s.stories(t, moment)
	s.tell(t, moment, stored)
	for id, st := range stored {
		st.coherent(t, id)
	}
	for e, told := range said {
		e.judge(t, told, stored[e.id])
	}
	double := 0
	for delivery, messages := range s.sms {
		if len(messages) > 1 {
			double++
			t.Errorf("%s was sent %d times", delivery, len(messages))
		}
	}
	t.Logf("%d verifications; acknowledged: %v; %d SMS, %d of them twice; %d requests without an answer", len(stored), told, len(s.sms), double, s.unsure.Load())
}

// coherent checks what is true of every verification, whoever was told of it.
func (st *story) coherent(t *testing.T, id string) {
	t.Helper()
	ends := 0
	for _, e := range endings {
		ends += st.count("verification." + e)
	}
	switch {
	case st.seq != int64(len(st.events)):
		t.Errorf("%s: %d events, but its seq is %d", id, len(st.events), st.seq)
	case st.status == "pending" && ends != 0, st.status != "pending" && (ends != 1 || st.count("verification."+st.status) != 1):
		t.Errorf("%s is %s and has the events %v", id, st.status, st.events)
	case st.overrun || st.count("code.check_failed") > 3*st.codes:
		t.Errorf("%s: %d guesses were evaluated for %d codes", id, st.count("code.check_failed"), st.codes)
	}
}

// said is what was acknowledged of a verification, and how often; "page: …" is
// the status that its page was told.
func (e *entry) said() map[string]int {
	e.mu.Lock()
	defer e.mu.Unlock()
	told := maps.Clone(e.told)
	if e.phone.took(e.id) {
		told[e.choice]++
	}
	if status := e.page.outcome(); status != "" {
		told["page: "+status]++
	}
	return told
}

// judge checks what was said of a verification against how it is stored.
func (e *entry) judge(t *testing.T, told map[string]int, st *story) {
	t.Helper()
	if st == nil {
		t.Errorf("%s was acknowledged, and is not there", e.id)
		return
	}
	decisions := 0
	for what, status := range map[string]string{"approve": "approved", "code": "approved", "deny": "denied", "cancel": "canceled"} {
		if told[what] > 0 {
			decisions++
			if st.status != status {
				t.Errorf("%s: %q was acknowledged, and it is %s", e.id, what, st.status)
			}
		}
	}
	switch {
	case decisions > 1 || told["code"] > 1 || told["cancel"] > 1 || told["exchange"] > 1:
		t.Errorf("%s: acknowledged %v", e.id, told)
	case told["exchange"] > 0 && !st.redeemed:
		t.Errorf("%s: the exchange is forgotten", e.id)
	case told["wrong"] > st.count("code.check_failed"):
		t.Errorf("%s: %d wrong codes were answered, %d are on record", e.id, told["wrong"], st.count("code.check_failed"))
	case told["resend"] > st.count("resend.requested"):
		t.Errorf("%s: %d resends were accepted, %d are on record", e.id, told["resend"], st.count("resend.requested"))
	}
	if _, gap := e.page.state(); gap != "" {
		t.Errorf("%s: the page got %s", e.id, gap)
	}
	for _, status := range endings {
		if told["page: "+status] > 0 && status != st.status {
			t.Errorf("%s: the page was told %s, and it is %s", e.id, status, st.status)
		}
	}
}

// levels are what must not grow, over all nodes.
type levels struct{ goroutines, descriptors, postgres, redis float64 }

// levels fills the pools, so that they are as full each time, and counts.
func (s *soak) levels(t *testing.T) (l levels) {
	t.Helper()
	const nobody = "/api/v1/verifications/ver_00000000000000000000000000000000"
	for _, p := range s.c.nodes {
		var all sync.WaitGroup
		all.Go(func() {
			atOnce(48, func() { _, _, _ = p.try(t.Context(), http.MethodGet, nobody, p.asKey(), nil) })
		})
		all.Go(func() {
			atOnce(16, func() {
				_, _, _ = p.try(t.Context(), http.MethodPost, nobody+"/check", p.asKey(), object{"code": "000000"})
			})
		})
		all.Wait()
		now, err := figuresOf(context.WithoutCancel(t.Context()), p.url)
		if err != nil {
			t.Fatal(err)
		}
		l.goroutines += now["go_goroutines"]
		l.descriptors += now["process_open_fds"]
	}
	l.postgres = float64(s.c.number("select count(*) from pg_stat_activity where backend_type = 'client backend'"))
	answer, err := s.c.redis.Do("EVAL", "return(tonumber(redis.call([[info]],[[clients]]):match([[connected_clients:(%d+)]])))", "0")
	if err != nil {
		t.Fatal(err)
	}
	l.redis, err = strconv.ParseFloat(strings.TrimPrefix(answer, ":"), 64)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// most is the higher of two levels, each by itself.
func (l levels) most(m levels) levels {
	return levels{max(l.goroutines, m.goroutines), max(l.descriptors, m.descriptors), max(l.postgres, m.postgres), max(l.redis, m.redis)}
}

// settle waits until no more is held than before.
func (s *soak) settle(t *testing.T, before levels) {
	t.Helper()
	back := func(was, is, few float64) bool { return is <= was+max(was/10, few*float64(len(s.c.nodes))) }
	var now levels
	ok, begun := false, time.Now()
	within(t, 3*deadline, "what is held can be counted", func() bool {
		now = s.levels(t)
		ok = back(before.goroutines, now.goroutines, 10) && back(before.descriptors, now.descriptors, 12) &&
			back(before.postgres, now.postgres, 8) && back(before.redis, now.redis, 2)
		return ok || time.Since(begun) > 2*deadline
	})
	told := fmt.Sprintf("before and after, over %d nodes: %v goroutines, %v; %v descriptors, %v; %v connections to Postgres, %v; %v to Redis, %v", len(s.c.nodes),
		before.goroutines, now.goroutines, before.descriptors, now.descriptors, before.postgres, now.postgres, before.redis, now.redis)
	if t.Log(told); !ok {
		t.Errorf("more is held than before: %s", told)
	}
}
