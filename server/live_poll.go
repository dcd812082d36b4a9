package server

import (
	"context"
	"time"

	"nod/hub"
)

// maxStreams is how many event streams and long polls a node holds at once:
// each costs a goroutine, which a socket does not.
const maxStreams = 4096

// await returns when the verification has an event after seq, when wait is over
// or when the server stops; what became of it is then read as ever.
func (s *Server) await(ctx context.Context, id string, seq int64, wait time.Duration) error {
	done, err := s.takeStream()
	if err != nil {
		return err
	}
	defer done()
	news, stop := s.listen(id)
	defer stop()
	over := time.NewTimer(wait)
	defer over.Stop()
	for {
		v, _, err := s.store.Verification(ctx, id)
		if err != nil || v.Seq > seq {
			return err
		}
		select {
		case <-news:
		case <-over.C:
			return nil
		case <-s.live.ended:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// listen tells when something was published about a verification: not what, so
// that a slow reader holds one mark and no messages.
func (s *Server) listen(id string) (news <-chan struct{}, stop func()) {
	marks := make(chan struct{}, 1)
	stop = s.hub.Listen(verificationTopic(id), func(hub.Message) {
		select {
		case marks <- struct{}{}:
		default: // there is a mark already
		}
	})
	return marks, stop
}

// takeStream takes a place for a request that stays.
func (s *Server) takeStream() (done func(), err error) {
	if s.live.streams.Add(1) > maxStreams {
		s.live.streams.Add(-1)
		p := newProblem(codeUnavailable, "Too many are waiting here at this moment. Try again shortly.")
		p.RetryAfter = storeRest
		return nil, p
	}
	return func() { s.live.streams.Add(-1) }, nil
}
