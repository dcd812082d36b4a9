package hub

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// drainPool is how many goodbyes are said at once: one may take 10 s when the
// peer does not answer.
const drainPool = 512

// Run drives the hub until ctx ends or the broker fails, then drains it: new
// connections are refused with 503, those that stand are told to come back at
// different moments and closed with 1001. What has not left after DrainTimeout
// is cut off. When Run returns, no goroutine of the hub is left; it cannot be
// run again.
func (h *Hub) Run(ctx context.Context) error {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	var parts sync.WaitGroup
	parts.Go(func() { h.wheel.run(running) })
	failed := make(chan error, 1)
	parts.Go(func() { failed <- h.broker.Run(running, h.deliver) })

	err := h.watch(ctx, failed)
	h.drain()
	stop()
	parts.Wait()
	h.writers.stop()
	return err
}

// watch waits for the end and lets go what is not needed: writers, and what is
// known of addresses that have left.
func (h *Hub) watch(ctx context.Context, failed <-chan error) error {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case <-second.C:
			h.writers.trim()
			h.mu.Lock()
			h.crowd.forget(time.Now())
			h.mu.Unlock()
		case <-ctx.Done():
			return nil
		case err := <-failed:
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("running broker: %w", err)
		}
	}
}

// drain says goodbye to everybody. The broker still runs, so what is published
// meanwhile reaches those who have not gone yet.
func (h *Hub) drain() {
	h.mu.Lock()
	h.draining = true
	h.mu.Unlock()
	ctx, cancel := context.WithTimeout(h.alive, h.config.DrainTimeout)
	defer cancel()

	waiting := h.present()
	spread := reconnectSpread(len(waiting))
	work := make(chan *Session)
	var pool sync.WaitGroup
	for range min(drainPool, len(waiting)) {
		pool.Go(func() {
			for s := range work {
				v := &violation{code: CloseGoingAway, reason: ByeDraining, bye: ByeDraining}
				select {
				case <-s.depart(v, 500*time.Millisecond+rand.N(spread)):
				case <-ctx.Done():
				}
			}
		})
	}
	for _, s := range waiting {
		work <- s
	}
	close(work)
	pool.Wait()

	h.kill()
	for _, s := range h.present() {
		s.socket.abort()
	}
	h.open.Wait()
}

// Recall sends every authenticated connection of this node away with 1013, to
// come back at different moments and be told the present state anew: for an
// application that has missed more than it can tell. It does not wait.
func (h *Hub) Recall() {
	all := h.present()
	spread := reconnectSpread(len(all))
	for _, s := range all {
		if s.admitted.Load() {
			s.closeAfter(errBehind, 500*time.Millisecond+rand.N(spread))
		}
	}
}

// reconnectSpread lets 500 connections a second come back to the other nodes,
// over 2 s at least and the 30 s of a client's longest own wait at most.
func reconnectSpread(connections int) time.Duration {
	return min(max(time.Duration(connections)*2*time.Millisecond, 2*time.Second), 30*time.Second)
}
