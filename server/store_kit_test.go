package server_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"nod/server"
	"nod/storage"
	"nod/verify"
)

// counting is a store that counts what the server asks of it. It may be told to
// fail, to hang until its caller gives up, and to tell another time.
type counting struct {
	*storage.Store
	mu          sync.Mutex
	calls       map[string]int
	away, hangs atomic.Bool
	ahead       atomic.Int64 // nanoseconds
}

var errAway = errors.New("the store is away")

// called counts a call; its error is what becomes of it.
func (c *counting) called(ctx context.Context, name string) error {
	c.mu.Lock()
	if c.calls == nil {
		c.calls = map[string]int{}
	}
	c.calls[name]++
	c.mu.Unlock()
	if c.hangs.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	if c.away.Load() {
		return errAway
	}
	return nil
}

// since returns the calls that were made and forgets them.
func (c *counting) since() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	made := c.calls
	c.calls = nil
	return made
}

func (c *counting) Now(ctx context.Context) (time.Time, error) {
	if err := c.called(ctx, "Now"); err != nil {
		return time.Time{}, err
	}
	now, err := c.Store.Now(ctx)
	return now.Add(time.Duration(c.ahead.Load())), err
}

func (c *counting) Changed(ctx context.Context, from, to time.Time) ([]verify.Changed, error) {
	if err := c.called(ctx, "Changed"); err != nil {
		return nil, err
	}
	return c.Store.Changed(ctx, from, to)
}

func (c *counting) UsersEvents(ctx context.Context, users []string, since time.Time) ([]verify.Event, error) {
	if err := c.called(ctx, "UsersEvents"); err != nil {
		return nil, err
	}
	return c.Store.UsersEvents(ctx, users, since)
}

func (c *counting) EventsAfter(ctx context.Context, id string, seq int64, limit int) ([]verify.Event, error) {
	if err := c.called(ctx, "EventsAfter"); err != nil {
		return nil, err
	}
	return c.Store.EventsAfter(ctx, id, seq, limit)
}

func (c *counting) Verification(ctx context.Context, id string) (*verify.Verification, time.Time, error) {
	if err := c.called(ctx, "Verification"); err != nil {
		return nil, time.Time{}, err
	}
	return c.Store.Verification(ctx, id)
}

func (c *counting) Device(ctx context.Context, id string) (*verify.Device, time.Time, error) {
	if err := c.called(ctx, "Device"); err != nil {
		return nil, time.Time{}, err
	}
	return c.Store.Device(ctx, id)
}

func (c *counting) OpenPrompts(ctx context.Context, id string) ([]*verify.Verification, time.Time, error) {
	if err := c.called(ctx, "OpenPrompts"); err != nil {
		return nil, time.Time{}, err
	}
	return c.Store.OpenPrompts(ctx, id)
}

func (c *counting) TouchDevices(ctx context.Context, ids []string) error {
	if err := c.called(ctx, "TouchDevices"); err != nil {
		return err
	}
	return c.Store.TouchDevices(ctx, ids)
}

func (c *counting) Ping(ctx context.Context) error {
	if err := c.called(ctx, "Ping"); err != nil {
		return err
	}
	return c.Store.Ping(ctx)
}

func (c *counting) CreateVerification(ctx context.Context, a verify.Applicant, once *verify.Once, rule func(*verify.Situation, time.Time) (*verify.Verification, error)) error {
	if err := c.called(ctx, "CreateVerification"); err != nil {
		return err
	}
	return c.Store.CreateVerification(ctx, a, once, rule)
}

func (c *counting) UpdateVerification(ctx context.Context, id string, once *verify.Once, rule func(*verify.Verification, time.Time) error) error {
	if err := c.called(ctx, "UpdateVerification"); err != nil {
		return err
	}
	return c.Store.UpdateVerification(ctx, id, once, rule)
}

func (c *counting) UpdateVerificationOf(ctx context.Context, userID, id string, rule func(*verify.Verification, time.Time) error) error {
	if err := c.called(ctx, "UpdateVerification"); err != nil {
		return err
	}
	return c.Store.UpdateVerificationOf(ctx, userID, id, rule)
}

func (c *counting) SpendTokenID(ctx context.Context, deviceID, jti string, expires time.Time) error {
	if err := c.called(ctx, "SpendTokenID"); err != nil {
		return err
	}
	return c.Store.SpendTokenID(ctx, deviceID, jti, expires)
}

// counted puts the counting in front of the store.
func (c *counting) counted(config *server.Config) {
	c.Store, _ = config.Store.(*storage.Store)
	config.Store = c
}
