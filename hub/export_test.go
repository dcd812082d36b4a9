package hub

// NewLocal is the broker of a node on its own, for the tests of all brokers.
func NewLocal() Broker { return newLocal(func(Message) int { return 0 }) }

// Addresses is how many client addresses the hub knows of.
func (h *Hub) Addresses() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.crowd.addresses)
}

// Turns is how many handshakes are worked on at once.
func (h *Hub) Turns() int { return cap(h.line) }
