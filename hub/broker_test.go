package hub_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"nod/hub"
	"nod/hub/brokertest"
)

func TestLocalBroker(t *testing.T) {
	brokertest.Test(t, func(*testing.T, int) []hub.Broker { return []hub.Broker{hub.NewLocal()} })
}

// bus is the smallest broker of many nodes: it lies in memory and never fails.
// It shows that brokertest can be passed, and lets hubs be tried together.
type bus struct {
	mu    sync.Mutex
	nodes []*busNode
}

type busNode struct {
	bus     *bus
	deliver func(hub.Message) int          // nil before Run
	topics  map[string]map[string]busEntry // by topic and connection
}

type busEntry struct {
	since     time.Time
	exclusive bool
}

func newBus(nodes int) (brokers []hub.Broker) {
	b := new(bus)
	for range nodes {
		n := &busNode{bus: b, topics: make(map[string]map[string]busEntry)}
		b.nodes = append(b.nodes, n)
		brokers = append(brokers, n)
	}
	return brokers
}

func (n *busNode) Join(_ context.Context, topic, conn string, since time.Time, exclusive bool) error {
	n.bus.mu.Lock()
	defer n.bus.mu.Unlock()
	if n.topics[topic] == nil {
		n.topics[topic] = make(map[string]busEntry)
	}
	n.topics[topic][conn] = busEntry{since, exclusive}
	for _, other := range n.bus.nodes {
		if !exclusive || other == n {
			continue
		}
		for theirs, e := range other.topics[topic] {
			if e.since.After(since) {
				delete(n.topics[topic], conn)
				n.deliver(hub.Replaced(topic, theirs))
			} else {
				delete(other.topics[topic], theirs)
				other.deliver(hub.Replaced(topic, conn))
			}
		}
	}
	return nil
}

func (n *busNode) Leave(topic, conn string) {
	n.bus.mu.Lock()
	defer n.bus.mu.Unlock()
	delete(n.topics[topic], conn)
}

func (n *busNode) Publish(_ context.Context, m hub.Message) (heard int, err error) {
	n.bus.mu.Lock()
	defer n.bus.mu.Unlock()
	for _, other := range n.bus.nodes {
		if len(other.topics[m.Topic]) > 0 && other.deliver != nil {
			heard += other.deliver(m)
		}
	}
	return heard, nil
}

func (n *busNode) Run(ctx context.Context, deliver func(hub.Message) int) error {
	n.bus.mu.Lock()
	n.deliver = deliver
	n.bus.mu.Unlock()
	<-ctx.Done()
	return nil
}

func TestBus(t *testing.T) {
	brokertest.Test(t, func(_ *testing.T, nodes int) []hub.Broker { return newBus(nodes) })
}

func TestTwoNodes(t *testing.T) {
	var nodes []*node
	for _, b := range newBus(2) {
		c := config(new(app))
		c.Broker = b
		nodes = append(nodes, run(t, c))
	}
	here, there := nodes[0], nodes[1]
	older := here.login(t, "device dev_1")
	page, other := here.login(t, "watcher ver_1"), there.login(t, "watcher ver_1")
	newer := there.login(t, "device dev_1")
	older.expectBye("replaced", 4409)

	here.publish(t, 1, hub.Message{Topic: "device:dev_1", Kind: "prompt"})
	newer.expect("prompt")
	there.publish(t, 2, hub.Message{Topic: "watcher:ver_1", Kind: "event"})
	page.expect("event")
	other.expect("event")

	stop := there.Listen("watcher:ver_1", func(hub.Message) {})
	here.publish(t, 3, hub.Message{Topic: "watcher:ver_1", Kind: "event"})
	stop()

	if err := here.Disconnect(context.Background(), "device:dev_1", hub.ByeRevoked, hub.CloseUnauthenticated); err != nil {
		t.Fatal(err)
	}
	newer.expectBye("revoked", 4401)
}

// failing is a broker whose service is down.
type failing struct{ err chan error }

func (failing) Join(context.Context, string, string, time.Time, bool) error { return errDown }
func (failing) Leave(string, string)                                        {}
func (failing) Publish(context.Context, hub.Message) (int, error) {
	return 0, errDown
}
func (f failing) Run(ctx context.Context, _ func(hub.Message) int) error {
	select {
	case err := <-f.err:
		return err
	case <-ctx.Done():
		return nil
	}
}

// A node without its broker still serves; one whose broker gives up drains.
func TestBrokerDown(t *testing.T) {
	broker := failing{make(chan error)}
	c := config(new(app))
	c.Broker = broker
	n := run(t, c)
	p := n.login(t, "device dev_1")
	n.Listen("x", func(hub.Message) {})()
	if _, err := n.Publish(context.Background(), hub.Message{}); !errors.Is(err, errDown) {
		t.Error(err)
	}
	if err := n.Disconnect(context.Background(), "x", "", 1001); !errors.Is(err, errDown) {
		t.Error(err)
	}
	broker.err <- errDown
	p.expectBye("draining", 1001)
	if err := n.stop(); !errors.Is(err, errDown) {
		t.Errorf("Run: %v", err)
	}
}
