package redisbroker

import "github.com/redis/go-redis/v9"

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
