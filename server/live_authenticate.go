package server

import (
	"context"
	"crypto/subtle"
	"errors"
	"time"

	"nod/hub"
	"nod/verify"
)

// Authenticate judges the first frame of a connection: a device by its signature
// over this connection's nonce, a waiting page by its client secret, a console
// by its session. It is the hub's [hub.Authenticate].
func (s *Server) Authenticate(ctx context.Context, a hub.Auth) (hub.Identity, hub.Client, error) {
	ctx, cancel := hurried(ctx)
	defer cancel()
	switch {
	case a.ClientSecret != "" && a.Token == "":
		return s.admitWatcher(ctx, a)
	case a.Token == "" || a.ClientSecret != "":
		return turnAway("Send one credential in auth: a device's or console's token, or a client_secret.")
	}
	if id, err := verify.DeviceID(verify.TypDevice, a.Token); err == nil {
		return s.admitDevice(ctx, id, a)
	}
	return s.admitConsole(ctx, a.Token)
}

func (s *Server) admitDevice(ctx context.Context, id string, a hub.Auth) (hub.Identity, hub.Client, error) {
	const unknown = "This token does not prove an enrolled device: sign the nonce of this connection's challenge with the device's key, at most a minute before. Enroll again if the device was removed."
	d, now, err := s.store.Device(ctx, id)
	if errors.Is(err, verify.ErrNotFound) {
		return turnAway(unknown)
	}
	if err != nil {
		return hub.Identity{}, nil, err
	}
	c, err := s.authority.Device(a.Token, d, now)
	if err != nil || a.Nonce == "" || subtle.ConstantTimeCompare([]byte(c.Nonce), []byte(a.Nonce)) != 1 {
		return turnAway(unknown)
	}
	if !d.RevokedAt.IsZero() { // told only to who holds its key
		return hub.Identity{}, nil, errRevoked
	}
	return hub.Identity{Role: roleDevice, ID: d.ID, Topic: deviceTopic(d.ID), Exclusive: true},
		&deviceClient{server: s, id: d.ID, user: d.UserID}, nil
}

func (s *Server) admitWatcher(ctx context.Context, a hub.Auth) (hub.Identity, hub.Client, error) {
	v, err := s.openedBy(ctx, a.ClientSecret)
	switch {
	case errors.As(err, new(*verify.Refusal)):
		return turnAway("This client_secret opens nothing (any more). Start a new verification.")
	case err != nil:
		return hub.Identity{}, nil, err
	}
	who := hub.Identity{Role: roleWatcher, ID: v.ID, Topic: verificationTopic(v.ID), Most: maxWatchers}
	if v.Terminal() {
		who.ExpiresAt = v.EndedAt.Add(watchAfterEnd)
	}
	c := &watcherClient{server: s, watch: s.newWatch(v)}
	if a.LastSeq != nil && *a.LastSeq <= v.Seq { // one from the future belongs to another verification
		who.Resumed = true
		c.watch.next = *a.LastSeq + 1
	}
	c.resumed = who.Resumed
	return who, c, nil
}

func (s *Server) admitConsole(ctx context.Context, token string) (hub.Identity, hub.Client, error) {
	c, err := s.consoleSession(ctx, token)
	switch {
	case errors.As(err, new(*verify.Refusal)):
		return turnAway("This token opens nothing here. A console signs in again with an API key.")
	case err != nil:
		return hub.Identity{}, nil, err
	}
	return hub.Identity{Role: roleConsole, ID: c.ID, Topic: consoleTopic, Most: maxConsoles, ExpiresAt: time.Unix(c.Expires, 0)},
		&consoleClient{server: s}, nil
}

var errRevoked = &hub.Refusal{
	Code: verify.CodeUnauthenticated, Message: "This device was removed. Enroll it again.",
	Close: hub.CloseUnauthenticated, Bye: hub.ByeRevoked,
}

func turnAway(message string) (hub.Identity, hub.Client, error) {
	return hub.Identity{}, nil, &hub.Refusal{
		Code: verify.CodeUnauthenticated, Message: message,
		Close: hub.CloseUnauthenticated, Bye: hub.ByeUnauthenticated,
	}
}

// told turns the error of a frame into the hub's refusal, which leaves the
// connection open: what a rule or a reader of requests refused, or that the store
// is in trouble.
func (s *Server) told(ctx context.Context, err error) error {
	if errors.Is(err, hub.ErrClosed) {
		return err
	}
	if !errors.As(err, new(*verify.Refusal)) && !errors.As(err, new(*Problem)) {
		s.unanswered.note(ctx, err)
	}
	if err == nil {
		return nil
	}
	p := problemOf(err)
	return &hub.Refusal{Code: p.Code, Message: p.Detail, RetryAfter: p.RetryAfter}
}
