package load

import (
	"cmp"
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"nod/client"
)

// Login runs verifications through their whole life: create, prompt, a page that
// watches, the signed answer, the result on the page, the exchange. At a rate it
// measures how long the steps take; with callers in place of one, how many a server
// finishes.
func Login(ctx context.Context, t *Target, c Config) (Result, error) {
	n, d := cmp.Or(c.Devices, 1000), cmp.Or(c.For, 10*time.Second)
	if err := t.Connect(ctx, n); err != nil {
		return Result{}, err
	}
	l := &lives{shown: NewLatency(), result: NewLatency(), whole: NewLatency()}
	if err := Each(ctx, 8, min(n, 50), func(ctx context.Context, i int) error { return l.live(ctx, t, n, i, time.Now()) }); err != nil {
		return Result{}, err
	}
	l = &lives{shown: NewLatency(), result: NewLatency(), whole: NewLatency()}
	before := t.look(ctx)
	var err error
	begun, how := time.Now(), fmt.Sprintf("%.0f begun a second", c.Rate)
	if c.Rate > 0 {
		err = Pace(ctx, c.Rate, int(c.Rate*d.Seconds()), func(ctx context.Context, i int, intended time.Time) error {
			return l.live(ctx, t, n, i, intended)
		})
	} else {
		callers := cmp.Or(c.Callers, 32)
		how = fmt.Sprintf("%d callers", callers)
		_, err = Flood(ctx, callers, d, func(ctx context.Context, i int) error { return l.live(ctx, t, n, i, time.Now()) })
	}
	if err != nil {
		return Result{}, err
	}
	took := time.Since(begun)
	after := t.look(ctx)
	ended := float64(l.ended.Load())
	figures := []Figure{
		{Name: "lives", Value: ended / took.Seconds(), Unit: "1/s"},
		{Name: "CPU each", Value: (after.cpu - before.cpu) / max(ended, 1) * 1000, Unit: "ms"},
	}
	figures = append(figures, l.result.Figures("approve to result")...)
	figures = append(figures, l.shown.Figures("create to frame")...)
	figures = append(figures, l.whole.Figures("whole life")[:2]...)
	if c.Rate > 0 {
		figures[3].Aim, figures[7].Aim = 10, 10
	}
	return t.result("login", fmt.Sprintf("%d devices connected, %s for %v: create, prompt, page, signed answer, result, exchange", n, how, d), l.result, figures)
}

// lives is what whole lives took.
type lives struct {
	shown, result, whole *Latency
	ended                atomic.Int64
}

// live lives one life. One that fails is charged with all that it did not come to.
func (l *lives) live(ctx context.Context, t *Target, n, i int, intended time.Time) error {
	p := t.turn(n)
	v, err := t.API.Start(ctx, login(p, i))
	if err != nil {
		return t.failed(ctx, intended, hint(err), l.shown, l.result, l.whole)
	}
	page, err := t.watch(ctx, v)
	if err != nil {
		return t.failed(ctx, intended, err, l.shown, l.result, l.whole)
	}
	defer page.conn.Close()
	asked, err := p.prompted(ctx, v.VerificationID)
	if err != nil {
		return t.failed(ctx, intended, err, l.shown, l.result, l.whole)
	}
	l.shown.Record(asked.at.Sub(intended))
	approved := time.Now()
	if err := p.answer(asked, v.MatchNumber); err != nil {
		return t.failed(ctx, intended, err, l.result, l.whole)
	}
	end, err := page.result(ctx)
	if err != nil {
		return t.failed(ctx, intended, err, l.result, l.whole)
	}
	l.result.Record(end.at.Sub(approved))
	if _, err := t.API.Exchange(ctx, v.VerificationID, end.ResultToken); err != nil {
		return t.failed(ctx, intended, fmt.Errorf("exchanging: %w", err), l.whole)
	}
	l.whole.Since(intended)
	l.ended.Add(1)
	return nil
}

// page is a page that waits for a verification.
type page struct {
	conn   *Conn
	secret string
	state  chan error  // the present state came, or why it did not
	ends   chan ending // one
}

// ending is what a page is told at the end, with when it was read.
type ending struct {
	Status      string `json:"status"`
	ResultToken string `json:"result_token"`
	at          time.Time
}

// watch connects a page.
func (t *Target) watch(ctx context.Context, v *client.Verification) (*page, error) {
	w := &page{secret: v.ClientSecret, state: make(chan error, 1), ends: make(chan ending, 1)}
	c, err := t.network.Connect(ctx, &Request{URL: t.URL + "/ws", Subprotocol: "nod.v1", OnText: w.hear, OnEnd: w.ended})
	if err != nil {
		return nil, fmt.Errorf("connecting a page: %w", hint(err))
	}
	w.conn = c
	if err := await(ctx, w.state, "a page's state"); err != nil {
		c.Close()
		return nil, err
	}
	return w, nil
}

func (w *page) ended(_ *Conn, err error) {
	select {
	case w.state <- err:
	default: // result will find that nothing comes
	}
}

// hear takes a frame, where thousands are read.
func (w *page) hear(c *Conn, text []byte, at time.Time) {
	switch kind(text) {
	case "challenge":
		if err := c.Write(say("auth", "client_secret", w.secret)); err != nil {
			w.state <- err
		}
	case "snapshot":
		select {
		case w.state <- nil:
		default: // a new prompt has brought a new number
		}
	case "result":
		end, err := data[ending](text)
		if err != nil {
			return // nothing that comes is no result either
		}
		end.at = at
		select {
		case w.ends <- end:
		default: // it was told
		}
	}
}

// result waits for the approval.
func (w *page) result(ctx context.Context) (ending, error) {
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case end := <-w.ends:
		if end.Status != "approved" || end.ResultToken == "" {
			return end, fmt.Errorf("an approved login ended as %q", end.Status)
		}
		return end, nil
	case <-ctx.Done():
		return ending{}, context.Cause(ctx)
	case <-timeout.C:
		return ending{}, fmt.Errorf("no result came in %v", patience)
	}
}
