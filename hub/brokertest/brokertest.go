// Package brokertest is what every [hub.Broker] is tried with, so that a hub
// behaves the same on one node and on many:
//
//	func TestBroker(t *testing.T) {
//		brokertest.Test(t, func(t *testing.T, nodes int) []hub.Broker {
//			… nodes brokers of one deployment, empty; or fewer, if there cannot be as many
//		})
//	}
//
// Each broker stands for one node. What a service does when it fails is the
// broker's own test.
package brokertest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"nod/hub"
)

// patience is how long a message may take.
const patience = 10 * time.Second

// Open makes the brokers of a deployment's nodes.
type Open func(t *testing.T, nodes int) []hub.Broker

// Test tries the brokers that open makes.
func Test(t *testing.T, open Open) {
	for _, tc := range []struct {
		name  string
		nodes int
		try   func(*testing.T, []*node)
	}{
		{"messages arrive whole", 1, whole},
		{"nobody hears what nobody joined", 1, nobody},
		{"who leaves hears no more", 1, leaves},
		{"one publisher, one order", 1, order},
		{"every node hears", 3, everywhere},
		{"the newest connection wins", 2, newest},
		{"a connection that joins late is not the newest", 2, late},
		{"a late Leave harms no newer connection", 2, lateLeave},
	} {
		t.Run(tc.name, func(t *testing.T) {
			brokers := open(t, tc.nodes)
			if len(brokers) < tc.nodes {
				t.Skipf("needs %d nodes", tc.nodes)
			}
			tc.try(t, start(t, brokers))
		})
	}
}

// node plays the hub of one node.
type node struct {
	hub.Broker
	t *testing.T

	mu     sync.Mutex
	joined map[string]int // connections by topic
	heard  []hub.Message
	news   chan struct{}
}

func start(t *testing.T, brokers []hub.Broker) (nodes []*node) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for _, b := range brokers {
		n := &node{Broker: b, t: t, joined: make(map[string]int), news: make(chan struct{}, 1)}
		nodes = append(nodes, n)
		all.Go(func() {
			if err := n.Run(ctx, n.deliver); err != nil {
				t.Errorf("Run: %v", err)
			}
		})
	}
	t.Cleanup(func() {
		cancel()
		all.Wait()
	})
	// A broker may take a moment to be there: wait until each hears itself.
	for i, n := range nodes {
		topic := fmt.Sprint("start-", i)
		n.join(topic, "probe", false)
		n.until("a probe arrives", func() bool {
			_, err := n.Publish(ctx, hub.Message{Topic: topic, Kind: "probe"})
			return err == nil && len(n.on(topic)) > 0
		})
		n.leave(topic, "probe")
	}
	return nodes
}

func (n *node) deliver(m hub.Message) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	m.Data = slices.Clone(m.Data)
	n.heard = append(n.heard, m)
	select {
	case n.news <- struct{}{}:
	default:
	}
	return n.joined[m.Topic]
}

func (n *node) join(topic, conn string, exclusive bool) {
	n.t.Helper()
	n.joinSince(topic, conn, time.Now(), exclusive)
}

func (n *node) joinSince(topic, conn string, since time.Time, exclusive bool) {
	n.t.Helper()
	n.mu.Lock()
	n.joined[topic]++
	n.mu.Unlock()
	if err := n.Join(context.Background(), topic, conn, since, exclusive); err != nil {
		n.t.Fatalf("Join: %v", err)
	}
}

func (n *node) leave(topic, conn string) {
	n.mu.Lock()
	n.joined[topic]--
	n.mu.Unlock()
	n.Leave(topic, conn)
}

// publish sends m, and fails if it is told that nobody heard it.
func (n *node) publish(m hub.Message) {
	n.t.Helper()
	if heard, err := n.Publish(context.Background(), m); err != nil || heard == 0 {
		n.t.Fatalf("publish %s: %d heard it, %v", m.Kind, heard, err)
	}
}

// on tells what was heard on a topic.
func (n *node) on(topic string) (heard []hub.Message) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, m := range n.heard {
		if m.Topic == topic {
			heard = append(heard, m)
		}
	}
	return heard
}

func (n *node) until(what string, ok func() bool) {
	n.t.Helper()
	end := time.After(patience)
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !ok() {
		select {
		case <-n.news:
		case <-again.C:
		case <-end:
			n.t.Fatal("never: ", what)
		}
	}
}

// hears waits for a message on topic a, by its kind.
func (n *node) hears(kind string) {
	n.t.Helper()
	n.until(kind+" arrives", func() bool {
		return slices.ContainsFunc(n.on("a"), func(m hub.Message) bool { return m.Kind == kind })
	})
}

