package server

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"nod/hub"
)

const (
	maxWatchers   = 32               // pages on one node that follow one verification over a socket: more than a person has tabs
	maxConsoles   = 64               // on one node: each hears every event
	repairers     = 16               // goroutines that read the store for connections that missed something
	repairAgain   = 2 * time.Second  // after the store failed one
	clockEvery    = 10 * time.Second // between two looks at the store's clock
	touchPart     = 1000             // devices that are recorded at once
	touchEvery    = 30               // beats between two records of who is connected: half of what holds back an SMS
	farewellLimit = 5 * time.Second  // for the last record
	watchAfterEnd = 10 * time.Minute // how long a client secret opens what has ended
	skewLimit     = 30 * time.Second // between the store's clock and this process's: more is worth a warning
)

// Roles of connections.
const (
	roleDevice  = "device"
	roleWatcher = "watcher"
	roleConsole = "console"
)

// live is what the server holds for those who are connected. None of it has to
// survive: it is read from the store again by whoever connects again.
type live struct {
	skew    atomic.Int64 // the store's clock less this process's, in nanoseconds
	skewed  bool         // it was warned about; followClock's alone
	backlog backlog      // of connections that missed something
	phones  phones
	over    context.Context // ends with Run: streams and polls go home
	close   func()          // ends over
	room    room            // of those that stay
	node    string          // names this process to consoles
	health  health
	pulse   pulseReader

	mu       sync.Mutex
	anew     chan struct{} // closed when streams and polls are to read everything again
	consoles map[*hub.Session]*consoleClient
	left     map[string]struct{} // devices that closed a connection since the last record
}

func newLive() *live {
	over, closeAll := context.WithCancel(context.Background())
	return &live{
		backlog: backlog{more: make(chan struct{}, 1)},
		phones:  phones{first: map[string]*deviceClient{}},
		over:    over, close: closeAll, room: room{owned: map[owner]int{}, from: map[netip.Addr]int{}}, anew: make(chan struct{}),
		node: newNodeName(), health: health{known: map[string]answered{}}, pulse: newPulseReader(),
		consoles: map[*hub.Session]*consoleClient{},
		left:     map[string]struct{}{},
	}
}

// Now is the store's time as this process knows it, without asking: what ticks
// and remaining seconds are counted by. Decisions are made by the time that the
// store itself tells inside the transaction.
func (s *Server) Now() time.Time { return time.Now().Add(time.Duration(s.live.skew.Load())) }

// Run does what connections need from time to time, until ctx ends: it repairs
// those that missed something, records which devices are connected, tells
// consoles figures and the pulse, and follows the store's clock. At its end it
// sends streams and long polls home. It runs once.
func (s *Server) Run(ctx context.Context) error {
	var parts sync.WaitGroup
	defer parts.Wait()
	for range repairers {
		parts.Go(func() { s.live.backlog.work(ctx) })
	}
	if s.config.Repair {
		parts.Go(func() { s.repairAll(ctx) })
	} else {
		parts.Go(func() { s.watchClock(ctx) })
	}
	parts.Go(func() { s.takePulses(ctx) })
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for beat := 1; ; beat++ {
		select {
		case <-second.C:
			s.publishFigures()
			s.pulse()
			s.recordConnected(ctx, beat%touchEvery == 0)
		case <-ctx.Done():
			s.live.close()
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewellLimit)
			defer cancel()
			s.recordConnected(last, true) // whoever is still here was here a moment before the next start
			return nil
		}
	}
}

// watchClock follows the store's clock where no repair does.
func (s *Server) watchClock(ctx context.Context) {
	clock := trouble{log: s.log, what: "the store's clock cannot be read"}
	for {
		_, err := s.followClock(ctx)
		if ctx.Err() != nil {
			return
		}
		clock.note(ctx, err)
		if !rest(ctx, clockEvery) {
			return
		}
	}
}

// followClock measures how far the store's clock is from this process's, and
// returns its time as it was asked.
func (s *Server) followClock(ctx context.Context) (time.Time, error) {
	before := time.Now()
	now, err := s.store.Now(ctx)
	if err != nil {
		return now, err
	}
	after := time.Now()
	skew := now.Sub(before.Add(after.Sub(before) / 2))
	if skew.Abs() <= max(after.Sub(before), 2*time.Millisecond) {
		skew = 0 // no more than the measuring itself
	}
	s.live.skew.Store(int64(skew))
	if skewed := skew.Abs() > skewLimit; skewed != s.live.skewed {
		s.live.skewed = skewed
		if skewed {
			s.log.WarnContext(ctx, "this node's clock is off: nothing depends on it, but its logs tell the wrong time", "skew_s", skew.Seconds())
		} else {
			s.log.InfoContext(ctx, "this node's clock is right again", "skew_s", skew.Seconds())
		}
	}
	return now, nil
}

// recordConnected records the devices that closed a connection, with all those that hold
// one too: a device that was here within a minute holds back an SMS.
func (s *Server) recordConnected(ctx context.Context, all bool) {
	s.live.mu.Lock()
	gone := slices.Collect(maps.Keys(s.live.left))
	clear(s.live.left)
	s.live.mu.Unlock()
	ids := slices.Clone(gone)
	if all {
		for session := range s.hub.Sessions() {
			if who := session.Identity(); who.Role == roleDevice {
				ids = append(ids, who.ID)
			}
		}
	}
	if len(ids) == 0 {
		return
	}
	slices.Sort(ids)
	for part := range slices.Chunk(slices.Compact(ids), touchPart) {
		err := s.touch(ctx, part)
		s.unrecorded.note(ctx, err)
		if err != nil {
			for _, id := range gone {
				s.live.deviceLeft(id) // it is recorded a little late
			}
			return
		}
	}
}

// touch records devices, and waits for no store that hangs.
func (s *Server) touch(ctx context.Context, ids []string) error {
	ctx, cancel := hurried(ctx)
	defer cancel()
	return s.store.TouchDevices(ctx, ids)
}

// recall has streams and polls read everything again.
func (l *live) recall() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.anew)
	l.anew = make(chan struct{})
}

// recalled is closed by the next recall.
func (l *live) recalled() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.anew
}

func (l *live) deviceLeft(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left[id] = struct{}{}
}

func deviceTopic(id string) string       { return "device:" + id }
func verificationTopic(id string) string { return "verification:" + id }

const consoleTopic = "console"
