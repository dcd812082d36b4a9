package hub_test

import (
	"context"
	"testing"

	"nod/hub"
)

func TestConversation(t *testing.T) {
	a := new(app)
	n := run(t, config(a))
	p := n.connect(t)
	p.send(`{"type":"auth","data":{"token":"watcher ver_1"}}`)
	var welcome struct {
		Role         string `json:"role"`
		ConnectionID string `json:"connection_id"`
		ServerTime   string `json:"server_time"`
		Heartbeat    int    `json:"heartbeat_seconds"`
		Resumed      *bool  `json:"resumed"`
	}
	p.expect("welcome").decode(t, &welcome)
	if welcome.Role != "watcher" || welcome.ConnectionID == "" || welcome.ServerTime == "" || welcome.Heartbeat != 25 || welcome.Resumed == nil {
		t.Errorf("welcome: %+v", welcome)
	}
	p.expect("snapshot")

	n.publish(t, 1, hub.Message{Topic: "watcher:ver_1", Kind: "event", Seq: 7, Data: []byte(`{"name":"x"}`)})
	if f := p.expect("event"); f.Seq != 7 || string(f.Data) != `{"name":"x"}` {
		t.Errorf("event: %+v", f)
	}
	n.publish(t, 0, hub.Message{Topic: "watcher:ver_2", Kind: "event"})

	p.send(`{"type":"nobody knows","data":{}}`)
	p.send(`{"type":"echo","data":{"a":1}}`)
	if f := p.expect("echo"); string(f.Data) != `{"a":1}` {
		t.Errorf("echo: %s", f.Data)
	}

	p.ws.Close(1000, "")
	eventually(t, "Closed", func() bool { return a.hasClosed("ver_1") })
	eventually(t, "an empty hub", func() bool { s := n.Stats(); return s.Sessions["watcher"] == 0 && s.Queued == 0 })
	if _, err := n.Publish(context.Background(), hub.Message{Topic: "watcher:ver_1"}); err != nil {
		t.Error(err)
	}
}
