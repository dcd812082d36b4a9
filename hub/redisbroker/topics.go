package redisbroker

import (
	"hash/maphash"
	"slices"
	"sync"
)

// parts is in how many portions the entries are written again; each has a lock
// of its own.
const parts = 64

// topics is what this node has joined: the truth about it, of which Redis holds
// a copy.
type topics struct {
	seed  maphash.Seed
	parts [parts]part
}

type part struct {
	mu     sync.Mutex
	joined map[string]joined
}

// joined is one topic. It is kept by value, for a node may hold 100,000.
type joined struct {
	conn      string   // the newest connection
	older     []string // the others
	stamp     int64    // server time of the newest, in µs; grows
	exclusive bool
	known     bool // Redis has had its entry
}

func (t *topics) init() {
	t.seed = maphash.MakeSeed()
	for i := range t.parts {
		t.parts[i].joined = make(map[string]joined)
	}
}

func (t *topics) part(topic string) *part {
	return &t.parts[maphash.String(t.seed, topic)%parts]
}

// join adds a connection. news tells that Redis has to know.
func (t *topics) join(topic, conn string, exclusive bool, now int64) (news bool) {
	p := t.part(topic)
	p.mu.Lock()
	defer p.mu.Unlock()
	j, there := p.joined[topic]
	if there {
		j.older = append(j.older, j.conn)
	}
	news = exclusive || !there
	if news {
		j.stamp = max(now, j.stamp+1)
	}
	j.conn, j.exclusive = conn, j.exclusive || exclusive
	p.joined[topic] = j
	return news
}

// leave takes a connection away. last tells that it was the only one; stamp is
// what the topic's entry in Redis begins with.
func (t *topics) leave(topic, conn string) (stamp int64, last bool) {
	p := t.part(topic)
	p.mu.Lock()
	defer p.mu.Unlock()
	j, there := p.joined[topic]
	switch i := slices.Index(j.older, conn); {
	case !there:
		return 0, false
	case i >= 0:
		j.older = slices.Delete(j.older, i, i+1)
	case j.conn != conn:
		return 0, false
	case len(j.older) == 0:
		delete(p.joined, topic)
		return j.stamp, true
	default:
		j.conn = j.older[len(j.older)-1]
		j.older = j.older[:len(j.older)-1]
	}
	p.joined[topic] = j
	return 0, false
}

func (t *topics) get(topic string) (joined, bool) {
	p := t.part(topic)
	p.mu.Lock()
	defer p.mu.Unlock()
	j, ok := p.joined[topic]
	return j, ok
}

func (t *topics) holds(topic string) bool {
	_, ok := t.get(topic)
	return ok
}

// note keeps what Redis made of an entry written with the stamp from, unless
// there is a newer connection.
func (t *topics) note(topic string, from, to int64, known bool) {
	p := t.part(topic)
	p.mu.Lock()
	defer p.mu.Unlock()
	if j, ok := p.joined[topic]; ok && j.stamp == from && (from != to || j.known != known) {
		j.stamp, j.known = to, known
		p.joined[topic] = j
	}
}

// names lists one part.
func (t *topics) names(i int) []string {
	p := &t.parts[i]
	p.mu.Lock()
	defer p.mu.Unlock()
	names := make([]string, 0, len(p.joined))
	for name := range p.joined {
		names = append(names, name)
	}
	return names
}

func (t *topics) count() (n int) {
	for i := range t.parts {
		p := &t.parts[i]
		p.mu.Lock()
		n += len(p.joined)
		p.mu.Unlock()
	}
	return n
}
