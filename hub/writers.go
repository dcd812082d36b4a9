package hub

import "sync"

// maxWriters bounds the goroutines that write. So many sockets can be stalled
// at once, each for the 5 s a write may take, before others have to wait.
const maxWriters = 4096

// writers write what sessions have to say. A standing writer for each session
// would double the price of an idle one, a fixed pool would let a few sockets
// that do not read hold up all others. So a session with something to write goes
// to an idle writer, and only if there is none to a new one; those that nobody
// needed for a while leave.
type writers struct {
	mu      sync.Mutex
	work    sync.Cond // on mu: there is work, or reason to leave
	first   *Session  // that wait for a writer, in turn
	last    *Session
	waiting int // sessions
	count   int // writers
	idle    int // writers that wait for a session
	spare   int // fewest idle writers since the last trim
	leaving int // idle writers asked to go
	all     sync.WaitGroup
}

func newWriters() *writers {
	w := new(writers)
	w.work.L = &w.mu
	return w
}

// add has s flushed soon. The caller sees to it that s is added once at a time.
func (w *writers) add(s *Session) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.last == nil {
		w.first = s
	} else {
		w.last.nextToWrite = s
	}
	w.last = s
	w.waiting++
	switch {
	case w.waiting <= w.idle:
		w.work.Signal()
	case w.count < maxWriters:
		w.count++
		w.all.Go(w.write)
	}
	w.spare = min(w.spare, w.idle-w.waiting)
}

func (w *writers) write() {
	buf := make([]byte, 0, bufferSize) // ticks are made in it
	for {
		s := w.next()
		if s == nil {
			return
		}
		buf = s.flush(buf)
	}
}

// next waits for a session; nil means to leave.
func (w *writers) next() *Session {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.first == nil {
		if w.leaving > 0 {
			w.leaving--
			w.count--
			return nil
		}
		w.idle++
		w.work.Wait()
		w.idle--
	}
	s := w.first
	w.first, s.nextToWrite = s.nextToWrite, nil
	if w.first == nil {
		w.last = nil
	}
	w.waiting--
	return s
}

// trim sends half of the writers away that were idle all the time since the
// last call.
func (w *writers) trim() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dismissLocked((max(w.spare, 0) + 1) / 2)
	w.spare = w.idle - w.leaving
}

func (w *writers) dismissLocked(n int) {
	w.leaving = n
	for range n {
		w.work.Signal()
	}
}

// stop waits for the last writer, after the last session is gone.
func (w *writers) stop() {
	w.mu.Lock()
	w.dismissLocked(w.count)
	w.mu.Unlock()
	w.all.Wait()
}

func (w *writers) size() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count
}
