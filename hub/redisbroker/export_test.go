package redisbroker

import (
	"time"

	"github.com/redis/go-redis/v9"
)

// Client is a client of the same making, to look and to injure with.
func Client(url string) (redis.UniversalClient, error) {
	a, err := parse(url)
	if err != nil {
		return nil, err
	}
	return a.client(), nil
}

// InTwo has a broker look up and publish in two steps, as in a Cluster.
func InTwo(b *Broker) { b.route = b.routeInTwo }

// Patient has the calls of a broker wait for a machine that is busy with other
// tests; Impatient takes it back.
func Patient(b *Broker) { b.bound = 20 * time.Second }

// Impatient is how a broker is opened.
func Impatient(b *Broker) { b.bound = longest }
