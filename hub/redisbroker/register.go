package redisbroker

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"nod/hub"
)

const (
	entryLife    = 90 * time.Second
	refreshEvery = 30 * time.Second // each entry, one part after the other
	maxEntries   = 1 << 14          // changes that wait for Redis
	entryBatch   = 128              // changes in one pipeline, and as many that are refreshed
	sample       = 64               // topics that a refresh looks at, if there are as many

	// emptiedEvery is how often entries that are gone have all written again.
	emptiedEvery = time.Second

	// margin is how far the server time of two nodes may be apart: within it the
	// connection that reaches a working Redis last is the newer one.
	margin = 100 * time.Millisecond
)

// entry is one change of an entry in Redis: a topic joined by this node, or the
// entry of a node to be removed.
type entry struct {
	topic  string
	remove string          // node whose entry goes; "": this node joined
	begins string          // what an entry to be removed has to begin with
	ctx    context.Context // Join's: when it has ended, the change is no fresh one any more
	done   chan error      // where Join waits
}

// sweep is what the registrar has to write again. Others only ask for it.
type sweep struct {
	mu      sync.Mutex
	due     int             // parts that are written without waiting
	owed    map[string]bool // topics that Redis did not take
	retry   bool            // owed is tried again
	wholeAt time.Time
	news    chan struct{}

	// The registrar's own.
	next int // part
	now  []string
}

func newSweep() sweep { return sweep{owed: make(map[string]bool), news: make(chan struct{}, 1)} }

// whole has all entries written again at once.
func (s *sweep) whole() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.due, s.wholeAt = parts, time.Now()
	clear(s.owed)
	signal(s.news)
}

// again has what failed tried again.
func (s *sweep) again() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.retry = len(s.owed) > 0; s.retry {
		signal(s.news)
	}
}

func (s *sweep) owe(topic string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.owed[topic] = true
}

// settled tells that all entries were not written just now.
func (s *sweep) settled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Since(s.wholeAt) > emptiedEvery
}

// underway tells that all entries are being written: none needs a refresh.
func (s *sweep) underway() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.due > 0 || len(s.now) > 0
}

// fill takes the next topics to be written at once.
func (s *sweep) fill(t *topics) (batch []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.retry {
		for topic := range s.owed {
			s.now = append(s.now, topic)
		}
		clear(s.owed)
		s.retry = false
	}
	for len(s.now) == 0 && s.due > 0 {
		s.due--
		s.part(t)
	}
	return s.cut()
}

// refresh takes the next part, and more where they are small: so a node that has
// few topics looks at all of them each time.
func (s *sweep) refresh(t *topics) {
	for i := 0; i < parts && len(s.now) < sample; i++ {
		s.part(t)
	}
}

func (s *sweep) part(t *topics) {
	s.now = append(s.now, t.names(s.next)...)
	s.next = (s.next + 1) % parts
}

func (s *sweep) cut() (batch []string) {
	n := min(entryBatch, len(s.now))
	batch, s.now = s.now[:n:n], s.now[n:]
	return batch
}

// Join implements [hub.Broker]. After an error the entry is made as soon as
// Redis takes it, and the stamps decide who is newer.
func (b *Broker) Join(ctx context.Context, topic, conn string, since time.Time, exclusive bool) error {
	news := b.topics.join(topic, conn, exclusive, since.UnixMicro())
	if b.path.dead.Load() {
		return ErrDown // all is registered when it is live again
	}
	if !news {
		return nil
	}
	ctx, cancel := b.bounded(ctx)
	defer cancel()
	e := entry{topic: topic, ctx: ctx, done: make(chan error, 1)}
	select {
	case b.entries <- e:
		return b.await(ctx, e.done)
	default:
		b.counts.failed.Add(1)
		b.sweep.owe(topic)
		return ErrFull
	}
}

// Leave implements [hub.Broker]. It never waits; what Redis does not take ends
// with the first message that it leads here, or with the entry's life.
func (b *Broker) Leave(topic, conn string) {
	if stamp, last := b.topics.leave(topic, conn); last {
		b.remove(topic, b.node, strconv.FormatInt(stamp, 10)+" ")
	}
}

func (b *Broker) remove(topic, node, begins string) {
	if b.path.dead.Load() {
		return
	}
	select {
	case b.entries <- entry{topic: topic, remove: node, begins: begins}:
	default:
		b.counts.failed.Add(1)
	}
}

// register is the registrar: it alone writes entries, so those of one topic are
// written in order. It takes turns, for each of its tasks may never end.
func (b *Broker) register() {
	tick := time.NewTicker(refreshEvery / parts)
	defer tick.Stop()
	for {
		select {
		case e := <-b.entries:
			b.write(b.gather([]entry{e}), nil)
		case <-b.sweep.news:
			if again := b.sweep.fill(&b.topics); len(again) > 0 {
				signal(b.sweep.news) // there may be more
				b.write(b.gather(nil), again)
			}
		case <-tick.C:
			b.refresh()
		case <-b.closing:
			for end := time.Now().Add(replyLimit); len(b.entries) > 0 && time.Now().Before(end); {
				b.write(b.gather(nil), nil)
			}
			return
		}
	}
}

