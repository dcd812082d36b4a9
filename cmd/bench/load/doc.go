// Package load loads a server with devices, pages and backends, as many and as fast as
// asked, and measures from outside what they see.
//
// A load shares its machine with the server more often than not, so it is made to cost
// little: thousands of sockets are read by two goroutines ([Network]), without a buffer
// each. What it asks for is real: P-256 keys, signatures over what was shown, a
// connection from another address for every few devices. It is not lenient: a connection
// that ends, a frame that no server may send, an answer that does not come is an error
// or a failure that a figure counts, never left out.
//
// Durations count from when something was to begin, not from when there was time for it
// ([Latency], [Pace]).
package load
