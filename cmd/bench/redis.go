package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"nod/deploy/throwaway"
	"nod/hub"
	"nod/hub/redisbroker"
)

const (
	messages = 5000 // timed on each way
	warmUp   = 500  // before them
	// promptSize is what a prompt of the server is long, signature and all.
	promptSize = 1000
	topic      = "device dev_benchmark"
)

// overRedis times a message from Publish on one node to the frame in the device's
// hands on the other: two hubs with a broker each, and a real WebSocket. In turn
// with it the same bytes go over the same Redis from a bare PUBLISH to a bare
// subscriber. Nothing is stored on either way.
func (b *bench) overRedis(ctx context.Context) error {
	server, err := throwaway.StartRedis()
	if err != nil {
		return err
	}
	defer server.Close()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	from, publisher, err := startHub(ctx, server.URL)
	if err != nil {
		return err
	}
	defer publisher.Wait()
	to, receiver, err := startHub(ctx, server.URL)
	if err != nil {
		return err
	}
	defer receiver.Wait()
	defer stop()

	payload := []byte(strings.Repeat("p", promptSize))
	device, closeDevice, err := listenAt(ctx, to)
	if err != nil {
		return err
	}
	defer closeDevice()
	bare, subscriber, closeBare, err := subscribe(ctx, server.Addr)
	if err != nil {
		return err
	}
	defer closeBare()

	var ours, theirs []time.Duration
	for range warmUp + messages {
		took, err := timed(subscriber, func() error { return bare.Publish(ctx, topic, payload).Err() })
		if err != nil {
			return fmt.Errorf("bare Redis: %w", err)
		}
		theirs = append(theirs, took)
		took, err = timed(device, func() error {
			_, err := from.Publish(ctx, hub.Message{Topic: topic, Kind: "prompt", Data: payload})
			return err
		})
		if err != nil {
			return fmt.Errorf("hub: %w", err)
		}
		ours = append(ours, took)
	}
	ours, theirs = ours[warmUp:], theirs[warmUp:]
	slices.Sort(ours)
	slices.Sort(theirs)
	row("publish to frame", fmt.Sprintf("p50 %.3f ms, p99 %.3f ms; bare Redis %.3f, %.3f: p50 %.1f x", ms(ours, 50), ms(ours, 99), ms(theirs, 50), ms(theirs, 99), ms(ours, 50)/ms(theirs, 50)),
		fmt.Sprintf("%d each, in turn, %d bytes; hub, broker, Redis, broker, hub, WebSocket, no commit; against PUBLISH to SUBSCRIBE", messages, promptSize))
	return nil
}

// timed waits for what send causes.
func timed(arrived <-chan time.Time, send func() error) (time.Duration, error) {
	begun := time.Now()
	if err := send(); err != nil {
		return 0, err
	}
	select {
	case at := <-arrived:
		return at.Sub(begun), nil
	case <-time.After(10 * time.Second):
		return 0, errors.New("the message did not arrive")
	}
}

// startHub runs a hub over Redis until ctx ends; wait for running then.
func startHub(ctx context.Context, url string) (h *hub.Hub, running *sync.WaitGroup, err error) {
	quiet := slog.New(slog.DiscardHandler)
	broker, err := redisbroker.Open(redisbroker.Config{URL: url, Log: quiet})
	if err != nil {
		return nil, nil, err
	}
	h, err = hub.New(hub.Config{
		Broker: broker, Log: quiet,
		Authenticate: func(context.Context, hub.Auth) (hub.Identity, hub.Client, error) {
			return hub.Identity{Role: "device", Topic: topic, Exclusive: true}, messenger{}, nil
		},
	})
	if err != nil {
		return nil, nil, errors.Join(err, broker.Close())
	}
	running = new(sync.WaitGroup)
	running.Go(func() {
		_ = h.Run(ctx) // what fails is seen by the messages that do not arrive
		_ = broker.Close()
	})
	return h, running, nil
}

// messenger is an application that tells every message as it came, in a frame
// like the server's: an object whose longest member is a signed text.
type messenger struct{}

type told struct {
	Signed string `json:"signed"`
}

func (messenger) Open(_ context.Context, s *hub.Session) error {
	return s.Send("prompts", 0, struct{}{})
}
func (messenger) Receive(context.Context, *hub.Session, hub.Frame) error { return nil }
func (messenger) Deliver(s *hub.Session, m hub.Message) {
	_ = s.Send(m.Kind, m.Seq, told{string(m.Data)}) // a session that is ending has nobody to tell
}
func (messenger) Closed(context.Context, *hub.Session) {}

// listenAt connects a device to a hub and tells when each prompt was read.
func listenAt(ctx context.Context, h *hub.Hub) (arrived <-chan time.Time, end func(), err error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	front := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = front.Serve(l) }()
	s, err := dial(ctx, "http://"+l.Addr().String())
	if err == nil {
		err = s.send(ctx, "auth", map[string]string{"token": "of a device"})
	}
	if err == nil {
		_, err = s.next(ctx, "prompts")
	}
	if err != nil {
		return nil, nil, errors.Join(err, front.Close())
	}
	read := make(chan time.Time, 1)
	ctx = context.WithoutCancel(ctx) // to read under one that can end costs more; closing ends it
	go func() {
		for {
			if _, _, err := s.conn.Read(ctx); err != nil {
				return
			}
			read <- time.Now()
		}
	}()
	return read, func() { _, _ = s.conn.CloseNow(), front.Close() }, nil
}

// subscribe is the bare way: a client that publishes, and when each message was
// received by a subscriber.
func subscribe(ctx context.Context, addr string) (client *redis.Client, arrived <-chan time.Time, end func(), err error) {
	client = redis.NewClient(&redis.Options{Addr: addr})
	p := client.Subscribe(ctx, topic)
	if _, err := p.Receive(ctx); err != nil { // that it is subscribed
		return nil, nil, nil, errors.Join(err, p.Close(), client.Close())
	}
	read := make(chan time.Time, 1)
	ctx = context.WithoutCancel(ctx) // as above
	go func() {
		for {
			if _, err := p.ReceiveMessage(ctx); err != nil {
				return
			}
			read <- time.Now()
		}
	}()
	return client, read, func() { _, _ = p.Close(), client.Close() }, nil
}
