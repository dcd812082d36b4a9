package main

import (
	"context"
	"runtime/debug"
	gometrics "runtime/metrics"
	"time"
)

// Go's collector lets the heap grow by as much as lives before it collects, 100 %, which
// a node full of idle devices pays with twice their memory for the little that pings
// leave behind. So nod leaves less room while little is allocated: as much as was
// allocated in paceSpan. When there is work it leaves all of it: a second collection
// within paceShort says that there is, before the sum of paceSpan does. Once the work is
// over, what it needed goes back to the system.
const (
	paceEvery = 100 * time.Millisecond
	paceSpan  = 10 * time.Second
	paceShort = 2 * time.Second
	paceRoom  = 4 << 20 // bytes; Go leaves no less either
	paceCalm  = 20      // percent, from which on the work is over
)

// paced is what the runtime had counted at one moment.
type paced struct{ allocated, cycles uint64 }

// paceMemory sets how much room the collector of this process leaves, until ctx ends.
func paceMemory(ctx context.Context) {
	read := []gometrics.Sample{
		{Name: "/gc/heap/allocs:bytes"},
		{Name: "/gc/cycles/total:gc-cycles"},
		{Name: "/gc/heap/live:bytes"},
		{Name: "/gc/scan/globals:bytes"},
		{Name: "/memory/classes/heap/stacks:bytes"},
	}
	const (
		span  = int(paceSpan / paceEvery)
		short = int(paceShort / paceEvery)
	)
	var before [span]paced // a ring
	usual := debug.SetGCPercent(100)
	defer debug.SetGCPercent(usual)
	grown := false
	for set, busy, i := 100, span, 0; pause(ctx, paceEvery); i++ {
		gometrics.Read(read)
		now := paced{read[0].Value.Uint64(), read[1].Value.Uint64()}
		if now.cycles >= before[(i+span-short)%span].cycles+2 {
			busy = span
		}
		percent := 100
		if busy--; busy < 0 {
			percent = roomPercent(now.allocated-before[i%span].allocated, read[2].Value.Uint64()+read[3].Value.Uint64()+read[4].Value.Uint64())
		}
		before[i%span] = now
		if percent != set { // the world stops for it, shortly
			set = percent
			debug.SetGCPercent(percent)
		}
		if grown = grown || percent == 100; grown && percent <= paceCalm {
			debug.FreeOSMemory()
			grown = false
		}
	}
}

// roomPercent is the room for what was allocated lately, as GOGC counts it: in percent
// of what lives, stacks included, from 10 to 100 in steps of 10.
func roomPercent(allocated, live uint64) int {
	room := max(allocated, paceRoom)
	if live == 0 || room >= live {
		return 100
	}
	tenths := (room*10 + live - 1) / live
	return 10 * int(min(tenths, 10))
}
