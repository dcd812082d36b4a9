package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"nod/delivery"
	"nod/verify"
)

const (
	receiptRoom  = 64              // receipts that are looked at together
	receiptBody  = 5 * time.Second // for a body to arrive
	forgedPause  = time.Minute     // between two lines of the log about forged ones
	forgedDetail = "This request does not bear the provider's signature for this address. Compare NOD_PUBLIC_URL with the address that the provider calls, and the secret set here with the provider's own."
)

// receive takes what a provider tells about messages that it took (contract,
// section 5). Whoever the provider is, it has signed the request: that is checked
// against the public URL, never against what the request says of its host. What is
// told only ever moves a delivery forward ([verify.Verification.Receive]), so a
// receipt that is repeated, late or about another message does no harm.
//
// A provider's addresses are a few, so nobody is limited by them. In place of that
// only so many are looked at together, and those that find no place in time are
// asked to come again, as when the store is in trouble. Vonage then does, for a
// day; of what Twilio tells once, the dispatcher asks
// (https://api.support.vonage.com/hc/en-us/articles/360028543292).
func (s *Server) receive(c echo.Context) error {
	name := c.Param("provider")
	receiver := s.config.Receivers[name]
	if receiver == nil {
		return echo.NewHTTPError(http.StatusNotFound)
	}
	body, err := bodyOf(c)
	if err != nil {
		return err
	}
	ctx, cancel := hurried(c.Request().Context())
	defer cancel()
	leave, err := s.receipts.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	r := c.Request().WithContext(ctx)
	r.Body = io.NopCloser(bytes.NewReader(body))
	told, err := receiver.Receipts(r)
	switch {
	case errors.Is(err, delivery.ErrForged):
		s.receipts.count(name, "forged")
		if s.receipts.speaks(time.Now()) {
			s.log.WarnContext(ctx, "a receipt was forged, or a provider's secret or NOD_PUBLIC_URL is wrong; more of them are only counted for a minute", "provider", name, "request_id", requestID(ctx))
		}
		return newProblem(verify.CodeForbidden, forgedDetail)
	case err != nil:
		s.receipts.count(name, "unreadable")
		return invalid("", "This is no receipt that nod can read.")
	}
	if err := s.takeReceipts(ctx, name, told); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// takeReceipts records what was told. When nothing here is about any of it the
// answer is 404; which of them, it does not say.
func (s *Server) takeReceipts(ctx context.Context, provider string, told []verify.Receipt) error {
	unknown := 0
	for _, r := range told {
		r.Provider = provider // a signature speaks for its own provider only
		switch err := s.takeReceipt(ctx, r); {
		case errors.Is(err, verify.ErrNotFound):
			s.receipts.count(provider, "unknown")
			unknown++
		case err != nil:
			return err
		default:
			s.receipts.count(provider, "taken")
		}
	}
	if unknown > 0 && unknown == len(told) {
		return echo.NewHTTPError(http.StatusNotFound)
	}
	return nil
}

func (s *Server) takeReceipt(ctx context.Context, r verify.Receipt) error {
	id, err := s.verificationOf(ctx, r)
	if err != nil {
		return err
	}
	return s.store.UpdateVerification(ctx, id, nil, func(v *verify.Verification, now time.Time) error {
		v.Receive(r, s.policy, now)
		return nil
	})
}

// verificationOf finds what a receipt is about: by our own id, which is in the
// address that the provider was given, also where the message's was never learned.
func (s *Server) verificationOf(ctx context.Context, r verify.Receipt) (string, error) {
	switch {
	case r.DeliveryID != "":
		return s.store.VerificationOfDelivery(ctx, r.DeliveryID)
	case r.ProviderID != "":
		return s.store.VerificationOfMessage(ctx, r.Provider, r.ProviderID)
	}
	return "", verify.ErrNotFound
}

// bodyOf reads the whole body of a raw request.
func bodyOf(c echo.Context) ([]byte, error) {
	// Not every writer can: a recorder in a test has nothing that could hang.
	_ = http.NewResponseController(c.Response()).SetReadDeadline(time.Now().Add(receiptBody))
	body, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, maxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, tooLarge()
	}
	if err != nil {
		return nil, readProblem(http.StatusRequestTimeout, nil)
	}
	return body, nil
}

// receipts is the room for what providers tell, and what came of it.
type receipts struct {
	places chan struct{}
	told   *prometheus.CounterVec

	mu      sync.Mutex
	spokeAt time.Time
}

func newReceipts(r prometheus.Registerer) (*receipts, error) {
	told := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "nod_receipts_total", Help: "What providers told about messages: taken, unknown, unreadable or forged.",
	}, []string{"provider", "result"})
	return &receipts{places: make(chan struct{}, receiptRoom), told: told}, r.Register(told)
}

// enter waits for a place.
func (r *receipts) enter(ctx context.Context) (leave func(), err error) {
	select {
	case r.places <- struct{}{}:
		return func() { <-r.places }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// count counts one receipt. The name is that of a provider which is set up.
func (r *receipts) count(provider, result string) { r.told.WithLabelValues(provider, result).Inc() }

// speaks reports whether it is time for a line in the log again.
func (r *receipts) speaks(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.spokeAt) < forgedPause {
		return false
	}
	r.spokeAt = now
	return true
}
