package floor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"nod/cmd/bench/load"
	"nod/deploy/throwaway"
	"nod/hub"
	"nod/hub/redisbroker"
)

const (
	warmUp = 500 // messages before those that are timed
	// promptSize is how long a prompt of the server is, signature and all.
	promptSize = 1000
	topic      = "device dev_benchmark"
)

// Redis times messages, one after the other, from Publish at one hub to the frame in the
// device's hands at another: a broker each, and a real WebSocket. In turn with it the same
// bytes go over the same Redis from a bare PUBLISH to a bare subscriber, which is the
// floor. Nothing is stored on either way.
func Redis(ctx context.Context, messages int) (r load.Result, err error) {
	r = load.Result{
		Scenario: "across nodes", Against: "nod's hub",
		Load: fmt.Sprintf("%d messages of %d bytes on each way, in turn: hub, broker, Redis, broker, hub, WebSocket; floor: PUBLISH to SUBSCRIBE", messages, promptSize),
	}
	server, err := throwaway.StartRedis()
	if err != nil {
		return r, err
	}
	defer server.Close()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	from, publisher, err := startHub(ctx, server.URL)
	if err != nil {
		return r, err
	}
	defer publisher.Wait()
	to, receiver, err := startHub(ctx, server.URL)
	if err != nil {
		return r, err
	}
	defer receiver.Wait()
	defer stop()
	device, closeDevice, err := listenAt(ctx, to)
	if err != nil {
		return r, err
	}
	defer closeDevice()
	bare, subscriber, closeBare, err := subscribe(ctx, server.Addr)
	if err != nil {
		return r, err
	}
	defer closeBare()

	payload := []byte(strings.Repeat("p", promptSize))
	ours, theirs := load.NewLatency(), load.NewLatency()
	for i := range warmUp + messages {
		if i == warmUp {
			ours, theirs = load.NewLatency(), load.NewLatency()
		}
		if err := timed(theirs, subscriber, func() error { return bare.Publish(ctx, topic, payload).Err() }); err != nil {
			return r, fmt.Errorf("bare Redis: %w", err)
		}
		err := timed(ours, device, func() error {
			_, err := from.Publish(ctx, hub.Message{Topic: topic, Kind: "prompt", Data: payload})
			return err
		})
		if err != nil {
			return r, fmt.Errorf("hub: %w", err)
		}
	}
	floors := theirs.Figures("")
	r.Figures = ours.Figures("publish to frame")
	for i := range r.Figures {
		r.Figures[i].Floor = floors[i].Value
	}
	r.Figures[0].Aim, r.Figures[1].Aim = 2*floors[0].Value, 250
	r.Histogram, err = ours.Histogram()
	return r, err
}

// timed waits for what send causes.
func timed(took *load.Latency, arrived <-chan time.Time, send func() error) error {
	begun := time.Now()
	if err := send(); err != nil {
		return err
	}
	select {
	case at := <-arrived:
		took.Record(at.Sub(begun))
		return nil
	case <-time.After(10 * time.Second):
		return errors.New("the message did not arrive")
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
	go func() { _ = front.Serve(l) }() // until it is closed
	network, err := load.NewNetwork(nil)
	if err != nil {
		return nil, nil, errors.Join(err, front.Close())
	}
	read, here, wrong := make(chan time.Time, 1), make(chan struct{}), make(chan error, 1)
	fail := func(err error) {
		select {
		case wrong <- err:
		default:
		}
	}
	c, err := network.Connect(ctx, &load.Request{
		URL: "http://" + l.Addr().String() + "/ws", Subprotocol: "nod.v1",
		OnText: func(c *load.Conn, text []byte, at time.Time) {
			var f hub.Frame
			if err := json.Unmarshal(text, &f); err != nil {
				fail(err)
			}
			switch f.Type {
			case "challenge":
				if err := c.Write([]byte(`{"type":"auth","data":{"token":"of a device"}}`)); err != nil {
					fail(err)
				}
			case "prompts":
				close(here)
			case "prompt":
				read <- at
			}
		},
		OnEnd: func(_ *load.Conn, err error) { fail(err) },
	})
	if err != nil {
		return nil, nil, errors.Join(err, network.Close(), front.Close())
	}
	end = func() {
		c.Close()
		_ = network.Close()
		_ = front.Close()
	}
	select {
	case <-here:
		return read, end, nil
	case err = <-wrong:
	case <-ctx.Done():
		err = ctx.Err()
	}
	end()
	return nil, nil, err
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
	ctx = context.WithoutCancel(ctx) // to receive under one that can end costs more; closing ends it
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