func whole(t *testing.T, nodes []*node) {
	n := nodes[0]
	n.join("a", "1", false)
	sent := []hub.Message{
		{Topic: "a", Kind: "event", Seq: 1 << 60, Data: []byte(`{"a":"ä"}`)},
		{Topic: "a", Kind: "", Data: nil},
		{Topic: "a", Kind: "binary\n \x00", Seq: -1, Data: []byte("\x00\xff\r\n")},
		{Topic: "a", Kind: "large", Data: bytes.Repeat([]byte("x"), 256<<10)},
		{Topic: "a", Kind: "last"},
	}
	for _, m := range sent {
		n.publish(m)
	}
	n.hears("last")
	got := n.on("a")
	if len(got) != len(sent) {
		t.Fatalf("%d of %d arrive", len(got), len(sent))
	}
	for i, m := range got {
		if m.Kind != sent[i].Kind || m.Seq != sent[i].Seq || !bytes.Equal(m.Data, sent[i].Data) {
			t.Errorf("message %d: sent %.60q, got %.60q", i, fmt.Sprint(sent[i]), fmt.Sprint(m))
		}
	}
}

func nobody(t *testing.T, nodes []*node) {
	n := nodes[0]
	n.join("a", "1", false)
	for _, topic := range []string{"b", "", "a ", "A", "*", "a*"} {
		if heard, err := n.Publish(context.Background(), hub.Message{Topic: topic, Kind: "event"}); heard != 0 || err != nil {
			t.Errorf("topic %q: %d heard it, %v", topic, heard, err)
		}
	}
	n.publish(hub.Message{Topic: "a", Kind: "last"})
	n.hears("last")
	if got := n.on("a"); len(got) != 1 {
		t.Errorf("heard %v", got)
	}
}

func leaves(t *testing.T, nodes []*node) {
	n := nodes[0]
	n.join("a", "1", false)
	n.join("a", "2", false)
	n.leave("a", "1")
	n.publish(hub.Message{Topic: "a", Kind: "one is left"})
	n.leave("a", "2")
	n.until("nobody is there", func() bool {
		heard, err := n.Publish(context.Background(), hub.Message{Topic: "a", Kind: "late"})
		return heard == 0 && err == nil
	})
	n.leave("a", "2") // twice is harmless
}

func order(t *testing.T, nodes []*node) {
	const publishers, each = 4, 250
	n := nodes[0]
	n.join("a", "1", false)
	var all sync.WaitGroup
	for i := range publishers {
		all.Go(func() {
			for seq := range int64(each) {
				if _, err := n.Publish(context.Background(), hub.Message{Topic: "a", Kind: fmt.Sprint(i), Seq: seq}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	n.until("all arrive", func() bool { return len(n.on("a")) == publishers*each })
	next := make(map[string]int64)
	for _, m := range n.on("a") {
		if m.Seq != next[m.Kind] {
			t.Fatalf("publisher %s: %d instead of %d", m.Kind, m.Seq, next[m.Kind])
		}
		next[m.Kind]++
	}
}

func everywhere(t *testing.T, nodes []*node) {
	for i, n := range nodes {
		n.join("a", fmt.Sprint(i), false)
	}
	for _, from := range nodes {
		from.publish(hub.Message{Topic: "a", Kind: "event"})
	}
	for i, n := range nodes {
		n.until("every node's message arrives", func() bool { return len(n.on("a")) >= len(nodes) })
		if got := n.on("a"); len(got) != len(nodes) {
			t.Errorf("node %d heard %v", i, got)
		}
	}
}

func newest(t *testing.T, nodes []*node) {
	older, newer := nodes[0], nodes[1]
	older.join("a", "older", true)
	newer.join("a", "newer", true)
	older.hears(hub.Replaced("a", "newer").Kind)
	if got, want := older.on("a")[0], hub.Replaced("a", "newer"); !bytes.Equal(got.Data, want.Data) {
		t.Errorf("told %s, want %s", got.Data, want.Data)
	}
	older.leave("a", "older")
	older.publish(hub.Message{Topic: "a", Kind: "event"})
	newer.hears("event")
}

func late(t *testing.T, nodes []*node) {
	older, newer := nodes[0], nodes[1]
	begun := time.Now()
	newer.joinSince("a", "newer", begun.Add(time.Minute), true)
	older.joinSince("a", "older", begun, true)
	older.hears(hub.Replaced("a", "newer").Kind)
	older.leave("a", "older")
	older.publish(hub.Message{Topic: "a", Kind: "event"})
	newer.hears("event")
	for _, m := range newer.on("a") {
		if m.Kind != "event" {
			t.Errorf("the newest connection is told %s %s", m.Kind, m.Data)
		}
	}
}

func lateLeave(t *testing.T, nodes []*node) {
	older, newer := nodes[0], nodes[1]
	for round := range 3 {
		older.join("a", fmt.Sprint("old", round), true)
		newer.join("a", fmt.Sprint("new", round), true)
		older.leave("a", fmt.Sprint("old", round))
		kind := fmt.Sprint("event ", round)
		older.publish(hub.Message{Topic: "a", Kind: kind})
		newer.hears(kind)
		newer.leave("a", fmt.Sprint("new", round))
	}
}
