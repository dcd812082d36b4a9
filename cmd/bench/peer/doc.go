// Package peer loads servers that people would pick instead of nod with the load that
// nod gets, each in its own protocol: Centrifugo 6 in its JSON protocol over WebSocket,
// Socket.IO 4 in Engine.IO 4's. So anybody can repeat the comparison, on their own
// machine, against their own build: folder servers has the configuration and the program
// that it was made with, and says how to start them.
//
// It is fair to them: one subscription each, no history, no presence, no compression,
// nothing stored and nobody's signature verified, which is the least that they can do. A
// connection is counted as back once its subscription stands, which the server said. The
// way of a message is from the call of the server's HTTP API until its frame was read, by
// the same reader, and timed in the same way, as nod's.
//
// A server that breaks its own protocol, refuses a connection or loses a message makes
// the run fail: half a load is no comparison.
package peer