// refresh keeps entries from ending, and notices that some are gone: then Redis,
// or one shard of it, was emptied.
func (b *Broker) refresh() {
	if b.path.dead.Load() || b.sweep.underway() {
		return
	}
	gone := 0
	b.sweep.refresh(&b.topics)
	for again := b.sweep.cut(); len(again) > 0; again = b.sweep.cut() {
		gone += b.write(b.gather(nil), again)
	}
	if gone == 0 {
		return
	}
	b.counts.emptied.Add(1)
	if b.sweep.settled() {
		b.log.Warn("redis was emptied; writing all entries again", "gone", gone, "topics", b.topics.count())
		b.sweep.whole()
	}
}

func (b *Broker) gather(batch []entry) []entry {
	for len(batch) < entryBatch {
		select {
		case e := <-b.entries:
			batch = append(batch, e)
		default:
			return batch
		}
	}
	return batch
}

// written is one registration on its way.
type written struct {
	topic string
	as    joined
	cmd   *redis.Cmd
	run   func(*scripts) *redis.Cmd
	done  chan error
}

// write sends changes and topics to be written again in one pipeline. gone counts
// entries that had been there before.
func (b *Broker) write(changes []entry, again []string) (gone int) {
	epoch := b.path.epoch.Load()
	var all []written
	for _, e := range changes {
		if e.remove != "" {
			if e.remove != b.node || !b.topics.holds(e.topic) { // it may have joined anew
				all = append(all, b.removal(e))
			}
		} else if w, ok := b.registration(e.topic, epoch, e.ctx.Err() == nil); ok {
			w.done = e.done
			all = append(all, w)
		} else {
			e.done <- nil // it left meanwhile
		}
	}
	for _, topic := range again {
		if w, ok := b.registration(topic, epoch, false); ok {
			all = append(all, w)
		}
	}
	if b.path.dead.Load() {
		for _, w := range all {
			b.settle(w, ErrDown)
		}
		return 0
	}
	b.execute(all)
	for _, w := range all {
		if b.settle(w, w.cmd.Err()) && w.as.known {
			gone++
		}
	}
	return gone
}

// execute runs all, and once more those whose script a shard did not know.
func (b *Broker) execute(all []written) {
	ctx, cancel := context.WithTimeout(context.Background(), replyLimit)
	defer cancel()
	s := newScripts(b.client)
	for i := range all {
		all[i].cmd = all[i].run(s)
	}
	_, _ = s.pipe.Exec(ctx) // each command holds its own error
	s.known = nil
	for i := range all {
		if forgotten(all[i].cmd) {
			all[i].cmd = all[i].run(&scripts{s.pipe, map[*redis.Script]bool{}})
		}
	}
	if s.pipe.Len() > 0 {
		_, _ = s.pipe.Exec(ctx)
	}
}

// removal leaves an entry alone that was written anew since.
func (b *Broker) removal(e entry) written {
	return written{run: func(s *scripts) *redis.Cmd {
		return s.run(context.Background(), removing, key(e.topic), e.remove, e.begins)
	}}
}

// registration writes what stands in memory. A fresh one wins against an entry
// that is only a little newer.
func (b *Broker) registration(topic string, epoch uint64, fresh bool) (written, bool) {
	j, ok := b.topics.get(topic)
	if !ok {
		return written{}, false
	}
	ahead := int64(-1)
	if j.exclusive {
		if ahead = 0; fresh {
			ahead = margin.Microseconds()
		}
	}
	rest := " " + strconv.FormatUint(epoch, 10) + " " + j.conn
	return written{topic: topic, as: j, run: func(s *scripts) *redis.Cmd {
		return s.run(context.Background(), registering, key(topic), b.node, j.stamp, rest, entryLife.Milliseconds(), ahead)
	}}, true
}

// settle acts on Redis's answer and tells whether an entry was made anew.
func (b *Broker) settle(w written, err error) (made bool) {
	if w.done != nil {
		defer func() { w.done <- err }()
	}
	switch {
	case err != nil:
		b.counts.failed.Add(1)
		if w.topic != "" {
			b.sweep.owe(w.topic)
		}
		return false
	case w.topic == "":
		return false // a removal
	}
	switch answer := w.cmd.Val().(type) {
	case int64:
		b.topics.note(w.topic, w.as.stamp, answer, true)
	case []any:
		return b.contest(w, answer)
	}
	return false
}

// contest leaves the newest of several connections.
func (b *Broker) contest(w written, answer []any) (made bool) {
	stamp, _ := answer[0].(int64)
	if stamp < 0 {
		newer, _ := answer[1].(string)
		b.topics.note(w.topic, w.as.stamp, w.as.stamp, false)
		if f := strings.SplitN(newer, " ", 3); len(f) == 3 {
			stamp, _ = strconv.ParseInt(f[0], 10, 64) // the script has read it
			b.replaced(w.topic, f[2], stamp)
		}
		return false
	}
	b.topics.note(w.topic, w.as.stamp, stamp, true)
	for _, older := range answer[2:] {
		node, _ := older.(string)
		b.tell(node, replacedFrame(b.id, w.topic, w.as.conn, stamp))
	}
	return answer[1] == int64(1)
}

// replaced closes this node's connections on topic for a newer one elsewhere. It
// is false if there are none, or they are newer still.
func (b *Broker) replaced(topic, conn string, stamp int64) bool {
	j, ok := b.topics.get(topic)
	if !ok || j.stamp > stamp {
		return false
	}
	b.counts.replaced.Add(1)
	b.hear(hub.Replaced(topic, conn))
	return true
}
