package redisbroker_test

import (
	"testing"

	"nod/deploy/throwaway"
	"nod/hub"
	"nod/hub/brokertest"
	"nod/hub/redisbroker"
)

func TestPlain(t *testing.T) {
	brokertest.Test(t, func(t *testing.T, nodes int) (brokers []hub.Broker) {
		r, err := throwaway.StartRedis()
		if err != nil {
			t.Skip(err)
		}
		t.Cleanup(r.Close)
		for range nodes {
			b, err := redisbroker.Open(redisbroker.Config{URL: r.URL})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = b.Close() })
			brokers = append(brokers, b)
		}
		return brokers
	})
}
