package hub

// NewLocal is the broker of a node on its own, for the tests of all brokers.
func NewLocal() Broker { return newLocal(func(Message) int { return 0 }) }
