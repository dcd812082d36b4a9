package hub

import (
	"hash/maphash"
	"slices"
	"sync"
)

// topics tell who on this node hears what. A topic's lock is held while a
// message is delivered to all of it: so everybody hears messages in one order,
// those that come or go meanwhile stand before or after, and a message for one
// topic waits for no other.
type topics struct {
	seed   maphash.Seed
	shards [64]shard
}

type shard struct {
	mu    sync.RWMutex
	named map[string]*topic
}

type topic struct {
	mu        sync.Mutex
	sessions  []*Session
	listeners []*listener
}

type listener struct{ deliver func(Message) }

func newTopics() *topics {
	t := &topics{seed: maphash.MakeSeed()}
	for i := range t.shards {
		t.shards[i].named = make(map[string]*topic)
	}
	return t
}

// shard spreads the lock of the map of topics.
func (t *topics) shard(name string) *shard {
	return &t.shards[maphash.String(t.seed, name)%uint64(len(t.shards))]
}

// change runs f on the named topic, which is made before and dropped after
// where need be.
func (t *topics) change(name string, f func(*topic)) {
	sh := t.shard(name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	it := sh.named[name]
	if it == nil {
		it = new(topic)
		sh.named[name] = it
	}
	it.mu.Lock()
	defer it.mu.Unlock()
	f(it)
	if len(it.sessions)+len(it.listeners) == 0 {
		delete(sh.named, name)
	}
}

// read runs f on the named topic, if there is one.
func (t *topics) read(name string, f func(*topic)) {
	sh := t.shard(name)
	sh.mu.RLock()
	it := sh.named[name]
	sh.mu.RUnlock()
	if it == nil {
		return
	}
	it.mu.Lock()
	defer it.mu.Unlock()
	f(it)
}

// join puts s on its topic, unless that is full. On an exclusive one the newest
// stays: a connection that was long in being judged does not replace the one after
// it. Where there is a limit those that stand keep their places: whoever opens more
// than anybody needs harms nobody but themselves.
func (t *topics) join(s *Session) (joined bool) {
	t.change(s.identity.Topic, func(it *topic) {
		if most := s.identity.Most; most > 0 && it.present() >= most {
			return
		}
		if s.identity.Exclusive {
			for _, other := range it.sessions {
				if other.since.After(s.since) {
					s.close(errReplaced)
				} else {
					other.close(errReplaced)
				}
			}
		}
		it.sessions = append(it.sessions, s)
		joined = true
	})
	return joined
}

// present counts the sessions that are not ending.
func (it *topic) present() (n int) {
	for _, s := range it.sessions {
		if !s.closingDown() {
			n++
		}
	}
	return n
}

// settle delivers what came while s was opening; from now on messages go
// straight to its client.
func (t *topics) settle(s *Session) {
	t.read(s.identity.Topic, func(*topic) {
		s.opening = false
		for _, m := range s.held {
			s.client.Deliver(s, m)
		}
		s.held = nil
	})
}

// leave takes s from its topic: after it, its client hears nothing any more.
func (t *topics) leave(s *Session) {
	t.change(s.identity.Topic, func(it *topic) {
		it.sessions = slices.DeleteFunc(it.sessions, func(other *Session) bool { return other == s })
	})
}

func (t *topics) listen(name string, l *listener) {
	t.change(name, func(it *topic) { it.listeners = append(it.listeners, l) })
}

func (t *topics) unlisten(name string, l *listener) {
	t.change(name, func(it *topic) {
		it.listeners = slices.DeleteFunc(it.listeners, func(other *listener) bool { return other == l })
	})
}

// deliver hands m to everybody on its topic and counts them.
func (t *topics) deliver(m Message) (heard int) {
	t.read(m.Topic, func(it *topic) {
		for _, s := range it.sessions {
			if s.hear(m) {
				heard++
			}
		}
		for _, l := range it.listeners {
			l.deliver(m)
			heard++
		}
	})
	return heard
}

// closeAll sends everybody on a topic away but the connection named except.
func (t *topics) closeAll(name, except string, v *violation) (closed int) {
	t.read(name, func(it *topic) {
		for _, s := range it.sessions {
			if s.id != except {
				s.close(v)
				closed++
			}
		}
	})
	return closed
}

// hear takes one message, with the topic's lock held.
func (s *Session) hear(m Message) bool {
	switch {
	case s.closingDown():
		return false
	case !s.opening:
		s.client.Deliver(s, m)
	case len(s.held) == maxQueue:
		s.close(errSlow)
		return false
	default:
		s.held = append(s.held, m)
	}
	return true
}
