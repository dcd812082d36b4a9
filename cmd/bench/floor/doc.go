// Package floor measures what the machine itself can do, so that what nod does can be
// held against it in one run: how long a bare commit takes, a write, a message over Redis,
// a signature; and how many verifications a second could live their whole life if nobody
// decided anything, but the same statements were said.
//
// A floor is as bare as it can be and as real as it must be: the same drivers, the same
// durability (SQLite with synchronous=FULL, Postgres with fsync), rows and frames of the
// same size, the same readers. What nod adds on top (rules, keys, HTTP, JSON) is the
// difference. Each starts the servers that it needs, and nothing of it is left.
package floor

import "nod/cmd/bench/load"

// What a commit, or a life, is on.
const (
	SQLite   = "SQLite"
	Postgres = "Postgres"
)

// The server as an operator has it: what was committed is on the disk.
const durable = "fsync=on"

// some are the figures of a latency that a floor is held against.
func some(l *load.Latency, of string) []load.Figure { return l.Figures(of)[:2] }
