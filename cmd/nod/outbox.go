package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"

	"nod/delivery"
	"nod/hub"
)

// outboxTopic is where nodes tell each other what their simulators sent. It is
// also what the messages are sealed for: they hold codes, which must not be
// readable in Redis.
const outboxTopic = "outbox"

// shareOutbox shows a simulated message on every node, since a page asks any.
// The listener stays for as long as the process does.
func (a *app) shareOutbox(box *delivery.Outbox) {
	keys := a.store.Keys()
	a.hub.Listen(outboxTopic, func(m hub.Message) {
		var s delivery.Simulated
		text, err := keys.Open(string(m.Data), outboxTopic)
		if err == nil {
			err = json.Unmarshal([]byte(text), &s)
		}
		if err != nil {
			a.log.Error("a simulated message of another node cannot be read", "error", err)
			return
		}
		box.Add(s)
	})
	box.Share = func(s delivery.Simulated) {
		text, err := json.Marshal(s)
		var sealed string
		if err == nil {
			sealed, err = keys.Seal(string(text), outboxTopic)
		}
		if err == nil {
			_, err = a.hub.Publish(context.Background(), hub.Message{Topic: outboxTopic, Kind: "message", Data: []byte(sealed)})
		}
		if err != nil { // for each message: that Redis is away, the broker says once
			a.log.Debug("a simulated message is shown on this node only", "delivery_id", s.DeliveryID, "error", err)
		}
	}
}

// demoAPIKey is the API key of the demo's integrator: the same on every node,
// which any of them may be asked for.
func demoAPIKey(demoKey []byte) string {
	mac := hmac.New(sha256.New, demoKey)
	mac.Write([]byte("api key"))
	return "nod_sk_" + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
