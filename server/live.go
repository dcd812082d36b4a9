package server

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"nod/hub"
)

const (
	repairers     = 4                // goroutines that read the store for watchers that missed something
	repairQueue   = 1024             // watchers that may wait for them
	clockEvery    = 10               // beats between two looks at the store's clock
	touchEvery    = 30               // beats between two records of who is connected: half of what holds back an SMS
	farewellLimit = 5 * time.Second  // for the last record
	watchAfterEnd = 10 * time.Minute // how long a client secret opens what has ended
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
	repairs chan func(context.Context)
	over    context.Context // ends with Run: streams and polls go home
	close   func()          // ends over
	room    room            // of those that stay

	mu       sync.Mutex
	consoles map[*hub.Session]*consoleClient
	left     map[string]struct{} // devices that closed a connection since the last record
}

func newLive() *live {
	over, closeAll := context.WithCancel(context.Background())
	return &live{
		repairs: make(chan func(context.Context), repairQueue),
		over:    over, close: closeAll, room: room{owned: map[owner]int{}},
		consoles: map[*hub.Session]*consoleClient{},
		left:     map[string]struct{}{},
	}
}

// Now is the store's time as this process knows it, without asking: what ticks
// and remaining seconds are counted by. Decisions are made by the time that the
// store itself tells inside the transaction.
func (s *Server) Now() time.Time { return time.Now().Add(time.Duration(s.live.skew.Load())) }

// Run does what connections need from time to time, until ctx ends: it repairs
// watchers that missed something, records which devices are connected, tells
// consoles figures and follows the store's clock. At its end it sends streams and
// long polls home. It runs once.
func (s *Server) Run(ctx context.Context) error {
	var parts sync.WaitGroup
	defer parts.Wait()
	for range repairers {
		parts.Go(func() { s.repair(ctx) })
	}
	s.followClock(ctx)
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for beat := 1; ; beat++ {
		select {
		case <-second.C:
			s.tellConsoles()
			s.recordConnected(ctx, beat%touchEvery == 0)
			if beat%clockEvery == 0 {
				s.followClock(ctx)
			}
		case <-ctx.Done():
			s.live.close()
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewellLimit)
			defer cancel()
			s.recordConnected(last, true) // whoever is still here was here a moment before the next start
			return nil
		}
	}
}

// repair works off what watchers ask for when they cannot wait for it.
func (s *Server) repair(ctx context.Context) {
	for {
		select {
		case do := <-s.live.repairs:
			do(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// followClock measures how far the store's clock is from this process's.
func (s *Server) followClock(ctx context.Context) {
	before := time.Now()
	now, err := s.store.Now(ctx)
	if err != nil {
		s.log.WarnContext(ctx, "the store's clock cannot be read", "error", err)
		return
	}
	after := time.Now()
	skew := now.Sub(before.Add(after.Sub(before) / 2))
	if skew.Abs() <= max(after.Sub(before), 2*time.Millisecond) {
		skew = 0 // no more than the measuring itself
	}
	s.live.skew.Store(int64(skew))
}

// recordConnected records the devices that closed a connection, with all those that hold
// one too: a device that was here within a minute holds back an SMS.
func (s *Server) recordConnected(ctx context.Context, all bool) {
	s.live.mu.Lock()
	ids := slices.Collect(maps.Keys(s.live.left))
	clear(s.live.left)
	s.live.mu.Unlock()
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
	if err := s.store.TouchDevices(ctx, slices.Compact(ids)); err != nil {
		s.log.WarnContext(ctx, "connected devices were not recorded", "devices", len(ids), "error", err)
	}
}

func (l *live) deviceLeft(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left[id] = struct{}{}
}

func deviceTopic(id string) string       { return "device:" + id }
func verificationTopic(id string) string { return "verification:" + id }

const consoleTopic = "console"
