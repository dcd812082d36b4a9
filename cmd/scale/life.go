package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"nod/cmd/bench/load"
	"nod/verify"
)

// rate is how many people sign in each second.
const rate = 40

// deeds are what is timed of a sign-in, in order, each with when it is to begin: whether
// or not what came before has ended.
var deeds = []struct {
	what  string
	after time.Duration
	do    func(*life, context.Context) error
}{
	{"create", 0, (*life).create},
	{"status", 500 * time.Millisecond, (*life).status},
	{"check, wrong code", 800 * time.Millisecond, (*life).wrong},
	{"resend", 1500 * time.Millisecond, (*life).resend},
	{"check, right code", 2000 * time.Millisecond, (*life).right},
}

// life is one sign-in by a code over SMS.
type life struct {
	at     *node
	user   string
	number verify.Number
	ip     string
	id     string
}

// times are how long each deed took, by its name, counted from when it was to begin.
type times map[string]*load.Latency

func newTimes() times {
	t := times{}
	for _, d := range deeds {
		t[d.what] = load.NewLatency()
	}
	return t
}

// crowd lets the people of a database sign in, one after the other and all over again.
type crowd struct {
	at   *node
	next int // whose turn it is
}

// come lets them come for some time and waits for the last one. into is asked, when each
// begins, where what it takes belongs.
func (c *crowd) come(ctx context.Context, d time.Duration, into func() times) error {
	first, n := c.next, int(d.Seconds()*rate)
	c.next += n
	return load.Pace(ctx, rate, n, func(ctx context.Context, i int, intended time.Time) error {
		return c.life(first+i).live(ctx, intended, into)
	})
}

// life is the sign-in of somebody who is far from the last ones, so that each is met
// where nobody was.
func (c *crowd) life(i int) *life {
	const far = 7919 // a prime
	m := c.at.database.month
	user, number := m.who(i * far % m.size())
	ip := fmt.Sprintf("198.18.%d.%d", i>>8&255, i&255) // RFC 2544
	return &life{at: c.at, user: user, number: number, ip: ip}
}

func (l *life) live(ctx context.Context, begun time.Time, into func() times) error {
	for _, d := range deeds {
		at := begun.Add(d.after)
		if err := until(ctx, at); err != nil {
			return err
		}
		now := into()
		if err := d.do(l, ctx); err != nil {
			return fmt.Errorf("%s: %w", d.what, err)
		}
		now[d.what].Since(at)
	}
	return nil
}

func (l *life) create(ctx context.Context) error {
	var v struct {
		ID string `json:"verification_id"`
	}
	err := l.at.call(ctx, http.MethodPost, "/api/v1/verifications", map[string]any{
		"user_id": l.user, "phone_number": l.number.E164(), "channel": "sms", "context": map[string]string{"ip": l.ip},
	}, &v)
	l.id = v.ID
	return err
}

func (l *life) act(ctx context.Context, method, act string, body any) error {
	return l.at.call(ctx, method, "/api/v1/verifications/"+l.id+act, body, nil)
}

func (l *life) status(ctx context.Context) error { return l.act(ctx, http.MethodGet, "", nil) }

func (l *life) resend(ctx context.Context) error {
	return l.act(ctx, http.MethodPost, "/resend", map[string]string{})
}

func (l *life) wrong(ctx context.Context) error {
	code := []byte(l.code())
	code[0] = '0' + (code[0]-'0'+1)%10
	return l.act(ctx, http.MethodPost, "/check", map[string]string{"code": string(code)})
}

func (l *life) right(ctx context.Context) error {
	var v struct{ Status string }
	err := l.at.call(ctx, http.MethodPost, "/api/v1/verifications/"+l.id+"/check", map[string]string{"code": l.code()}, &v)
	if err == nil && v.Status != string(verify.Approved) {
		err = fmt.Errorf("it is %s, not approved", v.Status)
	}
	return err
}

// code is what stands in the SMS, which nobody reads here: we have the keys.
func (l *life) code() string {
	keys := l.at.database.month.keys
	return keys.Code(&verify.Verification{ID: l.id, Number: l.number}, verify.Code{KeyID: keys.CodeKey(), Channel: verify.SMS, Generation: 1, Length: 6})
}

// call calls the node as an integrator does.
func (n *node) call(ctx context.Context, method, path string, body, into any) error {
	var raw []byte
	if body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, n.url+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := n.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if raw, err = io.ReadAll(res.Body); err != nil {
		return err
	}
	if res.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s: %s", res.Status, raw)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(raw, into)
}

// until waits for a time.
func until(ctx context.Context, at time.Time) error {
	t := time.NewTimer(time.Until(at))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
