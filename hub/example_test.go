package hub_test

import (
	"context"
	"net/http"

	"nod/hub"
)

// doorbell is the application behind one connection: a bell at a door.
type doorbell struct{ door string }

func (d doorbell) Open(_ context.Context, s *hub.Session) error {
	return s.Send("bell", 0, map[string]string{"door": d.door})
}

func (d doorbell) Receive(_ context.Context, _ *hub.Session, f hub.Frame) error {
	if f.Type != "open" {
		return nil // unknown types are ignored
	}
	return &hub.Refusal{Code: "forbidden", Message: "Only people inside open this door. Ring first."}
}

func (d doorbell) Deliver(s *hub.Session, m hub.Message) { _ = s.Send(m.Kind, m.Seq, nil) }

func (d doorbell) Closed(context.Context, *hub.Session) {}

func Example() {
	h, err := hub.New(hub.Config{
		Authenticate: func(_ context.Context, a hub.Auth) (hub.Identity, hub.Client, error) {
			if a.Token != "key of the house" {
				return hub.Identity{}, nil, &hub.Refusal{Code: "unauthenticated", Message: "Use the key of the house."}
			}
			return hub.Identity{Role: "bell", ID: "front", Topic: "door:front"}, doorbell{"front"}, nil
		},
		Origins: []string{"https://house.example"},
	})
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	stopped := make(chan error)
	go func() { stopped <- h.Run(ctx) }()
	http.NewServeMux().Handle("GET /ws", h)

	// Somebody rings; whoever watches the front door hears it.
	_, _ = h.Publish(ctx, hub.Message{Topic: "door:front", Kind: "ring"})

	stop()
	<-stopped
	// Output:
}
